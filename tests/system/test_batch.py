"""A study processed from one file: as one by one, faults as rows, and only the rest again."""

import contextlib
import json
import shutil

import numpy as np
import psutil
import pytest
import xarray as xr

import emgnb
from emgnb import batch, detect, facs, features, filters, labels, recording, simulate, windows
from emgnb._lock import alone
from emgnb.cli import main

distributed = pytest.importorskip(
    "distributed", reason="dask.distributed is not installed: pip install 'emgnb[long]'"
)

PLAN = """
sessions = "study"
output = "derived"

[[chain]]
step = "BandPass"
low = 20
high = 450

[bursts]
false_alarms = 0.5

[features]
names = ["rms", "wl"]
length = 0.2
step = 0.1

[workers]
"""
GOOD, WITHOUT, DAMAGED = "P01/session.zarr", "P02/session.zarr", "P03/session.zarr"


@pytest.fixture(scope="module")
def scheduler():
    """Workers that are threads of the tests: their start costs nothing."""
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def session() -> xr.DataTree:
    script = simulate.protocol(["smile"], repetitions=2, seed=1)
    return simulate.face(script=script, seed=4, montage=facs.DEFAULT_MONTAGE[:2])


@pytest.fixture(scope="module")
def original(session, tmp_path_factory):
    """A study of three sessions: a good one, one without markers, and a damaged one."""
    root = tmp_path_factory.mktemp("original")
    recording.save(session, root / GOOD)
    x = recording.emg(session)
    recording.save(recording.make(x, participant="P02"), root / WITHOUT)
    recording.save(session, root / DAMAGED)
    (root / DAMAGED / "emg" / "zarr.json").write_text("{")
    return root


@pytest.fixture
def study(original, tmp_path, scheduler):
    shutil.copytree(original, tmp_path / "study")
    (tmp_path / "study.toml").write_text(f'{PLAN}address = "{scheduler}"')
    return tmp_path


def states(report: batch.Report) -> dict[str, str]:
    return {row["session"]: row["state"] for row in report.rows}


def test_results_are_those_of_the_functions_one_by_one(study, session):
    report = batch.run(study / "study.toml")
    chain = filters.Chain(filters.BandPass(20, 450))
    x = recording.emg(session)
    clean = recording.open(study / "derived" / "P01" / "session" / "clean.zarr")
    xr.testing.assert_identical(clean["emg/signal"].load(), chain(x))
    found = detect.bursts(recording.with_signal(session, chain(x)))
    np.testing.assert_array_equal(clean["bursts/onset"].values, found["onset"].values)
    table = xr.open_zarr(
        study / "derived" / "P01" / "session" / "features.zarr", consolidated=False
    )
    cut = windows.cut(clean, labels.trials(session), length=0.2, step=0.1)
    wanted = features.extract(cut, ["rms", "wl"])
    np.testing.assert_array_equal(table["rms"].values, wanted["rms"].values)
    assert table["label"].values.tolist() == wanted["label"].values.tolist()
    row = report.rows[0]
    assert row["bursts"] == found.sizes["event"]
    assert row["windows"] == wanted.sizes["window"]
    assert report.hours == pytest.approx(x.sizes["time"] / 1000 / 3600, rel=1e-3)


def test_what_fails_is_a_row_with_the_reason_and_ends_nothing(study):
    report = batch.run(study / "study.toml")
    assert states(report) == {GOOD: "done", WITHOUT: "failed", DAMAGED: "failed"}
    assert "markers" in report.failed[WITHOUT]
    assert "cannot be opened" in report.failed[DAMAGED]
    assert f"{WITHOUT}  failed: " in str(report)
    assert str(report).endswith("3 sessions: 1 done, 2 failed")
    stored = json.loads((study / "derived" / "report.json").read_text())
    assert stored["counts"] == {"done": 1, "failed": 2}
    assert stored["sessions"][1]["reason"] == report.failed[WITHOUT]
    assert str(study) not in json.dumps(stored)
    written = report.to_json(study / "again.json")
    assert json.loads(written.read_text()) == stored


