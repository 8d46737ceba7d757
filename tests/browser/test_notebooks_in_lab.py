"""The notebooks as a student meets them: opened in JupyterLab, from the middle and in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import notebook_runs
import pytest
from pages import settled

pytestmark = pytest.mark.slow

PRINTED = """() => jupyterapp.shell.currentWidget.content.widgets.flatMap((cell) =>
  cell.model.type !== 'code' ? [] : cell.model.outputs.toJSON()
    .map((out) => [out.text ?? out.data?.['text/plain'] ?? ''].flat().join(''))).join('\\n')"""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "short",
    [True, pytest.param(False, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])],
    ids=["short", "whole"],
)
def test_the_notebooks_run_from_the_middle_and_in_order_in_one_folder(
    lab: Any, open_notebook: Callable[..., Any], short: bool
) -> None:
    """Joined by files: each works on what the ones before left in the folder."""
    folder = lab.root / f"notebooks-{short}"
    folder.mkdir()
    order = notebook_runs.SHORT_ORDER if short else notebook_runs.ORDER
    for number, name in enumerate(order, 1):
        notebook = open_notebook(notebook_runs.place(name, folder, short=short))
        notebook.run_all()
        shown = notebook.page.locator(".emgnb-panel")
        if shown.count():
            shown.first.scroll_into_view_if_needed()
            settled(notebook.page)
            notebook.screenshot("widget")
        notebook.page.locator(".jp-Cell").last.scroll_into_view_if_needed()
        settled(notebook.page)
        notebook.screenshot("end")
        notebook_runs.check(order[:number], folder, notebook.page.evaluate(PRINTED))
        lab.end_kernels()
