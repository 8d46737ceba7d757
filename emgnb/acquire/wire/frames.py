"""Encode and decode the frames of emgnb's own protocol. No I/O.

A board sends *frames*. Each is encoded by COBS, so that it contains no byte 0, and ends with a 0;
a decoder resynchronises at the next 0. A decoded frame is

========  ========================================================================
data      ``01``, channel mask u16, scan counter u32, one u16 per channel of the mask
status    ``02``, microseconds u32, scans u32, overruns u32, bytes dropped u32,
          digital inputs u16, rate in Hz u16; sent once a second, and immediately,
          with the inputs' highest bit set, when an input changed between the scans
          ``scans - 1`` and ``scans``
text      ``03``, UTF-8: the answer to a command, or a greeting
decision  ``04``, scan counter u32, class u8, margin u16, microseconds u16: sent by a
          board with a decoder, after the scan that ends the decoder's window
========  ========================================================================

followed by the CRC-16/CCITT-FALSE of these bytes; numbers are little endian. The scan counter is
incremented in the board's sampling interrupt and includes scans that could not be sent, so that
every lost scan is visible. Commands to the board are ASCII lines: ``?`` identify, ``R1000`` rate,
``C8`` channels, ``S`` start, ``P64`` prescaler of the converter, ``X`` stop. A greeting that
contains ``channels of 10 bits`` gives the bits per sample.

A damaged frame passes its CRC once in 65 536 times. A frame must therefore also have the
recording's channels and their length, values within the converter's range, and a plausible scan
number: one that jumps by more than `MAX_STEP`, repeats or runs backwards is held until the next
frame confirms it. If confirmed, scans are missing (a jump ahead of up to `MAX_LEAP`), or the board
has restarted and a new *segment* begins. An unconfirmed number is dropped and counted in
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

from emgnb.acquire.wire._cobs import (
    CRC_BYTES,
    MAX_PACKED,
    U8,
    U16,
    cobs_decode,
    crc16,
    framed,
    framed_one,
    number_at,
    unpack,
)
from emgnb.acquire.wire._scan_counter import Counting

DATA, STATUS, TEXT, DECISION = 1, 2, 3, 4
# Bit of a status's inputs: the status was sent because an input changed.
CHANGED = 0x8000
# Largest step of the scan counter that is accepted without a second frame.
MAX_STEP = 64
# Largest gap in scans, 17 minutes at 1 kHz; beyond it, a new segment begins.
MAX_LEAP = 1_000_000
# With fewer frames at once, NumPy's calls cost more than they save.
FEW = 160
_STATUS = struct.Struct("<BIIIIHH")
_HEAD = struct.Struct("<BHI")
_DECISION = struct.Struct("<BIBHH")
# Bytes of an encoded frame of one byte and its CRC.
_SHORTEST = 2 + CRC_BYTES
_BITS = re.compile(r"\bof (\d{1,2}) bits\b")

I64 = npt.NDArray[np.int64]


class Status(NamedTuple):
    """Status that the board sends once a second."""

    micros: int
    scans: int
    overruns: int
    dropped: int
    inputs: int
    rate: int


class Decision(NamedTuple):
    """Decision of a decoder on the board.

    scan : number of the newest scan used, 32 bits as sent
    label : index of the class
    margin : ahead of the next best class, in 1/256 of a natural logarithm; at most 65 535
    micros : time (µs) that the board needed
    """

    scan: int
    label: int
    margin: int
    micros: int


Extra = Status | Decision | str


@dataclass(frozen=True, slots=True)
class Decoded:
    """Result of one `feed`.

    scans : (n,) number of each scan, unwrapped beyond the counter's bits
    segment : (n,) 0, plus 1 per restart of the board; numbers are comparable only within one
    values : (n, channels) counts, in the order of the mask's bits
    ends : (n,) position in the stream (bytes) of each scan's end, which tells its chunk
    lost : scans missing between these and the previous ones
    crc_errors : damaged frames (or lines, or packets)
    junk : bytes outside whole frames
    impossible : scans dropped for an invalid sequence number
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
    decisions: tuple[Decision, ...] = ()


class Encoder:
    """Encode the stream of a board: for the simulated port, tests, and as the firmware's reference.

    Parameters
    ----------
    channels : number of channels, 1 to 16, starting with the board's first
    """

    def __init__(self, channels: int) -> None:
        if not 1 <= channels <= 16:
            raise ValueError(f"{channels} channels; the protocol carries 1 to 16")
        self.channels = channels
        self.mask = (1 << channels) - 1

    def scans(self, first: int, values: npt.NDArray[np.uint16]) -> bytes:
        """Return the frames of (n, channels) counts, numbered from `first`."""
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
        """Return the status frame that a board sends once a second."""
        wrapped = [value & 0xFFFFFFFF for value in status[:4]] + [v & 0xFFFF for v in status[4:]]
        return framed_one(_STATUS.pack(STATUS, *wrapped))

    def decision(self, decision: Decision) -> bytes:
        """Return the frame of a decision."""
        return framed_one(_DECISION.pack(DECISION, *decision))

    def text(self, text: str) -> bytes:
        """Return the frame of an answer to a command, at most 250 bytes of UTF-8."""
        return framed_one(bytes([TEXT]) + text.encode())


