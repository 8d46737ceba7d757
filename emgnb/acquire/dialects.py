r"""Other people's sketches: lines of numbers, as `Serial.print` makes them.

One line is one scan: ``512,498,…`` or ``millis,512,498,…``, parted by comma, semicolon, tab or
blank, with or without ``\r``, each number with or without a name before it (``A0:512``, as the
Serial Plotter likes it). Such a line carries no counter and no checksum: **lines that never came
cannot be noticed**, and a digit lost inside a number cannot either. What can be seen is counted: a
line with another number of fields, or with anything but numbers, is a damaged scan; it takes a
scan number, so that it becomes a gap and not a shift.
"""

from __future__ import annotations

import math
import re
from typing import Protocol

import numpy as np
import numpy.typing as npt

from emgnb.acquire import frames
from emgnb.acquire.frames import Decoded

# Lines looked at before the first scan is given: how many fields, and is the first a clock?
LOOK = 50
LONGEST_LINE = 1000
_BLANK = b"\r \t\0"
# Arduino prints what is no number as nan, inf or ovf: a missing value in a line that came whole.
_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|-inf|ovf|-ovf"
_FIELD = re.compile(rb"(?:[A-Za-z_][^:,;\t]*:)?\s*(" + _NUMBER + rb")\s*")
_PARTING = re.compile(rb"\s*[,;\t]\s*| +")
_I64 = npt.NDArray[np.int64]
# The numbers of a line, None when it is damaged, and the bytes of the stream up to its end.
_Row = tuple[list[float] | None, int]
NAMES = ("auto", "frames", "csv", "csv-plain")


class Decoder(Protocol):
    """What every dialect's decoder can do."""

    name: str

    @property
    def channels(self) -> int:
        """Number of channels, 0 until known."""

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""

    def finish(self) -> Decoded:
        """Return what was held back until the stream's end."""


def check(dialect: str) -> None:
    """Raise ValueError when no dialect has that name."""
    if dialect not in NAMES:
        raise ValueError(f"dialect {dialect!r}; known are {', '.join(NAMES)}")


def decoder(dialect: str, *, mask: int | None = None) -> Decoder:
    """Return a fresh decoder for "frames", "csv" or "csv-plain" (no clock in the first field).

    Raises
    ------
    ValueError : no such dialect
    """
    if dialect == "frames":
        return frames.Decoder(mask)
    if dialect == "csv":
        return LineDecoder()
    if dialect == "csv-plain":
        return LineDecoder(clock=False)
    raise ValueError(f"no decoder for dialect {dialect!r}")


def detect(data: bytes) -> str | None:
    """Tell from some bytes what is spoken: "frames", "csv", or None when neither shows (yet)."""
    found = frames.Decoder().feed(data)
    if found.scans.size or found.texts or found.statuses:
        return "frames"
    widths = [len(fields) for line in _lines(data)[1:] if (fields := _fields(line))]
    if len(widths) >= 3 and widths.count(max(set(widths), key=widths.count)) > len(widths) / 2:
        return "csv"
    return None


