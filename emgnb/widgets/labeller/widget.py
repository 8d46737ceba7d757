"""Widget to edit one coder's event table, which is stored at every change."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import xarray as xr

from emgnb import labels, recording
from emgnb.filters import Chain
from emgnb.widgets.labeller._book import TEXTS, Book, Change, event, fresh_key, rows_of
from emgnb.widgets.labeller._comparing import ComparesCoders
from emgnb.widgets.labeller._detecting import detected, fitting
from emgnb.widgets.labeller._front import Front, moved_by, told
from emgnb.widgets.labeller._saving import Saver, stored
from emgnb.widgets.labeller._serving import Server
from emgnb.widgets.labeller._telling import Teller, as_code, making


class Labeller(ComparesCoders):
    """Label events of a session by mouse, keyboard or code.

    Parameters
    ----------
    session : path of a stored session, into which each change is written at once; or a session in
        memory, whose labels are written by `save`
    coder : name of the coder. An earlier table of this coder is continued. Tables of other coders
        are hidden by default, so that coders work independently
    chain : filter chain whose result can be drawn over the recording, and in which `propose`
        detects bursts; applied to the visible part, with margins for the filters to settle

    Attributes
    ----------
    table : the events as an event table (see `emgnb.labels.events`)
    proposals : detected bursts that have not been accepted or rejected
    consensus : table of two coders with this coder's decisions, after `compare`
    session : new session with this table under ``labels/<coder>``
    front : display in the browser, an `anywidget.AnyWidget`

    Raises
    ------
    TypeError : not a session, or not a chain
    ValueError : invalid name of the coder, or a signal of fewer than two samples
    """

    # Default for `close` after an error in `__init__`.
    _server: Server | None = None

    def __init__(
        self,
        session: xr.DataTree | str | os.PathLike[str],
        *,
        coder: str = "me",
        chain: Chain | None = None,
    ) -> None:
        _check(coder, chain)
        self.path: Path | None = None
        if isinstance(session, str | os.PathLike):
            self.path = Path(session)
            session = recording.open(self.path)
        self.coder = coder
        recording.need_session(session)
        self._source, self._x, self._chain = session, recording.emg(session), chain
        if self._x.sizes["time"] < 2:
            raise ValueError(f"{self._x.sizes['time']} samples to display, expected at least 2")
        self._lock = threading.RLock()  # protects the book and messages about it
        self._refusal = self._action = ""
        self._server = server = Server(self._x, chain, self._to_front, self._fail)
        about = told(session, coder, server.levels)
        self._book = Book(coder, tuple(about["extent"]), about["channels"])
        self.front = Front(layers=server.layers, **about)
        self._teller = Teller(self._book, self.front.channels, self._to_front)
        self.front.on_msg(self._asked)
        self.save_button = ipywidgets.Button(description="Save labels", icon="save")
        self.save_button.on_click(lambda _: self._try(self.save))
        super().__init__([self.front, self.save_button], label=f"labels by coder {coder}")
        self._continue_earlier()
        if self.path is not None:
            self._saver = Saver(self.path, coder, lambda: self.table, self._saved)
        self._show_status()
        self._show_lines()
        server.begin(irregular=bool(self.front.edges))

    @property
    def table(self) -> xr.Dataset:
        """The events in order of onset, as an event table."""
        with self._lock:
            return self._book.table

    @property
    def proposals(self) -> xr.Dataset:
        """Bursts that have not been accepted or rejected, as an event table in order of onset.

        Additional columns are `snr` (dB, NaN if unknown) and `moment`, the number returned by
        `labels.moments`: one facial movement is one moment, in any number of channels.
        """
        with self._lock:
            return self._book.proposed

    @property
    def session(self) -> xr.DataTree:
        """The session with this coder's table, and a consensus if coders were compared."""
        return self._with_consensus(labels.with_labels(self._source, self.coder, self.table))

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
        channel: str = "",
    ) -> None:
        """Add one event; times in s. Equivalent to dragging over the signal.

        Raises
        ------
        ValueError : offset not after onset, outside the recording, or an unknown code
        """
        words = {"au": au, "side": side, "intensity": intensity, "label": label}
        row = event(onset, offset, apex=_number(apex), channel=channel, **words)
        self._change([(fresh_key(), row)])

    def edit(self, number: int, **changes: Any) -> None:
        """Change an event: ``labeller.edit(3, offset=12.4, au="4")``.

        Parameters
        ----------
        number : row of the event in `table`
        changes : any of onset, apex, offset (s), au, side, intensity, label, channel

        Raises
        ------
        IndexError : no such event
        ValueError : an unknown column, or an invalid event; see `add`
        """
        key, row = self._book.event_at(number)
        unknown = sorted(set(changes) - {"onset", "apex", "offset", "channel", *TEXTS})
        if unknown:
            there = ", ".join(name for name in row if name != "state")
            raise ValueError(f"an event has no column {', '.join(unknown)}: it has {there}")
        self._change([(key, {**row, **changes})])

    def remove(self, number: int) -> None:
        """Remove an event; `number` is its row in `table`.

        Raises
        ------
        IndexError : no such event
        """
        self._change([(self._book.event_at(number)[0], None)])

    def propose(self, bursts: xr.Dataset | None = None, **options: Any) -> int:
        """Propose bursts for the coder to accept or reject.

        Parameters
        ----------
        bursts : event table; by default the result of `emgnb.detect.bursts` for the recording,
            filtered by the chain of the labeller
        options : passed to `emgnb.detect.bursts`: false_alarms, shortest, rest, …

        Returns
        -------
        Number of new proposals, which do not match an event or an earlier decision

        Raises
        ------
        ValueError : the recording is not suitable for the detector, or the table belongs to another
            recording
        """
        if bursts is None:
            bursts = detected(self._x, self._chain, self.coder, options)
        recording.check_labels(self._source, self.coder, bursts)
        bursts = fitting(bursts, self.front.extent)
        with self._lock:
            found = self._book.fresh(bursts, moved_by(self._x))
            self._teller.bursts(bursts)
            self._change(found, code="labeller.propose()")
        self._say(f"{bursts.sizes['event']} bursts found, {len(found)} of them new")
        return len(found)

    def accept(self, rows: Sequence[int] | None = None) -> int:
        """Accept proposals as events, in one change.

        Parameters
        ----------
        rows : rows of `proposals`; by default all. The rows of a moment are
            ``np.flatnonzero(labeller.proposals["moment"] == 3)``

        Returns
        -------
        Number of accepted proposals

        Raises
        ------
        IndexError : no such row
        """
        return self._decide(rows, "")

    def reject(self, rows: Sequence[int] | None = None) -> int:
        """Reject proposals, in one change; they are stored and not proposed again.

        Parameters, returns, raises : as for `accept`
        """
        return self._decide(rows, "refused")

    def undo(self) -> None:
        """Undo the last change, or the last decision while coders are compared."""
        if not self._moved_decision("undo"):
            self._move(self._book.undo)

    def redo(self) -> None:
        """Redo what was undone last."""
        if not self._moved_decision("redo"):
            self._move(self._book.redo)

    def save(self, path: str | os.PathLike[str] | None = None) -> Path | str:
        """Write the labels now.

        Parameters
        ----------
        path : new store for the session with its labels. By default the labels are written to the
            stored session of the labeller, replacing this coder's earlier table, which also happens
            automatically at every change

        Raises
        ------
        ValueError : no path, and the session of the labeller is in memory
        FileExistsError : `path` exists
        OSError, RuntimeError : the labels cannot be written, or were changed by another program
        """
        if path is not None:
            written: Path | str = recording.save(self.session, path)
        elif self._saver is None or self.path is None:
            raise ValueError(
                "this session has no path: labeller.save('labelled.zarr') stores it with its "
                "labels, and Labeller('session.zarr') stores labels in an existing session"
            )
        else:
            self._refuse()
            try:
                self._saver.now()
            except Exception as error:
                self._saved(error)
                raise
            self._saved(None)
            written = self.path
        self.error = None
        self._say(f"{self._book.count} events by coder {self.coder!r} saved in {written}")
        return written

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until every change is stored; return False after `timeout` s."""
        return all(saver.wait(timeout) for saver in self._savers)

    def close(self) -> None:
        """Close the widget after storing all changes."""
        if self._server is not None:
            self._server.close()
        for saver in self._savers:
            saver.wait()
        super().close()

    def _continue_earlier(self) -> None:
        coders = self._source["labels"].children if "labels" in self._source.children else {}
        if self.coder not in coders:
            return
        try:
            self._book.read(coders[self.coder].to_dataset())
        except ValueError as error:
            self._refusal = (
                f"the labels of {self.coder} in this session do not belong to this recording: "
                f"{error}. They are not changed, and no events can be added to them. Use another "
                f"coder: Labeller(…, coder='{self.coder}-2')"
            )
            self._fail(ValueError(self._refusal))

    def _to_front(self, content: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        self.front.send(content, buffers=list(buffers))

    def _refuse(self) -> None:
        if self._refusal:
            raise ValueError(self._refusal)

    def _decide(self, rows: Sequence[int] | None, state: str) -> int:
        with self._lock:
            decided = self._book.decisions(rows, state)
            self._change(decided)
        return len(decided)

    def _change(self, changes: Sequence[Change], *, merge: bool = False, code: str = "") -> None:
        self._refuse()
        with self._lock:
            events = {key: i for i, (key, _) in enumerate(self._book.events)}
            open_ = {key: i for i, (key, _) in enumerate(self._book.proposals)}
            done = self._book.apply(changes, merge=merge)
            if done:
                self._action = code or as_code(done, events, open_)
                self._tell(done)

    def _move(self, step: Callable[[], list[Change]]) -> None:
        with self._lock:
            done, name = step(), step.__name__
            if done:
                self._action = f"labeller.{name}()"
                self._tell(done, moved=name)
            else:
                self._teller.no_change(name)

    def _tell(self, done: Sequence[Change], *, moved: str = "") -> None:
        self._teller.change(done, moved)
        if not self._refusal:  # clear the message about the previous change
            self.error = None
            self._say("")
        self._show_lines()
        if self._saver is not None:
            self._saver.ask()
        self._show_status()

    def _saved(self, error: Exception | None) -> None:
        if error is not None:
            self._fail(error)
        elif self.error is not None:
            self.error = None
            self._say("")
        self._show_status(error)

    def _show_status(self, error: Exception | None = None) -> None:
        failed = error is not None or bool(self._refusal)
        text, kind = stored(self.path, failed=failed, busy=any(each.busy for each in self._savers))
        self.front.status = {"text": text, "kind": kind, "at": time.time()}

    def _show_lines(self) -> None:
        made = making(self.path, self.coder, self._chain)
        lines = [self._action, f"labeller.table    # {self._book.count} events"]
        self._show_code("\n".join(filter(None, [made, *(self._comparing_lines() or lines)])))

    def _asked(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        answers: dict[str, Callable[[], object]] = {
            "hello": lambda: self._teller.hellos.answer(content, self._hello),
            "want": lambda: self._want(content),
            "edit": lambda: self._edited(content),
            "undo": self.undo,
            "redo": self.redo,
            "propose": self._propose_beside,
            "others": lambda: self._show_others(content["names"]),
            **self._comparing_answers(content),
        }
        self._try(answers[content["kind"]])

    def _want(self, content: Mapping[str, Any]) -> None:
        assert self._server is not None
        self._server.answer(content["layer"], content["tiles"])

    def _hello(self) -> None:
        with self._lock:
            self._teller.state()
        self._tell_comparison()

    def _edited(self, content: Mapping[str, Any]) -> None:
        try:
            self._change([(key, row) for key, row in content["rows"]], merge=content["merge"])
        except ValueError:
            self._hello()  # the display shows a change that was not made
            raise
        finally:
            self._to_front({"kind": "done", "view": content["view"], "number": content["number"]})

    def _propose_beside(self) -> None:
        self._refuse()
        self._say("detecting bursts …")
        threading.Thread(
            target=lambda: self._try(self.propose), name="emgnb bursts", daemon=True
        ).start()

    def _show_others(self, names: Sequence[str]) -> None:
        tables = {name: rows_of(table) for name, table in self._tables_of(names).items()}
        self._to_front({"kind": "others", "tables": tables})


def _check(coder: object, chain: object) -> None:
    if not isinstance(coder, str) or not coder or "/" in coder or coder.startswith("."):
        raise ValueError(f"coder={coder!r}, expected a name without '/', such as 'me' or 'AB'")
    if not isinstance(chain, Chain | None):
        raise TypeError(f"chain={chain!r}, expected a Chain: filters.preset('raw', rate=1000)")


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
