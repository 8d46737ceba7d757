"""Fit a board's scan counter to the host's clock.

A board's rate is off by up to 0.5 %, and its data arrives late by a delay that changes with every
chunk but is never negative. The line through the *earliest* arrivals is therefore the board's
clock: of all lines below every arrival, the one nearest to them, which is an edge of their lower
convex hull (Moon, Skelly & Towsley, "Estimation and removal of clock skew from network delay
measurements", INFOCOM 1999, doi:10.1109/INFCOM.1999.749287). The delay of the earliest arrivals
remains unknown; over USB it is some milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Duration (s) of arrivals that are kept as one hull.
BLOCK = 30.0
# Time (s) around a moment used for a local fit: a resonator's rate drifts with temperature.
NEAR = 300.0
# Time (s) before the first and after the last arrival to which a fit is extrapolated.
BESIDE = 60.0


@dataclass(frozen=True, slots=True)
class ClockFit:
    """Linear clock model: host seconds = `offset` + scan / `rate`.

    rate : scans per second of the host's clock
    offset : host time of scan 0, in s
    drift_ppm : deviation of the board's rate from nominal; NaN without a nominal rate
    residual_s : median lateness of the arrivals, in s: the uncertainty of a converted time
    seconds : duration of the fitted arrivals, in s
    """

    rate: float
    offset: float
    drift_ppm: float
    residual_s: float
    seconds: float

    def to_seconds(self, scan: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the host time, in s, at which a scan was taken."""
        return self.offset + np.asarray(scan, dtype=np.float64) / self.rate

    def scan_at(self, host_time: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the scan, with fraction, that was taken at a host time in s."""
        return (np.asarray(host_time, dtype=np.float64) - self.offset) * self.rate


class Arrivals:
    """Collect arrival times in bounded memory (some hundred points an hour), and fit a clock.

    Add only the last scan of each chunk: the other scans were waiting for it.
    """

    def __init__(self, *, nominal_rate: float | None = None) -> None:
        self.nominal_rate = nominal_rate
        self._hulls: list[tuple[float, float]] = []
        self._hull: list[tuple[float, float]] = []  # of the newest block
        self._whole: list[tuple[float, float]] = []  # of all blocks: hours are fitted fast
        self._sample: list[tuple[float, float]] = []  # every n-th point, for the residual
        self._stride = 1
        self.count = 0
        self.last: tuple[float, float] | None = None

    def add(self, scan: int, host_time: float) -> None:
        """Add the arrival of `scan` at `host_time` (s); call in order."""
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
        """Host time from the first arrival to the last, in s."""
        points = self._hulls or self._hull
        return 0.0 if self.last is None else self.last[1] - points[0][1]

    def near(self, host_time: float) -> bool:
        """Return whether a host time (s) lies within `BESIDE` s of the arrivals."""
        points = self._hulls or self._hull
        if self.last is None:
            return False
        return points[0][1] - BESIDE <= host_time <= self.last[1] + BESIDE

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
        # The line through this edge has the smallest sum of distances to all points.
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
        """Return the host time (s) of `scan` from the earliest arrivals and a known rate."""
        points = self._hulls + self._hull
        return min(at - (number - scan) / rate for number, at in points)


def fit(
    scans: npt.ArrayLike, host_times: npt.ArrayLike, *, nominal_rate: float | None = None
) -> ClockFit:
    """Fit the scan counter to arrival times.

    Parameters
    ----------
    scans : (n,) number of the last scan of each chunk, ascending
    host_times : (n,) arrival time of the chunk, in s
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
    """Append a point on the right of a lower convex hull."""
    if hull and point[0] <= hull[-1][0]:
        return
    while len(hull) >= 2:
        (x0, y0), (x1, y1) = hull[-2], hull[-1]
        if (y1 - y0) * (point[0] - x0) < (point[1] - y0) * (x1 - x0):
            break
        hull.pop()
    hull.append(point)
