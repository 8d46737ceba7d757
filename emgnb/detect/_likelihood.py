"""Define three statistical models of bursts.

Each model compares "at rest" with "increased" for samples normalised to rest: power (`Variance`),
the fraction of samples above a first threshold (`Share`), or height above a baseline (`Level`).
`evidence` is the generalised log-likelihood ratio in nats, with the increase fitted. `score` gives
the log-likelihood ratio of one sample for a known increase, as slope · sample − intercept, so that
only sums of samples are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emgnb._arrays import Floats

# Minimum distance of a fitted mean from that of rest, where scores vanish and logarithms fail.
LEAST = 1e-6


@dataclass(frozen=True)
class Variance:
    """Squares of zero-mean Gaussian samples, divided by the power at rest."""

    rest: float = 1.0
    spread: float = 2.0
    ceiling: float = 1e12

    def evidence(self, n: Floats, mean: Floats) -> Floats:
        """Return the evidence for a burst in `n` independent samples with this mean, at least 0."""
        r = np.clip(mean, self.rest, self.ceiling)
        return np.asarray(0.5 * n * (r - 1.0 - np.log(r)))

    def score(self, mean: Floats) -> tuple[Floats, Floats]:
        """Return slope and intercept of a sample's log-likelihood ratio."""
        r = np.clip(mean, self.rest + LEAST, self.ceiling)
        return 0.5 * (1.0 - 1.0 / r), 0.5 * np.log(r)

    def limit(self, n: Floats, nats: float) -> Floats:
        """Return the mean of `n` independent samples and this evidence; inf if there is none."""
        c = 2.0 * nats / n
        # Newton's method from above.
        r = 1.0 + c + np.sqrt(2.0 * c)
        for _ in range(8):
            r = r - (r - 1.0 - np.log(r) - c) / (1.0 - 1.0 / r)
        return np.asarray(r)


@dataclass(frozen=True)
class Share:
    """Ones where a sample exceeds the first threshold; a fraction `rest` does so at rest."""

    rest: float
    ceiling: float = 1.0

    @property
    def spread(self) -> float:
        """Variance of one sample at rest."""
        return self.rest * (1.0 - self.rest)

    def evidence(self, n: Floats, mean: Floats) -> Floats:
        """Return the evidence for a burst in `n` independent samples with this mean, at least 0."""
        p = np.clip(mean, self.rest, 1.0 - LEAST)
        q = self.rest
        return np.asarray(n * (p * np.log(p / q) + (1.0 - p) * np.log((1.0 - p) / (1.0 - q))))

    def score(self, mean: Floats) -> tuple[Floats, Floats]:
        """Return slope and intercept of a sample's log-likelihood ratio."""
        # 0.98, because single samples stay below the threshold even in strong bursts.
        p = np.clip(mean, self.rest + LEAST, 0.98)
        below = np.log((1.0 - p) / (1.0 - self.rest))
        return np.log(p / self.rest) - below, -below

    def limit(self, n: Floats, nats: float) -> Floats:
        """Return the mean of `n` independent samples and this evidence; inf if there is none."""
        low, high = np.full(n.shape, self.rest), np.full(n.shape, self.ceiling)
        never = self.evidence(n, high) < nats
        for _ in range(30):
            middle = 0.5 * (low + high)
            less = self.evidence(n, middle) < nats
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return np.where(never, np.inf, low)


@dataclass(frozen=True)
class Level:
    """Gaussian samples of an envelope, minus the baseline, in standard deviations at rest."""

    rest: float = 0.0
    spread: float = 1.0
    ceiling: float = 1e9
    # Fraction of the mean whose midpoint to rest defines an edge: 0.3 puts edges at 15 % of the
    # plateau.
    foot: float = 0.3

    def evidence(self, n: Floats, mean: Floats) -> Floats:
        """Return the evidence for a burst in `n` independent samples with this mean, at least 0."""
        return np.asarray(0.5 * n * np.clip(mean, 0.0, self.ceiling) ** 2)

    def score(self, mean: Floats) -> tuple[Floats, Floats]:
        """Return slope and intercept of a sample's log-likelihood ratio."""
        m = self.foot * np.clip(mean, LEAST, self.ceiling)
        return m, 0.5 * m**2

    def limit(self, n: Floats, nats: float) -> Floats:
        """Return the mean of `n` independent samples with evidence `nats`."""
        return np.asarray(np.sqrt(2.0 * nats / n))


Family = Variance | Share | Level
