"""Provide tiles of a recording for display at any zoom.

Each level has the minimum and maximum of bins of 1, 4, 16, … samples. Unlike drawing every tenth
sample, this never hides a short burst. Fine levels are read from the recording on demand; coarse
levels are built once, a few minutes of the recording at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from emgnb import recording
from emgnb.filters import Chain

Floats = NDArray[np.float32]
BINS = 1024  # bins in a tile
FACTOR = 4  # ratio of bin sizes between levels
_STORED = 3  # first level kept in memory: bins of 64 samples, 3 % of the size of the recording
_OVERVIEW = 2048  # maximum number of bins of the last level, about the width of a screen
_DIRECT = 2**19  # maximum number of samples read for a tile that is not built yet
_BLOCK = 240.0  # duration read at once while building (s)
_LOST = -32768


@dataclass(frozen=True)
class Tile:
    """Values (channel, bin, 1 or 2) of one tile; `partial` if it is not yet complete."""

    level: int
    index: int
    values: Floats
    partial: bool

    def packed(self) -> tuple[bytes, bytes]:
        """Return offset and step of each channel, and the values as 16-bit counts of the step."""
        values = self.values
        with np.errstate(all="ignore"):
            low = np.fmin.reduce(values, axis=(1, 2), initial=np.inf)
            high = np.fmax.reduce(values, axis=(1, 2), initial=-np.inf)
        seen = np.isfinite(low) & np.isfinite(high)
        low, high = np.where(seen, low, 0.0), np.where(seen, high, 0.0)
        offset = ((low + high) / 2).astype(np.float32)
        step = np.maximum((high - low) / 65000, np.finfo(np.float32).tiny).astype(np.float32)
        counts = (values - offset[:, None, None]) / step[:, None, None]
        counts = np.where(np.isfinite(values), np.rint(counts), _LOST)
        return (
            np.stack([offset, step], axis=1).astype("<f4").tobytes(),
            counts.astype("<i2").tobytes(),
        )


class Pyramid:
    """Minimum and maximum of a signal at every zoom level.

    Parameters
    ----------
    read : returns rows i to j of the signal, (time, channel)
    n, channels : size of the signal
    rate : Hz

    Attributes
    ----------
    levels : number of levels; the last has at most 2048 bins
    built : number of rows included in the coarse levels so far
    """

    def __init__(
        self, read: Callable[[int, int], Floats], n: int, channels: int, rate: float
    ) -> None:
        self._read, self._n, self._channels = read, n, channels
        self._block = max(1, round(_BLOCK * rate / FACTOR**_STORED)) * FACTOR**_STORED
        self.levels = 1
        while self.bins(self.levels - 1) > _OVERVIEW:
            self.levels += 1
        self._stored = {
            level: np.full((channels, self.bins(level), 2), np.nan, dtype=np.float32)
            for level in range(_STORED, self.levels)
        }
        self.built = 0 if self._stored else n

    def bins(self, level: int) -> int:
        """Return the number of bins of a level."""
        size: int = FACTOR**level
        return math.ceil(self._n / size)

    def tiles(self, level: int, indices: list[int]) -> Iterator[Tile]:
        """Yield tiles of a level; neighbours are read together."""
        for first, last in _runs(indices):
            bins = slice(first * BINS, min((last + 1) * BINS, self.bins(level)))
            values, partial = self._values(level, bins)
            for index in range(first, last + 1):
                at = (index - first) * BINS
                yield Tile(level, index, values[:, at : at + BINS], partial)

    def build(self, ended: Callable[[], bool]) -> Iterator[int]:
        """Build the coarse levels; yield the number of rows included after each block."""
        while self.built < self._n and not ended():
            i, j = self.built, min(self.built + self._block, self._n)
            low, high = i // FACTOR**_STORED, self.bins(_STORED)
            fresh = _extremes(self._read(i, j), FACTOR**_STORED)
            self._stored[_STORED][:, low : low + fresh.shape[1]] = fresh
            high = low + fresh.shape[1]
            for level in range(_STORED + 1, self.levels):
                low, high = low // FACTOR, math.ceil(high / FACTOR)
                below = self._stored[level - 1][:, low * FACTOR : high * FACTOR]
                self._stored[level][:, low:high] = _joined(below)
            self.built = j
            yield j

    def _values(self, level: int, bins: slice) -> tuple[Floats, bool]:
        size = FACTOR**level
        i, j = bins.start * size, min(bins.stop * size, self._n)
        if level >= _STORED and (self.built >= j or j - i > _DIRECT):
            return self._stored[level][:, bins], self.built < j
        values = self._read(i, j)
        if level == 0:
            return np.ascontiguousarray(values.T)[:, :, None], False
        return _extremes(values, size), False


class Source:
    """Read parts of a signal as recorded, or filtered with margins for the filters to settle."""

    def __init__(self, x: xr.DataArray, chain: Chain | None = None) -> None:
        self._x = x.transpose("time", "channel")
        self._chain = chain
        self._n = int(x.sizes["time"])
        self.rate = recording.measured_rate(x)
        self._margin = 0
        if chain is not None:
            if any(step.needs_whole for step in chain.steps):
                self._chain = chain = _fitted(chain, x)
            chain.response(self.rate, frequency=[1.0])  # raises if the rate is not suitable
            # `settling` is the decay to 5 %; eight times that is a decay to 1e-10.
            self._margin = math.ceil((8 * chain.settling(self.rate) + 0.5) * self.rate)

    def read(self, i: int, j: int) -> Floats:
        """Return rows i to j, (time, channel)."""
        low, high = max(i - self._margin, 0), min(j + self._margin, self._n)
        part = self._x[low:high]
        if self._chain is not None:
            out = self._chain(part)
            if out.sizes["time"] != part.sizes["time"]:
                raise ValueError(
                    f"{self._chain!r} changes the rate, so its result cannot be drawn over the "
                    "recording: leave out the resampling"
                )
            part = out.transpose("time", "channel")
        return np.asarray(part[i - low : j - low].values, dtype=np.float32)

    def pyramid(self) -> Pyramid:
        """Return a pyramid of this signal; nothing is built yet."""
        return Pyramid(self.read, self._n, int(self._x.sizes["channel"]), self.rate)


def _fitted(chain: Chain, x: xr.DataArray) -> Chain:
    if x.sizes["time"] > 2**22:
        raise ValueError(
            "Baseline and Normalise measure a level on the whole recording, and this one is too "
            f"long ({x.sizes['time']} samples, at most {2**22}): fit the chain to a part with rest "
            "and contraction, chain.fit(x.sel(time=slice(0, 600))), and pass that chain"
        )
    return chain.fit(x)


def _runs(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each run of neighbours."""
    wanted = sorted(set(indices))
    first = 0
    for k in range(1, len(wanted) + 1):
        if k == len(wanted) or wanted[k] != wanted[k - 1] + 1:
            yield wanted[first], wanted[k - 1]
            first = k


