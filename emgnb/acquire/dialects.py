"""What a port speaks: our frames, lines of numbers, or the packets of other people's boards.

A decoder is pure: bytes go in, whole scans come out and the rest is counted; it never waits and
never raises, whatever the bytes are. Any chunking gives the same scans. What a dialect cannot say
(a lost scan, a damaged value) is in `Dialect.blind`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from emgnb.acquire import frames, lines, packets, spikerbox
from emgnb.acquire.frames import Decoded


class Decoder(Protocol):
    """What every dialect's decoder can do."""

    name: str

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""

    def finish(self) -> Decoded:
        """Return what was held back until the stream's end."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is known of a dialect.

    speaks : in words, whose it is
    start, stop : commands that begin and end the stream, empty where it takes none
    blind : what its bytes cannot show, empty when all that is lost or damaged is noticed
    rate : scans a second, None when it differs from board to board
    units, units_per_count : of the samples, where the board's amplifier is known
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
    "lines carry no scan counter: scans that never came cannot be noticed, and time is the count "
    "of lines"
)
DIALECTS: MappingProxyType[str, Dialect] = MappingProxyType(
    {
        "frames": Dialect("emgnb frames", frames.Decoder, stop=b"X\n"),
        "csv": Dialect("lines of numbers", lines.LineDecoder, blind=_LINES_BLIND),
        "csv-plain": Dialect(
            "lines of numbers, no clock among them",
            lambda: lines.LineDecoder(clock=False),
            blind=_LINES_BLIND,
        ),
        "chords": Dialect(
            "Chords packets (Upside Down Labs)",
            packets.ChordsDecoder,
            start=b"START\n",
            stop=b"STOP\n",
            blind="Chords packets carry no checksum and count to 256: a damaged value cannot be "
            "noticed, and of a gap of 255 packets or more only the rest shows",
        ),
        "spikerbox": Dialect(
            "SpikerBox bytes (Backyard Brains)",
            spikerbox.SpikerBoxDecoder,
            blind="a SpikerBox sends no scan counter and no checksum: scans that never came and "
            "damaged values cannot be noticed, and time is the count of scans",
        ),
        "cyton": Dialect(
            "Cyton packets (OpenBCI)",
            packets.CytonDecoder,
            start=b"b",
            stop=b"s",
            blind="Cyton packets carry no checksum and count to 256: a damaged value cannot be "
            "noticed, and of a gap of 255 packets or more only the rest shows",
            rate=250.0,
            # ADS1299, reference 4.5 V, at its default gain of 24.
            units="uV",
            units_per_count=4.5e6 / 24 / (2**23 - 1),
        ),
    }
)
NAMES = ("auto", *DIALECTS)


def check(dialect: str) -> None:
    """Raise ValueError when no dialect has that name."""
    if dialect not in NAMES:
        raise ValueError(f"dialect {dialect!r}; known are {', '.join(NAMES)}")


def decoder(dialect: str, *, mask: int | None = None) -> Decoder:
    """Return a fresh decoder.

    Parameters
    ----------
    dialect : one of `NAMES`, but not "auto"
    mask : channels that frames must have, as before a reconnect

    Raises
    ------
    ValueError : no such dialect
    """
    if dialect not in DIALECTS:
        raise ValueError(f"no decoder for dialect {dialect!r}; known are {', '.join(DIALECTS)}")
    if dialect == "frames":
        return frames.Decoder(mask)
    return DIALECTS[dialect].decoder()


def detect(data: bytes) -> str | None:
    """Tell from some bytes what is spoken, None when nothing shows (yet)."""
    found = frames.Decoder().feed(data)
    if found.scans.size or found.texts or found.statuses:
        return "frames"
    for name in ("chords", "cyton"):
        if DIALECTS[name].decoder().feed(data).scans.size:
            return name
    if lines.looks_like(data):
        return "csv"
    return "spikerbox" if spikerbox.looks_like(data) else None


def unclear(data: bytes, baud: int | None) -> str:
    """Say in words what bytes of no dialect look like, and what to do."""
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in data)
    if data and printable > 0.95 * len(data):
        said = lines.words(data)[-1:] or [data.decode("latin-1").strip()]
        return (
            f"the board prints words ({said[0][:60]!r}), not samples: another sketch is on it, or "
            "one that waits"
        )
    if baud is None:
        return "no dialect that emgnb knows: is it the right port?"
    return (
        f"at {baud} baud they make no sense. Most likely the board sends at another speed: "
        "`emgnb doctor` finds which, then serial://…?baud=… sets it"
    )
