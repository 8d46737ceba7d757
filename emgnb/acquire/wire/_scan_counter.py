"""Unwrap a board's scan counter, count missing scans, and drop invalid sequence numbers.

A counter has few bits, and a number may be damaged. A number that does not continue the sequence
is therefore held until the next scan confirms it. If confirmed, scans are missing or the board has
restarted; if not, the number is dropped and counted as invalid (`impossible`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
Values = npt.NDArray[Any]


class Counted(NamedTuple):
    """Accepted scans and the segment of each, with counts of lost scans and invalid numbers."""

    scans: I64
    segment: I64
    values: Values
    ends: I64
    lost: int
    impossible: int


class Counting:
    """Unwrap a wrapping counter to continuous scan numbers.

    Parameters
    ----------
    bits : width of the counter
    max_step : largest step accepted without confirmation
    max_leap : largest step that, once confirmed, means missing scans; beyond it, a new segment
    """

    def __init__(self, *, bits: int, max_step: int, max_leap: int) -> None:
        self._wrap = (1 << bits) - 1
        self._max_step = max_step
        self._max_leap = max_leap
        self._last: int | None = None
        self._segment = 0
        # An unconfirmed number, with its values and end.
        self._held: tuple[int, Values, int] | None = None

    def finish(self) -> int:
        """Drop the numbers still unconfirmed at the end of the stream, and return how many."""
        held, self._held = self._held, None
        return int(held is not None)

    def push(self, counters: I64, values: Values, ends: I64) -> Counted:
        """Number the next scans by their counters (n,), with their `values` and `ends`."""
        n = counters.size
        if n and self._held is None:
            before = int(counters[0]) - 1 if self._last is None else self._last
            scans = np.arange(before + 1, before + 1 + n)
            if not np.array_equal(scans & self._wrap, counters):
                steps = self._steps(np.diff(counters, prepend=before))
                if steps.max() > self._max_step:
                    return self._in_doubt(counters, values, ends)
                scans = before + np.cumsum(steps)
            self._last = int(scans[-1])
            lost = self._last - before - n
            return Counted(scans, np.full(n, self._segment), values, ends, lost, 0)
        return self._in_doubt(counters, values, ends)

    def _steps(self, difference: Any) -> Any:
        """Return steps of the counter, from 1 to a full turn: a repeated number is a full turn."""
        return ((difference - 1) & self._wrap) + 1

    def _in_doubt(self, counters: I64, values: Values, ends: I64) -> Counted:
        """Number the scans one by one."""
        numbers = counters.tolist()
        held: int | None = None
        if self._held is not None and numbers:
            numbers.insert(0, self._held[0])
            values = np.concatenate([self._held[1], values])
            ends = np.concatenate([[self._held[2]], ends])
            held, self._held = 0, None
        kept: list[tuple[int, int, int]] = []
        lost = impossible = 0
        for at in range(0 if held is None else 1, len(numbers)):
            step = 1 if self._last is None else self._steps(numbers[at] - self._last)
            if step <= self._max_step:
                impossible += held is not None
                held = None
                self._last = numbers[at] if self._last is None else self._last + step
                kept.append((at, self._last, self._segment))
                lost += step - 1
                continue
            step = self._max_step + 1 if held is None else self._steps(numbers[at] - numbers[held])
            if held is None or step > self._max_step:
                impossible += held is not None
                held = at
                continue
            assert self._last is not None
            leap = self._steps(numbers[held] - self._last)
            if leap <= self._max_leap:
                lost += leap - 1
                begin = self._last + leap
            else:
                self._segment += 1
                begin = numbers[held]
            self._last = begin + step
            kept += [(held, begin, self._segment), (at, self._last, self._segment)]
            lost += step - 1
            held = None
        if held is not None:
            self._held = (numbers[held], values[held : held + 1], int(ends[held]))
        places, scans, segment = np.array(kept, dtype=np.int64).reshape(-1, 3).T
        return Counted(scans, segment, values[places], ends[places], lost, impossible)
