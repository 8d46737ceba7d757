"""Determine sampling rates from time stamps, and interpolate irregular samples."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.recording import _interpolation
from emgnb.recording._rates import rate_of_stamps
from emgnb.recording.arguments import need_positive, need_signal
from emgnb.recording.checks import CHANNEL_COORDS
from emgnb.recording.model import signal, with_history
from emgnb.recording.timeindex import TimeIndex

# Maximum deviation of uniform time stamps (fraction of a step): float64 rounding, not jitter.
UNIFORM = 1e-3


def sampling_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Return the sampling rate in Hz, from `time`.

    Raises
    ------
    TypeError : neither a signal nor a Dataset with `time`
    ValueError : time runs backwards, its steps are not uniform (the message states the measured
        rate), or there are fewer than two stamps (a `TimeIndex` has a rate without any)

    Examples
    --------
    >>> from emgnb import recording
    >>> x = recording.signal([[0.0], [1.0], [2.0]], rate=997.3, units="uV")
    >>> recording.sampling_rate(x)
    997.3
    """
    index = _index_of(x)
    if isinstance(index, TimeIndex):
        if index.step <= 0:
            raise ValueError("time runs backwards. Sort it: x.sortby('time')")
        return float(f"{1.0 / index.step:.12g}")
    time = _time_of(x)
    steps = np.diff(time)
    step = (time[-1] - time[0]) / steps.size
    off = np.abs(time - (time[0] + step * np.arange(time.size))).max()
    if not step > 0 or off > UNIFORM * step:
        odd = int(np.count_nonzero(np.abs(steps - step) > UNIFORM * abs(step)))
        raise ValueError(
            f"time is not uniform: {odd} of {steps.size} steps differ from the mean step; the "
            f"measured rate is about {measured_rate(x):.4g} Hz. "
            "Interpolate the samples onto a uniform clock first: recording.uniform(x)."
        )
    return float(f"{1.0 / step:.12g}")


