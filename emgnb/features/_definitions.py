"""Define the features: one short function each, with formula and reference.

Each function takes a `Block` of windows and the threshold in the unit of the signal, which most
ignore. It returns one number per window and channel, or several along a last axis.
"""

from __future__ import annotations

import numpy as np

from emgnb._arrays import Floats
from emgnb.features._block import Block, logarithm, ratio
from emgnb.features._burg import burg

# A threshold for all columns of a block, or one each.
Limit = float | Floats


def mav(b: Block, threshold: Limit) -> Floats:
    """Mean absolute value, Σ|x| / N [Hudgins 1993, doi:10.1109/10.204774]."""
    return b.total(b.magnitude) / b.n


def rms(b: Block, threshold: Limit) -> Floats:
    """Root mean square, √(Σx² / N) [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]."""
    return np.sqrt(b.squares / b.n)


def wl(b: Block, threshold: Limit) -> Floats:
    """Waveform length, Σ|xᵢ₊₁ − xᵢ|, a sum, not a mean [Hudgins 1993, doi:10.1109/10.204774]."""
    return b.sum_of_steps


def zc(b: Block, threshold: Limit) -> Floats:
    """Zero crossings: xᵢ and xᵢ₊₁ on different sides of zero and |xᵢ₊₁ − xᵢ| ≥ threshold.

    Zero counts as positive, so that a crossing through an exact zero, common at 10 bits, is counted
    once. [Hudgins 1993, doi:10.1109/10.204774]
    """
    above = b.rows >= 0
    return b.total(
        (above[1 : b.size + 1] != above[: b.size]) & (b.strides[: b.size] >= threshold), 1
    )


def ssc(b: Block, threshold: Limit) -> Floats:
    """Slope sign changes: xᵢ above or below both neighbours, by the threshold from at least one.

    The threshold is a difference in the unit of the signal, as in Hudgins 1993
    (doi:10.1109/10.204774); that of Phinyomark is a product, in the unit squared.
    """
    turns = b.steps[1 : b.size + 1] * b.steps[: b.size] < 0
    large = b.strides >= threshold
    return b.total(turns & (large[1 : b.size + 1] | large[: b.size]), 2)


def var(b: Block, threshold: Limit) -> Floats:
    """Variance about the window's mean with ddof = 1, Σ(x − x̄)² / (N − 1)."""
    return b.variance * (b.n / (b.n - 1))


def iemg(b: Block, threshold: Limit) -> Floats:
    """Integrated EMG, Σ|x|, a sum of samples [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]."""
    return b.total(b.magnitude)


