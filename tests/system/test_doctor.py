"""What the doctor hears, sees and advises, on scripted boards."""

import sys

import fakeboard
import numpy as np
import pytest
from waiting import until

from emgnb import doctor
from emgnb.acquire import PortError, PortInfo
from emgnb.acquire.ports import finding

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pseudo-terminals that pyserial can open"
)

DIALECTS = {
    fakeboard.Ours: "frames",
    fakeboard.Csv: "csv",
    fakeboard.Chords: "chords",
    fakeboard.Cyton: "cyton",
    fakeboard.SpikerBox: "spikerbox",
}


@pytest.mark.parametrize("kind", fakeboard.EVERY, ids=lambda kind: kind.__name__)
def test_every_board_is_known_told_to_start_and_told_to_stop(kind):
    with kind() as board:
        found = doctor.examine(f"serial://{board.port}?baud={board.baud}", seconds=2)
        said = str(found)
        assert not board.streaming or kind.streams_at_once, board.probed
    assert found.probed.stream.dialect == DIALECTS[kind], said
    assert len(found.channels) == board.channels
    assert found.scans > board.rate
    assert found.probed.fit.rate == pytest.approx(board.rate, rel=0.1)
    assert not any("lost" in each or "damaged" in each for each in found.complaints), said
    # No board is told what it may take for something else.
    orders = {
        fakeboard.Ours: {"?", "R1000", "C8", "S", "X"},
        fakeboard.Chords: {"?", "WHORU", "START", "STOP"},
        fakeboard.Cyton: {"?", "\n", "b", "s"},
        fakeboard.Csv: set(),
        fakeboard.SpikerBox: set(),
    }
    assert set(board.probed) <= orders[kind], board.probed


@pytest.mark.parametrize("kind", [fakeboard.SpikerBox, fakeboard.Chords, fakeboard.Csv])
def test_another_baud_rate_is_found_and_said(kind):
    with kind() as board:
        found = doctor.examine(board.port, seconds=2)
    assert found.probed.stream.dialect == DIALECTS[kind], str(found)
    assert found.probed.wrong_baud == 500_000
    said = " ".join(found.complaints)
    assert f"the board sends at {board.baud} baud, not at 500000" in said
    assert f"baud={board.baud}" in found.probed.url


def test_a_rate_that_the_board_refuses_is_said_in_its_words():
    with fakeboard.Ours() as board:
        found = doctor.examine(f"serial://{board.port}?rate=5000", seconds=1)
    assert found.complaints == [
        "the board refused: 5000 Hz on 8 channels: 1 to 1440 hold: ask for another rate or fewer "
        "channels"
    ]


def test_a_dongle_without_its_board_is_named():
    with fakeboard.Cyton() as board:
        board.failing = True
        found = doctor.examine(f"serial://{board.port}?baud=115200", seconds=1)
    assert found.scans == 0
    assert "failed to poll Host. Is the Cyton switched to PC?" in found.complaints[0]


