"""Read text files of the OpenBCI GUI: values in µV, with a counter and host time stamps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from emgnb._arrays import Floats
from emgnb.interop.imported._cells import lines_of, numbers
from emgnb.interop.imported._made import Columns


def looks_like(text: str) -> bool:
    """Return whether a text begins like a file of the OpenBCI GUI."""
    return text.lstrip("\ufeff").startswith("%OpenBCI Raw E")


def read(path: Path) -> Columns:
    """Read a file of version 3 to 6 of the GUI; older ones have no line of headings.

    Raises
    ------
    ValueError : no such file
    """
    lines = lines_of(path)
    if not looks_like(lines[0]):
        raise ValueError(f"{path.name} does not begin with '%OpenBCI Raw EXG Data'")
    header = [line for line in lines[:30] if line.startswith("%")]
    told = "\n".join(header)
    body = [line for line in lines[len(header) :] if line.strip()]
    width = _stated(told, r"Number of channels\s*=\s*(\d+)")
    if width is None or not body:
        raise ValueError(f"{path.name} states no number of channels, or has no row")
    named = [cell.strip() for cell in body[0].split(",")] if body[0][:1].isalpha() else []
    table = numbers(body[1:] if named else body, len(body[-1].split(",")), ",")
    at = [k for k, name in enumerate(named) if name.startswith("EXG Channel")]
    at = at or list(range(1, int(width) + 1))
    made = Columns(
        path,
        "openbci",
        [f"ch{k}" for k in range(1, len(at) + 1)],
        table[:, at],
        "uV",
        rate=_stated(told, r"Sample Rate\s*=\s*([\d.]+)"),
        stamps=_stamps(table, named),
        counter=table[:, 0],
    )
    board = re.search(r"Board\s*=\s*(\S+)", told)
    made.attrs["device"] = board[1].rpartition("$")[2] if board else "OpenBCI"
    if "Marker Channel" in named:
        column = table[:, named.index("Marker Channel")]
        rows = np.flatnonzero(np.nan_to_num(column))
        rate = made.rate or 1.0
        made.markers = [(float(row) / rate, f"{column[row]:g}") for row in rows]
    return made


def _stamps(table: Floats, named: list[str]) -> Floats | None:
    """Return Unix times in s: column `Timestamp`, or in an old file the last column (ms)."""
    if named:
        return table[:, named.index("Timestamp")] if "Timestamp" in named else None
    last = table[:, -1]
    if not np.isfinite(last).all() or np.median(last) < 1e9:
        return None
    return last / 1000 if np.median(last) > 1e11 else last


def _stated(text: str, pattern: str) -> float | None:
    found = re.search(pattern, text)
    return float(found[1]) if found else None
