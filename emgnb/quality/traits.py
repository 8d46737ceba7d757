"""What kind of signal it is, and what is wrong with it: the sentences of a verdict."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal as dsp
from scipy import stats

from emgnb.quality import bands
from emgnb.quality.limits import LIMITS, SHAPE_RATE
from emgnb.quality.rows import first_rows

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Ripple above 20 Hz over the rise of the level: up to 0.17 in envelopes, 0.75 rectified, more raw.
RIPPLE = 0.25
RECTIFIED = (RIPPLE, 1.6)
# What is smooth over so long is no longer the EMG but its envelope.
SMOOTH_S = 0.02
# Density in the last fifth below half the rate, over that in the middle: -3 dB is no roll-off.
NO_ROLLOFF = 0.5
# A signal of few codes whose standard deviation is below two steps is mostly rounding; an envelope
# at rest may stand still, too, but moves through many.
FEW_CODES, FEW_STEPS = 64, 2.0


def kind_of(
    pieces: list[Array], fast: list[Array], value: Array, rate: float | None
) -> tuple[str, str]:
    """Whether stretches (row, channel) look "raw", "rectified" or "envelope", and why.

    Parameters
    ----------
    fast : the same stretches without what lies below 20 Hz
    value : (lag, channel) correlation with the row `lag` + 1 later
    """
    size = min(max(16, round(0.1 * (rate or 0.0))), max(map(len, pieces)))
    level, ripple = [], []
    for piece, quick in zip(pieces, fast, strict=True):
        count = len(piece) // size
        shape = (count, size, piece.shape[1])
        level.append(piece[: count * size].reshape(shape).mean(axis=1))
        ripple.append(quick[: count * size].reshape(shape).std(axis=1))
    levels_, ripples = np.concatenate(level), np.concatenate(ripple)
    joined = np.concatenate(pieces)
    span = np.ptp(joined, axis=0)
    above_zero = joined.min(axis=0) >= -0.02 * span
    low, middle, high = np.percentile(joined, [0.1, 50.0, 99.9], axis=0)
    # A raw channel never goes below 0 either where its converter sits at half the supply; but then
    # it rests there, while an envelope rests near 0.
    rests_low = np.percentile(joined, 5, axis=0) < 0.8 * np.percentile(joined, 99, axis=0)
    lopsided = middle - low < 0.35 * (high - middle)
    if rate is None or rate < 5.0 * bands.MOTION_HZ:
        smooth = float(np.median(value[0]))
        if above_zero.mean() > 0.5 and smooth > 0.6:
            return "envelope", (
                f"looks like an envelope: never below 0 and smooth, rows resemble the next "
                f"({smooth:.2f})"
            )
        return "raw", f"looks raw: rows resemble the next by {smooth:.2f} only, or go below 0"
    ratio = np.full(span.size, np.inf)
    follows = np.zeros(span.size)
    for k in range(span.size):
        busy = ripples[:, k] >= np.percentile(ripples[:, k], 90)
        rise = np.median(levels_[busy, k]) - np.percentile(levels_[:, k], 20)
        if rise > 0:
            ratio[k] = np.median(ripples[busy, k]) / rise
        if np.ptp(levels_[:, k]) > 0 and np.ptp(ripples[:, k]) > 0:
            follows[k] = stats.spearmanr(levels_[:, k], ripples[:, k]).statistic
    # What a muscle at rest shows is rounding and noise: the livelier half of the channels tells.
    with np.errstate(invalid="ignore", divide="ignore"):
        lively = np.ptp(levels_, axis=0) / np.median(ripples, axis=0)
    half = np.argsort(-np.nan_to_num(lively))[: (span.size + 1) // 2]
    typical, along = float(np.median(ratio[half])), float(np.median(follows[half]))
    times = f"{typical:.2f}" if typical < 10 else f"{typical:.0f}"
    figures = (
        f"what is faster than 20 Hz is {times} times the rise of the level where it is greatest, "
        f"and follows the level by {along:.2f}"
    )
    if np.mean(above_zero & lopsided) > 0.5:
        lag = min(max(round(SMOOTH_S * rate), 1), len(value))
        lasts = float(np.median(value[lag - 1]))
        if lasts > 0.3:
            return "envelope", (
                f"looks like an envelope: never below 0, mostly near its least value, and smooth "
                f"({lasts:.2f} between rows {1000 * lag / rate:.0f} ms apart)"
            )
    if np.mean((above_zero & rests_low)[half]) > 0.5 and along > 0.2:
        if typical < RIPPLE:
            return "envelope", f"looks like an envelope: never below 0, {figures}"
        if typical < RECTIFIED[1] and along > 0.7:
            return "rectified", f"looks rectified: never below 0, {figures}"
    return "raw", f"looks raw: {figures}"


def hums(made: xr.Dataset, rate: float | None) -> Array:
    """Frequencies in Hz at which mains and its harmonics stand, folded where they must be."""
    mains = float(made.attrs["mains_hz"])
    if rate is None or made.attrs["mains_stands_out"] < made.attrs["mains_chance"]:
        return np.array([])
    orders = np.arange(1, max(int(rate / 2 / mains), 1) + 1) * mains
    return np.asarray(np.abs(orders - rate * np.rint(orders / rate)))


def level_faults(made: xr.Dataset, x: xr.DataArray, names: list[str]) -> list[str]:
    """Sentences about lost, stuck, clipped and coarse channels, and about mains and motion."""
    found = []
    share = {name: made[name].values for name in LIMITS}
    found += _grouped("railed", names, share["railed"], 0.5, "stuck at an extreme")
    moving = ~(share["railed"] > 0.5)
    still = np.where(moving, share["flat"], 0.0)
    found += _grouped("flat", names, still, 0.95, "without any change")
    alive = moving & ~(still > 0.95)
    found += _grouped("missing values", names, share["dropped"], 0.0005, "lost or invalid")
    clipped = np.where(alive, share["clipped"], 0.0)
    ends = json.loads(made["clipped"].attrs["ends"])
    hit = [name for name, part in zip(names, clipped, strict=True) if part > LIMITS["clipped"][0]]
    places = sorted({value for name in hit for value in ends[name]})
    at = "at " + ", ".join(f"{v:g}" for v in places) if len(places) <= 4 else "at their ends"
    found += _grouped("clipped", names, clipped, LIMITS["clipped"][0], at)
    if made.attrs["mains_stands_out"] >= made.attrs["mains_chance"]:
        hum = np.where(alive, share["mains"], np.nan)
        found += _grouped(
            f"mains, {made.attrs['mains_hz']:g} Hz",
            names,
            hum,
            LIMITS["mains"][0],
            "of the power",
        )
    found += _grouped("motion", names, share["motion"], LIMITS["motion"][1], "of the power")
    return found + _coarse(x, names, alive)


def spectral_faults(
    names: list[str],
    stretches: list[Array],
    mains: Array,
    kind: str,
    rate: float | None,
) -> list[str]:
    """Sentences about power against half the rate, of raw EMG; `stretches` (row, channel)."""
    if rate is None or kind == "envelope":
        return []
    size = min(256, max(map(len, stretches)))
    density = np.zeros((size // 2 + 1, len(names)))
    for stretch in stretches:
        if len(stretch) >= size:
            frequency, power = dsp.welch(stretch, rate, nperseg=size, axis=0)
            density += power * len(stretch)
    # The last bin has half the freedom of the others, and whatever hums there.
    clean = np.abs(frequency[:, np.newaxis] - mains[np.newaxis, :]).min(
        axis=1, initial=np.inf
    ) > 1.5 * (rate / size)
    share = 2.0 * frequency / rate
    last = clean & (share >= 0.8) & (share < 0.99)
    middle = clean & (share >= 0.2) & (share < 0.8)
    if not last.any() or not middle.any():
        return []
    with np.errstate(invalid="ignore", divide="ignore"):
        falls = np.median(density[last], axis=0) / np.median(density[middle], axis=0)
    typical = float(np.nanmedian(falls))
    if rate >= SHAPE_RATE:
        if typical > NO_ROLLOFF:
            return [
                f"noise floor: power does not fall towards half the rate ({rate / 2:g} Hz), the "
                f"last fifth has {typical:.2f} of the density of the middle, and EMG ends at 450 Hz"
            ]
        return []
    if typical > NO_ROLLOFF:
        return [
            f"aliased: power does not fall towards half the rate ({rate / 2:g} Hz), the last fifth "
            f"has {typical:.2f} of the density of the middle; EMG reaches 450 Hz, and what lies "
            f"above {rate / 2:g} Hz was folded in or cut off sharply"
        ]
    return [
        f"slow: {rate:g} Hz shows only what lies below {rate / 2:g} Hz of EMG's 20 to 450 Hz; "
        f"power falls by {-10 * np.log10(max(typical, 1e-12)):.0f} dB towards the end"
    ]


def dead(made: xr.Dataset, names: list[str]) -> tuple[str, str]:
    """What a recording looks like in which no channel moves, and the evidence."""
    if np.all(made["dropped"].values >= 1.0):
        return "nothing: every sample is lost", f"{len(names)} channels without a sample"
    railed = made["railed"].values > 0.5
    word = "railed" if railed.any() else "flat"
    return (
        f"nothing connected ({word})",
        f"none of {len(names)} channels moves; {int(railed.sum())} stand at an extreme",
    )


def _grouped(word: str, names: list[str], share: Array, limit: float, what: str) -> list[str]:
    """One sentence for all channels with a share above the limit."""
    with np.errstate(invalid="ignore"):
        hit = np.flatnonzero(share > limit)
    if not hit.size:
        return []
    figures = 100 * share[hit]
    low, high = figures.min(), figures.max()
    span = f"{high:.3g} %" if high - low < 0.05 * high else f"{low:.3g} to {high:.3g} %"
    who = "all channels" if hit.size == len(names) > 1 else ", ".join(names[k] for k in hit)
    return [f"{word}: {who} ({span} {what})"]


def _coarse(x: xr.DataArray, names: list[str], alive: Mask) -> list[str]:
    found = []
    some = first_rows(x, 20_000)
    for k in np.flatnonzero(alive):
        mine = some[np.isfinite(some[:, k]), k]
        codes = np.unique(mine)
        if 1 < codes.size < min(FEW_CODES, 0.2 * mine.size):
            steps = float(np.median(np.abs(mine - np.median(mine)))) * 1.4826
            steps /= float(np.diff(codes).min())
            if steps < FEW_STEPS:
                found.append((names[k], codes.size))
    if not found:
        return []
    who = ", ".join(f"{name} {count}" for name, count in found)
    return [f"coarse: distinct values in use: {who}; most of the time it moves by a step or two"]
