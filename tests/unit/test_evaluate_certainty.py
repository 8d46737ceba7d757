"""Probabilities mean what they say: temperature, prediction sets and rejection."""

from __future__ import annotations

import numpy as np
import pytest
from people import people

from emgnb import evaluate, plots

# ── Temperature ───────────────────────────────────────────────────────────────────────────────


def test_an_over_confident_model_is_calibrated_on_new_people():
    bold, new = people(12, sharp=4.0), people(12, sharp=4.0, seed=1, first=50)
    found = evaluate.temperature(bold)
    after = evaluate.Result(found.apply(new.prediction))
    assert found.value > 1.5
    assert "over-confident" in str(found)
    assert after.ece < 0.5 * new.ece
    assert after.accuracy == new.accuracy
    np.testing.assert_allclose(after.prediction.sum("class"), 1, rtol=1e-5)


def test_a_temperature_undoes_the_one_that_was_applied():
    plain, bold = people(12), people(12, sharp=3.0)
    ratio = evaluate.temperature(bold).value / evaluate.temperature(plain).value
    assert ratio == pytest.approx(3.0, rel=0.01)


def test_a_temperature_is_not_tested_where_it_was_fitted():
    one = people(12)
    with pytest.raises(ValueError, match=r"fitted on these predictions.*calibrated\(result\)"):
        evaluate.temperature(one).apply(one.prediction)
    with pytest.raises(ValueError, match="expected frown, rest, smile"):
        evaluate.temperature(one).apply(one.prediction.isel({"class": [1, 0, 2]}))


def test_each_person_is_calibrated_by_the_others():
    bold = people(12, sharp=4.0)
    after = evaluate.calibrated(bold)
    assert after.ece < 0.5 * bold.ece
    assert after.accuracy == bold.accuracy
    assert "temperature fitted on the others" in after.caption
    alone = bold.prediction.isel(window=bold.prediction["group"].values != "P3")
    own = evaluate.temperature(evaluate.Result(alone))
    mine = bold.prediction.isel(window=bold.prediction["group"].values == "P3")
    np.testing.assert_allclose(
        after.prediction.isel(window=bold.prediction["group"].values == "P3").values,
        own.apply(mine).values,
        rtol=1e-4,
    )


def test_one_person_gives_no_temperature_for_others():
    with pytest.raises(ValueError, match="not valid for others"):
        evaluate.temperature(people(1))
    with pytest.raises(ValueError, match="at least 3"):
        evaluate.calibrated(people(2))


# ── Prediction sets ───────────────────────────────────────────────────────────────────────────


def plain_threshold(result, coverage):
    """Split conformal as if windows were independent."""
    truth, _ = result.truth_and_unit
    scores = np.sort(1 - result.prediction.values[np.arange(len(truth)), truth])
    return scores[int(np.ceil((len(scores) + 1) * coverage)) - 1]


def covered(threshold, new):
    truth, _ = new.truth_and_unit
    return (1 - new.prediction.values[np.arange(len(truth)), truth] <= threshold).mean()


def test_sets_cover_new_people_as_stated_where_counting_windows_does_not():
    hierarchical, subsample, plain = [], [], []
    for seed in range(80):
        known = people(12, windows=12, skill=2.0, noise=0.2, seed=seed)
        new = people(10, windows=12, skill=2.0, noise=0.2, seed=5000 + seed)
        hierarchical.append(covered(evaluate.conformal(known).threshold, new))
        drawn = evaluate.conformal(known, method="subsample", seed=seed)
        subsample.append(covered(drawn.threshold, new))
        plain.append(covered(plain_threshold(known, 0.9), new))
    mean, error = (
        np.array([f(x) for x in (hierarchical, subsample, plain)])
        for f in (np.mean, lambda x: np.std(x) / np.sqrt(len(x)))
    )
    assert mean[0] >= 0.9
    # One window of each of twelve people: 12 / 13 exactly.
    assert abs(mean[1] - 12 / 13) <= 2 * error[1]
    assert mean[2] < 0.9 - 3 * error[2]


@pytest.mark.parametrize("score", ["lac", "aps"])
def test_with_many_people_sets_cover_hardly_more_than_stated(score):
    found = evaluate.conformal(people(150, skill=0.5), score=score)
    new = people(150, skill=0.5, seed=1, first=1000)
    measured = found.measure(new)
    assert measured.low <= 0.9 + 0.02
    assert measured.high >= 0.9
    sets = found.sets(new.prediction)
    assert sets.dtype == bool
    assert measured.size == pytest.approx(float(sets.sum("class").mean()))
    assert "stated 90.0 %" in str(measured)
    assert "over 150 people" in str(measured)
    assert "new people; calibrated on 150 people, hierarchical" in str(found)


