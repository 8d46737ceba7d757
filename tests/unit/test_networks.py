"""Networks: order in time, class weights, augmentation, interruption, and intensities."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import xarray as xr
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from waiting import ctrl_c_heard

from emgnb import evaluate, features, models, simulate
from emgnb.models import _network_training, _networks, augmentation
from emgnb.models._network_prediction import predictor

QUICK = {"epochs": 2, "batch_size": 16, "progress": False}
RATE = 200.0


def windows_of(values, label, kind="envelope"):
    """Windows from values (window, channel, sample)."""
    count, channels, samples = values.shape
    return xr.DataArray(
        values.astype(np.float32),
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            "channel": [f"ch{i}" for i in range(channels)],
            "signal_kind": ("channel", [kind] * channels),
            "gain": ("channel", np.ones(channels)),
            "label": ("window", np.asarray(label, dtype=str)),
            "trial": ("window", np.arange(count)),
            "participant": ("window", np.array([f"P{i % 5}" for i in range(count)])),
        },
        attrs={"units": "uV", "rate": RATE, "length_s": samples / RATE, "history": ""},
    )


def ordered(n, seed, kind="envelope", apart=0.06):
    """Two channels act one after the other, in either order: the amplitudes are the same."""
    rng = np.random.default_rng(seed)
    clock = np.arange(40) / RATE
    first = rng.random(n) < 0.5
    sign = np.where(first, 1, -1)[:, np.newaxis] * np.array([-1, 1])
    middle = 0.1 + 0.01 * rng.standard_normal((n, 1)) + sign * apart / 2
    burst = np.exp(-0.5 * ((clock - middle[..., np.newaxis]) / 0.02) ** 2)
    level = 1 + 9 * burst * rng.lognormal(0, 0.3, (n, 2, 1))
    noise = rng.standard_normal((n, 2, 40))
    values = level * (noise if kind == "raw" else np.abs(1 + 0.1 * noise))
    return windows_of(values, np.where(first, "ch0 first", "ch1 first"), kind)


def unbalanced(n=240, seed=0):
    """Two classes that overlap, one in eight of the second."""
    rng = np.random.default_rng(seed)
    rare = np.arange(n) % 8 == 0
    level = np.where(rare, 1.6, 1.0) * rng.lognormal(0, 0.3, n)
    values = level[:, np.newaxis, np.newaxis] * np.abs(1 + 0.1 * rng.standard_normal((n, 2, 20)))
    return windows_of(values, np.where(rare, "rare", "usual"))


def accuracy(clf, data):
    return float((guess(clf, data) == data["label"].values).mean())


def guess(clf, data):
    given = clf.predict(data)
    return given["class"].values[given.values.argmax(1)]


# ── Order in time ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", _networks.KINDS)
def test_a_network_learns_the_order_of_two_bursts(model):
    train, test = ordered(300, 0), ordered(200, 1)
    clf = models.fit(train, model=model, epochs=15, batch_size=50, progress=False)
    assert accuracy(clf, test) > 0.95


def test_amplitudes_alone_do_not_tell_the_order_of_two_bursts():
    names = ["mav", "rms", "var"]
    clf = models.fit(features.extract(ordered(300, 0), names), model="lda")
    assert abs(accuracy(clf, features.extract(ordered(400, 1), names)) - 0.5) < 0.1


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["raw", "envelope"])
@pytest.mark.parametrize("model", _networks.KINDS)
def test_a_network_learns_the_order_of_bursts_in_raw_emg_and_envelopes(model, kind):
    train, test = ordered(2000, 0, kind, 0.08), ordered(1000, 1, kind, 0.08)
    clf = models.fit(train, model=model, progress=False)
    assert accuracy(clf, test) > 0.95


def test_the_middle_bin_of_the_temporal_convolutions_sees_the_whole_window():
    jax = pytest.importorskip("jax")
    shape = _networks.Architecture.for_windows(
        "tcn", samples=200, channels=2, classes=2, raw=False, rate=1000.0
    )
    net = _networks.build(shape)
    last = [layer for layer in net.layers if type(layer).__name__ == "Add"][-1]
    inner = type(net)(net.input, last.output)
    x = np.abs(np.random.default_rng(0).standard_normal((1, 200, 2))).astype(np.float32)
    middle = last.output.shape[1] // 2
    slope = np.abs(jax.grad(lambda given: inner(given)[0, middle].sum())(x))
    assert slope[0, :20].max() > 0
    assert slope[0, -20:].max() > 0


# ── Class weights ─────────────────────────────────────────────────────────────────────────────


def recall(clf, data):
    rare = data["label"].values == "rare"
    return float((guess(clf, data)[rare] == "rare").mean())


@pytest.mark.parametrize("model", ["lda", "svm", "forest", "cnn"])
def test_balanced_weights_find_more_of_a_rare_class(model):
    data, test = unbalanced(), unbalanced(seed=1)
    options = {"epochs": 10, "progress": False} if model == "cnn" else {}
    if model != "cnn":
        data, test = (features.extract(x, ["mav"]) for x in (data, test))
    plain = models.fit(data, model=model, **options)
    even = models.fit(data, model=model, class_weight="balanced", **options)
    assert recall(even, test) > recall(plain, test)
    assert even.spec["settings"]["class_weight"] == pytest.approx({"rare": 4.0, "usual": 4 / 7})


def test_weights_mean_what_they_mean_in_scikit_learn():
    data = features.extract(unbalanced(), ["mav", "wl"])
    weights = {"rare": 3.0, "usual": 0.5}
    clf = models.fit(data, model="svm", class_weight=weights, compress="none")
    x = features.matrix(data).values.astype(float)
    peer = make_pipeline(StandardScaler(), SVC(class_weight=weights)).fit(x, data["label"].values)
    np.testing.assert_array_equal(guess(clf, data), peer.predict(x))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("equal", "class_weight has 'equal', expected 'balanced' or a weight for each of rare"),
        ({"rare": 2.0}, "class_weight has rare, expected"),
        ({"rare": 2.0, "usual": 0.0}, "usual 0.0, expected above 0"),
    ],
)
def test_wrong_class_weights_are_errors(weights, message):
    with pytest.raises(ValueError, match=message):
        models.fit(features.extract(unbalanced(), ["mav"]), class_weight=weights)


# ── Validation and interruption ───────────────────────────────────────────────────────────────


def examples(data, chosen):
    truth = (data["label"].values == "rare").astype(np.intp)
    x = data.transpose("window", "sample", "channel").values
    return _network_training.Examples(x[chosen], truth[chosen])


def test_the_weights_of_the_best_epoch_on_held_out_windows_are_kept():
    data = unbalanced()
    held = data["participant"].values == "P0"
    shape = _networks.Architecture.for_windows(
        "cnn", samples=20, channels=2, classes=2, raw=False, rate=RATE
    )
    check = examples(data, held)
    found = _network_training.train(
        shape, examples(data, ~held), check=check, epochs=30, batch_size=32, rate=0.02, seed=0
    )
    losses = found.past["val_loss"]
    assert found.epoch == 1 + int(np.argmin(losses))
    given = predictor(shape, found.weights)(check.windows)
    own = given[np.arange(len(check.truth)), check.truth]
    assert -np.log(own + 1e-7).mean() == pytest.approx(min(losses), rel=1e-4)


def interrupt_after(epochs):
    def told(epoch, *_):
        if epoch == epochs:
            signal.raise_signal(signal.SIGINT)

    return told


def test_an_interrupted_training_keeps_its_weights_and_says_so(tmp_path):
    data = unbalanced()
    whole = models.fit(data, model="cnn", **QUICK)
    words = r"after 2 of 40 epochs; the model has the weights of .* 2"
    with ctrl_c_heard(), pytest.warns(UserWarning, match=words):
        clf = models.fit(data, model="cnn", progress=interrupt_after(2))
    assert clf.training.sizes["epoch"] == 2
    assert clf.spec["settings"]["interrupted"] == "after 2 of 40 epochs"
    again = models.load(clf.save(tmp_path / "m"))
    xr.testing.assert_identical(again.predict(data), clf.predict(data))
    assert models.fit(data, model="cnn", **QUICK).fingerprint == whole.fingerprint


def test_an_interruption_within_an_epoch_keeps_the_weights_of_the_one_before():
    data = unbalanced()
    shape = _networks.Architecture.for_windows(
        "cnn", samples=20, channels=2, classes=2, raw=False, rate=RATE
    )
    learn = examples(data, np.full(data.sizes["window"], True))
    batches = iter(range(25))

    def interrupted(batch, rng):
        if next(batches) == 24:
            raise KeyboardInterrupt
        return batch

    options = {"check": learn, "epochs": 9, "batch_size": 16, "rate": 1e-3, "seed": 0}
    found = _network_training.train(
        shape, learn, augment=interrupted, interruptible=True, **options
    )
    assert (found.interrupted, found.epoch, len(found.past["loss"])) == (True, 1, 1)
    given = predictor(shape, found.weights)(learn.windows)
    own = given[np.arange(len(learn.truth)), learn.truth]
    assert -np.log(own + 1e-7).mean() == pytest.approx(found.past["val_loss"][0], rel=1e-4)


def test_an_interruption_without_progress_is_passed_on(monkeypatch):
    """A cross-validation of many trainings ends with the first Ctrl-C."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_network_training, "_named", interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.fit(unbalanced(), model="cnn", **QUICK)


