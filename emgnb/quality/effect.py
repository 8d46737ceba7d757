"""What a chain of filters does to a recording: what is gained, and what of the muscle is lost.

A filter that looks good on a plot may have taken what it should keep. `effect` measures both sides
of it channel by channel; `doubts` says in words which step of a chain costs muscle, and which takes
nothing that is there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import filters, recording, spectra
from emgnb.quality import bands
from emgnb.quality.measuring import report

Array = npt.NDArray[np.float64]

# Share of the muscle's power that a step may take before a word is said.
TAKEN = 0.25
OF_MAINS = (filters.Notch, filters.MainsFit, filters.MainsInterpolation, filters.MainsTracker)


def effect(before: xr.DataArray, after: xr.DataArray) -> xr.Dataset:
    """Measure a recording before and after filtering, channel by channel.

    Parameters
    ----------
    before, after : (time, channel) of the same channels and times, at a uniform rate

    Returns
    -------
    Dataset over `channel`: `snr_before`, `snr_after` (dB) and `mains_before`, `mains_after` (shares
    of power), see `report`; `kept`, the share of the power between 20 and 450 Hz, mains lines left
    out, that is still there. NaN where a figure makes no sense, as of an envelope. attrs: mains_hz

    Raises
    ------
    TypeError, ValueError : no signals, or of other channels or lengths
    """
    for x in (before, after):
        recording.need_signal(x)
    if before.sizes != after.sizes or not np.array_equal(before["channel"], after["channel"]):
        raise ValueError(
            f"before is {dict(before.sizes)} of {', '.join(map(str, before['channel'].values))}, "
            f"after {dict(after.sizes)} of {', '.join(map(str, after['channel'].values))}: they "
            "must be one recording"
        )
    one = report(before)
    mains = float(one.attrs["mains_hz"])
    two = report(after, mains=mains) if np.isfinite(mains) else report(after)
    kinds = [str(kind) for kind in after["signal_kind"].values]
    powers = [_muscle_power(x, mains) for x in (before, after)]
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(np.array(kinds) == "raw", powers[1] / powers[0], np.nan)
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
    """Say where a chain kills signal, or works for nothing, in this recording.

    Parameters
    ----------
    x : (time, channel) as recorded, raw; for other kinds there is nothing to say
    chain : see `filters.Chain`

    Returns
    -------
    A sentence each: a step that takes more than a quarter of the power between 20 and 450 Hz, a
    mains step where no mains is, mains that no step takes; empty when all is well

    Raises
    ------
    TypeError, ValueError : no signal, irregular time, or too short for a spectrum
    """
    recording.need_signal(x)
    rate = recording.sampling_rate(x)
    if {str(kind) for kind in x["signal_kind"].values} != {"raw"}:
        return []
    found = {mains: _excess(x, mains) for mains in bands.CANDIDATES if mains < rate / 2}
    there = max(found, key=lambda mains: found[mains][0], default=None)
    hum = there if there is not None and found[there][0] > found[there][1] else None
    said = _costly(x, chain, rate, hum)
    taken = [step for step in chain.steps if isinstance(step, OF_MAINS)]
    for step in taken:
        height, limit = found.get(step.mains, (-np.inf, 0.0))
        if height <= limit:
            other = f"; {hum:g} Hz does ({found[hum][0]:.0f} dB)" if hum is not None else ""
            said.append(
                f"{type(step).__name__}({step.mains:g}): no mains stands out at {step.mains:g} Hz "
                f"({height:.1f} dB over its surroundings){other}. What it takes is muscle."
            )
    if hum is not None and not taken and not _below(chain, hum, rate):
        said.append(
            f"{hum:g} Hz mains stands out by {found[hum][0]:.0f} dB and no step takes it: "
            f"add MainsFit({hum:g})."
        )
    return said


def _costly(x: xr.DataArray, chain: filters.Chain, rate: float, hum: float | None) -> list[str]:
    """Steps that take a large share of the muscle's power, by their response."""
    spectrum = spectra.spectrum(x, length=min(1.0, x.sizes["time"] / rate / 2))
    frequency = np.asarray(spectrum["frequency"].values, dtype=np.float64)
    inside = _inside(frequency, hum, rate)
    power = spectrum.transpose("frequency", "channel").values[inside].astype(np.float64)
    names = [str(name) for name in x["channel"].values]
    said = []
    for step in chain.steps:
        if not step.linear:
            break
        response = filters.Chain(step).response(rate, frequency=frequency[inside])
        gain = 10 ** (response["magnitude_zero_phase"].values / 10)
        total = power.sum(axis=0)
        taken = 1 - np.divide(gain @ power, total, out=np.ones(len(names)), where=total > 0)
        worst = int(np.argmax(taken))
        if taken[worst] > TAKEN:
            said.append(
                f"{step!r} takes {100 * taken[worst]:.0f} % of {names[worst]}'s power between 20 "
                "and 450 Hz, where the muscle is"
                + ("." if len(names) == 1 else f" (median of all {100 * np.median(taken):.0f} %).")
            )
    return said


def _muscle_power(x: xr.DataArray, mains: float) -> Array:
    rate = recording.sampling_rate(x)
    spectrum = spectra.spectrum(x, length=min(1.0, x.sizes["time"] / rate / 2))
    inside = _inside(spectrum["frequency"].values, mains, rate)
    return np.asarray(
        spectrum.transpose("frequency", "channel").values[inside].sum(axis=0), dtype=np.float64
    )


def _inside(frequency: Array, mains: float | None, rate: float) -> npt.NDArray[np.bool_]:
    """Frequencies of the muscle, those of mains and its harmonics left out."""
    inside = (frequency >= bands.MOTION_HZ) & (frequency <= bands.EMG_HZ)
    if mains is None or not np.isfinite(mains):
        return inside
    resolution = float(frequency[1]) if frequency.size > 1 else 1.0
    width = max(2.0 * bands.MAINS_HALF_HZ, resolution)
    return inside & ~bands.mains_mask(frequency, mains, rate, width)


def _excess(x: xr.DataArray, mains: float) -> tuple[float, float]:
    """How far the fundamental stands out where it does most, and what chance gives at most, dB."""
    lines = filters.mains_lines(x, mains=mains)
    return float(lines.isel(frequency=0).max()), float(lines.attrs["stands_out"])


def _below(chain: filters.Chain, mains: float, rate: float) -> bool:
    """Whether the chain leaves less than a hundredth of the power at the mains frequency."""
    response = chain.response(rate, frequency=[mains])
    return float(response["magnitude_zero_phase"].min()) < -20.0
