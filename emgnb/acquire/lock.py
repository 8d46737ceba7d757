"""One program at a time: a lock on a file, let go by the operating system when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Windows locks a stretch of bytes, and against reading, too: one far behind any journal's end.
_FAR = 1 << 48


@contextlib.contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock on a file that is there; nothing is written to it.

    Raises
    ------
    RuntimeError : another program holds it; `busy` says what it does
    """
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        try:
            _lock(file)
        except OSError:
            raise RuntimeError(busy) from None
        yield
    finally:
        os.close(file)


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
