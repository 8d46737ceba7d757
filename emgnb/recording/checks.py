"""Check objects against the rules of the data model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from emgnb import facs
from emgnb._faults import refuse
from emgnb._vocabulary import KINDS, MEANINGS, SIDES, UNITS
from emgnb.recording._jsontext import parsed
from emgnb.recording.timeindex import TimeIndex

CHANNEL_COORDS = ("muscle", "side", "signal_kind", "gain")
EVENT_COLUMNS = ("onset", "apex", "offset", "au", "side", "intensity", "label")
EVENT_SIDES = tuple(facs.EVENT_SIDES)
EVENT_INTENSITIES = (*facs.INTENSITIES, "")


def check(session: xr.DataTree) -> None:
    """Raise ValueError if `session` violates the data model; the message lists all faults.

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> recording.check(simulate.face(duration=4))  # valid: nothing is raised
    """
    refuse(faults(session))


def faults(session: xr.DataTree) -> list[str]:
    """Return all violations of the data model by `session`, in sentences; empty if valid.

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> recording.faults(simulate.face(duration=4))
    []
    """
    if not isinstance(session, xr.DataTree):
        return [f"a session is an xarray.DataTree, found {type(session).__name__}"]
    if "emg" not in session.children or "signal" not in session["emg"].data_vars:
        return ["no `emg/signal` in the session: make one with recording.make(signal)"]
    emg = session["emg"].to_dataset()
    found = [f"emg/signal: {fault}" for fault in signal_faults(emg["signal"])]
    found += [f"session: {fault}" for fault in _attribute_faults(session.attrs)]
    meaning = session.attrs.get("label_meaning", MEANINGS[0])
    if meaning not in MEANINGS:
        found.append(
            f"label_meaning is {meaning!r}, expected 'instructed', 'coded AU' or 'self-report'"
        )
    if "markers" in session.children:
        table = session["markers"].to_dataset()
        found += [
            f"markers: no `{column}`"
            for column in ("time", "text", "uncertainty")
            if column not in table
        ]
        if "time" in table and np.isnan(table["time"].values.astype(float)).any():
            found.append("markers: some times are NaN")
    if "labels" in session.children:
        for coder, node in session["labels"].children.items():
            found += [f"labels/{coder}: {fault}" for fault in event_faults(node.to_dataset())]
    return found


def signal_faults(x: xr.DataArray) -> list[str]:
    """Return all violations of the data model by a signal, in sentences."""
    found: list[str] = []
    if x.dims != ("time", "channel"):
        found.append(f"dims are {x.dims}, expected ('time', 'channel')")
        return found
    if x.dtype.kind != "f":
        found.append(f"dtype is {x.dtype}, expected floating point (NaN marks lost samples)")
    names = [str(name) for name in x["channel"].values] if "channel" in x.coords else []
    if not x.sizes["channel"]:
        found.append("no channel: values have the shape (time, 0)")
    if len(set(names)) != x.sizes["channel"]:
        found.append(f"channel names must be non-empty and unique: {names}")
    found += [
        f"no coordinate `{name}`"
        for name in ("time", "valid", *CHANNEL_COORDS)
        if name not in x.coords
    ]
    if "signal_kind" in x.coords:
        odd = sorted({str(kind) for kind in x["signal_kind"].values} - set(KINDS))
        if odd:
            found.append(f"signal_kind {odd}, expected one of {list(KINDS)}")
    if "side" in x.coords:
        odd = sorted({str(side) for side in x["side"].values} - set(SIDES))
        if odd:
            found.append(f"side {odd}, expected one of {list(SIDES)}")
    if "time" in x.coords and not isinstance(x.xindexes.get("time"), TimeIndex):
        time = np.asarray(x["time"].values, dtype=float)
        if np.isnan(time).any():
            found.append(f"{int(np.isnan(time).sum())} time stamps are NaN")
    if x.attrs.get("units") not in UNITS:
        found.append(f"units are {x.attrs.get('units')!r}, expected one of {list(UNITS)}")
    return found + _attribute_faults(x.attrs)


def parsed_history(text: str) -> list[dict[str, Any]]:
    """Return the steps of a history.

    Raises
    ------
    ValueError : a line is not a JSON object with a `step`
    """
    steps = [parsed(line, "a line of `history`") for line in text.splitlines()]
    for step in steps:
        if not isinstance(step, dict) or not isinstance(step.get("step"), str):
            raise ValueError(f"a line of `history` is {step!r:.60}, expected an object with `step`")
    return steps


def parsed_faults(text: str) -> list[str]:
    """Return the sentences of a `faults` attribute.

    Raises
    ------
    ValueError : not a JSON list of strings
    """
    found = parsed(text, "`faults`")
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"`faults` is {found!r:.60}, expected a list of sentences in JSON")
    return found


def _attribute_faults(attrs: Mapping[Any, Any]) -> list[str]:
    """Return faults of attributes that JSON cannot hold or that cannot be parsed."""
    found = []
    readers: dict[str, Callable[[str], Any]] = {
        "history": parsed_history,
        "faults": parsed_faults,
    }
    for name, read in readers.items():
        try:
            if name in attrs:
                read(str(attrs[name]))
        except ValueError as error:
            found.append(str(error))
    for name, value in attrs.items():
        try:
            json.dumps(value, default=np.generic.item)
        except (TypeError, ValueError):
            found.append(
                f"attribute `{name}` is a {type(value).__name__}, expected text, a number, "
                "or a list or dict of these. Convert it, for example with str(…)"
            )
    return found


def event_faults(table: xr.Dataset, *, new: bool = False) -> list[str]:
    """Return all violations of the data model by an event table, in sentences.

    Parameters
    ----------
    new : whether the table is new, so that each code must be one of FACS. Tables stored by earlier
        versions may hold others and still open

    Examples
    --------
    >>> from emgnb import labels, recording
    >>> table = labels.events([1.0], [2.0], au="12")
    >>> recording.event_faults(table)
    []
    >>> table["offset"] = table["onset"] - 1
    >>> recording.event_faults(table)
    ['event 0: offset 0 s is not after onset 1 s']
    """
    missing = [column for column in EVENT_COLUMNS if column not in table]
    if missing:
        return [f"no {', '.join(missing)}: make the table with labels.events(...)"]
    onset, apex, offset = (
        np.asarray(table[name].values, dtype=float) for name in ("onset", "apex", "offset")
    )
    # Negated, so that NaN in onset or offset is a fault; an apex may be NaN.
    found = [
        f"event {i}: offset {offset[i]:g} s is not after onset {onset[i]:g} s"
        for i in np.flatnonzero(~(offset > onset))
    ]
    found += [
        f"event {i}: apex {apex[i]:g} s lies outside {onset[i]:g}–{offset[i]:g} s"
        for i in np.flatnonzero((apex < onset) | (apex > offset))
    ]
    for name, known in (("side", EVENT_SIDES), ("intensity", EVENT_INTENSITIES)):
        odd = sorted({str(word) for word in table[name].values} - set(known))
        if odd:
            found.append(f"{name}: {odd}, expected one of {list(known)}")
    found += _bottom_faults(table)
    prefixed = sorted({str(u) for u in table["au"].values if str(u).upper().startswith("AU")})
    if prefixed:
        found.append(f"au: {prefixed}, expected the number alone, such as '12'")
    return found + (_code_faults(table) if new and not prefixed else [])


def _code_faults(table: xr.Dataset) -> list[str]:
    """Return faults of codes that FACS does not define."""
    pairs = {
        (str(u), str(s)) for u, s in zip(table["au"].values, table["side"].values, strict=True)
    }
    odd = sorted({au for au, _ in pairs if au and au not in facs.CODES})
    found = (
        [f"au: {odd}: not an action unit of FACS; expected one of {', '.join(facs.CODES)}"]
        if odd
        else []
    )
    tops = sorted(au for au, side in pairs if side == "T" and au not in facs.LIP_UNITS)
    return found + [facs.lip_fault(au, "T") for au in tops]


def _bottom_faults(table: xr.Dataset) -> list[str]:
    """Return faults of side "B": the bottom lip, but both sides in versions up to 2002.1."""
    units = sorted(
        {
            str(au)
            for au, side in zip(table["au"].values, table["side"].values, strict=True)
            if str(side) == "B"
        }
    )
    if not units:
        return []
    version = table.attrs.get("table_version")
    if version in facs.FACS_TABLE_VERSIONS_WITH_BOTH:
        return [
            f"side: 'B' in a table of version {version or 'unknown'}, where it may mean "
            "both sides or the bottom lip. If it means both sides, use "
            "recording.in_todays_notation(table); if the bottom lip, make the table again "
            "with labels.events(...)"
        ]
    return [facs.lip_fault(au, "B") for au in units if au not in facs.LIP_UNITS]


def in_todays_notation(table: xr.Dataset) -> xr.Dataset:
    """Convert an event table of any version of emgnb to the side codes of FACS.

    Tables up to version 2002.1, or without a version, use "B" for both sides.
    """
    if table.attrs.get("table_version") not in facs.FACS_TABLE_VERSIONS_WITH_BOTH:
        return table
    made = table.assign_attrs(table_version=facs.FACS_TABLE_VERSION)
    # Name of the version attribute in the labeller's tables up to 2002.1.
    made.attrs.pop("facs_table", None)
    if "side" not in table:
        return made
    side = np.asarray([str(word) for word in table["side"].values], dtype=str)
    side = np.where(side == "B", "", side)
    return made.assign(side=(table["side"].dims, side, table["side"].attrs))


def check_labels(session: xr.DataTree, coder: str, table: xr.Dataset) -> None:
    """Raise ValueError unless `table` is valid as labels of this session; lists all faults.

    An event that lies entirely outside the recording is a fault: it belongs to another recording.
    """
    found = []
    if not coder or "/" in coder or coder.startswith("."):
        found.append(f"coder={coder!r}, expected a name without a slash or a leading dot")
    wrong = event_faults(table)
    found += [f"labels/{coder}: {fault}" for fault in wrong]
    time = session["emg"]["time"]
    if not wrong and time.size:
        first, last = (float(time.isel(time=i)) for i in (0, -1))
        outside = (table["offset"].values < first) | (table["onset"].values > last)
        found += [
            f"labels/{coder}: event {i} ({float(table['onset'][i]):g}–"
            f"{float(table['offset'][i]):g} s) lies outside the recording ({first:g}–{last:g} s)"
            for i in np.flatnonzero(outside)
        ]
    refuse(found)
