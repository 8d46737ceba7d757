"""The audit finds the leaks that were planted, and accuses nobody without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io

from emgnb import evaluate, features, interop, labels, simulate, windows
from emgnb.cli import main
from emgnb.evaluate import leaks
from emgnb.evaluate.leaks import arrays, preparation
from emgnb.evaluate.leaks.case import Case

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'emgnb[train]'")

LABELS, FEATURES = ("smile", "frown", "surprise", "neutral"), 6
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 5))]


def study(seed: int, *, people: int = 6, trials: int = 4, rows: int = 3) -> pd.DataFrame:
    """Features of people who differ, of trials that do not depend on one another."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(LABELS), FEATURES))
    found = []
    for person in range(people):
        own = rng.normal(size=FEATURES)
        for trial in range(trials):
            for k in rng.permutation(len(LABELS)):
                values = centres[k] + own + rng.normal(size=(rows, FEATURES))
                name = f"t{trial}-{k}"
                found += [(f"P{person}", f"S{trial % 2}", name, LABELS[k], *v) for v in values]
    columns = ["person", "session", "trial", "label", *(f"f{i}" for i in range(FEATURES))]
    return pd.DataFrame(found, columns=columns)


def verdict(frame: pd.DataFrame, leak: str, **options: object) -> leaks.Finding:
    return leaks.audit(frame, progress=False, **options)[leak]  # type: ignore[arg-type]


def copied(x: pd.DataFrame) -> pd.DataFrame:
    other = x[x.person == "P0"].assign(person="P1", trial="copy")
    return pd.concat([x, other], ignore_index=True)


