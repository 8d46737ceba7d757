"""Read the scans of a recording with the host time of each: of a journal, or of a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording, windows
from emgnb.acquire import follow
from emgnb.acquire.wire.clock_fit import Arrivals
from emgnb.live._deciding import rate_for
from emgnb.live._models import Model

# How fast the estimated delay of the earliest arrivals may grow, in s per s: a decoder takes boards
# whose rate is up to 2 % (`SAME_RATE`) from the nominal one.
LEAK = 0.025
# Time (s) in which the rate of a board that does not report it is measured.
MEASURED = 2.0
# Scans of a session decoded at once.
ROWS = 1 << 14


class Timed(NamedTuple):
    """Scans with the host clock of each in ns; see `Decoder.push`."""

    numbers: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    host_ns: npt.NDArray[np.int64]


class HostClock:
    """Estimate when scans were taken on the host clock, from the earliest arrivals.

    The estimate for a scan depends only on the arrivals up to its own, and never runs backwards.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._begin: float | None = None
        self._at = 0.0
        self._latest = 0

    def times(
        self, numbers: npt.NDArray[np.int64], arrivals: list[tuple[int, float]]
    ) -> npt.NDArray[np.int64]:
        """Return the host clock of each scan in ns; for the arguments see `acquire.Follower`."""
        host = np.empty(numbers.size, dtype=np.int64)
        first = 0
        for place, at in arrivals:
            begin = at - int(numbers[place]) / self._rate
            if self._begin is not None:
                begin = min(begin, self._begin + LEAK * (at - self._at))
            self._begin, self._at = begin, at
            own = numbers[first : place + 1]
            host[first : place + 1] = np.round((begin + own / self._rate) * 1e9)
            first = place + 1
        if host.size:
            host[0] = max(host[0], self._latest)
            host = np.maximum.accumulate(host)
            self._latest = int(host[-1])
        return host


class Journal:
    """Scans of a recording's journal, while it is written or later.

    Attributes
    ----------
    like : the signal without samples; None until the rate is known

    Raises
    ------
    FileNotFoundError : no recording there
    ValueError : the rate is not the model's
    """

    def __init__(
        self, folder: str | os.PathLike[str], model: Model, *, last: float | None = None
    ) -> None:
        self._follower = follow(folder, last=last)
        self._model = model
        self._clock: HostClock | None = None
        self._arrivals = Arrivals()
        self.like: xr.DataArray | None = None

    @property
    def begun_ns(self) -> int | None:
        """Host clock at the recording's first scan, in ns; None before."""
        return self._follower.begun_ns

    @property
    def ended(self) -> bool:
        """Whether the recording has ended and was read."""
        return self._follower.ended

    @property
    def position(self) -> int:
        """Bytes of the journal read so far."""
        return self._follower.position

    def read(self) -> Timed:
        """Return the new scans; none until the rate is known.

        Raises
        ------
        ValueError : the rate of the board is not the model's
        """
        numbers, values, arrivals = self._follower.scans()
        if self.like is not None and self._follower.nominal_rate is not None:
            rate_for(self._model, self._follower.nominal_rate)  # it changes with another board
        if self.like is None and numbers.size:
            numbers, values, arrivals = self._wait_for_rate(numbers, values, arrivals)
        if self._clock is None or not numbers.size:
            return Timed(np.empty(0, np.int64), values[:0], np.empty(0, np.int64))
        return Timed(numbers, values, self._clock.times(numbers, arrivals))

    def close(self) -> None:
        """Close the journal."""
        self._follower.close()

    def _wait_for_rate(
        self,
        numbers: npt.NDArray[np.int64],
        values: npt.NDArray[np.float32],
        arrivals: list[tuple[int, float]],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], list[tuple[int, float]]]:
        """Return the scans after the one at which the rate was known; a board may not report it."""
        rate, first = self._follower.nominal_rate, 0
        if rate is None:
            for place, at in arrivals:
                self._arrivals.add(int(numbers[place]), at)
                first = place + 1
                fit = self._arrivals.fit() if self._arrivals.seconds >= MEASURED else None
                if fit is not None:
                    rate = fit.rate
                    break
            else:
                return numbers[:0], values[:0], []
        rate = rate_for(self._model, rate)
        self.like = self._follower.template(rate)
        self._clock = HostClock(rate)
        left = [(place - first, at) for place, at in arrivals if place >= first]
        return numbers[first:], values[first:], left


def like_of(x: xr.DataArray) -> xr.DataArray:
    """Return the first rows of a signal, at its nominal rate if the measured one is near it."""
    rate = recording.sampling_rate(x)
    nominal = float(x.attrs.get("nominal_rate", rate))
    counted = nominal if abs(nominal - rate) <= windows.SAME_RATE * rate else rate
    return recording.signal(
        np.empty((0, x.sizes["channel"])),
        rate=counted,
        units=str(x.attrs["units"]),
        channel=[str(name) for name in x["channel"].values],
        **{name: x[name].values.tolist() for name in ("muscle", "side", "signal_kind", "gain")},
    )


def of_session(x: xr.DataArray) -> Iterator[Timed]:
    """Yield the scans of a signal (time, channel); their host clock is the session's time."""
    x = x.transpose("time", "channel")
    for begin, end in recording.bounds(x.sizes["time"], ROWS):
        part = x.isel(time=slice(begin, end))
        host = np.round(part["time"].values * 1e9).astype(np.int64)
        values = np.asarray(part.values, dtype=np.float32)
        if "valid" in part.coords:
            values = np.where(part["valid"].values[:, np.newaxis], values, np.nan)
        yield Timed(np.arange(begin, end), values, host)
