"""Scores: groups stay whole, intervals are over people, controls show what leaks."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from sklearn import metrics

from emgnb import evaluate, recording

LABELS = ("frown", "rest", "smile")


def make(
    people=6,
    trials=2,
    windows=5,
    effect=3.0,
    person=1.0,
    trial=0.5,
    noise=0.5,
    seed=0,
    sessions=1,
):
    """Features of `people`: each label moves them, and so do the person and the trial."""
    rng = np.random.default_rng(seed)
    values, coords = [], []
    mean = effect * rng.standard_normal((len(LABELS), 4))
    for p in range(people):
        own = person * rng.standard_normal(4)
        for s in range(sessions):
            for k in range(trials * len(LABELS)):
                label = k % len(LABELS)
                base = mean[label] + own + trial * rng.standard_normal(4)
                for w in range(windows):
                    values.append(base + noise * rng.standard_normal(4))
                    # Windows of 0.2 s every 0.1 s; a second between trials.
                    at = k * (windows * 0.1 + 1.0) + 0.2 + w * 0.1
                    coords.append((f"P{p}", f"S{s}", k, LABELS[label], at))
    who, session, number, label, time = zip(*coords, strict=True)
    return xr.Dataset(
        {"mav": (("window", "channel"), np.array(values, np.float32), {"units": "uV"})},
        coords={
            "channel": ["a", "b", "c", "d"],
            "participant": ("window", list(who)),
            "session": ("window", list(session)),
            "trial": ("window", list(number)),
            "label": ("window", list(label)),
            "time": ("window", list(time)),
        },
        attrs={"length_s": 0.2, "history": "", "label_meaning": "instructed"},
    )


class Nearest:
    """The label of the nearest training window: the best memory there is."""

    def __init__(self, data):
        self.table, self.label = data["mav"].values, data["label"].values.astype(str)
        self.classes = np.unique(self.label)

    def predict(self, data):
        distance = ((data["mav"].values[:, None] - self.table[None]) ** 2).sum(-1)
        guess = self.label[distance.argmin(1)]
        hit = (guess[:, None] == self.classes).astype(np.float32)
        return xr.DataArray(hit, dims=("window", "class"), coords={"class": self.classes})


def run(data, **options):
    return evaluate.cross_validate(data, Nearest, progress=False, **options)


def result(truth, guess, groups=None, **coords):
    """A result with given truth and guesses."""
    classes = np.unique([*truth, *guess])
    hit = (np.asarray(guess)[:, None] == classes).astype(np.float32)
    groups = np.arange(len(truth)).astype(str) if groups is None else groups
    return evaluate.Result(
        xr.DataArray(
            hit,
            dims=("window", "class"),
            coords={"class": classes, "truth": ("window", list(truth))}
            | {"group": ("window", list(groups))}
            | {name: ("window", list(values)) for name, values in coords.items()},
            attrs={"scheme": "leave-one-participant-out", "by": "participant"},
        )
    )


# ── Splits ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["participant", "session", "trial"])
def test_each_window_is_tested_once_and_never_beside_its_group(by):
    data = make(people=3, sessions=2)
    groups = evaluate.group_names(data, by)
    tested = []
    for train, test, name in evaluate.splits(data, by):
        assert set(groups[test]) == {name}
        assert not set(groups[test]) & set(groups[train])
        assert len(train) + len(test) == len(groups)
        tested += list(test)
    assert sorted(tested) == list(range(len(groups)))


def test_trial_1_of_two_sessions_is_two_trials():
    data = make(people=2, sessions=2, trials=1)
    assert len(np.unique(evaluate.group_names(data, "trial"))) == 2 * 2 * 3


def test_folds_hold_whole_people_and_about_as_many_windows():
    data = make(people=7)
    parts = list(evaluate.splits(data, "participant", folds=3))
    people = data["participant"].values
    assert [name for *_, name in parts] == ["fold 1", "fold 2", "fold 3"]
    for train, test, _ in parts:
        assert not set(people[train]) & set(people[test])
    sizes = [len(test) for _, test, _ in parts]
    assert max(sizes) - min(sizes) <= (people == "P0").sum()


def test_one_person_cannot_be_left_out_and_the_error_says_what_to_record():
    with pytest.raises(ValueError, match=r"belong to one participant.*Record a second person"):
        list(evaluate.splits(make(people=1), "participant"))


def test_more_folds_than_people_are_refused():
    with pytest.raises(ValueError, match="expected 2 to 3"):
        list(evaluate.splits(make(people=3), "participant", folds=4))


def test_windows_without_a_trial_are_refused_by_trial():
    data = make().assign_coords(trial=("window", np.full(make().sizes["window"], -1)))
    with pytest.raises(ValueError, match="180 of 180 windows have no trial"):
        list(evaluate.splits(data, "trial"))


def test_a_missing_coordinate_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"no coordinate 'round'.*participant"):
        list(evaluate.splits(make(), "round"))


def test_windows_that_share_time_across_the_split_are_refused():
    data = make(people=1, windows=4)
    # Each window a trial of its own: neighbours overlap by half.
    data = data.assign_coords(trial=("window", np.arange(data.sizes["window"])))
    with pytest.raises(ValueError, match="overlap in time with training"):
        list(evaluate.splits(data, "trial"))


def test_windows_that_only_touch_do_not_overlap():
    data = make(people=1, windows=4)
    end = 0.2 * (1 + np.arange(data.sizes["window"]))
    data = data.assign_coords(
        time=("window", end), trial=("window", np.arange(data.sizes["window"]))
    )
    assert len(list(evaluate.splits(data, "trial"))) == data.sizes["window"]


def test_a_label_that_one_group_has_alone_is_refused():
    data = make(people=3)
    label = data["label"].values.astype("U8").copy()
    label[(data["participant"] == "P1").values & (label == "smile")] = "wink"
    with pytest.raises(ValueError, match="'wink' only in 'P1'"):
        list(evaluate.splits(data.assign_coords(label=("window", label)), "participant"))


def test_a_split_through_trials_says_so():
    data = make()
    half = data.assign_coords(half=("window", np.arange(data.sizes["window"]) % 5 // 3))
    del half.attrs["length_s"]
    assert "splits trials" in str(run(half, by="half"))
    assert "splits trials" not in str(run(data))


# ── Figures ───────────────────────────────────────────────────────────────────────────────────


def test_the_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    truth = rng.choice(list("abcd"), 400, p=[0.4, 0.3, 0.2, 0.1])
    guess = np.where(rng.random(400) < 0.6, truth, rng.choice(list("abcd"), 400))
    mine = result(truth, guess)
    assert mine.accuracy == pytest.approx(metrics.accuracy_score(truth, guess))
    assert mine.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, guess))
    assert mine.macro_f1 == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert mine.kappa == pytest.approx(metrics.cohen_kappa_score(truth, guess))
    np.testing.assert_array_equal(mine.confusion, metrics.confusion_matrix(truth, guess))
    assert mine.chance == 0.25
    assert mine.majority == pytest.approx(np.mean(truth == "a"))


def test_the_interval_covers_the_truth_for_few_people():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        skill = rng.normal(0.7, 0.1, 6).clip(0, 1)
        hit = rng.random((6, 50)) < skill[:, None]
        guess = np.where(hit.ravel(), "a", "b")
        who = np.repeat(list("ABCDEF"), 50)
        low, high = result(["a"] * 300, guess, who, participant=who).interval
        covered += low <= 0.7 <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_the_interval_counts_people_not_windows():
    truth, who = ["a", "b"] * 400, np.repeat(list("ABCD"), 200)
    # Two people always right, two always wrong: 800 windows say nothing about a fifth person.
    guess = [
        t if p in "AB" else ("b" if t == "a" else "a") for t, p in zip(truth, who, strict=True)
    ]
    low, high = result(truth, guess, who, participant=who).interval
    assert (low, high) == (0.0, 1.0)


def test_people_who_are_all_right_do_not_vouch_for_everybody():
    who = np.repeat(list("ABCD"), 20)
    one = result(["a", "b"] * 40, ["a", "b"] * 40, who, participant=who)
    # If 40 % of all people were right, four such people would be met once in 40 times.
    least = 0.025 ** (1 / 4)
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert one.intervals[name] == pytest.approx((least, 1.0))
    assert one.intervals["kappa"] == pytest.approx((2 * least - 1, 1.0))
    assert one.probability_intervals["auc"] == pytest.approx((least, 1.0))
    _, same = evaluate.compare({"one": one, "another": one}).table()
    found = (same["difference_low"], same["difference"], same["difference_high"])
    assert found == pytest.approx((least - 1, 0, 1 - least))


@pytest.mark.parametrize("right", [0, 10])
def test_trials_that_are_all_alike_have_the_interval_of_a_binomial_share(right):
    truth = np.array(["a", "b"] * 5)
    guess = truth if right else np.where(truth == "a", "b", "a")
    one = result(truth, guess, np.arange(10).astype(str))
    exact = stats.binomtest(right, 10).proportion_ci(method="exact")
    assert one.interval == pytest.approx((exact.low, exact.high))


def three_trials_of_six_classes(seed=0, skill=0.97):
    """One person: windows of 18 trials, hardly ever mistaken."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.tile(list("abcdef"), 3), 16)
    guess = np.where(rng.random(truth.size) < skill, truth, rng.choice(list("abcdef"), truth.size))
    return result(truth, guess, np.repeat(np.arange(18), 16).astype(str))


