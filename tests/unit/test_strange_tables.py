"""Tables of strangers: how the audit reads them, and what it says where it cannot."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emgnb import interop
from emgnb.evaluate import leaks

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'emgnb[train]'")

COLUMNS = [f"f{i}" for i in range(4)]


def table(labels: tuple[str, ...] = ("smile", "frown"), *, people: int = 5) -> pd.DataFrame:
    """Rows of people who differ, in sessions and trials that do not depend on one another."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(labels), 4))
    found = []
    for person in range(people):
        own = rng.normal(size=4)
        for trial in range(4):
            for k in rng.permutation(len(labels)):
                values = centres[k] + own + rng.normal(size=(4, 4))
                names = f"P{person}", f"S{trial % 2}", f"{trial}-{k}", labels[k]
                found += [(*names, *row) for row in values]
    return pd.DataFrame(found, columns=["person", "session", "trial", "label", *COLUMNS])


def audited(frame: pd.DataFrame, **options: object) -> leaks.Report:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return leaks.audit(frame, progress=False, **options)  # type: ignore[arg-type]


def test_a_number_here_and_there_that_is_none_leaves_the_column_one_of_numbers() -> None:
    x = table()
    x["f1"] = x.f1.round(3).astype(str)
    x.loc[::20, "f1"] = "#DIV/0!"
    assert audited(x).data["columns"] == 4
    x["f1"] = "twice"
    assert audited(x).data["columns"] == 3


def test_empty_constant_and_infinite_columns_are_no_reason_to_warn() -> None:
    x = table().assign(empty=np.nan, constant=5.0)
    x.loc[::3, "f0"] = np.inf
    report = audited(x)
    assert not report.found
    assert report.data["columns"] == 5


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (["31.03.2024 10:00:00", "01.04.2024 10:00:00"], 86400),
        (["03/31/2024 10:00:00", "04/01/2024 10:00:00"], 86400),
        (["2024-03-31T10:00:00+02:00", "2024-03-31T10:00:00.500+02:00"], 0.5),
        # A day and a month that may be either: with points, the day comes first.
        (["01.02.2024", "02.02.2024"], 86400),
    ],
)
def test_dates_are_read_as_countries_write_them(texts: list[str], seconds: float) -> None:
    x = table()
    half = len(x) // 2
    x["when"] = np.repeat(texts, [half, len(x) - half])
    made = leaks.tables.from_frame(x, label="label", time="when")
    assert made.time is not None
    assert np.ptp(made.time) == pytest.approx(seconds)


def test_a_time_column_without_times_is_refused_where_it_was_asked_for() -> None:
    x = table().assign(time="morning")
    assert leaks.tables.from_frame(x, label="label").time is None
    with pytest.raises(ValueError, match="'time' for time holds 'morning', expected seconds"):
        leaks.tables.from_frame(x, label="label", time="time")


def test_what_cannot_be_a_label_is_said() -> None:
    x = table()
    with pytest.raises(ValueError, match="160 different values in 160 rows: a measurement"):
        audited(x, label="f0")
    with pytest.raises(ValueError, match="8 rows have a label, expected 10 and more"):
        audited(x[:8])
    with pytest.raises(ValueError, match=r"one label \(none\) in 0 rows"):
        audited(x[:0])


def test_a_column_that_counts_sorted_rows_tells_the_label() -> None:
    x = table(("smile", "frown", "sad")).sort_values(["label", "person"], kind="stable")
    x.insert(0, "Unnamed: 0", np.arange(len(x)))
    found = audited(x)["one column tells the label"]
    assert found.verdict == "found"
    assert "'Unnamed: 0' counts the rows, which are sorted by label" in found.evidence
    # In the order of recording it tells nothing.
    numbered = audited(table().assign(number=np.arange(160)))
    assert numbered["one column tells the label"].verdict == "not found"


def test_the_waveform_length_is_a_measurement() -> None:
    x = table()
    x["waveform_length"] = (x.label == "smile") * 9 + x.f0
    found = audited(x)["one column tells the label"]
    assert found.verdict == "undetermined"
    assert "a strong muscle or a leak" in found.evidence
    x = x.rename(columns={"waveform_length": "trial_length"})
    assert audited(x)["one column tells the label"].verdict == "found"


def test_a_label_per_person_is_said_of_people_and_not_of_their_sessions() -> None:
    x = table()
    x["label"] = np.where(x.person.isin(["P0", "P3"]), "patient", "control")
    found = audited(x)["labels constant within a group"]
    assert found.verdict == "found"
    assert found.evidence.startswith("each of 5 people holds one label")
    assert "leave whole people out" in found.advice


