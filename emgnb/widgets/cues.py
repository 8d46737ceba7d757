"""Ask for expressions one after another: a drawing, a countdown, a marker where each begins.

The widget shows what `emgnb.cues.Run` asks for and hands buttons and keys to it; the markers go
into the recording from the kernel, stamped when the browser is told. How long the browser then
takes to draw is measured at every moment, and is the uncertainty of the markers.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from emgnb import cues
from emgnb.cues import Moment, Protocol, Run
from emgnb.widgets.panel import HERE, Panel

# Drawings that say how long the next one may take, and s where there was none yet.
RECENT, UNKNOWN = 20, 0.2


class _Stage(anywidget.AnyWidget):
    _esm = f"{(HERE / 'face.js').read_text('utf-8')}\n{(HERE / 'cues.js').read_text('utf-8')}"
    _css = HERE / "cues.css"
    moment = traitlets.Dict().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    summary = traitlets.Unicode().tag(sync=True)
    spoilt = traitlets.Int().tag(sync=True)


class Cues(Panel):
    """Guide a person through a protocol beside a running recording.

    Parameters
    ----------
    protocol : what to ask for: a `cues.Protocol`, or the path of one
    recorder : what gets the markers: the `Recorder` that `acquire.start` gives, or a `Capture`

    Attributes
    ----------
    run : the `cues.Run` under way, None before the start
    lags : s from each marker until the browser had drawn its moment

    Raises
    ------
    FileNotFoundError, ValueError : there is no such protocol, or it is none

    Notes
    -----
    Space starts, pauses and goes on, R takes the last trial back, Esc stops, F fills the screen. A
    cell that runs meanwhile keeps the kernel from hearing buttons until it ends; the protocol
    itself goes on in time.
    """

    def __init__(
        self, protocol: Protocol | str | os.PathLike[str], recorder: cues.Recorder
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
            f"{_minutes(self.protocol.duration)}. Space starts, pauses and goes on; "
            "R takes the last one back.",
            moment=_message(Moment("ready", steps[0], 0.0, 0, len(steps)), 0),
        )
        self._stage.on_msg(self._heard)
        super().__init__([self._stage], label="guided protocol")
        made = (
            f"cues.load({str(self._path)!r})" if self._path is not None else _short(self.protocol)
        )
        self._show_code(f"cues.Run({made}, rec).start().wait()")

    def start(self) -> None:
        """Begin.

        Raises
        ------
        RuntimeError : it runs already
        """
        if self.run is not None and not self.run.over:
            raise RuntimeError("the protocol runs already: stop it before another start")
        self.error = None
        self._say("")
        self.run = Run(
            self.protocol, self._recorder, show=self._show, uncertainty=self._uncertainty
        )
        self.run.start()

    def stop(self) -> None:
        """End the protocol; the recording goes on."""
        if self.run is not None:
            self.run.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the protocol is over; whether it is."""
        return self.run is not None and self.run.wait(timeout)

    def close(self) -> None:
        """End the protocol and take the widget away; the recording goes on."""
        self.stop()
        super().close()

    def _uncertainty(self) -> float:
        """How late the browser may be to show what is marked: the slowest of the last drawings."""
        return max(self.lags[-RECENT:], default=UNKNOWN)

    def _show(self, moment: Moment) -> None:
        """Send a moment to the browser; called from the run's thread."""
        serial = len(self._sent) + 1
        self._sent[serial] = time.time()
        with self._stage.hold_sync():
            self._stage.spoilt = self.run.spoilt if self.run is not None else 0
            self._stage.moment = _message(moment, serial)
        if moment.phase == "failed":
            self._fail(RuntimeError(moment.problem))
        elif moment.phase == "over":
            self._say(self._ended())

    def _ended(self) -> str:
        assert self.run is not None
        taken = f", {self.run.spoilt} taken back" if self.run.spoilt else ""
        seen = (
            f"; shown {1000 * statistics.median(self.lags):.0f} ms after their markers, "
            f"at most {1000 * max(self.lags):.0f} ms"
            if self.lags
            else ""
        )
        asked = self._expressions(self.run.moment.number)
        return f"{asked} expressions asked for{taken}{seen}"

    def _expressions(self, steps: int) -> int:
        """How many of the first steps ask for an expression: the rest at the start is none."""
        return max(steps - bool(self.protocol.baseline), 0)

    def _heard(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        kind = content["kind"]
        if kind == "drawn":
            sent = self._sent.get(int(content["serial"]))
            lag = None if sent is None else float(content["at"]) / 1000 - sent
            # A page on another computer has a clock of its own.
            if lag is not None and 0 <= lag < 5:
                self.lags.append(lag)
        elif kind == "start":
            self._try(self.start)
        elif kind in ("pause", "resume", "redo") and self.run is not None:
            getattr(self.run, kind)()
        elif kind == "stop" and self.run is not None:
            # Not in the kernel's own thread, which must go on hearing.
            threading.Thread(target=self.run.stop, daemon=True).start()


def _message(moment: Moment, serial: int) -> dict[str, Any]:
    step = moment.step
    return {
        **moment._asdict(),
        "step": None
        if step is None
        else {
            "kind": step.kind,
            "name": step.name,
            "instruction": step.instruction,
            "aus": dict(step.aus),
        },
        "serial": serial,
        "began": time.time(),
    }


def _short(protocol: Protocol) -> str:
    """The protocol as code, what has its default left out."""
    plain = Protocol()
    changed = {
        name: value for name, value in vars(protocol).items() if value != getattr(plain, name)
    }
    return f"cues.Protocol({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
