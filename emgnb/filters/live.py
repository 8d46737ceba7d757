"""Run a filter chain sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

from emgnb._arrays import Floats, Mask
from emgnb.filters._cascade import SHORTEST, Stage, decay
from emgnb.filters.step import Fir


def _steady(stage: Floats | Fir) -> Floats:
    """Return the state of a filter after constant input 1."""
    if isinstance(stage, Fir):
        return np.cumsum(stage.taps[::-1])[::-1][1:].copy()
    return np.asarray(dsp.sosfilt_zi(stage))


class LiveChain:
    """A chain that filters samples as they arrive: `push` takes blocks of any size.

    The result equals `chain.causal` on the whole recording, for any block sizes. The initial state
    assumes that each channel was constant at its first sample. NaN and infinite samples hold the
    last value inside and are NaN in the output.

    Created by `chain.live`.
    """

    def __init__(self, stages: Sequence[Stage], *, rate: float, channels: int, text: str) -> None:
        self.rate = rate
        self.channels = channels
        self._stages = list(stages)
        self._text = text
        self._steady = [None if callable(s) else _steady(s) for s in self._stages]
        self.reset()

    def __repr__(self) -> str:
        return f"{self._text}.live({self.rate:g}, {self.channels})"

    @property
    def settling(self) -> float:
        """Time until a transient (start, gap) is below 5 %, in s."""
        slowest = max((decay(s) for s in self._stages if not callable(s)), default=0.0)
        return SHORTEST * slowest / self.rate

    def reset(self) -> None:
        """Reset the state."""
        self._held = np.full(self.channels, np.nan)
        self._state = [
            None if steady is None else np.zeros((*steady.shape, self.channels))
            for steady in self._steady
        ]

    def push(self, block: npt.ArrayLike) -> npt.NDArray[Any]:
        """Filter the next rows.

        Parameters
        ----------
        block : (n, channels), n may be 0; in the unit of the recording

        Returns
        -------
        (n, channels) float32, or float64 for a float64 block; NaN where `block` is NaN

        Raises
        ------
        ValueError : wrong number of channels
        """
        given = np.asarray(block)
        if given.ndim != 2 or given.shape[1] != self.channels:
            raise ValueError(f"a block of shape {given.shape}, expected (n, {self.channels})")
        dtype = np.float64 if given.dtype == np.float64 else np.float32
        if not len(given):
            return np.empty((0, self.channels), dtype=dtype)
        values = given.astype(np.float64)
        missing = ~np.isfinite(values)
        starts = np.isnan(self._held) & ~missing.all(axis=0)
        rows = np.argmax(~missing[:, starts], axis=0)
        if rows.any():
            # A channel starts at its first sample, in a block of its own, so that results do not
            # depend on block sizes.
            row = int(rows[rows > 0].min())
            return np.concatenate([self.push(given[:row]), self.push(given[row:])])
        if missing.any():
            values = self._hold(values, missing)
        self._held = np.where(missing.all(axis=0), self._held, values[-1])
        for i, stage in enumerate(self._stages):
            state, steady = self._state[i], self._steady[i]
            if callable(stage):
                values = stage(values)
                continue
            assert state is not None
            assert steady is not None
            if starts.any():
                state[..., starts] = steady[..., np.newaxis] * values[0, starts]
            if isinstance(stage, Fir):
                # With a second coefficient, SciPy processes sample by sample, independent of block
                # sizes.
                values, self._state[i] = dsp.lfilter(
                    stage.taps, [1.0, 0.0], values, axis=0, zi=state
                )
            else:
                values, self._state[i] = dsp.sosfilt(stage, values, axis=0, zi=state)
        values[missing] = np.nan
        return values.astype(dtype, copy=False)

    def _hold(self, values: Floats, missing: Mask) -> Floats:
        """Fill gaps with the last value; 0 before a channel's first sample."""
        row = np.where(missing, -1, np.arange(len(values))[:, np.newaxis])
        last = np.maximum.accumulate(row, axis=0)
        before = np.where(np.isnan(self._held), 0.0, self._held)
        column = np.arange(self.channels)
        return np.where(last < 0, before, values[np.maximum(last, 0), column])
