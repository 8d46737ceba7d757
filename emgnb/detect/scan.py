"""Where bursts may be in one channel: regions outside of which nothing needs to be looked at.

Samples normalised on rest are summed by hops of a few milliseconds, each from its own samples
alone. Windows of four lengths (short ones for short bursts, long ones so that long bursts do not
fall apart) slide over the hops and mark the regions. A region, and all that is found in it, depends
on nothing outside it: so a recording may be looked at as a whole, part by part, or as it comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from emgnb.detect import stretches
from emgnb.detect.families import Array, Family
from emgnb.detect.stretches import Ints

# Hops in the shortest burst, and window lengths in shortest bursts: powers of 2.
HOPS = 4
WINDOWS = (1, 2, 4, 8)
# Nats below the final threshold at which a window opens a region: it rarely fits the burst.
SLACK = 4.0
# Below, the rule that turns alarms a minute into evidence does not hold.
LOWEST = 5.0
# Hops looked at together, for the cache, and in the longest region: half an hour at 1 kHz.
BLOCK = 1 << 15
LONGEST = 1 << 18
# Sums are kept in steps of 2⁻¹⁶ and up to 2²⁷ a hop: a longest region's fits 63 bits.
ONE = 2.0**16
MOST = 2.0**27


@dataclass(frozen=True)
class Hops:
    """Sums over the hops of one channel, and how they are normalised on rest.

    Parameters
    ----------
    sums : (hop,) NaN where a sample is unknown
    base, unit : a sum is normalised by (sum − base) / unit
    """

    sums: npt.NDArray[np.floating]
    base: float = 0.0
    unit: float = 1.0

    def __len__(self) -> int:
        return len(self.sums)

    def normal(self, at: slice | Ints) -> Array:
        """Give normalised sums."""
        made = self.sums[at].astype(np.float64)
        made -= self.base
        made /= self.unit
        return made


class Totals:
    """Sums over any stretch of hops, as exact integers: the same whatever was summed before."""

    def __init__(self, hops: Hops, at: Ints) -> None:
        steps = np.rint(np.clip(hops.normal(at), -MOST, MOST) * ONE)
        self._sums = np.zeros(len(at) + 1, dtype=np.int64)
        np.cumsum(steps.astype(np.int64), out=self._sums[1:])

    def between(self, a: Ints, b: Ints) -> Array:
        """Sum over the hops a … b − 1."""
        return (self._sums[b] - self._sums[a]) / ONE


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
    hop : samples from one window to the next
    threshold : least evidence of a burst
    hops : hops in the shortest burst, about; a power of 2
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
        """Hops that belong to a region before and after what its windows cover."""
        return self.hops

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
        return [float(v) for v in self.family.limit(self.count(length), least) * length]

    def regions(self, hops: Hops) -> tuple[Ints, Ints]:
        """Stretches of known hops that may belong to a burst, in order and apart."""
        n = len(hops)
        none = np.empty(0, dtype=np.int64)
        marked, lost = [(none, none)], [(none, none)]
        for a in range(0, n, BLOCK):
            sums = hops.normal(slice(a, a + BLOCK + self.windows[-1] - 1))
            unknown = np.isnan(sums)
            if unknown.any():
                sums[unknown] = self.family.rest * self.hop
                at = a + np.flatnonzero(unknown[:BLOCK])
                lost.append(stretches.about(at, 0, 1))
            width = 1
            for window, least in zip(self.windows, self.limits, strict=True):
                while width < window:
                    sums = sums[:-width] + sums[width:]
                    width *= 2
                at = a + np.flatnonzero(sums[:BLOCK] > least)
                marked.append(stretches.about(at, self.margin, window + self.margin))
        first, last = (np.concatenate(each) for each in zip(*marked, strict=True))
        holes = stretches.joined(*(np.concatenate(each) for each in zip(*lost, strict=True)))
        first, last = stretches.joined(np.maximum(first, 0), np.minimum(last, n))
        return stretches.common(first, last, stretches.between(*holes, n))


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
