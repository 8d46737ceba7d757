"""Simulate the EMG of a muscle as motor-unit potentials with Shwedyk's spectrum.

Shwedyk, Balasubramanian & Scott (IEEE Trans. Biomed. Eng. 24, 417-424, 1977) showed that surface
EMG is amplitude modulation, sqrt(K n(t)) w(t): the number of firing motor units n(t) sets the
strength, and the shape of a motor-unit potential sets the spectrum of w(t). Here the superposed
trains are impulses of random size at random times. Their number and size increase with the
contraction, and one digital filter per muscle shapes each impulse. So single potentials are visible
in weak contractions, and strong contractions are Gaussian noise. Individual units, peaks of the
firing rate and fatigue are not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.signal import sosfilt

from emgnb._arrays import Floats

# Impulse rate of all units together at rest (1/s); low enough that single potentials are visible.
RESTING_IMPULSES = 300.0
# Impulse rate added at maximum contraction (1/s); high enough for a full interference pattern.
MAXIMUM_IMPULSES = 4000.0


@dataclass(frozen=True)
class Voice:
    """Spectrum and strength of a muscle.

    `low` and `high` are Shwedyk's corner frequencies in Hz. `mvc` is the RMS in uV at maximum
    voluntary contraction, at electrodes of average gain.
    """

    low: float
    high: float
    mvc: float


# Median frequencies are between 60 and 120 Hz, lowest over the forehead and highest around the
# mouth (van Boxtel 2001, doi:10.1111/1469-8986.3810022); the values per muscle are our choice.
VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "frontalis_medialis": Voice(30.0, 100.0, 180.0),
        "frontalis_lateralis": Voice(30.0, 100.0, 180.0),
        "corrugator": Voice(40.0, 130.0, 220.0),
        "orbicularis_oculi": Voice(45.0, 140.0, 200.0),
        "levator_labii": Voice(40.0, 120.0, 200.0),
        "zygomaticus_minor": Voice(35.0, 115.0, 180.0),
        "zygomaticus_major": Voice(35.0, 115.0, 280.0),
        "buccinator": Voice(40.0, 120.0, 180.0),
        "depressor_anguli_oris": Voice(40.0, 130.0, 200.0),
        "mentalis": Voice(45.0, 130.0, 240.0),
        "orbicularis_oris": Voice(45.0, 145.0, 240.0),
        "platysma": Voice(30.0, 105.0, 150.0),
        "masseter": Voice(50.0, 145.0, 380.0),
    }
)


def shwedyk(frequency: npt.ArrayLike, *, low: float, high: float) -> Floats:
    """Return Shwedyk's power spectrum of surface EMG, scaled to 1 at its peak.

    P(f) ~ f² high⁴ / ((f² + low²) (f² + high²)²)

    Parameters
    ----------
    frequency : Hz, any shape
    low, high : corner frequencies in Hz

    Returns
    -------
    float64, same shape as `frequency`
    """
    f2 = np.square(np.asarray(frequency, dtype=np.float64))
    peak2 = _peak(low, high) ** 2
    return _shape(f2, low, high) / _shape(np.asarray(peak2), low, high)


def median_frequency(*, low: float, high: float) -> float:
    """Return the median frequency of Shwedyk's spectrum in Hz.

    Examples
    --------
    >>> from emgnb import simulate
    >>> round(simulate.median_frequency(low=60, high=120))
    96
    """
    f = np.linspace(0.0, 40.0 * high, 200_001)
    total = np.cumsum(_shape(f * f, low, high))
    return float(np.interp(total[-1] / 2, total, f))


def _shape(f2: Floats, low: float, high: float) -> Floats:
    return np.asarray(f2 * high**4 / ((f2 + low**2) * (f2 + high**2) ** 2))


def _peak(low: float, high: float) -> float:
    # dP/df = 0 is a quadratic in f²: 2 f⁴ + low² f² - low² high² = 0.
    l2, h2 = low**2, high**2
    return float(np.sqrt((-l2 + np.sqrt(l2 * l2 + 8.0 * l2 * h2)) / 4.0))


def shaping_filter(rate: float, *, low: float, high: float) -> Floats:
    """Design second-order sections that shape white noise to Shwedyk's spectrum.

    The analogue poles are mapped exactly. The zeros match the gain at 0 and at half the rate, which
    preserves the shape up to there (a bilinear transform would lose 6 dB at 300 Hz for a rate of
    1 kHz). The output for white noise of variance 1 has variance 1.

    Parameters
    ----------
    rate : Hz
    low, high : corner frequencies in Hz

    Returns
    -------
    (2, 6) float64 for `scipy.signal.sosfilt`
    """
    high_pass = _one_pole(rate, low, passes_high=True)
    low_pass = _one_pole(rate, high, passes_high=False)
    first = np.concatenate(
        [np.convolve(high_pass[0], low_pass[0]), np.convolve(high_pass[1], low_pass[1])]
    )
    second = np.concatenate([low_pass[0], [0.0], low_pass[1], [0.0]])
    sos = np.stack([first, second])
    impulse = np.zeros(int(rate * 10.0 / low) + 8)
    impulse[0] = 1.0
    sos[0, :3] /= np.sqrt(np.sum(np.square(sosfilt(sos, impulse))))
    return sos


def _one_pole(rate: float, corner: float, *, passes_high: bool) -> tuple[Floats, Floats]:
    pole = np.exp(-2.0 * np.pi * corner / rate)
    ratio = rate / (2.0 * corner)
    if passes_high:
        gain = ratio / np.hypot(1.0, ratio) * (1.0 + pole) / 2.0
        numerator = np.array([gain, -gain])
    else:
        total, difference = 1.0 - pole, (1.0 + pole) / np.hypot(1.0, ratio)
        numerator = np.array([total + difference, total - difference]) / 2.0
    return numerator, np.array([1.0, -pole])


class MotorUnits:
    """Convert the drive of each muscle to EMG, in blocks of any size.

    Parameters
    ----------
    rate : Hz
    muscles : (source,) names, keys of `VOICES`
    pitch : (source,) factors on the corner frequencies (skin and fat differ between people)
    rng : two generators, for the number and for the size of impulses
    """

    def __init__(
        self,
        rate: float,
        muscles: list[str],
        pitch: Floats,
        rng: tuple[np.random.Generator, np.random.Generator],
    ) -> None:
        self._rate = rate
        self._firing, self._sizes = rng
        # One filter call for all muscles with the same spectrum: with the short blocks of a live
        # stream, calls cost more than the arithmetic.
        groups: dict[tuple[float, float], list[int]] = {}
        for i, (muscle, factor) in enumerate(zip(muscles, pitch, strict=True)):
            voice = VOICES[muscle]
            groups.setdefault((voice.low * factor, voice.high * factor), []).append(i)
        self._filters = [
            (np.array(columns), shaping_filter(rate, low=low, high=high))
            for (low, high), columns in groups.items()
        ]
        self._states = [np.zeros((2, 2, len(columns))) for columns, _ in self._filters]

    def push(self, drive: Floats) -> Floats:
        """Return (n, source) EMG, of unit RMS at drive 1, for a drive (n, source) from 0 to 1."""
        expected = (RESTING_IMPULSES + MAXIMUM_IMPULSES * drive) / self._rate
        # The expected number of impulses, rounded up or down at random: Poisson at low rates, more
        # regular at high rates, like motor units.
        count = np.floor(expected + self._firing.random(drive.shape))
        impulses = self._sizes.standard_normal(drive.shape)
        impulses *= np.sqrt(count / expected)
        impulses *= drive
        out = np.empty_like(impulses)
        for i, (columns, sos) in enumerate(self._filters):
            out[:, columns], self._states[i] = sosfilt(
                sos, impulses[:, columns], axis=0, zi=self._states[i]
            )
        return out
