"""Front end of the labeller, and its initial state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
import xarray as xr

from emgnb import facs, recording
from emgnb.widgets.labeller._tiles import BINS, FACTOR
from emgnb.widgets.shared.panel import HERE, front

_FOLDER = HERE / "labeller"


class Front(anywidget.AnyWidget):
    """Display, list of events and controls in the browser; actions arrive as messages."""

    _esm = front("labeller/front.js")
    _css = _FOLDER / "front.css"
    extent = traitlets.List(traitlets.Float()).tag(sync=True)
    rate = traitlets.Float().tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    levels = traitlets.Int().tag(sync=True)
    bins = traitlets.Int(BINS).tag(sync=True)
    factor = traitlets.Int(FACTOR).tag(sync=True)
    edges = traitlets.Bytes().tag(sync=True)
    units = traitlets.Unicode().tag(sync=True)
    channels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    short: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    markers: traitlets.List[list[float | str]] = traitlets.List().tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)
    coder = traitlets.Unicode().tag(sync=True)
    others = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    status = traitlets.Dict().tag(sync=True)


def told(session: xr.DataTree, coder: str, levels: int) -> dict[str, Any]:
    """Return the data of a session that the browser needs at the start."""
    x = recording.emg(session)
    first, last = (float(x["time"][i]) for i in (0, -1))
    try:
        recording.sampling_rate(x)
        edges = b""
    except ValueError:  # irregular: the browser needs the times themselves
        times = np.asarray(x["time"].values, dtype="<f8")
        edges = np.append(times[::BINS], times[-1]).tobytes()
    names = [str(name) for name in x["channel"].values]
    markers = markers_of(session)
    others = list(session["labels"].children) if "labels" in session.children else []
    return {
        "extent": [first, last],
        "rate": recording.measured_rate(x),
        "size": int(x.sizes["time"]),
        "levels": levels,
        "edges": edges,
        "units": str(x.attrs.get("units", "")),
        "channels": names,
        # For the two widths of the column next to the display.
        "short": [recording.short_names(names, most) for most in (20, 12)],
        "markers": markers,
        "choices": choices([str(text) for _, text in markers]),
        "coder": coder,
        "others": sorted(str(name) for name in others if name != coder),
    }


def markers_of(session: xr.DataTree) -> list[list[float | str]]:
    """Return times and texts of the markers."""
    if "markers" not in session.children:
        return []
    table = session["markers"].to_dataset()
    times, texts = table["time"].values, table["text"].values
    return [[float(t), str(text)] for t, text in zip(times, texts, strict=True)]


def choices(cues: Sequence[str]) -> dict[str, Sequence[tuple[str, str]]]:
    """Return the options of each column: FACS codes, and the cues of this session."""
    named = dict.fromkeys([*facs.EXPRESSIONS, *cues])
    return {
        "au": [("", "–"), *((n, f"{n} {name}") for n, name in facs.CODES.items())],
        "side": list(facs.EVENT_SIDES.items()),
        "intensity": [("", "–"), *((k, f"{k} {v}") for k, v in facs.INTENSITY_NAMES.items())],
        "label": [("", "–"), *((name, name) for name in named if name)],
    }


def moved_by(x: xr.DataArray) -> dict[str, str]:
    """Return channel → first action unit of its muscle."""
    return {
        str(name): facs.MUSCLES[str(muscle)].aus[0]
        for name, muscle in zip(x["channel"].values, x["muscle"].values, strict=True)
        if str(muscle) in facs.MUSCLES
    }
