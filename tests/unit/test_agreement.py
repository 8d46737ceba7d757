"""Coders are compared as defined, and a consensus keeps what each of them said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emgnb import facs, labels, recording
from emgnb.labels import binned
from emgnb.labels.matching import assign, near

# Two events of AU12 by the first coder; the second has one of them 0.5 s late, and another AU.
ANN = labels.events([1.0, 5.0], [3.0, 6.0], au="12", intensity=["B", "C"])
BEN = labels.events([1.5, 8.0], [3.0, 9.0], au=["12", "4"], intensity=["B", "D"])


def score(found: labels.Agreement, measure: str, unit: str = "all") -> float:
    return float(found.scores.sel(unit=unit, measure=measure, bound="value"))


def test_agreement_of_two_coders_is_as_computed_by_hand() -> None:
    found = labels.agreement(ANN, BEN, span=(0, 10), bin_width=0.5, block=1.0)
    # AU12: 3 bins both, 3 only the first, 0 only the second, 14 none, of 20.
    assert score(found, "facs_index", "12") == pytest.approx(2 * 1 / (2 + 1))
    assert score(found, "facs_index") == pytest.approx(2 * 1 / (2 + 2))
    chance = (6 / 20) * (3 / 20) + (14 / 20) * (17 / 20)
    assert score(found, "kappa", "12") == pytest.approx((17 / 20 - chance) / (1 - chance))
    assert score(found, "positive_agreement", "12") == pytest.approx(6 / 9)
    # All: 3 both, 3 only the first, 2 only the second, 32 none; skew 34 / 6.
    assert score(found, "positive_agreement") == pytest.approx(6 / 11)
    assert score(found, "skew_normalised_f1") == pytest.approx(6 / (6 + 3 + 2 * 6 / 34))
    assert score(found, "iou", "12") == pytest.approx(0.75)
    assert score(found, "onset_difference", "12") == pytest.approx(0.5)
    assert score(found, "offset_difference", "12") == pytest.approx(0.0)
    assert score(found, "same_intensity", "12") == 1.0
    assert found.events.sel(unit="all").values.tolist() == [2, 2, 1]
    assert "FACS index: 0.500" in str(found)
    assert len(found.table()) == 3 * 9


def test_kappa_and_f1_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    a, b = rng.random(1000) < 0.2, rng.random(1000) < 0.3
    b[:300] = a[:300]
    table = binned.counts(a, b, np.arange(1000) // 100).sum(axis=0)
    found = binned.binned_scores(table)
    assert found["kappa"] == pytest.approx(metrics.cohen_kappa_score(a, b))
    assert found["positive_agreement"] == pytest.approx(metrics.f1_score(a, b))
    weight = np.where(a, 1.0, a.sum() / (~a).sum())
    assert found["skew_normalised_f1"] == pytest.approx(
        metrics.f1_score(a, b, sample_weight=weight)
    )


def test_the_interval_of_the_facs_index_stays_below_1_if_pairs_straddle_blocks() -> None:
    first = labels.events([9.9, 24.0], [11.0, 25.0], au="12")
    second = labels.events([10.1], [11.1], au="12")
    found = labels.agreement(first, second, span=(0, 40))
    high = float(found.scores.sel(unit="all", measure="facs_index", bound="high"))
    assert high <= 1


def test_intervals_hold_the_value_and_a_coder_agrees_with_themselves() -> None:
    rng = np.random.default_rng(1)
    onset = np.arange(2, 118, 2.0)
    truth = labels.events(onset, onset + 1, au="12", intensity="B")
    late = labels.events(onset + rng.normal(0.1, 0.03, onset.size), onset + 1.1, au="12")
    same = labels.agreement(truth, truth, span=(0, 120))
    for measure in ("facs_index", "kappa", "positive_agreement", "skew_normalised_f1", "iou"):
        assert same.scores.sel(unit="12", measure=measure).values.tolist() == pytest.approx([1] * 3)
    found = labels.agreement(truth, late, span=(0, 120))
    assert np.isnan(score(found, "same_intensity"))
    for measure in ("kappa", "iou", "onset_difference"):
        value, low, high = found.scores.sel(unit="12", measure=measure).values
        assert low <= value <= high
        assert high - low < 0.1
    assert score(found, "onset_difference") == pytest.approx(0.1, abs=0.015)


def test_a_partner_of_the_same_side_is_preferred_but_not_at_any_price() -> None:
    # Both partners overlap as well as each other, and one is of the same side.
    first = labels.events([1.0], [2.0], au="12", side="L")
    second = labels.events([0.8, 1.2], [1.8, 2.2], au="12", side=["R", "L"])
    assert score(labels.agreement(first, second, span=(0, 9)), "same_side") == 1
    # Both coders marked the same four events and call two of them differently. Sides alone would
    # pair each short event with a long one.
    times = {"au": "12", "onset": [1, 1, 1, 20], "offset": [30, 30, 6, 25]}
    ann = labels.events(**times, side=["L", "R", "L", "R"])
    ben = labels.events(**times, side=["L", "R", "R", "L"])
    found = labels.agreement(ann, ben, span=(0, 40))
    assert score(found, "iou") == 1
    assert score(found, "same_side") == 0.5


def test_a_single_block_or_event_has_no_interval() -> None:
    found = labels.agreement(ANN, BEN, span=(0, 10), block=10.0)
    assert np.isfinite(found.scores.sel(unit="12", bound="value")).all()
    assert np.isnan(found.scores.sel(unit="12", bound=["low", "high"])).all()


def test_an_event_outside_the_span_or_a_bin_longer_than_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside span"):
        labels.agreement(ANN, BEN, span=(0, 5))
    with pytest.raises(ValueError, match=r"0–10 s is shorter than a bin of 20 s"):
        labels.agreement(ANN, BEN, span=(0, 10), bin_width=20.0)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 30), max_size=6),
    st.lists(st.integers(0, 30), max_size=6),
)
def test_matching_takes_as_many_pairs_as_possible_at_least_cost(a: list[int], b: list[int]) -> None:
    x, y = np.array(a, float), np.array(b, float)
    pairs = near(x, y, 3)
    i, j = assign(pairs, np.abs(x[pairs[0]] - y[pairs[1]]))
    assert len(set(i.tolist())) == len(set(j.tolist())) == i.size
    assert (np.abs(x[i] - y[j]) <= 3).all()

    def best(k: int, free: frozenset[int]) -> tuple[int, float]:
        if k == len(a):
            return 0, 0.0
        options = [best(k + 1, free)]
        for m in free:
            if abs(a[k] - b[m]) <= 3:
                n, cost = best(k + 1, free - {m})
                options.append((n - 1, cost + abs(a[k] - b[m])))
        return min(options)

    n, cost = best(0, frozenset(range(len(b))))
    assert (-i.size, float(np.abs(x[i] - y[j]).sum())) == (n, cost)


def test_merged_tables_name_their_coders() -> None:
    merged = labels.merge({"ann": ANN, "ben": BEN})
    assert merged["coder"].values.tolist() == ["ann", "ben", "ann", "ben"]
    assert recording.event_faults(merged) == []


def test_a_consensus_records_who_said_what_and_who_decided() -> None:
    table = labels.consensus({"ann": ANN, "ben": BEN})
    assert table["status"].values.tolist() == ["agreed", "disputed", "disputed"]
    assert table["onset"].values.tolist() == [1.25, 5.0, 8.0]
    said = json.loads(str(table["said"].values[1]))
    assert (said["ann"]["onset"], said["ann"]["intensity"], said["ben"]) == (5.0, "C", None)
    decided = labels.adjudicate(table, {0: "ben", 1: "drop", 2: "keep"}, by="cleo")
    assert decided["status"].values.tolist() == ["as ben by cleo", "kept by cleo"]
    assert decided["onset"].values.tolist() == [1.5, 8.0]
    dropped = json.loads(decided.attrs["dropped"])
    assert (dropped[0]["by"], dropped[0]["said"]["ann"]["onset"]) == ("cleo", 5.0)
    assert recording.event_faults(decided) == []
    with pytest.raises(ValueError, match="expected 'keep', 'drop' or a coder of the event: ann"):
        labels.adjudicate(table, {1: "ben"}, by="cleo")
    with pytest.raises(ValueError, match="no row 7"):
        labels.adjudicate(table, {7: "keep"}, by="cleo")


def test_three_coders_decide_by_majority() -> None:
    table = labels.consensus({"ann": ANN, "ben": BEN, "dora": ANN})
    assert table["status"].values.tolist() == ["agreed", "agreed", "disputed"]


def test_edges_snap_to_bursts_of_a_channel_that_sees_the_unit() -> None:
    x = recording.signal(
        np.zeros((1000, 2)),
        rate=100.0,
        units="uV",
        channel=["zygomaticus_major_l", "corrugator_l"],
        muscle=["zygomaticus_major", "corrugator"],
        side=["left", "left"],
    )
    bursts = labels.events(
        [0.95, 1.01, 5.2],
        [3.05, 3.0, 6.0],
        channel=["zygomaticus_major_l", "corrugator_l", "zygomaticus_major_l"],
    )
    table = labels.snap(ANN, bursts, x, tolerance=0.1)
    assert table["onset"].values.tolist() == [0.95, 5.0]
    assert table["onset_shift"].values.tolist() == pytest.approx([-0.05, 0.0])
    assert table["offset_shift"].values.tolist() == pytest.approx([0.05, 0.0])
    assert labels.channels_for(x, "12", "R") == []
    assert labels.channels_for(x, "4", "L") == ["corrugator_l"]
    assert labels.channels_for(x, facs.AUS["5"].number) == []


def test_what_coders_differ_in_is_said_until_it_is_decided() -> None:
    ann = labels.events([1.0, 5.0, 9.0], [2.0, 6.0, 9.5], au="12", intensity=["B", "C", ""])
    ben = labels.events([1.6, 5.0], [2.0, 6.0], au="12", intensity=["B", "D"])
    table = labels.consensus({"ann": ann, "ben": ben})
    wanted = {0: "onset 0.60 s apart", 1: "intensity C, D", 2: "ann, not ben"}
    assert labels.disagreements(table) == wanted
    assert labels.disagreements(table, tolerance=0.6) == {1: wanted[1], 2: wanted[2]}
    left = labels.adjudicate(table, {1: "ben", 2: "drop"}, by="cleo")
    assert labels.disagreements(left) == {0: wanted[0]}
    with pytest.raises(ValueError, match=r"expected a table from labels.consensus"):
        labels.disagreements(ann)
