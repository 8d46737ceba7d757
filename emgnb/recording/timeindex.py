"""Compute a uniform `time` coordinate from its start and step.

A day at 1 kHz has 86 million time stamps, which take 700 MB and a second to load. A start and a
step take almost nothing. `TimeIndex` extends xarray's `RangeIndex` with label-based selection,
`x.sel(time=slice(5, 10))` and `x.sel(time=5.0)`, and concatenation of adjacent pieces.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from xarray.indexes import RangeIndex

from emgnb._xarray import IndexSelResult, RangeCoordinateTransform

# Maximum difference of a label from a sample (fraction of a step): floating-point rounding.
TOLERANCE = 1e-6


class TimeIndex(RangeIndex):
    """Uniform time stamps in seconds, from a start and a step."""

    @classmethod
    def uniform(cls, start: float, step: float, size: int, *, dim: str = "time") -> Self:
        """Return an index of `size` stamps at `start`, `start + step`, … (s)."""
        transform = RangeCoordinateTransform(
            start, start + size * step, size, coord_name=dim, dim=dim, step=step
        )
        return cls(transform)

    def isel(self, indexers: Mapping[Any, Any]) -> xr.Index | None:
        """Return a `TimeIndex` for slices, otherwise plain time stamps."""
        found = super().isel(indexers)
        if isinstance(found, RangeIndex):
            return type(self)(found.transform)
        return found

    def sel(self, labels: dict[Any, Any], method: Any = None, tolerance: Any = None) -> Any:
        """Return positions of time stamps. Slices include both ends, as elsewhere in xarray."""
        label = labels[self.dim]
        if isinstance(label, slice):
            if label.step is not None:
                raise ValueError(
                    "slice(start, stop, step) is not supported for time. Resample to change "
                    "the rate"
                )
            first = 0 if label.start is None else self._position(label.start, math.ceil, -TOLERANCE)
            last = (
                self.size - 1
                if label.stop is None
                else self._position(label.stop, math.floor, TOLERANCE)
            )
            return IndexSelResult({self.dim: slice(max(first, 0), max(last + 1, 0))})
        if method is None:
            wanted = np.asarray(getattr(label, "values", label), dtype=float)
            position = (wanted - self.start) / self.step
            missed = np.abs(position - np.rint(position)) > TOLERANCE
            outside = (position < -0.5) | (position > self.size - 0.5)
            if np.any(missed | outside):
                raise KeyError(
                    f"no sample at time {wanted[missed | outside].ravel()[0]:g} s exactly. "
                    "Use method='nearest', or a slice"
                )
        return super().sel(labels, method="nearest", tolerance=tolerance)

    def _position(self, label: float, rounding: Any, slack: float) -> int:
        return int(rounding((label - self.start) / self.step + slack))

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> Self:
        """Concatenate pieces that follow one another without a gap."""
        first = indexes[0]
        end, size = first.stop, first.size
        for piece in indexes[1:]:
            same_step = math.isclose(piece.step, first.step, rel_tol=1e-9)
            if not same_step or abs(piece.start - end) > 1e-3 * first.step:
                raise ValueError(
                    f"cannot join a piece that starts at {piece.start:g} s (step {piece.step:g} s) "
                    f"to one that ends at {end:g} s (step {first.step:g} s): "
                    "they do not follow one another"
                )
            end, size = piece.stop, size + piece.size
        return cls.uniform(first.start, first.step, size, dim=str(first.dim))