def measured_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Estimate the sampling rate in Hz from time stamps, which may be irregular.

    Row numbers and time stamps are regressed over typical parts of the recording, so that pauses,
    stale rows, rows that arrive in batches, jitter and coarse stamps do not bias the estimate. It
    is rounded if a rounder number fits equally well. Its error, measured on simulated clocks:

    - at most 0.5 % from 200 rows on with jitter up to 45 % of a period;
    - at most 2.5 % at 50 rows without many pauses;
    - up to 1.5 % at 200 rows if the clock ticks in whole seconds;
    - up to 4 % if the clock does a random walk;
    - 2 to 6 % if 2 % of the rows are lost and jitter exceeds 20 % of a period. Up to that, lost
      rows are distinguished from jitter; above it, the estimate is the rate of received rows.

    Raises
    ------
    TypeError : neither a signal nor a Dataset with `time`
    ValueError : fewer than two stamps, or all equal

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import recording
    >>> time = np.cumsum(np.random.default_rng(0).normal(0.01, 0.001, 500))
    >>> x = recording.signal(np.zeros((500, 1)), time=time, units="V", signal_kind="envelope")
    >>> recording.measured_rate(x)
    100.56
    """
    index = _index_of(x)
    if isinstance(index, TimeIndex):
        return sampling_rate(x)
    time = _time_of(x)
    if not np.ptp(time) > 0:
        raise ValueError(f"all {time.size} time stamps are {time[0]:g} s, so no rate follows")
    return rate_of_stamps(np.sort(time))


def uniform(x: xr.DataArray, *, rate: float | None = None) -> xr.DataArray:
    """Interpolate irregular samples onto a uniform clock by cubic splines, and estimate the error.

    The time stamps are taken as the times of sampling. Rows that arrived together (less than a
    tenth of a period apart) are spread over the time since the previous row. Rows that do not fit
    into that time, such as those of a stale buffer, are dropped. A step of 1.95 periods or more is
    a gap: NaN and invalid, except within half a period of a sample.

    The error is estimated by leaving out every second sample, and then three of four. In tests the
    estimate is within a factor of three of the true error for smooth signals, and within a factor
    of five for signals that resemble noise. Splines cannot reproduce oscillations
    faster than about a third of the rate. If sampling is regular and only the stamps are late,
    interpolation does more harm than good; assign a uniform clock instead:
    `x.assign_coords(time=np.arange(n) / rate)`.

    Parameters
    ----------
    x : (time, channel) with sorted time stamps in s; NaN and invalid samples become gaps
    rate : Hz; measured by default. A rate below 80 % of the measured one is an error, because it
        would cause aliasing; apply `filters.resample` to the result instead

    Returns
    -------
    (time, channel) float32, uniform; `history` holds the rate in Hz, the number of `rows`, how many
    of them were `spread` and `left_out`, and the `error` of each channel in standard deviations. A
    uniform signal is returned unchanged

    Raises
    ------
    TypeError, ValueError : not a signal (time, channel); time runs backwards or jumps (more than
        99 % of the positions would be empty); or `rate` is below 80 % of the measured one

    Warns
    -----
    UserWarning : the error is at least a tenth of a channel's standard deviation

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import recording
    >>> time = np.cumsum(np.random.default_rng(0).normal(0.01, 0.001, 500))
    >>> x = recording.signal(np.sin(time)[:, None], time=time, units="V", signal_kind="envelope")
    >>> even = recording.uniform(x, rate=100)
    >>> recording.sampling_rate(even)
    100.0
    >>> bool(abs(even[:, 0] - np.sin(even.time)).max() < 0.02)
    True
    """
    need_signal(x)
    if rate is None and _is_uniform(x):
        return x
    time = _time_of(x)
    if np.any(np.diff(time) < 0):
        raise ValueError("time runs backwards. Sort the rows, or cut the recording there")
    measured = measured_rate(x)
    rate = measured if rate is None else rate
    need_positive(rate=rate)
    rate = float(rate)
    if rate < 0.8 * measured:
        raise ValueError(
            f"rate={rate:g} Hz would drop most samples of a recording at {measured:.4g} Hz "
            f"and cause aliasing. Use filters.resample(recording.uniform(x), {rate:g})"
        )
    places = (time[-1] - time[0]) * rate + 1
    if places > 100 * time.size + 1000:
        raise ValueError(
            f"{time.size} rows from {time[0]:g} to {time[-1]:g} s would fill {places:.3g} "
            f"samples at {rate:.4g} Hz: the time stamps jump. Cut the recording at the "
            "jump"
        )
    table = x.transpose("time", "channel").values.astype(np.float64)
    usable = np.isfinite(table) & x["valid"].values.astype(bool)[:, np.newaxis]
    found = _interpolation.instants(time, measured)
    table = np.where(usable, table, np.nan)[found.kept]
    start = float(found.time[0])
    grid = start + np.arange(int((time[-1] - start) * rate + _interpolation.HIT) + 1) / rate
    values = _interpolation.at_places(found.time, table, grid, measured)
    missed = _interpolation.error(found.time, table, measured)
    return _laid(x, values, rate, start, found, missed)


def _laid(
    x: xr.DataArray,
    values: npt.NDArray[np.float64],
    rate: float,
    start: float,
    found: _interpolation.Instants,
    missed: npt.NDArray[np.float64],
) -> xr.DataArray:
    """Return interpolated values as a signal like `x`, with the step in its history."""
    names = [str(name) for name in x["channel"].values]
    made = signal(
        values,
        rate=rate,
        start=start,
        units=x.attrs["units"],
        channel=names,
        lost=int(np.isnan(values).all(axis=1).sum()),
        **{name: x[name].values.tolist() for name in CHANNEL_COORDS},
    )
    made.attrs = {**x.attrs, **made.attrs, "history": x.attrs.get("history", "")}
    doubtful = [
        f"{name} {each:.2g}"
        for name, each in zip(names, missed, strict=True)
        if each >= _interpolation.DOUBTFUL
    ]
    if doubtful:
        warnings.warn(
            "interpolation is uncertain: its error in standard deviations of the channel "
            f"is about {', '.join(doubtful)}. Oscillations faster than a third of "
            f"{rate:.4g} Hz cannot be interpolated from irregular samples.",
            stacklevel=3,
        )
    return with_history(
        made,
        "uniform",
        rate=rate,
        rows=int(found.kept.size),
        spread=found.spread,
        left_out=int(np.count_nonzero(~found.kept)),
        error={
            name: None if np.isnan(each) else float(f"{each:.2g}")
            for name, each in zip(names, missed, strict=True)
        },
    )


def _is_uniform(x: xr.DataArray) -> bool:
    try:
        sampling_rate(x)
    except ValueError:
        return False
    return True


def _index_of(x: xr.DataArray | xr.Dataset) -> xr.Index | None:
    if not isinstance(x, xr.Dataset):
        need_signal(x, dims=())
    return x.xindexes.get("time")


def _time_of(x: xr.DataArray | xr.Dataset) -> npt.NDArray[np.float64]:
    if "time" not in x.coords:
        raise ValueError(f"no coordinate `time`; found {sorted(map(str, x.coords))}")
    time = np.asarray(x["time"].values, dtype=np.float64)
    if time.size < 2:
        raise ValueError(f"{time.size} samples: a rate needs at least two")
    return time
