"""Measure serial and cross-channel dependence of rows.

Recorded rows resemble the next ones: in value, in the size of the deviation (contractions last), or
in what channels share. Independent draws have none of this, whatever their distribution. Dependence
is measured on ranks within windows of 64 rows, so that neither the distribution nor ranges that
change with the label affect it. Medians over windows exclude the few windows in which a block
begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal as dsp
from scipy import special, stats

from emgnb._arrays import Floats
from emgnb.quality._bands import MOTION_HZ

WINDOW, LAGS = 64, 8
# Window length (rows) for tables that change by blocks of few rows.
BRIEF = 16
MOST_WINDOWS = 400
# Correlations below this are ignored, however significant.
EFFECT = 0.05
# Additional standard errors; the maximum of a few hundred correlations stays below by chance.
SIGMAS = 4.5
# Maximum number of tones removed per channel.
TONES = 8
# Probability that the mean square of many correlations looks like dependence by chance.
RARE = 1e-6
# Standard error of the median of a normal sample, relative to that of the mean.
MEDIAN = 1.2533


@dataclass(frozen=True)
class Dependence:
    """Dependence of rows on one another.

    Parameters
    ----------
    windows, size : number of windows, and rows per window
    value, amplitude : (lag, channel) correlation with the row `lag` later, of the value and of the
        size of the deviation
    across : (channel, channel) correlation between channels in the same row
    kurtosis : (channel,) excess kurtosis within the windows: −1.2 uniform, 0 Gaussian
    jumps : maximum variance of the windows' means, relative to independent rows (1)
    """

    windows: int
    size: int
    value: Floats
    amplitude: Floats
    across: Floats
    kurtosis: Floats
    jumps: float

    @property
    def error(self) -> float:
        """Standard error of a single correlation."""
        return float(MEDIAN / np.sqrt(self.size * max(self.windows, 1)))

    @property
    def enough(self) -> bool:
        """Whether there are enough rows to conclude independence."""
        return self.windows > 0 and EFFECT + SIGMAS * self.error < 0.3

    @property
    def lag_one(self) -> float:
        """Lag-1 autocorrelation, mean over channels."""
        return float(np.nanmean(self.value[0]))

    @property
    def strongest(self) -> float:
        """Strongest autocorrelation at lags of up to eight rows."""
        return _greatest(self.value)

    @property
    def swelling(self) -> float:
        """Strongest autocorrelation of the size of the deviation."""
        return _greatest(self.amplitude)

    @property
    def shared(self) -> float:
        """Strongest correlation between two channels, 0 for one channel."""
        pairs = self.across[np.triu_indices(len(self.across), 1)]
        return _greatest(pairs) if pairs.size else 0.0

    @property
    def serial(self) -> bool:
        """Whether rows depend on earlier rows."""
        limit = EFFECT + SIGMAS * self.error
        if max(abs(self.strongest), abs(self.swelling)) > limit:
            return True
        return any(self._all_together(row) for row in (*self.value, *self.amplitude))

    @property
    def related(self) -> bool:
        """Whether channels are correlated."""
        pairs = self.across[np.triu_indices(len(self.across), 1)]
        return abs(self.shared) > EFFECT + SIGMAS * self.error or self._all_together(pairs)

    def _all_together(self, figures: Floats) -> bool:
        """Whether correlations that are weak one by one are jointly significant."""
        if not figures.size:
            return False
        chance = stats.chi2.isf(RARE, figures.size) / figures.size
        return bool(np.square(figures).mean() > EFFECT**2 + chance * self.error**2)


def dependence(stretches: list[Floats], *, size: int = WINDOW) -> Dependence:
    """Measure the dependence of rows in pieces (row, channel) without gaps.

    `size` : rows of a window; slower changes are treated as constant
    """
    return over_windows(_windows(stretches, size))


def over_windows(windows: Floats) -> Dependence:
    """Measure the dependence of rows within given windows (window, row, channel)."""
    count, size, channels = windows.shape
    lags = min(LAGS, size // 4)
    if not count:
        none = np.full((LAGS, channels), np.nan)
        return Dependence(0, WINDOW, none, none, np.eye(channels), none[0], np.nan)
    spread = windows.std(axis=1)
    centred = windows - windows.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = np.square(np.square(centred)).mean(axis=1) / spread**4 - 3.0
    ranks = stats.rankdata(windows, axis=1) - (size + 1) / 2
    middle = np.median(windows, axis=1, keepdims=True)
    sizes = stats.rankdata(np.abs(windows - middle), axis=1) - (size + 1) / 2
    length = np.sqrt(np.square(ranks).sum(axis=1))
    # One product for all pairs of channels; windows in which a channel is constant are ignored.
    with np.errstate(invalid="ignore", divide="ignore"):
        across = np.einsum("nic,nid->ncd", ranks, ranks, optimize=True) / (
            length[:, :, np.newaxis] * length[:, np.newaxis, :]
        )
    return Dependence(
        count,
        size,
        _medians(_correlations(ranks, lags), axis=1),
        _medians(_correlations(sizes, lags), axis=1),
        _medians(across, axis=0),
        _medians(kurtosis, axis=0),
        _jumps(windows.mean(axis=1), spread, size),
    )


def overdispersion(stretches: list[Floats], rate: float | None) -> tuple[float, float]:
    """Compare the variation of power over time with that of stationary noise of the same spectrum.

    Parameters
    ----------
    stretches : (row, channel), centred; with a rate, frequencies below 20 Hz must be removed

    Returns
    -------
    ratio : variance of the log power between windows of 0.1 s (at least 32 rows), relative to
    stationary Gaussian noise of the same bandwidth; median over channels. NaN with too few windows
    limit : the largest ratio expected by chance
    """
    size = max(32, round(0.1 * (rate or 0.0)))
    windows = [s[: len(s) // size * size].reshape(-1, size, s.shape[1]) for s in stretches]
    joined = np.concatenate(windows) if windows else np.empty((0, size, 1))
    if len(joined) < 6:
        return float("nan"), float("inf")
    power = np.square(joined).mean(axis=1)
    density = (np.abs(np.fft.rfft(joined, axis=1)) ** 2).mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # The power is spread over this many bins, each an independent exponential variable.
        breadth = np.square(density.sum(axis=0)) / np.square(density).sum(axis=0)
        expected = special.polygamma(1, np.maximum(breadth, 0.5))
        ratio = np.log(power).var(axis=0, ddof=1) / expected
    ratio = ratio[np.isfinite(ratio)]
    if not ratio.size:
        return float("nan"), float("inf")
    return float(np.median(ratio)), 1.5 + 6.0 * float(np.sqrt(2.0 / len(joined)))


@dataclass(frozen=True)
class Cleaned:
    """A piece without its tones, and its power before and after (channel,)."""

    values: Floats
    before: Floats
    after: Floats


def without_tones(stretch: Floats, rate: float | None, hums: Floats, *, highpass: bool) -> Cleaned:
    """Remove the straight line, pure tones, and mains from a piece (row, channel).

    A tone is a sharp spectral peak with more than 1 % of the power; up to eight per channel are
    fitted and subtracted.

    Parameters
    ----------
    hums : frequencies in Hz around which ±1 Hz is removed as well; needs a rate
    highpass : whether to remove frequencies below 20 Hz as well; needs a rate
    """
    size, channels = stretch.shape
    left = dsp.detrend(stretch, axis=0)
    before = np.square(stretch - stretch.mean(axis=0)).mean(axis=0)
    taper = np.hanning(size + 2)[1:-1]
    for k in range(channels):
        for _ in range(TONES):
            at = _needle(
                np.abs(np.fft.rfft(left[:, k] * taper)) ** 2,
                0.5 * before[k] * size * float(taper @ taper),
            )
            if at is None:
                break
            angle = 2.0 * np.pi * at / size * np.arange(size)
            waves = np.column_stack([np.cos(angle), np.sin(angle)])
            left[:, k] -= waves @ np.linalg.lstsq(waves, left[:, k], rcond=None)[0]
    if rate is not None:
        hertz = np.fft.rfftfreq(size) * rate
        drop = hertz < (MOTION_HZ if highpass else 0.0)
        for hum in hums:
            drop |= np.abs(hertz - hum) <= 1.0
        if drop.any():
            plain = np.fft.rfft(left, axis=0)
            plain[drop] = 0.0
            left = np.fft.irfft(plain, n=size, axis=0)
    return Cleaned(np.asarray(left), before, np.square(left).mean(axis=0))


def _needle(power: Floats, total: float) -> float | None:
    """Return the fractional bin of a sharp peak in a power spectrum (Hann), or None."""
    peak = int(power.argmax())
    if not 1 < peak < power.size - 2:
        return None
    around = power[max(peak - 20, 0) : peak + 21]
    within = power[peak - 2 : peak + 3].sum()
    if within < 0.01 * total or power[peak] < 100.0 * np.median(around):
        return None
    # Exact for a Hann taper: the neighbours' amplitudes give the fractional bin.
    low, mid, high = np.sqrt(power[peak - 1 : peak + 2])
    if high > low:
        return peak + float((2.0 * high - mid) / (mid + high))
    return peak - float((2.0 * low - mid) / (mid + low))


def _windows(stretches: list[Floats], size: int) -> Floats:
    # 50 % overlap only for few rows, as it adds little and doubles the cost.
    step = size if sum(map(len, stretches)) > 20 * size else size // 2
    found = [s[i : i + size] for s in stretches for i in range(0, len(s) - size + 1, step)]
    if not found:
        return np.empty((0, size, stretches[0].shape[1] if stretches else 1))
    most = MOST_WINDOWS * WINDOW // size
    if len(found) > most:
        found = [found[i] for i in np.linspace(0, len(found) - 1, most).astype(int)]
    return np.stack(found)


def _correlations(ranks: Floats, lags: int) -> Floats:
    """Return the correlation with the row `lag` later, (lag, window, channel), without bias."""
    size = ranks.shape[1]
    power = np.square(ranks).sum(axis=1)
    out = np.empty((lags, ranks.shape[0], ranks.shape[2]))
    for lag in range(1, lags + 1):
        with np.errstate(invalid="ignore", divide="ignore"):
            out[lag - 1] = (ranks[:, lag:] * ranks[:, :-lag]).sum(axis=1) / power
        out[lag - 1] += (size - lag) / (size * (size - 1))
    return out


def _medians(table: Floats, *, axis: int) -> Floats:
    """Return the median over windows with finite values; 0 where there are none."""
    windows = np.moveaxis(table, axis, 0)
    filled = np.where(np.isfinite(windows).any(axis=0), windows, 0.0)
    return np.asarray(np.nanmedian(filled, axis=0))


def _jumps(means: Floats, spread: Floats, size: int) -> float:
    """Return the variance of the windows' means relative to that of independent rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = means.var(axis=0) / (np.square(spread).mean(axis=0) / size)
    finite = ratio[np.isfinite(ratio)]
    return float(finite.max()) if finite.size else float("nan")


def _greatest(table: Floats) -> float:
    finite = table[np.isfinite(table)]
    return float(finite[np.abs(finite).argmax()]) if finite.size else 0.0
