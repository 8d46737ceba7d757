"""The two ends of the talk with a board: a thread that reads and stamps, and what is said to it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import NamedTuple

from emgnb.acquire.clock import host_ns
from emgnb.acquire.ports import Port, PortError, PortLost, SerialPort, open_port, with_options
from emgnb.acquire.takes import Take

RETRY_EVERY = 1.0
# A board resets when its port is opened, and its bootloader takes its time.
LISTEN, ASK_EVERY, ASK_TIMES = 2.0, 1.0, 5


class Chunk(NamedTuple):
    """Bytes that came together, and when."""

    data: bytes
    mono_ns: int
    utc_ns: int


class Event(NamedTuple):
    """Something that happened to the port: "lost", "back" or "ended"."""

    what: str
    message: str
    mono_ns: int


class Reader(threading.Thread):
    """Read the port and stamp what comes; wait for the port when it is gone."""

    def __init__(self, port: Port, queue: deque[Chunk | Event]) -> None:
        super().__init__(name="port reader", daemon=True)
        self.port = port
        self.queue = queue
        self._halt = threading.Event()

    def run(self) -> None:
        """Read until halted."""
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
                self._event("ended", "the replay is over")
                return

    def halt(self) -> None:
        """Stop reading; what came so far is in the queue."""
        self._halt.set()
        self.join(timeout=5)

    def _event(self, what: str, message: str) -> None:
        self.queue.append(Event(what, message, host_ns()))

    def _wait_for_port(self) -> bool:
        self.port.close()
        serial_number = self.port.describe().get("serial_number")
        url = with_options(self.port.url, serial_number=serial_number)
        while not self._halt.wait(RETRY_EVERY):
            # A board that is just coming back fails in many ways; whatever it is, the next try is
            # in a second, and without it nothing would be recorded any more.
            with contextlib.suppress(Exception):
                self.port = open_port(url)
                return True
        return False


class Talk:
    """What is said to a board that waits for commands; one that streams already is left alone."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._asked = 0
        self._next = time.monotonic() + LISTEN
        self._answers = 0
        self._stops = 0
        self.started = False

    def step(self, take: Take) -> None:
        """Say what is due."""
        if not isinstance(self._port, SerialPort) or self.started:
            return
        if take.counts.scans or take.dialect not in (None, "frames"):
            self.started = True
            return
        if self._asked and take.heard > self._answers:
            about = self._port.describe()
            self._say(f"R{about['rate']:.0f}", f"C{about['channels']}", "S")
            self.started = True
        elif self._asked < ASK_TIMES and time.monotonic() >= self._next:
            self._answers = take.heard
            self._say("?")
            self._asked += 1
            self._next += ASK_EVERY

    def stop(self) -> bool:
        """Ask the board to be quiet, five times at most; False when there is no more to say."""
        if not isinstance(self._port, SerialPort) or self._stops >= 5:
            return False
        self._stops += 1
        self._say("X")
        return True

    def _say(self, *commands: str) -> None:
        # A board that cannot be spoken to is a port that is lost: the reader will notice.
        with contextlib.suppress(PortError):
            self._port.write("".join(f"{command}\n" for command in commands).encode())
