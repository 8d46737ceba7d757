"""Simulate a board with a face connected to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from emgnb.acquire.ports._face import face
from emgnb.acquire.ports.port import CHANNELS, RATE, Pace, Port, PortError, numbers
from emgnb.acquire.wire import dialects
from emgnb.acquire.wire.frames import Encoder, Status

# Deviation of the simulated resonator, for realism: real ones are off by up to 0.5 %.
DRIFT_PPM = -1300


class SimPort(Port):
    """The simulated face, sent as emgnb frames in real time.

    ``sim://smile`` repeats that expression until the first cue; ``sim://rest`` stays at rest.
    """

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        words = {"sensor": "raw", "difficulty": "field"}
        words |= {key: options.pop(key) for key in tuple(words) if key in options}
        found = numbers(
            url,
            options,
            words=words,
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
            self._face = face(found["rate"], found, words, name)
        except ValueError as error:
            raise PortError(f"port {url!r}: {error}") from error
        self._encoder = Encoder(int(found["channels"]))
        self._rate = found["rate"] * (1 + found["drift_ppm"] / 1e6)
        self._pace = Pace()
        self._sent = 0
        self._next_status = 0
        hello = f"emgnb simulated face, {self._encoder.channels} channels of 10 bits over 5 V"
        self._hello: bytes | None = b"\0" + self._encoder.text(hello)
        self._begin: float | None = None

    def read(self) -> bytes:
        """Return the bytes received."""
        self._pace.rest()
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
        """Cue the face to make an expression."""
        self._face.cue(text)

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device."""
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
        """Close the port."""
        self._hello = None


def _bytes_a_scan(path: Path) -> float:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    dialect = dialects.detect(head)
    if dialect is None:
        raise PortError(
            f"{path} is neither a journal nor data of a known dialect (frames, lines of "
            f"numbers); it begins with {head[:16]!r}"
        )
    decoder = dialects.decoder(dialect)
    scans = decoder.feed(head).scans.size + decoder.finish().scans.size
    return len(head) / max(scans, 1)
