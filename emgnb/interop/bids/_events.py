"""Lay out markers, labels and missing samples as BIDS events, and read them back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import facs, recording
from emgnb._arrays import runs
from emgnb.interop.label_files.cells import cell_of, write_cells

MARKER, LABELS, SIGNAL = "marker", "labels", "signal"
MISSING, INVALID, PADDING = "BAD_missing", "BAD_invalid", "BAD_padding"
_TABLE = ("source", "coder", "row", "recorded_onset", "channel", "uncertainty")
_ABOUT = {
    "onset": ("beginning of the event from the start of the run", "s"),
    "duration": ("duration of the event", "s"),
    "trial_type": ("text of a marker, code or name of an event, or BAD_… for samples", ""),
    "source": ("marker, labels (of a coder) or signal (missing, invalid or added samples)", ""),
    "coder": ("who labelled the event", ""),
    "row": ("number of the event in the table of its coder, or of the marker", ""),
    "recorded_onset": ("beginning of the event from the start of the recording", "s"),
    "channel": ("channel of the event", ""),
    "uncertainty": ("uncertainty of a marker's time", "s"),
    "apex": ("time of the greatest strength from the start of the recording", "s"),
    "offset": ("end of the event from the start of the recording", "s"),
    "au": ("FACS action unit", ""),
    "side": ("FACS side of the event; n/a for both sides", ""),
    "intensity": ("FACS intensity", ""),
    "label": ("name of an expression", ""),
}
_RESERVED = {*_ABOUT, "event"}
Event = dict[str, Any]


def events_of(session: xr.DataTree) -> list[Event]:
    """Return the markers and labels of a session as events; times from its start, in s."""
    made: list[Event] = []
    if "markers" in session.children:
        table = session["markers"].to_dataset()
        columns = (table[name].values.tolist() for name in ("time", "text", "uncertainty"))
        for row, (at, text, spread) in enumerate(zip(*columns, strict=True)):
            made.append(_event(MARKER, row, at, 0.0, text) | {"uncertainty": spread})
    for coder, table in label_tables(session).items():
        further = {name: f"x_{name}" if name in _RESERVED else name for name in _further(table)}
        for row in range(table.sizes["event"]):
            cells = {name: table[name].values[row].item() for name in recording.EVENT_COLUMNS}
            onset, offset = cells.pop("onset"), cells["offset"]
            unit = cells["au"]
            text = facs.code(unit, cells["side"], cells["intensity"]) if unit else cells["label"]
            event = _event(LABELS, row, onset, offset - onset, text) | {"coder": coder} | cells
            more = {key: table[name].values[row].item() for name, key in further.items()}
            made.append(event | more)
    return made


def label_tables(session: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return coder → event table."""
    if "labels" not in session.children:
        return {}
    nodes = session["labels"].children.items()
    return {str(coder): node.to_dataset() for coder, node in nodes}


def sample_events(
    values: npt.NDArray[Any], valid: npt.NDArray[np.bool_], rate: float, labels: list[str]
) -> list[Event]:
    """Return the samples of a run that channels lack, and those marked as invalid.

    A row is invalid by itself only where all channels are finite; elsewhere it is so anyway.
    """
    made = []
    finite = np.isfinite(values)
    none = ~finite.any(axis=1)
    masks = {(MISSING, ""): none}
    masks |= {(MISSING, name): ~finite[:, c] & ~none for c, name in enumerate(labels)}
    masks[INVALID, ""] = ~valid & finite.all(axis=1)
    for (text, channel), mask in masks.items():
        for first, last in runs(mask).tolist():
            event = _event(SIGNAL, 0, first / rate, (last - first) / rate, text)
            made.append(event | {"channel": channel or None})
    return made


def padding_event(samples: int, extra: int, rate: float) -> Event:
    """Return the event of samples that were added to fill the last record."""
    return _event(SIGNAL, 0, samples / rate, extra / rate, PADDING)


def _event(source: str, row: int, onset: float, duration: float, text: str) -> Event:
    about = {"onset": onset, "duration": duration, "trial_type": text}
    return about | {"source": source, "row": row, "recorded_onset": onset}


def _further(table: xr.Dataset) -> list[str]:
    return [
        str(name)
        for name, values in table.data_vars.items()
        if name not in recording.EVENT_COLUMNS and values.dims == ("event",)
    ]


