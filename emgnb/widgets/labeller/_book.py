"""Hold one coder's events, with validation, undo and redo.

An event is a dict in the form that the browser uses. Bursts proposed by the detector are also
events. Their state is ``proposed`` until the coder accepts them (empty state) or rejects them
(``refused``, stored so that they are not proposed again). Proposals also have ``snr``, in dB or
None.
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
    """Events of one coder, with their history.

    Parameters
    ----------
    coder : name of the coder
    extent : first and last time of the recording in s
    channels : valid names for the `channel` of an event; "" means all channels
    """

    def __init__(self, coder: str, extent: tuple[float, float], channels: Sequence[str]) -> None:
        self.coder = coder
        self.rows: dict[str, Event] = {}
        self._extent, self._channels = extent, list(channels)
        self._past: list[list[tuple[str, Event | None, Event | None]]] = []
        self._future: list[list[tuple[str, Event | None, Event | None]]] = []
        self._own: dict[str, dict[str, Any]] = {}  # additional columns of each event
        self._foreign: dict[str, np.dtype[Any]] = {}
        self._attrs: dict[str, Any] = {}
        self._by_channel = False

    def read(self, table: xr.Dataset) -> None:
        """Load an existing table; its additional columns and attributes are kept.

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
        """Keys and rows of the coder's events, in order of onset."""
        own = [(key, row) for key, row in self.rows.items() if not row["state"]]
        return sorted(own, key=lambda pair: (pair[1]["onset"], pair[1]["offset"]))

    @property
    def count(self) -> int:
        """Number of events."""
        return sum(not row["state"] for row in self.rows.values())

    @property
    def proposals(self) -> list[tuple[str, Event]]:
        """Keys and rows of undecided proposals, in order of onset."""
        open_ = [(key, row) for key, row in self.rows.items() if row["state"] == "proposed"]
        return sorted(open_, key=lambda pair: (pair[1]["onset"], pair[1]["offset"]))

    def event_at(self, number: int) -> tuple[str, Event]:
        """Return the key and row of an event, by its row in `table`.

        Raises
        ------
        IndexError : no such event
        """
        events = self.events
        if not -len(events) <= number < len(events):
            raise IndexError(f"no event {number}: there are {len(events)}, counted from 0")
        return events[number]

    def decisions(self, rows: Sequence[int] | None, state: str) -> list[Change]:
        """Return the changes that give a state to proposals, by their rows; by default to all.

        Raises
        ------
        IndexError : no such proposal
        """
        open_ = self.proposals
        chosen = range(len(open_)) if rows is None else [int(row) for row in rows]
        if wrong := [row for row in chosen if not 0 <= row < len(open_)]:
            raise IndexError(
                f"no proposal {wrong[0]}: there are {len(open_)}, counted from 0 in the order of "
                "`labeller.proposals`"
            )
        return [(key, {**row, "state": state}) for key, row in (open_[i] for i in chosen)]

    @property
    def table(self) -> xr.Dataset:
        """The events in order of onset, as an event table."""
        pairs = self.events
        rows = [row for _, row in pairs]
        made = _event_table(rows, self._by_channel)
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
            "table_version": facs.FACS_TABLE_VERSION,
            **({"refused": json.dumps(sorted(refused))} if refused else {}),
        }
        return made

    @property
    def proposed(self) -> xr.Dataset:
        """The proposals in order of onset, as an event table with their `snr` and `moment`."""
        rows = [row for _, row in self.proposals]
        made = _event_table(rows, False)
        known = [row.get("snr") for row in rows]
        strength = np.array([np.nan if snr is None else snr for snr in known], dtype=float)
        made["snr"] = ("event", strength, {"units": "dB"})
        made.attrs = {"coder": self.coder, "table_version": facs.FACS_TABLE_VERSION}
        return made.assign(moment=labels.moments(made))

    def apply(self, changes: Iterable[Change], *, merge: bool = False) -> list[Change]:
        """Apply changes (key, new row or None to remove); all of them or none.

        Parameters
        ----------
        merge : undo this step together with the last one, for example while a key is held

        Raises
        ------
        ValueError : an event outside the recording, edges in the wrong order, or an unknown code
        """
        done = []
        for key, row in changes:
            if row is not None:
                row = {**event(0.0, 0.0), **row}
                self._check(row)
            before = self.rows.get(key)
            if row is not None and _code(row) != _code(before or event(0.0, 0.0)):
                recording.refuse(facs.faults(*_code(row)))
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
        """Undo the last step."""
        if not self._past:
            return []
        step = self._past.pop()
        self._future.append(step)
        return self._put([(key, before) for key, before, _ in step])

    def redo(self) -> list[Change]:
        """Redo the last undone step."""
        if not self._future:
            return []
        step = self._future.pop()
        self._past.append(step)
        return self._put([(key, after) for key, _, after in step])

    def fresh(self, table: xr.Dataset, units: Mapping[str, str]) -> list[Change]:
        """Return proposals for bursts that do not match an existing event or decision.

        Parameters
        ----------
        units : channel → action unit of its muscle
        """
        known = list(self.rows.values())
        onset, offset = (np.array([row[name] for row in known]) for name in ("onset", "offset"))
        channel = np.array([row["channel"] for row in known], dtype=str)
        found: list[Change] = []
        strength = table["snr"].values if "snr" in table else np.full(table.sizes["event"], np.nan)
        for row, snr in zip(rows_of(table), strength.tolist(), strict=True):
            row["snr"] = snr if math.isfinite(snr) else None
            row["state"] = "proposed"
            row["au"] = row["au"] or units.get(row["channel"], "")
            both = np.minimum(offset, row["offset"]) - np.maximum(onset, row["onset"])
            either = np.maximum(offset, row["offset"]) - np.minimum(onset, row["onset"])
            near = (channel == row["channel"]) | (channel == "") | (row["channel"] == "")
            # Two bursts are the same if they overlap by more than half of their union.
            if not np.any(near & (both > 0.5 * either)):
                found.append((fresh_key(), row))
        return found

    @property
    def steps(self) -> tuple[int, int]:
        """Numbers of steps that can be undone and redone."""
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
                f"an event from {onset:g} to {offset:g} s: expected an onset before the offset, "
                f"both within the recording ({first:.3f} to {last:.3f} s)"
            )
        if apex is not None and not onset <= apex <= offset:
            raise ValueError(
                f"the apex {apex:g} s is not between onset {onset:g} s and offset {offset:g} s"
            )
        known = {
            "channel": ("", *self._channels),
            "state": STATES,
        }
        for name, words in known.items():
            if row[name] not in words:
                said = ", ".join(word for word in words if word)
                raise ValueError(f'{name}={row[name]!r}, expected one of {said}, or ""')


