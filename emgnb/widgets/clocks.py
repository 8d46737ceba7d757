"""What a browser's clock says of a moment, in terms of the kernel's.

Where both run on one computer they read one clock; through a hub they do not. A message from here
arrives there no earlier than it was sent, and the answer likewise, so each exchange bounds the
difference from both sides (as NTP does, RFC 5905); the narrowest bounds of the last minute hold.
"""

from __future__ import annotations

import threading
import time
from collections import deque

# Exchanges that are kept, a minute of them.
RECENT = 120
# s to which a browser gives the time.
GRAIN = 0.001


class BrowserClock:
    """The difference between a browser's clock and this one, and how surely it is known."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._lock = threading.Lock()

    def exchange(self, sent: float, there: float, back: float) -> None:
        """Take note: sent at `sent` here, read as `there` there, and heard at `back` here; s."""
        with self._lock:
            self._recent.append((there - back, there + GRAIN - sent))

    def ago(self, there: float, heard: float | None = None) -> tuple[float, float]:
        """How long ago a moment of the browser's clock was, and how far off that may be, in s.

        Parameters
        ----------
        there : the moment, s on the browser's clock
        heard : s on this clock when the moment was heard of; by default now
        """
        heard = time.time() if heard is None else heard
        with self._lock:
            if not self._recent:  # taken for one clock; then it was heard late by as much
                late = max(heard - there, 0.0)
                return late, late + GRAIN
            # The moment was over when it was heard of: that, too, bounds the difference.
            lower = max(there - heard, *(low for low, _ in self._recent))
            upper = min(high for _, high in self._recent)
            if upper < lower:  # a clock was set
                self._recent.clear()
                upper = lower = there - heard
        return max(heard - there + (lower + upper) / 2, 0.0), (upper - lower) / 2 + GRAIN
