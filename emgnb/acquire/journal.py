r"""Write and read journals: append-only files with everything received from a port.

A file is a header followed by records: raw bytes, markers, settings, reconnects, health. Each
record has the computer's two clocks and a checksum, and is passed to the operating system
immediately, so that a killed process loses nothing it had written; `sync` once a second limits the
loss in a power cut to that second. Damaged records are skipped and their bytes counted; a damaged
or incomplete record at the end of the file stops reading, for good or until more is written.

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
# Maximum bytes of a record's payload; the port is read every 5 ms, so none is longer.
LONGEST = 1 << 24
# Maximum bytes of a JSON record, whose parsing takes up to 50 times as much memory. The longest
# is the simulated face's ground truth, half a megabyte per hour.
LONGEST_NOTE = 1 << 23
# Bytes read at once when searching.
_STEP = 1 << 16
# Limit of the search after damaged records: bytes, plus a multiple of the file size. Every false
# header costs a read of the length that it claims; beyond the limit, the rest counts as torn.
_VAIN, _VAIN_TIMES = 1 << 27, 16


class Kind(IntEnum):
    """Kind of a record; all but RAW are JSON objects. AMEND withdraws or corrects a MARK."""

    RAW = 1
    MARK = 2
    SETTINGS = 3
    RECONNECT = 4
    HEALTH = 5
    END = 6
    DEVICE = 7
    AMEND = 8


class JournalError(ValueError):
    """The file is not a journal, or cannot be read."""


class Record(NamedTuple):
    """One record; times in ns."""

    kind: int
    mono_ns: int
    utc_ns: int
    payload: bytes

    def json(self) -> dict[str, Any]:
        """Return the payload of a record that is not RAW.

        Raises
        ------
        JournalError : the payload is not a JSON object
        """
        try:
            found = json.loads(self.payload) if len(self.payload) <= LONGEST_NOTE else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise JournalError(f"no JSON object: {self.payload[:40]!r}")
        return found


class JournalWriter:
    """Create a journal and append records to it; the only writer of that file.

    Raises
    ------
    FileExistsError : the path exists; a journal is never overwritten
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
        """Append bytes from the port, with the times at which they arrived."""
        self._append(Kind.RAW, data, mono_ns, utc_ns)

    def note(self, kind: Kind, content: dict[str, Any], mono_ns: int | None = None) -> None:
        """Append a record of any other kind."""
        payload = json.dumps(content, ensure_ascii=False).encode()
        self._append(kind, payload, host_ns() if mono_ns is None else mono_ns, time.time_ns())

    def sync(self) -> None:
        """Flush to disk; blocks until the disk is done."""
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
    """Read a journal in bounded memory, even while it grows.

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
        self._vain = 0
        header = self._file.read(len(MAGIC))
        if not MAGIC.startswith(header):
            self._file.close()
            wrong = "another version" if header[:7] == MAGIC[:7] else "not a journal"
            raise JournalError(f"{self.path} is {wrong}: it begins with {header!r}, not {MAGIC!r}")
        self.position = len(MAGIC)

    @property
    def torn(self) -> int:
        """Bytes after the last valid record."""
        return max(self._size() - self.position, 0)

    def records(self) -> Iterator[Record]:
        """Yield the valid records after the last one read; call again when the file has grown."""
        while True:
            record, size = self._at(self.position)
            if record is None:
                following = self._next_good(self.position + 1)
                if following is None:
                    return
                if self._at(self.position)[0] is not None:
                    continue  # the record was completed during the search
                self.skipped += following - self.position
                self.position = following
                continue
            self.position += size
            yield record

    def seek_time(self, mono_ns: int) -> None:
        """Continue at the first record stamped `mono_ns` or later, found by bisection."""
        low, high = len(MAGIC), self._size()
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
        """Return the position of the first valid record at or after `position`."""
        while True:
            self._file.seek(position)
            block = self._file.read(_STEP)
            found = block.find(_MARK)
            while found >= 0:
                if self._at(position + found)[0] is not None:
                    return position + found
                self._vain += self._file.tell() - position - found
                if self._vain > _VAIN + _VAIN_TIMES * self._size():
                    return None
                found = block.find(_MARK, found + 1)
            if len(block) < _STEP:
                return None
            position += _STEP - len(_MARK) + 1

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size
