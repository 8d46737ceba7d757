"""The features: one short function each, with its formula and its source.

Every function takes a `Block` of windows and the threshold in the signal's unit, which most do not
use, and gives one number for each window and channel, or several on a last axis.
"""

from __future__ import annotations

import numpy as np

from emgnb.features.block import Array, Block, logarithm, ratio
from emgnb.features.burg import burg

# A threshold for all columns of a block, or one for each.
Limit = float | Array


def mav(b: Block, threshold: Limit) -> Array:
    """Mean absolute value, Σ|x| / N [Hudgins 1993, doi:10.1109/10.204774]."""
    return b.total(b.magnitude) / b.n


def rms(b: Block, threshold: Limit) -> Array:
    """Root mean square, √(Σx² / N) [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]."""
    return np.sqrt(b.squares / b.n)


def wl(b: Block, threshold: Limit) -> Array:
    """Waveform length, Σ|xᵢ₊₁ − xᵢ|, a sum, not a mean [Hudgins 1993, doi:10.1109/10.204774]."""
    return b.sum_of_steps


def zc(b: Block, threshold: Limit) -> Array:
    """Zero crossings: xᵢ and xᵢ₊₁ on two sides of zero and |xᵢ₊₁ − xᵢ| ≥ threshold.

    Zero itself counts as the upper side, so that a crossing by way of an exact zero, common at
    10 bits, is counted once. [Hudgins 1993, doi:10.1109/10.204774]
    """
    above = b.rows >= 0
    return b.total(
        (above[1 : b.size + 1] != above[: b.size]) & (b.strides[: b.size] >= threshold), 1
    )


def ssc(b: Block, threshold: Limit) -> Array:
    """Slope sign changes: xᵢ beyond both neighbours, by the threshold or more from one of them.

    The threshold is a difference in the signal's unit, as in Hudgins 1993
    (doi:10.1109/10.204774); Phinyomark's is a product, in the unit squared.
    """
    turns = b.steps[1 : b.size + 1] * b.steps[: b.size] < 0
    large = b.strides >= threshold
    return b.total(turns & (large[1 : b.size + 1] | large[: b.size]), 2)


def var(b: Block, threshold: Limit) -> Array:
    """Variance about the window's mean with ddof = 1, Σ(x − x̄)² / (N − 1)."""
    return b.variance * (b.n / (b.n - 1))


def iemg(b: Block, threshold: Limit) -> Array:
    """Integrated EMG, Σ|x|, a sum of samples [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]."""
    return b.total(b.magnitude)


