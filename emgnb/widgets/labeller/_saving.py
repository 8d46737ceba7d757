"""Store labels at every change, without overwriting changes by other programs."""

from __future__ import annotations

import errno
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from emgnb import recording

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT if hasattr(errno, "EDQUOT") else -1: "your disk quota is used up: free some space",
    errno.EROFS: "the disk is read-only: make it writable",
    errno.EACCES: "no permission to write: ask for write permission",
    errno.EPERM: "no permission to write: ask for write permission",
    errno.ENOENT: "the session no longer exists: restore it",
}


class Saver:
    """Write a coder's current table to a stored session, in a thread that ends when it is done.

    Changes made during a write are written together in the next one. When the kernel shuts down
    normally, writing is completed first.

    Parameters
    ----------
    path, coder : stored session and name of the coder
    table : returns the current table
    said : called after each attempt with an exception, or None
    """

    def __init__(
        self,
        path: Path,
        coder: str,
        table: Callable[[], xr.Dataset],
        said: Callable[[Exception | None], None],
    ) -> None:
        self._path, self._coder, self._table, self._said = path, coder, table, said
        self._lock = threading.Lock()  # protects the next two attributes
        self._wanted = False
        self._thread: threading.Thread | None = None
        self._writing = threading.Lock()
        self._stamp = self._read_stamp()
        _before_the_end(weakref.WeakMethod(self.wait))

    @property
    def busy(self) -> bool:
        """Whether a change is waiting to be written."""
        return self._wanted

    def ask(self) -> None:
        """Request a write of the current table."""
        with self._lock:
            self._wanted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="emgnb labels")
                self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the thread is done; return False after `timeout` s."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        return self._thread is None

    def now(self) -> None:
        """Write at once.

        Raises
        ------
        OSError, RuntimeError : the table cannot be written, or another program has changed it
        """
        with self._writing:
            with self._lock:
                self._wanted = False
            self._write()

    def _write(self) -> None:
        if self._read_stamp() != self._stamp:
            raise RuntimeError(
                f"the labels of {self._coder} in {self._path} were changed by another program or "
                "cell after this labeller read them. Nothing was overwritten. Run the cell again "
                "to continue with the stored labels; labeller.save('other.zarr') stores these"
            )
        try:
            recording.add_labels(self._path, self._coder, self._table())
        except OSError as error:
            if error.errno not in _REASONS:
                raise
            raise OSError(
                f"{_REASONS[error.errno]} ({self._path}), then press “Save labels”. The labels are "
                "not stored yet, but they are kept while the kernel of this notebook runs"
            ) from error
        self._stamp = self._read_stamp()

    def _run(self) -> None:
        while True:
            # After waiting for `now`, there is nothing left to write.
            with self._writing:
                with self._lock:
                    if not self._wanted:
                        self._thread = None
                        return
                    self._wanted = False
                try:
                    self._write()
                except Exception as error:
                    found: Exception | None = error
                else:
                    found = None
            self._said(found)

    def _read_stamp(self) -> int | None:
        """Return the time of the last write of the coder's table."""
        try:
            return (self._path / "labels" / self._coder / "zarr.json").stat().st_mtime_ns
        except OSError:
            return None


def stored(path: Path | None, *, failed: bool, busy: bool) -> tuple[str, str]:
    """Describe whether the labels are stored, and return the kind of the description."""
    if path is None:
        return "in this notebook only; to store: labeller.save('labelled.zarr')", "memory"
    if failed:
        return "not stored", "bad"
    return ("storing …", "busy") if busy else (f"stored in {path.name}", "stored")


def _before_the_end(wait: weakref.WeakMethod[Callable[[], bool]]) -> None:
    """Call `wait` when the interpreter exits, while Zarr can still write.

    Zarr writes through `concurrent.futures`, which shuts down before threads and `atexit` handlers.
    It registers in the same way as this function; handlers registered later are called earlier.
    """

    def finish() -> None:
        if (still := wait()) is not None:
            still()

    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        import concurrent.futures.thread  # noqa: F401

        register(finish)
