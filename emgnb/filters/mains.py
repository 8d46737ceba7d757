# ruff: noqa: D102 — documented once, at `Step`
"""Remove mains with drifting frequency by a tracking notch or by spectral interpolation.

The mains frequency drifts by up to 0.5 Hz, and its 9th harmonic by nine times that, so a fixed
notch misses it. The steps here first measure the frequency over time, from all channels and
harmonics. `MainsTracker` subtracts the components at that frequency; `MainsInterpolation` replaces
lines in the spectrum by their surroundings. `MainsFit`, for bursts far above rest, is in
`mains_fit`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy import signal as dsp

from emgnb._arrays import Floats, Mask
from emgnb.filters import _cascade
from emgnb.filters._design import butterworth
from emgnb.filters._mains_course import BESIDE, Course, InSegments, each_segment, segment_size
from emgnb.filters._mains_gaps import hum_free, nearest
from emgnb.filters.step import Place, positive

# A line is replaced if its power is this many times what its surroundings predict.
STANDS_OUT = 3.0
# Minimum weight of valid samples in a mean; it is 0.5 at the edge of a long gap.
THERE = 0.25


@dataclass(frozen=True)
class _Followed(InSegments):
    """Base of the steps that remove a band of fixed width around each line."""

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
        tau = _cascade.decay(self._smooth(rate)) + _cascade.decay(self._swings(rate))
        return 3 * segment_size(self.length, rate) + math.ceil(_cascade.FORGOTTEN * tau)

    def _hum(
        self,
        values: Floats,
        missing: Mask,
        place: Place,
        course: Course,
        channels: npt.NDArray[np.intp],
    ) -> Floats:
        """Return the mains where it is present, (time, channel), continued into gaps.

        Each line is shifted to 0 Hz, low-passed and shifted back. Near gaps, average the valid
        samples; if too few, use the nearest valid estimate.
        """
        rows = np.arange(len(values))
        angle = 2 * np.pi * np.cumsum(np.interp(rows, course.middle, course.frequency)) / place.rate
        smooth = self._smooth(place.rate)
        pad = math.ceil(_cascade.PADDING * _cascade.decay(smooth))
        inside = slice(pad, pad + len(values))
        hum = np.zeros((len(values), len(channels)), order="F")
        moved = np.empty((len(values) + 2 * pad, 2), order="F")
        for column, i in enumerate(channels.tolist()):
            if not course.clear[:, :, i].any():
                continue
            # An offset, shifted with the mains, would ring at both ends.
            seen = values[:, [i]].copy(order="F")
            _cascade.both_ways(self._swings(place.rate), seen)
            seen[missing[:, i]] = 0.0
            weight = np.zeros((len(moved), 1), order="F")
            weight[inside, 0] = ~missing[:, i]
            _cascade.both_ways(smooth, weight)
            near = nearest(weight[inside, 0] > THERE)
            scale = 2 / weight[inside, 0][near]
            for k, order in enumerate(self._orders(place.rate)):
                clear = course.clear[:, k, i].astype(np.float64)
                if not clear.any():
                    continue
                swing = (np.cos(order * angle), np.sin(order * angle))
                moved[:] = 0.0
                for part, wave in enumerate(swing):
                    np.multiply(wave, seen[:, 0], out=moved[inside, part])
                _cascade.both_ways(smooth, moved)
                found = [scale * moved[inside, part][near] * swing[part] for part in (0, 1)]
                hum[:, column] += np.interp(rows, course.middle, clear) * (found[0] + found[1])
        return hum

    def _smooth(self, rate: float) -> Floats:
        return butterworth(2, self.width / 2, "lowpass", rate)


@dataclass(frozen=True)
class MainsInterpolation(_Followed):
    """Replace mains lines in the spectrum by their surroundings.

    In segments of `length` s (Hann, 50 % overlap), the magnitude within `width` of each harmonic is
    replaced by a straight line between its surroundings on the left and on the right. The phase is
    kept. The EMG power there is preserved, where a notch would leave a hole. The frequency is
    measured in each segment, within ±1 Hz of `mains`. Lines below three times the power of their
    surroundings are left unchanged, channel by channel.

    Parameters
    ----------
    mains : nominal frequency in Hz, 50 or 60
    harmonics : number of multiples of `mains`, including itself, or a tuple of multiples such as
        (1, 3, 5); None uses all below half the sampling rate and below 500 Hz
    width : Hz on either side of a line that are replaced; 10 % more for each harmonic
    length : of a segment in s; at least 2 / width

    References
    ----------
    Mewett, Reynolds, Nazeran 2004, doi:10.1007/BF02350994

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(8000) / 1000
    >>> noise = np.random.default_rng(0).normal(size=8000)
    >>> hum = 3 * np.sin(2 * np.pi * 50 * t)
    >>> x = recording.signal((noise + hum)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.MainsInterpolation(50))(x)
    >>> round(float(x.std())), round(float(y.std()))
    (2, 1)
    """

    def over_stretch(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Mask]:
        size = segment_size(self.length, place.rate)
        course = self._course(values, missing, place)
        taper = dsp.get_window("hann", size)[:, np.newaxis]
        gaps = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
        if gaps.size:
            # An unfilled gap would broaden the lines, so the mains is continued into it.
            known = self._hum(values, missing, place, course, gaps)
            values = values.copy(order="F")
            values[:, gaps] = hum_free(values[:, gaps], missing[:, gaps], known, place.rate)
            values[:, gaps] += np.where(missing[:, gaps], known, 0.0)
        hum = np.zeros((len(values) + 2 * size, values.shape[1]), order="F")
        ends = (float(course.frequency[0]), float(course.frequency[-1]))
        stretches = each_segment(values, missing, place, size, ends)
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
        power: Floats,
        excess: npt.NDArray[np.complex128],
        centre: float,
        order: int,
        resolution: float,
    ) -> None:
        """Write the excess around `centre` Hz into `excess`."""
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
    """Subtract the mains at its measured frequency: a tracking notch.

    The frequency is measured every `length` / 2 on all channels together, within ±1 Hz of `mains`.
    The components at it and its harmonics, with slowly changing amplitude and phase, are estimated
    (shifted to 0 Hz, low-passed with zero phase at `width` / 2, shifted back) and subtracted. The
    EMG within `width` is removed as well: 9 Hz of 430 with nine harmonics.

    Parameters
    ----------
    mains : nominal frequency in Hz, 50 or 60
    harmonics : number of multiples of `mains`, including itself, or a tuple of multiples such as
        (1, 3, 5); None uses all below half the sampling rate and below 500 Hz
    width : Hz removed around each line (−6 dB), the same for all harmonics; a larger width follows
        faster changes of amplitude
    length : s on which the frequency is measured; at least 2 / width

    References
    ----------
    Widrow et al. 1975, doi:10.1109/PROC.1975.10036 (cancelling with a reference in quadrature)

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(8000) / 1000
    >>> noise = np.random.default_rng(0).normal(size=8000)
    >>> hum = 3 * np.sin(2 * np.pi * 50 * t)
    >>> x = recording.signal((noise + hum)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.MainsTracker(50))(x)
    >>> round(float(x.std())), round(float(y.std()))
    (2, 1)
    """

    def over_stretch(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Mask]:
        course = self._course(values, missing, place)
        hum = self._hum(values, missing, place, course, np.arange(values.shape[1]))
        led = hum_free(values, missing, hum, place.rate)
        return np.asfortranarray(led - np.where(missing, 0.0, hum)), missing
