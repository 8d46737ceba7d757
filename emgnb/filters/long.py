"""A recording that is longer than the memory, filtered part by part as if it were all there.

Each part is read with so much on either side that what lies farther off changes nothing: 25 decay
times of the chain's own filters, and what its other steps must see. So the parts joined are the
whole, to within 1e-9 of its size. A gap that reaches beyond a part is bridged from its own ends,
wherever they are. `parts` goes through them one after the other, `lazily` leaves them to dask.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.filters import engine, suits, whole
from emgnb.filters.base import Mask, Place, Step

if TYPE_CHECKING:
    from pathlib import Path

    from emgnb.filters.chain import Chain

Part = tuple[npt.NDArray[Any], Mask]
Bounds = tuple[int, int]

# Rows read at a time in the search for the far end of a gap.
SEARCH = 1 << 16


def parts(
    steps: Sequence[Step],
    x: xr.DataArray,
    rate: float,
    keeps: Iterable[Bounds],
    dtype: npt.DTypeLike,
) -> Iterator[Part]:
    """Yield values and what is disturbed of each part, given by its first row and one past it."""
    source = Source(x)
    dead = source.dead()
    for keep, stretch, place in _stretches(steps, x, rate, keeps):
        yield _filtered(source.rows(*stretch), source, dead, keep, steps, place, dtype)


def lazily(
    steps: Sequence[Step], x: xr.DataArray, rate: float, dtype: npt.DTypeLike
) -> tuple[Any, Any]:
    """Values and what is disturbed as dask arrays; the parts are the chunks of `x`."""
    import dask
    import dask.array as da

    # Tasks of their own: what they give goes to each worker once, and not with each part.
    source = dask.delayed(Source(x))
    dead = source.dead()
    done = dask.delayed(_filtered, pure=False)
    width = len(suits.names_of(x))
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
    """Yield the rows of each part, those that must be read to filter them, and where they lie."""
    reach = whole.overlap(steps, rate)
    start, names = suits.start_of(x), suits.names_of(x)
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
    """Filter rows that begin at `place`, and give those of the part `keep`."""
    values = engine.columns(rows if isinstance(rows, np.ndarray) else suits.table(rows))
    low, high = place.first, place.first + len(values)
    here = np.isfinite(values)
    # Where a channel is lost throughout there is nothing that a bridge could lead to.
    some = here.any(axis=0)
    before = [source.before(low, i) if gone else None for i, gone in enumerate(some & ~here[0])]
    after = [source.after(high, i) if gone else None for i, gone in enumerate(some & ~here[-1])]
    del here
    ran = whole.over(
        steps, values, place, dead=dead, before=_from(low, before), after=_from(low, after)
    )
    kept = slice(keep[0] - low, keep[1] - low)
    return np.ascontiguousarray(ran.values[kept], dtype=dtype), ran.disturbed[kept]


def _from(row: int, found: list[engine.Neighbour | None]) -> list[engine.Neighbour | None]:
    return [None if each is None else (each[0] - row, each[1]) for each in found]


class Source:
    """Samples of a recording, read some rows at a time.

    No collection to dask, which would compute all of it before the task that gets it begins.
    """

    def __init__(self, x: xr.DataArray) -> None:
        self._x = x.variable
        self._step = max(x.chunksizes["time"]) if recording.is_lazy(x) else SEARCH

    def rows(self, low: int, high: int) -> npt.NDArray[Any]:
        """Samples (time, channel) from row `low` to before `high`."""
        found = self._x.isel(time=slice(low, high))
        if found.chunks is not None:
            # By the task's own thread: to wait in a task for others to be free may last for ever.
            found = found.compute(scheduler="synchronous")
        return suits.table(found)

    def dead(self) -> Mask:
        """Channels without any sample; looks no farther than until each has shown one."""
        dead = np.ones(self.rows(0, 0).shape[1], dtype=bool)
        for low, high in recording.bounds(self._x.sizes["time"], self._step):
            dead &= ~np.isfinite(self.rows(low, high)).any(axis=0)
            if not dead.any():
                break
        return dead

    def before(self, row: int, channel: int) -> engine.Neighbour | None:
        """Place and value of a channel's last sample before `row`, or None."""
        for high in range(row, 0, -self._step):
            if found := self._sample(max(high - self._step, 0), high, channel, -1):
                return found
        return None

    def after(self, row: int, channel: int) -> engine.Neighbour | None:
        """Place and value of a channel's first sample from `row` on, or None."""
        for low in range(row, self._x.sizes["time"], self._step):
            if found := self._sample(low, low + self._step, channel, 0):
                return found
        return None

    def _sample(self, low: int, high: int, channel: int, which: int) -> engine.Neighbour | None:
        """First (0) or last (-1) sample of the rows, or None."""
        column = self.rows(low, high)[:, channel]
        seen = np.flatnonzero(np.isfinite(column))
        return (low + int(seen[which]), float(column[seen[which]])) if seen.size else None


def filter_session(
    source: str | os.PathLike[str] | xr.DataTree,
    chain: Chain,
    path: str | os.PathLike[str],
    *,
    seconds: float = recording.PART,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Filter a session of any length into a new store, in bounded memory.

    The result is that of `chain(signal)`. Markers, labels and the session's attributes go with it;
    other nodes (video, simulated truth) do not. A session of dask arrays, `recording.open(store,
    chunks=300)`, is filtered on all cores, or by the active `dask.distributed` client; any other
    part after part. With parts of one length both are the same, bit by bit.

    Parameters
    ----------
    source : a store, or a session as `recording.open` gives it
    chain : its levels measured beforehand, `chain.fit(a part)`, where it has steps that need them
    path : store to create
    seconds : length of a part; memory grows with it. Parts of dask arrays are their chunks.
    progress : called with the share done, 0 to 1; once for dask arrays, when all is done (dask has
        `dask.diagnostics.ProgressBar` and `distributed.progress`)

    Returns
    -------
    `path`

    Raises
    ------
    FileExistsError : something is there already
    ValueError : as for calling the chain, or a step needs the whole recording at once
    """
    session = source if isinstance(source, xr.DataTree) else recording.open(source)
    x = recording.emg(session)
    markers, labels = session.children.get("markers"), session.children.get("labels")
    beside: dict[str, Any] = {
        "markers": None if markers is None else markers.to_dataset(),
        "labels": {
            coder: table.to_dataset()
            for coder, table in ({} if labels is None else labels.children).items()
        },
        **{str(name): value for name, value in session.attrs.items()},
    }
    progress = progress or (lambda share: None)
    if recording.is_lazy(x):
        made = recording.save(recording.make(chain(x), **beside), path)
        progress(1.0)
        return made
    pieces = chain.blocks(x, seconds=seconds)
    first = next(pieces)
    done = 0
    with recording.SessionWriter(path, first.isel(time=slice(0, 0))) as writer:
        for piece in itertools.chain([first], pieces):
            writer.append(suits.table(piece), piece["valid"].values)
            done += piece.sizes["time"]
            progress(done / x.sizes["time"])
        return writer.close(**beside)