def _extremes(values: Floats, size: int) -> Floats:
    """Return minimum and maximum of every `size` rows, (channel, bin, 2)."""
    n, channels = values.shape
    bins = math.ceil(n / size)
    turned = np.full((channels, bins * size), np.nan, dtype=np.float32)
    turned[:, :n] = values.T
    table = turned.reshape(channels, bins, size)
    whole = n // size
    out = np.empty((channels, bins, 2), dtype=np.float32)
    out[:, :whole, 0] = table[:, :whole].min(axis=2)
    out[:, :whole, 1] = table[:, :whole].max(axis=2)
    # `min` returns NaN for bins with a lost sample, but is four times as fast as `fmin`.
    again = np.ones(bins, dtype=bool)
    again[:whole] = np.isnan(out[:, :whole, 0]).any(axis=0)
    rows = np.flatnonzero(again)
    if rows.size:
        out[:, rows, 0] = np.fmin.reduce(table[:, rows], axis=2)
        out[:, rows, 1] = np.fmax.reduce(table[:, rows], axis=2)
    return out


def _joined(below: Floats) -> Floats:
    """Merge every four bins into one."""
    missing = -below.shape[1] % FACTOR
    padded = np.pad(below, ((0, 0), (0, missing), (0, 0)), constant_values=np.nan)
    table = padded.reshape(len(below), -1, FACTOR, 2)
    return np.stack(
        [np.fmin.reduce(table[..., 0], axis=2), np.fmax.reduce(table[..., 1], axis=2)], axis=2
    )