def test_no_draw_of_trials_lacks_a_class():
    one = three_trials_of_six_classes()
    f1, accuracy, uar = (one.intervals[k] for k in ("macro_f1", "accuracy", "balanced_accuracy"))
    # As many windows of each class: recall averaged over classes is the share of correct windows.
    assert uar == pytest.approx(accuracy)
    assert f1 == pytest.approx(accuracy, abs=0.01)
    assert f1[0] <= one.macro_f1 <= f1[1]
    low, high = one.intervals["kappa"]
    assert (low, high) == pytest.approx([(a - 1 / 6) / (1 - 1 / 6) for a in accuracy], abs=0.01)


def test_a_class_that_few_people_showed_does_not_vanish_from_the_interval():
    truth, guess, who = [], [], []
    for p in range(8):
        for name in "abc" if p < 2 else "ab":
            truth += [name] * 20
            # Two windows of each person's `b` are taken for the rare class.
            guess += ["c"] * 2 + ["b"] * 18 if name == "b" else [name] * 20
            who += [f"P{p}"] * 20
    one = result(truth, guess, who, participant=who)
    # Without any `c` in the truth its F1 would be 0, and macro-F1 at most 0.65.
    assert one.intervals["macro_f1"][0] > 0.7
    assert one.intervals["macro_f1"][0] <= one.macro_f1 <= one.intervals["macro_f1"][1]


