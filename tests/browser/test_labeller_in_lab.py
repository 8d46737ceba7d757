"""The labeller used by mouse and by keyboard in JupyterLab and Notebook 7, in a real Chromium."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pages import Fingers, frames, saved, settled
from waiting import until

pytestmark = pytest.mark.slow

Open = Callable[..., Any]

# noise on four channels; each is ten times stronger for two seconds, one after the other
SESSION = """
import numpy as np
from emgnb import filters, labels, recording
from emgnb.widgets import Labeller
rng = np.random.default_rng(0)
values = rng.normal(size=(20_000, 4)) * 3
for k in range(4):
    values[2000 + 4000 * k : 4000 + 4000 * k, k] *= 10
muscles = ["frontalis_medialis", "corrugator", "zygomaticus_major", "mentalis"]
session = recording.make(
    recording.signal(
        values.astype("f4"), rate=1000.0, units="uV", channel=muscles, muscle=muscles,
        side=["left", "left", "left", "midline"],
    ),
    markers=recording.markers([2.0, 4.0, 6.0, 8.0], ["smile", "rest", "frown", "rest"]),
    participant="P01",
)
"""
STORED = """
from pathlib import Path
if not Path("{name}.zarr").exists():
    recording.save(session, "{name}.zarr")
"""


@dataclass
class Picture:
    """The labeller in an open notebook."""

    notebook: Any

    @property
    def page(self) -> Any:
        return self.notebook.page

    @property
    def root(self) -> Any:
        return self.page.locator(".emgnb-labeller")

    @property
    def stage(self) -> Any:
        return self.root.locator(".stage")

    def ready(self) -> None:
        """Wait until all that is in view is drawn."""
        self.page.wait_for_function(
            """() => { const { complete, pending } =
                 document.querySelector('.emgnb-labeller')?.dataset ?? {};
                 return complete === 'true' && pending === '0'; }"""
        )
        self.stage.scroll_into_view_if_needed()

    def data(self, name: str) -> float:
        return float(self.root.locator(".over").get_attribute(f"data-{name}"))

    @property
    def view(self) -> tuple[float, float]:
        first, last = self.root.locator(".over").get_attribute("data-view").split()
        return float(first), float(last)

    def at(self, seconds: float, lane: int | None = None) -> tuple[float, float]:
        """Where a moment lies on the screen; over a channel, or over the middle of all."""
        box, (first, last), left = self.stage.bounding_box(), self.view, self.data("left")
        x = box["x"] + left + (seconds - first) / (last - first) * (box["width"] - left)
        y = box["height"] / 2
        if lane is not None:
            y = self.data("top") + self.data("lane") * (lane + 0.5)
        return x, box["y"] + y

    def drag(self, start: float, end: float, lane: int | None = None) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(start, lane))
        mouse.down()
        mouse.move(*self.at((start + end) / 2, lane))
        mouse.move(*self.at(end, lane))
        mouse.up()

    def click(self, seconds: float, lane: int | None = None) -> None:
        self.page.mouse.click(*self.at(seconds, lane))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def cursor_to(self, seconds: float) -> None:
        """Move the cursor by arrow keys alone, as near as they bring it."""
        for _ in range(300):
            off, step = seconds - self.data("cursor"), (self.view[1] - self.view[0]) / 100
            if abs(off) <= step / 2:
                return
            far = "Control+" if abs(off) > 10 * step else ""
            self.press(f"{far}Arrow{'Right' if off > 0 else 'Left'}")
            frames(self.page, 1)
        raise AssertionError(f"the cursor did not come to {seconds} s")

    def column(self, name: str, wanted: list[Any], digits: int = 1) -> None:
        rounded = f".round({digits})" if isinstance(wanted[0], float) else ""
        self.notebook.until(f"labeller.table[{name!r}].values{rounded}.tolist()", repr(wanted))

    def said(self) -> str:
        return str(self.root.locator(".said").inner_text())


@pytest.fixture
def opened(lab: Any, open_notebook: Open) -> Callable[..., Picture]:
    def run(name: str, call: str, *, session: str = SESSION, **options: Any) -> Picture:
        code = [session, STORED.format(name=name), f"labeller = {call}\nlabeller"]
        notebook = open_notebook(lab.write(f"{name}.ipynb", *code), **options)
        notebook.run_all()
        picture = Picture(notebook)
        picture.ready()
        return picture

    return run


def keys_stay_inside(picture: Picture) -> None:
    """Press the notebook's own keys for inserting and cutting on parts that take the focus."""
    cells = picture.notebook.cells()
    parts = (
        picture.stage,
        picture.root.get_by_role("button", name="zoom in"),
        picture.root.locator("td[tabindex='0']"),
        picture.root.get_by_label("au", exact=True),
    )
    for part in parts:
        part.focus()
        for key in ("b", "a", "b", "x"):
            picture.press(key)
            frames(picture.page)
        assert picture.notebook.cells() == cells, part