def _code(row: Event) -> tuple[str, str, str]:
    return row["au"], row["side"], row["intensity"]


def event(onset: float, offset: float, **words: Any) -> Event:
    """Create an event in the form that the browser uses."""
    empty = dict.fromkeys((*TEXTS, "channel", "state"), "")
    return {"onset": float(onset), "apex": None, "offset": float(offset), **empty, **words}


def rows_of(table: xr.Dataset) -> list[Event]:
    """Convert an event table to a list of events in the form that the browser uses."""
    columns = {name: table[name].values.tolist() for name in _COLUMNS if name in table}
    rows = []
    for i in range(table.sizes["event"]):
        row = {name: column[i] for name, column in columns.items()}
        row["apex"] = None if math.isnan(row["apex"]) else row["apex"]
        rows.append({**event(0.0, 0.0), **row})
    return rows


def _event_table(rows: Sequence[Event], by_channel: bool) -> xr.Dataset:
    by_channel = by_channel or any(row["channel"] for row in rows)
    made = labels.events(
        [row["onset"] for row in rows],
        [row["offset"] for row in rows],
        apex=[np.nan if row["apex"] is None else row["apex"] for row in rows],
        channel=[row["channel"] for row in rows] if by_channel else None,
        **{name: [row[name] for row in rows] for name in ("intensity", "label")},
    )
    # Added without checks: tables of earlier versions may have codes that FACS does not define.
    for name in ("au", "side"):
        made[name] = ("event", _column([row[name] for row in rows], np.dtype(str)))
    return made


def fresh_key() -> str:
    """Return a new random key."""
    return secrets.token_hex(5)


def _column(found: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    if dtype.kind in "UTSO":
        return np.asarray(["" if word is None else str(word) for word in found], dtype=str)
    if None in found or not found:
        return np.asarray([np.nan if value is None else value for value in found], dtype=float)
    return np.asarray(found, dtype=dtype)
