"""Stop a recording in bounded time, even if orders are lost or the recorder hangs."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from emgnb.acquire.record import _control
from emgnb.acquire.record import health as healths
from emgnb.acquire.record.health import Health

# Time (s) after which the order is repeated, the process is signalled, and waiting ends.
AGAIN, SIGNAL, GIVE_UP = 2.0, 15.0, 60.0
# Time limit (s) for writing the session: a constant, plus one second per this many bytes.
CONVERTING, BYTES_A_SECOND = 120.0, 200_000
# Interval (s) between looks at the recorder's health.
_PAUSE = 0.02


def stop(
    folder: Path,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Health:
    """Order a recorder to stop, and wait until it has finished.

    Parameters
    ----------
    folder : the recording's own
    clock, pause : functions that return the time (s), and wait a number of seconds

    Returns
    -------
    the last health, "stopped" or "failed"

    Raises
    ------
    FileNotFoundError : no recording there
    RuntimeError : the recorder was killed
    TimeoutError : it does not react, or writing the session takes longer than plausible
    """
    order = _Order(folder, clock())
    converting_since: float | None = None
    while True:
        found = healths.read(folder)
        if found is None:
            raise FileNotFoundError(f"no recording in {folder}")
        if found.state in healths.OVER:
            return found
        if not found.is_alive:
            raise RuntimeError(
                f"the recorder of {folder} was killed after {found.seconds:.0f} s. The "
                f"recorded data is safe: acquire.recover({str(folder)!r})"
            )
        now = clock()
        if found.state == healths.CONVERTING:
            converting_since = now if converting_since is None else converting_since
            _check_converting(folder, found, now - converting_since)
        else:
            order.give(found, now)
        pause(_PAUSE)


class _Order:
    """The order to stop: written, repeated, and finally sent as a signal to the process."""

    def __init__(self, folder: Path, begin: float) -> None:
        self._folder = folder
        self._begin = self._next = begin
        self._signalled = False

    def give(self, found: Health, now: float) -> None:
        """Write, repeat or signal, whichever is due."""
        if now - self._begin > GIVE_UP:
            raise TimeoutError(
                f"the recorder of {self._folder} (process {found.pid}) has not reacted for "
                f"{GIVE_UP:.0f} s. The recorded data is safe: end that process, then call "
                f"acquire.recover({str(self._folder)!r})"
            )
        written = True
        if now >= self._next:
            self._next = now + AGAIN
            try:
                _control.append(self._folder, "stop")
            except OSError:
                written = False
        if not self._signalled and (not written or now - self._begin > SIGNAL):
            self._signalled = True
            _signal(found.pid)


def _check_converting(folder: Path, found: Health, seconds: float) -> None:
    most = CONVERTING + found.bytes / BYTES_A_SECOND
    if seconds > most:
        raise TimeoutError(
            "the recording is over, but its session has not been written within "
            f"{most:.0f} s. Call stop() to wait longer, or end process {found.pid} and "
            f"then call acquire.recover({str(folder)!r})"
        )


def _signal(pid: int) -> None:
    # The recorder handles the signal as an order to stop; on Windows it would be killed.
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)
