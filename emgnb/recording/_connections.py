"""Give Zarr the connections that fsspec has already.

Zarr works in an event loop of its own. `FsspecStore.from_url` therefore makes a second client with
further connections, which are never closed: "Unclosed client session" at the end of the program.
Here, Zarr's calls are awaited in the loop that has the connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from zarr.storage import FsspecStore

from emgnb.recording.urls import filesystem, told


@dataclass(frozen=True)
class InItsLoop:
    """Asynchronous methods of a file system, for callers in another event loop."""

    fs: Any
    async_impl = asynchronous = True

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name.startswith("__"):  # copying and pickling look for such methods
            raise AttributeError(name)
        method = getattr(self.fs, name)

        async def call(*given: Any, **options: Any) -> Any:
            there = asyncio.run_coroutine_threadsafe(method(*given, **options), self.fs.loop)
            return await asyncio.wrap_future(there)

        return call


def zarr_store(url: str, *, read_only: bool = False) -> FsspecStore:
    """Return Zarr's store of a URL.

    Raises
    ------
    ImportError, ValueError : see `filesystem`
    PermissionError, ConnectionError : see `told`
    """
    fs, root = filesystem(url)
    with told(url):
        if fs.async_impl:
            return FsspecStore(InItsLoop(fs), path=root, read_only=read_only)
        return FsspecStore.from_url(url, read_only=read_only)
