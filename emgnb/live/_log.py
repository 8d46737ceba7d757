"""Append the outputs of a decoder to a file next to the journal, and read them while it grows.

Each line is a JSON object: the stream, a state of the decoder, or an output. A line is written at
once, and a reader takes complete lines only, so that a killed decoder leaves a readable file.
Nothing is synced to disk: after a power cut, `live.replay` computes the same outputs from the
journal.
"""

from __future__ import annotations

import json
import math
import os
import weakref
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from emgnb.live.output import Output, Stream

Made = TypeVar("Made")

NAME, SUFFIX = "live", ".jsonl"
STARTING, WAITING, DECODING = "starting", "waiting for scans", "decoding"
STOPPED, FAILED = "stopped", "failed"
OVER = (STOPPED, FAILED)
# Bytes read at once.
MOST = 1 << 16


@dataclass(frozen=True)
class State:
    """State of a decoder process.

    `message` : the problem, or why it stopped; empty if there is none
    `pid` : of the process
    `model` : kind and fingerprint of the model
    `to` : where the outputs also go, in sentences
    """

    state: str
    message: str = ""
    pid: int = 0
    model: str = ""
    to: tuple[str, ...] = ()


Entry = Stream | State | Output


class Writer:
    """Create the file and append entries; the only writer.

    Raises
    ------
    FileExistsError : the file exists
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o644)

    def write(self, entries: Iterable[Entry]) -> None:
        """Append entries in one write."""
        view = memoryview("".join(map(_line, entries)).encode())
        while view:
            view = view[os.write(self._file, view) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Reader:
    """Read the entries after the last one read; other lines are skipped.

    The file stays open between calls: each further system call would wait for a busy kernel.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at, self._rest = 0, b""
        self._file = -1
        self._closing: weakref.finalize[..., Any] | None = None

    def new(self) -> list[Entry]:
        """Return the new entries; none if the file does not exist yet."""
        if self._file < 0 and not self._open():
            return []
        found: list[Entry] = []
        while data := os.read(self._file, MOST):
            self._at += len(data)
            *whole, self._rest = (self._rest + data).split(b"\n")
            entries = map(_entry, whole)
            found += [entry for entry in entries if entry is not None]
        return found

    def close(self) -> None:
        """Close the file; `new` opens it again."""
        if self._closing is not None:
            self._closing()
        self._file = -1

    def _open(self) -> bool:
        try:
            self._file = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            return False
        self._closing = weakref.finalize(self, os.close, self._file)
        os.lseek(self._file, self._at, os.SEEK_SET)
        return True


def _line(entry: Entry) -> str:
    if isinstance(entry, Output):
        # Written field by field: a mapping that is no dict cannot be copied by `asdict`.
        content = {name: getattr(entry, name) for name in Output.__dataclass_fields__}
        content |= {"values": dict(entry.values)}
        content |= {"delay": None if math.isnan(entry.delay) else entry.delay}
        return json.dumps(content, ensure_ascii=False) + "\n"
    name = "stream" if isinstance(entry, Stream) else "decoder"
    return json.dumps({name: asdict(entry)}, ensure_ascii=False) + "\n"


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
        if "stream" in found:
            content = found["stream"]
            return _made(Stream, content | {"names": tuple(content["names"])})
        if "decoder" in found:
            content = found["decoder"]
            return _made(State, content | {"to": tuple(content["to"])})
        delay = float("nan") if found["delay"] is None else found["delay"]
        return _made(Output, found | {"delay": delay})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _made(kind: type[Made], content: dict[str, Any]) -> Made:
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in content.items() if name in known})


def path_of(folder: Path, number: int) -> Path:
    """Return the file of a recording's first, second … decoder."""
    return folder / (f"{NAME}{SUFFIX}" if number == 1 else f"{NAME}-{number}{SUFFIX}")


def logs(folder: Path) -> list[Path]:
    """Return the files of all decoders of a recording, oldest first."""
    found = [each for each in folder.glob(f"{NAME}*{SUFFIX}") if _number(each) is not None]
    return sorted(found, key=lambda each: _number(each) or 0)


def _number(path: Path) -> int | None:
    rest = path.name[len(NAME) : -len(SUFFIX)]
    if not rest:
        return 1
    return int(rest[1:]) if rest[0] == "-" and rest[1:].isdecimal() else None
