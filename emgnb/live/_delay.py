"""Compute the delay that filters add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emgnb.filters import Chain

# Band of facial EMG in which the delay of filters of raw EMG is averaged (Hz).
BAND = (50.0, 150.0)
# Speed of movements (Hz), at which the delay of filters of envelopes counts.
SLOW = 1.0


def of_chain(chain: Chain, rate: float, kinds: Sequence[str]) -> float:
    """Return the group delay of a causal chain in s, of the slowest kind of channel.

    The mean from 50 to 150 Hz for filters of raw EMG, and at 1 Hz for filters of rectified EMG
    and envelopes.
    """
    return max((_of_kind(chain, rate, kind) for kind in set(kinds)), default=0.0)


def _of_kind(chain: Chain, rate: float, kind: str) -> float:
    total = 0.0
    for step in chain.steps:
        kind = step.kind_after(kind)
        raw = kind == "raw" and BAND[1] < rate / 2
        at = np.linspace(*BAND, 21) if raw else np.array([SLOW])
        total += float(Chain(step).response(rate, frequency=at)["group_delay"].mean())
    return total
