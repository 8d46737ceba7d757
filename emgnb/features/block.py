"""Some windows at a time, and what several features need of them, computed once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Block:
    """Some windows, (window, channel, sample), and what several features need of them."""

    def __init__(self, x: npt.NDArray[Any], rate: float) -> None:
        self.x: Array = x.astype(np.float64)
        self.rate = rate
        # What holds a NaN is computed as zeros, without warnings, and becomes NaN at the end.
        self.holed: Mask = np.asarray(~np.isfinite(self.x).all(axis=-1))
        self.x[self.holed] = 0.0

    @cached_property
    def flat(self) -> Mask:
        """Windows whose samples are all the same."""
        return np.asarray((self.x == self.x[..., :1]).all(axis=-1))

    @cached_property
    def centred(self) -> Array:
        """Samples less the window's mean."""
        centred: Array = self.x - self.x.mean(axis=-1, keepdims=True)
        return centred

    @cached_property
    def magnitude(self) -> Array:
        """Absolute values."""
        return np.abs(self.x)

    @cached_property
    def step(self) -> Array:
        """Differences of neighbouring samples."""
        return self.x[..., 1:] - self.x[..., :-1]

    @cached_property
    def stride(self) -> Array:
        """Absolute differences of neighbouring samples."""
        return np.abs(self.step)

    @cached_property
    def variance(self) -> Array:
        """Mean square about the mean (ddof 0)."""
        return np.asarray(squares(self.centred) / self.x.shape[-1])

    @cached_property
    def power(self) -> Array:
        """Power spectrum (window, channel, frequency), one-sided, rectangular window, mean off."""
        line = np.fft.rfft(self.centred, axis=-1)
        power: Array = line.real**2 + line.imag**2
        power[..., 1 : (self.x.shape[-1] + 1) // 2] *= 2.0
        power[self.flat] = 0.0
        return power

    @cached_property
    def frequency(self) -> Array:
        """Frequencies of `power` in Hz."""
        return np.asarray(np.fft.rfftfreq(self.x.shape[-1], 1.0 / self.rate), dtype=np.float64)

    @cached_property
    def slope_variance(self) -> Array:
        """Variance of `step` about its mean, per sample squared."""
        return spread(self.step)

    @cached_property
    def mobility(self) -> Array:
        """Hjorth mobility, 1/s."""
        slope = np.sqrt(self.slope_variance) * self.rate
        return ratio(slope, np.sqrt(self.variance), self.flat)


def count(which: Mask) -> Array:
    """Number of times along the samples."""
    return np.asarray(np.count_nonzero(which, axis=-1), dtype=np.float64)


def ratio(above: Array, below: Array, undefined: Mask) -> Array:
    """Quotient, NaN where it is undefined."""
    bad = undefined | (below == 0)
    quotient: Array = np.where(bad, np.nan, above / np.where(bad, 1.0, below))
    return quotient


def squares(x: Array) -> Array:
    """Sum of squares along the samples."""
    return np.asarray(np.einsum("...i,...i->...", x, x))


def spread(x: Array) -> Array:
    """Variance (ddof 0) along the samples of something whose mean is small beside it."""
    n = x.shape[-1]
    return np.asarray(np.maximum(squares(x) / n - x.mean(axis=-1) ** 2, 0.0))
