"""Append and read orders to the recorder: time-stamped lines of JSON in a file.

Any program may append orders. The file may be truncated, replaced or contain anything else; a
damaged line costs only that line.
"""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple

from emgnb.acquire.clock import host_ns
from emgnb.acquire.wire.marking import LONGEST

FILE = "control.jsonl"
# Time (s) before the start or after the end of a recording at which a marker is still accepted.
OUTSIDE = 60.0
# Maximum bytes of a line: a marker of maximum length as JSON's longest escapes, with a margin.
_LINE = 1 << 17
# Bytes read at once while recording, so that a huge file does not block the recorder.
_MOST = 1 << 18
# Bytes before the current position that identify the file as unchanged.
_TAIL = 256
# Maximum characters of a marker's name.
NAME = 100


class Order(NamedTuple):
    """A line of the file: its kind, its time (ns), and the position of its end.

    `kind` : "mark", "stop", or a change of a marker: "unmark", "correct"
    `uncertainty` : s, uncertainty of the time
    `mark` : name of the marker that is set or amended
    """

    kind: str
    text: str
    mono_ns: int
    offset: int
    uncertainty: float = 0.0
    mark: str = ""


def append(
    folder: Path,
    kind: str,
    text: str = "",
    *,
    ago: float = 0.0,
    uncertainty: float = 0.0,
    mark: str = "",
) -> None:
    """Append an order; each line is a single write, so that several programs may append at once.

    `ago` : s since the intended time; `uncertainty` : s, uncertainty of that time; `mark` : name of
    the marker that is set or amended

    Raises
    ------
    ValueError : the text is too long
    OSError : the file cannot be written, or the disk is full
    """
    if len(text) > LONGEST:
        raise ValueError(
            f"{len(text)} characters, expected at most {LONGEST}: keep longer notes elsewhere"
        )
    back = round(ago * 1e9)
    stamped = {
        "kind": kind,
        "text": text,
        "mono_ns": host_ns() - back,
        "utc_ns": time.time_ns() - back,
        "uncertainty": uncertainty,
        "mark": mark,
    }
    line = json.dumps(stamped, ensure_ascii=False).encode("utf-8", "replace")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    file = os.open(folder / FILE, flags, 0o644)
    try:
        # Starts with a newline, since the previous line may be incomplete.
        _write(file, b"\n" + line + b"\n")
    finally:
        os.close(file)


def read(folder: Path, offset: int = 0) -> list[Order]:
    """Return the orders in the complete lines after `offset`; other lines are skipped."""
    try:
        with (folder / FILE).open("rb") as file:
            return _orders(file, offset, None)[0]
    except FileNotFoundError:
        return []


class Orders:
    """Read each new order once, even if the file is truncated or replaced."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._at = 0
        self._tail = b""
        self._taken: set[tuple[str, str, int, str]] = set()

    def new(self) -> list[Order]:
        """Return the orders since the last call; if there are many, the rest comes next time.

        Raises
        ------
        OSError : the file cannot be read, which may be temporary
        """
        try:
            if self._path.stat().st_size == self._at:
                return []
            with self._path.open("rb") as file:
                if not self._is_same(file):
                    self._at = 0
                found, self._at = _orders(file, self._at, _MOST)
                begin = max(self._at - _TAIL, 0)
                file.seek(begin)
                self._tail = file.read(self._at - begin)
        except FileNotFoundError:
            return []
        keys = [(order.kind, order.text, order.mono_ns, order.mark) for order in found]
        fresh = [order for order, key in zip(found, keys, strict=True) if key not in self._taken]
        self._taken.update(keys)
        return fresh

    def _is_same(self, file: BinaryIO) -> bool:
        file.seek(self._at - len(self._tail))
        return file.read(len(self._tail)) == self._tail


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _orders(file: BinaryIO, offset: int, most: int | None) -> tuple[list[Order], int]:
    """Return the orders after `offset`, in `most` bytes plus a line, and where they end."""
    file.seek(offset)
    found = []
    end = math.inf if most is None else offset + most
    while offset < end:
        line = file.readline(_LINE)
        # The last line may still be being written.
        if not line.endswith(b"\n") and len(line) < _LINE:
            break
        offset += len(line)
        order = _order(line, offset)
        if order is not None:
            found.append(order)
    return found, offset


def _order(line: bytes, offset: int) -> Order | None:
    """Return the order in a line, None if it is invalid."""
    try:
        found = json.loads(line)
        # Any program may write here: an order that a journal cannot hold is invalid.
        text = str(found["text"]).encode("utf-8", "replace").decode()
        mono_ns = int(found["mono_ns"])
        uncertainty = float(found.get("uncertainty", 0.0))
        valid = 0 <= mono_ns < 1 << 63 and len(text) <= LONGEST
        valid = valid and 0 <= uncertainty < math.inf
        # A marker set by another program may have no name; its position in the file is used.
        mark = str(found.get("mark") or f"@{offset}")[:NAME]
        order = Order(str(found["kind"]), text, mono_ns, offset, uncertainty, mark)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
    return order if valid else None
