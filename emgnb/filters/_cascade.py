"""Run the filters of a chain on arrays: zero-phase or live, with gaps bridged.

Functions here do not know channel names or units; `chain` does. Gaps are bridged inside (by a
straight line in whole recordings, by the last value live) and become NaN in the output. `reach`
returns which samples near a gap depend on the bridge.
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

from emgnb._arrays import Floats, Mask
from emgnb.filters.step import Fir, Operation

# Shortest recording, in decay times of the slowest filter; shorter ones are all transient.
SHORTEST = 3.0
# Padding by reflection, in decay times: e^-8 is 0.03 %.
PADDING = 8.0
# A sample is disturbed if an error of 1 in the bridged samples could change it by more than this.
DISTURBED = 0.05
# Decay times after which earlier samples have no effect: e^-25 is 1e-11.
FORGOTTEN = 25.0
# Block length (samples), so that intermediate results need no copy of a long channel.
BLOCK = 1 << 18
# Rows copied at a time when the memory order changes.
ROWS = 1 << 13

Stage = Operation


def columns(table: npt.NDArray[Any]) -> Floats:
    """Return a copy of (time, channel) in column-major order."""
    out = np.empty(table.shape, order="F")
    # In pieces that fit the cache; otherwise each sample is fetched once per channel.
    for at in range(0, len(table), ROWS):
        out[at : at + ROWS] = table[at : at + ROWS]
    return out


def decay(sos: Floats | Fir) -> float:
    """Return the decay time of the slowest pole, in samples: after it 37 % of a transient remain.

    For FIR filters, the number of taps divided by `SHORTEST`.
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


def both_ways(sos: Floats | Fir, values: Floats) -> None:
    """Filter (time, channel) in place with zero phase; the ends are padded by odd reflection.

    IIR filters run forwards and backwards. Symmetric FIR filters run once, and their delay is
    removed.
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
        # SciPy releases the interpreter lock while it filters.
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, range(width)))


def _reflected(x: Floats, pad: int) -> Floats:
    n = len(x)
    ends = np.empty(n + 2 * pad)
    ends[:pad] = 2 * x[0] - x[pad:0:-1]
    ends[pad : pad + n] = x
    ends[pad + n :] = 2 * x[-1] - x[-2 : -pad - 2 : -1]
    return ends


# Nearest sample of a channel outside a part: its row and its value.
Neighbour = tuple[int, float]
Neighbours = Sequence[Neighbour | None]


def bridge(
    values: Floats, missing: Mask, before: Neighbours = (), after: Neighbours = ()
) -> Floats:
    """Interpolate each gap linearly, in place, and return `values`.

    Before the first and after the last sample, that sample is held. A channel without samples
    becomes 0.

    Parameters
    ----------
    values, missing : (time, channel), a whole recording or a part of one
    before, after : for a part, each channel's nearest sample outside it, with rows counted from the
        first row of the part
    """
    if not missing.any():
        return values
    values[missing] = 0.0
    for i in np.flatnonzero(missing.any(axis=0)).tolist():
        gone = missing[:, i]
        # Interpolation needs only the two samples next to the gap.
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


def weights(sos: Floats | Fir, *, zero_phase: bool) -> tuple[Floats, int]:
    """Return the impulse response until it has decayed, and the index of lag 0."""
    if isinstance(sos, Fir):
        if not zero_phase:
            return sos.taps, 0
        if sos.symmetric:
            return sos.taps, len(sos.taps) // 2
        return np.convolve(sos.taps, sos.taps[::-1]), len(sos.taps) - 1
    size = math.ceil(PADDING * decay(sos)) + 3 * len(sos) + 1
    impulse = np.zeros(size)
    impulse[0] = 1.0
    causal: Floats = dsp.sosfilt(sos, impulse)
    if not zero_phase:
        return causal, 0
    return np.asarray(dsp.fftconvolve(causal, causal[::-1])), size - 1


def reach(mask: Mask, sos: Floats | Fir, *, zero_phase: bool) -> Mask:
    """Return which output samples depend on the bridged samples `mask` by more than `DISTURBED`.

    The weight is the sum of the absolute impulse response over the gap, an upper bound of its
    effect. One lost sample therefore does not mark the second for which a narrow notch rings; half
    a second of lost mains does.
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
