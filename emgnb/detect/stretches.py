"""Stretches of a row of things, each from its first place to one past its last."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from emgnb.detect.families import Array

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Number = TypeVar("Number", bound=np.generic)


def about(at: Ints, before: int, after: int) -> tuple[Ints, Ints]:
    """Stretches from `before` places in order to `after` behind them, joined as `joined` does."""
    if not len(at):
        return at, at
    start = np.flatnonzero(np.append(True, np.diff(at) > before + after))
    return at[start] - before, at[np.append(start[1:], len(at)) - 1] + after


def joined(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Stretches in order, those that overlap or touch made one."""
    if not len(first):
        return first, last
    order = np.argsort(first, kind="stable")
    first, last = first[order], np.maximum.accumulate(last[order])
    start = np.flatnonzero(np.append(True, first[1:] > last[:-1]))
    return first[start], last[np.append(start[1:], len(first)) - 1]


def common(first: Ints, last: Ints, others: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """What lies in a stretch and in one of the others; each kind in order and apart."""
    low = np.searchsorted(others[1], first, side="right")
    count = np.maximum(np.searchsorted(others[0], last, side="left") - low, 0)
    which = np.repeat(np.arange(len(first)), count)
    other = np.arange(len(which)) - np.repeat(np.cumsum(count) - count - low, count)
    return np.maximum(first[which], others[0][other]), np.minimum(last[which], others[1][other])


def between(first: Ints, last: Ints, n: int) -> tuple[Ints, Ints]:
    """What `n` places hold beside stretches in order and apart."""
    begin, end = np.append(0, last), np.append(first, n)
    some = end > begin
    return begin[some], end[some]


def cut(first: Ints, last: Ints, longest: int) -> tuple[Ints, Ints]:
    """Cut what is longer than `longest` into pieces, counted from its first place."""
    pieces = -(-(last - first) // longest)
    which = np.repeat(np.arange(len(first)), pieces)
    turn = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begin = first[which] + turn * longest
    return begin, np.minimum(begin + longest, last[which])


def places(first: Ints, last: Ints) -> Ints:
    """All places of stretches, end to end."""
    size = last - first
    shift = np.repeat(first - (np.cumsum(size) - size), size)
    return np.asarray(np.arange(len(shift)) + shift)


class Ragged:
    """Stretches of unlike length laid end to end; stretch k has the nodes a[k] … b[k]."""

    def __init__(self, a: Ints, b: Ints) -> None:
        self.first = a
        self.size = b - a + 1
        self.start = np.cumsum(self.size) - self.size
        self.id = np.repeat(np.arange(len(a)), self.size)
        self.node = np.arange(len(self.id)) - np.repeat(self.start - a, self.size)

    def spread(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Give each node its stretch's value."""
        return np.repeat(values, self.size)

    def peak(self, values: Array) -> Array:
        """Return the greatest value of each stretch."""
        return np.asarray(np.maximum.reduceat(values, self.start)) if len(self.start) else values

    def first_peak(self, values: Array) -> Ints:
        """Return the first node of each stretch at which its greatest value is."""
        if not len(self.start):
            return np.asarray(self.start)
        top = values == self.spread(self.peak(values))
        at = np.flatnonzero(top)
        return np.asarray(self.node[at[np.searchsorted(at, self.start)]])

    def highest_so_far(self, values: Array) -> Array:
        """Running maximum that starts anew in each stretch."""
        # Complex numbers are compared by their real part, then by the imaginary: exact.
        keyed = np.empty(len(values), dtype=np.complex128)
        keyed.real, keyed.imag = self.id, values
        return np.asarray(np.maximum.accumulate(keyed).imag)

    def lowest_so_far(self, values: Array) -> Array:
        """Running minimum that starts anew in each stretch."""
        return -self.highest_so_far(-values)
