"""Recordings over a real pseudo-terminal: whatever dies, the scans are counted."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from waiting import PATIENCE

from emgnb import acquire, recording
from emgnb.acquire.journal import JournalReader, Kind
from emgnb.acquire.record.health import process_runs

FEEDER = Path(__file__).resolve().parents[1] / "support" / "feeder.py"
needs_pty = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pseudo-terminals that pyserial can open"
)


class Feeder:
    """A board in a process of its own, at the far end of a pseudo-terminal; see feeder.py."""

    def __init__(
        self, seconds: float, channels: int = 8, rate: int = 1000, dialect: str = "frames"
    ):
        command = [sys.executable, str(FEEDER), str(channels), str(rate), str(seconds), dialect]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdout is not None
        self.port = self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")

    def sent(self) -> tuple[int, int]:
        """Scans sent and bytes dropped for want of room; comes when all are out, or on `count`."""
        assert self.process.stdout is not None
        sent, dropped = self.process.stdout.readline().split()
        return int(sent), int(dropped)

    def count(self) -> int:
        """Scans sent up to now."""
        self.go()
        return self.sent()[0]

    def unplug(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def feed() -> Iterator[Callable[..., Feeder]]:
    feeders: list[Feeder] = []

    def make(*args: object, **options: object) -> Feeder:
        feeders.append(Feeder(*args, **options))  # type: ignore[arg-type]
        return feeders[-1]

    yield make
    for feeder in feeders:
        if feeder.process.returncode is None:
            feeder.unplug()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Recordings, none of which is left running."""
    yield tmp_path
    for found in tmp_path.glob("*/health.json"):
        health = acquire.attach(found.parent).health()
        if health.is_alive:
            os.kill(health.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def known(scans: np.ndarray, channels: int) -> np.ndarray:
    """What feeder.py sends, said a second time."""
    numbers = np.asarray(scans, dtype=np.int64)[:, np.newaxis]
    return (numbers * 7919 + np.arange(channels) * 104_729 + numbers // 1024) % 1024


def wait_for(recorder: acquire.Recorder, true: Callable[[acquire.Health], bool]) -> acquire.Health:
    deadline = time.monotonic() + PATIENCE
    while not true(recorder.health()):
        assert recorder.health().state != "failed" or true(recorder.health()), recorder.health()
        assert time.monotonic() < deadline, f"still {recorder.health()}"
        time.sleep(0.02)
    return recorder.health()


def wrong_values(signal_: xr.DataArray, first: int = 0) -> int:
    """Count the valid rows that differ from what was sent with their number."""
    values, valid = signal_.values, signal_["valid"].values
    sent = known(first + np.arange(values.shape[0]), values.shape[1])
    return int(np.count_nonzero((values != sent).any(axis=1) & valid))


# A notebook's kernel: starts a recording, and then never gives the interpreter away.
KERNEL = """
import sys
from emgnb import acquire
recorder = acquire.start(sys.argv[1], sys.argv[2], participant="P01")
print(recorder.folder, flush=True)
sys.stdin.readline()
print("busy", flush=True)
total = 0
while True:
    total = (total * 31 + 7) % 1_000_003
"""


@needs_pty
@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.soak)])
def test_a_busy_kernel_that_is_killed_costs_not_one_scan(folder, feed, seconds):
    feeder = feed(seconds)
    kernel = subprocess.Popen(
        [sys.executable, "-c", KERNEL, feeder.port, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert kernel.stdin is not None
    assert kernel.stdout is not None
    place = Path(kernel.stdout.readline().strip())
    feeder.go()
    kernel.stdin.write("go\n")
    assert kernel.stdout.readline() == "busy\n"
    recorder = acquire.attach(place)
    wait_for(recorder, lambda health: health.scans > 500 * seconds)
    kernel.send_signal(signal.SIGKILL)
    kernel.wait()
    kernel.stdin.close()
    kernel.stdout.close()
    sent, dropped = feeder.sent()
    assert (sent, dropped) == (1000 * seconds, 0)
    wait_for(recorder, lambda health: health.scans >= sent)
    used = cpu_seconds(recorder.health().pid)

    session = recording.open(recorder.stop())
    got = session["emg/signal"]
    lost = sent - int(got["valid"].sum())
    print(
        f"\n{seconds} s, 8 channels at 1 kHz, kernel killed: {sent} scans sent, "
        f"{int(got['valid'].sum())} received, {lost} lost, {wrong_values(got)} wrong; "
        f"recorder {used / seconds:.1%} of a core"
    )
    assert got.shape == (sent, 8)
    assert lost == 0
    assert got.attrs["lost"] == 0
    assert wrong_values(got) == 0
    assert session.attrs["crc_errors"] == 0
    assert session.attrs["participant"] == "P01"
    assert recording.measured_rate(got) == pytest.approx(1000, rel=0.002)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    import psutil

    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


@needs_pty
@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.soak)])
def test_a_killed_recorder_costs_at_most_the_last_second(folder, feed, seconds):
    feeder = feed(seconds + 10)
    recorder = acquire.start(feeder.port, folder, participant="P02")
    feeder.go()
    wait_for(recorder, lambda health: health.scans > 0)
    recorder.mark("smile")
    with acquire_follow(recorder) as follower:
        newest = -1
        while newest < 1000 * seconds:
            scans, _ = follower.read()
            newest = int(scans[-1]) if scans.size else newest
            time.sleep(0.005)
    # A mark that the recorder has no time to copy.
    recorder.mark("last words")
    os.kill(recorder.health().pid, signal.SIGKILL)
    sent = feeder.count()
    with pytest.raises(RuntimeError, match=r"was killed .* acquire.recover"):
        recorder.stop()

    session = recording.open(acquire.recover(recorder.folder))
    got = session["emg/signal"]
    received = int(got["valid"].sum())
    print(
        f"\n{seconds} s, recorder killed: {sent} scans sent till then, {received} recovered, "
        f"{max(sent - received, 0)} lost, {wrong_values(got)} wrong"
    )
    assert got.sizes["time"] == received
    assert sent > 1000 * seconds
    assert sent - received <= 1000
    assert wrong_values(got) == 0
    assert session["markers"]["text"].values.tolist() == ["smile", "last words"]
    assert any("killed" in fault for fault in recording.known_faults(session))
    with pytest.raises(FileExistsError, match="not overwritten"):
        acquire.recover(recorder.folder)


