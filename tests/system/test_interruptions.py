"""Killed, refused, out of room: a file or table is the earlier one or the new one, and whole."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from emgnb import cues, labels, models, recording
from emgnb.recording import files

WRITES = ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link")

# Forks a writer for each number it is given; the writer kills itself at that file operation.
WRITER = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from emgnb import labels, recording

folder, work = Path(sys.argv[1]), sys.argv[2]
signal_ = recording.signal(np.ones((5000, 2), "f4"), rate=1000.0, units="uV")
session = recording.make(signal_)
new = labels.events([1.0, 2.0], [1.5, 2.5], au="12")
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        left = int(line)

        def count(event, args):
            global left
            if event in WRITES and any(str(folder) in str(each) for each in args):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        if work == "save":
            recording.save(session, folder / "new.zarr")
        else:
            recording.add_labels(folder / "s.zarr", "ann", new)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

posix = pytest.mark.skipif(os.name != "posix", reason="forks, and kills with SIGKILL")


def a_session():
    return recording.make(
        recording.signal(np.ones((5000, 2), "f4"), rate=1000.0, units="uV"), participant="P1"
    )


def table(count: int):
    return labels.events(np.arange(1, count + 1), np.arange(1, count + 1) + 0.5, au="12")


def visible(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if not each.name.startswith(".")}


@contextlib.contextmanager
def writer(folder: Path, work: str):
    """Give a function that lets a writer run until its n-th file operation."""
    code = f"WRITES = {WRITES!r}\n{WRITER}"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, str(folder), work],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def killed_at(number: int) -> bool:
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            code = int(process.stdout.readline())
            assert code in (0, -signal.SIGKILL)
            return code != 0

        yield killed_at
        process.stdin.close()


def killed_while_labelling(folder: Path, moments: list[int], kills: int = 2) -> None:
    path = recording.save(a_session(), folder / "s.zarr")
    recording.add_labels(path, "ann", table(1))
    seen: Counter[tuple[bool, object]] = Counter()
    with writer(folder, "label") as killed_at:
        for moment in moments:
            if sum(n for (killed, _), n in seen.items() if killed) == kills:
                break
            killed = killed_at(moment)
            found = recording.open(path)["labels/ann"].sizes["event"]
            seen[killed, found] += 1
            assert found in ((1, 2) if killed else (2,)), moment
            assert visible(folder) == {"s.zarr"}
            assert list(recording.open(path)["labels"].children) == ["ann"]
            recording.add_labels(path, "ann", table(1))
            assert recording.open(path)["labels/ann"].sizes["event"] == 1
    assert seen[True, 1] + seen[True, 2] == kills
    assert seen[True, 1]
    assert seen[False, 2]
    assert [each for each in folder.iterdir() if each.name.startswith(files.PREFIX)] == []


def killed_while_saving(folder: Path, moments: list[int], kills: int = 2) -> None:
    path = folder / "new.zarr"
    seen: Counter[tuple[bool, object]] = Counter()
    with writer(folder, "save") as killed_at:
        for moment in moments:
            if sum(n for (killed, _), n in seen.items() if killed) == kills:
                break
            killed = killed_at(moment)
            seen[killed, path.exists()] += 1
            assert visible(folder) <= {"new.zarr"}
            if path.exists():
                assert recording.open(path)["emg/signal"].values.min() == 1
                path.rename(folder / ".seen")
                files.sweep(folder)
                shutil.rmtree(folder / ".seen")
            else:
                assert killed
    assert seen[True, False] + seen[True, True] == kills
    assert seen[True, False]
    assert seen[False, True]
    recording.save(a_session(), path)
    assert [each.name for each in folder.iterdir()] == ["new.zarr"]


@posix
def test_a_killed_labelling_leaves_the_earlier_table_or_the_new_one(tmp_path):
    killed_while_labelling(tmp_path, [10**6, 40, 115])


@posix
def test_a_killed_save_leaves_nothing_or_the_whole_session(tmp_path):
    killed_while_saving(tmp_path, [10**6, 2, 60])


@posix
@pytest.mark.soak
def test_fifty_killed_labellings_leave_the_earlier_table_or_the_new_one(tmp_path):
    moments = np.random.default_rng(1).integers(1, 160, 200).tolist()
    killed_while_labelling(tmp_path, [10**6, *moments], kills=50)


@posix
@pytest.mark.soak
def test_fifty_killed_saves_leave_nothing_or_the_whole_session(tmp_path):
    moments = np.random.default_rng(2).integers(1, 160, 200).tolist()
    killed_while_saving(tmp_path, [10**6, *moments], kills=50)


def refuse_renames(monkeypatch, allowed: int) -> list[Path]:
    """Let so many renames pass, then refuse all, as Windows does for an open folder."""
    real, refused = Path.rename, []
    left = [allowed]

    def rename(self, target):
        if left[0] == 0:
            refused.append(self)
            raise PermissionError(13, "Access is denied", str(self))
        left[0] -= 1
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(files, "PAUSES", ())
    return refused


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_refused_rename_leaves_the_earlier_table(tmp_path, monkeypatch, allowed):
    path = recording.save(a_session(), tmp_path / "s.zarr")
    recording.add_labels(path, "ann", table(1))
    with monkeypatch.context() as patch:
        assert refuse_renames(patch, allowed) == []
        with pytest.raises(PermissionError, match="open in another program"):
            recording.add_labels(path, "ann", table(2))
        assert recording.open(path)["labels/ann"].sizes["event"] == 1
    assert recording.open(path)["labels/ann"].sizes["event"] == 1
    assert visible(tmp_path) == {"s.zarr"}
    recording.add_labels(path, "ann", table(2))
    assert recording.open(path)["labels/ann"].sizes["event"] == 2
    assert [each.name for each in (path / "labels").iterdir() if each.is_dir()] == ["ann"]


def test_a_rename_that_is_refused_for_a_moment_is_tried_again(tmp_path, monkeypatch):
    real, tries = Path.rename, []

    def rename(self, target):
        tries.append(self)
        if len(tries) % 3:
            raise PermissionError(13, "Access is denied", str(self))
        return real(self, target)

    path = recording.save(a_session(), tmp_path / "s.zarr")
    recording.add_labels(path, "ann", table(1))
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(files, "PAUSES", (0.0, 0.0))
    recording.add_labels(path, "ann", table(2))
    assert recording.open(path)["labels/ann"].sizes["event"] == 2
    assert len(tries) == 6


def test_a_refused_save_leaves_nothing_and_can_be_done_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        refuse_renames(patch, 0)
        with pytest.raises(PermissionError, match="open in another program"):
            recording.save(a_session(), tmp_path / "s.zarr")
    assert list(tmp_path.iterdir()) == []
    recording.save(a_session(), tmp_path / "s.zarr")


def test_a_clearing_that_is_killed_is_finished_by_the_next_writer(tmp_path, monkeypatch):
    left = tmp_path / f"{files.PREFIX}left"
    (left / "whole" / "emg").mkdir(parents=True)
    (left / "lock").touch()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            files.sweep(tmp_path)
    (tmp_path / f"{files.PREFIX}empty").mkdir()
    begun = tmp_path / f"{files.PREFIX}begun"
    (begun / "whole").mkdir(parents=True)
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [begun]  # young and without a lock: somebody may write there


def test_what_another_program_wrote_meanwhile_is_not_overwritten(tmp_path):
    mine, folder = files.workshop(tmp_path / "a.txt"), files.workshop(tmp_path / "b")
    mine.whole.write_text("mine")
    folder.whole.mkdir()
    (tmp_path / "a.txt").write_text("theirs")
    (tmp_path / "b").mkdir()
    for each in (mine, folder):
        with pytest.raises(FileExistsError, match="not overwritten"):
            each.finish()
        each.close()
    assert (tmp_path / "a.txt").read_text() == "theirs"
    assert {each.name for each in tmp_path.iterdir()} == {"a.txt", "b"}


def test_what_is_still_being_written_is_not_swept_away(tmp_path):
    with recording.atomic_path(tmp_path / "a") as first:
        first.write_text("first")
        with recording.atomic_path(tmp_path / "b") as second:
            second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"
    assert (tmp_path / "b").read_text() == "second"


def test_an_export_for_which_there_is_no_room_is_not_begun(tmp_path, monkeypatch):
    """HDF5 ends the program when the disk is full, so no real full disk is tried."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match="the disk has 0 MB left"):
        recording.to_netcdf(a_session(), tmp_path / "session.nc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files by POSIX")
def test_a_full_disk_leaves_no_half_file_and_no_name_taken(tmp_path):
    import resource

    from emgnb import demo

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    random = np.random.default_rng(0)
    table = xr.Dataset(
        {f"f{i}": (("window", "channel"), random.random((40, 8))) for i in range(9)},
        coords={"label": ("window", ["a", "b"] * 20), "channel": list("abcdefgh")},
    )
    model = models.fit(table)
    session, handler = a_session(), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    writes = {
        "csv": lambda: recording.to_csv(session, tmp_path / "csv"),
        "model.npz": lambda: model.save(tmp_path / "model"),
        "p.toml": lambda: cues.Protocol(["smile"], instructions={"smile": "Smile. " * 900}).save(
            tmp_path / "p.toml"
        ),
        "report.html": lambda: demo.Report("x" * 9000).write(tmp_path / "report.html"),
    }
    try:
        for name, write in writes.items():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
            with pytest.raises(OSError, match=r"."):
                write()
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert list(tmp_path.iterdir()) == [], name
            write()
            assert (tmp_path / name).exists()
            (shutil.rmtree if (tmp_path / name).is_dir() else Path.unlink)(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