def test_the_interval_of_macro_f1_covers_the_truth_for_few_trials():
    rng = np.random.default_rng(0)
    classes, covered = np.array(list("abcd")), 0
    for _ in range(200):
        truth = np.repeat(np.tile(classes, 4), 10)
        skill = np.repeat(rng.beta(8, 2, 16), 10)
        wrong = classes[(np.searchsorted(classes, truth) + rng.integers(1, 4, truth.size)) % 4]
        guess = np.where(rng.random(truth.size) < skill, truth, wrong)
        one = result(truth, guess, np.repeat(np.arange(16), 10).astype(str))
        low, high = one.intervals["macro_f1"]
        # Alike in every class, so in the long run macro-F1 is the recall, 8 / 10.
        covered += low <= 0.8 <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_a_single_trial_of_each_class_has_no_interval():
    one = result(list("aabb"), list("abbb"), list("1122"))
    assert np.isnan(one.intervals["macro_f1"]).all()


def test_metrics_over_all_classes_say_nothing_of_a_group_with_one():
    one = three_trials_of_six_classes()
    assert np.isnan(one.by_group["macro_f1"]).all()
    assert np.isnan(one.by_group["kappa"]).all()
    assert one.by_group["balanced_accuracy"].values == pytest.approx(one.by_group["accuracy"])
    people = run(make())
    assert np.isfinite(people.by_group["macro_f1"]).all()


