"""The guided protocol, by mouse in JupyterLab and by keyboard in Notebook 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

MADE = """
from emgnb import acquire, cues, labels, recording
from emgnb.widgets import Cues
protocol = cues.Protocol(
    ("smile", "frown"), repetitions=1, practice=False, order="as written", title="Two faces",
    countdown={countdown}, hold={hold}, rest={rest}, rest_jitter=0, baseline=0.5,
)
rec = acquire.start("sim://smile?seed=1", folder={folder!r}, participant="P03")
guide = Cues(protocol, rec)
guide
"""


def opened(
    lab: Any, open_notebook: Callable[..., Any], name: str, app: str = "lab", **times: float
) -> Any:
    path = lab.write(f"{name}.ipynb", MADE.format(folder=name, **times))
    notebook = open_notebook(path, app=app)
    notebook.run_all()
    notebook.page.locator(".emgnb-cues .face path").first.wait_for(state="attached")
    return notebook


def shows(page: Any, phase: str, number: int) -> None:
    page.wait_for_function(
        """([phase, number]) => { const { dataset } = document.querySelector('.emgnb-cues');
             return dataset.phase === phase && (!number || Number(dataset.number) === number); }""",
        arg=[phase, number],
        timeout=30_000,
    )


def test_a_protocol_is_run_to_its_end_by_keyboard_alone(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    times = {"countdown": 0.6, "hold": 1.0, "rest": 1.0}
    notebook = opened(lab, open_notebook, "cues_keys", app="notebook", **times)
    page = notebook.page
    stage = page.locator(".emgnb-cues")
    stage.focus()
    notebook.look("ready")
    stage.focus()
    cells = notebook.cells()
    for key in ("b", "a", "x"):
        page.keyboard.press(key)
    assert notebook.cells() == cells
    page.keyboard.press("Space")
    shows(page, "hold", 2)
    assert "smile" in stage.inner_text()
    smiling = stage.locator(".face .lips").get_attribute("d")
    notebook.screenshot("hold")
    shows(page, "rest", 2)
    assert stage.locator(".face .lips").get_attribute("d") != smiling
    page.keyboard.press("r")  # the smile was no good
    shows(page, "countdown", 3)
    page.keyboard.press("Space")
    shows(page, "paused", 0)
    notebook.look("paused")
    stage.focus()
    page.keyboard.press("Space")
    shows(page, "over", 0)
    notebook.look("over")
    notebook.until("guide.run.over", "True")
    notebook.until("len(guide.lags) > 8", "True")
    assert float(notebook.value("sorted(guide.lags)[len(guide.lags) // 2]")) < 0.5
    assert notebook.value("guide.error") == "None"
    read = "recording.open(rec.stop())"
    spread = f"{read}['markers/uncertainty'].values"
    assert float(notebook.value(f"float({spread}[2:].min())")) > 0.001  # what drawing takes
    assert float(notebook.value(f"float({spread}.max())")) < 0.6
    assert notebook.value(f"labels.trials({read})['label'].values.tolist()") == "['frown', 'smile']"


def test_buttons_do_the_same_and_what_goes_wrong_is_said(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    notebook = opened(lab, open_notebook, "cues_mouse", countdown=0.3, hold=2.0, rest=0.5)
    page = notebook.page
    stage = page.locator(".emgnb-cues")
    stage.get_by_role("button", name="Start").click()
    shows(page, "hold", 2)
    stage.get_by_role("button", name="Redo").click()
    shows(page, "countdown", 3)
    assert notebook.value("guide.run.moment.of") == "4"
    shows(page, "over", 4)
    notebook.until("guide.run.over", "True")
    said = notebook.value("guide.message")  # the rest at the start is no expression
    assert said.startswith("'3 expressions asked for, 1 taken back; ")
    stage.get_by_role("button", name="Once more").click()
    shows(page, "hold", 2)
    stage.get_by_role("button", name="Stop").click()
    shows(page, "over", 0)
    notebook.until("guide.run.over", "True")
    assert notebook.value("rec.stop() is not None") == "True"
    stage.get_by_role("button", name="Once more").click()  # but now nothing records
    shows(page, "failed", 0)
    said = page.locator(".emgnb-panel").get_by_role("alert")
    assert "is over" in said.inner_text()
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()
