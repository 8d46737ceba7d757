"""Run a protocol during a recording."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self
from typing import Protocol as Shape

from emgnb.cues.markers import BASELINE, END, PAUSE, SPOILT
from emgnb.cues.protocol import Prompt, Protocol


class MarkerSink(Shape):
    """Interface that `Run` requires of a recording; see `acquire.Recorder`."""

    def mark(self, text: str, *, uncertainty: float = 0.0) -> object:
        """Set a marker at the current time, accurate to within `uncertainty` s."""


class Moment(NamedTuple):
    """Current state of a run, to be shown to the participant.

    `phase` : "ready" (before the start), "countdown", "hold", "rest", "paused"; finally "over",
    "stopped" (early) or "failed"
    `seconds` : duration of the phase; 0 if open-ended
    `number`, `of` : number of the step, from 1, and the number of steps
    `problem` : error message of a failed run
    """

    phase: str
    step: Prompt | None
    seconds: float
    number: int
    of: int
    problem: str = ""


class Run:
    """Run a protocol during a recording, in a separate thread.

    Parameters
    ----------
    protocol : protocol to run
    recorder : recording that receives the markers; the simulated face also responds to them
    show : called with each new `Moment`, in the thread of the run
    uncertainty : returns the possible delay (s) between a marker and what the participant sees;
        called for each marker

    Notes
    -----
    `pause`, `resume`, `redo` and `stop` may be called from any thread. A pause during a hold spoils
    that trial, which is then repeated.

    Attributes
    ----------
    asked : number of expressions cued so far, including those to be repeated
    spoilt : number of spoilt trials
    """

    def __init__(
        self,
        protocol: Protocol,
        recorder: MarkerSink,
        *,
        show: Callable[[Moment], object] = lambda moment: None,
        uncertainty: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.protocol = protocol
        self._recorder = recorder
        self._uncertainty = uncertainty
        self._show = show
        self._todo = list(protocol.steps())
        self._of = len(self._todo)
        self._last: Prompt | None = None
        self._changed = threading.Condition()
        self._order = ""
        self._paused = False
        self.asked = 0
        self.spoilt = 0
        self.moment = Moment("ready", self._todo[0], 0.0, 1, self._of)
        self._thread = threading.Thread(target=self._run, name="emgnb cues", daemon=True)

    def start(self) -> Self:
        """Begin with the first step.

        Raises
        ------
        RuntimeError : the run was started before; create a new `Run`
        """
        self._thread.start()
        return self

    def pause(self) -> None:
        """Pause until `resume` is called."""
        self._tell("pause")

    def resume(self) -> None:
        """Continue after a pause."""
        self._tell("resume")

    def redo(self) -> None:
        """Mark the current or the last trial as spoilt, and repeat it at the end."""
        self._tell("redo")

    def stop(self) -> None:
        """Stop the run, and wait until the last marker is set."""
        self._tell("stop")
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run is over or `timeout` (s) has passed; return whether it is over."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return self.over

    @property
    def over(self) -> bool:
        """Return whether the run has ended."""
        return self.moment.phase in ("over", "stopped", "failed")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self._tell("stop")
        self.wait()

    # ---- thread of the run

    def _mark(self, text: str) -> None:
        self._recorder.mark(text, uncertainty=self._uncertainty())

    def _tell(self, order: str) -> None:
        with self._changed:
            self._order = order
            self._changed.notify_all()

    def _run(self) -> None:
        number = 0
        try:
            while self._todo:
                step = self._todo.pop(0)
                number += 1
                self._ask(step, number)
        except _Stopped:
            self._give("stopped", None, number=number)
        except Exception as error:
            # The recording raised: for example, it has ended or its folder is missing.
            self._give("failed", None, number=number, problem=str(error))
        else:
            self._give("over", None, number=number)

    def _ask(self, step: Prompt, number: int) -> None:
        if self._phase("countdown", step, step.countdown, number) == "redo":
            self._take_back()
        self._mark(step.marker)
        self.asked += step.kind != BASELINE
        self._last = step
        ended = self._phase("hold", step, step.hold, number)
        if ended in ("redo", "pause"):
            self._take_back()
        self._mark(END)
        if ended == "stop":
            raise _Stopped
        if self._phase("rest", step, step.rest, number) == "redo":
            self._take_back()

    def _take_back(self) -> None:
        """Mark the last step as spoilt, and repeat it at the end."""
        if self._last is None:
            return
        self._mark(SPOILT)
        self._todo.append(self._last)
        self._of += 1
        self.spoilt += 1
        self._last = None

    def _phase(self, phase: str, step: Prompt, seconds: float, number: int) -> str:
        """Wait for a phase to pass; return the order that ended it early, or ""."""
        if self._paused:
            self._pause(step, number)
        self._give(phase, step, seconds, number=number)
        until = time.monotonic() + seconds
        while True:
            order = self._next_order(until)
            if order == "stop" and phase != "hold":
                raise _Stopped
            if order in ("stop", "redo", ""):
                return order
            if order == "pause":
                self._paused = True
                if phase == "hold":
                    return order
                left = until - time.monotonic()
                self._pause(step, number)
                return self._phase(phase, step, max(left, 0.0), number)

    def _pause(self, step: Prompt, number: int) -> None:
        self._mark(PAUSE)
        self._give("paused", step, number=number)
        while (order := self._next_order(None)) != "resume":
            if order == "stop":
                raise _Stopped
        self._paused = False

    def _next_order(self, until: float | None) -> str:
        """Return the next order, or "" when the time is over."""
        with self._changed:
            left = None if until is None else until - time.monotonic()
            self._changed.wait_for(
                lambda: bool(self._order), None if left is None else max(left, 0.0)
            )
            order, self._order = self._order, ""
            return order

    def _give(
        self,
        phase: str,
        step: Prompt | None,
        seconds: float = 0.0,
        *,
        number: int,
        problem: str = "",
    ) -> None:
        self.moment = Moment(phase, step, seconds, number, self._of, problem)
        self._show(self.moment)


class _Stopped(Exception):  # noqa: N818 - no error
    """Raised to end the run on request."""
