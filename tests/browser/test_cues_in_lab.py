"""The guided protocol, by mouse in JupyterLab and by keyboard in Notebook 7."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from emgnb import cues
from emgnb.widgets import Cues

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
    )


def test_a_protocol_is_run_to_its_end_by_keyboard_alone(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    # Long enough to look and to press a key in, on a busy machine as well.
    times = {"countdown": 0.6, "hold": 3.0, "rest": 8.0}
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
    assert notebook.value("guide.error") == "None"
    read = "recording.open(rec.stop())"
    spread = f"{read}['markers/uncertainty'].values"
    # A marker is as uncertain as the drawing before it was late, on any machine.
    assert notebook.value(f"bool({spread}[2:].min() > min(guide.lags))") == "True"
    assert notebook.value(f"bool({spread}.max() < max(0.2, *guide.lags) + 0.5)") == "True"
    assert notebook.value(f"labels.trials({read})['label'].values.tolist()") == "['frown', 'smile']"


def test_buttons_do_the_same_and_what_goes_wrong_is_said(
    lab: Any, open_notebook: Callable[..., Any]
) -> None:
    notebook = opened(lab, open_notebook, "cues_mouse", countdown=0.3, hold=2.0, rest=0.5)
    page = notebook.page
    stage = page.locator(".emgnb-cues")
    stage.get_by_role("button", name="Start").click()
    shows(page, "hold", 2)
    stage.get_by_role("button", name="Repeat last trial").click()
    shows(page, "countdown", 3)
    assert notebook.value("guide.run.moment.of") == "4"
    shows(page, "over", 4)
    notebook.until("guide.run.over", "True")
    said = notebook.value("guide.message")  # the rest at the start is no expression
    assert said.startswith("'3 expressions cued, 1 of them repeated; ")
    stage.get_by_role("button", name="Run again").click()
    shows(page, "hold", 2)
    stage.get_by_role("button", name="Stop").click()
    shows(page, "stopped", 0)
    notebook.until("guide.run.over", "True")
    assert notebook.value("rec.stop() is not None") == "True"
    stage.get_by_role("button", name="Run again").click()  # but now nothing records
    shows(page, "failed", 0)
    said = page.locator(".emgnb-panel").get_by_role("alert")
    assert "is over" in said.inner_text()
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()


# ---- the stage, in a page of its own


def moments(protocol: cues.Protocol, stop: int | None = None) -> tuple[Any, list[dict[str, Any]]]:
    """Run a protocol quickly; returns its stage, and what that showed. Stopped at hold `stop`."""

    class Tape:
        def mark(self, text: str, *, uncertainty: float = 0.0) -> None:
            pass

    guide = Cues(protocol, Tape())
    stage = guide.children[1]
    shown: list[dict[str, Any]] = [stage.moment]
    reached = threading.Event()

    def show(change: Any) -> None:
        shown.append(change["new"])
        if (change["new"]["phase"], change["new"]["number"]) == ("hold", stop):
            reached.set()

    stage.observe(show, "moment")
    guide.start()
    if stop is not None:
        assert reached.wait(20)
        guide.stop()
    assert guide.wait(60)
    guide.close()
    return stage, shown


SHORT = {"countdown": 0.02, "hold": 0.1, "rest": 0.1, "rest_jitter": 0.0, "baseline": 0.1}


@pytest.mark.parametrize("width", [1200, 620, 400])
def test_nothing_moves_from_one_phase_to_the_next(mounted: Callable[..., Any], width: int) -> None:
    protocol = cues.Protocol(
        ("smile", "frown", "disgust", "contempt"), 1, mvc=("clench",), practice=True, **SHORT
    )
    stage, shown = moments(protocol)
    page = mounted(stage, width=width)
    where = """() => ['.emgnb-cues', '.face', '.what', '.how', '.time', '.bar', ...[1, 2, 3, 4]
      .map((k) => `.bar button:nth-child(${k})`)].map((s) => {
        const { x, y, width, height } = document.querySelector(s).getBoundingClientRect();
        return [s, x, y, width, height].join(' '); })"""
    places = set()
    for moment in shown:
        page.tell(moment=moment)
        places.add("\n".join(page.page.evaluate(where)))
    assert len(places) == 1, "\n\n".join(places)
    assert {moment["phase"] for moment in shown} == {"ready", "countdown", "hold", "rest", "over"}


def test_expressions_are_counted_without_the_rest_at_the_start(mounted: Callable[..., Any]) -> None:
    stage, shown = moments(cues.Protocol(("smile", "frown"), 2, practice=False, **SHORT))
    page = mounted(stage)
    said = []
    for moment in shown:
        page.tell(moment=moment)
        if moment["phase"] == "hold":
            said.append(page.page.locator(".which").inner_text())
    assert said == ["then 4 expressions", "1 of 4", "2 of 4", "3 of 4", "4 of 4"]


def test_a_protocol_stopped_early_is_not_said_to_be_done(mounted: Callable[..., Any]) -> None:
    protocol = cues.Protocol(("smile", "frown", "surprise"), 5, practice=False, **SHORT)
    stage, shown = moments(protocol, stop=4)
    page = mounted(stage)
    page.tell(moment=shown[-1])
    said = page.page.locator(".emgnb-cues").inner_text()
    assert "Done" not in said
    assert "Stopped" in said
    assert "3 of 15 expressions were cued." in said
    assert page.page.get_by_role("button", name="Run again").is_enabled()


def test_no_number_is_shown_while_resting_and_none_is_ever_zero(
    mounted: Callable[..., Any],
) -> None:
    stage, shown = moments(cues.Protocol(("smile",), 1, practice=False, **SHORT))
    page = mounted(stage)
    hold, rest = (next(m for m in shown if m["phase"] == phase) for phase in ("hold", "rest"))
    count = page.page.locator(".emgnb-cues .count")
    page.tell(moment={**hold, "seconds": 0.2, "began": 0.0})
    assert count.inner_text() == "1"
    page.page.wait_for_function("() => document.querySelector('.time div').style.width === '100%'")
    assert count.inner_text() == "1"  # the kernel has not ended it yet
    page.tell(moment={**rest, "seconds": 5.0, "began": 0.0})
    assert count.inner_text() == ""


@pytest.mark.parametrize("size", [(1600, 1000), (800, 1200)])
def test_full_screen_fills_the_screen(mounted: Callable[..., Any], size: tuple[int, int]) -> None:
    stage, shown = moments(cues.Protocol(("smile",), 1, practice=False, **SHORT))
    page = mounted(stage, width=size[0], height=size[1])
    page.tell(moment=next(m for m in shown if m["phase"] == "hold"))
    measure = """() => Object.fromEntries(['.face', '.what', '.how', '.count', '.time'].map((s) => {
        const each = document.querySelector('.emgnb-cues ' + s);
        const size = each.getBoundingClientRect();
        return [s, [size.width, size.height, parseFloat(getComputedStyle(each).fontSize)]]; }))"""
    before = page.page.evaluate(measure)
    page.page.locator(".emgnb-cues").focus()
    page.page.keyboard.press("f")
    page.page.wait_for_function("() => document.fullscreenElement?.matches('.emgnb-cues')")
    after = page.page.evaluate(measure)
    assert after[".face"][1] > 1.2 * before[".face"][1]
    assert after[".time"][0] > 0.5 * size[0]
    for name in (".what", ".how", ".count"):
        assert after[name][2] > 1.5 * before[name][2], name
    fits = "() => document.fullscreenElement.scrollHeight <= window.innerHeight"
    assert page.page.evaluate(fits)
    assert page.page.locator(".bar button").first.bounding_box()["y"] > 0.8 * size[1]
