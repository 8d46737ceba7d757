"""The tuner used by mouse in JupyterLab and by keyboard in Notebook 7, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pages import Fingers, frames, settled
from waiting import until

pytestmark = pytest.mark.slow

SESSION = """
import numpy as np
from emgnb import recording
rng = np.random.default_rng(0)
values = rng.normal(size=(20_000, 4)) * 3
for k in range(4):
    values[2000 + 4000 * k : 4000 + 4000 * k, k] *= 15
names = ["frontalis_medialis_l", "corrugator_l", "zygomaticus_major_l", "mentalis"]
session = recording.make(
    recording.signal(values.astype("f4"), rate=1000.0, units="uV", channel=names),
    markers=recording.markers([2.0, 4.0, 6.0, 8.0], ["smile", "rest", "frown", "rest"]),
    participant="P01",
)
"""


def middle(locator: Any) -> tuple[float, float]:
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


# how many seconds the curve that was drawn last spans
SEEN = "round(float(np.ptp(tuner.picture.curves['filtered'][0])))"


def inked(canvas: Any, curve: str) -> int:
    """Count the pixels of a curve's colour, in the light theme."""
    return int(
        canvas.evaluate(
            """(canvas, curve) => {
                 const wanted = { recorded: [118, 118, 118], filtered: [0, 114, 178] }[curve];
                 const { width, height } = canvas, near = (a, b) => Math.abs(a - b) < 12;
                 const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
                 let count = 0;
                 for (let i = 0; i < data.length; i += 4)
                   count += data[i + 3] > 200 && wanted.every((c, k) => near(data[i + k], c));
                 return count;
               }""",
            curve,
        )
    )


def assert_keys_stay_inside(notebook: Any, inside: Any) -> None:
    """Press the notebook's own keys for inserting and cutting where the focus is in a widget."""
    cells = notebook.cells()
    inside.focus()
    for key in ("b", "a", "b", "x"):  # three more cells and one less, if the notebook heard them
        notebook.page.keyboard.press(key)
        frames(notebook.page)
        assert notebook.cells() == cells


