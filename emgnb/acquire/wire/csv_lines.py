r"""Decode lines of numbers, as `Serial.print` writes them.

One line is one scan: ``512,498,…`` or ``millis,512,498,…``, separated by comma, semicolon, tab or
blank, with or without ``\r``; each number may be preceded by a name (``A0:512``, as for the Serial
Plotter). Such a line has no counter and no checksum: **lost lines cannot be detected**, nor can a
digit lost inside a number. Detectable damage is counted: a line with another number of fields, or
with anything but numbers, is a damaged scan. It takes a scan number, so that it becomes a gap and
does not shift the scans after it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire.wire import _numerals
from emgnb.acquire.wire.frames import Decoded

# Lines used to determine the number of fields and whether the first is a clock.
LOOK = 50
# Maximum characters of a line.
LONGEST_LINE = 1000
# With fewer lines at once, NumPy's calls cost more than they save.
FEW = 32
# Bytes before the first scan of another board that are searched for text.
WORDS = 1000
_BLANK = b"\r \t\0"
# Arduino prints non-finite numbers as nan, inf or ovf: a missing value in an undamaged line.
_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|-inf|ovf|-ovf"
_FIELD = re.compile(rb"(?:[A-Za-z_][^:,;\t]*:)?\s*(" + _NUMBER + rb")\s*")
_PARTING = re.compile(rb"\s*[,;\t]\s*| +")
_I64 = npt.NDArray[np.int64]


class _Line(NamedTuple):
    """A line with a scan number: its numbers, None if damaged, and the position of its end."""

    numbers: list[float] | None
    end: int


class _Taken:
    """Result of one `feed` so far."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.junk = 0
        self.lines: list[_Line] = []
        # Of lines parsed together: which are valid, the end of each, the numbers of the valid ones.
        self.blocks: list[tuple[npt.NDArray[np.bool_], _I64, _numerals.F64]] = []

    def settle(self, width: int) -> None:
        """Move single lines to a block, to keep the order."""
        if not self.lines:
            return
        good = [line.numbers for line in self.lines if _has(line, width)]
        self.blocks.append(
            (
                np.array([_has(line, width) for line in self.lines]),
                np.array([line.end for line in self.lines], dtype=np.int64),
                np.array(good, dtype=np.float64).reshape(-1, width),
            )
        )
        self.lines = []


