"""Measure the effect of a filter chain on a recording.

A filter that looks good on a plot may remove EMG. `effect` measures gain and loss per channel.
`doubts` describes which steps of a chain remove EMG, and which remove nothing that is present.
"""

from __future__ import annotations

from collections.abc import Container
from itertools import takewhile

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import filters, recording, spectra
from emgnb._arrays import Floats
from emgnb.quality import _bands
from emgnb.quality.reporting import report

# Share of EMG power that a step may remove without a warning: a mains step, and any other step.
TAKEN_LINES, TAKEN = 0.05, 0.1
OF_MAINS = (filters.Notch, filters.MainsFit, filters.MainsInterpolation, filters.MainsTracker)


def effect(before: xr.DataArray, after: xr.DataArray) -> xr.Dataset:
    """Compare a recording before and after filtering, channel by channel.

    Parameters
    ----------
    before, after : (time, channel) with the same channels and times, at a uniform rate

    Returns
    -------
    Dataset over `channel`: `snr_before`, `snr_after` (dB) and `mains_before`, `mains_after` (shares
    of power), see `report`; `kept`, the retained share of EMG power between 20 and 450 Hz, where
    the EMG at mains lines is estimated from their neighbours, see `report`. NaN where a measure is
    undefined, for example for envelopes. attrs: mains_hz

    Raises
    ------
    TypeError, ValueError : not signals, or different channels or lengths

    Examples
    --------
    >>> from emgnb import filters, quality, simulate
    >>> x = simulate.face(duration=6, seed=1)["emg/signal"]
    >>> sorted(quality.effect(x, filters.Chain(filters.BandPass(20, 450))(x)))
    ['kept', 'mains_after', 'mains_before', 'snr_after', 'snr_before']
    """
    for x in (before, after):
        recording.need_signal(x)
    if before.sizes != after.sizes or not np.array_equal(before["channel"], after["channel"]):
        raise ValueError(
            f"before is {dict(before.sizes)} of {', '.join(map(str, before['channel'].values))}, "
            f"after {dict(after.sizes)} of {', '.join(map(str, after['channel'].values))}: they "
            "must have the same channels and times"
        )
    one = report(before)
    mains = float(one.attrs["mains_hz"])
    two = report(after, mains=mains) if np.isfinite(mains) else report(after)
    kinds = [str(kind) for kind in after["signal_kind"].values]
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(np.array(kinds) == "raw", _kept(before, after, mains), np.nan)
    said = {"snr": ("dB", one["snr"], two["snr"]), "mains": ("1", one["mains"], two["mains"])}
    made = xr.Dataset(
        {
            f"{name}_{when}": ("channel", x.values, {"units": units})
            for name, (units, *both) in said.items()
            for when, x in zip(("before", "after"), both, strict=True)
        }
        | {"kept": ("channel", kept, {"units": "1"})},
        coords={name: c for name, c in before.coords.items() if c.dims == ("channel",)},
        attrs={"mains_hz": mains},
    )
    return made.assign_coords(signal_kind=("channel", kinds))


def doubts(x: xr.DataArray, chain: filters.Chain) -> list[str]:
    """Describe where a chain removes EMG or has no effect, in this recording.

    Parameters
    ----------
    x : (time, channel) as recorded, raw; for other kinds the result is empty
    chain : see `filters.Chain`

    Returns
    -------
    One sentence for each step that removes more than 10 % of the EMG power between 20 and 450 Hz (a
    mains step: 5 %), for each mains step without mains, and for mains that no step removes; empty
    without problems

    Raises
    ------
    TypeError, ValueError : not a signal, irregular time, or too short for a spectrum

    Examples
    --------
    >>> from emgnb import filters, quality, simulate
    >>> x = simulate.face(duration=6, seed=1)["emg/signal"]
    >>> for each in quality.doubts(x, filters.Chain(filters.HighPass(100))):
    ...     print(each)
    HighPass(cutoff=100, order=4) removes 67 % of corrugator_l's power between 20 and 450 Hz, the
    band of EMG (median of all 65 %).
    """
    recording.need_signal(x)
    rate = recording.sampling_rate(x)
    if {str(kind) for kind in x["signal_kind"].values} != {"raw"}:
        return []
    found = {mains: _excess(x, mains) for mains in _bands.CANDIDATES if mains < rate / 2}
    there = max(found, key=lambda mains: found[mains][0], default=None)
    hum = there if there is not None and found[there][0] > found[there][1] else None
    taken = [step for step in chain.steps if isinstance(step, OF_MAINS)]
    heights = {step: found.get(step.mains, (-np.inf, 0.0)) for step in taken}
    idle = {step: height for step, (height, limit) in heights.items() if height <= limit}
    cost = _costs(x, chain, rate, hum)
    said = [sentence for step, (share, sentence) in cost.items() if _much(step, share, idle)]
    for step, height in idle.items():
        other = f"; at {hum:g} Hz it does ({found[hum][0]:.0f} dB)" if hum is not None else ""
        share = f", up to {100 * cost[step][0]:.0f} %" if step in cost else ""
        said.append(
            f"{type(step).__name__}({step.mains:g}): no mains stands out at {step.mains:g} Hz "
            f"({height:.1f} dB above its surroundings){other}. The step removes EMG only{share}."
        )
    if hum is not None and not taken and not _below(chain, hum, rate):
        said.append(
            f"{hum:g} Hz mains stands out by {found[hum][0]:.0f} dB and no step removes it: "
            f"add MainsFit({hum:g})."
        )
    return said


