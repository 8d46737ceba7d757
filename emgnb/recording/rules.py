"""The rules of the data model, and every way in which an object can break them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from emgnb import facs
from emgnb.recording.timeindex import TimeIndex

KINDS = ("raw", "rectified", "envelope")
SIDES = ("left", "right", "midline", "")
UNITS = ("uV", "mV", "V", "count", "1", "%MVC")
CHANNEL_COORDS = ("muscle", "side", "signal_kind", "gain")
EVENT_COLUMNS = ("onset", "apex", "offset", "au", "side", "intensity", "label")
EVENT_SIDES = ("L", "R", "B", "U", "T", "")
EVENT_INTENSITIES = (*facs.INTENSITIES, "")


def check(session: xr.DataTree) -> None:
    """Raise ValueError with every rule that `session` breaks, in one message."""
    refuse(faults(session))


def faults(session: xr.DataTree) -> list[str]:
    """Every rule of the data model that `session` breaks, in sentences; empty when it is sound."""
    if not isinstance(session, xr.DataTree):
        return [f"a session is an xarray.DataTree, found {type(session).__name__}"]
    if "emg" not in session.children or "signal" not in session["emg"].data_vars:
        return ["no `emg/signal` in the session: make one with recording.make(signal)"]
    emg = session["emg"].to_dataset()
    found = [f"emg/signal: {fault}" for fault in signal_faults(emg["signal"])]
    found += [f"session: {fault}" for fault in _attribute_faults(session.attrs)]
    meaning = session.attrs.get("label_meaning", "instructed")
    if meaning not in ("instructed", "coded AU", "self-report"):
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
            found.append("markers: there are NaN among the times")
    if "labels" in session.children:
        for coder, node in session["labels"].children.items():
            found += [f"labels/{coder}: {fault}" for fault in event_faults(node.to_dataset())]
    return found


def signal_faults(x: xr.DataArray) -> list[str]:
    """Every rule that a signal breaks, in sentences."""
    found: list[str] = []
    if x.dims != ("time", "channel"):
        found.append(f"dims are {x.dims}, expected ('time', 'channel')")
        return found
    if x.dtype.kind != "f":
        found.append(f"dtype is {x.dtype}, expected floating point (NaN marks what was lost)")
    names = [str(name) for name in x["channel"].values] if "channel" in x.coords else []
    if not x.sizes["channel"]:
        found.append("no channel: values have the shape (time, 0)")
    if len(set(names)) != x.sizes["channel"]:
        found.append(f"channel names must be there and differ: {names}")
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


def _attribute_faults(attrs: Mapping[Any, Any]) -> list[str]:
    """Attributes that have no place in JSON, so that the session could not be stored."""
    found = []
    for name, value in attrs.items():
        try:
            json.dumps(value, default=np.generic.item)
        except (TypeError, ValueError):
            found.append(
                f"attribute `{name}` is a {type(value).__name__}, expected text, a number, or a "
                "list or dict of these: str(…) makes text of anything"
            )
    return found


def event_faults(table: xr.Dataset) -> list[str]:
    """Every rule that a coder's event table breaks, in sentences."""
    missing = [column for column in EVENT_COLUMNS if column not in table]
    if missing:
        return [f"no {', '.join(missing)}: make the table with labels.events(...)"]
    onset, apex, offset = (
        np.asarray(table[name].values, dtype=float) for name in ("onset", "apex", "offset")
    )
    # Negated, so that an onset or offset of NaN is a fault; nobody need have looked for an apex.
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
    prefixed = sorted({str(u) for u in table["au"].values if str(u).upper().startswith("AU")})
    if prefixed:
        found.append(f"au: {prefixed}, expected the number alone, such as '12'")
    return found


def check_labels(session: xr.DataTree, coder: str, table: xr.Dataset) -> None:
    """Raise ValueError unless `table` can be a coder's labels of this session; all faults at once.

    An event that lies outside the recording altogether is refused: it belongs to another one.
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


def refuse(found: list[str]) -> None:
    """Raise ValueError with all that was found, or nothing."""
    if found:
        count = "1 fault" if len(found) == 1 else f"{len(found)} faults"
        raise ValueError(f"{count}:\n" + "\n".join(f"- {fault}" for fault in found))
