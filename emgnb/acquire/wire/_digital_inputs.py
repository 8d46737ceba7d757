"""Detect when a board's digital inputs changed, to within one scan.

A board sends the state of its inputs once a second, and immediately when one changes (see
`frames`). A trigger pulse is therefore timed by the scan counter, not by the host's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire.wire.frames import CHANGED, Status


class Edge(NamedTuple):
    """A change of an input at `scan` of a segment, ± `uncertainty` scans."""

    segment: int
    scan: float
    uncertainty: float
    text: str


# Edges kept; a line that changes with every scan is not a trigger.
MOST = 1_000_000


class Inputs:
    """Collect the edges from a board's statuses.

    Attributes
    ----------
    edges : the first `MOST` edges; the text is "input 0 low", "input 0 high", …
    left_out : number of edges beyond these
    """

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.left_out = 0
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
        """Add statuses received with scans (n,) of segments (n,); without scans, of `current`."""
        for status in statuses:
            here = int(segment[np.abs(scans - status.scans).argmin()]) if scans.size else current
            levels = status.inputs & ~CHANGED
            known = self._levels if here == self._segment else None
            if known is not None:
                # If the frame that reported the change was lost, the edge is after the last one.
                lowest = status.scans - 1 if status.inputs & CHANGED else self._scans
                scan, uncertainty = (lowest + status.scans) / 2, (status.scans - lowest) / 2
                for bit in range(15):
                    if (levels ^ known) >> bit & 1:
                        text = f"input {bit} {'high' if levels >> bit & 1 else 'low'}"
                        self._keep(Edge(here, scan, uncertainty, text))
            self._levels, self._segment, self._scans = levels, here, status.scans

    def _keep(self, edge: Edge) -> None:
        if len(self.edges) < MOST:
            self.edges.append(edge)
        else:
            self.left_out += 1
