"""The report: what is measured of each channel, as a whole and window by window."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.quality import bands, levels
from emgnb.quality.limits import DEFINITIONS, LIMITS, SHAPE_RATE
from emgnb.quality.rows import blocks, rate_of, signal_of, values_of

Array = npt.NDArray[np.float64]

BLOCK_ROWS = 131_072
# Percentiles of the windows' power that stand for rest and for activity.
REST, ACTIVE = 10.0, 95.0
FEWEST_WINDOWS = 5


@dataclass
class _Windows:
    """What is measured in each window: (window, channel) arrays, joined block by block."""

    parts: dict[str, list[Array]]
    density: Array | None = None
    size: int = 0

    def add(self, **values: Array) -> None:
        for name, value in values.items():
            self.parts.setdefault(name, []).append(value)

    def joined(self, name: str, axis: int = 0) -> Array:
        return np.concatenate(self.parts[name], axis=axis)


def report(
    x: xr.DataArray | xr.DataTree, *, window: float = 1.0, mains: float | str = "auto"
) -> xr.Dataset:
    """Measure the quality of each channel, as a whole and over time. Nothing is repaired.

    Parameters
    ----------
    x : (time, channel) or a session; any kind, any clock. Read in blocks, so that a lazy recording
        of a day fits into memory
    window : s; its inverse is the resolution in frequency. Rows that fill no window are left out
        of the course over time
    mains : 50 or 60 Hz, or "auto": whichever stands out more

    Returns
    -------
    Dataset with `snr` (dB), `mains`, `motion`, `clipped`, `flat`, `railed`, `dropped` (shares),
    `deformation` and `contact` (words: an estimate from the figures, no impedance) over `channel`;
    all but `snr` and `contact` again as `<name>_over_time` (window, channel), with `level` in the
    signal's unit; `time` is the end of a window in s. Each variable has its definition in `attrs`,
    and in `not_measured` (JSON, channel → reason) why a figure is NaN. Attributes: `mains_hz`,
    `mains_stands_out` (times its surroundings), `rate` (Hz, NaN with an irregular clock)

    Raises
    ------
    TypeError, ValueError : no signal; `window` or `mains` is no number above 0; no rows

    Notes
    -----
    NaN and invalid samples count as dropped; a window with one has no spectral figures. On an
    envelope the shares of mains and motion and the deformation say nothing and are NaN.
    """
    x = signal_of(x)
    recording.need_positive(window=window)
    if isinstance(mains, str) and mains != "auto":
        raise ValueError(f"mains={mains!r}, expected 50, 60 or 'auto'")
    if not isinstance(mains, str):
        recording.need_positive(mains=mains)
    if not x.sizes["time"]:
        raise ValueError("the signal has no rows: nothing can be measured")
    candidates = bands.CANDIDATES if isinstance(mains, str) else (float(mains),)
    rate = rate_of(x)
    kinds = [str(kind) for kind in x["signal_kind"].values] if "signal_kind" in x.coords else []
    envelope = np.array([kind == "envelope" for kind in kinds] or [False] * x.sizes["channel"])
    size = BLOCK_ROWS if rate is None else min(max(round(window * rate), 2), x.sizes["time"])
    step = max(BLOCK_ROWS // size, 1) * size

    ends = levels.find_ends(lambda: blocks(x, step))
    stuck = _stuck(x, ends)
    # The resting level of an envelope may lie below what its converter sees: cut off, not stuck.
    rails = replace(ends, low=np.where(envelope, np.nan, ends.low))
    if rate is None:
        over, close = _irregular(x, window, ends, rails, stuck)
        chosen, stands_out = (candidates[0] if not isinstance(mains, str) else np.nan), 0.0
        pick = 0
    else:
        over, close = _uniform(x, size, step, rate, candidates, ends, rails, stuck)
        frequency = np.asarray(np.fft.rfftfreq(size, 1.0 / rate), dtype=np.float64)
        assert over.density is not None
        found = [bands.prominence(over.density, frequency, f, rate) for f in candidates]
        pick = int(np.argmax(found))
        chosen, stands_out = candidates[pick], found[pick]
    return _assembled(x, over, close, ends, envelope, rate, window, pick, chosen, stands_out)


def _uniform(
    x: xr.DataArray,
    size: int,
    step: int,
    rate: float,
    candidates: tuple[float, ...],
    ends: levels.Ends,
    rails: levels.Ends,
    stuck: npt.NDArray[np.bool_],
) -> tuple[_Windows, Array]:
    """Measure whole windows of `size` rows; also when each ends, in s."""
    over = _Windows({}, size=size)
    hold = levels.hold_rows(rate)
    count = x.sizes["time"] // size
    for begin in range(0, count * size, step):
        end = min(begin + step, count * size)
        # A flat run may reach over the block's border.
        wide = values_of(x, begin - hold, end + hold)
        skip = min(begin, hold)
        still = levels.flat(wide, hold)[skip : skip + end - begin]
        values = wide[skip : skip + end - begin]
        cut = values.reshape(-1, size, values.shape[1])
        power = bands.measure(cut, rate, candidates)
        over.density = power.density + (0.0 if over.density is None else over.density)
        over.add(
            total=power.total,
            motion=power.motion,
            emg=power.emg.transpose(1, 0, 2),
            mains=power.mains.transpose(1, 0, 2),
            deformation=power.deformation,
            **_counts(cut, still.reshape(cut.shape), ends, rails, stuck),
        )
    index = np.minimum((np.arange(count) + 1) * size, x.sizes["time"]) - 1
    last = np.asarray(x["time"].isel(time=index).values, dtype=np.float64)
    return over, last + 1.0 / rate


def _irregular(
    x: xr.DataArray,
    window: float,
    ends: levels.Ends,
    rails: levels.Ends,
    stuck: npt.NDArray[np.bool_],
) -> tuple[_Windows, Array]:
    """Measure what needs no clock, in windows of the time stamps; rows lost are counted by rate."""
    over = _Windows({})
    time = np.asarray(x["time"].values, dtype=np.float64)
    try:
        rate = recording.measured_rate(x)
    except ValueError:
        rate = 0.0
    span = float(np.nanmax(time) - np.nanmin(time)) if time.size else 0.0
    # Stamps that leap must not make millions of windows.
    count = max(min(int(span / window) + 1, 100_000), 1)
    place = np.clip(((time - np.nanmin(time)) / window).astype(np.int64), 0, count - 1)
    order = np.argsort(place, kind="stable")
    borders = np.searchsorted(place[order], np.arange(count + 1))
    hold = levels.hold_rows(rate)
    values = values_of(x, 0, x.sizes["time"])
    still = levels.flat(values, hold)
    full = rate * window
    for k in range(count):
        rows = order[borders[k] : borders[k + 1]]
        got = _counts(values[np.newaxis, rows], still[np.newaxis, rows], ends, rails, stuck)
        # Jitter moves rows from one window to the next; a hole is more than that.
        if k < count - 1 and rows.size < 0.8 * full - 2:
            got["rows"] = np.full_like(got["rows"], full)
        over.add(**got)
    return over, np.nanmin(time) + window * (np.arange(count) + 1)


def _counts(
    cut: Array,
    still: npt.NDArray[np.bool_],
    ends: levels.Ends,
    rails: levels.Ends,
    stuck: npt.NDArray[np.bool_],
) -> dict[str, Array]:
    """Counts of samples in windows (window, sample, channel), and their level."""
    there = np.isfinite(cut)
    beyond = ends.beyond(cut)
    present = there.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, cut, 0.0).sum(axis=1) / present
        about = np.where(there, cut - mean[:, np.newaxis, :], 0.0)
        rms = np.sqrt(np.square(about).sum(axis=1) / present)
    return {
        "rows": np.full(present.shape, float(cut.shape[1])),
        "present": present,
        "clipped": beyond.sum(axis=1).astype(np.float64),
        "flat": still.sum(axis=1).astype(np.float64),
        "railed": (still & (rails.beyond(cut) | stuck)).sum(axis=1).astype(np.float64),
        "mean": mean,
        "rms": rms,
    }


def _stuck(x: xr.DataArray, ends: levels.Ends) -> npt.NDArray[np.bool_]:
    """Which constant channels stand at an end rather than at just some value.

    0 is where an unused input of a converter rests, or the end of one; only the counts of a raw
    sensor, which rests in the middle, tell.
    """
    value = ends.greatest
    reach = np.fmax(np.abs(ends.greatest), np.abs(ends.least))
    others = np.where(ends.constant, -np.inf, reach)
    beyond = np.abs(value) > 2.0 * max(float(others.max(initial=-np.inf)), 0.0)
    if x.attrs.get("units") == "count":
        codes = np.isin(value, [2.0**bits - 1 for bits in (8, 10, 12, 14, 16)])
        raw = np.array([str(kind) == "raw" for kind in x["signal_kind"].values])
        return np.asarray(ends.constant & (codes | (raw & (value == 0.0) & (ends.least == 0.0))))
    return np.asarray(ends.constant & beyond & (value != 0.0))


def _assembled(
    x: xr.DataArray,
    over: _Windows,
    close: Array,
    ends: levels.Ends,
    envelope: npt.NDArray[np.bool_],
    rate: float | None,
    window: float,
    pick: int,
    mains: float,
    stands_out: float,
) -> xr.Dataset:
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
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, part in (("mains", hum), ("motion", motion)):
                # Over the mean power of all windows: a window at rest is nearly all mains and drift
                # by nature, which is no fault.
                mean = np.nansum(total, axis=0) / np.isfinite(total).sum(axis=0)
                course[name] = np.where(usable, part / mean, np.nan)
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
    some = values_of(x, 0, 20_000)
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
