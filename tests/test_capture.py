"""Recording from a notebook: what the Capture widget promises, without a browser."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from emgnb import acquire, recording
from emgnb.acquire.client import OWN

CONSENT = {"version": "2", "date": "2026-05-04", "scope": "teaching", "sharing": "none"}


# ---- what a recording takes from the widget


def test_a_mark_heard_late_lies_where_it_was_meant_and_says_how_surely(tmp_path: Path) -> None:
    recorder = acquire.start("sim://rest?seed=1&channels=2", tmp_path, attrs={"consent": CONSENT})
    while recorder.health().scans < 1500:
        time.sleep(0.02)
    recorder.mark("now")
    recorder.mark("then", ago=1.0, uncertainty=0.25)
    session = recording.open(recorder.stop())
    marks = session["markers"]
    assert marks["text"].values.tolist() == ["then", "now"]
    then, now = marks["time"].values
    assert now - then == pytest.approx(1.0, abs=0.05)
    sure, surest = marks["uncertainty"].values
    assert sure == pytest.approx(surest + 0.25, abs=1e-3)
    assert session.attrs["consent"] == CONSENT
    for name in OWN:
        assert name in session.attrs
        with pytest.raises(ValueError, match="written by the recorder itself"):
            acquire.start("sim://rest", tmp_path, attrs={name: "x"})


@pytest.mark.parametrize("wrong", [{"ago": -1.0}, {"ago": np.nan}, {"uncertainty": np.inf}])
def test_a_mark_of_the_future_or_of_no_time_is_refused(tmp_path: Path, wrong) -> None:
    (tmp_path / "health.json").write_text('{"state": "recording"}', encoding="utf-8")
    with pytest.raises(ValueError, match="expected seconds, 0 or more"):
        acquire.attach(tmp_path).mark("x", **wrong)
    assert not (tmp_path / "control.jsonl").exists()


def test_attributes_that_no_session_can_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON serializable"):
        acquire.start("sim://rest", tmp_path, attrs={"consent": {1, 2}})
    assert list(tmp_path.iterdir()) == []
