"""How fast a recording runs: its rate read from its time stamps, and irregular rows laid out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.recording.model import signal, with_history
from emgnb.recording.need import need_positive, need_signal
from emgnb.recording.rules import CHANNEL_COORDS
from emgnb.recording.timeindex import TimeIndex

# Share of a step by which uniform time stamps may miss their place: float64 rounding, not jitter.
UNIFORM = 1e-3


def sampling_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Sampling rate in Hz, read from `time`.

    Raises
    ------
    TypeError : neither a signal nor a Dataset with `time`
    ValueError : time runs backwards, or its steps are not uniform (says the measured rate), or
        there are fewer than two stamps (a computed `time` knows its rate without any)
    """
    index = _index_of(x)
    if isinstance(index, TimeIndex):
        if index.step <= 0:
            raise ValueError("time runs backwards: x.sortby('time') turns it round")
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
            "Lay the samples on a uniform clock first: recording.uniform(x)."
        )
    return float(f"{1.0 / step:.12g}")


def measured_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Sampling rate in Hz that most of the recording's seconds show, whatever its stamps are like.

    The median number of rows in a second finds the regime, the mean step within it the figure. A
    stale buffer read at the start, pauses and jitter do not move it; stamps in whole seconds give
    rows per second.

    Raises
    ------
    TypeError : neither a signal nor a Dataset with `time`
    ValueError : fewer than two stamps, or all the same
    """
    index = _index_of(x)
    if isinstance(index, TimeIndex):
        return sampling_rate(x)
    time = _time_of(x)
    span = time[-1] - time[0]
    if not span > 0:
        raise ValueError(f"all {time.size} time stamps are {time[0]:g} s: no rate can be measured")
    # Only seconds with rows are counted: a stamp that leaps by years must not cost their memory.
    _, rows = np.unique(np.floor(time - time[0]), return_counts=True)
    busy = float(rows.size)
    typical = float(np.median(rows[1:-1] if rows.size > 3 else rows))
    coarse = typical if typical > 1 else time.size / span
    steps = np.diff(time)
    usual = steps[(steps > 0.5 / coarse) & (steps < 1.5 / coarse)]
    return float(1.0 / usual.mean()) if usual.sum() > 0.5 * min(busy, span) else coarse


def uniform(x: xr.DataArray, *, rate: float | None = None) -> xr.DataArray:
    """Lay irregular samples on a uniform clock, each at its nearest place, and count the rest.

    Nothing is interpolated: a place no sample came near stays NaN and invalid, and of several rows
    for one place (a stale buffer, a burst of late rows) the last is kept, the others counted in
    `history`.

    Parameters
    ----------
    x : (time, channel) with time stamps in s, in order; what is marked invalid stays so
    rate : Hz; measured by default, and not lower: leaving samples out would fold frequencies

    Returns
    -------
    (time, channel) float32, uniform

    Raises
    ------
    TypeError, ValueError : no signal (time, channel); time runs backwards or leaps (more than 99 %
        of the places would be empty); or `rate` is below the measured one
    """
    need_signal(x)
    time = _time_of(x)
    if np.any(np.diff(time) < 0):
        raise ValueError("time runs backwards: sort the rows or cut the recording there first")
    measured = measured_rate(x)
    if rate is None:
        rate = measured
    need_positive(rate=rate)
    rate = float(rate)
    if rate < 0.8 * measured:
        raise ValueError(
            f"rate={rate:g} Hz would leave out most samples of a recording of {measured:.4g} Hz "
            "and fold its frequencies: leave rate away"
        )
    places = (time[-1] - time[0]) * rate + 1
    if places > 100 * time.size + 1000:
        raise ValueError(
            f"{time.size} rows from {time[0]:g} to {time[-1]:g} s are spread over {places:.3g} "
            f"places at {rate:.4g} Hz: the time stamps leap; cut the recording there first"
        )
    place = np.rint((time - time[0]) * rate).astype(np.int64)
    last = np.append(np.diff(place) > 0, True)
    values = np.full((int(place[-1]) + 1, x.sizes["channel"]), np.nan, dtype=np.float32)
    values[place[last]] = x.transpose("time", "channel").values[last]
    valid = np.zeros(len(values), dtype=bool)
    valid[place[last]] = x["valid"].values[last]
    made = signal(
        values,
        rate=rate,
        start=float(time[0]),
        units=x.attrs["units"],
        channel=[str(name) for name in x["channel"].values],
        valid=valid,
        lost=int(np.isnan(values).all(axis=1).sum()),
        **{name: x[name].values.tolist() for name in CHANNEL_COORDS},
    )
    made.attrs = {**x.attrs, **made.attrs, "history": x.attrs.get("history", "")}
    return with_history(
        made, "uniform", rate=rate, rows=time.size, doubled=int(np.count_nonzero(~last))
    )


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
