"""Compute the measures of each channel from window counts, and why some are missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.quality import _bands
from emgnb.quality._clipping import Ends
from emgnb.quality._rows import first_rows
from emgnb.quality.limits import DEFINITIONS, LIMITS, SHAPE_RATE

# Percentiles of the windows' power taken as rest and as activity.
REST, ACTIVE = 10.0, 95.0
FEWEST_WINDOWS = 5


@dataclass
class Windows:
    """Measurements per window: (window, channel) arrays, in parts.

    `density` is the power of each frequency (frequency, channel), summed over windows of `size`
    rows; None if time is not uniform.
    """

    parts: list[dict[str, Floats]]
    density: Floats | None = None
    size: int = 0

    def joined(self, name: str) -> Floats:
        """Return one measurement of all windows."""
        return np.concatenate([part[name] for part in self.parts])


def assembled(
    x: xr.DataArray,
    over: Windows,
    close: Floats,
    ends: Ends,
    envelope: npt.NDArray[np.bool_],
    rate: float | None,
    window: float,
    pick: int,
    mains: float,
    stands_out: float,
    why_no_rate: str = "",
) -> xr.Dataset:
    """Assemble the measures as a Dataset; see `report`.

    `pick` is the index of `mains` among the candidates. `rate` is that of the uniform rows used for
    spectra, or None, with the reason in `why_no_rate`.
    """
    names = [str(name) for name in x["channel"].values]
    found = _Figures.counted(over, envelope)
    spectral = _no_spectrum(names, envelope, ends, rate, why_no_rate)
    shape = _no_shape(names, spectral, rate)
    whole_windows = 0
    if rate is None:
        power = np.where(envelope, np.square(over.joined("mean")), np.nan)
        found.leave_out("mains", "motion", "deformation")
    else:
        usable = np.array([name not in spectral for name in names])
        shaped = np.array([name not in shape for name in names])
        found.add_shares(over, pick, usable)
        found.add_deformation(over, rate, shaped)
        power = np.where(envelope, np.square(over.joined("mean")), over.joined("emg")[:, pick])
        whole_windows = int(np.isfinite(over.joined("total")).sum(axis=0).max())
    # A window in which the channel is stuck is not rest.
    power = np.where((found.course["flat"] > 0.5) & ~envelope, np.nan, power)
    found.whole["snr"], no_snr = _snr(power, _rounding(x), names, ends)
    why = {"mains": spectral, "motion": spectral, "deformation": shape, "snr": no_snr}
    kept = {name: c for name, c in x.coords.items() if c.dims == ("channel",)}
    made = xr.Dataset(
        _variables(found, why, str(x.attrs.get("units", "")), names, ends)
        | {"contact": _contacts(found.whole, names, envelope)},
        coords={
            **kept,
            "time": ("window", close, {"units": "s", "long_name": "end of the window"}),
        },
        attrs={
            "window_s": float(window),
            "rate": np.nan if rate is None else float(rate),
            "mains_hz": float(mains),
            "mains_stands_out": float(stands_out),
            "mains_chance": _bands.needle(whole_windows),
            "history": x.attrs.get("history", ""),
        },
    )
    return recording.with_history(
        made, "quality.report", window=window, mains=None if np.isnan(mains) else mains
    )


@dataclass
class _Figures:
    """Figures by name: `whole` (channel,) and `course` (window, channel)."""

    whole: dict[str, Floats]
    course: dict[str, Floats]

    @classmethod
    def counted(cls, over: Windows, envelope: npt.NDArray[np.bool_]) -> _Figures:
        """Compute the shares of counted samples, and the level."""
        rows, present = over.joined("rows"), over.joined("present")
        found = cls({}, {})
        with np.errstate(invalid="ignore", divide="ignore"):
            for name in ("clipped", "flat", "railed"):
                counted = over.joined(name)
                found.course[name] = counted / present
                found.whole[name] = counted.sum(axis=0) / present.sum(axis=0)
            found.course["dropped"] = 1.0 - present / rows
            found.whole["dropped"] = 1.0 - present.sum(axis=0) / rows.sum(axis=0)
        found.course["level"] = np.where(envelope, over.joined("mean"), over.joined("rms"))
        return found

    def leave_out(self, *names: str) -> None:
        """Set figures to NaN."""
        shape = self.course["dropped"].shape
        for name in names:
            self.course[name], self.whole[name] = np.full(shape, np.nan), np.full(shape[1], np.nan)

    def add_shares(self, over: Windows, pick: int, usable: npt.NDArray[np.bool_]) -> None:
        """Compute the shares of mains and motion in the power."""
        total = over.joined("total")
        parts = {"mains": over.joined("mains")[:, pick], "motion": over.joined("motion")}
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, part in parts.items():
                # The denominator is at least the mean power of all windows: at rest, mains and
                # drift dominate without being a fault. During a contraction it is the window's own
                # power, as part of the EMG lies in either band.
                mean = np.nansum(total, axis=0) / np.isfinite(total).sum(axis=0)
                share = np.maximum(part, 0.0) / np.maximum(total, mean)
                self.course[name] = np.where(usable, share, np.nan)
                sums = np.maximum(np.nansum(part, axis=0), 0.0) / np.nansum(total, axis=0)
                self.whole[name] = np.where(usable, sums, np.nan)

    def add_deformation(self, over: Windows, rate: float, shaped: npt.NDArray[np.bool_]) -> None:
        """Compute the deformation of the spectrum."""
        assert over.density is not None
        density = over.density
        frequency = np.fft.rfftfreq(over.size, 1.0 / rate)[:, np.newaxis]
        with np.errstate(invalid="ignore", divide="ignore"):
            self.course["deformation"] = np.where(shaped, over.joined("deformation"), np.nan)
            m0, m1, m2 = (np.sum(frequency**n * density, axis=0) for n in range(3))
            whole = np.sqrt(m2 / m0) / (m1 / m0)
        self.whole["deformation"] = np.where(shaped, whole, np.nan)


def _variables(
    found: _Figures, why: dict[str, dict[str, str]], units: str, names: list[str], ends: Ends
) -> dict[str, Any]:
    """Return the figures as variables of a Dataset, with definitions and reasons for NaN."""
    data: dict[str, Any] = {}
    for name, (long_name, unit, definition) in DEFINITIONS.items():
        attrs = {
            "long_name": long_name,
            "units": unit or units,
            "definition": definition,
            "not_measured": json.dumps(why.get(name, {}), ensure_ascii=False),
        }
        if name in found.whole:
            data[name] = ("channel", found.whole[name], attrs)
        if name in found.course:
            data[f"{name}_over_time"] = (("window", "channel"), found.course[name], attrs)
    places = np.stack([ends.low, ends.high], axis=1)
    data["clipped"][2]["ends"] = json.dumps(
        {
            n: [float(f"{v:.6g}") for v in p if np.isfinite(v)]
            for n, p in zip(names, places, strict=True)
        }
    )
    return data


def _contacts(
    whole: dict[str, Floats], names: list[str], envelope: npt.NDArray[np.bool_]
) -> tuple[str, npt.NDArray[np.str_], dict[str, str]]:
    """Return the contact of each channel as a variable of a Dataset."""
    said = [_contact(k, whole, envelope[k]) for k in range(len(names))]
    attrs = {
        "long_name": "contact, estimated",
        "definition": "good, fair, poor, none or unknown, estimated from the shares of mains, "
        "motion, flat and railed samples; the impedance was not measured",
        "reasons": json.dumps(dict(zip(names, (r for _, r in said), strict=True))),
    }
    return "channel", np.array([word for word, _ in said]), attrs


def _no_shape(names: list[str], spectral: dict[str, str], rate: float | None) -> dict[str, str]:
    """Return why channels have no deformation of the spectrum."""
    if rate is None or rate >= SHAPE_RATE:
        return dict(spectral)
    slow = f"at {rate:g} Hz, most of the EMG band (20–450 Hz) lies above half the rate"
    return dict.fromkeys(names, slow) | spectral


def _no_spectrum(
    names: list[str],
    envelope: npt.NDArray[np.bool_],
    ends: Ends,
    rate: float | None,
    why_no_rate: str,
) -> dict[str, str]:
    """Return why channels have no spectral measures; channels with measures are not included."""
    why: dict[str, str] = {}
    for k, name in enumerate(names):
        if rate is None:
            why[name] = f"time is not uniform: {why_no_rate}"
        elif envelope[k]:
            why[name] = "an envelope: mains and motion are part of its level"
        elif np.isnan(ends.least[k]):
            why[name] = "no samples"
        elif ends.constant[k]:
            why[name] = f"the channel is constant ({ends.least[k]:g})"
        elif rate <= 2.5 * _bands.MOTION_HZ:
            why[name] = f"{rate:g} Hz is too slow to separate motion and mains from EMG"
    return why


def _rounding(x: xr.DataArray) -> Floats:
    """Return the power of the rounding noise of each channel in units²; 0 if no step is visible."""
    some = first_rows(x, 20_000)
    out = np.zeros(x.sizes["channel"])
    for k in range(out.size):
        codes = np.unique(some[np.isfinite(some[:, k]), k])
        if 1 < codes.size < 0.2 * len(some):
            out[k] = np.diff(codes).min() ** 2 / 12.0
    return out


def _snr(
    power: Floats, floor: Floats, names: list[str], ends: Ends
) -> tuple[Floats, dict[str, str]]:
    out = np.full(len(names), np.nan)
    why: dict[str, str] = {}
    for k, name in enumerate(names):
        mine = power[np.isfinite(power[:, k]), k]
        if ends.constant[k] or np.isnan(ends.least[k]):
            why[name] = "the channel is constant or lost"
            continue
        if mine.size < FEWEST_WINDOWS:
            why[name] = (
                f"{mine.size} complete windows, {FEWEST_WINDOWS} are needed to distinguish "
                "rest from activity"
            )
            continue
        rest, active = np.percentile(mine, [REST, ACTIVE])
        if rest <= floor[k]:
            why[name] = "at rest the signal is below the resolution of the converter"
            continue
        if active <= rest:
            why[name] = "no window rises above rest"
            continue
        out[k] = 10.0 * np.log10((active - rest) / rest)
    return out, why


def _contact(k: int, whole: dict[str, Floats], envelope: bool) -> tuple[str, str]:
    """Return the estimated contact, and why."""
    share = {name: float(values[k]) for name, values in whole.items()}
    if not share["dropped"] < 1.0:
        return "unknown", "no samples"
    if share["railed"] > 0.5:
        return "none", f"railed in {100 * share['railed']:.0f} % of samples"
    if share["flat"] > 0.95:
        return "none", f"flat in {100 * share['flat']:.0f} % of samples"
    if envelope:
        return "unknown", "contact cannot be estimated from an envelope"
    if np.isnan(share["mains"]):
        return "unknown", "no spectrum is available"
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
