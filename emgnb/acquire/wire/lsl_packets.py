"""Encode and decode samples of the Lab Streaming Layer (LSL) in packets. No I/O.

LSL gives samples, not bytes. The port packs them for the journal, with nothing changed: ``AB 4C 53
4C``, number format u8, channels u16, number of samples u16, number of the first sample u64, a time
stamp f64 (s, on the sender's clock) per sample, the samples, and the CRC-32 of all before; little
endian. Samples are numbered from the opening of the port.

LSL numbers no samples. A step of the time stamps by more than `GAP` begins a new segment, which is
placed by its arrival; the sender has paused or lost samples there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire.wire.frames import Decoded

MAGIC = b"\xabLSL"
# Bytes of a packet: a dialect is recognised in twice as many.
LONGEST = 2048
# Step of the time stamps (s) that is no jitter of the sender.
GAP = 0.5
# Number formats by their codes in LSL; 3 is text.
FORMATS = {1: "<f4", 2: "<f8", 4: "<i4", 5: "<i2", 6: "|i1", 7: "<i8"}
_HEAD = struct.Struct("<4sBHHQ")
_CRC = struct.Struct("<I")


class _Packet(NamedTuple):
    first: int
    stamps: npt.NDArray[np.float64]
    values: npt.NDArray[Any]
    end: int


def fitting(channels: int, dtype: npt.DTypeLike) -> int:
    """Return how many samples of all channels fit in a packet, possibly 0."""
    return (LONGEST - _HEAD.size - _CRC.size) // (8 + channels * np.dtype(dtype).itemsize)


def packed(first: int, stamps: npt.NDArray[np.float64], values: npt.NDArray[Any]) -> bytes:
    """Return the packets of (n, channels) samples, numbered from `first`, with stamps (n,) in s."""
    code = next(code for code, kind in FORMATS.items() if np.dtype(kind) == values.dtype)
    step = fitting(values.shape[1], values.dtype)
    parts = []
    for at in range(0, len(values), step):
        rows = np.ascontiguousarray(values[at : at + step])
        head = _HEAD.pack(MAGIC, code, rows.shape[1], len(rows), first + at)
        body = head + stamps[at : at + step].astype("<f8").tobytes() + rows.tobytes()
        parts.append(body + _CRC.pack(zlib.crc32(body)))
    return b"".join(parts)


class LslDecoder:
    """Decode packets, in any chunking; never raises on content."""

    name = "lsl"

    def __init__(self) -> None:
        self._kind: tuple[int, int] | None = None  # number format and channels of the recording
        self._tail = b""
        self._fed = 0
        self._next: int | None = None  # number of the next sample
        self._segment = 0
        self._stamp = np.nan  # of the last sample
        self._errors = self._junk = 0

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return 0 if self._kind is None else self._kind[1]

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""
        self._fed += len(data)
        return self._decode(self._tail + data, last=False)

    def finish(self) -> Decoded:
        """Decode the rest at the end of the stream."""
        return self._decode(self._tail, last=True)

    def _decode(self, data: bytes, *, last: bool) -> Decoded:
        self._errors = self._junk = 0
        packets = list(self._packets(data, last=last))
        return self._numbered(packets)

    def _packets(self, data: bytes, *, last: bool) -> Iterator[_Packet]:
        """Yield the whole packets, keep an unfinished one, and count the bytes between them."""
        base, at = self._fed - len(data), 0
        while True:
            found = data.find(MAGIC, at)
            if found < 0:
                found = len(data) if last else max(len(data) - len(MAGIC) + 1, at)
                self._junk += found - at
                self._tail = data[found:]
                return
            self._junk += found - at
            at = found
            size = self._size(data, at)
            if len(data) - at < (size or 0) and not last:
                self._tail = data[at:]
                return
            packet = self._packet(data, at, size, base) if size else None
            if packet is None:
                self._junk += 1
                at += 1
                continue
            yield packet
            at += size or 0

    def _size(self, data: bytes, at: int) -> int | None:
        """Return the bytes of the packet at `at`, None if it is none of this recording."""
        if len(data) - at < _HEAD.size:
            return _HEAD.size
        _, code, channels, count, _ = _HEAD.unpack_from(data, at)
        if code not in FORMATS or not channels or not count:
            return None
        if self._kind not in (None, (code, channels)):
            return None
        width = 8 + channels * np.dtype(FORMATS[code]).itemsize
        size = _HEAD.size + count * width + _CRC.size
        return size if size <= LONGEST else None

    def _packet(self, data: bytes, at: int, size: int, base: int) -> _Packet | None:
        """Return the packet of `size` bytes at `at`, None if it is damaged or unfinished."""
        body = data[at : at + size - _CRC.size]
        if len(data) - at < size or size <= _HEAD.size:
            return None
        if zlib.crc32(body) != _CRC.unpack_from(data, at + size - _CRC.size)[0]:
            self._errors += 1
            return None
        _, code, channels, count, first = _HEAD.unpack_from(body)
        self._kind = code, channels
        stamps = np.frombuffer(body, "<f8", count, _HEAD.size)
        values = np.frombuffer(body, FORMATS[code], count * channels, _HEAD.size + 8 * count)
        return _Packet(first, stamps, values.reshape(count, channels), base + at + size)

    def _numbered(self, packets: list[_Packet]) -> Decoded:
        """Number the samples, and begin a segment where the time stamps step."""
        scans, segments, ends, lost = [], [], [], 0
        for packet in packets:
            count = len(packet.stamps)
            steps = np.diff(packet.stamps, prepend=self._stamp)
            back = self._next is not None and packet.first < self._next
            begins = np.abs(steps) > GAP
            begins[0] |= back
            if self._next is not None and not back:
                lost += packet.first - self._next
            scans.append(packet.first + np.arange(count))
            segments.append(self._segment + np.cumsum(begins))
            ends.append(np.full(count, packet.end))
            self._segment = int(segments[-1][-1])
            self._next, self._stamp = packet.first + count, packet.stamps[-1]
        kind = FORMATS[self._kind[0]] if self._kind else "<f4"
        none = np.empty(0, dtype=np.int64)
        return Decoded(
            np.concatenate([none, *scans]),
            np.concatenate([none, *segments]),
            np.concatenate([np.empty((0, self.channels), kind), *(p.values for p in packets)]),
            np.concatenate([none, *ends]),
            lost=lost,
            crc_errors=self._errors,
            junk=self._junk,
        )
