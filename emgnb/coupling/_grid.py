"""Bring two signals to the samples of the slower one."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import interpolate
from scipy import signal as dsp

from emgnb import recording
from emgnb._arrays import Floats

# Share of the slower rate up to which interpolated samples are accurate.
USABLE = 0.4
# Taps per ratio of the rates of the low-pass before sampling at the slower rate.
TAPS = 33


def common(eeg: xr.DataArray, emg: xr.DataArray) -> tuple[Floats, Floats, float]:
    """Return both signals at the times of the slower one, and its rate.

    The faster one is low-pass filtered without phase shift and interpolated by cubic splines.
    Samples that depend on lost ones are NaN.

    Raises
    ------
    ValueError : the recordings do not overlap, or one is not uniform
    """
    rates = [recording.sampling_rate(each) for each in (eeg, emg)]
    slow, fast = (eeg, emg) if rates[0] <= rates[1] else (emg, eeg)
    time, other = slow["time"].values, fast["time"].values
    inside = (time >= other[0]) & (time <= other[-1])
    if inside.sum() < 2:
        raise ValueError(
            f"the recordings do not overlap: {time[0]:g}–{time[-1]:g} s and "
            f"{other[0]:g}–{other[-1]:g} s. Align their clocks: coupling.align(session)"
        )
    kept = usable(slow)[inside]
    moved = _resampled(usable(fast), other, time[inside], max(rates) / min(rates))
    x, y = (kept, moved) if slow is eeg else (moved, kept)
    return x, y, min(rates)


def usable(x: xr.DataArray) -> Floats:
    """Return (time, channel) with NaN for lost and invalid samples."""
    values = x.transpose("time", "channel").values.astype(np.float64)
    ok = np.isfinite(values)
    if "valid" in x.coords:
        ok &= x["valid"].values.astype(bool)[:, None]
    return np.where(ok, values, np.nan)


def _resampled(values: Floats, time: Floats, wanted: Floats, ratio: float) -> Floats:
    lost = ~np.isfinite(values)
    filled = np.where(lost, 0.0, values)
    reach = 2
    if ratio > 1.01:
        taps = 2 * round(TAPS * ratio / 2) + 1
        kernel = dsp.firwin(taps, 0.9 / ratio)
        filled = dsp.fftconvolve(filled, kernel[:, None], mode="same", axes=0)
        reach += taps // 2
    made = interpolate.CubicSpline(time, filled, axis=0)(wanted)
    counts = np.cumsum(np.pad(lost, ((1, 0), (0, 0))), axis=0)
    centre = np.searchsorted(time, wanted)
    first = np.clip(centre - reach, 0, len(time))
    last = np.clip(centre + reach, 0, len(time))
    return np.where(counts[last] - counts[first] > 0, np.nan, made)
