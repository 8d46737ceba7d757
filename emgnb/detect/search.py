"""The bursts in regions: likeliest intervals, split, merged, and their edges to the sample.

Within a region the likeliest burst is found, split where its inside looks like rest, merged with a
neighbour where no rest can be seen between them, and its edges are the likeliest change points.
What counts in the end is the evidence of the whole burst, whatever its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emgnb.detect import stretches
from emgnb.detect.families import Array
from emgnb.detect.scan import Hops, Scan, Totals
from emgnb.detect.stretches import Ints, Mask, Ragged

# Evidence in nats that a burst was interrupted, or that two bursts are two.
APART = 9.0
# Longest gap merged, in lengths of the shortest burst: a faint event must not annex a strong one.
LONGEST_GAP = 2.0
# A burst may come out shorter than the shortest looked for, an impulse must not come out at all.
LEAST = 0.5
# Hops on either side of where an edge is known, in which it is looked for.
NEAR = 2
PASSES = 12
SETTLE = 4
# Hops of regions that are searched together, at the least: bounds the memory.
BATCH = 1 << 17


@dataclass(frozen=True)
class Candidates:
    """Bursts of one channel whose edges are known to a hop.

    Parameters
    ----------
    a, b : first hop, one past the last
    floor, roof : samples between which the edges may lie
    begin, end : mean near the first hop and near the last, normalised
    total, power : sum from `a` to `b` of what is tested, and of the power (or level), normalised
    apex : sample about which the power is greatest
    peak : mean power there, normalised
    """

    a: Ints
    b: Ints
    floor: Ints
    roof: Ints
    begin: Array
    end: Array
    total: Array
    power: Array
    apex: Ints
    peak: Array


def search(scan: Scan, hops: Hops, power: Hops, first: Ints, last: Ints) -> Candidates:
    """Find the bursts in regions of one channel.

    Parameters
    ----------
    hops, power : what is tested, and what strength is measured on
    first, last : regions in hops
    """
    size = np.cumsum(last - first)
    batch = np.floor_divide(size - (last - first), BATCH)
    cuts = np.flatnonzero(np.diff(batch)) + 1
    found = [
        _Regions(scan, hops, power, begin, end).candidates()
        for begin, end in zip(np.split(first, cuts), np.split(last, cuts), strict=True)
    ]
    names = Candidates.__dataclass_fields__
    return Candidates(*(np.concatenate([getattr(one, name) for one in found]) for name in names))


def edges(scan: Scan, found: Candidates, near: Array) -> tuple[Ints, Ints]:
    """Likeliest first sample and one past the last of each candidate.

    Parameters
    ----------
    near : (2 · burst, 2 · NEAR · hop + 1) running sums, as `running` gives them, of the normalised
        samples about the first hop of all bursts, then about the end of the last
    """
    left, right = near[: len(found.a)], near[len(found.a) :]
    a, b = found.a * scan.hop, found.b * scan.hop
    step = np.arange(-NEAR * scan.hop, NEAR * scan.hop + 1)
    made = []
    for sums, edge, mean, sign, low, high in (
        (left, a, found.begin, -1.0, found.floor, np.maximum(b - 1, a)),
        (right, b, found.end, 1.0, np.minimum(a + 1, b), found.roof),
    ):
        slope, intercept = scan.family.score(mean)
        at = edge[:, np.newaxis] + step
        score = sign * (slope[:, np.newaxis] * sums - intercept[:, np.newaxis] * step)
        score[(at < low[:, np.newaxis]) | (at > high[:, np.newaxis])] = -np.inf
        made.append(edge + step[np.argmax(score, axis=1)])
    return made[0], np.maximum(made[1], made[0] + 1)


def running(samples: Array) -> Array:
    """Sums of samples (burst, n) from the middle on, n + 1 of them; unknown samples count as 0."""
    sums = np.zeros((len(samples), samples.shape[1] + 1))
    np.cumsum(np.where(np.isfinite(samples), samples, 0.0), axis=1, out=sums[:, 1:])
    return sums - sums[:, [samples.shape[1] // 2]]


def moved(
    scan: Scan, found: Candidates, total: Array, near: Array, onset: Ints, offset: Ints
) -> Array:
    """Sum from onset to offset, of the sum from `a` to `b` and the running sums about both."""
    left, right = near[: len(total)], near[len(total) :]
    which = np.arange(len(onset))
    start = onset - (found.a - NEAR) * scan.hop
    stop = offset - (found.b - NEAR) * scan.hop
    return np.asarray(total - left[which, start] + right[which, stop])


class _Regions:
    """Some regions of a channel, laid end to end: place k here is a hop of one of them."""

    def __init__(self, scan: Scan, hops: Hops, power: Hops, first: Ints, last: Ints) -> None:
        at = stretches.places(first, last)
        self.scan = scan
        self.size = last - first
        self.start = np.cumsum(self.size) - self.size
        self.shift = first - self.start
        self.sums = Totals(hops, at)
        self.power = self.sums if power is hops else Totals(power, at)

    def candidates(self) -> Candidates:
        """Bursts, with their places in the recording."""
        a, b, region = self._merged(*self._intervals())
        hop, hops = self.scan.hop, self.scan.hops
        near = 2 * hops
        begin, end = self._mean(a, np.minimum(a + near, b)), self._mean(np.maximum(b - near, a), b)
        apex, peak = self._apex(a, b)
        # Neither into the neighbour nor out of the region.
        start, stop = self.start[region], (self.start + self.size)[region]
        floor = np.maximum(start, np.append(0, b)[:-1])
        roof = np.minimum(stop, np.append(a, stop[-1:])[1:])
        shift = self.shift[region]
        return Candidates(
            a + shift,
            b + shift,
            (floor + shift) * hop,
            (roof + shift) * hop,
            begin,
            end,
            self.sums.between(a, b),
            self.power.between(a, b),
            (apex + shift) * hop,
            peak,
        )

    def _intervals(self) -> tuple[Ints, Ints, Ints]:
        """Likeliest intervals in regions, those that look interrupted cut in two."""
        a, b, region = self.start, self.start + self.size, np.arange(len(self.size))
        found: list[tuple[Ints, Ints, Ints]] = [(a[:0], b[:0], region[:0])]
        for _ in range(PASSES):
            if not len(a):
                break
            i, j, stop, go = self._likeliest(a, b)
            evidence = self.scan.evidence((j - i) * self.scan.hop, self._mean(i, j))
            live = (j > i) & (evidence >= self.scan.threshold)
            a, b, i, j, stop, go = (each[live] for each in (a, b, i, j, stop, go))
            region = region[live]
            cut = stop < go
            found.append((i[~cut], j[~cut], region[~cut]))
            # Left and right of what was found there may be more, weaker or stronger.
            begin = np.concatenate([a, j, i[cut], go[cut]])
            end = np.concatenate([i, b, stop[cut], j[cut]])
            where = np.concatenate([region, region, region[cut], region[cut]])
            long = (end - begin) * self.scan.hop >= LEAST * self.scan.shortest
            a, b, region = begin[long], end[long], where[long]
            more = self._promising(a, b)
            a, b, region = a[more], b[more], region[more]
        a, b, region = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(a, kind="stable")
        return a[order], b[order], region[order]

    def _promising(self, a: Ints, b: Ints) -> Mask:
        """Whether any window in a stretch has the sum that opens a region."""
        rag = Ragged(a, b)
        end = rag.spread(b)
        found = np.zeros(len(a), dtype=bool)
        for width, least in zip(self.scan.windows, self.scan.limits, strict=True):
            sums = self.sums.between(rag.node, np.minimum(rag.node + width, end))
            found |= rag.peak(sums) > least
        return found

    def _likeliest(self, a: Ints, b: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Likeliest burst in each stretch, and where its inside stops and goes on (if stop < go).

        The burst's strength and its edges are fitted in turns; each turn is the largest sum of
        scores over all intervals.
        """
        rag = Ragged(a, b)
        begin = rag.spread(a)
        t = (rag.node - begin) * float(self.scan.hop)
        sums = self.sums.between(begin, rag.node)
        short = self.scan.windows[0]
        tail = np.minimum(rag.node + short, rag.spread(b))
        core = rag.peak(self.sums.between(rag.node, tail)) / (short * self.scan.hop)
        # Begun from the mean of all, a short faint burst drags rest along; begun from its
        # strongest window, a long one loses its ends. The likelier result counts.
        i, j, score, found = self._settled(rag, sums, t, self._mean(a, b))
        i2, j2, score2, found2 = self._settled(rag, sums, t, core)
        better = found2 > found
        i, j = np.where(better, i2, i), np.where(better, j2, j)
        score = np.where(rag.spread(better), score2, score)

        inside = (rag.node >= rag.spread(i)) & (rag.node <= rag.spread(j))
        high = np.where(inside, score, -np.inf)
        fall = np.where(inside, rag.highest_so_far(high) - score, 0.0)
        go = rag.first_peak(fall)
        stop = rag.first_peak(np.where(rag.node <= rag.spread(go), high, -np.inf))
        apart = rag.peak(fall) * self.scan.share((go - stop) * self.scan.hop) > APART
        return i, j, np.where(apart, stop, go), go

    def _settled(
        self, rag: Ragged, sums: Array, t: Array, mean: Array
    ) -> tuple[Ints, Ints, Array, Array]:
        """Edges, scores and evidence of the likeliest bursts, from a first guess at their means."""
        i = j = rag.first
        for _ in range(SETTLE):
            slope, intercept = self.scan.family.score(mean)
            score = rag.spread(slope) * sums - rag.spread(intercept) * t
            end = rag.first_peak(score - rag.lowest_so_far(score))
            begin = rag.first_peak(np.where(rag.node <= rag.spread(end), -score, -np.inf))
            if np.array_equal(begin, i) and np.array_equal(end, j):
                break
            i, j = begin, end
            mean = self._mean(i, j)
        return i, j, score, self.scan.evidence((j - i) * self.scan.hop, mean)

    def _mean(self, a: Ints, b: Ints) -> Array:
        return np.asarray(self.sums.between(a, b) / np.maximum((b - a) * self.scan.hop, 1))

    def _merged(self, a: Ints, b: Ints, region: Ints) -> tuple[Ints, Ints, Ints]:
        """Join neighbours between which there is no evidence of rest."""
        while len(a) > 1:
            mean = self._mean(a, b)
            slope, intercept = self.scan.family.score(np.minimum(mean[1:], mean[:-1]))
            gap = (a[1:] - b[:-1]) * self.scan.hop
            between = intercept * gap - slope * self.sums.between(b[:-1], a[1:])
            one = (between * self.scan.share(gap) < APART) & (region[1:] == region[:-1])
            one &= gap <= LONGEST_GAP * self.scan.shortest
            if not one.any():
                break
            starts = np.flatnonzero(np.append(True, ~one))
            a, region = a[starts], region[starts]
            b = np.maximum.reduceat(b, starts)
        return a, b, region

    def _apex(self, a: Ints, b: Ints) -> tuple[Ints, Array]:
        """Place about which the power of the shortest burst's length is greatest, and its mean."""
        rag = Ragged(a, b)
        half = max(1, self.scan.hops // 2)
        low = np.maximum(rag.node - half, rag.spread(a))
        high = np.minimum(rag.node + half, rag.spread(b))
        mean = self.power.between(low, high) / ((high - low) * self.scan.hop)
        return rag.first_peak(mean), rag.peak(mean)
