"""Decimate long curves for drawing, keeping spikes and gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._arrays import Floats

# Default maximum number of points per curve.
MAX_POINTS = 2000


def thin(one: xr.DataArray, max_points: int, *, along: str = "time") -> tuple[Floats, Any]:
    """Return about `max_points` points of a curve: the minimum and maximum of each bin.

    A NaN is added to each bin that contains one, so that even short gaps break the line.

    Returns
    -------
    coordinates and values
    """
    y = np.asarray(one.values, dtype=np.float32)
    across = one[along]
    if y.size <= max_points:
        return np.asarray(across.values, dtype=np.float64), y
    missing = np.isnan(y)
    gaps = bool(missing.any())
    bins = max(max_points // (3 if gaps else 2), 1)
    width = -(-y.size // bins)
    padded = np.full(-(-y.size // width) * width, np.nan, dtype=np.float32)
    padded[: y.size] = y
    table = padded.reshape(-1, width)
    least = np.where(np.isnan(table), np.inf, table).argmin(axis=1)
    greatest = np.where(np.isnan(table), -np.inf, table).argmax(axis=1)
    start = np.arange(table.shape[0]) * width
    chosen = np.sort(np.column_stack([least, greatest]), axis=1) + start[:, np.newaxis]
    if not gaps:
        picked = chosen.ravel()
        return at(across, picked), y[picked]
    spread = np.zeros(padded.size, dtype=bool)
    spread[: y.size] = missing
    torn = np.asarray(spread.reshape(-1, width).any(axis=1))
    places = np.column_stack([chosen, np.minimum(start + width, y.size) - 1])
    values = np.column_stack([y[chosen], np.full(torn.size, np.nan, dtype=np.float32)])
    keep = np.column_stack([np.ones((torn.size, 2), dtype=bool), torn])
    return at(across, places[keep]), values[keep]


def at(across: xr.DataArray, places: npt.NDArray[np.intp]) -> Floats:
    """Return the coordinates at given indices."""
    # Select first, so that a computed time axis of a day is not created as a whole.
    return np.asarray(across.isel({across.dims[0]: places}).values, dtype=np.float64)