def trials_alike(x: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    key = x.person + x.trial
    shift = {name: 4 * rng.normal(size=FEATURES) for name in key.unique()}
    columns = [f"f{i}" for i in range(FEATURES)]
    moved = x[columns] + np.array([shift[k] for k in key])
    return x.assign(**{name: moved[name] for name in columns})


def divided(x: pd.DataFrame) -> pd.DataFrame:
    return x.assign(split=np.where(np.arange(len(x)) % 3, "train", "test"))


def a_session_per_label(x: pd.DataFrame) -> pd.DataFrame:
    return x.assign(session=x.label.map(dict(zip(LABELS, "ABCD", strict=True)))).drop(
        columns="person"
    )


def a_label_per_person(x: pd.DataFrame) -> pd.DataFrame:
    return x.assign(label=x.person.map(lambda p: LABELS[int(p[1]) % 2]))


def in_blocks(x: pd.DataFrame) -> pd.DataFrame:
    x = x.sort_values(["person", "label"], kind="stable").reset_index(drop=True)
    return x.assign(session="1", time=np.arange(len(x)) * 2.0)


def longer_smiles(x: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([x, *[x[x.label == "smile"]] * 2, x[x.label == "frown"]], ignore_index=True)


def a_code(x: pd.DataFrame) -> pd.DataFrame:
    return x.assign(f9=x.label.map(dict(zip(LABELS, range(4), strict=True))))


def a_length_as_a_ratio(x: pd.DataFrame) -> pd.DataFrame:
    n = x.label.map(dict(zip(LABELS, (11, 17, 23, 31), strict=True)))
    mean = np.abs(x.f0) + 1
    return x.assign(f8=mean, f9=n * mean)


def units_of_the_instruction(x: pd.DataFrame) -> pd.DataFrame:
    smiling, frowning = (x.label == name for name in ("smile", "frown"))
    return x.assign(AU4=frowning * 2.0, AU6=smiling * 1.0, AU12=smiling * 3.0)


def metadata(x: pd.DataFrame) -> pd.DataFrame:
    return x.assign(muscle=x.label.map(dict(zip(LABELS, "zcfn", strict=True))))


def scaled(x: pd.DataFrame) -> pd.DataFrame:
    columns = [f"f{i}" for i in range(FEATURES)]
    z = (x[columns] - x[columns].mean()) / x[columns].std(ddof=0)
    return x.assign(**{name: z[name].round(6) for name in columns})


def one_generator(x: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    columns = {f"f{i}": rng.normal(size=len(x)) + (x.label == "smile") for i in range(FEATURES)}
    return x.assign(**columns)


def unbalanced(x: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    kept = (x.label == "neutral") | (rng.random(len(x)) < 0.08)
    columns = {f"f{i}": rng.normal(size=len(x)) for i in range(FEATURES)}
    return x.assign(**columns)[kept].reset_index(drop=True)


def few_people(x: pd.DataFrame) -> pd.DataFrame:
    return x[x.person.isin(["P0", "P1", "P2"])].reset_index(drop=True)


PLANTED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "copies": (copied, "copies across groups"),
    "trials alike": (trials_alike, "rows of one trial on both sides"),
    "trials divided": (divided, "rows of one trial on both sides"),
    "a session per label": (a_session_per_label, "label = session"),
    "a label per person": (a_label_per_person, "labels constant within a group"),
    "labels in blocks": (in_blocks, "label = block of time"),
    "longer smiles": (longer_smiles, "length tells the label"),
    "a code": (a_code, "one column tells the label"),
    "a length as a ratio": (a_length_as_a_ratio, "one column tells the label"),
    "units of the instruction": (units_of_the_instruction, "columns coded from the label"),
    "metadata": (metadata, "metadata tells the label"),
    "scaled": (scaled, "scaler fitted across the split"),
    "one generator": (one_generator, "one generator behind several people"),
    "unbalanced": (unbalanced, "imbalance read as skill"),
    "few people": (few_people, "too few groups for an interval"),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_is_found_with_its_evidence(name: str, seed: int) -> None:
    plant, leak = PLANTED[name]
    found = verdict(plant(study(seed)), leak)
    assert found.verdict == "found", found
    assert found.evidence
    assert found.advice


def clean(seed: int) -> pd.DataFrame:
    """A study of any shape, of people who differ and trials that do not depend on one another."""
    rng = np.random.default_rng(1000 + seed)
    people, trials, rows = rng.integers([4, 4, 3], [13, 11, 9]).tolist()
    kinds, width = int(rng.integers(2, 7)), int(rng.integers(3, 17))
    # By turns: with sessions or not, people without an offset, a session per trial, uneven labels.
    shape = seed % 4
    centres = rng.normal(size=(kinds, width)) + 0.4 * rng.normal(size=(people, kinds, width))
    offset = rng.normal(size=(people, width)) * (shape != 1)
    gain = np.exp(0.3 * rng.normal(size=(people, width)))
    found = []
    for person in range(people):
        clock = 0.0
        for trial in range(trials):
            for k in rng.permutation(kinds):
                if shape == 3 and k == 0 and rng.random() < 0.3:
                    continue
                clock += rng.uniform(3, 8)
                session = f"S{trial if shape == 2 else trial % 2}"
                own = centres[person, k] * gain[person] + offset[person]
                for row in range(rows):
                    x = own + rng.normal(size=width)
                    names = f"P{person}", session, f"t{trial}-{k}", f"c{k}", clock + 0.5 * row
                    found.append((*names, *x))
    columns = ["person", "session", "trial", "label", "time", *(f"f{i}" for i in range(width))]
    table = pd.DataFrame(found, columns=columns)
    absent = {0: ["time", "session"] if seed % 8 == 0 else ["time"], 1: ["time"]}.get(shape, [])
    return table.drop(columns=absent)


CLEAN = [*range(8), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(8, 200))]


@pytest.mark.parametrize("seed", CLEAN)
def test_a_clean_study_is_not_accused(seed: int) -> None:
    report = leaks.audit(clean(seed), progress=False)
    assert not report.found, report
    assert report.honest is not None
    assert report.careless is not None
    assert report.honest.accuracy > report.chance + 0.1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("width", [12, 60])
def test_many_columns_without_skill_are_not_accused_of_a_choice(width: int, seed: int) -> None:
    x = study(seed, rows=1).drop(columns=[f"f{i}" for i in range(FEATURES)])
    noise = np.random.default_rng(seed).normal(size=(len(x), width))
    x = x.join(pd.DataFrame(noise, columns=[f"g{i}" for i in range(width)]))
    found = preparation.selection(Case(leaks.tables.from_frame(x, label="label")))
    assert found.verdict == "undetermined"
    assert "leaves no trace" in found.evidence
    # Ten of sixty columns of noise, chosen on all rows, claim what no new person would show.
    assert width < 60 or (found.points is not None and found.points > 5)


def test_channels_that_are_all_described_were_not_chosen() -> None:
    session = simulate.study(people=1, seed=1, script=simulate.protocol(("smile", "frown")))[0]
    case = Case(arrays.from_sessions([session]))
    assert preparation.selection(case).verdict == "not found"


def test_the_best_of_many_models_is_no_accuracy() -> None:
    x = study(0)
    tried = np.random.default_rng(0).normal(0.6, 0.06, 40).clip(0, 1).tolist()
    assert verdict(x, "test set used to choose the model", tries=tried).verdict == "found"
    assert verdict(x, "test set used to choose the model").verdict == "undetermined"


def test_a_log_of_tries_is_read_as_people_write_it(tmp_path: Path) -> None:
    lines = tmp_path / "tries.jsonl"
    lines.write_text('{"lr": 0.1, "accuracy": 0.5}\n{"lr": 0.2, "accuracy": 0.75}\n', "utf-8")
    table = tmp_path / "tries.csv"
    table.write_text("lr;test_score\n0,1;50\n0,2;75\n", "utf-8")
    assert interop.read_tries(lines) == interop.read_tries(table) == [0.5, 0.75]
    with pytest.raises(ValueError, match="no column f1"):
        interop.read_tries(table, score="f1")


def test_copies_within_a_trial_are_counted_too() -> None:
    x = study(0)
    found = verdict(pd.concat([x, x.iloc[:5]], ignore_index=True), "copies within a group")
    assert found.verdict == "found"
    assert found.evidence.startswith("5 of 293 rows")


def test_coarse_columns_repeat_by_chance() -> None:
    rng = np.random.default_rng(0)
    coarse = {f"f{i}": rng.integers(0, 3, 288) for i in range(FEATURES)}
    found = verdict(study(0).assign(**coarse), "copies across groups")
    assert found.verdict == "undetermined"


def test_a_tight_cluster_is_no_copy() -> None:
    x = study(0)
    columns = [f"f{i}" for i in range(FEATURES)]
    x.loc[x.label == "neutral", columns] *= 1e-4
    assert verdict(x, "copies across groups").verdict == "not found"


def test_one_random_order_after_another_is_no_block_of_time() -> None:
    x = study(0).assign(time=np.arange(288.0))
    x["session"] = "S" + x.trial.str[1]
    assert verdict(x, "label = block of time").verdict == "not found"


def test_lengths_that_are_rounded_tell_nothing() -> None:
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(rng.normal(size=(400 + (label == "b"), 3)).cumsum(axis=0)).assign(
            label=label, trial=f"{trial}{label}"
        )
        for trial in range(6)
        for label in "ab"
    ]
    found = verdict(pd.concat(parts), "length tells the label", rows="samples")
    assert found.verdict == "not found"


def test_stuck_channels_and_hum_are_named_though_the_rate_is_unknown() -> None:
    rng = np.random.default_rng(0)
    n = np.arange(6000)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=6000) + 5 * np.sin(2 * np.pi * 0.05 * n),
            "b": np.full(6000, -187500.0),
            "c": rng.normal(size=6000),
            "label": np.repeat(["x", "y"] * 6, 500),
        }
    )
    report = leaks.audit(table, progress=False)
    found = report["railed channels or mains"]
    assert found.verdict == "found"
    assert "b at -187500" in found.evidence
    assert "a (" in found.evidence
    assert "0.05 of the sampling rate" in found.evidence
    assert "taken as 1000 Hz: no rate is given" in report["no physiology"].evidence


