"""Decode fixed-length packets with an 8-bit counter: Chords and OpenBCI Cyton.

======  ====================================================================================
Chords  ``C7 7C``, counter, a u16 per channel (high byte first), ``01``; 1 to 16 channels
Cyton   ``A0``, counter, eight signed 24-bit samples (high byte first), 6 bytes of other
        sensors, ``C0`` to ``CF``
======  ====================================================================================

There is no checksum: **a damaged value cannot be detected**, only a wrong header, end or counter.
Lost packets show in the counter modulo 256: a gap of 256 packets is invisible, and one of 300
looks like 44. Samples that the board skipped are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.acquire.wire._scan_counter import Counting
from emgnb.acquire.wire.csv_lines import WORDS, words
from emgnb.acquire.wire.frames import Decoded

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

# Consecutive packets, with counters rising by one, that mark the start of a stream; one more is
# required at the very beginning.
_ROW = 2


@dataclass(slots=True)
class _Split:
    """Packets found in a piece of the stream: their bytes and ends, and what lies between them."""

    rows: list[U8] = field(default_factory=list)
    ends: list[I64] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    errors: int = 0
    junk: int = 0
    read: int = 0


class PacketDecoder:
    """Decode packets, in any chunking; never raises on content.

    Parameters
    ----------
    header : first bytes of a packet; the counter follows
    end, end_mask : last byte of a packet, and which of its bits are compared
    lengths : possible packet lengths, in bytes; the stream shows which one applies
    """

    name = "packets"

    def __init__(self, header: bytes, end: int, end_mask: int, lengths: tuple[int, ...]) -> None:
        self._header = header
        self._end, self._end_mask = end, end_mask
        self._lengths = lengths
        self._length: int | None = None
        self._counting = Counting(bits=8, max_step=1, max_leap=256)
        self._fed = 0
        self._tail = b""
        self._in_step = False
        self._begun = False
        self._skipped = b""  # latest bytes before the first packet

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return 0 if self._length is None else self._count(self._length)

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""
        self._fed += len(data)
        data = self._tail + data
        stream = np.frombuffer(data, dtype=np.uint8)
        if self._length is None:
            self._length = self._find_length(stream)
        if self._length is None:
            keep = min(len(data), (_ROW + 1) * max(self._lengths) - 1)
            junk = self._skip(data[: len(data) - keep])
            self._tail = data[len(data) - keep :]
            return Decoded(*self._none(), junk=junk)
        found = self._split(data, stream, self._length)
        self._tail = data[found.read :]
        if not found.rows:
            return Decoded(
                *self._none(), texts=tuple(found.texts), crc_errors=found.errors, junk=found.junk
            )
        packets = found.rows[0] if len(found.rows) == 1 else np.concatenate(found.rows)
        counters = packets[:, len(self._header)].astype(np.int64)
        counted = self._counting.push(counters, self._values(packets), np.concatenate(found.ends))
        return Decoded(
            *counted[:4],
            texts=tuple(found.texts),
            lost=counted.lost,
            crc_errors=found.errors,
            junk=found.junk,
            impossible=counted.impossible,
        )

    def _split(self, data: bytes, stream: U8, length: int) -> _Split:
        """Find the packets of `length` bytes, and count what lies between them."""
        found = _Split()
        base = self._fed - len(data)
        begins: I64 | None = None
        while True:
            if not self._in_step:
                if begins is None:
                    row = _ROW if self._begun else _ROW + 1
                    begins = self._begins(stream, self._whole(stream, length), length, row)
                if not self._resume(found, data, begins, length):
                    return found
                if not self._begun:
                    begins = None  # from now on a shorter row suffices
                self._in_step = self._begun = True
                found.texts += words(self._skipped)
                self._skipped = b""
            at = found.read
            count = (len(data) - at) // length
            packets = stream[at : at + count * length].reshape(count, length)
            fits = (packets[:, -1] & self._end_mask) == self._end
            for place, byte in enumerate(self._header):
                fits &= packets[:, place] == byte
            good = count if fits.all() else int(np.argmin(fits))
            if good:
                found.rows.append(packets[:good])
                found.ends.append(base + at + length * np.arange(1, good + 1))
                found.read += good * length
            if good == count:
                return found
            self._in_step = False

    def _resume(self, found: _Split, data: bytes, begins: I64, length: int) -> bool:
        """Skip to the next row of packets; return whether there is one."""
        next_ = int(np.searchsorted(begins, found.read))
        here = next_ < begins.size
        to = max(int(begins[next_]) if here else len(data) - _ROW * length + 1, found.read)
        found.junk += self._skip(data[found.read : to])
        found.read = to
        found.errors += here and self._begun
        return here

    def finish(self) -> Decoded:
        """Return the rest of the stream; an unconfirmed counter is counted as invalid."""
        return Decoded(*self._none(), impossible=self._counting.finish())

    def _count(self, length: int) -> int:
        """Return the number of channels in a packet of `length` bytes."""
        raise NotImplementedError

    def _values(self, packets: U8) -> npt.NDArray[Any]:
        """Return the samples (n, channels) of (n, length) bytes."""
        raise NotImplementedError

    def _whole(self, stream: U8, length: int) -> npt.NDArray[np.bool_]:
        """Return at which bytes a complete packet with header and end may begin."""
        n = max(stream.size - length + 1, 0)
        fits = (stream[length - 1 : length - 1 + n] & self._end_mask) == self._end
        for place, byte in enumerate(self._header):
            fits &= stream[place : place + n] == byte
        return np.asarray(fits)

    def _begins(self, stream: U8, whole: npt.NDArray[np.bool_], length: int, row: int) -> I64:
        """Return where `row` consecutive packets begin, with counters rising by one."""
        n = max(whole.size - (row - 1) * length, 0)
        begins = whole[:n].copy()
        counters = stream[len(self._header) :]
        for packet in range(1, row):
            before = counters[(packet - 1) * length : (packet - 1) * length + n]
            begins &= whole[packet * length : packet * length + n]
            begins &= counters[packet * length : packet * length + n] == before + np.uint8(1)
        return np.flatnonzero(begins)

    def _find_length(self, stream: U8) -> int | None:
        """Determine the packet length: the one whose start appears first."""
        first: tuple[int, int] | None = None
        if stream.tobytes().count(self._header) <= _ROW:
            return None
        for length in self._lengths:
            begins = self._begins(stream, self._whole(stream, length), length, _ROW + 1)
            if begins.size:
                shown = int(begins[0]) + (_ROW + 1) * length
                first = min(first or (shown, length), (shown, length))
        return first and first[1]

    def _skip(self, data: bytes) -> int:
        if data and not self._begun:
            self._skipped = (self._skipped + data)[-WORDS:]
        return len(data)

    def _none(self) -> tuple[I64, I64, npt.NDArray[Any], I64]:
        nothing = np.empty(0, dtype=np.int64)
        packets = np.empty((0, self._length or 0), dtype=np.uint8)
        values = self._values(packets) if self._length else packets
        return nothing, nothing, values, nothing


class ChordsDecoder(PacketDecoder):
    """Decode Upside Down Labs' Chords; values are counts of the board's converter."""

    name = "chords"

    def __init__(self) -> None:
        super().__init__(b"\xc7\x7c", 0x01, 0xFF, tuple(4 + 2 * n for n in range(1, 17)))

    def _count(self, length: int) -> int:
        return (length - 4) // 2

    def _values(self, packets: U8) -> npt.NDArray[Any]:
        samples = np.ascontiguousarray(packets[:, 3:-1])
        return samples.view(">u2").astype(np.uint16)


class CytonDecoder(PacketDecoder):
    """Decode OpenBCI's Cyton; values are counts of its 24-bit converter. Skips the accelerometer.

    With a Daisy module the board alternates between its own eight channels and the Daisy's, under
    the same header: such a stream is not separated.
    """

    name = "cyton"

    def __init__(self) -> None:
        super().__init__(b"\xa0", 0xC0, 0xF0, (33,))

    def _count(self, length: int) -> int:
        return 8

    def _values(self, packets: U8) -> npt.NDArray[Any]:
        samples = packets[:, 2:26].reshape(-1, 8, 3).astype(np.int32)
        unsigned = samples[..., 0] << 16 | samples[..., 1] << 8 | samples[..., 2]
        return ((unsigned ^ 0x800000) - 0x800000).astype(np.int32)
