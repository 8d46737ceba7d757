"""Sessions on object storage: list one once, and fetch its small objects together.

An object store has keys and no folders, and each request takes the time of a round trip. So a
session is listed when it is opened, and its metadata, names and tables are fetched in two rounds of
simultaneous requests. `RemotePath` then answers like `pathlib.Path`, without a request; samples are
fetched when they are used.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from zarr.storage import FsspecStore, StorePath, WrapperStore

from emgnb.recording._connections import zarr_store
from emgnb.recording.urls import METADATA, filesystem, last_name, told

# Maximum size of objects that are fetched when a session is opened (bytes, all together).
MOST_HELD = 64 << 20


class Size(Protocol):
    """Size of a file or an object, as `os.stat` returns it."""

    @property
    def st_size(self) -> int:
        """Return the number of bytes."""
        ...


class Place(Protocol):
    """What reading a session needs of a path; `pathlib.Path` and `RemotePath` have it."""

    @property
    def name(self) -> str:
        """Return the last part."""
        ...

    @property
    def parent(self) -> Place:
        """Return the folder."""
        ...

    def __truediv__(self, key: str, /) -> Place: ...

    def joinpath(self, *keys: str) -> Place:
        """Return a path below."""
        ...

    def iterdir(self) -> Iterable[Place]:
        """Return what lies directly below."""
        ...

    def glob(self, pattern: str, /) -> Iterable[Place]:
        """Return the paths below that match a pattern."""
        ...

    def is_dir(self) -> bool:
        """Return whether anything lies below."""
        ...

    def exists(self) -> bool:
        """Return whether there is a file or a folder."""
        ...

    def read_bytes(self) -> bytes:
        """Return the content."""
        ...

    def stat(self) -> Size:
        """Return the size."""
        ...


class Bytes(NamedTuple):
    """Size of an object."""

    st_size: int


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What lies below a URL, listed once.

    Attributes
    ----------
    url : without a slash at its end
    sizes : key below `url` → bytes
    held : key → content of the objects that were fetched
    """

    url: str
    sizes: Mapping[str, int]
    held: Mapping[str, bytes]
    _below: dict[str, dict[str, None]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.sizes:
            folder, _, name = key.rpartition("/")
            while name not in self._below.setdefault(folder, {}):
                self._below[folder][name] = None
                if not folder:
                    break
                folder, _, name = folder.rpartition("/")

    def names(self, folder: str) -> list[str]:
        """Return the names directly below a folder, sorted."""
        return sorted(self._below.get(folder, ()))

    def read(self, key: str) -> bytes:
        """Return the content of an object.

        Raises
        ------
        FileNotFoundError : there is none
        """
        if key in self.held:
            return self.held[key]
        if key not in self.sizes:
            raise FileNotFoundError(f"no {self.url}/{key}")
        fs, root = filesystem(self.url)
        with told(self.url):
            return bytes(fs.cat_file(f"{root}/{key}"))

    def store(self) -> SnapshotStore:
        """Return a store from which Zarr reads what was listed."""
        return SnapshotStore(zarr_store(self.url, read_only=True), self)


@dataclass(frozen=True)
class RemotePath:
    """A key on object storage, with the methods of `pathlib.Path` that `Place` lists."""

    snapshot: Snapshot
    key: str = ""

    def __str__(self) -> str:
        return f"{self.snapshot.url}/{self.key}".rstrip("/")

    def __truediv__(self, key: str, /) -> RemotePath:
        return RemotePath(self.snapshot, f"{self.key}/{key}".strip("/"))

    @property
    def name(self) -> str:
        """Return the last part."""
        return str(self).rpartition("/")[2]

    @property
    def parent(self) -> RemotePath:
        """Return the folder."""
        return RemotePath(self.snapshot, self.key.rpartition("/")[0])

    def joinpath(self, *keys: str) -> RemotePath:
        """Return a path below."""
        return self / "/".join(keys)

    def iterdir(self) -> Iterator[RemotePath]:
        """Return what lies directly below."""
        return (self / name for name in self.snapshot.names(self.key))

    def glob(self, pattern: str, /) -> Iterator[RemotePath]:
        """Return the paths below that match a pattern of names separated by slashes."""
        first, _, rest = pattern.partition("/")
        for each in self.iterdir():
            if fnmatch.fnmatchcase(each.name, first):
                if not rest:
                    yield each
                else:
                    yield from each.glob(rest)

    def is_dir(self) -> bool:
        """Return whether anything lies below."""
        return bool(self.snapshot.names(self.key))

    def exists(self) -> bool:
        """Return whether there is an object, or anything lies below."""
        return self.key in self.snapshot.sizes or self.is_dir()

    def read_bytes(self) -> bytes:
        """Return the object's content."""
        return self.snapshot.read(self.key)

    def stat(self) -> Bytes:
        """Return the object's size.

        Raises
        ------
        FileNotFoundError : no such object
        """
        if self.key not in self.snapshot.sizes:
            raise FileNotFoundError(f"no {self}")
        return Bytes(self.snapshot.sizes[self.key])


class SnapshotStore(WrapperStore[FsspecStore]):
    """Zarr store that answers from a snapshot, and fetches the objects that it does not hold."""

    def __init__(self, store: FsspecStore, snapshot: Snapshot) -> None:
        super().__init__(store)
        self._snapshot = snapshot

    def _with_store(self, store: FsspecStore) -> Self:
        return type(self)(store, self._snapshot)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return the content of an object, None if it was not listed.

        Raises
        ------
        FileNotFoundError : it was deleted since
        ConnectionError, PermissionError : see `told`
        """
        if byte_range is None and key in self._snapshot.held:
            return prototype.buffer.from_bytes(self._snapshot.held[key])
        if key not in self._snapshot.sizes:
            return None
        with told(self._snapshot.url):
            found = await self._store.get(key, prototype, byte_range)
        if found is None:
            raise FileNotFoundError(
                f"{self._snapshot.url}/{key} was deleted after the session was opened. Open it "
                "again: what is missing is then marked as lost"
            )
        return found

    async def exists(self, key: str) -> bool:
        """Return whether an object was listed."""
        return key in self._snapshot.sizes

    async def list(self) -> AsyncIterator[str]:
        """Return all keys that were listed."""
        for key in self._snapshot.sizes:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Return the keys that begin with a prefix."""
        for key in self._snapshot.sizes:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Return the names directly below a folder."""
        for name in self._snapshot.names(prefix.rstrip("/")):
            yield name


def listed(url: str, written: Mapping[str, bytes] | None = None) -> RemotePath:
    """List what lies below a URL, and fetch its metadata, names and tables.

    A thousand keys take one request; a day of eight channels at 1 kHz has three thousand.

    Parameters
    ----------
    url : of a session
    written : key → content of objects that are not written yet

    Raises
    ------
    FileNotFoundError, PermissionError, ConnectionError : see `told`
    """
    fs, root = filesystem(url)
    with told(url):
        fs.invalidate_cache()
        about = fs.find(root, detail=True)
        sizes = {
            key[len(root) + 1 :]: int(each.get("size") or 0)
            for key, each in about.items()
            if len(key) > len(root)
        }
        held = _fetched(fs, root, [key for key in sizes if last_name(key) == METADATA])
        held |= dict(written or {})
        sizes |= {key: len(content) for key, content in held.items()}
        arrays = _small(held)
        small = [key for key in sizes if key not in held and _folder_of_chunk(key) in arrays]
        if sum(sizes[key] for key in small) <= MOST_HELD:
            held |= _fetched(fs, root, small)
    return RemotePath(Snapshot(url, sizes, held))


def dataset_source(place: Place) -> dict[str, Any]:
    """Return the arguments with which xarray opens the group at a path."""
    if isinstance(place, RemotePath):
        return {"filename_or_obj": place.snapshot.store(), "group": place.key or None}
    return {"filename_or_obj": place}


def array_source(place: Place) -> Any:
    """Return what Zarr opens to read the array at a path."""
    return StorePath(place.snapshot.store(), place.key) if isinstance(place, RemotePath) else place


def below(place: Place, store: Place) -> str:
    """Return a path inside its session, such as `emg/signal`."""
    return str(place)[len(str(store)) :].replace(os.sep, "/").strip("/")


def _fetched(fs: Any, root: str, keys: list[str]) -> dict[str, bytes]:
    contents = fs.cat_ranges([f"{root}/{key}" for key in keys], None, None, on_error="raise")
    return {key: bytes(content) for key, content in zip(keys, contents, strict=True)}


def _small(held: Mapping[str, bytes]) -> set[str]:
    """Return the folders of arrays that are read when a session is opened: not the samples."""
    found = set()
    for key, content in held.items():
        with contextlib.suppress(ValueError, AttributeError, RecursionError):
            about = json.loads(content)
            dims = about.get("dimension_names") or ()
            folder = key.rpartition("/")[0]
            if about.get("node_type") == "array" and (
                "time" not in dims or last_name(folder) == "time"
            ):
                found.add(folder)
    return found


def _folder_of_chunk(key: str) -> str:
    """Return the array of a chunk, such as `emg/channel` of `emg/channel/c/0`."""
    return key.partition("/c/")[0] if "/c/" in key else key.removesuffix("/c")