def test_random_numbers_get_no_credit_for_an_accuracy() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(size=(24000, 3))).assign(
        label=np.repeat([f"l{k % 4}" for k in range(48)], 500)
    )
    report = leaks.audit(table, progress=False)
    assert report["no physiology"].verdict == "found"
    assert report.headline.startswith("No accuracy on these data means anything")
    assert report.headline in str(report)
    assert report.headline in report._repr_html_()


def test_a_session_windows_and_features_are_audited_as_they_are() -> None:
    session = simulate.face(duration=40.0, rate=500.0, seed=1)
    trials = labels.trials(session)
    cut = windows.cut(session, trials)
    described = features.extract(cut, "hudgins")
    for data in ([session, session], described):
        assert evaluate.audit(data, progress=False).careless is not None
    found = evaluate.audit(cut.to_dataset(name="signal"), progress=False)
    assert found["overlapping windows"].verdict == "found"
    assert found["no physiology"].verdict == "not found"
    with pytest.raises(TypeError, match="expected sessions"):
        evaluate.audit([1, 2], progress=False)  # type: ignore[list-item]


def test_overlap_over_the_shorter_interval_flatters() -> None:
    events = pd.DataFrame({"onset": [0.5, 2.5], "offset": [0.8, 2.8]})
    whole = events.assign(predicted_onset=[0.0, 2.0], predicted_offset=[1.3, 3.3])
    table = pd.concat([whole] * 12, ignore_index=True).assign(label=["smile", "frown"] * 12)
    found = verdict(table, "a metric that flatters")
    assert found.verdict == "found"
    assert found.points == pytest.approx(100)


