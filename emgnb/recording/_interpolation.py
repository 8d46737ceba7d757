"""Interpolate irregular samples onto a uniform clock by cubic splines; gaps stay gaps.

Rows that a buffered line delivers together share their time of arrival, and rows of a coarse clock
share its last tick. Such rows are first spread over the time since the previous row, at most one
sampling period apart. Rows that do not fit into that time, such as those of a stale buffer, are
dropped and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from emgnb._arrays import Floats, Mask

# Rows closer than this fraction of a period arrived together: no device samples ten times too fast.
TOGETHER = 0.1
# Shortest step that counts as a gap (periods). Jitter of 45 % of a period makes steps of 1.9.
GAP = 1.95
# Greatest distance from a sample at which a position in a gap still gets a value (periods).
HIT = 0.5
# Rows in each segment used to estimate the error, and the maximum number of segments.
STRETCH, STRETCHES = 8192, 8
# Estimated error from which a warning is issued (standard deviations of the channel).
DOUBTFUL = 0.1


@dataclass(frozen=True)
class Instants:
    """Estimated sampling times of the rows, and which rows were kept.

    Parameters
    ----------
    time : (kept row,) in s, strictly increasing
    kept : (row,) False for dropped rows
    spread : number of kept rows that arrived together with others
    """

    time: Floats
    kept: Mask
    spread: int


def instants(stamps: Floats, rate: float) -> Instants:
    """Estimate when rows with sorted time stamps (s) were sampled, at about `rate` Hz."""
    period = 1.0 / rate
    first = np.flatnonzero(np.concatenate(([True], np.diff(stamps) >= TOGETHER * period)))
    sizes = np.diff(np.append(first, stamps.size))
    if np.all(sizes == 1):
        return Instants(stamps, np.ones(stamps.size, dtype=bool), 0)
    arrival = stamps[first + sizes - 1]
    # Periods since the previous arrival: the number of rows that can have been sampled since.
    typical = float(np.median(sizes))
    room = np.concatenate(([typical], np.diff(arrival) * rate))
    fits = _fitting(sizes, room, typical)
    step = np.minimum(period, room * period / fits)
    back = np.repeat(first + sizes, sizes) - 1 - np.arange(stamps.size)
    kept = back < np.repeat(fits, sizes)
    time = np.repeat(arrival, sizes) - back * np.repeat(step, sizes)
    several = int(fits[sizes > 1].sum())
    return Instants(time[kept], kept, several)


def _fitting(sizes: npt.NDArray[np.int64], room: Floats, typical: float) -> npt.NDArray[np.int64]:
    """Return how many rows of each delivery fit into the time before it; the last ones are kept.

    Time that a delivery does not use is carried over to the next, up to one typical delivery.
    """
    fits = np.ones_like(sizes)
    credit = 0.0
    for i, (size, space) in enumerate(zip(sizes.tolist(), room.tolist(), strict=True)):
        fits[i] = max(min(size, int(credit + space + 0.5)), 1)
        credit = min(max(credit + space - float(fits[i]), 0.0), typical)
    return fits


def at_places(time: Floats, values: Floats, places: Floats, rate: float) -> Floats:
    """Interpolate values (row, channel) at positions (s) by cubic splines; NaN in gaps.

    A gap is a step of 1.95 periods or more between finite values of a channel. Positions in a gap
    are NaN unless they are within half a period of a sample. Those are interpolated linearly across
    the gap; before the first and after the last sample they take its value.

    Returns
    -------
    (place, channel)
    """
    found = np.full((places.size, values.shape[1]), np.nan)
    finite = np.isfinite(values)
    alike: dict[bytes, list[int]] = {}
    for k in range(values.shape[1]):
        alike.setdefault(finite[:, k].tobytes(), []).append(k)
    for columns in alike.values():
        rows = finite[:, columns[0]]
        if rows.any():
            found[:, columns] = _spline(time[rows], values[rows][:, columns], places, rate)
    return found


def _spline(time: Floats, values: Floats, places: Floats, rate: float) -> Floats:
    """Interpolate finite values with one spline for each segment without a gap."""
    found = np.full((places.size, values.shape[1]), np.nan)
    for k in range(values.shape[1]):
        found[:, k] = np.interp(places, time, values[:, k])
    found[_distance(time, places) > HIT / rate * (1.0 + 1e-9)] = np.nan
    cuts = np.flatnonzero(np.diff(time) * rate >= GAP) + 1
    for begin, end in zip([0, *cuts.tolist()], [*cuts.tolist(), time.size], strict=True):
        inside = slice(*np.searchsorted(places, time[[begin, end - 1]]).tolist())
        if end - begin > 1 and inside.stop > inside.start:
            knots, through = time[begin:end], values[begin:end]
            # Three samples do not determine a cubic; zero curvature at the ends does.
            enough = end - begin > 3
            made = CubicSpline(knots, through, bc_type="not-a-knot" if enough else "natural")
            found[inside] = made(places[inside])
    return found


def _distance(time: Floats, places: Floats) -> Floats:
    """Return the distance (s) of each position to the nearest time stamp."""
    after = np.clip(np.searchsorted(time, places), 1, max(time.size - 1, 1))
    after = np.minimum(after, time.size - 1)
    return np.minimum(np.abs(places - time[after]), np.abs(places - time[np.maximum(after - 1, 0)]))


def error(time: Floats, values: Floats, rate: float) -> Floats:
    """Estimate the RMS error of interpolation, in standard deviations of each channel.

    Every second sample is interpolated from the others, and every fourth from samples four apart.
    The ratio of the two errors extrapolates to the full sampling rate. A constant channel has an
    error of 0, a channel with too few samples NaN.
    """
    near, far, spread = (np.zeros((2, values.shape[1])) for _ in range(3))
    count = min(STRETCHES, -(-time.size // STRETCH))
    for begin in np.linspace(0, max(time.size - STRETCH, 0), count).astype(int):
        part = slice(int(begin), int(begin) + STRETCH)
        _add(near, _left_out(time[part], values[part], rate, 2))
        _add(far, _left_out(time[part], values[part], rate, 4))
        _add(spread, values[part] - np.nanmean(values[part], axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        two, four, own = (np.sqrt(total / rows) for total, rows in (near, far, spread))
        share = two * np.minimum(two / four, 1.0) / own
    return np.where(own > 0, np.where(two > 0, share, np.where(near[1] > 0, 0.0, np.nan)), 0.0)


def _left_out(time: Floats, values: Floats, rate: float, every: int) -> Floats:
    """Return the errors at every `every`-th sample, interpolated from those midway between."""
    asked, kept = slice(every // 2, None, every), slice(None, None, every)
    made = at_places(time[kept], values[kept], time[asked], rate / every)
    # Next to a gap there is no sample to interpolate from.
    apart = time[kept][np.searchsorted(time[kept], time[asked]).clip(max=time[kept].size - 1)]
    made[apart - time[asked] >= HIT * GAP * every / rate] = np.nan
    return made - values[asked]


def _add(total: Floats, values: Floats) -> None:
    """Accumulate the sum of squares and the number of finite values."""
    total[0] += np.nansum(np.square(values), axis=0)
    total[1] += np.isfinite(values).sum(axis=0)
