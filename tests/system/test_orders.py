"""Orders to a recorder: a damaged file costs its damaged lines only, and stopping always ends."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from waiting import PATIENCE

from emgnb import acquire, recording
from emgnb.acquire.clock import host_ns
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.record import _control, _stopping, health
from emgnb.acquire.wire.frames import Encoder

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def texts(orders: list[_control.Order]) -> list[str]:
    return [order.text or order.kind for order in orders]


def test_a_torn_line_costs_no_other_order(tmp_path):
    _control.append(tmp_path, "mark", "first")
    with (tmp_path / _control.FILE).open("ab") as file:
        file.write(b'{"kind": "mark", "text": "to')
    _control.append(tmp_path, "mark", "second")
    _control.append(tmp_path, "stop")
    assert texts(_control.read(tmp_path)) == ["first", "second", "stop"]


def test_an_order_that_the_system_takes_in_pieces_is_whole(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data)[:7]))
    _control.append(tmp_path, "mark", "smile")
    monkeypatch.undo()
    assert texts(_control.read(tmp_path)) == ["smile"]


@pytest.mark.parametrize("left", [b"", b'{"kind": "ma', None], ids=["emptied", "cut", "removed"])
def test_orders_go_on_in_a_file_that_was_cut(tmp_path, left):
    orders = _control.Orders(tmp_path)
    for text in ("a", "b"):
        _control.append(tmp_path, "mark", text)
    assert texts(orders.new()) == ["a", "b"]
    if left is None:
        (tmp_path / _control.FILE).unlink()
    else:
        (tmp_path / _control.FILE).write_bytes(left)
    for n in range(5):  # longer than it was before
        _control.append(tmp_path, "mark", f"c{n}")
    assert texts(orders.new()) == [f"c{n}" for n in range(5)]
    assert orders.new() == []


def test_an_order_is_carried_out_once_though_its_file_is_read_again(tmp_path):
    orders = _control.Orders(tmp_path)
    for text in ("a", "b"):
        _control.append(tmp_path, "mark", text)
    whole = (tmp_path / _control.FILE).read_bytes()
    assert texts(orders.new()) == ["a", "b"]
    (tmp_path / _control.FILE).write_bytes(whole[: len(whole) // 2 + 1])
    orders.new()
    (tmp_path / _control.FILE).write_bytes(whole)
    _control.append(tmp_path, "mark", "c")
    assert texts(orders.new()) == ["c"]


def test_a_mark_that_is_too_long_is_refused(tmp_path):
    health.write(tmp_path, health.Health(state="recording"))
    recorder = acquire.attach(tmp_path)
    with pytest.raises(ValueError, match="10001 characters, expected at most 10000"):
        recorder.mark("x" * 10_001)
    assert _control.read(tmp_path) == []
    recorder.mark("\0" * 10_000)
    assert len(_control.read(tmp_path)[0].text) == 10_000


def test_a_mark_from_before_the_recording_is_refused(tmp_path):
    writer = JournalWriter(tmp_path / "journal.emgj")
    writer.note(Kind.SETTINGS, {})
    writer.close()
    health.write(tmp_path, health.Health(state="recording"))
    with pytest.raises(ValueError, match="ago=3600, but the recording began 0 s ago"):
        acquire.attach(tmp_path).mark("x", ago=3600)


def test_forged_marks_far_outside_the_recording_are_left_out_and_told(tmp_path):
    writer = JournalWriter(tmp_path / "journal.emgj")
    writer.note(Kind.SETTINGS, {"port": "test"}, 10**11)
    encoder = Encoder(2)
    for first in range(0, 2000, 10):
        at = round((100 + (first + 9) / 100) * 1e9)
        writer.raw(encoder.scans(first, np.zeros((10, 2), np.uint16)), at, at)
    writer.note(Kind.MARK, {"text": "in the journal"}, 1)
    writer.close()
    for text, seconds in (("near", 110), ("far", 10**6), ("early", 3)):
        line = {"kind": "mark", "text": text, "mono_ns": seconds * 10**9}
        with (tmp_path / _control.FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    session = recording.open(acquire.recover(tmp_path))
    assert session["markers"]["text"].values.tolist() == ["near"]
    faults = " ".join(recording.known_faults(session))
    assert "3 markers were left out: they lie more than 60 s outside the recording" in faults


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self, folder: Path, found: health.Health) -> None:
        self.now = 0.0
        self._folder, self._found = folder, found

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += 1.0
        beating = {**vars_of(self._found), "heartbeat_ns": host_ns()}
        health.write(self._folder, health.Health(**beating))


def vars_of(found: health.Health) -> dict[str, object]:
    return {name: getattr(found, name) for name in health.Health.__dataclass_fields__}


DEAF = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("there", flush=True)
sys.stdin.read()
"""


def deaf(folder: Path, state: str, **more: int) -> tuple[subprocess.Popen[str], Clock]:
    """A process that says to be a recorder, and hears neither orders nor signals."""
    child = subprocess.Popen(
        [sys.executable, "-c", DEAF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    found = health.Health(state=state, pid=child.pid, heartbeat_ns=host_ns(), **more)
    health.write(folder, found)
    return child, Clock(folder, found)


@pytest.mark.parametrize(
    ("state", "said", "most"),
    [
        ("recording", "has not reacted for 60 s", 65),
        ("waiting for port", "has not reacted for 60 s", 65),
        ("converting", "has not been written within 130 s", 135),
    ],
)
def test_stopping_a_recorder_that_hangs_ends(tmp_path, state, said, most):
    child, clock = deaf(tmp_path, state, bytes=2_000_000)
    with child:
        with pytest.raises(TimeoutError, match=said) as error:
            _stopping.stop(tmp_path, clock=clock, pause=clock.pause)
        child.communicate()
    assert "acquire.recover" in str(error.value)
    assert clock.now <= most


@needs_signals
def test_a_recorder_is_stopped_though_its_orders_were_cut_torn_or_cannot_be_written(tmp_path):
    recorder = acquire.start("sim://rest?channels=2", tmp_path)
    orders = recorder.folder / _control.FILE
    recorder.mark("before")
    wait_for_marks(recorder, 1)
    orders.write_bytes(b'{"kind": "mark", "te')
    recorder.mark("after")
    wait_for_marks(recorder, 2)
    orders.unlink()
    orders.mkdir()
    session = recording.open(recorder.stop())
    assert session["markers"]["text"].values.tolist() == ["before", "after"]


def wait_for_marks(recorder: acquire.Recorder, marks: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while recorder.health().marks < marks:
        assert time.monotonic() < deadline, f"still {recorder.health()}"
        time.sleep(0.02)
