"""The very sketch one would flash, from the voltage at a pin to the session."""

import os
import signal
import time

import numpy as np
import pytest
import serial
from truth import against_truth, wait_for
from waiting import PATIENCE

from emgnb import acquire, recording
from emgnb.acquire.ports.emulator import truth_of
from emgnb.acquire.wire.frames import Decoder, Status


class Terminal:
    """A program that talks to the board by itself, without the recorder."""

    def __init__(self, port: str, baud: int = 500_000) -> None:
        self.serial = serial.Serial(port, baud, timeout=0.02, exclusive=True)
        self.decoder = Decoder()
        self.texts: list[str] = []
        self.statuses: list[Status] = []
        self.scans = np.empty(0, dtype=np.int64)
        self.lost = 0

    def until(self, true) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, (self.texts, self.statuses[-3:], self.scans.size)
            decoded = self.decoder.feed(self.serial.read(self.serial.in_waiting or 1))
            self.texts += decoded.texts
            self.statuses += decoded.statuses
            self.scans = np.append(self.scans, decoded.scans)
            self.lost += decoded.lost

    def greet(self) -> None:
        self.until(lambda: self.texts)

    def ask(self, *commands: str) -> str:
        """The answer to the last of some commands."""
        known = len(self.texts)
        self.serial.write("".join(f"{command}\n" for command in commands).encode())
        self.until(lambda: len(self.texts) >= known + len(commands))
        return self.texts[known + len(commands) - 1]


@pytest.mark.parametrize(
    ("sketch", "baud", "channels", "rate"),
    [
        ("mega", 500_000, 8, 1000),
        ("mega_1m", 1_000_000, 8, 2000),
        ("mega", 500_000, 16, 1000),
        ("uno", 500_000, 6, 1000),
    ],
)
def test_every_sample_of_every_channel_arrives_as_it_was_converted(
    board, folder, sketch, baud, channels, rate
):
    emulated = board(sketch, fast=True)
    port = f"serial://{emulated.port}?baud={baud}&channels={channels}&rate={rate}"
    recorder = acquire.start(port, folder)
    wait_for(recorder, lambda health: health.scans > 2 * rate)
    session = recording.open(recorder.stop())
    sent = emulated.close()
    (truth,) = truth_of(folder / "truth", channels)
    got = session["emg/signal"]
    assert got.shape[1] == channels
    assert got.sizes["time"] == len(truth) == sent["ticks"]
    assert against_truth(got, truth) == (0, 0)
    assert (got.attrs["lost"], session.attrs["crc_errors"], session.attrs["overruns"]) == (0, 0, 0)
    # Noise that uses every code: nothing was right by chance.
    assert np.unique(truth).size == 1024
    assert session.attrs["firmware"].startswith("emgnb emg_stream 1.")


def test_the_board_says_who_it_is_and_what_it_takes(board):
    for sketch, name, channels in (("mega", "Mega 2560", 16), ("uno", "Uno or Nano", 6)):
        terminal = Terminal(board(sketch, bootloader=0.1).port)
        terminal.greet()
        said = f"emgnb emg_stream 1.0.0, {name}, {channels} channels of 10 bits over 5 V, 500000 ba"
        assert terminal.texts[0].startswith(said)
        assert terminal.ask("?") == terminal.texts[0]
        assert terminal.ask("R500", "C4", "P64") == "R500 C4 P64"
        assert terminal.ask("hello").startswith("not understood: hello; known are ?")
        assert terminal.ask("S") == "started: 500 Hz, 4 channels, prescaler 64"
        terminal.until(lambda t=terminal: t.scans.size > 100)
        assert terminal.ask("R900") == "streaming: only X and ? are heard"
        assert terminal.ask("X").startswith("stopped after ")
        quiet = terminal.scans.size
        assert terminal.ask("?") == terminal.texts[0]
        assert terminal.scans.size == quiet


