"""The wire protocol: bytes to scans and back, without ever touching a port.

A board sends *frames*. Each is packed by COBS, so that the byte 0 occurs nowhere inside, and ended
by a 0: whatever else was on the line before, the next 0 is a fresh start. Unpacked, a frame is

======  ==========================================================================
data    ``01``, channel mask u16, scan counter u32, one u16 per channel of the mask
status  ``02``, microseconds u32, scans u32, overruns u32, bytes dropped u32,
        digital inputs u16, rate in Hz u16; once a second, and out of turn, with the inputs'
        highest bit set, when one changed: between the scans ``scans - 1`` and ``scans``
text    ``03``, UTF-8: the answer to a command, or a greeting
======  ==========================================================================

followed by the CRC-16/CCITT-FALSE of all that; numbers are little endian. The scan counter counts
in the board's sampling interrupt, scans that could not be sent included, so what is missing shows.
Commands to the board are ASCII lines: ``?`` identify, ``R1000`` rate, ``C8`` channels, ``S`` start,
``P64`` the converter's prescaler, ``X`` stop. A greeting that says ``channels of 10 bits`` tells
how many bits a sample has.

A damaged frame passes its CRC once in 65 536 times. So a frame must also have the recording's
channels and their length, values that the board's converter can give, and a scan number that can
be: one that leaps by more than `MAX_STEP`, stands still or runs backwards is held until the next
frame continues it. Then scans are missing (a leap ahead up to `MAX_LEAP`), or the board has started
anew, and a new *segment* begins; a number that nothing continues is dropped and counted in
`impossible`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire.cobs import (
    CRC_BYTES,
    MAX_PACKED,
    U8,
    U16,
    cobs_decode,
    crc16,
    framed,
    unpack,
)
from emgnb.acquire.counting import Counting

DATA, STATUS, TEXT = 1, 2, 3
# Among a status's inputs: it was sent because another of them changed.
CHANGED = 0x8000
# A step of the scan counter that needs no second frame to be believed.
MAX_STEP = 64
# Scans that may be missing in one piece, 17 minutes at 1 kHz: beyond, it is not the same stream.
MAX_LEAP = 1_000_000
# With fewer frames at once, numpy's calls cost more than they save.
FEW = 160
_STATUS = struct.Struct("<BIIIIHH")
_HEAD = struct.Struct("<BHI")
# A packed frame of one byte and its CRC.
_SHORTEST = 2 + CRC_BYTES
_BITS = re.compile(r"\bof (\d{1,2}) bits\b")

I64 = npt.NDArray[np.int64]


class Status(NamedTuple):
    """What the board says of itself once a second."""

    micros: int
    scans: int
    overruns: int
    dropped: int
    inputs: int
    rate: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one `feed` gave.

    scans : (n,) number of each scan, counted on beyond the counter's bits
    segment : (n,) 0 until the board starts anew, then 1, …; numbers are comparable inside one only
    values : (n, channels) counts, in the order of the mask's bits
    ends : (n,) bytes of the stream up to each scan's end: in which chunk it came
    lost : scans missing between these and the ones before
    crc_errors : damaged frames (or lines, or packets)
    junk : bytes that belong to no whole frame
    impossible : scans dropped for their number
    """

    scans: I64
    segment: I64
    values: npt.NDArray[Any]
    ends: I64
    statuses: tuple[Status, ...] = ()
    texts: tuple[str, ...] = ()
    lost: int = 0
    crc_errors: int = 0
    junk: int = 0
    impossible: int = 0


def mask_of(channels: int) -> int:
    """Mask of the first `channels` channels."""
    if not 1 <= channels <= 16:
        raise ValueError(f"{channels} channels; the protocol carries 1 to 16")
    return (1 << channels) - 1


