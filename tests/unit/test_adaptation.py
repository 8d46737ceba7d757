"""Adapting a model to a new person: what each kind of data wins back, and what it says."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate, models

CLASSES = ["frown", "neutral", "pucker", "sad", "smile"]


def people(count=12, trials=6, windows=4, seed=0, kind="raw", habits=0.2):
    """Amplitudes of people who differ in the gain of each channel and a little in their habits."""
    rng = np.random.default_rng(seed)
    pattern = 1.2 * np.random.default_rng(99).standard_normal((len(CLASSES), 4))
    parts = {name: [] for name in ("x", "label", "participant", "trial")}
    for who in range(count):
        gain, habit = 1.2 * rng.standard_normal(4), habits * rng.standard_normal((len(CLASSES), 4))
        for trial in range(trials):
            for k in rng.permutation(len(CLASSES)):
                level = pattern[k] + habit[k] + gain + 0.2 * rng.standard_normal(4)
                parts["x"].append(np.exp(level + 0.2 * rng.standard_normal((windows, 4))))
                parts["label"] += [CLASSES[k]] * windows
                parts["participant"] += [f"P{seed}{who:02}"] * windows
                parts["trial"] += [f"{trial} {CLASSES[k]}"] * windows
    rms = xr.DataArray(
        np.concatenate(parts.pop("x")).astype(np.float32),
        dims=("window", "channel"),
        coords={name: ("window", values) for name, values in parts.items()}
        | {"channel": list("abcd"), "signal_kind": ("channel", [kind] * 4)},
        attrs={"units": "uV"},
        name="rms",
    )
    return rms.to_dataset().assign_attrs(step_s=0.25, length_s=0.25, history="")


def split(person, first):
    """Return the first trials of each class, and the others."""
    begins = np.char.partition(person["trial"].values.astype(str), " ")[:, 0].astype(int) < first
    return person.isel(window=begins), person.isel(window=~begins)


def accuracy(model, test):
    found = model.predict(test)
    return float((found["class"].values[found.values.argmax(1)] == test["label"].values).mean())


@pytest.fixture(scope="module")
def new():
    return people(count=6, seed=1)


@pytest.mark.parametrize("model", ["lda", "svm", "forest"])
def test_each_kind_of_data_wins_back_accuracy_on_new_people(model, new):
    base = models.fit_within(people(), model=model)
    found = {name: [] for name in ("nothing", "rest", "unlabelled", "trials")}
    for _, person in new.groupby("participant"):
        first, test = split(person, 2)
        rest = first.isel(window=first["label"].values == "neutral").drop_vars("label")
        found["nothing"].append(accuracy(base, test))
        found["rest"].append(accuracy(models.calibrate(base, rest=rest), test))
        blind = models.calibrate(base, unlabelled=first.drop_vars("label"), balanced=True)
        found["unlabelled"].append(accuracy(blind, test))
        found["trials"].append(accuracy(models.calibrate(base, trials=first), test))
    mean = {name: np.mean(values) for name, values in found.items()}
    assert mean["nothing"] < 0.8
    assert mean["rest"] > mean["nothing"] + 0.15
    assert mean["unlabelled"] > mean["nothing"] + 0.15
    assert mean["trials"] > 0.9


def test_the_classes_of_unlabelled_data_need_not_be_balanced(new):
    base = models.fit_within(people())
    person = new.isel(window=new["participant"].values == "P100")
    first, test = split(person, 3)
    three = first.isel(window=np.isin(first["label"].values, ["smile", "frown", "sad"]))
    before = accuracy(base, test)
    assert accuracy(models.calibrate(base, unlabelled=three), test) > before


def test_unlabelled_data_of_one_class_warns(new):
    base = models.fit_within(people())
    first, _ = split(new.isel(window=new["participant"].values == "P100"), 3)
    with pytest.warns(UserWarning, match="appear to hold 1 of 5 classes"):
        models.calibrate(base, unlabelled=first.isel(window=first["label"].values == "smile"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models.calibrate(base, unlabelled=first)


def test_a_calibrated_model_says_so_in_the_file_the_prediction_and_the_result(tmp_path, new):
    base = models.fit_within(people())
    assert base.calibration == ""
    person = new.isel(window=new["participant"].values == "P100")
    first, test = split(person, 1)
    made = models.calibrate(base, trials=first)
    assert made.calibration == "5 labelled trials (20 windows)"
    assert made.fingerprint != base.fingerprint
    again = models.load(made.save(tmp_path / "mine"))
    assert again.calibration == made.calibration
    xr.testing.assert_identical(again.predict(test), made.predict(test))
    xr.testing.assert_identical(
        models.calibrate(again, trials=first).predict(test), made.predict(test)
    )
    result = evaluate.transfer(people(), test, lambda train: made, unit="trial")
    assert "calibrated to the test data with 5 labelled trials (20 windows)" in str(result)


def test_adapting_uses_no_later_window_and_gets_better(new):
    base = models.fit_within(people())
    person = new.isel(window=new["participant"].values == "P101")
    whole = models.Adapting(base).predict(person)
    half = person.isel(window=slice(0, 60))
    np.testing.assert_array_equal(models.Adapting(base).predict(half), whole[:60])
    result = evaluate.transfer(people(), new, lambda train: models.Adapting(base))
    plain = evaluate.transfer(people(), new, lambda train: base)
    assert result.accuracy > plain.accuracy + 0.1
    assert "its earlier unlabelled windows" in str(result)


def test_the_adaptation_starts_again_with_each_person(new):
    base = models.fit_within(people())
    live = models.Adapting(base)
    each = [live.predict(person) for _, person in new.groupby("participant")]
    again = models.Adapting(base).predict(new.isel(window=new["participant"].values == "P103"))
    np.testing.assert_array_equal(each[3], again)


def test_errors_say_what_to_do(new):
    base = models.fit_within(people())
    with pytest.raises(ValueError, match="nothing to calibrate with: give rest="):
        models.calibrate(base)
    with pytest.raises(ValueError, match=r"train it with models\.fit_within"):
        models.calibrate(models.fit(people(), compress="log"), trials=new)
    with pytest.raises(ValueError, match="labels yawn are not classes of the model"):
        models.calibrate(base, trials=new.assign_coords(label=("window", ["yawn"] * 720)))
    smiles = people(count=3)
    smiles = smiles.isel(window=smiles["label"].values != "neutral")
    with pytest.raises(ValueError, match="no single class of the model is the relaxed face"):
        models.calibrate(models.fit_within(smiles), rest=new.drop_vars("label"))
    with pytest.raises(ValueError, match="these data do not fit the lda model"):
        models.calibrate(base, trials=new.isel(channel=[0, 1]))


def test_class_weights_reach_the_model_that_is_adapted():
    weights = dict.fromkeys(CLASSES, 1.0) | {"smile": 50.0}
    weighted = models.fit_within(people(), model="svm", class_weight=weights)
    plain = models.fit_within(people(), model="svm")
    given = [each.predict(people(seed=2)).values for each in (weighted, plain)]
    assert np.abs(given[0] - given[1]).max() > 1e-3
    with pytest.raises(ValueError, match="leave class_weight out"):
        models.fit_within(people(), class_weight="balanced")
    # It is said before anything is fitted, which would say that there is no such class.
    with pytest.raises(ValueError, match="leave class_weight out"):
        models.fit_within(people(), class_weight={"no such class": 1.0})


def test_a_single_trial_and_window_are_said_in_the_singular(new):
    base = models.fit_within(people())
    person = new.isel(window=np.flatnonzero(new["participant"].values == "P100")[:1])
    made = models.calibrate(base, trials=person)
    assert made.calibration == "1 labelled trial (1 window)"


def test_one_session_is_enough_to_train_on(new):
    person = new.isel(window=new["participant"].values == "P102")
    first, test = split(person, 3)
    model = models.fit_within(first.assign_coords(session=("window", ["1"] * 60)), by="session")
    worn = test.map(lambda x: x * xr.DataArray([2.0, 0.5, 3.0, 1.0], dims="channel"))
    own, test = split(worn, 4)
    assert accuracy(models.calibrate(model, trials=own), test) > accuracy(model, test) + 0.1


def test_a_learning_curve_rises_and_tests_the_same_windows(new):
    curve = evaluate.learning_curve(
        xr.concat([people(count=6), new], "window"),
        models.fit_within,
        lambda model, mine: models.calibrate(model, trials=mine),
        amounts=(0, 5, 15),
        progress=False,
    )
    assert dict(curve.sizes) == {"amount": 3, "group": 12}
    value = curve["accuracy"].values
    assert value[0] < value[1] < value[2]
    assert ((curve["low"] < curve["accuracy"]) & (curve["accuracy"] < curve["high"])).all()
    # 15 s are 60 windows, 15 whole trials of 30.
    assert curve.attrs["windows"] == 12 * 60


def test_a_learning_curve_counts_trials_of_each_class(new):
    told = []

    def calibrate(model, mine):
        told.append(mine["label"].values.astype(str))
        return models.calibrate(model, trials=mine)

    two = new.isel(window=np.isin(new["participant"].values, ["P100", "P101"]))
    evaluate.learning_curve(
        two, models.fit_within, calibrate, amounts=(0, 1), unit="trials", progress=False
    )
    assert [len(labels) for labels in told] == [20, 20]
    assert all(len(set(labels)) == 5 for labels in told)
    with pytest.raises(ValueError, match="leave no windows of"):
        evaluate.learning_curve(
            two, models.fit_within, calibrate, amounts=(6,), unit="trials", progress=False
        )
    with pytest.raises(ValueError, match="ascending"):
        evaluate.learning_curve(two, models.fit_within, calibrate, amounts=(5, 1))


def recordings(count=3, seed=0, gain=None):
    """Raw windows of people whose channels have gains; two classes by the louder channel."""
    rng = np.random.default_rng(seed)
    parts, names = [], []
    for who in range(count):
        own = np.exp(0.7 * rng.standard_normal(2)) if gain is None else np.asarray(gain)
        for trial in range(4):
            level = np.array([[4.0, 1.0], [1.0, 4.0]])[trial % 2] * own
            parts.append(level[:, np.newaxis] * rng.standard_normal((10, 2, 100)))
            names += [(f"P{seed}{who}", str(trial), ("smile", "frown")[trial % 2])] * 10
    who, trial, label = zip(*names, strict=True)
    return xr.DataArray(
        np.concatenate(parts).astype(np.float32),
        dims=("window", "channel", "sample"),
        coords={
            "channel": ["zyg", "corr"],
            "signal_kind": ("channel", ["raw", "raw"]),
            "participant": ("window", list(who)),
            "trial": ("window", list(trial)),
            "label": ("window", list(label)),
        },
        attrs={"units": "uV", "rate": 1000.0, "length_s": 0.1, "step_s": 0.1, "history": ""},
    )


def test_networks_are_calibrated_by_a_factor_per_channel(tmp_path):
    pytest.importorskip("jax")
    base = models.fit_within(recordings(5), model="cnn", epochs=2, progress=False)
    mine = recordings(1, seed=1, gain=[6.0, 0.2])
    usual = recordings(1, seed=1, gain=[1.0, 1.0])
    made = models.calibrate(base, trials=mine)
    gain = np.array(made.spec["calibration"]["gain"])
    other = np.array(models.calibrate(base, trials=usual).spec["calibration"]["gain"])
    np.testing.assert_allclose(gain / other, [1 / 6, 5], rtol=0.35)
    scaled = mine * xr.DataArray(gain.astype(np.float32), dims="channel")
    np.testing.assert_allclose(
        made.predict(mine), base.predict(scaled.assign_attrs(mine.attrs)), atol=1e-5
    )
    again = models.load(made.save(tmp_path / "cnn"))
    np.testing.assert_array_equal(again.predict(mine), made.predict(mine))
    assert again.calibration == "4 labelled trials (40 windows)"


# ── Matching of groups ────────────────────────────────────────────────────────────────────────


def strangers(**options):
    """People whose expressions are clear, though not where those of others are."""
    return people(habits=0.8, windows=2, **options)


def test_groups_of_a_person_are_matched_with_the_classes():
    new = strangers(count=8, seed=1)
    within = models.fit_within(strangers(count=12), model="svm")
    plain, matched = [], []
    for who in np.unique(new["participant"]):
        one = new.isel(window=new["participant"].values == who)
        plain.append(accuracy(models.calibrate(within, unlabelled=one, balanced=True), one))
        matched.append(accuracy(models.Matching(within), one))
    assert np.mean(matched) > np.mean(plain) + 0.05


def test_each_person_is_matched_alone_whatever_the_order_and_without_labels():
    new = strangers(count=3, seed=2)
    model = models.Matching(models.fit_within(strangers(count=6), model="svm"))
    whole = model.predict(new.drop_vars("label"))
    np.testing.assert_allclose(whole.sum("class"), 1, atol=1e-6)
    mine = np.flatnonzero(new["participant"].values == new["participant"].values[0])
    np.testing.assert_array_equal(model.predict(new.isel(window=mine)).values, whole.values[mine])
    mixed = np.random.default_rng(0).permutation(new.sizes["window"])
    again = model.predict(new.isel(window=mixed))
    assert (again.argmax("class").values == whole.argmax("class").values[mixed]).mean() > 0.95
    assert "matched" in whole.attrs["calibration"]


def test_what_cannot_be_matched_is_said():
    known = strangers(count=3)
    with pytest.raises(ValueError, match="train it with"):
        models.Matching(models.fit(known, model="svm"))
    model = models.Matching(models.fit_within(known, model="svm"))
    with pytest.raises(ValueError, match=r"P100 has 14 windows, expected at least 3 of each of 5"):
        model.predict(strangers(count=1, seed=1).isel(window=slice(14)))
