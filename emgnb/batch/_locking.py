"""Lock the output of a run, so that no two runs write into it.

On disk, the operating system locks a file, and releases the lock when the program dies. Object
storage has no locks. There, the object `.lock` is written only if it does not exist. It says which
process holds the output since when, and stays if that process is killed; see `unlock`.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from emgnb._lock import alone
from emgnb.batch.plan import Plan, read_plan
from emgnb.recording.urls import content_of, filesystem, located, told, wrote_first

LOCK = ".lock"


@contextlib.contextmanager
def locked(output: str) -> Iterator[Callable[[], None]]:
    """Hold the lock of an output, a folder or a URL.

    Yields
    ------
    function that raises RuntimeError if the lock has been lost, which is possible on object storage
    only: it was deleted, or the server has let another run write one

    Raises
    ------
    RuntimeError : another run holds it
    """
    place = located(output)
    if isinstance(place, str):
        with _object(f"{place}/{LOCK}", place) as check:
            yield check
        return
    place.mkdir(parents=True, exist_ok=True)
    file = place / LOCK
    file.touch()
    with alone(file, f"another run is writing into {place}. Wait until it has ended"):
        yield lambda: None


def unlock(plan: str | os.PathLike[str] | Plan) -> str:
    """Delete the lock that a killed run has left in its output on object storage.

    First make sure that the run has ended: the message of `run` names its computer and process. Two
    runs would delete each other's results.

    Parameters
    ----------
    plan : TOML file, see `read_plan`, or a plan

    Returns
    -------
    which process had locked it since when

    Raises
    ------
    FileNotFoundError : the output is not locked
    ValueError : the output is on disk, where a lock ends with its run
    PermissionError, ConnectionError : the object storage denies access, or does not answer

    Examples
    --------
    >>> import fsspec
    >>> from emgnb import batch
    >>> about = b'{"process": 41, "computer": "lab-3", "since": "2026-05-04T12:00:00+00:00"}'
    >>> fsspec.filesystem("memory").pipe("/derived/.lock", about)
    >>> batch.unlock(batch.Plan("recordings", "memory://derived"))
    'process 41 on lab-3, since 2026-05-04T12:00:00+00:00'
    """
    if not isinstance(plan, Plan):
        plan = read_plan(plan)
    output = located(plan.output)
    if not isinstance(output, str):
        raise ValueError(
            f"{output} is on disk, where the lock of a run ends with it: nothing is to be deleted"
        )
    url = f"{output}/{LOCK}"
    found = content_of(url)
    if found is None:
        raise FileNotFoundError(f"no run has locked {output}: nothing was deleted")
    fs, key = filesystem(url)
    with told(output):
        fs.rm_file(key)
    return _holder(found)


@contextlib.contextmanager
def _object(url: str, output: str) -> Iterator[Callable[[], None]]:
    about = {
        "process": os.getpid(),
        "computer": platform.node(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": secrets.token_hex(8),  # a process may run twice, and its number be used again
    }
    own = json.dumps(about).encode()
    if not wrote_first(url, own):
        raise RuntimeError(
            f"another run is writing into {output}: {_holder(content_of(url))}. Wait until it has "
            "ended. A run that was killed leaves its lock: if no such process runs any more, "
            "delete it with emgnb process PLAN --unlock (batch.unlock), and run again"
        )

    def check() -> None:
        found = content_of(url)
        if found != own:
            what = "was deleted" if found is None else f"is now that of {_holder(found)}"
            raise RuntimeError(
                f"the lock of this run in {output} {what}, so it stops: two runs would delete each "
                "other's results. Sessions done so far are kept; run again when no other run does"
            )

    try:
        yield check
    finally:
        # Without a connection it stays, and the next run says so.
        with contextlib.suppress(Exception):
            if content_of(url) == own:
                fs, key = filesystem(url)
                fs.rm_file(key)


def _holder(content: bytes | None) -> str:
    """Return who has locked an output, in words."""
    try:
        about = json.loads(content or b"")
        return f"process {about['process']} on {about['computer']}, since {about['since']}"
    except (ValueError, TypeError, KeyError):
        return "a process that is not named"
