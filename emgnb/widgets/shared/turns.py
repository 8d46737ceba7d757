"""Let a widget's threads run beside a busy cell."""

from __future__ import annotations

import sys
import threading

# Thread switch interval while something is shown live (s). A frame takes several thread switches;
# with Python's default of 0.005 s, a cell of pure Python code halves the frame rate.
TURN = 0.001


class Turns:
    """Context manager with a shorter thread switch interval; it can be nested.

    Parameters
    ----------
    interval : s, the longest that a thread runs while another waits
    """

    def __init__(self, interval: float = TURN) -> None:
        self._interval = interval
        self._lock, self._inside, self._usual = threading.Lock(), 0, sys.getswitchinterval()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._interval, self._usual))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._usual)


SHORT_TURNS = Turns()
