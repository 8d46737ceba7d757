"""Compute the envelope of a signal, and measure its level, peak and slopes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, Mask
from emgnb.filters import Chain, Envelope, HighPass

# Corner that removes offset and movement of the electrodes from raw EMG (Hz).
HIGH_PASS = 20.0
# Fractions of the amplitude between which a rise or a decay is timed.
LOW, HIGH = 0.2, 0.8
# Smallest share of the time before an event that must be free of others, to measure its baseline.
FREE = 0.5


@dataclass(frozen=True)
class Envelopes:
    """Envelopes of a recording; lost samples are NaN.

    Attributes
    ----------
    values : (time, channel)
    rate, start : Hz, and time of the first sample in s
    channel, muscle, side : of each channel
    units : of the values
    """

    values: Floats
    rate: float
    start: float
    channel: tuple[str, ...]
    muscle: tuple[str, ...]
    side: tuple[str, ...]
    units: str

    def row(self, time: float) -> int:
        """Return the first sample at or after a time, within the recording."""
        row = math.ceil((time - self.start) * self.rate - 1e-6)
        return min(max(row, 0), len(self.values))

    def rows(self, begin: float, end: float) -> slice:
        """Return the samples in [begin, end)."""
        return slice(self.row(begin), self.row(end))


def envelope_of(x: xr.DataArray | xr.DataTree, cutoff: float) -> xr.DataArray:
    """Return an envelope unchanged, and the zero-phase envelope of raw or rectified EMG.

    Raw EMG that was not filtered, according to its history, is high-passed first.

    Raises
    ------
    ValueError : channels of several kinds
    """
    x = recording.emg(x)
    kinds = sorted({str(kind) for kind in x["signal_kind"].values})
    if len(kinds) > 1:
        raise ValueError(
            f"the channels are {', '.join(kinds)}: select those of one kind, such as "
            "x.sel(channel=x['signal_kind'] == 'raw')"
        )
    if kinds == ["envelope"]:
        return x
    filtered = any(step["step"] == "filter" for step in recording.history(x))
    steps = (HighPass(HIGH_PASS),) if kinds == ["raw"] and not filtered else ()
    return Chain(*steps, Envelope(cutoff))(x)


def envelopes(x: xr.DataArray | xr.DataTree, cutoff: float) -> Envelopes:
    """Return the envelopes of a signal or session."""
    recording.need_positive(cutoff=cutoff)
    x = envelope_of(x, cutoff)
    values = np.asarray(x.transpose("time", "channel").values, dtype=np.float64)
    values = np.where(x["valid"].values[:, np.newaxis], values, np.nan)
    return Envelopes(
        values=values,
        rate=recording.sampling_rate(x),
        start=float(x["time"].isel(time=0)) if len(values) else 0.0,
        channel=tuple(map(str, x["channel"].values)),
        muscle=tuple(map(str, x["muscle"].values)),
        side=tuple(map(str, x["side"].values)),
        units=recording.unit_of(x),
    )


def busy(e: Envelopes, intervals: Floats) -> Mask:
    """Return which samples lie in one of the intervals (interval, 2), in s."""
    found = np.zeros(len(e.values), dtype=bool)
    for begin, end in intervals:
        found[e.rows(begin, end)] = True
    return found


def level_before(e: Envelopes, channel: int, onset: float, rest: float, taken: Mask) -> float:
    """Return the median in the `rest` s before `onset`, without samples that are taken or lost.

    NaN if less than half of the time is left.
    """
    rows = e.rows(onset - rest, onset)
    values = e.values[rows, channel][~taken[rows]]
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size >= FREE * rest * e.rate else float("nan")


@dataclass(frozen=True)
class Size:
    """Amplitude and peak above the baseline, and the sample of the peak (-1 if unknown)."""

    baseline: float
    amplitude: float
    peak: float
    apex: int


def held(values: Floats) -> float:
    """Return the median of the values that exceed half of the largest; the largest if not positive.

    The envelope of a held contraction fluctuates, so its peak grows with the duration and is
    reached at a random time.
    """
    peak = float(values.max())
    return float(np.median(values[values >= 0.5 * peak])) if peak > 0 else peak


def size_in(e: Envelopes, channel: int, begin: float, end: float, baseline: float) -> Size:
    """Return the size of an event in [begin, end).

    All are NaN if a sample is lost or the baseline is NaN.
    """
    rows = e.rows(begin, end)
    values = e.values[rows, channel] - baseline
    if not values.size or np.isnan(values).any():
        return Size(baseline, float("nan"), float("nan"), -1)
    return Size(baseline, held(values), float(values.max()), rows.start + int(values.argmax()))


def rise(values: Floats, baseline: float, amplitude: float) -> float:
    """Return the samples that `values` take from 20 to 80 % of the amplitude, up to their end.

    From the last sample below 20 % to the first above 80 % after it, with linear interpolation.
    NaN if the values do not come from below 20 %, or if lost samples lie between.
    """
    gaps = np.flatnonzero(np.isnan(values))
    values = values[gaps[-1] + 1 :] if gaps.size else values
    low, high = (baseline + share * amplitude for share in (LOW, HIGH))
    above = np.flatnonzero(values >= high)
    below = np.flatnonzero(values[: above[0]] <= low) if above.size else above
    if not below.size:
        return float("nan")
    first, last = int(below[-1]), int(above[0])
    return _crossing(values, last - 1, high) - _crossing(values, first, low)


def _crossing(values: Floats, row: int, level: float) -> float:
    step = values[row + 1] - values[row]
    return float(row + (level - values[row]) / step) if step else float(row)


def words(values: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """Return texts as an array, also if there are none."""
    found = np.asarray(values, dtype=str)
    return found if found.size else np.empty(0, dtype="<U1")


def joined(interval: Floats, label: npt.NDArray[np.str_]) -> list[tuple[float, float, str]]:
    """Join overlapping intervals; the label is that of the first one that has one."""
    found: list[tuple[float, float, str]] = []
    for i in np.argsort(interval[:, 0], kind="stable"):
        onset, offset = (float(t) for t in interval[i])
        if found and onset < found[-1][1]:
            begun, ended, word = found[-1]
            found[-1] = begun, max(ended, offset), word or str(label[i])
        else:
            found.append((onset, offset, str(label[i])))
    return found
