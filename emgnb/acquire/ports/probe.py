"""Check a port for some seconds without recording: protocol, rate, and some signal.

A board is started as for a recording: wait for its reset, identify it, start it. If no valid data
arrives, other baud rates are tried; that does not reset the board.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb.acquire.clock import host_ns
from emgnb.acquire.ports.handshake import Handshake
from emgnb.acquire.ports.opening import open_port
from emgnb.acquire.ports.port import Port, PortError, with_options
from emgnb.acquire.ports.serial import SerialPort
from emgnb.acquire.wire import dialects
from emgnb.acquire.wire.clock_fit import Arrivals, ClockFit
from emgnb.acquire.wire.stream import Block, Stream

if TYPE_CHECKING:
    import xarray as xr

# Time (s) for: reset and first questions; noise until it is accepted as noise; data at each other
# baud rate; an answer at each other baud rate; the whole probe; bytes sent at another baud rate.
PATIENCE, NOISE, TRY, ANSWER, IN_ALL, SETTLE = 6.0, 1.5, 0.4, 0.5, 11.0, 0.05
# Number of bytes that is too many for a greeting.
BABBLE = 200
# Baud rates of boards that stream by themselves (BAUDS), and of those that wait (ASKED_AT).
BAUDS = (500_000, 115_200, 230_400, 1_000_000, 222_222, 57_600, 9600, 250_000, 38_400)
ASKED_AT = (115_200, 230_400, 500_000, 1_000_000)
# Interval (s) between steps of the handshake, and time (s) in which a board obeys an order to stop.
_STEP, STOPS = 0.1, 0.1


@dataclass(frozen=True)
class ProbeResult:
    """Data received in some seconds.

    Parameters
    ----------
    url : the port's URL, with the baud rate found
    wrong_baud : the baud rate of the original URL if it was wrong, else None
    stream : decoded data: dialect, texts, counts, status, settings of the board
    seconds : from the first scan to the last; without scans, the duration of the probe
    fit : the board's clock relative to the computer's, None with too little data
    late : (n,) delay (s) of the chunks relative to the earliest, sorted
    scans, values : (n,) numbers and (n, channels) counts of the first segment
    complaint : what the board rejected, or what keeps its bytes from arriving, in words; empty if
        nothing
    """

    url: str
    wrong_baud: int | None
    stream: Stream
    seconds: float
    fit: ClockFit | None
    late: npt.NDArray[np.float64]
    scans: npt.NDArray[np.int64] = field(repr=False)
    values: npt.NDArray[Any] = field(repr=False)
    complaint: str = ""

    @property
    def signal(self) -> xr.DataArray | None:
        """Signal (time, channel) at the measured rate, lost scans NaN; None if too short.

        In the unit known for the port, else in counts.
        """
        from emgnb import recording
        from emgnb.acquire.wire.stream import scale_of

        if self.fit is None:
            return None
        rows = self.scans - self.scans[0]
        values = np.full((int(rows[-1]) + 1, self.stream.channels), np.nan, dtype=np.float32)
        units, per_count = scale_of(self.stream)
        values[rows] = self.values * per_count
        names = self.stream.channel_rows()
        return recording.signal(
            values,
            rate=self.fit.rate,
            units=units,
            channel=[row[0] for row in names],
            muscle=[row[1] for row in names],
            side=[row[2] for row in names],
            signal_kind=str(self.stream.device.get("signal_kind", "raw")),
            nominal_rate=self.stream.nominal_rate,
        )


def listen(url: str, *, seconds: float = 5.0) -> ProbeResult:
    """Check a port; nothing is recorded.

    Parameters
    ----------
    url : see `open_port`
    seconds : duration, from the first scan; shortened, but to no less than 2 s, if the board's
        reset or the search for its baud rate would make the total exceed 15 s

    Raises
    ------
    PortError : the port cannot be opened, or is lost meanwhile
    """
    begun = time.monotonic()
    port = open_port(url)
    try:
        probe = Probe(port)
        probe.wait_for_scans(PATIENCE)
        wrong = None
        if (
            not probe.stream.counts.scans
            and not probe.handshake.complaint
            and isinstance(port, SerialPort)
        ):
            was = int(port.describe()["baud"])
            found = _search(port, was, streams=probe.stream.counts.bytes > BABBLE)
            if found is None:
                port.set_baud(was)
            else:
                probe, wrong = found, was
                url = with_options(url, baud=port.describe()["baud"])
        left = max(IN_ALL - (time.monotonic() - begun), 2.0)
        return probe.listen(min(seconds, left), url, wrong)
    finally:
        port.close()


def _search(port: SerialPort, was: int, *, streams: bool) -> Probe | None:
    """Find the baud rate at which the data is valid, by reading or, on a silent port, asking."""
    for baud in BAUDS if streams else ASKED_AT:
        if baud == was:
            continue
        # A port that does not support this baud rate has no board that uses it.
        with contextlib.suppress(PortError):
            port.set_baud(baud)
            time.sleep(SETTLE)
            port.read()  # bytes sent at the previous baud rate
            probe = Probe(port)
            if not streams:
                port.tell(probe.handshake.ask(time.monotonic()))
            probe.wait_for_words(TRY if streams else ANSWER)
            if probe.stream.dialect is not None or probe.handshake.answered:
                probe.wait_for_scans(PATIENCE / 2)
                if probe.stream.counts.scans or probe.handshake.complaint:
                    return probe
    return None


class Probe:
    """Data received from a port at one baud rate.

    Attributes
    ----------
    stream, handshake : the decoded data, and the state of the handshake
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.stream = Stream()
        self.stream.device = port.describe()
        self.begun = time.monotonic()
        self.handshake = Handshake(self.stream, self.begun, listens=port.listens)
        self._scans: list[npt.NDArray[np.int64]] = []
        self._values: list[npt.NDArray[Any]] = []
        self._arrivals = Arrivals()
        self._points: list[tuple[int, float]] = []
        self._next = 0.0

    def hear(self) -> None:
        """Read the port, and send what the handshake requires."""
        data = self.port.read()
        if data:
            self._keep(self.stream.push_raw(data, host_ns(), time.time_ns()))
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _STEP
            self._keep(self.stream.flush())
            self.port.tell(self.handshake.step(now))

    def wait_for_scans(self, patience: float) -> None:
        """Read until a scan arrives, only noise arrives, or `patience` (s) ends."""
        noise_since: float | None = None
        while not self.stream.counts.scans and not self.port.ended and not self.handshake.complaint:
            self.hear()
            now = time.monotonic()
            if self.stream.dialect is None and self.stream.counts.bytes > BABBLE:
                noise_since = noise_since or now
                if now - noise_since > NOISE and not self.handshake.answered:
                    return
            if now - self.begun > patience:
                return

    def wait_for_words(self, seconds: float) -> None:
        """Read until the dialect is known, or for `seconds`; twice as long if little arrived."""
        begin = time.monotonic()
        while self.stream.dialect is None and not self.handshake.answered:
            self.hear()
            patience = seconds * (1 if self.stream.counts.bytes > 5 * BABBLE else 2)
            if time.monotonic() - begin > patience:
                return

    def listen(self, seconds: float, url: str, wrong_baud: int | None) -> ProbeResult:
        """Read for `seconds`, stop the board, and return the result."""
        if self.stream.counts.scans:
            end = time.monotonic() + seconds
            while time.monotonic() < end and not self.port.ended:
                self.hear()
        while order := self.handshake.stop():
            self.port.tell(order)
            before = self.stream.counts.scans
            end = time.monotonic() + STOPS
            while time.monotonic() < end:
                self.port.read()
            self._keep(self.stream.flush())
            if self.stream.counts.scans == before:
                break
        self._keep(self.stream.finish())
        points = self._points
        spans = points[-1][1] - points[0][1] if points else 0.0
        self._arrivals.nominal_rate = self.stream.nominal_rate
        fit = self._arrivals.fit() if spans >= 1 else None
        late = np.array([at - fit.offset - scan / fit.rate for scan, at in points] if fit else [])
        return ProbeResult(
            url=url,
            wrong_baud=wrong_baud,
            stream=self.stream,
            seconds=spans if self.stream.counts.scans else time.monotonic() - self.begun,
            fit=fit,
            late=np.sort(late),
            scans=np.concatenate(self._scans) if self._scans else np.empty(0, np.int64),
            values=np.concatenate(self._values) if self._values else np.empty((0, 0)),
            complaint=self.handshake.complaint or ("" if self._scans else self.port.trouble),
        )

    def _keep(self, blocks: list[Block]) -> None:
        """Keep the scans of the first segment."""
        for block in blocks:
            first = block.segment == 0
            if not first.any():
                continue
            for place, at in block.arrivals:
                if first[place]:
                    self._points.append((int(block.scans[place]), at))
                    self._arrivals.add(*self._points[-1])
            self._scans.append(block.scans[first])
            self._values.append(block.values[first])


def unclear(probed: ProbeResult) -> str:
    """Describe the received bytes that are not scans."""
    return dialects.unclear(probed.stream.undecoded, probed.stream.device.get("baud"))
