"""Choosing a model: inside the training data, with its table, and never from the test group."""

from __future__ import annotations

import numpy as np
import pytest
import test_models

from emgnb import evaluate, features, models

FEW = {
    "LDA": {"model": "lda", "features": "hudgins"},
    "covariances": {"model": "lda", "features": "covariance"},
}


def test_a_choice_is_the_best_of_an_inner_cross_validation_and_says_what_it_tried(capsys, tmp_path):
    data = test_models.make("raw", trials=4)
    chosen = models.choose(data, by="trial", candidates=FEW)
    printed = capsys.readouterr().out
    table = chosen.choice
    assert table.attrs == {"by": "trial", "folds": 5, "fits": 11}
    assert list(table.candidate.values) == list(FEW)
    assert table.chosen.sum() == 1
    best = str(table.candidate.values[table.accuracy.values.argmax()])
    assert chosen.spec["features"] == FEW[best]["features"]
    assert "11 fits: 5 folds of whole trials" in printed
    assert all(name in printed for name in FEW)
    again = models.load(chosen.save(tmp_path / "m"))
    assert again.choice.identical(table)
    np.testing.assert_array_equal(again.predict(data), chosen.predict(data))
    assert models.fit(data, **FEW["LDA"]).choice is None


def test_a_choice_never_sees_the_group_left_out(monkeypatch):
    data, seen = test_models.make("raw", people=4), []
    fit = models.choosing.fit

    def watched(train, **options):
        seen[-1].update(train.participant.values.tolist())
        return fit(train, **options)

    def choose(train):
        seen.append(set())
        return models.choose(train, by="participant", candidates=FEW, progress=False)

    monkeypatch.setattr(models.choosing, "fit", watched)
    evaluate.cross_validate(data, choose, by="participant", progress=False)
    everyone = {f"P{i}" for i in range(4)}
    assert seen == [everyone - {f"P{i}"} for i in range(4)]


@pytest.mark.parametrize("kind", ["raw", "envelope"])
def test_the_candidates_suit_the_kind_of_data(kind):
    windows = test_models.make(kind)
    found = models.choosing.default_candidates(windows)
    assert ("LDA of covariances" in found) == (kind == "raw")
    assert f"forest of {'hudgins' if kind == 'raw' else 'envelope'}" in found
    table = models.choosing.default_candidates(features.extract(windows, "rms"))
    assert table["SVM, C = 10 of logarithms"] == {"model": "svm", "C": 10.0, "compress": "log"}


def test_the_same_seed_chooses_the_same_and_labels_spread_over_the_folds():
    data = test_models.make("raw", people=1, trials=2)
    one, other = (
        models.choose(data, candidates=FEW, seed=3, progress=False).choice for _ in range(2)
    )
    assert one.identical(other)


def test_mixed_kinds_and_no_candidates_are_refused():
    data = test_models.make("raw")
    mixed = data.assign_coords(signal_kind=("channel", ["raw", "raw", "envelope"]))
    with pytest.raises(ValueError, match="no common features"):
        models.choose(mixed)
    with pytest.raises(ValueError, match="candidates is empty"):
        models.choose(data, candidates={})
