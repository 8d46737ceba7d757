"""Call a function again and again in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Repeat:
    """Call `action` until closed; it returns the seconds to wait before the next call."""

    def __init__(self, action: Callable[[], float]) -> None:
        self._action = action
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="emgnb-output", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            self._wake.wait(self._action())

    def wake(self) -> None:
        """Call the function now, without waiting for it."""
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