class LineDecoder:
    """Decode lines of numbers, in any chunking; scans are numbered by counting lines.

    The first line is never used: the port may have been opened in the middle of it. A leading
    column counts as the board's clock (millis or micros) if a header says so, or if it holds
    whole numbers that rise evenly through the first `LOOK` lines, as EMG never does. It is then
    not a channel, but gives `clock_rate`.

    Parameters
    ----------
    clock : False if the first column is a channel, whatever it looks like
    """

    name = "csv"

    def __init__(self, *, clock: bool | None = None) -> None:
        self._clock = clock
        self._fed = 0
        self._tail = b""
        self._too_long = False
        self._first = True
        self._waiting: list[_Line] | None = []  # lines received before the format is known
        self._unread = 0  # lines discarded before the format was known
        self._width = 0
        self._separator = b","
        self._count = 0
        self._header: list[str] = []
        self._clock_span: tuple[float, float, int, int] | None = None

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""
        return self._width - bool(self._clock) if self._waiting is None else 0

    @property
    def names(self) -> list[str]:
        """Channel names from a header line, empty without one."""
        fits = self._waiting is None and len(self._header) == self._width
        return self._header[int(bool(self._clock)) :] if fits else []

    @property
    def clock_rate(self) -> float | None:
        """Scans per second by the board's own clock, None if the lines carry no clock."""
        if self._clock_span is None:
            return None
        start, end, first, last = self._clock_span
        if end <= start:
            return None
        ticks_a_scan = (end - start) / (last - first)
        # Milliseconds or microseconds? `Serial.print` reaches 5 Hz to 5 kHz.
        return (1e3 if ticks_a_scan <= 200 else 1e6) / ticks_a_scan

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""
        self._fed += len(data)
        took = _Taken()
        if self._too_long:
            skipped, newline, data = data.partition(b"\n")
            took.junk += len(skipped)
            if not newline:
                return self._decoded(took)
            self._too_long = False
            self._add(None, self._fed - len(data), took)
        data = self._tail + data
        base = self._fed - len(data)
        whole = data.rfind(b"\n") + 1
        self._tail = data[whole:]
        at = 0
        many = data.count(b"\n", 0, whole) >= FEW
        while at < whole and (self._waiting is not None or not many):
            end = data.index(b"\n", at)
            self._read(data[at:end], base + end + 1, took)
            at = end + 1
        if at < whole:
            self._read_many(data[at:whole], base + at, took)
        if len(self._tail) > LONGEST_LINE:
            took.junk += len(self._tail)
            self._tail, self._too_long, self._first = b"", True, False
        return self._decoded(took)

    def finish(self) -> Decoded:
        """Return the scans of a stream that ended before its format was known."""
        took = _Taken()
        if self._waiting:
            self._settle(took)
        return self._decoded(took)

    def _read(self, raw: bytes, end: int, took: _Taken) -> None:
        """Parse one line."""
        first, self._first = self._first, False
        line = raw.strip(_BLANK)
        if len(raw) > LONGEST_LINE:
            took.junk += len(raw)
            self._add(None, end, took)
        elif not line:
            return
        elif (numbers := self._numbers(line)) is not None and not first:
            self._add(numbers, end, took)
        elif numbers is None and (text := _text(line)) is not None:
            took.texts.append(text)
            if self._waiting is not None:
                self._header = _names(text) or self._header
        else:
            took.junk += len(raw)
            if not first:
                self._add(None, end, took)

    def _read_many(self, text: bytes, base: int, took: _Taken) -> None:
        """Parse whole lines, those of the common form together."""
        took.settle(self._width)
        ends, formed, numbers = _numerals.table(
            text, self._separator[0], self._width, longest=LONGEST_LINE
        )
        if formed.all():
            took.blocks.append((formed, base + ends, numbers))
            return
        values = np.zeros((ends.size, self._width))
        values[formed] = numbers
        begins = np.concatenate([[0], ends[:-1]])
        whole, counts = formed.copy(), np.ones(ends.size, dtype=bool)
        for n in np.flatnonzero(~formed).tolist():
            self._read(text[begins[n] : ends[n] - 1], base + int(ends[n]), took)
            counts[n] = bool(took.lines)
            for line in took.lines:
                if _has(line, self._width):
                    whole[n], values[n] = True, line.numbers
            took.lines = []
        took.blocks.append((whole[counts], base + ends[counts], values[whole]))

    def _numbers(self, line: bytes) -> list[float] | None:
        """Return the numbers of a line, None if it contains anything else."""
        if line.translate(None, b"0123456789.-") == self._separator * (self._width - 1):
            # Only malformed numbers can fail here: no digits, or 1-2, or 1.2.3.
            try:
                return list(map(float, line.split(self._separator)))
            except ValueError:
                pass
        return _fields(line)

    def _add(self, numbers: list[float] | None, end: int, took: _Taken) -> None:
        """Add a line to the scans, or to the waiting lines until the format is known."""
        if self._waiting is None:
            took.lines.append(_Line(numbers, end))
            return
        self._waiting.append(_Line(numbers, end))
        if len(self._waiting) == LOOK:
            self._settle(took)

    def _settle(self, took: _Taken) -> None:
        """Determine the format from the waiting lines, and add them."""
        rows = self._waiting or []
        widths = Counter(len(row.numbers) for row in rows if row.numbers is not None)
        if not widths:
            self._waiting = []
            self._unread += len(rows)
            return
        self._waiting = None
        self._width = widths.most_common(1)[0][0]
        if self._clock is None:
            named = len(self._header) == self._width and _is_clock_name(self._header[0])
            first = np.array(
                [row.numbers[0] for row in rows if row.numbers and _has(row, self._width)]
            )
            self._clock = self._width > 1 and (named or _rises_evenly(first))
        # Lines before the first whole scan do not belong to this recording.
        while not _has(rows[0], self._width):
            del rows[0]
        took.lines += rows

    def _decoded(self, took: _Taken) -> Decoded:
        unread, self._unread = self._unread, 0
        took.settle(self._width)
        if not took.blocks:
            nothing = np.empty(0, dtype=np.int64)
            values = np.empty((0, self.channels), dtype=np.float32)
            return Decoded(
                nothing,
                nothing,
                values,
                nothing,
                texts=tuple(took.texts),
                junk=took.junk,
                crc_errors=unread,
            )
        whole, ends, numbers = map(np.concatenate, zip(*took.blocks, strict=True))
        scans = np.flatnonzero(whole) + self._count
        self._count += whole.size
        if self._clock and scans.size:
            self._follow_clock(scans, numbers[:, 0])
        damaged = whole.size - scans.size
        return Decoded(
            scans,
            np.zeros_like(scans),
            _samples(numbers[:, int(bool(self._clock)) :]),
            ends[whole],
            texts=tuple(took.texts),
            lost=damaged,
            crc_errors=damaged + unread,
            junk=took.junk,
        )

    def _follow_clock(self, scans: _I64, ticks: _numerals.F64) -> None:
        start, end, first, last = self._clock_span or (
            float(ticks[0]),
            float(ticks[0]),
            int(scans[0]),
            int(scans[0]),
        )
        if ticks[-1] >= end:
            end, last = float(ticks[-1]), int(scans[-1])
        self._clock_span = (start, end, first, last)


