"""Spotting is scored by IoU; overlap over the shorter interval shows what it flatters."""

from __future__ import annotations

import numpy as np
import pytest

from emgnb import labels, validate
from emgnb.validate.spotting import STRICT


def test_duration_divides_micro_from_macro() -> None:
    table = labels.events([1, 3, 5, 7], [1.04, 3.2, 5.5, 7.6], au="12")
    assert validate.spot(table)["kind"].values.tolist() == ["micro", "micro", "micro", "macro"]
    strict = validate.spot(table, micro=STRICT, shortest=0.05)
    assert strict["kind"].values.tolist() == ["micro", "macro", "macro"]
    with pytest.raises(ValueError, match="shortest < micro"):
        validate.spot(table, micro=0.1, shortest=0.2)


def test_scores_are_as_computed_by_hand() -> None:
    truth = labels.events([1, 3, 5], [1.4, 3.4, 5.4], au=["12", "4", "12"])
    # IoU 0.6 (right unit), 1 (wrong unit), 0.25, and a false alarm.
    spotted = labels.events([1.1, 3.0, 5.3, 9.0], [1.5, 3.4, 5.5, 9.2], au=["12", "12", "12", "4"])
    found = validate.score_spotting(spotted, truth)
    assert (found.found, found.missed, found.false) == (2, 1, 2)
    assert (found.precision, found.recall) == pytest.approx((2 / 4, 2 / 3))
    assert found.f1 == pytest.approx(2 * 2 / 7)
    # Of the two found: unit 12 has F1 2·1/(1+2), unit 4 has 0.
    assert found.strs == pytest.approx(4 / 7 * (2 / 3 + 0) / 2)
    assert found.shorter_f1 == pytest.approx(2 * 3 / 7)
    assert found.mean_iou == pytest.approx((0.6 + 1 + 0.2) / 3)


def test_the_whole_clip_is_all_by_the_shorter_interval_and_little_by_iou() -> None:
    # A clip of ± 500 ms around a micro-expression of 160 ms.
    truth = labels.events([0.5], [0.66], label="micro")
    clip = labels.events([0.0], [1.16], label="micro")
    found = validate.score_spotting(clip, truth)
    assert found.mean_shorter == pytest.approx(1.0)
    assert found.shorter_f1 == 1.0
    assert found.mean_iou == pytest.approx(0.16 / 1.16)
    assert (found.f1, found.strs) == (0.0, 0.0)
    assert "any interval that covers the recording" in str(found)


def test_perfect_spotting_is_1_and_jitter_costs_what_it_costs() -> None:
    onset = np.arange(1, 201, 2.0)
    truth = labels.events(onset, onset + 0.3, au="12")
    assert (
        validate.score_spotting(truth, truth).f1 == validate.score_spotting(truth, truth).strs == 1
    )
    # Shifted by 0.1 s: IoU 0.2/0.4; by 0.11 s: below 0.5.
    for shift, expected in ((0.1, 1.0), (0.11, 0.0)):
        late = labels.events(onset + shift, onset + 0.3 + shift, au="12")
        assert validate.score_spotting(late, truth).f1 == expected
    unnamed = labels.events(onset, onset + 0.3)
    assert np.isnan(validate.score_spotting(unnamed, truth).strs)
    nothing = truth.isel(event=slice(0, 0))
    assert validate.score_spotting(nothing, truth).f1 == 0.0
    with pytest.raises(ValueError, match="no events"):
        validate.score_spotting(truth, nothing)
