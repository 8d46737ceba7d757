"""Several classifiers whose probabilities are averaged."""

import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate, models


def features(seed: int = 0, trials: int = 24) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    trial = np.repeat(np.arange(trials), 4)
    smile = trial % 2
    x = rng.normal(size=(len(trial), 3)) + 1.2 * smile[:, np.newaxis]
    return xr.DataArray(
        x,
        dims=("window", "feature"),
        coords={
            "feature": ["a", "b", "c"],
            "label": ("window", np.where(smile, "smile", "rest")),
            "trial": ("window", trial),
            "participant": ("window", np.where(trial < trials // 2, "P1", "P2")),
        },
    )


TWO = {"LDA": {"model": "lda"}, "forest": {"model": "forest"}}


def test_the_probabilities_are_the_mean_of_those_of_the_parts() -> None:
    data, other = features(), features(1)
    model = models.fit_average(data, candidates=TWO)
    each = [models.fit(data, model=kind).predict(other).values for kind in ("lda", "forest")]
    found = model.predict(other)
    np.testing.assert_allclose(found.values, np.mean(each, axis=0), atol=1e-7)
    assert found.dtype == np.float32
    assert found["class"].values.tolist() == ["rest", "smile"] == list(model.classes)
    assert found.attrs["model"] == "average of LDA, forest"


def test_it_is_evaluated_as_any_model_is() -> None:
    result = evaluate.cross_validate(
        features(), lambda train: models.fit_average(train, candidates=TWO), by="participant"
    )
    assert result.n_groups == 2
    assert result.accuracy > 0.7


def test_the_label_and_the_seed_reach_each_part() -> None:
    data = features().rename(label="shown")
    model = models.fit_average(data, candidates=TWO, label="shown", seed=3)
    assert [part.spec["label"] for part in model.parts.values()] == ["shown", "shown"]
    again = models.fit_average(data, candidates=TWO, label="shown", seed=3)
    assert np.array_equal(model.predict(data), again.predict(data))


def test_nothing_to_average_is_an_error() -> None:
    with pytest.raises(ValueError, match="candidates is empty"):
        models.fit_average(features(), candidates={})
