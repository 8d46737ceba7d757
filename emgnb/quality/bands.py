"""Powers in bands of frequency, window by window, and where mains hum lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MOTION_HZ = 20.0
EMG_HZ = 450.0
MAINS_HALF_HZ = 1.0
CANDIDATES = (50.0, 60.0)
# A hum stands out of its surroundings by so many times, or there is none to speak of.
NEEDLE = 4.0
# Probability that noise alone looks like a hum; looked for in about so many lines.
RARE, LINES = 1e-3, 48


@dataclass(frozen=True)
class Bands:
    """Powers of windows (window, channel) in units², and sums for the spectrum's deformation.

    `mains` has one row for each candidate frequency: (candidate, window, channel); `emg` likewise,
    since the band from 20 to 450 Hz leaves the hum out.
    """

    total: Array
    motion: Array
    mains: Array
    emg: Array
    deformation: Array
    density: Array


def mains_mask(frequency: Array, mains: float, rate: float, width: float) -> Mask:
    """Which frequencies lie within `width` Hz of mains or a harmonic below half the rate.

    Mains above half the rate is looked for where it folds to.
    """
    orders = np.arange(1, max(int(rate / 2 / mains), 1) + 1) * mains
    places = np.abs(orders - rate * np.rint(orders / rate))
    near = np.abs(frequency[:, np.newaxis] - places[np.newaxis, :]) <= width + 1e-9
    return np.asarray(near.any(axis=1))


def measure(windows: Array, rate: float, candidates: tuple[float, ...]) -> Bands:
    """Powers of windows (window, sample, channel); NaN for a window with a lost sample.

    Straight line removed, Hann taper. Deformation is that of Sinderby et al. 1995.
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
    band = (frequency >= MOTION_HZ) & (frequency <= EMG_HZ)
    first = np.einsum("f,nfc->nc", frequency, power)
    second = np.einsum("f,nfc->nc", frequency**2, power)
    with np.errstate(invalid="ignore", divide="ignore"):
        deformation = np.sqrt(second / total) / (first / total)
    return Bands(
        total=total,
        motion=power[:, frequency < MOTION_HZ].sum(axis=1),
        mains=np.stack([power[:, hum].sum(axis=1) for hum in hums]),
        emg=np.stack([power[:, band & ~hum].sum(axis=1) for hum in hums]),
        deformation=deformation,
        density=np.nansum(power, axis=0),
    )


def needle(windows: int) -> float:
    """By how many times a hum stands out, at least: more than noise reaches in so few windows."""
    some = max(windows, 1)
    chance = stats.gamma.isf(RARE / LINES, some) / stats.gamma.median(some)
    return max(NEEDLE, float(chance))


def prominence(density: Array, frequency: Array, mains: float, rate: float) -> float:
    """How many times the power at `mains` exceeds that around it, the greatest of the channels."""
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
