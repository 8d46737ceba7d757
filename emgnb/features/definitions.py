"""The features: one short function each, with its formula and its source.

Every function takes a `Block` of windows and the thresholds (channel, 1) in the signal's unit,
which most do not use, and gives one number for each window and channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emgnb.features.block import Array, Block, Mask, count, ratio, spread, squares


def mav(b: Block, threshold: Array) -> Array:
    """Mean absolute value, Σ|x| / N [Hudgins 1993, doi:10.1109/10.204774]."""
    return np.asarray(b.magnitude.mean(axis=-1))


def rms(b: Block, threshold: Array) -> Array:
    """Root mean square, √(Σx² / N) [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]."""
    return np.asarray(np.sqrt(squares(b.x) / b.x.shape[-1]))


def wl(b: Block, threshold: Array) -> Array:
    """Waveform length, Σ|xᵢ₊₁ − xᵢ|, a sum, not a mean [Hudgins 1993, doi:10.1109/10.204774]."""
    return np.asarray(b.stride.sum(axis=-1))


def zc(b: Block, threshold: Array) -> Array:
    """Zero crossings: xᵢ and xᵢ₊₁ on two sides of zero and |xᵢ₊₁ − xᵢ| ≥ threshold.

    Zero itself counts as the upper side, so that a crossing by way of an exact zero, common at
    10 bits, is counted once. [Hudgins 1993, doi:10.1109/10.204774]
    """
    above = b.x >= 0
    return count((above[..., 1:] != above[..., :-1]) & (b.stride >= threshold))


def ssc(b: Block, threshold: Array) -> Array:
    """Slope sign changes: xᵢ beyond both neighbours, by the threshold or more from one of them.

    The threshold is a difference in the signal's unit, as in Hudgins 1993
    (doi:10.1109/10.204774); Phinyomark's is a product, in the unit squared.
    """
    turns = b.step[..., 1:] * b.step[..., :-1] < 0
    return count(turns & (np.maximum(b.stride[..., 1:], b.stride[..., :-1]) >= threshold))


def var(b: Block, threshold: Array) -> Array:
    """Variance about the window's mean with ddof = 1, Σ(x − x̄)² / (N − 1)."""
    n = b.x.shape[-1]
    return np.asarray(b.variance * (n / (n - 1)))


def iemg(b: Block, threshold: Array) -> Array:
    """Integrated EMG, Σ|x|, a sum of samples [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]."""
    return np.asarray(b.magnitude.sum(axis=-1))


