"""Average signals and their power around onsets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import fft

from emgnb import recording
from emgnb._arrays import Floats

Span = tuple[float, float]
# Standard deviations of a wavelet after which it counts as zero.
REACH = 3.5


def event_locked(
    x: xr.DataArray,
    onsets: npt.ArrayLike | xr.Dataset,
    *,
    before: float = 0.5,
    after: float = 1.0,
    baseline: Span | None = None,
) -> xr.Dataset:
    """Average a signal around onsets.

    Onsets are rounded to the nearest sample. Lost and invalid samples, and those outside the
    recording, are left out, sample by sample.

    Parameters
    ----------
    x : (time, channel) at a uniform rate
    onsets : times in s, or an event table with `onset`, such as bursts
    before, after : s
    baseline : (first, last) in s relative to the onset; the mean of each event over it is
        subtracted. Events without a valid sample in it are left out

    Returns
    -------
    `mean`, `sem` (standard error of the mean; NaN for fewer than two events) and `n` (number of
    events), each (lag, channel); `lag` in s

    Raises
    ------
    TypeError, ValueError : not a uniform signal (time, channel); no onset within the recording; or
        the baseline lies outside the window
    """
    pieces, lag = cut_around(x, _values(x), onsets, before, after)
    if baseline is not None:
        inside = _baseline(lag, baseline)
        pieces = pieces - _mean(pieces[:, inside], axis=1)[:, None]
    return _summary(x, pieces, lag, ("lag", "channel"), {}, "event_locked", x.attrs.get("units"))


def event_power(
    x: xr.DataArray,
    onsets: npt.ArrayLike | xr.Dataset,
    frequencies: Sequence[float] | Floats,
    *,
    before: float = 0.5,
    after: float = 1.0,
    baseline: Span | None = None,
    cycles: float = 7.0,
) -> xr.Dataset:
    """Average the power around onsets by time and frequency, in dB.

    Power is that of Morlet wavelets; their duration is `cycles` / (2π × frequency) (standard
    deviation), so that low frequencies are smeared in time. Values that a wavelet draws from lost
    samples or from outside the recording are left out. Power above 20 Hz at the scalp is largely
    that of muscles.

    Parameters
    ----------
    x, onsets, before, after : see `event_locked`
    frequencies : Hz, above 0 and below half the sampling rate
    baseline : (first, last) in s relative to the onset; the mean dB over it and over all events is
        subtracted for each frequency and channel. Without it, dB are relative to `units` squared
    cycles : width of the wavelets

    Returns
    -------
    `mean` and `sem` in dB, and `n`, each (frequency, lag, channel)

    Raises
    ------
    TypeError, ValueError : as for `event_locked`, or a frequency out of range

    References
    ----------
    Tallon-Baudry 1996, doi:10.1523/JNEUROSCI.16-13-04240.1996
    """
    recording.need_positive(cycles=cycles)
    rate = recording.sampling_rate(recording.emg(x))
    wanted = np.atleast_1d(np.asarray(frequencies, dtype=np.float64))
    if not (np.all(wanted > 0) and np.all(wanted < rate / 2)):
        raise ValueError(
            f"frequencies from {wanted.min():g} to {wanted.max():g} Hz, expected above 0 and below "
            f"half the sampling rate ({rate / 2:g} Hz)"
        )
    values = _values(x)
    each = []
    for frequency in wanted:
        power = _wavelet_power(values, rate, float(frequency), cycles)
        cut, lag = cut_around(x, power, onsets, before, after)
        with np.errstate(divide="ignore"):
            each.append(10 * np.log10(np.where(cut > 0, cut, np.nan)))
    pieces = np.stack(each, axis=1)
    if baseline is not None:
        inside = _baseline(lag, baseline)
        pieces = pieces - _mean(pieces[:, :, inside], axis=(0, 2))[None, :, None]
    frequency = {"frequency": ("frequency", wanted, {"units": "Hz"})}
    dims = ("frequency", "lag", "channel")
    return _summary(x, pieces, lag, dims, frequency, "event_power", "dB")


def _values(x: xr.DataArray) -> Floats:
    """Return (time, channel) with NaN for lost and invalid samples."""
    x = recording.emg(x)
    values = x.transpose("time", "channel").values.astype(np.float64)
    usable = np.isfinite(values)
    if "valid" in x.coords:
        usable &= x["valid"].values.astype(bool)[:, None]
    return np.where(usable, values, np.nan)


def cut_around(
    x: xr.DataArray,
    values: Floats,
    onsets: npt.ArrayLike | xr.Dataset,
    before: float,
    after: float,
) -> tuple[Floats, Floats]:
    """Return (event, lag, channel), NaN outside the recording, and the lags in s."""
    recording.need_positive(before=before, after=after)
    rate = recording.sampling_rate(x)
    table = onsets["onset"].values if isinstance(onsets, xr.Dataset) else onsets
    start = float(x["time"][0])
    at = (np.atleast_1d(np.asarray(table, dtype=np.float64)) - start) * rate
    inside = np.isfinite(at) & (at > -0.5) & (at < len(values) - 0.5)
    if not inside.any():
        raise ValueError(
            f"none of {at.size} onsets lies within the recording "
            f"({start:g}–{start + (len(values) - 1) / rate:g} s)"
        )
    steps = np.arange(-round(before * rate), round(after * rate) + 1)
    rows = np.rint(at[inside]).astype(np.int64)[:, None] + steps
    there = (rows >= 0) & (rows < len(values))
    cut = values[np.clip(rows, 0, len(values) - 1)]
    return np.where(there[:, :, None], cut, np.nan), steps / rate


def _baseline(lag: Floats, span: Span) -> npt.NDArray[np.bool_]:
    first, last = span
    inside = (lag >= first - 1e-9) & (lag <= last + 1e-9)
    if not first < last or not inside.any():
        raise ValueError(
            f"baseline={span}: expected (first, last) in s, relative to the onset, within "
            f"{lag[0]:g} to {lag[-1]:g} s"
        )
    return inside


def _mean(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Return the mean of finite values; NaN where there is none."""
    n = np.isfinite(values).sum(axis=axis)
    return np.asarray(np.nansum(values, axis=axis) / np.where(n, n, np.nan))