class Chatty(fakeboard.Csv):
    """A sketch that says hello for ever."""

    def bytes_of(self, first: int, count: int) -> bytes:
        return b"sensor ready, press a key\r\n" * (first // 50 != (first + count) // 50)


def test_a_sketch_that_prints_words_is_quoted():
    with Chatty() as board:
        found = doctor.examine(f"serial://{board.port}?baud=115200", seconds=1)
    assert "prints text ('sensor ready, press a key'), not samples" in found.complaints[0]


def channels(n: int = 3000) -> np.ndarray:
    """Of each kind one: uniform noise, flat, mains hum, clipped, an envelope, raw EMG."""
    rng = np.random.default_rng(5)
    time = np.arange(n) / 1000
    swell = np.clip(np.sin(2 * np.pi * time), 0, None) ** 2
    raw = np.convolve(rng.normal(0, 1, n), [0.3, 0.9, 0.3, -0.6, -0.9, -0.2], "same")
    wide = np.convolve(np.abs(rng.normal(0, 1, n)) * swell, np.hanning(161) / 80, "same")
    return np.column_stack(
        [
            rng.integers(0, 1024, n),
            np.full(n, 480),
            500 + 200 * np.sin(2 * np.pi * 50 * time) + rng.normal(0, 2, n),
            np.clip(512 + 900 * raw * (0.2 + swell), 0, 1023),
            30 + 500 * wide + rng.normal(0, 1, n),
            512 + (10 + 120 * swell) * raw,
        ]
    ).clip(0, 1023)


@pytest.fixture(scope="module")
def examined() -> doctor.Examination:
    class Zoo(fakeboard.Ours):
        channels = 6

    with Zoo(np.rint(channels()).astype(int)) as board:
        return doctor.examine(f"serial://{board.port}?channels=6", seconds=5)


@pytest.mark.parametrize(
    ("channel", "looks", "advice"),
    [
        (0, "uniform noise", "random numbers"),
        (1, "nothing connected: flat", "no signal: check that the electrodes are on"),
        (2, "nothing connected: mains hum", "mains hum fills the channel: check that"),
        (3, "clipped", "turn the sensor's gain down"),
        (4, "an envelope (record it with --kind envelope)", ""),
        (5, "raw EMG", ""),
    ],
)
def test_what_each_channel_looks_like_and_what_to_do(examined, channel, looks, advice):
    found = examined.channels[channel]
    assert found.looks == looks
    assert advice in found.advice
    assert bool(found.advice) == bool(advice)
    assert (f"{found.name}: {found.advice}" in examined.complaints) == bool(advice)


def test_the_report_has_everything_a_teacher_asks_for(examined):
    said = str(examined)
    for word in ("port ", "board ", "firmware  emgnb emg_stream 1.0.0", "protocol  emgnb frames"):
        assert word in said
    assert "nominal 1000 Hz (clock drift" in said
    assert "0 scans lost, 0 damaged" in said
    assert "jitter    median" in said
    flat = examined.channels[1]
    assert (flat.mean, flat.spread, flat.floor, flat.clipped) == (480, 0, 0, 0)
    assert examined.channels[3].clipped > 0.02
    assert examined.channels[2].mains > 0.7
    assert examined.channels[5].floor < examined.channels[5].spread / 2


def test_a_silent_port_says_what_to_look_at():
    class Mute(fakeboard.Board):
        streams_at_once = False

    with Mute() as board:
        found = doctor.examine(board.port, seconds=1)
    assert "no bytes in" in found.complaints[0]
    assert "?" in board.probed
    assert (
        not set(board.probed) - {"?", "WHORU"} - {line for line in board.probed if "\x00" in line}
    )


def listed(*ports: tuple[str, str]) -> "object":
    return lambda: [PortInfo(url, "serial port", board) for url, board in ports]


def test_the_one_board_that_usb_knows_is_taken_without_opening_it(monkeypatch):
    ports = listed(("/dev/ttyNope", "Arduino Mega 2560"), ("/dev/ttyS0", ""))
    monkeypatch.setattr(finding, "list_ports", ports)
    assert finding.find() == "/dev/ttyNope"


def test_of_several_ports_the_one_that_answers_is_the_board(monkeypatch):
    class Mute(fakeboard.Board):
        streams_at_once = False

    with fakeboard.Ours() as board, Mute() as other:
        monkeypatch.setattr(finding, "list_ports", listed((other.port, ""), (board.port, "")))
        assert finding.find() == board.port
        until(lambda: not board.streaming)  # it hears the stop in a thread of its own
        with fakeboard.Ours() as second:
            monkeypatch.setattr(finding, "list_ports", listed((second.port, ""), (board.port, "")))
            with pytest.raises(PortError, match=r"several boards are plugged in\. Name the one"):
                finding.find()
        monkeypatch.setattr(finding, "list_ports", listed((other.port, "")))
        with pytest.raises(PortError, match=r"no board responds at .*emgnb doctor"):
            finding.find()
    monkeypatch.setattr(finding, "list_ports", listed())
    with pytest.raises(PortError, match="no board found"):
        finding.find()
