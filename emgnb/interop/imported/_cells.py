"""Read the lines of numbers of a text export, with any line ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emgnb._arrays import Floats
from emgnb._vocabulary import VOLTS

# Largest text that is read (bytes), and first bytes that tell a format.
MOST, FIRST = 2_000_000_000, 1 << 16
_FACTORS = {"V": 1e6, "mV": 1e3, "uV": 1.0}


def lines_of(path: Path, most: int | None = None) -> list[str]:
    """Return the lines of a text file; line ends are CR, LF or both.

    Raises
    ------
    ValueError : a binary file, or a very large one
    """
    if most is None and path.stat().st_size > MOST:
        raise ValueError(f"{path.name} is larger than {MOST / 1e9:g} GB: export parts of it")
    with path.open("rb") as file:
        data = file.read() if most is None else file.read(most)
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in data and not wide:
        raise ValueError(f"{path.name} is a binary file, expected text")
    text = data.decode("utf-16" if wide else "utf-8-sig", "ignore" if wide else "replace")
    return re.split(r"\r\n|\r|\n", text)


def numbers(lines: Sequence[str], width: int, delimiter: str | None) -> Floats:
    """Return the numbers of lines with `width` cells; other cells are NaN, short lines end in NaN.

    Parameters
    ----------
    delimiter : between the cells; None for blanks and tabs
    """
    rows = [line.split(delimiter)[:width] for line in lines if line.strip()]
    made = np.full((len(rows), width), np.nan)
    for i, cells in enumerate(rows):
        try:
            made[i, : len(cells)] = list(map(float, cells))
        except ValueError:
            made[i, : len(cells)] = [_number(cell) for cell in cells]
    return made


def delimiter_of(line: str) -> str | None:
    """Return the delimiter of a line of numbers: tab, semicolon, comma, or None for blanks."""
    return next((each for each in ("\t", ";", ",") if each in line), None)


def common_unit(units: Sequence[str]) -> tuple[str, list[float]]:
    """Return a common unit of columns in volts, and a factor for each."""
    kinds = [VOLTS[unit.strip().lower()] for unit in units]
    unit = min(set(kinds), key=lambda each: _FACTORS[each])
    return unit, [_FACTORS[kind] / _FACTORS[unit] for kind in kinds]


def _number(cell: str) -> float:
    try:
        return float(cell.strip().strip('"').replace(",", "."))
    except ValueError:
        return float("nan")
