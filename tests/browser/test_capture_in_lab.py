"""Recording by mouse and by keyboard, in JupyterLab and Notebook 7, in a real Chromium."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import frames, saved

from emgnb import acquire, recording
from emgnb.widgets import Capture
from emgnb.widgets.shared.panel import front

pytestmark = [
    pytest.mark.slow,
]

FEEDER = Path(__file__).resolve().parents[1] / "support" / "feeder.py"
WIDGETS = Path(acquire.__file__).resolve().parents[1] / "widgets"


class Board:
    """A board at the far end of a pseudo-terminal: 8 channels at 1 kHz, each value known.

    It keeps its bytes while a busy computer does not read them.
    """

    def __init__(self, seconds: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(FEEDER), "8", "1000", str(seconds), "frames", "60"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self.process.stdout is not None
        self.port = self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")

    def sent(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline().split()[0])

    def unplug(self) -> None:
        self.process.kill()
        self.process.communicate()


LOOK = WIDGETS / "capture" / "live_view.css"
LIVE_VIEW = "capture/live_view.js"


@pytest.fixture
def board() -> Iterator[Callable[..., Board]]:
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals that pyserial can open")
    made: list[Board] = []

    def plugged(seconds: float) -> Board:
        made.append(Board(seconds))
        return made[-1]

    yield plugged
    for each in made:
        if each.process.returncode is None:
            each.unplug()


@pytest.fixture
def capture_in(lab: Any, open_notebook: Callable[..., Any]) -> Callable[..., Any]:
    """Open a notebook with a Capture in it, ready to be used."""

    def opened(name: str, port: str = "sim://smile?seed=1", **options: Any) -> Any:
        kernel = options.pop("kernel", "python3")
        cell = (
            "from emgnb.widgets import Capture\n"
            f"capture = Capture({port!r}, folder={name!r}, participant='P07')\n"
            "capture"
        )
        notebook = open_notebook(lab.write(f"{name}.ipynb", cell, kernel=kernel), **options)
        notebook.run_all()
        notebook.page.locator(".emgnb-capture .start").wait_for()
        return notebook

    return opened


def desk(notebook: Any) -> Any:
    return notebook.page.locator(".emgnb-capture")


def records(notebook: Any, scans: int = 0) -> None:
    """Wait until the page shows a recording, with so many scans drawn."""
    notebook.page.wait_for_function(
        """(scans) => document.querySelector('.emgnb-capture').dataset.state === 'recording'
             && Number(document.querySelector('canvas.emgnb-live').dataset.scan ?? 0) >= scans""",
        arg=scans,
    )


def stored(notebook: Any) -> Any:
    notebook.until("capture.path is not None", "True")
    assert notebook.value("capture.error") == "None"
    return recording.open(notebook.value("str(capture.path)").strip("'"))


def tab_to(page: Any, selector: str) -> None:
    """Walk by the Tab key alone until the focus is there."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(s) => Boolean(document.activeElement?.matches(s))", selector):
            return
    raise AssertionError(f"the Tab key does not come to {selector}")


class Mouse:
    def start(self, notebook: Any) -> None:
        desk(notebook).get_by_role("button", name="Start").click()

    def mark(self, notebook: Any, k: int) -> None:
        desk(notebook).locator(".cue").nth(k).click()

    def stop(self, notebook: Any) -> None:
        desk(notebook).get_by_role("button", name="Stop").click()


class Keyboard:
    def start(self, notebook: Any) -> None:
        page = notebook.page
        page.evaluate("document.activeElement.blur()")
        page.locator(".jp-Cell").first.evaluate("(cell) => cell.focus()")
        tab_to(page, ".emgnb-capture select")  # the port
        tab_to(page, ".site")  # one of the electrodes' places, and the one above it is taken
        cells = notebook.cells()
        for key in ("b", "x", "ArrowUp", "ArrowUp", "ArrowUp", "Enter"):
            page.keyboard.press(key)
        assert notebook.cells() == cells
        tab_to(page, ".start")
        page.keyboard.press("Enter")

    def mark(self, notebook: Any, k: int) -> None:
        notebook.page.keyboard.press(str(k + 1))

    def stop(self, notebook: Any) -> None:
        tab_to(notebook.page, ".stop")
        notebook.page.keyboard.press("Enter")


