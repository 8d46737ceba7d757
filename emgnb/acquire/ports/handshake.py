"""Handshake: leave streaming boards alone; identify and start idle ones.

Opening its port resets an Arduino, whose bootloader takes a second or more, so nothing is sent at
first. A silent board is then asked to identify itself, in the ways that emgnb's firmware, Chords
and OpenBCI understand. It is started only after it has answered: another board could interpret the
start command differently. A board that falls silent or restarts during a recording is started
again.

This module does no I/O and reads no clock: `step(now)` takes the time and returns the bytes to
send.
"""

from __future__ import annotations

import re

from emgnb.acquire.wire.dialects import DIALECTS
from emgnb.acquire.wire.stream import Stream

# Silence (s) before the first question, interval (s) between questions, interval after the first
# unanswered questions, and the number of those.
LISTEN, ASK_EVERY, ASK_RARELY, ASK_TIMES = 2.0, 1.0, 5.0, 6
# Delay (s) between a greeting and the start command, which is not needed if the board streams.
PAUSE = 0.15
# Maximum number of stop commands.
STOPS = 5
# First word of our firmware's greeting.
_OURS = "emgnb "
_REFUSAL = "the board"
_CYTON = re.compile(r"(OpenBCI|ADS1299|ADS Registers|Failure: [^$]*).*?\$\$\$", re.DOTALL)
_CHORDS = re.compile(r"^(UNKNOWN COMMAND|[A-Z0-9]+(?:-[A-Z0-9]+)+)\r?$", re.MULTILINE)


class Handshake:
    """Handshake with one board, from the opening of its port.

    Parameters
    ----------
    stream : all data received; its `device` gives the `rate` and `channels` to request
    now : seconds on the clock of `step`, when the port was opened
    listens : whether the other end takes commands; if not, nothing is sent

    Attributes
    ----------
    complaint : what the board rejected or lacks, in its own words; empty if nothing
    """

    def __init__(self, stream: Stream, now: float, *, listens: bool) -> None:
        self._take = stream
        self._listens = listens
        self._scans, self._heard = stream.counts.scans, stream.probed
        self._last = now
        self._next = now + LISTEN
        self._asked = self._answers = 0
        self._greeted = False
        # Questions without an answer yet, and those of them that were open at the start command.
        self._open = self._late = 0
        self._stops = 0
        self.complaint = ""

    def step(self, now: float) -> bytes:
        """Return the bytes to send now, usually none; call several times a second."""
        if not self._listens:
            return b""
        streams = self._take.counts.scans > self._scans
        if streams:
            self._scans, self._last, self._next = self._take.counts.scans, now, now + LISTEN
            self._asked, self.complaint = 0, ""
            self._open = self._late = 0
        self._listen()
        # A greeting among scans answers a question that was long on its way: do not start again.
        self._greeted = self._greeted and not streams
        if self._greeted and now - self._last >= PAUSE:
            return self._begin("frames", now)
        if (now >= self._next or self._new_answer()) and not self.complaint.startswith(_REFUSAL):
            return self._ask(now)
        return b""

    @property
    def words(self) -> str:
        """Bytes of no known dialect, as text: answers of boards that do not send frames."""
        return self._take.undecoded.decode("latin-1")

    @property
    def speaks(self) -> str | None:
        """Dialect of a board that has identified itself and waits, else None."""
        if _CYTON.search(self.words):
            return "cyton"
        return "chords" if self._asked and _CHORDS.search(self.words) else None

    @property
    def answered(self) -> bool:
        """Whether a known board has identified itself."""
        return self._greeted or self.speaks is not None

    def ask(self, now: float) -> bytes:
        """Return the next question now, without waiting for silence."""
        self._next = now
        return self.step(now)

    def stop(self) -> bytes:
        """Return the stop command, at most `STOPS` times; then nothing."""
        dialect = self._take.dialect
        order = DIALECTS[dialect].stop if dialect else b""
        if not self._listens or not order or self._stops >= STOPS:
            return b""
        self._stops += 1
        return order

    def _listen(self) -> None:
        """Read the board's new text frames."""
        stream = self._take
        new = min(stream.probed - self._heard, len(stream.texts))
        self._heard = stream.probed
        for text in stream.texts[-new:] if new else []:
            if text.startswith(_OURS):
                self._greeted |= not self._late
                self._open, self._late = max(0, self._open - 1), max(0, self._late - 1)
            if text.startswith("refused"):
                self.complaint = f"{_REFUSAL} {text}: ask for another rate or fewer channels"

    def _new_answer(self) -> bool:
        """Return whether a board that sends no frames has given a new answer."""
        if not self._asked or self._take.dialect is not None:
            return False
        words = self.words
        answers = len(_CYTON.findall(words)) + len(_CHORDS.findall(words))
        more, self._answers = answers > self._answers, answers
        return more

    def _ask(self, now: float) -> bytes:
        """Return a question to a silent board, or the start command to a known one."""
        stream = self._take
        if stream.dialect not in (None, "frames"):
            # A sketch that prints lines, and a SpikerBox, start by themselves.
            return self._begin(stream.dialect, now) if DIALECTS[stream.dialect].start else b""
        words = self.words
        if cyton := _CYTON.findall(words):
            if cyton[-1].startswith("Failure"):
                said = cyton[-1].strip()
                self.complaint = f"OpenBCI's dongle reports: {said}. Is the Cyton switched to PC?"
            return self._begin("cyton", now)
        if self._asked and any(name != "UNKNOWN COMMAND" for name in _CHORDS.findall(words)):
            return self._begin("chords", now)
        self._asked += 1
        self._next = now + (ASK_EVERY if self._asked < ASK_TIMES else ASK_RARELY)
        # A Cyton would execute the letters of Chords' question, but answers the question before it.
        if self._asked % 3 == 0 or "UNKNOWN COMMAND" in words:
            return b"WHORU\n"
        self._open += 1
        return b"?\n"

    def _begin(self, dialect: str, now: float) -> bytes:
        """Return the start command."""
        self._greeted = False
        self._next = now + LISTEN
        if dialect != "frames":
            return DIALECTS[dialect].start
        self._late = self._open
        about = self._take.device
        return f"R{about['rate']:.0f}\nC{about['channels']}\nS\n".encode()