@pytest.mark.parametrize(
    ("sketch", "baud", "channels", "prescaler", "highest", "reason"),
    [
        ("mega", 500_000, 8, 0, 1833, "the line carries 50000 bytes a second"),
        ("mega", 500_000, 16, 0, 1020, "at prescaler 64"),
        ("mega", 500_000, 8, 128, 1068, "at prescaler 128"),
        ("mega", 500_000, 1, 0, 3807, "the line carries"),
        # the tick's interrupt comes after the first conversion, once a second
        ("mega", 500_000, 8, 16, 1833, "the line carries"),
        ("mega_1m", 1_000_000, 8, 128, 1068, "at prescaler 128"),
        ("mega_1m", 1_000_000, 12, 32, 2276, "the processor needs"),
    ],
)
def test_a_rate_too_high_is_refused_and_the_highest_that_is_named_holds(
    board, folder, sketch, baud, channels, prescaler, highest, reason
):
    emulated = board(sketch, fast=True, bootloader=0.1)
    terminal = Terminal(emulated.port, baud)
    terminal.greet()
    refused = terminal.ask(f"C{channels}", f"P{prescaler}", f"R{highest + 1}", "S")
    assert refused.startswith(f"refused: {highest + 1} Hz on {channels} channels")
    assert reason in refused
    assert refused.endswith(f"1 to {highest} Hz hold")
    terminal.ask("?")
    assert terminal.scans.size == 0
    assert terminal.ask(f"R{highest}", "S").startswith(f"started: {highest} Hz")
    terminal.until(lambda: terminal.scans.size > 2 * highest)
    stopped = terminal.ask("X")
    emulated.report()
    (truth,) = truth_of(folder / "truth", channels)
    assert stopped == f"stopped after {len(truth)} scans, 0 overruns"
    assert np.array_equal(terminal.scans, np.arange(len(truth)))
    assert truth.min() >= 0


def test_channels_that_the_board_does_not_have_are_refused(board):
    terminal = Terminal(board("uno", bootloader=0.1).port)
    terminal.greet()
    assert terminal.ask("C8", "S") == "refused: 8 channels; this board has 1 to 6"
    assert terminal.ask("C6", "S").startswith("started")


@pytest.mark.parametrize(("channels", "rate"), [(8, 2100), (16, 1200)])
def test_scans_the_board_could_not_keep_up_with_are_reported_as_lost(board, folder, channels, rate):
    """8 channels are too much for the line, 16 for the converter."""
    emulated = board("mega_anything", fast=True)
    port = f"serial://{emulated.port}?channels={channels}&rate={rate}"
    recorder = acquire.start(port, folder)
    wait_for(recorder, lambda health: health.scans > 4000)
    session = recording.open(recorder.stop())
    emulated.report()
    (truth,) = truth_of(folder / "truth", channels)
    got = session["emg/signal"]
    wrong, missing = against_truth(got, truth)
    assert wrong == 0
    assert missing > 100
    assert got.attrs["lost"] == missing
    # What is missing is just what the board says it could not take, up to the last second.
    assert session.attrs["overruns"] == pytest.approx(missing, abs=rate)


def test_a_thousandth_of_damaged_bytes_costs_scans_and_never_gives_a_wrong_one(board, folder):
    emulated = board(fast=True, seed=7, at=[(0, "corrupt 0.001")])
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 15_000)
    session = recording.open(recorder.stop())
    sent = emulated.close()
    truth = truth_of(folder / "truth", 8)[-1]
    got = session["emg/signal"]
    wrong, missing = against_truth(got, truth)
    assert sent["damaged"] > 100
    assert wrong == 0
    assert 0.01 < missing / got.sizes["time"] < 0.05
    assert got.attrs["lost"] == missing
    assert session.attrs["crc_errors"] > 0.5 * missing


def test_a_cable_that_delivers_nothing_for_a_second_leaves_a_gap_of_a_second(board, folder):
    emulated = board(fast=True)
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 2000)
    emulated.do("stall 1.0")
    reached = wait_for(recorder, lambda health: health.lost > 0).scans
    wait_for(recorder, lambda health: health.scans > reached + 2000)
    session = recording.open(recorder.stop())
    emulated.report()
    (truth,) = truth_of(folder / "truth", 8)
    got = session["emg/signal"]
    wrong, missing = against_truth(got, truth)
    assert wrong == 0
    assert 950 < missing < 1050
    gap = np.flatnonzero(~got["valid"].values)
    assert gap[-1] - gap[0] + 1 == missing


def test_a_recorder_stopped_for_a_second_loses_nothing_that_the_computer_kept(board, folder):
    emulated = board()
    recorder = acquire.start(emulated.port, folder)
    pid = wait_for(recorder, lambda health: health.scans > 500).pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.0)
    os.kill(pid, signal.SIGCONT)
    reached = recorder.health().scans
    wait_for(recorder, lambda health: health.scans > reached + 2000)
    session = recording.open(recorder.stop())
    lost = emulated.report()["lost"]
    (truth,) = truth_of(folder / "truth", 8)
    wrong, missing = against_truth(session["emg/signal"], truth)
    assert wrong == 0
    assert missing * 27 == pytest.approx(lost, abs=54)


