"""Read and write delimited text as cells, and tell numbers from text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# Bytes of a label file that are read at most, and those that tell its format.
MOST, FIRST = 200_000_000, 200_000
DELIMITERS = ("\t", ";", ",")
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_PADDED = re.compile(r"-?0\d")
_TRUTH = {"true": True, "false": False}


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 with a byte-order mark, or Latin-1.

    Raises
    ------
    ValueError : a binary file, or larger than 200 MB
    """
    if path.stat().st_size > MOST:
        raise ValueError(f"{path.name} is larger than {MOST // 10**6} MB: no file of labels")
    return _decoded(path.read_bytes(), path.name, "strict")


def first_text(path: Path) -> str:
    """Return the first 200 kB of a text file of any size.

    Raises
    ------
    ValueError : a binary file
    """
    with path.open("rb") as file:
        return _decoded(file.read(FIRST), path.name, "ignore")


def _decoded(data: bytes, name: str, errors: str) -> str:
    if data.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        raise ValueError(f"{name} is an Excel workbook or an archive: save it as CSV")
    encoding = next((each for mark, each in _MARKS if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        raise ValueError(f"{name} is a binary file, expected text")
    try:
        return data.decode(encoding, errors)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def rows_by(text: str, delimiter: str) -> list[list[str]]:
    """Return the cells of each line; empty for a text that is no table."""
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return []


def write_cells(
    path: Path, heading: Sequence[str], rows: Iterable[Sequence[str]], *, delimiter: str = ","
) -> None:
    """Write a table; cells with a delimiter, quotation mark or line end are quoted."""
    odd = re.compile(rf'[{delimiter}"\r\n]')

    def line(cells: Sequence[str]) -> str:
        quoted = ('"' + c.replace('"', '""') + '"' if odd.search(c) else c for c in cells)
        return delimiter.join(quoted) + "\n"

    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(map(line, [heading, *rows]))


def number(cell: str) -> float | None:
    """Return the number in a cell, with a decimal point or comma; None if it has none."""
    text = cell.strip()
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) != float("inf") and found == found else None


def values_of(cells: Sequence[str]) -> Sequence[int | bool | float | str | None]:
    """Return the values of a column: integers, true and false, numbers with gaps, or the texts.

    Numbers with leading zeros, such as a participant's "006", are texts.
    """
    if any(_PADDED.match(cell) for cell in cells):
        return list(cells)
    if cells and all(_INTEGER.fullmatch(cell) for cell in cells):
        return [int(cell) for cell in cells]
    if cells and all(cell in _TRUTH for cell in cells):
        return [_TRUTH[cell] for cell in cells]
    numbers = [number(cell) for cell in cells]
    if any(each is not None for each in numbers) and all(
        value is not None or not cell.strip() for value, cell in zip(numbers, cells, strict=True)
    ):
        return numbers
    return list(cells)


def cell_of(value: object) -> str:
    """Write a value so that it reads back exactly; a missing number is an empty cell."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if value == value else ""
    return str(value)
