"""Record from a notebook: choose a port, press Start, mark what the person shall do, press Stop.

The recording runs in a process of its own and this is only a window onto it: closing the window,
a busy kernel or a restarted one cost no sample, and the recording goes on until `stop`.
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
from emgnb.widgets import desk
from emgnb.widgets.clocks import BrowserClock
from emgnb.widgets.examining import Examining, verdict
from emgnb.widgets.panel import Panel
from emgnb.widgets.watch import Look, Watch


class Capture(Panel):
    """Record with buttons and keys, a live picture, and words for whatever is wrong.

    Parameters
    ----------
    port : where the samples come from: ``"COM3"``, ``"/dev/ttyACM0"``, ``"sim://smile?seed=1"``, …
    folder : each recording makes a folder of its own in here
    participant : code of the person, never a name; by default a random one
    session : which wearing of the electrodes
    cues : one marker button each, the first nine on the keys 1 to 9; any other text can be typed
    seconds : how much the live picture shows
    consent : what the person agreed to: version, date, scope, sharing; an attribute of the session
    montage : (channel, muscle, side) of each channel to begin with; `facs.DEFAULT_MONTAGE`
    preview : a chain to look at the signal through; what is recorded stays as it came
    mains : Hz, 50 or 60, of the notch in the previews
    options : passed on to `emgnb.acquire.start`: signal_kind, units, dialect, attrs, …

    Attributes
    ----------
    recorder : the running `emgnb.acquire.Recorder`, None before the first start
    session : path of the stored session after `stop`, else None
    live : the picture, an `emgnb.widgets.live.LiveView`

    Notes
    -----
    A notebook that runs unattended calls `start`, `mark` and `stop`, which raise what goes wrong;
    the buttons say it in words. A mark by button or key is stamped by the browser when it is
    pressed, so it lies at its moment although the kernel, busy with a cell, hears of it late. How
    far the browser's clock may be off is measured all along, and is the marker's uncertainty.

    A pause holds the picture and marks "pause" and "end"; the recording goes on, so nothing is
    lost, and what happened meanwhile can be left out later.

    A recording that still runs in `folder`, as after a restart of the kernel, is found and offered.
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
        mains: float = 50.0,
        **options: Any,
    ) -> None:
        # A refusal below must still leave something that can be closed.
        self._watch: Watch | None = None
        self._examining: Examining | None = None
        if isinstance(cues, str):
            raise TypeError(f"cues={cues!r} is one text; a list makes a button of each: [{cues!r}]")
        self.folder = Path(folder)
        self.recorder: acquire.Recorder | None = None
        self.session: Path | None = None
        self._options = options
        self._given, self._mains = preview, mains
        self._marked = ""
        self._lock = threading.RLock()
        self._clock = BrowserClock()
        port = str(port)
        self.live = self._desk = desk.Desk(
            ports=desk.ports(),
            port=port,
            participant=desk.code() if participant is None else str(participant),
            session=str(session),
            consent=dict(consent or {}),
            montage=[list(map(str, row)) for row in montage]
            if montage
            else desk.usual_montage(port),
            sites=desk.sites(),
            cues=[str(cue) for cue in cues],
            seconds=float(seconds),
            previews=[*desk.PREVIEWS, *([desk.GIVEN] if preview else [])],
            preview=desk.GIVEN if preview else desk.AS_RECORDED,
        )
        super().__init__([self._desk], label="capture")
        self._desk.on_msg(self._heard)
        self._desk.observe(self._port_chosen, "port")
        self._desk.observe(lambda _: self._try(self._filter), ["preview", "channels"])
        told = ["port", "participant", "session", "consent", "montage"]
        self._desk.observe(lambda _: self._code_now(), told)
        self._look_around()
        self._code_now()

    # ---- what a notebook calls

    def start(self) -> None:
        """Start recording; ends listening to the port.

        Raises
        ------
        RuntimeError : this widget is recording already
        OSError, ValueError : the port cannot be opened; see `emgnb.acquire.start`
        """
        with self._lock:
            self._refuse_second()
            self.error = None
            self.quiet()
            self._say("")
            self._desk.state = "starting"
            try:
                self._begin(acquire.start(self._desk.port, self.folder, **self._arguments()))
            finally:
                self._show_state()

    def attach(self, folder: str | os.PathLike[str] | None = None) -> None:
        """Watch a recording that runs already, as after a restart of the kernel.

        Parameters
        ----------
        folder : the recording's own; by default the newest in this widget's folder
        """
        with self._lock:
            self._refuse_second()
            self._begin(acquire.attach(self.folder if folder is None else folder))
            self._show_state()

    def mark(self, text: str, *, uncertainty: float = 0.0) -> None:
        """Mark this moment, known to within `uncertainty` s, with a text such as an expression.

        Raises
        ------
        RuntimeError : not recording
        """
        recorder = self._running(f"so {text!r} marks nothing: press Start first")
        recorder.mark(text, uncertainty=uncertainty)
        self._marked = text
        self.live.mark(text)
        self._code_now()

    def pause(self) -> None:
        """Hold the picture and mark "pause"; the recording goes on.

        Raises
        ------
        RuntimeError : not recording
        """
        self._running("so there is nothing to pause")
        if not self._desk.paused:
            self.mark(protocols.PAUSE)
            self._desk.paused = True

    def resume(self) -> None:
        """Go on after a pause, and mark its end.

        Raises
        ------
        RuntimeError : not recording
        """
        self._running("so there is nothing to go on with")
        if self._desk.paused:
            self._desk.paused = False
            self.mark(protocols.END)

    def stop(self) -> Path:
        """Stop recording, and give the path of the stored session.

        Raises
        ------
        RuntimeError : not recording, or the recorder was killed; says what to do
        """
        with self._lock:
            recorder = self._running("there is nothing to stop")
            self._desk.state = "stopping"
            try:
                self._end_watch()
                self.session = recorder.stop()
            finally:
                self._show_state()
            self._finished()
            return self.session

    def listen(self) -> None:
        """Hear what the port says, without recording; the verdict is shown when it is there.

        Raises
        ------
        RuntimeError : recording
        """
        with self._lock:
            self._refuse_second()
            self.quiet()
            port = self._desk.port
            said = [["", f"listening to {port} …"]]
            self._desk.verdict = {"state": "listening", "said": said}
            self._examining = Examining(port, self._answer)

    def quiet(self) -> None:
        """End listening."""
        examining, self._examining = self._examining, None
        if examining is not None:
            examining.stop()
            self._desk.verdict = {}

    @property
    def recording(self) -> bool:
        """Whether this widget watches a recording that runs."""
        return self._watch is not None

    @property
    def health(self) -> str:
        """How the recording is doing, in a line."""
        return "not recording" if self.recorder is None else str(self.recorder.health())

    def close(self) -> None:
        """Take the widget away and end its thread. A recording goes on until `stop` is called."""
        self._end_watch()
        self.quiet()
        super().close()

    # ---- a recording

    def _running(self, why: str) -> acquire.Recorder:
        if self.recorder is None or self._watch is None:
            raise RuntimeError(f"not recording: {why}")
        return self.recorder

    def _refuse_second(self) -> None:
        if self.recorder is not None and self.recording:
            raise RuntimeError(f"recording into {self.recorder.folder} already: stop it first")

    def _arguments(self) -> dict[str, Any]:
        """What `acquire.start` is told beside port and folder; the usual is left out."""
        attrs = {**self._options.get("attrs", {})}
        if self._desk.consent:
            attrs["consent"] = dict(self._desk.consent)
        found = {
            "participant": self._desk.participant,
            "session": self._desk.session,
            **self._options,
        }
        # The simulated face wears these electrodes and says so itself.
        port, montage = self._desk.port, self._desk.montage
        if not (port.startswith("sim:") and montage == desk.usual_montage(port)):
            found["montage"] = [tuple(row) for row in montage]
        return {name: value for name, value in {**found, "attrs": attrs}.items() if value}

    def _begin(self, recorder: acquire.Recorder) -> None:
        self.recorder, self.session, self._marked = recorder, None, ""
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
            self._desk.montage = settings.get("montage") or desk.usual_montage(self._desk.port)
        watch.start()
        self._say("")
        self._code_now()

    def _end_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end()

    def _over(self) -> None:
        """Say that a recording ended by itself, or was stopped from elsewhere."""
        self._end_watch()
        assert self.recorder is not None
        try:
            self.session = self.recorder.stop()  # it is over: this only says how it ended
            self._finished()
        except RuntimeError as error:
            self._fail(error)
        self._show_state()

    def _finished(self) -> None:
        self.error = None
        self._say(f"recorded: {self.session}")
        with self._desk.hold_sync():
            self._desk.status = {**self._desk.status, "file": str(self.session), "over": True}
            self._desk.troubles = []
        self._code_now()

    # ---- what the page shows

    def _show_state(self) -> None:
        self._desk.state = "recording" if self.recording else "idle"
        if not self.recording:
            self._desk.paused = False

    def _show_look(self, look: Look) -> None:
        assert self.recorder is not None
        self._desk.status = {
            "seconds": look.health.seconds,
            "rate": look.health.rate,
            "marks": look.health.marks,
            "file": str(self.recorder.folder),
            "bytes": look.size,
            "free": look.free,
        }
        self._desk.troubles = [each._asdict() for each in look.troubles]

    def _look_around(self) -> None:
        """Look for ports, and for a recording that somebody left running here."""
        self._desk.ports = desk.ports()
        self._desk.offer = ""
        try:
            found = acquire.attach(self.folder)
            health = found.health()
        except FileNotFoundError:
            return
        if health.is_alive and not self.recording:
            self._desk.offer = f"{found.folder.name}, {health.seconds:.0f} s from {health.port}"

    def _port_chosen(self, change: Any) -> None:
        self._desk.verdict = {}
        if not self.recording and self._desk.montage == desk.usual_montage(change["old"]):
            self._desk.montage = desk.usual_montage(change["new"])

    def _answer(self, found: dict[str, Any]) -> None:
        """Show what the doctor says of the port."""
        self._examining = None
        self._desk.verdict = verdict(found)
        n = len(found.get("channels", ()))
        if n and len(self._desk.montage) != n:
            self._desk.montage = desk.resized(self._desk.montage, n)

    def _filter(self) -> None:
        name = self._desk.preview
        try:
            chain = desk.chain(name, self._desk.rate, self._mains)
            self.live.filter(self._given if name == desk.GIVEN else chain)
        except ValueError:
            self._desk.preview = desk.AS_RECORDED
            raise

    def _code_now(self) -> None:
        options = "".join(f", {name}={value!r}" for name, value in self._arguments().items())
        lines = [
            f"rec = acquire.start({self._desk.port!r}, folder={str(self.folder)!r}{options})",
            *([f"rec.mark({self._marked!r})"] if self._marked else []),
            *([f"session = recording.open({str(self.session)!r})"] if self.session else []),
        ]
        self._show_code("\n".join(lines))

    # ---- what the page asks for

    def _heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        kind = content.get("kind")
        if kind == "tock":
            self._clock.exchange(content["sent"], content["at"] / 1000, time.time())
        elif kind == "mark":
            self._try(lambda: self._mark_of_page(content))
        elif kind == "participant":
            self._desk.participant = desk.code()
        elif kind in ("start", "stop"):  # these take seconds, and the kernel is needed meanwhile
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
            }
            if kind in asked:
                self._try(asked[kind])

    def _mark_of_page(self, content: dict[str, Any]) -> None:
        watch, text = self._watch, str(content["text"])
        if watch is None:
            raise RuntimeError(f"{text!r} came after the end of the recording and is not in it")
        watch.mark(text, float(content["at"]) / 1000, str(content["id"]))
        self._marked = text
        self._code_now()
