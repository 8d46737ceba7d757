"""Recordings that are read, and computed, some rows at a time.

`recording.open` reads samples when they are used; with `chunks=` they are dask arrays, and what is
computed from them runs on all cores, or on a cluster when a `dask.distributed` client is there.
Functions that look at a whole recording go through `over_rows`, those that give one back through
`mapped_rows`, and so work on what lies in memory, in a store or on a cluster alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

T = TypeVar("T")
Bounds = tuple[int, int]

# s in a part of a recording: 20 MB of 8 channels at 1 kHz in float64.
PART = 300.0


def is_lazy(x: xr.DataArray) -> bool:
    """Whether the samples are a dask array."""
    return x.chunks is not None


def bounds(n: int, size: int) -> Iterator[Bounds]:
    """First row and one past the last of parts of `size` rows; the last may be shorter."""
    for first in range(0, n, size):
        yield first, min(first + size, n)


def over_rows(
    function: Callable[..., T], x: xr.DataArray, parts: Sequence[Bounds], *args: Any
) -> list[T]:
    """Give `function(rows, first, *args)` of parts of a recording, in their order.

    Parameters
    ----------
    function : gets a DataArray of the rows with its values in memory, and the number of the first;
        for a cluster one that pickles, as those of a module do
    x : (time, …) in memory, lazily opened, or a dask array: then the parts are computed together,
        by threads or by the active `dask.distributed` client
    parts : first row and one past the last of each; they may overlap
    args : the same for all parts
    """
    if not is_lazy(x):
        return [function(x.isel(time=slice(*part)).load(), part[0], *args) for part in parts]
    import dask

    return list(dask.compute(*_tasks(function, x, parts, args)))


def mapped_rows(
    function: Callable[..., tuple[npt.NDArray[Any], ...]],
    x: xr.DataArray,
    parts: Sequence[Bounds],
    rows: Sequence[int],
    made: Sequence[tuple[tuple[int, ...], npt.DTypeLike]],
    *args: Any,
) -> list[Any]:
    """Give dask arrays of what `function(rows, first, *args)` makes of each part, joined by rows.

    Nothing is computed yet. Arrays that are computed together share the work.

    Parameters
    ----------
    function, x, parts, args : see `over_rows`; the function returns a tuple of arrays
    rows : how many rows each part gives
    made : shape behind the rows, and dtype, of each array in the tuple
    """
    import dask.array as da

    tasks = _tasks(function, x, parts, args)
    return [
        da.concatenate(
            [
                da.from_delayed(task[i], (count, *shape), np.dtype(dtype))
                for task, count in zip(tasks, rows, strict=True)
            ]
        )
        for i, (shape, dtype) in enumerate(made)
    ]


def _tasks(
    function: Callable[..., Any], x: xr.DataArray, parts: Sequence[Bounds], args: tuple[Any, ...]
) -> list[Any]:
    import dask

    call = dask.delayed(partial(_called, function=function, args=args), pure=False)
    return [call(x.isel(time=slice(*part)), part[0]) for part in parts]


def _called(
    rows: xr.DataArray, first: int, *, function: Callable[..., T], args: tuple[Any, ...]
) -> T:
    return function(rows, first, *args)