def _wavelet_power(values: Floats, rate: float, frequency: float, cycles: float) -> Floats:
    spread = cycles / (2 * np.pi * frequency)
    half = int(np.ceil(REACH * spread * rate))
    t = np.arange(-half, half + 1) / rate
    envelope = np.exp(-0.5 * (t / spread) ** 2)
    # A tone of amplitude a has the power a²/2.
    wavelet = np.sqrt(2) * envelope / envelope.sum() * np.exp(2j * np.pi * frequency * t)
    size = fft.next_fast_len(len(values) + 2 * half)
    lost = ~np.isfinite(values)
    filled = np.where(lost, 0.0, values - _mean(values, axis=0))
    made = fft.ifft(fft.fft(filled, size, axis=0) * fft.fft(wavelet, size)[:, None], axis=0)
    power = np.abs(made[half : half + len(values)]) ** 2
    # The number of lost samples, or samples outside, below each wavelet.
    count = np.cumsum(np.pad(lost, ((half + 1, half), (0, 0)), constant_values=True), axis=0)
    return np.where(count[2 * half + 1 :] - count[: -2 * half - 1] > 0, np.nan, power)


def _summary(
    x: xr.DataArray,
    pieces: Floats,
    lag: Floats,
    dims: tuple[str, ...],
    coords: dict[str, tuple[str, Floats, dict[str, str]]],
    step: str,
    units: str | None,
) -> xr.Dataset:
    n = np.isfinite(pieces).sum(axis=0)
    mean = _mean(pieces, axis=0)
    squares = np.nansum((pieces - mean) ** 2, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        sem = np.where(n > 1, np.sqrt(squares / (n - 1) / n), np.nan)
    made = xr.Dataset(
        {
            "mean": (dims, mean, {"units": units or ""}),
            "sem": (dims, sem, {"units": units or ""}),
            "n": (dims, n),
        },
        coords={
            **coords,
            "lag": ("lag", lag, {"units": "s"}),
            "channel": x["channel"].values,
        },
        attrs={"history": x.attrs.get("history", "")},
    )
    return recording.with_history(made, step, events=len(pieces))
