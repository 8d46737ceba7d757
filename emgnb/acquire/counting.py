"""What a board's scan counter says: which scans are missing, and which numbers cannot be.

A counter has few bits and a number may be damaged, so one that does not follow is not believed at
once: it is held until the next scan continues it. Then scans are missing, or the board has started
anew; a number that nothing continues is dropped, and counted as impossible.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
Values = npt.NDArray[Any]


class Counted(NamedTuple):
    """Scans that are believed, with the segment each lies in, and what was not there or not so."""

    scans: I64
    segment: I64
    values: Values
    ends: I64
    lost: int
    impossible: int


class Counting:
    """Turn a wrapping counter into scan numbers that count on.

    Parameters
    ----------
    bits : of the counter
    max_step : a step up to this is believed at once
    max_leap : a step up to this, once continued, means missing scans; beyond, a new segment
    """

    def __init__(self, *, bits: int, max_step: int, max_leap: int) -> None:
        self._wrap = (1 << bits) - 1
        self._max_step = max_step
        self._max_leap = max_leap
        self._last: int | None = None
        self._segment = 0
        # A number in doubt, with its values and end.
        self._held: tuple[int, Values, int] | None = None

    def finish(self) -> int:
        """How many numbers are still in doubt at the stream's end: they are dropped."""
        held, self._held = self._held, None
        return int(held is not None)

    def push(self, counters: I64, values: Values, ends: I64) -> Counted:
        """Number the next scans by their counters (n,); `values` and `ends` go with them."""
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
        """Steps of the counter, 1 up to a whole turn: standing still is a turn."""
        return ((difference - 1) & self._wrap) + 1

    def _in_doubt(self, counters: I64, values: Values, ends: I64) -> Counted:
        """Number scan by scan."""
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
