"""Another sampling rate for a recording, without folding frequencies and without filling gaps."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal as dsp

from emgnb import recording
from emgnb.filters import engine, suits

# The two rates must be as whole numbers up to this: 1000 to 994.7 Hz is 9947/10000.
LARGEST = 20_000
# Samples of the slower rate on either side that the anti-folding filter sees, and its Kaiser
# window, 60 dB down from half the slower rate on, flat up to 0.8 of it.
HALF_WIDTH = 20
KAISER = 6.0
EDGE = 0.9

# SciPy's stubs do not know that taps may be given as `window`.
_polyphase: Any = dsp.resample_poly


def resample(x: xr.DataArray, rate: float) -> xr.DataArray:
    """Bring a recording to another sampling rate by one linear-phase polyphase filter.

    What lies above half the lower rate is filtered out first (from 0.8 of it on), so nothing folds.
    Lost samples are bridged inside and lost again in the result: NaN where the nearest original
    sample is; `valid` is False there, and where lost samples weigh more than 5 %. Only a faster
    clock comes of a higher rate, no new frequencies.

    Parameters
    ----------
    x : (time, channel), uniform in time
    rate : Hz; with the rate of `x` it must make a ratio of whole numbers up to 20 000

    Returns
    -------
    (time, channel) as `x`, beginning at the same time; coordinates along time other than `valid`
    are dropped

    Raises
    ------
    TypeError, ValueError : no signal, not uniform, or a ratio that is no ratio of small numbers

    References
    ----------
    Crochiere & Rabiner 1983, Multirate Digital Signal Processing
    """
    recording.need_signal(x, dims=("time",))
    recording.need_positive(rate=rate)
    before = recording.sampling_rate(x)
    ratio = Fraction(rate / before).limit_denominator(LARGEST)
    if abs(float(ratio) * before / rate - 1) > 1e-9 or ratio.numerator > LARGEST:
        raise ValueError(
            f"{rate:g} Hz from {before:g} Hz is no ratio of whole numbers up to {LARGEST}: take "
            f"{float(ratio) * before:.9g} Hz ({ratio.numerator}/{ratio.denominator})"
        )
    up, down = ratio.numerator, ratio.denominator
    if up == down:
        return x
    table = suits.table(x)
    n = len(table)
    size = -(-n * up // down)
    taps = _taps(up, down)
    values = np.empty((size, table.shape[1]), dtype=np.float64, order="F")
    source = np.minimum((np.arange(size) * down + up // 2) // up, n - 1)
    for i in range(table.shape[1]):
        column = table[:, [i]].astype(np.float64)
        missing = ~np.isfinite(column)
        column = engine.bridge(column, missing)[:, 0]
        values[:, i] = _polyphase(column, up, down, window=taps, padtype="line")
        values[missing[source, 0], i] = np.nan
    lost = ~np.isfinite(table)
    gone = lost[:, ~lost.all(axis=0)].any(axis=1)
    valid = x["valid"].values.astype(bool) if "valid" in x.coords else np.ones(n, dtype=bool)
    kept = valid[source] & ~_weigh(gone, taps, up, down, size)
    return _labelled(x, values, rate, kept, before)


def _taps(up: int, down: int) -> npt.NDArray[np.float64]:
    half = HALF_WIDTH * max(up, down)
    taps: npt.NDArray[np.float64] = dsp.firwin(
        2 * half + 1, EDGE / max(up, down), window=("kaiser", KAISER)
    )
    return taps


def _weigh(
    gone: npt.NDArray[np.bool_], taps: npt.NDArray[np.float64], up: int, down: int, size: int
) -> npt.NDArray[np.bool_]:
    """Samples of the result in which lost ones weigh more than 5 %."""
    if not gone.any():
        return np.zeros(size, dtype=bool)
    weight = _polyphase(gone.astype(float), up, down, window=np.abs(taps))
    return np.asarray(weight > engine.DISTURBED)


def _labelled(
    x: xr.DataArray,
    values: npt.NDArray[np.float64],
    rate: float,
    valid: npt.NDArray[np.bool_],
    before: float,
) -> xr.DataArray:
    turned = x.transpose("time", ...)
    start = float(x["time"].isel(time=0))
    index = recording.TimeIndex.uniform(start, 1.0 / rate, len(values))
    kept = {name: coord for name, coord in x.coords.items() if "time" not in coord.dims}
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
    made = xr.DataArray(
        values.astype(dtype).reshape(len(values), *turned.shape[1:]),
        dims=turned.dims,
        coords=xr.Coordinates.from_xindex(index),
        name=x.name,
        attrs=x.attrs,
    ).assign_coords({**kept, "valid": ("time", valid)})
    made = recording.with_history(made, "resample", rate=float(rate), was=before)
    return made.transpose(*x.dims)