def test_the_next_run_processes_only_what_is_not_done(study, original):
    batch.run(study / "study.toml")
    first = study / "derived" / "P01" / "session" / "clean.zarr" / "zarr.json"
    before = first.stat()
    shutil.rmtree(study / "study" / "P02")
    shutil.copytree(original / "P01", study / "study" / "P02")
    report = batch.run(study / "study.toml")
    assert states(report) == {GOOD: "done earlier", WITHOUT: "done", DAMAGED: "failed"}
    assert first.stat().st_ino == before.st_ino
    assert report.hours < 0.1


def test_a_session_that_was_interrupted_is_processed_again(study):
    batch.run(study / "study.toml")
    folder = study / "derived"
    next((folder / "finished").iterdir()).unlink()
    shutil.rmtree(folder / "P01" / "session" / "features.zarr")
    assert states(batch.run(study / "study.toml"))[GOOD] == "done"
    assert (folder / "P01" / "session" / "features.zarr" / "zarr.json").exists()


def test_other_settings_need_another_output(study):
    batch.run(study / "study.toml")
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(text.replace("low = 20", "low = 30"))
    with pytest.raises(ValueError, match="made with other settings: chain"):
        batch.run(study / "study.toml")


def test_two_runs_do_not_write_into_one_output(study):
    (study / "derived").mkdir()
    (study / "derived" / ".lock").touch()
    with (
        alone(study / "derived" / ".lock", "busy"),
        pytest.raises(RuntimeError, match="another run is writing"),
    ):
        batch.run(study / "study.toml")


def test_results_among_the_recordings_are_not_processed(study):
    text = (study / "study.toml").read_text().replace('"derived"', '"study/derived"')
    (study / "study.toml").write_text(text)
    batch.run(study / "study.toml")
    assert [*states(batch.run(study / "study.toml"))] == [GOOD, WITHOUT, DAMAGED]
    listed = recording.study(study / "study" / "derived")
    assert [str(path).rpartition("/")[2] for path in listed["path"].values] == ["clean.zarr"]


def test_results_of_two_versions_are_told_apart(study):
    batch.run(study / "study.toml")
    done = study / "derived" / "finished" / "P01%2Fsession.zarr.json"
    earlier = {**json.loads(done.read_text()), "emgnb": "0.0.1"}
    done.write_text(json.dumps(earlier))
    (study / "derived" / "finished" / "P02%2Fsession.zarr.json").unlink(missing_ok=True)
    shutil.rmtree(study / "study" / "P02")
    shutil.copytree(study / "study" / "P01", study / "study" / "P02")
    report = batch.run(study / "study.toml")
    assert f"different versions of emgnb (0.0.1, {emgnb.__version__})" in str(report)


def test_selected_sessions_only(study):
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(
        text.replace("[[chain]]", '[select]\nparticipant = "P02"\n[[chain]]', 1)
    )
    assert [*states(batch.run(study / "study.toml"))] == [WITHOUT]
    (study / "study.toml").write_text(
        text.replace("[[chain]]", '[select]\nparticipant = ["P02", "P9"]\n[[chain]]', 1)
    )
    with pytest.raises(ValueError, match=r"`participant`: no session of .* has 'P9'; they have"):
        batch.run(study / "study.toml")
    both = f'[select]\nparticipant = "P02"\npath = "{GOOD}"\n[[chain]]'
    (study / "study.toml").write_text(text.replace("[[chain]]", both, 1))
    with pytest.raises(ValueError, match=r"no session to process.*holds 3.*P02"):
        batch.run(study / "study.toml")


@pytest.fixture
def memory(study, session):
    """Object storage with one session, and a plan from there to there."""
    fsspec = pytest.importorskip(
        "fsspec", reason="fsspec is not installed: pip install 'emgnb[remote]'"
    )
    made = fsspec.filesystem("memory")
    recording.save(session, f"memory://lab/{GOOD}")
    text = (study / "study.toml").read_text()
    text = text.replace('"study"', '"memory://lab"').replace('"derived"', '"memory://made"')
    (study / "study.toml").write_text(text)
    yield made
    made.rm("/", recursive=True)