def test_one_group_has_no_interval():
    assert np.isnan(result(["a", "b"], ["a", "b"], ["one", "one"]).interval).all()


def test_a_trial_is_judged_by_the_mean_of_its_windows():
    values = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.3, 0.7]], np.float32)
    one = evaluate.Result(
        xr.DataArray(
            values,
            dims=("window", "class"),
            coords={
                "class": ["a", "b"],
                "truth": ("window", ["a", "a", "a", "a"]),
                "group": ("window", ["g", "g", "h", "h"]),
                "trial": ("window", [1, 1, 2, 2]),
            },
        )
    )
    assert one.accuracy == 0.25
    assert one.per_trial == 0.5


def test_separable_labels_are_found_in_people_left_out():
    one = run(make(effect=6.0, person=0.3))
    assert one.accuracy > 0.95
    assert one.n_units == one.n_groups == 6
    assert set(one.by_group["group"].values) == {f"P{i}" for i in range(6)}
    assert int(one.by_group["windows"].sum()) == 180
    assert (one.by_group["trials"] == 6).all()


def test_the_printed_accuracy_carries_scheme_people_interval_chance_and_meaning():
    text = str(run(make()))
    for part in ("95 % interval", "over 6 people", "leave-one-participant-out", "chance 33.3 %"):
        assert part in text
    assert "majority 33.3 %" in text
    assert "labels: instructed" in text
    assert "of 36 trials" in text


def test_trials_of_one_person_do_not_pass_for_people():
    text = str(run(make(people=1, trials=3), by="trial"))
    assert "over 9 trials of 1 person, not valid for other people" in text


def test_several_people_are_the_unit_even_when_trials_are_left_out():
    one = run(make(people=4), by="trial")
    assert (one.unit, one.n_units, one.n_groups) == ("participant", 4, 24)


