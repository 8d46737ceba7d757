# ruff: noqa: D102 — what each answer means is said once, at `Step`
"""Mains that drifts: found in each stretch of time, and taken out where it is.

The grid's frequency wanders by up to half a hertz, and its 9th harmonic by nine times that; a fixed
notch misses it. Both steps here first measure the frequency from second to second, on all channels
and harmonics together. `MainsTracker` then subtracts what swings at it; `MainsInterpolation`
replaces its lines in the spectrum by what lies beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy import signal as dsp

from emgnb.filters import engine
from emgnb.filters.base import Array, Mask, Place, positive
from emgnb.filters.linear import OfMains

# Hz that the grid may be off, on either side, and the step in which it is looked for.
DRIFT = 1.0
FINE = 0.01
# Hz beside a line from which its surroundings are measured, and up to which.
BESIDE = 4.0
# A line counts as mains when its power is this many times what its surroundings would give.
STANDS_OUT = 3.0


@dataclass(frozen=True)
class _Followed(OfMains):
    """What both steps share: stretches of `length` s, half of it apart, on a fixed grid."""

    width: float = 1.0
    length: float = 4.0
    local: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, width=self.width, length=self.length)
        if self.length * self.width < 2:
            raise ValueError(
                f"{type(self).__name__}: length={self.length:g} s resolves {2 / self.length:g} Hz, "
                f"expected at least 2 / width = {2 / self.width:g} s"
            )

    def refuses_live(self) -> str | None:
        return (
            f"{type(self).__name__} measures the mains on {self.length:g} s around each sample, "
            "half of which live has not come yet: use Notch(mains, q=10), which is wide enough "
            "for ±0.5 Hz, or run it afterwards."
        )

    def least(self, rate: float) -> int:
        return _size(self.length, rate)

    def context(self, rate: float) -> int:
        return 2 * _size(self.length, rate)


@dataclass(frozen=True)
class MainsInterpolation(_Followed):
    """Replace the lines of the mains in the spectrum by what lies beside them.

    In stretches of `length` s (Hann, half overlap) the magnitude within `width` of each harmonic
    becomes the straight line between its surroundings on the left and on the right, the phase
    stays: the EMG's power in there is kept, where a notch would leave a hole. The frequency is
    measured in each stretch, ±1 Hz about `mains`. A line that does not stand out (less than three
    times the power of its surroundings, channel by channel) is left alone.

    Parameters
    ----------
    mains : nominal frequency in Hz, 50 or 60
    harmonics : how many multiples of `mains`, itself counted, or which, such as (1, 3, 5); None
        takes all that lie below half the sampling rate and below 500 Hz
    width : Hz on either side of a line that are replaced; a tenth more for each harmonic
    length : of a stretch in s; at least 2 / width

    References
    ----------
    Mewett, Reynolds, Nazeran 2004, doi:10.1007/BF02350994
    """

    def over_stretch(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Mask]:
        size = _size(self.length, place.rate)
        lines = _Lines(self, size, place.rate)
        taper = dsp.get_window("hann", size)
        hum = np.zeros((len(values) + 2 * size, values.shape[1]), order="F")
        for at, piece, there in _stretches(values, missing, place, size):
            spectrum = fft.rfft(piece * taper[:, np.newaxis], axis=0)
            power = np.square(np.abs(spectrum))
            excess = np.zeros_like(spectrum)
            found = lines.frequency(_padded(piece[:, there], taper, size))
            for order, centre in lines.harmonics(found):
                self._interpolate(spectrum, power, excess, centre, order, place.rate / size)
            hum[at + size : at + 2 * size] += fft.irfft(excess, n=size, axis=0)
        return np.asfortranarray(values - hum[size : size + len(values)]), missing

    def _interpolate(
        self,
        spectrum: npt.NDArray[np.complex128],
        power: Array,
        excess: npt.NDArray[np.complex128],
        centre: float,
        order: int,
        resolution: float,
    ) -> None:
        """Write what stands out about `centre` Hz into `excess`."""
        width = self.width * (1 + 0.1 * (order - 1))
        edge = [(centre + side * width) / resolution for side in (-1, 1)]
        far = [(centre + side * (width + BESIDE / 2)) / resolution for side in (-1, 1)]
        low, high = math.ceil(edge[0]), math.floor(edge[1]) + 1
        left = power[max(math.ceil(far[0]), 1) : low]
        right = power[high : math.floor(far[1]) + 1]
        sides = [side.mean(axis=0) for side in (left, right) if len(side)]
        if not sides or low >= len(power):
            return
        share = np.linspace(0.0, 1.0, max(min(high, len(power)) - low, 1))[:, np.newaxis]
        wanted = sides[0] * (1 - share) + sides[-1] * share
        here = slice(low, min(high, len(power)))
        stands = power[here].sum(axis=0) > STANDS_OUT * wanted.sum(axis=0)
        size = np.sqrt(wanted / np.maximum(power[here], 1e-300))
        excess[here] = np.where(stands, spectrum[here] * (1 - size), 0.0)


@dataclass(frozen=True)
class MainsTracker(_Followed):
    """Subtract the mains at the frequency it has from moment to moment: a notch that follows.

    The frequency is measured every half `length` on all channels together, ±1 Hz about `mains`.
    What swings at it and its harmonics, each with a slowly changing amplitude and phase, is fitted
    (moved to 0 Hz, low-passed without delay at half of `width`, moved back) and subtracted. It also
    takes the EMG's share within the width: 9 Hz of 430 with nine harmonics.

    Parameters
    ----------
    mains : nominal frequency in Hz, 50 or 60
    harmonics : how many multiples of `mains`, itself counted, or which, such as (1, 3, 5); None
        takes all that lie below half the sampling rate and below 500 Hz
    width : Hz taken out about each line (−6 dB), the same for all harmonics; a wider one follows
        faster changes of amplitude
    length : s on which the frequency is measured; at least 2 / width

    References
    ----------
    Widrow et al. 1975, doi:10.1109/PROC.1975.10036 (cancelling with a reference in quadrature)
    """

    def context(self, rate: float) -> int:
        tau = engine.decay(self._smooth(rate))
        return super().context(rate) + math.ceil(engine.FORGOTTEN * tau)

    def over_stretch(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Mask]:
        size = _size(self.length, place.rate)
        lines = _Lines(self, size, place.rate)
        taper = dsp.get_window("hann", size)
        seen, track = [], []
        for at, piece, there in _stretches(values, missing, place, size):
            seen.append(at + size / 2)
            track.append(lines.frequency(_padded(piece[:, there], taper, size)))
        frequency = np.interp(np.arange(len(values)), seen, track)
        angle = 2 * np.pi * np.cumsum(frequency) / place.rate
        smooth = self._smooth(place.rate)
        out = values.copy(order="F")
        swing = np.empty((len(values), 2), order="F")
        for order in self._orders(place.rate):
            np.cos(order * angle, out=swing[:, 0])
            np.sin(order * angle, out=swing[:, 1])
            for i in range(values.shape[1]):
                moved = np.asfortranarray(swing * values[:, [i]])
                engine.both_ways(smooth, moved)
                moved *= swing
                out[:, i] -= 2 * moved.sum(axis=1)
        return out, missing

    def _smooth(self, rate: float) -> Array:
        return np.asarray(dsp.butter(2, self.width / 2, fs=rate, output="sos"))


class _Lines:
    """Finds the frequency of the mains in the spectrum of a stretch."""

    def __init__(self, step: OfMains, size: int, rate: float) -> None:
        centres = step.corners(rate)
        self._mains = step.mains
        padded = _fast(size)
        self._grid = np.arange(step.mains - DRIFT, step.mains + DRIFT + FINE / 2, FINE)
        self._orders = np.rint(np.array(centres) / step.mains).astype(np.int64)
        resolution = rate / padded
        last = padded // 2
        bins = np.rint(self._orders * self._grid[:, np.newaxis] / resolution).astype(np.int64)
        self._bins = np.minimum(bins, last)
        self._around = [
            slice(
                max(round((centre - BESIDE - DRIFT) / resolution), 1),
                min(round((centre + BESIDE + DRIFT) / resolution) + 1, last),
            )
            for centre in centres
        ]

    def frequency(self, power: Array) -> float:
        """Frequency in Hz at which all channels and harmonics together have most power.

        The nominal one, where there is no channel: all are lost.
        """
        if not power.size:
            return self._mains
        usual = np.stack([np.median(power[around], axis=0) for around in self._around])
        # A quiet channel counts as much as a loud one: what matters is what stands out.
        weight = 1.0 / np.maximum(usual, 1e-30)
        score = np.einsum("gkc,kc->g", power[self._bins], weight)
        top = int(np.argmax(score))
        if 0 < top < len(score) - 1:
            below, here, above = score[top - 1 : top + 2]
            bend = below - 2 * here + above
            shift = 0.5 * (below - above) / bend if bend < 0 else 0.0
            return float(self._grid[top] + FINE * shift)
        return float(self._grid[top])

    def harmonics(self, frequency: float) -> list[tuple[int, float]]:
        """All lines: which multiple, and where in Hz."""
        return [(order, order * frequency) for order in self._orders.tolist()]


def _size(length: float, rate: float) -> int:
    """Samples in a stretch, an even number."""
    return 2 * max(round(length * rate / 2), 4)


def _fast(size: int) -> int:
    """Length of a transform four times as fine as the stretch, and quick."""
    return int(fft.next_fast_len(4 * size, real=True))


def _padded(piece: Array, taper: Array, size: int) -> Array:
    spectrum = fft.rfft(piece * taper[:, np.newaxis], n=_fast(size), axis=0)
    return np.square(spectrum.real) + np.square(spectrum.imag)


def _stretches(
    values: Array, missing: Mask, place: Place, size: int
) -> Iterator[tuple[int, Array, Mask]]:
    """Yield stretches half their size apart, on a grid fixed in the recording.

    Of each its first row, its samples, and the channels that are there for half of it or more: on
    a bridge over a gap no mains is measured. Beyond the ends the samples are reflected.
    """
    n = len(values)
    hop = size // 2
    first = (place.first // hop - 1) * hop - place.first
    for at in range(first, n, hop):
        low, high = max(at, 0), min(at + size, n)
        if high <= low:
            continue
        rows = np.arange(at, at + size)
        rows = np.where(rows < 0, -rows, rows)
        rows = np.where(rows > n - 1, 2 * (n - 1) - rows, rows)
        inside = low == at and high == at + size
        piece = values[at : at + size] if inside else values[np.clip(rows, 0, n - 1)]
        yield at, piece, missing[low:high].mean(axis=0) <= 0.5
