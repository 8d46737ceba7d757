"""Measure band powers of windows, and find mains lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from emgnb._arrays import Floats, Mask

MOTION_HZ = 20.0
EMG_HZ = 450.0
MAINS_HALF_HZ = 1.0
# Range of a line's neighbours, in half widths of the line: beyond the skirt of a drifting line.
NEIGHBOURS = (3.0, 8.0)
CANDIDATES = (50.0, 60.0)
# Minimum ratio of mains to its surroundings.
NEEDLE = 4.0
# Probability that noise alone looks like mains, and approximate number of lines tested.
RARE, LINES = 1e-3, 48


@dataclass(frozen=True)
class Bands:
    """Powers of windows (window, channel) in units², and sums for the spectral deformation.

    `mains` has one row per candidate frequency, (candidate, window, channel): the excess over the
    neighbours, which chance can make negative. `emg` likewise, because the band from 20 to 450 Hz
    excludes mains.
    """

    total: Floats
    motion: Floats
    mains: Floats
    emg: Floats
    deformation: Floats
    density: Floats


def lines(mains: float, rate: float) -> Floats:
    """Return the frequencies in Hz of mains and its harmonics below half the rate.

    If mains is above half the rate, its aliased frequency is returned.
    """
    orders = np.arange(1, max(int(rate / 2 / mains), 1) + 1) * mains
    return np.asarray(np.abs(orders - rate * np.rint(orders / rate)))


def mains_mask(frequency: Floats, mains: float, rate: float, width: float) -> Mask:
    """Return which frequencies are within `width` Hz of mains or a harmonic below half the rate."""
    places = lines(mains, rate)
    near = np.abs(frequency[:, np.newaxis] - places[np.newaxis, :]) <= width + 1e-9
    return np.asarray(near.any(axis=1))


def beneath(frequency: Floats, mains: float, rate: float, width: float) -> Floats:
    """Return weights that estimate the EMG power at the mains lines.

    `power` @ weights is the mean of each line's neighbours, 3 to 8 widths away on either side,
    times the number of bins of the line; 0 for lines without neighbours.
    """
    weights = np.zeros(frequency.size)
    inside = mains_mask(frequency, mains, rate, width)
    others = mains_mask(frequency, mains, rate, 2.0 * width) | (frequency <= 0.0)
    for place in np.unique(np.round(lines(mains, rate), 6)):
        apart = np.abs(frequency - place) / width
        line = inside & (apart <= 1.0 + 1e-9)
        ring = (apart > NEIGHBOURS[0]) & (apart <= NEIGHBOURS[1] + 1e-9) & ~others
        if ring.any():
            weights[ring] += np.count_nonzero(line) / np.count_nonzero(ring)
    return weights


def measure(windows: Floats, rate: float, candidates: tuple[float, ...]) -> Bands:
    """Return powers of windows (window, sample, channel); NaN for windows with a lost sample.

    A straight line is removed, then a Hann taper applied. Deformation is that of Sinderby et al.
    1995.
    """
    size = windows.shape[1]
    ramp = np.arange(size) - (size - 1) / 2
    centred = windows - windows.mean(axis=1, keepdims=True)
    slope = np.einsum("i,nic->nc", ramp, centred) / (ramp @ ramp)
    centred -= slope[:, np.newaxis, :] * ramp[np.newaxis, :, np.newaxis]
    taper = np.hanning(size + 2)[1:-1]
    power = np.abs(np.fft.rfft(centred * taper[np.newaxis, :, np.newaxis], axis=1)) ** 2
    frequency = np.asarray(np.fft.rfftfreq(size, 1.0 / rate), dtype=np.float64)
    power *= 2.0 / (size * (taper @ taper))
    if size % 2 == 0:
        power[:, -1] /= 2.0
    power[:, 0] = 0.0
    width = max(MAINS_HALF_HZ, rate / size)
    total = power.sum(axis=1)
    hums = [mains_mask(frequency, mains, rate, width) for mains in candidates]
    excess = [
        hum - beneath(frequency, mains, rate, width)
        for mains, hum in zip(candidates, hums, strict=True)
    ]
    band = (frequency >= MOTION_HZ) & (frequency <= EMG_HZ)
    first = np.einsum("f,nfc->nc", frequency, power)
    second = np.einsum("f,nfc->nc", frequency**2, power)
    with np.errstate(invalid="ignore", divide="ignore"):
        deformation = np.sqrt(second / total) / (first / total)
    return Bands(
        total=total,
        motion=power[:, frequency < MOTION_HZ].sum(axis=1),
        mains=np.stack([np.einsum("f,nfc->nc", each, power) for each in excess]),
        emg=np.stack([power[:, band & ~hum].sum(axis=1) for hum in hums]),
        deformation=deformation,
        density=np.nansum(power, axis=0),
    )


def needle(windows: int) -> float:
    """Return the minimum ratio of mains to its surroundings that noise does not reach by chance."""
    some = max(windows, 1)
    chance = stats.gamma.isf(RARE / LINES, some) / stats.gamma.median(some)
    return max(NEEDLE, float(chance))


def prominence(density: Floats, frequency: Floats, mains: float, rate: float) -> float:
    """Return the ratio of the power at `mains` to its surroundings, maximum over channels."""
    place = abs(mains - rate * np.rint(mains / rate))
    if place < 5.0:
        return 0.0
    near = np.abs(frequency - place) <= 1.5
    around = (np.abs(frequency - place) <= 10.0) & (np.abs(frequency - place) > 3.0)
    if not near.any() or not around.any():
        return 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = density[near].max(axis=0) / np.median(density[around], axis=0)
    finite = ratio[np.isfinite(ratio)]
    return float(finite.max(initial=0.0))