def test_a_result_comes_back_from_its_saved_prediction(tmp_path):
    one = run(make())
    one.prediction.to_netcdf(tmp_path / "p.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "p.nc", engine="h5netcdf") as opened:
        again = evaluate.Result(opened.load())
    assert str(again) == str(one)


def test_html_holds_the_same_figures():
    one = run(make())
    shown = one._repr_html_()
    assert f"{100 * one.accuracy:.1f} %" in shown
    assert "leave-one-participant-out" in shown


def test_html_escapes_what_the_data_say():
    data = make()
    label = np.char.add(data["label"].values.astype(str), "<script>")
    data = data.assign_coords(label=("window", label)).assign_attrs(label_meaning="<b>")
    assert "<b>" not in run(data)._repr_html_()


def test_nothing_is_changed_in_the_data():
    data = make()
    before = data.copy(deep=True)
    run(data)
    evaluate.standardise_within(data)
    xr.testing.assert_identical(data, before)


def test_progress_names_each_fold(capsys):
    seen = []
    evaluate.cross_validate(
        make(people=3), Nearest, progress=lambda fold, folds, name: seen.append((fold, folds, name))
    )
    assert seen == [(0, 3, "P0"), (1, 3, "P1"), (2, 3, "P2"), (3, 3, "")]
    assert capsys.readouterr().out == ""
    evaluate.cross_validate(make(people=3), Nearest)
    assert "fold 3/3: P2" in capsys.readouterr().out


def test_a_prediction_of_other_classes_is_refused():
    class Wrong(Nearest):
        def predict(self, data):
            return super().predict(data).assign_coords({"class": ["x", "y", "z"]})

    with pytest.raises(ValueError, match="x, y, z"):
        evaluate.cross_validate(make(), Wrong, progress=False)


def test_a_prediction_of_nan_is_refused():
    class Lost(Nearest):
        def predict(self, data):
            return super().predict(data) * np.nan

    with pytest.raises(ValueError, match="NaN or infinity for 30 of 30"):
        evaluate.cross_validate(make(), Lost, progress=False)


# ── Comparison ────────────────────────────────────────────────────────────────────────────────


def test_a_comparison_gives_the_difference_with_its_interval():
    data = make(effect=1.5)

    class Always(Nearest):
        def predict(self, data):
            given = super().predict(data)
            return xr.zeros_like(given) + (given["class"] == "rest").astype(np.float32)

    best = run(data)
    worst = evaluate.cross_validate(data, Always, progress=False)
    table = evaluate.compare({"nearest": best, "always rest": worst})
    rows = {row["model"]: row for row in table.table()}
    assert rows["nearest"]["difference"] == 0
    assert rows["always rest"]["difference"] == pytest.approx(1 / 3 - best.accuracy)
    assert rows["always rest"]["difference_high"] < 0
    assert "vs nearest" in str(table)
    assert "leave-one-participant-out" in str(table)


def test_results_of_other_windows_or_schemes_are_not_compared():
    data = make()
    with pytest.raises(ValueError, match="leave-one-trial-out, not leave-one-participant-out"):
        evaluate.compare({"a": run(data), "b": run(data, by="trial")})
    with pytest.raises(ValueError, match="150 windows, not 180"):
        evaluate.compare({"a": run(data), "b": run(make(people=5))})


# ── Controls ──────────────────────────────────────────────────────────────────────────────────


def test_shuffled_labels_score_at_chance():
    control = evaluate.permutation_control(make(people=6, trials=3), Nearest, n=15)
    assert control.result.accuracy > 0.8
    assert abs(control.shuffled.mean() - 1 / 3) < 0.06
    assert control.p == 1 / 16
    assert "p = 0.062" in str(control)


def test_without_effect_the_true_labels_are_no_better_than_shuffled_ones():
    control = evaluate.permutation_control(make(effect=0.0, seed=4), Nearest, n=19)
    assert control.p > 0.05


def test_sessions_of_one_label_have_nothing_to_shuffle():
    data = make(people=3)
    session = np.char.add("S", data["label"].values.astype(str))
    with pytest.raises(ValueError, match="every session has only one label"):
        evaluate.permutation_control(data.assign_coords(session=("window", session)), Nearest)


def test_shuffled_windows_flatter_a_memory_and_the_audit_shows_it():
    # No effect of the label at all: what shuffling finds is the trial.
    data = make(people=4, trials=4, effect=0.0, trial=2.0, noise=0.1)
    found = evaluate.shuffled_beside_honest(data, Nearest, progress=False)
    assert found.honest.accuracy < 0.5
    assert found.shuffled.accuracy > 0.95
    assert found.inflation > 0.45
    assert found.overlap > 0.8
    assert found.duplicates == 0
    assert "NOT HONEST" in str(found.shuffled)
    assert "not a valid result" in str(found)


def test_the_audit_counts_copies_between_people():
    data = make(people=3)
    values = data["mav"].values.copy()
    values[:4] = values[-4:]
    copied = data.assign(mav=data["mav"].copy(data=values))
    assert evaluate.shuffled_beside_honest(copied, Nearest, progress=False).duplicates == 8


# ── Standardising within ──────────────────────────────────────────────────────────────────────


def test_people_of_unlike_gain_are_alike_after_standardising_within():
    data = make(people=6, effect=3.0, person=0.0)
    gain = 30.0 ** np.linspace(-1, 1, 6)
    of = data["participant"].str[1:].astype(int).values
    scaled = data.assign(mav=data["mav"] * xr.DataArray(gain[of], dims="window"))
    raw, made = run(scaled), run(evaluate.standardise_within(scaled))
    assert raw.accuracy < 0.8
    assert made.accuracy > 0.95
    assert "standardised within each participant using its own unlabelled data" in str(made)


def test_standardising_gives_mean_0_and_deviation_1_and_no_unit():
    made = evaluate.standardise_within(make())["mav"]
    groups = made.groupby("participant")
    np.testing.assert_allclose(groups.mean("window"), 0, atol=1e-5)
    np.testing.assert_allclose(groups.std("window"), 1, atol=1e-5)
    assert made.attrs["units"] == "1"


def test_samples_of_a_channel_share_one_mean_and_nan_stay():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((8, 2, 50)).astype(np.float32) * 7 + 3
    values[2, 1, 4] = np.nan
    windows = xr.DataArray(
        values,
        dims=("window", "channel", "sample"),
        coords={"participant": ("window", ["A"] * 4 + ["B"] * 4)},
        attrs={"units": "uV", "history": ""},
    )
    made = evaluate.standardise_within(windows)
    assert made.dims == windows.dims
    assert np.isnan(made.values).sum() == 1
    np.testing.assert_allclose(made[:4].mean(("window", "sample")), 0, atol=1e-5)
    # Not each sample for itself: the shape of a window stays.
    ratio = (windows[0, 0] - windows[0, 0].mean()) / (made[0, 0] - made[0, 0].mean())
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
    assert recording.history(made) == [
        {"step": "standardise_within", "by": "participant", "log": False}
    ]


def test_the_logarithm_of_what_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="at or below 0"):
        evaluate.standardise_within(make(), log=True)


