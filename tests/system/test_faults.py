"""What goes wrong in a recording: what the user is told, what is lost; nothing is invented."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fakeboard
import numpy as np
import pytest
import streams
from waiting import PATIENCE

from emgnb import acquire, recording
from emgnb.acquire.record.health import process_runs
from emgnb.acquire.wire.frames import Encoder

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pseudo-terminals that pyserial can open"
)


def known(scans: np.ndarray, channels: int) -> np.ndarray:
    """The value of each scan and channel: all ten bits used."""
    numbers = np.asarray(scans, dtype=np.int64)[:, np.newaxis]
    return (numbers * 7919 + np.arange(channels) * 104_729 + numbers // 1024) % 1024


class Known(fakeboard.Ours):
    """emgnb's firmware with values that follow from the scan's number."""

    damage = 0.0
    rng = np.random.default_rng(7)

    def bytes_of(self, first: int, count: int) -> bytes:
        values = known(np.arange(self.scan, self.scan + count), self.channels)
        out = Encoder(self.channels).scans(self.scan, values.astype(np.uint16))
        self.scan += count
        return streams.corrupted(out, self.damage, self.rng) if self.damage else out

    def reset(self) -> None:
        """As after a dip of the supply: the bootloader's junk, a greeting, and waiting."""
        self.pause()
        self.say(b"\x00\xf0\xe0bootloader\x15\xff")
        time.sleep(0.5)
        self.say(self.hello())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Recordings, none of which is left running."""
    yield tmp_path
    for found in tmp_path.glob("*/health.json"):
        health = acquire.attach(found.parent).health()
        if health.is_alive:
            os.kill(health.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def wait_for(recorder: acquire.Recorder, true: Callable[[acquire.Health], bool]) -> acquire.Health:
    deadline = time.monotonic() + PATIENCE
    while not true(recorder.health()):
        assert time.monotonic() < deadline, f"still {recorder.health()}"
        time.sleep(0.02)
    return recorder.health()


def stretches(session: object) -> list[np.ndarray]:
    """Runs of valid rows of a session's signal."""
    x = session["emg/signal"]
    valid = x["valid"].values
    edges = np.flatnonzero(np.diff(np.concatenate([[False], valid, [False]]).astype(int)))
    return [x.values[a:b] for a, b in edges.reshape(-1, 2)]


def test_corrupted_bytes_leave_gaps_and_never_a_wrong_value(folder):
    with Known() as board:
        board.damage = 1e-3
        recorder = acquire.start(board.port, folder)
        health = wait_for(recorder, lambda health: health.scans > 4000)
        session = recording.open(recorder.stop())
    assert health.crc_errors > 20
    x = session["emg/signal"]
    valid = x["valid"].values
    rows = np.flatnonzero(valid)
    first = int(np.flatnonzero((known(np.arange(200), 8) == x.values[rows[0]]).all(axis=1))[0])
    wrong = (x.values[rows] != known(rows - rows[0] + first, 8)).any(axis=1)
    lost = x.sizes["time"] - rows.size
    print(f"\n0.1 % of bytes damaged: {rows.size} scans whole, {lost} lost, {wrong.sum()} wrong")
    assert not wrong.any()
    assert x.attrs["lost"] == lost
    assert 0.01 < lost / x.sizes["time"] < 0.06


def test_a_board_that_resets_is_started_again_and_its_scans_lie_at_their_time(folder):
    with Known() as board:
        recorder = acquire.start(board.port, folder)
        wait_for(recorder, lambda health: health.scans > 1500)
        before = time.monotonic()
        board.reset()
        wait_for(recorder, lambda health: health.segments == 2 and health.scans > 3000)
        away = time.monotonic() - before
        session = recording.open(recorder.stop())
        assert board.probed.count("S") == 2
    first, second = stretches(session)
    assert session.attrs["segments"] == 2
    for stretch in (first, second):
        np.testing.assert_array_equal(stretch, known(np.arange(len(stretch)), 8))
    gap = session["emg/signal"].sizes["time"] - len(first) - len(second)
    assert 300 < gap < 1000 * away


def test_a_wrong_baud_rate_is_said_in_words_and_the_bytes_are_kept(folder):
    with fakeboard.SpikerBox() as board:
        recorder = acquire.start(board.port, folder)
        said = wait_for(recorder, lambda health: "another baud rate" in health.message)
        assert "at 500000 baud they cannot be decoded" in said.message
        assert "emgnb doctor" in said.message
        with pytest.raises(RuntimeError, match="bytes but no scan"):
            recorder.stop()


def test_a_rate_that_the_board_refuses_is_shown_in_its_words(folder):
    with fakeboard.Ours() as board:
        recorder = acquire.start(f"serial://{board.port}?rate=9000", folder)
        wait_for(recorder, lambda health: "the board refused: 9000 Hz" in health.message)
        with pytest.raises(RuntimeError, match="the board answered, and recording ended before"):
            recorder.stop()


