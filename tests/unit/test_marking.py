"""A wrong marker is withdrawn or corrected while recording, and the recording tells that it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from waiting import until

from emgnb import acquire, labels, recording
from emgnb.acquire.journal import JournalReader, Kind
from emgnb.acquire.wire.marking import Amendment, Mark, standing, trace


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[acquire.Recorder]:
    made = acquire.start("sim://rest?seed=1&channels=2", tmp_path)
    until(lambda: made.health().scans > 1500)
    yield made
    if made.health().is_alive:
        made.stop()


def told(session) -> list[tuple[str, str | None]]:
    changes = json.loads(session["markers"].attrs["amended"])
    return [(each["text"], each["now"]) for each in changes]


def test_a_withdrawn_marker_is_in_no_session_and_a_corrected_one_keeps_its_time(recorder) -> None:
    first = recorder.mark("smile")
    recorder.mark("smile")
    assert recorder.correct("frown").text == "frown"
    recorder.mark("sneeze")
    assert recorder.unmark().text == "sneeze"
    recorder.correct("grin", first)
    until(lambda: recorder.health().marks == 2)
    assert [mark.text for mark in recorder.marks] == ["grin", "frown"]
    path = recorder.stop()
    session = recording.open(path)
    assert session["markers/text"].values.tolist() == ["grin", "frown"]
    assert told(session) == [("smile", "grin"), ("smile", "frown"), ("sneeze", None)]
    moments = [each["time"] for each in json.loads(session["markers"].attrs["amended"])]
    assert session["markers/time"].values.tolist() == moments[:2]
    assert set(labels.trials(session, reaction=0.0)["label"].values.tolist()) == {"grin", "frown"}
    with JournalReader(recorder.folder / "journal.emgj") as reader:
        kinds = [record.kind for record in reader.records()]
    assert kinds.count(Kind.MARK) == kinds.count(Kind.AMEND) == 3
    with pytest.raises(RuntimeError, match="now in the session: remove it there"):
        recorder.unmark(first)


def test_what_is_no_marker_cannot_be_withdrawn(recorder) -> None:
    with pytest.raises(ValueError, match="no marker yet"):
        recorder.unmark()
    name = recorder.mark("smile")
    with pytest.raises(ValueError, match="a marker needs text"):
        recorder.correct("", name)
    recorder.unmark(name)
    for again in (recorder.unmark, lambda mark: recorder.correct("frown", mark)):
        with pytest.raises(ValueError, match="does not exist or was removed"):
            again(name)
    session = recording.open(recorder.stop())
    assert session["markers"].sizes["marker"] == 0
    assert told(session) == [("smile", None)]


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX")
def test_a_withdrawal_that_a_killed_recorder_never_read_is_honoured(recorder) -> None:
    recorder.mark("smile")
    recorder.mark("frown")
    until(lambda: recorder.health().marks == 2)
    os.kill(recorder.health().pid, signal.SIGKILL)
    until(lambda: not recorder.health().is_alive)
    recorder.unmark()
    session = recording.open(acquire.recover(recorder.folder))
    assert session["markers/text"].values.tolist() == ["smile"]
    assert told(session) == [("frown", None)]


def test_a_session_without_a_change_says_nothing_of_changes(recorder) -> None:
    recorder.mark("smile")
    assert "amended" not in recording.open(recorder.stop())["markers"].attrs


def test_what_a_marker_was_survives_a_copy_to_netcdf(recorder, tmp_path: Path) -> None:
    recorder.mark("smile")
    recorder.unmark()
    recorder.mark("frown")
    moved = shutil.move(recorder.stop(), tmp_path / "moved.zarr")
    recording.to_netcdf(recording.open(moved), tmp_path / "moved.nc")
    with xr.open_datatree(tmp_path / "moved.nc", engine="h5netcdf") as copy:
        assert told(copy) == [("smile", None)]


NAMES = st.sampled_from("abcd")


@given(
    st.lists(NAMES, unique=True),
    st.lists(st.tuples(NAMES, st.sampled_from([None, "x", "y"])), max_size=12),
)
def test_what_stands_is_what_was_set_less_what_was_withdrawn(names, changes) -> None:
    marks = [Mark(float(k), "first", 0.0, name) for k, name in enumerate(names)]
    amendments = [Amendment(*each) for each in changes]
    gone = {name for name, text in changes if text is None}
    found = standing(marks, amendments)
    assert [mark.name for mark in found] == [name for name in names if name not in gone]
    last = dict(changes)
    assert [mark.text for mark in found] == [last.get(mark.name) or "first" for mark in found]
    told = {mark.name: now for mark, now in trace(marks, amendments)}
    assert {name for name, now in told.items() if now is None} == gone & set(names)
