"""From the records of a journal to scans with arrival times; live, and again when all is over.

`Take` keeps what a recording is known to be so far: its settings, its board, its marks, what was
lost. Records are pushed in, blocks of scans come out. Unplugging the board, or a board that starts
anew, begins a new segment: scan numbers are comparable only within one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire import dialects
from emgnb.acquire.frames import Decoded, Status
from emgnb.acquire.inputs import Inputs
from emgnb.acquire.journal import Kind, Record

# Bytes decoded at once: blocks make numpy fast, this many fit a processor's cache.
BATCH = 1 << 16
# Bytes that must show what is spoken, and how many are kept until they do.
SHOWN = 1 << 12
UNDECIDED = 1 << 18
# Texts kept from the beginning, and as many from the end: a sketch may talk for hours.
TEXTS = 50


class Block(NamedTuple):
    """Scans that came together.

    scans, segment : (n,) number, and the stretch within which numbers are comparable
    values : (n, channels) as they came
    arrivals : (place in the block, host time in s) of the last scan of each chunk and segment
    """

    scans: npt.NDArray[np.int64]
    segment: npt.NDArray[np.int64]
    values: npt.NDArray[Any]
    arrivals: list[tuple[int, float]]


class Mark(NamedTuple):
    """What was called out, on the host's monotonic clock, and how far off that may be; in s."""

    time: float
    text: str
    uncertainty: float = 0.0


@dataclass(slots=True)
class Counts:
    """What went well and what did not, since the beginning."""

    scans: int = 0
    lost: int = 0
    crc_errors: int = 0
    junk: int = 0
    impossible: int = 0
    bytes: int = 0