EVENTS = [4, pytest.param(10, marks=pytest.mark.soak)]


def opened_in(cell: Any, kind: str) -> Any:
    """Double-click a cell of the list until its editor is open: the list may be drawn meanwhile."""
    editor = cell.locator(kind)
    until(lambda: editor.count() or cell.dblclick() or editor.count())
    return editor


@pytest.mark.parametrize("events", EVENTS)
def test_events_are_labelled_by_mouse_and_outlive_page_and_kernel(
    opened: Callable[..., Picture], events: int
) -> None:
    picture = opened("ten", "Labeller('ten.zarr', coder='AB')", height=1100)
    page, root, notebook = picture.page, picture.root, picture.notebook
    starts = [0.5 + 1.9 * k for k in range(events)]
    for start in starts:
        picture.drag(start, start + 1.0, lane=1)
    picture.column("onset", [round(start, 1) for start in starts])
    picture.column("offset", [round(start + 1.0, 1) for start in starts])

    picture.click(starts[1] + 0.5)
    root.get_by_label("au", exact=True).select_option("12")
    root.get_by_label("side", exact=True).select_option("L")
    root.get_by_label("intensity", exact=True).select_option("C")
    root.get_by_label("label", exact=True).select_option("smile")
    wanted = [""] * events
    wanted[1] = "12"
    picture.column("au", wanted)

    picture.drag(starts[1] + 1.0, starts[1] + 1.4)  # its edge
    notebook.until("round(float(labeller.table['offset'][1]), 1)", str(round(starts[1] + 1.4, 1)))
    box, middle = picture.stage.bounding_box(), starts[1] + 0.7
    top = box["y"] + picture.data("top") + 9  # the handle of an apex that nobody has set yet
    page.mouse.move(picture.at(middle)[0], top)
    page.mouse.down()
    page.mouse.move(picture.at(middle + 0.3)[0], top, steps=3)
    page.mouse.up()
    notebook.until("round(float(labeller.table['apex'][1]), 1)", str(round(middle + 0.3, 1)))
    picture.drag(starts[1] + 1.4, 0.1)  # an edge stops at the apex, they never swap
    notebook.until("bool(labeller.table['offset'][1] == labeller.table['apex'][1])", "True")
    picture.press("Control+z")
    notebook.until("round(float(labeller.table['offset'][1]), 1)", str(round(starts[1] + 1.4, 1)))

    picture.click(starts[3] + 0.5)
    picture.press("Delete")
    notebook.until("labeller.table.sizes['event']", str(events - 1))
    picture.press("Control+z")
    notebook.until("labeller.table.sizes['event']", str(events))
    root.get_by_role("button", name="redo").click()
    notebook.until("labeller.table.sizes['event']", str(events - 1))

    cell = root.locator("tbody tr").nth(0).locator("td").nth(2)  # an offset, in the list
    opened_in(cell, "input").fill("1.25")
    picture.press("Enter")
    notebook.until("float(labeller.table['offset'][0])", "1.25")
    unit = root.locator("tbody tr").nth(0).locator("td").nth(4)
    opened_in(unit, "select").select_option("4")
    notebook.until("str(labeller.table['au'].values[0])", "'4'")
    opened_in(cell, "input").fill("0.1")
    picture.press("Enter")
    assert "kept as it was" in picture.said()
    root.get_by_label("show in the list").select_option("12")
    assert root.locator("tbody tr").count() == 1
    root.get_by_label("show in the list").select_option("*")
    notebook.screenshot()
    keys_stay_inside(picture)
    assert notebook.value("labeller.error") == "None"
    assert notebook.value("labeller.wait()") == "True"
    table = notebook.value("labeller.table.to_dict()")
    read = "recording.open('ten.zarr')['labels/AB'].to_dataset()"
    assert notebook.value(f"{read}.equals(labeller.table)") == "True"

    saved(page)
    page.reload()
    notebook.ready()
    picture.ready()
    root.get_by_text(f"{events - 1} of {events - 1} events").wait_for()
    assert notebook.value("labeller.table.to_dict()") == table
    picture.stage.focus()
    picture.press("ArrowDown", "e")  # it goes on
    notebook.until("str(labeller.table['intensity'].values[0])", "'E'")
    assert notebook.value("labeller.wait()") == "True"

    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    notebook.ready()
    notebook.run_all()
    picture.ready()
    root.get_by_text(f"{events - 1} of {events - 1} events").wait_for()
    assert notebook.value("str(labeller.table['intensity'].values[0])") == "'E'"
    apex = notebook.value("round(float(labeller.table['apex'][1]), 1)")
    assert apex == str(round(middle + 0.3, 1))


