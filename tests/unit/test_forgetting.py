"""A person who withdraws leaves nothing behind that a search of all bytes finds."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate, features, interop, labels, models, recording, windows
from emgnb.acquire.clock import host_ns
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.record import health
from emgnb.cli import main

GONE, STAYS, ALIKE = "P-KQWX", "P-ABCD", "P-KQWX-2"


def session(person: str, seed: int) -> xr.DataTree:
    rng = np.random.default_rng(seed)
    truth = np.tile(np.repeat(["frown", "smile"], 500), 4)
    values = rng.standard_normal((4000, 2)) * np.where(truth == "smile", 3, 1)[:, np.newaxis]
    x = recording.signal(values.astype(np.float32), rate=1000.0, units="uV")
    markers = recording.markers(
        np.arange(0, 4, 0.5), np.where(np.arange(8) % 2, "smile", "frown").tolist()
    )
    table = labels.events([0.5], [1.0], au="12")
    return recording.make(
        x, markers=markers, labels={"anna": table}, participant=person, started="2026-05-04T10:00"
    )


def record(folder, person: str, seed: int) -> None:
    """Make the folder of a recording."""
    place = folder / f"20260504T10000{seed}Z_{person}"
    place.mkdir()
    journal = JournalWriter(place / "journal.emgj")
    journal.note(Kind.SETTINGS, {"participant": person, "port": "COM3"})
    journal.close()
    recording.save(session(person, seed), place / "session.zarr")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with everything that emgnb writes."""
    root = tmp_path_factory.mktemp("study")
    people = (GONE, STAYS, ALIKE)
    for seed, person in enumerate(people):
        record(root, person, seed)
    (root / "derived").mkdir()
    cut = []
    for seed, person in enumerate(people):
        whole = session(person, seed)
        x = recording.with_history(recording.emg(whole), "high_pass", cutoff=20.0)
        recording.save(recording.with_signal(whole, x), root / "derived" / f"clean_{seed}.zarr")
        cut.append(windows.cut(x, labels.trials(whole), length=0.1, step=0.1))
    both = windows.stack(cut)
    table = features.extract(both, ["rms", "mav"])
    both.to_dataset(name="windows").to_zarr(root / "windows.zarr")
    cut[1].to_dataset(name="windows").to_zarr(root / "windows_of_one.zarr")
    table.to_netcdf(root / "features.nc", engine="h5netcdf")
    models.fit(table).save(root / "all.npz")
    models.fit(features.extract(cut[1], ["rms", "mav"])).save(root / "one.npz")
    result = evaluate.cross_validate(table, models.fit, progress=False)
    result.to_json(root / "result.json")
    result.to_html(root / "result.html")
    result.prediction.to_netcdf(root / "prediction.nc", engine="h5netcdf")
    interop.write_bids(
        [place / "session.zarr" for place in sorted(root.glob("2026*"))], root / "bids"
    )
    events = session(GONE, 0)["labels/anna"].to_dataset()
    interop.write_labels(events, root / f"{GONE}_anna.csv")
    interop.write_labels(events, root / f"{ALIKE}_anna.csv")
    recording.to_csv(session(GONE, 0), root / "csv" / GONE)
    recording.to_netcdf(session(GONE, 0), root / "session.nc")
    lines = ["participant,note", *(f'{each},"two\nlines"' for each in people), f"{GONE},x"]
    (root / "ratings.csv").write_text("\n".join(lines) + "\n")
    (root / "analysis.ipynb").write_text(json.dumps({"cells": [f"open('{GONE}')"]}))
    (root / "notes.txt").write_text("nothing about anybody")
    return root


@pytest.fixture
def folder(study, tmp_path):
    return shutil.copytree(study, tmp_path / "study")


def contents(root) -> dict[str, bytes]:
    return {str(each.relative_to(root)): each.read_bytes() for each in files(root)}


def files(root):
    return [each for each in root.rglob("*") if each.is_file()]


def test_everything_is_listed_and_nothing_changed_without_the_word(folder):
    before = contents(folder)
    found = interop.forget(GONE, folder)
    assert contents(folder) == before
    assert not found.deleted
    assert {(each.path.relative_to(folder).as_posix(), each.what) for each in found.traces} == {
        (f"20260504T100000Z_{GONE}", "recording"),
        ("derived/clean_0.zarr", "derived session"),
        ("windows.zarr", "windows or features"),
        ("features.nc", "exported data"),
        ("prediction.nc", "exported data"),
        ("session.nc", "exported data"),
        ("all.npz", "model"),
        ("result.json", "report"),
        ("result.html", "report"),
        ("bids/sub-PKQWX", "EMG-BIDS data"),
        ("bids/participants.tsv", "rows of a table"),
        ("ratings.csv", "rows of a table"),
        (f"{GONE}_anna.csv", "file of that name"),
        (f"csv/{GONE}/emg.csv", "file of that name"),
        (f"csv/{GONE}/markers.csv", "file of that name"),
        (f"csv/{GONE}/labels_anna.csv", "file of that name"),
    }
    assert [each.partition(": ")[2] for each in found.left] == [f"mentions {GONE}; edit it by hand"]
    assert "would be deleted" in str(found)


