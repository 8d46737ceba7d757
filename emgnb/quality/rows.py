"""Reading a signal in pieces: any length, lazy or not, in little memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def signal_of(x: xr.DataArray | xr.DataTree) -> xr.DataArray:
    """Return the signal (time, channel) of a session, or the signal itself."""
    made = recording.emg(x) if isinstance(x, xr.DataTree) else x
    recording.need_signal(made)
    return made.transpose("time", "channel")


def rate_of(x: xr.DataArray) -> float | None:
    """Sampling rate in Hz, or None where `time` is no uniform clock."""
    try:
        return recording.sampling_rate(x)
    except ValueError:
        return None


def values_of(x: xr.DataArray, begin: int, end: int) -> Array:
    """Rows `begin` to `end` (time, channel) as float64; NaN where lost, infinite or invalid."""
    part = x.isel(time=slice(max(begin, 0), end))
    values = part.values.astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    if "valid" in part.coords:
        values[~part["valid"].values.astype(bool)] = np.nan
    return values


def blocks(x: xr.DataArray, size: int) -> Iterator[tuple[int, Array]]:
    """Give the signal in blocks of `size` rows: first row and values."""
    for begin in range(0, x.sizes["time"], size):
        yield begin, values_of(x, begin, begin + size)


def excerpt(x: xr.DataArray, most: int, pieces: int = 16) -> list[Array]:
    """Return all rows if there are at most `most`, otherwise evenly spaced stretches of them."""
    rows = x.sizes["time"]
    if rows <= most:
        return [values_of(x, 0, rows)]
    size = most // pieces
    starts = np.linspace(0, rows - size, pieces).astype(int)
    return [values_of(x, int(begin), int(begin) + size) for begin in starts]


def unbroken(values: Array, shortest: int) -> list[Array]:
    """Return the stretches of at least `shortest` rows in which no channel is NaN."""
    edges = np.flatnonzero(
        np.diff(np.concatenate(([False], np.isfinite(values).all(axis=1), [False])))
    )
    return [
        values[begin:end]
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
        if end - begin >= shortest
    ]
