"""A scrolling picture of the newest samples, drawn by the browser.

The kernel sends each sample once, as float32; the browser keeps the last seconds and draws them
when it has a frame to spare. A plotly figure would redraw everything each time, and fall behind by
seconds.
"""

from __future__ import annotations

from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from emgnb.widgets.panel import HERE


class LiveView(anywidget.AnyWidget):
    """The last `seconds` of `channels`, one lane each, at `rate` scans a second.

    Scan 0 is written as `origin` seconds.

    `common` draws all lanes at one scale, so that strong and weak channels can be compared;
    otherwise each lane is scaled to what it holds, and its range is written beside it.
    """

    _esm = HERE / "live.js"
    _css = HERE / "live.css"
    channels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    units = traitlets.Unicode().tag(sync=True)
    rate = traitlets.Float(1000.0).tag(sync=True)
    seconds = traitlets.Float(8.0).tag(sync=True)
    origin = traitlets.Float(0.0).tag(sync=True)
    common = traitlets.Bool(False).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.newest = -1

    def push(self, scans: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Show new scans: numbers (n,), values (n, channel). Numbers left out show as gaps."""
        if len(scans) == 0:
            return
        last = int(scans[-1])
        size = int(np.ceil(self.rate * self.seconds))
        shown = (scans > last - size) & (scans <= last)
        first = int(scans[shown].min())
        block = np.full((last - first + 1, values.shape[1]), np.nan, dtype="<f4")
        block[scans[shown] - first] = values[shown]
        self.newest = last
        self.send({"kind": "samples", "first": first}, buffers=[block.tobytes()])

    def mark(self, text: str) -> None:
        """Draw a marker at the newest scan. The recording holds its exact time, this does not."""
        self.send({"kind": "mark", "scan": max(self.newest, 0), "text": text})

    def clear(self) -> None:
        """Forget what was shown, as before a new recording."""
        self.newest = -1
        self.send({"kind": "reset"})
