"""Add recordings of other devices to a session, and align their clocks to that of the EMG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.coupling._clocks import Line, fit_clock

# Nodes with other meanings.
RESERVED = ("emg", "markers", "labels")
# Child of a node with the markers of its own clock.
MARKERS = "own_markers"


@dataclass(frozen=True, eq=False)
class Alignment:
    """Alignment of a node's clock: EMG time = offset + (1 + drift/10⁶) × node time.

    Attributes
    ----------
    signal : (time, channel) of the node, with the times of the EMG's clock
    offset : s
    drift : ppm; positive if the node's clock is slow
    residual : standard deviation of the matched times around the line, ms
    markers : number of matched markers or pulses
    left_out : number of markers or pulses of the node that have no partner
    """

    signal: xr.DataArray
    offset: float
    drift: float
    residual: float
    markers: int
    left_out: int

    def __str__(self) -> str:
        return (
            f"offset {self.offset:.4f} s, drift {self.drift:+.1f} ppm, residual "
            f"{self.residual:.2f} ms ({self.markers} matched, {self.left_out} left out)"
        )

    __repr__ = __str__


def add_node(
    session: xr.DataTree,
    x: xr.DataArray,
    *,
    node: str = "eeg",
    markers: xr.Dataset | None = None,
) -> xr.DataTree:
    """Return the session with the signal of another device, at its own rate and clock.

    The signal becomes `session["<node>/signal"]`. `recording.save` and `open` keep it.

    Parameters
    ----------
    session : see `recording.make`
    x : (time, channel) of any rate, see `recording.signal`; `time` is that of its own clock
    node : "eeg", "fnirs" or another name; an existing node of this name is replaced
    markers : markers with times of the node's clock, see `recording.markers`

    Raises
    ------
    TypeError : not a session, a signal or a table
    ValueError : the name is reserved or contains a slash, or the session violates the data model
    """
    recording.need_session(session)
    recording.need_signal(x)
    if node in RESERVED or not node or "/" in node:
        raise ValueError(
            f"node={node!r}, expected a name such as 'eeg' or 'fnirs', not {', '.join(RESERVED)}"
        )
    nodes = {
        each.path: each.to_dataset(inherit=False)
        for each in session.subtree
        if each.path.split("/")[1] != node
    }
    nodes[f"/{node}"] = x.to_dataset(name="signal")
    if markers is not None:
        table = recording.need_table(markers, "markers", "recording.markers(time, text)")
        # `time` of a child would clash with the coordinate that it inherits from the node.
        nodes[f"/{node}/{MARKERS}"] = table.rename(time="marker_time")
    made = xr.DataTree.from_dict(nodes)
    recording.check(made)
    return made


def align(
    session: xr.DataTree,
    *,
    node: str = "eeg",
    pulse: str | None = None,
    tolerance: float = 0.05,
    about: float | None = None,
) -> Alignment:
    """Align the clock of a node to that of the EMG by shared markers or pulses.

    Markers with equal text, or rising edges of a pulse channel, are matched at the offset that
    matches most of them, and a line is fitted by least squares. Unmatched ones are left out. A
    pulse is timed to ± half a sample of the slower recording, which the residual includes. The
    line assumes a constant drift; a clock that was reset during the recording leaves markers out.

    Parameters
    ----------
    session : with `markers` and a node that `add_node` made
    node : name of the node
    pulse : name of a channel that both recordings hold; without it, markers are used
    tolerance : largest distance of a matched marker from the line, s
    about : expected offset in s. Needed where pulses are regular, so that several offsets fit

    Returns
    -------
    The signal with corrected times, and the fit; `print` shows it

    Raises
    ------
    TypeError : not a session
    ValueError : no such node, markers or channel; fewer than three matches; or several offsets
        match equally well
    """
    recording.need_session(session)
    recording.need_positive(tolerance=tolerance)
    if node not in session.children or "signal" not in session[node].data_vars:
        raise ValueError(
            f"no `{node}/signal` in the session; it has {sorted(session.children)}. Add it with "
            "coupling.add_node(session, signal)"
        )
    x = session[node].to_dataset()["signal"]
    if pulse is None:
        ours, theirs = _markers(session), _own_markers(session, node)
    else:
        ours, theirs = _edges(recording.emg(session), pulse), _edges(x, pulse)
    line = fit_clock(ours, theirs, tolerance=tolerance, about=about)
    return Alignment(
        _on_line(x, line),
        line.offset,
        1e6 * (line.slope - 1),
        1e3 * line.residual,
        line.matched,
        theirs[0].size - line.matched,
    )


def _on_line(x: xr.DataArray, line: Line) -> xr.DataArray:
    try:
        rate = recording.sampling_rate(x)
    except ValueError:
        made = x.assign_coords(time=line.offset + line.slope * x["time"].values)
    else:
        start = line.offset + line.slope * float(x["time"][0])
        index = recording.TimeIndex.uniform(start, line.slope / rate, x.sizes["time"])
        made = x.drop_indexes("time").drop_vars("time")
        made = made.assign_coords(xr.Coordinates.from_xindex(index))
    return recording.with_history(
        made,
        "align",
        offset=line.offset,
        drift=1e6 * (line.slope - 1),
        residual=1e3 * line.residual,
        markers=line.matched,
    )


def _markers(session: xr.DataTree) -> tuple[Floats, list[str]]:
    if "markers" not in session.children:
        raise ValueError("the session has no `markers`: pass pulse=, a channel that both recorded")
    table = session["markers"].to_dataset()
    return table["time"].values.astype(np.float64), [str(text) for text in table["text"].values]


def _own_markers(session: xr.DataTree, node: str) -> tuple[Floats, list[str]]:
    if MARKERS not in session[node].children:
        raise ValueError(
            f"`{node}` has no markers of its own clock: coupling.add_node(…, markers=…), or pass "
            "pulse=, a channel that both recorded"
        )
    table = session[node].children[MARKERS].to_dataset(inherit=False)
    times = table["marker_time"].values.astype(np.float64)
    return times, [str(text) for text in table["text"].values]


def _edges(x: xr.DataArray, channel: str) -> tuple[Floats, list[str]]:
    """Return the times of rising edges, halfway between the samples below and above."""
    names = [str(name) for name in x["channel"].values]
    if channel not in names:
        raise ValueError(f"pulse={channel!r}: no such channel; found {names}")
    values = x.sel(channel=channel).values.astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size or np.ptp(finite) == 0:
        raise ValueError(f"pulse={channel!r} is constant: no pulse was recorded")
    level = (finite.min() + finite.max()) / 2
    # Both neighbours must be known: an edge inside a gap has no time.
    rising = np.flatnonzero((values[:-1] < level) & (values[1:] >= level))
    time = x["time"].values
    return (time[rising] + time[rising + 1]) / 2, [channel] * rising.size
