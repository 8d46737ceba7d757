"""Do rows know of each other? Muscle, skin and amplifier leave that in any signal, draws do not.

A recorded row resembles the next: in its value, in the size of its deviation (a contraction
lasts), or in what the channels share. Rows drawn independently have none of it, whatever their
distribution. Measured on ranks within windows of 64 rows, so that the distribution does not matter
and a table whose ranges change with the label, block by block, does not pass for one that moves;
medians over the windows leave out those few in which a block begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp
from scipy import special, stats

from emgnb.quality.bands import MOTION_HZ

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WINDOW, LAGS = 64, 8
# Rows of the windows in which a table that changes by block every few rows is looked at.
BRIEF = 16
MOST_WINDOWS = 400
# Smaller correlations are no dependence worth the name, however many rows confirm them.
EFFECT = 0.05
# Standard errors beyond that: the greatest of some hundred figures stays below by chance.
SIGMAS = 4.5
# Tones looked for in each channel.
TONES = 8
# Probability that chance alone makes the mean square of many figures look like dependence.
RARE = 1e-6
# The median of a normal sample scatters so much more than its mean.
MEDIAN = 1.2533


@dataclass(frozen=True)
class Dependence:
    """How rows depend on one another.

    Parameters
    ----------
    windows, size : how many windows of how many rows were looked at
    value, amplitude : (lag, channel) correlation with the row `lag` later, of the value and of the
        size of the deviation
    across : (channel, channel) correlation between channels in the same row
    kurtosis : (channel,) excess, within the windows: −1.2 uniform, 0 Gaussian
    jumps : variance of the windows' means over what independent rows allow (1), the greatest
    """

    windows: int
    size: int
    value: Array
    amplitude: Array
    across: Array
    kurtosis: Array
    jumps: float

    @property
    def error(self) -> float:
        """Standard error of a single correlation."""
        return float(MEDIAN / np.sqrt(self.size * max(self.windows, 1)))

    @property
    def enough(self) -> bool:
        """Whether there are rows enough that no dependence means independence."""
        return self.windows > 0 and EFFECT + SIGMAS * self.error < 0.3

    @property
    def lag_one(self) -> float:
        """Correlation of a row with the next, mean over channels."""
        return float(np.nanmean(self.value[0]))

    @property
    def strongest(self) -> float:
        """Correlation with a row up to eight later, where it is greatest."""
        return _greatest(self.value)

    @property
    def swelling(self) -> float:
        """The same of the size of the deviation."""
        return _greatest(self.amplitude)

    @property
    def shared(self) -> float:
        """Greatest correlation between two channels, 0 for one channel."""
        pairs = self.across[np.triu_indices(len(self.across), 1)]
        return _greatest(pairs) if pairs.size else 0.0

    @property
    def serial(self) -> bool:
        """Whether a row says something about the next ones."""
        limit = EFFECT + SIGMAS * self.error
        if max(abs(self.strongest), abs(self.swelling)) > limit:
            return True
        return any(self._all_together(row) for row in (*self.value, *self.amplitude))

    @property
    def related(self) -> bool:
        """Whether channels have something in common."""
        pairs = self.across[np.triu_indices(len(self.across), 1)]
        return abs(self.shared) > EFFECT + SIGMAS * self.error or self._all_together(pairs)

    def _all_together(self, figures: Array) -> bool:
        """Whether figures that are weak each by each are too many to be chance."""
        if not figures.size:
            return False
        chance = stats.chi2.isf(RARE, figures.size) / figures.size
        return bool(np.square(figures).mean() > EFFECT**2 + chance * self.error**2)


def dependence(stretches: list[Array], *, size: int = WINDOW) -> Dependence:
    """Measure how rows depend on one another, in unbroken stretches (row, channel).

    `size` : rows of a window; what changes more slowly is taken for constant.
    """
    return over_windows(_windows(stretches, size))


def over_windows(windows: Array) -> Dependence:
    """Measure how rows depend on one another within given windows (window, row, channel)."""
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
    # One product for all pairs of channels; a window in which a channel rests counts for none.
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


def overdispersion(stretches: list[Array], rate: float | None) -> tuple[float, float]:
    """How much more the power varies over time than that of steady noise of the same spectrum.

    Parameters
    ----------
    stretches : (row, channel), centred; with a rate, what lies below 20 Hz must be removed

    Returns
    -------
    ratio : variance of the logarithm of power between windows of 0.1 s (32 rows at least), over
        that of steady Gaussian noise with the same bandwidth; the median channel. NaN without
        enough windows
    limit : what chance reaches
    """
    size = max(32, round(0.1 * (rate or 0.0)))
    windows = [s[: len(s) // size * size].reshape(-1, size, s.shape[1]) for s in stretches]
    joined = np.concatenate(windows) if windows else np.empty((0, size, 1))
    if len(joined) < 6:
        return float("nan"), float("inf")
    power = np.square(joined).mean(axis=1)
    density = (np.abs(np.fft.rfft(joined, axis=1)) ** 2).mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # So many bins share the power, each an independent exponential variable.
        breadth = np.square(density.sum(axis=0)) / np.square(density).sum(axis=0)
        expected = special.polygamma(1, np.maximum(breadth, 0.5))
        ratio = np.log(power).var(axis=0, ddof=1) / expected
    ratio = ratio[np.isfinite(ratio)]
    if not ratio.size:
        return float("nan"), float("inf")
    return float(np.median(ratio)), 1.5 + 6.0 * float(np.sqrt(2.0 / len(joined)))


@dataclass(frozen=True)
class Cleaned:
    """A stretch without its tones: what remains, and the power before and after (channel,)."""

    values: Array
    before: Array
    after: Array


def without_tones(stretch: Array, rate: float | None, hums: Array, *, highpass: bool) -> Cleaned:
    """Remove the straight line, every pure tone, and mains from a stretch (row, channel).

    A tone is a needle in the spectrum that holds more than a hundredth of the power; up to eight a
    channel are fitted and subtracted.

    Parameters
    ----------
    hums : frequencies in Hz around which 1 Hz on either side is removed, too; needs a rate
    highpass : whether to remove what lies below 20 Hz, too; needs a rate
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


