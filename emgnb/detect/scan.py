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
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from emgnb.detect.families import Array, Family, limits

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Number = TypeVar("Number", bound=np.generic)

# Window lengths in shortest bursts.
WINDOWS = (1, 2, 4, 8)
# Nats below the final threshold at which a window opens a region: it rarely fits the burst.
SLACK = 4.0
# Evidence in nats that a burst was interrupted, or that two bursts are two.
APART = 9.0
# Longest gap merged, in lengths of the shortest burst: a faint event must not annex a strong one.
LONGEST_GAP = 2.0
# A burst may come out shorter than the shortest looked for, an impulse must not come out at all.
LEAST = 0.5
# Below, the rule that turns alarms a minute into evidence does not hold.
LOWEST = 5.0
PASSES = 12
SETTLE = 4


@dataclass(frozen=True)
class Scan:
    """How one channel is searched; all lengths in samples, all evidence in nats.

    Parameters
    ----------
    family : what a burst does to the samples
    independent : independent samples in a sample, at rest
    wander : part of the variance of a mean at rest that no averaging removes, as a share of that of
        one independent sample
    shortest : length of the shortest burst
    threshold : least evidence of a burst
    hops : steps of the windows in the shortest burst
    """

    family: Family
    independent: float
    wander: float
    shortest: int
    threshold: float
    hops: int = 4

    @property
    def hop(self) -> int:
        """Samples from one window to the next."""
        return max(1, self.shortest // self.hops)

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
        """Samples from the end of a burst, at the most, until its region is complete.

        The last window that still holds some of it, and as much again until no window that began
        before that one's end can be missing.
        """
        return (2 * (self.windows[-1] + self.margin) + 1) * self.hop

    def count(self, n: npt.ArrayLike) -> Array:
        """Independent samples in `n` samples."""
        return np.asarray(n, dtype=np.float64) * self.share(n)

    def share(self, n: npt.ArrayLike) -> Array:
        """Independent samples in `n` samples, as a share of them."""
        return np.asarray(self.independent / (1.0 + self.wander * self.independent * np.asarray(n)))

    def evidence(self, n: npt.ArrayLike, mean: Array) -> Array:
        """Nats for a burst in `n` samples with this mean."""
        return self.family.evidence(self.count(n), mean)

    @cached_property
    def limits(self) -> list[float]:
        """Sum of a window of each length from which on it opens a region."""
        least = self.threshold - SLACK
        length = np.array(self.windows) * float(self.hop)
        return [float(v) for v in limits(self.family, self.count(length), least) * length]

    def cover(self, hops: Array, ok: Mask) -> Mask:
        """Hops that may belong to a burst.

        Parameters
        ----------
        hops : (hop + 1,) sums of all samples before each hop
        ok : (hop,) hops without a lost sample
        """
        n = len(ok)
        edge = np.zeros(n + 1, dtype=np.int64)
        for width, least in zip(self.windows, self.limits, strict=True):
            if width <= n:
                hit = np.flatnonzero(hops[width:] - hops[:-width] > least)
                np.add.at(edge, np.maximum(hit - self.margin, 0), 1)
                np.add.at(edge, np.minimum(hit + width + self.margin, n), -1)
        return np.asarray((np.cumsum(edge[:-1]) > 0) & ok)

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
            evidence = self.evidence((j - i) * self.hop, self._mean(hops, i, j))
            live = (j > i) & (evidence >= self.threshold)
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
            more = self._promising(hops, a, b)
            a, b, region = a[more], b[more], region[more]
        if not found:
            return first[:0], first[:0], first[:0]
        a, b, region = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(a, kind="stable")
        return a[order], b[order], region[order]

    def _promising(self, hops: Array, a: Ints, b: Ints) -> Mask:
        """Whether any window in a stretch has the sum that opens a region."""
        rag = _Ragged(a, b)
        end = rag.spread(b)
        found = np.zeros(len(a), dtype=bool)
        for width, least in zip(self.windows, self.limits, strict=True):
            tail = np.minimum(rag.node + width, end)
            found |= rag.peak(hops[tail] - hops[rag.node]) > least
        return found

    def _likeliest(self, hops: Array, a: Ints, b: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Likeliest burst in each stretch, and where its inside stops and goes on (if stop < go).

        The burst's strength and its edges are fitted in turns; each turn is the largest sum of
        scores over all intervals.
        """
        rag = _Ragged(a, b)
        t = (rag.node - rag.spread(a)) * float(self.hop)
        sums = hops[rag.node] - rag.spread(hops[a])
        short = self.windows[0]
        tail = np.minimum(rag.node + short, rag.spread(b))
        core = rag.peak((hops[tail] - hops[rag.node]) / (short * self.hop))
        # Begun from the mean of all, a short faint burst drags rest along; begun from its
        # strongest window, a long one loses its ends. The likelier result counts.
        i, j, score, found = self._settled(hops, rag, sums, t, self._mean(hops, a, b))
        i2, j2, score2, found2 = self._settled(hops, rag, sums, t, core)
        better = found2 > found
        i, j = np.where(better, i2, i), np.where(better, j2, j)
        score = np.where(rag.spread(better), score2, score)

        inside = (rag.node >= rag.spread(i)) & (rag.node <= rag.spread(j))
        score = np.where(inside, score, score.min(initial=0.0))
        fall = np.where(inside, rag.highest_so_far(score) - score, 0.0)
        go = rag.first_peak(fall)
        stop = rag.first_peak(np.where(inside & (rag.node <= rag.spread(go)), score, -np.inf))
        apart = rag.peak(fall) * self.share((go - stop) * self.hop) > APART
        return i, j, np.where(apart, stop, go), go

    def _settled(
        self, hops: Array, rag: _Ragged, sums: Array, t: Array, mean: Array
    ) -> tuple[Ints, Ints, Array, Array]:
        """Edges, scores and evidence of the likeliest bursts, from a first guess at their means."""
        i = j = rag.first
        for _ in range(SETTLE):
            slope, intercept = self.family.score(mean)
            score = rag.spread(slope) * sums - rag.spread(intercept) * t
            end = rag.first_peak(score - rag.lowest_so_far(score))
            begin = rag.first_peak(np.where(rag.node <= rag.spread(end), -score, -np.inf))
            if np.array_equal(begin, i) and np.array_equal(end, j):
                break
            i, j = begin, end
            mean = self._mean(hops, i, j)
        return i, j, score, self.evidence((j - i) * self.hop, mean)

    def _mean(self, hops: Array, a: Ints, b: Ints) -> Array:
        return np.asarray((hops[b] - hops[a]) / np.maximum((b - a) * self.hop, 1))

    def _merged(self, hops: Array, a: Ints, b: Ints, region: Ints) -> tuple[Ints, Ints, Ints]:
        """Join neighbours between which there is no evidence of rest."""
        while len(a) > 1:
            mean = self._mean(hops, a, b)
            slope, intercept = self.family.score(np.minimum(mean[1:], mean[:-1]))
            gap = (a[1:] - b[:-1]) * self.hop
            between = intercept * gap - slope * (hops[a[1:]] - hops[b[:-1]])
            one = (between * self.share(gap) < APART) & (region[1:] == region[:-1])
            one &= gap <= LONGEST_GAP * self.shortest
            if not one.any():
                break
            starts = np.flatnonzero(np.append(True, ~one))
            a, region = a[starts], region[starts]
            b = np.maximum.reduceat(b, starts)
        return a, b, region

    def _edges(self, sums: Array, a: Ints, b: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
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
        self.first = a
        self.size = b - a + 1
        self.start = np.cumsum(self.size) - self.size
        self.id = np.repeat(np.arange(len(a)), self.size)
        self.node = np.arange(len(self.id)) - (self.start - a)[self.id]

    def spread(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Give each node its stretch's value."""
        return np.asarray(values[self.id])

    def peak(self, values: Array) -> Array:
        """Return the greatest value of each stretch."""
        return np.asarray(np.maximum.reduceat(values, self.start)) if len(self.start) else values

    def first_peak(self, values: Array) -> Ints:
        """Return the first node of each stretch at which its greatest value is."""
        if not len(self.start):
            return np.asarray(self.start)
        top = values == self.spread(self.peak(values))
        at = np.flatnonzero(top)
        return np.asarray(self.node[at[np.searchsorted(at, self.start)]])

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


def threshold(false_alarms: float, *, rate: float, independent: float, shortest: float) -> float:
    """Evidence in nats that rest exceeds so many times a minute.

    The likelihood ratio of one window exceeds h by chance with a probability near exp(−h); how many
    windows a minute holds that are worth counting was measured on Gaussian noise, white and
    coloured, for 4 to 60 independent samples in the shortest burst.

    Parameters
    ----------
    false_alarms : per minute
    rate : Hz
    independent : independent samples in a sample
    shortest : samples in the shortest burst
    """
    looks = 60.0 * rate * independent
    few = max(independent * shortest, 1.0)
    return max(LOWEST, math.log(looks / false_alarms) - 1.6 - 0.43 * math.log(few))
