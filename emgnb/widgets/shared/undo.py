"""Undo and redo changes of a value."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Undoing(Generic[T]):
    """Value with undo and redo history.

    Parameters
    ----------
    now : initial value

    Attributes
    ----------
    now : current value
    """

    def __init__(self, now: T) -> None:
        self.now = now
        self._before: list[T] = []
        self._after: list[T] = []
        self._by: object = None

    @property
    def past(self) -> int:
        """Number of changes that can be undone."""
        return len(self._before)

    @property
    def future(self) -> int:
        """Number of changes that can be redone."""
        return len(self._after)

    def change(self, to: T, by: object = None) -> bool:
        """Set a new value; return False, without adding to the history, if it is unchanged.

        Parameters
        ----------
        by : source of the change; consecutive changes from the same source are undone together
        """
        if to == self.now:
            return False
        if by is None or by != self._by:
            self._before.append(self.now)
        self._after.clear()
        self.now, self._by = to, by
        return True

    def undo(self) -> bool:
        """Undo the last change; return False if there is none."""
        return self._go(self._before, self._after)

    def redo(self) -> bool:
        """Redo the last undone change; return False if there is none."""
        return self._go(self._after, self._before)

    def _go(self, source: list[T], target: list[T]) -> bool:
        self._by = None
        if not source:
            return False
        target.append(self.now)
        self.now = source.pop()
        return True
