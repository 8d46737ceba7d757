"""Filter a part of a recording, and measure the effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from emgnb import quality, recording, spectra
from emgnb.filters import Chain


@dataclass(frozen=True)
class Wish:
    """Numbered request to draw a channel of a part of the recording, with a chain or without."""

    chain: Chain | None
    start: float
    channel: int
    response: str
    number: int


class Weighed(NamedTuple):
    """`effect` : result of `quality.effect`, or None; `doubts` : result of `quality.doubts`."""

    effect: xr.Dataset | None
    doubts: list[str]


class Trial:
    """Part of a recording, loaded into memory.

    Parameters
    ----------
    x : (time, channel)
    start, seconds : start and duration of the part in s; adjusted to lie within the recording

    Attributes
    ----------
    shown : the part
    whole : whether the part is the whole recording
    asked : `start` as given
    """

    def __init__(self, x: xr.DataArray, start: float, seconds: float) -> None:
        self.rate = recording.measured_rate(x)
        n = x.sizes["time"]
        size = min(n, max(2, round(seconds * self.rate)))
        begin = float(x["time"].isel(time=0))
        first = min(max(round((start - begin) * self.rate), 0), n - size)
        self.shown = x.isel(time=slice(first, first + size)).load()
        self.whole = size == n
        self.asked = start
        self._powers: dict[int, xr.DataArray] = {}
        self._made: tuple[tuple[Chain, int], xr.DataArray, xr.Dataset] | None = None

    @property
    def span(self) -> tuple[float, float]:
        """First and last time in s."""
        first, last = (float(self.shown["time"].isel(time=i)) for i in (0, -1))
        return first, last

    def channel(self, i: int) -> xr.DataArray:
        """Return one channel as recorded."""
        return self.shown.isel(channel=[i])

    def through(self, chain: Chain, i: int) -> tuple[xr.DataArray, xr.Dataset]:
        """Return a filtered channel and the response of the chain; the last result is cached.

        Raises
        ------
        ValueError : the chain does not suit the signal
        """
        if self._made is None or self._made[0] != (chain, i):
            response = chain.response(self.rate, frequency=_frequencies(chain, self.rate))
            one = self.channel(i)
            out = chain(one) if chain.channelwise else chain(self.shown).isel(channel=[i])
            self._made = ((chain, i), out, response)
        return self._made[1:]

    def powers(self, out: xr.DataArray, i: int) -> list[xr.DataArray]:
        """Return the spectra of a channel as recorded (cached) and filtered."""
        length = min(1.0, self.shown.sizes["time"] / self.rate / 2)
        if i not in self._powers:
            self._powers[i] = spectra.spectrum(self.channel(i), length=length)
        return [self._powers[i], spectra.spectrum(out, length=length)]

    def weigh(self, chain: Chain) -> Weighed:
        """Measure the effect of the chain on all channels."""
        try:
            return Weighed(
                quality.effect(self.shown, chain(self.shown)), quality.doubts(self.shown, chain)
            )
        except ValueError as error:
            # The part is too short or too slow, or the chain fails on a channel that is not drawn.
            drawn = self._made is not None and self._made[0][0] == chain
            return Weighed(None, [str(error)] if drawn else [])


def _frequencies(chain: Chain, rate: float) -> NDArray[np.float64]:
    """Return a uniform frequency grid (Hz) that includes all corner and notch frequencies."""
    corners = [f for step in chain.steps for f in step.corners(rate)]
    return np.unique(np.concatenate([np.linspace(0, rate / 2, 401), corners]))
