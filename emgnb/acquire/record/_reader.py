"""Read a port in a thread, time-stamp its data, and reopen the port after it was unplugged."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from emgnb.acquire.clock import host_ns
from emgnb.acquire.ports.opening import open_port
from emgnb.acquire.ports.port import Port, PortLost, with_options

# Interval (s) between attempts to reopen a lost port.
RETRY_EVERY = 1.0


class Chunk(NamedTuple):
    """Bytes read together, and their time stamp."""

    data: bytes
    mono_ns: int
    utc_ns: int


class Event(NamedTuple):
    """A change of the port: "lost", "back" or "ended"."""

    what: str
    message: str
    mono_ns: int


class Queue:
    """Chunks and events from the reader to the thread that writes them to disk."""

    def __init__(self) -> None:
        self._items: deque[Chunk | Event] = deque()
        self._new = threading.Event()

    @property
    def bytes(self) -> int:
        """Bytes that wait to be written."""
        return sum(len(item.data) for item in list(self._items) if isinstance(item, Chunk))

    def append(self, item: Chunk | Event) -> None:
        """Append an item, and wake the thread that waits."""
        self._items.append(item)
        self._new.set()

    def wait(self, seconds: float) -> bool:
        """Return whether items were appended since the last call, waiting at most so long."""
        found = self._new.wait(seconds)
        self._new.clear()
        return found

    def take(self) -> Iterator[Chunk | Event]:
        """Yield the items in order, until there are none."""
        while self._items:
            yield self._items.popleft()


class Reader(threading.Thread):
    """Read and time-stamp the port's data; when the port is lost, wait until it is back."""

    def __init__(self, port: Port, queue: Queue) -> None:
        super().__init__(name="port reader", daemon=True)
        self.port = port
        self.queue = queue
        self._halt = threading.Event()

    def run(self) -> None:
        """Read until `halt` is called."""
        while not self._halt.is_set():
            try:
                data = self.port.read()
            except PortLost as error:
                self._event("lost", str(error))
                if not self._wait_for_port():
                    return
                self._event("back", "")
                continue
            except Exception as error:
                self._event("ended", f"the port failed: {type(error).__name__}: {error}")
                return
            if data:
                self.queue.append(Chunk(data, host_ns(), time.time_ns()))
            if self.port.ended:
                self._event("ended", "the replay has ended")
                return

    def halt(self) -> None:
        """Stop reading; the data read so far is in the queue."""
        self._halt.set()
        self.join(timeout=5)

    def _event(self, what: str, message: str) -> None:
        self.queue.append(Event(what, message, host_ns()))

    def _wait_for_port(self) -> bool:
        self.port.close()
        serial_number = self.port.describe().get("serial_number")
        url = with_options(self.port.url, serial_number=serial_number)
        while not self._halt.wait(RETRY_EVERY):
            # Reopening a board can fail in many ways. Any error is suppressed and retried after a
            # second, since otherwise recording would end.
            with contextlib.suppress(Exception):
                self.port = open_port(url)
                return True
        return False