LONG = pytest.mark.soak


@pytest.mark.parametrize(
    ("hands", "seconds"),
    [
        ((Mouse(), Keyboard()), 8),
        pytest.param((Mouse(), Keyboard()), 20, marks=LONG),
        pytest.param((Keyboard(), Mouse()), 20, marks=LONG),
    ],
    ids=["mouse-8", "mouse-20", "keyboard-20"],
)
def test_a_face_and_a_board_are_recorded_without_loss(
    hands: tuple[Any, Any],
    seconds: int,
    capture_in: Callable[..., Any],
    board: Callable[..., Board],
) -> None:
    """At once: the face in JupyterLab by one hand, the board in Notebook 7 by the other."""
    name = type(hands[0]).__name__.lower()
    plugged = board(seconds)
    face = capture_in(f"{name}_face", app="lab")
    cable = capture_in(f"{name}_board", plugged.port, app="notebook")
    used = list(zip((face, cable), hands, strict=True))
    for notebook, hand in used:
        hand.start(notebook)
        records(notebook)
    plugged.go()
    cells = [notebook.cells() for notebook in (face, cable)]
    for k in range(3):
        for notebook, hand in used:
            records(notebook, scans=1500 * (k + 1))
            hand.mark(notebook, k)
    sent = plugged.sent()  # all is out
    for notebook, hand in used:
        records(notebook, scans=seconds * 1000 - 2500)
        notebook.screenshot("recorded")
        hand.stop(notebook)
    for notebook, before in zip((face, cable), cells, strict=True):
        session = stored(notebook)
        emg = session["emg/signal"]
        assert session["markers/text"].values.tolist() == ["smile", "frown", "surprise"]
        assert emg.attrs["lost"] == 0
        assert emg.sizes["time"] > 0.95 * seconds * 1000
        assert session.attrs["participant"] == "P07"
        assert notebook.cells() == before  # digits, Tab and Enter stayed in the widget
        if notebook is cable:
            assert emg.sizes["time"] == sent == seconds * 1000
            first = np.arange(sent)[:, np.newaxis]
            known = (first * 7919 + np.arange(8) * 104_729 + first // 1024) % 1024
            np.testing.assert_array_equal(emg.values, known)


@pytest.mark.parametrize(
    "version", [pytest.param("6.31", marks=LONG), pytest.param("7.3", marks=LONG), "7.4"]
)
def test_a_key_beside_a_busy_cell_is_marked_at_its_moment(
    version: str, lab: Any, capture_in: Callable[..., Any], kernel_of: Callable[[str], str]
) -> None:
    notebook = capture_in(f"busy_{version.replace('.', '_')}", kernel=kernel_of(version))
    found = notebook.value("__import__('ipykernel').__version__").strip("'")
    assert found.startswith(f"{version}.")
    page = notebook.page
    Mouse().start(notebook)
    records(notebook, scans=1500)
    page.evaluate(
        """() => {
             const pressed = window.pressed = [];
             window.cell = null;
             // The page may be interrupted between the two clocks: the largest difference is right.
             const each = () => Date.now() - performance.now();
             const ahead = () => Math.max(...Array.from({ length: 50 }, each));
             document.addEventListener('keydown', (event) => {
               pressed.push((ahead() + event.timeStamp) / 1000);
             }, true);
             const { kernel } = jupyterapp.shell.currentWidget.context.sessionContext.session;
             kernel.requestExecute({ code: `from pathlib import Path
while not Path('enough').exists(): sum(range(1000))
Path('enough').unlink()` }).done.then(() => { window.cell = 'done'; });
           }"""
    )
    kernel = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
    page.wait_for_function(f"() => {kernel}.status === 'busy'")
    drawn = int(page.locator("canvas.emgnb-live").get_attribute("data-scan"))
    page.keyboard.press("1")
    # samples go on to the page by a thread, whatever the kernel computes
    records(notebook, scans=drawn + 1000)
    page.keyboard.press("2")
    records(notebook, scans=drawn + 1500)
    (lab.root / "enough").touch()
    page.wait_for_function("() => window.cell === 'done'")
    notebook.until("capture.live.status['marks']", "2")
    Mouse().stop(notebook)
    session = stored(notebook)
    began = datetime.fromisoformat(session.attrs["started"]).timestamp()
    marks = session["markers"]
    assert marks["text"].values.tolist() == ["smile", "frown"]
    off = np.abs(began + marks["time"].values - np.array(page.evaluate("window.pressed")[:2]))
    # 30 ms is what the fit of the two clocks leaves open at the recording's beginning
    assert np.all(off <= marks["uncertainty"].values + 0.03), (off, marks["uncertainty"].values)
    assert session["emg/signal"].attrs["lost"] == 0
    names = "sorted(t.name for t in __import__('threading').enumerate() if 'emgnb' in t.name)"
    notebook.until(names, "[]")


def test_a_recording_outlives_a_reload_the_cell_and_the_kernel(
    lab: Any, capture_in: Callable[..., Any]
) -> None:
    notebook = capture_in("outlives")
    page = notebook.page
    Mouse().start(notebook)
    records(notebook, scans=1000)
    folder = notebook.value("str(capture.recorder.folder)")
    saved(page)
    page.reload()
    notebook.ready()
    desk(notebook).wait_for()
    records(notebook, scans=2000)  # the page is back, with what it missed
    page.keyboard.press("Escape")

    notebook.run_all()  # the same cell again: the widget before lets go, and the new one finds
    offer = desk(notebook).get_by_role("button", name="Reconnect")
    offer.click()
    records(notebook, scans=1)
    threads = "[t.name for t in __import__('threading').enumerate()].count('emgnb capture')"
    notebook.until(threads, "1")

    page.evaluate(
        "async () => { await jupyterapp.shell.currentWidget.context.sessionContext"
        ".session.kernel.restart(); }"
    )
    notebook.ready()
    notebook.run_all()
    notebook.screenshot("offered")
    offer.click()
    records(notebook, scans=1)
    assert notebook.value("str(capture.recorder.folder)") == folder
    Mouse().mark(notebook, 0)
    notebook.until("capture.live.status.get('marks')", "1")
    Mouse().stop(notebook)
    session = stored(notebook)
    assert session["emg/signal"].attrs["lost"] == 0
    assert session.attrs["segments"] == 1
    assert session["markers/text"].values.tolist() == ["smile"]
    lab.end_kernels()  # and nothing that this widget began is left: see no_recorder_is_left


def test_what_is_wrong_is_said_and_every_state_can_be_read_aloud(
    capture_in: Callable[..., Any], board: Callable[..., Board], tmp_path: Path
) -> None:
    notebook = capture_in("states", "/dev/no_such_board", height=1250)
    page, panel = notebook.page, notebook.page.locator(".emgnb-panel")

    Mouse().start(notebook)
    said = panel.get_by_role("alert").filter(has_text="no_such_board")
    said.wait_for()
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()
    assert panel.get_by_role("button", name="Start").is_enabled()

    plugged, port = board(600), tmp_path / "ttyEMG"
    port.symlink_to(plugged.port)
    page.get_by_label("port", exact=True).select_option("another port …")
    page.get_by_label("name of the port").fill(str(port))
    page.keyboard.press("Tab")
    notebook.until("capture.live.port", repr(str(port)))
    panel.get_by_role("checkbox", name="given").check()
    plugged.go()
    panel.get_by_role("button", name="Test connection").click()
    panel.locator(".verdict:not([data-state='listening'])").wait_for()
    notebook.look("verdict")
    Mouse().start(notebook)
    records(notebook, scans=3000)
    panel.get_by_role("button", name="Pause").click()
    panel.get_by_text("display paused, still recording").wait_for()
    frames(page, 30)  # one that was asked for before may still be drawn
    drawn = page.locator("canvas.emgnb-live").get_attribute("data-frames")
    frames(page, 30)
    assert page.locator("canvas.emgnb-live").get_attribute("data-frames") == drawn
    panel.get_by_role("button", name="Resume").click()
    port.unlink()  # first: another test may get a terminal of the same name
    plugged.unplug()
    panel.get_by_text("The port is disconnected").wait_for()
    notebook.look("lost")
    Mouse().stop(notebook)
    session = stored(notebook)
    assert session["markers/text"].values.tolist() == ["pause", "end"]
    assert session["emg/signal"].sizes["time"] > 2500
    assert session.attrs["consent"]["sharing"] == "not shared"


MINUTE = """
import os, time
import numpy as np
from emgnb.widgets.capture._live_view import LiveView
view = LiveView(channels=[f"ch{n}" for n in range(8)], rate=1000.0, units="V")
noise = np.random.default_rng(0).normal(size=(33, 8)).astype("f4")
def minute():
    # ten times as fast as a board sends, which is what the server lets through
    end = view.newest + 60_000
    while view.newest < end:
        view.push(np.arange(view.newest + 1, view.newest + 34), noise)
        time.sleep(0.0033)
    return view.newest
def resident():
    import psutil
    return psutil.Process().memory_info().rss
view
"""


@pytest.mark.parametrize(
    "minutes",
    [
        3,
        pytest.param(10, marks=pytest.mark.soak),
        pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
def test_minutes_of_live_view_leave_page_and_kernel_as_they_were(
    minutes: int, lab: Any, open_notebook: Callable[..., Any]
) -> None:
    """Of samples: they come ten times as fast. For the clock's ten, see benchmarks/live_view.py."""
    notebook = open_notebook(lab.write("minutes.ipynb", MINUTE))
    notebook.run_all()
    page = notebook.page
    meter = page.context.new_cdp_session(page)
    meter.send("HeapProfiler.enable")
    held = []
    for _ in range(minutes):
        newest = int(notebook.value("minute()"))
        page.wait_for_function(
            "(scan) => Number(document.querySelector('canvas.emgnb-live').dataset.scan) > scan",
            arg=newest,
        )
        meter.send("HeapProfiler.collectGarbage")
        heap = meter.send("Runtime.getHeapUsage")["usedSize"]
        elements = page.locator(".jp-Cell *").count()
        held.append((heap / 1e6, int(notebook.value("resident()")) / 1e6, elements))
    settled, last = held[1], held[-1]  # what is kept for a minute is full by then
    assert last[0] < settled[0] + 3, held
    assert last[1] < settled[1] + 15, held
    assert last[2] == settled[2], held


# ---- the drawing, in a page of its own


@pytest.fixture
def bare(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1000, "height": 500})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_content(f"<style>{LOOK.read_text()}</style><div id='here'></div>")
    yield page
    page.close()
    assert not wrong


def module(page: Any, file: str, *, shows: str) -> None:
    code = front(file)
    page.add_script_tag(content=f"{code}\nwindow.shows = {shows};", type="module")
    page.wait_for_function("window.shows")


def test_a_tick_is_drawn_in_its_column_and_a_gap_stays_a_gap(bare: Any) -> None:
    module(bare, LIVE_VIEW, shows="liveView(document.getElementById('here'))")
    columns = """async ([sweep, more]) => {
      const view = window.shows, n = 2000, values = new Float32Array(n).fill(0);
      view.layout({ channels: ['one'], rate: 1000, seconds: 2, units: 'V', origin: 0 });
      view.set({ sweep });
      values[1500] = 1;
      for (let i = 500; i < 700; i++) values[i] = NaN;
      for (let at = 0; at < n; at += 50) {
        view.take(at, values.slice(at, at + 50));
        if (at % 250 === 0) await new Promise(requestAnimationFrame);
      }
      view.take(n, new Float32Array(more));
      await new Promise((done) => setTimeout(done, 300));
      const { width, height } = view.canvas, pen = view.canvas.getContext('2d');
      const { data } = pen.getImageData(0, 18, width, height - 38), tall = [];
      for (let x = 0; x < width; x++) {
        let ink = 0;
        for (let y = 0; y < height - 38; y++) ink += data[4 * (y * width + x) + 3] > 64;
        tall.push(ink);
      }
      return [width, tall];
    }"""
    for sweep, more in ((False, 0), (False, 400), (True, 0), (True, 400)):
        width, tall = bare.evaluate(columns, [sweep, more])
        ink = np.array(tall)
        if sweep and more:  # the line that runs over the picture
            ink[int(more / 2000 * width) + np.arange(-2, 20)] = 1
        tick = 1500 if sweep else 1500 - more
        assert abs(int(ink.argmax()) - tick / 2000 * width) < 3
        gap = np.flatnonzero(ink == 0)
        begin = 500 if sweep else 500 - more
        inside = (gap > begin / 2000 * width + 2) & (gap < (begin + 200) / 2000 * width - 2)
        assert inside.sum() > 0.08 * width
        if not sweep:
            assert np.all(ink[: int(max(begin, 0) / 2000 * width) - 2] > 0)


def test_a_fine_screen_gets_a_column_for_each_of_its_pixels(browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 500}, device_scale_factor=2)
    page.set_content(f"<style>{LOOK.read_text()}</style><div id='here'></div>")
    module(page, LIVE_VIEW, shows="liveView(document.getElementById('here'))")
    thick = page.evaluate(
        """async () => {
             const view = window.shows, n = 8000, values = new Float32Array(n).fill(0);
             view.layout({ channels: ['a'], rate: 1000, seconds: 8, units: 'V', origin: 0 });
             values[4000] = 1;
             view.take(0, values);
             await new Promise((done) => setTimeout(done, 300));
             const { width, height, clientWidth } = view.canvas, pen = view.canvas.getContext('2d');
             const { data } = pen.getImageData(0, height / 2, width, 1);
             let ink = 0;
             for (let i = 3; i < data.length; i += 4) ink += data[i] > 64;
             return [width / clientWidth, ink];
           }"""
    )
    page.close()
    assert thick[0] == pytest.approx(2, abs=0.01)
    assert 1 <= thick[1] <= 4  # the tick, up and down, no thicker than two pixels of the page


def test_out_of_sight_nothing_is_drawn(bare: Any) -> None:
    module(bare, LIVE_VIEW, shows="liveView(document.getElementById('here'))")
    bare.evaluate(
        """() => {
             const about = { channels: ['a'], rate: 1000, seconds: 2, units: 'V', origin: 0 };
             window.shows.layout(about);
             let n = 0;
             setInterval(() => { window.shows.take(n, new Float32Array(20)); n += 20; }, 20);
           }"""
    )
    drawn = "() => Number(window.shows.canvas.dataset.frames)"
    bare.wait_for_function("() => Number(window.shows.canvas.dataset.frames) > 5")
    bare.evaluate("() => { window.shows.canvas.style.display = 'none'; }")
    frames(bare)
    before = bare.evaluate(drawn)
    frames(bare, 25)
    assert bare.evaluate(drawn) == before
    bare.evaluate("() => { window.shows.canvas.style.display = ''; }")
    bare.wait_for_function("(n) => Number(window.shows.canvas.dataset.frames) > n", arg=before)


def test_a_picture_without_news_follows_size_and_theme_and_names_its_ranges(bare: Any) -> None:
    module(bare, LIVE_VIEW, shows="liveView(document.getElementById('here'))")
    bare.evaluate(
        """() => {
             document.body.dataset.jpThemeLight = 'true';
             const about = { channels: ['a'], rate: 1000, seconds: 2, units: 'V', origin: 0 };
             window.shows.layout(about);
             const n = 2000, values = new Float32Array(n).map((_, i) => Math.sin(i / 50));
             window.shows.take(0, values);
           }"""
    )
    inked = """() => { const { canvas } = window.shows, pen = canvas.getContext('2d');
      const { data } = pen.getImageData(0, 20, canvas.width, canvas.height - 60);
      const seen = {};
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] > 250) {
          const colour = data.slice(i, i + 3).join();
          seen[colour] = (seen[colour] ?? 0) + 1;
        }
      return Object.entries(seen).sort((a, b) => b[1] - a[1])[0] ?? [null, 0]; }"""
    said = bare.locator(".emgnb-scope .range")
    bare.wait_for_function("() => document.querySelector('.range').textContent.includes('V')")
    low, high = (float(part) for part in said.inner_text().removesuffix(" V").split(" … "))
    assert -1.3 < low < -1 < 1 < high < 1.3
    light = bare.evaluate(inked)
    assert light[1] > 300
    bare.evaluate("() => window.shows.set({ paused: true })")
    bare.set_viewport_size({"width": 600, "height": 500})
    frames(bare, 25)
    narrow = bare.evaluate(inked)
    assert narrow[0] == light[0]
    assert narrow[1] > 150
    bare.evaluate("() => { document.body.dataset.jpThemeLight = 'false'; }")
    frames(bare, 25)
    assert bare.evaluate(inked)[0] not in (light[0], None)


def test_electrodes_are_placed_by_mouse_and_by_keys(bare: Any) -> None:
    from emgnb.widgets.capture import _desk as desks

    module(
        bare,
        "capture/sites.js",
        shows="{ make: (table, now) => { const sites = electrodeSites(document.getElementById("
        "'here'), table, (montage) => { window.montage = montage; }); sites.set(now, false); } }",
    )
    usual = desks.usual_montage("sim://smile?channels=3")
    bare.evaluate("([table, now]) => window.shows.make(table, now)", [desks.sites(), usual])
    bare.get_by_role("button", name="Masseter (control), right").click()
    assert bare.evaluate("montage")[0] == ["masseter_r", "masseter", "right"]
    # the second channel is next; its place goes to the third one's, which loses it
    bare.get_by_role("button", name="Orbicularis oculi, orbital part, left, channel 3").click()
    assert bare.evaluate("montage")[1:] == [
        ["orbicularis_oculi_l", "orbicularis_oculi", "left"],
        ["ch3", "", ""],
    ]
    bare.keyboard.press("ArrowUp")
    focused = bare.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "left" in focused or "right" in focused
    bare.keyboard.press("Enter")
    assert bare.evaluate("montage")[2][2] in ("left", "right")
    bare.keyboard.press("Delete")
    assert bare.evaluate("montage")[2] == ["ch3", "", ""]
    bare.get_by_label("number of channels").fill("5")
    bare.keyboard.press("Tab")
    assert len({row[0] for row in bare.evaluate("montage")}) == 5


# ---- the desk, in a page of its own


@pytest.fixture
def shown(mounted: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Show a desk alone, recording or not, with so many samples of two channels."""

    def made(*, width: int = 1000, seconds: float = 8.0, **traits: Any) -> Any:
        view = Capture("sim://rest?channels=3", folder=tmp_path, seconds=seconds)
        view.live.channels = ["frontalis", "corrugator", "zygomaticus_major_l"]
        for name, value in traits.items():
            setattr(view.live, name, value)
        page = mounted(view.live, width=width, height=1400)
        view.close()
        return page

    return made


def samples(page: Any, values: np.ndarray, first: int = 0) -> None:
    """Send samples (scan, channel), as the kernel does."""
    page.page.evaluate(
        """async ([first, values]) => {
             const buffers = [new DataView(new Float32Array(values).buffer)];
             window.model.hear({ kind: 'samples', first }, buffers);
             for (let k = 0; k < 3; k++) await new Promise(requestAnimationFrame);
           }""",
        [first, values.astype(float).ravel().tolist()],
    )


@pytest.mark.parametrize(("width", "seconds"), [(1000, 8.0), (420, 20.0), (420, 60.0), (1000, 2.0)])
def test_times_stand_whole_and_apart(shown: Callable[..., Any], width: int, seconds: float) -> None:
    page = shown(width=width, seconds=seconds, rate=100.0, origin=0.0)
    axis = page.page.locator("canvas.emgnb-live")
    across = axis.bounding_box()["width"]
    wide = page.page.evaluate(
        """() => { const pen = document.createElement('canvas').getContext('2d');
             pen.font = '11px sans-serif'; return pen.measureText('132 s').width; }"""
    )
    for scans in range(12_000, 12_100, 20):  # the picture begins between 120 s and 121 s
        last = scans + round(100 * seconds)
        samples(page, np.zeros((last - scans, 3)), first=scans)
        places = [float(each.split("@")[1]) for each in axis.get_attribute("data-times").split()]
        assert len(places) >= 1
        assert min(places) >= wide / 2 - 1
        assert max(places) <= across - wide / 2 + 1
        assert np.all(np.diff(places) > wide + 5)


def test_one_jerk_flattens_no_other_lane_on_a_common_scale(shown: Callable[..., Any]) -> None:
    page = shown(rate=100.0, common=True, units="V")
    values = np.random.default_rng(0).normal(size=(800, 3)) * (0.02, 1.0, 2.0)
    values[400:404, 0] = 500.0
    samples(page, values)
    ranges = page.page.locator(".emgnb-scope .range")
    page.page.wait_for_function("() => document.querySelector('.range').textContent.includes('V')")
    low, high = (float(part) for part in ranges.nth(1).inner_text().split(" V")[0].split(" … "))
    assert high - low < 20
    assert "fills 1 %" in ranges.nth(0).inner_text()
    assert "fills" not in ranges.nth(1).inner_text()


def test_hidden_channels_leave_their_room_to_the_others_and_keep_their_colours(
    shown: Callable[..., Any],
) -> None:
    page = shown(rate=100.0, status={"over": False})
    samples(page, np.random.default_rng(0).normal(size=(800, 3)))
    names = page.page.locator(".emgnb-scope .names > div")
    colour = "(row) => getComputedStyle(row).borderLeftColor"
    page.page.wait_for_function("() => document.querySelector('.range').textContent")
    before = names.nth(2).evaluate(colour)
    page.page.locator("details.lanes > summary").click()
    box = page.page.get_by_label("corrugator", exact=True)
    box.focus()
    page.page.keyboard.press("Space")
    assert page.page.evaluate("window.model.get('hidden')") == ["corrugator"]
    page.tell(hidden=["corrugator"])
    assert names.count() == 2
    assert names.nth(1).evaluate(colour) == before
    assert not box.is_checked()
    assert "2 of 3 drawn" in page.page.locator("details.lanes > summary").inner_text()


def test_a_pair_is_asked_for_and_drawn_with_its_source(shown: Callable[..., Any]) -> None:
    page = shown(rate=100.0)
    page.page.locator("details.lanes > summary").click()
    page.page.get_by_label("channel", exact=True).select_option("zygomaticus_major_l")
    page.page.get_by_label("channel to subtract").select_option("frontalis")
    page.page.get_by_role("button", name="Draw pair").click()
    asked = {"kind": "pair", "first": "zygomaticus_major_l", "second": "frontalis"}
    assert page.sent("pair") == [asked]
    lanes = page.page.evaluate("window.model.get('lanes')")
    page.tell(lanes=[*lanes, ["cheek", "zygomaticus_major_l \u2212 frontalis"]], pairs={})
    name = page.page.locator(".emgnb-scope .name").nth(3)
    assert name.inner_text() == "cheek = zygomaticus_major_l \u2212 frontalis"
    page.page.get_by_role("button", name="remove the pair cheek").click()
    assert page.sent("unpair") == [{"kind": "unpair", "name": "cheek"}]
    page.tell(lanes=lanes, pairs={"cheek": ["zygomaticus_major_l", "masseter"]})
    said = page.page.locator("details.lanes").inner_text()
    assert "cheek = zygomaticus_major_l \u2212 masseter (not in this recording)" in said


@pytest.mark.parametrize("width", [1000, 480])
def test_a_spectrum_stands_beside_its_lane_and_names_its_peak(
    shown: Callable[..., Any], width: int
) -> None:
    page = shown(width=width, rate=1000.0, spectral=True)
    samples(page, np.random.default_rng(0).normal(size=(4000, 3)))
    level = np.full((3, 501), -60.0)
    level[np.arange(3), [50, 120, 300]] = 0.0
    for _ in range(3):
        page.page.evaluate(
            """(values) => window.model.hear({ kind: 'spectrum', step: 1 },
                 [new DataView(new Float32Array(values).buffer)])""",
            level.ravel().tolist(),
        )
    canvas = page.page.locator("canvas.emgnb-spectrum")
    page.page.wait_for_function(
        "() => Number(document.querySelector('canvas.emgnb-spectrum').dataset.drawn) > 0"
    )
    said = canvas.get_attribute("aria-label")
    for name, hertz in (("frontalis", 50), ("corrugator", 120), ("zygomaticus_major_l", 300)):
        assert f"{name} peak {hertz} Hz" in said
    beside, signal = canvas.bounding_box(), page.page.locator("canvas.emgnb-live").bounding_box()
    assert beside["height"] == signal["height"]
    assert beside["y"] == signal["y"]
    assert beside["x"] >= signal["x"] + signal["width"] - 1


def test_marks_are_corrected_and_withdrawn_by_mouse_and_by_key(shown: Callable[..., Any]) -> None:
    page = shown(rate=100.0)
    marked = [["a", 3.2, "smile"], ["b", 7.0, "frown"]]
    undo = page.page.get_by_role("button", name="Undo last marker")
    assert undo.is_disabled()
    page.tell(state="recording", marked=marked)
    page.page.keyboard.press("Backspace")
    assert page.sent("unmark") == [{"kind": "unmark", "mark": None}]
    page.page.locator("details.marked > summary").click()
    page.page.get_by_label("text of the marker at 00:03.2").fill("grin")
    page.tell(marked=[*marked, ["c", 9.0, "rest"]])  # one comes while somebody writes
    assert page.page.get_by_label("text of the marker at 00:03.2").input_value() == "grin"
    page.page.keyboard.press("Backspace")  # in the text, not of a mark
    page.page.keyboard.press("Enter")
    assert page.sent("correct") == [{"kind": "correct", "mark": "a", "text": "gri"}]
    remove = page.page.get_by_role("button", name="remove frown at 00:07.0")
    remove.hover()
    page.page.mouse.down()
    page.page.evaluate("() => new Promise((done) => setTimeout(done))")  # the text lost its focus
    assert page.page.get_by_label("text of the marker at 00:09.0").count() == 0
    page.page.mouse.up()
    assert page.sent("unmark")[1:] == [{"kind": "unmark", "mark": "b"}]
    page.page.get_by_label("text of the marker at 00:09.0").wait_for()
    page.tell(state="idle")
    assert undo.is_disabled()
    assert page.page.get_by_label("text of the marker at 00:03.2").is_disabled()


def test_what_is_wrong_is_said_beside_what_it_is_about(shown: Callable[..., Any]) -> None:
    page = shown(rate=100.0)
    below = {"port": ".who .line", "bar": ".bar", "marks": ".cues", "looks": ".looks"}
    for where, above in below.items():
        page.tell(said={"text": f"no <b>{where}</b>", "error": True, "where": where})
        alert = page.page.get_by_role("alert").filter(has_text=f"no <b>{where}</b>")
        gap = alert.bounding_box()["y"] - sum(
            page.page.locator(f".emgnb-capture {above}").first.bounding_box()[side]
            for side in ("y", "height")
        )
        assert 0 <= gap < 30, where
    page.tell(said={"text": "", "error": False, "where": "bar"})
    assert page.page.get_by_role("alert").filter(has_text="no <b>").count() == 0


def test_after_stop_the_settings_stay_folded_and_the_recording_in_sight(
    shown: Callable[..., Any],
) -> None:
    page = shown(rate=100.0)
    setup = page.page.locator(".emgnb-capture > details").first
    assert setup.evaluate("(each) => each.open")
    page.tell(state="recording")
    place = page.page.locator("canvas.emgnb-live").bounding_box()
    page.tell(state="idle", status={"over": True})
    assert not setup.evaluate("(each) => each.open")
    assert page.page.locator("canvas.emgnb-live").bounding_box() == place
