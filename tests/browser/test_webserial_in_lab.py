"""A board at the browser, recorded by a kernel elsewhere: an emulated Mega behind Web Serial."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakeserial import FakeSerial
from pages import saved
from truth import against_truth
from waiting import until

from emgnb import acquire, recording
from emgnb.acquire.ports import emulator
from emgnb.acquire.ports.emulator import Emulator, truth_of

pytestmark = pytest.mark.slow

# A name of its own: the user may have a board connected, or another run of these tests.
NAME = f"test{os.getpid()}"
SHOW = (
    "from emgnb import acquire\nfrom emgnb.widgets import WebSerial\n"
    f"board = WebSerial({NAME!r})\nboard"
)


@pytest.fixture
def mega(tmp_path: Path) -> Iterator[Emulator]:
    if problem := emulator.missing():
        pytest.skip(problem)
    made = Emulator("mega", bootloader=0.3, truth=tmp_path / "truth")
    yield made
    made.close()


@pytest.fixture
def fake(mega: Emulator) -> Iterator[FakeSerial]:
    made = FakeSerial(mega.port)
    yield made
    made.close()


@pytest.fixture
def notebook(lab: Any, fake: FakeSerial, open_notebook: Callable[..., Any]) -> Any:
    """A notebook with the widget, on a page whose `navigator.serial` has the emulated board."""
    # On a page of its own: the script must not stay in the one of other tests.
    shown = open_notebook(lab.write("webserial.ipynb", SHOW), service_workers="block")
    shown.page.add_init_script(fake.script)
    shown.page.evaluate(fake.script)
    shown.run_all()
    return shown


@pytest.fixture
def recorder(lab: Any) -> Iterator[Callable[[Any], acquire.Recorder]]:
    """Start the recorder from the kernel; it is not left running."""
    made: list[acquire.Recorder] = []

    def start(notebook: Any) -> acquire.Recorder:
        folder = f"webserial{time.monotonic_ns()}"
        notebook.value(f"str(acquire.start(board.port, {folder!r}).folder)")
        made.append(acquire.attach(lab.root / folder))
        return made[-1]

    yield start
    for each in made:
        if each.health().is_alive:
            each.stop()


def connect(notebook: Any) -> None:
    panel = notebook.page.locator(".emgnb-webserial")
    panel.get_by_role("button", name="Connect board").click()
    panel.get_by_text("Connected at 500000 baud").wait_for()
    notebook.until("board.connected", "True")


def stall(lab: Any, seconds: float) -> None:
    """Let nothing pass between the page and the kernel, as a network that is down."""
    (about,) = (lab.home / "runtime").glob("jpserver-*.json")
    pid = json.loads(about.read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def grows(recorder: acquire.Recorder, by: int, patience: float = 120.0) -> None:
    reached = recorder.health().scans
    until(lambda: recorder.health().scans > reached + by, patience=patience)


@pytest.mark.parametrize(
    ("seconds", "down"),
    [(2, 3), pytest.param(600, 10, marks=[pytest.mark.soak, pytest.mark.timeout(1500)])],
)
def test_a_stall_of_the_network_loses_nothing(
    lab: Any,
    notebook: Any,
    recorder: Callable[[Any], acquire.Recorder],
    mega: Emulator,
    tmp_path: Path,
    seconds: float,
    down: float,
) -> None:
    connect(notebook)
    recording_ = recorder(notebook)
    grows(recording_, 500 * seconds, 90 + 5 * seconds)
    stall(lab, down)
    grows(recording_, 500 * seconds, 90 + 5 * seconds)
    before = recording_.health()
    assert (before.lost, before.crc_errors, before.segments) == (0, 0, 1)
    session = recording.open(recording_.stop())
    mega.report()
    (truth,) = truth_of(tmp_path / "truth", 8)
    got = session["emg/signal"]
    assert against_truth(got, truth) == (0, 0)
    assert (got.attrs["lost"], session.attrs["segments"]) == (0, 1)
    assert session.attrs["device"] == "Arduino Mega 2560"  # by its USB numbers


def test_a_reload_of_the_page_loses_what_is_said_and_no_more(
    notebook: Any,
    recorder: Callable[[Any], acquire.Recorder],
    mega: Emulator,
    tmp_path: Path,
) -> None:
    connect(notebook)
    recording_ = recorder(notebook)
    grows(recording_, 1000)
    saved(notebook.page)
    notebook.page.reload()
    notebook.ready()
    notebook.run_all()
    notebook.page.locator(".emgnb-webserial").get_by_text("Connected at 500000 baud").wait_for()
    grows(recording_, 1000)
    session = recording.open(recording_.stop())
    mega.report()
    got, streams = session["emg/signal"], truth_of(tmp_path / "truth", 8)
    wrong, missing = against_truth(got, *streams)
    assert (wrong, len(streams), session.attrs["segments"]) == (0, 2, 2)
    assert got.attrs["lost"] == missing > 0
    valid = got["valid"].values
    assert np.isnan(got.values[~valid]).all()


def test_the_panel_by_keyboard_and_in_both_themes(notebook: Any) -> None:
    page = notebook.page
    page.get_by_role("button", name="Connect board").focus()
    page.keyboard.press("Enter")
    panel = page.locator(".emgnb-webserial")
    panel.get_by_text("Nothing records it.").wait_for()
    notebook.look("connected", height=400)
    panel.get_by_role("button", name="Disconnect").focus()
    page.keyboard.press("Enter")
    panel.get_by_text("Not connected: it was disconnected in the page").wait_for()
    notebook.until("board.connected", "False")
