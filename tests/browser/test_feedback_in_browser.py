"""A task with feedback: its front end alone, by keyboard, in a gap, and with several units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pages import settled

from emgnb.live import tasks
from emgnb.widgets import Feedback

pytestmark = pytest.mark.slow

HOLD = tasks.Hold("L12", levels=(0.4,))
COPY = tasks.Copy(("smile",), decoded=("L4", "L12", "R12"))
# How many pixels of the canvas have a colour that is neither grey nor transparent.
COLOURED = """() => {
  const drawn = document.querySelector('.emgnb-feedback canvas');
  const { data } = drawn.getContext('2d').getImageData(0, 0, drawn.width, drawn.height);
  let found = 0;
  for (let k = 0; k < data.length; k += 4) {
    const some = [data[k], data[k + 1], data[k + 2]];
    if (data[k + 3] > 200 && Math.max(...some) - Math.min(...some) > 60) found += 1;
  }
  return found;
}"""
# As often as a decoder; without news for half a second, nothing is shown.
NEWS = """(news) => {
  let k = 0;
  const give = () => window.model.hear({ ...news, seconds: k++ / 20 }, []);
  give();
  window.news = setInterval(give, 50);
}"""


def news(**changes: Any) -> dict[str, Any]:
    given = {
        "kind": "now",
        "phase": "go",
        "trial": 2,
        "of": 6,
        "name": "hold 40 %",
        "left": 3.0,
        "target": {"L12": [0.3, 0.5]},
        "values": {"L12": 0.38},
        "inside": True,
        "held": 0.4,
        "selection": "",
        "dwell": 0.0,
        "note": "",
        "score": 86.4,
        "ahead": [[0.0, {"L12": [0.3, 0.5]}], [3.0, {"L12": [0.3, 0.5]}]],
    }
    return {**given, **changes}


def shown(mounted: Callable[..., Any], task: tasks.Task, **options: Any) -> Any:
    feedback = Feedback(task, [])
    page = mounted(feedback._stage, **options)
    feedback.close()
    return page


def cells(page: Any) -> list[str]:
    return list(page.locator(".emgnb-feedback td").all_inner_texts())


def test_the_value_and_its_target_are_drawn_written_and_said(mounted: Callable[..., Any]) -> None:
    shown_ = shown(mounted, HOLD)
    page = shown_.page
    page.keyboard.press("Tab")
    page.keyboard.press(" ")
    assert shown_.sent("start")
    shown_.tell(running=True)
    page.evaluate(NEWS, news())
    page.get_by_text("Hold 40 %").wait_for()
    page.wait_for_function(
        """() => document.querySelector('.emgnb-feedback .voice').textContent
             === 'L12 38 %, asked 30–50 %: inside'"""
    )
    assert cells(page) == ["30–50 %", "38 %"]
    assert page.locator(".which").inner_text() == "trial 2 of 6, score 86 %"
    settled(page)
    inside = page.evaluate(COLOURED)
    assert inside > 100
    page.keyboard.press(" ")
    page.keyboard.press("Escape")
    assert shown_.sent("select")
    assert shown_.sent("stop")


def test_a_gap_and_silence_show_no_value(mounted: Callable[..., Any]) -> None:
    shown_ = shown(mounted, HOLD)
    page = shown_.page
    shown_.tell(running=True)
    gap = news(phase="gap", values={}, note="412 scans lost", inside=False, ahead=[])
    page.evaluate(NEWS, gap)
    page.get_by_text("No signal").wait_for()
    assert page.locator(".note").inner_text() == "412 scans lost"
    assert page.evaluate(COLOURED) == 0
    page.evaluate("clearInterval(window.news)")
    page.evaluate("(news) => window.model.hear({ ...news, seconds: 100 }, [])", news())
    page.locator(".note", has_text="no new values for").wait_for()
    page.wait_for_function(
        "() => document.querySelectorAll('.emgnb-feedback td')[1].textContent === '–'"
    )
    assert page.evaluate(COLOURED) == 0


def test_several_units_are_bars_and_fit_a_narrow_page(mounted: Callable[..., Any]) -> None:
    shown_ = shown(mounted, COPY, width=420)
    page = shown_.page
    shown_.tell(running=True)
    target = {"L4": [0.0, 0.5], "L12": [0.3, 1.0], "R12": [0.3, 1.0]}
    values = {"L4": 0.1, "L12": 0.6, "R12": 0.2}
    page.evaluate(NEWS, news(name="smile", target=target, values=values, inside=False))
    page.get_by_text("Smile", exact=True).wait_for()
    page.wait_for_function(
        "() => document.querySelectorAll('.emgnb-feedback td')[1].textContent === '10 %'"
    )
    assert cells(page)[1::2] == ["10 %", "60 %", "20 %"]
    assert page.evaluate(COLOURED) > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
