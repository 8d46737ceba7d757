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
