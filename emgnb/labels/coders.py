"""Merge the tables of several coders, and decide where they disagree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from emgnb import facs, recording
from emgnb._arrays import Floats
from emgnb.labels.comparing import intervals_of, units
from emgnb.labels.matching import Ints, assign, iou, near, overlapping
from emgnb.labels.tables import events

WORDS = ("au", "side", "intensity", "label")
AGREED, DISPUTED = "agreed", "disputed"


def merge(tables: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Put the tables of several coders into one, sorted by onset, with a column `coder`.

    Parameters
    ----------
    tables : event tables by the coder's name

    Returns
    -------
    Event table (times in s) with the columns of `labels.events` and `coder`; other columns are
    left out. An apex that was not coded stays NaN

    Raises
    ------
    TypeError : not a table
    ValueError : no tables, or a table that violates the data model
    """
    _need_tables(tables)
    rows = [row | {"coder": coder} for coder, t in tables.items() for row in _rows(t)]
    rows.sort(key=lambda row: float(row["onset"]))
    made = _table(rows)
    made["coder"] = ("event", np.array([row["coder"] for row in rows], dtype=str))
    return made


def channels_for(x: xr.DataArray, au: str, side: str = "") -> list[str]:
    """Return the channels whose electrodes lie over a muscle that moves the action unit.

    Parameters
    ----------
    x : signal with the coordinates `muscle` and `side` along channel
    au, side : number of the unit and FACS side; L and R leave out the channels of the other side
    """
    other = {"L": "right", "R": "left"}.get(side)
    return [
        str(name)
        for name, muscle, where in zip(
            x["channel"].values, x["muscle"].values, x["side"].values, strict=True
        )
        if str(muscle) in facs.MUSCLES
        and au in facs.MUSCLES[str(muscle)].aus
        and str(where) != other
    ]


def snap(
    table: xr.Dataset, bursts: xr.Dataset, x: xr.DataArray | xr.DataTree, *, tolerance: float = 0.1
) -> xr.Dataset:
    """Move the edges of coded events to those of bursts in a channel that sees the unit.

    Each event takes the burst with the nearest onset, one to one. Its offset moves as well if it is
    within the tolerance of the burst's. An event without such a burst stays. Snapped events agree
    with the EMG by construction, so `validate` rejects them.

    Parameters
    ----------
    table : event table of a coder
    bursts : from `detect.bursts`
    x : signal or session, for muscle and side of the channels
    tolerance : s, the farthest that an edge moves

    Returns
    -------
    The table with moved edges and the columns `onset_shift` and `offset_shift` (s)

    Raises
    ------
    TypeError : not a table, signal or session
    ValueError : a table violates the data model, or bursts without `channel`
    """
    recording.need_positive(tolerance=tolerance)
    _need_tables({"table": table, "bursts": bursts})
    if "channel" not in bursts:
        raise ValueError("bursts: no column `channel`; expected a table from detect.bursts")
    x = recording.emg(x)
    coded, burst = intervals_of(table), intervals_of(bursts)
    i, j = near(coded[:, 0], burst[:, 0], tolerance)
    keys = [
        (str(au), str(side))
        for au, side in zip(table["au"].values, table["side"].values, strict=True)
    ]
    channels = {key: set(channels_for(x, *key)) for key in set(keys)}
    seen = [channels[key] for key in keys]
    channel = bursts["channel"].values.astype(str)
    keep = np.array([str(channel[b]) in seen[a] for a, b in zip(i, j, strict=True)], dtype=bool)
    i, j = i[keep], j[keep]
    i, j = assign((i, j), np.abs(coded[i, 0] - burst[j, 0]))
    moved = coded.copy()
    moved[i, 0] = burst[j, 0]
    ends = np.abs(coded[i, 1] - burst[j, 1]) <= tolerance
    moved[i[ends], 1] = burst[j[ends], 1]
    # An edge does not move past the other.
    moved = np.where((moved[:, 1] > moved[:, 0])[:, np.newaxis], moved, coded)
    made = table.copy()
    for k, name in enumerate(("onset", "offset")):
        made[name] = ("event", moved[:, k], {"units": "s"})
        made[f"{name}_shift"] = ("event", moved[:, k] - coded[:, k], {"units": "s"})
    made["apex"] = table["apex"].clip(made["onset"], made["offset"]).assign_attrs(units="s")
    return recording.with_history(made, "snap", tolerance=tolerance)


