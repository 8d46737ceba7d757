"""Wait for something to be so, instead of for a time."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

# Seconds: a loaded machine is slow, a hung one never comes.
PATIENCE = 180.0


def until(true: Callable[[], Any], *, patience: float = PATIENCE, every: float = 0.02) -> Any:
    """Wait until `true` gives something true, and return that."""
    deadline = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < deadline, f"not so after {patience:.0f} s"
        time.sleep(every)
    return found


@contextlib.contextmanager
def ctrl_c_heard() -> Iterator[None]:
    """What is started meanwhile hears Ctrl-C, though the tests may run in the background.

    A shell starts background jobs with SIGINT ignored, and children inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
