"""The events of one coder while they are being made: numbered, checked, and never beyond undoing.

An event is a dict as the browser knows it. A burst that the detector proposes is one too, in the
state ``proposed`` until the coder accepts it (the state becomes empty) or refuses it (``refused``,
which is remembered so that it is not proposed again).
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from emgnb import facs, labels, recording

TEXTS = ("au", "side", "intensity", "label")
STATES = ("", "proposed", "refused")
_COLUMNS = (*recording.EVENT_COLUMNS, "channel")
Event = dict[str, Any]
Change = tuple[str, Event | None]


class Book:
    """One coder's events, with their history.

    Parameters
    ----------
    coder : whose events they are
    extent : first and last time of the recording in s
    channels : names an event's `channel` may have; "" is all of them
    """

    def __init__(self, coder: str, extent: tuple[float, float], channels: Sequence[str]) -> None:
        self.coder = coder
        self.rows: dict[str, Event] = {}
        self._extent, self._channels = extent, list(channels)
        self._past: list[list[tuple[str, Event | None, Event | None]]] = []
        self._future: list[list[tuple[str, Event | None, Event | None]]] = []
        self._own: dict[str, dict[str, Any]] = {}  # of each event, columns that are not ours
        self._foreign: dict[str, np.dtype[Any]] = {}
        self._attrs: dict[str, Any] = {}
        self._by_channel = False

    def read(self, table: xr.Dataset) -> None:
        """Begin with a table made earlier; columns and attributes it has beyond ours are kept.

        Raises
        ------
        ValueError : an event lies outside this recording, or on a channel it does not have
        """
        self._attrs = dict(table.attrs)
        self._by_channel = "channel" in table
        self._foreign = {
            str(name): column.dtype
            for name, column in table.data_vars.items()
            if name not in _COLUMNS and column.dims == ("event",)
        }
        foreign = {name: table[name].values for name in self._foreign}
        begin = fresh_key()
        for i, row in enumerate(rows_of(table)):
            self._check(row)
            key = f"{begin}{i}"
            self.rows[key] = row
            if foreign:
                self._own[key] = {name: values[i] for name, values in foreign.items()}
        for onset, offset, channel in json.loads(self._attrs.pop("refused", "[]")):
            row = event(onset, offset, channel=channel, state="refused")
            self.rows[fresh_key()] = row

    @property
    def events(self) -> list[tuple[str, Event]]:
        """Keys and rows of what the coder holds true, in order of onset."""
        own = [(key, row) for key, row in self.rows.items() if not row["state"]]
        return sorted(own, key=lambda pair: (pair[1]["onset"], pair[1]["offset"]))

    @property
    def count(self) -> int:
        """How many events there are."""
        return sum(not row["state"] for row in self.rows.values())

    @property
    def proposals(self) -> list[tuple[str, Event]]:
        """Keys and rows of bursts that wait for a decision, in order of onset."""
        open_ = [(key, row) for key, row in self.rows.items() if row["state"] == "proposed"]
        return sorted(open_, key=lambda pair: (pair[1]["onset"], pair[1]["offset"]))

    @property
    def table(self) -> xr.Dataset:
        """The events in order of onset, as an event table."""
        pairs = self.events
        rows = [row for _, row in pairs]
        by_channel = self._by_channel or any(row["channel"] for row in rows)
        made = labels.events(
            [row["onset"] for row in rows],
            [row["offset"] for row in rows],
            apex=[np.nan if row["apex"] is None else row["apex"] for row in rows],
            channel=[row["channel"] for row in rows] if by_channel else None,
            **{name: [row[name] for row in rows] for name in TEXTS},
        )
        for name, dtype in self._foreign.items():
            found = [self._own.get(key, {}).get(name) for key, _ in pairs]
            made[name] = ("event", _column(found, dtype))
        refused = [
            [row["onset"], row["offset"], row["channel"]]
            for row in self.rows.values()
            if row["state"] == "refused"
        ]
        made.attrs = {
            **self._attrs,
            "coder": self.coder,
            "facs_table": facs.FACS_TABLE_VERSION,
            **({"refused": json.dumps(sorted(refused))} if refused else {}),
        }
        return made

    def apply(self, changes: Iterable[Change], *, merge: bool = False) -> list[Change]:
        """Put rows in the place of earlier ones, None takes one away; all of them or none.

        Parameters
        ----------
        merge : the last step in the history and this one are undone together, as when a key is held

        Raises
        ------
        ValueError : an event outside the recording, its edges in the wrong order, an unknown word
        """
        done = []
        for key, row in changes:
            if row is not None:
                row = {**event(0.0, 0.0), **row}
                self._check(row)
            before = self.rows.get(key)
            if before != row:
                done.append((key, before, row))
        if not done:
            return []
        self._future.clear()
        last = self._past[-1] if self._past else []
        if merge and {key for key, *_ in last} == {key for key, *_ in done}:
            began = {key: before for key, before, _ in last}
            self._past[-1] = [(key, began[key], after) for key, _, after in done]
        else:
            self._past.append(done)
        return self._put([(key, after) for key, _, after in done])

    def undo(self) -> list[Change]:
        """Take back the last step."""
        if not self._past:
            return []
        step = self._past.pop()
        self._future.append(step)
        return self._put([(key, before) for key, before, _ in step])

    def redo(self) -> list[Change]:
        """Do again what `undo` took back."""
        if not self._future:
            return []
        step = self._future.pop()
        self._past.append(step)
        return self._put([(key, after) for key, _, after in step])

    def fresh(self, table: xr.Dataset, units: Mapping[str, str]) -> list[Change]:
        """Make proposals of a table of bursts, without those that were decided already.

        Parameters
        ----------
        units : action unit that a muscle moves, by channel
        """
        known = list(self.rows.values())
        onset, offset = (np.array([row[name] for row in known]) for name in ("onset", "offset"))
        channel = np.array([row["channel"] for row in known], dtype=str)
        found: list[Change] = []
        for row in rows_of(table):
            row["state"] = "proposed"
            row["au"] = row["au"] or units.get(row["channel"], "")
            both = np.minimum(offset, row["offset"]) - np.maximum(onset, row["onset"])
            either = np.maximum(offset, row["offset"]) - np.minimum(onset, row["onset"])
            near = (channel == row["channel"]) | (channel == "") | (row["channel"] == "")
            # the same burst: half of what the two cover is covered by both
            if not np.any(near & (both > 0.5 * either)):
                found.append((fresh_key(), row))
        return found

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps can be undone, and redone."""
        return len(self._past), len(self._future)

    def _put(self, changes: list[Change]) -> list[Change]:
        for key, row in changes:
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        return changes

    def _check(self, row: Event) -> None:
        first, last = self._extent
        onset, offset, apex = row["onset"], row["offset"], row["apex"]
        times = [onset, offset] if apex is None else [onset, apex, offset]
        if not all(isinstance(t, int | float) and math.isfinite(t) for t in times):
            raise ValueError(f"times {times}: expected numbers, in s")
        if not first <= onset < offset <= last:
            raise ValueError(
                f"an event from {onset:g} to {offset:g} s does not lie within the recording, "
                f"{first:.3f} to {last:.3f} s, with its onset before its offset"
            )
        if apex is not None and not onset <= apex <= offset:
            raise ValueError(
                f"the apex {apex:g} s does not lie between onset {onset:g} s and offset "
                f"{offset:g} s"
            )
        known = {
            "side": labels.SIDES,
            "intensity": labels.INTENSITIES,
            "channel": ("", *self._channels),
            "state": STATES,
        }
        for name, words in known.items():
            if row[name] not in words:
                said = ", ".join(word for word in words if word)
                raise ValueError(f"{name}={row[name]!r}, expected one of {said}, or nothing")
        if row["au"].upper().startswith("AU"):
            raise ValueError(f"au={row['au']!r}, expected the number alone, such as '12'")


def event(onset: float, offset: float, **words: Any) -> Event:
    """Make an event as the browser knows it."""
    empty = dict.fromkeys((*TEXTS, "channel", "state"), "")
    return {"onset": float(onset), "apex": None, "offset": float(offset), **empty, **words}


def rows_of(table: xr.Dataset) -> list[Event]:
    """Give an event table as the list of events the browser works on."""
    columns = {name: table[name].values.tolist() for name in _COLUMNS if name in table}
    rows = []
    for i in range(table.sizes["event"]):
        row = {name: column[i] for name, column in columns.items()}
        row["apex"] = None if math.isnan(row["apex"]) else row["apex"]
        rows.append({**event(0.0, 0.0), **row})
    return rows


def fresh_key() -> str:
    """Make a key that no event has."""
    return secrets.token_hex(5)


def _column(found: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    if dtype.kind in "UTSO":
        return np.asarray(["" if word is None else str(word) for word in found], dtype=str)
    if None in found or not found:
        return np.asarray([np.nan if value is None else value for value in found], dtype=float)
    return np.asarray(found, dtype=dtype)
