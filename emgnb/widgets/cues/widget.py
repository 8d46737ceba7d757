"""Cue expressions in a notebook: a drawing, a countdown, and a marker at each onset.

The widget displays an `emgnb.cues.Run` and passes buttons and keys to it. The kernel sets the
markers when it sends a cue to the browser. The delay until the browser has drawn the cue is
measured each time, and is used as the uncertainty of the markers.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from emgnb import cues
from emgnb.cues import Moment, Prompt, Protocol, Run
from emgnb.widgets.shared.panel import HERE, Panel, front

# Number of recent delays used to estimate the next one, and the estimate before the first (s).
RECENT, UNKNOWN = 20, 0.2


class _Stage(anywidget.AnyWidget):
    _esm = front("cues/cues.js")
    _css = HERE / "cues" / "cues.css"
    moment = traitlets.Dict().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    summary = traitlets.Unicode().tag(sync=True)
    spoilt = traitlets.Int().tag(sync=True)
    steps: traitlets.List[Any] = traitlets.List().tag(sync=True)


class Cues(Panel):
    """Guide a participant through a protocol during a recording.

    Parameters
    ----------
    protocol : a `cues.Protocol`, or the path of one
    recorder : recording that receives the markers: the recorder that `acquire.start` returns, or a
        `Capture`

    Attributes
    ----------
    run : current `cues.Run`, None before the start
    lags : s from each marker until the browser has drawn the cue

    Raises
    ------
    FileNotFoundError, ValueError : the file does not exist, or is not a protocol

    Notes
    -----
    Space starts, pauses and resumes, R repeats the last trial, Esc stops, F fills the screen.
    While a cell is running, the kernel does not process buttons; the protocol itself continues on
    time.
    """

    def __init__(
        self, protocol: Protocol | str | os.PathLike[str], recorder: cues.MarkerSink
    ) -> None:
        self.run: Run | None = None
        self.lags: list[float] = []
        self._sent: dict[int, float] = {}
        self._path = None if isinstance(protocol, Protocol) else Path(protocol)
        self.protocol = protocol if isinstance(protocol, Protocol) else cues.load(protocol)
        self._recorder = recorder
        steps = self.protocol.steps()
        self._stage = _Stage(
            title=self.protocol.title,
            summary=f"{self._expressions(len(steps))} expressions, about "
            f"{_minutes(self.protocol.duration)}. Space starts, pauses and resumes; "
            "R repeats the last trial.",
            steps=[_spoken(step) for step in {step.marker: step for step in steps}.values()],
            moment=self._told(Moment("ready", steps[0], 0.0, 0, len(steps)), 0),
        )
        self._stage.on_msg(self._heard)
        super().__init__([self._stage], label="guided protocol")
        made = (
            f"cues.load({str(self._path)!r})" if self._path is not None else _short(self.protocol)
        )
        self._show_code(f"cues.Run({made}, rec).start().wait()")

    def start(self) -> None:
        """Start the protocol; no effect while it runs, so that a cell can follow a click."""
        if self.run is not None and not self.run.over:
            return
        self.error = None
        self._say("")
        self.run = Run(
            self.protocol, self._recorder, show=self._show, uncertainty=self._uncertainty
        )
        self.run.start()

    def stop(self) -> None:
        """Stop the protocol; the recording continues."""
        if self.run is not None:
            self.run.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the protocol is over, at most `timeout` s; return whether it is over."""
        return self.run is not None and self.run.wait(timeout)

    def record(self) -> Path:
        """Record the protocol from start to stop, skipping steps already done by mouse.

        Starts the recording if `recorder` is a `Capture` that is not recording, runs the protocol,
        waits for its end, and stops the recording. If the protocol is running already, only waits
        for it and stops. If the protocol is over, only stops the recording.

        Returns
        -------
        Path of the stored session

        Raises
        ------
        RuntimeError : the protocol or the recording failed; the message says what to do
        OSError, ValueError : the port cannot be opened
        """
        if self.run is None or self.run.moment.phase == "failed" or not self.run.over:
            start: Callable[[], object] = getattr(self._recorder, "start", lambda: None)
            start()
            self.start()
            self.wait()
        if self.run is not None and self.run.moment.phase == "failed":
            raise RuntimeError(self.run.moment.problem)
        stop: Callable[[], Path] = self._recorder.stop  # type: ignore[attr-defined]
        return stop()

    def close(self) -> None:
        """Stop the protocol and close the widget; the recording continues."""
        self.stop()
        super().close()

    def _uncertainty(self) -> float:
        """Return the possible delay of the display (s): the maximum of the recent delays."""
        return max(self.lags[-RECENT:], default=UNKNOWN)

    def _show(self, moment: Moment) -> None:
        """Send a moment to the browser; called in the thread of the run."""
        serial = len(self._sent) + 1
        self._sent[serial] = time.time()
        with self._stage.hold_sync():
            self._stage.spoilt = self.run.spoilt if self.run is not None else 0
            self._stage.moment = self._told(moment, serial)
        if moment.phase == "failed":
            self._fail(RuntimeError(moment.problem))
        elif moment.phase in ("over", "stopped"):
            self._say(self._ended())

    def _ended(self) -> str:
        assert self.run is not None
        taken = f", {self.run.spoilt} of them repeated" if self.run.spoilt else ""
        early = self.run.moment.phase == "stopped"
        asked = f"{self.run.asked} of {self._expressions(self.run.moment.of)}"
        asked = f"stopped early: {asked}" if early else str(self.run.asked)
        seen = (
            f"; display delay: median {1000 * statistics.median(self.lags):.0f} ms, "
            f"maximum {1000 * max(self.lags):.0f} ms"
            if self.lags
            else ""
        )
        return f"{asked} expressions cued{taken}{seen}"

    def _told(self, moment: Moment, serial: int) -> dict[str, Any]:
        """Return a moment as data for the browser, with counts of expressions."""
        return {
            **moment._asdict(),
            "step": None if moment.step is None else _spoken(moment.step),
            "expression": self._expressions(moment.number),
            "expressions": self._expressions(moment.of),
            "asked": 0 if self.run is None else self.run.asked,
            "serial": serial,
            "began": time.time(),
        }

    def _expressions(self, steps: int) -> int:
        """Return how many of the first steps are expressions; the baseline is not."""
        return max(steps - bool(self.protocol.baseline), 0)

    def _heard(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        kind = content["kind"]
        if kind == "drawn":
            sent = self._sent.get(int(content["serial"]))
            lag = None if sent is None else float(content["at"]) / 1000 - sent
            # A browser on another computer has a different clock.
            if lag is not None and 0 <= lag < 5:
                self.lags.append(lag)
        elif kind == "start":
            self._try(self.start)
        elif kind in ("pause", "resume", "redo") and self.run is not None:
            getattr(self.run, kind)()
        elif kind == "stop" and self.run is not None:
            # Not in the kernel's main thread, which must keep processing messages.
            threading.Thread(target=self.run.stop, daemon=True).start()


def _spoken(step: Prompt) -> dict[str, Any]:
    """Return the data of a step that the browser displays."""
    said = {"kind": step.kind, "name": step.name, "instruction": step.instruction}
    return {**said, "aus": dict(step.aus)}


def _short(protocol: Protocol) -> str:
    """Return the protocol as code, without options at their defaults."""
    plain = Protocol()
    changed = {
        name: value for name, value in vars(protocol).items() if value != getattr(plain, name)
    }
    return f"cues.Protocol({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