def write_events(path: Path, events: Iterable[Event], start: float) -> list[str]:
    """Write events to a table; times become times from `start` (s). Return what is changed."""
    listed = [
        event
        if event["source"] == SIGNAL
        else event | {"onset": float(f"{event['onset'] - start:.9f}")}
        for event in events
    ]
    listed.sort(key=lambda event: event["onset"])
    used = dict.fromkeys(name for event in listed for name in event)
    names = ["onset", "duration", "trial_type", *_TABLE]
    names += [name for name in used if name not in names]
    changed: set[str] = set()
    rows = [[_cell(event.get(name), changed) for name in names] for event in listed]
    write_cells(path, names, rows, delimiter="\t")
    return sorted(changed)


def _cell(value: Any, changed: set[str]) -> str:
    if value is None:
        return "n/a"
    text = cell_of(value)
    plain = re.sub(r"\s", " ", text).replace('"', "'")
    if plain != text:
        changed.add("tabs, line ends and quotation marks in texts of events are replaced")
    if text == "n/a":
        changed.add("a text 'n/a' of an event is read as missing")
    return plain or "n/a"


def sidecar(session: xr.DataTree) -> dict[str, Any]:
    """Return the JSON file of the events: descriptions, and the attributes of the tables."""
    about: dict[str, Any] = {
        name: {"Description": text} | ({"Units": unit} if unit else {})
        for name, (text, unit) in _ABOUT.items()
    }
    about["side"]["Levels"] = {key: text for key, text in facs.EVENT_SIDES.items() if key}
    tables = {}
    for coder, table in label_tables(session).items():
        kinds = {name: table[name].dtype.kind for name in _further(table)}
        about |= {(f"x_{n}" if n in _RESERVED else n): {"Description": n} for n in kinds}
        tables[coder] = {"attrs": _plain(table.attrs), "columns": kinds}
    markers = session["markers"].attrs if "markers" in session.children else {}
    return about | {"emgnb": {"labels": tables, "markers": _plain(markers)}}


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    text = json.dumps({str(k): v for k, v in attrs.items()}, default=np.generic.item)
    found: dict[str, Any] = json.loads(text)
    return found


def markers_from(rows: list[dict[str, str]], about: Mapping[str, Any]) -> xr.Dataset:
    """Return the markers among the rows of an events table."""
    own = sorted((row for row in rows if row["source"] == MARKER), key=lambda row: int(row["row"]))
    table = recording.markers(
        [float(row["recorded_onset"]) for row in own],
        [_text(row["trial_type"]) for row in own],
        uncertainty=[_value(row["uncertainty"]) for row in own],
    )
    return table.assign_attrs(about.get("markers", {}))


def labels_from(rows: list[dict[str, str]], about: Mapping[str, Any]) -> dict[str, xr.Dataset]:
    """Return coder → event table from the rows of an events table."""
    return {
        coder: _table([row for row in rows if _text(row["coder"]) == coder], own)
        for coder, own in about.get("labels", {}).items()
    }


def _table(rows: list[dict[str, str]], about: Mapping[str, Any]) -> xr.Dataset:
    rows = sorted(rows, key=lambda row: int(row["row"]))
    columns: dict[str, Any] = {
        "onset": np.array([float(row["recorded_onset"]) for row in rows], dtype=np.float64)
    }
    for name in ("apex", "offset"):
        columns[name] = np.array([_value(row[name]) for row in rows], dtype=np.float64)
    for name in recording.EVENT_COLUMNS[3:]:
        columns[name] = _column([row[name] for row in rows], "U")
    for name, kind in about["columns"].items():
        key = f"x_{name}" if name in _RESERVED else name
        columns[name] = _column([row[key] for row in rows], kind)
    return xr.Dataset(
        {name: ("event", each) for name, each in columns.items()}, attrs=about["attrs"]
    )


def _column(cells: list[str], kind: str) -> npt.NDArray[Any]:
    if kind == "f":
        return np.array([_value(cell) for cell in cells], dtype=np.float64)
    if kind in "iu":
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    if kind == "b":
        return np.array([cell == "true" for cell in cells], dtype=bool)
    texts = [_text(cell) for cell in cells]
    return np.array(texts, dtype=str if texts else "<U1")


def _text(cell: str) -> str:
    return "" if cell == "n/a" else cell


def _value(cell: str) -> float:
    return float("nan") if cell in ("n/a", "") else float(cell)