def consensus(tables: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Make one table of several coders' events, with what each coder said.

    Events of the same unit and side that overlap are matched one to one between coders. An event
    of more than half of the coders is "agreed", all others are "disputed" until `adjudicate`
    decides. Times are the medians over the coders who coded the event; an intensity on which they
    differ is the middle one, the lower of two.

    Parameters
    ----------
    tables : event tables by the coder's name, at least two

    Returns
    -------
    Event table sorted by onset with the columns `status` ("agreed" or "disputed") and `said` (JSON:
    coder → onset, apex, offset and intensity, or null)

    Raises
    ------
    TypeError : not a table
    ValueError : fewer than two coders, or a table that violates the data model
    """
    _need_tables(tables)
    if len(tables) < 2:
        raise ValueError(f"{len(tables)} coder, expected the tables of at least two")
    keys = {
        coder: list(zip(units(t), t["side"].values, strict=True)) for coder, t in tables.items()
    }
    rows: list[dict[str, Any]] = []
    for key in sorted({k for each in keys.values() for k in each}):
        mine = {
            coder: [row for row, k in zip(_rows(t), keys[coder], strict=True) if k == key]
            for coder, t in tables.items()
        }
        rows += [_decided(said, list(tables)) for said in _matched(mine)]
    rows.sort(key=lambda row: float(row["onset"]))
    made = _table(rows)
    for name in ("status", "said"):
        made[name] = ("event", np.array([row[name] for row in rows], dtype=str))
    return recording.with_history(made, "consensus", coders=list(tables))


def disagreements(table: xr.Dataset, *, tolerance: float = 0.5) -> dict[int, str]:
    """Return the undecided events of a consensus table on which the coders differ.

    Parameters
    ----------
    table : result of `consensus` or `adjudicate`
    tolerance : s, onsets and offsets that are at most this far apart count as equal

    Returns
    -------
    Row → what differs, such as "Ann, not Ben", "onset 0.62 s apart" or "intensity B, C", in order
    of onset. An intensity that a coder left open is not compared

    Raises
    ------
    ValueError : not a consensus table
    """
    recording.need_positive(tolerance=tolerance)
    _need_consensus(table)
    rows = zip(table["status"].values.tolist(), table["said"].values.tolist(), strict=True)
    found = {
        i: _difference(json.loads(said), tolerance)
        for i, (status, said) in enumerate(rows)
        if status in (AGREED, DISPUTED)
    }
    return {i: text for i, text in found.items() if text}


def adjudicate(table: xr.Dataset, decisions: Mapping[int, str], *, by: str) -> xr.Dataset:
    """Apply a further coder's decisions to the events of a consensus table.

    Parameters
    ----------
    table : result of `consensus`
    decisions : row → "keep" (the event with its times), "drop", or the name of a coder, whose times
        and intensity are taken
    by : name of the coder who decides

    Returns
    -------
    Table without the dropped events; `status` of a decided event is "kept by …" or "as … by …".
    attrs: `dropped`, JSON of the dropped events with what each coder said and who dropped them

    Raises
    ------
    ValueError : not a consensus table, no such row, or a decision that is none of the above
    """
    _need_consensus(table)
    rows = [
        row | {name: str(table[name].values[i]) for name in ("status", "said")}
        for i, row in enumerate(_rows(table))
    ]
    recording.refuse(_decision_faults(rows, decisions))
    dropped = list(json.loads(str(table.attrs.get("dropped", "[]"))))
    for i, word in decisions.items():
        if word == "drop":
            dropped.append({**_plain(rows[i]), "said": json.loads(rows[i]["said"]), "by": by})
        elif word == "keep":
            rows[i]["status"] = f"kept by {by}"
        else:
            chosen = json.loads(rows[i]["said"])[word]
            apex = float("nan") if chosen["apex"] is None else chosen["apex"]
            rows[i] |= chosen | {"apex": apex, "status": f"as {word} by {by}"}
    rows = [row for i, row in enumerate(rows) if decisions.get(i) != "drop"]
    rows.sort(key=lambda row: float(row["onset"]))
    made = _table(rows).assign_attrs(
        {name: value for name, value in table.attrs.items() if name == "history"}
    )
    for name in ("status", "said"):
        made[name] = ("event", np.array([row[name] for row in rows], dtype=str))
    made.attrs["dropped"] = json.dumps(dropped, ensure_ascii=False)
    return recording.with_history(
        made, "adjudicate", decisions={str(i): word for i, word in decisions.items()}, by=by
    )


def _need_consensus(table: xr.Dataset) -> None:
    if not {"status", "said"} <= set(table):
        raise ValueError("expected a table from labels.consensus, with `status` and `said`")


def _difference(said: Mapping[str, Any], tolerance: float) -> str:
    """Return in words what differs between the coders of an event; "" for nothing."""
    there = [coder for coder, event in said.items() if event]
    if missing := [coder for coder, event in said.items() if not event]:
        return f"{', '.join(there)}, not {', '.join(missing)}"
    events = list(said.values())
    apart = {name: np.ptp([each[name] for each in events]) for name in ("onset", "offset")}
    found = [f"{name} {gap:.2f} s apart" for name, gap in apart.items() if gap > tolerance + 1e-9]
    letters = sorted({each["intensity"] for each in events if each["intensity"]})
    return ", ".join([*found, *([f"intensity {', '.join(letters)}"] if len(letters) > 1 else [])])


def _need_tables(tables: Mapping[str, xr.Dataset]) -> None:
    if not tables:
        raise ValueError("no tables, expected event tables by the coder's name")
    for name, table in tables.items():
        recording.need_table(table, name, "labels.events(onset, offset)")
    recording.refuse(
        [f"{name}: {fault}" for name, t in tables.items() for fault in recording.event_faults(t)]
    )


def _rows(table: xr.Dataset) -> list[dict[str, Any]]:
    """Return the events of a table as dicts."""
    names = ("onset", "apex", "offset", *WORDS)
    columns = [table[name].values.tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _table(rows: list[dict[str, Any]]) -> xr.Dataset:
    columns = {name: [row[name] for row in rows] for name in ("onset", "offset", "apex", *WORDS)}
    return events(columns.pop("onset"), columns.pop("offset"), **columns)


def _matched(rows: dict[str, list[dict[str, Any]]]) -> list[dict[str, dict[str, Any]]]:
    """Return groups of events, one per coder at most, of the same movement."""
    groups: list[dict[str, dict[str, Any]]] = []
    for coder, mine in rows.items():
        i, j = _pairs(_intervals([next(iter(g.values())) for g in groups]), _intervals(mine))
        of = dict(zip(j.tolist(), i.tolist(), strict=True))
        for k, row in enumerate(mine):
            if k in of:
                groups[of[k]][coder] = row
            else:
                groups.append({coder: row})
    return groups


def _intervals(rows: list[dict[str, Any]]) -> Floats:
    return np.array([(row["onset"], row["offset"]) for row in rows], dtype=float).reshape(-1, 2)


def _pairs(a: Floats, b: Floats) -> tuple[Ints, Ints]:
    i, j = overlapping(a, b)
    return assign((i, j), 1.0 - iou(a[i], b[j]))


def _decided(said: dict[str, dict[str, Any]], coders: list[str]) -> dict[str, Any]:
    """Return one event of what the coders said."""
    rows = list(said.values())
    letters = sorted(row["intensity"] for row in rows if row["intensity"])
    apexes = [row["apex"] for row in rows if not np.isnan(row["apex"])]
    onset, offset = (float(np.median([row[name] for row in rows])) for name in ("onset", "offset"))
    apex = float(np.clip(np.median(apexes), onset, offset)) if apexes else float("nan")
    each = {coder: _times(_plain(said[coder])) if coder in said else None for coder in coders}
    return rows[0] | {
        "onset": onset,
        "apex": apex,
        "offset": offset,
        "intensity": letters[(len(letters) - 1) // 2] if letters else "",
        "status": AGREED if 2 * len(rows) > len(coders) else DISPUTED,
        "said": json.dumps(each, ensure_ascii=False),
    }


def _times(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("onset", "apex", "offset", "intensity")}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for JSON; an apex that is not coded is null."""
    return {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in row.items()
    }


def _decision_faults(rows: list[dict[str, Any]], decisions: Mapping[int, str]) -> list[str]:
    found = []
    for i, word in decisions.items():
        if not 0 <= i < len(rows):
            found.append(f"no row {i}: the table has {len(rows)} events, from 0")
            continue
        said = {coder for coder, event in json.loads(rows[i]["said"]).items() if event}
        if word not in {"keep", "drop", *said}:
            found.append(
                f"row {i}: {word!r}, expected 'keep', 'drop' or a coder of the event: "
                f"{', '.join(sorted(said))}"
            )
    return found
