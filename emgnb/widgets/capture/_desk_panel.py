"""Panel around a `Desk`: messages next to the controls they concern, and the stored view."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emgnb import acquire
from emgnb.filters import Chain
from emgnb.widgets.capture import _desk, _remember
from emgnb.widgets.capture._examining import Examining, verdict
from emgnb.widgets.capture._watch import Look
from emgnb.widgets.shared.panel import Panel


class DeskPanel(Panel):
    """Panel with the front end of a recording.

    Parameters
    ----------
    made : front end
    folder : folder of the recordings and of the stored view
    given : filter chain to offer in addition to the previews
    pairs : bipolar channels to draw in addition to the stored ones

    Attributes
    ----------
    folder : as given
    live : live display, an `emgnb.widgets.capture._live_view.LiveView`
    """

    _examining: Examining | None = None
    recorder: acquire.Recorder | None = None

    def __init__(
        self,
        made: _desk.Desk,
        folder: Path,
        given: Chain | None,
        pairs: Mapping[str, tuple[str, str]],
    ) -> None:
        self.folder = folder
        self.live = self._desk = made
        self._given = given
        self._lock = threading.RLock()
        super().__init__([made], label="capture")
        made.observe(self._port_chosen, "port")
        made.observe(lambda _: self._try(self._filter, "looks"), ["preview", "channels"])
        self._try(self._recall, "looks")
        made.pairs = {**made.pairs, **{name: [*each] for name, each in pairs.items()}}
        made.observe(lambda _: self._try(self._keep, "looks"), list(_remember.NAMES))

    @property
    def recording(self) -> bool:
        """Whether this widget is connected to a running recording."""
        return False

    def listen(self) -> None:
        """Test the connection without recording; the result is shown when available.

        Raises
        ------
        RuntimeError : recording is in progress
        """
        with self._lock:
            self._need_idle()
            self.quiet()
            port = self._desk.port
            said = [["", f"testing {port} …"]]
            self._desk.verdict = {"state": "listening", "said": said}
            self._examining = Examining(port, self._answer)

    def quiet(self) -> None:
        """Stop the connection test."""
        examining, self._examining = self._examining, None
        if examining is not None:
            examining.stop()
            self._desk.verdict = {}

    def _need_idle(self) -> None:
        if self.recorder is not None and self.recording:
            raise RuntimeError(f"already recording to {self.recorder.folder}: stop it first")

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
        self._desk.marked = [list(each) for each in look.marks]

    def _say(self, text: str, *, error: bool = False, where: str = "bar") -> None:
        """Show a message next to the controls it concerns; see `Desk.said`."""
        self._text = text
        self._desk.said = {"text": text, "error": error, "where": where}

    def _try(self, action: Callable[[], object], where: str = "bar") -> None:
        """Run an action of the browser; show an error next to its control."""
        try:
            action()
        except Exception as error:
            self.error = error
            self._say(str(error) or type(error).__name__, error=True, where=where)
        else:
            if self._desk.said.get("where") == where and self._desk.said.get("error"):
                self._say("")

    def _recall(self) -> None:
        for name, value in _remember.load(self.folder).items():
            setattr(self._desk, name, value)

    def _keep(self) -> None:
        _remember.save(self.folder, self._desk)

    def _look_around(self) -> None:
        """Update the list of ports, and look for a recording that is still running."""
        self._desk.ports = _desk.ports()
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
        if not self.recording and self._desk.montage == _desk.usual_montage(change["old"]):
            self._desk.montage = _desk.usual_montage(change["new"])

    def _answer(self, found: dict[str, Any]) -> None:
        """Show the result of the connection test."""
        self._examining = None
        self._desk.verdict = verdict(found)
        n = len(found.get("channels", ()))
        if n and len(self._desk.montage) != n:
            self._desk.montage = _desk.resized(self._desk.montage, n)

    def _filter(self) -> None:
        name = self._desk.preview
        try:
            chain = _desk.chain(name, self._desk.rate, self._desk.mains)
            self.live.filter(self._given if name == _desk.GIVEN else chain)
        except ValueError:
            self._desk.preview = _desk.AS_RECORDED
            raise
