"""EMG beside action units: values of windows, early and late fusion, and what each adds."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from emgnb import evaluate, features, labels, models, recording, simulate, windows
from emgnb.interop import read_units

FITS = {
    how: (lambda train, how=how: models.fit_fused(train, how=how, model="lda"))
    for how in ("late", "early")
}


def cut(ends, length=0.2, **coords):
    """Windows of one channel that end at given times."""
    ends = np.asarray(ends, dtype=float)
    return xr.DataArray(
        np.ones((len(ends), 1, 20), dtype=np.float32),
        dims=("window", "channel", "sample"),
        coords={"time": ("window", ends), **{k: ("window", v) for k, v in coords.items()}},
        attrs={"length_s": length, "rate": 100.0, "units": "uV"},
    )


def planted(people=6, each=10, seed=0, gone=0.0):
    """Four classes: the EMG tells a, b from c, d; the units tell a, c from b, d."""
    rng = np.random.default_rng(seed)
    names = np.tile(np.repeat(list("abcd"), each), people)
    n = len(names)
    coords = {
        "label": ("window", names),
        "participant": ("window", np.repeat([f"P{i}" for i in range(people)], 4 * each)),
        "session": ("window", np.full(n, "1")),
        "trial": ("window", np.tile(np.arange(4 * each), people)),
        "time": ("window", np.tile(np.arange(4.0 * each), people)),
    }

    def table(told, dim, places):
        values = 4.0 * np.isin(names, told)[:, np.newaxis] + rng.normal(size=(n, len(places))) * 0.5
        return xr.DataArray(
            values.astype(np.float32),
            dims=("window", dim),
            coords={**coords, dim: places},
            name=dim,
        )

    emg, units = (
        table(["a", "b"], "feature", ["rms:1", "rms:2"]),
        table(["a", "c"], "au", ["6", "12"]),
    )
    units.values[rng.random(n) < gone] = np.nan
    return features.beside(emg=emg, aus=units)


def test_a_table_of_events_gives_intensity_times_share_of_the_window():
    table = labels.events(
        [1.0, 1.1, 1.5], [1.3, 1.2, 2.0], au=["12", "12", "6"], intensity=["C", "E", ""]
    )
    made = features.unit_values(cut([1.2, 1.4, 1.8, 3.0]), table)
    assert made["au"].values.tolist() == ["6", "12"]
    # C (3) all the time, E (5) in its second half; then C in the first half; 6 without intensity.
    assert made.sel(au="12").values == pytest.approx([4.0, 1.5, 0.0, 0.0], abs=0.05)
    assert made.sel(au="6").values.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert made.attrs["missing"] == 0


def test_frames_of_a_video_are_averaged_and_unsure_ones_left_out(tmp_path):
    time = np.arange(60) / 30
    unsure = (time >= 1.0) & (time < 1.5)
    frames = pd.DataFrame(
        {
            "frame": np.arange(1, 61),
            "timestamp": time,
            "confidence": np.where(unsure, 0.3, 0.98),
            "success": np.ones(60, dtype=int),
            "AU12_r": np.where(time < 0.5, 1.0, 3.0),
            "AU12_c": np.ones(60),
        }
    )
    frames.to_csv(tmp_path / "face.csv", index=False)
    units = read_units(tmp_path / "face.csv")
    made = features.unit_values(cut([10.4, 10.6, 10.9, 11.4]), units, start=10.0)
    assert made.sel(au="12").values == pytest.approx([1.0, 2.0, 3.0, np.nan], nan_ok=True, abs=0.2)
    assert made.attrs["missing"] == 1
    assert features.unit_values(cut([50.0]), units).attrs["missing"] == 1  # after the video


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: features.unit_values(cut([1.0]), {"au": "12"}), "source is dict"),
        (
            lambda: features.unit_values(
                cut([1.0, 2.0], participant=["A", "B"]), labels.events([0.0], [1.0], au="12")
            ),
            "windows of 2 participants, expected one recording",
        ),
        (lambda: features.beside(emg=planted()), "at least two modalities"),
        (
            lambda: features.beside(
                emg=planted().drop_vars("modality"),
                aus=planted().drop_vars("modality").isel(window=slice(4)),
            ),
            "4 and 240 windows",
        ),
        (
            lambda: features.beside(
                emg=planted().drop_vars("modality"),
                aus=planted().drop_vars("modality").isel(window=slice(None, None, -1)),
            ),
            "they differ in participant",
        ),
        (lambda: models.fit_fused(planted().drop_vars("modality")), "no `modality`"),
        (lambda: models.fit_fused(planted(), how="both"), "expected 'early' or 'late'"),
        (lambda: evaluate.ablation(planted(), {"emg": FITS["late"]}), "no name of a modality"),
        (lambda: evaluate.ablation(planted().isel(feature=[0, 1]), FITS), "the only modality"),
    ],
)
def test_what_cannot_be_joined_is_an_error_in_words(call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call()


def test_each_modality_adds_what_was_put_in():
    found = evaluate.ablation(planted(), FITS, progress=False)
    for name in ("emg", "aus"):
        assert found.results[name].accuracy == pytest.approx(0.5, abs=0.1)
    for row in found.gains():
        assert row["gain"] == pytest.approx(0.5, abs=0.1)
        assert row["low"] > 0.3
    said = str(found)
    assert "aus beside emg (late): +" in said
    assert "copied" not in said
    assert not found.copied


@pytest.mark.parametrize("how", ["early", "late"])
def test_where_a_modality_is_missing_the_other_decides(how):
    data = planted(gone=0.3)
    with pytest.warns(UserWarning, match=r"aus is missing in \d+ of 240 training windows"):
        fused = models.fit_fused(data, how=how, model="lda")
    there = ~np.isnan(data.values).any(axis=1)
    by = fused.predict(data)
    assert json.loads(by.attrs["missing"]) == {"emg": 0, "aus": int((~there).sum())}
    guess = np.asarray(fused.classes)[by.values.argmax(axis=1)]
    right = guess == data["label"].values
    assert right[there].mean() > 0.95
    pairs = np.isin(guess, ["a", "b"]) == np.isin(data["label"].values, ["a", "b"])
    assert pairs[~there].mean() > 0.95
    assert np.median(by.values[~there].max(axis=1)) < 0.85  # unsure which of two
    with pytest.warns(UserWarning, match="is missing"):
        said = str(evaluate.ablation(data, {how: FITS[how]}, progress=False))
    assert f"aus is missing in {(~there).sum()} of 240 windows" in said
    assert np.isfinite(fused.predict(data.where(False)).values).all()
    assert fused.predict(data.where(False)).values[0] == pytest.approx([0.25] * 4)


def test_a_modality_without_a_class_is_an_error_in_words():
    data = planted()
    data.values[np.ix_(data["label"].values == "a", data["modality"].values == "aus")] = np.nan
    with pytest.raises(ValueError, match="aus is missing in all windows of a"):
        models.fit_fused(data)


def face(person, **camera):
    """Windows of a simulated face beside a camera; and the session."""
    script = simulate.protocol(("neutral", "smile", "frown", "surprise"), repetitions=2)
    session = simulate.face(participant=person, seed=2, script=script, difficulty="hard")
    cut = windows.cut(session, labels.trials(session), step=0.2)
    units = simulate.camera(session, **camera)
    wanted = units.reindex(au=["1", "2", "4", "6", "12", "45"], fill_value=0.0)
    return features.beside(
        emg=features.extract(cut, "hudgins"), aus=features.unit_values(cut, wanted)
    )


@pytest.mark.filterwarnings("ignore:.*is missing in")
def test_the_gain_of_a_camera_falls_with_its_error():
    alone = []
    for error in (0.2, 6.0):
        data = windows.stack([face(person, error=error) for person in range(4)])
        found = evaluate.ablation(data, {"late": FITS["late"]}, progress=False)
        alone.append(found.results["aus"].accuracy)
        assert found.missing["aus"] > 0
    assert alone[0] > 0.8
    assert alone[1] < alone[0] - 0.2


def test_a_camera_reports_the_true_units_at_its_rate_late_by_the_skin():
    act = simulate.Act(2.0, "smile", 1.0, intensity="C")
    session = simulate.face(script=[act], duration=5.0, seed=1)
    units = simulate.camera(session, frame_rate=25.0, delay=0.1, error=0.0, lost=0.0)
    assert np.diff(units["time"].values) == pytest.approx(1 / 25)
    rises = units["intensity"].sel(au="12").values > 0
    first = float(units["time"].values[rises][0])
    onset = float(
        session["labels/truth"]
        .to_dataset()
        .pipe(lambda t: t["onset"].values[t["au"].values == "12"][0])
    )
    assert 0.1 <= first - onset <= 0.1 + 2 / 25
    lost = simulate.camera(session, lost=0.3, seed=4)
    assert np.isnan(lost["intensity"].values).any(axis=1).mean() == pytest.approx(0.3, abs=0.15)
    with pytest.raises(ValueError, match=r"lost=1\.5"):
        simulate.camera(session, lost=1.5)
    bare = recording.make(session["emg/signal"])
    with pytest.raises(ValueError, match="no labels/truth"):
        simulate.camera(bare)


def test_units_coded_from_the_label_are_caught():
    data = planted()
    copied = data.copy(deep=True)
    aus = np.flatnonzero(data["modality"].values == "aus")
    names = data["label"].values
    copied.values[:, aus] = np.stack([np.isin(names, ["a", "b"]), np.isin(names, ["a", "c"])], 1)
    found = evaluate.ablation(copied, FITS, progress=False)
    assert found.copied == ("aus",)
    assert found.results["aus"].accuracy == 1.0
    assert "Were they coded from the label" in str(found)
    table = pd.DataFrame(copied.values, columns=copied["feature"].values).assign(
        label=names, person=data["participant"].values, trial=data["trial"].values
    )
    report = evaluate.audit(table, label="label", person="person", trial="trial", progress=False)
    told = [each for each in report.findings if each.verdict == "found"]
    assert "columns coded from the label" in [each.leak for each in told]
