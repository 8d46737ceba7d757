"""Boards at the far end of a pseudo-terminal, scripted: what each answers to what it is told.

A board has a baud rate of its own. When the reader's differs, both hear what a UART would make of
it (`streams.heard_at`); a pseudo-terminal itself does not care.
"""

import contextlib
import os
import threading
import time

import numpy as np
import streams

from emgnb.acquire.wire.frames import Encoder, Status

GREETING = "emgnb emg_stream 1.0.0, Mega 2560, 16 channels of 10 bits over 5 V, 500000 baud"


class Board:
    """A board that streams by itself; subclasses wait to be told.

    Attributes
    ----------
    heard : lines it was told, as they were
    """

    baud = 500_000
    rate = 500
    channels = 2
    streams_at_once = True
    line_end = b"\n"

    def __init__(self, values: np.ndarray | None = None) -> None:
        import tty

        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.port = os.ttyname(self.slave)
        self.probed: list[str] = []
        self.sent = 0
        self.streaming = self.streams_at_once
        self.values = values
        self._noise: dict[int, bytes] = {}
        self._unsent = b""
        self._sending = threading.Lock()
        self._over = threading.Event()
        self._begins = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Board":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        os.close(self.master)
        os.close(self.slave)

    def scans(self, first: int, count: int) -> np.ndarray:
        """Values of the next scans: given, else a muscle that comes and goes."""
        if self.values is not None:
            return self.values[np.arange(first, first + count) % len(self.values)]
        numbers = np.arange(first, first + count)
        rng = np.random.default_rng(first)
        swell = 20 + 150 * (np.sin(2 * np.pi * numbers / self.rate / 1.5) > 0.5)
        noise = rng.normal(0, 1, (count, self.channels)) * swell[:, np.newaxis]
        return np.clip(512 + noise, 1, 1022).astype(int)

    def bytes_of(self, first: int, count: int) -> bytes:
        """Those scans as the board sends them; a board without any is mute."""
        return b""

    def hello(self) -> bytes:
        """What it says when it starts."""
        return b""

    def obey(self, line: str) -> bytes:
        """Do what a line says; returns the answer."""
        return b""

    @property
    def reader_baud(self) -> int:
        """The speed that the reader has set."""
        import termios

        speeds = {
            getattr(termios, f"B{n}"): n
            for n in (9600, 38_400, 57_600, 115_200, 230_400, 500_000, 1_000_000)
        }
        # A speed without a name of its own: 222222 or 250000, and no board here sends at those.
        return speeds.get(termios.tcgetattr(self.slave)[5], 250_000)

    def pause(self) -> None:
        """Stop sending scans, between two blocks of them."""
        self.streaming = False
        self._begins.clear()
        self._begins.wait()

    def say(self, data: bytes) -> None:
        """Send; what finds no room waits on a board that is told to start, else it is lost."""
        reader = self.reader_baud
        if data and reader != self.baud:
            data = self._garbled(reader, len(data) * reader // self.baud + 1)
        with self._sending, contextlib.suppress(BlockingIOError):
            self._unsent += data
            sent = os.write(self.master, self._unsent) if self._unsent else 0
            self._unsent = self._unsent[sent:]
        if self.streams_at_once:
            self._unsent = b""

    def _garbled(self, reader: int, count: int) -> bytes:
        """So many bytes of what a stream of its scans sounds like at another speed."""
        if reader not in self._noise:
            sample = self.bytes_of(0, 60) or b"\x55" * 60
            self._noise[reader] = streams.heard_at(sample, self.baud, reader)
        noise = self._noise[reader]
        return (noise * (count // len(noise) + 1))[:count]

    def _run(self) -> None:
        self.say(self.hello())
        line = b""
        begin = time.monotonic()
        while not self._over.wait(0.01):
            self._begins.set()
            if self.streaming:
                due = int((time.monotonic() - begin) * self.rate) - self.sent
                if due > 0:
                    self.say(self.bytes_of(self.sent, due))
                    self.sent += due
            else:
                begin = time.monotonic() - self.sent / self.rate
            self.say(b"")
            line += self._told()
            *lines, line = line.split(self.line_end) if self.line_end else [*_single(line), b""]
            for each in lines:
                self.probed.append(each.decode("latin-1"))
                self.say(self.obey(self.probed[-1]))

    def _told(self) -> bytes:
        try:
            data = os.read(self.master, 1000)
        except OSError:
            return b""
        reader = self.reader_baud
        return data if reader == self.baud else streams.heard_at(data, reader, self.baud)


def _single(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


class Ours(Board):
    """emgnb's firmware: greets, waits, obeys, refuses what it cannot."""

    streams_at_once = False
    channels = 8
    rate = 1000
    scan = 0

    def hello(self) -> bytes:
        return b"\0" + Encoder(1).text(GREETING)

    def obey(self, line: str) -> bytes:
        say = Encoder(1).text
        if line == "?":
            return say(GREETING)
        if line == "X":
            self.streaming = False
            return say("stopped after some scans")
        if line.startswith("R"):
            self.rate = int(line[1:])
        elif line.startswith("C"):
            self.channels = int(line[1:])
        elif line == "S":
            if self.rate > 4000:
                return say(f"refused: {self.rate} Hz on {self.channels} channels: 1 to 1440 hold")
            self.streaming, self.scan = True, 0
            return say(f"started: {self.rate} Hz")
        return say(f"R{self.rate} C{self.channels} P0")

    def bytes_of(self, first: int, count: int) -> bytes:
        encoder = Encoder(self.channels)
        out = encoder.scans(self.scan, self.scans(first, count).astype(np.uint16))
        if self.scan // self.rate != (self.scan + count) // self.rate:
            out += encoder.status(Status(0, self.scan + count, 0, 0, 7, self.rate))
        self.scan += count
        return out


class Csv(Board):
    """An ordinary sketch."""

    baud = 115_200

    def bytes_of(self, first: int, count: int) -> bytes:
        return streams.csv(self.scans(first, count))


class Chords(Board):
    """Upside Down Labs' firmware: any byte stops it, lines of capitals are obeyed."""

    baud = 115_200
    channels = 6
    rate = 250
    streams_at_once = False

    def obey(self, line: str) -> bytes:
        self.streaming = line.strip().upper() == "START"
        answers = {"WHORU": b"UNO-R3\r\n", "START": b"", "STOP": b""}
        return answers.get(line.strip().upper(), b"UNKNOWN COMMAND\r\n")

    def bytes_of(self, first: int, count: int) -> bytes:
        return streams.chords(self.scans(first, count), first + 1)


class Cyton(Board):
    """OpenBCI's board behind its dongle: single letters are orders."""

    baud = 115_200
    channels = 8
    rate = 250
    streams_at_once = False
    line_end = b""
    failing = False

    def obey(self, line: str) -> bytes:
        if self.failing:
            return b"Failure: Communications timeout - Device failed to poll Host$$$"
        if line in "bs":
            self.streaming = line == "b"
        return b"Board ADS Registers\nADS_ID, 00, 3E\n$$$" if line == "?" else b""

    def bytes_of(self, first: int, count: int) -> bytes:
        return streams.cyton(40 * self.scans(first, count), first)


class SpikerBox(Board):
    """Backyard Brains' box streams from the start."""

    baud = 230_400
    channels = 1
    rate = 1000

    def hello(self) -> bytes:
        return b"StartUp!\r\n"

    def bytes_of(self, first: int, count: int) -> bytes:
        return streams.spikerbox(self.scans(first, count))


EVERY = (Ours, Csv, Chords, Cyton, SpikerBox)
