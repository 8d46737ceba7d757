"""Apply withdrawals and corrections to markers.

A recording is append-only, so a wrong marker is not removed: a later record withdraws or corrects
it, and both are kept. This module combines the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

MARK, UNMARK, CORRECT = "mark", "unmark", "correct"
# Maximum characters of a marker; a longer one is a mistake, and journal records are limited.
LONGEST = 10_000


class Mark(NamedTuple):
    """A marker: host's monotonic time and its uncertainty, both in s.

    `name` : identifies it for `Recorder.unmark` and `Recorder.correct`
    """

    time: float
    text: str
    uncertainty: float = 0.0
    name: str = ""


class Amendment(NamedTuple):
    """A change of the marker named `mark`: its new text, or None if withdrawn."""

    mark: str
    text: str | None


def standing(marks: Iterable[Mark], amendments: Iterable[Amendment]) -> list[Mark]:
    """Return the valid markers, in the order in which they were set."""
    found = list(marks)
    texts = _latest(amendments)
    return [
        mark._replace(text=texts.get(mark.name) or mark.text)
        for mark in found
        if texts.get(mark.name, mark.text) is not None
    ]


def trace(marks: Iterable[Mark], amendments: Iterable[Amendment]) -> list[tuple[Mark, str | None]]:
    """Return the withdrawn and corrected markers as set, each with its text now (None: withdrawn).

    A marker that was corrected back to its first text is not included.
    """
    texts = _latest(amendments)
    return [
        (mark, texts[mark.name])
        for mark in marks
        if mark.name in texts and texts[mark.name] != mark.text
    ]


def _latest(amendments: Iterable[Amendment]) -> dict[str, str | None]:
    """Return each amended marker's latest text; a withdrawn marker stays withdrawn."""
    texts: dict[str, str | None] = {}
    for each in amendments:
        if texts.get(each.mark, each) is not None:
            texts[each.mark] = each.text
    return texts


def of_orders(orders: Iterable[Any]) -> tuple[list[Mark], list[Amendment]]:
    """Return the markers and amendments among a control file's orders; see `_control.read`."""
    marks, amendments = [], []
    for order in orders:
        if order.kind == MARK:
            marks.append(Mark(order.mono_ns / 1e9, order.text, order.uncertainty, order.mark))
        elif order.kind in (UNMARK, CORRECT):
            text = order.text if order.kind == CORRECT else None
            amendments.append(Amendment(order.mark, text))
    return marks, amendments
