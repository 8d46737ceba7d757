"""From what was counted in windows to the figures of each channel, and why one is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.quality import bands, levels
from emgnb.quality.limits import DEFINITIONS, LIMITS, SHAPE_RATE
from emgnb.quality.rows import first_rows

Array = npt.NDArray[np.float64]

# Percentiles of the windows' power that stand for rest and for activity.
REST, ACTIVE = 10.0, 95.0
FEWEST_WINDOWS = 5


@dataclass
class Windows:
    """What is measured in each window: (window, channel) arrays, joined part by part.

    `density` is the power of each frequency (frequency, channel), summed over windows of `size`
    rows; None where time is no uniform clock.
    """

    parts: list[dict[str, Array]]
    density: Array | None = None
    size: int = 0

    def joined(self, name: str) -> Array:
        """One figure of all windows."""
        return np.concatenate([part[name] for part in self.parts])


def assembled(
    x: xr.DataArray,
    over: Windows,
    close: Array,
    ends: levels.Ends,
    envelope: npt.NDArray[np.bool_],
    rate: float | None,
    window: float,
    pick: int,
    mains: float,
    stands_out: float,
) -> xr.Dataset:
    """Lay the figures out as a Dataset, see `report`; `pick` is the candidate that `mains` is."""
    names = [str(name) for name in x["channel"].values]
    rows, present = over.joined("rows"), over.joined("present")
    whole: dict[str, Array] = {}
    course: dict[str, Array] = {}
    why: dict[str, dict[str, str]] = {name: {} for name in DEFINITIONS}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name in ("clipped", "flat", "railed"):
            counted = over.joined(name)
            course[name] = counted / present
            whole[name] = counted.sum(axis=0) / present.sum(axis=0)
        course["dropped"] = 1.0 - present / rows
        whole["dropped"] = 1.0 - present.sum(axis=0) / rows.sum(axis=0)
    course["level"] = np.where(envelope, over.joined("mean"), over.joined("rms"))
    spectral = _no_spectrum(names, envelope, ends, rate)
    shape = dict(spectral)
    if rate is not None and rate < SHAPE_RATE:
        for name in names:
            shape.setdefault(
                name, f"at {rate:g} Hz most of EMG's 20 to 450 Hz lies above half the rate"
            )
    why["mains"] = why["motion"] = spectral
    why["deformation"] = shape
    whole_windows = 0
    blank = np.full(course["dropped"].shape, np.nan)
    usable = np.array([name not in spectral for name in names])
    shaped = np.array([name not in shape for name in names])
    power = np.square(over.joined("mean"))
    if rate is None:
        course |= {"mains": blank, "motion": blank, "deformation": blank}
        whole |= {n: np.full(len(names), np.nan) for n in ("mains", "motion", "deformation")}
        power = np.where(envelope, power, np.nan)
    else:
        total, hum, motion = (
            over.joined("total"),
            over.joined("mains")[:, pick],
            over.joined("motion"),
        )
        whole_windows = int(np.isfinite(total).sum(axis=0).max())
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, part in (("mains", hum), ("motion", motion)):
                # Over the mean power of all windows at least: a window at rest is nearly all mains
                # and drift by nature, which is no fault. Over its own power where that is more: in
                # a contraction the muscle's part in either band is no fault, either.
                mean = np.nansum(total, axis=0) / np.isfinite(total).sum(axis=0)
                course[name] = np.where(usable, part / np.maximum(total, mean), np.nan)
                whole[name] = np.where(
                    usable, np.nansum(part, axis=0) / np.nansum(total, axis=0), np.nan
                )
            course["deformation"] = np.where(shaped, over.joined("deformation"), np.nan)
            frequency = np.fft.rfftfreq(over.size, 1.0 / rate)[:, np.newaxis]
            assert over.density is not None
            density = over.density
            m0, m1, m2 = (np.sum(frequency**n * density, axis=0) for n in range(3))
            whole["deformation"] = np.where(shaped, np.sqrt(m2 / m0) / (m1 / m0), np.nan)
        power = np.where(envelope, power, over.joined("emg")[:, pick])
    # A stretch in which the channel is stuck is not rest.
    power = np.where((course["flat"] > 0.5) & ~envelope, np.nan, power)
    whole["snr"], why["snr"] = _snr(power, _rounding(x), names, ends)
    data: dict[str, Any] = {}
    for name, (long_name, unit, definition) in DEFINITIONS.items():
        attrs = {
            "long_name": long_name,
            "units": unit or str(x.attrs.get("units", "")),
            "definition": definition,
            "not_measured": json.dumps(why[name], ensure_ascii=False),
        }
        if name in whole:
            data[name] = ("channel", whole[name], attrs)
        if name in course:
            data[f"{name}_over_time"] = (("window", "channel"), course[name], attrs)
    places = np.stack([ends.low, ends.high], axis=1)
    data["clipped"][2]["ends"] = json.dumps(
        {
            n: [float(f"{v:.6g}") for v in p if np.isfinite(v)]
            for n, p in zip(names, places, strict=True)
        }
    )
    said = [_contact(k, whole, envelope[k]) for k in range(len(names))]
    data["contact"] = (
        "channel",
        np.array([word for word, _ in said]),
        {
            "long_name": "contact, estimated",
            "definition": "good, fair, poor, none or unknown, from the shares of mains and motion "
            "and from flat and railed stretches; an estimate, no impedance was measured",
            "reasons": json.dumps(dict(zip(names, (r for _, r in said), strict=True))),
        },
    )
    kept = {name: c for name, c in x.coords.items() if c.dims == ("channel",)}
    coords = {**kept, "time": ("window", close, {"units": "s", "long_name": "end of the window"})}
    made = xr.Dataset(
        data,
        coords=coords,
        attrs={
            "window_s": float(window),
            "rate": np.nan if rate is None else float(rate),
            "mains_hz": float(mains),
            "mains_stands_out": float(stands_out),
            "mains_chance": bands.needle(whole_windows),
            "history": x.attrs.get("history", ""),
        },
    )
    return recording.with_history(
        made, "quality.report", window=window, mains=None if np.isnan(mains) else mains
    )


def _no_spectrum(
    names: list[str], envelope: npt.NDArray[np.bool_], ends: levels.Ends, rate: float | None
) -> dict[str, str]:
    """Why a channel has no figures of frequency; channels that have are not in it."""
    why: dict[str, str] = {}
    for k, name in enumerate(names):
        if rate is None:
            why[name] = "time is no uniform clock: recording.uniform(x) lays the rows on one"
        elif envelope[k]:
            why[name] = "an envelope: its sensor has taken mains and motion into the level"
        elif np.isnan(ends.least[k]):
            why[name] = "no sample at all"
        elif ends.constant[k]:
            why[name] = f"the channel stands at {ends.least[k]:g} throughout"
        elif rate <= 2.5 * bands.MOTION_HZ:
            why[name] = f"{rate:g} Hz is too slow to tell motion and mains from muscle"
    return why


def _rounding(x: xr.DataArray) -> Array:
    """Power of the rounding noise of each channel, in units²; 0 where no step shows."""
    some = first_rows(x, 20_000)
    out = np.zeros(x.sizes["channel"])
    for k in range(out.size):
        codes = np.unique(some[np.isfinite(some[:, k]), k])
        if 1 < codes.size < 0.2 * len(some):
            out[k] = np.diff(codes).min() ** 2 / 12.0
    return out


def _snr(
    power: Array, floor: Array, names: list[str], ends: levels.Ends
) -> tuple[Array, dict[str, str]]:
    out = np.full(len(names), np.nan)
    why: dict[str, str] = {}
    for k, name in enumerate(names):
        mine = power[np.isfinite(power[:, k]), k]
        if ends.constant[k] or np.isnan(ends.least[k]):
            why[name] = "nothing moves"
            continue
        if mine.size < FEWEST_WINDOWS:
            why[name] = (
                f"{mine.size} whole windows with figures, {FEWEST_WINDOWS} are needed to tell "
                "rest from activity"
            )
            continue
        rest, active = np.percentile(mine, [REST, ACTIVE])
        if rest <= floor[k]:
            why[name] = (
                "at rest nothing is above the converter's rounding: no level to compare with"
            )
            continue
        if active <= rest:
            why[name] = "no window rises above rest"
            continue
        out[k] = 10.0 * np.log10((active - rest) / rest)
    return out, why


def _contact(k: int, whole: dict[str, Array], envelope: bool) -> tuple[str, str]:
    """Estimate of the contact, and why."""
    share = {name: float(values[k]) for name, values in whole.items()}
    if not share["dropped"] < 1.0:
        return "unknown", "no sample at all"
    if share["railed"] > 0.5:
        return "none", f"railed in {100 * share['railed']:.0f} % of samples"
    if share["flat"] > 0.95:
        return "none", f"flat in {100 * share['flat']:.0f} % of samples"
    if envelope:
        return "unknown", "an envelope does not show what its electrodes pick up"
    if np.isnan(share["mains"]):
        return "unknown", "no spectrum could be taken"
    reasons = [
        f"{name} is {100 * share[name]:.0f} % of the power"
        for name in ("mains", "motion")
        if share[name] >= LIMITS[name][0]
    ]
    reasons += [f"railed in {100 * share['railed']:.1f} % of samples"] * (share["railed"] > 0)
    bad = any(share[name] >= LIMITS[name][1] for name in ("mains", "motion", "railed"))
    if bad:
        return "poor", "; ".join(reasons)
    return ("fair", "; ".join(reasons)) if reasons else ("good", "little mains, little motion")
