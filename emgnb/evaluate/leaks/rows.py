"""Bring a data set into rows: numbers, a label, and the groups each row belongs to.

A row is one example that a classifier would get. Tables of features are taken as they are; rows of
samples (one row per time step) are first cut into short windows inside each trial, with the mean,
the logarithm of the power and the line length of each column as features.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Names = npt.NDArray[np.str_]

GROUPS = ("person", "session", "trial", "file")
# Names that published tables use for the columns of a role, in lower case.
USUAL = {
    "person": ("person", "participant", "subject", "subject_id", "subj", "participant_id"),
    "session": ("session", "session_id", "day", "run"),
    "trial": ("trial", "trial_id", "repetition", "rep", "segment_id"),
    "time": ("time", "timestamp", "timestamp_ms", "time_s", "t", "millis", "seconds"),
    "split": ("split", "fold", "subset", "partition"),
}
# Fewest rows with a label; share of odd texts that a column of numbers may hold.
FEWEST, ODD = 10, 0.1
# Longest step between rows (s) that is still a time step of a signal and not a window.
STEP = 0.05
# Fewest rows of a run of one label that can be the samples of a trial.
RUN = 50
# Windows per trial, and rows per window.
PER_TRIAL, SHORTEST, LONGEST = 8, 16, 256


@dataclass(frozen=True)
class Rows:
    """Rows to audit.

    Parameters
    ----------
    values : (row, column) features, NaN where missing
    columns : names of the columns
    label : (row,) class names
    groups : person, session, trial, file → (row,) names; only what is known
    time : (row,) s, or None
    texts : other text columns → (row,) values
    split : (row,) part of the split the authors used, or None
    sizes : (row,) samples in the row's trial, or None where rows are features
    trials : one (sample, column) array per trial of a signal, in the order of `trial_names`
    trial_names : name of each of `trials`
    overlap : s that one row's window extends back from `time`; 0 where unknown
    units : what the columns are: "features", or "samples" cut into windows here
    signal_columns : names of the columns of `trials`
    raw : whether the signal is raw, and no envelope; None where nobody says
    rate : sampling rate of the signal in Hz; None where unknown
    runs : whether trials are runs of one label, because no column names them
    pieces : windows (sample, column) of a signal, where `trials` are unknown
    """

    values: Floats
    columns: tuple[str, ...]
    label: Names
    groups: Mapping[str, Names] = field(default_factory=dict)
    time: Floats | None = None
    texts: Mapping[str, Names] = field(default_factory=dict)
    split: Names | None = None
    sizes: Floats | None = None
    trials: tuple[Floats, ...] = ()
    trial_names: tuple[str, ...] = ()
    overlap: float = 0.0
    units: str = "features"
    signal_columns: tuple[str, ...] = ()
    raw: bool | None = None
    rate: float | None = None
    runs: bool = False
    pieces: tuple[Floats, ...] = ()

    def __len__(self) -> int:
        return len(self.label)

    @property
    def classes(self) -> Names:
        """Names of the classes."""
        return np.unique(self.label)

    def group(self, by: str) -> Names | None:
        """Name the group of each row, a trial with its session and person; None if unknown."""
        chain = {"trial": ("person", "session", "file"), "session": ("person",)}.get(by, ())
        if by not in self.groups:
            return None
        out = self.groups[by]
        for above in chain:
            if above in self.groups:
                out = np.char.add(np.char.add(self.groups[above], " / "), out)
        return out

    def take(self, index: npt.NDArray[Any]) -> Rows:
        """Keep some rows."""

        def some(x: Any) -> Any:
            return None if x is None else x[index]

        return replace(
            self,
            values=self.values[index],
            label=self.label[index],
            groups={name: each[index] for name, each in self.groups.items()},
            time=some(self.time),
            texts={name: each[index] for name, each in self.texts.items()},
            split=some(self.split),
            sizes=some(self.sizes),
        )


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
    rows : "features", "samples" or "auto": samples where the time steps are below 50 ms, or where
        no time is given and each label comes in runs of 50 rows and more
    rate : sampling rate in Hz, of samples; by default that of a regular time column

    Raises
    ------
    ValueError : no such column, no numeric column, fewer than two labels
    """
    named = {"person": person, "session": session, "trial": trial, "time": time, "split": split}
    _check_columns(frame, {"label": label, **named})
    taken_by_name = {label, *(name for name in named.values() if name)}
    roles = {role: name or _usual(frame, role, taken_by_name) for role, name in named.items()}
    if "file" in frame.columns:
        roles["file"] = "file"
    taken = {label, *(name for name in roles.values() if name)}
    kept = frame.loc[frame[label].notna()]
    _need_classes(kept[label])
    texts, numbers = _sorted_columns(kept, taken)
    if not numbers:
        raise ValueError(
            f"no numeric column beside {', '.join(sorted(taken))}: nothing a classifier could use"
        )
    made = Rows(
        values=np.column_stack([_number(kept[name]) for name in numbers]),
        columns=tuple(numbers),
        label=_names(kept[label]),
        groups={
            role: _names(kept[name])
            for role in GROUPS
            if (name := roles.get(role)) and kept[name].nunique() > (role != "person")
        },
        time=_time(kept, roles["time"], asked=time is not None),
        texts={name: _names(kept[name]) for name in texts},
        split=_names(kept[roles["split"]]) if roles["split"] else None,
    )
    if not _is_samples(made, "samples" if rate and rows == "auto" else rows):
        return made
    return windowed(replace(made, rate=rate or _rate(made.time)))


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


