"""What rest is like in each channel: measured on the recording itself, bursts left out.

Thresholds in microvolts do not travel between people, muscles and sensors; thresholds against rest
do. So rest is found first (what no window calls a burst, in rounds, until it settles), then its
level, how many of its samples are independent (neighbours in a band-passed signal are not), and how
much it wanders more slowly than that. From these three follows which evidence is needed for the
number of false alarms that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emgnb.detect.families import Array, Family, Level, Share, Variance
from emgnb.detect.scan import SLACK, Mask, Scan, threshold

METHODS = ("glr", "double_threshold", "tkeo")

# Share of resting samples beyond the first of two thresholds.
BEYOND = 0.05
# Evidence in nats from which on a window is not rest, while rest is being looked for.
NOT_REST = 7.0
ROUNDS = 6
SETTLED = 1e-3
# Steps of the windows in the shortest burst, while rest is being looked for.
HOPS = 2
# Least rest, in lengths of the shortest burst: the variance of fewer windows means little.
LEAST_REST = 30
# Independent samples in a sample, as a first guess for band-passed EMG.
FIRST_GUESS = 0.3
# Window lengths, in shortest bursts, whose scatter tells correlation (the second) from wander (the
# third); the first serves where there is little rest.
SCALES = (1, 4, 16)
# Samples in a piece of which the spectrum at rest is taken, and the evidence that is about needed.
SPECTRUM = 256
NEEDED = 8.0
# The same share, measured, for energies (TKEO), of which large ones come in clusters.
CLUSTERED = 0.75
# Half the span in s over which an envelope's slope is taken, to undo a sensor's lag.
SLOPE = 0.005


@dataclass(frozen=True)
class Options:
    """What the user asked for; see `bursts`."""

    false_alarms: float
    shortest: float
    method: str
    lag: float
    rate: float

    @property
    def samples(self) -> int:
        """Samples in the shortest burst."""
        return max(2, round(self.shortest * self.rate))


@dataclass(frozen=True)
class Rest:
    """One channel at rest, and what follows from it.

    Parameters
    ----------
    options : what was asked for
    kind : raw, rectified or envelope
    baseline : of an envelope, in its unit; 0 for others
    level : RMS at rest (raw, rectified), standard deviation about the baseline (envelope)
    first : first threshold of the two-threshold methods
    independent, wander : see `Scan`
    seconds : of rest that were found
    """

    options: Options
    kind: str
    baseline: float
    level: float
    first: float
    independent: float
    wander: float
    seconds: float

    @property
    def family(self) -> Family:
        """What a burst does to normalised samples."""
        if self.options.method != "glr":
            return Share(BEYOND)
        return Level() if self.kind == "envelope" else Variance()

    @property
    def scan(self) -> Scan:
        """The search that this rest calls for."""
        n = self.options.samples
        own = self.independent / (1.0 + self.wander * self.independent * n)
        nats = threshold(
            self.options.false_alarms, rate=self.options.rate, independent=own, shortest=n
        )
        return Scan(self.family, self.independent, self.wander, n, nats)

    def normal(self, values: Array) -> tuple[Array, Mask]:
        """Samples normalised on rest, and which of them are known; the others are as at rest."""
        size = amplitude(values, self.options, self.kind)
        if self.options.method != "glr":
            ok = np.isfinite(size)
            size = np.where(ok, size > self.first, BEYOND)
            return size, ok
        size -= self.baseline
        size /= self.level if self.kind == "envelope" else self.level**2
        ok = np.isfinite(size)
        if not ok.all():
            size[~ok] = self.family.rest
        return size, ok


def reach(options: Options, kind: str) -> int:
    """Samples before and after a sample that its amplitude depends on."""
    if kind == "envelope":
        return max(1, round(SLOPE * options.rate)) if options.lag else 0
    return 1 if options.method == "tkeo" else 0


def amplitude(values: Array, options: Options, kind: str) -> Array:
    """What a burst makes greater: power, size, energy (TKEO), or an envelope without its lag."""
    w = reach(options, kind)
    if kind == "envelope":
        if not w:
            return values.astype(np.float64)
        made = np.full(len(values), np.nan)
        if len(values) > 2 * w:
            # A one-pole smoother's input is its output and its lag times the output's slope.
            slope = (values[2 * w :] - values[: -2 * w]) * (options.rate / (2 * w))
            made[w:-w] = values[w:-w] + options.lag * slope
        return made
    if options.method == "tkeo":
        made = np.full(len(values), np.nan)
        made[1:-1] = np.abs(values[1:-1] ** 2 - values[2:] * values[:-2])
        return made
    return np.asarray(values * values if options.method == "glr" else np.abs(values))


def measure(
    values: Array, *, options: Options, kind: str, span: tuple[int, int] | None, name: str
) -> Rest:
    """Measure rest in one channel.

    Parameters
    ----------
    values : (sample,) NaN where lost or invalid
    span : first and one past the last sample of rest; looked for by default
    name : of the channel, for messages

    Raises
    ------
    ValueError : too little rest, nothing but zeros, or a raw signal with an offset
    """
    n = options.samples
    plain = Options(options.false_alarms, options.shortest, "glr", options.lag, options.rate)
    size = amplitude(values, plain, kind)
    family: Family = Level() if kind == "envelope" else Variance()
    hop = Scan(family, 1.0, 0.0, n, 0.0, HOPS).hop
    sums, ok = _by_hop(size, hop)
    width = max(2, round(8 * n / hop))
    guess = _guess(sums, ok, hop, width, values, kind, name)
    # What a converter's steps hide counts as scatter; 1e-9: a constant rest has none at all.
    grain = max(_grain(values), 1e-9 * guess[1])
    if span is not None:
        inside = np.zeros(len(ok), dtype=bool)
        inside[-(-span[0] // hop) : span[1] // hop] = True
        rest = ok & inside
        base, level, independent, wander = _figures(sums, rest, size, hop, n, grain, kind)
    else:
        base, level = guess
        # Of an envelope, whose samples hang together, few; the rounds then come from above.
        independent, wander = (0.25 / hop if kind == "envelope" else FIRST_GUESS), 0.0
        rest = np.zeros(len(ok), dtype=bool)
        for _ in range(ROUNDS):
            scan = Scan(family, independent, wander, n, NOT_REST + SLACK, HOPS)
            normal = np.where(ok, (sums / hop - base) / level, family.rest) * hop
            found = ok & ~scan.cover(np.concatenate([[0.0], np.cumsum(normal)]), ok)
            settled = abs(int(found.sum()) - int(rest.sum())) <= SETTLED * found.sum()
            rest = found
            if found.sum() * hop < LEAST_REST * n:
                break
            base, level, independent, wander = _figures(sums, rest, size, hop, n, grain, kind)
            if settled:
                break
    if rest.sum() * hop < LEAST_REST * n:
        raise ValueError(
            f"channel {name}: {rest.sum() * hop / options.rate:.2g} s of rest"
            f"{' in the span given' if span else ' found'}, at least "
            f"{LEAST_REST * n / options.rate:.2g} s are needed. Name a stretch of rest, "
            "rest=(start, stop) in s, or give a calibration recording, rest=signal"
        )
    _refuse_offset(values, rest, hop, level, kind, name)
    first = np.nan
    if options.method != "glr":
        first, independent, wander = _beyond(values, rest, hop, options, kind)
    if kind == "envelope":
        independent *= skewed(sums, rest, max(2, round(n / hop)))
    elif options.method == "tkeo":
        independent *= CLUSTERED
    else:
        independent *= peaked(values, rest, hop, n)
    return Rest(
        options,
        kind,
        base,
        level if kind == "envelope" else float(np.sqrt(level)),
        first,
        independent,
        wander,
        float(rest.sum() * hop / options.rate),
    )


def _by_hop(size: Array, hop: int) -> tuple[Array, Mask]:
    """Sum of each hop, and whether all its samples are known."""
    sums = np.einsum("ij->i", size[: len(size) // hop * hop].reshape(-1, hop))
    ok = np.isfinite(sums)
    return np.where(ok, sums, 0.0), ok


def _guess(
    sums: Array, ok: Mask, hop: int, width: int, values: Array, kind: str, name: str
) -> tuple[float, float]:
    """Baseline and level (power, or standard deviation) of the quieter part of the recording."""
    means = _means(sums, ok, width) / hop
    if means.size < 2:
        known = np.isfinite(values).sum()
        raise ValueError(
            f"channel {name} has {known} valid samples of {len(values)}, too few in a row to tell "
            "rest from bursts"
        )
    low = float(np.quantile(means, 0.2))
    if kind != "envelope":
        if low <= 0.0:
            raise ValueError(
                f"channel {name} is 0 for a fifth of its time or more: a flat line has no rest "
                "level. Mark what is missing as NaN, or leave the channel out"
            )
        return 0.0, low
    quiet = _quiet(sums, ok, width, hop, float(np.quantile(means, 0.4)))
    spread = max(float(np.sqrt(np.mean((quiet - low) ** 2))), _grain(values))
    if spread <= 0.0:
        raise ValueError(
            f"channel {name} is {low:.6g} throughout: a flat line has no bursts. Leave it out"
        )
    return low, spread


def _quiet(sums: Array, ok: Mask, width: int, hop: int, below: float) -> Array:
    """Means of the hops in all windows whose mean is not above `below`."""
    n = len(sums) // width * width
    rows = sums[:n].reshape(-1, width) / hop
    whole = ok[:n].reshape(-1, width).all(axis=1)
    return np.asarray(rows[whole & (rows.mean(axis=1) <= below)])


def _figures(
    sums: Array, rest: Mask, size: Array, hop: int, n: int, grain: float, kind: str
) -> tuple[float, float, float, float]:
    """Baseline, level, independent samples and wander over the hops called rest."""
    mean = float(sums[rest].mean() / hop)
    base, level, spread = 0.0, mean, 2.0
    if kind == "envelope":
        own = size[: len(rest) * hop].reshape(-1, hop)[rest]
        base, spread = mean, 1.0
        level = max(float(own.std()), grain)
    return base, level, *_independence((sums - base * hop) / level, rest, hop, n, spread)


def _independence(sums: Array, rest: Mask, hop: int, n: int, spread: float) -> tuple[float, float]:
    """Independent samples in a sample, and wander, from how much means of two lengths scatter."""
    widths = [max(2, round(k * n / hop)) for k in SCALES]
    means = [_means(sums, rest, width) / hop for width in widths]
    length = [width * hop for width in widths]
    brief, middle, lasting = (float(each.var()) / spread if each.size else 0.0 for each in means)
    if means[1].size < 30:
        return (1.0 / (max(brief, 1e-12) * length[0]) if means[0].size > 9 else FIRST_GUESS), 0.0
    if means[2].size < 30:
        return 1.0 / (max(middle, 1e-12) * length[1]), 0.0
    one = (middle - lasting) / (1 / length[1] - 1 / length[2])
    # Within its own error of one half, wander is told from correlation by luck alone.
    one = min(max(one, 0.5 * middle * length[1]), middle * length[1])
    return 1.0 / max(one, 1e-12), max(0.0, lasting - one / length[2])


def _beyond(
    values: Array, rest: Mask, hop: int, options: Options, kind: str
) -> tuple[float, float, float]:
    """First threshold, independent samples and wander of what lies beyond it."""
    size = amplitude(values, options, kind)[: len(rest) * hop].reshape(-1, hop)
    own = size[rest]
    first = float(np.nanquantile(own, 1.0 - BEYOND))
    beyond = (size > first).sum(axis=1, dtype=np.float64)
    return first, *_independence(beyond, rest, hop, options.samples, BEYOND * (1.0 - BEYOND))


def peaked(values: Array, rest: Mask, hop: int, n: int) -> float:
    """Share of the independent samples that are left for rare, large means of squares.

    How much means of coloured noise scatter gives the number of independent samples near rest; but
    a mean far above it comes about in the spectrum's peak alone, and so from fewer. For Gaussian
    noise of spectrum S (mean 1) the evidence of a mean r is the Legendre transform of
    −½·mean(log(1 − 2θS)), against (r − 1 − log r)/2 for white noise; their ratio is taken where
    the shortest burst is just found.
    """
    width = max(1, -(-SPECTRUM // hop))
    count = len(rest) // width
    whole = np.flatnonzero(rest[: count * width].reshape(-1, width).all(axis=1))
    if whole.size < 10:
        return 1.0
    some = whole[:: max(1, whole.size // 400)]
    pieces = values[: count * width * hop].reshape(count, -1)[some][:, :SPECTRUM]
    power = np.mean(np.abs(np.fft.rfft(pieces * np.hanning(SPECTRUM), axis=1)) ** 2, axis=0)[1:-1]
    s = power / power.mean()
    theta = (1.0 - np.geomspace(1.0, 1e-4, 200)[1:, np.newaxis]) / (2.0 * s.max())
    r = np.mean(s / (1.0 - 2.0 * theta * s), axis=1)
    rare = theta[:, 0] * r + 0.5 * np.mean(np.log1p(-2.0 * theta * s), axis=1)
    white = 0.5 * (r - 1.0 - np.log(r))
    at = min(int(np.searchsorted(rare * n, NEEDED)), len(r) - 1)
    return float(min(1.0, np.mean(s**2) * rare[at] / white[at]))


def skewed(sums: Array, rest: Mask, width: int) -> float:
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


def _means(sums: Array, ok: Mask, width: int) -> Array:
    """Mean of each window of `width` hops, end to end, that lies within one stretch of `ok`."""
    n = len(sums) // width * width
    whole = ok[:n].reshape(-1, width).all(axis=1)
    return np.asarray(sums[:n].reshape(-1, width)[whole].mean(axis=1))


def _grain(values: Array) -> float:
    """Standard deviation that the steps of a converter alone would give."""
    step = np.abs(np.diff(values[: 1 << 16]))
    step = step[np.isfinite(step) & (step > 0)]
    return float(step.min() / np.sqrt(12.0)) if step.size else 0.0


def _refuse_offset(values: Array, rest: Mask, hop: int, power: float, kind: str, name: str) -> None:
    if kind != "raw":
        return
    where = np.flatnonzero(rest)
    some = where[:: max(1, len(where) // 4000)]
    own: npt.NDArray[np.float64] = values[: len(rest) * hop].reshape(-1, hop)[some]
    middle, level = float(own.mean()), float(np.sqrt(power))
    if abs(middle) > 0.5 * level:
        raise ValueError(
            f"channel {name} rests at {middle:.4g} with an RMS of {level:.4g}: an offset, which no "
            "burst changes. Filter first, as filters.preset('raw', rate=…)(x) does"
        )
