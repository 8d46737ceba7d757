"""Read signals of any length in parts, with little memory."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, runs

Bounds = tuple[int, int]


def signal_of(x: xr.DataArray | xr.DataTree) -> xr.DataArray:
    """Return the signal (time, channel) of a session, or the signal itself."""
    return recording.emg(x).transpose("time", "channel")


def rate_of(x: xr.DataArray) -> float | None:
    """Return the sampling rate in Hz, or None if `time` is not uniform."""
    try:
        return recording.sampling_rate(x)
    except ValueError:
        return None


def laid(x: xr.DataArray) -> tuple[xr.DataArray | None, str]:
    """Interpolate an irregular signal to a uniform rate; return None and the reason if impossible.

    Rows of a stale buffer are excluded, because their sampling times are unknown.
    """
    time = np.asarray(x["time"].values, dtype=np.float64)
    if time.size < 2 or not np.ptp(time) > 0 or shared_stamps(time):
        return None, "no rate can be derived from the time stamps"
    with warnings.catch_warnings():
        # The report and the verdict state the error.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return recording.uniform(x), ""
        except ValueError as error:
            return None, str(error)


def shared_stamps(time: Floats) -> bool:
    """Whether most rows share a few time stamps, or stamps in whole seconds."""
    distinct = np.unique(time)
    whole = bool(np.all(distinct == np.rint(distinct)))
    return bool(distinct.size <= 0.5 * time.size and (whole or distinct.size < 3))


def values_of(rows: xr.DataArray) -> Floats:
    """Return the values (time, channel) as float64; NaN where lost, infinite or invalid.

    The array is column-major, which halves the time of operations along channels.
    """
    values = np.array(rows.values, dtype=np.float64, order="F")
    values[~np.isfinite(values)] = np.nan
    if "valid" in rows.coords:
        values[~rows["valid"].values.astype(bool)] = np.nan
    return values


def bridged(values: Floats, longest: int) -> Floats:
    """Return values (time, channel) with gaps of up to `longest` samples interpolated linearly."""
    made = values.copy()
    for k in range(values.shape[1]):
        for begin, end in runs(np.isnan(values[:, k])).tolist():
            if end - begin <= longest and begin > 0 and end < len(values):
                line = np.linspace(values[begin - 1, k], values[end, k], end - begin + 2)
                made[begin:end, k] = line[1:-1]
    return made


def first_rows(x: xr.DataArray, most: int) -> Floats:
    """Return the values of the first rows."""
    return values_of(x.isel(time=slice(most)))


def spread(rows: int, most: int, size: int, multiple: int = 1) -> list[Bounds]:
    """Return row intervals of length `size`: all, or evenly spaced if more than `most` rows.

    `size` : a multiple of `multiple`, as are the starts of the intervals
    """
    if rows <= most:
        return list(recording.bounds(rows, size))
    begins = np.linspace(0, (rows - size) // multiple, most // size).astype(int) * multiple
    return [(int(begin), int(begin) + size) for begin in begins]


def excerpt(x: xr.DataArray, most: int, pieces: int) -> list[Floats]:
    """Return all rows if there are at most `most`, otherwise evenly spaced pieces of them."""
    rows = x.sizes["time"]
    parts = [(0, rows)] if rows <= most else spread(rows, most, most // pieces)
    return recording.over_rows(_values, x, parts)


def _values(rows: xr.DataArray, first: int) -> Floats:
    return values_of(rows)


def unbroken(values: Floats, shortest: int) -> list[Floats]:
    """Return pieces of at least `shortest` rows in which no channel is NaN."""
    return [
        values[begin:end]
        for begin, end in runs(np.asarray(np.isfinite(values).all(axis=1)))
        if end - begin >= shortest
    ]