def test_from_object_storage_to_object_storage(study, memory):
    assert states(batch.run(study / "study.toml")) == {GOOD: "done"}
    assert states(batch.run(study / "study.toml")) == {GOOD: "done earlier"}
    clean = recording.open("memory://made/P01/session/clean.zarr")
    assert filters.chain_of(clean["emg/signal"]) is not None
    table = xr.open_zarr("memory://made/P01/session/features.zarr", consolidated=False)
    assert set(table.data_vars) == {"rms", "wl"}
    assert not memory.exists("/made/.lock")


def test_the_lock_of_a_killed_run_is_explained_and_deleted_on_request(study, memory, capsys):
    plan = str(study / "study.toml")
    about = {"process": 41, "computer": "lab-3", "since": "2026-05-04T12:00:00+00:00", "run": "a"}
    memory.pipe("/made/.lock", json.dumps(about).encode())
    with pytest.raises(RuntimeError, match=r"another run.*process 41 on lab-3, since .*--unlock"):
        batch.run(plan)
    assert main(["process", plan, "--unlock"]) == 0
    assert "deleted the lock of process 41 on lab-3, since 2026-05-04" in capsys.readouterr().out
    assert main(["process", plan, "--unlock"]) == 2
    assert "no run has locked memory://made" in capsys.readouterr().err
    assert memory.find("/made") == []


def test_an_unreadable_lock_is_a_lock(study, memory):
    memory.pipe("/made/.lock", b"[]")
    with pytest.raises(RuntimeError, match=r"another run is writing.*a process that is not named"):
        batch.run(study / "study.toml")


@pytest.mark.parametrize(
    ("other", "what"), [(b"another run", "is now that of a process"), (None, "was deleted")]
)
def test_a_run_stops_when_its_lock_is_no_longer_its_own(study, memory, monkeypatch, other, what):
    real = distributed.as_completed

    def disturbed(futures):
        for future in real(futures):
            memory.rm_file("/made/.lock")
            if other is not None:
                memory.pipe("/made/.lock", other)
            yield future

    monkeypatch.setattr(distributed, "as_completed", disturbed)
    with pytest.raises(RuntimeError, match=f"the lock of this run in memory://made {what}"):
        batch.run(study / "study.toml")
    assert not memory.exists("/made/finished")
    assert memory.exists("/made/.lock") == (other is not None)


def test_on_disk_there_is_no_lock_to_delete(study, capsys):
    assert main(["process", str(study / "study.toml"), "--unlock"]) == 2
    assert "is on disk, where the lock of a run ends with it" in capsys.readouterr().err
    assert main(["process", str(study / "study" / GOOD), "--unlock"]) == 2
    assert "--unlock is for the plan of a study" in capsys.readouterr().err


def listening() -> set[tuple[str, int]]:
    """Addresses and ports at which this process and its children listen."""
    every = [psutil.Process(), *psutil.Process().children(recursive=True)]
    found = [each for process in every for each in process.net_connections(kind="inet")]
    return {tuple(each.laddr) for each in found if each.status == psutil.CONN_LISTEN}


def test_the_command_uses_processes_that_nobody_else_reaches(study, capsys, monkeypatch):
    before, heard, real = listening(), set(), distributed.as_completed

    def noted(futures):
        heard.update(listening() - before)
        return real(futures)

    monkeypatch.setattr(distributed, "as_completed", noted)
    (study / "study.toml").write_text(PLAN)
    assert main(["process", str(study / "study.toml"), "--workers", "1"]) == 1
    out = capsys.readouterr().out
    assert f"{GOOD}  done: " in out
    assert "3 sessions: 1 done, 2 failed" in out
    assert {host for host, _ in heard} == {"127.0.0.1"}


def test_options_of_a_recording_belong_into_the_plan(study, capsys):
    assert main(["process", str(study / "study.toml"), "--mains", "50"]) == 2
    assert "--mains: write this into the plan" in capsys.readouterr().err
    assert main(["process", str(study / "study" / GOOD), "--workers", "2"]) == 2
    assert "--workers is for the plan of a study" in capsys.readouterr().err


