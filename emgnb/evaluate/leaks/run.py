"""Audit a data set: look for every leak, and put the honest accuracy beside a careless one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from emgnb.evaluate.leaks import (
    claims,
    coded,
    columns,
    copies,
    groups,
    long,
    people,
    physiology,
    preparation,
    probes,
)
from emgnb.evaluate.leaks.arrays import from_sessions, from_windows
from emgnb.evaluate.leaks.case import PLURAL, Case
from emgnb.evaluate.leaks.finding import Finding
from emgnb.evaluate.leaks.report import Report
from emgnb.evaluate.leaks.rows import Rows
from emgnb.evaluate.leaks.tables import from_frame, label_of

if TYPE_CHECKING:
    import pandas as pd

Progress = bool | Callable[[int, int, str], None]

CHECKS: tuple[tuple[str, Callable[[Case], Finding | list[Finding]]], ...] = (
    ("physiology", physiology.no_physiology),
    ("channels", physiology.without_muscle),
    ("copies", copies.copies),
    ("trials", copies.divided_trials),
    ("overlap", copies.overlap),
    ("groups", groups.label_is_group),
    ("constant labels", groups.constant_in_groups),
    ("order", groups.label_is_order),
    ("length", groups.length),
    ("single columns", columns.one_column),
    ("coded columns", coded.coded_from_label),
    ("metadata", columns.metadata),
    ("silence", columns.silence),
    ("level", columns.level),
    ("scaling", preparation.scaled),
    ("choice of columns", preparation.selection),
    ("people", people.one_generator),
    ("imbalance", people.imbalance),
    ("number of groups", groups.few_groups),
)


def audit(
    data: xr.DataArray | xr.Dataset | xr.DataTree | Sequence[xr.DataTree] | pd.DataFrame,
    *,
    label: str = "label",
    person: str | None = None,
    session: str | None = None,
    trial: str | None = None,
    time: str | None = None,
    split: str | None = None,
    predicted: str | None = None,
    leave_out: Sequence[str] = (),
    rows: str = "auto",
    rate: float | None = None,
    tries: Sequence[float] = (),
    progress: Progress = True,
) -> Report:
    """Look for leaks in labelled data before believing an accuracy on them.

    Parameters
    ----------
    data : a session or several, with markers or one coder's labels; windows (window, channel,
        sample); features along `window`; or a table with one row per example or per time step, such
        as `interop.read_rows` gives
    label : column or coordinate that names the class; where there is no column "label", the one
        that `interop.read_rows` recognised in a file of arrays, such as `y`
    person, session, trial, time, split : columns of a table (windows and features have these as
        coordinates); those left out are recognised by the usual names
    predicted : column with somebody's predictions
    leave_out : columns of a table that a classifier is not to use, such as those that an earlier
        audit found to be coded from the label
    rows : of a table: "features", "samples" (time steps, cut into windows here) or "auto"; a column
        `window` says which rows are the samples of one window
    rate : sampling rate in Hz of a table of samples without a time column
    tries : accuracies (shares) of all models that were tried on the test set
    progress : True prints a line, False nothing; or `progress(done, all, name)`

    Returns
    -------
    Report : findings with verdict, evidence, points and advice; honest and careless accuracy

    Raises
    ------
    TypeError : none of these
    ValueError : no such column or coordinate, fewer than two labels, nothing numeric
    ImportError : scikit-learn is not installed

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> report = evaluate.audit(table, progress=False)
    >>> report["copies across groups"].verdict
    'not found'
    """
    overlap_of_events = _events(data)
    made = _rows(
        data,
        label=label,
        person=person,
        session=session,
        trial=trial,
        time=time,
        split=split,
        rows=rows,
        rate=rate,
        without=[*leave_out, *([predicted] if predicted else [])],
    )
    case = Case(made)
    told = _teller(progress)
    findings: list[Finding] = []
    for number, (name, check) in enumerate(CHECKS):
        told(number, len(CHECKS), name)
        result = check(case)
        findings += result if isinstance(result, list) else [result]
    findings.append(claims.many_tries(case, tries))
    findings.append(
        overlap_of_events or claims.windows_for_trials(case, _predicted(data, predicted, label))
    )
    told(len(CHECKS), len(CHECKS), "")
    return _report(case, findings)


def _rows(data: Any, *, label: str, without: Sequence[str], **table: Any) -> Rows:
    if without and not _is_table(data):
        raise ValueError(
            "leave_out and predicted name columns of a table; leave channels of sessions and "
            "windows out by isel(channel=…) first"
        )
    if isinstance(data, xr.DataArray | xr.Dataset):
        return from_windows(data, label=label)
    if isinstance(data, xr.DataTree):
        return from_sessions([data])
    if isinstance(data, list | tuple):
        if not data or not all(isinstance(each, xr.DataTree) for each in data):
            raise TypeError(
                f"data is a {type(data).__name__} of something else than sessions, expected "
                "sessions; stack windows by windows.stack, join tables by pandas.concat"
            )
        return from_sessions(data)
    if not hasattr(data, "columns"):
        raise TypeError(
            f"data is a {type(data).__name__}, expected sessions, windows, features or a table"
        )
    if missing := [name for name in without if name not in data.columns]:
        raise ValueError(
            f"no column {', '.join(map(repr, missing))} to leave out; there are "
            f"{', '.join(str(name)[:40] for name in data.columns[:30])}"
        )
    return from_frame(data.drop(columns=list(without)), label=label, **table)


def _is_table(data: Any) -> bool:
    return hasattr(data, "columns")


def _events(data: Any) -> Finding | None:
    """Finding about event intervals, where the table has them."""
    if not _is_table(data) or not set(claims.INTERVALS) <= set(data.columns):
        return None
    return claims.flattering_overlap(data)


def _predicted(data: Any, name: str | None, label: str) -> Any:
    if name is None or not _is_table(data):
        return None
    kept = data.loc[data[label_of(data, label)].notna()]
    bounds = long.windows(kept, label_of(data, label))
    first = kept if bounds is None else kept.iloc[bounds[:, 0]]
    return first[name].astype(str).to_numpy(dtype=np.str_)


def _report(case: Case, findings: list[Finding]) -> Report:
    rows = case.rows
    _, counts = np.unique(rows.label, return_counts=True)
    model, _ = case.reference
    honest, careless = case.hits("honest"), case.hits("careless")
    assert careless is not None
    unit = case.trial if case.trial is not None else np.arange(len(case.few)).astype(str)
    data: dict[str, object] = {
        ("windows" if rows.units == "samples" or rows.pieces else "rows"): len(rows),
        "columns": len(rows.columns),
        "labels": len(rows.classes),
    }
    for level in ("person", "session", "trial", "file"):
        group = rows.group(level)
        if group is not None:
            data[PLURAL[level]] = len(np.unique(group))
    return Report(
        findings=tuple(findings),
        honest=None
        if honest is None
        else probes.score(honest, case.unit, f"whole {PLURAL[case.by or 'trial']} left out"),
        careless=probes.score(careless, unit, "rows shuffled into folds, no result"),
        chance=1 / len(rows.classes),
        majority=float(counts.max() / len(rows)),
        data=data,
        model=f"{probes.MODEL} (here {model})",
        reading=rows.reading,
    )


def _teller(progress: Progress) -> Callable[[int, int, str], None]:
    if callable(progress):
        return progress
    if not progress:
        return lambda done, total, name: None

    def line(done: int, total: int, name: str) -> None:
        text = f"audit {done + 1}/{total}: {name}" if done < total else ""
        sys.stderr.write(f"\r{text:<60}" + ("" if done < total else "\r"))
        sys.stderr.flush()

    return line
