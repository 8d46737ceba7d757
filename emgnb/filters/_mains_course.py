"""Measure the frequency of the mains over time, in overlapping segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import fft
from scipy import signal as dsp

from emgnb._arrays import Floats, Mask
from emgnb.filters._design import butterworth
from emgnb.filters.linear import OfMains
from emgnb.filters.step import Place

# Maximum deviation of the mains frequency, and step of the search (Hz).
DRIFT = 1.0
FINE = 0.01
# Distance from a line within which its surroundings are measured (Hz).
BESIDE = 4.0
# Minimum ratio of the peak of a line to the median of its surroundings; chance reaches it once in a
# hundred segments.
CLEAR = 10.0


@dataclass(frozen=True)
class Course:
    """The mains over time: frequency in Hz per segment, and which lines are present.

    `middle` : (segment) row of its middle; `clear` : (segment, order, channel)
    """

    middle: Floats
    frequency: Floats
    clear: Mask


class InSegments(OfMains):
    """Base of steps that measure the mains in segments on a fixed grid, with 50 % overlap."""

    length: float
    local: ClassVar[bool] = True

    @property
    def channelwise(self) -> bool:
        return False  # the frequency is estimated from all channels

    def refuses_live(self) -> str | None:
        return (
            f"{type(self).__name__} measures the mains on {self.length:g} s around each sample "
            "and cannot run live: use Notch(mains, q=10), which is wide enough "
            "for ±0.5 Hz, or run it afterwards."
        )

    def least(self, rate: float) -> int:
        return segment_size(self.length, rate)

    def _course(self, values: Floats, missing: Mask, place: Place) -> Course:
        size = segment_size(self.length, place.rate)
        lines = _Lines(self, size, place.rate)
        taper = dsp.get_window("hann", size)[:, np.newaxis]
        middle, frequency, clear, known = [], [], [], []
        ends = (self.mains, self.mains)
        for at, piece, there in each_segment(values, missing, place, size, ends):
            power = np.square(np.abs(fft.rfft(piece * taper, n=_fast(size), axis=0)))
            middle.append(at + size / 2)
            found = lines.frequency(power[:, there]) if there.any() else self.mains
            frequency.append(found if there.any() else np.nan)
            clear.append(there & (lines.excess(power, found) > CLEAR))
            known.append(there)
        # A mostly lost segment inherits its neighbours' flags (50 % overlap).
        there = np.array(known)[:, np.newaxis]
        held = np.array(clear)
        held[1:] |= ~there[1:] & np.array(clear)[:-1]
        held[:-1] |= ~there[:-1] & np.array(clear)[1:]
        return Course(np.array(middle), _beside(np.array(frequency), self.mains), held)

    def _swings(self, rate: float) -> Floats:
        """High-pass that changes the amplitude of the mains by less than 1 in 10 000."""
        return butterworth(2, self.mains / 10, "highpass", rate)


class _Lines:
    """Find the frequency of the mains in the spectrum of a segment."""

    def __init__(self, step: OfMains, size: int, rate: float) -> None:
        centres = step.corners(rate)
        padded = _fast(size)
        self._grid = np.arange(step.mains - DRIFT, step.mains + DRIFT + FINE / 2, FINE)
        self._orders = np.rint(np.array(centres) / step.mains).astype(np.int64)
        self._resolution = resolution = rate / padded
        last = padded // 2
        place = self._orders * self._grid[:, np.newaxis] / resolution
        self._bins = np.minimum(np.rint(place), last - 1).astype(np.int64)
        self._beside = np.clip(place - self._bins, -0.5, 0.5)[:, :, np.newaxis]
        self._around = [
            slice(
                max(round((centre - BESIDE - DRIFT) / resolution), 1),
                min(round((centre + BESIDE + DRIFT) / resolution) + 1, last),
            )
            for centre in centres
        ]

    def frequency(self, power: Floats) -> float:
        """Return the frequency in Hz with the most power over all channels and harmonics."""
        usual = self._usual(power)
        # Channels are weighted by their background, so that quiet ones count as much as loud ones.
        weight = 1.0 / np.maximum(usual, 1e-30)
        below, here, above = (power[self._bins + shift] for shift in (-1, 0, 1))
        # Parabola through three bins, because the grid is finer than the bins.
        between = (above - below) / 2 + self._beside * (above - 2 * here + below) / 2
        score = np.einsum("gkc,kc->g", here + self._beside * between, weight)
        top = int(np.argmax(score))
        if 0 < top < len(score) - 1:
            left, most, right = score[top - 1 : top + 2]
            bend = left - 2 * most + right
            shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
            return float(self._grid[top] + FINE * shift)
        return float(self._grid[top])

    def excess(self, power: Floats, frequency: float) -> Floats:
        """Return the ratio of each line to its surroundings, (order, channel)."""
        at = np.rint(self._orders * frequency / self._resolution).astype(np.int64)
        found: Floats = power[np.minimum(at, len(power) - 1)]
        return found / np.maximum(self._usual(power), 1e-300)

    def _usual(self, power: Floats) -> Floats:
        return np.stack([np.median(power[around], axis=0) for around in self._around])


def segment_size(length: float, rate: float) -> int:
    """Return the samples of a segment, an even number."""
    return 2 * max(round(length * rate / 2), 4)


def _fast(size: int) -> int:
    """Return an efficient transform length, four times as fine as the segment."""
    return int(fft.next_fast_len(4 * size, real=True))


def _beside(frequency: Floats, mains: float) -> Floats:
    """Replace missing frequencies by those of neighbours, or by the nominal one."""
    known = np.concatenate([[np.nan], frequency, [np.nan]])
    out = np.where(np.isnan(frequency), known[:-2], frequency)
    out = np.where(np.isnan(out), known[2:], out)
    return np.where(np.isnan(out), mains, out)


def _lag(frequency: float, rate: float, least: int) -> int:
    """Return the shift of at least `least` samples closest to a whole number of mains periods."""
    periods = np.ceil(least * frequency / rate) + np.arange(10)
    lags = periods * rate / frequency
    return round(float(lags[np.argmin(np.abs(lags - np.rint(lags)))]))


def each_segment(
    values: Floats, missing: Mask, place: Place, size: int, ends: tuple[float, float]
) -> Iterator[tuple[int, Floats, Mask]]:
    """Yield segments with 50 % overlap, on a grid fixed in the recording.

    Yields first row, samples, and which channels have more than half of their samples; the mains is
    not measured on bridges. Beyond the ends of the recording the mains is continued at the
    frequencies `ends`, by samples a whole number of periods away.
    """
    n = len(values)
    hop = size // 2
    left, right = (min(_lag(each, place.rate, hop), n) for each in ends)
    first = (place.first // hop - 1) * hop - place.first
    for at in range(first, n, hop):
        low, high = max(at, 0), min(at + size, n)
        if high <= low:
            continue
        there = (~missing[low:high]).sum(axis=0) > hop
        if low == at and high == at + size:
            yield at, values[at : at + size], there
            continue
        rows = np.arange(at, at + size)
        rows = np.where(rows < 0, rows % left, rows)
        rows = np.where(rows > n - 1, n - right + (rows - n) % right, rows)
        yield at, values[rows], there
