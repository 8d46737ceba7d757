"""Metrics of probabilities and of trials, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sklearn import metrics

from emgnb import evaluate


def result(probability, truth, classes="abc", **coords):
    coords.setdefault("group", np.arange(len(truth)).astype(str))
    return evaluate.Result(
        xr.DataArray(
            np.asarray(probability, np.float64),
            dims=("window", "class"),
            coords={"class": list(classes), "truth": ("window", list(truth))}
            | {name: ("window", list(values)) for name, values in coords.items()},
            attrs={"by": "group"},
        )
    )


def random(people=6, windows=60, seed=0):
    rng = np.random.default_rng(seed)
    who = np.repeat([f"P{p}" for p in range(people)], windows)
    truth = rng.integers(0, 3, len(who))
    score = rng.standard_normal((len(who), 3)) + 1.2 * np.eye(3)[truth]
    score = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    trial = np.tile(np.repeat(np.arange(windows // 4), 4), people)
    return result(score, np.array(list("abc"))[truth], group=who, participant=who, trial=trial)


def test_auc_is_that_of_scikit_learn():
    one = random()
    expected = metrics.roc_auc_score(
        one.prediction["truth"].values, one.prediction.values, multi_class="ovr", average="macro"
    )
    assert one.auc == pytest.approx(expected)


def test_ties_count_half_in_the_auc():
    one = result([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.2, 0.8]], "abab", "ab")
    # a against b: (.5, .9) against (.5, .2): a tie, and three right.
    assert one.auc == 3.5 / 4


def test_the_interval_of_the_auc_is_a_bootstrap_over_people():
    one = random()
    low, high = one.probability_intervals["auc"]
    assert low < one.auc < high
    rng = np.random.default_rng(1)
    who, truth = one.prediction["group"].values, one.prediction["truth"].values
    rows = [np.flatnonzero(who == p) for p in np.unique(who)]
    drawn = []
    for _ in range(60):
        pick = np.concatenate([rows[i] for i in rng.integers(0, 6, 6)])
        drawn.append(
            metrics.roc_auc_score(truth[pick], one.prediction.values[pick], multi_class="ovr")
        )
    # Widened for six people: 2.57 · √(6/5) deviations instead of 1.96.
    assert (high - low) / np.std(drawn) == pytest.approx(2 * 2.57 * np.sqrt(1.2), rel=0.3)


def test_a_calibrated_forecast_has_no_calibration_error():
    truth = ["a"] * 9 + ["b"] + ["a"] * 6 + ["b"] * 4
    one = result([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10, truth, "ab")
    assert one.ece == pytest.approx(0.0, abs=1e-12)


def test_the_calibration_error_by_hand():
    # With .9 right in half of ten windows (.4 too sure); with .6 always right (.4 too shy).
    one = result([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10, ["a", "b"] * 5 + ["a"] * 10, "ab")
    assert one.ece == pytest.approx(0.4)
    assert result([[1.0, 0.0]] * 4, "aaab", "ab").ece == pytest.approx(0.25)


def test_windows_of_equal_probability_share_a_bin():
    rng = np.random.default_rng(0)
    order = rng.permutation(300)
    truth = np.array(["a"] * 210 + ["b"] * 90)[order]
    assert result([[0.7, 0.3]] * 300, truth, "ab").ece == pytest.approx(0.0, abs=1e-12)


def test_trials_are_scored_like_windows():
    one = random()
    p = one.prediction
    columns = (p[name].values for name in ("group", "trial", "truth"))
    key = [f"{g}{t}{y}" for g, t, y in zip(*columns, strict=True)]
    truth, guess = [], []
    for name in sorted(set(key)):
        mine = [i for i, k in enumerate(key) if k == name]
        truth.append(p["truth"].values[mine[0]])
        guess.append("abc"[int(p.values[mine].mean(0).argmax())])
    assert one.trial_scores["macro_f1"] == pytest.approx(
        metrics.f1_score(truth, guess, average="macro")
    )
    assert one.trial_scores["balanced_accuracy"] == pytest.approx(
        metrics.balanced_accuracy_score(truth, guess)
    )
    low, high = one.trial_intervals["macro_f1"]
    assert low < one.trial_scores["macro_f1"] < high


def test_every_result_prints_and_tabulates_them():
    one = random()
    assert f"AUC {one.auc:.2f}, ECE {100 * one.ece:.1f} %" in str(one)
    names = [str(row["metric"]) for row in one.table()]
    assert "expected calibration error" in names
    assert "macro-F1 per trial" in names
    assert all(row["low"] <= row["high"] for row in one.table())
    assert f"<td>{one.auc:.2f}</td>" in one._repr_html_()
    assert "ECE" in str(evaluate.compare({"one": one, "same": one}))


def test_one_class_has_no_auc():
    one = result([[1.0, 0.0]] * 3, "aaa", "ab")
    assert np.isnan(one.auc)
    assert np.isnan(one.probability_intervals["auc"]).all()
