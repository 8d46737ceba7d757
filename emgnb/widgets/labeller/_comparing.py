"""Compare the tables of two coders, and let a third person decide where they differ."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from emgnb import labels, recording
from emgnb.labels.periods import span_of
from emgnb.widgets.labeller._book import rows_of
from emgnb.widgets.labeller._saving import Saver
from emgnb.widgets.shared.panel import Panel

COLUMNS = ("onset", "offset", "au", "side", "intensity", "status", "said")
Move = Literal["undo", "redo"]


class Decisions:
    """Decisions of one person on the events of two coders, with undo and redo.

    Parameters
    ----------
    tables : event tables by the coder's name
    by : name of the coder who decides
    tolerance : s, see `labels.disagreements`
    earlier : table in which decisions on the same tables were stored

    Raises
    ------
    ValueError : `earlier` was made of other tables
    """

    def __init__(
        self,
        tables: Mapping[str, xr.Dataset],
        by: str,
        tolerance: float,
        earlier: xr.Dataset | None = None,
    ) -> None:
        self.by, self.tables = by, dict(tables)
        self.coders = tuple(tables)
        self.name = f"consensus-{'-'.join(tables)}-by-{by}"
        self.whole = labels.consensus(tables)
        self.rows = labels.disagreements(self.whole, tolerance=tolerance)
        self.made = {} if earlier is None else self._continued(earlier)
        self._past: list[dict[int, str]] = []
        self._future: list[dict[int, str]] = []

    @property
    def table(self) -> xr.Dataset:
        """The consensus with the decisions made so far."""
        made = labels.adjudicate(self.whole, self.made, by=self.by)
        return made.assign_attrs(coder=self.name)

    @property
    def steps(self) -> tuple[int, int]:
        """Numbers of decisions that can be undone and redone."""
        return len(self._past), len(self._future)

    def decide(self, row: int, word: str) -> None:
        """Decide on a row of the consensus; see `labels.adjudicate`."""
        made = {**self.made, row: word}
        labels.adjudicate(self.whole, made, by=self.by)
        self._past.append(self.made)
        self._future.clear()
        self.made = made

    def move(self, move: Move) -> int | None:
        """Undo or redo a decision, and return its row; None if there is none."""
        origin, target = self._past, self._future
        if move == "redo":
            origin, target = target, origin
        if not origin:
            return None
        target.append(self.made)
        before, self.made = self.made, origin.pop()
        both = before.items() ^ self.made.items()
        return next((row for row, _ in both), None)

    def as_code(self) -> str:
        """Return the lines of code that make the same table."""
        return (
            f"tables = {{k: session[f'labels/{{k}}'].to_dataset() for k in {self.coders}}}\n"
            f"table = labels.adjudicate(labels.consensus(tables), {self.made}, by={self.by!r})"
        )

    def told(self) -> dict[str, Any]:
        """Return the disagreements in the form that the browser uses."""
        whole = rows_of(self.whole)
        said = [json.loads(text) for text in self.whole["said"].values]
        return {
            "coders": list(self.coders),
            "rows": [
                {**whole[i], "row": i, "what": what, "said": said[i]}
                for i, what in self.rows.items()
            ],
        }

    def _continued(self, earlier: xr.Dataset) -> dict[int, str]:
        steps = [step for step in recording.history(earlier) if step["step"] == "adjudicate"]
        made = {int(row): word for row, word in (steps[-1]["decisions"] if steps else {}).items()}
        try:
            same = labels.adjudicate(self.whole, made, by=self.by)
            equal = all(np.array_equal(same[name], earlier[name]) for name in COLUMNS)
        except (KeyError, ValueError):
            equal = False
        if not equal:
            raise ValueError(
                f"labels/{self.name} holds decisions on other versions of the tables of "
                f"{' and '.join(self.coders)}. It is not overwritten: remove it from the session, "
                "or decide as another coder"
            )
        return made


class ComparesCoders(Panel):
    """Labeller's comparison of two other coders."""

    coder: str
    path: Path | None
    front: Any
    _source: xr.DataTree
    _x: xr.DataArray
    _lock: threading.RLock
    _to_front: Callable[..., None]
    _saved: Callable[[Exception | None], None]
    _show_lines: Callable[[], None]
    _show_status: Callable[[], None]
    _saver: Saver | None = None
    _consensus_saver: Saver | None = None
    _decisions: Decisions | None = None
    _comparing = False
    _agreement = ""

    @property
    def consensus(self) -> xr.Dataset:
        """Table of the two coders with the decisions made so far; see `labels.adjudicate`.

        Raises
        ------
        ValueError : no coders were compared
        """
        return self._compared().table

    def compare(self, first: str, second: str, *, tolerance: float = 0.5) -> labels.Agreement:
        """Show two coders beside each other, and go through their disagreements.

        The decisions are stored in the session at once, as a further table
        ``labels/consensus-<first>-<second>-by-<coder>``, and continued the next time.

        Parameters
        ----------
        first, second : names of coders in the session
        tolerance : s, see `labels.disagreements`

        Returns
        -------
        Their agreement; `print` it

        Raises
        ------
        ValueError : no such coder, twice the same one, neither has an event, or their tables have
            changed after decisions were stored
        """
        if first == second:
            raise ValueError(f"first and second are both {first!r}, expected two coders")
        tables = self._tables_of((first, second))
        found = labels.agreement(*tables.values(), span=span_of(self._x), coders=(first, second))
        with self._lock:
            name = Decisions(tables, self.coder, tolerance).name
            made = Decisions(tables, self.coder, tolerance, self._stored_labels().get(name))
            self._decisions, self._agreement, self._comparing = made, str(found), True
            if self.path is not None:
                self._consensus_saver = Saver(self.path, name, lambda: made.table, self._saved)
        self._tell_comparison()
        self._show_lines()
        self._say("")
        return found

    def decide(self, row: int, decision: str) -> None:
        """Decide on an event while coders are compared.

        Parameters
        ----------
        row : row of `labels.consensus` of the two tables
        decision : "keep" (with the times in between), "drop", or a coder, whose times are taken

        Raises
        ------
        ValueError : no coders are compared, no such row, or another decision
        """
        with self._lock:
            self._compared().decide(row, decision)
            self._tell_decision(row)

    def finish(self) -> None:
        """End the comparison of coders; the decisions remain stored."""
        self._comparing = False
        self._to_front({"kind": "compared", "coders": []})
        self._show_lines()

    @property
    def _savers(self) -> list[Saver]:
        return [each for each in (self._saver, self._consensus_saver) if each is not None]

    def _compared(self) -> Decisions:
        if self._decisions is None:
            raise ValueError("no coders are compared: labeller.compare('Ann', 'Ben')")
        return self._decisions

    def _stored_labels(self) -> dict[str, xr.Dataset]:
        session = self._source if self.path is None else recording.open(self.path)
        nodes = session["labels"].children if "labels" in session.children else {}
        return {str(name): node.to_dataset() for name, node in nodes.items()}

    def _tables_of(self, names: Sequence[str]) -> dict[str, xr.Dataset]:
        there = self._stored_labels()
        if missing := [name for name in names if name not in there]:
            raise ValueError(f"no labels by {missing}; the session has those of {sorted(there)}")
        return {name: there[name].load() for name in names}

    def _with_consensus(self, session: xr.DataTree) -> xr.DataTree:
        made = self._decisions
        return session if made is None else labels.with_labels(session, made.name, made.table)

    def _moved_decision(self, move: Move) -> bool:
        """Undo or redo a decision; return False if no coders are compared."""
        if not self._comparing:
            return False
        with self._lock:
            row = self._compared().move(move)
            if row is None:
                self._to_front({"kind": "still", "move": move})
            else:
                self._tell_decision(row, move)
        self._to_front({"kind": "answered"})
        return True

    def _decided_there(self, row: int, decision: str) -> None:
        try:
            self.decide(row, decision)
        finally:
            self._to_front({"kind": "answered"})

    def _tell_decision(self, row: int, move: str = "") -> None:
        self._to_front({"kind": "decided", "row": row, "move": move, **self._decided()})
        self.error = None
        self._say("")
        self._show_lines()
        if self._consensus_saver is not None:
            self._consensus_saver.ask()
            self._show_status()

    def _tell_comparison(self) -> None:
        """Send the whole comparison, also to a page that was reloaded."""
        if not self._comparing:
            return
        made = self._compared()
        tables = {name: rows_of(table) for name, table in made.tables.items()}
        about = {"kind": "compared", "agreement": self._agreement, "tables": tables}
        self._to_front({**about, **made.told(), **self._decided()})

    def _decided(self) -> dict[str, Any]:
        made = self._compared()
        return {
            "decisions": {str(row): word for row, word in made.made.items()},
            "steps": made.steps,
            "consensus": rows_of(made.table),
        }

    def _comparing_lines(self) -> list[str]:
        return [self._compared().as_code()] if self._comparing else []

    def _comparing_answers(self, content: Mapping[str, Any]) -> dict[str, Callable[[], object]]:
        return {
            "compare": lambda: self.compare(*content["names"]),
            "decide": lambda: self._decided_there(content["row"], content["word"]),
            "finish": self.finish,
        }
