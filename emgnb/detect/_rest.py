"""Describe rest in each channel.

Thresholds in microvolts are not comparable between people, muscles and sensors; thresholds relative
to rest are. A model of rest has a level, the number of independent samples (neighbouring samples of
a band-passed signal are correlated), and a slower wander. Together they determine the evidence
required for the requested number of false alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats, Mask
from emgnb.detect import _amplitude
from emgnb.detect._amplitude import Options, Reals
from emgnb.detect._independence import CLUSTERED, independence, peaked, skewed
from emgnb.detect._likelihood import Family, Level, Share, Variance
from emgnb.detect._reading import PIECES, Kept
from emgnb.detect._scan import Hops, Scan, threshold

# Fraction of resting samples above the first threshold.
BEYOND = 0.05
# Number of pieces sufficient for a spectrum or an offset.
SOME = 256


@dataclass(frozen=True)
class Rest:
    """Model of rest of one channel.

    Parameters
    ----------
    options : options of the user
    kind : raw, rectified or envelope
    baseline : baseline of an envelope, in its unit; 0 for others
    level : RMS at rest (raw, rectified), standard deviation around the baseline (envelope)
    first : first threshold of the two-threshold methods, in the unit of the tested quantity
    share : fraction of resting samples above it
    independent, wander : see `Scan`
    seconds : duration of the rest found
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
        """Search parameters that follow from rest."""
        n = self.options.samples
        own = self.independent / (1.0 + self.wander * self.independent * n)
        nats = threshold(
            self.options.false_alarms, rate=self.options.rate, independent=own, shortest=n
        )
        family = Share(self.share) if self.options.method != "glr" else strength_family(self.kind)
        return Scan(family, self.independent, self.wander, n, self.options.hop, nats)

    def power(self, sums: Reals) -> Hops:
        """Return sums of strength, with their normalisation."""
        return Hops(sums, self.baseline * self.options.hop, self._unit)

    @property
    def _unit(self) -> float:
        return self.level if self.kind == "envelope" else self.level**2

    def samples(self, values: Reals) -> tuple[Floats, Floats]:
        """Return tested quantity and strength of samples (…, sample), normalised."""
        size = (_amplitude.strength(values, self.options, self.kind) - self.baseline) / self._unit
        if self.options.method == "glr":
            return size, size
        beyond = _amplitude.tested(values, self.options, self.kind) > self.first
        return beyond.astype(np.float64), size


def strength_family(kind: str) -> Family:
    """Return the model of bursts in power, or in an envelope."""
    return Level() if kind == "envelope" else Variance()


@dataclass(frozen=True)
class RestEstimate:
    """Rest found on strength: where it is, and its parameters.

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

    def pieces(self, most: int) -> tuple[Reals, Mask]:
        """Return `most` to 2 · `most` evenly spaced pieces, and which hop pairs are rest."""
        every = slice(None, None, max(1, len(self.kept.at) // most))
        return self.kept.pieces[every], in_pieces(self.mask, self.kept, self.options)[every]

    def first(self) -> float:
        """Return the first threshold, exceeded by a small fraction of resting samples."""
        values, rest = self.pieces(PIECES)
        size = _amplitude.tested(values, self.options, self.kind)
        own = size.reshape(*rest.shape, self._pair)[rest]
        own = own[np.isfinite(own)]
        return float(np.quantile(own, 1.0 - BEYOND)) if own.size else np.nan

    def rest(self, counts: Reals | None, first: float) -> Rest:
        """Return the model of rest; `counts` above the first threshold, if there is one."""
        n, pair = self.options.samples, self._pair
        independent, wander, share = self.independent, self.wander, np.nan
        sums = pair_sums(self.kept.sums)
        if counts is not None:
            beyond = pair_sums(counts)
            # TKEO is undefined next to gaps.
            rest = self.mask & np.isfinite(beyond)
            share = min(max(float(beyond[rest].mean() / pair), 1e-3), 0.5)
            independent, wander = independence(beyond, rest, pair, n, share * (1.0 - share))
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


def pair_sums(hops: Reals) -> npt.NDArray[np.float32]:
    """Sum pairs of hops."""
    n = len(hops) // 2 * 2
    return np.asarray(np.add(hops[:n:2], hops[1:n:2], dtype=np.float32))


def in_pieces(mask: Mask, kept: Kept, options: Options) -> Mask:
    """Return the mask per piece, (piece, pair of hops)."""
    own = (kept.pieces.shape[1] - 2 * _amplitude.reach(options)) // (2 * options.hop)
    return np.asarray(mask[(kept.at // 2)[:, np.newaxis] + np.arange(own)])
