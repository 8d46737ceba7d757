"""Provide the samples of windows: as a view, a copy, or read on use.

Windows of a recording larger than memory are processed in parts of a power of two windows.
Functions that process smaller powers of two at a time (see `features._engine`) get the same pieces
in parts as in the whole, so results are bit-identical.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Mask
from emgnb._xarray import (
    BackendArray,
    ExplicitIndexer,
    IndexingSupport,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)

Samples = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Bounds = npt.NDArray[np.int64]

# Minimum number of rows in which the windows of a part begin: 131 072 are read in two seconds, and
# no processed piece is longer.
FEWEST_ROWS = 1 << 17
# Longest gap between windows that is read with them (s), because it is faster than reading twice.
READ_OVER = 10.0


def windows_of_a_part(n: int, hop: int, rate: float) -> int:
    """Return how many windows of `n` samples a part of `recording.PART` s has, a power of two."""
    rows = max(recording.PART * rate, FEWEST_ROWS)
    return 1 << math.ceil(math.log2(rows / min(hop, n)))


def laid_out(signal: xr.DataArray, starts: Places, n: int, hop: int, rate: float) -> Any:
    """Return windows (window, channel, sample) that begin at rows `starts` of a signal.

    The result is a read-only array if the signal (time, channel) is in memory, a dask array if it
    is one, otherwise a lazy array that xarray reads on use.
    """
    if recording.is_lazy(signal):
        return _as_dask(signal, starts, n, hop, rate)
    if signal.variable._in_memory:
        return picked(np.asarray(signal.values, dtype=np.float32), starts, n, hop)
    return LazilyIndexedArray(_Unread(signal, starts, n, hop, rate))


def picked(values: Samples, starts: Places, n: int, hop: int) -> Samples:
    """Return windows of values (time, channel): a view if spaced by `hop`, otherwise a copy."""
    sliding = np.lib.stride_tricks.sliding_window_view(values, n, axis=0)
    if (np.diff(starts) == hop).all():
        return sliding[int(starts[0]) : int(starts[-1]) + 1 : hop]
    copy = sliding[starts]
    copy.flags.writeable = False
    return copy


def touched(starts: Places, n: int, bad: Bounds) -> Mask:
    """Return which windows contain a row of the intervals `bad`, which are sorted and disjoint."""
    if not len(bad):
        return np.zeros(starts.size, dtype=bool)
    after = np.searchsorted(bad[:, 1], starts, side="right")
    begins = np.append(bad[:, 0], np.iinfo(np.int64).max)
    return np.asarray(begins[after] < starts + n)


def _runs(starts: Places, n: int, hop: int, rate: float) -> list[tuple[int, int]]:
    """Return runs of windows that are close and in order, as half-open intervals."""
    steps = np.diff(starts)
    far = (steps < 0) | (steps > max(n, hop, READ_OVER * rate))
    edges = [0, *(np.flatnonzero(far) + 1).tolist(), starts.size]
    return list(pairwise(edges))


def _joined(read: list[npt.NDArray[Any]], places: list[Places], n: int, hop: int) -> Samples:
    """Return windows of the rows read; `places` are their starts in them."""
    parts = [
        picked(np.asarray(rows, dtype=np.float32), at, n, hop)
        for rows, at in zip(read, places, strict=True)
    ]
    if len(parts) == 1:
        return parts[0]
    joined = np.concatenate(parts)
    joined.flags.writeable = False
    return joined


def _as_dask(signal: xr.DataArray, starts: Places, n: int, hop: int, rate: float) -> Any:
    import dask
    import dask.array as da

    call = dask.delayed(_joined, pure=False)
    shape = (signal.sizes["channel"], n)
    parts = []
    for begin, end in recording.bounds(starts.size, windows_of_a_part(n, hop, rate)):
        mine = starts[begin:end]
        runs = _runs(mine, n, hop, rate)
        rows = [signal.data[int(mine[a]) : int(mine[b - 1]) + n] for a, b in runs]
        task = call(rows, [mine[a:b] - mine[a] for a, b in runs], n, hop)
        parts.append(da.from_delayed(task, (end - begin, *shape), np.float32))
    return da.concatenate(parts)


class _Unread(BackendArray):
    """Windows of a lazily opened signal; reads only the rows of the requested windows."""

    def __init__(self, signal: xr.DataArray, starts: Places, n: int, hop: int, rate: float) -> None:
        self._signal, self._starts = signal, starts
        self._n, self._hop, self._rate = n, hop, rate
        self.shape = (starts.size, signal.sizes["channel"], n)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: ExplicitIndexer) -> Samples:
        found: Samples = explicit_indexing_adapter(
            key, self.shape, IndexingSupport.BASIC, self._read
        )
        return found

    def _read(self, key: tuple[Any, ...]) -> Samples:
        which, *rest = key
        alone = isinstance(which, int | np.integer)
        mine = self._starts[[which] if alone else which]
        if not mine.size:
            return np.empty((0, *self.shape[1:]), dtype=np.float32)[(slice(None), *rest)]
        runs = _runs(mine, self._n, self._hop, self._rate)
        rows = [
            self._signal.isel(time=slice(int(mine[a]), int(mine[b - 1]) + self._n)).values
            for a, b in runs
        ]
        found = _joined(rows, [mine[a:b] - mine[a] for a, b in runs], self._n, self._hop)
        return np.asarray(found[(0 if alone else slice(None), *rest)])
