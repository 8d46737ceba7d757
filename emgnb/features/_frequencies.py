"""Features of the power spectrum: mean removed, rectangular window, N samples, no padding.

All are NaN for a flat window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats
from emgnb.features._block import Block, ratio
from emgnb.features._definitions import Limit
from emgnb.features._spectrum import Spectrum

# Scaling filter of Daubechies' wavelet with four vanishing moments, sum √2.
# [Daubechies 1988, doi:10.1002/cpa.3160410705]
DB4 = (
    *(0.230377813308855, 0.714846570552542, 0.630880767929590, -0.027983769416984),
    *(-0.187034811718881, 0.030841381835987, 0.032883011666983, -0.010597401784997),
)
LEVELS = 4


def mnf(b: Block, threshold: Limit) -> Floats:
    """Mean frequency, Σf·P / ΣP [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]."""
    return b.once(Spectrum).mean


def mdf(b: Block, threshold: Limit) -> Floats:
    """Median frequency: half of the power is below.

    The power of a bin is spread evenly over its width, so the median is not limited to bin
    frequencies. [Phinyomark 2012, doi:10.1016/j.eswa.2012.01.102]
    """
    return b.once(Spectrum).below(0.5)


def edge95(b: Block, threshold: Limit) -> Floats:
    """Frequency below which 95 % of the power lies, with bins spread as for the median."""
    return b.once(Spectrum).below(0.95)


def peak_frequency(b: Block, threshold: Limit) -> Floats:
    """Frequency of the bin with the greatest power; bins are 1 / length apart."""
    top = np.argmax(b.once(Spectrum).power, axis=-1)
    return np.where(b.flat, np.nan, b.once(Spectrum).frequency[top])


def bandwidth(b: Block, threshold: Limit) -> Floats:
    """Standard deviation of the spectrum, √(Σ(f − MNF)²·P / ΣP).

    The root of the variance of central frequency [Phinyomark 2012,
    doi:10.1016/j.eswa.2012.01.102].
    """
    s = b.once(Spectrum)
    # Around a fixed frequency first, to avoid cancellation.
    away = s.frequency - s.rate / 4
    sums = s.sums(np.column_stack([away, away**2]))
    first, second = (ratio(sums[..., i], s.total, b.flat) for i in (0, 1))
    return np.sqrt(np.maximum(second - first**2, 0.0))


def spectral_entropy(b: Block, threshold: Limit) -> Floats:
    """Entropy of the normalised power spectrum, relative to a flat one: 0 tone, 1 white noise.

    [Inouye 1991, doi:10.1016/0013-4694(91)90138-T]
    """
    s = b.once(Spectrum)
    share = ratio(
        s.power[..., 1:],
        s.total[..., np.newaxis],
        np.broadcast_to(b.flat[..., None], (*b.flat.shape, s.lines - 1)),
    )
    some = share > 0
    entropy = -np.where(some, share * np.log(np.where(some, share, 1.0)), 0.0).sum(axis=-1)
    return np.where(b.flat, np.nan, entropy / np.log(s.lines - 1))


def wavelet(b: Block, threshold: Limit) -> Floats:
    """Share of the variance at each of four wavelet scales, fine to coarse; the rest is coarser.

    Maximal overlap transform with Daubechies' wavelet of four moments, periodic; at 1 kHz about
    250–500, 125–250, 62–125 and 31–62 Hz. Unlike the decimated transform, it preserves energy and
    does not depend on where the window begins. [Percival 2000, doi:10.1017/CBO9780511841040]
    """
    s = b.once(Spectrum)
    sums = s.sums(wavelet_gains(s.lines, s.n))
    total = np.broadcast_to(s.total[..., np.newaxis], sums.shape)
    return ratio(sums, total, np.broadcast_to(b.flat[..., np.newaxis], sums.shape))


def wavelet_gains(lines: int, n: int) -> Floats:
    """Return the power gain of each scale of the transform at each bin, (bin, scale)."""
    turn = 2 * np.pi * np.arange(lines) / n
    gains, low = [], np.ones(lines)
    for level in range(LEVELS):
        smooth = _gain(2**level * turn)
        gains.append(low * (1 - smooth))
        low = low * smooth
    return np.stack(gains, axis=-1)


def _gain(angle: npt.NDArray[np.float64]) -> Floats:
    """Return half the power gain of the scaling filter; 1 minus that of the wavelet filter."""
    line = np.exp(-1j * np.outer(angle, np.arange(len(DB4)))) @ np.array(DB4)
    return np.asarray(np.abs(line) ** 2 / 2)
