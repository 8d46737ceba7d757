"""Match the events of two tables one to one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from emgnb._arrays import Floats

Ints = npt.NDArray[np.intp]
Pairs = tuple[Ints, Ints]
# Seconds. Times that differ by a tolerance in decimal digits differ by it as numbers as well.
ROUNDING = 1e-9


def near(a: Floats, b: Floats, tolerance: float) -> Pairs:
    """Return the pairs (i, j) of times at most `tolerance` s apart."""
    order = np.argsort(b, kind="stable")
    reach = tolerance + ROUNDING
    first = np.searchsorted(b[order], a - reach, side="left")
    last = np.searchsorted(b[order], a + reach, side="right")
    i, j = _ranges(first, last)
    return i, order[j]


def overlapping(a: Floats, b: Floats) -> Pairs:
    """Return the pairs (i, j) of overlapping intervals; each is (event, 2), onset and offset."""
    if not a.size or not b.size:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    order = np.argsort(b[:, 0], kind="stable")
    onset = b[order, 0]
    longest = (b[:, 1] - b[:, 0]).max()
    first = np.searchsorted(onset, a[:, 0] - longest, side="left")
    last = np.searchsorted(onset, a[:, 1], side="left")
    i, j = _ranges(first, last)
    j = order[j]
    keep = (b[j, 1] > a[i, 0]) & (b[j, 0] < a[i, 1])
    return i[keep], j[keep]


def iou(a: Floats, b: Floats) -> Floats:
    """Return intersection over union of intervals, row by row."""
    shared = np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0])
    whole = np.maximum(a[:, 1], b[:, 1]) - np.minimum(a[:, 0], b[:, 0])
    share: Floats = np.maximum(shared, 0.0) / whole
    return share


def assign(pairs: Pairs, cost: Floats) -> Pairs:
    """Choose pairs so that every event is in at most one: as many as possible, at least cost.

    Parameters
    ----------
    pairs : events of the first and the second table that may be matched
    cost : cost of each pair, not negative

    Returns
    -------
    The pairs chosen, sorted by the first table's event
    """
    i, j = pairs
    if not i.size:
        return i, j
    n, m = int(i.max()) + 1, int(j.max()) + 1
    graph = coo_array((np.ones(i.size), (i, j + n)), shape=(n + m, n + m))
    part = connected_components(graph, directed=False)[1][i]
    order = np.argsort(part, kind="stable")
    cuts = np.flatnonzero(np.diff(part[order])) + 1
    chosen = np.concatenate(
        [_assigned(i[mine], j[mine], cost[mine], mine) for mine in np.split(order, cuts)]
    )
    chosen = chosen[np.argsort(i[chosen], kind="stable")]
    return i[chosen], j[chosen]


def _assigned(i: Ints, j: Ints, cost: Floats, number: Ints) -> Ints:
    """Return the numbers of the pairs chosen among those that share events."""
    if i.size == 1:
        return number
    rows, row = np.unique(i, return_inverse=True)
    columns, column = np.unique(j, return_inverse=True)
    # One pair fewer costs more than any choice of pairs.
    table = np.full((rows.size, columns.size), 1.0 + cost.max() * 2 * min(rows.size, columns.size))
    which = np.full(table.shape, -1)
    table[row, column], which[row, column] = cost, number
    found = which[linear_sum_assignment(table)]
    return found[found >= 0].astype(np.intp)


def _ranges(first: Ints, last: Ints) -> Pairs:
    """Return (row, index) for each index of the ranges [first, last) of each row."""
    count = np.maximum(last - first, 0)
    row = np.repeat(np.arange(count.size), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return row, first[row] + within
