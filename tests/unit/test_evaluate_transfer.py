"""Trained on A, tested on B: one direction, independent data, an interval over the test."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate


def make(people=("P0", "P1", "P2"), sessions=("1",), labels=("frown", "rest", "smile"), seed=0):
    """Features of two trials a label, whose means differ by label and person."""
    rng = np.random.default_rng(seed)
    values, rows = [], []
    for who in people:
        own = 0.3 * rng.standard_normal(3)
        for day in sessions:
            for trial in range(2 * len(labels)):
                name = labels[trial % len(labels)]
                mean = np.array([name == "frown", name == "rest", name == "smile"], float)
                for w in range(4):
                    values.append(2 * mean + own + 0.4 * rng.standard_normal(3))
                    rows.append((who, day, trial, name, trial + 0.1 * w))
    who, day, trial, label, time = zip(*rows, strict=True)
    return xr.DataArray(
        np.array(values, np.float32),
        dims=("window", "feature"),
        coords={
            "feature": ["a", "b", "c"],
            "participant": ("window", list(who)),
            "session": ("window", list(day)),
            "trial": ("window", list(trial)),
            "label": ("window", list(label)),
            "time": ("window", list(time)),
        },
        attrs={"history": "", "label_meaning": "instructed"},
    )


class Centroids:
    def __init__(self, data):
        self.classes = np.unique(data["label"].values)
        self.means = np.stack(
            [data.values[data["label"].values == name].mean(0) for name in self.classes]
        )

    def predict(self, data):
        score = np.exp(-((data.values[:, None] - self.means) ** 2).sum(-1))
        return xr.DataArray(
            score / score.sum(1, keepdims=True),
            dims=("window", "class"),
            coords={"class": self.classes},
        )


def others(**options):
    return make(people=("Q0", "Q1", "Q2", "Q3"), seed=1, **options)


def test_trained_on_a_tested_on_b_with_an_interval_over_the_people_of_b():
    one = evaluate.transfer(make(), others(), Centroids)
    assert one.prediction.sizes["window"] == others().sizes["window"]
    assert (one.unit, one.n_units) == ("participant", 4)
    low, high = one.interval
    assert low <= one.accuracy <= high
    assert one.accuracy > 0.8
    assert "trained on 3 people, 3 sessions, 18 trials (72 windows)" in str(one)
    assert "tested on 4 people, 4 sessions, 24 trials (96 windows)" in str(one)


def test_the_direction_matters_and_only_the_training_data_are_seen():
    seen = []

    def fit(data):
        seen.append(np.unique(data["participant"].values).tolist())
        return Centroids(data)

    evaluate.transfer(others(), make(), fit)
    assert seen == [["Q0", "Q1", "Q2", "Q3"]]


def test_without_people_the_interval_is_over_sessions_then_trials():
    sessions = others(sessions=("1", "2", "3"))
    one_person = sessions.isel(window=sessions.participant.values == "Q0")
    assert evaluate.transfer(make(), one_person, Centroids).n_units == 3
    one_session = one_person.isel(window=one_person.session.values == "2")
    one = evaluate.transfer(make(), one_session, Centroids)
    assert one.n_units == 6
    assert "6 trials of 1 person" in str(one)


def test_another_session_of_the_same_person_is_allowed_and_said():
    one = evaluate.transfer(
        make(people=("P0",)), make(people=("P0",), sessions=("2",), seed=2), Centroids
    )
    assert "same person, another session" in str(one)
    some = evaluate.transfer(make(), make(people=("P0", "Q"), sessions=("2",), seed=2), Centroids)
    assert "1 of the people tested also trained on, in other sessions" in str(some)


def test_the_same_session_on_both_sides_is_refused():
    data = make()
    later = data["trial"].values >= 3
    with pytest.raises(ValueError, match=r"session P0 / 1, P1 / 1.*both training and test"):
        evaluate.transfer(data.isel(window=~later), data.isel(window=later), Centroids)


def test_the_same_people_without_named_sessions_are_refused():
    with pytest.raises(ValueError, match="sessions are not named"):
        evaluate.transfer(make(), make(seed=3).drop_vars("session"), Centroids)


def test_copied_windows_are_refused_under_any_name():
    renamed = make().assign_coords(participant=("window", np.full(72, "someone")))
    with pytest.raises(ValueError, match="72 of 72 test windows are identical"):
        evaluate.transfer(make(), renamed, Centroids)


def test_constant_windows_are_no_copies():
    flat = [
        each.copy(data=each.values * (np.arange(each.shape[0])[:, None] > 2))
        for each in (make(), others())
    ]
    assert evaluate.transfer(*flat, Centroids).accuracy > 0.7


def test_people_that_are_not_named_may_be_the_same():
    one = evaluate.transfer(make().drop_vars("participant"), others(), Centroids)
    assert "people not named, so they may be the same" in str(one)


def test_a_test_without_any_groups_is_refused():
    bare = others().drop_vars(["participant", "session", "trial"])
    with pytest.raises(ValueError, match=r"no people, sessions or trials.*assign_coords"):
        evaluate.transfer(make(), bare, Centroids)


def test_classes_of_one_side_are_named_and_untrained_ones_count_as_wrong():
    train, test = make(labels=("frown", "rest", "wink")), others()
    one = evaluate.transfer(train, test, Centroids)
    assert one.classes == ("frown", "rest", "smile", "wink")
    assert "smile not trained, so always wrong (33.3 % of the windows)" in one.caption
    assert "wink trained but not tested" in one.caption
    assert one.accuracy <= 2 / 3


def test_no_common_class_is_refused():
    with pytest.raises(ValueError, match="no class is in both"):
        evaluate.transfer(make(labels=("a", "b")), others(labels=("c", "d")), Centroids)