@pytest.mark.parametrize("events", EVENTS)
def test_events_are_labelled_by_keyboard_alone(opened: Callable[..., Picture], events: int) -> None:
    picture = opened("keys", "Labeller('keys.zarr', coder='AB')", app="notebook", width=1000)
    notebook = picture.notebook
    cells = notebook.cells()
    picture.stage.focus()
    picture.press("?")
    picture.root.locator("dialog.help").wait_for(state="visible")
    notebook.screenshot("help")
    picture.press("Escape")
    assert not picture.root.locator("dialog.help").is_visible()
    for k in range(events):
        picture.cursor_to(1.0 + 1.5 * k)
        picture.press("Enter")
        picture.cursor_to(2.0 + 1.5 * k)
        picture.press("Enter")
    notebook.until("labeller.table.sizes['event']", str(events))
    onsets = f"np.abs(labeller.table['onset'] - (1.0 + 1.5 * np.arange({events}))).max() < 0.12"
    assert notebook.value(f"bool({onsets})") == "True"

    picture.press("Home", "Escape", "ArrowDown", "ArrowDown", *"l12c")  # the second, by FACS code
    notebook.until("labeller.table['au'].values.tolist()[:3]", "['', '12', '']")
    assert notebook.value("[str(labeller.table[n].values[1]) for n in ('side', 'intensity')]") == (
        "['L', 'C']"
    )
    until(lambda: picture.root.get_attribute("data-code") == "")  # the next letter is a new code
    picture.press("d")
    notebook.until("str(labeller.table['intensity'].values[1])", "'D'")
    before = float(notebook.value("float(labeller.table['offset'][1])"))
    picture.press("Shift+ArrowRight", "Alt+ArrowLeft", "Alt+Shift+ArrowRight")
    notebook.until(f"round(float(labeller.table['offset'][1]) - {before}, 4)", "0.01")
    notebook.until("bool(labeller.table['apex'][1] > labeller.table['onset'][1])", "True")
    picture.cursor_to(3.0)
    picture.press("p")
    notebook.until("bool(abs(labeller.table['apex'][1] - 3.0) < 0.12)", "True")
    picture.press("ArrowDown", "Delete")
    notebook.until("labeller.table.sizes['event']", str(events - 1))
    picture.press("Control+z")
    notebook.until("labeller.table.sizes['event']", str(events))
    picture.press("Control+y")
    notebook.until("labeller.table.sizes['event']", str(events - 1))

    whole = picture.view
    picture.press("+", "+", "+", "End")
    eighth = (whole[1] - whole[0]) / 8
    until(lambda: picture.view[1] - picture.view[0] == pytest.approx(eighth, abs=1e-3))
    until(lambda: picture.view[1] == whole[1])
    picture.press("PageUp")
    until(lambda: picture.view[1] < whole[1])
    picture.press("w")
    until(lambda: picture.view == whole)
    assert notebook.cells() == cells
    keys_stay_inside(picture)
    assert notebook.value("labeller.error") == "None"
    notebook.screenshot()


