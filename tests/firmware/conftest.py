"""An emulated board for a test, and a recording from it; skipped by name where it is not built."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emgnb import acquire
from emgnb.acquire.ports import emulator
from emgnb.acquire.ports.emulator import Emulator


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
