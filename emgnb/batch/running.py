"""Run a plan over a study, with workers of `dask.distributed`."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
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
from emgnb.recording.urls import located

SETTINGS, REPORT, FINISHED = "settings.json", "report.json", "finished"
# Columns of `recording.study` that tell a recording from another one under the same name.
SOURCE = ("participant", "started", "duration", "channels", "lost", "markers")
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
    run, and so is one that failed. The report is also written to `report.json` in the output. Of a
    session whose recording has changed since it was processed, or is another one under the same
    name, the results stay, and its row says what to do.

    Parameters
    ----------
    plan : TOML file, see `read_plan`, or a plan
    workers : processes on this computer, instead of those of the plan
    progress : show the progress bar of `dask.distributed`

    Returns
    -------
    Report with a row per session; a session that cannot be opened or processed is a row with the
    reason, and does not end the run

    Raises
    ------
    FileNotFoundError : no such file or study
    ValueError : unsuitable plan, no session selected, `workers` below 1, or the output was made
        with other settings or does not say with which
    RuntimeError : another run is writing into the same output; see `unlock` for one that was killed
    ConnectionError : the scheduler does not answer
    ImportError : dask.distributed is not installed
    """
    if not isinstance(plan, Plan):
        plan = read_plan(plan)
    where = plan.workers
    if workers is not None:
        recording.need_positive(workers=workers)
        where = dataclasses.replace(where, count=workers, address="", scheduler_file="")
    table = recording.study(plan.sessions)
    names = _selected(table, plan)
    with locked(plan.output) as check:
        finished = _files.read_all(f"{plan.output}/{FINISHED}")
        _need_same_settings(plan, finished)
        rows = _known(table, names, plan, finished)
        todo = {name: _source(_entry(table, name)) for name in names if name not in rows}
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
    """Return the paths of the selected sessions, without those that are results.

    Raises
    ------
    ValueError : a selected value that no session has, none is left, `sessions` is a session itself,
        or two would share a folder
    """
    if {"", "."} & {str(path) for path in table["path"].values}:
        raise ValueError(
            f"{plan.sessions} is one session; expected the folder of a study. Name the folder that "
            f"holds it, or process it alone: emgnb process {plan.sessions}"
        )
    keep = np.ones(table.sizes["entry"], dtype=bool)
    for column, values in plan.select.items():
        there = table[column].values.astype(str)
        if missing := [each for each in values if each not in there]:
            raise ValueError(
                f"[select] `{column}`: no session of {plan.sessions} has {_listed(missing)}; they "
                f"have {_listed(sorted(set(there)))}. Correct or delete what is not there"
            )
        keep &= np.isin(there, values)
    if "kind" not in plan.select:
        keep &= table["kind"].values != "derived"
    paths = [str(path) for path in table["path"].values[keep]]
    root, output = _whole(plan.sessions), _whole(plan.output)
    inside = [path for path in paths if f"{root}/{path}/".startswith(f"{output}/")]
    if paths and len(inside) == len(paths):
        raise ValueError(
            f"all sessions of {plan.sessions} lie in the output {plan.output}, whose contents are "
            "results and are not processed: choose another `output`"
        )
    paths = [path for path in paths if path not in set(inside)]
    stored = set(table["path"].values[table["readable"].values].tolist()) & set(paths)
    shared = [each for each, count in Counter(map(_folder, stored)).items() if count > 1]
    if shared:
        raise ValueError(
            f"two sessions would share the folder {shared[0]} of the output: rename one of them, "
            "or leave it out ([select] path)"
        )
    if not paths:
        count = table.sizes["entry"]
        raise ValueError(
            f"no session to process: {plan.sessions} holds {count}, of which [select] "
            f"({dict(plan.select) or 'recordings, not derived sessions'}) leaves none"
        )
    return paths


def _listed(values: list[str], most: int = 12) -> str:
    more = [f"{len(values) - most} more"] if len(values) > most else []
    return ", ".join([*map(repr, values[:most]), *more])


def _whole(place: str) -> str:
    """Return a URL, or the full path of a folder with slashes, in which links are followed."""
    found = located(place)
    return found if isinstance(found, str) else os.path.realpath(found).replace(os.sep, "/")


def _folder(session: str) -> str:
    """Return the folder of a session's results, below the output."""
    return session.removesuffix(".zarr")


def _entry(table: xr.Dataset, name: str) -> xr.Dataset:
    return table.isel(entry=table["path"].values.tolist().index(name))


def _source(entry: xr.Dataset) -> dict[str, str]:
    """Return what tells a recording from another one, as text: NaN equals itself."""
    return {name: str(entry[name].values) for name in SOURCE}


def _need_same_settings(plan: Plan, finished: Mapping[str, Any]) -> None:
    before = _files.read_all(plan.output).get(SETTINGS)
    now = _files.as_read(plan.settings())
    if not isinstance(before, dict):
        if finished:
            raise ValueError(
                f"{plan.output} holds results, but its {SETTINGS} is missing or damaged, so it is "
                "unknown with which settings they were made. Choose another `output`, or delete "
                "that one to process all sessions again"
            )
        _files.write(f"{plan.output}/{SETTINGS}", now)
    elif before != now:
        other = [name for name in {**now, **before} if before.get(name) != now.get(name)]
        raise ValueError(
            f"{plan.output} was made with other settings: {', '.join(other)}. Choose another "
            "`output`, or delete that one to process all sessions again"
        )


def _known(
    table: xr.Dataset, names: list[str], plan: Plan, finished: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the rows of sessions that are done, have changed since, or cannot be opened."""
    rows: dict[str, dict[str, Any]] = {}
    for name in names:
        entry = _entry(table, name)
        readable = bool(entry["readable"])
        about = finished.get(_files.file_name(name))
        if isinstance(about, dict) and "recorded_s" in about:
            reason = _changed(name, about, _source(entry)) if readable else ""
            failed = {"state": FAILED, "reason": reason}
            rows[name] = failed if reason else {**about, "state": EARLIER}
        elif not readable:
            reason = _without_places(str(entry["faults"].values), plan)
            rows[name] = {"state": FAILED, "reason": reason}
    return rows


def _changed(session: str, about: Mapping[str, Any], now: Mapping[str, str]) -> str:
    """Say that a recording is not the one that was processed; "" if it is."""
    before = about.get("source", {})  # an earlier version did not note it
    other = [
        f"{name} was {before[name] or 'not given'} and is {now[name] or 'not given'}"
        for name in SOURCE
        if name in before and before[name] != now[name]
    ]
    if not other:
        return ""
    return (
        "its results are of another recording, or this one has changed since "
        f"({', '.join(other)}), and were not replaced. Choose another `output`; or delete "
        f"{FINISHED}/{_files.file_name(session)} in it, and run again to replace them"
    )


def _compute(
    client: Any,
    todo: Mapping[str, Mapping[str, str]],
    plan: Plan,
    rows: dict[str, dict[str, Any]],
    retries: int,
    progress: bool,
    check: Callable[[], None],
) -> None:
    """Process sessions, and add a row for each as soon as it is finished.

    todo : session → what tells its recording from another one
    check : raises RuntimeError if another run has taken the output
    """
    import distributed

    sources = [f"{plan.sessions}/{name}" for name in todo]
    targets = [f"{plan.output}/{_folder(name)}" for name in todo]
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
                about = {**future.result(), "source": todo[name]}
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
        name = Path(place).name
        if name and name != place:  # "." is in every sentence
            text = text.replace(place, name)
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
