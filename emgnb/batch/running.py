"""Run a plan over a study, with workers of `dask.distributed`."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._extras import explained
from emgnb.batch import _files
from emgnb.batch._locking import locked
from emgnb.batch._one import process
from emgnb.batch.plan import Plan, Workers, read_plan
from emgnb.batch.report import DONE, EARLIER, FAILED, OPEN, Report

SETTINGS, REPORT, FINISHED = "settings.json", "report.json", "finished"
# Pages about the work that processes would serve to anyone on this computer.
PAGES = ("distributed.scheduler.http.routes", "distributed.worker.http.routes")
# Seconds that a scheduler gets to answer.
ANSWER = 30


def run(
    plan: str | os.PathLike[str] | Plan, *, workers: int | None = None, progress: bool = False
) -> Report:
    """Process the sessions of a study that are not done yet.

    Each session becomes a folder of the output, with `clean.zarr` (the filtered session, with its
    `bursts`) and, if the plan asks for them, `features.zarr` (`xarray.open_zarr` reads it). Its
    file in `finished` is written last, so an interrupted session is processed again by the next
    run, and so is one that failed. The report is also written to `report.json` in the output.

    Parameters
    ----------
    plan : TOML file, see `read_plan`, or a plan
    workers : processes on this computer, instead of what the plan says
    progress : show the progress bar of `dask.distributed`

    Returns
    -------
    Report with a row per session; a session that cannot be opened or processed is a row with the
    reason, and does not end the run

    Raises
    ------
    FileNotFoundError : no such file or study
    ValueError : unsuitable plan, no session selected, or the output was made with other settings
    RuntimeError : another run is writing into the same output; see `unlock` for one that was killed
    ConnectionError : the scheduler does not answer
    ImportError : dask.distributed is not installed
    """
    if not isinstance(plan, Plan):
        plan = read_plan(plan)
    where = plan.workers if workers is None else Workers(count=workers, memory=plan.workers.memory)
    table = recording.study(plan.sessions)
    names = _selected(table, plan)
    with locked(plan.output) as check:
        _need_same_settings(plan)
        rows = _known(table, names, plan)
        todo = [name for name in names if name not in rows]
        try:
            if todo:
                with _client(where) as client:
                    _compute(client, todo, plan, rows, where.retries, progress, check)
        finally:
            open_ = {"state": OPEN, "reason": "the run was interrupted"}
            report = Report(
                [{"session": name, **rows.get(name, open_)} for name in names], plan.settings()
            )
            _files.write(f"{plan.output}/{REPORT}", report.to_dict())
    return report


def _selected(table: xr.Dataset, plan: Plan) -> list[str]:
    """Return the paths of the selected sessions, without those that are results."""
    keep = np.ones(table.sizes["entry"], dtype=bool)
    for column, values in plan.select.items():
        keep &= np.isin(table[column].values.astype(str), values)
    if "kind" not in plan.select:
        keep &= table["kind"].values != "derived"
    paths = [str(path) for path in table["path"].values[keep]]
    root, output = plan.sessions.rstrip("/\\"), plan.output.replace(os.sep, "/").rstrip("/")
    full = {path: f"{root}/{path}".replace(os.sep, "/") for path in paths}
    paths = [path for path in paths if not f"{full[path]}/".startswith(f"{output}/")]
    if not paths:
        count = table.sizes["entry"]
        raise ValueError(
            f"no session to process: {plan.sessions} holds {count}, of which [select] "
            f"({dict(plan.select) or 'recordings, not derived sessions'}) leaves none"
        )
    return paths


def _need_same_settings(plan: Plan) -> None:
    before = _files.read_all(plan.output).get(SETTINGS)
    now = _files.as_read(plan.settings())
    if before is None:
        _files.write(f"{plan.output}/{SETTINGS}", now)
    elif before != now:
        other = [name for name in now if before.get(name) != now[name]]
        raise ValueError(
            f"{plan.output} was made with other settings: {', '.join(other)}. Choose another "
            "`output`, or delete that one to process all sessions again"
        )


def _known(table: xr.Dataset, names: list[str], plan: Plan) -> dict[str, dict[str, Any]]:
    """Return the rows of sessions that are done, or cannot be opened."""
    finished = _files.read_all(f"{plan.output}/{FINISHED}")
    rows: dict[str, dict[str, Any]] = {}
    paths = [str(path) for path in table["path"].values]
    for name in names:
        entry = table.isel(entry=paths.index(name))
        about = finished.get(_files.file_name(name))
        if isinstance(about, dict):
            rows[name] = {"state": EARLIER, **about}
        elif not bool(entry["readable"]):
            reason = _without_places(str(entry["faults"].values), plan)
            rows[name] = {"state": FAILED, "reason": reason}
    return rows


def _compute(
    client: Any,
    todo: list[str],
    plan: Plan,
    rows: dict[str, dict[str, Any]],
    retries: int,
    progress: bool,
    check: Callable[[], None],
) -> None:
    """Process sessions, and add a row for each as soon as it is finished.

    `check` raises RuntimeError if another run has taken the output.
    """
    import distributed

    sources = [f"{plan.sessions}/{name}" for name in todo]
    targets = [f"{plan.output}/{name.removesuffix('.zarr')}" for name in todo]
    futures = client.map(
        process, sources, targets, plan=plan, pure=False, retries=retries, key="session"
    )
    of = dict(zip((each.key for each in futures), todo, strict=True))
    if progress:
        distributed.progress(futures, notebook=False)
    try:
        for future in distributed.as_completed(futures):
            name = of[future.key]
            error = future.exception()
            check()
            if error is None:
                about = future.result()
                _files.write(f"{plan.output}/{FINISHED}/{_files.file_name(name)}", about)
                rows[name] = {"state": DONE, **about}
            else:
                rows[name] = {"state": FAILED, "reason": _reason(error, plan)}
    except BaseException:
        client.cancel(futures)
        raise


def _reason(error: BaseException, plan: Plan) -> str:
    """Return an error in words, without the folders of this computer."""
    kind = type(error).__name__
    if kind == "KilledWorker":
        return (
            "the worker process died, probably because the memory was used up. Give each worker "
            "more ([workers] memory), or use fewer workers"
        )
    text = str(error) if isinstance(error, ValueError | OSError) else f"{kind}: {error}"
    return _without_places(text, plan)


def _without_places(text: str, plan: Plan) -> str:
    for place in (plan.sessions, plan.output):
        text = text.replace(place, Path(place).name)
    return text


@contextlib.contextmanager
def _client(where: Workers) -> Iterator[Any]:
    """Connect to workers: those of a running scheduler, or processes on this computer.

    Processes on this computer listen on 127.0.0.1, and let in only who has the certificate that is
    made for the run, which exists in memory only.
    """
    with explained("processing a study"):
        import dask
        import distributed

        if not where.address and not where.scheduler_file:
            import cryptography  # noqa: F401 - named if it is missing
    if where.address or where.scheduler_file:
        with _connected(where) as client:
            yield client
        return
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        dask.config.set({name: [] for name in PAGES}),
        distributed.LocalCluster(
            n_workers=where.count or os.cpu_count() or 1,
            threads_per_worker=1,
            memory_limit=where.memory,
            host="127.0.0.1",
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            local_directory=folder,
            silence_logs=logging.CRITICAL,  # the report says what failed
            security=distributed.Security.temporary(),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def _connected(where: Workers) -> Any:
    import distributed

    given = {"scheduler_file": where.scheduler_file} if where.scheduler_file else {}
    try:
        return distributed.Client(where.address or None, timeout=ANSWER, **given)
    except (OSError, TimeoutError) as error:
        raise ConnectionError(
            f"the scheduler at {where.address or where.scheduler_file} does not answer within "
            f"{ANSWER} s: {error}. Is it running, and can this computer reach it?"
        ) from error
