"""Create event tables, group their events, and store them in a session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import facs, recording


def events(
    onset: npt.ArrayLike,
    offset: npt.ArrayLike,
    *,
    apex: npt.ArrayLike | None = None,
    au: str | int | Sequence[str | int] = "",
    side: str | Sequence[str] = "",
    intensity: str | Sequence[str] = "",
    label: str | Sequence[str] = "",
    channel: str | Sequence[str] | None = None,
) -> xr.Dataset:
    """Create an event table; a single value applies to all rows.

    Parameters
    ----------
    onset, offset : (event,) s, in the time of the recording
    apex : s, between onset and offset; NaN (the default) if not coded
    au : action unit, such as "12" (without "AU")
    side : FACS code: L(eft), R(ight), U(nilateral), T(op lip), B(ottom lip), or "" for both sides
    intensity : A (trace) to E (maximum) or ""
    label : name of an expression, or ""
    channel : channel in which the event was detected, "" for all; if omitted, the table has no
        such column

    Raises
    ------
    ValueError : columns of different lengths, an event that ends before it begins, an apex outside
        its event, or an action unit, side or intensity that FACS does not define; the message
        lists all faults of a kind
    """
    begin, end = _seconds(onset, "onset"), _seconds(offset, "offset")
    peak = _seconds(np.nan if apex is None else apex, "apex")
    peak = np.repeat(peak, begin.size) if apex is None or np.ndim(apex) == 0 else peak
    words = {
        name: [str(value)] * begin.size if isinstance(value, str | int) else [*map(str, value)]
        for name, value in (
            ("au", au),
            ("side", side),
            ("intensity", intensity),
            ("label", label),
            *([] if channel is None else [("channel", channel)]),
        )
    }
    faults = [
        f"{name}: {len(column)} values for {begin.size} onsets"
        for name, column in {"offset": end.tolist(), "apex": peak.tolist(), **words}.items()
        if len(column) != begin.size
    ]
    recording.refuse(faults)
    table = xr.Dataset(
        {
            "onset": ("event", begin, {"units": "s"}),
            "apex": ("event", peak, {"units": "s"}),
            "offset": ("event", end, {"units": "s"}),
            **{
                name: ("event", np.asarray(column, dtype=str if column else "<U1"))
                for name, column in words.items()
            },
        },
        attrs={"table_version": facs.FACS_TABLE_VERSION},
    )
    recording.refuse(recording.event_faults(table, new=True))
    return table


def moments(table: xr.Dataset, *, gap: float = 0.2) -> xr.DataArray:
    """Group events into moments, each with the events of one facial movement.

    Several muscles move together, and crosstalk spreads their activity over neighbouring
    electrodes, so one movement produces events in many channels. Events belong to the same moment
    if they overlap or are at most `gap` apart, directly or through other events. A movement spreads
    from muscle to muscle within 0.1–0.2 s; pauses between movements are usually longer.

    Iterate over the moments with ``table.groupby(labels.moments(table))``.

    Parameters
    ----------
    table : event table in any order, for example from `detect.bursts`
    gap : s, longest pause within a moment

    Returns
    -------
    (event) int64 `moment`, numbered from 0 in order of time

    Raises
    ------
    TypeError : not a table
    ValueError : negative `gap`, or the table violates the data model
    """
    table = recording.need_table(table, "table", "labels.events(onset, offset)")
    if not gap >= 0:
        raise ValueError(f"gap={gap!r}, expected s, 0 or more")
    recording.refuse(recording.event_faults(table))
    onset, offset = (np.asarray(table[name].values, float) for name in ("onset", "offset"))
    order = np.argsort(onset, kind="stable")
    ends = np.maximum.accumulate(offset[order])
    # An event starts a new moment if all earlier events have ended.
    begins = np.append(False, onset[order][1:] > ends[:-1] + gap)[: onset.size]
    number = np.empty(onset.size, dtype=np.int64)
    number[order] = np.cumsum(begins)
    return xr.DataArray(number, dims="event", name="moment")


def with_labels(session: xr.DataTree, coder: str, table: xr.Dataset) -> xr.DataTree:
    """Return a session with `table` as this coder's labels, replacing an earlier table.

    Raises
    ------
    TypeError : not a session, or not a table
    ValueError : the name is empty or contains a slash, the table violates the data model, or an
        event lies outside the recording; the message lists all faults
    """
    recording.need_session(session)
    table = recording.need_table(table, f"labels/{coder}", "labels.events(onset, offset)")
    recording.check_labels(session, coder, table)
    made = session.copy()
    made[f"labels/{coder}"] = xr.DataTree(table)
    return made


def _seconds(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    try:
        return np.atleast_1d(np.array(values, dtype=np.float64)).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={values!r}, expected numbers, in s") from None
