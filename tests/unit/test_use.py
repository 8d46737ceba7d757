"""Labels of felt emotions are trained on only after their use was stated."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emgnb import evaluate, features, labels, models, recording, simulate, windows


@pytest.fixture(scope="module")
def felt():
    face = simulate.face(script=simulate.protocol(("smile", "frown"), repetitions=6), seed=1)
    face.attrs["label_meaning"] = "self-report"
    return face


def of(session):
    cut = windows.cut(session, length=0.5, step=0.5, trials=labels.trials(session))
    return features.extract(cut, "hudgins")


def halves(trial):
    return trial < np.median(trial), trial >= np.median(trial)


def test_felt_emotions_need_a_place_and_a_purpose_and_results_say_them(felt, tmp_path):
    with pytest.raises(ValueError, match=r"state_use.*AI Act"):
        models.fit(of(felt), model="lda")
    stated = recording.state_use(felt, place="research", purpose="agreement of  two scales")
    assert "use" not in felt.attrs
    table = of(stated)
    assert table.attrs["use"] == "research, agreement of two scales"
    result = evaluate.cross_validate(table, lambda t: models.fit(t, model="lda"), by="trial")
    assert "labels: self-report (use: research, agreement of two scales)" in str(result)
    exported = result.to_json(tmp_path / "result.json").read_text(encoding="utf-8")
    assert json.loads(exported)["use"] == "research, agreement of two scales"


def test_a_statement_on_windows_is_enough_and_stays_only_if_all_have_it(felt):
    table = of(felt)
    models.fit(recording.state_use(table, place="clinic", purpose="a test"), model="lda")
    cut = windows.cut(felt, length=0.5, step=0.5, trials=labels.trials(felt))
    early, late = (cut.isel(window=np.flatnonzero(part)) for part in halves(cut["trial"].values))
    stated = [recording.state_use(part, place="home", purpose="a test") for part in (early, late)]
    assert windows.stack(stated).attrs["use"] == "home, a test"
    assert "use" not in windows.stack([stated[0], late]).attrs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"place": "office", "purpose": "x"}, "expected one of research"),
        ({"place": "research", "purpose": " "}, "purpose is empty"),
        ({"place": "work", "purpose": "mood of staff"}, r"Art\. 5\(1\)\(f\)"),
        ({"place": "education", "purpose": "x", "exception": "fun"}, "medical, safety"),
    ],
)
def test_a_use_that_cannot_be_is_an_error_in_words(felt, options, words):
    with pytest.raises(ValueError, match=words):
        recording.state_use(felt, **options)


def test_an_exception_is_recorded_and_movements_need_no_statement(felt):
    stated = recording.state_use(felt, place="work", purpose="fatigue", exception="safety")
    assert stated.attrs["use"] == "work, fatigue (safety reasons)"
    posed = of(felt).assign_attrs(label_meaning="instructed")
    assert np.isfinite(models.fit(posed, model="lda").predict(posed).values).all()
