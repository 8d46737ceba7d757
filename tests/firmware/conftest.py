"""An emulated board for a test, and a recording from it; skipped by name where it is not built."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from emgnb import acquire
from emgnb.acquire import emulator
from emgnb.acquire.emulator import Emulator


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Callable[..., Emulator]]:
    """Make an emulated board that logs its truth in tmp_path; each is ended."""
    if problem := emulator.missing():
        pytest.skip(problem)
    made: list[Emulator] = []

    def make(sketch: str = "mega", **options: object) -> Emulator:
        options = {"truth": tmp_path / "truth", "log": tmp_path / "log"} | options
        made.append(Emulator(sketch, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Recordings, none of which is left running."""
    yield tmp_path
    for found in tmp_path.glob("*/health.json"):
        health = acquire.attach(found.parent).health()
        if health.is_alive:
            os.kill(health.pid, signal.SIGKILL)


def wait_for(recorder: acquire.Recorder, true: Callable[[acquire.Health], bool]) -> acquire.Health:
    deadline = time.monotonic() + 90
    while not true(recorder.health()):
        assert recorder.health().state != "failed", recorder.health()
        assert time.monotonic() < deadline, f"still {recorder.health()}"
        time.sleep(0.02)
    return recorder.health()


def against_truth(signal_: xr.DataArray, *streams: np.ndarray) -> tuple[int, int]:
    """Lay the streams of a board on a session; count the valid rows that differ, and the missing.

    The first stream begins at the session's first row, each further one at the first valid row
    from which on its first scans fit.
    """
    values, valid = signal_.values, signal_["valid"].values
    wrong, begin = 0, 0
    missing = int(np.count_nonzero(~valid))
    for place, truth in enumerate(streams):
        if place:
            rows = np.flatnonzero(valid[begin:]) + begin
            begin = next(row for row in rows if np.array_equal(values[row], truth[0]))
        following = streams[place + 1][0] if place + 1 < len(streams) else None
        size = min(len(truth), len(values) - begin)
        if following is not None:
            fits = (values[begin:] == following).all(axis=1) & valid[begin:]
            size = min(size, int(np.argmax(fits)))
        here = slice(begin, begin + size)
        wrong += int(np.count_nonzero((values[here] != truth[:size]).any(axis=1) & valid[here]))
        begin += size
    assert not valid[begin:].any()
    return wrong, missing
