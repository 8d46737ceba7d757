"""What rest is like in each channel: measured on the recording itself, bursts left out.

Thresholds in microvolts do not travel between people, muscles and sensors; thresholds against rest
do. So rest is found first (what no window calls a burst, in rounds, until it settles), then its
level, how many of its samples are independent (neighbours in a band-passed signal are not), and how
much it wanders more slowly than that. From these three follows which evidence is needed for the
number of false alarms that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from emgnb.detect import amplitude, stretches
from emgnb.detect.access import PIECES, Kept
from emgnb.detect.amplitude import Floats, Options
from emgnb.detect.families import Array, Family, Level, Share, Variance
from emgnb.detect.scan import HOPS, SLACK, Hops, Scan, threshold
from emgnb.detect.stretches import Mask

# Share of resting samples beyond the first of two thresholds.
BEYOND = 0.05
# Evidence in nats from which on a window is not rest, while rest is being looked for.
NOT_REST = 7.0
ROUNDS = 6
SETTLED = 1e-3
# Least rest, in lengths of the shortest burst: the variance of fewer windows means little.
LEAST_REST = 30
# Independent samples in a sample, as a first guess for band-passed EMG.
FIRST_GUESS = 0.3
# Window lengths, in shortest bursts, whose scatter tells correlation (the second) from wander (the
# third); the first serves where there is little rest.
SCALES = (1, 4, 16)
# Evidence that is about needed, for which rare large means are reckoned.
NEEDED = 8.0
# Share of the independent samples left for rare large means of energies (TKEO), measured: large
# ones come in clusters.
CLUSTERED = 0.75
# Pieces that are enough for a spectrum or an offset.
SOME = 256


@dataclass(frozen=True)
class Rest:
    """One channel at rest, and what follows from it.

    Parameters
    ----------
    options : what was asked for
    kind : raw, rectified or envelope
    baseline : of an envelope, in its unit; 0 for others
    level : RMS at rest (raw, rectified), standard deviation about the baseline (envelope)
    first : first threshold of the two-threshold methods, in what it is held against
    share : of resting samples beyond it
    independent, wander : see `Scan`
    seconds : of rest that were found
    """

    options: Options
    kind: str
    baseline: float
    level: float
    first: float
    share: float
    independent: float
    wander: float
    seconds: float

    @cached_property
    def scan(self) -> Scan:
        """The search that this rest calls for."""
        n = self.options.samples
        own = self.independent / (1.0 + self.wander * self.independent * n)
        nats = threshold(
            self.options.false_alarms, rate=self.options.rate, independent=own, shortest=n
        )
        family = Share(self.share) if self.options.method != "glr" else strength_family(self.kind)
        return Scan(family, self.independent, self.wander, n, self.options.hop, nats)

    def power(self, sums: Floats) -> Hops:
        """Sums of strength, normalised."""
        return Hops(sums, self.baseline * self.options.hop, self._unit)

    @property
    def _unit(self) -> float:
        return self.level if self.kind == "envelope" else self.level**2

    def samples(self, values: Floats) -> tuple[Array, Array]:
        """What is tested and the strength of samples (…, sample), normalised."""
        size = (amplitude.strength(values, self.options, self.kind) - self.baseline) / self._unit
        if self.options.method == "glr":
            return size, size
        beyond = amplitude.tested(values, self.options, self.kind) > self.first
        return beyond.astype(np.float64), size


def strength_family(kind: str) -> Family:
    """What a burst does to power, or to an envelope."""
    return Level() if kind == "envelope" else Variance()


@dataclass(frozen=True)
class Calm:
    """Rest as found on strength: where it is, and what it is like.

    Parameters
    ----------
    mask : (pair of hops,)
    base, level : baseline and standard deviation of an envelope, or 0 and the mean power
    """

    kept: Kept
    options: Options
    kind: str
    mask: Mask
    base: float
    level: float
    independent: float
    wander: float

    @property
    def _pair(self) -> int:
        return 2 * self.options.hop

    def pieces(self, most: int) -> tuple[Floats, Mask]:
        """So many pieces, or up to twice, evenly spread, and which of their pairs of hops rest."""
        every = slice(None, None, max(1, len(self.kept.at) // most))
        return self.kept.pieces[every], _in_pieces(self.mask, self.kept, self.options)[every]

    def first(self) -> float:
        """First threshold: what a small share of resting samples exceeds."""
        values, rest = self.pieces(PIECES)
        size = amplitude.tested(values, self.options, self.kind)
        own = size.reshape(*rest.shape, self._pair)[rest]
        own = own[np.isfinite(own)]
        return float(np.quantile(own, 1.0 - BEYOND)) if own.size else np.nan

    def rest(self, counts: Floats | None, first: float) -> Rest:
        """What the search needs to know; `counts` beyond the first threshold, if there is one."""
        n, pair = self.options.samples, self._pair
        independent, wander, share = self.independent, self.wander, np.nan
        sums = _pairs(self.kept.sums)
        if counts is not None:
            beyond = _pairs(counts)
            # TKEO knows nothing of the samples beside a gap.
            rest = self.mask & np.isfinite(beyond)
            share = min(max(float(beyond[rest].mean() / pair), 1e-3), 0.5)
            independent, wander = _independence(beyond, rest, pair, n, share * (1.0 - share))
        if self.kind == "envelope":
            independent *= skewed(sums, self.mask, max(2, round(n / pair)))
        elif self.options.method == "tkeo":
            independent *= CLUSTERED
        else:
            values, rest = self.pieces(SOME)
            independent *= peaked(values[rest.all(axis=1)].astype(np.float64), n)
        return Rest(
            self.options,
            self.kind,
            self.base,
            self.level if self.kind == "envelope" else float(np.sqrt(self.level)),
            first,
            share,
            independent,
            wander,
            float(self.mask.sum() * pair / self.options.rate),
        )


def look_for_rest(kept: Kept, *, options: Options, kind: str, everywhere: bool, name: str) -> Calm:
    """Find rest in one channel, on strength.

    Parameters
    ----------
    everywhere : the whole recording is rest; else rest is looked for
    name : of the channel, for messages

    Raises
    ------
    ValueError : too little rest, nothing but zeros, or a raw signal with an offset
    """
    n, pair = options.samples, 2 * options.hop
    family = strength_family(kind)
    sums = _pairs(kept.sums)
    ok = np.isfinite(sums)
    if everywhere:
        _refuse_little(ok, options, f"channel {name}", "in the span given")
    guess = _guess(sums, ok, pair, kept, kind, name)
    # What a converter's steps hide counts as scatter; 1e-9: a constant rest has none at all.
    scatter = _Scatter(kept, options, kind, guess[0], max(_grain(kept), 1e-9 * guess[1]))
    if everywhere:
        rest = ok
        base, level, independent, wander = _figures(sums, rest, scatter, pair, n, kind)
    else:
        base, level = guess
        # Of an envelope, whose samples hang together, few; the rounds then come from above.
        independent, wander = (0.25 / pair if kind == "envelope" else FIRST_GUESS), 0.0
        if kind == "envelope":
            wander = scatter.hidden(level)
        rest = np.zeros(len(ok), dtype=bool)
        for _ in range(ROUNDS):
            scan = Scan(family, independent, wander, n, pair, NOT_REST + SLACK, HOPS // 2)
            found = ok.copy()
            found[stretches.places(*scan.regions(Hops(sums, base * pair, level)))] = False
            settled = abs(int(found.sum()) - int(rest.sum())) <= SETTLED * found.sum()
            rest = found
            if found.sum() * pair < LEAST_REST * n:
                break
            base, level, independent, wander = _figures(sums, rest, scatter, pair, n, kind)
            if settled:
                break
    calm = Calm(kept, options, kind, rest, base, level, independent, wander)
    _refuse_little(rest, options, f"channel {name}", "found")
    if kind == "raw":
        _refuse_offset(calm, name)
    return calm


def _refuse_little(rest: Mask, options: Options, who: str, where: str) -> None:
    seconds = float(rest.sum()) * 2 * options.hop / options.rate
    least = LEAST_REST * options.samples / options.rate
    if seconds < least:
        raise ValueError(
            f"{who}: {seconds:.2g} s of rest {where}, at least {least:.2g} s are needed. Name a "
            "stretch of rest, rest=(start, stop) in s, or give a calibration recording, "
            "rest=signal"
        )


def _pairs(hops: Floats) -> npt.NDArray[np.float32]:
    """Sums of two hops each."""
    n = len(hops) // 2 * 2
    return np.asarray(np.add(hops[:n:2], hops[1:n:2], dtype=np.float32))


def _in_pieces(mask: Mask, kept: Kept, options: Options) -> Mask:
    """Give (piece, pair of hops) of the mask."""
    own = (kept.pieces.shape[1] - 2 * amplitude.reach(options)) // (2 * options.hop)
    return np.asarray(mask[(kept.at // 2)[:, np.newaxis] + np.arange(own)])


def _guess(
    sums: npt.NDArray[np.float32], ok: Mask, pair: int, kept: Kept, kind: str, name: str
) -> tuple[float, float]:
    """Baseline and level (power, or standard deviation) of the quieter part of the recording."""
    width = 8 * HOPS // 2
    means = _means(sums, ok, width) / pair
    if means.size < 2:
        raise ValueError(
            f"channel {name} has {int(ok.sum()) * pair} valid samples of {len(ok) * pair} in whole "
            "hops, too few in a row to tell rest from bursts"
        )
    low = float(np.quantile(means, 0.2))
    if kind != "envelope":
        if low <= 0.0:
            raise ValueError(
                f"channel {name} is 0 for a fifth of its time or more: a flat line has no rest "
                "level. Mark what is missing as NaN, or leave the channel out"
            )
        return 0.0, low
    quiet = _quiet(sums, ok, width, pair, float(np.quantile(means, 0.4)))
    spread = max(float(np.sqrt(np.mean((quiet - low) ** 2))), _grain(kept))
    if spread <= 0.0:
        raise ValueError(
            f"channel {name} is {low:.6g} throughout: a flat line has no bursts. Leave it out"
        )
    return low, spread


def _quiet(sums: npt.NDArray[np.float32], ok: Mask, width: int, pair: int, below: float) -> Array:
    """Means of the pairs of hops in all windows whose mean is not above `below`."""
    n = len(sums) // width * width
    rows = sums[:n].reshape(-1, width).astype(np.float64) / pair
    whole = ok[:n].reshape(-1, width).all(axis=1)
    return np.asarray(rows[whole & (rows.mean(axis=1) <= below)])


class _Scatter:
    """Standard deviation of the samples of an envelope over what is called rest."""

    def __init__(self, kept: Kept, options: Options, kind: str, base: float, least: float) -> None:
        self._kept, self._options, self._base, self._least = kept, options, base, least
        if kind != "envelope":
            return
        size = amplitude.strength(kept.pieces, options, kind) - base
        rows = size.reshape(len(size), -1, 2 * options.hop)
        self._sums, self._squares = rows.sum(axis=2), np.square(rows).sum(axis=2)

    def over(self, rest: Mask) -> float:
        own = _in_pieces(rest, self._kept, self._options)
        n = own.sum() * 2 * self._options.hop
        if not n:
            return self._least
        mean = self._sums[own].sum() / n
        return float(np.sqrt(max(self._squares[own].sum() / n - mean**2, self._least**2)))

    def hidden(self, level: float) -> float:
        """Wander that a converter's steps hide: noise of less than a step does not average them.

        The error of a mean of rounded samples is a half step without noise, and falls as
        exp(−2π²σ²) with noise of σ steps [Widrow 1996, doi:10.1109/19.492748].
        """
        step = np.sqrt(12.0) * self._least
        noise = max((level / step) ** 2 - 1.0 / 12.0, 0.0)
        return float((0.5 * step / level * np.exp(-2.0 * np.pi**2 * noise)) ** 2)


def _figures(
    sums: npt.NDArray[np.float32], rest: Mask, scatter: _Scatter, pair: int, n: int, kind: str
) -> tuple[float, float, float, float]:
    """Baseline, level, independent samples and wander over the pairs of hops called rest."""
    mean = float(sums[rest].mean(dtype=np.float64) / pair) if rest.any() else np.nan
    if kind == "envelope":
        level = scatter.over(rest)
        independent, wander = _independence((sums - mean * pair) / level, rest, pair, n, 1.0)
        return mean, level, independent, max(wander, scatter.hidden(level))
    return 0.0, mean, *_independence(sums / mean, rest, pair, n, 2.0)


def _independence(
    sums: Floats, rest: Mask, pair: int, n: int, spread: float
) -> tuple[float, float]:
    """Independent samples in a sample, and wander, from how much means of two lengths scatter."""
    widths = [max(2, round(k * n / pair)) for k in SCALES]
    means = [_means(sums, rest, width) / pair for width in widths]
    length = [width * pair for width in widths]
    brief, middle, lasting = (float(each.var()) / spread if each.size else 0.0 for each in means)
    if means[1].size < 30:
        return (1.0 / (max(brief, 1e-12) * length[0]) if means[0].size > 9 else FIRST_GUESS), 0.0
    if means[2].size < 30:
        return 1.0 / (max(middle, 1e-12) * length[1]), 0.0
    one = (middle - lasting) / (1 / length[1] - 1 / length[2])
    # Within its own error of one half, wander is told from correlation by luck alone.
    one = min(max(one, 0.5 * middle * length[1]), middle * length[1])
    return 1.0 / max(one, 1e-12), max(0.0, lasting - one / length[2])


def peaked(pieces: Array, n: int) -> float:
    """Share of the independent samples that are left for rare, large means of squares.

    How much means of coloured noise scatter gives the number of independent samples near rest; but
    a mean far above it comes about in the spectrum's peak alone, and so from fewer. For Gaussian
    noise of spectrum S (mean 1) the evidence of a mean r is the Legendre transform of
    −½·mean(log(1 − 2θS)), against (r − 1 − log r)/2 for white noise; their ratio is taken where
    the shortest burst is just found.

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


