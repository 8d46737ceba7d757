"""Smooth the labels of successive windows."""

from __future__ import annotations

from collections import Counter, deque


class Smoothing:
    """Majority vote over successive labels, then hysteresis.

    Parameters
    ----------
    majority : number of labels that vote; None, for a rejected window, votes too. On a tie the
        previous outcome stays if it is among the tied, else the newest label wins
    hold : number of successive votes with the same outcome after which the label changes
    """

    def __init__(self, majority: int = 1, hold: int = 1) -> None:
        self.majority, self.hold = majority, hold
        self.reset()

    @property
    def steps(self) -> int:
        """Windows by which a clear change of label is delayed."""
        return self.majority // 2 + self.hold - 1

    def reset(self) -> None:
        """Forget all labels, as after a gap."""
        self._votes: deque[str | None] = deque(maxlen=self.majority)
        self._current: str | None = None
        self._next: str | None = None
        self._count = 0

    def push(self, label: str | None) -> str | None:
        """Return the smoothed label after the next one."""
        self._votes.append(label)
        counts = Counter(self._votes)
        most = max(counts.values())
        stays = counts.get(self._next, 0) == most
        tied = (vote for vote in reversed(self._votes) if counts[vote] == most)
        winner = self._next if stays else next(tied)
        self._count = self._count + 1 if winner == self._next else 1
        self._next = winner
        if self._count >= self.hold:
            self._current = winner
        return self._current
