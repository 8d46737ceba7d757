"""Convert times of the browser's clock to the kernel's clock.

On one computer both clocks are the same; through a hub they differ. A message arrives no earlier
than it is sent, and neither does its answer, so each exchange bounds the offset from both sides (as
in NTP, RFC 5905). The narrowest bounds of the last minute are used.
"""

from __future__ import annotations

import threading
import time
from collections import deque

# Number of exchanges kept, about one minute.
RECENT = 120
# Resolution of time stamps in a browser (s).
GRAIN = 0.001


class BrowserClock:
    """Offset of a browser's clock from the kernel's, with its uncertainty."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._lock = threading.Lock()

    def exchange(self, sent: float, there: float, back: float) -> None:
        """Add an exchange: `sent` and `back` (s) on this clock, `there` (s) on the browser's."""
        with self._lock:
            self._recent.append((there - back, there + GRAIN - sent))

    def ago(self, there: float, heard: float | None = None) -> tuple[float, float]:
        """Return how long ago a time on the browser's clock was, and the uncertainty, in s.

        Parameters
        ----------
        there : time on the browser's clock, s
        heard : time on this clock when the message arrived, s; by default now
        """
        heard = time.time() if heard is None else heard
        with self._lock:
            if not self._recent:  # assume the same clock, so the difference is the delay
                late = max(heard - there, 0.0)
                return late, late + GRAIN
            # The message arrived after the event, which also bounds the offset.
            lower = max(there - heard, *(low for low, _ in self._recent))
            upper = min(high for _, high in self._recent)
            if upper < lower:  # a clock was adjusted
                self._recent.clear()
                upper = lower = there - heard
        return max(heard - there + (lower + upper) / 2, 0.0), (upper - lower) / 2 + GRAIN
