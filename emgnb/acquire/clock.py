"""Read a monotonic host clock that is shared by all processes."""

from __future__ import annotations

import sys
import time

# Both are comparable between processes; time.monotonic_ns steps by 16 ms on Windows.
host_ns = time.perf_counter_ns if sys.platform == "win32" else time.monotonic_ns
