"""Create signals, markers and sessions, and record processing history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._faults import refuse
from emgnb.recording._history import History
from emgnb.recording.arguments import need_positive, need_session, need_signal, need_table
from emgnb.recording.checks import check, parsed_faults, parsed_history, signal_faults
from emgnb.recording.timeindex import TimeIndex

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)

# Largest magnitude of a sample.
LARGEST = float(np.finfo(np.float32).max)
# Maximum number of channels; more columns mean that time and channel are swapped.
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
    """Create a signal, the labelled array that the functions of emgnb take.

    Parameters
    ----------
    values : (time,) or (time, channel); NaN marks a lost sample
    rate, time : exactly one: the sampling rate in Hz, or the time stamp of each sample in s
    units : "uV", "mV", "V", "count", "1" or "%MVC"
    channel : names, unique; "ch1", "ch2", … by default
    muscle, side, signal_kind, gain : one for all channels or one each; side is "left", "right",
        "midline" or ""; signal_kind is the sensor output: "raw", "rectified" or "envelope"
    valid : (time,) bool; by default a sample is valid where all channels are finite
    start : time of the first sample in s, with `rate`
    nominal_rate : nominal sampling rate of the device, in Hz
    lost : number of scans known to be lost

    Returns
    -------
    (time, channel) float32

    Raises
    ------
    ValueError : arguments are inconsistent; the message lists all faults of the signal

    Examples
    --------
    >>> from emgnb import recording
    >>> x = recording.signal(
    ...     [[1.0, 2.0], [3.0, 4.0]], rate=1000, units="uV", channel=["left", "right"]
    ... )
    >>> x.sel(channel="right").values
    array([2., 4.], dtype=float32)
    >>> x.attrs["units"], recording.sampling_rate(x)
    ('uV', 1000.0)
    """
    data = _samples(values)
    data = data[:, np.newaxis] if data.ndim == 1 else data
    if data.ndim != 2:
        raise ValueError(f"values have {data.ndim} dimensions, expected (time, channel)")
    if data.shape[1] > WIDEST:
        raise ValueError(
            f"values of shape {data.shape} would be {data.shape[1]} channels of "
            f"{data.shape[0]} samples; expected (time, channel). Use values.T"
        )
    if (rate is None) == (time is None):
        raise ValueError("give exactly one of rate (Hz) and time (s)")
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
    """Return one value for each of `width` channels."""
    if np.ndim(value) == 0:
        return [value] * width
    if len(value) != width:
        raise ValueError(f"{len(value)} values of {name} for {width} channels")
    return list(value)


def _numbers(values: npt.ArrayLike, name: str, dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
    """Return a copy as an array of numbers, or raise ValueError."""
    try:
        return np.array(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} are not all numbers in equally long rows: {error}") from None


def _samples(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return a copy as float32; raise ValueError for a number too large for it."""
    with np.errstate(over="ignore"):
        data = _numbers(values, "values", np.float32)
    if np.isinf(data).any():
        given = np.asarray(values, dtype=np.float64)
        large = np.isfinite(given) & np.isinf(data)
        if large.any():
            raise ValueError(
                f"{int(large.sum())} values, such as {given[large][0]:g}, exceed the range "
                f"of float32 ({LARGEST:.3g}). Use a larger unit, or NaN if they are not "
                "measurements"
            )
    return data


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
    """Create a session from a signal, its markers and its labels.

    Parameters
    ----------
    signal : (time, channel), see `signal`
    markers : see `markers`
    labels : coder → event table (onset, apex, offset in s; au, side, intensity, label)
    participant, session : names of the participant and the session (one per electrode placement)
    label_meaning : "instructed", "coded AU" or "self-report"
    attrs : further attributes: started (UTC, ISO 8601), device, firmware, protocol, consent …

    Raises
    ------
    TypeError : a part is not a signal, or not a table
    ValueError : a part violates the data model; the message lists all faults

    Examples
    --------
    >>> from emgnb import recording
    >>> x = recording.signal([[1.0], [3.0]], rate=1000, units="uV", channel=["zygomaticus_major_l"])
    >>> session = recording.make(x, participant="P07")
    >>> recording.emg(session).sizes["time"], session.attrs["participant"]
    (2, 'P07')
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


def emg(x: xr.DataArray | xr.DataTree) -> xr.DataArray:
    """Return the signal (time, channel) of a session, `session["emg/signal"]`, or the given signal.

    Raises
    ------
    TypeError : neither a session nor a signal
    ValueError : the session has no signal

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> recording.emg(simulate.face(duration=4)).dims
    ('time', 'channel')
    """
    if not isinstance(x, xr.DataTree):
        need_signal(x)
        return x
    if "emg" not in x.children or "signal" not in x.children["emg"].data_vars:
        raise ValueError("no `emg/signal` in the session: make one with recording.make(signal)")
    return x.children["emg"].to_dataset()["signal"]


def with_signal(session: xr.DataTree, signal: xr.DataArray) -> xr.DataTree:
    """Return the session with another signal; markers, labels and attributes are kept.

    Raises
    ------
    TypeError : not a session, or not a signal
    ValueError : the result violates the data model

    Examples
    --------
    >>> from emgnb import filters, recording, simulate
    >>> session = simulate.face(duration=4)
    >>> clean = filters.Chain(filters.BandPass(20, 450))(recording.emg(session))
    >>> filtered = recording.with_signal(session, clean)
    >>> [each["step"] for each in recording.history(recording.emg(filtered))]
    ['filter']
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
    text: str | Sequence[str] | npt.NDArray[np.str_],
    *,
    uncertainty: npt.ArrayLike = 0.0,
    source: str = "host",
) -> xr.Dataset:
    """Create a marker table.

    Parameters
    ----------
    time : (marker,) s since the start of the recording
    text : a word or line for each marker, such as "smile"
    uncertainty : s, for all markers or for each
    source : clock or device that the times come from

    Raises
    ------
    ValueError : columns of different lengths, or a time that is not a number or is NaN

    Examples
    --------
    >>> from emgnb import recording
    >>> recording.markers([1.0, 4.5], ["smile", "neutral"], uncertainty=0.004)["text"].values
    array(['smile', 'neutral'], dtype='<U7')
    """
    text = [text] if isinstance(text, str) else [str(each) for each in text]
    at = np.atleast_1d(_numbers(time, "marker times", np.float64))
    if at.shape != (len(text),):
        raise ValueError(f"{at.size} marker times for {len(text)} texts")
    if np.isnan(at).any():
        raise ValueError(
            f"{int(np.isnan(at).sum())} marker times are NaN, first that of "
            f"{text[int(np.isnan(at).argmax())]!r}: every marker needs a time"
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
    """Return a marker table without rows.

    Examples
    --------
    >>> from emgnb import recording
    >>> recording.empty_markers().sizes["marker"]
    0
    """
    return markers([], [])


def unit_of(x: xr.DataArray) -> str:
    """Return the unit of `x` for display, "µV" for "uV"; empty without a unit.

    Examples
    --------
    >>> from emgnb import recording
    >>> recording.unit_of(recording.signal([[1.0]], rate=1000, units="uV"))
    'µV'
    """
    return str(x.attrs.get("units", "")).replace("uV", "µV")


def with_history(x: Labelled, step: str, **args: Any) -> Labelled:
    """Append a step to the history of `x`: a JSON object of its name and arguments.

    Examples
    --------
    >>> from emgnb import recording
    >>> x = recording.signal([[1.0], [3.0]], rate=1000, units="uV")
    >>> recording.history(recording.with_history(x * 2, "doubled", by="hand"))[-1]
    {'step': 'doubled', 'by': 'hand'}
    """
    line = json.dumps(
        {"step": step, **args}, ensure_ascii=False, allow_nan=False, default=np.generic.item
    )
    before = x.attrs.get("history", "")
    return x.assign_attrs(history=f"{before}\n{line}" if before else line)


def history(x: xr.DataArray | xr.Dataset) -> History:
    """Return the processing history of `x`, one dict per step, oldest first; prints as a table.

    Raises
    ------
    ValueError : a line is not a JSON object with a `step`

    Examples
    --------
    >>> from emgnb import filters, recording, simulate
    >>> x = simulate.face(duration=4)["emg/signal"]
    >>> x = filters.Chain(filters.BandPass(20, 450), filters.Rectify())(x)
    >>> for step in recording.history(x):
    ...     print(step["step"])
    filter
    """
    return History(parsed_history(str(x.attrs.get("history", ""))))


def known_faults(x: xr.DataTree | xr.Dataset | xr.DataArray) -> list[str]:
    """Return the known faults of the data, in sentences (the attribute `faults`).

    Raises
    ------
    ValueError : the attribute is not a JSON list of strings

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> recording.known_faults(simulate.face(duration=4))
    []
    """
    return parsed_faults(str(x.attrs.get("faults", "[]")))
