"""Read label tables: those of emgnb, BIDS events, and published tables of micro-expressions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from emgnb import facs, recording
from emgnb.interop.label_files import _headings, _notation
from emgnb.interop.label_files._headings import Sheet
from emgnb.interop.label_files._rows import NAN, Found, Row
from emgnb.interop.label_files.cells import number, read_text, values_of

UNITS = ("s", "ms", "frame")
# Cells without a value.
_MISSING = ("", "/", "-", "n/a", "na", "nan", "none")
_SIDES = {"left": "L", "right": "R", "both": "", "bilateral": "", "unilateral": "U"}
_CLIPS = ("filename", "video", "videoname", "clip")
# Largest difference between a stated duration and offset minus onset (frames, s): one frame if
# both end frames are counted.
_FRAME, _ROUNDED = 1.001, 0.0015


@dataclass(frozen=True)
class Clock:
    """How the numbers of a table become seconds.

    Attributes
    ----------
    unit : "s", "ms" or "frame" of columns whose heading does not state it, or None
    frame_rate : frames per second, or None
    first_frame : number of the first frame, or None
    """

    unit: str | None = None
    frame_rate: float | None = None
    first_frame: int | None = None

    def seconds(self, value: float, unit: str, *, length: bool = False) -> float:
        """Return a time, or the length of a time, in s."""
        if unit == "ms":
            return value / 1000
        if unit == "frame":
            assert self.frame_rate is not None
            return (value - (0 if length else self.first_frame or 0)) / self.frame_rate
        return value


def read(path: Path, clock: Clock, where: Mapping[str, Any] | None, *, bids: bool) -> Found:
    """Read a label table.

    Raises
    ------
    ValueError : no table with onset and offset, a unit or frame rate that is not known, or `where`
        names no column or no row
    """
    sheet = _headings.sheet_of(read_text(path))
    if sheet is None:
        raise ValueError(
            f"{path.name} has no line with the headings onset and offset (or duration), such as "
            "'onset,apex,offset,au' or 'OnsetFrame,ApexFrame,OffsetFrame,Action Units'"
        )
    about = _sidecar(path) if bids else {}
    sheet, remarks = _without_other_words(_chosen(sheet, where, path.name))
    units = _units(sheet, clock, path.name, bids)
    found = Found([], remarks, _attributes(about))
    if "frame" in units.values():
        found.attrs["frame_rate"] = clock.frame_rate
        if clock.first_frame is None:
            found.remarks.append(
                "frames are counted from 0; give first_frame=1 if the first frame has the number 1"
            )
    if where is None:
        found.remarks += _several_clips(sheet)
    more = _others(sheet, about, bids)
    for i, line in enumerate(sheet.lines):
        rows = _rows(sheet, i, f"line {line}", clock, units, found.remarks, bids)
        for row in rows:
            row.more = {name: values[i] for name, values in more.items()} | row.more
        found.rows += rows
    return found


def _sidecar(path: Path) -> dict[str, Any]:
    """Return the JSON file beside a BIDS table."""
    beside = path.with_suffix(".json")
    found = recording.parsed(beside.read_bytes(), beside.name) if beside.is_file() else {}
    return found if isinstance(found, dict) else {}


def _attributes(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the table that a JSON file of `write_labels` holds."""
    ours = about.get("emgnb")
    attrs = ours.get("attrs") if isinstance(ours, dict) else None
    return dict(attrs) if isinstance(attrs, dict) else {}


def _without_other_words(sheet: Sheet) -> tuple[Sheet, list[str]]:
    """Keep a column `side` or `intensity` that is not in FACS codes as a column of its own."""
    words, remarks = dict(sheet.words), []
    for role, known in (
        ("side", {*recording.EVENT_SIDES, *(word.upper() for word in _SIDES)}),
        ("intensity", set(recording.EVENT_INTENSITIES)),
    ):
        if role not in words:
            continue
        cells = {cell.strip() for cell in sheet.cells(words[role])}
        odd = sorted(
            cell for cell in cells if cell.upper() not in known and cell.lower() not in _MISSING
        )
        if odd:
            name = sheet.names[words.pop(role)]
            remarks.append(
                f"column {name!r} has {odd[0]!r}, which is no {role} of FACS; it is kept as "
                f"{_free(name, ())!r}"
            )
    return replace(sheet, words=words), remarks