# ── Beginning from another network ─────────────────────────────────────────────────────────────


def test_training_begins_with_the_weights_of_another_network():
    data = unbalanced()
    first = models.fit(data, model="cnn", **QUICK)
    still = {"epochs": 1, "learning_rate": 1e-12, "progress": False}
    same = models.fit(data, model="cnn", start=first, seed=9, **still)
    np.testing.assert_allclose(same.predict(data), first.predict(data), atol=1e-5)
    assert same.spec["settings"]["start"] == first.fingerprint
    renamed = data.assign_coords(label=("window", np.char.add("my ", data["label"].values)))
    other = models.fit(renamed, model="cnn", start=first, seed=9, **still)
    np.testing.assert_allclose(other.arrays["bank/kernel"], first.arrays["bank/kernel"], atol=1e-6)
    assert not np.allclose(other.arrays["classes/kernel"], first.arrays["classes/kernel"], atol=0.1)


def test_a_start_that_does_not_fit_is_an_error_in_words():
    data = unbalanced()
    first = models.fit(data, model="cnn", **QUICK)
    with pytest.raises(ValueError, match=r"kind 'cnn', expected 'tcn'"):
        models.fit(data, model="tcn", start=first, **QUICK)
    with pytest.raises(ValueError, match=r"samples \d+, expected"):
        models.fit(data.isel(sample=slice(-1)), model="cnn", start=first, **QUICK)
    table = features.extract(data, ["mav", "wl"])
    lda = models.fit(table, model="lda")
    with pytest.raises(ValueError, match="start is of model 'lda'"):
        models.fit(data, model="cnn", start=lda, **QUICK)
    with pytest.raises(ValueError, match="start: for networks only"):
        models.fit(table, model="lda", start=first)
    with pytest.raises(TypeError, match="start is str"):
        models.fit(data, model="cnn", start="mine.emgnb", **QUICK)


