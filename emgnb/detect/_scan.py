"""Find the regions of a channel that may contain bursts.

Samples normalised to rest are summed in hops of a few milliseconds, each from its own samples.
Windows of four lengths slide over the hops and mark regions; short windows detect short bursts,
long ones keep long bursts together. A region and its bursts depend on nothing outside it, so a
recording can be processed as a whole, in parts, or live.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats
from emgnb.detect import _intervals
from emgnb.detect._intervals import Ints
from emgnb.detect._likelihood import Family

# Hops in the shortest burst, and window lengths in shortest bursts: powers of 2.
HOPS = 4
WINDOWS = (1, 2, 4, 8)
# Margin in nats below the final threshold at which a window opens a region, because windows rarely
# match a burst.
SLACK = 4.0
# Minimum threshold in nats; below, the relation to false alarms does not hold.
LOWEST = 5.0
# Hops processed together, to fit the cache, and in the longest region: half an hour at 1 kHz.
BLOCK = 1 << 15
LONGEST = 1 << 18
# Resolution and maximum of hop sums; the sum of the longest region fits 63 bits.
ONE = 2.0**16
MOST = 2.0**27


@dataclass(frozen=True)
class Hops:
    """Sums over the hops of one channel, with their normalisation to rest.

    Parameters
    ----------
    sums : (hop,) NaN where a sample is unknown
    base, unit : normalised sums are (sum − base) / unit
    """

    sums: npt.NDArray[np.floating]
    base: float = 0.0
    unit: float = 1.0

    def __len__(self) -> int:
        return len(self.sums)

    def normal(self, at: slice | Ints) -> Floats:
        """Return normalised sums."""
        made = self.sums[at].astype(np.float64)
        made -= self.base
        made /= self.unit
        return made


class Totals:
    """Sums over any interval of hops, as exact integers, independent of earlier sums."""

    def __init__(self, hops: Hops, at: Ints) -> None:
        steps = np.rint(np.clip(hops.normal(at), -MOST, MOST) * ONE)
        self._sums = np.zeros(len(at) + 1, dtype=np.int64)
        np.cumsum(steps.astype(np.int64), out=self._sums[1:])

    def between(self, a: Ints, b: Ints) -> Floats:
        """Sum over the hops a … b − 1."""
        return (self._sums[b] - self._sums[a]) / ONE


@dataclass(frozen=True)
class Scan:
    """Search parameters of one channel; lengths in samples, evidence in nats.

    Parameters
    ----------
    family : statistical model of bursts
    independent : independent samples per sample, at rest
    wander : variance of a mean at rest that averaging does not reduce, relative to that of one
        independent sample
    shortest : length of the shortest burst
    hop : samples from one window to the next
    threshold : minimum evidence of a burst
    hops : approximate number of hops in the shortest burst; a power of 2
    """

    family: Family
    independent: float
    wander: float
    shortest: int
    hop: int
    threshold: float
    hops: int = HOPS

    @property
    def windows(self) -> list[int]:
        """Window lengths in hops, each a power of 2."""
        return [k * self.hops for k in WINDOWS]

    @property
    def margin(self) -> int:
        """Hops added to a region before and after its windows."""
        return self.hops

    @property
    def delay(self) -> int:
        """Maximum number of samples from the end of a burst until its region is complete.

        It is the last window that contains some of the burst, plus the same time until no earlier
        window can be missing.
        """
        return (2 * (self.windows[-1] + self.margin) + 1) * self.hop

    def count(self, n: npt.ArrayLike) -> Floats:
        """Return the number of independent samples in `n` samples."""
        return np.asarray(n, dtype=np.float64) * self.share(n)

    def share(self, n: npt.ArrayLike) -> Floats:
        """Return the fraction of independent samples in `n` samples."""
        return np.asarray(self.independent / (1.0 + self.wander * self.independent * np.asarray(n)))

    def evidence(self, n: npt.ArrayLike, mean: Floats) -> Floats:
        """Return the evidence in nats for a burst in `n` samples with this mean."""
        return self.family.evidence(self.count(n), mean)

    @cached_property
    def limits(self) -> list[float]:
        """Sum of a window of each length above which it opens a region."""
        least = self.threshold - SLACK
        length = np.array(self.windows) * float(self.hop)
        return [float(v) for v in self.family.limit(self.count(length), least) * length]

    def regions(self, hops: Hops) -> tuple[Ints, Ints]:
        """Return intervals of known hops that may belong to a burst, sorted and disjoint."""
        n = len(hops)
        none = np.empty(0, dtype=np.int64)
        marked, lost = [(none, none)], [(none, none)]
        for a in range(0, n, BLOCK):
            sums = hops.normal(slice(a, a + BLOCK + self.windows[-1] - 1))
            unknown = np.isnan(sums)
            if unknown.any():
                sums[unknown] = self.family.rest * self.hop
                at = a + np.flatnonzero(unknown[:BLOCK])
                lost.append(_intervals.about(at, 0, 1))
            width = 1
            for window, least in zip(self.windows, self.limits, strict=True):
                while width < window:
                    sums = sums[:-width] + sums[width:]
                    width *= 2
                at = a + np.flatnonzero(sums[:BLOCK] > least)
                marked.append(_intervals.about(at, self.margin, window + self.margin))
        first, last = (np.concatenate(each) for each in zip(*marked, strict=True))
        holes = _intervals.joined(*(np.concatenate(each) for each in zip(*lost, strict=True)))
        first, last = _intervals.joined(np.maximum(first, 0), np.minimum(last, n))
        return _intervals.common(first, last, _intervals.between(*holes, n))


def threshold(false_alarms: float, *, rate: float, independent: float, shortest: float) -> float:
    """Return the evidence in nats that rest exceeds `false_alarms` times per minute.

    The likelihood ratio of one window exceeds h by chance with a probability near exp(−h). The
    effective number of windows per minute was measured on white and coloured Gaussian noise, for 4
    to 60 independent samples in the shortest burst.

    Parameters
    ----------
    false_alarms : per minute
    rate : Hz
    independent : independent samples per sample
    shortest : samples in the shortest burst
    """
    looks = 60.0 * rate * independent
    few = max(independent * shortest, 1.0)
    return max(LOWEST, math.log(looks / false_alarms) - 1.6 - 0.43 * math.log(few))
