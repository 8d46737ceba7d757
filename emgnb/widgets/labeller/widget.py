"""The labeller as a notebook uses it: one coder, one event table, stored at every change."""

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

from emgnb import detect, labels, recording
from emgnb.filters import Chain
from emgnb.widgets.labeller.book import TEXTS, Book, Change, event, fresh_key, rows_of
from emgnb.widgets.labeller.front import Front, moved_by, told
from emgnb.widgets.labeller.saving import Saver
from emgnb.widgets.labeller.serving import Server
from emgnb.widgets.panel import Panel

_TIMES = ("onset", "apex", "offset")


class Labeller(Panel):
    """Label events of a session by mouse, keyboard or code.

    Parameters
    ----------
    session : the path of a stored session; each change is written into it at once. Or a session in
        memory, whose labels `save` writes
    coder : who labels; a table this coder made earlier is continued. Tables of other coders are
        shown only when asked for, so that two people who label one recording do so independently
    chain : filters whose result can be laid over the recording, and in which `propose` looks for
        bursts; applied to what is looked at, with margins in which they settle

    Attributes
    ----------
    table : the events as an event table (see `emgnb.labels.events`)
    proposals : bursts that were found and neither accepted nor refused yet
    session : a new session that has this table under ``labels/<coder>``

    Raises
    ------
    TypeError : no session, or no chain
    ValueError : no coder's name, or a signal of fewer than two samples
    """

    # What `close` looks for also after a refusal below.
    _server: Server | None = None
    _saver: Saver | None = None

    def __init__(
        self,
        session: xr.DataTree | str | os.PathLike[str],
        *,
        coder: str = "me",
        chain: Chain | None = None,
    ) -> None:
        if not isinstance(coder, str) or not coder or "/" in coder or coder.startswith("."):
            raise ValueError(f"coder {coder!r}: give a name without '/', such as 'me' or 'AB'")
        if not isinstance(chain, Chain | None):
            raise TypeError(f"chain={chain!r}, expected a Chain: filters.preset('raw', rate=1000)")
        self.path: Path | None = None
        if isinstance(session, str | os.PathLike):
            self.path = Path(session)
            session = recording.open(self.path)
        self.coder = coder
        self._source, self._x, self._chain = session, recording.emg(session), chain
        if self._x.sizes["time"] < 2:
            raise ValueError(f"a signal of {self._x.sizes['time']} samples has nothing to show")
        self._lock = threading.RLock()  # of the book and of what is said about it
        self._refusal = ""
        self._action = ""
        self._bursts: xr.Dataset | None = None
        self._server = server = Server(self._x, chain, self._to_front, self._fail)
        about = told(session, coder, server.levels)
        first, last = about["extent"]
        self._book = Book(coder, (first, last), about["channels"])
        self._front = Front(layers=server.layers, **about)
        self._front.on_msg(self._asked)
        self.save_button = ipywidgets.Button(description="Save labels", icon="save")
        self.save_button.on_click(lambda _: self._try(self.save))
        super().__init__([self._front, self.save_button], label=f"labels of {coder}")
        self._continue_earlier()
        if self.path is not None:
            self._saver = Saver(self.path, coder, lambda: self.table, self._saved)
        self._show_status()
        self._show_lines()
        server.begin(irregular=bool(self._front.edges))

    @property
    def table(self) -> xr.Dataset:
        """The events in order of onset, as an event table."""
        with self._lock:
            return self._book.table

    @property
    def proposals(self) -> xr.Dataset:
        """Bursts that wait to be accepted or refused, as an event table in order of onset."""
        with self._lock:
            rows = [row for _, row in self._book.proposals]
        book = Book(self.coder, self._extent, self._front.channels)
        book.apply([(fresh_key(), {**row, "state": ""}) for row in rows])
        return book.table

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
        channel: str = "",
    ) -> None:
        """Add one event; times in seconds. The same as dragging over the signal.

        Raises
        ------
        ValueError : offset not after onset, outside the recording, or an unknown word
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
        IndexError : there is no such event
        ValueError : an unknown column, or what `add` refuses
        """
        key, row = self._event(number)
        unknown = sorted(set(changes) - {"onset", "apex", "offset", "channel", *TEXTS})
        if unknown:
            raise ValueError(f"an event has no {', '.join(unknown)}: it has {', '.join(row)}")
        self._change([(key, {**row, **changes})])

    def remove(self, number: int) -> None:
        """Take an event away; `number` is its row in `table`.

        Raises
        ------
        IndexError : there is no such event
        """
        self._change([(self._event(number)[0], None)])

    def propose(self, bursts: xr.Dataset | None = None, **options: Any) -> int:
        """Show bursts for the coder to accept or refuse, one by one.

        Parameters
        ----------
        bursts : an event table; by default `emgnb.detect.bursts` looks for them in the recording,
            through the chain given at first
        options : passed on to `emgnb.detect.bursts`: false_alarms, shortest, rest, …

        Returns
        -------
        how many are new: neither accepted nor refused earlier, and no event is there already

        Raises
        ------
        ValueError : the recording does not suit the detector, or the table is of another recording
        """
        if bursts is None:
            x = self._x if self._chain is None else self._chain(self._x)
            try:
                bursts = detect.bursts(x, **options)
            except ValueError as error:
                if self._chain is not None:
                    raise
                raise ValueError(
                    f"{error}\nFilters before the detector: Labeller(session, coder="
                    f"{self.coder!r}, chain=filters.preset('raw', rate={self._front.rate:g}))"
                ) from error
        recording.check_labels(self._source, self.coder, bursts)
        bursts = bursts.assign({name: bursts[name].clip(*self._extent) for name in _TIMES})
        if "channel" not in bursts:
            bursts["channel"] = ("event", np.full(bursts.sizes["event"], ""))
        with self._lock:
            found = self._book.fresh(bursts, moved_by(self._x))
            self._bursts = bursts
            self._send_bursts()
            self._change(found, code="labeller.propose()")
        self._say(f"{bursts.sizes['event']} bursts found, {len(found)} of them to decide on")
        return len(found)

    def undo(self) -> None:
        """Take back the last change; `redo` brings it again."""
        self._move(self._book.undo)

    def redo(self) -> None:
        """Do again what `undo` took back."""
        self._move(self._book.redo)

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the labels now.

        Parameters
        ----------
        path : a new store for the session with its labels; without it the labels are written into
            the stored session the Labeller was given, in place of this coder's earlier table, as
            they are at every change anyhow

        Raises
        ------
        ValueError : no path, and the session was not given as one
        FileExistsError : there is something at `path` already
        OSError, RuntimeError : they cannot be written, or somebody else wrote there meanwhile
        """
        if path is not None:
            written = recording.save(self.session, path)
        elif self._saver is None or self.path is None:
            raise ValueError(
                "this session has no path of its own: labeller.save('labelled.zarr') writes it to "
                "a new one, and Labeller('session.zarr') would have written into the stored one"
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
        self._say(f"{self._book.count} events of {self.coder} saved in {written}")
        return written

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until every change is stored; False when it took longer than `timeout` s."""
        return self._saver is None or self._saver.wait(timeout)

    def close(self) -> None:
        """Take the widget away; what is still to be stored is stored first."""
        if self._server is not None:
            self._server.close()
        if self._saver is not None:
            self._saver.wait()
        super().close()

    @property
    def _extent(self) -> tuple[float, float]:
        first, last = self._front.extent
        return first, last

    def _continue_earlier(self) -> None:
        coders = self._source["labels"].children if "labels" in self._source.children else {}
        if self.coder not in coders:
            return
        try:
            self._book.read(coders[self.coder].to_dataset())
        except ValueError as error:
            self._refusal = (
                f"the labels of {self.coder} that lie in this session are not of this recording: "
                f"{error}. They are left as they are, and nothing can be added to them. Label as "
                f"another coder: Labeller(…, coder='{self.coder}-2')"
            )
            self._fail(ValueError(self._refusal))

    def _to_front(self, content: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        self._front.send(content, buffers=list(buffers))

    def _refuse(self) -> None:
        if self._refusal:
            raise ValueError(self._refusal)

    def _event(self, number: int) -> tuple[str, dict[str, Any]]:
        events = self._book.events
        if not -len(events) <= number < len(events):
            raise IndexError(f"no event {number}: there are {len(events)}, counted from 0")
        return events[number]

    def _change(self, changes: Sequence[Change], *, merge: bool = False, code: str = "") -> None:
        self._refuse()
        with self._lock:
            numbers = {key: i for i, (key, _) in enumerate(self._book.events)}
            done = self._book.apply(changes, merge=merge)
            if done:
                self._action = code or _as_code(done, numbers)
                self._tell(done)

    def _move(self, step: Callable[[], list[Change]]) -> None:
        with self._lock:
            done = step()
            if done:
                self._action = f"labeller.{step.__name__}()"
                self._tell(done)

    def _tell(self, done: Sequence[Change]) -> None:
        self._to_front({"kind": "patch", "rows": list(done), "steps": self._book.steps})
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
        if self._saver is None:
            text, kind = "kept in this notebook only: labeller.save('labelled.zarr')", "memory"
        elif error is not None or self._refusal:
            text, kind = "not stored", "bad"
        elif self._saver.busy:
            text, kind = "storing …", "busy"
        else:
            text, kind = f"stored in {self.path.name}" if self.path else "", "stored"
        self._front.status = {"text": text, "kind": kind, "at": time.time()}

    def _show_lines(self) -> None:
        here = "session" if self.path is None else repr(str(self.path))
        chain = "" if self._chain is None else f", chain={self._chain!r}"
        lines = [f"labeller = Labeller({here}, coder={self.coder!r}{chain})"]
        lines += [self._action] if self._action else []
        lines += [f"labeller.table    # {self._book.count} events"]
        self._show_code("\n".join(lines))

    def _asked(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        answers: dict[str, Callable[[], object]] = {
            "hello": self._hello,
            "want": lambda: self._want(content),
            "edit": lambda: self._edited(content),
            "undo": self.undo,
            "redo": self.redo,
            "propose": self._propose_beside,
            "others": lambda: self._show_others(content["names"]),
        }
        self._try(answers[content["kind"]])

    def _want(self, content: Mapping[str, Any]) -> None:
        assert self._server is not None
        self._server.answer(content["layer"], content["tiles"])

    def _hello(self) -> None:
        """Tell a picture that is new, or new after a reload of the page, all there is."""
        with self._lock:
            state = {"rows": list(self._book.rows.items()), "steps": self._book.steps}
            self._to_front({"kind": "state", **state})
            self._send_bursts()

    def _edited(self, content: Mapping[str, Any]) -> None:
        try:
            self._change([(key, row) for key, row in content["rows"]], merge=content["merge"])
        except ValueError:
            self._hello()  # the picture shows what is not so
            raise
        finally:
            self._to_front({"kind": "done", "view": content["view"], "number": content["number"]})

    def _propose_beside(self) -> None:
        self._refuse()
        self._say("looking for bursts …")
        threading.Thread(
            target=lambda: self._try(self.propose), name="emgnb bursts", daemon=True
        ).start()

    def _send_bursts(self) -> None:
        if self._bursts is None:
            return
        names = ["", *self._front.channels]
        lanes = np.asarray(
            [names.index(str(name)) - 1 for name in self._bursts["channel"].values], dtype="<i4"
        )
        times = [self._bursts[name].values.astype("<f8") for name in _TIMES]
        self._front.send(
            {"kind": "bursts"}, buffers=[*(t.tobytes() for t in times), lanes.tobytes()]
        )

    def _show_others(self, names: Sequence[str]) -> None:
        session = self._source if self.path is None else recording.open(self.path)
        tables = {name: rows_of(session[f"labels/{name}"].to_dataset()) for name in names}
        self._to_front({"kind": "others", "tables": tables})


def _as_code(done: Sequence[Change], numbers: Mapping[str, int]) -> str:
    """Write one change as the call that makes it; nothing for changes that have no call."""
    if len(done) != 1:
        return ""
    key, row = done[0]
    if row is None:
        return f"labeller.remove({numbers[key]})" if key in numbers else ""
    if row["state"]:
        return ""
    times = {name: row[name] for name in ("onset", "offset", "apex") if row[name] is not None}
    words = {name: row[name] for name in (*TEXTS, "channel") if row[name]}
    said = [f"{name}={value:.4f}" for name, value in times.items()]
    said += [f"{name}={value!r}" for name, value in words.items()]
    if key in numbers:
        return f"labeller.edit({numbers[key]}, {', '.join(said)})"
    return f"labeller.add({', '.join(said)})"


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
