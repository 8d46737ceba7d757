"""Bring a table into rows: which column has which role, and what a row of it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emgnb._vocabulary import COLUMNS
from emgnb.evaluate.leaks import between, long, times
from emgnb.evaluate.leaks.rows import GROUPS, Floats, Names, Rows, runs_of, typical_run, windowed

if TYPE_CHECKING:
    import pandas as pd

# Fewest rows with a label; share of odd texts that a column of numbers may hold.
FEWEST, ODD = 10, 0.1
# Longest step between rows (s) that is still a time step of a signal and not a window.
STEP = 0.05
# Fewest rows of a run of one label that can be the samples of a trial.
RUN = 50


def from_frame(
    frame: pd.DataFrame,
    *,
    label: str,
    person: str | None = None,
    session: str | None = None,
    trial: str | None = None,
    time: str | None = None,
    split: str | None = None,
    rows: str = "auto",
    rate: float | None = None,
) -> Rows:
    """Bring a table into rows.

    Parameters
    ----------
    frame : one row per example or per time step
    label, person, session, trial, time, split : names of columns; those left out are recognised
        by the names that published tables use
    rows : "features", "samples" or "auto": windows where a column `window` counts them over
        several rows each, samples where the time steps are below 50 ms, or where no time is given
        and each label comes in runs of 50 rows and more
    rate : sampling rate in Hz, of samples; by default that of the file, or of a regular time column

    Raises
    ------
    ValueError : no such column, no numeric column, fewer than two labels
    """
    label = label_of(frame, label)
    named = {"person": person, "session": session, "trial": trial, "time": time, "split": split}
    _check_columns(frame, {"label": label, **named})
    taken_by_name = {label, *(name for name in named.values() if name)}
    roles = {role: name or _usual(frame, role, taken_by_name) for role, name in named.items()}
    if "file" in frame.columns:
        roles["file"] = "file"
    taken = {label, *(name for name in roles.values() if name)}
    kept = frame.loc[frame[label].notna()]
    bounds = long.windows(kept, label)
    if bounds is not None:
        taken.add(long.WINDOW)
        if rows == "samples":
            bounds, roles["trial"] = None, roles["trial"] or long.WINDOW
    signal = [] if bounds is None else long.signal_columns(kept, bounds, taken)
    first = kept if bounds is None else kept.iloc[bounds[:, 0]]
    _need_classes(first[label])
    texts, numbers = _sorted_columns(first, taken.union(signal))
    if not numbers and not signal:
        raise ValueError(
            f"no numeric column beside {', '.join(sorted(taken))}: nothing a classifier could use"
            + _unread(frame)
        )
    made = Rows(
        values=_matrix(first, numbers),
        columns=tuple(numbers),
        label=_names(first[label]),
        groups={
            role: _names(first[name])
            for role in GROUPS
            if (name := roles.get(role)) and first[name].nunique() > (role != "person")
        },
        time=times.time_of(first, roles["time"], asked=time is not None),
        texts={name: _names(first[name]) for name in texts},
        split=_names(first[roles["split"]]) if roles["split"] else None,
        reading=(
            *frame.attrs.get("reading", ()),
            long.taken_as(label, roles, signal, numbers, texts),
            *([] if signal else long.unfolded(numbers, texts)),
        ),
    )
    known = rate or frame.attrs.get("rate")
    if bounds is not None:
        return _with_windows(
            replace(made, rate=known), long.pieces_of(kept, bounds, signal), signal
        )
    if not times.states_seconds(frame, roles["time"]):
        made = _in_seconds(made)
    made = _with_rest_in_trials(made)
    shown = "samples" if rate else str(frame.attrs.get("rows", "auto"))
    if not _is_samples(made, shown if rows == "auto" else rows):
        return made
    if frame.attrs.get("rows") == "samples":
        # Beside the signals of a file's trials lie values of whole trials, such as an age.
        runs = np.array(runs_of(made.label, *made.groups.values()), dtype=np.int64)
        varying = long.signal_columns(kept, runs, taken)
        steady = [name for name in numbers if name not in varying] if varying else []
    else:
        steady = long.coded_columns(kept, numbers)
    return windowed(replace(made, rate=known or times.rate_of(made.time)), steady)


def _in_seconds(rows: Rows) -> Rows:
    """Take whole numbers for milliseconds where they count those of a signal."""
    if not times.in_ms(rows.time, typical_run(rows)):
        return rows
    assert rows.time is not None
    said = "time: whole numbers taken as milliseconds, because each label lasts so many of them"
    return replace(rows, time=rows.time / 1000, reading=(*rows.reading, said))


def _with_rest_in_trials(rows: Rows) -> Rows:
    """Count rest that is numbered apart to the trials before it."""
    if "trial" not in rows.groups:
        return rows
    whole, own = rows.group("trial"), rows.groups["trial"]
    assert whole is not None
    within = np.array([text.removesuffix(name) for text, name in zip(whole, own, strict=True)])
    trial, divided = between.joined(own, within, rows.label)
    if not divided:
        return rows
    said = f"trials: each stretch of {divided!r}, which has none of its own, with the one before it"
    return replace(rows, groups={**rows.groups, "trial": trial}, reading=(*rows.reading, said))


def _with_windows(rows: Rows, pieces: list[Floats], signal: list[str]) -> Rows:
    """Add what describes the windows (sample, column) of a signal to the rows they belong to."""
    values, columns = long.described(pieces, signal)
    sizes = {len(piece) for piece in pieces}
    known = rows.rate and rows.time is not None and len(sizes) == 1
    return replace(
        rows,
        values=np.column_stack([values, rows.values]),
        columns=(*columns, *rows.columns),
        pieces=long.some(pieces),
        repeated=long.repeated(pieces),
        signal_columns=tuple(signal),
        overlap=sizes.pop() / rows.rate if known and rows.rate else 0.0,
    )


def _matrix(frame: pd.DataFrame, names: list[str]) -> Floats:
    return np.column_stack([np.empty((len(frame), 0)), *(_number(frame[name]) for name in names)])


def label_of(frame: pd.DataFrame, label: str) -> str:
    """Return the column of labels: where the usual name is none, the one that the reader found."""
    found = frame.attrs.get("label", "")
    return found if label == "label" not in frame.columns and found in frame.columns else label


def _need_classes(label: pd.Series) -> None:
    """Raise unless a column can hold the labels of rows."""
    kinds = label.nunique()
    if kinds == 1 or not len(label):
        first = label.iloc[0] if len(label) else "none"
        raise ValueError(
            f"column {label.name!r} holds one label ({first}) in {len(label)} rows: nothing to "
            "tell apart"
        )
    if len(label) < FEWEST:
        raise ValueError(
            f"{len(label)} rows have a label, expected {FEWEST} and more: nothing can be measured"
        )
    if 2 * kinds > len(label):
        raise ValueError(
            f"column {label.name!r} holds {kinds} different values in {len(label)} rows: a "
            "measurement or a number of rows, expected labels that return. Name another column, "
            "or group its values"
        )


def _number(column: pd.Series) -> Floats:
    """Column as numbers; texts that are none, such as #DIV/0!, are missing."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column.astype(str).str.replace(",", "."), errors="coerce")
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def _is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers, here and there perhaps a text in the place of one."""
    import pandas as pd

    there = int(column.notna().sum())
    if pd.api.types.is_numeric_dtype(column):
        return there > 0
    return int((~np.isnan(_number(column))).sum()) > (1 - ODD) * there


def _check_columns(frame: pd.DataFrame, named: Mapping[str, str | None]) -> None:
    for role, name in named.items():
        if name is not None and name not in frame.columns:
            listed = ", ".join(str(each)[:40] for each in frame.columns[:30])
            raise ValueError(
                f"no column {name!r} for {role}; there are {listed}{_from_names(frame)}"
                f"{_unread(frame)}"
            )


def _from_names(frame: pd.DataFrame) -> str:
    """Say what the columns from names of files and folders hold, by the first row."""
    named = [name for name in frame.attrs.get("from_names", ()) if name in frame.columns]
    held = ", ".join(f"{name} = {frame[name].iloc[0]}" for name in named) if len(frame) else ""
    return f"; from the names of files, first row: {held}" if held else ""


def _unread(frame: pd.DataFrame) -> str:
    unread = frame.attrs.get("not_read")
    return f". Not read: {unread}" if unread else ""


def _usual(frame: pd.DataFrame, role: str, taken: set[str]) -> str | None:
    """Column that usually has this role, or None."""
    lower = {re.sub(r"[ .-]+", "_", str(n).strip().lower()): str(n) for n in frame.columns}
    # A field of a file name, such as the T of D1M10T2, is no time stamp.
    named = set(frame.attrs.get("from_names", ())) if role == "time" else set()
    found = next((lower[n] for n in COLUMNS[role] if n in lower and lower[n] not in named), None)
    return None if found in taken else found


def _sorted_columns(frame: pd.DataFrame, taken: set[str]) -> tuple[list[str], list[str]]:
    """Text and numeric columns that have no role."""
    # Names of files and folders repeat the label by design: they count only where they have a role.
    named = set(frame.attrs.get("from_names", ()))
    free = [name for name in frame.columns if name not in taken | named]
    numbers = [name for name in free if _is_number(frame[name])]
    # A column without a value tells nothing.
    texts = [name for name in free if name not in numbers and frame[name].notna().any()]
    return texts, numbers


def _names(column: pd.Series) -> Names:
    return np.asarray(column.astype(str), dtype=np.str_)


def _is_samples(rows: Rows, said: str) -> bool:
    if said in ("features", "samples"):
        return said == "samples"
    if said != "auto":
        raise ValueError(f"rows={said!r}, expected 'features', 'samples' or 'auto'")
    if typical_run(rows) < RUN:
        return False
    if rows.time is None:
        return True
    steps = np.diff(rows.time)
    steps = steps[np.isfinite(steps) & (steps >= 0)]
    return bool(steps.size and np.median(steps) < STEP)
