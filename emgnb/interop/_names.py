"""Which arrays of a file are labels, groups and rates, by their names and shapes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from emgnb._vocabulary import COLUMNS
from emgnb.interop._axes import Array
from emgnb.interop._held import Held

LABELS = (
    "label",
    "labels",
    "y",
    "target",
    "targets",
    "class",
    "classes",
    "gesture",
    "expression",
    "restimulus",
)
RATES = ("fs", "rate", "srate", "sfreq", "sampling_rate", "sample_rate", "sampling_frequency")
TRIAL = "trial"
# Names of arrays for training and testing: X_train, ytest, val_x.
_SUBSET = re.compile(
    r"(?P<a>train|test|validation|valid|val)[_.]?(?P<b>[A-Za-z]+)"
    r"|(?P<c>[A-Za-z]+?)[_.]?(?P<d>train|test|validation|valid|val)",
    re.IGNORECASE,
)


def subsets(held: Held) -> dict[str, Held]:
    """Take arrays named X_train, y_train, X_test, y_test and the like apart."""
    found: dict[str, dict[str, str]] = {}
    for name in (*held.arrays, *held.lists):
        if match := _SUBSET.fullmatch(name):
            part = (match["a"] or match["d"]).lower()
            part = "validation" if part.startswith("val") else part
            found.setdefault(part, {})[match["b"] or match["c"]] = name
    first = set(found.get("train", ()))
    if len(found) < 2 or len(first) < 2 or any(set(each) != first for each in found.values()):
        return {"": held}
    named = {name for each in found.values() for name in each.values()}
    shared = {name: each for name, each in held.arrays.items() if name not in named}
    return {
        part: Held(
            shared | {base: held.arrays[name] for base, name in own.items() if name in held.arrays},
            {base: held.lists[name] for base, name in own.items() if name in held.lists},
            held.unread,
        )
        for part, own in found.items()
    }


def with_codes(held: Held) -> tuple[Held, list[str]]:
    """Replace labels with one column per class, of which one is 1, by the number of the class."""
    arrays, said = dict(held.arrays), list[str]()
    for name, each in held.arrays.items():
        if name.lower() not in LABELS or each.ndim != 2 or min(each.shape) < 2:
            continue
        if each.dtype.kind in "biuf" and np.isin(each, (0, 1)).all():
            axis = next((k for k in (1, 0) if (each.sum(axis=k) == 1).all()), None)
            if axis is not None:
                arrays[name] = each.argmax(axis=axis)
                said.append(f"`{name}` {each.shape} holds a column per class, read as its number")
    return replace(held, arrays=arrays), said


def wide(each: Array) -> tuple[int, ...]:
    """Shape of an array; empty unless two axes are longer than 1."""
    return each.shape if sum(size > 1 for size in each.shape) > 1 else ()


def constants(held: Held) -> tuple[dict[str, str], dict[str, float]]:
    """Return single values that are a label or name a group, and the sampling rate."""
    usual = {*LABELS, *(name for role in ("person", "session", TRIAL) for name in COLUMNS[role])}
    single = {name: each.reshape(()) for name, each in held.arrays.items() if each.size == 1}
    rate = {
        name: float(each)
        for name, each in single.items()
        if name.lower() in RATES and each.dtype.kind in "iuf" and each > 0
    }
    named = {
        name: f"{each.item():g}" if each.dtype.kind in "iuf" else str(each)
        for name, each in single.items()
        if name.lower() in usual
    }
    return named, dict(list(rate.items())[:1])


def vectors(held: Held, without: set[str]) -> dict[str, Array]:
    """Return arrays with one axis longer than 1; whole numbers, as labels are, as such."""
    return {
        name: _whole(each.reshape(-1))
        for name, each in held.arrays.items()
        if name not in without and each.ndim and each.size > 1 and not wide(each)
    }


def _whole(values: Array) -> Array:
    if values.dtype.kind != "f" or not np.all(np.abs(values) < 1e9):
        return values
    whole = values.astype(np.int64)
    return whole if np.array_equal(whole, values) else values
