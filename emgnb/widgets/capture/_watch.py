"""Follow a recording in a thread: pass on new samples, and report its status."""

from __future__ import annotations

import shutil
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
from emgnb._vocabulary import JOURNAL
from emgnb.widgets.capture._clocks import BrowserClock
from emgnb.widgets.capture._live_view import LiveView
from emgnb.widgets.capture._trouble import Trouble, troubles
from emgnb.widgets.shared.turns import SHORT_TURNS

_FRAME = 1 / 30  # interval between messages to the browser (s)
_LOOK, _LISTEN = 0.5, 2.0  # intervals between checks of the status, and of signal quality (s)
_RECENT = 5.0  # duration of the signal used to check quality (s)
# A marker from the browser is stored when its uncertainty is below the first value, or after a wait
# of the second (s).
_SURE, _PATIENCE = 0.05, 3.0


class Look(NamedTuple):
    """Status of a recording; `size` of its journal and `free` space on its disk in bytes.

    `marks` : (name, s since the start of the recording, text) of markers not withdrawn
    """

    health: acquire.Health
    troubles: list[Trouble]
    size: int
    free: int
    marks: list[tuple[str, float, str]]


@dataclass
class _Mark:
    text: str
    at: float
    name: str
    heard: float


class Watch:
    """Follow a recording until it is over or `end` is called.

    Parameters
    ----------
    recorder : recording to follow
    view : receives the samples
    look : called with the status twice a second
    over : called when the recording has ended by itself or was stopped by another process
    failed : called with an exception; the operation is retried
    clock : clock of the browser that sends markers
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
        self._laid_out = False
        self._times: dict[str, float] = {}
        self._beside: dict[str, threading.Thread] = {}

    @property
    def follower(self) -> acquire.Follower:
        """Reader of the journal, with channels, units and signal kind."""
        return self._follower

    def start(self) -> None:
        """Start the thread."""
        self._view.clear()
        self._thread.start()

    def end(self) -> None:
        """Stop the threads, and store all markers received."""
        self._ended.set()
        for each in (self._thread, *self._beside.values()):
            if each is not threading.current_thread():
                each.join(5)
        self.settle()

    def settle(self) -> None:
        """Store all markers received, whatever their uncertainty."""
        self._settle(finally_=True)

    def marks(self) -> list[tuple[str, float, str]]:
        """Return the markers not withdrawn: name, s since the start of the recording, text."""
        health = self._health
        began = health.heartbeat_ns / 1e9 - health.seconds
        found = self._recorder.marks
        for each in found:  # keep the first value, because `began` changes with each status
            self._times.setdefault(each.name, round(each.time - began, 1))
        return [(each.name, self._times[each.name], each.text) for each in found]

    def mark(self, text: str, at: float, name: str) -> None:
        """Add a marker from the browser: text, time (s) on the browser's clock, and its name there.

        Raises
        ------
        RuntimeError : the recording is over
        """
        self._marks.append(_Mark(text, at, name, time.time()))
        self._settle()

    def _settle(self, *, finally_: bool = False) -> None:
        """Store the markers whose uncertainty is small enough."""
        for mark in list(self._marks):
            ago, unsure = self._clock.ago(mark.at, mark.heard)
            waited = time.time() - mark.heard
            if unsure > _SURE and waited < _PATIENCE and not finally_:
                continue
            try:
                self._marks.remove(mark)
            except ValueError:
                continue  # another thread has stored it
            self._recorder.mark(mark.text, ago=ago + waited, uncertainty=unsure, name=mark.name)
            self._view.mark(mark.text, ago=ago + waited, name=mark.name)

    def _run(self) -> None:
        try:
            with SHORT_TURNS:
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
                        self._do_beside("listens", self._listen)
                    if self._view.spectral and not self._view.paused:
                        self._do_beside("spectrum", self._view.send_spectrum)
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
                due = now + 1.0  # retry after a second, not 30 times a second
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
        self._look(Look(self._health, found, size, free, self.marks()))

    def _do_beside(self, name: str, action: Callable[[], None]) -> None:
        """Run an action longer than a frame in a separate thread, one at a time per name."""

        def act() -> None:
            try:
                action()
            except Exception as error:
                self._failed(error)

        before = self._beside.get(name)
        if before is None or not before.is_alive():
            self._beside[name] = threading.Thread(target=act, name=f"emgnb {name}", daemon=True)
            self._beside[name].start()

    def _listen(self) -> None:
        """Check the last seconds; report problems that were also found by the previous check."""
        seen = {each.what.partition(":")[0] for each in self._found[0]}
        recent = self._view.recent(_RECENT)
        report = None
        if len(recent) >= _RECENT * self._view.rate and not self._view.paused:
            report = quality.report(self._signal(recent))
        now = troubles(acquire.Health(), report=report, span=self._follower.span)
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
        if rate and found.channels and not self._laid_out:
            self._laid_out = True
            with view.hold_sync():
                view.rate, view.units, view.origin = rate, found.units, self._begun
                view.signal_kind = found.signal_kind
                view.channels = found.channels