class acquire_follow:  # noqa: N801 - reads as a function
    """A follower that is closed in the end."""

    def __init__(self, recorder: acquire.Recorder) -> None:
        self.follower = acquire.follow(recorder.folder)

    def __enter__(self) -> acquire.Follower:
        return self.follower

    def __exit__(self, *_: object) -> None:
        self.follower.close()


@needs_pty
def test_a_pulled_cable_is_waited_for_and_what_follows_lies_at_its_time(folder, feed, tmp_path):
    plug = tmp_path / "ttyEMG"
    first = feed(2.0)
    plug.symlink_to(first.port)
    recorder = acquire.start(str(plug), folder)
    first.go()
    assert first.sent() == (2000, 0)
    wait_for(recorder, lambda health: health.scans == 2000)
    plug.unlink()  # first: another test may get a terminal of the same name
    first.unplug()
    gone = wait_for(recorder, lambda health: health.state == "waiting for port")
    assert "Is the cable plugged in" in gone.message
    recorder.mark("while away")
    time.sleep(1.0)
    second = feed(2.0)
    plug.symlink_to(second.port)
    wait_for(recorder, lambda health: health.state == "recording")
    second.go()
    again = time.monotonic_ns()
    assert second.sent() == (2000, 0)
    assert wait_for(recorder, lambda health: health.scans == 4000).segments == 2

    session = recording.open(recorder.stop())
    got = session["emg/signal"]
    valid = got["valid"].values
    assert int(valid.sum()) == 4000
    gap = np.flatnonzero(~valid)
    assert np.array_equal(gap, np.arange(gap[0], gap[-1] + 1))
    assert gap[0] == 2000
    assert got.attrs["lost"] == gap.size
    np.testing.assert_array_equal(got.values[:2000], known(np.arange(2000), 8))
    np.testing.assert_array_equal(got.values[gap[-1] + 1 :], known(np.arange(2000), 8))
    away = session["markers"]["time"].values[0]
    assert 2.0 < away < got["time"].values[gap[-1]]
    with JournalReader(recorder.folder / "journal.emgj") as reader:
        raw = [record.mono_ns for record in reader.records() if record.kind == Kind.RAW]
    # The second stretch begins where the host's clock says: at the second `go`.
    expected = (again - raw[0]) / 1e9
    assert got["time"].values[gap[-1] + 1] == pytest.approx(expected, abs=0.1)


