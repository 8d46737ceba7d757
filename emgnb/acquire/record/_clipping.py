"""Measure live how many samples are clipped by the converter."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from emgnb.acquire.wire.stream import Block

# Largest count of a signed 24-bit converter.
SIGNED_RAIL = 2**23 - 1


class Clipping:
    """Share of samples at the converter's ends, over the last seconds."""

    def __init__(self) -> None:
        self._rail = 1023
        self._recent: deque[tuple[Any, int]] = deque(maxlen=50)

    def push(self, block: Block) -> None:
        """Count the samples of a block; floats have no known ends and are not counted."""
        values = block.values
        if values.dtype.kind == "f":
            return
        if values.dtype.kind == "i":
            at_end = np.count_nonzero(np.abs(values) >= SIGNED_RAIL, axis=0)
        else:
            while values.max() > self._rail:
                self._rail = 4 * self._rail + 3  # 10, 12, 14, 16 bits
            at_end = np.count_nonzero((values == 0) | (values == self._rail), axis=0)
        self._recent.append((at_end, values.shape[0]))

    def shares(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return the share by channel; empty if nothing was counted or `names` do not fit."""
        rows = sum(n for _, n in self._recent)
        if not rows or len(names) != len(self._recent[-1][0]):
            return {}
        shares = sum(at_end for at_end, _ in self._recent) / rows
        return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}