def _free(name: str, taken: Iterable[str]) -> str:
    """Return a name for a further column."""
    used = {*recording.EVENT_COLUMNS, "event", *taken}
    plain = name.replace("/", "_")
    names = chain([plain], (f"{plain}_{n}" for n in count(2)))
    return next(each for each in names if each not in used)


def _chosen(sheet: Sheet, where: Mapping[str, Any] | None, name: str) -> Sheet:
    rows = list(range(len(sheet.rows)))
    for wanted, value in (where or {}).items():
        at = [i for i, n in enumerate(sheet.names) if _headings.plain(n) == _headings.plain(wanted)]
        if not at:
            listed = ", ".join(filter(None, sheet.names))
            raise ValueError(f"{name} has no column {wanted!r}; it has {listed}")
        there = [sheet.rows[i][at[0]].strip() for i in rows]
        rows = [i for i, cell in zip(rows, there, strict=True) if cell == str(value)]
        if not rows:
            known = ", ".join(list(dict.fromkeys(there))[:12])
            raise ValueError(f"{name}: no row with {wanted} = {value!r}; there are {known}")
    lines = [sheet.lines[i] for i in rows]
    return replace(sheet, rows=[sheet.rows[i] for i in rows], lines=lines)


def _units(sheet: Sheet, clock: Clock, name: str, bids: bool) -> dict[str, str]:
    """Return the unit of each column of times."""
    found = {role: unit for role, (_, unit) in sheet.times.items()}
    if "" in found.values():
        bare = [at for at, unit in sheet.times.values() if not unit]
        unit = "s" if sheet.ours or bids else clock.unit or _guessed(sheet, bare, clock)
        if unit is None:
            listed = ", ".join(sheet.names[at] for at in bare)
            raise ValueError(
                f"{name}: {listed} hold whole numbers without a unit. Give unit='s', 'ms' or "
                "'frame' (with frame_rate)"
            )
        found = {role: each or unit for role, each in found.items()}
    if "frame" in found.values() and clock.frame_rate is None:
        raise ValueError(
            f"{name} has frame numbers: give frame_rate, the frames per second of the camera (200 "
            "in CASME II and SAMM)"
        )
    return found


def _guessed(sheet: Sheet, bare: Iterable[int], clock: Clock) -> str | None:
    """Tell seconds from frames by decimals."""
    cells = [cell for at in bare for cell in sheet.cells(at) if number(cell) is not None]
    if not cells or any("." in cell or "," in cell for cell in cells):
        return "s"
    return "frame" if clock.frame_rate is not None else None


def _several_clips(sheet: Sheet) -> list[str]:
    for at in sheet.others:
        clips = {cell.strip() for cell in sheet.cells(at)}
        if _headings.plain(sheet.names[at]) in _CLIPS and len(clips) > 1:
            return [
                f"rows of {len(clips)} clips (column {sheet.names[at]}), and times count from the "
                f"start of each; choose one with where={{{sheet.names[at]!r}: '…'}}"
            ]
    return []


def _others(sheet: Sheet, about: Mapping[str, Any], bids: bool) -> dict[str, list[Any]]:
    """Return the values of columns that have no role."""
    found: dict[str, list[Any]] = {}
    for at in sheet.others:
        name = _free(sheet.names[at], found)
        cells = sheet.cells(at)
        if bids:
            cells = ["" if cell == "n/a" else cell for cell in cells]
        told = about.get(name, {})
        text = isinstance(told, dict) and told.get("Format") == "string"
        found[name] = cells if text else list(values_of(cells))
    return found