# ── Augmentation ──────────────────────────────────────────────────────────────────────────────


def ramp(n=500):
    x = np.linspace(1, 2, 50)[:, np.newaxis] * np.array([1.0, 10.0, 100.0])
    return np.broadcast_to(x, (n, 50, 3)).astype(np.float32)


def test_gains_differ_between_windows_and_channels_and_are_constant_in_time():
    gains = augmentation.amplified(ramp(), 0.2, np.random.default_rng(0)) / ramp()
    np.testing.assert_allclose(gains, np.broadcast_to(gains[:, :1], gains.shape), rtol=1e-5)
    assert np.log(gains[:, 0]).std() == pytest.approx(0.2, rel=0.1)


def test_a_shift_moves_all_channels_of_a_window_alike():
    x = ramp()
    moved = augmentation.shifted(x, 5, np.random.default_rng(0))
    by = (moved[:, 20] - x[:, 20]) / (x[:, 21] - x[:, 20])
    np.testing.assert_allclose(by, by.round(), atol=1e-3)
    assert set(by[:, 0].round().astype(int)) == set(range(-5, 6))
    assert (by.round() == by[:, :1].round()).all()


def test_a_warp_keeps_the_middle_and_changes_the_speed():
    x = ramp()
    slope = np.diff(augmentation.warped(x, 0.2, np.random.default_rng(0)), axis=1)[:, 20:28]
    speed = slope[..., 0] / np.diff(x, axis=1)[:, 20:28, 0]
    assert 0.8 - 1e-3 < speed.min() < 0.85
    assert 1.15 < speed.max() < 1.2 + 1e-3
    middle = augmentation.warped(x, 0.2, np.random.default_rng(0))[:, 24:26].mean(axis=1)
    np.testing.assert_allclose(middle, x[:, 24:26].mean(axis=1), rtol=1e-5)