class Take:
    """Decode a recording record by record.

    Parameters
    ----------
    dialect : "auto" looks at the first bytes
    """

    def __init__(self, dialect: str = "auto") -> None:
        dialects.check(dialect)
        self.dialect = None if dialect == "auto" else dialect
        self.settings: dict[str, Any] = {}
        self.device: dict[str, Any] = {}
        self.marks: list[Mark] = []
        self.control_offset = 0
        self.texts: list[str] = []  # the first and the latest that the board said
        self.heard = 0  # how many it said in all
        self.status: Status | None = None
        self.inputs = Inputs()
        self.counts = Counts()
        self.segments = 0  # begun so far, reconnects included
        self.first_clocks: tuple[int, int] | None = None  # monotonic and UTC ns of one moment
        self.ended = False
        self._decoder: dialects.Decoder | None = None
        self._chunks: list[tuple[bytes, float]] = []
        self._pending = 0
        self._fed = 0
        self._latest = 0.0
        self._channels = 0
        self._mask: int | None = None
        self._base = 0

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return self._channels

    @property
    def undecoded(self) -> bytes:
        """The latest bytes, as long as it is not known what is spoken."""
        return b"" if self._decoder else b"".join(chunk for chunk, _ in self._chunks)[-SHOWN:]

    @property
    def names(self) -> list[str]:
        """Channel names that a header line gave."""
        return list(getattr(self._decoder, "names", []))

    @property
    def board_rate(self) -> float | None:
        """Scans a second as the board says or counts on its own clock."""
        if self.status and self.status.rate:
            return float(self.status.rate)
        by_clock: float | None = getattr(self._decoder, "clock_rate", None)
        return by_clock or (dialects.DIALECTS[self.dialect].rate if self.dialect else None)

    @property
    def nominal_rate(self) -> float | None:
        """Rate in Hz that the board claims, else the one it was asked for, else None."""
        if self.board_rate is not None:
            return self.board_rate
        told = self.device.get("rate")
        # Other people's boards take no orders, so what was asked for says nothing.
        is_board = "baud" in self.device or self.device.get("listens")
        obeys = self.dialect == "frames" or not is_board
        return float(told) if told and obeys else None

    def channel_rows(self) -> list[tuple[str, str, str]]:
        """Channel, muscle, side of each column, as the user, the device or a header line said."""
        for rows in (self.settings.get("montage"), self.device.get("montage")):
            if rows and len(rows) == self._channels:
                return [(str(a), str(b), str(c)) for a, b, c in rows]
        if len(self.names) == self._channels == len(set(self.names)):
            return [(name, "", "") for name in self.names]
        return [(f"ch{n + 1}", "", "") for n in range(self._channels)]

    def push(self, record: Record) -> list[Block]:
        """Take the next record of a journal."""
        if record.kind == Kind.RAW:
            return self.push_raw(record.payload, record.mono_ns, record.utc_ns)
        if record.kind == Kind.RECONNECT:
            self._about(record.json())
            return self.reconnect()
        if record.kind == Kind.MARK:
            content = record.json()
            off = float(content.get("uncertainty", 0.0))
            self.marks.append(Mark(record.mono_ns / 1e9, str(content["text"]), off))
            self.control_offset = max(self.control_offset, int(content.get("offset", 0)))
        elif record.kind == Kind.SETTINGS:
            self.settings = record.json()
            self._about(self.settings)
            wanted = self.settings.get("dialect", "auto")
            if self.dialect is None and wanted != "auto":
                self.dialect = str(wanted)
        elif record.kind == Kind.DEVICE:
            self._about(record.json())
        elif record.kind == Kind.END:
            self.ended = True
        return []

    def push_raw(self, data: bytes, mono_ns: int, utc_ns: int) -> list[Block]:
        """Take a chunk of bytes; blocks come when enough is there to be worth it."""
        if self.first_clocks is None:
            self.first_clocks = (mono_ns, utc_ns)
        self.counts.bytes += len(data)
        self._chunks.append((data, mono_ns / 1e9))
        self._pending += len(data)
        return self.flush() if self._pending >= BATCH else []

    def flush(self) -> list[Block]:
        """Decode what has come so far."""
        if not self._chunks:
            return []
        if self._decoder is None and not self._decide():
            return []
        assert self._decoder is not None
        data = b"".join(chunk for chunk, _ in self._chunks)
        ends = np.cumsum([len(chunk) for chunk, _ in self._chunks]) + self._fed
        times = [time for _, time in self._chunks]
        self._latest = times[-1]
        self._chunks, self._pending = [], 0
        self._fed += len(data)
        return self._block(self._decoder.feed(data), ends, times)

    def finish(self) -> list[Block]:
        """Decode what was held back: the recording is over, or the cable out."""
        blocks = self.flush()
        if self._decoder is not None:
            # What was held back had come by the time of the last chunk.
            blocks += self._block(self._decoder.finish(), np.array([self._fed]), [self._latest])
        return blocks

    def reconnect(self) -> list[Block]:
        """Begin a new segment: the port was gone."""
        blocks = self.finish()
        self._chunks, self._pending, self._decoder, self._fed = [], 0, None, 0
        self._base = self.segments
        return blocks

    def _about(self, content: dict[str, Any]) -> None:
        self.device |= content.get("describe", {})

    def _decide(self) -> bool:
        if self.dialect is None:
            data = b"".join(chunk for chunk, _ in self._chunks)
            self.dialect = dialects.detect(data[-SHOWN:])
            if self.dialect is None:
                while self._pending > UNDECIDED:
                    dropped = len(self._chunks.pop(0)[0])
                    self._pending -= dropped
                    self.counts.junk += dropped
                return False
        self._decoder = dialects.decoder(self.dialect, mask=self._mask)
        return True

    def _block(
        self, decoded: Decoded, ends: npt.NDArray[np.int64], times: list[float]
    ) -> list[Block]:
        self.texts += decoded.texts
        self.heard += len(decoded.texts)
        del self.texts[TEXTS:-TEXTS]
        if decoded.statuses:
            self.status = decoded.statuses[-1]
            stretch, current = decoded.segment + self._base, max(self.segments - 1, self._base)
            self.inputs.push(decoded.statuses, decoded.scans, stretch, current)
        counts = self.counts
        counts.crc_errors += decoded.crc_errors
        counts.junk += decoded.junk
        counts.impossible += decoded.impossible
        counts.lost += decoded.lost
        if not decoded.scans.size:
            return []
        width = decoded.values.shape[1]
        if not self._channels:
            self._channels = width
            self._mask = getattr(self._decoder, "mask", None)
        elif width != self._channels:
            # After a reconnect, another number of columns: not this recording's.
            counts.crc_errors += decoded.scans.size
            return []
        counts.scans += decoded.scans.size
        segment = decoded.segment + self._base
        self.segments = int(segment[-1]) + 1
        chunk = np.searchsorted(ends, decoded.ends)
        # The last scan of each chunk, and of each segment: without one it had no place in time.
        is_last = (np.diff(chunk, append=-1) != 0) | (np.diff(segment, append=-1) != 0)
        arrivals = [(place, times[chunk[place]]) for place in np.flatnonzero(is_last).tolist()]
        return [Block(decoded.scans, segment, decoded.values, arrivals)]