def test_columns_scaled_within_people_are_said_to_be() -> None:
    x = table()
    x[COLUMNS] = x.groupby("person")[COLUMNS].transform(lambda c: (c - c.mean()) / c.std())
    found = audited(x)["scaler fitted across the split"]
    assert found.evidence == (
        "every column has mean 0 and standard deviation 1 over each person's rows, those of the "
        "tested person too"
    )


def test_trials_that_only_a_model_with_a_memory_tells_apart_are_found() -> None:
    x = table(("smile", "frown", "sad"), people=8)
    rng = np.random.default_rng(1)
    trial = np.unique(x.person + x.trial, return_inverse=True)[1]
    x[COLUMNS] += 2.5 * rng.normal(size=(trial.max() + 1, 4))[trial]
    report = audited(x)
    assert "(here LDA)" in report.model
    found = report["rows of one trial on both sides"]
    assert found.verdict == "found"
    assert "nearest neighbours score +" in found.evidence


def test_rest_that_always_follows_one_label_is_no_silence_to_judge() -> None:
    x = table(("rest", "smile")).sort_values(["person", "label"], ascending=False, kind="stable")
    found = audited(x.assign(time=np.arange(len(x)) * 2.0))["silence tells the label"]
    assert found.verdict == "undetermined"


def test_files_named_by_their_label_are_found(tmp_path: Path) -> None:
    x = table(("smile", "frown", "sad"))
    for name, rows in x.groupby("label"):
        rows.drop(columns="label").to_csv(tmp_path / f"{name}.csv", index=False)
    found = audited(interop.read_rows(tmp_path), label="file")["label = file"]
    assert found.verdict == "found"
    assert found.evidence.startswith("3 files, one label in each")


def test_folders_of_other_endings_and_with_a_readme_are_read(tmp_path: Path) -> None:
    for name in ("smile", "frown"):
        (tmp_path / name).mkdir()
        for trial in range(2):
            np.savetxt(tmp_path / name / f"rep{trial}.dat", np.eye(3))
    (tmp_path / "README").write_text("Recorded at 1000 Hz.", encoding="utf-8")
    (tmp_path / ".DS_Store").write_bytes(bytes(9))
    found = interop.read_rows(tmp_path)
    assert list(found.columns) == ["c1", "c2", "c3", "file", "folder", "rep"]
    assert len(found) == 12
    for file in tmp_path.rglob("*.dat"):
        file.rename(file.with_suffix(".xyz"))
    with pytest.raises(FileNotFoundError, match=r"which has \.xyz: export tables as CSV"):
        interop.read_rows(tmp_path)


def test_json_is_no_table(tmp_path: Path) -> None:
    table().to_json(tmp_path / "t.csv", orient="records")
    with pytest.raises(ValueError, match="is a JSON file, expected a text table"):
        interop.read_rows(tmp_path / "t.csv")


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_parquet_and_feather_are_read_where_pyarrow_is_installed(
    tmp_path: Path, ending: str
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'emgnb[parquet]'")
    path = tmp_path / f"t.{ending}"
    getattr(table(), f"to_{ending}")(path)
    found = interop.read_rows(path)
    pd.testing.assert_frame_equal(found, table())
    assert not audited(found).found
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"{path.name} is not a Parquet or Feather file"):
        interop.read_rows(path)


def test_without_pyarrow_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    with pytest.raises(ImportError, match=r"t\.parquet.*pip install \"emgnb\[parquet\]\""):
        interop.read_rows(path)


def repetitions(*, rest: str = "0") -> pd.DataFrame:
    """A signal of three movements, three times each, with rest between; 200 Hz, time in ms."""
    rng = np.random.default_rng(0)
    parts, n = [], 240
    for repetition in ("1", "2", "3"):
        for move in (1, 2, 3):
            noise = rng.normal(size=(n, 2)) * np.where(np.arange(2) == move % 2, 5.0, move)
            for label, of, x in (("0", rest, 0.1 * noise[::-1]), (str(move), repetition, noise)):
                part = pd.DataFrame(x, columns=["emg1", "emg2"])
                parts.append(part.assign(move=label, repetition=of))
    made = pd.concat(parts, ignore_index=True)
    # The instruction, whose steps come somewhat before the movement.
    return made.assign(time=5 * np.arange(len(made)), stimulus=made.move.astype(int).shift(-9))


