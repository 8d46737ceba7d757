"""Remove a participant's rows from text tables, and keep all others byte for byte."""

from __future__ import annotations

import csv
import io
from pathlib import Path

ENDINGS = (".csv", ".tsv")
# Headings of a column with participants.
_COLUMNS = ("participant", "participant_id", "person", "subject", "subject_id")
_LONGEST = 1 << 28


def without_rows(path: Path, code: str) -> tuple[bytes, int, int]:
    """Return a table without the rows of a participant, and the numbers of rows removed and kept.

    A BIDS label such as "sub-P01" counts as the code. Without a column of participants, no row is
    removed.

    Raises
    ------
    OSError : the file cannot be read
    """
    raw = path.read_bytes() if path.stat().st_size < _LONGEST else b""
    try:
        text = raw.decode("utf-8-sig")
        column, delimiter = _participants(text)
    except (UnicodeDecodeError, csv.Error):
        return raw, 0, 0
    if column is None:
        return raw, 0, 0
    names = {code, f"sub-{label(code)}"}
    # Lines as csv counts them: str.splitlines also ends them at U+2028, form feeds and others.
    lines = list(io.StringIO(text, newline=""))
    kept, removed, rows, begin = [], 0, 0, 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for row in reader:
        end = reader.line_num
        if rows and len(row) > column and row[column].strip() in names:
            removed += 1
        else:
            kept += lines[begin:end]
        rows += 1
        begin = end
    bom = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    return bom + "".join(kept).encode(), removed, rows - 1 - removed


def label(code: str) -> str:
    """Return the label of a participant in file names of BIDS: letters and digits only."""
    return "".join(c for c in code if c.isascii() and c.isalnum())


def _participants(text: str) -> tuple[int | None, str]:
    """Return the column of participants, None if there is none, and the delimiter."""
    first = text.split("\n", 1)[0]
    delimiter = max("\t;,", key=first.count)
    heading = next(csv.reader([first], delimiter=delimiter), [])
    names = [name.strip().lower() for name in heading]
    return next((names.index(name) for name in _COLUMNS if name in names), None), delimiter
