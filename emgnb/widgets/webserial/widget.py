"""Connect a board at the browser to a kernel on another computer, by Web Serial.

Chrome and Edge can open a serial port without any installation. The widget sends the board's bytes
to the kernel, where `acquire.start` records them like those of any other port.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from emgnb.acquire.ports.bridge import Bridge
from emgnb.acquire.ports.serial import BAUD
from emgnb.widgets.shared.panel import HERE, Panel, front


class _Front(anywidget.AnyWidget):
    _esm = front("webserial/webserial.js")
    _css = HERE / "webserial" / "webserial.css"
    name = traitlets.Unicode().tag(sync=True)
    baud = traitlets.Int().tag(sync=True)


class WebSerial(Panel):
    """Record from a board that is plugged into the computer with the browser.

    Parameters
    ----------
    name : name of the port, for several boards in one page; letters, digits, - and _
    baud : baud rate (bits per second) of the board; emgnb's firmware has 500 000

    Attributes
    ----------
    port : the port to record from, ``"webserial://board"``

    Raises
    ------
    PortError : the name has other characters
    ValueError : `baud` is not a positive number

    Notes
    -----
    The page buffers up to 32 MB that the recorder has not acknowledged, 20 minutes of 8 channels at
    1 kHz. A network that is down, a busy kernel or a restarted kernel therefore loses nothing, as
    long as the page stays open. Reloading the page loses what its buffer holds and what the board
    sends until the page is back; Arduinos also restart when their port is opened. Lost samples are
    NaN in the session, as after an unplugged cable.
    """

    def __init__(self, name: str = "board", *, baud: int = BAUD) -> None:
        self._bridge: Bridge | None = None
        if baud <= 0:
            raise ValueError(f"baud={baud!r}, expected bits per second, such as {BAUD}")
        self._front = _Front(name=name, baud=baud)
        self._bridge = Bridge(name, self._to_page)
        self._front.on_msg(self._heard)
        super().__init__([self._front], label="board at the browser")
        self.port = self._bridge.url
        self._show_code(f"acquire.start({self.port!r})")

    @property
    def connected(self) -> bool:
        """Whether a board is connected in the page."""
        return self._bridge is not None and self._bridge.connected

    def close(self) -> None:
        """Close the widget. A recording continues, and the next widget of this name resumes it."""
        if self._bridge is not None:
            self._bridge.close()
        super().close()

    def _to_page(self, content: dict[str, Any], body: bytes) -> None:
        self._front.send(content, buffers=[body] if body else [])

    def _heard(self, _: Any, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        if self._bridge is not None:
            self._bridge.from_page(content, bytes(buffers[0]) if buffers else b"")
