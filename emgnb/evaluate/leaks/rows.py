"""Bring a data set into rows: numbers, a label, and the groups each row belongs to.

A row is one example that a classifier would get. Tables of features are taken as they are; rows of
samples (one row per time step) are first cut into short windows inside each trial, with the mean,
the logarithm of the power and the line length of each column as features.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Mask
from emgnb.evaluate.leaks import long

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Names = npt.NDArray[np.str_]

GROUPS = ("person", "session", "trial", "file")
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
    repeated : (row,) whether the window of a row shares samples with the next; None where unknown
    reading : what the data were taken as, in sentences
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
    repeated: Mask | None = None
    reading: tuple[str, ...] = ()

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
            repeated=None,
        )


def windowed(rows: Rows, steady: Collection[str] = ()) -> Rows:
    """Cut each trial of a signal into short windows and describe them by features.

    `steady` : columns that are no signal, because they have one value per trial
    """
    channels = [k for k, name in enumerate(rows.columns) if name not in steady]
    signal = tuple(rows.columns[k] for k in channels)
    keys = [rows.label, *rows.groups.values()]
    runs = [run for run in runs_of(*keys) if run[1] - run[0] >= SHORTEST]
    if not runs:
        raise ValueError(f"no trial has {SHORTEST} samples: nothing to cut into windows")
    typical = float(np.median([end - begin for begin, end in runs]))
    size = int(np.clip(typical / PER_TRIAL, SHORTEST, LONGEST))
    samples = rows.values[:, channels] if steady else rows.values
    trials = [samples[begin:end] for begin, end in runs]
    first: list[int] = []
    of: list[int] = []
    pieces: list[Floats] = []
    for place, ((begin, end), trial) in enumerate(zip(runs, trials, strict=True)):
        for at in range(0, end - begin - size + 1, size):
            first.append(begin + at)
            of.append(place)
            pieces.append(trial[at : at + size])
    values, columns = long.described(pieces, signal)
    own = rows.take(np.array(first, dtype=np.intp))
    number = np.array(of)
    names = tuple(f"trial {k + 1}" for k in range(len(runs)))
    groups = {name: each for name, each in own.groups.items() if name != "trial"}
    trial_of = own.groups.get("trial", np.array(names)[number])
    return replace(
        own,
        values=np.column_stack([values, np.delete(own.values, channels, axis=1)]),
        columns=(*columns, *steady),
        groups=groups | {"trial": trial_of},
        sizes=np.array([end - begin for begin, end in runs], dtype=np.float64)[number],
        trials=tuple(trials),
        trial_names=tuple(str(rows.label[begin]) for begin, _ in runs),
        units="samples",
        signal_columns=signal,
        runs="trial" not in own.groups,
    )


def typical_run(rows: Rows) -> float:
    """Median number of rows of one label and group in succession."""
    runs = runs_of(rows.label, *rows.groups.values())
    return float(np.median([end - begin for begin, end in runs]))


def runs_of(*keys: Names) -> list[tuple[int, int]]:
    """Half-open intervals of rows within which all keys stay the same."""
    change = np.zeros(len(keys[0]) - 1, dtype=bool)
    for key in keys:
        change |= key[1:] != key[:-1]
    edges = [0, *(np.flatnonzero(change) + 1).tolist(), len(keys[0])]
    return list(itertools.pairwise(edges))