def test_fingers_label_and_look_around_on_a_fine_screen(opened: Callable[..., Picture]) -> None:
    picture = opened(
        "touch",
        "Labeller('touch.zarr', coder='AB')",
        width=800,
        height=1200,
        device_scale_factor=2,
        has_touch=True,
    )
    page, root = picture.page, picture.root
    for layer in ("trace", "over"):
        sharp = "(c) => c.width === 2 * c.clientWidth && c.height === 2 * c.clientHeight"
        assert root.locator(f".{layer}").evaluate(sharp)
    fingers = Fingers(page)

    def swipe(start: float, end: float) -> None:
        fingers("Start", picture.at(start, 1))
        fingers("Move", picture.at((start + end) / 2, 1))
        fingers("Move", picture.at(end, 1))
        fingers("End")

    swipe(6.0, 8.0)
    picture.column("onset", [6.0])
    picture.column("offset", [8.0])
    page.touchscreen.tap(*picture.at(7.0, 1))
    swipe(8.0, 8.5)  # its edge, which is wider for a finger
    picture.column("offset", [8.5])
    root.get_by_label("au", exact=True).select_option("4")
    picture.column("au", ["4"])

    first, last = picture.view
    middle = (first + last) / 2
    fingers("Start", picture.at(middle - 1, 1), picture.at(middle + 1, 1))
    at = [(picture.at(middle - by, 1), picture.at(middle + by, 1)) for by in (2, 3, 4)]
    for places in at:
        fingers("Move", *places)
    fingers("End")
    until(lambda: picture.view[1] - picture.view[0] < 0.5 * (last - first))
    picture.column("offset", [8.5])  # a pinch makes and moves no event
    root.get_by_role("button", name="undo").tap()
    picture.column("au", [""])
    picture.notebook.screenshot()


def test_proposals_are_decided_on_and_others_are_seen_when_asked_for(
    opened: Callable[..., Picture],
) -> None:
    theirs = "\nsession = labels.with_labels(session, 'CD', labels.events([9.0], [11.0], au='4'))\n"
    picture = opened(
        "bursts",
        "Labeller('bursts.zarr', coder='AB', chain=chain)",
        session=SESSION
        + theirs
        + "from emgnb import detect\nchain = filters.preset('raw', rate=1000)\n",
        height=1150,
    )
    page, root, notebook = picture.page, picture.root, picture.notebook
    root.get_by_role("button", name="find bursts").click()
    notebook.until("labeller.proposals.sizes['event'] >= 4", "True")
    found = int(notebook.value("labeller.proposals.sizes['event']"))
    for onset in (2.0, 6.0, 10.0, 14.0):
        near = f"float(abs(labeller.proposals['onset'] - {onset}).min()) < 0.1"
        assert notebook.value(near) == "True"
    page.wait_for_function("() => document.querySelector('.waiting').textContent")
    assert "moments, " in root.locator(".waiting").inner_text()
    picture.stage.focus()
    picture.press("m", "Home", "n")  # burst by burst
    notebook.screenshot("proposed")
    picture.press("Enter")
    notebook.until("labeller.table.sizes['event']", "1")
    picture.press("Delete")
    notebook.until("labeller.proposals.sizes['event']", str(found - 2))
    assert notebook.value("labeller.table.sizes['event']") == "1"
    picture.press("Control+z", "Control+z")
    notebook.until("labeller.proposals.sizes['event']", str(found))
    page.wait_for_function("() => document.querySelector('.said').textContent.startsWith('undo: ')")
    while root.get_by_role("button", name="accept (Enter)").is_visible():
        frames(page)
        picture.press("Escape")

    # by moment: one key for a movement, in however many channels, and one to take it back
    picture.press("m", "Home", "n")
    moment = "(labeller.proposals['moment'] == 0).sum().item()"
    size = int(notebook.value(moment))
    picture.press("Enter")
    notebook.until("labeller.table.sizes['event']", str(size))
    picture.press("Control+z")
    notebook.until("labeller.proposals.sizes['event']", str(found))

    # only the large ones of a channel, all at once
    root.get_by_label("bursts in channel").select_option("corrugator")
    root.get_by_label("minimum SNR").fill("10")
    large = "((labeller.proposals['snr'] >= 10) & (labeller.proposals['channel'] == 'corrugator'))"
    shown = int(notebook.value(f"{large}.sum().item()"))
    assert 1 <= shown < found
    root.get_by_text(f"{shown} of {found} bursts to review").wait_for()
    notebook.screenshot("filtered")
    root.get_by_role("button", name="accept all shown").click()
    notebook.until("labeller.table.sizes['event']", str(shown))
    assert notebook.value("set(labeller.table['channel'].values.tolist())") == "{'corrugator'}"
    root.get_by_label("bursts in channel").select_option("")
    root.get_by_label("minimum SNR").fill("")
    picture.stage.focus()
    picture.press("Shift+Enter")
    notebook.until("labeller.table.sizes['event']", str(found))
    muscles = "{'frontalis_medialis', 'corrugator', 'zygomaticus_major', 'mentalis'}"
    assert notebook.value(f"set(labeller.table['channel'].values.tolist()) == {muscles}") == "True"

    # drawn badly, put right by the burst
    root.get_by_text("snap (s)").click()
    picture.stage.focus()
    picture.press("Escape")
    picture.drag(10.05, 11.9, lane=2)
    notebook.until("labeller.table.sizes['event']", str(found + 1))
    notebook.until(
        "sum(labeller.table['onset'].values.round(3).tolist().count(t) == 2 "
        "for t in detect.bursts(chain(session['emg/signal']))['onset'].values.round(3).tolist())",
        "1",
    )

    # in one channel, over the envelope
    root.get_by_label("in one channel").check()
    root.get_by_label("envelope").check()
    picture.ready()
    picture.stage.focus()
    picture.press("Escape")
    root.get_by_label("in one channel").check()
    picture.drag(17.0, 18.0, lane=3)
    notebook.until("str(labeller.table['channel'].values[-1])", "'mentalis'")

    assert "9.000" not in root.locator(".list").inner_text()
    root.get_by_label("CD").check()
    root.locator("tr.other").wait_for(state="attached")
    assert "9.000" in root.locator(".list").inner_text()
    notebook.screenshot("others")
    assert notebook.value("'9.0' in str(labeller.table['onset'].values.tolist())") == "False"
    assert notebook.faults_for_assistive_tools(".emgnb-labeller") == []
    assert notebook.value("labeller.error") == "None"
    notebook.theme("JupyterLab Dark")
    picture.ready()
    notebook.screenshot("dark")
    assert notebook.faults_for_assistive_tools(".emgnb-labeller") == []
    page.set_viewport_size({"width": 700, "height": 1150})
    settled(page)
    notebook.screenshot("dark_narrow")
    notebook.theme("JupyterLab Light")
    notebook.screenshot("light_narrow")
    page.set_viewport_size({"width": 1900, "height": 1000})
    settled(page)
    notebook.screenshot("light_wide")


