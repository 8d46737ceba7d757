"""Boards that send packets of one length with a counter of eight bits: Chords and OpenBCI Cyton.

======  ====================================================================================
Chords  ``C7 7C``, counter, a u16 per channel (high byte first), ``01``; 1 to 16 channels
Cyton   ``A0``, counter, eight signed 24-bit samples (high byte first), 6 bytes of other
        sensors, ``C0`` to ``CF``
======  ====================================================================================

There is no checksum: **a value damaged on the way cannot be noticed**, only a header, an end or a
counter that is not what it should be. Lost packets show in the counter, but only modulo 256: a gap
of 256 packets looks like none, and one of 300 like 44. What the board itself never sampled shows
nowhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.acquire.counting import Counting
from emgnb.acquire.frames import Decoded
from emgnb.acquire.lines import WORDS, words

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

# Packets in a row, their counters rising by one, that make a start; while nothing is known yet,
# one more.
_ROW = 2


class PacketDecoder:
    """Packets to scans, in any chunking; never raises on content.

    Parameters
    ----------
    header : first bytes of a packet; the counter follows
    end, end_mask : its last byte, as far as `end_mask` goes
    lengths : how long a packet may be, in bytes; the stream shows which it is
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
        self._skipped = b""  # what lies before the packets, of late

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return 0 if self._length is None else self._count(self._length)

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""
        self._fed += len(data)
        data = self._tail + data
        base = self._fed - len(data)
        stream = np.frombuffer(data, dtype=np.uint8)
        rows: list[U8] = []
        ends: list[I64] = []
        texts: list[str] = []
        errors = junk = at = 0
        if self._length is None:
            self._length = self._find_length(stream)
        length = self._length
        if length is None:
            keep = min(len(data), (_ROW + 1) * max(self._lengths) - 1)
            junk = self._skip(data[: len(data) - keep])
            self._tail = data[len(data) - keep :]
            return Decoded(*self._none(), junk=junk)
        begins: I64 | None = None
        while True:
            if not self._in_step:
                if begins is None:
                    row = _ROW if self._begun else _ROW + 1
                    begins = self._begins(stream, self._whole(stream, length), length, row)
                found = int(np.searchsorted(begins, at))
                to = int(begins[found]) if found < begins.size else len(data) - _ROW * length + 1
                to = max(to, at)
                junk += self._skip(data[at:to])
                at = to
                if found == begins.size:
                    break
                errors += self._begun
                if not self._begun:
                    begins = None  # from now on a shorter row will do
                self._in_step = self._begun = True
                texts += words(self._skipped)
                self._skipped = b""
            count = (len(data) - at) // length
            packets = stream[at : at + count * length].reshape(count, length)
            fits = (packets[:, -1] & self._end_mask) == self._end
            for place, byte in enumerate(self._header):
                fits &= packets[:, place] == byte
            good = count if fits.all() else int(np.argmin(fits))
            if good:
                rows.append(packets[:good])
                ends.append(base + at + length * np.arange(1, good + 1))
                at += good * length
            if good == count:
                break
            self._in_step = False
        self._tail = data[at:]
        if not rows:
            return Decoded(*self._none(), texts=tuple(texts), crc_errors=errors, junk=junk)
        packets = rows[0] if len(rows) == 1 else np.concatenate(rows)
        counters = packets[:, len(self._header)].astype(np.int64)
        counted = self._counting.push(counters, self._values(packets), np.concatenate(ends))
        return Decoded(
            *counted[:4],
            texts=tuple(texts),
            lost=counted.lost,
            crc_errors=errors,
            junk=junk,
            impossible=counted.impossible,
        )

    def finish(self) -> Decoded:
        """Return what was held back: a packet whose counter nothing continued is counted."""
        return Decoded(*self._none(), impossible=self._counting.finish())

    def _count(self, length: int) -> int:
        """Channels in a packet of so many bytes."""
        raise NotImplementedError

    def _values(self, packets: U8) -> npt.NDArray[Any]:
        """Samples (n, channels) of (n, length) bytes."""
        raise NotImplementedError

    def _whole(self, stream: U8, length: int) -> npt.NDArray[np.bool_]:
        """At which byte a packet with header and end may begin; only where all of it is there."""
        n = max(stream.size - length + 1, 0)
        fits = (stream[length - 1 : length - 1 + n] & self._end_mask) == self._end
        for place, byte in enumerate(self._header):
            fits &= stream[place : place + n] == byte
        return np.asarray(fits)

    def _begins(self, stream: U8, whole: npt.NDArray[np.bool_], length: int, row: int) -> I64:
        """Bytes at which `row` packets in a row begin, their counters rising by one."""
        n = max(whole.size - (row - 1) * length, 0)
        begins = whole[:n].copy()
        counters = stream[len(self._header) :]
        for packet in range(1, row):
            before = counters[(packet - 1) * length : (packet - 1) * length + n]
            begins &= whole[packet * length : packet * length + n]
            begins &= counters[packet * length : packet * length + n] == before + np.uint8(1)
        return np.flatnonzero(begins)

    def _find_length(self, stream: U8) -> int | None:
        """Tell how long packets are: the length whose start shows first."""
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
    """Upside Down Labs' Chords; counts of the board's converter."""

    name = "chords"

    def __init__(self) -> None:
        super().__init__(b"\xc7\x7c", 0x01, 0xFF, tuple(4 + 2 * n for n in range(1, 17)))

    def _count(self, length: int) -> int:
        return (length - 4) // 2

    def _values(self, packets: U8) -> npt.NDArray[Any]:
        samples = np.ascontiguousarray(packets[:, 3:-1])
        return samples.view(">u2").astype(np.uint16)


class CytonDecoder(PacketDecoder):
    """OpenBCI's Cyton; counts of its 24-bit converter. The accelerometer is left out.

    With a Daisy module the board alternates between its own eight channels and the Daisy's, under
    one header: such a stream is not told apart.
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
