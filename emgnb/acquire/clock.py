"""The board's scan counter on the computer's clock.

A board's rate is off by up to half a percent, and what it sends arrives late by a delay that
changes with every chunk, but never early. So the line through the *earliest* arrivals is the
board's clock: of all lines below every arrival the one nearest to them, which is an edge of their
lower convex hull (Moon, Skelly & Towsley, "Estimation and removal of clock skew from network delay
measurements", INFOCOM 1999, doi:10.1109/INFCOM.1999.749287). What remains unknown is the delay
that even the earliest had, some milliseconds over USB.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Seconds of arrivals that are kept as one hull.
BLOCK = 30.0
# Seconds around a moment that show the clock there: a resonator's rate wanders with temperature.
NEAR = 300.0

# Comparable between processes, and fine: Windows' monotonic clock steps by 16 ms.
host_ns = time.perf_counter_ns if sys.platform == "win32" else time.monotonic_ns


@dataclass(frozen=True, slots=True)
class ClockFit:
    """Host seconds = `offset` + scan / `rate`.

    rate : scans a second of the host's clock
    offset : host time of scan 0, in s
    drift_ppm : how much faster than its nominal rate the board is, NaN without one
    residual_s : median lateness of the arrivals, in s: how well a moment can be told
    seconds : host time that the fit rests on
    """

    rate: float
    offset: float
    drift_ppm: float
    residual_s: float
    seconds: float

    def to_seconds(self, scan: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Host time in s at which a scan was taken."""
        return self.offset + np.asarray(scan, dtype=np.float64) / self.rate

    def scan_at(self, host_time: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Scan, with fraction, that was taken at a host time in s."""
        return (np.asarray(host_time, dtype=np.float64) - self.offset) * self.rate


class Arrivals:
    """Collect when scans arrived, in bounded memory (some hundred points an hour), and fit.

    Only the last scan of a chunk is worth adding: the others waited for it.
    """

    def __init__(self, *, nominal_rate: float | None = None) -> None:
        self.nominal_rate = nominal_rate
        self._hulls: list[tuple[float, float]] = []
        self._hull: list[tuple[float, float]] = []  # of the newest block
        self._whole: list[tuple[float, float]] = []  # of all blocks: hours are fitted in no time
        self._sample: list[tuple[float, float]] = []  # every so-many-th point, for the residual
        self._stride = 1
        self.count = 0
        self.last: tuple[float, float] | None = None

    def add(self, scan: int, host_time: float) -> None:
        """Take note that `scan` was there at `host_time` (s); in order."""
        point = (float(scan), float(host_time))
        if self._hull and host_time - self._hull[0][1] > BLOCK:
            self._hulls += self._hull
            self._hull = []
        _extend(self._hull, point)
        _extend(self._whole, point)
        if self.count % self._stride == 0:
            self._sample.append(point)
            if len(self._sample) >= 2000:
                self._sample = self._sample[::2]
                self._stride *= 2
        self.count += 1
        self.last = point

    @property
    def seconds(self) -> float:
        """Host time from the first arrival to the last."""
        points = self._hulls or self._hull
        return 0.0 if self.last is None else self.last[1] - points[0][1]

    def fit(self, *, around: float | None = None) -> ClockFit | None:
        """Fit all arrivals, or those near the host time `around`; None with fewer than two."""
        hull, sample = self._whole, self._sample
        if around is not None and self.seconds > 2 * NEAR:
            points = self._hulls + self._hull
            around = min(max(around, points[0][1] + NEAR), points[-1][1] - NEAR)
            hull = []
            for point in points:
                if abs(point[1] - around) <= NEAR:
                    _extend(hull, point)
            sample = [p for p in sample if abs(p[1] - around) <= NEAR] or hull
        if len(hull) < 2:
            return None
        # Through that edge the line has the smallest sum of distances to all points.
        middle = float(np.mean([scan for scan, _ in sample]))
        edge = next((n for n in range(1, len(hull)) if hull[n][0] >= middle), len(hull) - 1)
        (scan0, time0), (scan1, time1) = hull[edge - 1], hull[edge]
        if time1 <= time0:
            return None
        rate = (scan1 - scan0) / (time1 - time0)
        offset = time0 - scan0 / rate
        late = [at - (offset + scan / rate) for scan, at in sample]
        nominal = self.nominal_rate
        return ClockFit(
            rate=rate,
            offset=offset,
            drift_ppm=1e6 * (rate / nominal - 1) if nominal else float("nan"),
            residual_s=float(np.median(late)),
            seconds=hull[-1][1] - hull[0][1],
        )

    def begin(self, rate: float, scan: int) -> float:
        """Host time in s of `scan`, by the earliest arrivals and a known rate."""
        points = self._hulls + self._hull
        return min(at - (number - scan) / rate for number, at in points)


def fit(
    scans: npt.ArrayLike, host_times: npt.ArrayLike, *, nominal_rate: float | None = None
) -> ClockFit:
    """Fit the scan counter to arrival times.

    Parameters
    ----------
    scans : (n,) number of the last scan of each chunk, rising
    host_times : (n,) when the chunk was there, in s
    nominal_rate : Hz, for `drift_ppm`

    Raises
    ------
    ValueError : fewer than two arrivals at different times
    """
    arrivals = Arrivals(nominal_rate=nominal_rate)
    pairs = zip(np.asarray(scans).tolist(), np.asarray(host_times).tolist(), strict=True)
    for scan, host_time in pairs:
        arrivals.add(scan, host_time)
    found = arrivals.fit()
    if found is None:
        raise ValueError(f"{arrivals.count} arrivals: a clock needs two at different times")
    return found


def _extend(hull: list[tuple[float, float]], point: tuple[float, float]) -> None:
    """Add a point to the right of a lower convex hull."""
    if hull and point[0] <= hull[-1][0]:
        return
    while len(hull) >= 2:
        (x0, y0), (x1, y1) = hull[-2], hull[-1]
        if (y1 - y0) * (point[0] - x0) < (point[1] - y0) * (x1 - x0):
            break
        hull.pop()
    hull.append(point)
