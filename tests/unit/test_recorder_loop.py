"""How often the recorder wakes, and that what arrives is in the journal at once and in order."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from waiting import until

from emgnb.acquire.journal import JournalReader, Kind
from emgnb.acquire.ports.port import PAUSE, WAIT, Pace, Port
from emgnb.acquire.record import _control, process
from emgnb.acquire.record._reader import Chunk, Queue
from emgnb.acquire.record._timetable import Timetable

SETTINGS = {"port": "sim://rest", "dialect": "auto"}


class Clock:
    """A clock that only a sleeper advances."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Source(Port):
    """A port that gives some chunks one after the other, and then waits for more."""

    url = "sim://rest"

    def __init__(self, chunks: Iterable[bytes] = (), *, ends: bool = False) -> None:
        self.chunks, self.ends = list(chunks), ends
        self.reads = 0
        self._more = threading.Event()

    def give(self, data: bytes) -> None:
        self.chunks.append(data)
        self._more.set()

    def read(self) -> bytes:
        self.reads += 1
        if not self.chunks:
            self._more.wait(WAIT)
            self._more.clear()
        data = self.chunks.pop(0) if self.chunks else b""
        self.ended = self.ends and not self.chunks
        return data

    def close(self) -> None:
        pass


def recording_of(port: Port, folder: Path, monkeypatch: pytest.MonkeyPatch) -> process.Recording:
    monkeypatch.setattr(process, "open_port", lambda url: port)
    return process.Recording(folder, SETTINGS)


def received(folder: Path) -> list[bytes]:
    with JournalReader(folder / "journal.emgj") as reader:
        return [record.payload for record in reader.records() if record.kind == Kind.RAW]


def test_bytes_after_a_silence_are_read_at_once():
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    for _ in range(5):
        pace.rest()
        clock.now += 10 * PAUSE
    assert clock.slept == []


def test_a_packet_every_millisecond_is_not_a_read_every_millisecond():
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    begin = clock.now
    packets, reads = [begin + n / 1000 for n in range(1000)], 0
    while packets:
        pace.rest()
        clock.now = max(clock.now, packets[0])
        packets = [at for at in packets if at > clock.now]
        reads += 1
    assert reads <= 1.05 / PAUSE
    assert clock.now - begin < 1.0 + PAUSE


def test_tasks_are_due_at_their_intervals_and_not_made_up_for():
    tasks = Timetable(0.0, 0.1, 1.0)
    assert tasks.due(0.0) == {0.1, 1.0}
    assert tasks.due(0.05) == set()
    assert tasks.left(0.05) == pytest.approx(0.05)
    assert tasks.due(0.35) == {0.1}
    assert tasks.left(0.35) == pytest.approx(0.1)
    assert tasks.due(2.0) == {0.1, 1.0}
    assert tasks.left(3.5) == 0.0


def test_who_waits_for_the_queue_is_woken_by_what_comes():
    queue = Queue()
    assert not queue.wait(0.0)
    item = Chunk(b"abc", 1, 2)
    threading.Thread(target=queue.append, args=(item,)).start()
    assert queue.wait(180.0)
    assert queue.bytes == 3
    assert list(queue.take()) == [item]
    assert not queue.wait(0.0)


class Waits(Queue):
    """A queue whose waits take no time, on a clock that they advance; `act` after each."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.at: list[float] = []
        self.act = lambda seconds: None

    def wait(self, seconds: float) -> bool:
        self.at.append(self._clock.now)
        self._clock.now += max(seconds, 1e-4)
        self.act(self._clock.now)
        return False


def test_without_data_the_recorder_wakes_for_orders_only(tmp_path, monkeypatch):
    clock = Clock()
    waits = Waits(clock)
    monkeypatch.setattr(process, "Queue", lambda: waits)
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=clock))
    recording = recording_of(Source(), tmp_path, monkeypatch)
    begin = clock.now
    waits.act = lambda now: recording.stop_asked.set() if now > begin + 10 else None
    recording.run()
    # Other tasks fall on the passes for orders, or are one pass of their own.
    assert len(waits.at) <= 10 / process.OBEY_EVERY + 10 / process.DECODE_EVERY + 50


def test_an_order_to_stop_is_obeyed_at_the_next_look(tmp_path, monkeypatch):
    clock = Clock()
    waits = Waits(clock)
    monkeypatch.setattr(process, "Queue", lambda: waits)
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=clock))
    recording = recording_of(Source(), tmp_path, monkeypatch)
    ordered: list[float] = []

    def order(now: float) -> None:
        if len(waits.at) == 100:
            _control.append(tmp_path, "stop")
            ordered.append(now)
        elif len(waits.at) == 10_000:
            recording.stop_asked.set()

    waits.act = order
    recording.run()
    assert waits.at[-1] - ordered[0] <= process.OBEY_EVERY


def test_what_arrives_is_in_the_journal_though_no_task_is_due(tmp_path, monkeypatch):
    names = ("OBEY_EVERY", "DECODE_EVERY", "HEALTH_EVERY", "SYNC_EVERY", "NOTE_EVERY")
    for hours, name in enumerate(names, 1):
        monkeypatch.setattr(process, name, 3600.0 * hours)
    port = Source()
    recording = recording_of(port, tmp_path, monkeypatch)
    thread = threading.Thread(target=recording.run)
    thread.start()
    until(lambda: port.reads)
    port.give(b"first")
    until(lambda: received(tmp_path) == [b"first"])
    port.give(b"second")
    until(lambda: received(tmp_path) == [b"first", b"second"])
    recording.stop_asked.set()
    port.give(b"last")
    thread.join(180)
    assert not thread.is_alive()
    assert received(tmp_path) == [b"first", b"second", b"last"]


def test_all_that_a_fast_port_gives_is_on_disk_once_and_in_order(tmp_path, monkeypatch):
    chunks = [b"%d\n" % n for n in range(3000)]
    port = Source(chunks, ends=True)
    recording_of(port, tmp_path, monkeypatch).run()
    assert received(tmp_path) == chunks
    with JournalReader(tmp_path / "journal.emgj") as reader:
        records = list(reader.records())
    raw = [record.mono_ns for record in records if record.kind == Kind.RAW]
    assert raw == sorted(raw)
    assert records[-1].kind == Kind.END
