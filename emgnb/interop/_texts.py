"""Read a text table as people save them: any delimiter, decimal comma, line end and encoding."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from emgnb._vocabulary import VOLTS

if TYPE_CHECKING:
    import pandas as pd

# Bytes of a file that its layout is told by, and lines of those.
SAMPLE, LINES = 1 << 15, 40
# Delimiters, the one that a table is least likely to hold otherwise first.
DELIMITERS = ("\t", ";", "|", ",", " ")
# Units that a line below the header may hold, in lower case, and key of `DataFrame.attrs`.
KNOWN = {*VOLTS, "", "-", "s", "sec", "ms", "hz", "%", "count", "counts", "a.u.", "au"}
UNITS = "units"
# First bytes of files that are no text.
BINARY = {
    b"\x89HDF": "an HDF5 file",
    b"PK": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x93NUMPY": "a NumPy file",
    b"\x1f\x8b": "a gzip file",
    b"\x80": "a pickle",
    b"%PDF": "a PDF",
}
JSON = (b"[{", b'{"', b"{\n", b"{\r", b"[[")


def read_text(path: Path) -> pd.DataFrame:
    """Read a text table.

    Raises
    ------
    ValueError : a binary file, or no table
    """
    import pandas as pd

    encoding, sample = _sample(path)
    lines = sample.splitlines()
    comments = next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines))
    places = [k for k in range(comments, len(lines))[:LINES] if lines[k].strip()]
    lines = [lines[k] for k in places]
    if not lines:
        raise ValueError(f"{path} is empty")
    delimiter = _delimiter(lines)
    units = _units(lines, delimiter)
    text = "\n".join(lines)
    quoted = re.search(r'"-?\d+,\d+"', text)
    comma = quoted or (delimiter != "," and re.search(r"\d,\d", text))
    try:
        table = pd.read_csv(
            path,
            sep=r"\s+" if delimiter == " " else delimiter,
            decimal="," if comma else ".",
            header=0 if _has_header(lines[0], delimiter) else None,
            encoding=encoding,
            skiprows=[*range(comments), *places[1 : 1 + bool(units)]],
            skipinitialspace=True,
            on_bad_lines="error",
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path} is not a table: {error}") from None
    table.columns = [f"c{c + 1}" if isinstance(c, int) else str(c).strip() for c in table.columns]
    table.attrs = {UNITS: dict(zip(table.columns, units, strict=False))} if units else {}
    # A delimiter at the end of each line makes an empty last column.
    return table.loc[:, ~(table.isna().all() & table.columns.str.startswith(("Unnamed", "c")))]


def _sample(path: Path) -> tuple[str, str]:
    """Return the encoding of a file, and its first lines."""
    with path.open("rb") as file:
        data = file.read(SAMPLE)
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    kind = next((name for begin, name in BINARY.items() if data.startswith(begin)), "")
    if data.lstrip()[:2] in JSON:
        kind = "a JSON file"
    if kind or (b"\0" in data and not wide):
        raise ValueError(
            f"{path} is {kind or 'a binary file of an unknown kind'}, expected a text table (CSV, "
            "TSV, TXT), .mat, .npz, Parquet or Feather: export it as CSV"
        )
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "latin-1"):
        # The last character may be incomplete.
        for end in range(len(data), max(len(data) - 4, 0), -1):
            try:
                text = data[:end].decode(encoding)
            except UnicodeDecodeError:
                continue
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            whole = len(data) < SAMPLE or "\n" not in text
            return encoding, text if whole else text[: text.rfind("\n")]
    raise ValueError(f"{path} is not text" if data else f"{path} is empty")


def _delimiter(lines: list[str]) -> str:
    """Delimiter that divides all lines into as many cells; a comma where none does."""
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines]
    for delimiter in DELIMITERS:
        counts = {len(_cells(line, delimiter)) for line in bare}
        if len(counts) == 1 and counts.pop() > 1:
            return delimiter
    return ","


def _cells(line: str, delimiter: str) -> list[str]:
    return line.split() if delimiter == " " else line.split(delimiter)


def _has_header(line: str, delimiter: str) -> bool:
    """Return whether the first line has names: no cell that is a number, and some text.

    A first line with a number among texts is data, such as `1.5,smile`.
    """
    cells = [cell.strip().strip('"') for cell in _cells(line, delimiter) if cell.strip()]
    return bool(cells) and not any(_is_number(cell) for cell in cells)


def _units(lines: list[str], delimiter: str) -> list[str]:
    """Units of the columns, if the line below the header holds nothing else; empty without one."""
    if len(lines) < 3 or not _has_header(lines[0], delimiter):
        return []
    below, after = (
        [cell.strip(' "').strip("[]()") for cell in _cells(line, delimiter)] for line in lines[1:3]
    )
    units = set(map(str.lower, below))
    return below if units <= KNOWN and units - {"", "-"} and after != below else []


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
