"""A session is there as a whole or not at all, whatever ends the program that makes it."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from waiting import PATIENCE

from emgnb import acquire, recording
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.record import health
from emgnb.acquire.wire.frames import Encoder

FEW_AND_MANY = [3, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.slow])]
SCANS, CHANNELS = 12_000, 4
VALUES = (np.arange(SCANS)[:, np.newaxis] * 7 + np.arange(CHANNELS)) % 1024


@pytest.fixture(scope="module")
def journal(tmp_path_factory) -> Path:
    """Twelve seconds of 4 channels at 1 kHz."""
    return written(tmp_path_factory.mktemp("recorded"), SCANS)


def written(folder: Path, scans: int) -> Path:
    """A journal of the first so many of `VALUES`."""
    writer = JournalWriter(folder / "journal.emgj")
    writer.note(Kind.SETTINGS, {"port": "test", "describe": {"rate": 1000.0}}, 10**11)
    encoder = Encoder(CHANNELS)
    for first in range(0, scans, 10):
        at = round((100 + (first + 9) / 1000) * 1e9)
        data = encoder.scans(first, VALUES[first : first + 10].astype(np.uint16))
        writer.raw(data, at, at + 1_700_000_000 * 10**9)
    writer.note(Kind.MARK, {"text": "smile"}, at)
    writer.note(Kind.END, {}, at)
    writer.close()
    return writer.path


def is_whole(session: Path) -> bool:
    opened = recording.open(session)
    values = opened["emg/signal"].values
    same = np.array_equal(values, VALUES[: len(values)])
    return same and opened["markers"]["text"].values.tolist() == ["smile"]


def shown(folder: Path) -> set[str]:
    """What a user sees in a folder."""
    return {each.name for each in folder.iterdir() if not each.name.startswith(".")}


RECOVER = """
import sys
from emgnb import acquire
import emgnb.acquire.record.convert
print("ready", flush=True)
sys.stdin.readline()
acquire.recover(sys.argv[1], to=sys.argv[2])
"""


def recover_for(folder: Path, seconds: float | None) -> float:
    """Recover in a process of its own, killed after so long; returns how long it ran, in s."""
    command = [sys.executable, "-c", RECOVER, str(folder), str(folder / "thesis")]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "ready\n"
        begin = time.monotonic()
        child.stdin.write("go\n")
        child.stdin.flush()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
        child.wait()
    return time.monotonic() - begin


@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_recover_killed_at_any_moment_leaves_no_session_or_the_whole(tmp_path, journal, kills):
    shutil.copy(journal, tmp_path)
    (tmp_path / "thesis.partial").mkdir()
    (tmp_path / "thesis.partial" / "chapter1.md").write_text("years of work", encoding="utf-8")
    before = {"journal.emgj", "thesis.partial"}
    lasts = recover_for(tmp_path, None)
    assert is_whole(tmp_path / "thesis")
    shutil.rmtree(tmp_path / "thesis")
    rng = np.random.default_rng(kills)
    whole = 0
    for _ in range(kills):
        recover_for(tmp_path, float(rng.uniform(0, 1.1 * lasts)))
        if (tmp_path / "thesis").exists():
            assert is_whole(tmp_path / "thesis")
            shutil.rmtree(tmp_path / "thesis")
            whole += 1
        assert shown(tmp_path) == before
    print(f"\nkilled {kills} times within {lasts:.2f} s: {whole} whole sessions, no half")
    acquire.recover(tmp_path, to=tmp_path / "thesis")
    assert is_whole(tmp_path / "thesis")
    assert {each.name for each in tmp_path.iterdir()} == {*before, "thesis"}
    assert (tmp_path / "thesis.partial" / "chapter1.md").read_text("utf-8") == "years of work"


@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_a_recorder_killed_while_it_converts_leaves_no_session_or_the_whole(
    tmp_path, journal, kills
):
    rng = np.random.default_rng(kills)
    port = f"replay://{journal}?speed=1000"
    settings = json.dumps({"port": port, "dialect": "auto"})
    lasts = 1.0
    for n in range(kills):
        place = tmp_path / str(n)
        place.mkdir()
        command = [sys.executable, "-m", "emgnb.acquire.record.process"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as child:
            assert child.stdin is not None
            child.stdin.write(json.dumps([str(place), settings]))
            child.stdin.close()
            wait_for(place, (health.CONVERTING, *health.OVER))
            begin = time.monotonic()
            try:
                child.wait(float(rng.uniform(0, lasts)) if n else None)
            except subprocess.TimeoutExpired:
                child.kill()
        if not n:
            lasts = time.monotonic() - begin
        files = shown(place) - {"health.json", "health.json.new"}
        assert files <= {"journal.emgj", "session.zarr"}
        if "session.zarr" not in files:
            acquire.recover(place)
        x = recording.open(place / "session.zarr")["emg/signal"]
        assert np.array_equal(x.values, VALUES)
        assert not [each for each in place.iterdir() if each.name.startswith(".")]


def wait_for(place: Path, states: tuple[str, ...]) -> None:
    deadline = time.monotonic() + PATIENCE
    while (found := health.read(place)) is None or found.state not in states:
        assert time.monotonic() < deadline, f"still {found}"
        time.sleep(0.005)


class Refusals:
    """Renames are refused from the n-th on, as Windows does while a program has a file open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
        self.left = nth
        for module, name in ((os, "rename"), (os, "replace")):
            monkeypatch.setattr(module, name, self._guarded(getattr(module, name)))

    def _guarded(self, real: Callable[..., None]) -> Callable[..., None]:
        def rename(*arguments: object, **options: object) -> None:
            self.left -= 1
            if self.left <= 0:
                raise PermissionError(13, "another program uses it")
            real(*arguments, **options)

        return rename


def refusals(monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusals]:
    """Refuse from one rename on after the other, until there are no more."""
    for nth in itertools.count(1):
        with monkeypatch.context() as patch:
            made = Refusals(patch, nth)
            yield made
        if made.left > 0:
            return


def test_a_rename_that_is_refused_leaves_nothing_and_takes_nothing(tmp_path, monkeypatch):
    written(tmp_path, 100)
    refused = 0
    for _ in refusals(monkeypatch):
        try:
            acquire.recover(tmp_path)
        except (OSError, ValueError):
            refused += 1
            assert [each.name for each in tmp_path.iterdir()] == ["journal.emgj"]
        else:
            assert is_whole(tmp_path / "session.zarr")
            assert {each.name for each in tmp_path.iterdir()} == {"journal.emgj", "session.zarr"}
            shutil.rmtree(tmp_path / "session.zarr")
    print(f"\n{refused} renames refused, one after the other")
    assert refused >= 1  # into its own place at least


def test_a_folder_that_the_user_has_is_not_taken_for_a_leftover(tmp_path):
    written(tmp_path, 100)
    for name in ("session.zarr.partial", "thesis.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine", encoding="utf-8")
    acquire.recover(tmp_path)
    acquire.recover(tmp_path, to=tmp_path / "thesis")
    for name in ("session.zarr.partial", "thesis.partial"):
        assert (tmp_path / name / "notes.txt").read_text(encoding="utf-8") == "mine"