@pytest.mark.parametrize("kind", [fakeboard.Chords, fakeboard.Cyton, fakeboard.SpikerBox])
def test_other_boards_are_started_recorded_and_stopped(folder, kind):
    with kind() as board:
        recorder = acquire.start(f"serial://{board.port}?baud={board.baud}", folder)
        health = wait_for(recorder, lambda health: health.scans > board.rate)
        session = recording.open(recorder.stop())
        assert board.streaming == kind.streams_at_once
    x = session["emg/signal"]
    assert health.dialect == kind.__name__.lower()
    assert x.sizes["channel"] == board.channels
    assert bool(x["valid"].all())
    assert x.attrs["units"] == ("uV" if kind is fakeboard.Cyton else "count")
    assert any("cannot be detected" in fault for fault in recording.known_faults(session))
    if kind is fakeboard.Cyton:
        assert x.attrs["nominal_rate"] == 250
        assert x.values.mean() == pytest.approx(40 * 512 * 0.02235, rel=0.1)


def test_a_second_program_without_a_lock_cannot_get_at_the_bytes(folder):
    """The recorder took the lock; whoever asks for one, as emgnb always does, is refused."""
    with Known() as board:
        recorder = acquire.start(board.port, folder)
        wait_for(recorder, lambda health: health.scans > 200)
        with pytest.raises(acquire.PortError, match="in use by another program"):
            acquire.open_port(board.port)
        with pytest.raises(acquire.PortError, match="in use by another program"):
            acquire.start(board.port, folder)
        wait_for(recorder, lambda health: health.scans > 800)
        session = recording.open(recorder.stop())
    assert session["emg/signal"].attrs["lost"] == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no mount command: a small disk cannot be made")
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_what_came_is_recovered_once_there_is_room(small_disk, tmp_path):
    ballast = small_disk / "ballast"
    with Known() as board:
        recorder = acquire.start(board.port, small_disk)
        wait_for(recorder, lambda health: health.scans > 1000)
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(1000))
                file.flush()
        failed = wait_for(recorder, lambda health: health.state == "failed")
        sent = board.scan
    assert "No space left" in failed.message
    with pytest.raises(RuntimeError, match="free disk space, then run emgnb recover"):
        recorder.stop()
    ballast.unlink()
    x = recording.open(acquire.recover(recorder.folder, to=tmp_path / "session.zarr"))["emg/signal"]
    assert bool(x["valid"].all())
    np.testing.assert_array_equal(x.values, known(np.arange(x.sizes["time"]), 8))
    assert 1000 < x.sizes["time"] <= sent


def test_of_two_recoveries_at_once_one_is_told_to_wait(folder):
    with Known() as board:
        recorder = acquire.start(board.port, folder)
        wait_for(recorder, lambda health: health.scans > 500)
        pid = recorder.health().pid
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        while process_runs(pid):
            time.sleep(0.02)
    journal = recorder.folder / "journal.emgj"
    from emgnb._lock import alone

    with alone(journal, "busy"), pytest.raises(RuntimeError, match="is writing the session of"):
        acquire.recover(recorder.folder)
    errors: list[str] = []
    made: list[Path] = []

    def recover() -> None:
        try:
            made.append(acquire.recover(recorder.folder))
        except (RuntimeError, FileExistsError) as error:
            errors.append(str(error))

    threads = [threading.Thread(target=recover) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1, errors
    assert len(errors) == 3
    assert recording.open(made[0])["emg/signal"].sizes["time"] > 500


def test_a_long_recording_is_followed_from_its_beginning_piece_by_piece(tmp_path):
    from emgnb.acquire.journal import JournalWriter
    from emgnb.acquire.record.follower import MOST

    encoder = Encoder(8)
    writer = JournalWriter(tmp_path / "journal.emgj")
    scans = 0
    while writer.bytes < 5 * MOST:
        values = known(np.arange(scans, scans + 500), 8).astype(np.uint16)
        writer.raw(encoder.scans(scans, values), scans * 10**6, 0)
        scans += 500
    writer.close()
    follower = acquire.follow(tmp_path)
    parts = []
    while not parts or parts[-1][0].size:
        parts.append(follower.read())
    follower.close()
    assert max(numbers.size for numbers, _ in parts) < scans / 3
    np.testing.assert_array_equal(np.concatenate([n for n, _ in parts]), np.arange(scans))
    values = np.concatenate([values for _, values in parts if len(values)])
    np.testing.assert_array_equal(values, known(np.arange(scans), 8))


def test_a_board_on_the_network_is_recorded_and_waited_for(folder):
    import socket

    encoder = Encoder(4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        recorder_port = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        over = threading.Event()

        def board() -> None:
            for _ in range(2):
                link, _ = server.accept()
                with link, contextlib.suppress(OSError):
                    for first in range(0, 600, 20):
                        values = known(np.arange(first, first + 20), 4).astype(np.uint16)
                        link.sendall(encoder.scans(first, values))
                        time.sleep(0.02)
                    if over.wait(0.1):
                        return
            over.wait(60)

        thread = threading.Thread(target=board, daemon=True)
        thread.start()
        recorder = acquire.start(recorder_port, folder)
        wait_for(recorder, lambda health: health.state == "waiting for port")
        wait_for(recorder, lambda health: health.scans == 1200)
        session = recording.open(recorder.stop())
        over.set()
        thread.join()
    assert session.attrs["segments"] == 2
    for stretch in stretches(session):
        np.testing.assert_array_equal(stretch, known(np.arange(600), 4))
