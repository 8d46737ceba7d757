r"""The journal: everything that came through the port, as it came, in a file that only grows.

A file is a header and then records: raw bytes, marks, settings, reconnects, health. Each carries
the computer's two clocks and a checksum and is handed to the operating system at once, so a killed
process loses nothing it had written; `sync` once a second limits what a power cut can take to that
second. A record that is torn or damaged is stepped over and its bytes are counted; at the end of
the file it is where reading stops, for good or until more is written.

::

    header   "EMGJRNL" and the version, 8 bytes
    record   "\xabREC", kind u8, 3 zeros, length of the payload u32,
             monotonic ns i64, UTC ns i64, payload, CRC-32 of all before; little endian
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from emgnb.acquire.clock import host_ns

MAGIC = b"EMGJRNL\x01"
_MARK = b"\xabREC"
_HEAD = struct.Struct("<4sBxxxIqq")
_CRC = struct.Struct("<I")
# A longer record is none: the port is read every 10 ms.
LONGEST = 1 << 24
_STEP = 1 << 16


class Kind(IntEnum):
    """What a record holds; all but RAW are JSON objects."""

    RAW = 1
    MARK = 2
    SETTINGS = 3
    RECONNECT = 4
    HEALTH = 5
    END = 6
    DEVICE = 7


class JournalError(ValueError):
    """The file is no journal, or not one that can be read."""


class Record(NamedTuple):
    """One record; times in ns."""

    kind: int
    mono_ns: int
    utc_ns: int
    payload: bytes

    def json(self) -> dict[str, Any]:
        """Return the payload of a record that is not RAW."""
        found: dict[str, Any] = json.loads(self.payload)
        return found


class JournalWriter:
    """The one writer of a new journal.

    Raises
    ------
    FileExistsError : something is there already; a journal is never overwritten
    OSError : the disk is full or failed; what was written before stays readable
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            self._fd = os.open(self.path, flags, 0o644)
        except FileExistsError:
            raise FileExistsError(f"{self.path} exists and is not overwritten") from None
        self.bytes = 0
        self._write(MAGIC)

    def raw(self, data: bytes, mono_ns: int, utc_ns: int) -> None:
        """Append what came through the port, and when."""
        self._append(Kind.RAW, data, mono_ns, utc_ns)

    def note(self, kind: Kind, content: dict[str, Any], mono_ns: int | None = None) -> None:
        """Append a record of any other kind."""
        payload = json.dumps(content, ensure_ascii=False).encode()
        self._append(kind, payload, host_ns() if mono_ns is None else mono_ns, time.time_ns())

    def sync(self) -> None:
        """Have the disk keep what was written; may take as long as the disk likes."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Sync and close."""
        try:
            os.fsync(self._fd)
        finally:
            os.close(self._fd)

    def _append(self, kind: Kind, payload: bytes, mono_ns: int, utc_ns: int) -> None:
        body = _HEAD.pack(_MARK, kind, len(payload), mono_ns, utc_ns) + payload
        self._write(body + _CRC.pack(zlib.crc32(body)))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            done = os.write(self._fd, view)
            self.bytes += done
            view = view[done:]


class JournalReader:
    """Read a journal in bounded memory, also while it grows.

    Parameters
    ----------
    path : the file

    Raises
    ------
    FileNotFoundError, JournalError : no such file; not a journal
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file: BinaryIO = self.path.open("rb")
        except FileNotFoundError:
            raise FileNotFoundError(f"no journal at {self.path}") from None
        self.position = 0
        self.skipped = 0
        header = self._file.read(len(MAGIC))
        if not MAGIC.startswith(header):
            self._file.close()
            wrong = "another version" if header[:7] == MAGIC[:7] else "not a journal"
            raise JournalError(f"{self.path} is {wrong}: it begins with {header!r}, not {MAGIC!r}")
        self.position = len(MAGIC)

    @property
    def torn(self) -> int:
        """Bytes after the last good record."""
        return max(os.fstat(self._file.fileno()).st_size - self.position, 0)

    def records(self) -> Iterator[Record]:
        """Yield the good records from where reading stopped last; call again when more is there."""
        while True:
            record, size = self._at(self.position)
            if record is None:
                following = self._next_good(self.position + 1)
                if following is None:
                    return
                if self._at(self.position)[0] is not None:
                    continue  # it was only being written, and whole before the search was over
                self.skipped += following - self.position
                self.position = following
                continue
            self.position += size
            yield record

    def seek_time(self, mono_ns: int) -> None:
        """Go on with the first record stamped at `mono_ns` or later, by bisection."""
        low, high = len(MAGIC), os.fstat(self._file.fileno()).st_size
        while high - low > _STEP:
            middle = (low + high) // 2
            at = self._next_good(middle)
            record = None if at is None or at >= high else self._at(at)[0]
            if record is not None and record.mono_ns < mono_ns:
                low = at or low
            else:
                high = middle
        self.position = low
        while True:
            record, size = self._at(self.position)
            if record is None or record.mono_ns >= mono_ns:
                return
            self.position += size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _at(self, position: int) -> tuple[Record | None, int]:
        self._file.seek(position)
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None, 0
        mark, kind, length, mono_ns, utc_ns = _HEAD.unpack(head)
        if mark != _MARK or length > LONGEST:
            return None, 0
        rest = self._file.read(length + _CRC.size)
        if len(rest) < length + _CRC.size:
            return None, 0
        payload = rest[:length]
        if zlib.crc32(payload, zlib.crc32(head)) != _CRC.unpack_from(rest, length)[0]:
            return None, 0
        return Record(kind, mono_ns, utc_ns, payload), _HEAD.size + len(rest)

    def _next_good(self, position: int) -> int | None:
        """Place of the first good record at or after `position`."""
        while True:
            self._file.seek(position)
            block = self._file.read(_STEP)
            found = block.find(_MARK)
            if found < 0:
                if len(block) < _STEP:
                    return None
                position += _STEP - len(_MARK) + 1
            elif self._at(position + found)[0] is not None:
                return position + found
            else:
                position += found + 1
