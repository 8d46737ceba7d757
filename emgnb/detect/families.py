"""What a burst does to the samples, as three small statistical models.

Each compares "as at rest" with "as at rest, but more of it" for samples that were normalised on
rest: power (`Variance`), the share of samples beyond a first threshold (`Share`), or height above
a baseline (`Level`). `evidence` is the generalised log-likelihood ratio in nats, with the amount of
"more" fitted; `score` gives the ratio of one sample once that amount is known, as
slope · sample − intercept, so that sums of samples are all anyone needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Nearest a fitted mean may come to that of rest, where scores vanish and logarithms fail.
LEAST = 1e-6


@dataclass(frozen=True)
class Variance:
    """Squares of zero-mean Gaussian samples, divided by the power at rest."""

    rest: float = 1.0
    spread: float = 2.0
    ceiling: float = 1e12

    def evidence(self, n: Array, mean: Array) -> Array:
        """Nats for a burst in `n` independent samples with this mean; 0 unless above rest."""
        r = np.clip(mean, self.rest, self.ceiling)
        return np.asarray(0.5 * n * (r - 1.0 - np.log(r)))

    def score(self, mean: Array) -> tuple[Array, Array]:
        """Slope and intercept of a sample's log-likelihood ratio."""
        r = np.clip(mean, self.rest + LEAST, self.ceiling)
        return 0.5 * (1.0 - 1.0 / r), 0.5 * np.log(r)

    def limit(self, n: Array, nats: float) -> Array:
        """Mean of `n` independent samples whose evidence is `nats`; infinity where none can be."""
        c = 2.0 * nats / n
        # Newton's method from above.
        r = 1.0 + c + np.sqrt(2.0 * c)
        for _ in range(8):
            r = r - (r - 1.0 - np.log(r) - c) / (1.0 - 1.0 / r)
        return np.asarray(r)


@dataclass(frozen=True)
class Share:
    """Ones where a sample exceeds the first threshold, which a share `rest` does at rest."""

    rest: float
    ceiling: float = 1.0

    @property
    def spread(self) -> float:
        """Variance of one sample at rest."""
        return self.rest * (1.0 - self.rest)

    def evidence(self, n: Array, mean: Array) -> Array:
        """Nats for a burst in `n` independent samples with this mean; 0 unless above rest."""
        p = np.clip(mean, self.rest, 1.0 - LEAST)
        q = self.rest
        return np.asarray(n * (p * np.log(p / q) + (1.0 - p) * np.log((1.0 - p) / (1.0 - q))))

    def score(self, mean: Array) -> tuple[Array, Array]:
        """Slope and intercept of a sample's log-likelihood ratio."""
        # 0.98: that a sample stays below in a strong burst must not weigh as an impossibility.
        p = np.clip(mean, self.rest + LEAST, 0.98)
        below = np.log((1.0 - p) / (1.0 - self.rest))
        return np.log(p / self.rest) - below, -below

    def limit(self, n: Array, nats: float) -> Array:
        """Mean of `n` independent samples whose evidence is `nats`; infinity where none can be."""
        low, high = np.full(n.shape, self.rest), np.full(n.shape, self.ceiling)
        never = self.evidence(n, high) < nats
        for _ in range(30):
            middle = 0.5 * (low + high)
            less = self.evidence(n, middle) < nats
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return np.where(never, np.inf, low)


@dataclass(frozen=True)
class Level:
    """Gaussian samples of an envelope, less the baseline, in standard deviations at rest."""

    rest: float = 0.0
    spread: float = 1.0
    ceiling: float = 1e9
    # The alternative whose midpoint to rest is an edge: 0.3 puts edges at 15 % of the plateau.
    foot: float = 0.3

    def evidence(self, n: Array, mean: Array) -> Array:
        """Nats for a burst in `n` independent samples with this mean; 0 unless above rest."""
        return np.asarray(0.5 * n * np.clip(mean, 0.0, self.ceiling) ** 2)

    def score(self, mean: Array) -> tuple[Array, Array]:
        """Slope and intercept of a sample's log-likelihood ratio."""
        m = self.foot * np.clip(mean, LEAST, self.ceiling)
        return m, 0.5 * m**2

    def limit(self, n: Array, nats: float) -> Array:
        """Mean of `n` independent samples whose evidence is `nats`; infinity where none can be."""
        return np.asarray(np.sqrt(2.0 * nats / n))


Family = Variance | Share | Level
