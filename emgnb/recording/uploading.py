"""Write sessions to object storage, so that an interrupted one does not open.

An object store cannot rename, so a session cannot be written under another name first. Instead, an
object `.emgnb-unfinished` claims the place, chunks are written as they come, and the metadata stays
in memory until the end. The session's own `zarr.json` is the last object written: without it there
is no session, and until then `recording.open` says that the upload is unfinished. S3, Google Cloud
Storage and Azure show an object as soon as it is written, and whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Self

from zarr.abc.store import Store
from zarr.storage import FsspecStore, StorePath, WrapperStore

from emgnb.recording import files
from emgnb.recording._connections import zarr_store
from emgnb.recording.remote import Place, listed
from emgnb.recording.urls import (
    METADATA,
    UNFINISHED,
    filesystem,
    holds_objects,
    last_name,
    located,
    names_below,
    wrote_first,
)
from emgnb.recording.urls import told as explained_by_server

CLAIM = "emgnb writes a session here. It is complete when zarr.json exists.\n"


class HeldBack(WrapperStore[FsspecStore]):
    """Zarr store for a new session: chunks are written, metadata is kept until `Upload.finish`.

    Nobody else writes below the URL, so what was not written here does not exist: no requests.

    Parameters
    ----------
    store : where chunks are written
    url : for messages
    kept : key → metadata, which this store fills
    """

    def __init__(self, store: FsspecStore, url: str, kept: dict[str, Any]) -> None:
        super().__init__(store)
        self._url = url
        self.kept = kept
        self._written: set[str] = set()

    def _with_store(self, store: FsspecStore) -> Self:
        return type(self)(store, self._url, self.kept)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return kept metadata, or a chunk that was written; otherwise None."""
        if key in self.kept:
            return self.kept[key]
        if key not in self._written:
            return None
        with explained_by_server(self._url):
            return await self._store.get(key, prototype, byte_range)

    async def exists(self, key: str) -> bool:
        """Return whether a key was written."""
        return key in self.kept or key in self._written

    async def list(self) -> AsyncIterator[str]:
        """Return all keys that were written."""
        for key in {*self.kept, *self._written}:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Return the keys that begin with a prefix."""
        for key in {*self.kept, *self._written}:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Return the names directly below a folder."""
        folder = f"{prefix.strip('/')}/".lstrip("/")
        keys = {*self.kept, *self._written}
        for name in {key[len(folder) :].split("/")[0] for key in keys if key.startswith(folder)}:
            yield name

    async def set(self, key: str, value: Any) -> None:
        """Keep metadata, write anything else.

        Raises
        ------
        ConnectionError, PermissionError, FileNotFoundError : see `urls.told`
        """
        if last_name(key) == METADATA:
            self.kept[key] = value
            return
        with explained_by_server(self._url):
            await self._store.set(key, value)
        self._written.add(key)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        """Write a key that does not exist."""
        if not await self.exists(key):
            await self.set(key, value)

    async def _set_many(self, values: Iterable[tuple[str, Any]]) -> None:
        await Store._set_many(self, values)


class Upload:
    """Session on object storage that is being written; the counterpart of `files.Workshop`.

    Attributes
    ----------
    whole : path for Zarr to write to

    Raises
    ------
    FileExistsError : the place holds a session, an unfinished one, or anything else
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._root = filesystem(url)
        _claim(self._fs, self._root, url)
        self._open = True
        self._kept: dict[str, Any] = {}
        self.whole = StorePath(HeldBack(zarr_store(url), url, self._kept))

    def readable(self) -> Place:
        """Return what has been written so far, with the metadata that is still in memory."""
        return listed(self.url, {key: value.to_bytes() for key, value in self._kept.items()})

    def finish(self) -> str:
        """Write the metadata, that of the session last; then the session exists."""
        rest = {key: value.to_bytes() for key, value in self._kept.items()}
        last = rest.pop(METADATA)
        with explained_by_server(self.url):
            self._fs.pipe({f"{self._root}/{key}": content for key, content in rest.items()})
            self._fs.pipe_file(f"{self._root}/{METADATA}", last)
            self._open = False
            # The session is complete, with or without the claim.
            with contextlib.suppress(Exception):
                self._fs.rm_file(f"{self._root}/{UNFINISHED}")
            self._fs.invalidate_cache()
        return self.url

    def close(self) -> None:
        """Remove what was written, unless `finish` has completed it."""
        if self._open:
            self._open = False
            # Without a connection it stays, and is not a session.
            with contextlib.suppress(Exception):
                self._fs.invalidate_cache()
                self._fs.rm(self._root, recursive=True)


def workshop(path: str | os.PathLike[str]) -> files.Workshop | Upload:
    """Return what a session is written with, at a path or a URL.

    Raises
    ------
    FileExistsError : something is there
    """
    place = located(path)
    return Upload(place) if isinstance(place, str) else files.workshop(place)


def remove_unfinished(url: str) -> int:
    """Delete what an interrupted upload has left, and return the number of objects.

    Make sure that no program is still writing there. A session that opens is never deleted.

    Parameters
    ----------
    url : the place that the interrupted `save` was to write, such as "s3://bucket/study/p01.zarr"

    Raises
    ------
    FileExistsError : the session there is complete
    FileNotFoundError : no unfinished session is there
    ValueError : not a URL

    Examples
    --------
    >>> import fsspec
    >>> from emgnb import recording
    >>> fsspec.filesystem("memory").pipe("/lab/p01.zarr/.emgnb-unfinished", b"")
    >>> recording.remove_unfinished("memory://lab/p01.zarr")
    1
    """
    place = located(url)
    if isinstance(place, Path):
        raise ValueError(
            f"{place} is not on object storage: on disk, the next writer in the same folder "
            "removes what an interrupted one has left"
        )
    names = names_below(place)
    if METADATA in names:
        raise FileExistsError(f"{place} holds a complete session, which is not deleted")
    if UNFINISHED not in names:
        raise FileNotFoundError(f"no unfinished session at {place}: nothing was deleted")
    fs, root = filesystem(place)
    with explained_by_server(place):
        count = len(fs.find(root))
        fs.rm(root, recursive=True)
        fs.invalidate_cache()
    return count


def _claim(fs: Any, root: str, url: str) -> None:
    """Create the object that claims a place, unless anything is there.

    The claim is written only if it does not exist, and the place is listed afterwards: of two
    writers that begin at once, one fails.
    """
    _need_free(names_below(url), url)
    if not wrote_first(f"{url}/{UNFINISHED}", (CLAIM + secrets.token_hex(8)).encode()):
        _need_free([UNFINISHED], url)
    if holds_objects(url):
        with contextlib.suppress(Exception):
            fs.rm_file(f"{root}/{UNFINISHED}")
        _need_free(names_below(url), url)


def _need_free(names: list[str], url: str) -> None:
    if METADATA in names:
        raise FileExistsError(
            f"{url} exists and is not overwritten. Choose another name, or delete it first"
        )
    if UNFINISHED in names:
        raise FileExistsError(
            f"{url} holds an unfinished session: its upload is still running, or was interrupted. "
            "If nothing writes there any more, delete what it left with "
            f"recording.remove_unfinished({url!r}), and save again"
        )
    if names and holds_objects(url):
        raise FileExistsError(
            f"{url} holds other objects, such as {names[0]}. Choose another name for the session"
        )