def test_adaptive_sets_are_the_most_probable_classes_and_never_empty():
    found = evaluate.conformal(people(20), 0.8, score="aps")
    p = people(20, seed=1).prediction
    sets = found.sets(p).values
    assert sets.any(axis=1).all()
    outside = np.where(sets, -1, p.values).max(axis=1)
    assert (np.where(sets, p.values, 2).min(axis=1) >= outside).all()


def test_coverage_needs_enough_people():
    with pytest.raises(ValueError, match=r"8 people, but 90.0 % for new people needs at least 9"):
        evaluate.conformal(people(8))
    assert evaluate.conformal(people(9)).units == 9
    assert evaluate.conformal(people(8), 0.8).units == 8
    one = evaluate.conformal(people(8), unit="trial")
    assert (one.units, "new trials" in str(one)) == (80, True)


def test_sets_are_not_measured_where_they_were_calibrated():
    known = people(12)
    with pytest.raises(ValueError, match="cannot show their coverage"):
        evaluate.conformal(known).measure(known)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"coverage": 90}, "below 1"),
        ({"score": "raps"}, "lac, aps"),
        ({"method": "x"}, "subsample"),
    ],
)
def test_options_that_do_not_exist_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        evaluate.conformal(people(12), **options)


def test_sets_refuse_nan_and_other_classes():
    found, p = evaluate.conformal(people(12)), people(3, seed=1).prediction
    with pytest.raises(ValueError, match="NaN"):
        found.sets(p.where(p["trial"] > 0))
    with pytest.raises(ValueError, match="expected frown, rest, smile"):
        found.sets(p.isel({"class": [0, 1]}))


# ── Rejection ─────────────────────────────────────────────────────────────────────────────────


def test_rejection_raises_the_accuracy_of_the_rest():
    one = people(12)
    curve = evaluate.rejection_curve(one)
    assert float(curve["kept"][0]) == 1.0
    assert float(curve["accuracy"][0]) == pytest.approx(one.accuracy)
    half = curve.isel(step=int(np.abs(curve["kept"].values - 0.5).argmin()))
    assert float(half["accuracy"]) > one.accuracy + 0.05
    assert float(half["low"]) <= float(half["accuracy"]) <= float(half["high"])
    assert curve.attrs["area_under_risk"] < 1 - one.accuracy
    np.testing.assert_allclose(curve["risk"], 1 - curve["accuracy"])


def test_the_threshold_of_the_curve_rejects_as_many():
    one = people(12)
    curve = evaluate.rejection_curve(one).isel(step=8)
    labels = evaluate.reject(one.prediction, float(curve["threshold"]))
    kept = labels.values != ""
    assert kept.mean() == pytest.approx(float(curve["kept"]))
    assert labels.attrs["rejected"] == pytest.approx(1 - kept.mean())
    assert (labels.values == labels["truth"].values)[kept].mean() == pytest.approx(
        float(curve["accuracy"])
    )


def test_equal_probabilities_are_kept_or_rejected_together():
    one = people(12)
    flat = evaluate.Result(one.prediction.copy(data=np.full((360, 3), 1 / 3, np.float32)))
    curve = evaluate.rejection_curve(flat)
    assert curve["kept"].values.tolist() == [1.0]
    assert curve.attrs["area_under_risk"] == pytest.approx(1 - flat.accuracy)


def test_windows_with_nan_are_rejected_and_thresholds_are_probabilities():
    p = people(3).prediction
    gaps = p.where(p["trial"] > 0)
    assert (evaluate.reject(gaps, 0.0).values == "").sum() == 9
    with pytest.raises(ValueError, match="0 to 1"):
        evaluate.reject(p, 50)
    with pytest.raises(ValueError, match=r"probability\(window, class\)"):
        evaluate.reject(p.isel({"class": 0}), 0.5)


def test_the_plots_show_what_the_tables_say():
    one = people(12)
    curve = evaluate.rejection_curve(one)
    drawn = plots.rejection(curve).data[-1]
    np.testing.assert_allclose(drawn.y, 100 * curve["accuracy"].values)
    reliability = plots.calibration(one).data[-1]
    gap = np.abs(reliability.x - reliability.y) / 100
    assert np.average(gap, weights=reliability.customdata) == pytest.approx(one.ece)
    for plot in (plots.rejection, plots.calibration):
        with pytest.raises(TypeError, match="evaluate"):
            plot(one.prediction)
