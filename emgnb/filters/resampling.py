"""Change the sampling rate without aliasing and without filling gaps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal as dsp

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.filters import _cascade, _reading

_Run = Callable[[Floats, int, bool], Floats]

# Ratios of whole numbers up to this, such as 9947/10000, use one polyphase filter.
LARGEST = 20_000
# Half width of the anti-aliasing filter in samples of the slower rate, and its Kaiser window: 60 dB
# from half the slower rate on, flat up to 0.8 of it.
HALF_WIDTH = 20
KAISER = 6.0
EDGE = 0.9
# For other ratios, the filter is tabulated with this resolution and interpolated (error 1e-6);
# outputs computed together.
FINE, TOGETHER = 1024, 8192

# SciPy's stubs do not accept taps as `window`.
_polyphase: Any = dsp.resample_poly


def resample(x: xr.DataArray, rate: float) -> xr.DataArray:
    """Change the sampling rate of a recording with a linear-phase filter.

    An anti-aliasing filter removes frequencies above half the lower rate (from 0.8 of it on). Lost
    samples are bridged inside, and the result is NaN where the nearest original sample is lost.
    `valid` is False there, and where lost samples have a weight above 5 %. A higher rate adds no
    new frequencies.

    Parameters
    ----------
    x : (time, channel), uniform in time; `recording.uniform(x)` interpolates irregular samples
    rate : Hz; any. Ratios of whole numbers up to 20 000 are fastest

    Returns
    -------
    (time, channel) as `x`, with the same start time; coordinates along time other than `valid` are
    dropped

    Raises
    ------
    TypeError, ValueError : not a signal, not uniform, or `rate` is not a positive number

    References
    ----------
    Crochiere & Rabiner 1983, Multirate Digital Signal Processing

    Examples
    --------
    >>> from emgnb import filters, recording, simulate
    >>> x = filters.resample(simulate.face(duration=4)["emg/signal"], 500)
    >>> recording.sampling_rate(x)
    500.0
    """
    recording.need_signal(x, dims=("time",))
    recording.need_positive(rate=rate)
    before = recording.sampling_rate(x)
    if rate == before:
        return x
    table = _reading.table(x)
    n = len(table)
    run = _filter(before, float(rate), n)
    size = int(np.ceil(n * rate / before * (1.0 - 1e-9)))
    values = np.empty((size, table.shape[1]), dtype=np.float64, order="F")
    source = np.minimum(np.floor(np.arange(size) * (before / rate) + 0.5).astype(np.int64), n - 1)
    for i in range(table.shape[1]):
        column = table[:, [i]].astype(np.float64)
        missing = ~np.isfinite(column)
        values[:, i] = run(_cascade.bridge(column, missing)[:, 0], size, False)
        values[missing[source, 0], i] = np.nan
    lost = ~np.isfinite(table)
    gone = lost[:, ~lost.all(axis=0)].any(axis=1)
    valid = x["valid"].values.astype(bool) if "valid" in x.coords else np.ones(n, dtype=bool)
    # Output samples in which lost samples have a weight above 5 %.
    kept = valid[source]
    if gone.any():
        kept &= run(gone.astype(np.float64), size, True) <= _cascade.DISTURBED
    return _labelled(x, values, rate, kept, before)


def _filter(before: float, rate: float, n: int) -> _Run:
    """Return the filter between two rates: (column, size, use absolute weights) to column."""
    ratio = Fraction(rate / before).limit_denominator(LARGEST)
    up, down = ratio.numerator, ratio.denominator
    # Accept a ratio that is off by less than 0.001 samples at the end of the recording.
    exact = up > 0 and abs(float(ratio) * before / rate - 1) * n * rate / before < 1e-3
    if exact and max(up, down) <= LARGEST:
        taps = _taps(up, down)

        def by_phases(column: Floats, size: int, weigh: bool) -> Floats:
            window = np.abs(taps) if weigh else taps
            pad = {} if weigh else {"padtype": "line"}
            found = np.asarray(_polyphase(column, up, down, window=window, **pad))
            return np.pad(found, (0, max(size - found.size, 0)), mode="edge")[:size]

        return by_phases

    def anywhere(column: Floats, size: int, weigh: bool) -> Floats:
        return _anywhere(column, before / rate, size, weigh)

    return anywhere


def _anywhere(column: Floats, step: float, size: int, weigh: bool) -> Floats:
    """Return filtered values at 0, `step`, 2·`step`, … samples, from a tabulated filter."""
    slow = max(step, 1.0)
    reach = int(np.ceil(HALF_WIDTH * slow))
    fine = np.linspace(0.0, HALF_WIDTH, HALF_WIDTH * FINE + 1)
    window = np.i0(KAISER * np.sqrt(1.0 - np.square(fine / HALF_WIDTH)))
    kernel = np.sinc(EDGE * fine) * window
    ramp = np.linspace(column[0], column[-1], column.size) if not weigh else np.zeros(column.size)
    padded = np.pad(column - ramp, reach + 1)
    found = np.empty(size)
    around = np.arange(-reach, reach + 2)
    for begin in range(0, size, TOGETHER):
        place = np.arange(begin, min(begin + TOGETHER, size)) * step
        middle = np.minimum(np.floor(place).astype(np.int64), column.size - 1)
        apart = np.abs(around[np.newaxis, :] - (place - middle)[:, np.newaxis]) / slow
        weights = np.interp(apart, fine, kernel, right=0.0)
        weights /= weights.sum(axis=1, keepdims=True)
        samples = padded[middle[:, np.newaxis] + around + reach + 1]
        found[begin : begin + place.size] = np.einsum(
            "ij,ij->i", np.abs(weights) if weigh else weights, samples
        )
    slope = (ramp[-1] - ramp[0]) / max(column.size - 1, 1)
    line: Floats = ramp[0] + slope * step * np.arange(size)
    return found + line


def _taps(up: int, down: int) -> Floats:
    half = HALF_WIDTH * max(up, down)
    taps: Floats = dsp.firwin(2 * half + 1, EDGE / max(up, down), window=("kaiser", KAISER))
    return taps


def _labelled(
    x: xr.DataArray,
    values: Floats,
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
