"""A board's digital inputs: when each changed, to within a scan.

A board tells its inputs once a second, and out of turn as soon as one changes (see `frames`). So a
trigger pulse is placed on the scan counter itself, without the host's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire.frames import CHANGED, Status


class Edge(NamedTuple):
    """An input changed: `scan` of a segment, give or take `uncertainty` (in scans)."""

    segment: int
    scan: float
    uncertainty: float
    text: str


class Inputs:
    """Collect the edges from a board's statuses.

    Attributes
    ----------
    edges : all so far; the text is "input 0 low", "input 0 high", …
    """

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self._levels: int | None = None
        self._segment = 0
        self._scans = 0

    def push(
        self,
        statuses: Sequence[Status],
        scans: npt.NDArray[np.int64],
        segment: npt.NDArray[np.int64],
        current: int,
    ) -> None:
        """Take the statuses that came with some scans (n,) of a segment (n,), or of the current."""
        for status in statuses:
            here = int(segment[np.abs(scans - status.scans).argmin()]) if scans.size else current
            levels = status.inputs & ~CHANGED
            known = self._levels if here == self._segment else None
            if known is not None:
                # One that was told of in a frame that was lost lies somewhere since the last.
                lowest = status.scans - 1 if status.inputs & CHANGED else self._scans
                scan, uncertainty = (lowest + status.scans) / 2, (status.scans - lowest) / 2
                for bit in range(15):
                    if (levels ^ known) >> bit & 1:
                        text = f"input {bit} {'high' if levels >> bit & 1 else 'low'}"
                        self.edges.append(Edge(here, scan, uncertainty, text))
            self._levels, self._segment, self._scans = levels, here, status.scans
