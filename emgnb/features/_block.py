"""Compute sums over overlapping windows from shared blocks.

Overlapping windows share samples, so nothing is computed twice: the signal is divided into blocks
of which every window is a whole number, sums are computed per block, and windows add up their
blocks. Windows that share nothing are one block each. Rows are positions within a block, columns
are blocks and channels: successive samples are successive rows, and operations run over long rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats, Mask

T = TypeVar("T")
# Extra rows per block: samples of the next block that a sum may need.
REACH = 4
# Variance relative to energy below which too many digits are lost.
FAINT = 1e-6


class Block:
    """Windows of `n` samples made of blocks; sums over a window are (window, channel)."""

    def __init__(self, signal: npt.NDArray[Any], starts: Any, size: int, n: int, rate: float):
        """Take blocks of `size` samples from a signal (block, sample of block, channel).

        `starts` is the block in which each window begins, as a slice or indices.
        """
        self.n, self.size, self.rate, self.starts = n, size, rate, starts
        self.per_window = n // size
        self.blocks, _, self.channels = signal.shape
        self.alone = self.per_window == 1
        self._made: dict[Any, Any] = {}
        columns = self.blocks * self.channels
        rows: Floats = np.zeros((size + REACH, columns))
        rows[:size].reshape(size, self.blocks, self.channels)[:] = signal.transpose(1, 0, 2)
        finite = np.isfinite(rows[:size])
        self.holed: Mask | None = None
        if not finite.all():
            # NaN are replaced by zeros for computation; affected windows become NaN at the end.
            self.holed = self.total(~finite) > 0
            rows[:size][~finite] = 0.0
        if not self.alone:
            rows[size:, : -self.channels] = rows[:REACH, self.channels :]
        self.rows = rows

    # sums and extremes of what was computed for each sample

    def total(self, values: npt.NDArray[Any], reach: int = 0) -> Floats:
        """Sum values over each window, where each value uses `reach` later samples.

        The last `reach` values of a window, which use samples outside it, are excluded.
        """
        kept = self.size - reach
        whole = self._slide(self._add(values[:kept]), self.per_window, np.add)
        if reach and not self.alone:
            whole = whole + self._slide(self._add(values[kept:]), self.per_window - 1, np.add)
        return np.asarray(whole[self.starts], dtype=np.float64)

    def greatest(self, values: Floats) -> Floats:
        """Return the maximum over each window."""
        best = values.max(axis=0).reshape(self.blocks, self.channels)
        return np.asarray(self._slide(best, self.per_window, np.maximum)[self.starts])

    def ramp(self, values: Floats) -> Floats:
        """Return the sum weighted by the position in the window, in samples from its middle."""
        place = np.arange(self.size) - (self.n - 1) / 2
        weighted = (place @ values).reshape(self.blocks, self.channels)
        plain = self._add(values)
        last = self.blocks - self.per_window + 1
        whole = sum(
            weighted[i : i + last] + i * self.size * plain[i : i + last]
            for i in range(self.per_window)
        )
        return np.asarray(np.asarray(whole)[self.starts])

    def sample(self, rows: Floats, place: int) -> Floats:
        """Return one sample of each window; negative positions count from its end."""
        block, row = divmod(place % self.n, self.size)
        last = self.blocks - self.per_window + 1
        line = rows[row].reshape(self.blocks, self.channels)
        return np.asarray(line[block : block + last][self.starts])

    def whole(self, values: Floats) -> Floats:
        """Lay out values of each sample as windows, (window, channel, sample)."""
        parts = values.reshape(self.size, self.blocks, self.channels)
        if self.alone:
            return np.ascontiguousarray(parts.transpose(1, 2, 0))
        line = np.ascontiguousarray(parts.transpose(2, 1, 0)).reshape(self.channels, -1)
        cut = np.lib.stride_tricks.sliding_window_view(line, self.n, axis=1)[:, :: self.size]
        return np.asarray(cut[:, self.starts].transpose(1, 0, 2))

    def once(self, make: Callable[[Block], T]) -> T:
        """Return `make(self)`, cached."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])

    def _add(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if values.dtype == np.bool_:
            # Counting in bytes, where sufficient, is eight times faster.
            kind = np.uint8 if len(values) < 256 else np.uint32
            whole = values.view(np.uint8).sum(axis=0, dtype=kind).astype(np.float64)
        else:
            whole = values.sum(axis=0)
        return np.asarray(whole.reshape(self.blocks, self.channels))

    def _slide(self, parts: npt.NDArray[Any], many: int, join: np.ufunc) -> npt.NDArray[Any]:
        """Join `many` consecutive blocks, pairwise, so that there is no cancellation."""
        last = self.blocks - self.per_window + 1
        done, at, span = None, 0, 1
        while many:
            if many & 1:
                part = parts[at : at + last]
                done = part if done is None else join(done, part)
                at += span
            many >>= 1
            if many:
                parts = join(parts[:-span], parts[span:])
                span *= 2
        assert done is not None
        return done

    # what several features need

    @cached_property
    def x(self) -> Floats:
        """Samples."""
        return self.rows[: self.size]

    @cached_property
    def magnitude(self) -> Floats:
        """Absolute values."""
        return np.abs(self.x)

    @cached_property
    def steps(self) -> Floats:
        """Differences of neighbours, including those that begin in the next block."""
        return np.asarray(self.rows[1:] - self.rows[:-1])

    @cached_property
    def strides(self) -> Floats:
        """Absolute values of `steps`."""
        return np.abs(self.steps)

    @cached_property
    def bend(self) -> Floats:
        """Differences of `steps`, which use two later samples."""
        return np.asarray(self.steps[1 : self.size + 1] - self.steps[: self.size])

    @cached_property
    def centre(self) -> Floats:
        """Value subtracted from a channel before squaring, by column.

        The mean over all samples; over each window if windows share nothing.
        """
        mean = self.x.mean(axis=0)
        if not self.alone:
            mean = np.tile(mean.reshape(self.blocks, -1).mean(axis=0), self.blocks)
        return np.asarray(mean)

    @cached_property
    def level(self) -> Floats:
        """`rows` minus `centre`."""
        return np.asarray(self.rows - self.centre)

    @cached_property
    def sum_of_steps(self) -> Floats:
        """Σ|xᵢ₊₁ − xᵢ|."""
        return self.total(self.strides[: self.size], 1)

    @cached_property
    def squares(self) -> Floats:
        """Σx²."""
        return self.total(self.x**2)

    @cached_property
    def flat(self) -> Mask:
        """Windows with constant samples."""
        return np.asarray(self.sum_of_steps == 0)

    @cached_property
    def offset(self) -> Floats:
        """Mean of `level` over each window."""
        return np.asarray(self.total(self.level[: self.size]) / self.n)

    @cached_property
    def energy(self) -> Floats:
        """Sum of squares of `level`."""
        return self.total(self.level[: self.size] ** 2)

    @cached_property
    def variance(self) -> Floats:
        """Variance of each window (ddof 0)."""
        found = np.maximum(self.energy / self.n - self.offset**2, 0.0)
        found[self.flat] = 0.0
        return np.asarray(found)

    @property
    def faint(self) -> Mask | None:
        """Windows whose variance is so small relative to their offset that digits were lost."""
        if self.alone or "level" not in self.__dict__:
            return None
        return np.asarray((self.variance * self.n < FAINT * self.energy) & ~self.flat)

    @cached_property
    def slope_squares(self) -> Floats:
        """Σ(xᵢ₊₁ − xᵢ)²."""
        return self.total(self.steps[: self.size] ** 2, 1)

    @cached_property
    def slope_variance(self) -> Floats:
        """Variance of the differences about their mean, per sample squared."""
        drift = (self.sample(self.rows, -1) - self.sample(self.rows, 0)) / (self.n - 1)
        return np.asarray(np.maximum(self.slope_squares / (self.n - 1) - drift**2, 0.0))

    @cached_property
    def bend_squares(self) -> Floats:
        """Σ(xᵢ₊₂ − 2xᵢ₊₁ + xᵢ)²."""
        return self.total(self.bend**2, 2)

    @cached_property
    def windows(self) -> Floats:
        """`level` as whole windows, for features that are not sums."""
        return self.whole(self.level[: self.size])

    @cached_property
    def deviation(self) -> Floats:
        """`windows` minus their mean."""
        return np.asarray(self.windows - self.windows.mean(axis=-1, keepdims=True))


def ratio(above: Floats, below: Floats, undefined: Mask) -> Floats:
    """Return the quotient, NaN where it is undefined."""
    bad = undefined | (below == 0)
    quotient: Floats = np.where(bad, np.nan, above / np.where(bad, 1.0, below))
    return quotient


def logarithm(x: Floats) -> Floats:
    """Return the natural logarithm, NaN where it is undefined."""
    return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), np.nan)
