"""Filter a stored session of any length into a new store."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, overload

import xarray as xr

from emgnb import recording
from emgnb.filters import _reading

if TYPE_CHECKING:
    from emgnb.filters.chain import Chain


@overload
def filter_session(
    source: str | os.PathLike[str] | xr.DataTree,
    chain: Chain,
    path: Path,
    *,
    seconds: float = ...,
    progress: Callable[[float], None] | None = ...,
) -> Path: ...
@overload
def filter_session(
    source: str | os.PathLike[str] | xr.DataTree,
    chain: Chain,
    path: str | os.PathLike[str],
    *,
    seconds: float = ...,
    progress: Callable[[float], None] | None = ...,
) -> Path | str: ...
def filter_session(
    source: str | os.PathLike[str] | xr.DataTree,
    chain: Chain,
    path: str | os.PathLike[str],
    *,
    seconds: float = recording.PART,
    progress: Callable[[float], None] | None = None,
) -> Path | str:
    """Filter a session of any length into a new store, in bounded memory.

    The result equals `chain(signal)`. Markers, labels and session attributes are copied; other
    nodes (video, simulated truth) are not. A session of dask arrays, `recording.open(store,
    chunks=300)`, is filtered on all cores or by the active `dask.distributed` client; other
    sessions part by part. With parts of equal length both are bit-identical.

    Parameters
    ----------
    source : a store, or a session from `recording.open`
    chain : a chain; steps that need levels must be fitted before, `chain.fit(a part)`
    path : store to create, or a URL of object storage, see `recording.save`
    seconds : length of a part; memory grows with it. Parts of dask arrays are their chunks
    progress : called with the fraction done, 0 to 1. For dask arrays it is called once at the end
        (dask has `dask.diagnostics.ProgressBar` and `distributed.progress`)

    Returns
    -------
    `path`

    Raises
    ------
    FileExistsError : `path` exists
    ValueError : as for calling the chain, or a step needs the whole recording

    Examples
    --------
    >>> from emgnb import filters, recording, simulate
    >>> chain = filters.Chain(filters.BandPass(20, 450))
    >>> path = filters.filter_session(simulate.face(duration=4), chain, "P07-filtered.zarr")
    >>> filters.chain_of(recording.open(path)["emg/signal"])
    Chain(BandPass(low=20, high=450, order=4))
    """
    session = source if isinstance(source, xr.DataTree) else recording.open(source)
    x = recording.emg(session)
    progress = progress or (lambda share: None)
    if recording.is_lazy(x):
        made = recording.save(recording.with_signal(session, chain(x)), path)
        progress(1.0)
        return made
    pieces = chain.blocks(x, seconds=seconds)
    first = next(pieces)
    done = 0
    with recording.SessionWriter(path, first.isel(time=slice(0, 0))) as writer:
        for piece in itertools.chain([first], pieces):
            writer.append(_reading.table(piece), piece["valid"].values)
            done += piece.sizes["time"]
            progress(done / x.sizes["time"])
        tables = {name: node.to_dataset() for name, node in session.children.items()}
        labels = session["labels"].children if "labels" in session.children else {}
        return writer.close(
            markers=tables.get("markers"),
            inputs=tables.get("inputs"),
            labels={coder: table.to_dataset() for coder, table in labels.items()},
            attrs={str(name): value for name, value in session.attrs.items()},
        )
