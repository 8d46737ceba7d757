"""Three students record from their own browsers on one JupyterHub, set up as docs/hub.md says.

EMGNB_HUB_SECONDS shortens the recording. Each board keeps what its reader does not take yet, so
what is lost here is lost between the page and the journal.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import psutil
import pytest
from classroom import Classroom, Student, memory_of, missing, seconds_of
from fakeboard import Ours
from fakeserial import FakeSerial
from feeder import known
from waiting import until

from emgnb import recording
from emgnb.acquire.journal import JournalReader, Kind

pytestmark = [pytest.mark.slow, pytest.mark.soak]

SECONDS = float(os.environ.get("EMGNB_HUB_SECONDS", "300"))
RATE, CHANNELS = 1000, 8
# Milliseconds: three servers, kernels and pages start at once.
PATIENCE = 600_000
# Every student's board has the same name: their ports must not be confused.
SHOW = "from emgnb import acquire\nfrom emgnb.widgets import WebSerial\nboard = WebSerial()\nboard"
# What a student may try.
TRY = """
import http.client, os, urllib.error, urllib.request

def read(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(100)
    except OSError as error:
        return type(error).__name__

def asked(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__

def owners():
    found = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.add(os.stat(f"/proc/{process}").st_uid)
        except FileNotFoundError:
            pass
    return found
"""


class Board(Ours):
    """emgnb's firmware, with values that tell the student and the number of the scan."""

    def __init__(self, uid: int) -> None:
        super().__init__()
        self.uid = uid

    def scans(self, first: int, count: int) -> np.ndarray:
        return sent(self.uid, self.scan, count)


def sent(uid: int, first: int, count: int) -> np.ndarray:
    """Scans of a student's board; the first two channels hold the number of the scan."""
    numbers = np.arange(first, first + count)
    told = np.stack([numbers % 1024, numbers // 1024 % 1024], axis=1)
    return np.hstack([told, known(numbers + 100_003 * uid, CHANNELS - 2)])


@dataclass
class Desk:
    """A student with a board and a browser.

    board, notebook, context : None while the student is away
    """

    student: Student
    board: Any = None
    notebook: Any = None
    context: Any = None
    recordings: list[str] = field(default_factory=list)
    here: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def folder(self) -> Path:
        """Folder of the last recording, as seen from here."""
        return self.student.outside(self.recordings[-1])

    def value(self, expression: str) -> Any:
        """Value of an expression in the student's kernel."""
        return eval(self.notebook.value(expression))

    def status(self, url: str) -> int:
        """Answer to a request with the cookies of this student's browser."""
        return int(self.context.request.get(url).status)

    def connect(self) -> None:
        panel = self.notebook.page.locator(".emgnb-webserial")
        panel.get_by_role("button", name="Connect board").click()
        panel.get_by_text("Connected at 500000 baud").wait_for()
        self.notebook.until("board.connected", "True")

    def start(self) -> None:
        self.recordings.append(self.value("str(acquire.start(board.port).folder)"))

    def health(self, *names: str) -> tuple[Any, ...]:
        """Figures of the recording's health, as the student's kernel reads them."""
        wanted = ", ".join(f"h.{name}" for name in names)
        attached = f"acquire.attach({self.recordings[-1]!r}).health()"
        found: tuple[Any, ...] = self.value(f"[({wanted},) for h in [{attached}]][0]")
        return found

    def reached(self, scans: int) -> bool:
        return bool(self.health("scans")[0] >= scans)

    def grows(self, by: int) -> None:
        (before,) = self.health("scans")
        until(lambda: self.reached(before + by), every=0.5)

    def stop(self) -> Any:
        """Stop the recording; return the signal of its session."""
        path = self.value(f"str(acquire.attach({self.recordings[-1]!r}).stop())")
        return recording.open(self.student.outside(path))["emg/signal"]


@pytest.fixture(scope="module")
def room() -> Iterator[Classroom]:
    if problem := missing():
        pytest.skip(problem)
    made = Classroom("ann", "ben", "cem")
    yield made
    made.close()


@pytest.fixture(scope="module")
def desks(room: Classroom) -> Iterator[dict[str, Desk]]:
    found = {name: Desk(student) for name, student in room.students.items()}
    for desk in found.values():
        write(desk.student, "board.ipynb", SHOW, TRY)
    yield found
    for desk in found.values():
        leave(desk)


@pytest.fixture
def seated(
    room: Classroom, desks: dict[str, Desk], browser: Any, notebook_on: Callable[..., Any]
) -> Iterator[dict[str, Desk]]:
    """Everybody has logged in, opened the notebook and connected the board."""
    for desk in desks.values():
        if desk.notebook is None:
            enter(room, desk, browser, notebook_on)
            desk.connect()
    yield desks
    for desk in desks.values():
        # A recording that a failed test has left would keep the next one from starting.
        for recorder in desk.student.processes():
            if what(recorder) == "recorder":
                recorder.terminate()
                recorder.wait(120)


def write(student: Student, name: str, *cells: str) -> None:
    """Put a notebook into a student's folder."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    path = student.home / name
    nbformat.write(notebook, path)
    os.chown(path, student.uid, student.uid)


def enter(room: Classroom, desk: Desk, browser: Any, notebook_on: Callable[..., Any]) -> None:
    """Log in as a student does, open the notebook, and run it."""
    desk.board = desk.here.enter_context(Board(desk.student.uid))
    serial = desk.here.enter_context(contextlib.closing(FakeSerial(desk.board.port)))
    desk.context = browser.new_context(
        viewport={"width": 1400, "height": 1000}, service_workers="block"
    )
    desk.context.set_default_timeout(PATIENCE)
    desk.context.add_init_script(serial.script)
    page = desk.context.new_page()
    log_in(room, desk.student, page)
    shown = page.goto(f"{room.url}/user/{desk.student.name}/doc/tree/board.ipynb")
    assert shown.ok, shown.status_text
    desk.notebook = notebook_on(page, f"hub_{desk.student.name}.ipynb")
    desk.notebook.ready(PATIENCE / 1000)
    desk.notebook.run_all()


def log_in(room: Classroom, student: Student, page: Any) -> None:
    """Log in, and wait until the student's server runs."""
    page.goto(f"{room.url}/hub/login")
    page.locator("#username_input").fill(student.name)
    page.locator("#password_input").fill(student.password)
    page.locator("#login_submit").click()
    page.wait_for_url(f"**/user/{student.name}/**", wait_until="commit")


def leave(desk: Desk) -> None:
    """Close the student's browser, as a laptop that is shut."""
    if desk.context is not None:
        desk.context.close()
    desk.notebook = desk.context = None
    desk.here.close()


def as_sent(desk: Desk, signal: Any) -> None:
    """A session has every scan that this student's board has sent since its first one."""
    values = signal.values
    first = int(values[0, 0] + 1024 * values[0, 1])
    assert np.array_equal(values, sent(desk.student.uid, first, len(values)))
    assert signal.attrs["lost"] == 0


def usage(processes: list[psutil.Process], before: dict[int, float], seconds: float) -> str:
    """Memory and CPU of a student, and of which processes."""
    now = seconds_of(processes)
    share = sum(spent - before.get(pid, 0.0) for pid, spent in now.items()) / seconds
    parts = ", ".join(
        "{} {:.0f}/{:.0f}".format(what(process), *memory_of([process]))
        for process in sorted(processes, key=lambda one: one.pid)
    )
    own, with_shared = memory_of(processes)
    return f"{own:.0f} MB of its own, {with_shared:.0f} MB PSS ({parts}), {share:.1%} of a core"


def what(process: psutil.Process) -> str:
    """Name of a process in the tables of docs/hub.md."""
    try:
        words = " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
    names = {
        "jupyterhub.singleuser": "server",
        "ipykernel": "kernel",
        "acquire.record.process": "recorder",
        "jupyterhub -f": "hub",
        "http-proxy": "proxy",
    }
    return next((name for key, name in names.items() if key in words), words[:60])


@pytest.mark.timeout(3600)
def test_three_record_at_once_and_lose_nothing(room: Classroom, seated: dict[str, Desk]) -> None:
    for desk in seated.values():
        desk.start()
    for desk in seated.values():
        until(lambda desk=desk: desk.reached(2 * RATE), every=0.5)
    everybody = {name: desk.student.processes for name, desk in seated.items()}
    everybody["hub and proxy"] = room.own
    before = {name: seconds_of(processes()) for name, processes in everybody.items()}
    begun = time.monotonic()
    for desk in seated.values():
        until(
            lambda desk=desk: desk.reached(int(SECONDS * RATE)), patience=3 * SECONDS + 300, every=2
        )
    seconds = time.monotonic() - begun
    for name, processes in everybody.items():
        print(f"{name}: {usage(processes(), before[name], seconds)}")
    for name, desk in seated.items():
        found = desk.health("lost", "crc_errors", "segments", "dropped")
        assert found == (0, 0, 1, 0), (name, desk.board.probed)
        signal = desk.stop()
        assert len(signal) >= SECONDS * RATE
        as_sent(desk, signal)
        print(f"{name}: {len(signal)} scans, {len(signal.channel)} channels, 0 lost")


def test_nobody_reaches_what_is_anothers(
    room: Classroom, seated: dict[str, Desk], browser: Any
) -> None:
    ann, ben = seated["ann"], seated["ben"]
    for desk in (ann, ben):
        desk.start()
    # In the browser, logged in as another student, and not at all.
    for path in (
        "lab",
        "api/contents",
        "api/contents/recordings",
        "api/kernels",
        "files/board.ipynb",
    ):
        assert ann.status(f"{room.url}/user/ann/{path}") == 200
        assert ben.status(f"{room.url}/user/ann/{path}") in (403, 404)
    stranger = browser.new_context()
    assert stranger.request.get(f"{room.url}/user/ann/api/contents").status == 403
    assert "/hub/login" in stranger.request.get(f"{room.url}/user/ann/lab").url
    stranger.close()
    assert ben.status(f"{room.url}/hub/api/users/ann") in (403, 404)
    assert ben.status(f"{room.url}/hub/api/users") in (403, 404)
    # In a notebook, on the same computer.
    places = ["", "board.ipynb", "recordings", ".emgnb/webserial", ".local/share/jupyter/runtime"]
    inside = [f"/home/ann/{place}" for place in places] + [ann.recordings[-1] + "/journal.emgj"]
    assert not any(ann.value(f"[type(read(path)) is str for path in {inside}]"))
    assert set(ben.value(f"[read(path) for path in {inside}]")) == {"PermissionError"}
    assert ben.value("owners()") == {ben.student.uid}
    # Messages of kernels pass through sockets in the home folder. The port on which a kernel still
    # listens takes the output of its subprocesses, with a secret, and sends nothing.
    runtime = ann.student.home / ".local/share/jupyter/runtime"
    assert {
        json.loads(each.read_text())["transport"] for each in runtime.glob("kernel-*.json")
    } == {"ipc"}
    listening = {
        (what(process), each.laddr.ip, each.laddr.port)
        for process in ann.student.processes()
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }
    assert {name for name, _, _ in listening} >= {"server", "recorder"}
    for name, place, port in listening:
        assert place == "127.0.0.1"
        answer = ben.value(f"asked({port}, '/user/ann/api/contents')")
        assert answer == 403 if name == "server" else isinstance(answer, str), (name, answer)
    # What she sent is still whole.
    ann.grows(RATE)
    for desk in (ann, ben):
        as_sent(desk, desk.stop())


def test_a_closed_laptop_and_a_stopped_server_lose_nothing_that_was_stated(
    room: Classroom, seated: dict[str, Desk], browser: Any, notebook_on: Callable[..., Any]
) -> None:
    ann = seated["ann"]
    ann.start()
    ann.grows(5 * RATE)
    # What the page and the notebook state; the page's count is of bytes in the recorder's hands.
    taken = ann.notebook.page.evaluate("emgnbBoards.get('board').outbox.acknowledged")
    (stated,) = ann.health("scans")
    leave(ann)
    stop_server(room, ann.student, browser)
    with JournalReader(ann.folder / "journal.emgj") as journal:
        kept = sum(len(each.payload) for each in journal.records() if each.kind == Kind.RAW)
    assert kept >= taken > 0
    enter(room, ann, browser, notebook_on)
    until(lambda: ann.health("state", "is_alive") == ("waiting for port", True), every=0.5)
    signal = ann.stop()
    assert len(signal) >= stated >= 5 * RATE
    as_sent(ann, signal)
    # The next recording begins as if nothing had been.
    ann.connect()
    ann.start()
    ann.grows(RATE)
    as_sent(ann, ann.stop())


def stop_server(room: Classroom, student: Student, browser: Any) -> None:
    """Stop a student's server on the hub's own page, from another browser."""
    # Closed with the browser: closing it now, or waiting for what a click begins, can hang.
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    log_in(room, student, page)
    page.goto(f"{room.url}/hub/home")
    # The page hears clicks only once its scripts, which it loads later, have run.
    page.wait_for_function(
        "() => window.jQuery?._data(document.querySelector('#stop'), 'events')?.click"
    )
    page.locator("#stop").dispatch_event("click")
    # The hub stops a server for a moment longer than its processes live, and asks who logs in
    # meanwhile whether to start it.
    page.locator("#stop").wait_for(state="hidden")
    until(lambda: [what(each) for each in student.processes()] == ["recorder"], every=0.5)


def test_a_restarted_hub_loses_nothing(room: Classroom, seated: dict[str, Desk]) -> None:
    for desk in seated.values():
        desk.start()
    for desk in seated.values():
        desk.grows(RATE)
    room.end_hub()
    room.wait()
    for desk in seated.values():
        desk.notebook.ready()
        desk.grows(5 * RATE)
    for desk in seated.values():
        assert desk.health("lost", "segments") == (0, 1)
        as_sent(desk, desk.stop())
