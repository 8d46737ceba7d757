"""Standardising within people: what it warns of, and what results say of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate


def table(labels, people):
    values = np.random.default_rng(0).uniform(1, 2, (len(labels), 2))
    return xr.DataArray(
        values,
        dims=("window", "channel"),
        coords={"label": ("window", labels), "participant": ("window", people)},
        name="rms",
    )


def test_standardising_over_few_classes_warns_and_names_the_person():
    labels = ["smile", "frown", "sad", "neutral", "pucker"] * 2
    people = ["P1"] * 5 + ["P2"] * 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate.standardise_within(table(labels, people))
    with pytest.warns(UserWarning, match="participant P2 has 1 of 5 classes"):
        evaluate.standardise_within(table([*labels[:5], *["smile"] * 5], people))


def test_without_spread_only_the_mean_of_each_person_is_removed():
    x = table(["smile", "frown"] * 4, ["P1"] * 4 + ["P2"] * 4)
    louder = x.copy(data=x.values * np.array([[3.0, 0.5]] * 4 + [[1.0, 1.0]] * 4))
    first, second = (
        evaluate.standardise_within(t, log=True, spread=False).values for t in (x, louder)
    )
    np.testing.assert_allclose(first, second, atol=1e-5)
    log = np.log(x.values[:4])
    np.testing.assert_allclose(first[:4], log - log.mean(axis=0), atol=1e-5)