@needs_pty
def test_a_second_program_on_the_port_is_refused(folder, feed):
    feeder = feed(1.0)
    recorder = acquire.start(feeder.port, folder)
    with pytest.raises(acquire.PortError, match="in use by another program"):
        acquire.start(feeder.port, folder)
    assert [place.name for place in folder.iterdir()] == [recorder.folder.name]
    feeder.go()
    assert feeder.sent() == (1000, 0)
    wait_for(recorder, lambda health: health.scans == 1000)
    recorder.stop()


@needs_pty
def test_lines_of_a_plain_sketch_are_recorded_and_its_limits_said(folder, feed):
    feeder = feed(3.0, channels=3, rate=300, dialect="csv")
    recorder = acquire.start(
        feeder.port, folder, montage=[("a", "", ""), ("b", "corrugator", "left"), ("c", "", "")]
    )
    feeder.go()
    assert feeder.sent() == (900, 0)
    wait_for(recorder, lambda health: health.bytes > 0 and health.scans >= 900)
    health = recorder.health()
    assert (health.dialect, health.channels) == ("csv", ("a", "b", "c"))
    session = recording.open(recorder.stop())
    got = session["emg/signal"]
    np.testing.assert_array_equal(got.values, known(np.arange(900), 3))
    assert got["muscle"].values.tolist() == ["", "corrugator", ""]
    assert got.attrs["units"] == "count"
    assert recording.measured_rate(got) == pytest.approx(300, rel=0.01)
    assert any("cannot be detected" in fault for fault in recording.known_faults(session))


@needs_pty
def test_bytes_that_nobody_understands_are_kept_and_said(folder):
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    recorder = acquire.start(os.ttyname(slave), folder)
    noise = np.random.default_rng(0).integers(1, 256, 3000).astype(np.uint8).tobytes()
    os.write(master, noise)
    said = wait_for(
        recorder,
        lambda health: "but no samples: at 500000 baud they cannot be decoded" in health.message,
    )
    assert said.bytes == 3000
    with pytest.raises(RuntimeError, match="3000 bytes but no scan"):
        recorder.stop()
    with JournalReader(recorder.folder / "journal.emgj") as reader:
        kept = [record.payload for record in reader.records() if record.kind == Kind.RAW]
    assert b"".join(kept) == noise
    os.close(master)
    os.close(slave)


@needs_pty
def test_a_silent_board_is_asked_told_to_start_and_told_to_stop(folder):
    """A scripted board: it says nothing until it is spoken to as the protocol says."""
    import threading
    import tty

    from emgnb.acquire.wire.frames import Encoder

    master, slave = os.openpty()
    tty.setraw(slave)
    probed: list[str] = []
    encoder = Encoder(4)

    def board() -> None:
        line, started, scan = b"", False, 0
        while "X" not in probed:
            if started:
                time.sleep(0.01)
                os.write(master, encoder.scans(scan, known(scan + np.arange(5), 4).astype("u2")))
                scan += 5
                os.set_blocking(master, False)
            try:
                line += os.read(master, 100)
            except BlockingIOError:
                continue
            *orders, line = line.split(b"\n")
            for order in orders:
                probed.append(order.decode())
                if order == b"?":
                    os.write(master, b"\0" + encoder.text("emgnb 9.9 test board"))
                started |= order == b"S"

    thread = threading.Thread(target=board, daemon=True)
    thread.start()
    recorder = acquire.start(f"serial://{os.ttyname(slave)}?channels=4&rate=500", folder)
    wait_for(recorder, lambda health: health.scans > 100)
    session = recording.open(recorder.stop())
    thread.join(timeout=10)
    assert probed == ["?", "R500", "C4", "S", "X"]
    assert session.attrs["firmware"] == "emgnb 9.9 test board"
    assert session["emg/signal"].attrs["nominal_rate"] == 500
    assert wrong_values(session["emg/signal"]) == 0
    os.close(master)
    os.close(slave)