def test_channels_are_dropped_as_often_as_asked_and_never_all():
    x = augmentation.dropped(ramp(2000), 0.3, np.random.default_rng(0))
    lost = (x == 0).all(axis=1)
    assert lost.mean() == pytest.approx(0.3 - 0.3**3 / 3, abs=0.03)
    assert not lost.all(axis=1).any()
    assert not augmentation.dropped(ramp(9), 0.999, np.random.default_rng(0)).any(axis=1).all()


def test_augmentation_is_repeatable_and_changes_training_windows_only():
    data = unbalanced()
    held = data["participant"].values == "P0"
    shape = _networks.Architecture.for_windows(
        "cnn", samples=20, channels=2, classes=2, raw=False, rate=RATE
    )
    seen, learn, check = [], examples(data, ~held), examples(data, held)
    check.windows.flags.writeable = False
    before = learn.windows.copy()

    def augment(batch, rng):
        seen.append(batch)
        return augmentation.amplified(batch, 0.1, rng)

    options = {"epochs": 2, "batch_size": 16, "rate": 1e-3, "augment": augment}
    one, two = (
        _network_training.train(shape, learn, check=check, seed=0, **options) for _ in range(2)
    )
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    known = {row.tobytes() for row in learn.windows}
    assert all(row.tobytes() in known for batch in seen for row in batch)
    np.testing.assert_array_equal(learn.windows, before)


def test_the_same_seed_gives_the_same_weights_with_augmentation():
    data = unbalanced()
    augment = models.Augmentation(gain=0.2, shift=0.01, warp=0.1, dropout=0.1)
    one, two = (models.fit(data, model="cnn", augment=augment, **QUICK) for _ in range(2))
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != models.fit(data, model="cnn", **QUICK).fingerprint
    assert one.spec["settings"]["augment"]["warp"] == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [({"gain": -1}, "gain=-1"), ({"dropout": 1.0}, r"dropout=1\.0"), ({}, "changes nothing")],
)
def test_wrong_augmentations_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        models.Augmentation(**options)


def test_an_augmentation_of_another_type_is_an_error():
    with pytest.raises(TypeError, match=r"expected models\.Augmentation"):
        models.fit(unbalanced(), model="cnn", augment={"gain": 0.1}, **QUICK)


# ── Intensities ───────────────────────────────────────────────────────────────────────────────

MONTAGE = [
    ("zygomaticus_l", "zygomaticus_major", "left"),
    ("corrugator_l", "corrugator", "left"),
]


def posed(seed, n=80):
    """Windows of a simulated face that holds a smile and a frown at random intensities."""
    rng = np.random.default_rng(seed)
    starts = 1.0 + 1.5 * np.arange(n)
    power = rng.uniform(0.05, 0.9, (n, 2)) * (rng.random((n, 2)) < 0.7)
    script = [
        (start, name, 1.0, float(level))
        for start, row in zip(starts, power, strict=True)
        for name, level in zip(("smile", "frown"), row, strict=True)
        if level > 0
    ]
    session = simulate.face(
        rate=250, script=script, duration=2 + 1.5 * n, montage=MONTAGE, difficulty="easy", seed=3
    )
    x = session["emg/signal"].transpose("channel", "time").values
    first = np.round((starts + 0.4) * 250).astype(int)
    values = np.stack([x[:, i : i + 100] for i in first])
    data = windows_of(values, np.zeros(n), "raw").assign_attrs(rate=250.0, length_s=0.4)
    truth = xr.DataArray(power, dims=("window", "au"), coords={"au": ["AU12", "AU4"]})
    return data, truth


