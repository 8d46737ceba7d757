"""Read and write TextGrids of Praat: tiers of intervals without overlap."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import xarray as xr

from emgnb.interop.label_files import _notation
from emgnb.interop.label_files._rows import Found, Row, not_held, positional, rows_of
from emgnb.interop.label_files._tiers import arranged
from emgnb.interop.label_files.cells import read_text

# Praat reads texts in quotation marks, flags, and numbers that stand alone; the rest is comment.
_TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|<(exists|absent)>|(?<!\S)(-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?!\S)'
)


def looks_like(text: str) -> bool:
    """Return whether a text is a TextGrid, in the long or short form."""
    return text.startswith("File type") and '"TextGrid"' in text[:200]


def read(path: Path, *, tiers: Iterable[str] | None) -> Found:
    """Read the intervals of all tiers, or of those named.

    Raises
    ------
    ValueError : not a TextGrid in text form, or no such tier
    """
    text = read_text(path)
    if not looks_like(text):
        raise ValueError(
            f"{path.name} is not a TextGrid in text form: in Praat, use Save as text file"
        )
    found = Found([])
    names = []
    wanted = None if tiers is None else set(tiers)
    try:
        for name, intervals in _tiers(_tokens(text), found.remarks, wanted):
            names.append(name)
            if wanted is None or name in wanted:
                _read_tier(name, intervals, found)
    except (StopIteration, ValueError, RuntimeError):
        raise ValueError(f"{path.name}: the TextGrid is incomplete or damaged") from None
    missing = sorted((wanted or set()) - set(names))
    if missing:
        raise ValueError(f"{path.name} has no tier {', '.join(missing)}; it has {', '.join(names)}")
    return found


def _tokens(text: str) -> Iterator[str]:
    for found in _TOKEN.finditer(text):
        yield found[1].replace('""', '"') if found[1] is not None else found[2] or found[3]


def _tiers(
    tokens: Iterator[str], remarks: list[str], wanted: set[str] | None
) -> Iterator[tuple[str, list[tuple[float, float, str]]]]:
    """Yield the name and the intervals of each tier."""
    for _ in range(4):  # file type, object class, start and end
        next(tokens)
    if next(tokens) != "exists":
        return
    for _ in range(int(next(tokens))):
        kind, name = next(tokens), next(tokens)
        next(tokens), next(tokens)
        size = int(next(tokens))
        if kind == "IntervalTier":
            yield (
                name,
                [(float(next(tokens)), float(next(tokens)), next(tokens)) for _ in range(size)],
            )
            continue
        for _ in range(size):
            next(tokens), next(tokens)
        if size and (wanted is None or name in wanted):
            remarks.append(f"tier {name!r} has {size} points, not intervals; they are left out")
        yield name, []


def _read_tier(name: str, intervals: list[tuple[float, float, str]], found: Found) -> None:
    for onset, offset, text in intervals:
        if text.strip():
            where = f"tier {name!r} at {onset:g} s"
            rows, remarks = _notation.read_text(text, where, onset, offset, tier=name)
            found.rows += rows
            found.remarks += remarks


def write(table: xr.Dataset, path: Path, *, duration: float | None) -> list[str]:
    """Write a TextGrid in the long form; return what it does not hold."""
    rows = rows_of(table)
    tiers = arranged(rows) or {"label": []}
    first = min([0.0, *(row.onset for row in rows)])
    last = max([first + 1.0 if duration is None else duration, *(row.offset for row in rows)])
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        *_span(first, last),
        "tiers? <exists> ",
        f"size = {len(tiers)} ",
        "item []: ",
    ]
    for number, (name, events) in enumerate(tiers.items(), 1):
        lines += [f"    item [{number}]:", *_tier(name, events, first, last)]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    order = ["events are sorted by unit and onset"] if rows != _flat(tiers) else []
    return order + not_held(table, columns=_notation.HELD, attrs=())


def _flat(tiers: dict[str, list[Row]]) -> list[Row]:
    return [row for events in tiers.values() for row in events]


def _tier(name: str, events: list[Row], first: float, last: float) -> list[str]:
    intervals = list(_filled(events, first, last))
    lines = [
        '        class = "IntervalTier" ',
        f"        name = {_quoted(name)} ",
        *_span(first, last, " " * 8),
        f"        intervals: size = {len(intervals)} ",
    ]
    for number, (onset, offset, text) in enumerate(intervals, 1):
        lines += [
            f"        intervals [{number}]:",
            *_span(onset, offset, " " * 12),
            f"            text = {_quoted(text)} ",
        ]
    return lines


def _filled(events: list[Row], first: float, last: float) -> Iterator[tuple[float, float, str]]:
    """Yield intervals that cover the time from first to last; those between events are empty."""
    at = first
    for row in events:
        if row.onset > at:
            yield at, row.onset, ""
        yield row.onset, row.offset, _notation.text_of(row)
        at = row.offset
    if at < last:
        yield at, last, ""


def _span(first: float, last: float, indent: str = "") -> list[str]:
    return [f"{indent}xmin = {positional(first)} ", f"{indent}xmax = {positional(last)} "]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