def test_a_killed_recorder_leaves_what_is_exactly_what_was_converted(board, folder):
    emulated = board(fast=True)
    recorder = acquire.start(emulated.port, folder)
    pid = wait_for(recorder, lambda health: health.scans > 5000).pid
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="was killed"):
        recorder.stop()
    session = recording.open(acquire.recover(recorder.folder))
    emulated.report()
    (truth,) = truth_of(folder / "truth", 8)
    assert against_truth(session["emg/signal"], truth) == (0, 0)
    assert session["emg/signal"].sizes["time"] > 5000


def test_a_reset_in_mid_recording_costs_its_time_and_begins_a_new_stretch(board, folder):
    emulated = board(junk=200, bootloader=0.5)
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 1000)
    emulated.do("reset")
    reached = wait_for(recorder, lambda health: health.segments == 2).scans
    wait_for(recorder, lambda health: health.scans > reached + 1000)
    session = recording.open(recorder.stop())
    emulated.report()
    first, second = truth_of(folder / "truth", 8)
    got = session["emg/signal"]
    wrong, missing = against_truth(got, first, second)
    assert wrong == 0
    assert session.attrs["segments"] == 2
    # The bootloader's half second, and what it takes to start the board again.
    assert 500 < missing < 6000
    assert got.attrs["lost"] == missing


def test_a_sketch_that_hangs_is_restarted_by_its_watchdog_and_goes_on(board, folder):
    emulated = board(fast=True)
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 2000)
    emulated.do("hang")
    reached = wait_for(recorder, lambda health: health.segments == 2).scans
    wait_for(recorder, lambda health: health.scans > reached + 2000)
    recorder.stop()
    emulated.report()
    log = (folder / "log").read_text()
    assert log.count('"watchdog"') == 1
    assert log.count('"reset"') == 2  # power, and the opening of the port
    first, second = truth_of(folder / "truth", 8)
    got = recording.open(recorder.folder / "session.zarr")["emg/signal"]
    assert against_truth(got, first, second)[0] == 0


def test_an_unplugged_board_is_waited_for_and_taken_up_again(board, folder):
    emulated = board(link=folder / "ttyBOARD", bootloader=0.5)
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 1000)
    emulated.do("unplug")
    gone = wait_for(recorder, lambda health: health.state == "waiting for port")
    assert "Is the cable plugged in" in gone.message
    emulated.do("replug")
    wait_for(recorder, lambda health: health.segments == 2)
    wait_for(recorder, lambda health: health.scans > gone.scans + 1000)
    session = recording.open(recorder.stop())
    emulated.report()
    first, second = truth_of(folder / "truth", 8)
    wrong, missing = against_truth(session["emg/signal"], first, second)
    assert wrong == 0
    assert session["emg/signal"].attrs["lost"] == missing


def test_at_the_wrong_speed_no_sample_is_believed(board, folder):
    emulated = board()
    terminal = Terminal(emulated.port)
    terminal.greet()
    assert terminal.ask("S").startswith("started")
    terminal.serial.baudrate = 115_200
    before = terminal.scans.size
    end = time.monotonic() + 3
    junk = 0
    while time.monotonic() < end:
        decoded = terminal.decoder.feed(terminal.serial.read(terminal.serial.in_waiting or 1))
        assert junk < 100 or not decoded.scans.size  # before that, what was under way
        junk += decoded.junk
        before += decoded.scans.size
    assert junk > 1000
    terminal.serial.baudrate = 500_000
    terminal.until(lambda: terminal.scans.size > before + 100)


def test_a_second_program_is_refused_and_does_not_reset_the_board(board, folder):
    emulated = board(fast=True)
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 1000)
    resets = emulated.report()["resets"]
    with pytest.raises(acquire.PortError, match="in use by another program"):
        acquire.start(emulated.port, folder)
    reached = recorder.health().scans
    wait_for(recorder, lambda health: health.scans > reached + 1000)
    session = recording.open(recorder.stop())
    assert emulated.report()["resets"] == resets
    (truth,) = truth_of(folder / "truth", 8)
    assert against_truth(session["emg/signal"], truth) == (0, 0)