def test_rest_without_a_repetition_belongs_to_the_one_before_it() -> None:
    report = audited(repetitions().drop(columns="stimulus"), label="move")
    assert "each stretch of '0', which has none of its own" in str(report)
    assert report.honest is not None
    assert report.honest.scheme == "whole trials left out"
    assert report.data["trials"] == 3
    numbered = audited(repetitions(rest="1").drop(columns="stimulus"), label="move")
    assert "each stretch" not in str(numbered)


def test_classes_with_one_trial_each_are_not_joined() -> None:
    x = table().assign(trial=lambda frame: frame.label)
    made = leaks.tables.from_frame(x.drop(columns=["person", "session"]), label="label")
    assert set(made.groups["trial"]) == {"smile", "frown"}


@pytest.mark.parametrize("alone", [["sad"], ["smile", "sad"]])
def test_rows_in_random_order_are_joined_to_no_trial(alone: list[str]) -> None:
    x = table(("smile", "frown", "sad")).drop(columns=["person", "session"])
    x["trial"] = np.where(x.label.isin(alone), x.label, x.trial)
    mixed = x.sample(frac=1, random_state=0)
    made = leaks.tables.from_frame(mixed, label="label")
    np.testing.assert_array_equal(made.groups["trial"], mixed.trial)


def test_whole_numbers_that_step_as_milliseconds_do_are_taken_for_them() -> None:
    report = audited(repetitions().drop(columns="stimulus"), label="move")
    assert "windows" in report.data
    assert "200 Hz" in report["no physiology"].evidence
    assert "taken as milliseconds" in str(report)
    named = repetitions().drop(columns="stimulus")
    assert "windows" in audited(named, label="move", time="time").data
    said = named.rename(columns={"time": "time_s"})
    assert "milliseconds" not in str(audited(said, label="move"))
    # One row a second: as milliseconds each label would last 60 ms.
    slow = pd.DataFrame({"f": np.random.default_rng(0).normal(size=600), "time": range(600)})
    slow["label"] = np.repeat(["calm", "stress"] * 5, 60)
    assert "rows" in audited(slow).data


def test_a_column_of_codes_is_no_channel_and_can_be_left_out() -> None:
    x = repetitions().ffill()
    report = audited(x, label="move")
    assert report["railed channels or mains"].verdict == "not found"
    assert "stimulus" in report["one column tells the label"].evidence
    without = audited(x, label="move", leave_out=["stimulus"])
    assert "stimulus" not in without["one column tells the label"].evidence
    with pytest.raises(ValueError, match="no column 'emg9' to leave out; there are emg1"):
        audited(x, label="move", leave_out=["emg9"])
    with pytest.raises(ValueError, match="leave_out and predicted name columns of a table"):
        leaks.audit([], leave_out=["emg1"], progress=False)


def test_the_emg_of_a_file_is_the_signal_and_not_what_was_recorded_beside_it(
    tmp_path: Path,
) -> None:
    x, rng = repetitions(), np.random.default_rng(1)
    savemat = pytest.importorskip("scipy.io").savemat
    beside = {"acc": rng.normal(size=(len(x), 3)), "glove": rng.normal(size=(len(x), 22))}
    coded = {
        "restimulus": x.move.astype(int).to_numpy()[:, None],
        "rerepetition": x.repetition.astype(int).to_numpy()[:, None],
    }
    emg = x[["emg1", "emg2"]].to_numpy()
    savemat(tmp_path / "S1_E1.mat", {"emg": emg, "subject": 1, **coded, **beside})
    report = leaks.audit(interop.read_rows(tmp_path / "S1_E1.mat"), rate=200, progress=False)
    assert "left aside: `acc`" in str(report)
    assert "label = restimulus, person = subject, trial = rerepetition" in str(report)
    assert report.data["columns"] == 6
    assert report.honest is not None


def test_files_of_several_labels_are_left_out_whole() -> None:
    x = repetitions().drop(columns=["stimulus", "repetition"])
    files = pd.concat([x.assign(file=name) for name in "abcd"], ignore_index=True)
    files[["emg1", "emg2"]] += np.random.default_rng(2).normal(size=(len(files), 2))
    report = audited(files, label="move")
    assert report.honest is not None
    assert report.honest.scheme == "whole files left out"


@pytest.mark.parametrize("names", ["P01_smile_2", "vp 1-frown-1", "smile.3"])
def test_words_in_file_names_are_columns_where_no_letters_name_them(
    tmp_path: Path, names: str
) -> None:
    for word in ("smile", "frown", "rest"):
        for number in (1, 2):
            name = names.replace("smile", word).replace("frown", word)[:-1] + str(number)
            pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_csv(tmp_path / f"{name}.csv", index=False)
    found = interop.read_rows(tmp_path)
    place = {"P01_smile_2": 2, "vp 1-frown-1": 3, "smile.3": 1}[names]
    assert sorted(found[f"name{place}"].unique()) == ["frown", "rest", "smile"]
    assert sorted(found[f"name{place + 1}"].unique()) == ["1", "2"]
    assert not {"smile", "frown", "rest"} & set(found.columns)
    with pytest.raises(ValueError, match=rf"from the names of files, .*name{place} = frown"):
        audited(found)


