"""Lock a file for one program; the operating system releases the lock when the program dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Offset of the locked byte. Windows also blocks reading it, so it is beyond any journal's end.
_FAR = 1 << 48


@contextlib.contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock on an existing file; nothing is written to it.

    Raises
    ------
    RuntimeError : another program holds the lock; `busy` is the message
    """
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        try:
            _lock(file)
        except OSError as error:
            # A file system without locks is used without one.
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
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
