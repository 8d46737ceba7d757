"""A scrolling picture of the newest samples, drawn by the browser.

The kernel sends each sample once, as float32; the browser keeps the last seconds and draws them
when it has a frame to spare. A plotly figure would redraw everything each time, and fall behind by
seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from emgnb.filters import Chain
from emgnb.widgets.panel import joined

# Seconds kept for a page that is loaded anew, and for a longer picture.
KEPT = 60.0


class LiveView(anywidget.AnyWidget):
    """The last `seconds` of `channels`, one lane each, at `rate` scans a second.

    Scan 0 is written as `origin` seconds.

    `common` draws all lanes at one scale, so that strong and weak channels can be compared;
    otherwise each lane is scaled to what it holds, and its range is written beside it. `sweep`
    writes over the picture from the left instead of scrolling it; `paused` holds it.
    """

    _esm = (
        joined("dom.js", "live.js")
        + "\nexport default { render: ({ model, el }) => liveViewOf(model, el).close };"
    )
    _css = joined("live.css")
    channels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    units = traitlets.Unicode().tag(sync=True)
    rate = traitlets.Float(1000.0).tag(sync=True)
    seconds = traitlets.Float(8.0).tag(sync=True)
    origin = traitlets.Float(0.0).tag(sync=True)
    common = traitlets.Bool(False).tag(sync=True)
    sweep = traitlets.Bool(False).tag(sync=True)
    paused = traitlets.Bool(False).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self.newest = -1
        self._first = 0
        self._kept: deque[NDArray[np.float32]] = deque()
        self._chain: Chain | None = None
        self._filter: Any = None
        # Samples come from a thread, a page that is loaded anew from the kernel's.
        self._sending = threading.RLock()
        super().__init__(**traits)
        self.on_msg(self._heard)
        self.observe(lambda _: self._send_kept(), "seconds")

    def push(self, scans: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Show new scans: numbers (n,), values (n, channel). Numbers left out show as gaps."""
        if len(scans) == 0:
            return
        with self._sending:
            last = int(scans[-1])
            first = max(int(scans.min()), last + 1 - self._size(KEPT))
            if self._kept and first <= self.newest:
                first = self.newest + 1
            if self._kept and first - self.newest > self._size(KEPT):
                self._forget()
            if self._kept:
                first = self.newest + 1
            else:
                self._first = first
            shown = (scans >= first) & (scans <= last)
            block = np.full((last - first + 1, values.shape[1]), np.nan, dtype="<f4")
            block[scans[shown] - first] = values[shown]
            self._kept.append(block)
            self.newest = last
            while self.newest + 1 - self._first - len(self._kept[0]) > self._size(KEPT):
                self._first += len(self._kept.popleft())
            self._give(first, self._filtered(block))

    def recent(self, seconds: float) -> NDArray[np.float32]:
        """Return the newest samples as they came, (n, channel); NaN in gaps."""
        with self._sending:
            blocks, size = [], self._size(seconds)
            for block in reversed(self._kept):
                blocks.append(block)
                size -= len(block)
                if size <= 0:
                    break
        if not blocks:
            return np.empty((0, len(self.channels)), dtype=np.float32)
        return np.concatenate(blocks[::-1])[-self._size(seconds) :]

    def mark(self, text: str, *, ago: float = 0.0, name: str | None = None) -> None:
        """Draw a mark where the signal was `ago` s before its newest scan.

        The recording holds its exact time, this does not. `name` is that of a mark which the
        browser drew by itself, to be replaced.
        """
        scan = max(self.newest - round(ago * self.rate), 0)
        self.send({"kind": "mark", "scan": scan, "text": text, "id": name, "sure": True})

    def filter(self, chain: Chain | None) -> None:
        """Show samples through a causal chain from now on, those already shown too; None: as is.

        Raises
        ------
        ValueError : the chain needs the whole recording, or does not suit the rate
        """
        with self._sending:
            if chain is not None and self.channels:
                chain.live(self.rate, len(self.channels))  # what it cannot do is said here
            self._chain = chain
            self._send_kept()

    def clear(self) -> None:
        """Forget what was shown, as before a new recording."""
        with self._sending:
            self._forget()
            self.newest = -1
            self.send({"kind": "reset"})

    def _forget(self) -> None:
        self._kept.clear()
        self._filter = None

    def _size(self, seconds: float) -> int:
        return int(np.ceil(self.rate * seconds))

    def _filtered(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._chain is None:
            return block
        if self._filter is None:
            self._filter = self._chain.live(self.rate, block.shape[1])
        shown: NDArray[np.float32] = self._filter.push(block).astype("<f4")
        return shown

    def _give(self, first: int, block: NDArray[np.float32]) -> None:
        shown = block[-self._size(self.seconds) :]
        first += len(block) - len(shown)
        self.send({"kind": "samples", "first": first}, buffers=[shown.tobytes()])

    def _send_kept(self) -> None:
        with self._sending:
            self._filter = None
            if self._kept:
                self.send({"kind": "reset"})
                self._give(self._first, self._filtered(np.concatenate(self._kept)))

    def _heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") == "hello":
            self._send_kept()
