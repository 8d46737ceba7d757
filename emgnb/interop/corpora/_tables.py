"""Read text tables with byte-order marks, quotes, semicolons or an incomplete last line."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from emgnb._arrays import Floats

# Texts that mean a missing value, in lower case.
MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "?"}

# Largest magnitude of a sample, which is stored as float32.
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Table:
    """Columns of text by name in lower case, and irregularities of the file."""

    path: Path
    columns: dict[str, list[str]]
    bytes_per_row: float
    oddities: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Number of rows below the header."""
        return len(next(iter(self.columns.values()), []))

    def text(self, name: str) -> list[str]:
        """Return a column of text, with white space stripped."""
        return [cell.strip() for cell in self.columns[name]]

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers; missing and unreadable cells become NaN and are reported.

        Raises
        ------
        ValueError : fewer than half of the cells are numbers
        """
        return self._numbers(name, float)

    def seconds(self, name: str) -> Floats:
        """Return a column of time stamps in s: Unix seconds or milliseconds, or ISO 8601."""
        stamps = self._numbers(name, _stamp)
        if np.nanmedian(stamps) > 1e11:
            self.oddities.append(f"`{name}` counts milliseconds since 1970, read as such.")
            return stamps / 1000.0
        return stamps

    def _numbers(self, name: str, parse: Callable[[str], float]) -> Floats:
        cells = self.text(name)
        values = np.full(len(cells), np.nan)
        missing, unreadable = 0, []
        for i, cell in enumerate(cells):
            if cell.casefold() in MISSING:
                missing += 1
                continue
            try:
                values[i] = parse(cell)
            except ValueError:
                unreadable.append(i)
            if abs(values[i]) > LARGEST:
                values[i] = np.nan
                unreadable.append(i)
        good = len(cells) - missing - len(unreadable)
        if good < 0.5 * len(cells):
            example = repr(cells[unreadable[0]]) if unreadable else "only empty cells"
            raise ValueError(
                f"{self.path.name}: column `{name}` holds {good} numbers in {len(cells)} rows, "
                f"expected numbers throughout; found {example}"
            )
        if missing:
            self.oddities.append(f"{missing} values of `{name}` are missing (NaN here).")
        if unreadable:
            # The header is line 1.
            self.oddities.append(
                f"{len(unreadable)} values of `{name}` are not numbers, or exceed "
                f"{LARGEST:.1e} (NaN here), first {cells[unreadable[0]]!r} in line "
                f"{unreadable[0] + 2}."
            )
        return values


def _stamp(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        with contextlib.suppress(OverflowError, OSError):
            return datetime.fromisoformat(cell).timestamp()
        raise


def read(path: str | Path, *, kind: str, needed: tuple[str, ...]) -> Table:
    """Read a text table with a header.

    Parameters
    ----------
    kind : description of the expected file, for error messages
    needed : required columns, in lower case

    Raises
    ------
    FileNotFoundError, IsADirectoryError : `path` does not exist, or is a folder
    ValueError : the table is empty, or a required column is missing
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected one file of {kind}")
    if not path.exists():
        raise FileNotFoundError(f"no file {path}: give the path of {kind}")
    text = _decoded(path.read_bytes())
    lines = text.splitlines()
    header = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=header.count)
    try:
        rows = [
            row
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise ValueError(f"{path.name} is not {kind}: no text table ({error})") from None
    names = [name.strip().lower() for name in rows[0]] if rows else []
    absent = [name for name in needed if name not in names]
    if absent:
        found = ", ".join(rows[0])[:200] if rows else "an empty file"
        raise ValueError(
            f"{path.name} is not {kind}: no column {', '.join(f'`{name}`' for name in absent)}; "
            f"the first line is: {found}"
        )
    body = rows[1:]
    if len(body) < 2:
        raise ValueError(f"{path.name}: {len(body)} rows below the header, expected at least 2")
    oddities = []
    odd = [i for i, row in enumerate(body) if len(row) != len(names)]
    if odd:
        oddities.append(
            f"{len(odd)} rows have another number of fields than the header's "
            f"{len(names)}, first line {odd[0] + 2} with {len(body[odd[0]])} (a line cut "
            "short?); absent fields are missing here."
        )
    columns = {
        name: [row[k] if k < len(row) else "" for row in body] for k, name in enumerate(names)
    }
    return Table(path, columns, path.stat().st_size / len(body), oddities)


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Latin-1 decodes every byte, so a stray umlaut in a comment does not make data unreadable.
        return raw.decode("latin-1")
