"""Write files and stores atomically, without overwriting existing ones.

A writer works in a hidden folder next to its target and moves the result into place when it is
complete. If a writer is killed, its hidden folder remains, and the next writer in the same parent
folder removes it. Each writer locks its folder, so that no other writer removes it while in use.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from emgnb._lock import alone

# Prefix of hidden folders.
PREFIX = ".emgnb-"
# Waits between attempts to rename (s): virus scanners and indexers hold new files open briefly.
PAUSES = (0.05, 0.1, 0.2, 0.4)
# Age from which a folder without a lock counts as abandoned (s); a younger one may be starting.
FORGOTTEN = 3600.0


class Workshop:
    """Hidden folder next to `target` for unfinished output.

    Attributes
    ----------
    whole : path to write to, a file or a folder; `finish` renames it to `target`
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        self._folder, self._lock = _held_folder(target.parent)
        self.whole = self._folder / "whole"

    def readable(self) -> Path:
        """Return what has been written so far."""
        return self.whole

    def finish(self) -> Path:
        """Flush all files to disk, then rename the output to its target.

        Raises
        ------
        FileExistsError : the target has been created in the meantime
        PermissionError : the system denies the rename
        """
        settle(self.whole)
        if self.whole.is_file():
            _appear(self.whole, self.target)
        else:
            _refuse_existing(self.target)
            try:
                moved(self.whole, self.target)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    _refuse_existing(self.target)
                raise
        settle_names(self.target.parent)
        self.close()
        return self.target

    def close(self) -> None:
        """Remove the hidden folder and its contents."""
        _clear(self._folder)
        self._lock.close()
        # Windows cannot remove open files, and the lock file was open.
        _clear(self._folder)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path for a file or folder; rename it to `path` when the block ends.

    If the block is interrupted, for example by a full disk or a killed process, `path` does not
    exist.

    Raises
    ------
    FileExistsError : `path` exists; existing files are never overwritten
    """
    beside = workshop(path)
    try:
        yield beside.whole
        beside.finish()
    finally:
        beside.close()


def workshop(path: str | os.PathLike[str]) -> Workshop:
    """Return a workshop to write the file or folder `path` in.

    Raises
    ------
    FileExistsError : `path` exists
    """
    target = Path(path)
    _refuse_existing(target)
    return Workshop(target)


def free_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` if it does not exist, otherwise the first free one of `…-2`, `…-3`, ….

    Examples
    --------
    >>> from pathlib import Path
    >>> from emgnb import recording
    >>> Path("report.html").touch()
    >>> recording.free_path("report.html").name
    'report-2.html'
    """
    wanted = Path(path)
    names = itertools.chain(
        [wanted], (wanted.with_stem(f"{wanted.stem}-{n}") for n in itertools.count(2))
    )
    return next(each for each in names if not each.exists())


def moved(source: Path, target: Path) -> None:
    """Rename, with retries while the system denies it, as Windows does for open files.

    Raises
    ------
    PermissionError : the system still denies it after the last retry
    """
    for pause in (*PAUSES, None):
        try:
            source.rename(target)
            return
        except PermissionError as error:
            if pause is None:
                raise PermissionError(
                    error.errno,
                    f"{target} cannot be written: permission denied. Is it open in another "
                    "program, or is the folder write-protected? Close it and save again. "
                    "Nothing was changed",
                ) from error
            time.sleep(pause)


def settle(path: Path) -> None:
    """Flush a file, or all files in a folder, to disk (fsync)."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    for each in files:
        file = os.open(each, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(file)
        finally:
            os.close(file)


def settle_names(folder: Path) -> None:
    """Flush the directory entries of a folder to disk, where the system supports it."""
    # Windows cannot open folders, and some network drives cannot flush them.
    with contextlib.suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def sweep(parent: Path) -> None:
    """Remove hidden folders of killed writers."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, RuntimeError):
            if (folder / "lock").exists():
                with alone(folder / "lock", "still written"):
                    _clear(folder)
                _clear(folder)
            elif time.time() - folder.stat().st_mtime > FORGOTTEN:
                _clear(folder)
            else:
                folder.rmdir()  # only if it is empty; who was just making it makes another


def _clear(folder: Path) -> None:
    """Remove a folder, its lock last: if this is interrupted, the next writer goes on."""
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            elif each.name != "lock":
                each.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _held_folder(parent: Path) -> tuple[Path, contextlib.ExitStack]:
    """Create a hidden folder and hold its lock, if the file system supports locks."""
    stack = contextlib.ExitStack()
    for _ in range(3):
        folder = parent / f"{PREFIX}{secrets.token_hex(4)}"
        folder.mkdir()
        # Another process may sweep the folder before the lock is held.
        with contextlib.suppress(OSError, RuntimeError):
            (folder / "lock").touch()
            stack.enter_context(alone(folder / "lock", "swept"))
            if (folder / "lock").exists():
                return folder, stack
        _clear(folder)
    folder.mkdir()
    (folder / "without lock").touch()  # an empty folder counts as abandoned
    return folder, stack


def _appear(source: Path, target: Path) -> None:
    """Move a file to its target without overwriting, as a plain rename would."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        _refuse_existing(target)
        raise
    except OSError:
        # The file system has no hard links, such as FAT on a USB stick.
        _refuse_existing(target)
        moved(source, target)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise FileExistsError(
            f"{target} exists and is not overwritten. Choose another name, or delete it first"
        )
