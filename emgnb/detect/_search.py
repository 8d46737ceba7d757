"""Find bursts within regions.

In each region, find the likeliest burst, split it where its inside looks like rest, and merge it
with a neighbour if no rest is detectable between them. Edges are the likeliest change points. The
final criterion is the evidence of the whole burst, whatever its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emgnb._arrays import Floats, Mask
from emgnb.detect import _intervals
from emgnb.detect._intervals import Ints, Ragged
from emgnb.detect._scan import Hops, Scan, Totals

# Evidence in nats required to split a burst or keep two apart.
APART = 9.0
# Longest gap merged, in lengths of the shortest burst, so that a faint event does not absorb a
# strong one.
LONGEST_GAP = 2.0
# Minimum length of a burst relative to the shortest requested; excludes impulses.
LEAST = 0.5
# Hops on either side of an edge in which it is refined.
NEAR = 2
PASSES = 12
SETTLE = 4
# Minimum number of hops searched together; limits memory.
BATCH = 1 << 17


@dataclass(frozen=True)
class Candidates:
    """Bursts of one channel with edges known to a hop.

    Parameters
    ----------
    a, b : first hop, one past the last
    floor, roof : limits of the edges in samples
    begin, end : mean near the first hop and near the last, normalised
    total, power : sum from `a` to `b` of the tested quantity, and of the power (or level),
        normalised
    apex : sample around which the power is greatest
    peak : mean power there, normalised
    """

    a: Ints
    b: Ints
    floor: Ints
    roof: Ints
    begin: Floats
    end: Floats
    total: Floats
    power: Floats
    apex: Ints
    peak: Floats


def search(scan: Scan, hops: Hops, power: Hops, first: Ints, last: Ints) -> Candidates:
    """Find the bursts in regions of one channel.

    Parameters
    ----------
    hops, power : tested quantity, and the one on which strength is measured
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


def edges(scan: Scan, found: Candidates, near: Floats) -> tuple[Ints, Ints]:
    """Return the likeliest first sample and one past the last of each candidate.

    Parameters
    ----------
    near : (2 · burst, 2 · NEAR · hop + 1) running sums, from `running`, of the normalised samples
        around the first hop of all bursts, then around the last
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


def running(samples: Floats) -> Floats:
    """Return n + 1 cumulative sums of samples (burst, n) from the middle; unknown count as 0."""
    sums = np.zeros((len(samples), samples.shape[1] + 1))
    np.cumsum(np.where(np.isfinite(samples), samples, 0.0), axis=1, out=sums[:, 1:])
    return sums - sums[:, [samples.shape[1] // 2]]


def moved(
    scan: Scan, found: Candidates, total: Floats, near: Floats, onset: Ints, offset: Ints
) -> Floats:
    """Return the sum from onset to offset, from that from `a` to `b` and the running sums."""
    left, right = near[: len(total)], near[len(total) :]
    which = np.arange(len(onset))
    start = onset - (found.a - NEAR) * scan.hop
    stop = offset - (found.b - NEAR) * scan.hop
    return np.asarray(total - left[which, start] + right[which, stop])


class _Regions:
    """Regions of a channel, concatenated: each index is a hop of one of them."""

    def __init__(self, scan: Scan, hops: Hops, power: Hops, first: Ints, last: Ints) -> None:
        at = _intervals.places(first, last)
        self.scan = scan
        self.size = last - first
        self.start = np.cumsum(self.size) - self.size
        self.shift = first - self.start
        self.sums = Totals(hops, at)
        self.power = self.sums if power is hops else Totals(power, at)

    def candidates(self) -> Candidates:
        """Return bursts, with their positions in the recording."""
        a, b, region = self._merged(*self._intervals())
        hop, hops = self.scan.hop, self.scan.hops
        near = 2 * hops
        begin, end = self._mean(a, np.minimum(a + near, b)), self._mean(np.maximum(b - near, a), b)
        apex, peak = self._apex(a, b)
        # Edges stay within the region, and outside neighbouring bursts.
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
        """Return the likeliest intervals in regions, with interrupted ones split."""
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
            # There may be more bursts left and right of this one, weaker or stronger.
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
        """Return which intervals contain a window whose sum opens a region."""
        rag = Ragged(a, b)
        end = rag.spread(b)
        found = np.zeros(len(a), dtype=bool)
        for width, least in zip(self.scan.windows, self.scan.limits, strict=True):
            sums = self.sums.between(rag.node, np.minimum(rag.node + width, end))
            found |= rag.peak(sums) > least
        return found

    def _likeliest(self, a: Ints, b: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Return the likeliest burst of each interval, and its interruption (if stop < go).

        Strength and edges are fitted alternately; each iteration finds the largest sum of scores
        over all intervals.
        """
        rag = Ragged(a, b)
        begin = rag.spread(a)
        t = (rag.node - begin) * float(self.scan.hop)
        sums = self.sums.between(begin, rag.node)
        short = self.scan.windows[0]
        tail = np.minimum(rag.node + short, rag.spread(b))
        core = rag.peak(self.sums.between(rag.node, tail)) / (short * self.scan.hop)
        # Starting from the overall mean, short faint bursts include rest; starting from the
        # strongest window, long bursts lose their ends. The likelier result is used.
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
        self, rag: Ragged, sums: Floats, t: Floats, mean: Floats
    ) -> tuple[Ints, Ints, Floats, Floats]:
        """Return edges, scores and evidence of the likeliest bursts, from initial means."""
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

    def _mean(self, a: Ints, b: Ints) -> Floats:
        return np.asarray(self.sums.between(a, b) / np.maximum((b - a) * self.scan.hop, 1))

    def _merged(self, a: Ints, b: Ints, region: Ints) -> tuple[Ints, Ints, Ints]:
        """Merge neighbours without evidence of rest between them."""
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

    def _apex(self, a: Ints, b: Ints) -> tuple[Ints, Floats]:
        """Return where the power over the shortest burst's length is greatest, and its mean."""
        rag = Ragged(a, b)
        half = max(1, self.scan.hops // 2)
        low = np.maximum(rag.node - half, rag.spread(a))
        high = np.minimum(rag.node + half, rag.spread(b))
        mean = self.power.between(low, high) / ((high - low) * self.scan.hop)
        return rag.first_peak(mean), rag.peak(mean)
