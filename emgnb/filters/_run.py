"""Run steps over arrays: a whole recording, or one part at a time.

Functions here work on unlabelled arrays. `over` runs the steps in order, with adjacent linear
filters joined into one cascade. `stages` returns these cascades, for live filtering and for
responses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, Mask
from emgnb.filters import _cascade, _reading
from emgnb.filters.step import Fir, Place, Step


@dataclass(frozen=True)
class Ran:
    """Result: values with NaN for lost samples, disturbed times, and steps with measured levels."""

    values: Floats
    disturbed: Mask
    steps: tuple[Step, ...]


def over(
    steps: Sequence[Step],
    values: Floats,
    place: Place,
    *,
    invalid: Mask | None = None,
    dead: Mask | None = None,
    before: _cascade.Neighbours = (),
    after: _cascade.Neighbours = (),
) -> Ran:
    """Run steps over (time, channel) with zero phase; `values` is overwritten.

    Parameters
    ----------
    values : in column-major order, because filters run along channels
    place : position of the values in the recording
    invalid : samples that are present but must not be used for measurements
    dead : for a part, channels without any sample in the whole recording
    before, after : see `_cascade.bridge`
    """
    missing: Mask = ~np.isfinite(values)
    values = _cascade.bridge(values, missing, before, after)
    unseen = missing if invalid is None else missing | invalid
    dead = np.asarray(missing.all(axis=0)) if dead is None else dead
    disturbed = _gaps(missing, dead)
    pending: list[Floats] = []
    fitted: list[Step] = []

    def through(filtering: Floats | Fir) -> None:
        nonlocal disturbed
        _cascade.both_ways(filtering, values)
        if disturbed.any():
            disturbed = _cascade.reach(disturbed, filtering, zero_phase=True)

    def flush() -> None:
        if pending:
            through(np.concatenate(pending))
            pending.clear()

    for step in steps:
        if step.needs_whole:
            flush()
            values, step = step.over_whole(values, unseen, place)
        elif step.local:
            flush()
            values, found = step.over_stretch(values, missing, place)
            if found is not missing:
                disturbed |= _gaps(found & ~missing, dead)
                unseen = unseen | found
                missing = found
                values = _cascade.bridge(values, missing, before, after)
        else:
            for operation in step.operations(place.rate):
                if callable(operation):
                    flush()
                    values = operation(values)
                elif isinstance(operation, Fir):
                    flush()
                    through(operation)
                else:
                    pending.append(operation)
        fitted.append(step)
    flush()
    values[missing] = np.nan
    return Ran(values, disturbed, tuple(fitted))


def stages(steps: Sequence[Step], rate: float) -> list[_cascade.Stage]:
    """Return the operations in order, with adjacent sections joined into one cascade."""
    found: list[_cascade.Stage] = []
    for step in steps:
        for operation in step.operations(rate):
            last = found[-1] if found else None
            if isinstance(operation, np.ndarray) and isinstance(last, np.ndarray):
                found[-1] = np.concatenate([last, operation])
            else:
                found.append(operation)
    return found


def slowest(steps: Sequence[Step], rate: float) -> float:
    """Return the longest decay time of the steps' filters, in samples."""
    return max((_cascade.decay(s) for s in stages(steps, rate) if not callable(s)), default=0.0)


def overlap(steps: Sequence[Step], rate: float) -> int:
    """Return how many samples on either side of a sample can affect it."""
    filters = [_cascade.decay(s) for s in stages(steps, rate) if not callable(s)]
    return sum(math.ceil(_cascade.FORGOTTEN * tau) for tau in filters) + sum(
        step.context(rate) for step in steps
    )


def spread(steps: Sequence[Step], lost: Mask, rate: float) -> Mask:
    """Return which causal output samples are disturbed by `lost` samples, both (time, channel)."""
    mask = _gaps(lost, np.asarray(lost.all(axis=0)))
    if mask.any():
        for stage in stages(steps, rate):
            if not callable(stage):
                mask = _cascade.reach(mask, stage, zero_phase=False)
    return mask


def _gaps(missing: Mask, dead: Mask) -> Mask:
    """Return the times at which a channel is lost; channels without any sample do not count."""
    return np.asarray(missing[:, ~dead].any(axis=1))


Part = tuple[npt.NDArray[Any], Mask]
Bounds = tuple[int, int]
# Rows read at a time to find the end of a gap.
SEARCH = 1 << 16


def parts(
    steps: Sequence[Step],
    x: xr.DataArray,
    rate: float,
    keeps: Iterable[Bounds],
    dtype: npt.DTypeLike,
) -> Iterator[Part]:
    """Yield values and disturbed times of each part, given as half-open row intervals."""
    source = Source(x)
    dead = source.dead()
    for keep, stretch, place in _stretches(steps, x, rate, keeps):
        yield _filtered(source.rows(*stretch), source, dead, keep, steps, place, dtype)


