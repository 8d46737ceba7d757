"""A task with feedback: what the widget runs, sends to the page, and hears from it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from panels import says, sent_by
from waiting import until

from emgnb.live import Output, tasks
from emgnb.widgets import Feedback

UNIT = "L12"
HOLD = tasks.Hold(UNIT, levels=(0.4,), repetitions=2, seconds=2.0, rest=0.5)
KEY = tasks.Reach(UNIT, distances=(0.5,), widths=(0.2,), repetitions=1, select="key", rest=0.1)


def output(k: int, value: float = 0.4, note: str = "") -> Output:
    kind, values = ("gap", {}) if note else ("intensities", {UNIT: value})
    return Output(k, k * 20_000_000, 0.02 * k, 0.0, kind, values, note=note)  # type: ignore[arg-type]


def held() -> Iterator[Output]:
    return map(output, itertools.count())


def moments(sent: Any) -> list[dict[str, Any]]:
    return [content for content, _ in sent if content["kind"] == "now"]


class Paced:
    """Outputs that come when they are let."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.value = 0.0

    def __iter__(self) -> Iterator[Output]:
        for k in itertools.count():
            self.let.acquire()
            yield output(k, self.value)


def test_a_task_is_run_and_its_result_is_that_of_play() -> None:
    feedback = Feedback(HOLD, held())
    sent = sent_by(feedback._stage)
    result = feedback.play()
    assert str(result) == str(tasks.play(HOLD, held()))
    assert "score 100 %" in feedback.message
    assert not feedback.running
    phases = [moment["phase"] for moment in moments(sent)]
    assert [phase for phase, _ in itertools.groupby(phases)] == ["rest", "go", "rest", "go", "over"]
    assert feedback.code == (
        "tasks.play(tasks.Hold('L12', levels=(0.4,), seconds=2.0, rest=0.5), decoder)"
    )
    feedback.close()


def test_what_is_sent_is_json_and_shows_the_target_to_come() -> None:
    feedback = Feedback(HOLD, held())
    sent = sent_by(feedback._stage)
    feedback.play()
    for moment in moments(sent):
        json.dumps(moment, allow_nan=False)
    first = moments(sent)[0]
    assert first["score"] is None
    after, band = first["ahead"][0]
    assert after == pytest.approx(first["left"])
    low, high = band[UNIT]
    assert (low, high) == pytest.approx((0.3, 0.5))
    feedback.close()


def test_a_gap_is_sent_without_values_and_with_its_reason() -> None:
    some = [output(0), output(1, note="412 scans lost"), output(2)]
    feedback = Feedback(HOLD, some)
    sent = sent_by(feedback._stage)
    feedback.start()
    assert feedback.wait(60)
    (gap,) = [moment for moment in moments(sent) if moment["phase"] == "gap"]
    assert (gap["values"], gap["note"]) == ({}, "412 scans lost")
    assert feedback.message.startswith("ended early")
    assert feedback.result is not None
    assert not feedback.result.complete
    feedback.close()


def test_the_key_of_the_page_selects_and_stops() -> None:
    source = Paced()
    feedback = Feedback(KEY, source)
    says(feedback._stage, kind="select")  # before the start: no effect
    says(feedback._stage, kind="start")
    source.let.release(10)
    until(lambda: feedback.run is not None and feedback.run.moment.phase == "go")
    source.value = 0.5
    source.let.release(20)
    until(lambda: feedback.run.moment.passed >= 0.2)  # type: ignore[union-attr]
    says(feedback._stage, kind="select")
    assert feedback.result is not None
    assert feedback.result.score == 100
    source.let.release()
    assert feedback.wait(60)
    feedback.start()
    assert feedback.running
    says(feedback._stage, kind="stop")
    source.let.release()
    assert feedback.wait(60)
    feedback.close()


def test_an_error_of_the_source_is_shown_and_raised() -> None:
    def broken() -> Iterator[Output]:
        yield output(0)
        raise OSError("the decoder has stopped: no space left")

    feedback = Feedback(HOLD, broken())
    with pytest.raises(RuntimeError, match="no space left"):
        feedback.play()
    assert feedback.message == "the decoder has stopped: no space left"
    feedback.close()


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="expected a task"):
        Feedback("hold", [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="found int"):
        Feedback(HOLD, 5)  # type: ignore[arg-type]
