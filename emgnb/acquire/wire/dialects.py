"""Detect a stream's protocol (dialect) and provide its decoder.

Dialects are emgnb's own frames, lines of numbers, the packets of other boards, and those in which
samples of LSL are recorded. A decoder is
pure: it takes bytes, returns whole scans and counts the rest; it never blocks and never raises,
whatever the bytes are. Any chunking gives the same scans. `Dialect.blind` says what a dialect
cannot detect (a lost scan, a damaged value).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from emgnb.acquire.wire import csv_lines, frames, lsl_packets, packets, spikerbox
from emgnb.acquire.wire.frames import Decoded


class Decoder(Protocol):
    """Interface of every dialect's decoder."""

    name: str

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""

    def finish(self) -> Decoded:
        """Return the scans held back until the end of the stream."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Properties of a dialect.

    speaks : description of the protocol, with its vendor
    start, stop : commands that start and stop the stream, empty if there are none
    blind : loss or damage that cannot be detected, empty if all is detected
    rate : scans per second, None if it differs from board to board
    units, units_per_count : of the samples, if the board's amplifier is known
    """

    speaks: str
    decoder: Callable[[], Decoder]
    start: bytes = b""
    stop: bytes = b""
    blind: str = ""
    rate: float | None = None
    units: str = "count"
    units_per_count: float = 1.0


_LINES_BLIND = (
    "lines have no scan counter: lost scans cannot be detected, and time is derived from "
    "the number of lines"
)
DIALECTS: MappingProxyType[str, Dialect] = MappingProxyType(
    {
        "frames": Dialect("emgnb frames", frames.Decoder, stop=b"X\n"),
        "csv": Dialect("lines of numbers", csv_lines.LineDecoder, blind=_LINES_BLIND),
        "csv-plain": Dialect(
            "lines of numbers, without a clock",
            lambda: csv_lines.LineDecoder(clock=False),
            blind=_LINES_BLIND,
        ),
        "chords": Dialect(
            "Chords packets (Upside Down Labs)",
            packets.ChordsDecoder,
            start=b"START\n",
            stop=b"STOP\n",
            blind="Chords packets have no checksum and an 8-bit counter: damaged values cannot "
            "be detected, and losses are counted modulo 256",
        ),
        "spikerbox": Dialect(
            "SpikerBox bytes (Backyard Brains)",
            spikerbox.SpikerBoxDecoder,
            blind="a SpikerBox sends no scan counter and no checksum: lost scans and damaged "
            "values cannot be detected, and time is derived from the number of scans",
        ),
        "cyton": Dialect(
            "Cyton packets (OpenBCI)",
            packets.CytonDecoder,
            start=b"b",
            stop=b"s",
            blind="Cyton packets have no checksum and an 8-bit counter: damaged values cannot "
            "be detected, and losses are counted modulo 256",
            rate=250.0,
            # ADS1299, reference 4.5 V, default gain 24.
            units="uV",
            units_per_count=4.5e6 / 24 / (2**23 - 1),
        ),
        "lsl": Dialect(
            "samples of a Lab Streaming Layer stream",
            lsl_packets.LslDecoder,
            blind="LSL numbers no samples: only a step of more than 0.5 s in the sender's time "
            "stamps shows that samples are missing",
        ),
    }
)
NAMES = ("auto", *DIALECTS)


def check(dialect: str) -> None:
    """Raise ValueError if no dialect has that name."""
    if dialect not in NAMES:
        raise ValueError(f"dialect {dialect!r}; expected one of {', '.join(NAMES)}")


def decoder(dialect: str, *, mask: int | None = None) -> Decoder:
    """Return a new decoder.

    Parameters
    ----------
    dialect : one of `NAMES`, except "auto"
    mask : channels that frames must have, as before a reconnect

    Raises
    ------
    ValueError : no such dialect
    """
    if dialect not in DIALECTS:
        raise ValueError(
            f"no decoder for dialect {dialect!r}; expected one of {', '.join(DIALECTS)}"
        )
    if dialect == "frames":
        return frames.Decoder(mask)
    return DIALECTS[dialect].decoder()


def detect(data: bytes) -> str | None:
    """Detect the dialect from some bytes, None if it cannot be determined (yet)."""
    found = frames.Decoder().feed(data)
    if found.scans.size or found.texts or found.statuses:
        return "frames"
    for name in ("lsl", "chords", "cyton"):
        if DIALECTS[name].decoder().feed(data).scans.size:
            return name
    if csv_lines.looks_like(data):
        return "csv"
    return "spikerbox" if spikerbox.looks_like(data) else None


def unclear(data: bytes, baud: int | None) -> str:
    """Describe bytes of no known dialect, and say what to do."""
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in data)
    if data and printable > 0.95 * len(data):
        said = csv_lines.words(data)[-1:] or [data.decode("latin-1").strip()]
        return (
            f"the board prints text ({said[0][:60]!r}), not samples: another sketch is "
            "running, or it waits for a command"
        )
    if baud is None:
        return "unknown protocol. Is it the right port?"
    return (
        f"at {baud} baud they cannot be decoded. The board probably uses another baud "
        "rate: find it with `emgnb doctor`, and set it with serial://…?baud=…"
    )
