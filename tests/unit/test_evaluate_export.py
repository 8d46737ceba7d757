"""A result on disk says what was tested, on what, by what, and how well."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate, models


def make(people=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.tile(np.repeat(["frown", "smile <b>"], 5), people)
    values = rng.standard_normal((len(truth), 2)) + 2 * (truth == "frown")[:, None]
    return xr.DataArray(
        values.astype(np.float32),
        dims=("window", "feature"),
        coords={
            "feature": ["a", "b"],
            "participant": ("window", np.repeat([f"P{i}" for i in range(people)], 10)),
            "trial": ("window", np.tile(np.repeat([0, 1], 5), people)),
            "label": ("window", truth),
        },
        attrs={"units": "1", "history": '{"step": "features"}', "label_meaning": "instructed"},
    )


def run(data):
    return evaluate.cross_validate(
        data, lambda train: models.fit(train, model="lda"), progress=False
    )


def test_json_holds_scheme_groups_scores_versions_settings_and_fingerprint(tmp_path):
    one = run(make())
    path = one.to_json(tmp_path / "result.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["scheme"] == "leave-one-participant-out"
    assert found["interval_over"] == "4 people"
    assert found["label_meaning"] == "instructed"
    values = {row["metric"]: row for row in found["scores"]}
    assert values["accuracy"]["value"] == one.accuracy
    assert (values["accuracy"]["low"], values["accuracy"]["high"]) == one.interval
    assert {"expected calibration error", "macro-F1 per trial"} <= set(values)
    np.testing.assert_array_equal(found["confusion"]["windows"], one.confusion)
    assert [row["group"] for row in found["groups"]] == ["P0", "P1", "P2", "P3"]
    assert found["data"]["people"] == 4
    assert found["data"]["trials"] == 8
    assert found["settings"]["model"] == "lda"
    assert {"python", "emgnb", "numpy"} <= set(found["versions"])
    assert found["history"] == [{"step": "features"}]


def test_the_fingerprint_is_of_values_and_labels():
    data = make()
    again = json.loads(run(make()).prediction.attrs["data"])["fingerprint"]
    assert json.loads(run(data).prediction.attrs["data"])["fingerprint"] == again
    changed = data.copy(deep=True)
    changed.values[3, 1] += 1e-3
    assert json.loads(run(changed).prediction.attrs["data"])["fingerprint"] != again


def test_the_seed_is_kept_where_the_model_states_it():
    class Seeded:
        def __init__(self, data):
            self.spec = {"model": "cnn", "settings": {"seed": 7}}
            self.inner = models.fit(data, model="lda")

        def predict(self, data):
            return self.inner.predict(data)

    one = evaluate.cross_validate(make(), Seeded, progress=False)
    assert json.loads(one.prediction.attrs["settings"]) == {"model": "cnn", "seed": 7}


def test_html_is_one_safe_page_for_light_and_dark(tmp_path):
    one = run(make())
    text = one.to_html(tmp_path / "result.html").read_text(encoding="utf-8")
    assert "smile &lt;b&gt;" in text
    assert "<b>" not in text
    assert "prefers-color-scheme:dark" in text
    assert "src=" not in text
    assert "href=" not in text
    assert f"{100 * one.accuracy:.1f} %" in text
    assert "leave-one-participant-out" in text
    assert text.count("<table") == 4
    assert len(text) < 20_000


@pytest.mark.parametrize("kind", ["to_json", "to_html"])
def test_no_file_is_overwritten(tmp_path, kind):
    path = tmp_path / "result"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        getattr(run(make()), kind)(path)
    assert path.read_text() == "mine"


def test_a_result_without_provenance_is_written_too(tmp_path):
    one = run(make())
    bare = evaluate.Result(one.prediction.assign_attrs({}).drop_attrs())
    found = json.loads(bare.to_json(tmp_path / "bare.json").read_text())
    assert found["data"] == {}
    bare.to_html(tmp_path / "bare.html")
