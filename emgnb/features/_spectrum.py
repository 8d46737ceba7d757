"""Compute power spectra of windows, and quantities derived from them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.fft

from emgnb._arrays import Floats
from emgnb.features._block import Block, ratio

# Bins summed together before the one is located that reaches a share.
GROUP = 10


class Spectrum:
    """One-sided power spectra of windows; rectangular window, mean removed."""

    def __init__(self, b: Block) -> None:
        self.flat, self.rate, self.n = b.flat, b.rate, b.n
        line = scipy.fft.rfft(b.windows, axis=-1)
        # Real and imaginary parts as pairs, squared in place.
        parts: Floats = line.view(np.float64)
        np.multiply(parts, parts, out=parts)
        self.parts = parts
        self.lines = parts.shape[-1] // 2
        # Each bin counts twice, except half the rate; the bin at 0 Hz is the mean.
        self.weight = np.full(self.lines, 2.0)
        self.weight[0] = 0.0
        if self.n % 2 == 0:
            self.weight[-1] = 1.0

    @cached_property
    def frequency(self) -> Floats:
        """Frequencies of the bins in Hz."""
        return np.asarray(np.arange(self.lines) * (self.rate / self.n))

    @cached_property
    def power(self) -> Floats:
        """Power of each bin; the sum is n² times the variance."""
        pairs = self.parts.reshape(*self.parts.shape[:-1], self.lines, 2)
        return np.asarray((pairs[..., 0] + pairs[..., 1]) * self.weight)

    def sums(self, weights: Floats) -> Floats:
        """Return sums over the bins, weighted by each column of `weights` (bin, sum)."""
        # One small product per window: a large one would start BLAS threads, which take three times
        # the CPU time without being faster.
        return np.asarray(self.parts @ np.repeat(weights * self.weight[:, np.newaxis], 2, axis=0))

    @cached_property
    def _coarse(self) -> Floats:
        """Cumulative power at the end of each group of bins, then the sum of f·P; (sum, …)."""
        ends = np.minimum(np.arange(GROUP, self.lines + GROUP, GROUP), self.lines)
        upto = np.arange(self.lines)[:, np.newaxis] < ends
        sums = self.sums(np.column_stack([upto, self.frequency]))
        return np.ascontiguousarray(np.moveaxis(sums, -1, 0))

    @property
    def total(self) -> Floats:
        """Total power."""
        return np.asarray(self._coarse[-2])

    @cached_property
    def mean(self) -> Floats:
        """Mean frequency, Hz; NaN for a flat window."""
        return ratio(self._coarse[-1], self.total, self.flat)

    def below(self, share: float) -> Floats:
        """Return the frequency below which a share of the power lies, in Hz; NaN for a flat window.

        The power of a bin is spread evenly over its width, so the result is not limited to bins.
        """
        upto = self._coarse[:-1].reshape(len(self._coarse) - 1, -1)
        wanted = share * upto[-1]
        group = np.minimum(np.count_nonzero(upto < wanted, axis=0), len(upto) - 1)
        window = np.arange(wanted.size)
        before = np.where(group > 0, upto[group - 1, window], 0.0)
        # Only the bins of the group that reaches the share are summed one by one.
        line = group * GROUP + np.arange(GROUP)[:, np.newaxis]
        inside = np.minimum(line, self.lines - 1)
        pairs = self.parts.reshape(-1).view(np.complex128)
        power = np.take(pairs, inside + window * self.lines)
        weight = np.append(self.weight, np.zeros(GROUP))[line]
        fine = (power.real + power.imag) * weight
        reached = before + np.cumsum(fine, axis=0)
        place = np.minimum(np.count_nonzero(reached < wanted, axis=0), GROUP - 1)
        here = fine[place, window]
        missing = (wanted - reached[place, window] + here).reshape(self.flat.shape)
        within = np.clip(ratio(missing, here.reshape(self.flat.shape), self.flat), 0.0, 1.0)
        middle = inside[place, window].reshape(self.flat.shape)
        width, top = self.rate / self.n, self.rate / 2
        low = np.clip((middle - 0.5) * width, 0.0, top)
        high = np.clip((middle + 0.5) * width, 0.0, top)
        return np.asarray(low + within * (high - low))