# a canvas whose brightness counts 25 frames a second, recorded by the browser itself
FILM = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
  const pen = canvas.getContext('2d'), stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  const parts = [], recorder = new MediaRecorder(stream, { mimeType: 'video/webm;codecs=vp8' });
  recorder.ondataavailable = (event) => parts.push(event.data);
  const ended = new Promise((done) => { recorder.onstop = done; });
  recorder.start();
  for (let frame = 0; frame < 50; frame += 1) {
    pen.fillStyle = `rgb(${5 * frame} ${5 * frame} ${5 * frame})`;
    pen.fillRect(0, 0, 64, 48);
    track.requestFrame();
    await new Promise((next) => setTimeout(next, 40));
  }
  recorder.stop();
  await ended;
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}"""
BRIGHTNESS = """async () => {
  const film = document.querySelector('.emgnb-labeller video');
  const pen = new OffscreenCanvas(1, 1).getContext('2d');
  pen.drawImage(film, 0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data[0];
}"""


def test_a_video_follows_the_cursor_frame_by_frame(
    opened: Callable[..., Picture], tmp_path: Path
) -> None:
    picture = opened("film", "Labeller('film.zarr', coder='AB')", height=1100)
    page, root = picture.page, picture.root
    film = tmp_path / "face.webm"
    film.write_bytes(base64.b64decode(page.evaluate(FILM)))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    root.get_by_label("video file; opened in the browser, not uploaded").set_input_files(film)
    page.wait_for_function(
        "() => document.querySelector('.emgnb-labeller video').readyState >= 2", timeout=60_000
    )

    def time() -> float:
        page.wait_for_function("() => !document.querySelector('.emgnb-labeller video').seeking")
        return float(page.evaluate("document.querySelector('.emgnb-labeller video').currentTime"))

    picture.ready()
    picture.click(1.0)
    until(lambda: time() == pytest.approx(1.0, abs=0.03))
    bright = page.evaluate(BRIGHTNESS)
    assert 80 < bright < 170  # near the middle of the film
    page.get_by_label("frames/s").fill("25")
    page.get_by_label("frames/s").press("Tab")
    picture.stage.focus()
    before = time()
    picture.press(".", ".", ".")
    until(lambda: time() - before == pytest.approx(3 / 25, abs=0.03))
    assert page.evaluate(BRIGHTNESS) > bright
    assert picture.data("cursor") == pytest.approx(time(), abs=0.002)
    picture.press(",")
    until(lambda: time() - before == pytest.approx(2 / 25, abs=0.03))

    page.get_by_label("offset s", exact=True).fill("-4")  # the film began 4 s into the recording
    page.get_by_label("offset s", exact=True).press("Tab")
    picture.click(5.0)
    until(lambda: time() == pytest.approx(1.0, abs=0.03))
    picture.stage.focus()
    picture.press(" ")
    page.wait_for_function(
        "() => document.querySelector('.emgnb-labeller video').currentTime > 1.3"
    )
    picture.press(" ")
    until(lambda: picture.data("cursor") == pytest.approx(time() + 4, abs=0.1))
    picture.notebook.screenshot()
    assert not [url for url in sent if url.startswith(("http", "ws")) and "webm" in url]
    (none := tmp_path / "none.webm").write_bytes(b"this is no film")
    root.get_by_label("video file; opened in the browser, not uploaded").set_input_files(none)
    page.wait_for_function(
        "() => document.querySelector('.said').textContent.includes('cannot play')", timeout=60_000
    )
    assert not root.locator("video").is_visible()


CODED = """
ann = labels.events([2.1, 6, 10], [3.9, 7, 11.5], au=["12", "4", "17"], intensity=["B", "", ""])
ben = labels.events(
    [2.3, 10.9, 14], [3.9, 12.3, 15], au=["12", "17", "6"], intensity=["C", "", ""]
)
session = labels.with_labels(labels.with_labels(session, "Ann", ann), "Ben", ben)
"""


def test_a_third_person_decides_between_two_coders_by_keyboard_alone(
    opened: Callable[..., Picture],
) -> None:
    picture = opened(
        "between", "Labeller('between.zarr', coder='Cleo')", session=SESSION + CODED, height=1300
    )
    notebook, root = picture.notebook, picture.root
    difference = root.locator(".difference")

    def at_hand(text: str) -> None:
        until(lambda: text in difference.inner_text())

    root.get_by_role("button", name="compare Ann and Ben").focus()
    picture.press("Enter")
    at_hand("1 of 4: 12B (intensity B, C). Ann: 2.100 – 3.900 s, B; Ben: 2.300 – 3.900 s, C. Open.")
    assert difference.get_attribute("role") == "status"
    until(lambda: picture.stage.evaluate("node => node === document.activeElement"))
    assert picture.stage.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    picture.ready()
    picture.press("2")
    at_hand("2 of 4: 4 (Ann, not Ben). Ann: 6.000 – 7.000 s; Ben: not coded. Open.")
    picture.press("2")  # not coded by Ben
    until(lambda: "Ben did not code this event" in picture.said())
    picture.press("k")
    at_hand("3 of 4: 17 (onset 0.90 s apart, offset 0.80 s apart)")
    notebook.screenshot("between_light")
    assert notebook.faults_for_assistive_tools(".emgnb-labeller") == []
    picture.press("n", "x")
    at_hand("3 of 4")
    notebook.until("labeller.consensus.sizes['event']", "3")
    picture.press("Control+z")
    at_hand("4 of 4: 6 (Ben, not Ann)")
    until(lambda: "undo: open again; 2 disagreements left" in picture.said())
    notebook.until("labeller.consensus.sizes['event']", "4")
    picture.press("Control+y", "N")
    at_hand("3 of 4")
    picture.press("1", "Shift+n")
    statuses = "['as Ben by Cleo', 'kept by Cleo', 'as Ann by Cleo']"
    notebook.until("labeller.consensus['status'].values.tolist()", statuses)
    picture.press("i", "l")  # keys that would change events do nothing
    root.locator("summary").focus()
    picture.press("Enter")
    assert "FACS index: 0.667" in root.locator(".settle pre").inner_text()
    notebook.theme("JupyterLab Dark")
    picture.ready()
    notebook.screenshot("between_dark")
    assert notebook.faults_for_assistive_tools(".emgnb-labeller") == []
    picture.stage.focus()
    picture.press("Escape")
    root.locator(".settle").wait_for(state="hidden")
    notebook.until("labeller.wait() and labeller.table.sizes['event']", "0")
    stored = "recording.open('between.zarr')['labels/consensus-Ann-Ben-by-Cleo/status']"
    notebook.until(f"{stored}.values.tolist()", statuses)
    assert notebook.value("labeller.error") == "None"
