"""Display the newest samples and their spectra live in the browser.

The kernel sends each sample once, as float32. The browser keeps the last seconds and draws them at
its frame rate. A plotly figure would redraw everything each time, with a delay of seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
import xarray as xr
from numpy.typing import NDArray

from emgnb import filters, recording, spectra
from emgnb.filters import Chain
from emgnb.filters.spatial import subtracted
from emgnb.widgets.shared.hello import Hellos
from emgnb.widgets.shared.panel import front, styles

# Duration of signal kept for a reload of the page, and for a longer display (s).
KEPT = 60.0
# Duration of signal in a spectrum, and of one segment (s): low variance, resolution 1 Hz.
SPECTRUM, SEGMENT = 4.0, 1.0


class LiveView(anywidget.AnyWidget):
    """Live display of the last `seconds` of `channels`, one lane each, at `rate` scans per second.

    The time of scan 0 is shown as `origin` seconds.

    `common` draws all lanes on a common scale, to compare strong and weak channels. Otherwise each
    lane is scaled to its range, which is shown next to it. `sweep` overwrites the display from the
    left instead of scrolling. `paused` stops the display.

    Attributes
    ----------
    pairs : {name: (channel, channel to subtract)}, bipolar channels drawn below the others. Pairs
        of unknown channels, or of signals that cannot be subtracted, are not drawn
    hidden : names of lanes that are not drawn; they are still recorded
    lanes : (name, source) of all lanes; the source of a pair is "a − b"
    spectral : whether the spectrum of each lane is drawn next to it
    signal_kind : signal kind of the channels, one for all or one each
    """

    _esm = front("capture/live.js")
    _css = styles("capture/live_view.css")
    channels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    units = traitlets.Unicode().tag(sync=True)
    rate = traitlets.Float(1000.0).tag(sync=True)
    seconds = traitlets.Float(8.0).tag(sync=True)
    origin = traitlets.Float(0.0).tag(sync=True)
    common = traitlets.Bool(False).tag(sync=True)
    sweep = traitlets.Bool(False).tag(sync=True)
    paused = traitlets.Bool(False).tag(sync=True)
    pairs = traitlets.Dict().tag(sync=True)
    hidden = traitlets.List(traitlets.Unicode()).tag(sync=True)
    lanes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    spectral = traitlets.Bool(False).tag(sync=True)
    mains = traitlets.Float(50.0).tag(sync=True)
    signal_kind: Any = traitlets.Any("raw")

    def __init__(self, **traits: Any) -> None:
        self.newest = -1
        self._first = 0
        self._kept: deque[NDArray[np.float32]] = deque()
        self._shown: deque[NDArray[np.float32]] = deque()
        self._subtracts: tuple[list[int], list[int]] = ([], [])
        self._chain: Chain | None = None
        self._filter: Any = None
        # Samples come from a separate thread, requests of a reloaded page from the main thread.
        self._sending = threading.RLock()
        super().__init__(**traits)
        self._hellos = Hellos(lambda content: self.send(content))
        self.on_msg(self._heard)
        self._lay_lanes()
        self.observe(lambda _: self._send_kept(), "seconds")
        self.observe(lambda _: self._lay_lanes(), ["channels", "pairs", "signal_kind"])

    def push(self, scans: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Display new scans: numbers (n,), values (n, channel). Missing numbers become gaps."""
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
        """Return the newest samples without filters, (n, channel); NaN in gaps."""
        return self._latest(self._kept, seconds)

    def _latest(self, kept: deque[NDArray[np.float32]], seconds: float) -> NDArray[np.float32]:
        with self._sending:
            blocks, size = [], self._size(seconds)
            for block in reversed(kept):
                blocks.append(block)
                size -= len(block)
                if size <= 0:
                    break
        if not blocks:
            return np.empty((0, len(self.channels)), dtype=np.float32)
        return np.concatenate(blocks[::-1])[-self._size(seconds) :]

    def mark(self, text: str, *, ago: float = 0.0, name: str | None = None) -> None:
        """Draw a marker `ago` s before the newest scan.

        The position is approximate; the recording stores the exact time. `name` is the name of a
        marker that the browser has already drawn, which is replaced.
        """
        scan = max(self.newest - round(ago * self.rate), 0)
        self.send({"kind": "mark", "scan": scan, "text": text, "id": name, "sure": True})

    def filter(self, chain: Chain | None) -> None:
        """Filter the display with a causal chain, including samples already shown; None for none.

        Raises
        ------
        ValueError : the chain needs the whole recording, or does not suit the rate
        """
        with self._sending:
            if chain is not None and self.channels:
                chain.live(self.rate, len(self.channels))  # raises if the chain is not suitable
            self._chain = chain
            self._send_kept()

    def pair(self, first: str, second: str, *, name: str = "") -> str:
        """Add a bipolar channel to the display: `first` minus `second`. Returns its name.

        Raises
        ------
        ValueError : unknown channel, the same channel twice, a name already in use, or a signal
            that cannot be subtracted, such as an envelope
        """
        name = name or f"{first}-{second}"
        if first == second:
            raise ValueError(f"channel {first!r} twice, expected two different channels")
        if name in (*self.channels, *self.pairs):
            raise ValueError(f"the name {name!r} is already in use: choose another name")
        if self.channels:
            row = self._signal(np.zeros((1, len(self.channels))))
            filters.bipolar(row, {name: (first, second)})
        self.pairs = {**self.pairs, name: [first, second]}
        return name

    def unpair(self, name: str) -> None:
        """Remove a bipolar channel from the display."""
        self.pairs = {each: pair for each, pair in self.pairs.items() if each != name}

    def unmark(self, name: str) -> None:
        """Remove a marker from the display."""
        self.send({"kind": "unmark", "id": name})

    def correct(self, name: str, text: str) -> None:
        """Change the text of a marker in the display."""
        self.send({"kind": "correct", "id": name, "text": text})

    def spectrum(self) -> xr.DataArray | None:
        """Return the spectrum of every lane over the last seconds; None if the signal is too short.

        See `emgnb.spectra.spectrum`. The filters of the preview are applied.
        """
        shown = self._latest(self._shown, SPECTRUM)
        if not len(shown) or shown.shape[1] != len(self.lanes):
            return None
        names = [name for name, _ in self.lanes]
        signal = recording.signal(shown, rate=self.rate, units=self.units, channel=names)
        try:
            return spectra.spectrum(signal, length=SEGMENT)
        except ValueError:
            return None  # too little signal, or too many gaps

    def send_spectrum(self) -> None:
        """Send the spectra of all lanes to the browser, in dB of units²/Hz."""
        found = self.spectrum()
        if found is None:
            return
        with np.errstate(divide="ignore"):
            level = 10 * np.log10(found.transpose("channel", "frequency").values)
        step = float(found["frequency"][1])
        self.send({"kind": "spectrum", "step": step}, buffers=[level.astype("<f4").tobytes()])

    def clear(self) -> None:
        """Clear the display, for example before a new recording."""
        with self._sending:
            self._forget()
            self.newest = -1
            self.send({"kind": "reset"})

    def _forget(self) -> None:
        self._kept.clear()
        self._shown.clear()
        self._filter = None

    def _size(self, seconds: float) -> int:
        return int(np.ceil(self.rate * seconds))

    def _filtered(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the lanes for new samples: channels and pairs, filtered by the preview."""
        first, second = self._subtracts
        block = np.hstack([block, subtracted(block, first, second)]) if first else block
        if self._chain is None:
            return block
        if self._filter is None:
            self._filter = self._chain.live(self.rate, block.shape[1])
        shown: NDArray[np.float32] = self._filter.push(block).astype("<f4")
        return shown

    def _signal(self, values: NDArray[Any]) -> xr.DataArray:
        return recording.signal(
            values,
            rate=self.rate,
            units=self.units,
            channel=list(self.channels),
            signal_kind=self.signal_kind,
        )

    def _lay_lanes(self) -> None:
        """Set the lanes to the channels and the valid pairs, and send all samples again."""
        with self._sending:
            drawn = self._drawable(self.pairs)
            names = list(self.channels)
            first, second = ([names.index(pair[k]) for pair in drawn.values()] for k in (0, 1))
            self._subtracts = first, second
            self._shown.clear()
            self.lanes = [
                *([name, ""] for name in names),
                *([name, f"{a} \u2212 {b}"] for name, (a, b) in drawn.items()),
            ]
            self._send_kept()

    def _drawable(self, pairs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
        kinds = {self.signal_kind} if isinstance(self.signal_kind, str) else {*self.signal_kind}
        return {
            name: (a, b)
            for name, (a, b) in pairs.items()
            if kinds == {"raw"} and {a, b} <= {*self.channels} and name not in self.channels
        }

    def _give(self, first: int, block: NDArray[np.float32]) -> None:
        self._shown.append(block)
        held = sum(map(len, self._shown))
        while held - len(self._shown[0]) >= self._size(SPECTRUM):
            held -= len(self._shown.popleft())
        shown = block[-self._size(self.seconds) :]
        first += len(block) - len(shown)
        self.send({"kind": "samples", "first": first}, buffers=[shown.tobytes()])

    def _send_kept(self) -> None:
        with self._sending:
            self._filter = None
            self._shown.clear()
            if self._kept:
                self.send({"kind": "reset"})
                self._give(self._first, self._filtered(np.concatenate(self._kept)))

    def _heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") == "hello":
            self._hellos.answer(content, self._send_kept)