def test_a_scheduler_that_does_not_answer(study, monkeypatch):
    from emgnb.batch import running

    monkeypatch.setattr(running, "ANSWER", 1)
    (study / "study.toml").write_text(f'{PLAN}address = "tcp://127.0.0.1:9"')
    with pytest.raises(ConnectionError, match=r"tcp://127\.0\.0\.1:9 does not answer"):
        batch.run(study / "study.toml")


def test_what_else_lies_in_the_output_stays(study, session):
    """Notes in a result's folder, and the results of a session whose name begins alike."""
    recording.save(session, study / "study" / "P01.zarr")
    (study / "derived" / "P01").mkdir(parents=True)
    (study / "derived" / "P01" / "notes.txt").write_text("electrode came off")
    first = states(batch.run(study / "study.toml"))
    assert first["P01.zarr"] == first[GOOD] == "done"
    (study / "derived" / "finished" / "P01.zarr.json").unlink()
    assert states(batch.run(study / "study.toml"))["P01.zarr"] == "done"
    assert (study / "derived" / "P01" / "notes.txt").exists()
    assert (study / "derived" / "P01" / "session" / "features.zarr" / "zarr.json").exists()


def test_two_sessions_for_one_folder_of_the_output(study, original):
    shutil.copytree(original / GOOD, study / "study" / "P01" / "session")
    with pytest.raises(ValueError, match="two sessions would share the folder P01/session"):
        batch.run(study / "study.toml")


def test_one_session_is_no_study_and_nothing_is_removed(study):
    batch.run(study / "study.toml")
    before = sorted((study / "derived").rglob("*"))
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(text.replace('"study"', f'"study/{GOOD}"'))
    with pytest.raises(ValueError, match=r"is one session; expected the folder.*emgnb process"):
        batch.run(study / "study.toml")
    assert sorted((study / "derived").rglob("*")) == before


def test_an_output_around_the_recordings(study):
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(text.replace('"derived"', '"."'))
    with pytest.raises(ValueError, match="choose another `output`"):
        batch.run(study / "study.toml")


def test_another_recording_under_the_same_name_is_not_taken_for_the_first(study, session):
    batch.run(study / "study.toml")
    clean = study / "derived" / "P01" / "session" / "clean.zarr" / "zarr.json"
    before = clean.stat().st_ino
    shutil.rmtree(study / "study" / GOOD)
    other = session.copy()
    other.attrs["participant"] = "P09"
    recording.save(other, study / "study" / GOOD)
    report = batch.run(study / "study.toml")
    assert "participant was" in report.failed[GOOD]
    assert "and is P09" in report.failed[GOOD]
    assert clean.stat().st_ino == before
    (study / "derived" / "finished" / "P01%2Fsession.zarr.json").unlink()
    assert states(batch.run(study / "study.toml"))[GOOD] == "done"
    assert recording.open(clean.parent).attrs["participant"] == "P09"


@pytest.mark.parametrize("content", ["", "[]", None])
def test_results_of_unknown_settings_are_not_mixed_with_others(study, content):
    """A power cut may leave an empty file."""
    batch.run(study / "study.toml")
    settings = study / "derived" / "settings.json"
    if content is None:
        settings.unlink()
    else:
        settings.write_text(content)
    with pytest.raises(ValueError, match=r"settings\.json is missing or damaged"):
        batch.run(study / "study.toml")


def test_another_number_of_workers_keeps_the_attempts_of_the_plan(study, scheduler, monkeypatch):
    with pytest.raises(ValueError, match="workers=0, expected a number above 0"):
        batch.run(study / "study.toml", workers=0)
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(f"{text}\nretries = 2")
    asked, real = [], distributed.Client.map

    def noted(self, *given, **options):
        asked.append(options["retries"])
        return real(self, *given, **options)

    monkeypatch.setattr(distributed.Client, "map", noted)
    monkeypatch.setattr(distributed, "LocalCluster", lambda **_: contextlib.nullcontext(scheduler))
    batch.run(study / "study.toml", workers=1)
    assert asked == [2]
