"""The notebooks as a student meets them: opened in JupyterLab, in their order, all cells run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("0*.ipynb"))


def test_the_notebooks_run_one_after_the_other(lab: Any, open_notebook: Callable[..., Any]) -> None:
    # joined by files: each works on what the one before left in the folder
    assert NOTEBOOKS, "no notebooks beside the tests"
    folder = lab.root / "notebooks"
    folder.mkdir()
    for source in NOTEBOOKS:
        shutil.copy(source, folder)
        notebook = open_notebook(folder / source.name)
        notebook.run_all(timeout=300)
        shown = notebook.page.locator(".emgnb-panel")
        if shown.count():
            shown.first.scroll_into_view_if_needed()
            notebook.page.wait_for_timeout(1500)
            notebook.screenshot("widget")
        notebook.page.locator(".jp-Cell").last.scroll_into_view_if_needed()
        notebook.page.wait_for_timeout(500)
        notebook.screenshot("end")
        notebook.page.context.close()
        lab.end_kernels()
