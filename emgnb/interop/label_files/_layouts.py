"""Write label tables: all columns, BIDS events, and the layouts of CASME II and SAMM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from emgnb import facs, recording
from emgnb.interop.label_files._rows import Row, column, further_columns, not_held, rows_of
from emgnb.interop.label_files.cells import cell_of, values_of, write_cells

_SECONDS = {"onset": "beginning", "apex": "time of the greatest strength", "offset": "end"}
_WORDS = {
    "trial_type": "FACS code of the event, or the name of an expression",
    "au": "FACS action unit",
    "side": "FACS side of the event; n/a for both sides",
    "intensity": "FACS intensity",
    "label": "name of an expression",
    "channel": "channel in which the event was detected",
}
_FIRST, _LAST = ("Subject", "Filename"), ("Action Units", "Estimated Emotion")
HEADINGS = {
    "casme2": (*_FIRST, "OnsetFrame", "ApexFrame", "OffsetFrame", *_LAST),
    "samm": (*_FIRST, "Onset Frame", "Apex Frame", "Offset Frame", "Duration", *_LAST),
}


def write_csv(table: xr.Dataset, path: Path) -> list[str]:
    """Write all columns; times in s, exact. Return what the file does not hold."""
    further = further_columns(table)
    names = [*recording.EVENT_COLUMNS, *further]
    columns = [[cell_of(value) for value in table[name].values.tolist()] for name in names]
    write_cells(path, names, zip(*columns, strict=True))
    return _retyped(table, further) + not_held(table, columns=further, attrs=())


def write_bids(table: xr.Dataset, path: Path, sidecar: Path) -> list[str]:
    """Write BIDS events and their JSON file; return what they do not hold."""
    further = [name for name in further_columns(table) if name not in ("duration", "trial_type")]
    rows = rows_of(table)
    order = sorted(range(len(rows)), key=lambda i: (rows[i].onset, rows[i].offset))
    names = ["onset", "duration", "trial_type", "apex", "offset", *recording.EVENT_COLUMNS[3:]]
    cells = [
        [
            *map(cell_of, (row.onset, float(f"{row.offset - row.onset:.9g}"))),
            facs.code(row.au, row.side, row.intensity) if row.au else row.label,
            *map(cell_of, (row.apex, row.offset)),
            *(row.au, row.side, row.intensity, row.label),
            *(cell_of(row.more[name]) for name in further),
        ]
        for row in (rows[i] for i in order)
    ]
    filled = [[cell or "n/a" for cell in line] for line in cells]
    write_cells(path, [*names, *further], filled, delimiter="\t")
    text = json.dumps(_sidecar(table, further), indent=2, ensure_ascii=False, default=str)
    sidecar.write_text(text + "\n", encoding="utf-8")
    said = ["events are sorted by onset"] if order != sorted(order) else []
    missing = any(cell == "n/a" for line in cells for cell in line)
    said += ["a text 'n/a' is read as missing"] if missing else []
    return said + not_held(table, columns=further, attrs=map(str, table.attrs))


def _sidecar(table: xr.Dataset, further: Iterable[str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: {"Description": f"{told} of the event", "Units": "s", "Format": "number"}
        for name, told in {**_SECONDS, "duration": "duration"}.items()
    }
    made |= {name: {"Description": told, "Format": "string"} for name, told in _WORDS.items()}
    made["side"]["Levels"] = {key: told for key, told in facs.EVENT_SIDES.items() if key}
    made["intensity"]["Levels"] = dict(facs.INTENSITY_NAMES)
    if "channel" not in further:
        del made["channel"]
    for name in further:
        about = {"Format": "string" if table[name].dtype.kind in "UOT" else "number"}
        units = table[name].attrs.get("units")
        made.setdefault(name, {"Description": name} | about | ({"Units": units} if units else {}))
    attrs = {str(name): value for name, value in table.attrs.items() if name != "faults"}
    return made | {"emgnb": {"attrs": attrs}}


def write_frames(
    table: xr.Dataset, path: Path, layout: str, frame_rate: float, first_frame: int
) -> list[str]:
    """Write events in frames, units of the same time joined; return what the file does not hold."""
    rows = rows_of(table)
    intensities = layout == "samm"
    lines = [
        _line(group, layout, frame_rate, first_frame, intensities) for group in _together(rows)
    ]
    write_cells(path, HEADINGS[layout], lines)
    return [
        *_rounded(rows, frame_rate),
        *(
            ["intensities are not in the file"]
            if not intensities and any(row.intensity for row in rows)
            else []
        ),
        *(
            ["sides and intensities of events without a unit are not in the file"]
            if any(not row.au and (row.side or row.intensity) for row in rows)
            else []
        ),
        *not_held(table, columns=("Subject", "Filename"), attrs=("frame_rate",)),
    ]


def _together(rows: Sequence[Row]) -> list[list[Row]]:
    """Join events that one line holds: the same times and label, and different units."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        about = (row.more.get("Subject", ""), row.more.get("Filename", ""))
        key = (row.onset, row.offset, cell_of(row.apex), row.label, *about)
        again = 0
        while any(
            not row.au or not other.au or (other.au, other.side) == (row.au, row.side)
            for other in groups.get((*key, again), [])
        ):
            again += 1
        groups.setdefault((*key, again), []).append(row)
    return list(groups.values())


def _line(
    group: Sequence[Row], layout: str, frame_rate: float, first_frame: int, intensities: bool
) -> list[str]:
    row = group[0]
    onset, offset = (round(time * frame_rate) + first_frame for time in (row.onset, row.offset))
    apex = "/" if row.apex != row.apex else str(round(row.apex * frame_rate) + first_frame)
    units = "+".join(facs.code(r.au, r.side, r.intensity if intensities else "") for r in group)
    frames = [str(onset), apex, str(offset)]
    if layout == "samm":
        frames.append(str(offset - onset + 1))
    about = [str(row.more.get(name, "")) for name in ("Subject", "Filename")]
    return [*about, *frames, units if row.au else "", row.label]


def _rounded(rows: Iterable[Row], frame_rate: float) -> list[str]:
    listed = list(rows)
    short = [r.where for r in listed if round(r.onset * frame_rate) == round(r.offset * frame_rate)]
    if short:
        raise ValueError(
            f"{', '.join(short)} begin and end in the same frame at {frame_rate:g} frames per "
            "second: use a higher frame rate, or a format with times in s"
        )
    moved = sum(
        any(abs(t * frame_rate - round(t * frame_rate)) > 1e-6 for t in times if t == t)
        for times in ((r.onset, r.apex, r.offset) for r in listed)
    )
    return [f"times are rounded to frames in {moved} of {len(listed)} events"] if moved else []


def _retyped(table: xr.Dataset, names: Iterable[str]) -> list[str]:
    """Say which columns read back as another type, such as a text of digits."""
    odd = []
    for name in names:
        cells = [cell_of(value) for value in table[name].values.tolist()]
        kind = table[name].dtype.kind
        back = column(values_of(cells)).dtype.kind
        if name != "channel" and back != ("U" if kind in "OT" else kind):
            odd.append(name)
    return [f"columns {', '.join(odd)} read back as another type"] if odd else []