def test_the_simulated_face_hears_the_marks_and_tells_its_truth(folder):
    recorder = acquire.start("sim://rest?seed=3&drift_ppm=5000", folder, participant="P03")
    follower = acquire.follow(recorder.folder)
    shown = [follower.read()]
    for text in ("smile", "rest", "frown", "rest"):
        recorder.mark(text)
        time.sleep(2.8)
        shown.append(follower.read())
    health = recorder.health()
    path = recorder.stop()
    assert recorder.stop() == path
    shown.append(follower.read())
    follower.close()

    session = recording.open(path)
    got = session["emg/signal"]
    scans = np.concatenate([scans for scans, _ in shown if scans.size])
    values = np.concatenate([values for scans, values in shown if scans.size])
    np.testing.assert_array_equal(scans, np.arange(got.sizes["time"]))
    np.testing.assert_array_equal(values, got.values)
    assert got.attrs["units"] == "V"
    assert got["muscle"].values.tolist()[1] == "corrugator"
    assert health.drift_ppm == pytest.approx(5000, abs=1000)
    clock = json.loads(session.attrs["clock"])
    assert clock["drift_ppm"] == pytest.approx(5000, abs=500)
    assert session.attrs["rate_from"] == "clock fit"
    markers, truth = session["markers"], session["labels/truth"]
    assert markers["text"].values.tolist() == ["smile", "rest", "frown", "rest"]
    assert (markers["uncertainty"].values < 0.1).all()
    for label, cue in (("smile", 0), ("frown", 2)):
        onset = truth["onset"].values[truth["label"].values == label].min()
        reaction = onset - markers["time"].values[cue]
        assert 0.05 < reaction < 1.5, f"{label} began {reaction:.3f} s after its cue"
    with pytest.raises(RuntimeError, match="is over"):
        recorder.mark("too late")


def test_a_replayed_journal_gives_the_same_session(folder):
    recorder = acquire.start("sim://smile?seed=5&sensor=v3&channels=4", folder)
    wait_for(recorder, lambda health: health.scans > 3000)
    first = recording.open(recorder.stop())["emg/signal"]
    journal = recorder.folder / "journal.emgj"
    again = acquire.start(f"replay://{journal}?speed=1", folder)
    wait_for(again, lambda health: health.state == "stopped")
    second = recording.open(again.stop())["emg/signal"]
    np.testing.assert_array_equal(second.values, first.values)
    assert second["channel"].values.tolist() == first["channel"].values.tolist()
    assert second["signal_kind"].values.tolist() == ["envelope"] * 4
    assert second.attrs["units"] == "V"


def test_a_file_of_raw_bytes_can_be_replayed(folder, tmp_path):
    from emgnb.acquire.wire.frames import Encoder

    sent = known(np.arange(3000), 4).astype(np.uint16)
    (tmp_path / "bytes.bin").write_bytes(b"boot\r\n\0" + Encoder(4).scans(0, sent))
    recorder = acquire.start(f"replay://{tmp_path / 'bytes.bin'}?speed=2", folder)
    wait_for(recorder, lambda health: health.state == "stopped")
    got = recording.open(recorder.stop())["emg/signal"]
    np.testing.assert_array_equal(got.values, sent)