# ── What a mistrustful statistician tries ─────────────────────────────────────────────────────


def test_a_label_that_one_fold_has_alone_is_refused():
    """Two people of six show it, and fold 1 holds both: nothing would teach it there."""
    data = make(people=6)
    people, label = data["participant"].values, data["label"].values.astype(object)
    alike = next(iter(evaluate.splits(data, "participant", folds=3)))[1]
    pair = np.unique(people[alike])
    label[np.isin(people, pair) & (label == "smile")] = "wink"
    rare = data.assign_coords(label=("window", label.astype(str)))
    with pytest.raises(ValueError, match=r"every participant with label 'wink' is in fold 1.*more"):
        list(evaluate.splits(rare, "participant", folds=3))
    assert len(list(evaluate.splits(rare, "participant"))) == 6


@pytest.mark.parametrize("hole", ["", "nan", np.nan, None])
def test_windows_without_a_label_are_no_class_of_their_own(hole):
    data = make(people=3)
    label = data["label"].values.astype(object)
    label[::9] = hole
    with pytest.raises(ValueError, match="10 of 90 windows have no label"):
        run(data.assign_coords(label=("window", label)))


@pytest.mark.parametrize("kind", [int, float, bool, "S8", object])
def test_labels_of_any_type_are_names(kind):
    data = make(people=3)
    names = {"frown": 0, "rest": 1, "smile": 2 if kind is not bool else 1}
    label = data["label"].values
    given = label if kind in ("S8", object) else np.array([names[name] for name in label])
    found = run(data.assign_coords(label=("window", given.astype(kind))))
    assert found.accuracy > 0.9
    assert all(isinstance(name, str) for name in found.classes)


def test_trial_1_of_class_12_is_not_trial_11_of_class_2():
    """With more than ten classes a trial's number and its class could run into one."""
    classes = [f"c{n:02}" for n in range(13)]
    truth = [*classes, classes[12], classes[2]]
    trial = [*range(20, 33), 1, 11]
    assert "16 trials" not in str(run_result := result(truth, truth, trial=trial))
    assert "of 15 trials" in str(run_result)


def test_the_interval_of_hundreds_of_trials_takes_little_memory():
    import tracemalloc

    from emgnb.evaluate.metrics import bootstrap

    units = np.random.default_rng(0).integers(0, 5, (600, 7, 7)).astype(float)
    tracemalloc.start()
    low, high = bootstrap(units)["accuracy"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert low < 1 / 7 < high
    assert peak < 100e6


def test_shuffling_a_rare_label_into_one_fold_is_part_of_the_control():
    data = make(people=1, trials=2, windows=3)
    found = evaluate.permutation_control(data, Nearest, by="trial", folds=2, n=6)
    assert found.shuffled.size == 6


def test_a_constant_that_no_float_holds_becomes_0():
    values = np.full((1001, 1), 0.1)
    values[7] = np.nan
    who = np.repeat("A", 1001)
    data = xr.Dataset(
        {"mav": (("window", "channel"), values)}, coords={"participant": ("window", who)}
    )
    flat = evaluate.standardise_within(data)["mav"].values[:, 0]
    assert np.isnan(flat[7])
    np.testing.assert_array_equal(np.delete(flat, 7), 0)
