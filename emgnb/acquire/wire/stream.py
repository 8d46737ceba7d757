"""Decode journal records to scans with arrival times, during recording and at conversion.

`Stream` holds the state of a recording: settings, board, markers and losses. Push records in, and
blocks of scans come out. Unplugging or restarting the board begins a new segment: scan numbers are
comparable only within a segment.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire.journal import Kind, Record
from emgnb.acquire.wire import board, dialects
from emgnb.acquire.wire._digital_inputs import Inputs
from emgnb.acquire.wire.dialects import DIALECTS
from emgnb.acquire.wire.frames import Decision, Decoded, Status
from emgnb.acquire.wire.marking import LONGEST, Amendment, Mark, standing

# Bytes decoded at once: large enough for NumPy, small enough for a processor's cache.
BATCH = 1 << 16
# Bytes used to detect the dialect (SHOWN), and bytes kept until it is known (UNDECIDED).
SHOWN = 1 << 12
UNDECIDED = 1 << 18
# Texts kept from the beginning, and from the end: a sketch may print text for hours.
TEXTS = 50
# Decisions of a decoder on the board that are kept.
DECISIONS = 10_000
# Invalid records reported, and characters of each report.
FEW, WORDY = 3, 200


class Block(NamedTuple):
    """Scans decoded together.

    scans, segment : (n,) scan number, and the segment within which numbers are comparable
    values : (n, channels) as received
    arrivals : (index in the block, host time in s) of the last scan of each chunk and segment
    """

    scans: npt.NDArray[np.int64]
    segment: npt.NDArray[np.int64]
    values: npt.NDArray[Any]
    arrivals: list[tuple[int, float]]


@dataclass(slots=True)
class Counts:
    """Counts of scans, losses and errors since the beginning."""

    scans: int = 0
    lost: int = 0
    crc_errors: int = 0
    junk: int = 0
    impossible: int = 0
    bytes: int = 0


class Stream:
    """Decode a recording record by record.

    Parameters
    ----------
    dialect : name of a dialect; "auto" detects it from the first bytes
    """

    def __init__(self, dialect: str = "auto") -> None:
        dialects.check(dialect)
        self.dialect = None if dialect == "auto" else dialect
        self.settings: dict[str, Any] = {}
        self.device: dict[str, Any] = {}
        self.called: list[Mark] = []  # all markers, including withdrawn ones
        self.amendments: list[Amendment] = []
        self.orders: set[int] = set()  # time stamps (ns) of the executed orders
        self.span: tuple[int, int] | None = None  # first and last ns of all records except orders
        self.texts: list[str] = []  # the board's first and latest texts
        self.probed = 0  # number of texts received
        self.status: Status | None = None
        # (segment, decision), the latest; whoever reads them all empties the queue
        self.decisions: deque[tuple[int, Decision]] = deque(maxlen=DECISIONS)
        self.inputs = Inputs()
        self.counts = Counts()
        self.segments = 0  # begun so far, including reconnects
        self.first_clocks: tuple[int, int] | None = None  # monotonic and UTC ns of the same moment
        self.ended = False
        self.odd: list[str] = []  # descriptions of the first invalid records
        self.odd_records = 0
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
    def marks(self) -> list[Mark]:
        """Valid markers: without the withdrawn ones, and as corrected."""
        return standing(self.called, self.amendments)

    @property
    def undecoded(self) -> bytes:
        """Latest bytes while the dialect is unknown, else empty."""
        return b"" if self._decoder else b"".join(chunk for chunk, _ in self._chunks)[-SHOWN:]

    @property
    def names(self) -> list[str]:
        """Channel names from a header line."""
        return list(getattr(self._decoder, "names", []))

    @property
    def board_rate(self) -> float | None:
        """Scans per second as reported by the board, by its own clock, or by its dialect."""
        if self.status and self.status.rate:
            return float(self.status.rate)
        by_clock: float | None = getattr(self._decoder, "clock_rate", None)
        return by_clock or (dialects.DIALECTS[self.dialect].rate if self.dialect else None)

    @property
    def nominal_rate(self) -> float | None:
        """Rate in Hz reported by the board, else the requested one, else None."""
        if self.board_rate is not None:
            return self.board_rate
        told = self.device.get("rate")
        # Other boards take no commands, so the requested rate does not apply to them.
        is_board = "baud" in self.device or self.device.get("listens")
        obeys = self.dialect == "frames" or not is_board
        return float(told) if told and obeys else None

    def channel_rows(self) -> list[tuple[str, str, str]]:
        """Return (channel, muscle, side) of each column, from the user, the device or a header."""
        for montage in (self.settings.get("montage"), self.device.get("montage")):
            rows = board.rows(montage)
            if rows and len(rows) == self._channels:
                return rows
        if len(self.names) == self._channels == len(set(self.names)):
            return [(name, "", "") for name in self.names]
        return [(f"ch{n + 1}", "", "") for n in range(self._channels)]

    def push(self, record: Record) -> list[Block]:
        """Push the next record of a journal, and return the blocks that it completes.

        An invalid record is counted in `odd_records`.
        """
        if record.kind not in (Kind.MARK, Kind.AMEND):
            first, last = self.span or (record.mono_ns, record.mono_ns)
            self.span = min(first, record.mono_ns), max(last, record.mono_ns)
        if record.kind == Kind.RAW:
            return self.push_raw(record.payload, record.mono_ns, record.utc_ns)
        try:
            self._note(record)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            self._odd(f"{_name(record.kind)} ({error})")
        return self.reconnect() if record.kind == Kind.RECONNECT else []

    def _note(self, record: Record) -> None:
        """Read a record that contains JSON."""
        if record.kind == Kind.MARK:
            self.orders.add(record.mono_ns)
            content = record.json()
            text, off = str(content["text"]), float(content.get("uncertainty", 0.0))
            if len(text) > LONGEST or not 0 <= off < math.inf:
                raise ValueError(f"{len(text)} characters, uncertain by {off} s")
            name = str(content.get("mark") or f"@{content.get('offset', 0)}")
            self.called.append(Mark(record.mono_ns / 1e9, text, off, name))
        elif record.kind == Kind.AMEND:
            self.orders.add(record.mono_ns)
            content = record.json()
            changed = content.get("text")
            changed = None if changed is None else str(changed)
            if changed is not None and len(changed) > LONGEST:
                raise ValueError(f"{len(changed)} characters")
            self.amendments.append(Amendment(str(content.get("mark", "")), changed))
        elif record.kind == Kind.SETTINGS:
            self.settings = record.json()
            self._about(self.settings)
            wanted = self.settings.get("dialect", "auto")
            dialects.check(wanted)
            if self.dialect is None and wanted != "auto":
                self.dialect = str(wanted)
        elif record.kind in (Kind.DEVICE, Kind.RECONNECT):
            self._about(record.json())
        elif record.kind == Kind.END:
            self.ended = True

    def push_raw(self, data: bytes, mono_ns: int, utc_ns: int) -> list[Block]:
        """Push a chunk of bytes; return blocks once enough bytes have accumulated."""
        if self.first_clocks is None:
            self.first_clocks = (mono_ns, utc_ns)
        self.counts.bytes += len(data)
        self._chunks.append((data, mono_ns / 1e9))
        self._pending += len(data)
        return self.flush() if self._pending >= BATCH else []

    def flush(self) -> list[Block]:
        """Decode the bytes received so far."""
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
        """Decode the remaining bytes, at the end of a recording or when the cable is unplugged."""
        blocks = self.flush()
        if self._decoder is not None:
            # The remaining bytes had arrived by the time of the last chunk.
            blocks += self._block(self._decoder.finish(), np.array([self._fed]), [self._latest])
        return blocks

    def reconnect(self) -> list[Block]:
        """Begin a new segment after the port was lost."""
        blocks = self.finish()
        self._chunks, self._pending, self._decoder, self._fed = [], 0, None, 0
        self._base = self.segments
        return blocks

    def _about(self, content: dict[str, Any]) -> None:
        known, odd = board.device(content.get("describe", {}))
        self.device |= known
        if odd:
            self._odd(f"the device's {', '.join(odd)}"[:WORDY])

    def _odd(self, what: str) -> None:
        self.odd_records += 1
        if len(self.odd) < FEW:
            self.odd.append(what[:WORDY])

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
        self.probed += len(decoded.texts)
        del self.texts[TEXTS:-TEXTS]
        if decoded.statuses:
            self.status = decoded.statuses[-1]
            stretch, current = decoded.segment + self._base, max(self.segments - 1, self._base)
            self.inputs.push(decoded.statuses, decoded.scans, stretch, current)
        self._keep_decisions(decoded)
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
            # A different number of columns after a reconnect does not fit this recording.
            counts.crc_errors += decoded.scans.size
            return []
        counts.scans += decoded.scans.size
        segment = decoded.segment + self._base
        self.segments = int(segment[-1]) + 1
        chunk = np.searchsorted(ends, decoded.ends)
        # Each segment needs an arrival of its own, or it has no position in time.
        is_last = (np.diff(chunk, append=-1) != 0) | (np.diff(segment, append=-1) != 0)
        arrivals = [(place, times[chunk[place]]) for place in np.flatnonzero(is_last).tolist()]
        return [Block(decoded.scans, segment, decoded.values, arrivals)]

    def _keep_decisions(self, decoded: Decoded) -> None:
        """Keep decisions with the segment of their scan, which precedes them."""
        current = max(self.segments - 1, self._base)
        for each in decoded.decisions:
            here = np.flatnonzero(decoded.scans & 0xFFFFFFFF == each.scan)
            segment = int(decoded.segment[here[-1]]) + self._base if here.size else current
            self.decisions.append((segment, each))


def _name(kind: int) -> str:
    return Kind(kind).name.lower() if kind in tuple(Kind) else f"kind {kind}"


def scale_of(stream: Stream) -> tuple[str, float]:
    """Return the unit of the samples, and the size of one count in that unit."""
    units = stream.settings.get("units")
    per_count = stream.settings.get("units_per_count")
    if units:
        return str(units), float(per_count or 1.0)
    if stream.device.get("units") and stream.device.get("units_per_count"):
        return str(stream.device["units"]), float(per_count or stream.device["units_per_count"])
    known = DIALECTS.get(stream.dialect or "")
    return (known.units, known.units_per_count) if known else ("count", 1.0)
