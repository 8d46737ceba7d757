"""Estimate the number of independent samples at rest."""

from __future__ import annotations

import numpy as np

from emgnb._arrays import Floats, Mask
from emgnb.detect._amplitude import Reals

# Independent samples per sample, initial value for band-passed EMG.
FIRST_GUESS = 0.3
# Window lengths in shortest bursts. The scatter of the second measures correlation, of the third
# wander; the first is used with little rest.
SCALES = (1, 4, 16)
# Typical evidence required, at which the tail is evaluated.
NEEDED = 8.0
# Effective-sample correction for clustered peaks of Teager–Kaiser energy, measured.
CLUSTERED = 0.75


def independence(sums: Reals, rest: Mask, pair: int, n: int, spread: float) -> tuple[float, float]:
    """Return independent samples per sample, and wander, from the scatter of window means."""
    widths = [max(2, round(k * n / pair)) for k in SCALES]
    means = [window_means(sums, rest, width) / pair for width in widths]
    length = [width * pair for width in widths]
    brief, middle, lasting = (float(each.var()) / spread if each.size else 0.0 for each in means)
    if means[1].size < 30:
        return (1.0 / (max(brief, 1e-12) * length[0]) if means[0].size > 9 else FIRST_GUESS), 0.0
    if means[2].size < 30:
        return 1.0 / (max(middle, 1e-12) * length[1]), 0.0
    one = (middle - lasting) / (1 / length[1] - 1 / length[2])
    # Within its standard error, wander cannot be separated from correlation.
    one = min(max(one, 0.5 * middle * length[1]), middle * length[1])
    return 1.0 / max(one, 1e-12), max(0.0, lasting - one / length[2])


def peaked(pieces: Floats, n: int) -> float:
    """Return the effective-sample correction for rare, large means of squares.

    The scatter of means of coloured noise gives the number of independent samples near rest. Means
    far above it arise at the spectral peak alone, and so from fewer samples. For Gaussian noise of
    spectrum S (mean 1), the evidence of a mean r is the Legendre transform of −½·mean(log(1 −
    2θS)), compared with (r − 1 − log r)/2 for white noise. The ratio is evaluated where the
    shortest burst is just detected.

    Parameters
    ----------
    pieces : (piece, sample) at rest
    n : samples in the shortest burst
    """
    if len(pieces) < 10 or pieces.shape[1] < 16:
        return 1.0
    spectrum = np.fft.rfft(pieces * np.hanning(pieces.shape[1]), axis=1)
    power = np.mean(np.square(spectrum.real) + np.square(spectrum.imag), axis=0)[1:-1]
    s = power / power.mean()
    theta = (1.0 - np.geomspace(1.0, 1e-4, 64)[1:, np.newaxis]) / (2.0 * s.max())
    r = np.mean(s / (1.0 - 2.0 * theta * s), axis=1)
    rare = theta[:, 0] * r + 0.5 * np.mean(np.log1p(-2.0 * theta * s), axis=1)
    white = 0.5 * (r - 1.0 - np.log(r))
    at = min(int(np.searchsorted(rare * n, NEEDED)), len(r) - 1)
    return float(min(1.0, np.mean(s**2) * rare[at] / white[at]))


def skewed(sums: Reals, rest: Mask, width: int) -> float:
    """Return the effective-sample correction for rare, large values of a skewed envelope.

    Rectified signals have a longer upper tail than a Gaussian. The tail of a gamma distribution
    with the skewness of short window means is used instead.
    """
    means = window_means(sums, rest, width)
    if means.size < 100:
        return 1.0
    z = (means - means.mean()) / max(float(means.std()), 1e-300)
    skewness = float(np.mean(z**3))
    if skewness < 0.05:
        return 1.0
    shape = 4.0 / skewness**2
    r = 1.0 + np.sqrt(2.0 * NEEDED / shape)
    return float(shape * (r - 1.0 - np.log(r)) / NEEDED)


def window_means(sums: Reals, ok: Mask, width: int) -> Floats:
    """Return the mean of each window of `width` sums, end to end, within one run of `ok`."""
    n = len(sums) // width * width
    known = np.where(ok[:n], sums[:n], np.nan)
    # Summing few columns of many rows is ten times faster column by column.
    total = known[::width].astype(np.float64)
    for k in range(1, width):
        total += known[k::width]
    return np.asarray(total[~np.isnan(total)] / width)