def _much(step: filters.Step, share: float, idle: Container[filters.Step]) -> bool:
    """Whether a step removes enough EMG for a sentence of its own."""
    return step not in idle and share > (TAKEN_LINES if isinstance(step, OF_MAINS) else TAKEN)


def _costs(
    x: xr.DataArray, chain: filters.Chain, rate: float, hum: float | None
) -> dict[filters.Step, tuple[float, str]]:
    """Return the largest share of a channel's EMG that each step removes, with a sentence."""
    spectrum = spectra.spectrum(x, length=min(1.0, x.sizes["time"] / rate / 2))
    frequency = np.asarray(spectrum["frequency"].values, dtype=np.float64)
    power = _muscle(spectrum.transpose("frequency", "channel").values, frequency, hum, rate)
    inside = (frequency >= _bands.MOTION_HZ) & (frequency <= _bands.EMG_HZ)
    total = power[inside].sum(axis=0)
    names = [str(name) for name in x["channel"].values]
    found = {}
    for step in takewhile(lambda step: step.linear, chain.steps):
        response = filters.Chain(step).response(rate, frequency=frequency[inside])
        gain = 10 ** (response["magnitude_zero_phase"].values / 10)
        left = np.divide(gain @ power[inside], total, out=np.ones(len(names)), where=total > 0)
        worst = int(np.argmin(left))
        sentence = (
            f"{step!r} removes {100 * (1 - left[worst]):.0f} % of {names[worst]}'s power between "
            "20 and 450 Hz, the band of EMG"
        )
        if len(names) > 1:
            sentence += f" (median of all {100 * (1 - np.median(left)):.0f} %)"
        if isinstance(step, filters.Notch):
            sentence += f"; MainsFit({step.mains:g}) removes less"
        found[step] = (float(1 - left[worst]), f"{sentence}.")
    return found


def _kept(before: xr.DataArray, after: xr.DataArray, mains: float) -> Floats:
    """Return the retained share of EMG power, channel by channel."""
    rate = recording.sampling_rate(before)
    length = min(1.0, before.sizes["time"] / rate / 2)
    both = [spectra.spectrum(x, length=length) for x in (before, after)]
    frequency = np.asarray(both[0]["frequency"].values, dtype=np.float64)
    had, left = (x.transpose("frequency", "channel").values for x in both)
    muscle = _muscle(had, frequency, mains, rate)
    inside = (frequency >= _bands.MOTION_HZ) & (frequency <= _bands.EMG_HZ)
    hum = _hum(frequency, mains, rate)[:, np.newaxis]
    # Power of a line beyond the estimated EMG is mains.
    left = np.where(hum, np.minimum(left, muscle), left)
    return np.asarray(left[inside].sum(axis=0) / muscle[inside].sum(axis=0))


def _muscle(
    power: npt.NDArray[np.floating], frequency: Floats, mains: float | None, rate: float
) -> Floats:
    """Return power (frequency, channel) with mains lines replaced by their neighbours."""
    made: Floats = power.astype(np.float64)
    hum = _hum(frequency, mains, rate)
    if hum.any() and not hum.all():
        level = [np.interp(frequency[hum], frequency[~hum], each) for each in _smooth(made, hum)]
        made[hum] = np.stack(level, axis=1)
    return made


def _smooth(power: Floats, hum: npt.NDArray[np.bool_]) -> Floats:
    """Return power (channel, frequency) without mains, averaged over five frequencies."""
    clear = power[~hum].T
    wide = np.pad(clear, ((0, 0), (2, 2)), mode="edge")
    smooth: Floats = np.lib.stride_tricks.sliding_window_view(wide, 5, axis=1).mean(axis=-1)
    return smooth


def _hum(frequency: Floats, mains: float | None, rate: float) -> npt.NDArray[np.bool_]:
    """Return which frequencies are mains and its harmonics, with spectral leakage."""
    if mains is None or not np.isfinite(mains):
        return np.zeros(frequency.size, dtype=bool)
    resolution = float(frequency[1]) if frequency.size > 1 else 1.0
    return _bands.mains_mask(frequency, mains, rate, max(2.0 * _bands.MAINS_HALF_HZ, resolution))


def _excess(x: xr.DataArray, mains: float) -> tuple[float, float]:
    """Return the maximum excess of the fundamental over channels, and that of chance, in dB."""
    lines = filters.mains_lines(x, mains=mains)
    return float(lines.isel(frequency=0).max()), float(lines.attrs["stands_out"])


def _below(chain: filters.Chain, mains: float, rate: float) -> bool:
    """Whether the chain leaves less than 1 % of the power at the mains frequency."""
    response = chain.response(rate, frequency=[mains])
    return float(response["magnitude_zero_phase"].min()) < -20.0