def test_the_tuner_follows_its_sliders(lab: Any, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(
        lab.write(
            "tuner.ipynb", SESSION, "from emgnb.widgets import Tuner\ntuner = Tuner(session)\ntuner"
        ),
        height=1250,
    )
    notebook.run_all()
    page = notebook.page
    panel = page.locator(".emgnb-panel")
    picture = page.locator(".emgnb-tuned canvas")
    page.locator(".emgnb-tuned canvas[data-picture]").wait_for()
    panel.scroll_into_view_if_needed()
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length")
    notebook.until("tuner.wait(0)", "True")
    assert panel.get_by_role("button", name="Undo").is_disabled()
    code = "chain = Chain(BandPass(low=20, high=450), Notch(mains=50))"
    assert code in panel.inner_text()
    until(lambda: inked(picture, "recorded") > 1000)  # drawn in the next frame
    before = inked(picture, "filtered")
    assert before > 1000

    slider = panel.locator(".noUi-handle").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    notebook.until("tuner.chain.steps[0].low > 20", "True")
    shown = panel.locator(".widget-slider .widget-readout").first.inner_text()
    notebook.until("f'{tuner.chain.steps[0].low:.1f}'", repr(shown))  # all five keys have come
    low = float(notebook.value("tuner.chain.steps[0].low"))
    page.wait_for_function(
        "(low) => document.querySelector('.emgnb-panel').innerText.includes(`low=${low},`)",
        arg=int(low),
    )
    notebook.until("tuner.wait(0)", "True")
    until(lambda: inked(picture, "filtered") != before)

    # a click takes it back, another brings it again
    undo, redo = (panel.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    undo.click()
    notebook.until("tuner.chain.steps[0].low", "20.0")
    undo.and_(page.locator(":disabled")).wait_for()
    notebook.until("tuner.wait(0)", "True")
    settled(page)  # whatever the browser says back has come
    redo.click()
    notebook.until("tuner.chain.steps[0].low", str(low))
    panel.get_by_role("checkbox").nth(1).uncheck()
    notebook.until("[type(step).__name__ for step in tuner.chain.steps]", "['BandPass']")
    notebook.screenshot()

    # zoomed in, the picture is made anew from the samples in view
    picture.scroll_into_view_if_needed()
    x, y = picture.bounding_box()["x"] + 500, picture.bounding_box()["y"] + 90
    for _ in range(2):
        page.mouse.move(x - 40, y)
        page.mouse.down()
        page.mouse.move(x + 40, y, steps=5)
        page.mouse.up()
        notebook.until(f"{SEEN} < 3", "True")
        settled(page)
        notebook.screenshot("zoomed")
        page.mouse.dblclick(x, y)
        notebook.until(SEEN, "20")
    assert notebook.value("tuner.error") == "None"
    assert_keys_stay_inside(notebook, panel.get_by_role("checkbox").first)


def test_a_chain_is_built_by_keyboard_alone_and_comes_back_to_python(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    notebook = open_notebook(
        lab.write(
            "tuner_keys.ipynb",
            SESSION,
            "from emgnb import filters\nfrom emgnb.widgets import Tuner\n"
            "tuner = Tuner(session, filters.Chain(filters.HighPass(200)))\ntuner",
        ),
        height=1400,
        app="notebook",
    )
    notebook.run_all()
    page = notebook.page
    panel = page.locator(".emgnb-panel")
    page.locator(".emgnb-tuned canvas[data-picture]").wait_for()
    notebook.until("tuner.wait(0)", "True")
    panel.get_by_text("the band of EMG").wait_for()  # it kills the muscle
    notebook.look("kills", height=1500)

    cells = notebook.cells()
    page.get_by_title("start from preset").focus()
    page.keyboard.type("raw")
    page.keyboard.press("Enter")
    names = "[type(step).__name__ for step in tuner.chain.steps]"
    notebook.until(names, "['BandPass', 'Notch']")
    steps = page.get_by_title("available steps")
    steps.focus()
    chosen = "(list) => list.selectedOptions[0].text.split(':')[0]"
    for _ in range(steps.locator("option").count()):
        if steps.evaluate(chosen) == "MotionArtefact":
            break
        page.keyboard.press("ArrowDown")
        notebook.value("None")  # the kernel has heard it
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    notebook.until(names, "['BandPass', 'Notch', 'MotionArtefact']")
    panel.get_by_title("move up MotionArtefact").focus()
    page.keyboard.press("Space")
    notebook.until(names, "['BandPass', 'MotionArtefact', 'Notch']")
    panel.get_by_title("remove Notch").focus()
    page.keyboard.press("Enter")
    notebook.until(names, "['BandPass', 'MotionArtefact']")
    panel.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    notebook.until(names, "['BandPass', 'MotionArtefact', 'Notch']")
    # what is wrong stands at the step it is wrong with
    notebook.value("tuner.set('BandPass', low=300, high=100)")
    fault = panel.get_by_role("alert").filter(has_text="must be below")
    fault.wait_for()
    step = panel.locator(".emgnb-step").filter(has_text="BandPass")
    assert (
        0 <= fault.bounding_box()["y"] - sum(step.bounding_box()[k] for k in ("y", "height")) < 40
    )
    assert panel.get_by_role("alert").count() == 1
    notebook.look("fault", height=1500)
    panel.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    fault.wait_for(state="detached")
    notebook.until(names, "['BandPass', 'MotionArtefact', 'Notch']")
    for key in ("b", "x"):
        page.keyboard.press(key)
    assert notebook.cells() == cells
    notebook.until("tuner.wait(0)", "True")
    assert "EMG power retained" in panel.inner_text()
    assert notebook.value("tuner.error") == "None"
    assert notebook.value("tuner.filtered.sizes['time']") == "20000"
    notebook.look("built", height=1500)


def test_the_picture_answers_to_fingers_and_keys_on_a_fine_screen(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    notebook = open_notebook(
        lab.write(
            "tuner_touch.ipynb",
            SESSION,
            "from emgnb.widgets import Tuner\ntuner = Tuner(session)\ntuner",
        ),
        width=700,
        height=1250,
        device_scale_factor=2,
        has_touch=True,
    )
    notebook.run_all()
    page = notebook.page
    picture = page.locator(".emgnb-tuned canvas[data-picture]")
    picture.wait_for()
    notebook.until("tuner.wait(0)", "True")
    assert picture.evaluate(
        "(c) => c.width === 2 * c.clientWidth && c.height === 2 * c.clientHeight"
    )
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 90
    fingers = Fingers(page)

    fingers("Start", (x - 30, y), (x + 30, y))
    for apart in (60, 90, 120):
        fingers("Move", (x - apart, y), (x + apart, y))
    fingers("End")
    notebook.until(f"{SEEN} <= 6", "True")
    begin = float(notebook.value("tuner.picture.view[0]"))
    fingers("Start", (x, y))
    for by in (20, 60, 100):
        fingers("Move", (x - by, y))
    fingers("End")
    notebook.until(f"tuner.picture.view[0] > {begin} + 0.5", "True")
    page.get_by_role("button", name="show all (w)").tap()
    notebook.until(SEEN, "20")
    notebook.screenshot("narrow")

    cells = notebook.cells()
    page.locator(".emgnb-tuned").focus()
    page.keyboard.press("+")
    notebook.until(SEEN, "10")
    page.keyboard.press("End")
    notebook.until("round(tuner.picture.view[1])", "20")
    page.keyboard.press("x")  # cuts a cell, where the notebook hears it
    page.keyboard.press("w")
    notebook.until(SEEN, "20")
    assert notebook.cells() == cells


def test_a_longer_recording_is_looked_at_part_by_part(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    notebook = open_notebook(
        lab.write(
            "tuner_part.ipynb",
            SESSION,
            "from emgnb.widgets import Tuner\ntuner = Tuner(session, seconds=8)\ntuner",
        ),
        height=1250,
    )
    notebook.run_all()
    page = notebook.page
    panel = page.locator(".emgnb-panel")
    page.locator(".emgnb-tuned canvas[data-picture]").wait_for()
    panel.get_by_text("Shown and measured: 0–8 s of a recording from 0 to 20 s").wait_for()
    notebook.until("tuner.wait(0)", "True")
    start = panel.get_by_role("spinbutton", name="from (s)")
    start.fill("12")
    page.keyboard.press("Tab")
    panel.get_by_text("Shown and measured: 12–20 s").wait_for()
    notebook.until("tuner.wait(0)", "True")
    notebook.until("round(float(tuner.picture.curves['filtered'][0][0]), 2)", "12.0")
    page.get_by_title("start from preset").select_option("envelope")
    panel.get_by_text("Output: envelope (µV)").wait_for()
    panel.get_by_text("Measuring").wait_for(state="detached")
    notebook.look("part", height=1400)