def lazily(
    steps: Sequence[Step], x: xr.DataArray, rate: float, dtype: npt.DTypeLike
) -> tuple[Any, Any]:
    """Return values and disturbed times as dask arrays with the chunks of `x`."""
    import dask
    import dask.array as da

    # As tasks of their own, source and dead channels are sent once per worker, not once per part.
    source = dask.delayed(Source(x))
    dead = source.dead()
    done = dask.delayed(_filtered, pure=False)
    width = len(_reading.names_of(x))
    values, disturbed = [], []
    for keep, stretch, place in _stretches(steps, x, rate, _chunks(x)):
        rows = x.variable.isel(time=slice(*stretch))
        part = done(rows, source, dead, keep, steps, place, dtype)
        size = keep[1] - keep[0]
        values.append(da.from_delayed(part[0], (size, width), np.dtype(dtype)))
        disturbed.append(da.from_delayed(part[1], (size,), np.dtype(bool)))
    return da.concatenate(values), da.concatenate(disturbed)


def _chunks(x: xr.DataArray) -> Iterator[Bounds]:
    first = 0
    for size in x.chunksizes["time"]:
        yield first, first + size
        first += size


def _stretches(
    steps: Sequence[Step], x: xr.DataArray, rate: float, keeps: Iterable[Bounds]
) -> Iterator[tuple[Bounds, Bounds, Place]]:
    """Yield the rows of each part, the rows needed to filter it, and their position."""
    reach = overlap(steps, rate)
    start, names = _reading.start_of(x), _reading.names_of(x)
    for a, b in keeps:
        low, high = max(a - reach, 0), min(b + reach, x.sizes["time"])
        yield (a, b), (low, high), Place(rate, low, start + low / rate, names)


def _filtered(
    rows: npt.NDArray[Any] | xr.Variable,
    source: Source,
    dead: Mask,
    keep: Bounds,
    steps: Sequence[Step],
    place: Place,
    dtype: npt.DTypeLike,
) -> Part:
    """Filter the rows that begin at `place`, and return those in `keep`."""
    values = _cascade.columns(rows if isinstance(rows, np.ndarray) else _reading.table(rows))
    low, high = place.first, place.first + len(values)
    here = np.isfinite(values)
    # A channel that is lost throughout needs no bridge.
    some = here.any(axis=0)
    before = [source.before(low, i) if gone else None for i, gone in enumerate(some & ~here[0])]
    after = [source.after(high, i) if gone else None for i, gone in enumerate(some & ~here[-1])]
    del here
    ran = over(steps, values, place, dead=dead, before=_from(low, before), after=_from(low, after))
    kept = slice(keep[0] - low, keep[1] - low)
    return np.ascontiguousarray(ran.values[kept], dtype=dtype), ran.disturbed[kept]


def _from(row: int, found: list[_cascade.Neighbour | None]) -> list[_cascade.Neighbour | None]:
    return [None if each is None else (each[0] - row, each[1]) for each in found]


class Source:
    """Samples of a recording, read some rows at a time.

    Opaque to dask, so that it is not computed before the task that uses it.
    """

    def __init__(self, x: xr.DataArray) -> None:
        self._x = x.variable
        self._step = max(x.chunksizes["time"]) if recording.is_lazy(x) else SEARCH

    def rows(self, low: int, high: int) -> npt.NDArray[Any]:
        """Return the samples (time, channel) of rows `low` to `high`, exclusive."""
        found = self._x.isel(time=slice(low, high))
        if found.chunks is not None:
            # In the thread of the task: a task that waits for other threads can deadlock.
            found = found.compute(scheduler="synchronous")
        return _reading.table(found)

    def dead(self) -> Mask:
        """Return which channels have no sample; stops reading once every channel has one."""
        dead = np.ones(self.rows(0, 0).shape[1], dtype=bool)
        for low, high in recording.bounds(self._x.sizes["time"], self._step):
            dead &= ~np.isfinite(self.rows(low, high)).any(axis=0)
            if not dead.any():
                break
        return dead

    def before(self, row: int, channel: int) -> _cascade.Neighbour | None:
        """Return row and value of a channel's last sample before `row`, or None."""
        for high in range(row, 0, -self._step):
            if found := self._sample(max(high - self._step, 0), high, channel, -1):
                return found
        return None

    def after(self, row: int, channel: int) -> _cascade.Neighbour | None:
        """Return row and value of a channel's first sample from `row` on, or None."""
        for low in range(row, self._x.sizes["time"], self._step):
            if found := self._sample(low, low + self._step, channel, 0):
                return found
        return None

    def _sample(self, low: int, high: int, channel: int, which: int) -> _cascade.Neighbour | None:
        """Return the first (0) or last (-1) sample of the rows, or None."""
        column = self.rows(low, high)[:, channel]
        seen = np.flatnonzero(np.isfinite(column))
        return (low + int(seen[which]), float(column[seen[which]])) if seen.size else None