@pytest.fixture(scope="module")
def estimated():
    """A network trained on intensities, a fifth of which are not coded, and another session."""
    data, truth = posed(0)
    holes = truth.where(np.random.default_rng(1).random(truth.shape) > 0.2)
    clf = models.fit_intensities(
        data, holes, model="cnn", epochs=60, batch_size=20, learning_rate=0.01, progress=False
    )
    return clf, data, holes, *posed(2)


def test_intensities_of_two_units_at_once_are_estimated_in_new_windows(estimated):
    clf, _, _, test, truth = estimated
    given = clf.predict(test)
    assert given.dims == ("window", "au")
    assert given.name == "intensity"
    assert given["au"].values.tolist() == ["AU12", "AU4"]
    found = evaluate.intensity_scores(truth, given)
    assert (found["icc"] > 0.8).all()
    assert (found["mae"] < 0.12).all()
    assert set(clf.training.data_vars) == {"loss", "mae"}
    assert "2 action units" in repr(clf)


def test_a_model_of_intensities_is_saved_and_loaded(estimated, tmp_path):
    clf, _, _, test, _ = estimated
    again = models.load(clf.save(tmp_path / "m"))
    xr.testing.assert_identical(again.predict(test), clf.predict(test))
    broken = dict(clf.spec) | {"classes": ["AU12", "AU4", "AU9"]}
    path = models.Classifier(broken, clf.arrays, clf.training).save(tmp_path / "b")
    with pytest.raises(ValueError, match="3 classes, but an architecture of 2"):
        models.load(path)


def test_the_loss_and_its_gradient_are_those_of_what_is_coded():
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(0)
    truth = rng.random((6, 3), dtype=np.float32)
    given = 0.1 + 0.8 * rng.random((6, 3), dtype=np.float32)
    truth[rng.random((6, 3)) < 0.4] = np.nan
    coded = ~np.isnan(truth)
    t, p = truth[coded], given[coded]
    loss, slope = jax.value_and_grad(
        lambda values: _network_training.coded_cross_entropy(truth, values)
    )(given)
    assert loss == pytest.approx(-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(), rel=1e-5)
    assert (np.asarray(slope)[~coded] == 0).all()
    assert (np.asarray(slope)[coded] != 0).all()


def test_a_dataset_of_intensities_is_the_array_of_them(estimated):
    _, data, holes, _, _ = estimated
    options = {**QUICK, "seed": 4, "validation": "trial"}
    one = models.fit_intensities(data, holes, **options)
    as_dataset = xr.Dataset({n: holes.sel(au=n, drop=True) for n in ("AU12", "AU4")})
    two = models.fit_intensities(data, as_dataset, **options)
    assert np.isfinite(one.training["val_loss"]).all()
    for name in one.arrays:
        np.testing.assert_array_equal(one.arrays[name], two.arrays[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t * 5, "expected 0 to 1"),
        (lambda t: t * np.nan, "AU12 is coded in no window"),
        (lambda t: t * 0, "AU4 is 0 in all coded windows"),
        (lambda t: t[:9], "intensities of 9 windows for 80 windows"),
        (lambda t: t.rename(au="unit"), r"expected \(window, au\)"),
    ],
)
def test_intensities_that_cannot_be_learned_are_errors(estimated, change, message):
    _, data, _, _, truth = estimated
    with pytest.raises(ValueError, match=message):
        models.fit_intensities(data, change(truth), **QUICK)


def test_scores_of_intensities_are_those_computed_by_hand():
    truth = xr.DataArray(
        [[0.0, 0.1], [0.5, np.nan], [1.0, 0.3]], dims=("window", "au"), coords={"au": ["A", "B"]}
    )
    given = truth.fillna(0.9) * 0.5 + 0.2
    found = evaluate.intensity_scores(truth, given)
    np.testing.assert_allclose(found["mae"], [(0.2 + 0.05 + 0.3) / 3, (0.15 + 0.05) / 2])
    np.testing.assert_allclose(found["pearson"], 1.0)
    # Half the range: ICC(3,1) is 2 r s₁ s₂ / (s₁² + s₂²).
    np.testing.assert_allclose(found["icc"], 0.8)
    assert found["windows"].values.tolist() == [3, 2]
    with pytest.raises(ValueError, match="B not predicted, only A"):
        evaluate.intensity_scores(truth, given.sel(au=["A"]))
