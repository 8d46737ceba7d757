"""Find the columns of a label table by their headings, as published tables name them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emgnb import recording
from emgnb.interop.label_files.cells import DELIMITERS, rows_by

# Lines before the heading, such as the notes in SAMM's table.
MOST_BEFORE = 60
_TIME = re.compile(
    r"(?P<role>onset|start|begin|apex|offset|end|duration|rise)(time)?"
    r"(?P<unit>framenumber|frameno|frames|frame|f\d?|ms|milliseconds|seconds|sec|s)?"
)
_SAME = {"start": "onset", "begin": "onset", "end": "offset"}
_UNITS = {"ms": "ms", "milliseconds": "ms", "s": "s", "sec": "s", "seconds": "s", "": ""}
_WORDS = {
    "au": ("au", "aus", "actionunit", "actionunits", "facs", "facscode", "facscodes"),
    "label": ("label", "estimatedemotion", "emotion", "expression"),
    "trial_type": ("trialtype",),
    "side": ("side",),
    "intensity": ("intensity",),
    "channel": ("channel",),
}


@dataclass(frozen=True)
class Sheet:
    """Cells of a table below its heading.

    Attributes
    ----------
    names, rows, lines : headings; cells; number of the line of each row
    times : role (onset, apex, offset, duration, rise) → column and unit ("s", "ms", "frame", or ""
        if the heading does not state it)
    words : role (au, label, trial_type, side, intensity, channel) → column
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    times: dict[str, tuple[int, str]]
    words: dict[str, int]

    @property
    def ours(self) -> bool:
        """Whether all columns of an event table are there under their names."""
        return set(recording.EVENT_COLUMNS) <= set(self.names)

    def cells(self, column: int) -> list[str]:
        """Return the cells of a column."""
        return [row[column] for row in self.rows]

    @property
    def others(self) -> list[int]:
        """Columns with a heading but without a role."""
        used = {at for at, _ in self.times.values()} | set(self.words.values())
        return [i for i, name in enumerate(self.names) if name and i not in used]


def sheet_of(text: str) -> Sheet | None:
    """Return the table in a text, or None if no line is the heading of a label table."""
    for delimiter in DELIMITERS:
        rows = rows_by(text, delimiter)
        for k, row in enumerate(rows[:MOST_BEFORE]):
            names = [cell.strip() for cell in row]
            times = _times(names)
            if "onset" in times and {"offset", "duration"} & set(times):
                return _sheet(names, times, rows[k + 1 :], k + 2)
    return None


def plain(name: str) -> str:
    """Return the small letters and digits of a heading."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _sheet(
    names: list[str], times: dict[str, tuple[int, str]], rows: Sequence[list[str]], first: int
) -> Sheet:
    kept = [(first + i, row) for i, row in enumerate(rows) if any(cell.strip() for cell in row)]
    padded = [(row + [""] * len(names))[: len(names)] for _, row in kept]
    words = _words(names)
    if set(recording.EVENT_COLUMNS) <= set(names):
        # A table of emgnb: only its own columns have roles.
        own = (
            "onset",
            "apex",
            "offset",
            *({"duration"} & set(times) if "trial_type" in names else ()),
        )
        times = {role: (names.index(role), "") for role in own if role in names}
        words = {role: names.index(role) for role in _WORDS if role in names}
    return Sheet(names, padded, [line for line, _ in kept], times, words)


def _times(names: Sequence[str]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for i, name in enumerate(names):
        match = _TIME.fullmatch(plain(name))
        if match:
            role = _SAME.get(match["role"], match["role"])
            found.setdefault(role, (i, _UNITS.get(match["unit"] or "", "frame")))
    return found


def _words(names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for role, headings in _WORDS.items():
        for i, name in enumerate(names):
            if plain(name) in headings:
                found.setdefault(role, i)
    if {"au", "label"} & set(found):
        # It may say something else; without them it names the event.
        found.pop("trial_type", None)
    return found
