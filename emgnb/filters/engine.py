"""The arithmetic of a chain: sections run forwards and back, samples pushed live, gaps bridged.

Nothing here knows channel names or units; `chain` does. A gap is bridged inside (a straight line
when the whole recording is there, the last value held when it is not), NaN again outside, and
`reach` says which samples near it depend on the bridge.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

from emgnb.filters.base import Array, Mask, Pointwise

# A recording shorter than this many decay times of the slowest section is all transient.
SHORTEST = 3.0
# Reflected samples before and after the recording, in decay times: e^-8 is 0.03 %.
PADDING = 8.0
# A sample is disturbed when bridged samples that are wrong by 1 could move it by more than this.
DISTURBED = 0.05
# Samples filtered at a time, so that the steps on the way need no copy of a long channel.
BLOCK = 1 << 18

Stage = Array | Pointwise


def decay(sos: Array) -> float:
    """Decay time of the slowest pole, in samples: after it 37 % of a transient is left."""
    radius = max(float(np.abs(np.roots(row[3:])).max(initial=0.0)) for row in sos)
    if radius >= 1.0:
        return math.inf
    return -1.0 / math.log(radius) if radius > 0 else 0.0


def both_ways(sos: Array, values: Array) -> None:
    """Filter (time, channel) in place, forwards and backwards; the ends are reflected."""
    n, width = values.shape
    pad = min(math.ceil(PADDING * decay(sos)) + 3 * len(sos), n - 1)
    steady = dsp.sosfilt_zi(sos)

    def run(i: int) -> None:
        x = values[:, i]
        ends = np.empty(n + 2 * pad)
        ends[:pad] = 2 * x[0] - x[pad:0:-1]
        ends[pad : pad + n] = x
        ends[pad + n :] = 2 * x[-1] - x[-2 : -pad - 2 : -1]
        for way in (ends, ends[::-1]):
            state = steady * way[0]
            for at in range(0, len(way), BLOCK):
                way[at : at + BLOCK], state = dsp.sosfilt(sos, way[at : at + BLOCK], zi=state)
        values[:, i] = ends[pad : pad + n]

    workers = min(width, os.cpu_count() or 1)
    if workers < 2 or n * width < BLOCK:
        for i in range(width):
            run(i)
    else:
        # SciPy lets go of the interpreter lock while it filters.
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, range(width)))


def bridge(values: Array, missing: Mask) -> Array:
    """Lay a straight line over each gap.

    Before the first sample and after the last, that sample is held; a channel without any is 0.
    """
    if not missing.any():
        return values
    filled = np.where(missing, 0.0, values)
    place = np.arange(len(values))
    for i in np.flatnonzero(missing.any(axis=0)):
        gone = missing[:, i]
        if not gone.all():
            filled[gone, i] = np.interp(place[gone], place[~gone], values[~gone, i])
    return filled


def weights(sos: Array, *, zero_phase: bool) -> tuple[Array, int]:
    """Impulse response until it has died away, and the place of lag 0 in it."""
    size = math.ceil(PADDING * decay(sos)) + 3 * len(sos) + 1
    impulse = np.zeros(size)
    impulse[0] = 1.0
    causal: Array = dsp.sosfilt(sos, impulse)
    if not zero_phase:
        return causal, 0
    return np.asarray(dsp.fftconvolve(causal, causal[::-1])), size - 1


def reach(mask: Mask, sos: Array, *, zero_phase: bool) -> Mask:
    """Samples of the output in which the bridged samples `mask` weigh more than `DISTURBED`.

    Their weight is the sum of the absolute impulse response over them, which bounds what a gap can
    do in the worst case: one lost sample does not condemn the second that a narrow notch rings, a
    lost half second of mains does.
    """
    h, middle = weights(sos, zero_phase=zero_phase)
    bridged = dsp.oaconvolve(mask.astype(float), np.abs(h))[middle : middle + len(mask)]
    found: Mask = mask | (bridged > DISTURBED)
    return found


class LiveChain:
    """A chain that runs sample by sample: `push` blocks of any size, get as many rows back.

    The result is that of `chain.causal` on the whole recording, whatever the blocks. It starts as
    if each channel had rested at its first sample for ever. A NaN (or infinite) sample holds the
    last value inside and comes out as NaN.

    Made by `chain.live`.
    """

    def __init__(self, stages: Sequence[Stage], *, rate: float, channels: int, text: str) -> None:
        self.rate = rate
        self.channels = channels
        self._stages = list(stages)
        self._text = text
        self._steady = [None if callable(s) else dsp.sosfilt_zi(s) for s in self._stages]
        self.reset()

    def __repr__(self) -> str:
        return f"{self._text}.live({self.rate:g}, {self.channels})"

    @property
    def settling(self) -> float:
        """Seconds after the start, or after a gap, until a transient has fallen below 5 %."""
        slowest = max((decay(s) for s in self._stages if not callable(s)), default=0.0)
        return SHORTEST * slowest / self.rate

    def reset(self) -> None:
        """Forget all samples, as at the start."""
        self._held = np.full(self.channels, np.nan)
        self._state = [
            None if callable(s) else np.zeros((len(s), 2, self.channels)) for s in self._stages
        ]

    def push(self, block: npt.ArrayLike) -> npt.NDArray[Any]:
        """Filter the next rows.

        Parameters
        ----------
        block : (n, channels), n may be 0; in the unit of the recording

        Returns
        -------
        (n, channels) float32, or float64 for a float64 block; NaN where `block` is

        Raises
        ------
        ValueError : another number of channels
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
            # A channel's first sample begins a block of its own, so that blocks make no difference.
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
                state[:, :, starts] = steady[:, :, np.newaxis] * values[0, starts]
            values, self._state[i] = dsp.sosfilt(stage, values, axis=0, zi=state)
        values[missing] = np.nan
        return values.astype(dtype, copy=False)

    def _hold(self, values: Array, missing: Mask) -> Array:
        """Repeat the last value in a gap; 0 as long as a channel has had none."""
        row = np.where(missing, -1, np.arange(len(values))[:, np.newaxis])
        last = np.maximum.accumulate(row, axis=0)
        before = np.where(np.isnan(self._held), 0.0, self._held)
        column = np.arange(self.channels)
        return np.where(last < 0, before, values[np.maximum(last, 0), column])
