# ruff: noqa: D102 — documented once, at `Step`
"""Subtract the mains, fitted to the quiet samples between bursts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage
from scipy import signal as dsp

from emgnb._arrays import Floats, Mask
from emgnb.filters import _cascade
from emgnb.filters._mains_course import InSegments, segment_size
from emgnb.filters._mains_gaps import hum_free
from emgnb.filters.step import Place, positive

# Averaging time of the weights (s), their floor relative to the median power, and the number of
# refinements of a fit.
MOMENT, LEAST, ROUNDS = 0.05, 0.01, 2
# Degree of the polynomials in time of amplitude and phase within a segment.
BENT = 2


@dataclass(frozen=True)
class MainsFit(InSegments):
    """Subtract the mains, estimated from the quiet samples between bursts: no ringing around strong
    bursts.

    A notch rings before and after a burst, for longer the narrower it is; a burst of 40 dB appears
    a second early. `MainsFit` instead fits each harmonic to segments of `length` s (Hann, 50 %
    overlap) by weighted least squares. Weights are the inverse of the power within 0.05 s, so
    bursts have almost no weight. Amplitude and phase are parabolas in time. The fit is subtracted
    everywhere, also within bursts. The frequency is measured in each segment, within ±1 Hz of
    `mains`, on samples scaled by the same power. Lines that are not present in a channel are left
    unchanged there.

    Parameters
    ----------
    mains : nominal frequency in Hz, 50 or 60
    harmonics : number of multiples of `mains`, including itself, or a tuple of multiples such as
        (1, 3, 5); None uses all below half the sampling rate and below 500 Hz
    length : of a segment in s

    References
    ----------
    Weighted least squares after Aitken 1936, doi:10.1017/S0370164600014346

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(8000) / 1000
    >>> noise = np.random.default_rng(0).normal(size=8000)
    >>> hum = 3 * np.sin(2 * np.pi * 50 * t)
    >>> x = recording.signal((noise + hum)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.MainsFit(50))(x)
    >>> round(float(x.std())), round(float(y.std()))
    (2, 1)
    """

    length: float = 4.0

    # `preset_for` finds the lines of a recording; a line that is not there is left unchanged.
    learned: ClassVar[tuple[str, ...]] = ("harmonics",)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, length=self.length)
        if self.length * self.mains < 20:
            raise ValueError(
                f"MainsFit: length={self.length:g} s holds {self.length * self.mains:g} periods of "
                f"the mains, expected at least 20: {20 / self.mains:g} s"
            )

    def context(self, rate: float) -> int:
        tau = _cascade.decay(self._swings(rate))
        return 3 * segment_size(self.length, rate) + math.ceil(_cascade.FORGOTTEN * tau)

    def over_stretch(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Mask]:
        size, rate = segment_size(self.length, place.rate), place.rate
        # An offset would outweigh the mains.
        seen = values.copy(order="F")
        _cascade.both_ways(self._swings(rate), seen)
        moment = max(round(MOMENT * rate), 1)
        power = np.maximum(_mean(np.square(seen), moment), 0.0)
        # Bursts must not dominate the estimate of the frequency either.
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
            # Strong mains would affect its own weights, so the first fit has none.
            x, known = around[here], taper * there[here]
            fitted = _fitted(x, known, waves, bent)
            for _ in range(ROUNDS):
                rest = x - fitted
                fitted += _fitted(rest, known * _quiet(rest, known > 0, moment), waves, bent)
            hum[here] += taper * fitted
        swing = hum[size : size + len(values)]
        led = hum_free(values, missing, swing, rate)
        return np.asfortranarray(led - np.where(missing, 0.0, swing)), missing


def _mean(values: Floats, size: int) -> Floats:
    """Return the moving mean over `size` rows."""
    found: Floats = ndimage.uniform_filter1d(values, size, axis=0, mode="nearest")
    return found


def _waves(turns: float, bent: Floats) -> Floats:
    """Return cosine and sine of `turns` per row, times powers of time, (wave, row)."""
    angle = 2 * np.pi * turns * np.arange(bent.shape[1])
    swing = np.stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([swing * power for power in bent[: BENT + 1]])


def _quiet(x: Floats, there: Mask, moment: int) -> Floats:
    """Return the inverse of the local power of (row, channel), relative to its median."""
    some = there.astype(np.float64)
    near = np.maximum(_mean(some, moment), 1e-9)
    power = np.maximum(_mean(np.square(x) * some, moment) / near, 0.0)
    counted = there | ~there.any(axis=0)
    usual = np.maximum(np.nanmedian(np.where(counted, power, np.nan), axis=0), 1e-300)
    return np.asarray(1.0 / (power / usual + LEAST))


def _fitted(x: Floats, weight: Floats, waves: list[tuple[Floats, Mask]], bent: Floats) -> Floats:
    """Fit the waves of each harmonic to (row, channel), where the harmonic is present.

    Over many periods, cosine, sine and harmonics are nearly orthogonal, so each is fitted alone;
    only the powers of time are fitted jointly.
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
