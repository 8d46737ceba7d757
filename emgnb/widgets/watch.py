"""The thread that watches a recording: new samples to the picture, and how it is doing."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from emgnb import acquire, quality, recording
from emgnb.acquire.sessions import JOURNAL
from emgnb.widgets.clocks import BrowserClock
from emgnb.widgets.live import LiveView
from emgnb.widgets.trouble import Trouble, troubles

_FRAME = 1 / 30  # s between two sends to the browser: what an eye can follow
_LOOK, _LISTEN = 0.5, 2.0  # s between two looks at the health, and at the signal itself
_RECENT = 5.0  # s of signal that are judged
# s after which Python lets the next thread have its turn while a picture is live. A cell in pure
# Python gives way only then, and a frame takes several turns; Python's own 0.005 halves the frames.
_TURN = 0.001
# A browser's mark is written down once its moment is known so well, or after so long; s.
_SURE, _PATIENCE = 0.05, 3.0


class Look(NamedTuple):
    """How a recording is: `size` of its journal and `free` on its disk in bytes."""

    health: acquire.Health
    troubles: list[Trouble]
    size: int
    free: int


@dataclass
class _Mark:
    text: str
    at: float
    name: str
    heard: float


class _Turns:
    """While somebody is inside, Python lets the next thread have its turn sooner."""

    def __init__(self) -> None:
        self._lock, self._inside, self._usual = threading.Lock(), 0, sys.getswitchinterval()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(_TURN, self._usual))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._usual)


_SHORT_TURNS = _Turns()


class Watch:
    """Watch a recording until it is over, or until `end`.

    Parameters
    ----------
    view : gets the samples; `look` how the recording is, twice a second
    over : called when the recording ended by itself, or was stopped from elsewhere
    failed : called with what went wrong; it is tried again
    clock : of the browser that marks come from
    """

    def __init__(
        self,
        recorder: acquire.Recorder,
        view: LiveView,
        *,
        look: Callable[[Look], object],
        over: Callable[[], object],
        failed: Callable[[Exception], object],
        clock: BrowserClock,
    ) -> None:
        self._recorder, self._view = recorder, view
        self._look, self._over, self._failed = look, over, failed
        self._clock = clock
        self._marks: deque[_Mark] = deque()
        self._found: tuple[list[Trouble], list[Trouble]] = ([], [])
        self._ended = threading.Event()
        self._follower = acquire.follow(recorder.folder, last=max(view.seconds, 10.0))
        self._health = recorder.health()
        self._begun = max(0.0, self._health.seconds - max(view.seconds, 10.0))
        self._thread = threading.Thread(target=self._run, name="emgnb capture", daemon=True)
        self._ear: threading.Thread | None = None

    @property
    def follower(self) -> acquire.Follower:
        """What reads the journal; it knows channels, units and kind of signal."""
        return self._follower

    def start(self) -> None:
        """Begin."""
        self._view.clear()
        self._thread.start()

    def end(self) -> None:
        """End, and write down every mark that was heard."""
        self._ended.set()
        for each in (self._thread, self._ear):
            if each is not None and each is not threading.current_thread():
                each.join(5)
        self._settle(finally_=True)

    def mark(self, text: str, at: float, name: str) -> None:
        """Take a mark of the browser: its moment in s on that clock, and the browser's name for it.

        Raises
        ------
        RuntimeError : the recording is over
        """
        self._marks.append(_Mark(text, at, name, time.time()))
        self._settle()

    def _settle(self, *, finally_: bool = False) -> None:
        """Write down the marks whose moments are known well enough."""
        for mark in list(self._marks):
            ago, unsure = self._clock.ago(mark.at, mark.heard)
            waited = time.time() - mark.heard
            if unsure > _SURE and waited < _PATIENCE and not finally_:
                continue
            try:
                self._marks.remove(mark)
            except ValueError:
                continue  # another thread has just written it
            self._recorder.mark(mark.text, ago=ago + waited, uncertainty=unsure)
            self._view.mark(mark.text, ago=ago + waited, name=mark.name)

    def _run(self) -> None:
        try:
            with _SHORT_TURNS:
                self._go()
        finally:
            self._follower.close()

    def _go(self) -> None:
        now = due = time.monotonic()
        looked = listened = now - _LOOK
        while not self._ended.wait(max(due - now, 0.0)):
            now = time.monotonic()
            due = max(due + _FRAME, now)
            try:
                if now - looked >= _LOOK:
                    looked = now
                    self._health = self._recorder.health()
                    if now - listened >= _LISTEN:
                        listened = now
                        self._listen_beside()
                    self._tell()
                    if not self._health.is_alive and not self._ended.is_set():
                        self._over()
                        return
                    self._settle()
                    self._view.send({"kind": "tick", "sent": time.time()})
                scans, values = self._follower.read()
                self._lay_out()
                self._view.push(scans, values)
            except Exception as error:
                self._failed(error)
                due = now + 1.0  # the same again a second later, not 30 times a second
            now = time.monotonic()

    def _tell(self) -> None:
        folder = self._recorder.folder
        try:
            size, free = (folder / JOURNAL).stat().st_size, shutil.disk_usage(folder).free
        except OSError:
            size = free = 0
        found = troubles(self._health, free=free or None)
        if self._health.state == "recording":
            found += self._found[1]
        self._look(Look(self._health, found, size, free))

    def _listen_beside(self) -> None:
        """Listen in a thread of its own, for it takes longer than a frame."""

        def listen() -> None:
            try:
                self._listen()
            except Exception as error:
                self._failed(error)

        if self._ear is None or not self._ear.is_alive():
            self._ear = threading.Thread(target=listen, name="emgnb listens", daemon=True)
            self._ear.start()

    def _listen(self) -> None:
        """Judge the last seconds; what was so two seconds ago, too, is worth a word."""
        seen = {each.what.partition(":")[0] for each in self._found[0]}
        recent = self._view.recent(_RECENT)
        report = None
        if len(recent) >= _RECENT * self._view.rate and not self._view.paused:
            report = quality.report(self._signal(recent))
        now = troubles(acquire.Health(), report=report)
        self._found = (now, [each for each in now if each.what.partition(":")[0] in seen])

    def _signal(self, values: NDArray[np.float32]) -> xr.DataArray:
        return recording.signal(
            values,
            rate=self._view.rate,
            units=self._view.units,
            channel=list(self._view.channels),
            signal_kind=self._follower.signal_kind,
        )

    def _lay_out(self) -> None:
        found, view = self._follower, self._view
        rate = self._health.nominal_rate or self._health.rate
        if rate and found.channels and found.channels != view.channels:
            with view.hold_sync():
                view.rate, view.units, view.origin = rate, found.units, self._begun
                view.channels = found.channels
