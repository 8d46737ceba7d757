"""The list of a study, and the notebook's own keys, in JupyterLab in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

STUDY = """
import numpy as np
from emgnb import labels, recording
from emgnb.widgets import Study
for name in ("P01", "P02", "P03"):
    x = recording.signal(np.zeros((500, 1)), rate=100, units="uV", muscle="corrugator")
    coded = {"ann": labels.events(1, 2, au="4")} if name == "P02" else {}
    recording.save(recording.make(x, participant=name, labels=coded), f"study/{name}.zarr")
"""
DAMAGED = "open('study/P03.zarr/emg/zarr.json', 'w').write('{') and None"


def test_a_study_is_searched_and_a_session_opened_by_keyboard_alone(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    path = lab.write("study.ipynb", STUDY, DAMAGED, "listed = Study('study')\nlisted")
    notebook = open_notebook(path)
    notebook.run_all()
    page, panel = notebook.page, notebook.page.locator(".emgnb-panel")
    panel.get_by_text("3 of 3 sessions, 1 cannot be opened").wait_for()
    panel.get_by_placeholder("words in any column").focus()
    page.keyboard.type("corrugator")
    panel.get_by_text("2 of 3 sessions").wait_for()  # of the damaged one no muscle is known
    sessions = panel.get_by_title("Sessions; select one to open it")
    while not sessions.evaluate("(list) => list === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    notebook.until("listed.session and listed.session.attrs['participant']", "'P01'")
    page.keyboard.press("ArrowDown")
    notebook.until("listed.session and listed.session.attrs['participant']", "'P02'")
    panel.get_by_text("ann (1)").first.wait_for()
    assert "session = recording.open('study/P02.zarr')" in panel.inner_text()
    notebook.look("study", height=900)

    # the damaged one, which the search hid
    panel.get_by_placeholder("words in any column").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    panel.get_by_text("3 of 3 sessions, 1 cannot be opened").wait_for()
    assert notebook.value("listed.session.attrs['participant']") == "'P02'"
    while not sessions.evaluate("(list) => list === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    panel.get_by_text("cannot be opened: ").first.wait_for()
    assert "P03.zarr/emg/zarr.json is not JSON" in panel.inner_text()
    assert notebook.value("listed.session is None") == "True"
    notebook.look("damaged", height=900)


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
