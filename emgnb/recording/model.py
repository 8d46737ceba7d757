"""The parts of a recording, and the rules they keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.recording.timeindex import TimeIndex

KINDS = ("raw", "rectified", "envelope")
SIDES = ("left", "right", "midline", "")
UNITS = ("uV", "mV", "V", "count", "1", "%MVC")
EVENT_COLUMNS = ("onset", "apex", "offset", "au", "side", "intensity", "label")
CHANNEL_COORDS = ("muscle", "side", "signal_kind", "gain")
# Share of a step by which uniform time stamps may miss their place: float64 rounding, not jitter.
UNIFORM = 1e-3


def signal(
    values: npt.ArrayLike,
    *,
    rate: float | None = None,
    time: npt.ArrayLike | None = None,
    units: str,
    channel: list[str] | None = None,
    muscle: str | list[str] = "",
    side: str | list[str] = "",
    signal_kind: str | list[str] = "raw",
    gain: float | list[float] = 1.0,
    valid: npt.ArrayLike | None = None,
    start: float = 0.0,
    nominal_rate: float | None = None,
    lost: int = 0,
) -> xr.DataArray:
    """Put samples into the labelled form that every function of emgnb takes.

    Parameters
    ----------
    values : (time,) or (time, channel); NaN marks a lost sample
    rate, time : exactly one: the sampling rate in Hz, or the time stamp of each sample in s
    units : "uV", "mV", "V", "count", "1" or "%MVC"
    channel : names, unique; "ch1", "ch2", … by default
    muscle, side, signal_kind, gain : one for all channels or one each; side is "left", "right",
        "midline" or ""; signal_kind says what the sensor gives: "raw", "rectified", "envelope"
    valid : (time,) bool; by default a sample is valid where no channel is NaN
    start : time of the first sample in s, with `rate`
    nominal_rate : what the device claims, in Hz
    lost : scans known to be lost

    Returns
    -------
    (time, channel) float32

    Raises
    ------
    ValueError : the parts do not fit together; all faults in one message
    """
    data = np.asarray(values)
    data = np.array(data[:, np.newaxis] if data.ndim == 1 else data, dtype=np.float32)
    if data.ndim != 2:
        raise ValueError(f"values have {data.ndim} dimensions, expected (time, channel)")
    if (rate is None) == (time is None):
        raise ValueError("give either rate (Hz) or time (s), not both and not neither")
    n, width = data.shape
    names = [f"ch{i + 1}" for i in range(width)] if channel is None else list(channel)
    per_channel = {
        "muscle": _spread(muscle, width, "muscle"),
        "side": _spread(side, width, "side"),
        "signal_kind": _spread(signal_kind, width, "signal_kind"),
        "gain": _spread(gain, width, "gain"),
    }
    if len(names) != width:
        raise ValueError(f"{len(names)} channel names for {width} columns of values")
    ok = ~np.isnan(data).any(axis=1) if valid is None else np.asarray(valid, dtype=bool)
    if ok.shape != (n,):
        raise ValueError(f"valid has shape {ok.shape}, expected ({n},)")
    if rate is not None:
        if not rate > 0:
            raise ValueError(f"rate={rate} Hz, expected a positive number")
        coords = xr.Coordinates.from_xindex(TimeIndex.uniform(start, 1.0 / rate, n))
    else:
        stamps = np.asarray(time, dtype=np.float64)
        if stamps.shape != (n,):
            raise ValueError(f"time has shape {stamps.shape}, expected ({n},)")
        coords = xr.Coordinates({"time": stamps})
    attrs: dict[str, Any] = {"units": units, "lost": int(lost), "history": ""}
    if nominal_rate is not None:
        attrs["nominal_rate"] = float(nominal_rate)
    made = xr.DataArray(data, dims=("time", "channel"), coords=coords, name="signal", attrs=attrs)
    columns = {
        name: ("channel", np.asarray(column, dtype=float if name == "gain" else str))
        for name, column in per_channel.items()
    }
    made = made.assign_coords(
        {"channel": np.asarray(names, dtype=str), "valid": ("time", ok), **columns}
    )
    _raise(_signal_faults(made))
    return made


def _spread(value: Any, width: int, name: str) -> list[Any]:
    """One value for each of `width` channels."""
    if isinstance(value, str | float | int):
        return [value] * width
    if len(value) != width:
        raise ValueError(f"{len(value)} values of {name} for {width} channels")
    return list(value)


def make(
    signal: xr.DataArray,
    *,
    markers: xr.Dataset | None = None,
    labels: Mapping[str, xr.Dataset] | None = None,
    participant: str = "",
    session: str = "",
    label_meaning: str = "instructed",
    **attrs: Any,
) -> xr.DataTree:
    """Join a signal, its markers and its labels into a session.

    Parameters
    ----------
    signal : (time, channel), see `signal`
    markers : see `markers`
    labels : coder → event table (onset, apex, offset in s; au, side, intensity, label)
    participant, session : who, and which wearing of the electrodes
    label_meaning : "instructed", "coded AU" or "self-report"
    attrs : whatever else is known: started (UTC, ISO 8601), device, firmware, protocol, consent …

    Raises
    ------
    ValueError : a part breaks the rules; all faults in one message
    """
    root = xr.Dataset(
        attrs={
            "participant": participant,
            "session": session,
            "label_meaning": label_meaning,
            **attrs,
        }
    )
    nodes: dict[str, xr.Dataset] = {"/": root, "/emg": signal.to_dataset(name="signal")}
    nodes["/markers"] = empty_markers() if markers is None else markers
    for coder, table in (labels or {}).items():
        nodes[f"/labels/{coder}"] = table
    made = xr.DataTree.from_dict(nodes)
    check(made)
    return made


def emg(session: xr.DataTree) -> xr.DataArray:
    """Return the session's signal (time, channel): `session["emg/signal"]`, typed.

    Raises
    ------
    ValueError : there is none
    """
    if "emg" not in session.children or "signal" not in session.children["emg"].data_vars:
        raise ValueError("no `emg/signal` in the session: make one with recording.make(signal)")
    return session.children["emg"].to_dataset()["signal"]


def with_signal(session: xr.DataTree, signal: xr.DataArray) -> xr.DataTree:
    """Return the session with another signal, its markers, labels and attributes kept.

    Raises
    ------
    ValueError : the result breaks the data model
    """
    nodes = {node.path: node.to_dataset(inherit=False) for node in session.subtree}
    nodes["/emg"] = signal.to_dataset(name="signal")
    made = xr.DataTree.from_dict(nodes)
    check(made)
    return made


def markers(
    time: npt.ArrayLike,
    text: list[str],
    *,
    uncertainty: npt.ArrayLike = 0.0,
    source: str = "host",
) -> xr.Dataset:
    """Put called-out moments into a table.

    Parameters
    ----------
    time : (marker,) s since the recording's start
    text : one word or line each, such as "smile"
    uncertainty : s, for all or for each
    source : which clock or device gave the time
    """
    at = np.atleast_1d(np.asarray(time, dtype=np.float64))
    if at.shape != (len(text),):
        raise ValueError(f"{at.size} marker times for {len(text)} texts")
    return xr.Dataset(
        {
            "time": ("marker", at, {"units": "s"}),
            "text": ("marker", np.asarray(text, dtype=str) if text else np.array([], dtype="<U1")),
            "uncertainty": ("marker", np.broadcast_to(uncertainty, at.shape).astype(float)),
        },
        attrs={"source": source},
    )


def empty_markers() -> xr.Dataset:
    """Return a marker table without rows."""
    return markers([], [])


def sampling_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Sampling rate in Hz, read from `time`.

    Raises
    ------
    ValueError : fewer than two samples, or the steps are not uniform; says the measured rate
    """
    index = x.xindexes.get("time")
    if isinstance(index, TimeIndex):
        return float(f"{1.0 / index.step:.12g}")
    time = _time_of(x)
    steps = np.diff(time)
    step = (time[-1] - time[0]) / steps.size
    off = np.abs(time - (time[0] + step * np.arange(time.size))).max()
    if not step > 0 or off > UNIFORM * step:
        odd = int(np.count_nonzero(np.abs(steps - step) > UNIFORM * abs(step)))
        raise ValueError(
            f"time is not uniform: {odd} of {steps.size} steps differ from the mean step; the "
            f"measured rate is about {measured_rate(x):.4g} Hz. "
            "Lay the samples on a uniform clock first: recording.uniform(x)."
        )
    return float(f"{1.0 / step:.12g}")


