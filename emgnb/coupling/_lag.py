"""Estimate the lag of coupling beside an instantaneous mixture."""

from __future__ import annotations

import numpy as np

from emgnb._arrays import Floats
from emgnb.coupling._segments import Complex

STEP = 0.00025
RESAMPLINGS = 200


def lag(
    x: Complex, y: Complex, frequency: Floats, *, longest: float, seed: int
) -> tuple[float, float, float]:
    """Return the lag in s with its 95 % interval; positive if the EEG is first.

    x and y are the spectra (segment, bin) of one EEG and one EMG channel. The transfer function
    EMG → EEG over the band is modelled as an instantaneous part, real and linear in frequency, and
    a pure delay of either polarity. The delay of least squares wins; the interval is that of a
    bootstrap over segments.
    """
    delays = np.arange(-longest, longest + STEP / 2, STEP)
    crossed, power = x * y.conj(), np.abs(y) ** 2
    segments = len(x)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(segments, np.full(segments, 1 / segments), size=RESAMPLINGS)
    counts = np.concatenate((np.ones((1, segments)), drawn))
    transfer = (counts @ crossed) / (counts @ power)
    weight = np.sqrt(power.sum(axis=0) / power.sum())
    found = delays[_explained(transfer, frequency, weight, delays).argmax(axis=0)]
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return float(found[0]), float(low), float(high)


def _explained(transfer: Complex, frequency: Floats, weight: Floats, delays: Floats) -> Floats:
    """Return the sum of squares that each delay explains beside the mixture, (delay, row)."""
    scaled = transfer * weight
    y = np.concatenate((scaled.real, scaled.imag), axis=1)
    none = np.zeros_like(weight)
    centred = frequency - frequency.mean()
    mixture = np.stack(
        [np.concatenate((weight, none)), np.concatenate((weight * centred, none))], axis=1
    )
    basis, _ = np.linalg.qr(mixture)
    angle = 2 * np.pi * delays[:, None] * frequency
    delayed = np.concatenate((np.cos(angle) * weight, np.sin(angle) * weight), axis=1)
    delayed -= (delayed @ basis) @ basis.T
    norm = np.linalg.norm(delayed, axis=1)
    # Delays near 0 are the mixture itself.
    norm = np.where(norm > 1e-6 * np.linalg.norm(weight), norm, np.inf)
    y = y - (y @ basis) @ basis.T
    return np.asarray(((delayed / norm[:, None]) @ y.T) ** 2)
