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
from typing import overload

import xarray as xr
import zarr

from emgnb._lock import alone
from emgnb.recording import _reading, checks
from emgnb.recording._writing import ALL_STORED, TABLE, plain, write_node
from emgnb.recording.arguments import need_positive, need_table
from emgnb.recording.files import Workshop, moved, settle, settle_names
from emgnb.recording.places import local_store, store_at
from emgnb.recording.remote import Place
from emgnb.recording.uploading import workshop
from emgnb.recording.urls import located

# Maximum number of attempts to read a session while its label tables are being replaced.
READINGS = 10


@overload
def save(session: xr.DataTree, path: Path) -> Path: ...
@overload
def save(session: xr.DataTree, path: str | os.PathLike[str]) -> Path | str: ...
def save(session: xr.DataTree, path: str | os.PathLike[str]) -> Path | str:
    """Write a session as one Zarr store, a minute at a time, to disk or to object storage.

    Dask arrays are computed as they are written, on all cores or by the active `dask.distributed`
    client, whose workers must have access to the same file system. The store appears under its
    name when it is completely on disk.

    Object storage cannot rename. There, the session's own `zarr.json` is the last object written,
    and without it there is no session: after an interruption, `open` says that the upload is
    unfinished, and `remove_unfinished` deletes what is left of it.

    Parameters
    ----------
    session : see `make`
    path : folder to create, by convention `….zarr`, or a URL that fsspec supports, such as
        "s3://bucket/study/p01.zarr" (`pip install emgnb[remote]`)

    Returns
    -------
    `path`

    Raises
    ------
    FileExistsError : `path` exists; existing sessions are never overwritten
    ValueError : the session violates the data model
    ImportError : the package for this kind of storage is missing
    FileNotFoundError : no such bucket
    PermissionError, ConnectionError : the object storage denies access, or does not answer

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> path = recording.save(simulate.face(duration=4), "example.zarr")
    >>> recording.open(path)["emg/signal"].sizes["channel"]
    8
    """
    checks.check(session)
    beside = workshop(path)
    try:
        whole = beside.whole
        zarr.create_group(whole, attributes={**plain(session.attrs), **ALL_STORED}, zarr_format=3)
        for node in session.subtree:
            if node.path != "/":
                write_node(whole, node.path, node.to_dataset(inherit=False))
        return beside.finish()
    finally:
        beside.close()


def save_table(table: xr.Dataset, path: str | os.PathLike[str]) -> Path | str:
    """Write a Dataset, such as a table of features, as one Zarr store; `xarray.open_zarr` reads it.

    As a session, it appears when it is complete, and an interrupted one does not open. Dask arrays
    are computed as they are written.

    Parameters
    ----------
    table : labels and numbers, along any dimensions
    path : folder to create, by convention `….zarr`, or a URL, see `save`

    Returns
    -------
    `path`

    Raises
    ------
    FileExistsError : `path` exists
    FileNotFoundError, PermissionError, ConnectionError, ImportError : see `save`

    Examples
    --------
    >>> import xarray as xr
    >>> from emgnb import features, recording, simulate, windows
    >>> table = features.extract(windows.cut(simulate.face(duration=4)), "hudgins")
    >>> path = recording.save_table(table, "features.zarr")
    >>> xr.open_zarr(path, consolidated=False).sizes["channel"]
    8
    """
    beside = workshop(path)
    try:
        write_node(beside.whole, "/", table.assign_attrs(TABLE))
        return beside.finish()
    finally:
        beside.close()


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
    path : a store written by `save` or a recorder, or the folder of one recording; or a URL that
        fsspec supports, such as "s3://bucket/study/p01.zarr" (`pip install emgnb[remote]`). The
        objects there are listed once, when the session is opened
    chunks : s; if given, samples are dask arrays in chunks of that length (300 suits 8 channels at
        1 kHz). Filters, bursts, windows and features then work on recordings larger than memory,
        on all cores, or on a cluster if a `dask.distributed` client is active. Requires
        `pip install emgnb[long]`
    check : read every sample once. Damaged parts then are NaN and invalid, and listed in `faults`

    Raises
    ------
    FileNotFoundError, ValueError : `path` does not exist, or is not a session, or an unfinished
        upload of one
    ImportError : `chunks` is given, but dask is not installed, or the package for a kind of object
        storage is missing
    PermissionError, ConnectionError : the object storage denies access, or does not answer. Samples
        are read later, and reading them can raise these errors, too

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


def _tables(store: Place) -> dict[str, tuple[int, int]]:
    """Return an identifier of each coder's current table, to detect replacement."""
    found: dict[str, tuple[int, int]] = {}
    if not isinstance(store, Path):
        return found  # listed once, and never replaced
    for coder, folder in _reading.tables(store).items():
        assert isinstance(folder, Path)
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
    ValueError : the name contains a slash, the table violates the data model, an event lies
        outside the recording, or the session is on object storage
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
    place = located(path)
    if isinstance(place, str):
        raise ValueError(
            f"{place} is on object storage, which cannot replace a table in one step. Add the "
            "labels to a copy on disk (recording.save), and save that under another name"
        )
    store = local_store(place)
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
