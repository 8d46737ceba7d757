r"""Decode Backyard Brains' SpikerBoxes: two bytes per sample, first byte of a scan marked.

A sample ``v`` is sent as ``v >> 7`` and ``v & 127``; 128 is added only to the first byte of a
scan. Messages, such as ``HWT:MUSCLESS;``, are enclosed in ``FF FF 01 01 80 FF`` and
``FF FF 01 01 81 FF``. There is no counter and no checksum: **lost scans cannot be detected**, nor
can a wrong value. Detectable damage is counted: a run of bytes outside whole scans is one error,
and takes as many scan numbers as its bytes would fill, so that it becomes a gap and does not shift
the scans after it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emgnb.acquire.wire.csv_lines import WORDS, words
from emgnb.acquire.wire.frames import Decoded

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

# Scans used to determine the number of channels.
LOOK = 64
# Maximum number of channels.
MOST_CHANNELS = 16
# Scans required instead if the stream ends earlier.
_FEWEST = 4
_OPEN, _CLOSE = b"\xff\xff\x01\x01\x80\xff", b"\xff\xff\x01\x01\x81\xff"
# Maximum bytes of a message.
_LONGEST_MESSAGE = 256
# Messages kept until the length of a scan is known.
MOST_MESSAGES = 50


def looks_like(data: bytes) -> bool:
    """Return whether bytes are a SpikerBox's: evenly spaced marks, 10-bit samples or a message."""
    plain, messages = _parted(data, last=True)
    stream = np.frombuffer(plain, dtype=np.uint8)
    marks = _marks(stream)
    spacing = np.diff(marks)
    if spacing.size < LOOK:
        return False
    usual = np.bincount(spacing).argmax()
    alike = np.count_nonzero(spacing == usual)
    ten_bits = np.count_nonzero(stream[marks] < 0x88) > 0.95 * marks.size
    return bool(
        usual % 2 == 0
        and usual <= 2 * MOST_CHANNELS
        and alike > 0.95 * spacing.size
        and (ten_bits or messages)
    )


