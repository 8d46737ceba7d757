"""Reading a signal in pieces: any length, lazy or not, in little memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Bounds = tuple[int, int]


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


def values_of(rows: xr.DataArray) -> Array:
    """Values (time, channel) as float64; NaN where lost, infinite or invalid.

    A channel's samples lie side by side, which halves the time of all that runs along them.
    """
    values = np.array(rows.values, dtype=np.float64, order="F")
    values[~np.isfinite(values)] = np.nan
    if "valid" in rows.coords:
        values[~rows["valid"].values.astype(bool)] = np.nan
    return values


def first_rows(x: xr.DataArray, most: int) -> Array:
    """Values of the first rows."""
    return values_of(x.isel(time=slice(most)))


def spread(rows: int, most: int, size: int, multiple: int = 1) -> list[Bounds]:
    """All of so many rows in blocks of `size`, or if they are more than `most`, evenly spaced ones.

    `size` : a multiple of `multiple`, and so is where a block begins.
    """
    if rows <= most:
        return list(recording.bounds(rows, size))
    begins = np.linspace(0, (rows - size) // multiple, most // size).astype(int) * multiple
    return [(int(begin), int(begin) + size) for begin in begins]


def excerpt(x: xr.DataArray, most: int, pieces: int) -> list[Array]:
    """Return all rows if there are at most `most`, otherwise evenly spaced stretches of them."""
    rows = x.sizes["time"]
    parts = [(0, rows)] if rows <= most else spread(rows, most, most // pieces)
    return recording.over_rows(_values, x, parts)


def _values(rows: xr.DataArray, first: int) -> Array:
    return values_of(rows)


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