def wamp(b: Block, threshold: Limit) -> Floats:
    """Willison amplitude: number of |xᵢ₊₁ − xᵢ| ≥ threshold.

    [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return b.total(b.strides[: b.size] >= threshold, 1)


def log_rms(b: Block, threshold: Limit) -> Floats:
    """RMS in decibels, 20·log₁₀(RMS / 1 unit); NaN where the RMS is 0.

    Amplitudes differ between people by a factor of more than 20; on this scale that is an offset.
    """
    return np.asarray(20 / np.log(10) * logarithm(rms(b, threshold)))


def log_detector(b: Block, threshold: Limit) -> Floats:
    """Geometric mean of |x|, exp(Σ ln|x| / N); 0 where a sample is 0, as is common at 10 bits.

    An estimate of force that is robust to single large samples. [Tkach 2010,
    doi:10.1186/1743-0003-7-21]
    """
    zero = b.x == 0
    mean = b.total(np.log(np.where(zero, 1.0, b.magnitude))) / b.n
    return np.where(b.total(zero) > 0, 0.0, np.exp(mean))


def dasdv(b: Block, threshold: Limit) -> Floats:
    """Root mean square of the differences, √(Σ(xᵢ₊₁ − xᵢ)² / (N − 1)).

    [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return np.asarray(np.sqrt(b.slope_squares / (b.n - 1)))


def mfl(b: Block, threshold: Limit) -> Floats:
    """Maximum fractal length, log₁₀ √Σ(xᵢ₊₁ − xᵢ)²; NaN for a flat window.

    [Arjunan 2010, doi:10.1186/1743-0003-7-53]
    """
    return np.asarray(logarithm(b.slope_squares) / (2 * np.log(10)))


def lscale(b: Block, threshold: Limit) -> Floats:
    """L-scale, the second L-moment: half the mean distance of two random samples of the window.

    A measure of spread that is robust to outliers. [Hosking 1990, J R Stat Soc B 52:105–124; as EMG
    feature Phinyomark 2018, doi:10.3390/s18051615]
    """
    n = b.n
    weight = (2 * np.arange(n) - (n - 1)) / (n * (n - 1))
    return np.asarray(np.sort(b.windows, axis=-1) @ weight)


def skewness(b: Block, threshold: Limit) -> Floats:
    """Third central moment over the cube of the standard deviation (ddof 0); NaN if flat."""
    square = b.deviation * b.deviation
    third = (square * b.deviation).mean(axis=-1)
    return ratio(third, square.mean(axis=-1) ** 1.5, b.flat)


def kurtosis(b: Block, threshold: Limit) -> Floats:
    """Excess kurtosis: fourth central moment over the variance squared, minus 3; NaN if flat."""
    square = b.deviation * b.deviation
    return ratio((square * square).mean(axis=-1), square.mean(axis=-1) ** 2, b.flat) - 3


def mav_slope(b: Block, threshold: Limit) -> Floats:
    """MAV of the second half of the window minus that of the first, without an odd middle sample.

    [Hudgins 1993, doi:10.1109/10.204774; two segments]
    """
    half = b.n // 2
    x = b.whole(b.magnitude)
    return np.asarray(x[..., -half:].mean(axis=-1) - x[..., :half].mean(axis=-1))


def onset_speed(b: Block, threshold: Limit) -> Floats:
    """Slope of the least-squares line through |x|, per second: the rate at which activity rises.

    Positive in an onset, negative in an offset. The same for an envelope is `slope`.
    """
    return b.ramp(b.magnitude) * _per_second(b)


def ar4(b: Block, threshold: Limit) -> Floats:
    """Autoregressive coefficients a₁…a₄ of xₜ = Σ aₖ·xₜ₋ₖ + eₜ by Burg's method, mean removed.

    NaN for a flat window. [Burg 1975, Maximum entropy spectral analysis, PhD thesis, Stanford;
    as EMG feature Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return b.once(burg)


def cepstrum(b: Block, threshold: Limit) -> Floats:
    """Cepstral coefficients c₁…c₄ of the autoregressive model `ar4`; NaN for a flat window.

    c₁ = a₁, cₚ = aₚ + Σ (l/p)·cₗ·aₚ₋ₗ: series of the logarithm of the model's spectrum. [Atal 1974,
    doi:10.1121/1.1914702]
    """
    a = b.once(burg)
    c = a.copy()
    for p in range(2, a.shape[-1] + 1):
        for m in range(1, p):
            c[..., p - 1] += (m / p) * c[..., m - 1] * a[..., p - m - 1]
    return c


def hjorth_activity(b: Block, threshold: Limit) -> Floats:
    """Hjorth activity: variance with ddof = 0 [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]."""
    return b.variance


def hjorth_mobility(b: Block, threshold: Limit) -> Floats:
    """Hjorth mobility: SD of the slope over SD of the signal; 2πf for a slow tone of frequency f.

    The slope is the difference of neighbours times the rate. NaN for a flat window. [Hjorth 1970,
    doi:10.1016/0013-4694(70)90143-4]
    """
    return ratio(np.sqrt(b.slope_variance) * b.rate, np.sqrt(b.variance), b.flat)


def hjorth_complexity(b: Block, threshold: Limit) -> Floats:
    """Hjorth complexity: mobility of the slope over mobility of the signal; 1 for a slow tone.

    NaN for a flat window or a straight line. [Hjorth 1970, doi:10.1016/0013-4694(70)90143-4]
    """
    n, even = b.n - 2, b.bend_squares == 0
    drift = (b.sample(b.steps, b.n - 2) - b.sample(b.steps, 0)) / n
    bend = np.sqrt(np.maximum(b.bend_squares / n - drift**2, 0.0))
    of_slope = ratio(b.rate * bend, np.sqrt(b.slope_variance), even)
    return ratio(of_slope, hjorth_mobility(b, threshold), even)


def tdpsd(b: Block, threshold: Limit) -> Floats:
    """Six time-domain descriptors of the power spectrum, of the window relative to its logarithm.

    The moments are m₀ = √Σx² / (N − 1), m₂ and m₄ = √(Σ(Δx)², Σ(Δ²x)² / (N − 1)), each transformed
    by 10·m^0.1. The descriptors are ln of m₀, |m₀ − m₂|, |m₀ − m₄|, sparseness √|(m₀ − m₂)(m₀ −
    m₄)| / m₀, irregularity m₂ / √(m₀m₄), and waveform length ratio √(Σ|Δx| / Σ|Δ²x|). With f of x
    and g of ln(x² + 2.2e-16), the features are −2fg / (f² + g²). They depend on the unit of the
    signal. NaN for a flat window. [Khushaba 2014, doi:10.1016/j.neunet.2014.04.002, with LibEMG's
    norms]
    """
    of_signal = _descriptors(b, b.rows)
    of_logarithm = _descriptors(b, np.log(b.rows**2 + np.spacing(1)))
    size = of_signal**2 + of_logarithm**2
    flat = np.broadcast_to(b.flat[..., np.newaxis], size.shape)
    return ratio(-2 * of_signal * of_logarithm, size, flat)


def _descriptors(b: Block, rows: Floats) -> Floats:
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


def sampen(b: Block, threshold: Limit) -> Floats:
    """Sample entropy, −ln(A / B): how rarely similar pairs of samples remain similar.

    B and A count the pairs of sequences of 2 and of 3 samples, among the first N − 2, that differ
    by at most 0.2 standard deviations (ddof 0) everywhere. NaN for a flat window and if nothing is
    similar. It takes N² steps per window, hundreds of times more than the others, and is in no set.
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


def mean(b: Block, threshold: Limit) -> Floats:
    """Mean of the samples: the level of an envelope."""
    return b.total(b.x) / b.n


def std(b: Block, threshold: Limit) -> Floats:
    """Standard deviation with ddof = 1."""
    return np.sqrt(var(b, threshold))


def maximum(b: Block, threshold: Limit) -> Floats:
    """Maximum of the samples."""
    return b.greatest(b.x)


def peak_to_peak(b: Block, threshold: Limit) -> Floats:
    """Maximum minus minimum."""
    return b.greatest(b.x) + b.greatest(-b.x)


def slope(b: Block, threshold: Limit) -> Floats:
    """Slope of the least-squares line through the samples, per second."""
    return b.ramp(b.level[: b.size]) * _per_second(b)


def _per_second(b: Block) -> float:
    """Return the factor from a weighted sum to the slope of a line; N(N² − 1)/12 is Σ position²."""
    return 12 * b.rate / (b.n * (b.n**2 - 1))
