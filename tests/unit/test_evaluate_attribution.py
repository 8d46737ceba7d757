"""Integrated gradients add up, and find the muscle and the moment where these are known."""

from __future__ import annotations

import frowns
import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate, models, plots


@pytest.fixture(scope="module")
def explained():
    """Explanation of a network for brief frowns, in windows of raw EMG it was not trained on."""
    cut = frowns.trials(48)
    train, test = cut.isel(window=slice(0, 32)), cut.isel(window=slice(32, None))
    clf = models.fit(train, model="cnn", epochs=25, batch_size=16, progress=False)
    return clf, test, evaluate.integrated_gradients(clf, test, output="frown", slice_s=0.1)


def test_the_muscle_and_the_moment_of_a_simulated_frown_are_found(explained):
    clf, test, _ = explained
    found = evaluate.integrated_gradients(clf, test, slice_s=0.1)
    part = found.parts.sel({"class": "frown"})
    assert part["channel"].values[int(part.max("slice").values.argmax())] == "corrugator_l"
    mine = part.sel(channel="corrugator_l")
    start = float(mine["start"][int(mine.values.argmax())])
    assert 0.05 < start < 0.35
    during = mine.isel(slice=(mine["start"].values > 0.05) & (mine["start"].values < 0.35)).sum()
    whole = found.change.isel(window=test["label"].values == "frown").mean("window")
    assert float(during) > 0.6 * float(whole["after"] - whole["before"])
    assert any("of which corrugator_l between " in text for text in found.sentences())


def test_the_values_of_a_window_add_up_to_the_change_of_its_output(explained):
    clf, test, found = explained
    assert found.values.dims == ("window", "channel", "sample")
    after = clf.predict(test).sel({"class": "frown"}).values
    before = clf.predict(test.copy(data=np.zeros_like(test.values))).sel({"class": "frown"}).values
    summed = found.values.sum(("channel", "sample")).values
    np.testing.assert_allclose(summed, after - before, atol=0.01)
    assert found.gap <= 0.01
    assert found.baseline == "zero"
    np.testing.assert_allclose(found.parts.sum(("channel", "slice")), summed.mean(), atol=1e-6)


def test_the_gradient_is_the_slope_of_the_probability(explained):
    clf, test, _ = explained
    one = test.isel(window=[0])
    slope = clf.gradient(one, "frown")
    # Log power bends near 0, so the step is small.
    step = 1e-4 * np.abs(one.values).max() * np.sign(slope.values)
    ends = [
        clf.predict(one.copy(data=(one.values + s * step).astype(np.float32))) for s in (-0.5, 0.5)
    ]
    rise = float((ends[1] - ends[0]).sel({"class": "frown"}).sum())
    assert rise == pytest.approx(float((slope.values * step).sum()), rel=0.1, abs=1e-4)


def test_another_baseline_is_taken_as_given(explained):
    clf, test, _ = explained
    rest = test.isel(window=1, drop=True).drop_vars("label", errors="ignore")
    found = evaluate.integrated_gradients(
        clf, test.isel(window=[0, 1]), output="frown", baseline=rest, tolerance=0.05
    )
    np.testing.assert_allclose(found.values.isel(window=1), 0, atol=1e-12)
    assert "(the baseline given)" in str(found)
    with pytest.raises(ValueError, match="expected the channels and samples of a window"):
        evaluate.integrated_gradients(clf, test, baseline=rest.isel(channel=[0]))
    with pytest.raises(ValueError, match="expected zero, average or an array"):
        evaluate.integrated_gradients(clf, test, baseline="rest")


def test_what_has_no_gradient_or_no_such_output_is_an_error(explained):
    clf, test, _ = explained
    lda = models.fit(test, model="lda", features="hudgins")
    with pytest.raises(ValueError, match="gradients need a network, found lda"):
        evaluate.integrated_gradients(lda, test)
    with pytest.raises(ValueError, match="no output wink, only frown, rest"):
        evaluate.integrated_gradients(clf, test, output="wink")


def test_the_windows_stay_as_they_are(explained):
    clf, test, _ = explained
    before = test.copy(deep=True)
    evaluate.integrated_gradients(clf, test.isel(window=[0]), output="frown")
    xr.testing.assert_identical(test, before)


def test_the_plot_shades_what_adds_and_writes_how_much(explained):
    _, _, found = explained
    figure = plots.attribution(found)
    largest = float(found.parts.max())
    assert f"+{largest:.2f}" in [a.text for a in figure.layout.annotations]
    assert figure.layout.title.text == "what each part adds to frown"
    with pytest.raises(ValueError, match="no class 'wink'"):
        plots.attribution(found, expression="wink")
    with pytest.raises(TypeError, match=r"evaluate\.integrated_gradients"):
        plots.attribution(found.values)
