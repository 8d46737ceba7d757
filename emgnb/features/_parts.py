"""Compute columns from windows in memory, in a store, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._vocabulary import ABOUT_LABELS
from emgnb.windows.parts import windows_of_a_part

# Attributes of windows that features keep.
KEPT = ("rate", "length_s", "step_s", "dropped", *ABOUT_LABELS, "history")

Columns = dict[str, npt.NDArray[Any]]


def by_parts(
    function: Callable[[npt.NDArray[np.float32]], Columns],
    windows: xr.DataArray,
    columns: Mapping[str, int],
) -> dict[str, Any]:
    """Return `function(samples)` of windows, part by part if they are not in memory.

    Parameters
    ----------
    function : from samples (window, channel, sample) to float32 columns (window, width); it must be
        picklable for a cluster
    windows : see `windows.cut`
    columns : their names and widths

    Returns
    -------
    the columns; dask arrays that are not computed yet if `windows` is one
    """
    if recording.is_lazy(windows):
        return _as_dask(function, windows, columns)
    if windows.variable._in_memory:
        return dict(function(windows.values))
    count = windows.sizes["window"]
    found = {name: np.empty((count, width), np.float32) for name, width in columns.items()}
    for begin, end in recording.bounds(count, part_size(windows)):
        for name, values in function(windows.isel(window=slice(begin, end)).values).items():
            found[name][begin:end] = values
    return dict(found)


def part_size(windows: xr.DataArray) -> int:
    """Return the number of windows processed at a time."""
    n, rate = windows.sizes["sample"], float(windows.attrs["rate"])
    hop = round(float(windows.attrs.get("step_s", 0.0)) * rate)
    return windows_of_a_part(n, hop or n, rate)


def _as_dask(
    function: Callable[[npt.NDArray[np.float32]], Columns],
    windows: xr.DataArray,
    columns: Mapping[str, int],
) -> dict[str, Any]:
    import dask
    import dask.array as da

    # Parts as they were cut, each with all channels and samples.
    data = windows.data.rechunk({1: -1, 2: -1})
    call = dask.delayed(function, pure=False)
    made = [call(block) for block in data.to_delayed().reshape(-1)]
    return {
        name: da.concatenate(
            [
                da.from_delayed(one[name], (count, width), np.float32)
                for one, count in zip(made, data.chunks[0], strict=True)
            ]
        )
        for name, width in columns.items()
    }
