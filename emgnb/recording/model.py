"""The parts of a recording: signal, markers, session, history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.recording.need import need_positive, need_session, need_signal, need_table
from emgnb.recording.rules import check, refuse, signal_faults
from emgnb.recording.timeindex import TimeIndex

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)

# More columns than any recorder has: time and channel are the wrong way round.
WIDEST = 1024


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
    valid : (time,) bool; by default a sample is valid where all channels are finite
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
    data = _numbers(values, "values", np.float32)
    data = data[:, np.newaxis] if data.ndim == 1 else data
    if data.ndim != 2:
        raise ValueError(f"values have {data.ndim} dimensions, expected (time, channel)")
    if data.shape[1] > WIDEST:
        raise ValueError(
            f"values of shape {data.shape} would be {data.shape[1]} channels of {data.shape[0]} "
            "samples; expected (time, channel): give values.T"
        )
    if (rate is None) == (time is None):
        raise ValueError("give either rate (Hz) or time (s), not both and not neither")
    n, width = data.shape
    if isinstance(channel, str):
        channel = [channel]
    names = [f"ch{i + 1}" for i in range(width)] if channel is None else list(channel)
    per_channel = {
        "muscle": _spread(muscle, width, "muscle"),
        "side": _spread(side, width, "side"),
        "signal_kind": _spread(signal_kind, width, "signal_kind"),
        "gain": _spread(gain, width, "gain"),
    }
    if len(names) != width:
        raise ValueError(f"{len(names)} channel names for {width} columns of values")
    ok = np.isfinite(data).all(axis=1) if valid is None else np.asarray(valid, dtype=bool)
    if ok.shape != (n,):
        raise ValueError(f"valid has shape {ok.shape}, expected ({n},)")
    if rate is not None:
        need_positive(rate=rate)
        coords = xr.Coordinates.from_xindex(TimeIndex.uniform(start, 1.0 / rate, n))
    else:
        assert time is not None
        stamps = _numbers(time, "time", np.float64)
        if stamps.shape != (n,):
            raise ValueError(f"time has shape {stamps.shape}, expected ({n},)")
        coords = xr.Coordinates({"time": stamps})
    attrs: dict[str, Any] = {"units": units, "lost": int(lost), "history": ""}
    if nominal_rate is not None:
        attrs["nominal_rate"] = float(nominal_rate)
    made = xr.DataArray(data, dims=("time", "channel"), coords=coords, name="signal", attrs=attrs)
    columns = {
        name: (
            "channel",
            _numbers(column, "gain", np.float64) if name == "gain" else np.asarray(column, str),
        )
        for name, column in per_channel.items()
    }
    made = made.assign_coords(
        {"channel": np.asarray(names, dtype=str), "valid": ("time", ok), **columns}
    )
    refuse(signal_faults(made))
    return made


def _spread(value: Any, width: int, name: str) -> list[Any]:
    """One value for each of `width` channels."""
    if np.ndim(value) == 0:
        return [value] * width
    if len(value) != width:
        raise ValueError(f"{len(value)} values of {name} for {width} channels")
    return list(value)


def _numbers(values: npt.ArrayLike, name: str, dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
    """Return a copy as numbers, or say which are none."""
    try:
        return np.array(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} are not all numbers in equally long rows: {error}") from None


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
    TypeError : a part is no signal, or no table
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
    need_signal(signal)
    nodes: dict[str, xr.Dataset] = {"/": root, "/emg": signal.to_dataset(name="signal")}
    nodes["/markers"] = (
        empty_markers()
        if markers is None
        else need_table(markers, "markers", "recording.markers(time, text)")
    )
    if isinstance(labels, xr.Dataset | xr.DataTree):
        raise TypeError("labels: expected {coder: table}, such as {'ann': table}; found a table")
    for coder, table in (labels or {}).items():
        nodes[f"/labels/{coder}"] = need_table(
            table, f"labels/{coder}", "labels.events(onset, offset)"
        )
    made = xr.DataTree.from_dict(nodes)
    check(made)
    return made


def emg(session: xr.DataTree) -> xr.DataArray:
    """Return the session's signal (time, channel): `session["emg/signal"]`, typed.

    Raises
    ------
    TypeError : no session
    ValueError : there is no signal in it
    """
    need_session(session)
    if "emg" not in session.children or "signal" not in session.children["emg"].data_vars:
        raise ValueError("no `emg/signal` in the session: make one with recording.make(signal)")
    return session.children["emg"].to_dataset()["signal"]


def with_signal(session: xr.DataTree, signal: xr.DataArray) -> xr.DataTree:
    """Return the session with another signal, its markers, labels and attributes kept.

    Raises
    ------
    ValueError : the result breaks the data model
    """
    need_session(session)
    need_signal(signal)
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

    Raises
    ------
    ValueError : columns of unlike length, or a time that is no number or NaN
    """
    if isinstance(text, str):
        text = [text]
    at = np.atleast_1d(_numbers(time, "marker times", np.float64))
    if at.shape != (len(text),):
        raise ValueError(f"{at.size} marker times for {len(text)} texts")
    if np.isnan(at).any():
        raise ValueError(
            f"{int(np.isnan(at).sum())} marker times are NaN, first that of "
            f"{text[int(np.isnan(at).argmax())]!r}: a marker without a time marks nothing"
        )
    spread = _numbers(uncertainty, "uncertainty", np.float64)
    if spread.shape not in ((), at.shape):
        raise ValueError(f"{spread.size} uncertainties for {at.size} markers")
    return xr.Dataset(
        {
            "time": ("marker", at, {"units": "s"}),
            "text": ("marker", np.asarray(text, dtype=str) if text else np.array([], dtype="<U1")),
            "uncertainty": ("marker", np.broadcast_to(spread, at.shape).copy()),
        },
        attrs={"source": source},
    )


def empty_markers() -> xr.Dataset:
    """Return a marker table without rows."""
    return markers([], [])


def unit_of(x: xr.DataArray) -> str:
    """Unit of `x` as people write it, "µV" for "uV"; empty without one."""
    return str(x.attrs.get("units", "")).replace("uV", "µV")


def with_history(x: Labelled, step: str, **args: Any) -> Labelled:
    """Return `x` with one more line of history: a JSON object of the step's name and arguments."""
    line = json.dumps(
        {"step": step, **args}, ensure_ascii=False, allow_nan=False, default=np.generic.item
    )
    before = x.attrs.get("history", "")
    return x.assign_attrs(history=f"{before}\n{line}" if before else line)


def history(x: xr.DataArray | xr.Dataset) -> list[dict[str, Any]]:
    """Return what was done to `x`, one dict a step, oldest first."""
    return [json.loads(line) for line in x.attrs.get("history", "").splitlines()]


def known_faults(x: xr.DataTree | xr.Dataset | xr.DataArray) -> list[str]:
    """Return what is known to be wrong with the data, in sentences (the attribute `faults`)."""
    found: list[str] = json.loads(x.attrs.get("faults", "[]"))
    return found