def test_a_folder_of_files_gives_the_fields_of_their_names(tmp_path: Path) -> None:
    for motion in (1, 2):
        for trial in (1, 2):
            table = np.random.default_rng(motion).normal(size=(20, 2))
            np.savetxt(tmp_path / f"D1M{motion}T{trial}.csv", table, delimiter=",")
    found = interop.read_rows(tmp_path)
    assert list(found.columns) == ["c1", "c2", "file", "folder", "D", "M", "T"]
    assert sorted(found["M"].unique()) == ["1", "2"]
    assert len(found) == 80


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a;b;label\n1,5;2;x\n2,5;3;y\n", ["a", "b", "label"]),
        ("\ufeffa,label\n1,x\n2,y\n", ["a", "label"]),
        ("1\t2\n3\t4\n", ["c1", "c2"]),
        ("a,label\r1,x\r2,y\r", ["a", "label"]),
        ("# 1000 Hz\na b\n1 2\n2 3\n", ["a", "b"]),
        ('a,b\n"1,5",2\n"2,5",3\n', ["a", "b"]),
        ("1,smile\n2,frown\n", ["c1", "c2"]),
    ],
)
def test_tables_are_read_as_people_save_them(tmp_path: Path, text: str, columns: list[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    found = interop.read_rows(path)
    assert list(found.columns) == columns
    assert found.iloc[:, 0].tolist() in ([1.5, 2.5], [1, 2], [1, 3])


def test_fields_of_file_names_are_no_time_and_a_file_per_person_is_no_trial(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for motion in range(2):
        for trial in range(4):
            table = rng.normal(size=(400, 2)) * (1 + motion)
            np.savetxt(tmp_path / f"M{motion}T{trial}.csv", table, delimiter=",")
    report = leaks.audit(interop.read_rows(tmp_path), label="M", rate=200, progress=False)
    assert "windows" in report.data
    assert "200 Hz" in report["no physiology"].evidence
    x = study(0).sort_values(["person", "label"]).drop(columns=["trial", "session"])
    found = verdict(x.assign(file=x.person), "overlapping windows")
    assert found.verdict == "undetermined"


def test_a_folder_per_class_is_labelled_by_its_folder(tmp_path: Path) -> None:
    for name in ("smile", "frown"):
        (tmp_path / name).mkdir()
        for trial in range(3):
            pd.DataFrame({"a": [1, 2]}).to_csv(tmp_path / name / f"t{trial}.csv", index=False)
    found = interop.read_rows(tmp_path)
    assert sorted(found["folder"].unique()) == ["frown", "smile"]
    assert found["file"].nunique() == 6
    assert "folder" in found.attrs["from_names"]


def test_folders_above_the_folder_of_a_file_are_columns_too(tmp_path: Path) -> None:
    for person in ("sub1", "sub2"):
        for kind, move in (("calm", "smile"), ("tense", "frown")):
            place = tmp_path / person / kind / "txt"
            place.mkdir(parents=True)
            np.savetxt(place / f"{move}.txt", np.arange(20).reshape(10, 2))
    found = interop.read_rows(tmp_path)
    named = ["file", "folder", "stem", "folder2", "folder3"]
    assert found.attrs["from_names"] == named
    first = found.iloc[0]
    assert [first[name] for name in named[1:]] == ["txt", "smile", "calm", "sub1"]


def test_files_of_a_folder_must_have_the_same_columns(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "1.csv", index=False)
    pd.DataFrame({"b": [1]}).to_csv(tmp_path / "2.csv", index=False)
    with pytest.raises(ValueError, match=r"1\.csv has columns a, 2\.csv has b"):
        interop.read_rows(tmp_path)


def test_arrays_are_read_and_pickles_are_not(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.array(["a", "b"] * 10)
    np.savez(tmp_path / "x.npz", x=x, label=y)
    found = interop.read_rows(tmp_path / "x.npz")
    assert list(found.columns) == ["x1", "x2", "x3", "label"]
    scipy.io.savemat(tmp_path / "x.mat", {"data": x, "person": np.arange(20)})
    assert list(interop.read_rows(tmp_path / "x.mat").columns) == [
        "data1",
        "data2",
        "data3",
        "person",
    ]
    np.savez(tmp_path / "p.npz", x=np.array([{}, []], dtype=object))
    with pytest.raises(ValueError, match=r"`x` holds Python objects, which are not loaded"):
        interop.read_rows(tmp_path / "p.npz")


@pytest.mark.parametrize("begin", [b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"1,2\n\0\0\0"])
def test_other_binary_files_are_refused_in_words(tmp_path: Path, begin: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(begin + bytes(100))
    with pytest.raises(ValueError, match="expected a text table"):
        interop.read_rows(path)


def test_the_command_prints_and_exports_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(0).to_csv(tmp_path / "study.csv", index=False)
    out = str(tmp_path / "report.json")
    assert main(["audit", str(tmp_path / "study.csv"), "--label", "label", "--json", out]) == 0
    assert "honest:" in capsys.readouterr().out
    page = leaks.audit(study(0), progress=False).to_html()
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 1
    assert "http" not in page
    report = json.loads(Path(out).read_text("utf-8"))
    assert {"leak", "verdict", "evidence", "points", "advice"} == set(report["findings"][0])
    assert main(["audit", str(tmp_path / "study.csv"), "--label", "mood"]) == 2
    assert "no column 'mood'" in capsys.readouterr().err


def test_published_random_numbers_fall(shared_data: Path) -> None:
    files = sorted((shared_data / "paper").glob("subject_*.csv"))
    frame = pd.concat([interop.read_rows(f).assign(person=f.stem) for f in files])
    report = leaks.audit(frame, label="emotion_label", progress=False)
    found = {finding.leak for finding in report.found}
    assert {"no physiology", "metadata tells the label", "label = block of time"} <= found
    assert "one generator behind several people" in found