def _samples(numbers: _numerals.F64) -> npt.NDArray[np.float32]:
    """Return samples in 32 bits; numbers out of range and non-finite numbers become NaN."""
    most = float(np.finfo(np.float32).max)
    return np.where(np.abs(numbers) <= most, numbers, np.nan).astype(np.float32)


def looks_like(data: bytes) -> bool:
    """Return whether most lines contain numbers, the same count in each."""
    lines = [line.strip(_BLANK) for line in data.split(b"\n")[1:-1]]
    widths = Counter(len(fields) for line in lines if (fields := _fields(line)))
    return widths.total() >= 3 and widths.most_common(1)[0][1] > widths.total() / 2


def words(data: bytes) -> list[str]:
    """Return the printable lines of ASCII text among the bytes."""
    lines = [line.strip(_BLANK) for line in data.split(b"\n")]
    texts = [line.decode() for line in lines if len(line) > 1 and line.isascii()]
    return [text for text in texts if text.isprintable()]


def _has(line: _Line, width: int) -> bool:
    return line.numbers is not None and len(line.numbers) == width


def _fields(line: bytes) -> list[float] | None:
    """Return the numbers of a line in any supported form, None if it contains anything else."""
    line = re.sub(rb":\s+", b":", line.rstrip(b",; \t"))
    found = [_FIELD.fullmatch(part) for part in _PARTING.split(line)]
    if not all(found):
        return None
    numbers = [float(match[1].replace(b"ovf", b"nan")) for match in found if match]
    return [number if math.isfinite(number) else math.nan for number in numbers]


def _text(line: bytes) -> str | None:
    """Return a line of text, None if it is a damaged line of numbers."""
    if not line.isascii() or any(byte < 32 and byte != 9 for byte in line):
        return None
    words = [part for part in _PARTING.split(line) if not _FIELD.fullmatch(part)]
    lettered = [word for word in words if re.match(rb"[A-Za-z#]", word)]
    return line.decode() if lettered and len(lettered) > len(words) / 2 else None


def _names(text: str) -> list[str]:
    """Return the channel names of a header line, empty if the line is not a header."""
    names = [name.strip().strip('"') for name in re.split(r"[,;\t]", text)]
    return names if len(names) > 1 and all(names) and len(set(names)) == len(names) else []


def _is_clock_name(name: str) -> bool:
    return bool(re.match(r"(?i)(time|millis|micros|ms|us|t)\b", name))


def _rises_evenly(ticks: _numerals.F64) -> bool:
    if ticks.size < 3 or np.any(ticks != np.rint(ticks)) or np.any(np.diff(ticks) < 0):
        return False
    span = ticks[-1] - ticks[0]
    line = np.linspace(ticks[0], ticks[-1], ticks.size)
    return bool(span >= ticks.size / 4 and np.abs(ticks - line).max() <= 2 + 0.02 * span)
