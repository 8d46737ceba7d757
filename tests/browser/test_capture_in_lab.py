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

from emgnb import acquire, recording

pytestmark = [
    pytest.mark.slow,
]

FEEDER = Path(__file__).resolve().parents[1] / "feeder.py"
WIDGETS = Path(acquire.__file__).resolve().parents[1] / "widgets"
SECONDS = 20


class Board:
    """A board at the far end of a pseudo-terminal: 8 channels at 1 kHz, each value known."""

    def __init__(self, seconds: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(FEEDER), "8", "1000", str(seconds)],
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
        timeout=90_000,
    )


def stored(notebook: Any) -> Any:
    notebook.until("capture.session is not None", "True", timeout=90)
    assert notebook.value("capture.error") == "None"
    return recording.open(notebook.value("str(capture.session)").strip("'"))


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


@pytest.mark.parametrize("hand", [Mouse(), Keyboard()], ids=["mouse", "keyboard"])
def test_a_face_and_a_board_are_recorded_without_loss(
    hand: Any, capture_in: Callable[..., Any], board: Callable[..., Board]
) -> None:
    """At once, in both programs: the face in one, the board in the other, and exchanged."""
    name = type(hand).__name__.lower()
    plugged = board(SECONDS)
    apps = ("lab", "notebook") if name == "mouse" else ("notebook", "lab")
    face = capture_in(f"{name}_face", app=apps[0])
    cable = capture_in(f"{name}_board", plugged.port, app=apps[1])
    for notebook in (face, cable):
        hand.start(notebook)
        records(notebook)
    plugged.go()
    cells = [notebook.cells() for notebook in (face, cable)]
    for k in range(3):
        for notebook in (face, cable):
            notebook.page.wait_for_timeout(1500)
            hand.mark(notebook, k)
    sent = plugged.sent()  # all is out
    for notebook in (face, cable):
        records(notebook, scans=SECONDS * 1000 - 2500)
        notebook.screenshot("recorded")
        hand.stop(notebook)
    for notebook, before in zip((face, cable), cells, strict=True):
        session = stored(notebook)
        emg = session["emg/signal"]
        assert session["markers/text"].values.tolist() == ["smile", "frown", "surprise"]
        assert emg.attrs["lost"] == 0
        assert emg.sizes["time"] > 0.95 * SECONDS * 1000
        assert session.attrs["participant"] == "P07"
        assert notebook.cells() == before  # digits, Tab and Enter stayed in the widget
        if notebook is cable:
            assert emg.sizes["time"] == sent == SECONDS * 1000
            first = np.arange(sent)[:, np.newaxis]
            known = (first * 7919 + np.arange(8) * 104_729 + first // 1024) % 1024
            np.testing.assert_array_equal(emg.values, known)


@pytest.mark.parametrize("version", ["6.31", "7.3", "7.4"])
def test_a_key_beside_a_busy_cell_is_marked_at_its_moment(
    version: str, capture_in: Callable[..., Any], kernel_of: Callable[[str], str]
) -> None:
    notebook = capture_in(f"busy_{version.replace('.', '_')}", kernel=kernel_of(version))
    found = notebook.value("__import__('ipykernel').__version__").strip("'")
    assert found.startswith(f"{version}.")
    page = notebook.page
    Mouse().start(notebook)
    records(notebook, scans=1500)
    page.evaluate(
        """() => {
             window.pressed = [];
             document.addEventListener('keydown', (event) => {
               window.pressed.push((Date.now() - performance.now() + event.timeStamp) / 1000);
             }, true);
             const { kernel } = jupyterapp.shell.currentWidget.context.sessionContext.session;
             kernel.requestExecute({ code: `import time
end = time.time() + 4
while time.time() < end: sum(range(1000))` }).done.then(() => { window.cell = 'done'; });
           }"""
    )
    page.wait_for_timeout(800)
    drawn = int(page.locator("canvas.emgnb-live").get_attribute("data-scan"))
    page.keyboard.press("1")
    page.wait_for_timeout(1000)
    page.keyboard.press("2")
    # samples go on to the page by a thread, whatever the kernel computes
    assert int(page.locator("canvas.emgnb-live").get_attribute("data-scan")) > drawn
    page.wait_for_function("() => window.cell === 'done'", timeout=60_000)
    notebook.until("capture.live.status['marks']", "2", timeout=30)
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
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    page.reload()
    notebook.ready()
    desk(notebook).wait_for(timeout=60_000)
    records(notebook, scans=2000)  # the page is back, with what it missed
    page.keyboard.press("Escape")

    notebook.run_all()  # the same cell again: the widget before lets go, and the new one finds
    offer = desk(notebook).get_by_role("button", name="Take it up")
    offer.click(timeout=30_000)
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
    offer.click(timeout=30_000)
    records(notebook, scans=1)
    assert notebook.value("str(capture.recorder.folder)") == folder
    Mouse().mark(notebook, 0)
    notebook.until("capture.live.status.get('marks')", "1", timeout=30)
    Mouse().stop(notebook)
    session = stored(notebook)
    assert session["emg/signal"].attrs["lost"] == 0
    assert session.attrs["segments"] == 1
    assert session["markers/text"].values.tolist() == ["smile"]
    lab.end_kernels()  # and nothing that this widget began is left: see no_recorder_is_left


def test_what_is_wrong_is_said_and_every_state_can_be_read_aloud(
    capture_in: Callable[..., Any], board: Callable[..., Board]
) -> None:
    notebook = capture_in("states", "/dev/no_such_board", height=1250)
    page, panel = notebook.page, notebook.page.locator(".emgnb-panel")

    Mouse().start(notebook)
    said = panel.get_by_role("alert").filter(has_text="no_such_board")
    said.wait_for(timeout=60_000)
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()
    assert panel.get_by_role("button", name="Start").is_enabled()

    plugged = board(600)
    page.get_by_label("port", exact=True).select_option("another port …")
    page.get_by_label("name of the port").fill(plugged.port)
    page.keyboard.press("Tab")
    notebook.until("capture.live.port", repr(plugged.port))
    panel.get_by_role("checkbox", name="given").check()
    plugged.go()
    panel.get_by_role("button", name="Listen").click()
    panel.locator(".verdict:not([data-state='listening'])").wait_for(timeout=90_000)
    notebook.look("verdict")
    Mouse().start(notebook)
    records(notebook, scans=3000)
    panel.get_by_role("button", name="Pause").click()
    panel.get_by_text("picture paused, still recording").wait_for()
    drawn = page.locator("canvas.emgnb-live").get_attribute("data-frames")
    page.wait_for_timeout(500)
    assert page.locator("canvas.emgnb-live").get_attribute("data-frames") == drawn
    panel.get_by_role("button", name="Go on").click()
    plugged.unplug()
    panel.get_by_text("The port is gone").wait_for(timeout=30_000)
    notebook.look("lost")
    Mouse().stop(notebook)
    session = stored(notebook)
    assert session["markers/text"].values.tolist() == ["pause", "end"]
    assert session["emg/signal"].sizes["time"] > 2500
    assert session.attrs["consent"]["sharing"] == "not shared"


MINUTE = """
import os, time
import numpy as np
from emgnb.widgets.live import LiveView
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


def test_ten_minutes_of_live_view_leave_page_and_kernel_as_they_were(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    """Of samples: they come ten times as fast. For the clock's ten, see benchmarks/live_view.py."""
    notebook = open_notebook(lab.write("minutes.ipynb", MINUTE))
    notebook.run_all()
    page = notebook.page
    meter = page.context.new_cdp_session(page)
    meter.send("HeapProfiler.enable")
    held = []
    for _ in range(10):
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
    page.set_content(f"<style>{(WIDGETS / 'live.css').read_text()}</style><div id='here'></div>")
    yield page
    page.close()
    assert not wrong


def module(page: Any, *files: str, shows: str) -> None:
    code = "\n".join((WIDGETS / file).read_text("utf-8") for file in files)
    page.add_script_tag(content=f"{code}\nwindow.shows = {shows};")


def test_a_tick_is_drawn_in_its_column_and_a_gap_stays_a_gap(bare: Any) -> None:
    module(bare, "dom.js", "live.js", shows="liveView(document.getElementById('here'))")
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
    page.set_content(f"<style>{(WIDGETS / 'live.css').read_text()}</style><div id='here'></div>")
    module(page, "dom.js", "live.js", shows="liveView(document.getElementById('here'))")
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
    module(bare, "dom.js", "live.js", shows="liveView(document.getElementById('here'))")
    bare.evaluate(
        """() => {
             const about = { channels: ['a'], rate: 1000, seconds: 2, units: 'V', origin: 0 };
             window.shows.layout(about);
             let n = 0;
             setInterval(() => { window.shows.take(n, new Float32Array(20)); n += 20; }, 20);
           }"""
    )
    frames = "() => Number(window.shows.canvas.dataset.frames)"
    bare.wait_for_function("() => Number(window.shows.canvas.dataset.frames) > 5")
    bare.evaluate("() => { window.shows.canvas.style.display = 'none'; }")
    bare.wait_for_timeout(300)
    before = bare.evaluate(frames)
    bare.wait_for_timeout(400)
    assert bare.evaluate(frames) == before
    bare.evaluate("() => { window.shows.canvas.style.display = ''; }")
    bare.wait_for_function("(n) => Number(window.shows.canvas.dataset.frames) > n", arg=before)


def test_a_picture_without_news_follows_size_and_theme_and_names_its_ranges(bare: Any) -> None:
    module(bare, "dom.js", "live.js", shows="liveView(document.getElementById('here'))")
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
    bare.wait_for_timeout(400)
    narrow = bare.evaluate(inked)
    assert narrow[0] == light[0]
    assert narrow[1] > 150
    bare.evaluate("() => { document.body.dataset.jpThemeLight = 'false'; }")
    bare.wait_for_timeout(400)
    assert bare.evaluate(inked)[0] not in (light[0], None)


def test_electrodes_are_placed_by_mouse_and_by_keys(bare: Any) -> None:
    from emgnb.widgets import desk as desks

    module(
        bare,
        *("face.js", "dom.js", "sites.js"),
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