def test_no_port_is_one_clear_error_and_leaves_nothing_behind(folder):
    with pytest.raises(acquire.PortError, match=re.escape("no port /dev/ttyNope; serial ports")):
        acquire.start("/dev/ttyNope", folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"participant": "Jane Doe/1"}, "letters, digits"),
        ({"dialect": "morse"}, "expected one of auto"),
        ({"signal_kind": "loud"}, "expected one of raw"),
        ({"montage": [("a", "b")]}, "muscle, side"),
        ({"montage": [("a", "b", "port")]}, "side 'port'"),
        ({"port": "ftp://x"}, "expected serial"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_is_made(folder, options, words):
    with pytest.raises((ValueError, acquire.PortError), match=words):
        acquire.start(**{"port": "sim://smile", **options}, folder=folder)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps folders of open files")
def test_a_recording_whose_folder_is_removed_does_not_run_for_ever(folder):
    recorder = acquire.start("sim://rest?seed=1&channels=2", folder)
    pid = recorder.health().pid
    deadline = time.monotonic() + PATIENCE
    while process_runs(pid):
        shutil.rmtree(recorder.folder, ignore_errors=True)  # it may just be writing its health
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_living_recording_is_not_recovered_but_found_again(folder):
    recorder = acquire.start("sim://smile", folder)
    with pytest.raises(RuntimeError, match="still being recorded"):
        acquire.recover(recorder.folder)
    assert acquire.attach(folder).folder == recorder.folder
    wait_for(recorder, lambda health: health.scans > 500)
    acquire.attach(folder).stop()
    (recorder.folder / "again").mkdir()
    made = acquire.recover(recorder.folder, to=recorder.folder / "again" / "x.zarr")
    assert recording.open(made)["emg/signal"].sizes["time"] > 500
    with pytest.raises(FileNotFoundError, match="start one"):
        acquire.attach(recorder.folder / "again")


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
from emgnb import acquire
print(acquire.start("sim://smile?seed=1", sys.argv[1]).folder, flush=True)
"""


@needs_pty
def test_a_full_disk_stops_the_recording_says_so_and_keeps_what_came(folder):
    child = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], capture_output=True, text=True, check=True
    )
    recorder = acquire.attach(child.stdout.strip())
    failed = wait_for(recorder, lambda health: health.state == "failed")
    assert "can no longer be written" in failed.message
    with pytest.raises(RuntimeError, match="free disk space, then run emgnb recover"):
        recorder.stop()
    got = recording.open(acquire.recover(recorder.folder))["emg/signal"]
    assert got.sizes["time"] > 4000
    assert bool(got["valid"].all())


def journal_of(
    folder: Path, chunks: list[tuple[float, bytes]], marks: dict[str, float] | None = None
) -> Path:
    """A journal as a killed recorder leaves it: chunks and marks at their host times in s."""
    from emgnb.acquire.journal import JournalWriter

    writer = JournalWriter(folder / "journal.emgj")
    writer.note(Kind.SETTINGS, {"port": "test", "dialect": "auto"}, 0)
    for at, data in chunks:
        writer.raw(data, round(at * 1e9), round((at + 1.7e9) * 1e9))
    for text, at in (marks or {}).items():
        writer.note(Kind.MARK, {"text": text, "offset": 0}, round(at * 1e9))
    writer.close()
    return writer.path


def chunks_of(scans: np.ndarray, rate: float, begin: float = 100.0) -> list[tuple[float, bytes]]:
    """Frames of 4 channels, ten scans a chunk, each there 2 ms after its last scan or later."""
    from emgnb.acquire.wire.frames import Encoder

    encoder, rng = Encoder(4), np.random.default_rng(0)
    found = []
    for part in np.array_split(scans, len(scans) // 10):
        runs = np.split(part, np.flatnonzero(np.diff(part) != 1) + 1)
        data = b"".join(encoder.scans(int(run[0]), known(run, 4).astype(np.uint16)) for run in runs)
        found.append((begin + part[-1] / rate + 0.002 + rng.exponential(0.003), data))
    return found


def test_lost_scans_are_nan_at_their_place_and_marks_at_theirs(tmp_path):
    scans = np.delete(np.arange(20_000) + 50, np.r_[700:733, 5000, 12_000:14_500])
    journal_of(tmp_path, chunks_of(scans, 1005.0), {"smile": 103.0, "early": 99.0, "late": 130.0})
    session = recording.open(acquire.recover(tmp_path))
    got = session["emg/signal"]
    assert got.sizes["time"] == 20_000
    assert got.attrs["lost"] == 33 + 1 + 2500
    np.testing.assert_array_equal(np.flatnonzero(got["valid"].values), scans - 50)
    assert bool(np.isnan(got.values[700:733]).all())
    assert wrong_values(got, first=50) == 0
    assert recording.measured_rate(got) == pytest.approx(1005, rel=50e-6)
    assert session.attrs["rate_from"] == "clock fit"
    times = dict(
        zip(session["markers"]["text"].values, session["markers"]["time"].values, strict=True)
    )
    # Scan 50 was taken at 100 + 50 / 1005 s, and each scan was there 2 ms later at the earliest.
    begin = 100 + 50 / 1005 + 0.002
    for text, at in (("smile", 103.0), ("early", 99.0), ("late", 130.0)):
        assert times[text] == pytest.approx(at - begin, abs=0.001)
    assert session.attrs["started"].startswith("2023-11-14T22:15:00.05")


def test_a_board_that_restarts_is_laid_by_the_hosts_clock(tmp_path):
    first = chunks_of(np.arange(12_000), 1000.0)
    second = chunks_of(np.arange(3000), 1000.0, begin=115.0)
    journal_of(tmp_path, [*first, (114.5, b"\r\nboot\r\n\0"), *second])
    session = recording.open(acquire.recover(tmp_path))
    got = session["emg/signal"]
    valid = np.flatnonzero(got["valid"].values)
    assert session.attrs["segments"] == 2
    np.testing.assert_array_equal(valid[:12_000], np.arange(12_000))
    np.testing.assert_array_equal(valid[12_000:], valid[12_000] + np.arange(3000))
    assert got["time"].values[valid[12_000]] == pytest.approx(15.0, abs=0.005)
    np.testing.assert_array_equal(got.values[valid[12_000] :], known(np.arange(3000), 4))


def test_a_long_gap_costs_no_memory(tmp_path):
    away = 3600.0
    chunks = chunks_of(np.arange(12_000), 1000.0)
    chunks += chunks_of(np.arange(2000), 1000.0, begin=100 + away)
    got = recording.open(acquire.recover(journal_of(tmp_path, chunks)))["emg/signal"]
    assert got.sizes["time"] == pytest.approx(3_602_000, abs=100)
    assert int(got["valid"].sum()) == 14_000
    assert got.attrs["lost"] == got.sizes["time"] - 14_000


def test_a_damaged_journal_gives_all_but_the_damaged_record(tmp_path):
    path = journal_of(tmp_path, chunks_of(np.arange(12_000), 1000.0))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data[:-10])
    session = recording.open(acquire.recover(tmp_path))
    got = session["emg/signal"]
    assert 11_970 <= int(got["valid"].sum()) < 12_000
    assert wrong_values(got) == 0
    faults = " ".join(recording.known_faults(session))
    assert "damaged bytes inside the journal" in faults
    assert "bytes were torn" in faults


def test_a_journal_can_be_decoded_again_in_another_dialect(tmp_path):
    lines = b"".join(b"%d,%d\r\n" % (3 * n, n % 700) for n in range(6000))
    chunks = [(100 + n / 100, lines[n * 80 : n * 80 + 80]) for n in range(len(lines) // 80)]
    journal = journal_of(tmp_path, chunks)
    with_clock = recording.open(acquire.recover(journal))["emg/signal"]
    plain = acquire.recover(journal, dialect="csv-plain", to=tmp_path / "plain.zarr")
    assert with_clock.sizes["channel"] == 1
    assert with_clock.attrs["nominal_rate"] == pytest.approx(1000 / 3)
    assert recording.open(plain)["emg/signal"].sizes["channel"] == 2


def test_what_a_killed_conversion_left_is_in_nobodys_way(tmp_path):
    journal_of(tmp_path, chunks_of(np.arange(1000), 1000.0))
    (tmp_path / "session.zarr.partial").mkdir()
    assert recording.open(acquire.recover(tmp_path))["emg/signal"].sizes["time"] == 1000


def test_a_follower_can_begin_at_the_last_seconds(tmp_path):
    chunks = chunks_of(np.arange(20_000), 1000.0, begin=0.0)
    now = time.monotonic()
    journal_of(tmp_path, [(now - 20.0 + at, data) for at, data in chunks])
    follower = acquire.follow(tmp_path, last=5.0)
    scans, values = follower.read()
    follower.close()
    assert 4000 < scans.size <= 5100
    assert scans[0] == 0
    first = 20_000 - scans.size
    np.testing.assert_array_equal(values, known(np.arange(first, 20_000), 4))


def test_an_empty_journal_is_a_clear_error(tmp_path):
    (tmp_path / "journal.emgj").write_bytes(b"")
    with pytest.raises(ValueError, match="contains no data"):
        acquire.recover(tmp_path)
    with pytest.raises(FileNotFoundError, match="no recording"):
        acquire.recover(tmp_path / "none")
    assert not (tmp_path / "session.zarr").exists()


def test_lines_of_a_flaky_cable_are_laid_by_the_hosts_clock(tmp_path):
    """Each stretch is too short to tell its form before the cable goes again."""
    from emgnb.acquire.journal import JournalWriter

    writer = JournalWriter(tmp_path / "journal.emgj")
    writer.note(Kind.SETTINGS, {"port": "test", "dialect": "csv"}, 0)
    for begin, lines in ((100.0, 200), (120.0, 20), (140.0, 20)):
        for n in range(lines):
            at = round((begin + n / 20) * 1e9)
            writer.raw(b"%d,%d\r\n" % (500 + n % 7, 300 + n % 5), at, at)
        writer.note(Kind.RECONNECT, {}, round((begin + 15) * 1e9))
    writer.close()
    got = recording.open(acquire.recover(tmp_path))["emg/signal"]
    valid = got["time"].values[got["valid"].values]
    assert valid.size == 199 + 19 + 19
    begins = valid[np.flatnonzero(np.diff(valid, prepend=-99.0) > 1)]
    np.testing.assert_allclose(begins, [0, 20, 40], atol=0.1)


def test_every_segment_has_a_place_in_time(tmp_path):
    """A board that starts anew twice within one chunk, as after a stalled computer."""
    from emgnb.acquire.wire.frames import Encoder

    encoder = Encoder(4)
    runs = [encoder.scans(0, known(np.arange(30), 4).astype(np.uint16)) for _ in range(3)]
    chunks = chunks_of(np.arange(12_000), 1000.0)
    journal_of(tmp_path, [*chunks, (113.0, b"".join(runs))])
    session = recording.open(acquire.recover(tmp_path))
    assert session.attrs["segments"] == 4
    assert int(session["emg/signal"]["valid"].sum()) == 12_000 + 3 * 30


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind": "mark", "text": "x", "mono_ns": 1e30}',
        b'{"kind": "mark", "text": "x", "mono_ns": 1e999}',
        b'{"kind": "mark", "text": "x", "mono_ns": -99999999999999999999}',
        b'{"kind": "mark", "mono_ns": 1}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"7",
        b'{"kind": "mark", "mono_ns": 1, "text": "' + b"x" * 20_000_000 + b'"}',
    ],
    ids=["far", "infinite", "negative", "no text", "deep", "no text at all", "number", "endless"],
)
def test_what_no_journal_can_hold_is_no_order(tmp_path, line):
    from emgnb.acquire.record import _control

    (tmp_path / _control.FILE).write_bytes(line + b"\n")
    _control.append(tmp_path, "mark", "half a letter: \ud83d")
    (order,) = _control.read(tmp_path)
    assert (order.kind, order.text) == ("mark", "half a letter: ?")
    orders = _control.Orders(tmp_path)
    # A huge line is passed over in a few calls.
    assert next(filter(None, (orders.new() for _ in range(200))), []) == [order]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows opens no folder as a file")
def test_orders_that_cannot_be_read_for_a_moment_end_nothing(folder):
    recorder = acquire.start("sim://rest?seed=1&channels=2", folder)
    control = recorder.folder / "control.jsonl"
    control.mkdir()  # cannot be read even by root
    scans = wait_for(recorder, lambda health: health.scans > 0).scans
    wait_for(recorder, lambda health: health.scans > scans + 1000)
    control.rmdir()
    recorder.mark("after")
    assert recording.open(recorder.stop())["markers"]["text"].values.tolist() == ["after"]


def test_a_chatty_sketch_fills_no_memory():
    from emgnb.acquire.wire.stream import Stream

    stream = Stream("csv")
    for n in range(2000):
        stream.push_raw(b"sensor says hello, all is well\r\n%d,%d\r\n" % (n % 50, n % 30), n, n)
        stream.flush()
    assert stream.probed > 1900
    assert len(stream.texts) <= 100


def test_a_port_that_fails_oddly_while_it_comes_back_is_tried_again(monkeypatch):
    """termios.error is no OSError, and a thread that dies of it waits for the port for ever."""
    from emgnb.acquire.ports.port import Port, PortLost
    from emgnb.acquire.record import _reader

    class Plug(Port):
        url = "/dev/ttyTest"

        def __init__(self, works: bool) -> None:
            self.works = works

        def read(self) -> bytes:
            time.sleep(0.01)
            if not self.works:
                raise PortLost("pulled")
            return b"back"

        def close(self) -> None:
            pass

    tries = iter([TypeError("closed meanwhile"), RuntimeError("odd"), Plug(works=True)])

    def open_again(url: str) -> Port:
        found = next(tries)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(_reader, "open_port", open_again)
    monkeypatch.setattr(_reader, "RETRY_EVERY", 0.01)
    queue = _reader.Queue()
    thread = _reader.Reader(Plug(works=False), queue)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not queue.bytes:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    thread.halt()
    events = [item.what for item in queue.take() if isinstance(item, _reader.Event)]
    assert events == ["lost", "back"]


def test_what_stands_in_the_way_of_tidying_up_does_not_hide_the_error(folder, monkeypatch):
    """Windows lets nobody remove a log that the ending recorder has open."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "another process uses it")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(acquire.PortError, match="no port /dev/ttyNope"):
        acquire.start("/dev/ttyNope", folder)


def test_the_recording_that_runs_is_found_though_the_clock_was_set_back(folder):
    recorder = acquire.start("sim://rest?seed=1&channels=2", folder)
    wait_for(recorder, lambda health: health.scans > 100)
    later = folder / "29991231T235959Z_P01"
    later.mkdir()
    shutil.copy(recorder.folder / "health.json", later)
    text = (later / "health.json").read_text(encoding="utf-8")
    (later / "health.json").write_text(text.replace('"recording"', '"stopped"'), encoding="utf-8")
    assert acquire.attach(folder).folder == recorder.folder
    recorder.stop()
    assert acquire.attach(folder).folder == later


def test_a_folder_of_blanks_and_umlauts_records_and_files_beside_it_are_not_python(
    tmp_path, monkeypatch
):
    place = tmp_path / "Grüße an alle"
    place.mkdir()
    for name in ("signal.py", "json.py", "numpy.py"):
        (place / name).write_text("raise RuntimeError('not this one')", encoding="utf-8")
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    recorder = acquire.start("sim://rest?channels=2", "~/Grüße an alle", participant=7, session=1)
    assert recorder.folder.parent == place
    wait_for(recorder, lambda health: health.scans > 100)
    recorder.mark("Grüße")
    session = recording.open(recorder.stop())
    assert (session.attrs["participant"], session.attrs["session"]) == ("7", "1")
    assert session["markers"]["text"].values.tolist() == ["Grüße"]


def test_health_survives_a_folder_without_room(tmp_path, monkeypatch):
    from emgnb.acquire.record import health

    health.write(tmp_path, health.Health(state="recording", message="x" * 500, pid=1))
    place = (tmp_path / health.FILE).stat().st_ino

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    health.write(tmp_path, health.Health(state="failed", message="full", pid=1))
    found = health.read(tmp_path)
    assert found is not None
    assert (found.state, found.message) == ("failed", "full")
    assert (tmp_path / health.FILE).stat().st_ino == place