class SpikerBoxDecoder:
    """Decode SpikerBox bytes, in any chunking; never raises on content."""

    name = "spikerbox"

    def __init__(self) -> None:
        self._fed = 0
        self._tail = b""
        self._length = 0  # bytes per scan, 0 until known
        self._count = 0
        self._bad = 0  # bytes since the last whole scan
        self._begun = False
        self._skipped = b""  # latest bytes before the first scan
        self._early: list[str] = []  # messages received before the scan length is known

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return self._length // 2

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""
        self._fed += len(data)
        return self._decode(self._tail + data, last=False)

    def finish(self) -> Decoded:
        """Return the last scan, if it is complete: no following scan shows where it ends."""
        return self._decode(self._tail, last=True)

    def _decode(self, data: bytes, *, last: bool) -> Decoded:
        plain, messages = _parted(data, last=last)
        stream = np.frombuffer(plain, dtype=np.uint8)
        marks = _marks(stream)
        texts: list[str] = []
        begin = keep = 0
        if not self._length:
            begin = keep = self._settle(stream.size, marks, last=last)
            self._skipped = (self._skipped + plain[:begin])[-WORDS:]
            if self._length or last:
                texts += words(self._skipped) + self._early
        starts = marks[:0]
        if self._length:
            # A scan ends where the next begins; the last one waits, unless it is already too long.
            keep = int(marks[-1]) if marks.size and not last else stream.size
            if stream.size - keep > 2 * MOST_CHANNELS:
                keep = stream.size
            size = np.diff(marks, append=keep)
            starts = marks[(marks >= begin) & (marks < keep) & (size == self._length)]
        consumed = int(_place_of(np.array([keep]), messages)[0])
        probed = [text for at, _, text in messages if at <= keep]
        if self._length or last:
            texts += probed
        else:
            self._early = (self._early + probed)[-MOST_MESSAGES:]
        self._tail = data[consumed:]
        scans, missing = self._number(starts, begin, keep)
        rows = stream[starts[:, np.newaxis] + np.arange(self._length)].astype(np.uint16)
        ends = _place_of(starts + self._length - 1, messages) + 1
        return Decoded(
            scans,
            np.zeros_like(scans),
            (rows[:, ::2] & 0x7F) << 7 | rows[:, 1::2],
            self._fed - len(data) + ends,
            texts=tuple(texts),
            lost=int(missing.sum()),
            crc_errors=int(np.count_nonzero(missing)),
            junk=keep - starts.size * self._length,
        )

    def _number(self, starts: I64, begin: int, keep: int) -> tuple[I64, I64]:
        """Return the numbers of the scans at `starts`, and the scans missing before each."""
        if not starts.size:
            self._bad += keep - begin
            return starts, starts
        ends = starts + self._length
        bad = starts - np.concatenate([[begin], ends[:-1]])
        bad[0] = bad[0] + self._bad if self._begun else 0
        self._begun = True
        self._bad = keep - int(ends[-1])
        missing = np.where(bad > 0, np.maximum((bad + self._length // 2) // self._length, 1), 0)
        scans = self._count + np.cumsum(1 + missing) - 1
        self._count = int(scans[-1]) + 1
        return scans, missing

    def _settle(self, size: int, marks: I64, *, last: bool) -> int:
        """Determine the scan length, if possible; return how many bytes belong to no scan."""
        spacing = np.diff(marks)
        look = _FEWEST if last else LOOK
        at = 0
        while True:
            far = np.flatnonzero(spacing[at:] > 2 * MOST_CHANNELS)
            end = at + int(far[0]) if far.size else spacing.size
            if end - at >= look:
                counted = np.bincount(spacing[at : min(at + LOOK, end)])
                usual = int(counted.argmax())
                if usual % 2 == 0 and 2 * counted[usual] > counted.sum():
                    self._length = usual
                    return int(marks[at])
                at = min(at + LOOK, end)
            elif far.size:
                at = end + 1
            else:
                break
        if not marks.size or size - marks[-1] > 2 * MOST_CHANNELS:
            return size
        return int(marks[at])


def _marks(stream: U8) -> I64:
    return np.flatnonzero(stream >= 0x80)


def _parted(data: bytes, *, last: bool) -> tuple[bytes, list[tuple[int, int, str]]]:
    """Separate samples from messages: (position, length with its delimiters, text) of each.

    Positions count sample bytes. Unless `last`, bytes that may begin a message are held back.
    """
    parts: list[bytes] = []
    messages: list[tuple[int, int, str]] = []
    at = size = 0
    while (opened := data.find(_OPEN, at)) >= 0:
        inside = opened + len(_OPEN)
        closed = data.find(_CLOSE, inside, inside + _LONGEST_MESSAGE + len(_CLOSE))
        if closed < 0 and not last and len(data) < inside + _LONGEST_MESSAGE + len(_CLOSE):
            parts.append(data[at:opened])
            return b"".join(parts), messages
        parts.append(data[at : inside if closed < 0 else opened])
        size += len(parts[-1])
        at = inside
        if closed >= 0:
            at = closed + len(_CLOSE)
            text = data[inside:closed].decode("ascii", "replace")
            messages.append((size, at - opened, text))
    held = 0
    if not last:
        held = next((n for n in range(5, 0, -1) if data.endswith(_OPEN[:n])), 0)
    parts.append(data[at : max(len(data) - held, at)])
    return b"".join(parts), messages


def _place_of(plain: I64, messages: list[tuple[int, int, str]]) -> I64:
    """Convert positions among the sample bytes to positions in the stream."""
    if not messages:
        return plain
    at = np.array([at for at, _, _ in messages])
    removed = np.concatenate([[0], np.cumsum([length for _, length, _ in messages])])
    return np.asarray(plain + removed[np.searchsorted(at, plain, side="right")])
