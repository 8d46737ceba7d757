"""Tables of windows with a row per sample: which rows form a window, and what describes it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from emgnb._arrays import Floats, Ints, Mask

if TYPE_CHECKING:
    import pandas as pd

# Column that counts windows, and fewest rows of one.
WINDOW, FEWEST = "window", 8
# Columns that say what the number in a row is of, in lower case.
MEASURED = ("muscle", "channel", "electrode", "site", "sensor", "variable", "measure", "feature")
# Places in a window where the next may begin, and fewest different samples that both have.
MOST_PLACES, DISTINCT = 20, 4
# Windows of a signal that are joined to ask whether it is physiology.
MOST_PIECES = 200
# Share of rows at which a number that codes something changes at most.
SELDOM = 0.01


def windows(frame: pd.DataFrame, label: str) -> Ints | None:
    """Return the rows [first, last) of each window, (window, 2).

    None unless a column `window` counts windows of several rows with one label each.
    """
    if WINDOW not in frame.columns or label == WINDOW or not len(frame):
        return None
    changes = _changes(frame, WINDOW)
    if "file" in frame.columns:
        changes |= _changes(frame, "file")
    edges = np.concatenate(([0], np.flatnonzero(changes) + 1, [len(frame)]))
    if np.median(np.diff(edges)) < FEWEST or (_changes(frame, label) & ~changes).any():
        return None
    return np.column_stack([edges[:-1], edges[1:]]).astype(np.int64)


def signal_columns(frame: pd.DataFrame, bounds: Ints, taken: set[str]) -> list[str]:
    """Return the columns of numbers that differ within windows.

    A column that never changes belongs to them if another of its name, but for the number, does.
    """
    import pandas as pd

    inside = np.ones(len(frame) - 1, dtype=bool)
    inside[bounds[1:, 0] - 1] = False
    varies, still = list[str](), list[str]()
    for name in frame.columns:
        if name in taken or name == WINDOW or not pd.api.types.is_numeric_dtype(frame[name]):
            continue
        changes = _changes(frame, name)
        if (changes & inside).any():
            varies.append(name)
        elif not changes.any():
            still.append(name)
    stems = {_stem(name) for name in varies}
    found = {*varies, *(name for name in still if _stem(name) in stems)}
    return [str(name) for name in frame.columns if name in found]


def coded_columns(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return columns of a signal's table that are none: whole numbers that hardly ever change.

    A stuck channel is not meant: another channel of its name, but for the number, varies.
    """
    seldom = {
        name for name in names if _whole(frame[name]) and 0 < _changes(frame, name).mean() < SELDOM
    }
    stems = {_stem(name) for name in names if name not in seldom}
    return [name for name in names if name in seldom and _stem(name) not in stems]


def _whole(column: pd.Series) -> bool:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column):
        return False
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return not (values[np.isfinite(values)] % 1).any()


def pieces_of(frame: pd.DataFrame, bounds: Ints, signal: Sequence[str]) -> list[Floats]:
    """Return each window (sample, column) of a signal."""
    values = frame[list(signal)].to_numpy(dtype=np.float64)
    return [values[begin:end] for begin, end in bounds.tolist()]


def some(pieces: Sequence[Floats]) -> tuple[Floats, ...]:
    """Return evenly spaced windows, at most about `MOST_PIECES`."""
    return tuple(pieces[:: max(len(pieces) // MOST_PIECES, 1)])


def repeated(pieces: Sequence[Floats]) -> Mask:
    """Return whether each window (sample, column) ends with the samples that the next begins with.

    Windows that were scaled or filtered one by one share no samples exactly. A few samples of few
    values may agree by chance.
    """
    found = np.zeros(len(pieces), dtype=bool)
    for number, (one, after) in enumerate(itertools.pairwise(pieces)):
        places = np.flatnonzero((one == after[0]).all(axis=1))
        for place in places[(places > 0) & (len(one) - places >= FEWEST)][:MOST_PLACES]:
            end = one[place:]
            if np.array_equal(end, after[: len(end)]) and len(np.unique(end, axis=0)) >= DISTINCT:
                found[number] = True
                break
    return found


def described(pieces: Sequence[Floats], names: Sequence[str]) -> tuple[Floats, tuple[str, ...]]:
    """Mean, log power about it and log line length of each column of each piece."""
    out = np.empty((len(pieces), 3 * len(names)))
    with np.errstate(invalid="ignore", divide="ignore"):
        for row, piece in zip(out, pieces, strict=True):
            mean = np.nanmean(piece, axis=0)
            power = np.nanvar(piece, axis=0)
            line = np.nanmean(np.abs(np.diff(piece, axis=0)), axis=0)
            tiny = 1e-12 + 1e-12 * mean**2
            row[:] = np.concatenate([mean, np.log(power + tiny), np.log(line + np.sqrt(tiny))])
    columns = [
        f"{kind} {name}" for kind in ("mean", "log power", "log line length") for name in names
    ]
    return out, tuple(columns)


def taken_as(
    label: str,
    roles: Mapping[str, str | None],
    signal: Sequence[str],
    numbers: Sequence[str],
    texts: Sequence[str],
) -> str:
    """Return what the columns were taken as, in a sentence."""
    known = {"label": label} | {role: name for role, name in roles.items() if name}
    parts = [", ".join(f"{role} = {name}" for role, name in known.items())]
    for what, names in (("signal", signal), ("numbers", numbers), ("texts", texts)):
        if names:
            listed = ", ".join(map(str, names[:4])) + (f" … {names[-1]}" if len(names) > 4 else "")
            parts.append(f"{what}: {len(names)} column{'s' * (len(names) > 1)} ({listed})")
    return "; ".join(parts)


def unfolded(numbers: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return advice for a table whose only number is of another channel in each row."""
    named = [name for name in texts if str(name).strip().lower() in MEASURED]
    if len(numbers) != 1 or not named:
        return []
    return [
        f"`{named[0]}` says what `{numbers[0]}` is in each row, so one number at a time is looked "
        f"at; classifiers get a column for each {named[0]}: table.pivot(columns='{named[0]}', "
        f"values='{numbers[0]}', index=[…]) with label, person and trial as index"
    ]


def _changes(frame: pd.DataFrame, name: str) -> Mask:
    """Whether each row after the first has another value than the row before."""
    column = frame[name]
    values = column.cat.codes.to_numpy() if hasattr(column, "cat") else column.to_numpy()
    changes = np.asarray(values[1:] != values[:-1], dtype=bool)
    if values.dtype.kind == "f":
        changes &= ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    return changes


def _stem(name: object) -> str:
    return str(name).rstrip("0123456789")