def test_letters_still_name_numbers_in_file_names(tmp_path: Path) -> None:
    for motion in (1, 2):
        for name in (f"R_{motion}_C_2", f"R_{motion}_C_3"):
            np.savetxt(tmp_path / f"{name}.csv", np.eye(3), delimiter=",")
    found = interop.read_rows(tmp_path)
    assert list(found.columns) == ["c1", "c2", "c3", "file", "folder", "R", "C"]


def test_folders_above_a_file_are_columns(tmp_path: Path) -> None:
    for person in ("anna", "ben"):
        for word in ("smile", "frown"):
            (tmp_path / person / word).mkdir(parents=True)
            np.savetxt(tmp_path / person / word / "a.csv", np.eye(2), delimiter=",")
    found = interop.read_rows(tmp_path)
    assert sorted(found["folder"].unique()) == ["frown", "smile"]
    assert sorted(found["folder2"].unique()) == ["anna", "ben"]
    assert "folder2" in found.attrs["from_names"]


def test_a_line_of_units_below_the_header_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Time;Zyg;Corr\n[ms];[mV];\n0;1,5;2\n2;2,5;3\n", encoding="utf-8")
    found = interop.read_rows(path)
    assert found["Zyg"].tolist() == [1.5, 2.5]
    assert found.attrs["units"] == {"Time": "ms", "Zyg": "mV", "Corr": ""}
    path.write_text("label,note\ns,-\ns,-\nms,s\n", encoding="utf-8")
    assert len(interop.read_rows(path)) == 3


def test_a_clock_whose_unit_is_below_its_name_is_read_in_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for word, size in (("smile", 2), ("frown", 1)):
        for number in range(3):
            rows = np.column_stack([np.arange(300) * 5, size * rng.normal(size=(300, 2))])
            lines = [",".join(f"{value:g}" for value in row) for row in rows]
            text = "\n".join(["time,zyg,corr", "ms,mV,mV", *lines])
            (tmp_path / f"{word}_{number}.csv").write_text(text, encoding="utf-8")
    report = audited(interop.read_rows(tmp_path), label="name1")
    assert "(200 Hz)" in report["no physiology"].evidence


def test_files_of_one_label_each_do_not_say_what_was_recorded_before_rest(tmp_path: Path) -> None:
    for word in ("frown", "rest", "smile"):
        for number in range(6):
            np.savetxt(
                tmp_path / f"{word}_{number}.csv",
                np.random.default_rng(number).normal(size=(300, 2)),
                delimiter=",",
            )
    found = audited(interop.read_rows(tmp_path), label="name1")["silence tells the label"]
    assert found.verdict == "undetermined"
    assert "the order of files" in found.evidence


def test_trials_numbered_anew_for_each_person_do_not_look_like_overlapping_windows() -> None:
    """The column of people has an unusual name, so that the numbers name trials of all of them."""
    x = table(("smile", "frown", "sad"), people=8)
    x["trial"] = x.groupby("person").cumcount() // 4
    found = audited(x.drop(columns="session").rename(columns={"person": "vp"}))
    assert found["overlapping windows"].verdict == "not found"


@pytest.mark.parametrize("name", ["Subject ID", "participant-id", "SubjectID"])
def test_a_person_is_recognised_however_the_heading_is_spelt(name: str) -> None:
    assert audited(table().rename(columns={"person": name})).data["people"] == 5


def test_a_table_with_a_row_for_each_muscle_is_told_how_to_unfold_it() -> None:
    x = table().drop(columns=["session"])
    long = x.melt(id_vars=["person", "trial", "label"], var_name="muscle", value_name="amplitude")
    report = audited(long)
    assert any("table.pivot(columns='muscle'" in text for text in report.reading)
    assert "rows of one column" in report["copies across groups"].evidence
    assert not any("pivot" in text for text in audited(x).reading)


def test_pixels_that_never_change_cause_no_warning() -> None:
    x = table()
    extra = np.random.default_rng(0).normal(size=(len(x), 40))
    extra[:, :3] = 0
    wide = pd.concat([x, pd.DataFrame(extra).add_prefix("p")], axis=1)
    assert audited(wide)["columns chosen across the split"].verdict == "undetermined"
