"""Read and write label tracks of Audacity: start, end and text, separated by tabs."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from emgnb.interop.label_files import _notation
from emgnb.interop.label_files._rows import Found, not_held, positional, rows_of
from emgnb.interop.label_files.cells import number, read_text


def looks_like(text: str) -> bool:
    """Return whether the first line is a label: two times, separated by a tab."""
    parts = text.lstrip("\r\n").splitlines()[:1]
    found = parts[0].split("\t") if parts else []
    return len(found) in (2, 3) and all(number(part) is not None for part in found[:2])


def read(path: Path) -> Found:
    r"""Read a label track. Lines with the frequencies of a spectral selection ("\") are skipped.

    Raises
    ------
    ValueError : a line is not a label
    """
    found = Found([])
    spectral = 0
    for place, line in enumerate(read_text(path).splitlines(), 1):
        if line.startswith("\\"):
            spectral += 1
        elif line.strip():
            _read_line(line, f"line {place}", path.name, found)
    if spectral:
        found.remarks.append(f"the frequencies of {spectral} spectral selections are left out")
    return found


def _read_line(line: str, where: str, name: str, found: Found) -> None:
    parts = line.split("\t", 2)
    times = [number(part) for part in parts[:2]]
    onset, offset = (*times, None)[:2]
    if onset is None or offset is None:
        raise ValueError(
            f"{name}, {where}: {line!r:.60} is not a label of Audacity; expected start and end in "
            "s and the text, separated by tabs"
        )
    text = parts[2] if len(parts) > 2 else ""
    rows, remarks = _notation.read_text(text, where, onset, offset)
    if onset == offset:
        remarks = [f"{where}: {text!r} is a point at {onset:g} s, not an interval; it is left out"]
        rows = []
    found.rows += rows
    found.remarks += remarks


def write(table: xr.Dataset, path: Path) -> list[str]:
    """Write a label track; return what it does not hold."""
    lines = [
        "\t".join([positional(row.onset), positional(row.offset), _notation.text_of(row)])
        for row in rows_of(table)
    ]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return not_held(table, columns=_notation.HELD, attrs=())
