"""Operate on half-open index intervals [first, last)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats

Ints = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)


def about(at: Ints, before: int, after: int) -> tuple[Ints, Ints]:
    """Return intervals from `before` to `after` around sorted indices, merged as by `joined`."""
    if not len(at):
        return at, at
    start = np.flatnonzero(np.append(True, np.diff(at) > before + after))
    return at[start] - before, at[np.append(start[1:], len(at)) - 1] + after


def joined(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Merge intervals that overlap or touch; sorted."""
    if not len(first):
        return first, last
    order = np.argsort(first, kind="stable")
    first, last = first[order], np.maximum.accumulate(last[order])
    start = np.flatnonzero(np.append(True, first[1:] > last[:-1]))
    return first[start], last[np.append(start[1:], len(first)) - 1]


def common(first: Ints, last: Ints, others: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Return the intersections of intervals with others; each sorted and disjoint."""
    low = np.searchsorted(others[1], first, side="right")
    count = np.maximum(np.searchsorted(others[0], last, side="left") - low, 0)
    which = np.repeat(np.arange(len(first)), count)
    other = np.arange(len(which)) - np.repeat(np.cumsum(count) - count - low, count)
    return np.maximum(first[which], others[0][other]), np.minimum(last[which], others[1][other])


def between(first: Ints, last: Ints, n: int) -> tuple[Ints, Ints]:
    """Return the complement of sorted, disjoint intervals in `n` indices."""
    begin, end = np.append(0, last), np.append(first, n)
    some = end > begin
    return begin[some], end[some]


def cut(first: Ints, last: Ints, longest: int) -> tuple[Ints, Ints]:
    """Split intervals longer than `longest`, counted from their first index."""
    pieces = -(-(last - first) // longest)
    which = np.repeat(np.arange(len(first)), pieces)
    turn = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begin = first[which] + turn * longest
    return begin, np.minimum(begin + longest, last[which])


def places(first: Ints, last: Ints) -> Ints:
    """Return all indices of intervals, concatenated."""
    size = last - first
    shift = np.repeat(first - (np.cumsum(size) - size), size)
    return np.asarray(np.arange(len(shift)) + shift)


class Ragged:
    """Intervals of different length, concatenated; interval k has the nodes a[k] … b[k]."""

    def __init__(self, a: Ints, b: Ints) -> None:
        self.first = a
        self.size = b - a + 1
        self.start = np.cumsum(self.size) - self.size
        self.id = np.repeat(np.arange(len(a)), self.size)
        self.node = np.arange(len(self.id)) - np.repeat(self.start - a, self.size)

    def spread(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Repeat each interval's value for its nodes."""
        return np.repeat(values, self.size)

    def peak(self, values: Floats) -> Floats:
        """Return the maximum of each interval."""
        return np.asarray(np.maximum.reduceat(values, self.start)) if len(self.start) else values

    def first_peak(self, values: Floats) -> Ints:
        """Return the first node of each interval with its maximum."""
        if not len(self.start):
            return np.asarray(self.start)
        top = values == self.spread(self.peak(values))
        at = np.flatnonzero(top)
        return np.asarray(self.node[at[np.searchsorted(at, self.start)]])

    def highest_so_far(self, values: Floats) -> Floats:
        """Return the running maximum within each interval."""
        # Complex numbers are compared by real, then imaginary part, so the result is exact.
        keyed = np.empty(len(values), dtype=np.complex128)
        keyed.real, keyed.imag = self.id, values
        return np.asarray(np.maximum.accumulate(keyed).imag)

    def lowest_so_far(self, values: Floats) -> Floats:
        """Return the running minimum within each interval."""
        return -self.highest_so_far(-values)
