"""Define array types and find intervals of a mask, for all packages."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def runs(mask: Mask) -> Ints:
    """Return the half-open intervals [first, last) of consecutive true samples, (run, 2)."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return edges.reshape(-1, 2).astype(np.int64)
