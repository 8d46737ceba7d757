"""Where the bursts are in one channel, given samples normalised on rest: the search itself.

Windows of four lengths (short ones for short bursts, long ones so that long bursts do not fall
apart) slide over the samples in steps of a few milliseconds and mark regions in which something may
be. Within a region the likeliest burst is found, split where its inside looks like rest, merged
with a neighbour where no rest can be seen between them, and its edges are the likeliest change
points, to the sample. What counts in the end is the evidence of the whole burst, whatever its
length. A region depends on nothing outside it, so that live and whole recordings agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emgnb.detect.families import Array, Family, limit

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Hops in the shortest burst, and window lengths in it.
HOPS = 6
WINDOWS = (1, 2, 4, 8)
# Nats below the final threshold at which a window opens a region: it rarely fits the burst.
SLACK = 4.0
# Evidence in nats that a burst was interrupted, or that two bursts are two.
APART = 7.0
# Longest gap merged, in lengths of the shortest burst: a faint event must not annex a strong one.
LONGEST_GAP = 2.0
# A burst may come out shorter than the shortest looked for, an impulse must not come out at all.
LEAST = 0.5
PASSES = 12
SETTLE = 4


@dataclass(frozen=True)
class Scan:
    """How one channel is searched; all lengths in samples, all evidence in nats.

    Parameters
    ----------
    family : what a burst does to the samples
    independent : independent samples in a sample, at rest
    wander : part of the variance of a mean at rest that no averaging removes
    shortest : length of the shortest burst
    threshold : least evidence of a burst
    """

    family: Family
    independent: float
    wander: float
    shortest: int
    threshold: float

    @property
    def hop(self) -> int:
        """Samples from one window to the next."""
        return max(1, self.shortest // HOPS)

    @property
    def windows(self) -> list[int]:
        """Window lengths in hops."""
        return [max(2, round(k * self.shortest / self.hop)) for k in WINDOWS]

    @property
    def margin(self) -> int:
        """Hops that belong to a region before and after what its windows cover."""
        return self.windows[0]

    @property
    def delay(self) -> int:
        """Samples from the end of a burst, at the latest, until its region is complete."""
        return (self.windows[-1] + 2 * self.margin + 2) * self.hop

    def count(self, n: npt.ArrayLike) -> Array:
        """Independent samples in `n` samples."""
        own = self.independent * np.maximum(np.asarray(n, dtype=float), 1e-9)
        return np.asarray(own / (1.0 + self.wander * own))

    def evidence(self, n: npt.ArrayLike, mean: Array) -> Array:
        """Nats for a burst in `n` samples with this mean."""
        return self.family.evidence(self.count(n), mean)

    def regions(self, sums: Array, ok: Mask) -> tuple[Ints, Ints]:
        """First and one past the last hop of each stretch that may hold bursts.

        Parameters
        ----------
        sums : (hop + 1,) sums of all samples before each hop
        ok : (hop,) hops without a lost sample
        """
        n = len(ok)
        edge = np.zeros(n + 1, dtype=np.int64)
        for width in self.windows:
            if width > n:
                continue
            least = limit(
                self.family, float(self.count(width * self.hop)), self.threshold - SLACK
            )
            hit = np.flatnonzero(sums[width:] - sums[:-width] > least * width * self.hop)
            np.add.at(edge, np.maximum(hit - self.margin, 0), 1)
            np.add.at(edge, np.minimum(hit + width + self.margin, n), -1)
        return runs((np.cumsum(edge[:-1]) > 0) & ok)

    def search(self, sums: Array, hops: Array, first: Ints, last: Ints) -> tuple[Ints, Ints, Ints]:
        """Bursts in regions: first sample, sample of the apex, one past the last sample.

        Parameters
        ----------
        sums : (sample + 1,) sums of all samples before each sample
        hops : (hop + 1,) the same before each hop
        first, last : regions in hops
        """
        a, b, region = self._intervals(hops, first, last)
        a, b, region = self._merged(hops, a, b, region)
        onset, offset = self._edges(sums, a, b, first[region], last[region])
        n = offset - onset
        mean = (sums[offset] - sums[onset]) / np.maximum(n, 1)
        keep = (n >= LEAST * self.shortest) & (self.evidence(n, mean) >= self.threshold)
        a, b, onset, offset = a[keep], b[keep], onset[keep], offset[keep]
        return onset, self._apex(hops, a, b, onset, offset), offset

    def _intervals(self, hops: Array, first: Ints, last: Ints) -> tuple[Ints, Ints, Ints]:
        """Likeliest intervals in regions, those that look interrupted cut in two."""
        a, b, region = first, last, np.arange(len(first))
        found: list[tuple[Ints, Ints, Ints]] = []
        for _ in range(PASSES):
            if not len(a):
                break
            i, j, stop, go = self._likeliest(hops, a, b)
            n = (j - i) * self.hop
            mean = (hops[j] - hops[i]) / np.maximum(n, 1)
            live = (j > i) & (self.evidence(n, mean) >= self.threshold)
            a, b, i, j, stop, go = (each[live] for each in (a, b, i, j, stop, go))
            region = region[live]
            cut = stop < go
            found.append((i[~cut], j[~cut], region[~cut]))
            # Left and right of what was found there may be more, weaker or stronger.
            begin = np.concatenate([a, j, i[cut], go[cut]])
            end = np.concatenate([i, b, stop[cut], j[cut]])
            where = np.concatenate([region, region, region[cut], region[cut]])
            long = (end - begin) * self.hop >= LEAST * self.shortest
            a, b, region = begin[long], end[long], where[long]
        if not found:
            return first[:0], first[:0], first[:0]
        a, b, region = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(a, kind="stable")
        return a[order], b[order], region[order]

    def _likeliest(self, hops: Array, a: Ints, b: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Likeliest burst in each stretch, and where its inside stops and goes on (if stop < go).

        The burst's strength and its edges are fitted in turns; each turn is the largest sum of
        scores over all intervals.
        """
        rag = _Ragged(a, b)
        t = (rag.node - rag.spread(a)) * self.hop
        sums = hops[rag.node] - rag.spread(hops[a])
        i, j = a, b
        for _ in range(SETTLE):
            mean = (hops[j] - hops[i]) / np.maximum((j - i) * self.hop, 1)
            slope, intercept = self.family.score(mean)
            score = rag.spread(slope) * sums - rag.spread(intercept) * t
            rise = score - rag.lowest_so_far(score)
            end = rag.first_peak(rise)
            begin = rag.first_peak(np.where(rag.node <= rag.spread(end), -score, -np.inf))
            if np.array_equal(begin, i) and np.array_equal(end, j):
                break
            i, j = begin, end
        inside = (rag.node >= rag.spread(i)) & (rag.node <= rag.spread(j))
        low = float(score.min(initial=0.0))
        score = np.where(inside, score, low)
        fall = np.where(inside, rag.highest_so_far(score) - score, 0.0)
        go = rag.first_peak(fall)
        stop = rag.first_peak(
            np.where(inside & (rag.node <= rag.spread(go)), score, -np.inf)
        )
        apart = self.independent * rag.peak(fall) > APART
        return i, j, np.where(apart, stop, go), go

    def _merged(self, hops: Array, a: Ints, b: Ints, region: Ints) -> tuple[Ints, Ints, Ints]:
        """Join neighbours between which there is no evidence of rest."""
        while len(a) > 1:
            mean = (hops[b] - hops[a]) / ((b - a) * self.hop)
            slope, intercept = self.family.score(np.minimum(mean[1:], mean[:-1]))
            between = intercept * (a[1:] - b[:-1]) * self.hop - slope * (hops[a[1:]] - hops[b[:-1]])
            one = (self.independent * between < APART) & (region[1:] == region[:-1])
            one &= (a[1:] - b[:-1]) * self.hop <= LONGEST_GAP * self.shortest
            if not one.any():
                break
            starts = np.flatnonzero(np.append(True, ~one))
            a, region = a[starts], region[starts]
            b = np.maximum.reduceat(b, starts)
        return a, b, region

    def _edges(
        self, sums: Array, a: Ints, b: Ints, first: Ints, last: Ints
    ) -> tuple[Ints, Ints]:
        """Likeliest first sample and one past the last, within two hops of where they are known."""
        a, b = a * self.hop, b * self.hop
        near = 2 * self.shortest
        # Neither into the neighbour nor out of the region.
        floor = np.maximum(first * self.hop, np.append(0, b[:-1])[: len(a)])
        roof = np.minimum(last * self.hop, np.append(a[1:], len(sums) - 1)[: len(b)])
        step = np.arange(-2 * self.hop, 2 * self.hop + 1)
        edges = []
        for edge, begin, end, sign, low, high in (
            (a, a, np.minimum(a + near, b), -1.0, floor, np.maximum(b - 1, a)),
            (b, np.maximum(b - near, a), b, 1.0, np.minimum(a + 1, b), roof),
        ):
            slope, intercept = self.family.score((sums[end] - sums[begin]) / (end - begin))
            at = np.clip(edge[:, np.newaxis] + step, low[:, np.newaxis], high[:, np.newaxis])
            score = slope[:, np.newaxis] * (sums[at] - sums[edge][:, np.newaxis])
            score -= intercept[:, np.newaxis] * (at - edge[:, np.newaxis])
            best = np.argmax(sign * score, axis=1)
            edges.append(at[np.arange(len(at)), best])
        onset, offset = edges
        return onset, np.maximum(offset, onset + 1)

    def _apex(self, hops: Array, a: Ints, b: Ints, onset: Ints, offset: Ints) -> Ints:
        """Sample about which the mean over the shortest burst's length is greatest."""
        rag = _Ragged(a, b)
        half = max(1, self.windows[0] // 2)
        low = np.maximum(rag.node - half, rag.spread(a))
        high = np.minimum(rag.node + half, rag.spread(b))
        top = rag.first_peak((hops[high] - hops[low]) / np.maximum(high - low, 1))
        return np.clip(top * self.hop, onset, offset)


class _Ragged:
    """Stretches of unlike length laid end to end; stretch k has the nodes a[k] … b[k]."""

    def __init__(self, a: Ints, b: Ints) -> None:
        self.size = b - a + 1
        self.start = np.cumsum(self.size) - self.size
        self.id = np.repeat(np.arange(len(a)), self.size)
        self.node = np.arange(len(self.id)) - (self.start - a)[self.id]

    def spread(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Give each node its stretch's value."""
        return values[self.id]

    def peak(self, values: Array) -> Array:
        """Return the greatest value of each stretch."""
        return np.asarray(np.maximum.reduceat(values, self.start)) if len(self.start) else values

    def first_peak(self, values: Array) -> Ints:
        """Return the first node of each stretch at which its greatest value is."""
        if not len(self.start):
            return self.start
        top = values == self.spread(self.peak(values))
        at = np.flatnonzero(top)
        return self.node[at[np.searchsorted(at, self.start)]]

    def highest_so_far(self, values: Array) -> Array:
        """Running maximum that starts anew in each stretch."""
        # Stretches stacked so far apart that none reaches up to the one before.
        step = float(np.ptp(values)) + 1.0 if len(values) else 1.0
        return np.asarray(np.maximum.accumulate(values + step * self.id) - step * self.id)

    def lowest_so_far(self, values: Array) -> Array:
        """Running minimum that starts anew in each stretch."""
        return -self.highest_so_far(-values)


def runs(mask: Mask) -> tuple[Ints, Ints]:
    """First and one past the last place of each unbroken stretch of True."""
    change = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def threshold(false_alarms: float, *, rate: float, independent: float) -> float:
    """Evidence in nats that rest exceeds so many times a minute."""
    looks = 60.0 * rate * independent
    return math.log(looks / false_alarms)
