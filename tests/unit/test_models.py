"""Models: they learn over time, keep what they were trained on, and refuse the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import xarray as xr
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emgnb import evaluate, features, models, recording
from emgnb.models import _networks

NETWORKS = ("cnn", "lstm", "cnn_lstm", "tcn")
QUICK = {"epochs": 2, "batch_size": 16, "progress": False}


def make(kind="envelope", people=3, trials=2, windows=6, samples=40, rate=200.0, seed=0, classes=3):
    """Windows of 3 channels in which label k is strong on channel k."""
    rng = np.random.default_rng(seed)
    values, coords = [], []
    for p in range(people):
        for k in range(trials * classes):
            level = np.where(np.arange(3) == k % classes, 10.0, 1.0) * rng.lognormal(0, 0.2, 3)
            for w in range(windows):
                noise = rng.standard_normal((3, samples))
                x = level[:, None] * (noise if kind == "raw" else np.abs(5 + 0.5 * noise))
                values.append(x)
                coords.append((f"P{p}", "S", k, f"label {k % classes}", k * 10.0 + w * 0.1))
    who, session, number, label, time = zip(*coords, strict=True)
    return xr.DataArray(
        np.array(values, np.float32),
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            "channel": ["cheek", "brow", "chin"],
            "signal_kind": ("channel", [kind] * 3),
            "gain": ("channel", [1.0] * 3),
            "participant": ("window", list(who)),
            "session": ("window", list(session)),
            "trial": ("window", list(number)),
            "label": ("window", list(label)),
            "time": ("window", list(time)),
        },
        attrs={
            "units": "uV",
            "rate": rate,
            "length_s": samples / rate,
            "step_s": 0.1,
            "history": json.dumps({"step": "filter", "chain": ["BandPass"], "phase": "zero"}),
            "label_meaning": "instructed",
        },
    )


def of(model, data):
    """What the model takes, made of windows."""
    return data if model in NETWORKS else features.extract(data, ["mav", "wl", "rms"])


def quick(model, data, **options):
    return models.fit(
        of(model, data), model=model, **(QUICK if model in NETWORKS else {}), **options
    )


def accuracy(clf, data):
    given = clf.predict(data)
    return float((given["class"].values[given.argmax("class")] == given["label"].values).mean())


# ── Learning ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_learns_which_channel_is_active_in_a_person_left_out(model):
    data = make("raw")
    known = data["participant"].values != "P2"
    clf = models.fit(data.isel(window=known), model=model, epochs=20, batch_size=16, progress=False)
    assert accuracy(clf, data.isel(window=~known)) > 0.9


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["raw", "envelope"])
@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_learns_which_channel_is_active_in_people_left_out(model, kind):
    data = make(kind)
    one = evaluate.cross_validate(
        data,
        lambda train: models.fit(train, model=model, epochs=20, batch_size=16, progress=False),
        by="participant",
        progress=False,
    )
    assert one.accuracy > 0.9


@pytest.mark.parametrize("model", ["lda", "svm", "forest"])
def test_a_baseline_learns_which_channel_is_active_in_people_left_out(model):
    one = evaluate.cross_validate(
        of(model, make("raw")), lambda train: models.fit(train, model=model), progress=False
    )
    assert one.accuracy > 0.95


def test_a_network_on_shuffled_labels_scores_at_chance_in_people_left_out():
    data = make(people=4)
    rng = np.random.default_rng(1)
    shuffled = data.assign_coords(label=("window", rng.permutation(data["label"].values)))
    one = evaluate.cross_validate(shuffled, lambda d: quick("cnn", d), progress=False)
    assert abs(one.accuracy - 1 / 3) < 0.12


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", ["lda", "svm"])
def test_numpy_predicts_what_scikit_learn_predicts(model, classes):
    rng = np.random.default_rng(0)
    table = rng.standard_normal((200, 5)).astype(np.float32)
    truth = (table[:, :3].argmax(1) if classes == 3 else (table[:, 0] * table[:, 1] > 0)).astype(
        int
    )
    data = xr.DataArray(
        table,
        dims=("window", "feature"),
        coords={"feature": list("abcde"), "label": ("window", truth.astype(str))},
    )
    clf = models.fit(data, model=model, compress="none")
    kind = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto") if model == "lda" else SVC()
    peer = make_pipeline(StandardScaler(), kind).fit(table.astype(float), truth)
    given = clf.predict(data)
    guess = given["class"].values[given.argmax("class")].astype(int)
    np.testing.assert_array_equal(guess, peer.predict(table.astype(float)))
    if model == "lda":
        np.testing.assert_allclose(given, peer.predict_proba(table.astype(float)), atol=1e-5)


def test_a_logarithm_is_refused_for_features_that_reach_zero():
    data = of("lda", make())
    zero = data.assign(wl=data["wl"] * 0)
    with pytest.raises(ValueError, match=r"wl:cheek \(108\).*compress='asinh'"):
        models.fit(zero, model="lda", compress="log")


def test_a_constant_feature_harms_nothing():
    data = of("lda", make())
    clf = models.fit(data.assign(wl=data["wl"] * 0 + 3), model="lda")
    assert np.isfinite(clf.predict(data.assign(wl=data["wl"] * 0 + 3))).all()


# ── Over time ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_takes_samples_as_steps_and_channels_as_features(model):
    shape = _networks.Architecture.for_windows(
        model, samples=200, channels=8, classes=4, raw=True, rate=1000.0
    )
    net = _networks.build(shape)
    assert net.input_shape == (None, 200, 8)
    over = {
        type(layer).__name__: (layer.input.shape[1], layer.input.shape[2])
        for layer in net.layers
        if type(layer).__name__ in ("LSTM", "Conv1D")
    }
    # Steps of time first: 200 samples of 8 channels, or bins of them; never 8 steps.
    steps = 20 if model == "lstm" else 10
    assert {time for time, _ in over.values()} <= {200, steps}
    if "lstm" in model:
        assert over["LSTM"] == (steps, 8 if model == "lstm" else 8 + shape.filters)
    assert 1_000 < net.count_params() < 30_000


def test_the_order_of_the_dimensions_does_not_matter():
    data = make()
    clf = quick("cnn", data)
    turned = data.transpose("sample", "window", "channel")
    np.testing.assert_array_equal(clf.predict(turned), clf.predict(data))


@pytest.mark.parametrize("model", ["lstm", "cnn_lstm"])
def test_a_recurrent_network_tells_a_rise_from_a_fall(model):
    rng = np.random.default_rng(0)
    ramp = np.linspace(1, 3, 40)
    up = rng.random(160) < 0.5
    x = np.where(up[:, None, None], ramp, ramp[::-1]) * rng.lognormal(0, 0.3, (160, 1, 1))
    data = make().isel(window=np.arange(160) % 108, channel=[0])
    data = data.copy(data=x.astype(np.float32)).assign_coords(
        label=("window", np.where(up, "rise", "fall"))
    )
    train, test = data.isel(window=slice(100)), data.isel(window=slice(100, None))
    clf = models.fit(train, model=model, epochs=20, batch_size=20, progress=False)
    # Mean and spread of a window are the same both ways: only the order in time tells.
    assert accuracy(clf, test) > 0.95
    assert accuracy(clf, test.isel(sample=slice(None, None, -1))) < 0.05


# ── Reproducible ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", NETWORKS)
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(model):
    data = make(people=1)
    one, two, other = (quick(model, data, seed=seed) for seed in (0, 0, 1))
    assert one.fingerprint == two.fingerprint != other.fingerprint
    for name in one.arrays:
        np.testing.assert_array_equal(one.arrays[name], two.arrays[name])


def test_training_between_does_not_leak_into_the_next_model():
    data, other = make(people=1), make(people=1, seed=9)
    first = quick("cnn", data)
    quick("cnn", other, seed=5)
    assert quick("cnn", data).fingerprint == first.fingerprint


def test_training_leaves_numpys_random_state_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    quick("cnn", make(people=1))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_nothing_is_changed_in_the_data():
    data = make(people=1)
    data.values.flags.writeable = False
    before = data.copy(deep=True)
    quick("cnn", data).predict(data)
    xr.testing.assert_identical(data, before)


def test_scaling_is_learned_from_the_training_windows_alone():
    data = make(people=2)
    clf = quick("cnn", data.isel(window=(data["participant"] == "P0").values))
    loud = data * 1.0
    loud.attrs = data.attrs
    loud[(loud["participant"] == "P1").values] *= 1000
    same = quick("cnn", loud.isel(window=(loud["participant"] == "P0").values))
    assert clf.fingerprint == same.fingerprint


# ── Training shown ────────────────────────────────────────────────────────────────────────────


def test_progress_is_called_after_each_epoch_and_kept():
    seen = []
    clf = models.fit(
        make(people=1), model="cnn", epochs=3, progress=lambda *figures: seen.append(figures)
    )
    assert [epoch for epoch, *_ in seen] == [1, 2, 3]
    assert all(epochs == 3 for _, epochs, *_ in seen)
    np.testing.assert_allclose(clf.training["loss"], [loss for *_, loss, _ in seen])
    np.testing.assert_allclose(clf.training["accuracy"], [right for *_, right in seen])
    assert clf.training["loss"][-1] < clf.training["loss"][0]


def test_the_printed_line_says_on_what_the_accuracy_was_measured(capsys):
    models.fit(make(people=1), model="cnn", epochs=2)
    out = capsys.readouterr().out
    assert "epoch 2/2" in out
    assert "(training windows)" in out
    quick("cnn", make(people=1))
    assert capsys.readouterr().out == ""


def test_training_stops_when_it_no_longer_helps_the_people_held_out():
    data = make(people=5)
    rng = np.random.default_rng(0)
    noise = data.assign_coords(label=("window", rng.permutation(data["label"].values)))
    clf = models.fit(noise, model="cnn", epochs=60, validation="participant", progress=False)
    assert clf.training.sizes["epoch"] < 60
    assert {"val_loss", "val_accuracy"} <= set(clf.training.data_vars)


# ── Prediction ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", models.MODELS)
def test_probabilities_add_up_to_one_and_keep_the_coordinates(model):
    data = of(model, make())
    given = quick(model, make()).predict(data)
    assert given.dims == ("window", "class")
    assert given.dtype == np.float32
    np.testing.assert_allclose(given.sum("class"), 1, rtol=1e-5)
    for name in ("time", "label", "trial", "participant"):
        np.testing.assert_array_equal(given[name], data[name])


@pytest.mark.parametrize("model", models.MODELS)
def test_one_window_at_a_time_gives_what_all_at_once_give(model):
    data = of(model, make(people=1))
    clf = quick(model, make(people=1))
    alone = [clf.predict(data.isel(window=[i])).values[0] for i in range(4)]
    np.testing.assert_allclose(alone, clf.predict(data)[:4], atol=1e-5)


def test_more_windows_than_a_batch_are_all_predicted():
    data = make(people=1)
    clf = quick("cnn", data)
    many = data.isel(window=np.arange(700) % data.sizes["window"])
    again = clf.predict(many)
    np.testing.assert_allclose(again[:36], again[36 * 10 : 36 * 11], atol=1e-6)
    assert again.sizes["window"] == 700


def test_no_windows_give_no_predictions():
    data = make(people=1)
    assert quick("cnn", data).predict(data.isel(window=[])).shape == (0, 3)


# ── Kept in a file ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", models.MODELS)
def test_a_loaded_model_predicts_the_very_same(model, tmp_path):
    data = of(model, make())
    clf = quick(model, make())
    path = clf.save(tmp_path / "folder" / "smile")
    again = models.load(path)
    assert path.name == "smile.npz"
    xr.testing.assert_identical(again.predict(data), clf.predict(data))
    xr.testing.assert_identical(again.training, clf.training)
    assert again.fingerprint == clf.fingerprint
    assert again.spec == json.loads(json.dumps(clf.spec))


def test_saving_never_overwrites(tmp_path):
    clf = quick("lda", make())
    path = clf.save(tmp_path / "a.npz")
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="not overwritten"):
        quick("lda", make(seed=1)).save(tmp_path / "a.npz")
    assert path.read_bytes() == before


def test_the_file_is_text_and_numbers_that_anyone_can_read(tmp_path):
    clf = quick("cnn", make(people=1))
    with zipfile.ZipFile(clf.save(tmp_path / "a")) as archive:
        content = json.loads(archive.read("spec.json"))
        assert content["spec"]["expects"]["channel"] == ["cheek", "brow", "chin"]
        assert content["spec"]["expects"]["steps"] == [{"step": "filter", "chain": ["BandPass"]}]
        with archive.open("003.npy") as member:
            kernel = np.lib.format.read_array(member, allow_pickle=False)
    np.testing.assert_array_equal(kernel, clf.arrays["bank/kernel"])


def test_the_same_model_makes_the_same_file(tmp_path):
    clf = quick("lda", make())
    assert clf.save(tmp_path / "a").read_bytes() == clf.save(tmp_path / "b").read_bytes()


@pytest.mark.parametrize("damage", ["text", "cut", "other", "pickle"])
def test_what_is_no_model_is_refused(damage, tmp_path):
    path = quick("lda", make()).save(tmp_path / "a")
    if damage == "text":
        path.write_text("hello")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "other":
        path.unlink()
        np.savez(path, a=np.zeros(3))
    else:
        with zipfile.ZipFile(path) as archive:
            spec = archive.read("spec.json")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("spec.json", spec)
            with archive.open("000.npy", "w") as member:
                np.lib.format.write_array(member, np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="not a model that this version of emgnb can read"):
        models.load(path)


# ── What does not fit ─────────────────────────────────────────────────────────────────────────


def test_a_refusal_lists_all_differences_at_once_and_what_to_do():
    data = make()
    clf = quick("cnn", data)
    other = make("raw", samples=50, rate=1000.0).isel(channel=[1, 0, 2])
    other.attrs |= {"units": "V", "history": ""}
    with pytest.raises(ValueError, match="do not fit the cnn model") as caught:
        clf.predict(other)
    text = str(caught.value)
    for part in (
        "channel in another order: brow, cheek, chin, expected cheek, brow, chin",
        "signal_kind raw",
        "units 'V', expected 'uV'",
        "resample to 200 Hz",
        "samples 50, expected 40",
        "length=0.2",
        "use the steps",
    ):
        assert part in text
    assert text.count("\n- ") == 7


def test_a_clock_off_by_half_a_percent_still_fits():
    data = make()
    clf = quick("cnn", data)
    clf.predict(data.assign_attrs(rate=201.0, length_s=40 / 201.0))


def test_a_live_chain_fits_a_model_trained_on_the_same_chain_zero_phase():
    data = make()
    live = json.dumps({"step": "filter", "chain": ["BandPass"], "phase": "live"})
    quick("cnn", data).predict(data.assign_attrs(history=live))


def test_other_features_or_units_are_refused():
    data = make()
    clf = quick("lda", data)
    with pytest.raises(ValueError, match="feature mav, wl, expected mav, wl, rms"):
        clf.predict(features.extract(data, ["mav", "wl"]))
    with pytest.raises(ValueError, match="units mav 'mV'"):
        clf.predict(features.extract(data.assign_attrs(units="mV"), ["mav", "wl", "rms"]))


def test_data_standardised_otherwise_are_refused():
    data = of("lda", make())
    clf = models.fit(evaluate.standardise_within(data))
    with pytest.raises(ValueError, match="standardise_within"):
        clf.predict(data)


@pytest.mark.parametrize(("model", "wrong"), [("lda", "cnn"), ("cnn", "lda")])
def test_windows_and_features_are_not_taken_for_each_other(model, wrong):
    data = make()
    with pytest.raises(ValueError, match="takes"):
        models.fit(of(wrong, data), model=model)
    with pytest.raises(ValueError, match="expected"):
        quick(model, data).predict(of(wrong, data))


@pytest.mark.parametrize("model", ["lda", "cnn"])
def test_windows_with_nan_are_counted_and_refused(model):
    data = make()
    clf = quick(model, data)
    holes = data.copy(deep=True)
    holes[[3, 7], 1, 5] = np.nan
    with pytest.raises(ValueError, match="2 of 108 windows contain NaN"):
        clf.predict(of(model, holes))
    with pytest.raises(ValueError, match="2 of 108 windows contain NaN"):
        quick(model, holes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "transformer"}, "expected one of lda, svm, forest, cnn, lstm, cnn_lstm, tcn"),
        ({"model": "lda", "epochs": 3}, "epochs: for networks only"),
        ({"model": "cnn", "compress": "log"}, "compress: for LDA, SVM and forest only"),
        ({"model": "lda", "compress": "sqrt"}, "expected one of asinh, log, none"),
        ({"model": "cnn", "epochs": 0}, "epochs=0, expected above 0"),
        ({"model": "cnn", "label": "gesture"}, "no coordinate 'gesture' along window"),
        ({"model": "cnn", "validation": "muscle"}, "validation='muscle'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    data = of(options["model"], make(people=1)) if options["model"] == "lda" else make(people=1)
    with pytest.raises(ValueError, match=message):
        models.fit(data, **options)


def test_a_single_label_is_refused():
    data = make()
    with pytest.raises(ValueError, match="all 36 windows are labelled 'label 0'"):
        models.fit(of("lda", data.isel(window=(data["label"] == "label 0").values)))


def test_raw_and_envelope_channels_are_not_mixed_in_a_network():
    data = make().assign_coords(signal_kind=("channel", ["raw", "envelope", "raw"]))
    with pytest.raises(ValueError, match="envelope, raw in one network"):
        models.fit(data, model="cnn")


def test_a_signal_is_not_windows():
    x = recording.signal(np.zeros((100, 2)), rate=1000.0, units="uV")
    with pytest.raises(ValueError, match=r"windows\.cut"):
        models.fit(x, model="cnn")


# ── Backend ───────────────────────────────────────────────────────────────────────────────────


def python(code, **environment):
    """Run code in a fresh interpreter; give its output and its last line of error."""
    env = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"} | environment
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    return done.stdout.strip(), done.stderr.strip()


def test_importing_models_imports_neither_keras_nor_jax_nor_scikit_learn():
    code = "import emgnb.models, sys; print([m for m in ('keras', 'jax', 'sklearn', 'plotly') "
    out, _ = python(code + "if m in sys.modules])")
    assert out == "[]"


def test_jax_is_the_backend_unless_told_otherwise(tmp_path):
    # What Keras itself writes there on a machine without any setting.
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    code = "from emgnb.models._backend import backend; print(backend())"
    assert python(code, KERAS_HOME=str(tmp_path))[0] == "jax"


def test_a_missing_backend_is_named_with_what_to_install():
    code = "from emgnb.models._backend import backend; backend()"
    _, error = python(code, KERAS_BACKEND="tensorflow")
    assert "not installed; installed: jax" in error
    assert "pip install 'emgnb[train]'" in error
    _, error = python(code, KERAS_BACKEND="numpy")
    assert "cannot train" in error


def test_recurrence_is_refused_on_torch_with_the_reason(monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    shape = _networks.Architecture.for_windows(
        "lstm", samples=200, channels=8, classes=4, raw=True, rate=1000.0
    )
    with pytest.raises(ValueError, match="ten times slower"):
        _networks.build(shape)


@pytest.mark.parametrize("model", NETWORKS)
def test_a_dead_channel_harms_no_network(model):
    """An open input stands still at some value; rounding makes its deviation 1e-16, not 0."""
    data = make()
    data = xr.where(data["channel"] == "chin", np.float32(0.37), data, keep_attrs=True)
    data = (
        data.transpose("window", "channel", "sample").astype(np.float32).assign_attrs(make().attrs)
    )
    moved = data + xr.where(data["channel"] == "chin", np.float32(1e-6), np.float32(0))
    moved = moved.astype(np.float32).assign_attrs(data.attrs).transpose(*data.dims)
    clf = models.fit(data, model=model, **QUICK)
    assert np.abs(clf.arrays[next(n for n in clf.arrays if n.endswith("scale"))]).max() < 1e4
    np.testing.assert_allclose(clf.predict(moved).values, clf.predict(data).values, atol=1e-3)


def test_a_feature_in_small_units_counts_beside_one_in_large():
    """Volts squared beside hertz: neither is constant, whatever their sizes."""
    rng = np.random.default_rng(0)
    truth = np.repeat(["a", "b"], 60)
    power = np.where(truth == "a", 1e-12, 3e-12) * rng.lognormal(0, 0.2, truth.size)
    table = np.column_stack([power, 100 + 10 * rng.standard_normal(truth.size)])
    data = xr.DataArray(
        table,
        dims=("window", "feature"),
        coords={"feature": ["var", "mnf"], "label": ("window", truth)},
        attrs={"history": ""},
    )
    clf = models.fit(data, model="lda", compress="none")
    assert accuracy(clf, data) > 0.95


@pytest.mark.parametrize("hole", ["", "nan", np.nan, None])
def test_windows_without_a_label_teach_nothing(hole):
    data = of("lda", make())
    label = data["label"].values.astype(object)
    label[:5] = hole
    with pytest.raises(ValueError, match=r"5 of 108 windows have no label"):
        models.fit(data.assign_coords(label=("window", label)), model="lda")


# ── Forest, and the options of the SVM ────────────────────────────────────────────────────────


def table_of(classes, n=200):
    rng = np.random.default_rng(0)
    table = rng.standard_normal((n, 5)).astype(np.float32)
    truth = table[:, :3].argmax(1) if classes == 3 else (table[:, 0] * table[:, 1] > 0)
    coords = {"feature": list("abcde"), "label": ("window", truth.astype(int).astype(str))}
    return xr.DataArray(table, dims=("window", "feature"), coords=coords)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_forest_has_the_probabilities_of_scikit_learn(classes):
    data = table_of(classes, 1200)
    clf = models.fit(data, model="forest", compress="none", seed=4)
    peer = RandomForestClassifier(200, min_samples_leaf=2, random_state=4)
    x = data.values.astype(float)
    x = (x - clf.arrays["mean"]) / clf.arrays["spread"]
    expected = peer.fit(x, data.label).predict_proba(x)
    np.testing.assert_allclose(clf.predict(data), expected, atol=1e-6)
    assert clf.spec["settings"] == {"compress": "none", "seed": 4, "trees": 200}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("cost", [0.1, 10.0])
def test_an_svm_of_any_cost_and_kernel_predicts_what_scikit_learn_predicts(cost, kernel, classes):
    data = table_of(classes)
    clf = models.fit(data, model="svm", C=cost, kernel=kernel, compress="none")
    peer = make_pipeline(StandardScaler(), SVC(C=cost, kernel=kernel))
    expected = peer.fit(data.values.astype(float), data.label).predict(data.values.astype(float))
    given = clf.predict(data)
    np.testing.assert_array_equal(given["class"].values[given.argmax("class")], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "lda", "C": 1.0}, "C: for SVM only"),
        ({"model": "svm", "C": 0.0}, "C=0.0, expected above 0"),
        ({"model": "svm", "C": np.nan}, "C=nan, expected above 0"),
        ({"model": "svm", "kernel": "poly"}, "expected one of rbf, linear"),
    ],
)
def test_wrong_options_of_the_svm_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.fit(table_of(3), **options)


def test_a_model_file_without_a_kernel_is_one_with_rbf(tmp_path):
    data = table_of(3)
    clf = models.fit(data, model="svm")
    old = models.Classifier(
        clf.spec | {"settings": {"compress": "asinh"}}, clf.arrays, clf.training
    )
    again = models.load(old.save(tmp_path / "old"))
    xr.testing.assert_identical(again.predict(data).drop_attrs(), clf.predict(data).drop_attrs())


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("left", lambda a: a * 0, "must come after it"),
        ("right", lambda a: a + 10**6, "integers from 0"),
        ("feature", lambda a: a - 9, "integers from 0"),
        ("feature", lambda a: a.astype(float), "integers from 0"),
        ("roots", lambda a: a[:, np.newaxis], "has shape"),
        ("threshold", lambda a: a[:-1], "has shape"),
        ("value", lambda a: a * 2, "must add up to 1"),
    ],
)
def test_a_damaged_forest_is_refused(name, change, message, tmp_path):
    clf = models.fit(table_of(3), model="forest")
    arrays = dict(clf.arrays) | {name: change(clf.arrays[name])}
    path = models.Classifier(clf.spec, arrays, clf.training).save(tmp_path / "m")
    with pytest.raises(ValueError, match=message):
        models.load(path)


def test_features_that_are_logarithms_already_are_not_compressed():
    found = models.fit(features.covariance(make("raw")), model="lda")
    assert found.spec["settings"]["compress"] == "none"


# ── Features computed by the model ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["covariance", "hudgins"])
def test_a_model_that_computes_its_features_predicts_what_one_of_features_predicts(name, tmp_path):
    data = make("raw")
    table = features.covariance(data) if name == "covariance" else features.extract(data, name)
    clf = models.fit(data, model="lda", features=name)
    expected = models.fit(table, model="lda").predict(table)
    again = models.load(clf.save(tmp_path / "m"))
    np.testing.assert_array_equal(clf.predict(data), expected)
    np.testing.assert_array_equal(again.predict(data), expected)
    assert again.spec["features"] == name
    assert again.channels == ("cheek", "brow", "chin")
    with pytest.raises(ValueError, match="channel in another order"):
        clf.predict(data.isel(channel=[1, 0, 2]))
    result = evaluate.cross_validate(
        data, lambda train: models.fit(train, features=name), by="participant", progress=False
    )
    assert result.accuracy > 0.9


@pytest.mark.parametrize(
    ("model", "name", "message"),
    [
        ("lda", "cepstra", "expected one of covariance, hudgins"),
        ("cnn", "covariance", "networks take windows"),
    ],
)
def test_features_that_a_model_cannot_compute_are_refused(model, name, message):
    with pytest.raises(ValueError, match=message):
        models.fit(make("raw"), model=model, features=name)


def test_features_of_features_are_refused():
    with pytest.raises(ValueError, match="needs windows"):
        models.fit(table_of(3), features="covariance")


def test_a_model_file_with_unknown_features_is_refused(tmp_path):
    clf = models.fit(make("raw"), features="covariance")
    spec = clf.spec | {"features": "cepstra"}
    path = models.Classifier(spec, clf.arrays, clf.training).save(tmp_path / "m")
    with pytest.raises(ValueError, match="`features` is 'cepstra'"):
        models.load(path)
