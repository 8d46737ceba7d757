"""Collect the events of a file with remarks, and make an event table of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import labels, recording

NAN = float("nan")


@dataclass
class Row:
    """Event as the file states it. Times in s; NaN if missing.

    `where` names the place in the file, for remarks; `more` holds further columns.
    """

    where: str
    onset: float
    offset: float
    apex: float = NAN
    au: str = ""
    side: str = ""
    intensity: str = ""
    label: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Found:
    """Events of a file, remarks about them in sentences, and attributes of the table."""

    rows: list[Row]
    remarks: list[str] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)


def table_of(found: Found, *, start: float, duration: float | None) -> xr.Dataset:
    """Make an event table; remarks become the attribute `faults`.

    An event without onset or offset, one that ends before it begins, and one after the end of the
    clip are left out; an apex outside its event becomes NaN. Each is a remark.
    """
    remarks = list(found.remarks)
    kept = [row for row in found.rows if _usable(row, remarks, duration)]
    names = dict.fromkeys(name for row in kept for name in row.more)
    more = {name: column([row.more.get(name) for row in kept]) for name in names}
    channel = more.pop("channel", None)
    table = labels.events(
        [row.onset + start for row in kept],
        [row.offset + start for row in kept],
        apex=[row.apex + start for row in kept],
        au=[row.au for row in kept],
        side=[row.side for row in kept],
        intensity=[row.intensity for row in kept],
        label=[row.label for row in kept],
        channel=None if channel is None else [str(name) for name in channel],
    )
    table = table.assign({name: ("event", values) for name, values in more.items()})
    return table.assign_attrs(
        {**found.attrs, **table.attrs, "faults": json.dumps(remarks, ensure_ascii=False)}
    )


def column(values: Iterable[Any]) -> npt.NDArray[Any]:
    """Return an array of numbers if all values are numbers or None, otherwise of text."""
    listed = list(values)
    if listed and all(isinstance(value, bool | np.bool_) for value in listed):
        return np.array(listed, dtype=bool)
    if listed and all(isinstance(value, int) and not isinstance(value, bool) for value in listed):
        return np.array(listed, dtype=np.int64)
    if all(value is None or isinstance(value, int | float) for value in listed):
        return np.array([NAN if value is None else value for value in listed], dtype=np.float64)
    texts = ["" if value is None else str(value) for value in listed]
    return np.array(texts, dtype=str if texts else "<U1")


def rows_of(table: xr.Dataset) -> list[Row]:
    """Return the events of a valid table."""
    words = {name: table[name].values.tolist() for name in further_columns(table)}
    made = []
    for i, (onset, apex, offset, au, side, intensity, label) in enumerate(
        zip(*(table[name].values.tolist() for name in recording.EVENT_COLUMNS), strict=True)
    ):
        more = {name: values[i] for name, values in words.items()}
        made.append(
            Row(
                f"event {i}",
                float(onset),
                float(offset),
                float(apex),
                str(au),
                str(side),
                str(intensity),
                str(label),
                more,
            )
        )
    return made


def further_columns(table: xr.Dataset) -> list[str]:
    """Return the columns that not every event table has."""
    return [
        str(name)
        for name, values in table.data_vars.items()
        if name not in recording.EVENT_COLUMNS and values.dims == ("event",)
    ]


def not_held(table: xr.Dataset, *, columns: Iterable[str], attrs: Iterable[str]) -> list[str]:
    """Return sentences about columns and attributes of a table that a file does not hold."""
    lost = [name for name in further_columns(table) if name not in set(columns)]
    held = {"table_version", "faults", *attrs}
    about = [str(name) for name, value in table.attrs.items() if name not in held and value]
    found = [f"columns {', '.join(lost)} are not in the file"] if lost else []
    return found + ([f"attributes {', '.join(about)} are not in the file"] if about else [])


def positional(value: float) -> str:
    """Write a number so that it reads back exactly, without an exponent."""
    return str(np.format_float_positional(value, trim="0"))


def coder_of(attrs: Mapping[Any, Any], coder: str | None) -> str:
    """Return the name of the coder: the one given, or that of the table."""
    return str(attrs.get("coder", "")) if coder is None else coder


def _usable(row: Row, remarks: list[str], duration: float | None) -> bool:
    """Return whether a row is an event; add remarks, and remove an apex outside its event."""
    missing = [name for name in ("onset", "offset") if not math.isfinite(getattr(row, name))]
    if missing:
        remarks.append(f"{row.where}: no {' and no '.join(missing)}; the event is left out")
        return False
    if not row.offset > row.onset:
        word = "before" if row.offset < row.onset else "at"
        remarks.append(
            f"{row.where}: the offset ({row.offset:g} s) is {word} the onset ({row.onset:g} s); "
            "the event is left out"
        )
        return False
    return _within(row, remarks, duration) and _apex_seen(row, remarks, duration)


def _within(row: Row, remarks: list[str], duration: float | None) -> bool:
    if duration is None or row.offset <= duration:
        return True
    gone = row.onset >= duration
    remarks.append(
        f"{row.where}: the {'event' if gone else 'offset'} ({row.onset:g}–{row.offset:g} s) is "
        f"after the end of the clip ({duration:g} s)" + ("; the event is left out" if gone else "")
    )
    return not gone


def _apex_seen(row: Row, remarks: list[str], duration: float | None) -> bool:
    """Remark an apex outside the event or the clip, and remove one outside the event."""
    if duration is not None and row.apex > duration:
        remarks.append(
            f"{row.where}: the apex ({row.apex:g} s) is after the end of the clip ({duration:g} s)"
        )
    if row.apex < row.onset:
        remarks.append(
            f"{row.where}: the apex ({row.apex:g} s) is {row.onset - row.apex:g} s before the "
            "onset (negative rise); the event has no apex"
        )
        row.apex = NAN
    elif row.apex > row.offset:
        remarks.append(
            f"{row.where}: the apex ({row.apex:g} s) is after the offset ({row.offset:g} s); the "
            "event has no apex"
        )
        row.apex = NAN
    return True
