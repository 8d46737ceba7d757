"""Step the voltage at a pin of an emulated Mega, and compare clocks with what follows."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emgnb.acquire.clock import host_ns
from emgnb.acquire.ports import emulator

# Rate (Hz) of the voltages, and how far (s) they are written ahead of time.
FINE, AHEAD = 4000, 1.0
# Voltages (V) between which the pin steps.
LOW, HIGH = 0.5, 3.0


class Steps:
    """Write a voltage that steps at planned times into a pipe, somewhat ahead of the board.

    Attributes
    ----------
    at : (n,) samples, at `FINE` Hz, from which the other voltage is at the pin
    first : number of the first step that counts
    """

    def __init__(self, pipe: int) -> None:
        self.at = np.empty(0, dtype=np.int64)
        self.first = 0
        self._pipe, self._given = pipe, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def plan(self, intervals: Any) -> None:
        """Add steps, the first one some time after what is written already."""
        first = self._given + FINE
        times = first + np.cumsum(np.round(np.asarray(intervals) * FINE)).astype(np.int64)
        self.at = np.concatenate([self.at, times])

    def over(self, number: int = -1) -> bool:
        """Return whether the board got a step, the last by default, and some time has passed."""
        return bool(self._given > self.at[number] + (AHEAD + 0.5) * FINE)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._pipe)

    def _run(self) -> None:
        begin = time.monotonic()
        with contextlib.suppress(OSError):  # the board is gone
            while not self._over.wait(0.02):
                due = int((time.monotonic() - begin + AHEAD) * FINE) - self._given
                numbers = self._given + np.arange(due)
                high = np.searchsorted(self.at, numbers, side="right") % 2
                volts = np.where(high, HIGH, LOW)[:, np.newaxis]
                os.write(self._pipe, emulator.as_voltages(volts))
                self._given += due


class Growth(threading.Thread):
    """Note when a file grew, and to which size, as (ns, bytes)."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.stamps: list[tuple[int, int]] = []
        self._path, self._over = path, threading.Event()
        system = ctypes.CDLL(None)
        self._events = system.inotify_init1(os.O_CLOEXEC)
        system.inotify_add_watch(self._events, str(path).encode(), 2)  # IN_MODIFY
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            if select.select([self._events], [], [], 0.2)[0]:
                os.read(self._events, 1 << 16)
                at = host_ns()
                self.stamps.append((at, self._path.stat().st_size))
        os.close(self._events)

    def close(self) -> None:
        self._over.set()
        self.join()


class Lag(threading.Thread):
    """Note how far an emulated board is behind real time, as (ns, s)."""

    def __init__(self, board: emulator.Emulator) -> None:
        super().__init__(daemon=True)
        self.found: list[tuple[int, float]] = []
        self._board, self._over = board, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.1):
            told = self._board.report()
            late = told["seconds"] - told["cycles"] / emulator.CLOCK
            self.found.append((host_ns(), late))

    def close(self) -> None:
        self._over.set()
        self.join()


class Clock(NamedTuple):
    """Host ns at the zero of the page's clock, and how wrong that may be."""

    zero: float
    error: float

    def host(self, ms: Any) -> Any:
        """Return times of the page, in ms, on the host's clock in ns."""
        return self.zero + 1e6 * np.asarray(ms, dtype=float)


def clock_of(page: Any) -> Clock:
    """Compare the page's clock with the host's; the fastest of many round trips counts."""
    trips: list[tuple[int, float]] = []
    end = time.monotonic() + 3
    while len(trips) < 10 or (len(trips) < 500 and time.monotonic() < end):
        before = host_ns()
        there = page.evaluate("performance.now()")
        after = host_ns()
        trips.append((after - before, (after + before) / 2 - 1e6 * there))
    took, zero = min(trips)
    return Clock(zero, took / 2)


@contextlib.contextmanager
def boards(folder: Path) -> Iterator[tuple[emulator.Emulator, Steps, Lag]]:
    end, pipe = os.pipe()
    board = emulator.Emulator(
        "mega",
        voltages=end,
        voltage_rate=FINE,
        voltage_channels=1,
        truth=folder / "truth",
        log=folder / "log",
    )
    os.close(end)
    with contextlib.suppress(OSError):  # a board has its own processor; needs root
        os.setpriority(os.PRIO_PROCESS, board.pid, -20)
    steps, lag = Steps(pipe), Lag(board)
    try:
        yield board, steps, lag
    finally:
        lag.close()
        board.close()
        steps.close()
