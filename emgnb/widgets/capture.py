"""Record from a notebook: choose a port, press Start, mark what the person shall do, press Stop.

The recording runs in a process of its own and this is only a window onto it: closing the window,
a busy kernel or a restarted one cost no sample, and the recording goes on until `stop`.
"""

from __future__ import annotations

import html
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from emgnb import acquire
from emgnb.widgets.live import LiveView
from emgnb.widgets.panel import Panel

_FRAME = 0.04  # s between two sends to the browser: what its eye can follow
_HEALTH = 0.5  # s between two health lines


class Capture(Panel):
    """Record with buttons, a live picture and a line that says how the recording is.

    Parameters
    ----------
    port : where the samples come from: ``"COM3"``, ``"/dev/ttyACM0"``, ``"sim://smile?seed=1"``, …
    folder : each recording makes a folder of its own in here
    participant : code of the person; never a name
    cues : one marker button each; any other text can be typed
    seconds : how much the live picture shows
    options : passed on to `emgnb.acquire.start`: session, montage, signal_kind, units, …

    Attributes
    ----------
    recorder : the running `emgnb.acquire.Recorder`, None before the first start
    session : path of the stored session after `stop`, else None
    buttons : Start, Stop and the cues, by their names

    Notes
    -----
    A notebook that runs unattended calls `start`, `mark` and `stop`, which raise what goes wrong;
    the buttons say it in words. A click waits while a cell runs, so keep the kernel free while
    marking by mouse: the marker is stamped when the kernel hears of it.
    """

    def __init__(
        self,
        port: str = "sim://smile?seed=1",
        *,
        folder: str | os.PathLike[str] = "recordings",
        participant: str = "P01",
        cues: Sequence[str] = ("smile", "frown", "surprise", "rest"),
        seconds: float = 8.0,
        **options: Any,
    ) -> None:
        # A refusal below must still leave something that can be closed.
        self._thread: threading.Thread | None = None
        self._unfollow = threading.Event()
        if isinstance(cues, str):
            raise TypeError(f"cues={cues!r} is one text; a list makes a button of each: [{cues!r}]")
        self.folder = Path(folder)
        self.recorder: acquire.Recorder | None = None
        self.session: Path | None = None
        self._options = options
        self._marked = ""
        self._lock = threading.RLock()

        self._port = ipywidgets.Combobox(
            value=str(port),
            options=_ports(str(port)),
            description="port",
            layout={"width": "330px"},
        )
        self._participant = ipywidgets.Text(
            value=str(participant), description="participant", layout={"width": "190px"}
        )
        self._start = ipywidgets.Button(description="Start", icon="circle", button_style="success")
        self._stop = ipywidgets.Button(description="Stop", icon="stop", button_style="danger")
        self._start.on_click(lambda _: self._try(self.start))
        self._stop.on_click(lambda _: self._try(self.stop))
        self._cues = [ipywidgets.Button(description=cue, tooltip=f"mark {cue}") for cue in cues]
        for button in self._cues:
            button.on_click(lambda pressed: self._try(lambda: self.mark(pressed.description)))
        self._typed = ipywidgets.Text(placeholder="another marker", layout={"width": "160px"})
        self._mark = ipywidgets.Button(description="Mark", icon="tag", layout={"width": "90px"})
        self._mark.on_click(lambda _: self._try(self._mark_typed))
        self._line = ipywidgets.HTML()
        self.live = LiveView(seconds=seconds)
        common = ipywidgets.Checkbox(description="one scale for all channels", indent=False)
        ipywidgets.jslink((common, "value"), (self.live, "common"))
        self.buttons = {b.description: b for b in (self._start, self._stop, *self._cues)}
        for box in (self._port, self._participant):
            box.observe(lambda _: self._code_now(), "value")
        super().__init__(
            [
                ipywidgets.HBox([self._port, self._participant, self._start, self._stop]),
                ipywidgets.HBox(
                    [*self._cues, self._typed, self._mark], layout={"flex_flow": "row wrap"}
                ),
                self._line,
                self.live,
                common,
            ],
            label="capture",
        )
        self._show_state()
        self._code_now()

    @property
    def health(self) -> str:
        """What the line above the picture says, as plain text."""
        return html.unescape(re.sub("<[^>]*>", "", self._line.value))

    def start(self) -> None:
        """Start recording.

        Raises
        ------
        RuntimeError : this widget is recording already
        OSError, ValueError : the port cannot be opened; see `emgnb.acquire.start`
        """
        with self._lock:
            self._refuse_second()
            self.error = None
            self._say(f"opening {self._port.value} …")
            self._begin(
                acquire.start(
                    port=self._port.value,
                    folder=self.folder,
                    participant=self._participant.value,
                    **self._options,
                )
            )

    def attach(self, folder: str | os.PathLike[str]) -> None:
        """Watch a recording that runs already, as after a restart of the kernel."""
        with self._lock:
            self._refuse_second()
            self._begin(acquire.attach(folder))

    def mark(self, text: str) -> None:
        """Mark this moment with a text, such as the expression asked for.

        Raises
        ------
        RuntimeError : not recording
        """
        with self._lock:
            if self.recorder is None or not self.recording:
                raise RuntimeError(f"not recording, so {text!r} marks nothing: press Start first")
            self.recorder.mark(text)
            self._marked = text
        self.live.mark(text)
        self._code_now()

    def stop(self) -> Path:
        """Stop recording, and give the path of the stored session.

        Raises
        ------
        RuntimeError : not recording, or the recorder was killed; says what to do
        """
        with self._lock:
            if self.recorder is None or not self.recording:
                raise RuntimeError("not recording: there is nothing to stop")
            self._say("stopping, and writing the session …")
            self._end_view()
            self._show_state()
            self.session = self.recorder.stop()
            self._finished()
            return self.session

    @property
    def recording(self) -> bool:
        """Whether this widget watches a recording that runs."""
        return self._thread is not None

    def close(self) -> None:
        """Take the widget away and end its thread. A recording goes on until `stop` is called."""
        self._end_view()
        super().close()

    def _refuse_second(self) -> None:
        if self.recorder is not None and self.recording:
            raise RuntimeError(f"recording into {self.recorder.folder} already: stop it first")

    def _begin(self, recorder: acquire.Recorder) -> None:
        self.recorder, self.session, self._marked = recorder, None, ""
        follower = acquire.follow(recorder.folder, last=self.live.seconds)
        self._unfollow = threading.Event()
        self._thread = threading.Thread(
            target=self._follow,
            args=(recorder, follower, recorder.health(), self._unfollow),
            name="emgnb capture",
            daemon=True,
        )
        self.live.clear()
        self._thread.start()
        self._show_state()
        self._say("")
        self._code_now()

    def _end_view(self) -> None:
        thread, self._thread = self._thread, None
        self._unfollow.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    def _follow(
        self,
        recorder: acquire.Recorder,
        follower: acquire.Follower,
        health: acquire.Health,
        ended: threading.Event,
    ) -> None:
        """Send new samples and the state to the browser; runs in a thread of its own."""
        begun = max(0.0, health.seconds - self.live.seconds)
        beats = 0
        try:
            while not ended.wait(_FRAME):
                try:
                    if beats % round(_HEALTH / _FRAME) == 0:
                        health = recorder.health()
                        self._show_health(health)
                        if not health.is_alive and not ended.is_set():
                            self._over(health)
                            return
                    scans, values = follower.read()
                    self._lay_out(follower, health, begun)
                    self.live.push(scans, values)
                except Exception as error:
                    self._fail(error)
                    ended.wait(1.0)  # the same again a second later, not 25 times a second
                beats += 1
        finally:
            follower.close()

    def _over(self, health: acquire.Health) -> None:
        """Say that a recording ended by itself, or was stopped from elsewhere."""
        self._thread = None
        assert self.recorder is not None
        try:
            self.session = self.recorder.stop()  # it is over: this only says how it ended
            self._finished()
        except RuntimeError as error:
            self._fail(error)
            self._show_state()

    def _finished(self) -> None:
        self.error = None
        self._show_state()
        self._say(f"recorded: {self.session}")
        self._code_now()

    def _lay_out(self, follower: acquire.Follower, health: acquire.Health, begun: float) -> None:
        rate = health.nominal_rate or health.rate
        if rate and follower.channels and follower.channels != self.live.channels:
            with self.live.hold_sync():
                self.live.rate, self.live.units, self.live.origin = rate, follower.units, begun
                self.live.channels = follower.channels

    def _mark_typed(self) -> None:
        text = self._typed.value.strip()
        if not text:
            raise ValueError("type a text for the marker first")
        self.mark(text)
        self._typed.value = ""

    def _show_state(self) -> None:
        running = self.recording
        for control in (self._start, self._port, self._participant):
            control.disabled = running
        for control in (self._stop, self._mark, self._typed, *self._cues):
            control.disabled = not running
        if self.recorder is None:
            self._line.value = '<div class="emgnb-health">not recording</div>'
        else:
            self._show_health(self.recorder.health())

    def _show_health(self, health: acquire.Health) -> None:
        assert self.recorder is not None
        self._line.value = _health_line(health, self.recorder.folder)

    def _code_now(self) -> None:
        options = "".join(f", {name}={value!r}" for name, value in self._options.items())
        lines = [
            f"rec = acquire.start({self._port.value!r}, folder={str(self.folder)!r}, "
            f"participant={self._participant.value!r}{options})"
        ]
        lines += [f"rec.mark({self._marked!r})"] if self._marked else []
        lines += [f"session = recording.open({str(self.session)!r})"] if self.session else []
        self._show_code("\n".join(lines))


def _ports(chosen: str) -> list[str]:
    """Name what can be recorded from here, the one chosen first."""
    return list(dict.fromkeys([chosen, *(port.url for port in acquire.list_ports())]))


def _health_line(health: acquire.Health, folder: Path) -> str:
    bad = "emgnb-bad"
    parts = [
        f"<b>{html.escape(health.state)}</b>",
        f"{health.seconds:.1f} s",
        "rate …" if health.rate is None else f"{health.rate:.1f} Hz",
        f'<span class="{bad if health.lost else ""}">{health.lost} scans lost</span>',
        f'<span class="{bad if health.crc_errors else ""}">{health.crc_errors} CRC errors</span>',
        f"{health.marks} marks",
        html.escape(str(folder)),
    ]
    clipped = [f"{name} {share:.0%}" for name, share in health.clipping.items() if share > 0.01]
    if clipped:
        parts.append(f'<span class="{bad}">clipping: {html.escape(", ".join(clipped))}</span>')
    if health.message:
        parts.append(f'<span class="{bad}">{html.escape(health.message)}</span>')
    return f'<div class="emgnb-health" role="timer">{" · ".join(parts)}</div>'
