"""The handshake: what is sent to a board, and when, on a clock that the test holds."""

from collections.abc import Callable

import numpy as np
import streams

from emgnb.acquire.ports.handshake import Handshake
from emgnb.acquire.wire.dialects import DIALECTS
from emgnb.acquire.wire.frames import Encoder
from emgnb.acquire.wire.stream import Stream

GREETING = "emgnb emg_stream 1.0.0"
START = b"R1000\nC8\nS\n"


def silent(_: bytes) -> bytes:
    return b""


class Line:
    """A board at the other end of a line: what it sends of itself, and what it answers."""

    def __init__(self, answer: Callable[[bytes], bytes] = silent, *, listens: bool = True) -> None:
        self.now = 100.0
        self.take = Stream()
        self.take.device = {"rate": 1000.0, "channels": 8}
        self.handshake = Handshake(self.take, self.now, listens=listens)
        self.answer = answer
        self.sent: list[tuple[float, bytes]] = []

    def comes(self, data: bytes) -> None:
        ns = round(self.now * 1e9)
        self.take.push_raw(data, ns, ns)
        self.take.flush()

    def run(self, seconds: float, every: Callable[[], bytes] = bytes) -> None:
        """Let time go by in steps of a tenth of a second."""
        for _ in range(round(10 * seconds)):
            self.now = round(self.now + 0.1, 1)
            self.comes(every())
            if order := self.handshake.step(self.now):
                self.sent.append((round(self.now - 100, 1), order))
                self.comes(self.answer(order))

    @property
    def orders(self) -> list[bytes]:
        return [order for _, order in self.sent]


def scans(channels: int = 8) -> Callable[[], bytes]:
    """A board that streams: a hundred scans at each call."""
    encoder, numbers = Encoder(channels), iter(range(0, 10**9, 100))
    return lambda: encoder.scans(next(numbers), np.full((100, channels), 512, dtype=np.uint16))


def text(words: str) -> bytes:
    return b"\0" + Encoder(1).text(words)


def ours(order: bytes) -> bytes:
    return text(GREETING) if order == b"?\n" else b""


def test_a_board_that_streams_is_left_alone():
    line = Line()
    line.run(60, scans())
    assert line.sent == []


def test_a_silent_board_is_asked_who_it_is_after_its_reset_and_then_ever_more_rarely():
    line = Line()
    line.run(30)
    times = [2, 3, 4, 5, 6, 7, 12, 17, 22, 27]
    questions = [b"WHORU\n" if n % 3 == 2 else b"?\n" for n in range(10)]
    assert line.sent == list(zip(times, questions, strict=True))
    assert not line.handshake.answered


def test_a_board_that_says_who_it_is_is_told_to_start_with_rate_and_channels():
    line = Line(ours)
    line.run(3.0)
    assert line.orders == [b"?\n", START]


def test_a_board_that_greets_is_told_at_once_unless_it_streams_already():
    line = Line()
    line.comes(text(GREETING))
    line.run(0.1)
    assert line.sent == []
    line.run(0.1)
    assert line.sent == [(0.2, START)]
    streaming, stream = Line(), scans()
    streaming.comes(text(GREETING) + stream())
    streaming.run(5, stream)
    assert streaming.sent == []


def test_a_board_that_resets_in_the_middle_is_told_to_start_again():
    line, stream = Line(ours), scans()
    line.run(10, stream)
    line.comes(b"\x00\xf0\xe0bootloader\x15\xff" + text(GREETING))
    line.run(1)
    assert line.orders == [START]


def test_a_board_behind_a_slow_network_is_started_once():
    """A second start command would restart the count of scans, and so begin a new segment."""
    line, coming = Line(), []

    def later(order: bytes) -> bytes:
        coming.append((line.now + 2.5, ours(order)))
        return b""

    def arrived() -> bytes:
        return b"".join(coming.pop(0)[1] for at, _ in list(coming) if at <= line.now)

    line.answer = later
    line.run(7, arrived)
    assert line.orders.count(START) == 1
    # Its scans are as late as its answers, and one of these is still to come.
    stream = scans()
    line.run(8, lambda: stream() + arrived())
    assert coming == []
    assert line.orders.count(START) == 1
    # The next silence is a real one.
    line.answer = ours
    line.run(3)
    assert line.orders.count(START) == 2


def test_a_board_that_falls_silent_is_asked_after_two_seconds():
    line = Line(ours)
    line.run(10, scans())
    line.run(3)
    assert line.sent == [(12.0, b"?\n"), (12.1, START)]


def test_what_the_board_refuses_is_said_in_its_words_and_not_asked_again():
    def refusing(order: bytes) -> bytes:
        return text("refused: 9000 Hz on 8 channels: 1 to 1440 hold") if b"S" in order else b""

    line = Line(refusing)
    line.comes(text(GREETING))
    line.run(60)
    assert line.orders == [START]
    assert line.handshake.complaint == (
        "the board refused: 9000 Hz on 8 channels: 1 to 1440 hold: ask for another rate or fewer "
        "channels"
    )
    line.run(1, scans())
    assert line.handshake.complaint == ""


def test_chords_is_asked_in_its_own_words_and_started_once_it_has_answered():
    line = Line(lambda order: b"UNO-R3\r\n" if order == b"WHORU\n" else b"UNKNOWN COMMAND\r\n")
    line.run(2.1)
    assert line.orders == [b"?\n", b"WHORU\n"]
    assert line.handshake.speaks == "chords"
    line.run(0.1)
    assert line.orders[2:] == [DIALECTS["chords"].start]


def test_a_cyton_is_started_once_it_has_answered():
    line = Line(lambda order: b"Board ADS Registers\n$$$" if order == b"?\n" else b"")
    line.run(2.1)
    assert line.handshake.speaks == "cyton"
    assert line.orders == [b"?\n", DIALECTS["cyton"].start]


def test_a_dongle_without_its_board_is_named():
    line = Line(lambda _: b"Failure: Communications timeout - Device failed to poll Host$$$")
    line.run(10)
    assert line.handshake.complaint.startswith(
        "OpenBCI's dongle reports: Failure: Communications timeout"
    )
    assert line.handshake.complaint.endswith("Is the Cyton switched to PC?")


def test_a_sketch_that_prints_lines_is_told_nothing_however_silent_it_falls():
    line = Line()
    line.comes(streams.csv(np.arange(240).reshape(80, 3)))
    line.run(60)
    assert line.take.dialect == "csv"
    assert line.sent == []


def test_a_question_can_be_asked_before_it_is_due():
    line = Line()
    assert line.handshake.ask(line.now) == b"?\n"
    assert line.handshake.step(line.now) == b""


def test_the_order_to_stop_is_given_five_times_at_most_and_only_to_a_board_that_is_known():
    line = Line()
    assert line.handshake.stop() == b""
    line.run(1, scans())
    assert [line.handshake.stop() for _ in range(7)] == 5 * [b"X\n"] + 2 * [b""]


def test_what_does_not_listen_is_sent_nothing():
    line = Line(listens=False)
    line.comes(text(GREETING))
    line.run(60)
    line.run(1, scans())
    assert line.sent == []
    assert line.handshake.stop() == b""