def skewed(sums: Floats, rest: Mask, width: int) -> float:
    """Share of the independent samples that are left for rare heights of a skewed envelope.

    What was rectified has a longer tail above than a Gaussian of the same scatter; the tail of the
    gamma distribution with the skewness that the means of short windows have is taken instead.
    """
    means = _means(sums, rest, width)
    if means.size < 100:
        return 1.0
    z = (means - means.mean()) / max(float(means.std()), 1e-300)
    skewness = float(np.mean(z**3))
    if skewness < 0.05:
        return 1.0
    shape = 4.0 / skewness**2
    r = 1.0 + np.sqrt(2.0 * NEEDED / shape)
    return float(shape * (r - 1.0 - np.log(r)) / NEEDED)


def _means(sums: Floats, ok: Mask, width: int) -> Array:
    """Mean of each window of `width` sums, end to end, that lies within one stretch of `ok`."""
    n = len(sums) // width * width
    known = np.where(ok[:n], sums[:n], np.nan)
    # A sum over few columns of many rows is ten times as fast column by column.
    total = known[::width].astype(np.float64)
    for k in range(1, width):
        total += known[k::width]
    return np.asarray(total[~np.isnan(total)] / width)


def _grain(kept: Kept) -> float:
    """Standard deviation that the steps of a converter alone would give."""
    some = kept.pieces[:: max(1, -(-len(kept.pieces) // SOME))].astype(np.float64)
    step = np.abs(np.diff(some, axis=1))
    step = step[np.isfinite(step) & (step > 0)]
    return float(step.min() / np.sqrt(12.0)) if step.size else 0.0


def _refuse_offset(calm: Calm, name: str) -> None:
    values, rest = calm.pieces(SOME)
    w = amplitude.reach(calm.options)
    own = values[:, w : values.shape[1] - w].reshape(*rest.shape, -1)[rest]
    if not own.size:
        return
    middle, level = float(own.mean()), float(np.sqrt(calm.level))
    if abs(middle) > 0.5 * level:
        raise ValueError(
            f"channel {name} rests at {middle:.4g} with an RMS of {level:.4g}: an offset, which no "
            "burst changes. Filter first, as filters.preset('raw', rate=…)(x) does"
        )
