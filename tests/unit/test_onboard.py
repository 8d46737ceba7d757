"""An LDA in integers: as accurate as the one it is made of, and a clear word where it cannot be."""

import numpy as np
import pytest
import xarray as xr

from emgnb import features, labels, models, recording, simulate, windows


def cut(session: xr.DataTree) -> xr.DataArray:
    return windows.cut(session, labels.trials(session), length=0.2, step=0.05)


@pytest.fixture(scope="module")
def sessions() -> list[xr.DataTree]:
    return [
        simulate.face(participant=1, session=day, seed=3, adc_bits=10, duration=60.0)
        for day in (0, 1)
    ]


@pytest.fixture(scope="module")
def lda(sessions: list[xr.DataTree]) -> models.Classifier:
    return models.fit(features.extract(cut(sessions[0]), ["std"]), model="lda")


def test_integers_are_at_most_a_point_below_floats(
    sessions: list[xr.DataTree], lda: models.Classifier
) -> None:
    model = models.quantise(lda)
    test = cut(sessions[1])
    truth = test["label"].values
    by_float = lda.predict(features.extract(test, ["std"]))
    named = np.array(lda.classes)[by_float.values.argmax(axis=1)]
    counts = test.transpose("window", "sample", "channel").values
    by_integers = np.array([model.classes[int(model.predict(each).labels[0])] for each in counts])
    of_float, of_integers = np.mean(named == truth), np.mean(by_integers == truth)
    print(f"\n{len(truth)} windows: float {of_float:.4f}, integers {of_integers:.4f}")
    assert of_integers >= of_float - 0.01
    assert np.mean(named == by_integers) > 0.98


def test_a_margin_is_the_logarithm_of_the_ratio_of_probabilities(
    sessions: list[xr.DataTree], lda: models.Classifier
) -> None:
    window = cut(sessions[1]).isel(window=slice(0, 40))
    p = np.sort(lda.predict(features.extract(window, ["std"])).values.astype(float), axis=1)
    expected = np.log(p[:, -1] / p[:, -2])
    counts = window.transpose("window", "sample", "channel").values
    model = models.quantise(lda)
    got = np.array([model.predict(each).margins[0] / 256 for each in counts])
    fits = expected < 10  # beyond it, float32 holds no ratio
    np.testing.assert_allclose(got[fits], expected[fits], atol=0.3)


def test_what_a_board_cannot_compute_is_said_at_once(sessions: list[xr.DataTree]) -> None:
    made = features.extract(cut(sessions[0]), ["mav", "wl"])
    with pytest.raises(ValueError, match=r"features mav, wl: train on") as error:
        models.quantise(models.fit(made, model="lda", compress="none"), step=0.07)
    assert "compress='none'" in str(error.value)
    assert "expected a multiple of the step" in str(error.value)
    with pytest.raises(ValueError, match="model 'svm': train model='lda'"):
        models.quantise(models.fit(made.isel(window=slice(None, None, 9)), model="svm"))


def test_counts_must_be_those_of_the_board(lda: models.Classifier) -> None:
    model = models.quantise(lda)
    with pytest.raises(ValueError, match=r"expected \(time, 8\)"):
        model.predict(np.zeros((300, 3)))
    with pytest.raises(ValueError, match="whole numbers from 0 to 1023"):
        model.predict(np.full((300, 8), 0.5))
    assert model.predict(np.zeros((199, 8))).ends.size == 0


def test_the_classifier_is_calibrated_before_it_is_quantised(
    sessions: list[xr.DataTree],
) -> None:
    tables = [features.extract(cut(each), ["std"]) for each in sessions]
    general = models.fit_within(tables[0], by="session")
    calibrated = models.calibrate(general, trials=tables[1].isel(window=slice(None, None, 3)))
    model = models.quantise(calibrated)
    assert model.fingerprint == calibrated.fingerprint != general.fingerprint
    assert recording.emg(sessions[0]).sizes["channel"] == len(model.channels)