def measured_rate(x: xr.DataArray | xr.Dataset) -> float:
    """Sampling rate in Hz that most of the recording's seconds show, whatever its stamps are like.

    The median number of rows in a second finds the regime, the mean step within it the figure. A
    stale buffer read at the start, pauses and jitter do not move it; stamps in whole seconds give
    rows per second.
    """
    index = x.xindexes.get("time")
    if isinstance(index, TimeIndex):
        return sampling_rate(x)
    time = _time_of(x)
    span = time[-1] - time[0]
    if not span > 0:
        raise ValueError(f"all {time.size} time stamps are {time[0]:g} s: no rate can be measured")
    whole = np.floor(time - time[0]).astype(np.int64)
    rows = np.bincount(whole[whole >= 0])
    rows = rows[1:-1] if rows.size > 3 else rows
    # A second without rows is a pause; slower than one row a second, the span decides.
    busy = rows[rows > 0]
    coarse = float(np.median(busy)) if busy.size and np.median(rows) >= 1 else time.size / span
    steps = np.diff(time)
    usual = steps[(steps > 0.5 / coarse) & (steps < 1.5 / coarse)]
    return float(1.0 / usual.mean()) if usual.sum() > 0.5 * span else coarse


def uniform(x: xr.DataArray, *, rate: float | None = None) -> xr.DataArray:
    """Lay irregular samples on a uniform clock, each at its nearest place, and count the rest.

    Nothing is interpolated: a place no sample came near stays NaN and invalid, and of several rows
    for one place (a stale buffer, a burst of late rows) the last is kept, the others counted in
    `history`.

    Parameters
    ----------
    x : (time, channel) with time stamps in s, in order
    rate : Hz; measured by default

    Returns
    -------
    (time, channel) float32, uniform

    Raises
    ------
    ValueError : time runs backwards
    """
    time = _time_of(x)
    if np.any(np.diff(time) < 0):
        raise ValueError("time runs backwards: sort the rows or cut the recording there first")
    rate = measured_rate(x) if rate is None else float(rate)
    place = np.rint((time - time[0]) * rate).astype(np.int64)
    last = np.append(np.diff(place) > 0, True)
    values = np.full((int(place[-1]) + 1, x.sizes["channel"]), np.nan, dtype=np.float32)
    values[place[last]] = x.transpose("time", "channel").values[last]
    made = signal(
        values,
        rate=rate,
        start=float(time[0]),
        units=x.attrs["units"],
        channel=[str(name) for name in x["channel"].values],
        lost=int(np.isnan(values).all(axis=1).sum()),
        **{name: x[name].values.tolist() for name in CHANNEL_COORDS},
    )
    made.attrs = {**x.attrs, **made.attrs, "history": x.attrs.get("history", "")}
    return with_history(
        made, "uniform", rate=rate, rows=time.size, doubled=int(np.count_nonzero(~last))
    )