def test_nothing_is_found_by_a_search_of_all_bytes_afterwards(folder):
    (folder / "analysis.ipynb").unlink()
    # The longer code of another person contains the shorter one.
    shutil.rmtree(next(folder.glob(f"2026*_{ALIKE}")))
    for each in ("derived/clean_2.zarr", "bids/sub-PKQWX2"):
        shutil.rmtree(folder / each)
    (folder / f"{ALIKE}_anna.csv").unlink()
    for table in ("ratings.csv", "bids/participants.tsv"):
        path = folder / table
        kept = [line for line in path.read_text().splitlines() if "2" not in line[:12]]
        path.write_text("\n".join(kept) + "\n")
    found = interop.forget(GONE, folder, delete=True)
    assert found.deleted
    assert found.left == ()
    for path in folder.rglob("*"):
        assert GONE not in str(path.relative_to(folder))
        assert "PKQWX" not in str(path.relative_to(folder))
    for name, content in contents(folder).items():
        assert b"KQWX" not in content, name
    signal = recording.emg(session(GONE, 0)).values
    for store in folder.rglob("session.zarr"):
        assert not np.array_equal(recording.emg(recording.open(store)).values, signal)
    assert not (folder / "csv").exists()
    assert interop.forget(GONE, folder).traces == ()


def test_the_data_of_others_stays_byte_for_byte(folder):
    before = contents(folder)
    found = interop.forget(GONE, folder, delete=True)
    after = contents(folder)
    gone = [each.path.relative_to(folder).as_posix() for each in found.traces if not each.rows]
    kept = {
        name
        for name in before
        if not any(name == each or name.startswith(f"{each}/") for each in gone)
    }
    assert set(after) == kept
    changed = {name for name in kept if after[name] != before[name]}
    assert changed == {"ratings.csv", "bids/participants.tsv"}
    assert after["ratings.csv"].decode() == (
        f'participant,note\n{STAYS},"two\nlines"\n{ALIKE},"two\nlines"\n'
    )
    for person in (STAYS, ALIKE):
        assert next(folder.glob(f"2026*_{person}")).is_dir()
    assert models.load(folder / "one.npz").participants == (STAYS,)


def test_a_model_names_those_who_trained_it_and_an_older_one_is_reported(folder):
    model = models.load(folder / "all.npz")
    assert model.participants == tuple(sorted((GONE, STAYS, ALIKE)))
    spec = {name: value for name, value in model.spec.items() if name != "participants"}
    older = dataclasses.replace(model, spec=spec)
    assert older.participants is None
    assert older.fingerprint == model.fingerprint
    older.save(folder / "older.npz")
    found = interop.forget(GONE, folder, delete=True)
    assert any("older.npz: a model that does not state" in each for each in found.left)
    assert (folder / "older.npz").exists()


def test_a_running_recording_is_not_deleted(folder):
    place = next(folder.glob(f"2026*_{GONE}"))
    about = {each.name: None for each in dataclasses.fields(health.Health)}
    about |= {"state": "recording", "pid": os.getpid(), "channels": [], "heartbeat_ns": host_ns()}
    (place / health.FILE).write_text(json.dumps(about))
    before = contents(folder)
    with pytest.raises(RuntimeError, match=f"a recording of {GONE} is running.*Nothing was"):
        interop.forget(GONE, folder, delete=True)
    assert contents(folder) == before


