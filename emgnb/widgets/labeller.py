"""Label what you see: drag over the signal, say which action unit, on which side, how strong.

One coder fills one event table. The tables of other coders are not shown, so that two people who
label the same recording do so independently.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
import xarray as xr

from emgnb import facs, labels, recording
from emgnb.widgets.decimate import Decimated
from emgnb.widgets.panel import HERE, Panel

_SIDES = (("", "–"), ("L", "left"), ("R", "right"), ("B", "both"), ("U", "one"), ("T", "top lip"))
_TEXTS = ("au", "side", "intensity", "label")
_OVERVIEW = 2000  # points; about what a wide screen has columns
Event = dict[str, Any]


class _Spans(anywidget.AnyWidget):
    """The picture and the list of events; what was done to them comes back as `events`."""

    _esm = HERE / "spans.js"
    _css = HERE / "spans.css"
    extent = traitlets.List(traitlets.Float()).tag(sync=True)
    channels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    ranges: traitlets.List[list[float]] = traitlets.List().tag(sync=True)
    markers: traitlets.List[list[float | str]] = traitlets.List().tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)
    events = traitlets.List(traitlets.Dict()).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)


class Labeller(Panel):
    """Label events of a session by mouse, keyboard or code.

    Parameters
    ----------
    session : the session, or the path of a stored one; then `save()` writes the labels into it
    coder : who labels; a table this coder made earlier is continued

    Attributes
    ----------
    table : the events as an event table (see `emgnb.labels.events`)
    session : a new session that has this table under ``labels/<coder>``

    Raises
    ------
    ValueError : no coder's name, or a signal of fewer than two samples
    """

    def __init__(self, session: xr.DataTree | str | os.PathLike[str], *, coder: str = "me") -> None:
        if not isinstance(coder, str) or not coder or "/" in coder:
            raise ValueError(f"coder {coder!r}: give a name without '/', such as 'me' or 'AB'")
        self.path: Path | None = None
        if isinstance(session, str | os.PathLike):
            self.path = Path(session)
            session = recording.open(self.path)
        self.coder = coder
        self._source = session
        self._past: list[list[Event]] = []
        self._future: list[list[Event]] = []
        self._moving = False  # an undo is no new step
        x = recording.emg(session)
        self._samples = Decimated(x)
        overview = self._samples.stretch(*self._samples.extent, _OVERVIEW)[1]
        self._spans = _Spans(
            extent=list(self._samples.extent),
            channels=[str(name) for name in x["channel"].values],
            ranges=_ranges(overview),
            markers=_markers(session),
            choices=_choices(session),
            events=_rows(session, coder),
        )
        self._spans.observe(self._changed, "events")
        self._spans.on_msg(self._asked)
        self.save_button = ipywidgets.Button(description="Save labels", icon="save")
        self.save_button.on_click(lambda _: self._try(self.save))
        super().__init__([self._spans, self.save_button], label=f"labels of {coder}")
        self._changed(None)

    @property
    def table(self) -> xr.Dataset:
        """The events in order of onset, as an event table."""
        rows = sorted(self._spans.events, key=lambda row: float(row["onset"]))
        return labels.events(
            [float(row["onset"]) for row in rows],
            [float(row["offset"]) for row in rows],
            apex=[np.nan if row["apex"] is None else float(row["apex"]) for row in rows],
            **{name: [str(row[name]) for row in rows] for name in _TEXTS},
        )

    @property
    def session(self) -> xr.DataTree:
        """The session with this coder's table; the one given at first is left as it was."""
        return labels.with_labels(self._source, self.coder, self.table)

    def add(
        self,
        onset: float,
        offset: float,
        *,
        apex: float | None = None,
        au: str = "",
        side: str = "",
        intensity: str = "",
        label: str = "",
    ) -> None:
        """Add one event; times in seconds. The same as dragging over the signal.

        Raises
        ------
        ValueError : offset not after onset, or outside the recording
        """
        first, last = self._samples.extent
        if not first <= onset < offset <= last:
            raise ValueError(
                f"an event from {onset} to {offset} s does not lie within the recording, "
                f"{first:.3f} to {last:.3f} s, with its onset before its offset"
            )
        texts = dict(zip(_TEXTS, (au, side, intensity, label), strict=True))
        event = {"onset": float(onset), "apex": apex, "offset": float(offset), **texts}
        self._spans.events = [*self._spans.events, event]

    def undo(self) -> None:
        """Take back the last change; `redo` brings it again."""
        self._move(self._past, self._future)

    def redo(self) -> None:
        """Do again what `undo` took back."""
        self._move(self._future, self._past)

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the labels.

        Parameters
        ----------
        path : a new store for the session with its labels; without it the labels are written into
            the stored session the Labeller was given, in place of this coder's earlier table

        Raises
        ------
        ValueError : no path, and the session was not given as one
        FileExistsError : there is something at `path` already
        """
        if path is not None:
            written = recording.save(self.session, path)
        elif self.path is None:
            raise ValueError(
                "this session has no path of its own: labeller.save('labelled.zarr') writes it to "
                "a new one, and Labeller('session.zarr') would have written into the stored one"
            )
        else:
            recording.add_labels(self.path, self.coder, self.table)
            written = self.path
        self.error = None
        self._say(f"{len(self._spans.events)} events of {self.coder} saved in {written}")
        return written

    def _changed(self, change: Any) -> None:
        if change is not None and not self._moving:
            self._past.append(change["old"])
            self._future.clear()
        here = "" if self.path is None else f"{str(self.path)!r}, "
        self._show_code(
            f"Labeller({here or 'session, '}coder={self.coder!r}).table"
            f"    # {len(self._spans.events)} events"
        )

    def _move(self, source: list[list[Event]], target: list[list[Event]]) -> None:
        if not source:
            return
        target.append(self._spans.events)
        self._moving = True
        try:
            self._spans.selected = -1
            self._spans.events = source.pop()
        finally:
            self._moving = False

    def _asked(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        actions = {"undo": self.undo, "redo": self.redo, "want": lambda: self._answer(content)}
        self._try(actions[content["kind"]])

    def _answer(self, content: Mapping[str, Any]) -> None:
        start, end = float(content["from"]), float(content["to"])
        times, values = self._samples.stretch(start, end, int(content["bins"]))
        self._spans.send(
            {"kind": "have", "from": start, "to": end},
            buffers=[times.astype("<f8").tobytes(), values.astype("<f4").tobytes()],
        )


def _rows(session: xr.DataTree, coder: str) -> list[Event]:
    """Give the coder's table, if there is one, as the list of events the browser works on."""
    if "labels" not in session.children or coder not in session["labels"].children:
        return []
    table = session[f"labels/{coder}"].to_dataset()
    return [
        {
            "onset": float(table["onset"][i]),
            "offset": float(table["offset"][i]),
            "apex": None if np.isnan(apex := float(table["apex"][i])) else apex,
            **{name: str(table[name].values[i]) for name in _TEXTS},
        }
        for i in range(table.sizes["event"])
    ]


def _ranges(overview: np.ndarray[Any, np.dtype[np.float32]]) -> list[list[float]]:
    ranges = []
    for channel in overview:
        seen = channel[np.isfinite(channel)]
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
        ranges.append([low, high if high > low else low + 1.0])
    return ranges


def _markers(session: xr.DataTree) -> list[list[float | str]]:
    if "markers" not in session.children:
        return []
    table = session["markers"].to_dataset()
    times, texts = table["time"].values, table["text"].values
    return [[float(t), str(text)] for t, text in zip(times, texts, strict=True)]


def _choices(session: xr.DataTree) -> dict[str, Sequence[tuple[str, str]]]:
    """List what can be chosen for each column: the FACS table, and the cues of this session."""
    named = [*facs.EXPRESSIONS, *(str(text) for _, text in _markers(session))]
    return {
        "au": [("", "–"), *((n, f"{n} {unit.name}") for n, unit in facs.AUS.items())],
        "side": _SIDES,
        "intensity": [("", "–"), *((k, f"{k} {v}") for k, v in facs.INTENSITY_NAMES.items())],
        "label": [("", "–"), *((name, name) for name in dict.fromkeys(named))],
    }
