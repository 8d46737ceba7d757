"""Tell which of several regular tasks are due. No clock of its own."""

from __future__ import annotations


class Timetable:
    """Tasks that are due at intervals, named by their interval in s.

    Parameters
    ----------
    now : s, on any clock; every task is due at once
    intervals : s
    """

    def __init__(self, now: float, *intervals: float) -> None:
        self._due = dict.fromkeys(intervals, now)

    def due(self, now: float) -> set[float]:
        """Return the tasks that are due; each is due again an interval after `now`."""
        found = {every for every, at in self._due.items() if now >= at}
        self._due |= {every: now + every for every in found}
        return found

    def left(self, now: float) -> float:
        """Return the time (s) until the next task is due, 0 if one is."""
        return max(min(self._due.values()) - now, 0.0)
