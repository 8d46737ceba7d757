"""Record from a notebook: choose a port, start, set markers, stop.

The recording runs in a separate process, and the widget only displays it. Closing the widget, a
busy kernel or a restart of the kernel loses no samples. The recording continues until `stop`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emgnb import acquire
from emgnb import cues as protocols
from emgnb.filters import Chain
from emgnb.widgets.capture import _desk
from emgnb.widgets.capture._clocks import BrowserClock
from emgnb.widgets.capture._desk_panel import DeskPanel
from emgnb.widgets.capture._watch import Watch

# Where errors are shown: next to the control of each action.
PLACES = {
    **{"ports": "port", "listen": "port", "quiet": "port"},
    **{"unmark": "marks", "correct": "marks", "pair": "looks", "unpair": "looks"},
}
# Maximum number of marker calls shown in the equivalent code.
CODE = 3


class Capture(DeskPanel):
    """Record with buttons and keys, a live display, and messages about problems.

    Parameters
    ----------
    port : port to record from: ``"COM3"``, ``"/dev/ttyACM0"``, ``"sim://smile?seed=1"``, …
    folder : folder in which each recording creates a subfolder
    participant : participant code, never a name; by default a random one
    session : name of the session (one per electrode placement), an attribute of the stored session
    cues : texts of the marker buttons, the first nine on the keys 1 to 9; other texts can be typed
    seconds : duration of the live display
    consent : consent of the participant: version, date, scope, sharing; an attribute of the session
    montage : initial (channel, muscle, side) of each channel; by default `facs.DEFAULT_MONTAGE`
    preview : filter chain for the display; the recorded signal is not filtered
    pairs : {name: (channel, channel to subtract)}, bipolar channels drawn below the recorded ones
    mains : Hz, 50 or 60, of the notch in the previews
    options : passed to `emgnb.acquire.start`: signal_kind, units, units_per_count, dialect, attrs

    Attributes
    ----------
    recorder : current `emgnb.acquire.Recorder`, None before the first start
    path : path of the stored session after `stop`, otherwise None
    live : live display, an `emgnb.widgets.capture._live_view.LiveView`

    Notes
    -----
    The methods `start`, `mark` and `stop` raise errors, for unattended notebooks; the buttons show
    them as messages. Markers set by button or key are time-stamped by the browser, so their times
    are correct even if the kernel is busy with a cell. The possible offset of the browser's clock
    is measured continuously, and is the uncertainty of the markers.

    A pause stops the display and sets the marker "pause", and "end" when it is over. The recording
    continues, so no samples are lost, and the pause can be excluded later.

    A recording that is still running in `folder`, for example after a restart of the kernel, is
    detected and can be reconnected.

    Hidden channels and bipolar pairs are stored in `folder`.

    Raises
    ------
    TypeError, ValueError : unknown or invalid option; the message lists the options
    """

    def __init__(
        self,
        port: str = "sim://smile?seed=1",
        *,
        folder: str | os.PathLike[str] = "recordings",
        participant: str | None = None,
        session: str = "",
        cues: Sequence[str] = ("smile", "frown", "surprise", "rest"),
        seconds: float = 8.0,
        consent: Mapping[str, str] | None = None,
        montage: Sequence[Sequence[str]] | None = None,
        preview: Chain | None = None,
        pairs: Mapping[str, tuple[str, str]] | None = None,
        mains: float = 50.0,
        **options: Any,
    ) -> None:
        # Set first, so that `close` works even if an error is raised below.
        self._watch: Watch | None = None
        if isinstance(cues, str):
            raise TypeError(f"cues={cues!r}, expected a list with a text per button: [{cues!r}]")
        _desk.check(options, type(self))
        self.path: Path | None = None
        self._options = options
        self._marked: list[str] = []
        self._clock = BrowserClock()
        port = str(port)
        made = _desk.Desk(
            ports=_desk.ports(),
            port=port,
            participant=_desk.code() if participant is None else str(participant),
            session=str(session),
            consent=dict(consent or {}),
            montage=[list(map(str, row)) for row in montage]
            if montage
            else _desk.usual_montage(port),
            sites=_desk.sites(),
            cues=[str(cue) for cue in cues],
            seconds=float(seconds),
            mains=float(mains),
            previews=[*_desk.PREVIEWS, *([_desk.GIVEN] if preview else [])],
            preview=_desk.GIVEN if preview else _desk.AS_RECORDED,
        )
        super().__init__(made, Path(folder), preview, pairs or {})
        self._desk.on_msg(self._heard)
        told = ["port", "participant", "session", "consent", "montage", "lanes", "spectral"]
        self._desk.observe(lambda _: self._code_now(), told)
        self._look_around()
        self._code_now()

    # ---- public methods

    def start(self) -> None:
        """Start recording; a running connection test is stopped.

        No effect while this widget is recording, so that a cell can follow a click.

        Raises
        ------
        OSError, ValueError : the port cannot be opened; see `emgnb.acquire.start`
        """
        with self._lock:
            if self.recording:
                return
            self.error = None
            self.quiet()
            self._say("")
            self._desk.state = "starting"
            try:
                given = _desk.arguments(self._desk, self._options)
                self._begin(acquire.start(self._desk.port, self.folder, **given))
            finally:
                self._show_state()

    def attach(self, folder: str | os.PathLike[str] | None = None) -> None:
        """Connect to a running recording, for example after a restart of the kernel.

        Parameters
        ----------
        folder : folder of the recording; by default the newest in this widget's folder
        """
        with self._lock:
            self._need_idle()
            self._begin(acquire.attach(self.folder if folder is None else folder))
            self._show_state()

    def mark(self, text: str, *, uncertainty: float = 0.0) -> str:
        """Set a marker at the current time, accurate to within `uncertainty` s.

        Returns the name of the marker, for `unmark` and `correct`.

        Raises
        ------
        RuntimeError : not recording
        """
        recorder = self._running(f"start recording before setting the marker {text!r}")
        name = recorder.mark(text, uncertainty=uncertainty)
        self.live.mark(text, name=name)
        self._tell_marked(f"rec.mark({text!r})")
        return name

    def unmark(self, mark: str | None = None) -> None:
        """Withdraw a marker, by default the last; see `acquire.Recorder.unmark`.

        Raises
        ------
        RuntimeError : not recording
        ValueError : no such marker
        """
        recorder = self._settled("remove markers of a finished recording in its session")
        which = _which(recorder, mark)
        wrong = recorder.unmark(mark)
        self.live.unmark(wrong.name)
        self._tell_marked(f"rec.unmark({which})")

    def correct(self, text: str, mark: str | None = None) -> None:
        """Change the text of a marker, by default the last; see `acquire.Recorder.correct`.

        Raises
        ------
        RuntimeError : not recording
        ValueError : no such marker, or empty text
        """
        recorder = self._settled("correct markers of a finished recording in its session")
        which = _which(recorder, mark)
        wrong = recorder.correct(text, mark)
        self.live.correct(wrong.name, text)
        self._tell_marked(f"rec.correct({text!r}{which and ', '}{which})")

    def pause(self) -> None:
        """Pause the display and set the marker "pause"; the recording continues.

        Raises
        ------
        RuntimeError : not recording
        """
        self._running("there is nothing to pause")
        if not self._desk.paused:
            self.mark(protocols.PAUSE)
            self._desk.paused = True

    def resume(self) -> None:
        """Resume after a pause, and set the marker "end".

        Raises
        ------
        RuntimeError : not recording
        """
        self._running("there is nothing to resume")
        if self._desk.paused:
            self._desk.paused = False
            self.mark(protocols.END)

    def stop(self) -> Path:
        """Stop recording, and return the path of the stored session; may be called again.

        Raises
        ------
        RuntimeError : not recording, or the recorder was killed; the message says what to do
        """
        with self._lock:
            if self._watch is None and self.path is not None:
                return self.path
            recorder = self._running("there is nothing to stop")
            self._desk.state = "stopping"
            try:
                self._end_watch()
                self.path = recorder.stop()
            finally:
                self._show_state()
            self._finished()
            return self.path

    @property
    def recording(self) -> bool:
        """Whether this widget is connected to a running recording."""
        return self._watch is not None

    @property
    def health(self) -> str:
        """Status of the recording in one line."""
        return "not recording" if self.recorder is None else str(self.recorder.health())

    def close(self) -> None:
        """Close the widget. A recording continues until `stop` is called."""
        self._end_watch()
        self.quiet()
        super().close()

    # ---- recording

    def _running(self, why: str) -> acquire.Recorder:
        if self.recorder is None or self._watch is None:
            raise RuntimeError(f"not recording: {why}")
        return self.recorder

    def _settled(self, why: str) -> acquire.Recorder:
        """Return the recorder after storing all markers of the browser, which may be concerned."""
        recorder = self._running(why)
        assert self._watch is not None
        self._watch.settle()
        return recorder

    def _begin(self, recorder: acquire.Recorder) -> None:
        self.recorder, self.path, self._marked = recorder, None, []
        self._desk.marked = []
        watch = Watch(
            recorder,
            self.live,
            look=self._show_look,
            over=self._over,
            failed=self._fail,
            clock=self._clock,
        )
        self._watch = watch
        self._desk.paused = False
        self._desk.offer = ""
        self._desk.status, self._desk.troubles = {}, []
        settings = watch.follower.settings
        with self._desk.hold_sync():
            for name in ("port", "participant", "session"):
                setattr(self._desk, name, settings.get(name) or "")
            self._desk.consent = settings.get("attrs", {}).get("consent", {})
            self._desk.montage = settings.get("montage") or _desk.usual_montage(self._desk.port)
        watch.start()
        self._say("")
        self._code_now()

    def _end_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end()

    def _over(self) -> None:
        """Handle a recording that ended by itself or was stopped by another process."""
        self._end_watch()
        assert self.recorder is not None
        try:
            self.path = self.recorder.stop()  # the recording is over; this returns its result
            self._finished()
        except RuntimeError as error:
            self._fail(error)
        self._show_state()

    def _finished(self) -> None:
        self.error = None
        self._say(f"recorded: {self.path}")
        with self._desk.hold_sync():
            self._desk.status = {**self._desk.status, "file": str(self.path), "over": True}
            self._desk.troubles = []
        self._code_now()

    # ---- display

    def _show_state(self) -> None:
        self._desk.state = "recording" if self.recording else "idle"
        if not self.recording:
            self._desk.paused = False

    def _code_now(self) -> None:
        given = _desk.arguments(self._desk, self._options)
        shown = [*(["# …"] if len(self._marked) > CODE else []), *self._marked[-CODE:]]
        self._show_code(_desk.lines_of_code(self._desk, self.folder, given, shown, self.path))

    def _tell_marked(self, line: str) -> None:
        self._marked.append(line)
        if self._watch is not None:
            self._desk.marked = [list(each) for each in self._watch.marks()]
        self._code_now()

    # ---- messages from the browser

    def _heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        kind = content.get("kind")
        if kind == "tock":
            self._clock.exchange(content["sent"], content["at"] / 1000, time.time())
        elif kind == "mark":
            self._try(lambda: self._mark_of_page(content), "marks")
        elif kind == "participant":
            self._desk.participant = _desk.code()
        elif kind in ("start", "stop"):  # in a thread, because these block for seconds
            action: Callable[[], object] = self.start if kind == "start" else self.stop
            threading.Thread(
                target=self._try, args=(action,), name=f"emgnb {kind}", daemon=True
            ).start()
        else:
            asked: dict[Any, Callable[[], object]] = {
                "ports": self._look_around,
                "listen": self.listen,
                "quiet": self.quiet,
                "attach": self.attach,
                "pause": self.pause,
                "resume": self.resume,
                "unmark": lambda: self.unmark(content["mark"]),
                "correct": lambda: self.correct(str(content["text"]).strip(), content["mark"]),
                "pair": lambda: self._desk.pair(str(content["first"]), str(content["second"])),
                "unpair": lambda: self._desk.unpair(str(content["name"])),
            }
            if isinstance(kind, str) and kind in asked:
                self._try(asked[kind], PLACES.get(kind, "bar"))

    def _mark_of_page(self, content: dict[str, Any]) -> None:
        watch, text = self._watch, str(content["text"])
        if watch is None:
            raise RuntimeError(
                f"the marker {text!r} came after the end of the recording: not stored"
            )
        watch.mark(text, float(content["at"]) / 1000, str(content["id"]))
        self._marked.append(f"rec.mark({text!r})")
        self._code_now()


def _which(recorder: acquire.Recorder, mark: str | None) -> str:
    """Return a marker as code, by index, because its name differs in each recording."""
    names = [each.name for each in recorder.marks]
    return f"rec.marks[{names.index(mark)}].name" if mark in names else ""
