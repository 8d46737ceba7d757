"""What is said to a board: one that streams is left alone, one that waits is told to start.

Opening its port resets an Arduino, and its bootloader takes a second or more; so nothing is said at
first. A board that stays silent is asked who it is, in the ways that emgnb's firmware, Chords and
OpenBCI understand, and is told to start only once it has answered: an order that another board
does not know may be one that it does know otherwise. One that falls silent or begins anew in the
middle of a recording is told to start again.
"""

from __future__ import annotations

import contextlib
import re
import time

from emgnb.acquire.dialects import DIALECTS
from emgnb.acquire.ports import Port, PortError
from emgnb.acquire.takes import Take

# Seconds of silence before a board is spoken to, between two questions, and between two questions
# to one that has not answered the first few.
LISTEN, ASK_EVERY, ASK_RARELY, ASK_TIMES = 2.0, 1.0, 5.0, 6
# A board that has just greeted is told at once, unless it streams already.
PAUSE = 0.15
STOPS = 5
_OURS = "emgnb "
_REFUSAL = "the board"
_CYTON = re.compile(r"(OpenBCI|ADS1299|ADS Registers|Failure: [^$]*).*?\$\$\$", re.DOTALL)
_CHORDS = re.compile(r"^(UNKNOWN COMMAND|[A-Z0-9]+(?:-[A-Z0-9]+)+)\r?$", re.MULTILINE)


class Talk:
    """The talk with one board, from the opening of its port on.

    Parameters
    ----------
    port : says what to ask for by its `rate` and `channels`; one that does not listen is not spoken
        to
    take : has all that came

    Attributes
    ----------
    complaint : what the board refused or lacks, in its own words; empty when nothing
    """

    def __init__(self, port: Port, take: Take) -> None:
        self._port = port
        self._take = take
        self._scans, self._heard = take.counts.scans, take.heard
        self._last = time.monotonic()
        self._next = self._last + LISTEN
        self._asked = self._answers = 0
        self._greeted = False
        self._stops = 0
        self.complaint = ""

    def step(self) -> None:
        """Say what is due; to be called several times a second."""
        if not self._port.listens:
            return
        now = time.monotonic()
        if self._take.counts.scans > self._scans:
            self._scans, self._last, self._next = self._take.counts.scans, now, now + LISTEN
            self._asked, self._greeted, self.complaint = 0, False, ""
        self._listen()
        if self._greeted and now - self._last >= PAUSE:
            self._begin("frames", now)
        elif (now >= self._next or self._new_answer()) and not self.complaint.startswith(_REFUSAL):
            self._ask(now)

    @property
    def words(self) -> str:
        """What came and is no dialect: the answers of boards that do not answer in frames."""
        return self._take.undecoded.decode("latin-1")

    @property
    def speaks(self) -> str | None:
        """Dialect of a board that has said who it is and waits, None when none has."""
        if _CYTON.search(self.words):
            return "cyton"
        return "chords" if self._asked and _CHORDS.search(self.words) else None

    @property
    def answered(self) -> bool:
        """Whether a board that emgnb knows has said who it is."""
        return self._greeted or self.speaks is not None

    def ask(self) -> None:
        """Ask now, as is due otherwise after a while of silence."""
        self._next = 0.0
        self.step()

    def stop(self) -> bool:
        """Ask the board to be quiet, `STOPS` times at most; False when there is no more to say."""
        dialect = self._take.dialect
        order = DIALECTS[dialect].stop if dialect else b""
        if not self._port.listens or not order or self._stops >= STOPS:
            return False
        self._stops += 1
        self._say(order)
        return True

    def _listen(self) -> None:
        """Note what the board said in frames since the last look."""
        take = self._take
        new = min(take.heard - self._heard, len(take.texts))
        self._heard = take.heard
        for text in take.texts[-new:] if new else []:
            self._greeted |= text.startswith(_OURS)
            if text.startswith("refused"):
                self.complaint = f"{_REFUSAL} {text}: ask for another rate or fewer channels"

    def _new_answer(self) -> bool:
        """Whether a board that speaks no frames has answered since the last look."""
        if not self._asked or self._take.dialect is not None:
            return False
        words = self.words
        answers = len(_CYTON.findall(words)) + len(_CHORDS.findall(words))
        more, self._answers = answers > self._answers, answers
        return more

    def _ask(self, now: float) -> None:
        """Ask a silent board who it is, or tell one that is known to go on."""
        take = self._take
        if take.dialect not in (None, "frames"):
            # A sketch that prints lines, and a SpikerBox, begin by themselves.
            if DIALECTS[take.dialect].start:
                self._begin(take.dialect, now)
            return
        words = self.words
        if cyton := _CYTON.findall(words):
            if cyton[-1].startswith("Failure"):
                said = cyton[-1].strip()
                self.complaint = f"OpenBCI's dongle says: {said}. Is the Cyton switched to PC?"
            self._begin("cyton", now)
            return
        if self._asked and any(name != "UNKNOWN COMMAND" for name in _CHORDS.findall(words)):
            self._begin("chords", now)
            return
        # A Cyton would take the letters of Chords' question for orders, but answers before.
        self._say(b"WHORU\n" if self._asked % 3 == 2 or "UNKNOWN COMMAND" in words else b"?\n")
        self._asked += 1
        self._next = now + (ASK_EVERY if self._asked < ASK_TIMES else ASK_RARELY)

    def _begin(self, dialect: str, now: float) -> None:
        """Tell a board to start."""
        self._greeted = False
        self._next = now + LISTEN
        if dialect != "frames":
            self._say(DIALECTS[dialect].start)
            return
        about = self._port.describe()
        self._say(f"R{about['rate']:.0f}\nC{about['channels']}\nS\n".encode())

    def _say(self, order: bytes) -> None:
        # A board that cannot be spoken to is a port that is lost: the reader will notice.
        with contextlib.suppress(PortError):
            self._port.write(order)
