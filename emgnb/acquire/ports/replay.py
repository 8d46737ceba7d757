"""Replay a recording as if it came from a port."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from emgnb._vocabulary import JOURNAL
from emgnb.acquire.journal import JournalError, JournalReader, Kind
from emgnb.acquire.ports.port import RATE, Pace, Port, PortError, numbers
from emgnb.acquire.ports.simulated import _bytes_a_scan
from emgnb.acquire.wire import board


class ReplayPort(Port):
    """A journal replayed chunk by chunk, as received, or a file of raw bytes at its own rate.

    Options: speed (1 = real time), rate (scans per second of a raw file). At other speeds than 1
    the board seems to run faster or slower, like a tape.
    """

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        found = numbers(url, options, speed=1, rate=RATE)
        self.url = url
        self._speed = found["speed"]
        self._pace = Pace()
        path = Path(name)
        if path.is_dir():
            path = path / JOURNAL
        if not path.is_file():
            raise PortError(
                f"no file at {path}: expected a journal (.emgj) or a file of received bytes"
            )
        self._about: dict[str, Any] = {"device": f"replay of {path.name}", "rate": found["rate"]}
        try:
            self._journal: JournalReader | None = JournalReader(path)
        except JournalError:
            self._journal = None
        if self._journal is None:
            self._file = path.open("rb")
            self._bytes_per_s = found["rate"] * _bytes_a_scan(path) * self._speed
        else:
            self._chunks = self._journal.records()
            self._next: tuple[int, bytes] | None = None
            self._first_ns = 0
            self._advance()
            self._first_ns = self._next[0] if self._next else 0
        self._given = 0
        self._begin = time.perf_counter()

    def read(self) -> bytes:
        """Return the bytes received."""
        self._pace.rest()
        elapsed = (time.perf_counter() - self._begin) * self._speed
        if self._journal is None:
            due = int(elapsed / self._speed * self._bytes_per_s) - self._given
            data = self._file.read(max(due, 0))
            self._given += len(data)
            self.ended = len(data) < due
            return data
        parts = []
        while self._next is not None and (self._next[0] - self._first_ns) / 1e9 <= elapsed:
            parts.append(self._next[1])
            self._advance()
        self.ended = self._next is None
        return b"".join(parts)

    def _advance(self) -> None:
        self._next = None
        for record in self._chunks:
            if record.kind == Kind.RAW:
                self._next = (record.mono_ns, record.payload)
                return
            if record.kind in (Kind.SETTINGS, Kind.DEVICE):
                with contextlib.suppress(JournalError):
                    known, _ = board.device(record.json().get("describe", {}))
                    self._about |= {
                        key: known[key] for key in known if key not in ("device", "truth")
                    }

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device."""
        return dict(self._about)

    def close(self) -> None:
        """Close the port."""
        if self._journal is None:
            self._file.close()
        else:
            self._journal.close()
