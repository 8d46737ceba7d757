"""The tuner used by mouse in JupyterLab and by keyboard in Notebook 7, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
        notebook.page.wait_for_timeout(100)
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
    page.locator(".emgnb-tuned canvas[data-picture]").wait_for(timeout=60_000)
    panel.scroll_into_view_if_needed()
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length")
    notebook.until("tuner.wait(0)", "True")
    code = "chain = Chain(BandPass(low=20, high=450), Notch(mains=50))"
    assert code in panel.inner_text()
    before = inked(picture, "filtered")
    assert inked(picture, "recorded") > 1000 < before

    slider = panel.locator(".noUi-handle").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    notebook.until("tuner.chain.steps[0].low > 20", "True")
    page.wait_for_timeout(1000)  # all five keys have come
    low = float(notebook.value("tuner.chain.steps[0].low"))
    page.wait_for_function(
        "(low) => document.querySelector('.emgnb-panel').innerText.includes(`low=${low},`)",
        arg=int(low),
    )
    notebook.until("tuner.wait(0)", "True")
    page.wait_for_timeout(300)
    assert inked(picture, "filtered") != before
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
        page.wait_for_timeout(300)
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
    panel.get_by_text("where the muscle is").wait_for()  # it kills the muscle
    notebook.look("kills", height=1500)

    cells = notebook.cells()
    page.get_by_title("begin anew with a preset").focus()
    page.keyboard.type("raw")
    page.keyboard.press("Enter")
    names = "[type(step).__name__ for step in tuner.chain.steps]"
    notebook.until(names, "['BandPass', 'Notch']")
    steps = page.get_by_title("steps there are")
    steps.focus()
    chosen = "(list) => list.selectedOptions[0].text.split(':')[0]"
    for _ in range(steps.locator("option").count()):
        if steps.evaluate(chosen) == "MotionArtefact":
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    notebook.until(names, "['BandPass', 'Notch', 'MotionArtefact']")
    panel.get_by_title("earlier: MotionArtefact").focus()
    page.keyboard.press("Space")
    notebook.until(names, "['BandPass', 'MotionArtefact', 'Notch']")
    panel.get_by_title("remove Notch").focus()
    page.keyboard.press("Enter")
    notebook.until(names, "['BandPass', 'MotionArtefact']")
    panel.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    notebook.until(names, "['BandPass', 'MotionArtefact', 'Notch']")
    for key in ("b", "x"):
        page.keyboard.press(key)
    assert notebook.cells() == cells
    notebook.until("tuner.wait(0)", "True")
    assert "muscle kept" in panel.inner_text()
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
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: float) -> None:
        points = [{"x": place, "y": y, "id": i} for i, place in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    fingers("Start", x - 30, x + 30)
    for apart in (60, 90, 120):
        fingers("Move", x - apart, x + apart)
    fingers("End")
    notebook.until(f"{SEEN} <= 6", "True")
    begin = float(notebook.value("tuner.picture.view[0]"))
    fingers("Start", x)
    for by in (20, 60, 100):
        fingers("Move", x - by)
    fingers("End")
    notebook.until(f"tuner.picture.view[0] > {begin} + 0.5", "True")
    page.get_by_role("button", name="show the whole (w)").tap()
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
