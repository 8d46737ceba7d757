"""Save and open sessions: one Zarr v3 store each, read lazily, written in bounded memory.

Signals are stored in chunks of 60 s, channel by channel within a chunk, compressed by bitshuffle
and lz4, with a checksum, and as 16-bit counts where the converter's step is known. A uniform `time`
is not stored: its start and step are attributes of the node, from which `open` computes it. A store
appears under its name only when it is complete, and never replaces an existing one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import xarray as xr
import zarr

from emgnb._lock import alone
from emgnb.recording import _reading, checks
from emgnb.recording._writing import ALL_STORED, plain, write_node
from emgnb.recording.arguments import need_positive, need_table
from emgnb.recording.files import Workshop, atomic_path, moved, settle, settle_names
from emgnb.recording.places import store_at

# Maximum number of attempts to read a session while its label tables are being replaced.
READINGS = 10


def save(session: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a session as one Zarr store, a minute at a time.

    Dask arrays are computed as they are written, on all cores or by the active `dask.distributed`
    client, whose workers must have access to the same file system. The store appears under its
    name when it is completely on disk.

    Parameters
    ----------
    session : see `make`
    path : folder to create, by convention `….zarr`

    Raises
    ------
    FileExistsError : `path` exists; existing sessions are never overwritten
    ValueError : the session violates the data model

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> path = recording.save(simulate.face(duration=4), "example.zarr")
    >>> recording.open(path)["emg/signal"].sizes["channel"]
    8
    """
    checks.check(session)
    with atomic_path(path) as beside:
        zarr.create_group(beside, attributes={**plain(session.attrs), **ALL_STORED}, zarr_format=3)
        for node in session.subtree:
            if node.path != "/":
                write_node(beside, node.path, node.to_dataset(inherit=False))
    return Path(path)


def open(
    path: str | os.PathLike[str], *, chunks: float | None = None, check: bool = False
) -> xr.DataTree:
    """Open a session lazily: samples are read when they are used, event tables at once.

    Samples whose files are missing, for example after an interrupted copy, are NaN and invalid, and
    are listed in the session's `faults` (`recording.known_faults(session)`). Reading a damaged file
    raises a ValueError that names it. If a label table is replaced while the session is read, the
    session is read again, so each table is either the old or the new one.

    Parameters
    ----------
    path : a store written by `save` or a recorder, or the folder of one recording
    chunks : s; if given, samples are dask arrays in chunks of that length (300 suits 8 channels at
        1 kHz). Filters, bursts, windows and features then work on recordings larger than memory,
        on all cores, or on a cluster if a `dask.distributed` client is active. Requires
        `pip install emgnb[long]`
    check : read every sample once. Damaged parts then are NaN and invalid, and listed in `faults`

    Raises
    ------
    FileNotFoundError, ValueError : `path` does not exist, or is not a session
    ImportError : `chunks` is given, but dask is not installed

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> path = recording.save(simulate.face(duration=4), "P07.zarr")
    >>> session = recording.open(path)
    >>> part = session["emg/signal"].sel(time=slice(1.0, 2.0))  # only this second is read
    >>> round(float(part.time[-1]))
    2
    """
    if chunks is not None:
        need_positive(chunks=chunks)
    store = store_at(path)
    for _ in range(READINGS):
        before = _tables(store)
        try:
            opened = _reading.read(store, chunks, check=check)
        except ValueError:
            if _tables(store) == before:
                raise
            continue
        if _tables(store) == before:
            return opened
    raise ValueError(f"the labels in {store} keep changing. Try again")


def _tables(store: Path) -> dict[str, tuple[int, int]]:
    """Return an identifier of each coder's current table, to detect replacement."""
    found = {}
    for coder, folder in _reading.tables(store).items():
        with contextlib.suppress(FileNotFoundError):
            about = (folder / "zarr.json").stat()
            found[coder] = (about.st_ino, about.st_mtime_ns)
    return found


def add_labels(path: str | os.PathLike[str], coder: str, table: xr.Dataset) -> None:
    """Write a coder's event table into a stored session, replacing that coder's earlier one.

    If the write is interrupted, the session holds either the earlier table or the new one.

    Parameters
    ----------
    path : a store written by `save` or a recorder, or the folder of one recording
    coder : name of the labels' author; tables of other coders are unchanged
    table : events, see `labels.events`

    Raises
    ------
    TypeError : not a table
    ValueError : the name contains a slash, the table violates the data model, or an event lies
        outside the recording
    PermissionError : the session is write-protected, or its files are open in another program
    RuntimeError : another program is writing labels into this session

    Examples
    --------
    >>> from emgnb import labels, recording, simulate
    >>> path = recording.save(simulate.face(duration=4), "coded.zarr")
    >>> recording.add_labels(path, "Ann", labels.events([2.0], [2.8], au="12", intensity="C"))
    >>> recording.open(path)["labels/Ann/au"].values
    array(['12'], dtype='<U2')
    """
    table = need_table(table, f"labels/{coder}", "labels.events(onset, offset)")
    store = store_at(path)
    checks.check_labels(open(store), coder, table)
    busy = f"another program is writing labels to {store}. Try again"
    beside = Workshop(store)
    try:
        write_node(beside.whole, f"/labels/{coder}", table)
        settle(beside.whole)
        with alone(store / "zarr.json", busy):
            _replace(store, coder, beside.whole / "labels" / coder)
    finally:
        beside.close()


def _replace(store: Path, coder: str, new: Path) -> None:
    """Move a table into place.

    A folder cannot be replaced in one step. So the earlier table is first renamed to a name that
    `open` also reads.
    """
    place, waiting = store / "labels" / coder, _reading.replaced_path(store, coder)
    if not place.parent.exists():
        zarr.open_group(store, mode="a").require_group("labels")
    if place.exists():
        _removed(waiting)
        moved(place, waiting)
    try:
        moved(new, place)
    except BaseException:
        if waiting.exists():
            with contextlib.suppress(OSError):
                waiting.rename(place)
        raise
    settle_names(place.parent)
    # If another program has it open, it stays until the next write; it is not read.
    shutil.rmtree(waiting, ignore_errors=True)


def _removed(waiting: Path) -> None:
    shutil.rmtree(waiting, ignore_errors=True)
    if waiting.exists():
        raise PermissionError(
            f"{waiting} cannot be removed. Is it open in another program? Close it and "
            "save again. Nothing was changed"
        )
