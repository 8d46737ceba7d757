"""Read values, channel names and start time of a signal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording


def table(x: xr.DataArray | xr.Variable) -> npt.NDArray[Any]:
    """Return the values as (time, channel), also of a single channel without that dimension."""
    values = x.transpose("time", ...).values
    return values[:, np.newaxis] if values.ndim == 1 else values


def start_of(x: xr.DataArray) -> float:
    """Return the time of the first sample in s, without computing the whole index."""
    index = x.xindexes["time"]
    if isinstance(index, recording.TimeIndex):
        return float(index.start)
    return float(x["time"].values[0])


def names_of(x: xr.DataArray) -> tuple[str, ...]:
    """Return the names of the channels."""
    return tuple(str(name) for name in np.atleast_1d(x["channel"].values))
