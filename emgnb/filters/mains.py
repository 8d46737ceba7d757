# ruff: noqa: D102 — what each answer means is said once, at `Step`
"""Mains that drifts: found in each stretch of time, and taken out where it is.

The grid's frequency wanders by up to half a hertz, and its 9th harmonic by nine times that; a fixed
notch misses it. The steps here first measure the frequency from second to second, on all channels
and harmonics together. `MainsFit` then subtracts the swinging that fits the rest between bursts
best, `MainsTracker` what swings at it; `MainsInterpolation` replaces its lines in the spectrum by
what lies beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage
from scipy import signal as dsp

from emgnb.filters import engine
from emgnb.filters.base import Array, Mask, Place, positive
from emgnb.filters.design import butterworth
from emgnb.filters.linear import OfMains

# Hz that the grid may be off, on either side, and the step in which it is looked for.
DRIFT = 1.0
FINE = 0.01
# Hz beside a line from which its surroundings are measured, and up to which.
BESIDE = 4.0
# A line counts as mains when its power is this many times what its surroundings would give, and at
# its highest this many times their median: by chance that comes once in a hundred stretches.
STANDS_OUT = 3.0
CLEAR = 10.0
# s at either end of a gap in which the bridge over it is led from the mains to the signal without.
LEAD = 0.5
# Share of the samples that a mean of those there needs at least; beside a long gap it is a half.
THERE = 0.25
# s over which the power is taken that says how little a sample tells of the mains; the least of it,
# as a share of the usual one; and how often a fit to what the last one left improves it.
MOMENT, LEAST, ROUNDS = 0.05, 0.01, 2
# Amplitude and phase within a stretch are parabolas in time.
BENT = 2


@dataclass(frozen=True)
class _Course:
    """What became of the mains: frequency in Hz at each stretch, and whose lines stood out.

    `middle` : (stretch) row of its middle; `clear` : (stretch, order, channel)
    """

    middle: Array
    frequency: Array
    clear: Mask


class _InStretches(OfMains):
    """What the steps share: stretches of `length` s, half of it apart, on a fixed grid."""

    length: float
    local: ClassVar[bool] = True

    @property
    def channelwise(self) -> bool:
        return False  # where the mains is, all channels say together

    def refuses_live(self) -> str | None:
        return (
            f"{type(self).__name__} measures the mains on {self.length:g} s around each sample, "
            "half of which live has not come yet: use Notch(mains, q=10), which is wide enough "
            "for ±0.5 Hz, or run it afterwards."
        )

    def least(self, rate: float) -> int:
        return _size(self.length, rate)

    def _course(self, values: Array, missing: Mask, place: Place) -> _Course:
        size = _size(self.length, place.rate)
        lines = _Lines(self, size, place.rate)
        taper = dsp.get_window("hann", size)[:, np.newaxis]
        middle, frequency, clear, known = [], [], [], []
        ends = (self.mains, self.mains)
        for at, piece, there in _stretches(values, missing, place, size, ends):
            power = np.square(np.abs(fft.rfft(piece * taper, n=_fast(size), axis=0)))
            middle.append(at + size / 2)
            found = lines.frequency(power[:, there]) if there.any() else self.mains
            frequency.append(found if there.any() else np.nan)
            clear.append(there & (lines.excess(power, found) > CLEAR))
            known.append(there)
        # A stretch that is mostly lost takes after its neighbours, the half of which it shares.
        there = np.array(known)[:, np.newaxis]
        held = np.array(clear)
        held[1:] |= ~there[1:] & np.array(clear)[:-1]
        held[:-1] |= ~there[:-1] & np.array(clear)[1:]
        return _Course(np.array(middle), _beside(np.array(frequency), self.mains), held)

    def _swings(self, rate: float) -> Array:
        """High-pass that leaves the mains its amplitude, within 1 in 10 000."""
        return butterworth(2, self.mains / 10, "highpass", rate)


@dataclass(frozen=True)
class _Followed(_InStretches):
    """What the steps share that take out a width about each line."""

    width: float = 1.0
    length: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, width=self.width, length=self.length)
        if self.length * self.width < 2:
            raise ValueError(
                f"{type(self).__name__}: length={self.length:g} s resolves {2 / self.length:g} Hz, "
                f"expected at least 2 / width = {2 / self.width:g} s"
            )

    def context(self, rate: float) -> int:
        tau = engine.decay(self._smooth(rate)) + engine.decay(self._swings(rate))
        return 3 * _size(self.length, rate) + math.ceil(engine.FORGOTTEN * tau)

    def _hum(
        self,
        values: Array,
        missing: Mask,
        place: Place,
        course: _Course,
        channels: npt.NDArray[np.intp],
    ) -> Array:
        """What swings with the mains where it is clear, (time, channel); in gaps as beside them.

        Moved to 0 Hz, low-passed, moved back; beside lost samples, and at the ends, the mean is of
        those there, and where few are, that of the nearest place.
        """
        rows = np.arange(len(values))
        angle = 2 * np.pi * np.cumsum(np.interp(rows, course.middle, course.frequency)) / place.rate
        smooth = self._smooth(place.rate)
        pad = math.ceil(engine.PADDING * engine.decay(smooth))
        inside = slice(pad, pad + len(values))
        hum = np.zeros((len(values), len(channels)), order="F")
        moved = np.empty((len(values) + 2 * pad, 2), order="F")
        for column, i in enumerate(channels.tolist()):
            if not course.clear[:, :, i].any():
                continue
            # An offset, moved with the mains, would ring from either end.
            seen = values[:, [i]].copy(order="F")
            engine.both_ways(self._swings(place.rate), seen)
            seen[missing[:, i]] = 0.0
            weight = np.zeros((len(moved), 1), order="F")
            weight[inside, 0] = ~missing[:, i]
            engine.both_ways(smooth, weight)
            near = _nearest(weight[inside, 0] > THERE)
            scale = 2 / weight[inside, 0][near]
            for k, order in enumerate(self._orders(place.rate)):
                clear = course.clear[:, k, i].astype(np.float64)
                if not clear.any():
                    continue
                swing = (np.cos(order * angle), np.sin(order * angle))
                moved[:] = 0.0
                for part, wave in enumerate(swing):
                    np.multiply(wave, seen[:, 0], out=moved[inside, part])
                engine.both_ways(smooth, moved)
                found = [scale * moved[inside, part][near] * swing[part] for part in (0, 1)]
                hum[:, column] += np.interp(rows, course.middle, clear) * (found[0] + found[1])
        return hum

    def _smooth(self, rate: float) -> Array:
        return butterworth(2, self.width / 2, "lowpass", rate)


@dataclass(frozen=True)
class MainsFit(_InStretches):
    """Subtract the mains as the rest between bursts shows it: a strong burst does not echo.

    A filter that takes a narrow line out of a burst gives the line back before and after it, for as
    long as the line is narrow: a burst of 40 dB rises out of the rest a second early. Here each
    harmonic is fitted to stretches of `length` s (Hann, half overlap) by least squares in which a
    sample counts by the inverse of the power around it, 0.05 s, so that a burst tells next to
    nothing; amplitude and phase are parabolas in time. What fits is subtracted, in bursts too. The
    frequency is measured in each stretch, ±1 Hz about `mains`, on samples that are evened out the
    same way. A line that does not stand out in a channel is left alone there.

    Parameters
    ----------
    mains : nominal frequency in Hz, 50 or 60
    harmonics : how many multiples of `mains`, itself counted, or which, such as (1, 3, 5); None
        takes all that lie below half the sampling rate and below 500 Hz
    length : of a stretch in s

    References
    ----------
    Weighted least squares after Aitken 1936, doi:10.1017/S0370164600014346
    """

    length: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, length=self.length)
        if self.length * self.mains < 20:
            raise ValueError(
                f"MainsFit: length={self.length:g} s holds {self.length * self.mains:g} periods of "
                f"the mains, expected at least 20: {20 / self.mains:g} s"
            )

    def context(self, rate: float) -> int:
        tau = engine.decay(self._swings(rate))
        return 3 * _size(self.length, rate) + math.ceil(engine.FORGOTTEN * tau)

    def over_stretch(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Mask]:
        size, rate = _size(self.length, place.rate), place.rate
        # An offset is no mains, but would outweigh it.
        seen = values.copy(order="F")
        engine.both_ways(self._swings(rate), seen)
        moment = max(round(MOMENT * rate), 1)
        power = np.maximum(_mean(np.square(seen), moment), 0.0)
        # A burst of 40 dB must not decide on the frequency either.
        even = seen / np.sqrt(np.maximum(power, 1e-300))
        even[missing] = 0.0
        course = self._course(even, missing, place)
        taper = dsp.get_window("hann", size)[:, np.newaxis]
        time = np.linspace(-1.0, 1.0, size)
        bent = np.stack([time**k for k in range(2 * BENT + 1)])
        hum = np.zeros((len(values) + 2 * size, values.shape[1]), order="F")
        around = np.zeros_like(hum)
        around[size : size + len(values)] = seen
        there = np.zeros(hum.shape)
        there[size : size + len(values)] = ~missing
        for k, found in enumerate(course.frequency):
            if not course.clear[k].any():
                continue
            middle = course.middle[k]
            here = slice(round(middle - size / 2) + size, round(middle + size / 2) + size)
            waves = [
                (_waves(order * found / rate, bent), clear)
                for order, clear in zip(self._orders(rate), course.clear[k], strict=True)
                if clear.any()
            ]
            # The mains, where it is strong, must not make its own weights: first without.
            x, known = around[here], taper * there[here]
            fitted = _fitted(x, known, waves, bent)
            for _ in range(ROUNDS):
                rest = x - fitted
                fitted += _fitted(rest, known * _quiet(rest, known > 0, moment), waves, bent)
            hum[here] += taper * fitted
        swing = hum[size : size + len(values)]
        led = _led(values, missing, swing, rate)
        return np.asfortranarray(led - np.where(missing, 0.0, swing)), missing


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
        course = self._course(values, missing, place)
        taper = dsp.get_window("hann", size)[:, np.newaxis]
        gaps = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
        if gaps.size:
            # A gap in the mains would be a piece without, and the spectrum of neither.
            known = self._hum(values, missing, place, course, gaps)
            values = values.copy(order="F")
            values[:, gaps] = _led(values[:, gaps], missing[:, gaps], known, place.rate)
            values[:, gaps] += np.where(missing[:, gaps], known, 0.0)
        hum = np.zeros((len(values) + 2 * size, values.shape[1]), order="F")
        ends = (float(course.frequency[0]), float(course.frequency[-1]))
        stretches = _stretches(values, missing, place, size, ends)
        for (at, piece, _), found in zip(stretches, course.frequency, strict=True):
            spectrum = fft.rfft(piece * taper, axis=0)
            power = np.square(np.abs(spectrum))
            excess = np.zeros_like(spectrum)
            for order in self._orders(place.rate):
                self._interpolate(spectrum, power, excess, order * found, order, place.rate / size)
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

    def over_stretch(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Mask]:
        course = self._course(values, missing, place)
        hum = self._hum(values, missing, place, course, np.arange(values.shape[1]))
        led = _led(values, missing, hum, place.rate)
        return np.asfortranarray(led - np.where(missing, 0.0, hum)), missing


class _Lines:
    """Finds the frequency of the mains in the spectrum of a stretch."""

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

    def frequency(self, power: Array) -> float:
        """Frequency in Hz at which all channels and harmonics together have most power."""
        usual = self._usual(power)
        # A quiet channel counts as much as a loud one: what matters is what stands out.
        weight = 1.0 / np.maximum(usual, 1e-30)
        below, here, above = (power[self._bins + shift] for shift in (-1, 0, 1))
        # A parabola through three bins: the grid is finer than they are.
        between = (above - below) / 2 + self._beside * (above - 2 * here + below) / 2
        score = np.einsum("gkc,kc->g", here + self._beside * between, weight)
        top = int(np.argmax(score))
        if 0 < top < len(score) - 1:
            left, most, right = score[top - 1 : top + 2]
            bend = left - 2 * most + right
            shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
            return float(self._grid[top] + FINE * shift)
        return float(self._grid[top])

    def excess(self, power: Array, frequency: float) -> Array:
        """How far each line stands out of what is around it, (order, channel)."""
        at = np.rint(self._orders * frequency / self._resolution).astype(np.int64)
        found: Array = power[np.minimum(at, len(power) - 1)]
        return found / np.maximum(self._usual(power), 1e-300)

    def _usual(self, power: Array) -> Array:
        return np.stack([np.median(power[around], axis=0) for around in self._around])


def _mean(values: Array, size: int) -> Array:
    """Mean of `size` rows about each."""
    found: Array = ndimage.uniform_filter1d(values, size, axis=0, mode="nearest")
    return found


def _waves(turns: float, bent: Array) -> Array:
    """Cosine and sine of so many turns a row, each times the first powers of time; (wave, row)."""
    angle = 2 * np.pi * turns * np.arange(bent.shape[1])
    swing = np.stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([swing * power for power in bent[: BENT + 1]])


def _quiet(x: Array, there: Mask, moment: int) -> Array:
    """Inverse of the power around each sample of (row, channel), the quietest about 1."""
    some = there.astype(np.float64)
    near = np.maximum(_mean(some, moment), 1e-9)
    power = np.maximum(_mean(np.square(x) * some, moment) / near, 0.0)
    counted = there | ~there.any(axis=0)
    usual = np.maximum(np.nanmedian(np.where(counted, power, np.nan), axis=0), 1e-300)
    return np.asarray(1.0 / (power / usual + LEAST))


def _fitted(x: Array, weight: Array, waves: list[tuple[Array, Mask]], bent: Array) -> Array:
    """Fit the waves of each harmonic to (row, channel), in the channels that it stands out of.

    Over many periods cosine and sine, and the harmonics, do not know of one another: each is fitted
    alone, and only the powers of time are told apart.
    """
    sums, n = bent @ weight, BENT + 1
    table = np.stack([sums[k : k + n] for k in range(n)]).transpose(2, 0, 1)
    table += 1e-9 * (1.0 + sums[0])[:, np.newaxis, np.newaxis] * np.eye(n)
    weighted = weight * x
    fitted = np.zeros_like(x)
    for each, clear in waves:
        found = (each @ weighted).reshape(n, 2, -1).transpose(2, 0, 1)
        share = 2 * np.linalg.solve(table, found)
        fitted += clear * (each.T @ share.transpose(1, 2, 0).reshape(2 * n, -1))
    return fitted


def _size(length: float, rate: float) -> int:
    """Samples in a stretch, an even number."""
    return 2 * max(round(length * rate / 2), 4)


def _fast(size: int) -> int:
    """Length of a transform four times as fine as the stretch, and quick."""
    return int(fft.next_fast_len(4 * size, real=True))


def _beside(frequency: Array, mains: float) -> Array:
    """Frequencies, where none was measured that of a neighbour, or the nominal one."""
    known = np.concatenate([[np.nan], frequency, [np.nan]])
    out = np.where(np.isnan(frequency), known[:-2], frequency)
    out = np.where(np.isnan(out), known[2:], out)
    return np.where(np.isnan(out), mains, out)


def _nearest(there: Mask) -> npt.NDArray[np.intp]:
    """Of each row the nearest that is there; itself, if none is."""
    rows = np.arange(len(there))
    if there.all() or not there.any():
        return rows
    before = np.maximum.accumulate(np.where(there, rows, -len(rows)))
    after = np.minimum.accumulate(np.where(there, rows, 2 * len(rows))[::-1])[::-1]
    return np.where(rows - before <= after - rows, before, after)


def _led(values: Array, missing: Mask, hum: Array, rate: float) -> Array:
    """`values` with bridges that end at what is beside them without the hum."""
    out = values.copy(order="F")
    lead = round(LEAD * rate)
    for i in np.flatnonzero(missing.any(axis=0)).tolist():
        edges = np.flatnonzero(np.diff(np.concatenate([[False], missing[:, i], [False]])))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            size = min(end - begin, lead)
            fall = 1.0 - np.arange(1, size + 1) / (size + 1)
            if begin > 0:
                out[begin : begin + size, i] -= hum[begin - 1, i] * fall
            if end < len(out):
                out[end - size : end, i] -= hum[end, i] * fall[::-1]
    return out


def _lag(frequency: float, rate: float, least: int) -> int:
    """Samples, `least` or a few more, after which the mains and its harmonics come again."""
    periods = np.ceil(least * frequency / rate) + np.arange(10)
    lags = periods * rate / frequency
    return round(float(lags[np.argmin(np.abs(lags - np.rint(lags)))]))


def _stretches(
    values: Array, missing: Mask, place: Place, size: int, ends: tuple[float, float]
) -> Iterator[tuple[int, Array, Mask]]:
    """Yield stretches half their size apart, on a grid fixed in the recording.

    Of each its first row, its samples, and the channels that are there for more than half of it:
    on a bridge over a gap no mains is measured. Before the first sample and after the last the
    mains goes on, at the frequencies `ends`: the samples a whole number of periods away.
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