def wamp(b: Block, threshold: Array) -> Array:
    """Willison amplitude: number of |xᵢ₊₁ − xᵢ| ≥ threshold.

    [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return count(b.stride >= threshold)


def log_rms(b: Block, threshold: Array) -> Array:
    """RMS in decibels, 20·log₁₀(RMS / 1 unit); NaN where the RMS is 0.

    People's amplitudes differ by more than 20 times; on this scale that is an offset.
    """
    level = rms(b, threshold)
    return np.where(level > 0, 20 * np.log10(np.where(level > 0, level, 1.0)), np.nan)


def ar4(b: Block, threshold: Array) -> Array:
    """Autoregressive coefficients a₁…a₄ of xₜ = Σ aₖ·xₜ₋ₖ + eₜ by Burg's method, mean removed.

    NaN for a flat window. [Burg 1975, Maximum entropy spectral analysis, PhD thesis, Stanford;
    as EMG feature Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    forward, backward = b.centred[..., 1:].copy(), b.centred[..., :-1].copy()
    power = squares(forward) + squares(backward)
    a = np.zeros((*b.x.shape[:-1], 4))
    for m in range(4):
        # A window predicted without error leaves 0/0: nothing is left to predict.
        some = power > 0
        k = 2 * np.einsum("...i,...i->...", forward, backward) / np.where(some, power, 1.0)
        k = np.where(some, k, 0.0)[..., np.newaxis]
        a[..., :m] -= k * a[..., :m][..., ::-1]
        a[..., m : m + 1] = k
        shifted = k * backward
        backward -= k * forward
        forward -= shifted
        forward, backward = forward[..., 1:], backward[..., :-1]
        power = squares(forward) + squares(backward)
    return np.where(b.flat[..., np.newaxis], np.nan, a)


def hjorth_activity(b: Block, threshold: Array) -> Array:
    """Hjorth activity: variance with ddof = 0 [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]."""
    return b.variance


def hjorth_mobility(b: Block, threshold: Array) -> Array:
    """Hjorth mobility: SD of the slope over SD of the signal; 2πf for a slow tone of f.

    The slope is a difference of neighbours times the rate. NaN for a flat window.
    [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]
    """
    return b.mobility


def hjorth_complexity(b: Block, threshold: Array) -> Array:
    """Hjorth complexity: mobility of the slope over mobility of the signal; 1 for a slow tone.

    NaN for a flat window or a straight line. [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]
    """
    bend = np.diff(b.step, axis=-1)
    even: Mask = b.flat | (b.step == b.step[..., :1]).all(axis=-1)
    of_slope = b.rate * ratio(np.sqrt(spread(bend)), np.sqrt(b.slope_variance), even)
    return ratio(of_slope, b.mobility, even)


def mnf(b: Block, threshold: Array) -> Array:
    """Mean frequency of the power spectrum, Σf·P / ΣP; mean removed, rectangular window.

    NaN for a flat window. [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return ratio(b.power @ b.frequency, b.power.sum(axis=-1), b.flat)


def mdf(b: Block, threshold: Array) -> Array:
    """Median frequency: half of the power lies below; mean removed, rectangular window.

    A line of the spectrum is spread evenly over its width, so the median is not bound to the lines.
    NaN for a flat window. [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    width = b.frequency[1] if b.frequency.size > 1 else 0.0
    total = np.cumsum(b.power, axis=-1)
    half = total[..., -1:] / 2
    line = np.argmax(total >= half, axis=-1)[..., np.newaxis]
    inside = np.take_along_axis(b.power, line, axis=-1)
    below = np.take_along_axis(total, line, axis=-1) - inside
    share = ratio(half - below, inside, b.flat[..., np.newaxis])
    top = b.rate / 2
    low = np.clip((line - 0.5) * width, 0.0, top)
    high = np.clip((line + 0.5) * width, 0.0, top)
    return np.asarray((low + share * (high - low))[..., 0])


def mean(b: Block, threshold: Array) -> Array:
    """Mean of the samples: the level of an envelope."""
    return np.asarray(b.x.mean(axis=-1))


def std(b: Block, threshold: Array) -> Array:
    """Standard deviation about the window's mean with ddof = 1."""
    return np.sqrt(var(b, threshold))


def maximum(b: Block, threshold: Array) -> Array:
    """Greatest sample."""
    return np.asarray(b.x.max(axis=-1))


def slope(b: Block, threshold: Array) -> Array:
    """Slope of the least-squares line through the samples, per second."""
    n = b.x.shape[-1]
    place = (np.arange(n) - (n - 1) / 2) / b.rate
    return np.asarray(b.centred @ (place / (place @ place)))


@dataclass(frozen=True)
class Feature:
    """One feature: how it is called, computed and measured."""

    compute: Callable[[Block, Array], Array]
    long_name: str
    units: str = "{}"
    raw_only: bool = False
    thresholded: bool = False
    columns: tuple[str, ...] = ()


FEATURES: dict[str, Feature] = {
    "mav": Feature(mav, "mean absolute value"),
    "rms": Feature(rms, "root mean square"),
    "wl": Feature(wl, "waveform length"),
    "zc": Feature(zc, "zero crossings", "1", raw_only=True, thresholded=True),
    "ssc": Feature(ssc, "slope sign changes", "1", raw_only=True, thresholded=True),
    "var": Feature(var, "variance", "{}^2"),
    "iemg": Feature(iemg, "integrated EMG"),
    "wamp": Feature(wamp, "Willison amplitude", "1", raw_only=True, thresholded=True),
    "log_rms": Feature(log_rms, "level of the RMS", "dB re 1 {}"),
    "ar4": Feature(
        ar4,
        "autoregressive coefficient",
        "1",
        raw_only=True,
        columns=("ar1", "ar2", "ar3", "ar4"),
    ),
    "hjorth_activity": Feature(hjorth_activity, "Hjorth activity", "{}^2"),
    "hjorth_mobility": Feature(hjorth_mobility, "Hjorth mobility", "1/s", raw_only=True),
    "hjorth_complexity": Feature(hjorth_complexity, "Hjorth complexity", "1", raw_only=True),
    "mnf": Feature(mnf, "mean frequency", "Hz", raw_only=True),
    "mdf": Feature(mdf, "median frequency", "Hz", raw_only=True),
    "mean": Feature(mean, "mean level"),
    "slope": Feature(slope, "slope", "{}/s"),
    "std": Feature(std, "standard deviation"),
    "max": Feature(maximum, "greatest sample"),
}

SETS: dict[str, tuple[str, ...]] = {
    "hudgins": ("mav", "wl", "zc", "ssc"),
    "time": ("mav", "rms", "wl", "zc", "ssc", "var", "iemg", "wamp"),
    "all": (
        *("mav", "rms", "wl", "zc", "ssc", "var", "iemg", "wamp", "log_rms", "ar4"),
        *("hjorth_activity", "hjorth_mobility", "hjorth_complexity", "mnf", "mdf"),
    ),
    "envelope": ("mean", "slope", "std", "max"),
}
