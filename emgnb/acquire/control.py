"""Orders to the recorder: lines of JSON that any program may append to a file, stamped there."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import NamedTuple

from emgnb.acquire.clock import host_ns

FILE = "control.jsonl"
# Characters of a mark; more is a mistake, and a journal's record has an end.
LONGEST = 10_000


class Order(NamedTuple):
    """A line of the file: "mark" or "stop", when it was given (ns), and where the line ends.

    `uncertainty` : s, how far off that moment may be
    """

    kind: str
    text: str
    mono_ns: int
    offset: int
    uncertainty: float = 0.0


def append(
    folder: Path, kind: str, text: str = "", *, ago: float = 0.0, uncertainty: float = 0.0
) -> None:
    """Give an order; one write of a whole line, so that several programs may do so at once.

    `ago` : s since the moment that is meant; `uncertainty` : s, how far off that may be
    """
    back = round(ago * 1e9)
    stamped = {
        "kind": kind,
        "text": text,
        "mono_ns": host_ns() - back,
        "utc_ns": time.time_ns() - back,
        "uncertainty": uncertainty,
    }
    line = json.dumps(stamped, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    file = os.open(folder / FILE, flags, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def read(folder: Path, offset: int = 0) -> list[Order]:
    """Return the orders in the whole lines after `offset`; one that is none has kind ""."""
    path = folder / FILE
    try:
        if path.stat().st_size <= offset:
            return []
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return []
    orders = []
    for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
        offset += len(line)
        try:
            found = json.loads(line)
            # Anybody may write here: what no journal could hold is no order.
            text = str(found["text"]).encode("utf-8", "replace").decode()
            mono_ns = int(found["mono_ns"])
            uncertainty = float(found.get("uncertainty", 0.0))
            valid = 0 <= mono_ns < 1 << 63 and len(text) <= LONGEST
            valid = valid and 0 <= uncertainty < math.inf
            order = Order(str(found["kind"]) if valid else "", text, mono_ns, offset, uncertainty)
        except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
            order = Order("", "", 0, offset)
        orders.append(order)
    return orders