def _time_of(x: xr.DataArray | xr.Dataset) -> npt.NDArray[np.float64]:
    if "time" not in x.coords:
        raise ValueError(f"no coordinate `time`; found {sorted(map(str, x.coords))}")
    time = np.asarray(x["time"].values, dtype=np.float64)
    if time.size < 2:
        raise ValueError(f"{time.size} samples: a rate needs at least two")
    return time


def with_history(x: xr.DataArray, step: str, **args: Any) -> xr.DataArray:
    """Return `x` with one more line of history: a JSON object of the step's name and arguments."""
    line = json.dumps({"step": step, **args}, ensure_ascii=False, allow_nan=False)
    before = x.attrs.get("history", "")
    return x.assign_attrs(history=f"{before}\n{line}" if before else line)


def history(x: xr.DataArray | xr.Dataset) -> list[dict[str, Any]]:
    """Return what was done to `x`, one dict a step, oldest first."""
    return [json.loads(line) for line in x.attrs.get("history", "").splitlines()]


def known_faults(x: xr.DataTree | xr.Dataset | xr.DataArray) -> list[str]:
    """Return what is known to be wrong with the data, in sentences (the attribute `faults`)."""
    found: list[str] = json.loads(x.attrs.get("faults", "[]"))
    return found


def check(session: xr.DataTree) -> None:
    """Raise ValueError with every rule that `session` breaks, in one message."""
    _raise(faults(session))


def faults(session: xr.DataTree) -> list[str]:
    """Every rule of the data model that `session` breaks, in sentences; empty when it is sound."""
    if not isinstance(session, xr.DataTree):
        return [f"a session is an xarray.DataTree, found {type(session).__name__}"]
    if "emg" not in session.children or "signal" not in session["emg"].data_vars:
        return ["no `emg/signal` in the session: make one with recording.make(signal)"]
    emg = session["emg"].to_dataset()
    found = [f"emg/signal: {fault}" for fault in _signal_faults(emg["signal"])]
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
    if "labels" in session.children:
        for coder, node in session["labels"].children.items():
            found += [f"labels/{coder}: {fault}" for fault in _event_faults(node.to_dataset())]
    return found


def _signal_faults(x: xr.DataArray) -> list[str]:
    found = []
    if x.dims != ("time", "channel"):
        found.append(f"dims are {x.dims}, expected ('time', 'channel')")
        return found
    if x.dtype.kind != "f":
        found.append(f"dtype is {x.dtype}, expected floating point (NaN marks what was lost)")
    names = [str(name) for name in x["channel"].values] if "channel" in x.coords else []
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
    return found


def _event_faults(table: xr.Dataset) -> list[str]:
    missing = [column for column in EVENT_COLUMNS if column not in table]
    if missing:
        return [f"no {', '.join(missing)}: make the table with labels.events(...)"]
    onset, apex, offset = (table[name].values for name in ("onset", "apex", "offset"))
    found = []
    for name, wrong in (
        ("offset before onset", offset < onset),
        ("apex outside onset–offset", (apex < onset) | (apex > offset)),
    ):
        if np.any(wrong):
            found.append(f"{int(np.sum(wrong))} events with {name}, first: row {np.argmax(wrong)}")
    return found


def _raise(found: list[str]) -> None:
    if found:
        count = "1 fault" if len(found) == 1 else f"{len(found)} faults"
        raise ValueError(f"{count}:\n" + "\n".join(f"- {fault}" for fault in found))