class Encoder:
    """What a board sends: for the simulated port, the tests, and as the firmware's reference.

    Parameters
    ----------
    channels : the first so many channels of the board, 1 to 16
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.mask = mask_of(channels)

    def scans(self, first: int, values: npt.NDArray[np.uint16]) -> bytes:
        """Frames of (n, channels) counts, numbered from `first`."""
        n = values.shape[0]
        if values.shape != (n, self.channels):
            raise ValueError(f"values of shape {values.shape}, expected (n, {self.channels})")
        rows = np.empty((n, _HEAD.size + 2 * self.channels), dtype=np.uint8)
        rows[:, 0] = DATA
        rows[:, 1:3] = np.frombuffer(struct.pack("<H", self.mask), dtype=np.uint8)
        counter = ((first + np.arange(n, dtype=np.int64)) & 0xFFFFFFFF).astype("<u4")
        rows[:, 3:7] = counter.view(np.uint8).reshape(n, 4)
        rows[:, 7:] = np.ascontiguousarray(values, dtype="<u2").view(np.uint8).reshape(n, -1)
        return framed(rows)

    def status(self, status: Status) -> bytes:
        """Return the frame that a board sends once a second."""
        wrapped = [value & 0xFFFFFFFF for value in status[:4]] + [v & 0xFFFF for v in status[4:]]
        return _framed_bytes(_STATUS.pack(STATUS, *wrapped))

    def text(self, text: str) -> bytes:
        """Answer to a command, at most 250 bytes of UTF-8."""
        return _framed_bytes(bytes([TEXT]) + text.encode())


def _framed_bytes(body: bytes) -> bytes:
    return framed(np.frombuffer(body, dtype=np.uint8)[np.newaxis])


class _Found(NamedTuple):
    """What some whole frames hold: the recording's data frames, everything else, and the rest."""

    counters: I64
    values: U16
    ends: I64
    extras: list[Status | str]
    errors: int
    junk: int


