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

from emgnb.filters.base import Array, Fir, Mask, Operation

# A recording shorter than this many decay times of the slowest section is all transient.
SHORTEST = 3.0
# Reflected samples before and after the recording, in decay times: e^-8 is 0.03 %.
PADDING = 8.0
# A sample is disturbed when bridged samples that are wrong by 1 could move it by more than this.
DISTURBED = 0.05
# Decay times after which nothing of what came before is left: e^-25 is 1e-11.
FORGOTTEN = 25.0
# Samples filtered at a time, so that the steps on the way need no copy of a long channel.
BLOCK = 1 << 18
# Rows copied at a time from one order of memory to the other.
ROWS = 1 << 13

Stage = Operation


def columns(table: npt.NDArray[Any]) -> Array:
    """Copy of (time, channel) in which each channel's samples lie side by side."""
    out = np.empty(table.shape, order="F")
    # In pieces that stay in the cache, or each sample would be fetched once a channel.
    for at in range(0, len(table), ROWS):
        out[at : at + ROWS] = table[at : at + ROWS]
    return out


def decay(sos: Array | Fir) -> float:
    """Decay time of the slowest pole, in samples: after it 37 % of a transient is left.

    Without feedback all is forgotten after as many samples as there are taps.
    """
    if isinstance(sos, Fir):
        return len(sos.taps) / SHORTEST
    half, product = sos[:, 4] / sos[:, 3] / 2, sos[:, 5] / sos[:, 3]
    apart = half**2 - product  # below 0 where a section's two poles are conjugates
    real = np.abs(half) + np.sqrt(np.maximum(apart, 0.0))
    radius = float(np.where(apart < 0, np.sqrt(np.abs(product)), real).max())
    if radius >= 1.0:
        return math.inf
    return -1.0 / math.log(radius) if radius > 0 else 0.0


def both_ways(sos: Array | Fir, values: Array) -> None:
    """Filter (time, channel) in place, without delay; the ends are reflected.

    Forwards and backwards, but symmetric taps once and moved back by their delay.
    """
    n, width = values.shape
    if isinstance(sos, Fir):
        kernel, middle = weights(sos, zero_phase=True)
        pad = min(len(kernel), n - 1)
        for i in range(width):
            ends = _reflected(values[:, i], pad)
            values[:, i] = dsp.oaconvolve(ends, kernel)[pad + middle :][:n]
        return
    pad = min(math.ceil(PADDING * decay(sos)) + 3 * len(sos), n - 1)
    steady = dsp.sosfilt_zi(sos)

    def run(i: int) -> None:
        ends = _reflected(values[:, i], pad)
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


def _reflected(x: Array, pad: int) -> Array:
    n = len(x)
    ends = np.empty(n + 2 * pad)
    ends[:pad] = 2 * x[0] - x[pad:0:-1]
    ends[pad : pad + n] = x
    ends[pad + n :] = 2 * x[-1] - x[-2 : -pad - 2 : -1]
    return ends


# The nearest sample of a channel beyond a part of its recording: its place, its value.
Neighbour = tuple[int, float]
Neighbours = Sequence[Neighbour | None]


def bridge(values: Array, missing: Mask, before: Neighbours = (), after: Neighbours = ()) -> Array:
    """Lay a straight line over each gap, in place, and return `values`.

    Before the first sample and after the last, that sample is held; a channel without any is 0.

    Parameters
    ----------
    values, missing : (time, channel), a whole recording or a part of one
    before, after : of a part, each channel's nearest sample beyond its ends, counted from the
        part's first sample
    """
    if not missing.any():
        return values
    values[missing] = 0.0
    for i in np.flatnonzero(missing.any(axis=0)).tolist():
        gone = missing[:, i]
        # A line needs the two samples beside its gap and no others.
        beside = np.zeros_like(gone)
        beside[:-1] = gone[1:]
        beside[1:] |= gone[:-1]
        seen = np.flatnonzero(beside & ~gone)
        there = values[seen, i]
        known = [each[i] for each in (before, after) if each]
        beyond = [each for each in known if each is not None]
        if beyond:
            seen = np.append(seen, [at for at, _ in beyond])
            there = np.append(there, [value for _, value in beyond])
            order = np.argsort(seen)
            seen, there = seen[order], there[order]
        if seen.size:
            values[gone, i] = np.interp(np.flatnonzero(gone), seen, there)
    return values


def weights(sos: Array | Fir, *, zero_phase: bool) -> tuple[Array, int]:
    """Impulse response until it has died away, and the place of lag 0 in it."""
    if isinstance(sos, Fir):
        if not zero_phase:
            return sos.taps, 0
        if sos.symmetric:
            return sos.taps, len(sos.taps) // 2
        return np.convolve(sos.taps, sos.taps[::-1]), len(sos.taps) - 1
    size = math.ceil(PADDING * decay(sos)) + 3 * len(sos) + 1
    impulse = np.zeros(size)
    impulse[0] = 1.0
    causal: Array = dsp.sosfilt(sos, impulse)
    if not zero_phase:
        return causal, 0
    return np.asarray(dsp.fftconvolve(causal, causal[::-1])), size - 1


def reach(mask: Mask, sos: Array | Fir, *, zero_phase: bool) -> Mask:
    """Samples of the output in which the bridged samples `mask` weigh more than `DISTURBED`.

    Their weight is the sum of the absolute impulse response over them, which bounds what a gap can
    do in the worst case: one lost sample does not condemn the second that a narrow notch rings, a
    lost half second of mains does.
    """
    h, middle = weights(sos, zero_phase=zero_phase)
    found = mask.copy()
    lost = np.flatnonzero(mask)
    if lost.size:
        near = slice(max(int(lost[0]) - len(h), 0), int(lost[-1]) + len(h))
        size = len(mask[near])
        bridged = dsp.oaconvolve(mask[near].astype(float), np.abs(h))[middle : middle + size]
        found[near] |= bridged > DISTURBED
    return found


def _steady(stage: Array | Fir) -> Array:
    """State of a filter that has seen 1 for ever."""
    if isinstance(stage, Fir):
        return np.cumsum(stage.taps[::-1])[::-1][1:].copy()
    return np.asarray(dsp.sosfilt_zi(stage))


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
        self._steady = [None if callable(s) else _steady(s) for s in self._stages]
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
                state[..., starts] = steady[..., np.newaxis] * values[0, starts]
            if isinstance(stage, Fir):
                # With a second coefficient SciPy goes sample by sample, the same in any blocks.
                values, self._state[i] = dsp.lfilter(
                    stage.taps, [1.0, 0.0], values, axis=0, zi=state
                )
            else:
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