class _Found(NamedTuple):
    """Content of whole frames: the recording's data, other frames, and counts of the rest."""

    counters: I64
    values: U16
    ends: I64
    extras: list[Extra]
    errors: int
    junk: int


class Decoder:
    """Decode frames, in any chunking; never raises on content.

    Parameters
    ----------
    mask : channels to expect; by default those of the first data frame. Frames of other channels
        count as damaged: a recording has the same columns throughout.
    bits : bits per sample, 16 until the board's greeting says otherwise; frames with a larger
        value count as damaged
    """

    name = "frames"

    def __init__(self, mask: int | None = None, *, bits: int = 16) -> None:
        self.mask = mask
        self.bits = bits
        self._fed = 0
        self._tail = b""
        self._too_long = False  # the unfinished frame exceeded the maximum length and was discarded
        self._in_step = False  # a valid frame was found; from now on, invalid ones count as damaged
        self._counting = Counting(bits=32, max_step=MAX_STEP, max_leap=MAX_LEAP)

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return 0 if self.mask is None else self.mask.bit_count()

    def finish(self) -> Decoded:
        """Return the rest of the stream; an unconfirmed scan number is counted as invalid."""
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
            tuple(extra for extra in found.extras if isinstance(extra, Decision)),
        )

    def _few(self, data: bytes, whole: int, base: int) -> _Found:
        """Decode the frames before `whole` one by one."""
        scans: list[bytes] = []
        ends: list[int] = []
        extras: list[Extra] = []
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
        """Return whether a frame is a scan of this recording; the first defines the channels."""
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

    def _hear(self, extra: Extra) -> None:
        """Read the bits per sample from a greeting."""
        said = _BITS.search(extra) if isinstance(extra, str) else None
        if said and 8 <= int(said[1]) <= 16:
            self.bits = int(said[1])

    def _many(self, data: bytes, whole: int, base: int) -> _Found:
        """Decode the frames before `whole`, those of equal length together."""
        stream = np.frombuffer(data, dtype=np.uint8, count=whole)
        ends = np.flatnonzero(stream == 0)
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts
        groups: list[tuple[I64, U8]] = []
        extras: list[tuple[int, Extra]] = []
        for length in np.unique(lengths):
            if not _SHORTEST <= length <= MAX_PACKED:
                continue
            places = np.flatnonzero(lengths == length)
            rows, sound = cobs_decode(stream[starts[places][:, np.newaxis] + np.arange(length)])
            rows, crc = rows[:, :-CRC_BYTES], number_at(rows, length - 1 - CRC_BYTES, "<u2")
            sound &= crc16(rows) == crc
            is_data = sound & (rows[:, 0] == DATA)
            if is_data.any():
                groups.append((places, rows) if is_data.all() else (places[is_data], rows[is_data]))
            for at in np.flatnonzero(sound & ~is_data).tolist():
                if (extra := _extra(rows[at].tobytes())) is not None:
                    extras.append((int(places[at]), extra))
        extras.sort(key=lambda extra: extra[0])
        places, counters, values = self._of_this_recording(groups, extras)

        bad = lengths > 0  # two zeros in a row are an empty frame, not damage
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
        self, groups: list[tuple[I64, U8]], extras: list[tuple[int, Extra]]
    ) -> tuple[I64, I64, U16]:
        """Return places, counters and values of the data frames with this recording's channels.

        `groups` are the data frames, grouped by length; the result is in order.
        """
        proper = []
        bits, before = self.bits, -1
        probed = []
        for place, extra in extras:
            self._hear(extra)
            if self.bits != bits:
                probed.append((before, place, bits))
                bits, before = self.bits, place
        probed.append((before, np.iinfo(np.int64).max, bits))
        for places, rows in groups:
            if rows.shape[1] < _HEAD.size:
                continue
            masks = number_at(rows, 1, "<u2")
            carried = (rows.shape[1] - _HEAD.size) / 2
            known = [mask for mask in np.unique(masks).tolist() if mask.bit_count() == carried > 0]
            fits = np.isin(masks, known)
            top = rows[:, _HEAD.size + 1 :: 2]
            for begin, end, limit in probed:
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
                # Equal masks have equal lengths, so at most one group matches.
                values = np.ascontiguousarray(rows[same, _HEAD.size :]).view("<u2")
                counters = number_at(rows[same], 3, "<u4")
                return places[same], counters, values.astype(np.uint16, copy=False)
        return self._no_scans()[:3]

    def _no_scans(self) -> tuple[I64, I64, U16, I64]:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty((0, self.channels), dtype=np.uint16), nothing


@cache
def _scan_dtype(channels: int) -> np.dtype[Any]:
    """Return the dtype of a data frame's body."""
    values = ("values", "<u2", (channels,))
    return np.dtype([("type", "u1"), ("mask", "<u2"), ("counter", "<u4"), values])


def _extra(body: bytes) -> Extra | None:
    """Return the content of a valid frame other than data, None if its kind is unknown."""
    if body[0] == STATUS and len(body) == _STATUS.size:
        return Status(*_STATUS.unpack(body)[1:])
    if body[0] == DECISION and len(body) == _DECISION.size:
        return Decision(*_DECISION.unpack(body)[1:])
    return body[1:].decode("utf-8", "replace") if body[0] == TEXT else None