def test_what_cannot_be_deleted_is_reported(folder, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("emgnb.interop.forgetting.shutil.rmtree", refuse)
    found = interop.forget(GONE, folder, delete=True)
    assert any("windows.zarr: not deleted (Permission denied)" in each for each in found.left)
    assert (folder / "windows.zarr").exists()
    assert not (folder / "all.npz").exists()


def test_links_archives_and_version_control_are_reported(tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    root = tmp_path / "study"
    (root / ".git").mkdir(parents=True)
    (root / GONE).symlink_to(other, target_is_directory=True)
    (root / "old.zip").write_bytes(b"PK")
    said = "\n".join(interop.forget(GONE, root, delete=True).left)
    assert "which was not followed" in said
    assert "old.zip: its compressed contents were not searched" in said
    assert ".git: version control keeps former versions" in said
    assert other.is_dir()


def test_a_damaged_store_of_nobody_knows_whom_is_reported_and_kept(folder):
    store = folder / "derived" / "clean_1.zarr"
    (store / "zarr.json").write_text("{")
    found = interop.forget(GONE, folder, delete=True)
    assert any("clean_1.zarr: damaged, so it is unknown whose" in each for each in found.left)
    assert store.is_dir()


def test_a_code_is_a_word_and_not_a_part_of_one(tmp_path):
    for name in ("P1.csv", "P12.csv", "XP1.csv", "a_P1_b.txt"):
        (tmp_path / name).write_text("x")
    found = interop.forget("P1", tmp_path)
    assert [each.path.name for each in found.traces] == ["P1.csv", "a_P1_b.txt"]


def test_the_command_lists_then_deletes(folder, capsys):
    (folder / "analysis.ipynb").unlink()
    assert main(["forget", GONE, str(folder)]) == 0
    said = capsys.readouterr().out
    assert "16 found" in said
    assert "nothing was changed: add --delete" in said
    assert main(["forget", GONE, str(folder), "--delete"]) == 0
    assert "16 found" in capsys.readouterr().out
    assert main(["forget", " ", str(folder)]) == 2
    assert "participant is empty" in capsys.readouterr().err


@pytest.mark.parametrize("odd", ["\u2028", "\x0b", "\x0c", "\x85", "\x1c"])
def test_a_line_break_that_is_none_of_csv_removes_no_row_of_another(tmp_path, odd):
    """Spreadsheets and web pages leave such characters in notes."""
    table = tmp_path / "ratings.csv"
    kept = f"participant,note\n{STAYS},one{odd}two\n"
    table.write_text(f"{kept}{GONE},x\n{ALIKE},y\n", encoding="utf-8", newline="")
    interop.forget(GONE, tmp_path, delete=True)
    assert table.read_bytes().decode() == f"{kept}{ALIKE},y\n"


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"EMGJRNL\x09", b"EMGJRNL\x01"])
def test_a_damaged_journal_does_not_keep_anybody_from_being_forgotten(folder, content):
    place = folder / "20260504T110000Z"
    place.mkdir()
    (place / "journal.emgj").write_bytes(content)
    found = interop.forget(GONE, folder, delete=True)
    assert f"{place / 'journal.emgj'}: damaged, so it is unknown whose it is" in found.left
    assert (place / "journal.emgj").exists()
    assert not list(folder.glob(f"2026*_{GONE}"))


def test_a_store_named_by_the_code_is_found_unless_it_states_another_person(tmp_path):
    nobody = session("", 1)
    recording.save(nobody, tmp_path / f"{GONE}.zarr")
    recording.save(nobody, tmp_path / GONE / "imported.zarr")
    recording.save(session(STAYS, 2), tmp_path / GONE / "other.zarr")
    (tmp_path / GONE / "renamed").mkdir()
    record(tmp_path / GONE / "renamed", STAYS, 3)
    found = interop.forget(GONE, tmp_path, delete=True)
    assert {each.path.relative_to(tmp_path).as_posix() for each in found.traces} == {
        f"{GONE}.zarr",
        f"{GONE}/imported.zarr",
    }
    assert sum(f"states that its data is of {STAYS}" in each for each in found.left) == 2
    assert (tmp_path / GONE / "other.zarr").is_dir()
    assert next((tmp_path / GONE / "renamed").rglob("journal.emgj")).is_file()


@pytest.mark.parametrize("at", [*range(4096 - len(ALIKE) - 2, 4099), (1 << 20) + 4093])
def test_a_longer_code_is_one_wherever_the_file_is_read_in_pieces(tmp_path, at):
    recording.save(session(ALIKE, 2), tmp_path / "2.zarr")
    (tmp_path / "notes.txt").write_text(f"{' ' * at}{ALIKE} and others{' ' * 99}")
    assert interop.forget(GONE, tmp_path).left == ()
    (tmp_path / "notes.txt").write_text(f"{' ' * at}{GONE} and others{' ' * 99}")
    assert len(interop.forget(GONE, tmp_path).left) == 1
    (tmp_path / "notes.txt").write_text(f"{' ' * at}{GONE}")
    assert len(interop.forget(GONE, tmp_path).left) == 1


def test_reports_of_a_processed_study_are_deleted(tmp_path):
    row = {"participant": GONE, "recorded_s": 4.0, "chain": [], "emgnb": "0.1"}
    (tmp_path / "finished").mkdir()
    (tmp_path / "finished" / "a.json").write_text(json.dumps(row))
    report = {"counts": {"done": 1}, "settings": {}, "sessions": [row]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "own.json").write_text(json.dumps({"participant": GONE}))
    found = interop.forget(GONE, tmp_path, delete=True)
    assert {each.path.name for each in found.traces} == {"a.json", "report.json"}
    assert [each.partition(": ")[0] for each in found.left] == [str(tmp_path / "own.json")]
