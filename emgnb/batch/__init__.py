"""Process all sessions of a study, as one file says, on several cores or computers.

`run("study.toml")` filters each session, finds its bursts and computes its features, in workers of
`dask.distributed`. A session that fails is a row of the report, with the reason; the next run
processes only what is not done. `read_plan` shows what a file means, and `unlock` deletes the lock
that a killed run has left on object storage.
"""

from emgnb.batch._locking import unlock
from emgnb.batch.plan import Plan, Table, Workers, read_plan
from emgnb.batch.report import Report
from emgnb.batch.running import run

__all__ = ["Plan", "Report", "Table", "Workers", "read_plan", "run", "unlock"]
