"""Ports without a cable: the simulated face, and recordings played again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from emgnb.acquire import dialects
from emgnb.acquire.frames import Encoder, Status
from emgnb.acquire.journal import JournalError, JournalReader, Kind
from emgnb.acquire.ports import CHANNELS, PAUSE, RATE, Port, PortError, numbers

# A board's resonator is off by up to 0.5 %; a simulated one without fault would hide that.
DRIFT_PPM = -1300


class SimPort(Port):
    """The simulated face behind a board that speaks our frames, in real time.

    ``sim://smile`` makes that expression by itself until the first cue, ``sim://rest`` keeps still.
    """

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        from emgnb.simulate.live import LiveFace

        words = {"sensor": "raw", "difficulty": "field"}
        words |= {key: options.pop(key) for key in tuple(words) if key in options}
        found = numbers(
            url,
            options,
            seed=0,
            rate=RATE,
            channels=CHANNELS,
            drift_ppm=DRIFT_PPM,
            participant=0,
            session=0,
            mains=50,
        )
        self.url = url
        try:
            self._face = LiveFace(
                rate=found["rate"],
                channels=int(found["channels"]),
                sensor=words["sensor"],
                seed=int(found["seed"]),
                participant=int(found["participant"]),
                session=int(found["session"]),
                difficulty=words["difficulty"],
                mains=found["mains"],
                repeats=_expression(name),
            )
        except ValueError as error:
            raise PortError(f"port {url!r}: {error}") from error
        self._encoder = Encoder(int(found["channels"]))
        self._rate = found["rate"] * (1 + found["drift_ppm"] / 1e6)
        self._sent = 0
        self._next_status = 0
        hello = f"emgnb simulated face, {self._encoder.channels} channels of 10 bits over 5 V"
        self._hello: bytes | None = b"\0" + self._encoder.text(hello)
        self._begin: float | None = None

    def read(self) -> bytes:
        """Return what has come."""
        time.sleep(PAUSE)
        if self._begin is None:
            self._begin = time.perf_counter()
        parts = [self._hello] if self._hello else []
        self._hello = None
        elapsed = time.perf_counter() - self._begin
        due = min(int(elapsed * self._rate) - self._sent, int(self._rate))
        if due > 0:
            parts.append(self._encoder.scans(self._sent, self._face.read(due)))
            self._sent += due
        if self._sent >= self._next_status:
            rate = round(self._face.rate)
            micros = round(self._sent / self._face.rate * 1e6)
            parts.append(self._encoder.status(Status(micros, self._sent, 0, 0, 0, rate)))
            self._next_status += rate
        return b"".join(parts)

    def cue(self, text: str) -> None:
        """Ask the face for an expression."""
        self._face.cue(text)

    def describe(self) -> dict[str, Any]:
        """Return what is known of the device."""
        face = self._face
        return {
            "device": "simulated face",
            "firmware": "emgnb simulate",
            "rate": face.rate,
            "montage": list(zip(face.channels, face.muscle, face.side, strict=True)),
            "units": "V",
            "units_per_count": face.volts_per_count,
            "signal_kind": face.signal_kind,
            "gain": face.gain,
            "truth": face.movements(),
        }

    def close(self) -> None:
        """Give the port back."""
        self._hello = None


class ReplayPort(Port):
    """An earlier journal, chunk by chunk as it came, or a file of raw bytes at its own rate.

    Options: speed (1 = as it was), rate (scans a second of a raw file). At another speed than 1
    the board seems to run faster or slower, as a tape does.
    """

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        found = numbers(url, options, speed=1, rate=RATE)
        self.url = url
        self._speed = found["speed"]
        path = Path(name)
        if path.is_dir():
            path = path / "journal.emgj"
        if not path.is_file():
            raise PortError(f"nothing to replay at {path}: give a journal (.emgj) or a byte file")
        self._about: dict[str, Any] = {"device": f"replay of {path.name}", "rate": found["rate"]}
        try:
            self._journal: JournalReader | None = JournalReader(path)
        except JournalError:
            self._journal = None
        if self._journal is None:
            self._file = path.open("rb")
            self._pace = found["rate"] * _bytes_a_scan(path) * self._speed
        else:
            self._chunks = self._journal.records()
            self._next: tuple[int, bytes] | None = None
            self._first_ns = 0
            self._advance()
            self._first_ns = self._next[0] if self._next else 0
        self._given = 0
        self._begin = time.perf_counter()

    def read(self) -> bytes:
        """Return what has come."""
        time.sleep(PAUSE)
        elapsed = (time.perf_counter() - self._begin) * self._speed
        if self._journal is None:
            due = int(elapsed / self._speed * self._pace) - self._given
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
                known = record.json().get("describe", {})
                self._about |= {key: known[key] for key in known if key not in ("device", "truth")}

    def describe(self) -> dict[str, Any]:
        """Return what is known of the device."""
        return dict(self._about)

    def close(self) -> None:
        """Give the port back."""
        if self._journal is None:
            self._file.close()
        else:
            self._journal.close()


def _expression(name: str) -> str | None:
    return None if name in ("rest", "neutral") else name


def _bytes_a_scan(path: Path) -> float:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    dialect = dialects.detect(head)
    if dialect is None:
        raise PortError(
            f"{path} is neither a journal nor bytes of a known dialect (frames, lines of numbers): "
            f"it begins with {head[:16]!r}"
        )
    decoder = dialects.decoder(dialect)
    scans = decoder.feed(head).scans.size + decoder.finish().scans.size
    return len(head) / max(scans, 1)