def _rate(time: Floats | None) -> float | None:
    """Sampling rate of a regular clock in Hz, else None."""
    if time is None:
        return None
    steps = np.diff(time)
    steps = steps[steps > 0]
    if len(steps) < RUN:
        return None
    typical = float(np.median(steps))
    regular = np.abs(steps - typical) < 0.2 * typical
    return 1 / typical if regular.mean() > 0.9 else None


def _check_columns(frame: pd.DataFrame, named: Mapping[str, str | None]) -> None:
    for role, name in named.items():
        if name is not None and name not in frame.columns:
            listed = ", ".join(str(each)[:40] for each in frame.columns[:30])
            unread = frame.attrs.get("not_read")
            more = f". Not read are {unread}, which are no matrices of numbers" if unread else ""
            raise ValueError(f"no column {name!r} for {role}; there are {listed}{more}")


def _usual(frame: pd.DataFrame, role: str, taken: set[str]) -> str | None:
    """Column that usually has this role, or None."""
    lower = {str(name).strip().lower(): str(name) for name in frame.columns}
    # A field of a file name, such as the T of D1M10T2, is no time stamp.
    named = set(frame.attrs.get("from_names", ())) if role == "time" else set()
    found = next((lower[n] for n in USUAL[role] if n in lower and lower[n] not in named), None)
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


def _time(frame: pd.DataFrame, name: str | None, *, asked: bool) -> Floats | None:
    """Times in s; None where no column is named, or one that only has a usual name has no times."""
    if name is None:
        return None
    try:
        return _seconds(frame[name])
    except ValueError:
        if asked:
            raise
        return None


def _seconds(column: pd.Series) -> Floats:
    """Time stamps in s from the first; milliseconds and dates are recognised."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values / 1000 if "ms" in str(column.name) or np.nanmedian(values) > 1e11 else values
    stamps = _dates(column)
    if stamps.isna().mean() > ODD:
        raise ValueError(
            f"column {column.name!r} for time holds {str(column.iloc[0])!r}, expected seconds, "
            "milliseconds (a name with ms) or dates such as 2024-03-01T09:30:00"
        )
    return np.asarray((stamps - stamps.min()).dt.total_seconds(), dtype=np.float64)


def _dates(column: pd.Series) -> pd.Series:
    """Texts as dates; 03.04.2024 is April, and 03/04/2024 what most of the column allows."""
    import pandas as pd

    first = str(column.iloc[0])
    if re.match(r"\d{4}-", first):
        return pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    ways = (True, False) if re.match(r"\d+\.", first) else (False, True)
    with warnings.catch_warnings():
        # pandas warns where the day is not where it was told to look.
        warnings.simplefilter("ignore", UserWarning)
        read = [pd.to_datetime(column, errors="coerce", utc=True, dayfirst=way) for way in ways]
    return max(read, key=lambda stamps: stamps.notna().sum())


def _runs(*keys: Names) -> list[tuple[int, int]]:
    """Half-open intervals of rows within which all keys stay the same."""
    change = np.zeros(len(keys[0]) - 1, dtype=bool)
    for key in keys:
        change |= key[1:] != key[:-1]
    edges = [0, *(np.flatnonzero(change) + 1).tolist(), len(keys[0])]
    return list(itertools.pairwise(edges))


def _is_samples(rows: Rows, said: str) -> bool:
    if said in ("features", "samples"):
        return said == "samples"
    if said != "auto":
        raise ValueError(f"rows={said!r}, expected 'features', 'samples' or 'auto'")
    keys = [rows.label, *rows.groups.values()]
    lengths = np.array([end - begin for begin, end in _runs(*keys)])
    if np.median(lengths) < RUN:
        return False
    if rows.time is None:
        return True
    steps = np.diff(rows.time)
    steps = steps[np.isfinite(steps) & (steps >= 0)]
    return bool(steps.size and np.median(steps) < STEP)


def windowed(rows: Rows) -> Rows:
    """Cut each trial of a signal into short windows and describe them by features."""
    keys = [rows.label, *rows.groups.values()]
    runs = [run for run in _runs(*keys) if run[1] - run[0] >= SHORTEST]
    if not runs:
        raise ValueError(f"no trial has {SHORTEST} samples: nothing to cut into windows")
    typical = float(np.median([end - begin for begin, end in runs]))
    size = int(np.clip(typical / PER_TRIAL, SHORTEST, LONGEST))
    trials = [rows.values[begin:end] for begin, end in runs]
    first: list[int] = []
    of: list[int] = []
    pieces: list[Floats] = []
    for place, ((begin, end), trial) in enumerate(zip(runs, trials, strict=True)):
        for at in range(0, end - begin - size + 1, size):
            first.append(begin + at)
            of.append(place)
            pieces.append(trial[at : at + size])
    values, columns = described(pieces, list(rows.columns))
    own = rows.take(np.array(first, dtype=np.intp))
    number = np.array(of)
    names = tuple(f"trial {k + 1}" for k in range(len(runs)))
    groups = {name: each for name, each in own.groups.items() if name != "trial"}
    trial_of = own.groups.get("trial", np.array(names)[number])
    return replace(
        own,
        values=values,
        columns=columns,
        groups=groups | {"trial": trial_of},
        sizes=np.array([end - begin for begin, end in runs], dtype=np.float64)[number],
        trials=tuple(trials),
        trial_names=tuple(str(rows.label[begin]) for begin, _ in runs),
        units="samples",
        signal_columns=rows.columns,
        runs="trial" not in own.groups,
    )


def described(pieces: list[Floats], names: list[str]) -> tuple[Floats, tuple[str, ...]]:
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
