"""Determine the signal kind, and describe faults of levels and spectra."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal as dsp
from scipy import stats

from emgnb._arrays import Floats, Mask
from emgnb.quality import _bands
from emgnb.quality._rows import first_rows
from emgnb.quality.limits import LIMITS, SHAPE_RATE

# Ripple above 20 Hz relative to the rise of the level: up to 0.17 in envelopes, 0.75 in rectified
# signals, more in raw ones.
RIPPLE = 0.25
# Ripple beyond which its ratio to a level that hardly rises is no figure.
MANY = 1e4
RECTIFIED = (RIPPLE, 1.6)
# Lag (s) and correlation at which a signal is an envelope.
SMOOTH_S, SMOOTH = 0.01, 0.3
# The same between rows at a rate too low for spectra, and how far the tails must differ.
SMOOTH_ROWS, TAILS = 0.6, 1.4
# Rows of a window for its skewness, least skewness of rectified EMG, and 5th percentile over median
# from which rectified rows were averaged.
SHAPE_ROWS, SKEW, AVERAGED = 64, 0.08, 0.2
# Of an envelope that rests most of the time: 5th over 99th percentile at most, and correlation of
# samples `SMOOTH_S` apart in its most active windows, which have so many lags at least. Rectified
# EMG reaches 0.2.
NEAR_ZERO, RISING, RISING_LAGS, MOST_WINDOWS = 0.25, 0.8, 16, 400
# Correlation below which a signal declared as envelope, never below 0, is not one.
DENIED = 0.1
# Density in the top fifth of the band relative to the middle: at −3 dB there is no roll-off.
NO_ROLLOFF = 0.5
# A signal with few codes and a standard deviation below two steps is mostly rounding. Envelopes at
# rest may be constant, too, but use many codes.
FEW_CODES, FEW_STEPS = 64, 2.0


def kind_of(
    pieces: list[Floats], fast: list[Floats], value: Floats, rate: float | None, declared: str
) -> tuple[str, str]:
    """Return the kind of pieces (row, channel), and why.

    Parameters
    ----------
    pieces : rows as recorded, as interpolation smooths them
    fast : the same pieces without frequencies below 20 Hz
    value : (lag, channel) correlation with the row `lag` + 1 later
    rate : Hz, of an irregular clock the mean
    declared : declared kind; a declared envelope is accepted unless the data contradict it

    Returns
    -------
    "raw", "rectified", "envelope" or "undetermined", and a sentence
    """
    joined = np.concatenate(pieces)
    low, middle, high = np.percentile(joined, [0.1, 50.0, 99.9], axis=0)
    # A percentile, because interpolated samples overshoot near steps.
    above_zero = low >= -0.02 * np.ptp(joined, axis=0)
    # Raw EMG from a converter at half the supply is never below 0 either, but rests at that offset;
    # an envelope rests near 0.
    rests_low = np.percentile(joined, 5, axis=0) < 0.8 * np.percentile(joined, 99, axis=0)
    lopsided = middle - low < 0.35 * (high - middle)
    lag = min(max(round(SMOOTH_S * (rate or 0.0)), 1), len(value))
    lasts = float(np.median(value[lag - 1]))
    # Raw EMG is never both above 0 and mostly near its minimum.
    if np.mean(above_zero & lopsided) > 0.5 and lasts > SMOOTH:
        apart = f"{1000 * lag / rate:.0f} ms apart" if rate is not None else "in a row"
        return "envelope", (
            f"looks like an envelope: never below 0, mostly near its minimum, and smooth "
            f"({lasts:.2f} between samples {apart})"
        )
    if declared == "envelope" and above_zero.mean() > 0.5 and lasts > DENIED:
        return "envelope", f"an envelope as declared: never below 0 and smooth ({lasts:.2f})"
    if rate is None or rate < 5.0 * _bands.MOTION_HZ:
        smooth = float(np.median(value[0]))
        return _slow_kind(joined, above_zero & rests_low, smooth, rate is not None)
    near_zero = above_zero & (
        np.percentile(joined, 5, axis=0) < NEAR_ZERO * np.percentile(joined, 99, axis=0)
    )
    # At rest an envelope is noise of the converter, so the windows with the largest rises decide.
    rising = _rising(pieces, max(round(SMOOTH_S * rate), 1)) if near_zero.mean() > 0.5 else 0.0
    if np.mean(near_zero & lopsided) > 0.5 and rising > RISING:
        return "envelope", (
            f"looks like an envelope: never below 0, mostly near its minimum, and smooth where it "
            f"rises ({rising:.2f} between samples {1000 * SMOOTH_S:.0f} ms apart)"
        )
    size = min(max(16, round(0.1 * rate)), max(map(len, pieces)))
    level, ripple = _levels(pieces, size), _ripples(fast, size)
    kind, why = _fast_kind(level, ripple, above_zero & rests_low, _one_sided(pieces))
    leans = middle - low < 0.8 * (high - middle)
    if kind == "raw" and rising > RISING and np.mean(near_zero & leans) > 0.5:
        return "undetermined", (
            f"kind undetermined (an envelope, or raw EMG with motion): {why}, but values are never "
            f"below 0, and smooth where they change most ({rising:.2f})"
        )
    return kind, why


def _cut(pieces: list[Floats], size: int) -> Floats:
    """Return windows (window, row, channel) of pieces."""
    return np.concatenate(
        [p[: len(p) // size * size].reshape(-1, size, p.shape[1]) for p in pieces]
    )


def _levels(pieces: list[Floats], size: int) -> Floats:
    return np.asarray(_cut(pieces, size).mean(axis=1))


def _ripples(pieces: list[Floats], size: int) -> Floats:
    return np.asarray(_cut(pieces, size).std(axis=1))


def _rising(pieces: list[Floats], lag: int) -> float:
    """Return the correlation of samples `lag` rows apart within the most active windows."""
    size = max(SHAPE_ROWS, RISING_LAGS * lag)
    if max(map(len, pieces)) < size:
        return 0.0
    windows = _cut(pieces, size)
    windows = windows[:: -(-len(windows) // MOST_WINDOWS)]
    spread = windows.std(axis=1)
    busy = spread >= np.quantile(spread, 0.75, axis=0)
    early, late = (
        part - part.mean(axis=1, keepdims=True) for part in (windows[:, :-lag], windows[:, lag:])
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = (early * late).sum(axis=1) / np.sqrt(
            np.square(early).sum(axis=1) * np.square(late).sum(axis=1)
        )
    return float(
        np.median([_middle(each[mine]) for each, mine in zip(alike.T, busy.T, strict=True)])
    )


def _one_sided(pieces: list[Floats]) -> tuple[float, float]:
    """Measure the shape of the distribution within the most active windows of 64 rows.

    Returns
    -------
    skew : by quantiles; 0 raw, 0.28 rectified, 0.14 an average of ten rectified rows
    floor : 5th percentile over median; 0.09 rectified, 0.45 an average of four rectified rows
    """
    windows = _cut(pieces, min(SHAPE_ROWS, max(map(len, pieces))))
    spread = windows.std(axis=1)
    least, low, middle, high = np.quantile(windows, [0.05, 0.1, 0.5, 0.9], axis=1)
    busy = spread >= np.quantile(spread, 0.75, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        skew = (high + low - 2.0 * middle) / (high - low)
        floor = least / middle
    return _middle(skew[busy]), _middle(floor[busy])


def _middle(table: Floats) -> float:
    finite = table[np.isfinite(table)]
    return float(np.median(finite)) if finite.size else 0.0


def on_both_sides(joined: Floats) -> bool:
    """Whether rows (row, channel) lie on both sides of 0, as only raw EMG does."""
    low, high = np.percentile(joined, [5.0, 95.0], axis=0)
    return bool(np.mean((low < -0.3 * high) & (high < -3.0 * low)) > 0.5)


def _slow_kind(joined: Floats, low: Mask, smooth: float, known: bool) -> tuple[str, str]:
    """Return the kind at a rate too low for spectra, from smoothness and the two tails.

    `known` : whether the rate is known to be low; at a high one, raw EMG is smooth, too
    """
    if smooth <= SMOOTH:
        return "raw", f"looks raw: lag-1 autocorrelation only {smooth:.2f}"
    if on_both_sides(joined):
        return "raw", f"looks raw: values on both sides of 0, lag-1 autocorrelation {smooth:.2f}"
    least, middle, most = np.percentile(joined, [1.0, 50.0, 99.0], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        tails = float(np.median((most - middle) / (middle - least)))
    even = 1.0 / TAILS < tails < TAILS
    figures = (
        f"lag-1 autocorrelation {smooth:.2f}, and the largest values are {tails:.1f} times as far "
        "from the median as the smallest"
    )
    if np.mean(low) > 0.5:
        if (smooth > SMOOTH_ROWS and not even) or tails > 2.0 * TAILS:
            return "envelope", f"looks like an envelope: never below 0, {figures}"
        return "undetermined", (
            f"kind undetermined (an envelope, or raw EMG around an offset): never below 0, "
            f"{figures}; a faster or longer recording shows which"
        )
    if even or not known or smooth <= SMOOTH_ROWS:
        return "raw", f"looks raw: values below 0 or far above it at rest, {figures}"
    return "undetermined", (
        "kind undetermined (an envelope without its resting level, or raw EMG with drift): values "
        f"below 0 or far above it at rest, {figures}"
    )


def _fast_kind(
    level: Floats, ripple: Floats, low: Mask, one_sided: tuple[float, float]
) -> tuple[str, str]:
    """Return the kind from level and ripple above 20 Hz, both (window, channel)."""
    ratio, follows, half = _ripple_of(level, ripple)
    typical, along = float(np.median(ratio[half])), float(np.median(follows[half]))
    times = "many" if typical > MANY else f"{typical:.0f}" if typical > 10 else f"{typical:.2f}"
    figures = (
        f"ripple above 20 Hz is {times} times the rise of the level at its maximum, "
        f"and correlates with the level (r = {along:.2f})"
    )
    if np.mean(low[half]) <= 0.5 or along <= 0.2:
        return "raw", f"looks raw: {figures}"
    if typical < RIPPLE:
        return "envelope", f"looks like an envelope: never below 0, {figures}"
    skew, floor = one_sided
    if skew > SKEW or (typical < RECTIFIED[1] and along > 0.7):
        shape = f"skewness of {skew:.2f} within {SHAPE_ROWS} rows"
        if floor > AVERAGED:
            return "envelope", f"looks like averaged rectified EMG: {shape}, {figures}"
        return "rectified", f"looks rectified: never below 0, {shape}, {figures}"
    if along > 0.5 and skew > 0.5 * SKEW:
        return "undetermined", f"kind undetermined (rectified, or raw around an offset): {figures}"
    return "raw", f"looks raw: {figures}"


def _ripple_of(level: Floats, ripple: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int_]]:
    """Return ripple over rise, its correlation with the level, and the more active channels."""
    width = level.shape[1]
    ratio = np.full(width, np.inf)
    follows = np.zeros(width)
    for k in range(width):
        busy = ripple[:, k] >= np.percentile(ripple[:, k], 90)
        rise = np.median(level[busy, k]) - np.percentile(level[:, k], 20)
        if rise > 0:
            ratio[k] = np.median(ripple[busy, k]) / rise
        if np.ptp(level[:, k]) > 0 and np.ptp(ripple[:, k]) > 0:
            follows[k] = stats.spearmanr(level[:, k], ripple[:, k]).statistic
    # Muscles at rest show rounding and noise only, so the more active half of the channels decides.
    with np.errstate(invalid="ignore", divide="ignore"):
        lively = np.ptp(level, axis=0) / np.median(ripple, axis=0)
    return ratio, follows, np.argsort(-np.nan_to_num(lively))[: (width + 1) // 2]


def hums(made: xr.Dataset, rate: float | None) -> Floats:
    """Return the frequencies in Hz of mains and its harmonics, aliased if necessary, if present."""
    mains = float(made.attrs["mains_hz"])
    if rate is None or made.attrs["mains_stands_out"] < made.attrs["mains_chance"]:
        return np.array([])
    return _bands.lines(mains, rate)


def level_faults(made: xr.Dataset, x: xr.DataArray, names: list[str]) -> list[str]:
    """Describe lost, stuck, clipped and coarse channels, mains and motion."""
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
    stretches: list[Floats],
    mains: Floats,
    kind: str,
    rate: float | None,
) -> list[str]:
    """Describe power near half the rate, of raw EMG; `stretches` (row, channel)."""
    if rate is None or kind == "envelope":
        return []
    size = min(256, max(map(len, stretches)))
    density = np.zeros((size // 2 + 1, len(names)))
    for stretch in stretches:
        if len(stretch) >= size:
            frequency, power = dsp.welch(stretch, rate, nperseg=size, axis=0)
            density += power * len(stretch)
    # Exclude the last bin, which has half the degrees of freedom, and mains.
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
            f"has {typical:.2f} of the density of the middle; EMG reaches 450 Hz, so frequencies "
            f"above {rate / 2:g} Hz are aliased or were removed by a steep filter"
        ]
    return [
        f"slow: {rate:g} Hz covers the EMG band (20 to 450 Hz) only up to {rate / 2:g} Hz; "
        f"power falls by {-10 * np.log10(max(typical, 1e-12)):.0f} dB towards the end"
    ]


def dead(made: xr.Dataset, names: list[str]) -> tuple[str, str]:
    """Describe a recording in which no channel moves, with the evidence."""
    if np.all(made["dropped"].values >= 1.0):
        return "nothing: every sample is lost", f"{len(names)} channels without a sample"
    railed = made["railed"].values > 0.5
    word = "railed" if railed.any() else "flat"
    return (
        f"nothing connected ({word})",
        f"none of {len(names)} channels changes; {int(railed.sum())} are at an extreme",
    )


def _grouped(word: str, names: list[str], share: Floats, limit: float, what: str) -> list[str]:
    """Return one sentence for all channels above the limit."""
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
    return [f"coarse: few distinct values ({who}); most samples are within two steps"]
