"""Compute burst strength per sample and per hop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats
from emgnb.detect._scan import HOPS

Reals = npt.NDArray[np.floating]

METHODS = ("glr", "double_threshold", "tkeo")
# Half span of the slope that compensates a sensor's lag (s).
SLOPE = 0.005
# Samples summed together, to fit the cache.
BLOCK = 1 << 15


@dataclass(frozen=True)
class Options:
    """Options of the user; see `bursts`."""

    false_alarms: float
    shortest: float
    method: str
    lag: float
    rate: float

    @property
    def samples(self) -> int:
        """Samples in the shortest burst."""
        return max(2, round(self.shortest * self.rate))

    @property
    def hop(self) -> int:
        """Samples in a hop."""
        return max(1, round(self.samples / HOPS))


def reach(options: Options) -> int:
    """Return how many samples before and after a sample its amplitude depends on."""
    if options.lag:
        return max(1, round(SLOPE * options.rate))
    return 1 if options.method == "tkeo" else 0


def strength(values: Reals, options: Options, kind: str) -> Floats:
    """Return power, or a lag-compensated envelope, of all samples but `reach` at both ends.

    Parameters
    ----------
    values : (…, sample)
    """
    w = reach(options)
    n = values.shape[-1]
    own = values[..., w : n - w]
    if kind != "envelope":
        return np.asarray(np.square(own, dtype=np.float64))
    if not options.lag:
        return own.astype(np.float64)
    # The input of a one-pole smoother is its output plus the lag times its slope.
    slope = np.subtract(values[..., 2 * w :], values[..., : n - 2 * w], dtype=np.float64)
    slope *= options.lag * options.rate / (2 * w)
    return np.asarray(own + slope)


def tested(values: Reals, options: Options, kind: str) -> Floats:
    """Return what the first threshold is compared with: strength, or Teager–Kaiser energy."""
    if options.method != "tkeo":
        return strength(values, options, kind)
    across = np.multiply(values[..., 2:], values[..., :-2], dtype=np.float64)
    return np.asarray(np.abs(np.square(values[..., 1:-1], dtype=np.float64) - across))


def hop_sums(values: Reals, options: Options, kind: str) -> npt.NDArray[np.float32]:
    """Sum the strength over each whole hop of a channel; NaN if a sample is unknown.

    Parameters
    ----------
    values : (sample,) with `reach` more at both ends; NaN where unknown
    """
    made = _by_hop(values, options, lambda some: strength(some, options, kind), np.float32)
    made[~np.isfinite(made)] = np.nan
    return made


def hop_counts(values: Reals, options: Options, kind: str, first: float) -> Reals:
    """Count samples above the first threshold in each whole hop; NaN if a sample is unknown."""

    def beyond(some: Reals) -> Floats:
        size = tested(some, options, kind)
        # 0 · size is NaN where the size is not finite.
        return np.asarray((size > first) + 0.0 * size)

    # float16 represents integers up to 2048.
    return _by_hop(values, options, beyond, np.float16 if options.hop < 2048 else np.float32)


def _by_hop(
    values: Reals,
    options: Options,
    amplitude: Callable[[Reals], Floats],
    dtype: type[np.floating],
) -> Reals:
    """Sum an amplitude over each whole hop, from its own samples in order."""
    hop, w = options.hop, reach(options)
    n = max(0, (len(values) - 2 * w) // hop)
    sums = np.empty(n, dtype=dtype)
    block = max(1, BLOCK // hop)
    for a in range(0, n, block):
        b = min(a + block, n)
        rows = amplitude(values[a * hop : b * hop + 2 * w]).reshape(-1, hop)
        total = rows[:, 0].copy()
        for k in range(1, hop):
            total += rows[:, k]
        sums[a:b] = total
    return sums
