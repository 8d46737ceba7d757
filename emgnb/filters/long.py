"""A recording that is longer than the memory, filtered part by part as if it were all there.

Each part is read with so much on either side that what lies farther off changes nothing: 25 decay
times of the chain's own filters, and what its other steps must see. So the parts joined are the
whole, to within 1e-9 of its size. A gap that reaches beyond a part is bridged from its own ends,
wherever they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.filters import engine, suits, whole
from emgnb.filters.base import Place

if TYPE_CHECKING:
    from pathlib import Path

    from emgnb.filters.chain import Chain

# Rows read at a time in the search for the far end of a gap.
SEARCH = 1 << 16
# s in a part when a store is filtered: 20 MB of 8 channels at 1 kHz, and a small share of overlap.
PART = 300.0


def parts(chain: Chain, x: xr.DataArray, rate: float, size: int) -> Iterator[tuple[int, whole.Ran]]:
    """Yield the first row of each part of `size` rows, and what came out of it."""
    n = x.sizes["time"]
    reach = whole.overlap(chain.steps, rate)
    start = float(x["time"].isel(time=0))
    gaps = _Gaps(x)
    for a in range(0, n, size):
        b = min(a + size, n)
        low, high = max(a - reach, 0), min(b + reach, n)
        values = engine.columns(suits.table(x.isel(time=slice(low, high))))
        lost = ~np.isfinite(values[[0, -1]])
        before = [gaps.before(low, i) if gone else None for i, gone in enumerate(lost[0])]
        after = [gaps.after(high, i) if gone else None for i, gone in enumerate(lost[1])]
        ran = whole.over(
            chain.steps,
            values,
            Place(rate, low, start + low / rate, suits.names_of(x)),
            before=_from(low, before),
            after=_from(low, after),
        )
        keep = slice(a - low, b - low)
        yield a, whole.Ran(ran.values[keep], ran.disturbed[keep], ran.steps)


def _from(row: int, found: list[engine.Neighbour | None]) -> list[engine.Neighbour | None]:
    return [None if each is None else (each[0] - row, each[1]) for each in found]


def filter_session(
    source: str | os.PathLike[str] | xr.DataTree,
    chain: Chain,
    path: str | os.PathLike[str],
    *,
    seconds: float = PART,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Filter a session of any length into a new store, in bounded memory.

    The result is that of `chain(signal)`. Markers, labels and the session's attributes go with it;
    other nodes (video, simulated truth) do not.

    Parameters
    ----------
    source : a store, or a session as `recording.open` gives it
    chain : its levels measured beforehand, `chain.fit(a part)`, where it has steps that need them
    path : store to create
    seconds : length of a part; memory grows with it
    progress : called with the share done, 0 to 1

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
    n = x.sizes["time"]
    writer = None
    done = 0
    try:
        for piece in chain.blocks(x, seconds=seconds):
            if writer is None:
                writer = recording.SessionWriter(path, piece.isel(time=slice(0, 0)))
            writer.append(suits.table(piece), piece["valid"].values)
            done += piece.sizes["time"]
            if progress is not None:
                progress(done / n)
        assert writer is not None
        labels = session.children.get("labels", xr.DataTree()).children
        markers = session.children.get("markers")
        return writer.close(
            markers=None if markers is None else markers.to_dataset(),
            labels={coder: table.to_dataset() for coder, table in labels.items()},
            **{str(name): value for name, value in session.attrs.items()},
        )
    except BaseException:
        if writer is not None:
            writer.abandon()
        raise


class _Gaps:
    """Finds the samples around a gap that reaches beyond a part.

    It remembers each channel's last finding, so that a gap of hours is read once, not once a part.
    """

    def __init__(self, x: xr.DataArray) -> None:
        self._x = x
        self._n = x.sizes["time"]
        # Of each channel and direction: rows known to be empty, and the sample beyond them.
        self._known: dict[tuple[int, int], tuple[int, int, engine.Neighbour | None]] = {}

    def before(self, row: int, channel: int) -> engine.Neighbour | None:
        """Last sample before `row`, or None."""
        at, found = row, None
        while at > 0:
            first, last, beyond = self._known.get((channel, -1), (0, -1, None))
            if first <= at <= last:
                found = beyond
                break
            low = max(at - SEARCH, 0)
            found = self._sample(low, at, channel, -1)
            if found is not None:
                break
            at = low
        self._known[channel, -1] = (0 if found is None else found[0] + 1, row, found)
        return found

    def after(self, row: int, channel: int) -> engine.Neighbour | None:
        """First sample from `row` on, or None."""
        at, found = row, None
        while at < self._n:
            first, last, beyond = self._known.get((channel, 1), (0, -1, None))
            if first <= at <= last:
                found = beyond
                break
            found = self._sample(at, at + SEARCH, channel, 0)
            if found is not None:
                break
            at += SEARCH
        self._known[channel, 1] = (row, self._n if found is None else found[0], found)
        return found

    def _sample(self, low: int, high: int, channel: int, which: int) -> engine.Neighbour | None:
        """First (0) or last (-1) sample of the rows, or None."""
        column = suits.table(self._x.isel(time=slice(low, high)))[:, channel]
        seen = np.flatnonzero(np.isfinite(column))
        return (low + int(seen[which]), float(column[seen[which]])) if seen.size else None
