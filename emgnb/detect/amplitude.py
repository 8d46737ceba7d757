"""What a burst makes greater, sample by sample, and summed over hops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emgnb.detect.families import Array
from emgnb.detect.scan import HOPS

Floats = npt.NDArray[np.floating]

METHODS = ("glr", "double_threshold", "tkeo")
# Half the span in s over which an envelope's slope is taken, to undo a sensor's lag.
SLOPE = 0.005
# Samples that are summed together, for the cache.
BLOCK = 1 << 15


@dataclass(frozen=True)
class Options:
    """What the user asked for; see `bursts`."""

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
    """Samples before and after a sample that its amplitude depends on."""
    if options.lag:
        return max(1, round(SLOPE * options.rate))
    return 1 if options.method == "tkeo" else 0


def strength(values: Floats, options: Options, kind: str) -> Array:
    """Power, or an envelope without its lag, of all samples but `reach` at both ends.

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
    # A one-pole smoother's input is its output and its lag times the output's slope.
    slope = np.subtract(values[..., 2 * w :], values[..., : n - 2 * w], dtype=np.float64)
    slope *= options.lag * options.rate / (2 * w)
    return np.asarray(own + slope)


def tested(values: Floats, options: Options, kind: str) -> Array:
    """What the first of two thresholds is held against: strength, or Teager–Kaiser energy."""
    if options.method != "tkeo":
        return strength(values, options, kind)
    across = np.multiply(values[..., 2:], values[..., :-2], dtype=np.float64)
    return np.asarray(np.abs(np.square(values[..., 1:-1], dtype=np.float64) - across))


def hop_sums(values: Floats, options: Options, kind: str) -> npt.NDArray[np.float32]:
    """Strength of each whole hop of a channel, as it is kept; NaN where a sample is unknown.

    Parameters
    ----------
    values : (sample,) with `reach` more at both ends; NaN where unknown
    """
    made = _by_hop(values, options, lambda some: strength(some, options, kind), np.float32)
    made[~np.isfinite(made)] = np.nan
    return made


def hop_counts(values: Floats, options: Options, kind: str, first: float) -> Floats:
    """How many samples of each whole hop exceed the first threshold; NaN where one is unknown."""

    def beyond(some: Floats) -> Array:
        size = tested(some, options, kind)
        # 0 · size is NaN where the size is not finite.
        return np.asarray((size > first) + 0.0 * size)

    # float16 holds whole numbers up to 2048.
    return _by_hop(values, options, beyond, np.float16 if options.hop < 2048 else np.float32)


def _by_hop(
    values: Floats,
    options: Options,
    amplitude: Callable[[Floats], Array],
    dtype: type[np.floating],
) -> Floats:
    """Sum an amplitude over each whole hop, from its own samples in their order."""
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
