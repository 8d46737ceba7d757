"""Send events and changes to the browser, and format changes as code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb.filters import Chain
from emgnb.widgets.labeller._book import TEXTS, Book, Change
from emgnb.widgets.shared.hello import Hellos

TIMES = ("onset", "apex", "offset")
Send = Callable[[dict[str, Any], Sequence[bytes]], None]


class Teller:
    """Send the events of a book, and their changes, to the browser.

    Parameters
    ----------
    book : events
    channels : channel names, in the order of the lanes
    send : sends a message and its buffers to the browser

    Attributes
    ----------
    hellos : answers new and reloaded pages
    """

    def __init__(self, book: Book, channels: Sequence[str], send: Send) -> None:
        self._book, self._lanes, self._send = book, ["", *channels], send
        self.hellos = Hellos(lambda content: send(content, []))
        self._bursts: xr.Dataset | None = None
        self._grouped: list[tuple[str, float, float]] = []  # proposals whose moments were sent

    def state(self) -> None:
        """Send the complete state to a new or reloaded page."""
        rows = list(self._book.rows.items())
        self._send({"kind": "state", "rows": rows, "steps": self._book.steps}, [])
        self._grouped = []
        self._tell_moments()
        if self._bursts is not None:
            self.bursts(self._bursts)

    def change(self, done: Sequence[Change], move: str = "") -> None:
        """Send a change; `move` is "undo" or "redo" for those."""
        patch = {"rows": list(done), "steps": self._book.steps, "move": move}
        self._send({"kind": "patch", **patch}, [])
        self._tell_moments()

    def no_change(self, move: str) -> None:
        """Send that there was nothing to undo or redo."""
        self._send({"kind": "still", "move": move}, [])

    def bursts(self, found: xr.Dataset) -> None:
        """Send the bursts to which edges can snap."""
        self._bursts = found
        lanes = [self._lanes.index(str(name)) - 1 for name in found["channel"].values]
        times = [found[name].values.astype("<f8").tobytes() for name in TIMES]
        self._send({"kind": "bursts"}, [*times, np.asarray(lanes, dtype="<i4").tobytes()])

    def _tell_moments(self) -> None:
        """Send the moments of the proposals, if these have changed."""
        open_ = [(key, row["onset"], row["offset"]) for key, row in self._book.proposals]
        if open_ != self._grouped:
            self._grouped = open_
            numbers = self._book.proposed["moment"].values.tolist()
            of = {key: number for (key, *_), number in zip(open_, numbers, strict=True)}
            self._send({"kind": "moments", "of": of}, [])


def making(path: Path | None, coder: str, chain: Chain | None) -> str:
    """Return the creation of the labeller as code."""
    session = "session" if path is None else repr(str(path))
    filtered = "" if chain is None else f", chain={chain!r}"
    return f"labeller = Labeller({session}, coder={coder!r}{filtered})"


def as_code(done: Sequence[Change], events: Mapping[str, int], open_: Mapping[str, int]) -> str:
    """Return a change as a method call; "" for changes without one.

    Parameters
    ----------
    events, open_ : key → row of events, and of proposals, before the change
    """
    if all(key in open_ for key, _ in done):
        return _decision(done, open_)
    if len(done) != 1:
        return ""
    key, row = done[0]
    if row is None:
        return f"labeller.remove({events[key]})" if key in events else ""
    if row["state"]:
        return ""
    times = {name: row[name] for name in ("onset", "offset", "apex") if row[name] is not None}
    words = {name: row[name] for name in (*TEXTS, "channel") if row[name]}
    said = [f"{name}={value:.4f}" for name, value in times.items()]
    said += [f"{name}={value!r}" for name, value in words.items()]
    if key in events:
        return f"labeller.edit({events[key]}, {', '.join(said)})"
    return f"labeller.add({', '.join(said)})"


def _decision(done: Sequence[Change], open_: Mapping[str, int]) -> str:
    states = {None if row is None else row["state"] for _, row in done}
    if states not in ({""}, {"refused"}):
        return ""
    rows = sorted(open_[key] for key, _ in done)
    which = "" if len(rows) == len(open_) else repr(rows)
    return f"labeller.{'accept' if states == {''} else 'reject'}({which})"