class Decoder:
    """Bytes to scans, in any chunking; never raises on content.

    Parameters
    ----------
    mask : channels to expect; by default those of the first data frame. Frames of other channels
        count as damaged: a recording has the same columns throughout.
    bits : how many bits a sample has, 16 until the board's greeting says otherwise; frames with
        a greater value count as damaged
    """

    name = "frames"

    def __init__(self, mask: int | None = None, *, bits: int = 16) -> None:
        self.mask = mask
        self.bits = bits
        self._fed = 0
        self._tail = b""
        self._too_long = False  # the unfinished run outgrew any frame and was let go
        self._in_step = False  # a good frame was seen: from here on, what is not one is damaged
        self._counting = Counting(bits=32, max_step=MAX_STEP, max_leap=MAX_LEAP)

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return 0 if self.mask is None else self.mask.bit_count()

    def finish(self) -> Decoded:
        """Return what was held back: a scan number that nothing continued is counted."""
        return Decoded(*self._no_scans(), impossible=self._counting.finish())

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""
        self._fed += len(data)
        junk = errors = 0
        if self._too_long:
            skipped, delimiter, data = data.partition(b"\0")
            junk += len(skipped)
            if not delimiter:
                return Decoded(*self._no_scans(), junk=junk)
            self._too_long = False
            errors += self._in_step
        data = self._tail + data
        whole = data.rfind(b"\0") + 1
        self._tail = data[whole:]
        if len(self._tail) > MAX_PACKED:
            junk += len(self._tail)
            self._tail, self._too_long = b"", True

        few = data.count(b"\0", 0, whole) < FEW
        found = (self._few if few else self._many)(data, whole, self._fed - len(data))
        counted = self._counting.push(found.counters, found.values, found.ends)
        return Decoded(
            *counted[:4],
            tuple(extra for extra in found.extras if isinstance(extra, Status)),
            tuple(extra for extra in found.extras if isinstance(extra, str)),
            counted.lost,
            errors + found.errors,
            junk + found.junk,
            counted.impossible,
        )

    def _few(self, data: bytes, whole: int, base: int) -> _Found:
        """Unpack the frames before `whole` one by one."""
        scans: list[bytes] = []
        ends: list[int] = []
        extras: list[Status | str] = []
        errors = junk = 0
        end = base
        for packed in data[:whole].split(b"\0")[:-1]:
            size = len(packed)
            end += size + 1
            body = unpack(packed) if _SHORTEST <= size <= MAX_PACKED else None
            if body is not None and self._is_scan(body):
                scans.append(body)
                ends.append(end)
            elif body is not None and (extra := _extra(body)) is not None:
                extras.append(extra)
                self._hear(extra)
            elif size:
                junk += size
                errors += self._in_step
                continue
            self._in_step |= size > 0
        table = np.frombuffer(b"".join(scans), dtype=_scan_dtype(self.channels))
        return _Found(
            table["counter"].astype(np.int64),
            table["values"].astype(np.uint16),
            np.array(ends, dtype=np.int64),
            extras,
            errors,
            junk,
        )

    def _is_scan(self, body: bytes) -> bool:
        """Whether a frame is a scan of this recording; the first scan says of which channels."""
        if body[0] != DATA or len(body) < _HEAD.size:
            return False
        mask = body[1] | body[2] << 8
        if self.mask != mask and (self.mask is not None or not mask):
            return False
        if len(body) != _HEAD.size + 2 * mask.bit_count():
            return False
        if self.bits < 16 and max(body[_HEAD.size + 1 :: 2]) >> (self.bits - 8):
            return False
        self.mask = mask
        return True

    def _hear(self, extra: Status | str) -> None:
        """Take note of what a greeting says of the samples."""
        said = _BITS.search(extra) if isinstance(extra, str) else None
        if said and 8 <= int(said[1]) <= 16:
            self.bits = int(said[1])

    def _many(self, data: bytes, whole: int, base: int) -> _Found:
        """Unpack the frames before `whole`, those of one length together."""
        stream = np.frombuffer(data, dtype=np.uint8, count=whole)
        ends = np.flatnonzero(stream == 0)
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts
        groups: list[tuple[I64, U8]] = []
        extras: list[tuple[int, Status | str]] = []
        for length in np.unique(lengths):
            if not _SHORTEST <= length <= MAX_PACKED:
                continue
            places = np.flatnonzero(lengths == length)
            rows, sound = cobs_decode(stream[starts[places][:, np.newaxis] + np.arange(length)])
            rows, crc = rows[:, :-CRC_BYTES], _number(rows, length - 1 - CRC_BYTES, "<u2")
            sound &= crc16(rows) == crc
            is_data = sound & (rows[:, 0] == DATA)
            if is_data.any():
                groups.append((places, rows) if is_data.all() else (places[is_data], rows[is_data]))
            for at in np.flatnonzero(sound & ~is_data).tolist():
                if (extra := _extra(rows[at].tobytes())) is not None:
                    extras.append((int(places[at]), extra))
        extras.sort(key=lambda extra: extra[0])
        places, counters, values = self._of_this_recording(groups, extras)

        bad = lengths > 0  # two zeros in a row are no frame, and no harm
        bad[[place for place, _ in extras]] = False
        bad[places] = False
        first = 0
        if not self._in_step:
            good = np.flatnonzero(~bad & (lengths > 0))
            self._in_step = good.size > 0
            first = int(good[0]) if good.size else bad.size
        return _Found(
            counters,
            values,
            base + ends[places] + 1,
            [extra for _, extra in extras],
            int(np.count_nonzero(bad[first:])),
            int(lengths[bad].sum()),
        )

    def _of_this_recording(
        self, groups: list[tuple[I64, U8]], extras: list[tuple[int, Status | str]]
    ) -> tuple[I64, I64, U16]:
        """Places, counters and values of the data frames with the recording's channels, in order.

        `groups` are the data frames of one length each.
        """
        proper = []
        bits, before = self.bits, -1
        heard = []
        for place, extra in extras:
            self._hear(extra)
            if self.bits != bits:
                heard.append((before, place, bits))
                bits, before = self.bits, place
        heard.append((before, np.iinfo(np.int64).max, bits))
        for places, rows in groups:
            if rows.shape[1] < _HEAD.size:
                continue
            masks = _number(rows, 1, "<u2")
            carried = (rows.shape[1] - _HEAD.size) / 2
            known = [mask for mask in np.unique(masks).tolist() if mask.bit_count() == carried > 0]
            fits = np.isin(masks, known)
            top = rows[:, _HEAD.size + 1 :: 2]
            for begin, end, limit in heard:
                if limit < 16 and fits.any():
                    high = (top >> np.uint8(limit - 8)).any(axis=1)
                    fits &= ~(high & (places > begin) & (places < end))
            if fits.any():
                proper.append((places[fits], masks[fits], rows[fits]))
        if self.mask is None and proper:
            _, self.mask = min((int(places[0]), int(masks[0])) for places, masks, _ in proper)
        for places, masks, rows in proper:
            same = masks == self.mask
            if same.any():
                # One mask means one length, so there is one such group.
                values = np.ascontiguousarray(rows[same, _HEAD.size :]).view("<u2")
                counters = _number(rows[same], 3, "<u4")
                return places[same], counters, values.astype(np.uint16, copy=False)
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty((0, self.channels), dtype=np.uint16)

    def _no_scans(self) -> tuple[I64, I64, U16, I64]:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty((0, self.channels), dtype=np.uint16), nothing


@cache
def _scan_dtype(channels: int) -> np.dtype[Any]:
    """A data frame's body."""
    values = ("values", "<u2", (channels,))
    return np.dtype([("type", "u1"), ("mask", "<u2"), ("counter", "<u4"), values])


def _extra(body: bytes) -> Status | str | None:
    """Return the content of a sound frame that is no data, None for one of no known kind."""
    if body[0] == STATUS and len(body) == _STATUS.size:
        return Status(*_STATUS.unpack(body)[1:])
    return body[1:].decode("utf-8", "replace") if body[0] == TEXT else None


def _number(rows: U8, at: int, kind: str) -> I64:
    """Read the little-endian number at byte `at` of each row."""
    size = np.dtype(kind).itemsize
    column = np.ascontiguousarray(rows[:, at : at + size]).view(kind)
    return column[:, 0].astype(np.int64)
