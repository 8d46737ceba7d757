"""The three widgets used by mouse and keyboard in JupyterLab, in a real Chromium."""

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


def assert_keys_stay_inside(notebook: Any, inside: Any) -> None:
    """Press the notebook's own keys for inserting and cutting where the focus is in a widget."""
    cells = notebook.cells()
    inside.focus()
    for key in ("b", "a", "b", "x"):  # three more cells and one less, if the notebook heard them
        notebook.page.keyboard.press(key)
        notebook.page.wait_for_timeout(100)
        assert notebook.cells() == cells


def test_the_labeller_is_worked_by_mouse_and_keyboard(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    notebook = open_notebook(
        lab.write(
            "labeller.ipynb",
            SESSION,
            "from emgnb.widgets import Labeller\n"
            "labeller = Labeller(session, coder='AB')\n"
            "labeller",
        )
    )
    notebook.run_all()
    page = notebook.page
    canvas = page.locator(".emgnb-spans canvas")
    page.wait_for_function("() => document.querySelector('.emgnb-spans canvas')?.dataset.view")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    left = float(canvas.get_attribute("data-left"))

    def at(seconds: float) -> float:
        first, last = map(float, canvas.get_attribute("data-view").split())
        share = (seconds - first) / (last - first)
        return float(box["x"] + left + share * (box["width"] - left))

    def drag(start: float, end: float) -> None:
        y = box["y"] + box["height"] / 2
        page.mouse.move(at(start), y)
        page.mouse.down()
        page.mouse.move(at((start + end) / 2), y)
        page.mouse.move(at(end), y)
        page.mouse.up()

    def column(name: str) -> str:
        return f"labeller.table[{name!r}].values.round(1).tolist()"

    drag(2.0, 4.0)
    notebook.until(column("onset"), "[2.0]")
    notebook.until(column("offset"), "[4.0]")
    page.get_by_label("au", exact=True).select_option("12")
    page.get_by_label("side", exact=True).select_option("L")
    page.get_by_label("intensity", exact=True).select_option("C")
    notebook.until("labeller.table['au'].values.tolist()", "['12']")
    notebook.until("labeller.table['intensity'].values.tolist()", "['C']")

    drag(4.0, 4.5)  # its edge
    notebook.until(column("offset"), "[4.5]")
    drag(4.5, 1.0)  # an edge stops at the other, they never swap
    notebook.until(column("onset"), "[2.0]")
    length = "float((labeller.table['offset'] - labeller.table['onset'])[0])"
    notebook.until(f"0 < {length} < 0.01", "True")
    page.keyboard.press("Control+z")
    notebook.until(column("offset"), "[4.5]")

    drag(3.0, 7.0)  # events may overlap
    notebook.until(column("onset"), "[2.0, 3.0]")
    notebook.screenshot()
    page.keyboard.press("Delete")
    notebook.until(column("onset"), "[2.0]")
    page.keyboard.press("Control+z")
    notebook.until(column("onset"), "[2.0, 3.0]")
    page.keyboard.press("Control+y")
    notebook.until(column("onset"), "[2.0]")

    page.mouse.click(at(3.0), box["y"] + 100)  # select, and label by keyboard alone
    notebook.until("labeller._spans.selected", "0")
    before = float(notebook.value(length))
    page.keyboard.press("Shift+ArrowRight")
    notebook.until(f"round({length} - {before}, 4)", "0.01")
    page.keyboard.press("Alt+ArrowRight")
    notebook.until(f"abs({length} - {before}) < 1e-6", "True")
    page.keyboard.press("Enter")
    notebook.until("labeller.table.sizes['event']", "2")
    for _ in range(4):
        page.keyboard.press("+")
    page.wait_for_function(
        """() => { const [a, b] = document.querySelector('.emgnb-spans canvas')
             .dataset.view.split(' ').map(Number); return b - a < 2; }"""
    )
    page.wait_for_timeout(300)
    notebook.screenshot("zoomed")
    assert_keys_stay_inside(notebook, page.locator(".emgnb-spans"))
    assert_keys_stay_inside(notebook, page.get_by_role("button", name="zoom in"))
    assert_keys_stay_inside(notebook, page.locator(".emgnb-panel .jupyter-button"))
    assert page.locator(".emgnb-spans tbody tr").count() == 2
    assert notebook.value("labeller.error") == "None"


def test_outside_the_widgets_the_keys_are_the_notebooks(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    notebook = open_notebook(lab.write("keys.ipynb", "1 + 1"))
    cells = notebook.cells()
    notebook.page.locator(".jp-Cell .jp-InputPrompt").first.click()
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("b")
    notebook.page.wait_for_function(
        "(n) => jupyterapp.shell.currentWidget.content.widgets.length === n", arg=cells + 1
    )
