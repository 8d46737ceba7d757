"""Labels go to disk at every change, and never over what someone else wrote meanwhile."""

from __future__ import annotations

import errno
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from emgnb import recording

_REASONS = {
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT
    if hasattr(errno, "EDQUOT")
    else -1: "your share of the disk is used up: make room",
    errno.EROFS: "the disk is read-only: make it writable",
    errno.EACCES: "you may not write there: ask for the right to",
    errno.EPERM: "you may not write there: ask for the right to",
    errno.ENOENT: "the session is no longer there: put it back",
}


class Saver:
    """Writes a coder's newest table into a stored session, in a thread that ends when it has.

    Changes that come while it writes are written together, next. A kernel that shuts down in an
    orderly way finishes writing first.

    Parameters
    ----------
    path, coder : where the table belongs
    table : gives the newest one
    said : told after each attempt what went wrong, or None
    """

    def __init__(
        self,
        path: Path,
        coder: str,
        table: Callable[[], xr.Dataset],
        said: Callable[[Exception | None], None],
    ) -> None:
        self._path, self._coder, self._table, self._said = path, coder, table, said
        self._lock = threading.Lock()  # of the two below
        self._wanted = False
        self._thread: threading.Thread | None = None
        self._writing = threading.Lock()
        self._stamp = self._read_stamp()
        _before_the_end(weakref.WeakMethod(self.wait))

    @property
    def busy(self) -> bool:
        """Whether there is something that nobody began to write."""
        return self._wanted

    def ask(self) -> None:
        """Say that there is something new."""
        with self._lock:
            self._wanted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="emgnb labels")
                self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the thread is done; False when it took longer than `timeout` s."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        return self._thread is None

    def now(self) -> None:
        """Write at once.

        Raises
        ------
        OSError, RuntimeError : it cannot be written, or someone else wrote in between; in words
        """
        with self._writing:
            with self._lock:
                self._wanted = False
            self._write()

    def _write(self) -> None:
        if self._read_stamp() != self._stamp:
            raise RuntimeError(
                f"the labels of {self._coder} in {self._path} were changed by another program, "
                "or another cell, after this one read them. Nothing was overwritten. Run the "
                "cell again to go on from there; labeller.save('other.zarr') keeps what is here"
            )
        try:
            recording.add_labels(self._path, self._coder, self._table())
        except OSError as error:
            if error.errno not in _REASONS:
                raise
            raise OSError(
                f"{_REASONS[error.errno]} ({self._path}), then press Save. The labels are not "
                "stored yet, but nothing is lost while this notebook's kernel runs"
            ) from error
        self._stamp = self._read_stamp()

    def _run(self) -> None:
        while True:
            # Whoever waits here while `now` writes finds nothing left to do.
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
        """When the coder's table was last written."""
        try:
            return (self._path / "labels" / self._coder / "zarr.json").stat().st_mtime_ns
        except OSError:
            return None


def _before_the_end(wait: weakref.WeakMethod[Callable[[], bool]]) -> None:
    """Call `wait` while the interpreter, about to end, still can write.

    Zarr writes through `concurrent.futures`, which ends before threads do and before `atexit`. It
    is told of the end as is done here; who registers later is told earlier.
    """

    def finish() -> None:
        if (still := wait()) is not None:
            still()

    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        import concurrent.futures.thread  # noqa: F401

        register(finish)