def wamp(b: Block, threshold: Limit) -> Array:
    """Willison amplitude: number of |xᵢ₊₁ − xᵢ| ≥ threshold.

    [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return b.total(b.strides[: b.size] >= threshold, 1)


def log_rms(b: Block, threshold: Limit) -> Array:
    """RMS in decibels, 20·log₁₀(RMS / 1 unit); NaN where the RMS is 0.

    People's amplitudes differ by more than 20 times; on this scale that is an offset.
    """
    return np.asarray(20 / np.log(10) * logarithm(rms(b, threshold)))


def log_detector(b: Block, threshold: Limit) -> Array:
    """Geometric mean of |x|, exp(Σ ln|x| / N); 0 where a sample is 0, as in many of 10 bits.

    An estimate of force that single large samples hardly move.
    [Tkach 2010, doi:10.1186/1743-0003-7-21]
    """
    zero = b.x == 0
    mean = b.total(np.log(np.where(zero, 1.0, b.magnitude))) / b.n
    return np.where(b.total(zero) > 0, 0.0, np.exp(mean))


def dasdv(b: Block, threshold: Limit) -> Array:
    """Root mean square of the differences, √(Σ(xᵢ₊₁ − xᵢ)² / (N − 1)).

    [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return np.asarray(np.sqrt(b.slope_squares / (b.n - 1)))


def mfl(b: Block, threshold: Limit) -> Array:
    """Maximum fractal length, log₁₀ √Σ(xᵢ₊₁ − xᵢ)²; NaN for a flat window.

    [Arjunan 2010, doi:10.1186/1743-0003-7-53]
    """
    return np.asarray(logarithm(b.slope_squares) / (2 * np.log(10)))


def lscale(b: Block, threshold: Limit) -> Array:
    """L-scale, the second L-moment: half the mean distance of two samples drawn from the window.

    A spread that outliers hardly move. [Hosking 1990, J R Stat Soc B 52:105–124; as EMG feature
    Phinyomark 2018, doi:10.3390/s18051615]
    """
    n = b.n
    weight = (2 * np.arange(n) - (n - 1)) / (n * (n - 1))
    return np.asarray(np.sort(b.windows, axis=-1) @ weight)


def skewness(b: Block, threshold: Limit) -> Array:
    """Third central moment over the cube of the standard deviation (ddof 0); NaN where flat."""
    square = b.deviation * b.deviation
    third = (square * b.deviation).mean(axis=-1)
    return ratio(third, square.mean(axis=-1) ** 1.5, b.flat)


def kurtosis(b: Block, threshold: Limit) -> Array:
    """Fourth central moment over the variance squared, less 3: 0 for Gauss; NaN where flat."""
    square = b.deviation * b.deviation
    return ratio((square * square).mean(axis=-1), square.mean(axis=-1) ** 2, b.flat) - 3


def mav_slope(b: Block, threshold: Limit) -> Array:
    """MAV of the second half of the window less that of the first; an odd middle is left out.

    [Hudgins 1993, doi:10.1109/10.204774; two segments]
    """
    half = b.n // 2
    x = b.whole(b.magnitude)
    return np.asarray(x[..., -half:].mean(axis=-1) - x[..., :half].mean(axis=-1))


def onset_speed(b: Block, threshold: Limit) -> Array:
    """Slope of the least-squares line through |x|, per second: how fast the activity rises.

    Above 0 in an onset, below 0 in an offset; the same line through an envelope is `slope`.
    """
    return b.ramp(b.magnitude) * _per_second(b)


def ar4(b: Block, threshold: Limit) -> Array:
    """Autoregressive coefficients a₁…a₄ of xₜ = Σ aₖ·xₜ₋ₖ + eₜ by Burg's method, mean removed.

    NaN for a flat window. [Burg 1975, Maximum entropy spectral analysis, PhD thesis, Stanford;
    as EMG feature Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return b.once(burg)


def cepstrum(b: Block, threshold: Limit) -> Array:
    """Cepstral coefficients c₁…c₄ of the autoregressive model `ar4`; NaN for a flat window.

    c₁ = a₁, cₚ = aₚ + Σ (l/p)·cₗ·aₚ₋ₗ: the logarithm of the model's spectrum, as a series.
    [Atal 1974, doi:10.1121/1.1914702]
    """
    a = b.once(burg)
    c = a.copy()
    for p in range(2, a.shape[-1] + 1):
        for m in range(1, p):
            c[..., p - 1] += (m / p) * c[..., m - 1] * a[..., p - m - 1]
    return c


def hjorth_activity(b: Block, threshold: Limit) -> Array:
    """Hjorth activity: variance with ddof = 0 [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]."""
    return b.variance


def hjorth_mobility(b: Block, threshold: Limit) -> Array:
    """Hjorth mobility: SD of the slope over SD of the signal; 2πf for a slow tone of f.

    The slope is a difference of neighbours times the rate. NaN for a flat window.
    [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]
    """
    return ratio(np.sqrt(b.slope_variance) * b.rate, np.sqrt(b.variance), b.flat)


def hjorth_complexity(b: Block, threshold: Limit) -> Array:
    """Hjorth complexity: mobility of the slope over mobility of the signal; 1 for a slow tone.

    NaN for a flat window or a straight line. [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]
    """
    n, even = b.n - 2, b.bend_squares == 0
    drift = (b.sample(b.steps, b.n - 2) - b.sample(b.steps, 0)) / n
    bend = np.sqrt(np.maximum(b.bend_squares / n - drift**2, 0.0))
    of_slope = ratio(b.rate * bend, np.sqrt(b.slope_variance), even)
    return ratio(of_slope, hjorth_mobility(b, threshold), even)


def tdpsd(b: Block, threshold: Limit) -> Array:
    """Six time-domain descriptors of the power spectrum, of the window against its logarithm.

    With the moments m₀ = √Σx² / (N − 1), m₂ and m₄ = √(Σ(Δx)², Σ(Δ²x)² / (N − 1)), each then
    10·m^0.1: ln of m₀, |m₀ − m₂|, |m₀ − m₄|, sparseness √|(m₀ − m₂)(m₀ − m₄)| / m₀, irregularity
    m₂ / √(m₀m₄), waveform length ratio √(Σ|Δx| / Σ|Δ²x|); of x and of ln(x² + 2.2e-16), and of each
    pair (f, g) −2fg / (f² + g²). Depends on the signal's unit. NaN for a flat window.
    [Khushaba 2014, doi:10.1016/j.neunet.2014.04.002, with LibEMG's norms]
    """
    of_signal = _descriptors(b, b.rows)
    of_logarithm = _descriptors(b, np.log(b.rows**2 + np.spacing(1)))
    size = of_signal**2 + of_logarithm**2
    flat = np.broadcast_to(b.flat[..., np.newaxis], size.shape)
    return ratio(-2 * of_signal * of_logarithm, size, flat)


def _descriptors(b: Block, rows: Array) -> Array:
    steps = rows[1:] - rows[:-1]
    first = steps[: b.size]
    second = steps[1 : b.size + 1] - first
    n = b.n - 1
    m0, m2, m4 = (
        10 * m**0.1
        for m in (
            np.sqrt(b.total(rows[: b.size] ** 2)) / n,
            np.sqrt(b.total(first**2, 1) / n),
            np.sqrt(b.total(second**2, 2) / n),
        )
    )
    length = ratio(b.total(np.abs(first), 1), b.total(np.abs(second), 2), b.flat)
    return logarithm(
        np.stack(
            [
                m0,
                np.abs(m0 - m2),
                np.abs(m0 - m4),
                ratio(np.sqrt(np.abs((m0 - m2) * (m0 - m4))), m0, b.flat),
                ratio(m2, np.sqrt(m0 * m4), b.flat),
                np.sqrt(length),
            ],
            axis=-1,
        )
    )


def sampen(b: Block, threshold: Limit) -> Array:
    """Sample entropy, −ln(A / B): how seldom two alike pairs of samples go on alike.

    B and A count the pairs of stretches of 2 and of 3 samples, both among the first N − 2, that
    nowhere differ by more than 0.2 standard deviations (ddof 0). NaN for a flat window and where
    nothing is alike. Costs N² steps a window: hundreds of times the others, and is in no set.
    [Richman 2000, doi:10.1152/ajpheart.2000.278.6.H2039]
    """
    x = b.windows
    near = 0.2 * np.sqrt((b.deviation**2).mean(axis=-1, keepdims=True))
    shorter, longer = np.zeros(x.shape[:-1]), np.zeros(x.shape[:-1])
    for lag in range(1, b.n - 2):
        alike = np.abs(x[..., lag:] - x[..., :-lag]) <= near
        pairs = alike[..., :-2] & alike[..., 1:-1]
        shorter += np.count_nonzero(pairs, axis=-1)
        longer += np.count_nonzero(pairs & alike[..., 2:], axis=-1)
    return -logarithm(ratio(longer, shorter, b.flat | (longer == 0)))


def mean(b: Block, threshold: Limit) -> Array:
    """Mean of the samples: the level of an envelope."""
    return b.total(b.x) / b.n


def std(b: Block, threshold: Limit) -> Array:
    """Standard deviation about the window's mean with ddof = 1."""
    return np.sqrt(var(b, threshold))


def maximum(b: Block, threshold: Limit) -> Array:
    """Greatest sample."""
    return b.greatest(b.x)


def peak_to_peak(b: Block, threshold: Limit) -> Array:
    """Greatest less smallest sample."""
    return b.greatest(b.x) + b.greatest(-b.x)


def slope(b: Block, threshold: Limit) -> Array:
    """Slope of the least-squares line through the samples, per second."""
    return b.ramp(b.level[: b.size]) * _per_second(b)


def _per_second(b: Block) -> float:
    """From a sum over places to the slope of the line, N(N² − 1)/12 being Σ place²."""
    return 12 * b.rate / (b.n * (b.n**2 - 1))
