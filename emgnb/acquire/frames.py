"""The wire protocol: bytes to scans and back, without ever touching a port.

A board sends *frames*. Each is packed by COBS, so that the byte 0 occurs nowhere inside, and ended
by a 0: whatever else was on the line before, the next 0 is a fresh start. Unpacked, a frame is

======  ==========================================================================
data    ``01``, channel mask u16, scan counter u32, one u16 per channel of the mask
status  ``02``, microseconds u32, scans u32, overruns u32, bytes dropped u32,
        digital inputs u16, rate in Hz u16; once a second
text    ``03``, UTF-8: the answer to a command, or a greeting
======  ==========================================================================

followed by the CRC-16/CCITT-FALSE of all that; numbers are little endian. The scan counter counts
in the board's sampling interrupt, scans that could not be sent included, so what is missing shows.
Commands to the board are ASCII lines: ``?`` identify, ``R1000`` rate, ``C8`` channels, ``S`` start,
``X`` stop.

What the decoder does with a scan number that cannot be, although the CRC is right (it stands still,
runs backwards, or leaps ahead by more than `MAX_LEAP`): one alone is dropped and counted in
`impossible`; when the next frame continues it, the board has started anew, and a new *segment*
begins. A damaged frame passes its CRC once in 65 536 times.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

DATA, STATUS, TEXT = 1, 2, 3
# Up to here a COBS code byte never runs out, so packing always costs one byte.
MAX_BODY = 253
MAX_PACKED = MAX_BODY + 1
# Scans that may be missing in one piece, 17 minutes at 1 kHz: beyond, it is not the same stream.
MAX_LEAP = 1_000_000
_STATUS = struct.Struct("<BIIIIHH")
_HEAD = struct.Struct("<BHI")
_CRC_BYTES = 2

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
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

    scans : (n,) number of each scan, counted on beyond the counter's 32 bits
    segment : (n,) 0 until the board starts anew, then 1, …; numbers are comparable inside one only
    values : (n, channels) counts, in the order of the mask's bits
    ends : (n,) bytes of the stream up to each scan's end: in which chunk it came
    lost : scans missing between these and the ones before
    crc_errors : damaged frames (or lines)
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


def _crc_table() -> npt.NDArray[np.uint16]:
    table = np.arange(256, dtype=np.uint32) << 8
    for _ in range(8):
        table = np.where(table & 0x8000, (table << 1) ^ 0x1021, table << 1) & 0xFFFF
    return table.astype(np.uint16)


_TABLE = _crc_table()


def crc16(rows: U8) -> npt.NDArray[np.uint16]:
    """CRC-16/CCITT-FALSE of each row of (n, length) bytes."""
    crc = np.full(rows.shape[0], 0xFFFF, dtype=np.uint16)
    for column in rows.T:
        crc = (crc << np.uint16(8)) ^ _TABLE[(crc >> np.uint16(8)) ^ column]
    return crc


def cobs_encode(rows: U8) -> U8:
    """Pack (n, length) bytes into (n, length + 1) without zeros; length at most `MAX_BODY`."""
    n, length = rows.shape
    if length > MAX_BODY:
        raise ValueError(f"a frame of {length} bytes; at most {MAX_BODY} can be packed")
    packed = np.empty((n, length + 1), dtype=np.uint8)
    following = np.full(n, length + 1, dtype=np.int16)
    for at in range(length, 0, -1):
        column = rows[:, at - 1]
        zero = column == 0
        packed[:, at] = np.where(zero, following - at, column)
        following[zero] = at
    packed[:, 0] = following
    return packed


def cobs_decode(rows: U8) -> tuple[U8, npt.NDArray[np.bool_]]:
    """Unpack (n, length) bytes into (n, length - 1), and say which rows were packed rightly."""
    columns = np.ascontiguousarray(rows.T)
    length, n = columns.shape
    plain = np.empty((length - 1, n), dtype=np.uint8)
    following = columns[0].astype(np.int16)
    for at in range(1, length):
        column = columns[at]
        zero = following == at
        plain[at - 1] = np.where(zero, 0, column)
        np.add(following, column, out=following, where=zero)
    return plain.T, following == length


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
        return _framed(rows)

    def status(self, status: Status) -> bytes:
        """Return the frame that a board sends once a second."""
        wrapped = [value & 0xFFFFFFFF for value in status[:4]] + [v & 0xFFFF for v in status[4:]]
        return _framed_bytes(_STATUS.pack(STATUS, *wrapped))

    def text(self, text: str) -> bytes:
        """Answer to a command, at most 250 bytes of UTF-8."""
        return _framed_bytes(bytes([TEXT]) + text.encode())


def _framed(rows: U8) -> bytes:
    crc = crc16(rows).astype("<u2").view(np.uint8).reshape(-1, _CRC_BYTES)
    packed = cobs_encode(np.concatenate([rows, crc], axis=1))
    return np.pad(packed, ((0, 0), (0, 1))).tobytes()


def _framed_bytes(body: bytes) -> bytes:
    return _framed(np.frombuffer(body, dtype=np.uint8)[np.newaxis])


class Decoder:
    """Bytes to scans, in any chunking; never raises on content.

    Parameters
    ----------
    mask : channels to expect; by default those of the first data frame. Frames of other channels
        count as damaged: a recording has the same columns throughout.
    """

    name = "frames"

    def __init__(self, mask: int | None = None) -> None:
        self.mask = mask
        self._fed = 0
        self._tail = b""
        self._too_long = False  # the unfinished run outgrew any frame and was let go
        self._in_step = False  # a good frame was seen: from here on, what is not one is damaged
        self._last: int | None = None
        self._segment = 0
        # A scan number that cannot be, with its values: the next frame says what to make of it.
        self._held: tuple[int, U16, int] | None = None

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return 0 if self.mask is None else self.mask.bit_count()

    def finish(self) -> Decoded:
        """Return what was held back: nothing, in this dialect."""
        return Decoded(*self._no_scans())

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
        base = self._fed - len(data)
        whole = data.rfind(b"\0") + 1
        self._tail = data[whole:]
        if len(self._tail) > MAX_PACKED:
            junk += len(self._tail)
            self._tail, self._too_long = b"", True

        stream = np.frombuffer(data, dtype=np.uint8, count=whole)
        ends = np.flatnonzero(stream == 0)
        starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
        bodies, extras = self._bodies(stream, starts, ends - starts)
        found = self._of_this_recording(bodies)

        good = ends == starts
        for place, _ in extras:
            good[place] = True
        good[found.places] = True
        good_frames = np.flatnonzero(good & (ends > starts))
        if not self._in_step and good_frames.size:
            errors += int(np.count_nonzero(~good[good_frames[0] :]))
        elif self._in_step:
            errors += int(np.count_nonzero(~good))
        self._in_step |= good_frames.size > 0
        junk += int((ends - starts)[~good].sum())

        scans, segment, values, at, lost, impossible = self._in_order(
            found.counters, found.values, base + ends[found.places] + 1
        )
        extras.sort(key=lambda extra: extra[0])
        return Decoded(
            scans,
            segment,
            values,
            at,
            tuple(extra for _, extra in extras if isinstance(extra, Status)),
            tuple(extra for _, extra in extras if isinstance(extra, str)),
            lost,
            errors,
            junk,
            impossible,
        )

    def _bodies(
        self, stream: U8, starts: I64, lengths: I64
    ) -> tuple[list[tuple[I64, U8]], list[tuple[int, Status | str]]]:
        """Unpack all frames, those of one length together: data frames, then the others."""
        data: list[tuple[I64, U8]] = []
        extras: list[tuple[int, Status | str]] = []
        for length in np.unique(lengths):
            if not 1 + _CRC_BYTES < length <= MAX_PACKED:
                continue
            places = np.flatnonzero(lengths == length)
            rows = stream[starts[places][:, np.newaxis] + np.arange(length)]
            bodies, sound = cobs_decode(rows)
            sound &= crc16(bodies[:, :-_CRC_BYTES]) == _number(bodies, length - 3, "<u2")
            places, bodies = places[sound], bodies[sound, :-_CRC_BYTES]
            is_data = bodies[:, 0] == DATA
            if is_data.any():
                data.append((places[is_data], bodies[is_data]))
            for place, body in zip(places[~is_data], bodies[~is_data], strict=True):
                if body[0] == STATUS and body.size == _STATUS.size:
                    extras.append((int(place), Status(*_STATUS.unpack(body.tobytes())[1:])))
                elif body[0] == TEXT:
                    extras.append((int(place), body[1:].tobytes().decode("utf-8", "replace")))
        return data, extras

    def _of_this_recording(self, data: list[tuple[I64, U8]]) -> _Found:
        """Keep the data frames with the recording's channels, in the order they came."""
        proper = []
        for places, bodies in data:
            if bodies.shape[1] < _HEAD.size:
                continue
            masks = _number(bodies, 1, "<u2")
            carried = (bodies.shape[1] - _HEAD.size) / 2
            known = [mask for mask in np.unique(masks).tolist() if mask.bit_count() == carried > 0]
            fits = np.isin(masks, known)
            if fits.any():
                proper.append((places[fits], masks[fits], bodies[fits]))
        if self.mask is None and proper:
            _, self.mask = min((int(places[0]), int(masks[0])) for places, masks, _ in proper)
        same = [
            (places[masks == self.mask], bodies[masks == self.mask])
            for places, masks, bodies in proper
            if (masks == self.mask).any()
        ]
        if not same:
            nothing = np.empty(0, dtype=np.int64)
            return _Found(nothing, nothing, np.empty((0, self.channels), np.uint16))
        # One mask means one length, so there is one group.
        ((places, bodies),) = same
        values = np.ascontiguousarray(bodies[:, _HEAD.size :]).view("<u2")
        return _Found(places, _number(bodies, 3, "<u4"), values.astype(np.uint16, copy=False))

    def _in_order(
        self, counters: I64, values: U16, ends: I64
    ) -> tuple[I64, I64, U16, I64, int, int]:
        """Unroll the counter: scans, segments, values, ends, lost, impossible."""
        if not counters.size:
            return *self._no_scans(), 0, 0
        if self._held is None:
            before = int(counters[0]) - 1 if self._last is None else self._last
            steps = np.diff(counters, prepend=before) & 0xFFFFFFFF
            if steps.min() >= 1 and steps.max() <= MAX_LEAP:
                scans = before + np.cumsum(steps)
                self._last = int(scans[-1])
                lost = int(steps.sum()) - steps.size
                return scans, np.full(scans.size, self._segment), values, ends, lost, 0
        return self._in_doubt(counters, values, ends)

    def _in_doubt(
        self, counters: I64, values: U16, ends: I64
    ) -> tuple[I64, I64, U16, I64, int, int]:
        """As `_in_order`, frame by frame, for a block with a scan number that cannot be."""
        numbers = counters.tolist()
        held: int | None = None
        if self._held is not None:
            numbers.insert(0, self._held[0])
            values = np.concatenate([self._held[1], values])
            ends = np.concatenate([[self._held[2]], ends])
            held = 0
        kept: list[tuple[int, int, int]] = []
        lost = impossible = 0
        for at in range(0 if held is None else 1, len(numbers)):
            step = 1 if self._last is None else (numbers[at] - self._last) & 0xFFFFFFFF
            if 1 <= step <= MAX_LEAP:
                impossible += held is not None
                held = None
                self._last = numbers[at] if self._last is None else self._last + step
                kept.append((at, self._last, self._segment))
                lost += step - 1
                continue
            step = 0 if held is None else (numbers[at] - numbers[held]) & 0xFFFFFFFF
            if held is not None and 1 <= step <= MAX_LEAP:
                self._segment += 1
                self._last = numbers[held] + step
                kept.append((held, numbers[held], self._segment))
                kept.append((at, self._last, self._segment))
                lost += step - 1
                held = None
            else:
                impossible += held is not None
                held = at
        self._held = None
        if held is not None:
            self._held = (numbers[held], values[held : held + 1], int(ends[held]))
        if not kept:
            return *self._no_scans(), lost, impossible
        places, scans, segment = np.array(kept, dtype=np.int64).T
        return scans, segment, values[places], ends[places], lost, impossible

    def _no_scans(self) -> tuple[I64, I64, U16, I64]:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty((0, self.channels), dtype=np.uint16), nothing


class _Found(NamedTuple):
    places: I64
    counters: I64
    values: U16


def _number(bodies: U8, at: int, kind: str) -> I64:
    """Read the little-endian number at byte `at` of each row."""
    size = np.dtype(kind).itemsize
    column = np.ascontiguousarray(bodies[:, at : at + size]).view(kind)
    return column[:, 0].astype(np.int64)