def _rows(
    sheet: Sheet,
    i: int,
    where: str,
    clock: Clock,
    units: Mapping[str, str],
    remarks: list[str],
    bids: bool,
) -> list[Row]:
    """Return the events of one line, one per unit."""
    times = {role: _time(sheet, i, role, where, remarks) for role in sheet.times}
    seconds = {
        role: clock.seconds(value, units[role], length=role in ("duration", "rise"))
        for role, value in times.items()
    }
    onset, apex = seconds["onset"], seconds.get("apex", NAN)
    offset = seconds.get("offset", NAN)
    if "offset" not in seconds:
        offset = onset + seconds["duration"]
    remarks += _claims(where, seconds, units, clock)
    words = {role: sheet.rows[i][at] for role, at in sheet.words.items()}
    words = {role: _word(cell, sheet.ours, bids) for role, cell in words.items()}
    rows = _coded(words, where, onset, offset, apex, remarks)
    for row in rows:
        if "channel" in words:
            row.more["channel"] = words["channel"]
    return rows


def _word(cell: str, ours: bool, bids: bool) -> str:
    if bids and cell == "n/a":
        return ""
    return cell if ours else cell.strip()


def _time(sheet: Sheet, i: int, role: str, where: str, remarks: list[str]) -> float:
    cell = sheet.rows[i][sheet.times[role][0]].strip()
    found = number(cell)
    if found is None and cell.lower() not in _MISSING:
        remarks.append(f"{where}: {role} {cell!r} is not a number")
    return NAN if found is None else found


def _claims(
    where: str, seconds: Mapping[str, float], units: Mapping[str, str], clock: Clock
) -> list[str]:
    """Return contradictions between stated lengths and the times that they span."""
    found = []
    for length, end in (("duration", "offset"), ("rise", "apex")):
        stated, span = seconds.get(length, NAN), seconds.get(end, NAN) - seconds["onset"]
        if stated < 0:
            found.append(f"{where}: the {length} is negative ({stated:g} s)")
        frame = 1 / clock.frame_rate if clock.frame_rate else 0.0
        slack = _FRAME * frame if "frame" in (units.get(length), units.get(end)) else _ROUNDED
        if math.isfinite(stated) and math.isfinite(span) and abs(stated - span) > slack:
            found.append(f"{where}: the {length} is {stated:g} s, but {end} − onset is {span:g} s")
    return found


def _coded(
    words: Mapping[str, str],
    where: str,
    onset: float,
    offset: float,
    apex: float,
    remarks: list[str],
) -> list[Row]:
    label = words.get("label", "")
    side, level = (words.get(role, "").strip() for role in ("side", "intensity"))
    side = "" if side.lower() in _MISSING else _SIDES.get(side.lower(), side.upper())
    level = "" if level.lower() in _MISSING else level.upper()
    empty = Row(where, onset, offset, apex, label=label)
    if "au" not in words:
        text = label or words.get("trial_type", "")
        rows, found = _notation.read_text(text, where, onset, offset)
        for row in rows:
            row.apex = apex if math.isfinite(apex) else row.apex
            row.side, row.intensity = row.side or side, row.intensity or level
            _checked(row, remarks)
        remarks += found
        return rows
    text = re.sub(r"^(\d+)\.0$", r"\1", words["au"].strip())  # a whole number of a spreadsheet
    if text.lower() in _MISSING:
        empty.side, empty.intensity = side, level
        return [_checked(empty, remarks)]
    if text in facs.CODES and not facs.faults(text, side, level):
        text = facs.code(text, side, level)
    elif side or level:
        remarks.append(f"{where}: side {side!r} and intensity {level!r} do not fit {text!r}")
    try:
        rows, found = _notation.coded(text, where, onset, offset, apex)
    except ValueError as error:
        empty.more["notation"] = text
        remarks.append(f"{where}: {error}; the event has no unit, and `notation` keeps the text")
        return [empty]
    remarks += found
    for row in rows:
        row.label = label
    return rows or [empty]


def _checked(row: Row, remarks: list[str]) -> Row:
    """Remove a side or an intensity that FACS does not have, with a remark."""
    for name, known in (
        ("side", recording.EVENT_SIDES),
        ("intensity", recording.EVENT_INTENSITIES),
    ):
        value = getattr(row, name)
        if value not in known or (name == "side" and value in facs.LIP_SIDES):
            remarks.append(f"{row.where}: {name} {value!r} is left out; FACS has no such code")
            setattr(row, name, "")
    return row