def _needle(power: Array, total: float) -> float | None:
    """Where a needle stands in a power spectrum (Hann), in bins and parts of bins; or None."""
    peak = int(power.argmax())
    if not 1 < peak < power.size - 2:
        return None
    around = power[max(peak - 20, 0) : peak + 21]
    within = power[peak - 2 : peak + 3].sum()
    if within < 0.01 * total or power[peak] < 100.0 * np.median(around):
        return None
    # Exact for a Hann taper: the neighbours' amplitudes tell how far off the bin the tone lies.
    low, mid, high = np.sqrt(power[peak - 1 : peak + 2])
    if high > low:
        return peak + float((2.0 * high - mid) / (mid + high))
    return peak - float((2.0 * low - mid) / (mid + low))


def _windows(stretches: list[Array], size: int) -> Array:
    # Half overlap only where rows are few: it adds little but costs double.
    step = size if sum(map(len, stretches)) > 20 * size else size // 2
    found = [s[i : i + size] for s in stretches for i in range(0, len(s) - size + 1, step)]
    if not found:
        return np.empty((0, size, stretches[0].shape[1] if stretches else 1))
    most = MOST_WINDOWS * WINDOW // size
    if len(found) > most:
        found = [found[i] for i in np.linspace(0, len(found) - 1, most).astype(int)]
    return np.stack(found)


def _correlations(ranks: Array, lags: int) -> Array:
    """Correlation with the row `lag` later (lag, window, channel), without the bias of the mean."""
    size = ranks.shape[1]
    power = np.square(ranks).sum(axis=1)
    out = np.empty((lags, ranks.shape[0], ranks.shape[2]))
    for lag in range(1, lags + 1):
        with np.errstate(invalid="ignore", divide="ignore"):
            out[lag - 1] = (ranks[:, lag:] * ranks[:, :-lag]).sum(axis=1) / power
        out[lag - 1] += (size - lag) / (size * (size - 1))
    return out


def _medians(table: Array, *, axis: int) -> Array:
    """Median over the windows that say something; 0 where none does."""
    windows = np.moveaxis(table, axis, 0)
    filled = np.where(np.isfinite(windows).any(axis=0), windows, 0.0)
    return np.asarray(np.nanmedian(filled, axis=0))


def _jumps(means: Array, spread: Array, size: int) -> float:
    """Variance of the windows' means, over what independent rows of their spread allow."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = means.var(axis=0) / (np.square(spread).mean(axis=0) / size)
    finite = ratio[np.isfinite(ratio)]
    return float(finite.max()) if finite.size else float("nan")


def _greatest(table: Array) -> float:
    finite = table[np.isfinite(table)]
    return float(finite[np.abs(finite).argmax()]) if finite.size else 0.0
