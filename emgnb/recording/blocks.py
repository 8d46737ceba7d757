"""Process recordings in parts.

`recording.open` reads samples lazily. With `chunks=` they are dask arrays, and computations run on
all cores, or on a cluster if a `dask.distributed` client is active. `over_rows` applies a function
to the parts of a recording and collects the results; `mapped_rows` joins them into a new lazy
array. Both work on data in memory, in a store and on a cluster.
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

# Duration of a part (s): 20 MB for 8 channels at 1 kHz in float64.
PART = 300.0


def is_lazy(x: xr.DataArray) -> bool:
    """Return whether the samples are a dask array.

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> recording.is_lazy(simulate.face(duration=4)["emg/signal"])
    False
    """
    return x.chunks is not None


def bounds(n: int, size: int) -> Iterator[Bounds]:
    """Yield half-open row intervals of `size` rows; the last may be shorter.

    Examples
    --------
    >>> from emgnb import recording
    >>> [(each[0], each[1]) for each in recording.bounds(10, 4)]
    [(0, 4), (4, 8), (8, 10)]
    """
    for first in range(0, n, size):
        yield first, min(first + size, n)


def over_rows(
    function: Callable[..., T], x: xr.DataArray, parts: Sequence[Bounds], *args: Any
) -> list[T]:
    """Return `function(rows, first, *args)` for each part of a recording, in order.

    Parameters
    ----------
    function : takes a DataArray of the rows, loaded into memory, and the number of the first row;
        on a cluster it must pickle, so define it in a module
    x : (time, …) in memory, lazily opened, or a dask array. The parts of a dask array are computed
        together, by threads or by the active `dask.distributed` client
    parts : half-open row intervals; they may overlap
    args : further arguments, the same for all parts
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
    """Return dask arrays of `function(rows, first, *args)` for each part, concatenated by rows.

    Nothing is computed yet. Arrays that are computed together share tasks.

    Parameters
    ----------
    function, x, parts, args : see `over_rows`; the function returns a tuple of arrays
    rows : number of rows that each part returns
    made : (trailing shape, dtype) of each array in the tuple
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
