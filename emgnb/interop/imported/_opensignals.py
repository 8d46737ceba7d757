"""Read OpenSignals files of PLUX and BITalino devices, as text and as HDF5."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emgnb._arrays import Floats
from emgnb._extras import explained
from emgnb.interop.imported._cells import lines_of, numbers
from emgnb.interop.imported._made import Columns

# Supply (V) and gain of the EMG sensor of devices, by the beginning of their names.
_SENSORS = {"bitalino": (3.3, 1009.0), "biosignalsplux": (3.0, 1000.0), "channeller": (3.0, 1000.0)}
_COUNTER = "nSeq"


def looks_like(text: str) -> bool:
    """Return whether a text begins like an OpenSignals file."""
    return text.lstrip("\ufeff").startswith("# OpenSignals Text File Format")


def read_text(path: Path) -> Columns:
    """Read a text file of one device.

    Raises
    ------
    ValueError : no such file, or one of several devices
    """
    lines = lines_of(path)
    end = next((k for k, line in enumerate(lines[:10]) if "EndOfHeader" in line), None)
    if end is None or not looks_like(lines[0]):
        raise ValueError(f"{path.name} has no header of OpenSignals")
    text = " ".join(line.lstrip("# ") for line in lines[1:end])
    try:
        devices = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path.name}: the header is not JSON: {error}") from None
    device = _only(devices, path)
    columns = [str(name) for name in device["column"]]
    table = numbers(lines[end + 1 :], len(columns), None)
    labels = [str(name) for name in device.get("label", columns[-len(device["channels"]) :])]
    values = table[:, [columns.index(name) for name in labels]]
    made = _columns(path, "opensignals", labels, values, device)
    if _COUNTER in columns:
        made.counter = table[:, columns.index(_COUNTER)]
    return made


def read_hdf5(path: Path) -> Columns:
    """Read an HDF5 file of one device: `raw/channel_1`, … in its group.

    Raises
    ------
    ImportError : h5py is not installed
    ValueError : no such file, or one of several devices
    """
    with explained("OpenSignals HDF5"):
        import h5py

    with h5py.File(path, "r") as file:
        groups = {
            name: group
            for name, group in file.items()
            if isinstance(group, h5py.Group) and "raw" in group
        }
        group = _only(groups, path)
        device = {name: _plain(value) for name, value in group.attrs.items()}
        names = sorted(
            (name for name in group["raw"] if name.startswith("channel_")),
            key=lambda name: int(re.sub(r"\D", "", name) or 0),
        )
        if not names:
            raise ValueError(f"{path.name} has no channel in `raw`")
        values = np.stack([np.ravel(group["raw"][name]) for name in names], axis=1)
        counter = np.ravel(group["raw"][_COUNTER]) if _COUNTER in group["raw"] else None
    made = _columns(path, "opensignals", names, values.astype(np.float64), device)
    made.counter = None if counter is None else counter.astype(np.float64)
    return made


def _only(devices: Mapping[str, Any], path: Path) -> Any:
    if len(devices) != 1:
        raise ValueError(
            f"{path.name} holds {len(devices)} devices, expected one: record or export them apart"
        )
    return next(iter(devices.values()))


def _columns(
    path: Path, layout: str, names: list[str], values: Floats, device: Mapping[str, Any]
) -> Columns:
    rate = float(device["sampling rate"])
    made = Columns(path, layout, names, values, "count", rate=rate)
    sensors = [str(each) for each in np.atleast_1d(device.get("sensor", []))]
    if len(sensors) == len(names):
        made.known = [n for n, each in zip(names, sensors, strict=True) if "EMG" in each.upper()]
    made.attrs["device"] = str(device.get("device", "OpenSignals"))
    date, clock = device.get("date"), device.get("time")
    if date and clock:
        parts = [int(part) for part in re.findall(r"\d+", str(date))]
        if len(parts) == 3:
            made.attrs["started"] = "{:04d}-{:02d}-{:02d}T".format(*parts) + str(clock).strip()
            made.said.append("the start is the local time of the computer; the zone is not stated")
    return _in_millivolts(made, device)


def _in_millivolts(made: Columns, device: Mapping[str, Any]) -> Columns:
    """Convert EMG of known sensors to mV, by the transfer function that its maker publishes."""
    if made.known and device.get("convertedValues") in (1, True):
        made.units = "mV"
        made.said.append("the values were converted by OpenSignals; EMG is in mV")
        return made
    kind = str(device.get("device", "")).lower()
    sensor = next((each for name, each in _SENSORS.items() if kind.startswith(name)), None)
    bits = [int(each) for each in np.atleast_1d(device.get("resolution", []))][-len(made.names) :]
    if not made.known or sensor is None or len(bits) != len(made.names):
        made.said.append("the transfer function of the sensors is not known; samples are counts")
        return made
    supply, gain = sensor
    full = 2.0 ** np.array(bits)
    made.values = (made.values / full - 0.5) * supply / gain * 1e3
    made.units = "mV"
    made.said.append(f"counts are converted to mV: supply {supply:g} V, gain {gain:g}")
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value