class LineDecoder:
    """Lines of numbers to scans, numbered by counting lines.

    The first line is never used: the port may have been opened in its middle. A leading column is
    taken for the board's clock (millis or micros) when a header says so, or when it holds whole
    numbers that rise evenly through the first `LOOK` lines, as no muscle does; it is not a channel
    then, but gives `clock_rate`.

    Parameters
    ----------
    clock : False when the first column is a channel, whatever it looks like
    """

    name = "csv"

    def __init__(self, *, clock: bool | None = None) -> None:
        self._clock = clock
        self._fed = 0
        self._tail = b""
        self._too_long = False
        self._first = True
        self._waiting: list[_Row] | None = []  # lines until the form is known
        self._unread = 0  # lines given up before the form was known
        self._width = 0
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
        """Scans a second by the board's own clock, if the lines carry one."""
        if self._clock_span is None:
            return None
        start, end, first, last = self._clock_span
        if end <= start:
            return None
        ticks_a_scan = (end - start) / (last - first)
        # Milliseconds or microseconds? `Serial.print` does 5 Hz to 5 kHz, nothing else is EMG.
        return (1e3 if ticks_a_scan <= 200 else 1e6) / ticks_a_scan

    def feed(self, data: bytes) -> Decoded:
        """Decode the next bytes of the stream."""
        self._fed += len(data)
        junk = 0
        rows: list[_Row] = []
        if self._too_long:
            skipped, newline, data = data.partition(b"\n")
            junk += len(skipped)
            if not newline:
                return Decoded(*self._none(), junk=junk)
            self._too_long = False
            self._add(None, self._fed - len(data), rows)
        data = self._tail + data
        end = self._fed - len(data)
        whole = data.rfind(b"\n") + 1
        self._tail = data[whole:]
        texts: list[str] = []
        for raw in data[:whole].split(b"\n")[:-1]:
            end += len(raw) + 1
            line = raw.strip(_BLANK)
            first, self._first = self._first, False
            if len(raw) > LONGEST_LINE:
                junk += len(raw)
                self._add(None, end, rows)
            elif not line:
                continue
            elif (fields := _fields(line)) is not None and not first:
                self._add(fields, end, rows)
            elif fields is None and (text := _text(line)) is not None:
                texts.append(text)
                if self._waiting is not None:
                    self._header = _names(text) or self._header
            else:
                junk += len(raw)
                if not first:
                    self._add(None, end, rows)
        if len(self._tail) > LONGEST_LINE:
            junk += len(self._tail)
            self._tail, self._too_long, self._first = b"", True, False
        return self._scans(rows, tuple(texts), junk)

    def finish(self) -> Decoded:
        """Return the scans of a stream that ended before its form was certain."""
        return self._scans(self._settle() if self._waiting else [], (), 0)

    def _add(self, fields: list[float] | None, end: int, rows: list[_Row]) -> None:
        """Add a line to `rows`, or to those that wait until the form is known."""
        if self._waiting is None:
            rows.append((fields, end))
            return
        self._waiting.append((fields, end))
        if len(self._waiting) == LOOK:
            rows += self._settle()

    def _settle(self) -> list[_Row]:
        """Tell the form from the waiting lines, and return them."""
        rows = self._waiting or []
        widths = [len(fields) for fields, _ in rows if fields is not None]
        if not widths:
            self._waiting = []
            self._unread += len(rows)
            return []
        self._waiting = None
        self._width = max(set(widths), key=widths.count)
        if self._clock is None:
            named = len(self._header) == self._width and _is_clock_name(self._header[0])
            first = np.array(
                [fields[0] for fields, _ in rows if fields and len(fields) == self._width]
            )
            self._clock = self._width > 1 and (named or _rises_evenly(first))
        # What came before the first whole scan was no scan of this recording.
        while not self._fits(rows[0]):
            del rows[0]
        return rows

    def _scans(self, rows: list[_Row], texts: tuple[str, ...], junk: int) -> Decoded:
        unread, self._unread = self._unread, 0
        if self._waiting is not None:
            return Decoded(*self._none(), texts=texts, junk=junk, crc_errors=unread)
        good = [n for n, row in enumerate(rows) if self._fits(row)]
        numbers = np.array([rows[n][0] for n in good], dtype=np.float64).reshape(-1, self._width)
        scans = np.array(good, dtype=np.int64) + self._count
        self._count += len(rows)
        if self._clock and scans.size:
            self._follow_clock(scans, numbers[:, 0])
            numbers = numbers[:, 1:]
        return Decoded(
            scans,
            np.zeros_like(scans),
            numbers.astype(np.float32),
            np.array([rows[n][1] for n in good], dtype=np.int64),
            texts=texts,
            lost=len(rows) - len(good),
            crc_errors=len(rows) - len(good) + unread,
            junk=junk,
        )

    def _fits(self, row: _Row) -> bool:
        return row[0] is not None and len(row[0]) == self._width

    def _follow_clock(self, scans: npt.NDArray[np.int64], ticks: npt.NDArray[np.float64]) -> None:
        start, end, first, last = self._clock_span or (
            float(ticks[0]),
            float(ticks[0]),
            int(scans[0]),
            int(scans[0]),
        )
        if ticks[-1] >= end:
            end, last = float(ticks[-1]), int(scans[-1])
        self._clock_span = (start, end, first, last)

    def _none(self) -> tuple[_I64, _I64, npt.NDArray[np.float32], _I64]:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty((0, self.channels), dtype=np.float32), nothing


def _lines(data: bytes) -> list[bytes]:
    return [line.strip(_BLANK) for line in data.split(b"\n")[:-1]]


def _fields(line: bytes) -> list[float] | None:
    """Return the numbers of a line, None when it holds anything else."""
    line = re.sub(rb":\s+", b":", line.rstrip(b",; \t"))
    found = [_FIELD.fullmatch(part) for part in _PARTING.split(line)]
    if not all(found):
        return None
    numbers = [float(match[1].replace(b"ovf", b"nan")) for match in found if match]
    return [number if math.isfinite(number) else math.nan for number in numbers]


def _text(line: bytes) -> str | None:
    """Return a line of words, None when it is a damaged line of numbers."""
    if not line.isascii() or any(byte < 32 and byte != 9 for byte in line):
        return None
    words = [part for part in _PARTING.split(line) if not _FIELD.fullmatch(part)]
    lettered = [word for word in words if re.match(rb"[A-Za-z#]", word)]
    return line.decode() if lettered and len(lettered) > len(words) / 2 else None


def _names(text: str) -> list[str]:
    """Return the channel names in a header line, empty when it is no header."""
    names = [name.strip().strip('"') for name in re.split(r"[,;\t]", text)]
    return names if len(names) > 1 and all(names) and len(set(names)) == len(names) else []


def _is_clock_name(name: str) -> bool:
    return bool(re.match(r"(?i)(time|millis|micros|ms|us|t)\b", name))


def _rises_evenly(ticks: npt.NDArray[np.float64]) -> bool:
    if ticks.size < 3 or np.any(ticks != np.rint(ticks)) or np.any(np.diff(ticks) < 0):
        return False
    span = ticks[-1] - ticks[0]
    line = np.linspace(ticks[0], ticks[-1], ticks.size)
    return bool(span >= ticks.size / 4 and np.abs(ticks - line).max() <= 2 + 0.02 * span)
