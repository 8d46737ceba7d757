"""Listen to a port for some seconds without recording: what it speaks, how fast, and some signal.

A board is waited for as a recording waits: through its reset, asked who it is, told to start. Where
nothing sensible comes, other baud rates are tried; that does not reset the board.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb.acquire import dialects
from emgnb.acquire.clock import Arrivals, ClockFit, host_ns
from emgnb.acquire.ports import Port, PortError, SerialPort, open_port, with_options
from emgnb.acquire.takes import Block, Take
from emgnb.acquire.talk import Talk

if TYPE_CHECKING:
    import xarray as xr

# Seconds: a board may take for its reset and the first questions; noise that stays noise; at each
# other baud rate until something shows, and until an answer comes to a question; in all; and until
# what was sent at another speed is through.
PATIENCE, NOISE, TRY, ANSWER, IN_ALL, SETTLE = 6.0, 1.5, 0.4, 0.5, 11.0, 0.05
# Bytes that are too many to be a greeting.
BABBLE = 200
# Speeds of boards that stream by themselves, and of those that wait to be asked.
BAUDS = (500_000, 115_200, 230_400, 1_000_000, 222_222, 57_600, 9600, 250_000, 38_400)
ASKED_AT = (115_200, 230_400, 500_000, 1_000_000)
_STEP = 0.1


@dataclass(frozen=True)
class Heard:
    """What came in some seconds.

    Parameters
    ----------
    url : the port's name, with the baud rate that was found
    wrong_baud : the one it was opened with, where another had to be found; else None
    take : what was decoded: dialect, texts, counts, status, settings of the board
    seconds : from the first scan to the last; without a scan, how long was listened
    fit : the board's clock against the computer's, None with too little
    late : (n,) s by which chunks came later than the earliest, sorted
    scans, values : (n,) numbers and (n, channels) counts of the first stretch
    complaint : what the board refused, in words; empty when nothing
    """

    url: str
    wrong_baud: int | None
    take: Take
    seconds: float
    fit: ClockFit | None
    late: npt.NDArray[np.float64]
    scans: npt.NDArray[np.int64] = field(repr=False)
    values: npt.NDArray[Any] = field(repr=False)
    complaint: str = ""

    @property
    def signal(self) -> xr.DataArray | None:
        """What came as (time, channel) at the measured rate, lost scans NaN; None when too little.

        In the unit that is known of the port, else counts.
        """
        from emgnb import recording
        from emgnb.acquire.sessions import scale_of

        if self.fit is None:
            return None
        rows = self.scans - self.scans[0]
        values = np.full((int(rows[-1]) + 1, self.take.channels), np.nan, dtype=np.float32)
        units, per_count = scale_of(self.take)
        values[rows] = self.values * per_count
        names = self.take.channel_rows()
        return recording.signal(
            values,
            rate=self.fit.rate,
            units=units,
            channel=[row[0] for row in names],
            muscle=[row[1] for row in names],
            side=[row[2] for row in names],
            signal_kind=str(self.take.device.get("signal_kind", "raw")),
            nominal_rate=self.take.nominal_rate,
        )


def listen(url: str, *, seconds: float = 5.0) -> Heard:
    """Listen to a port; nothing is recorded.

    Parameters
    ----------
    url : see `open_port`
    seconds : how long, from the first scan on; less, but two at least, where the board's reset or
        the search for its baud rate took so long that it were more than 15 s in all

    Raises
    ------
    PortError : it cannot be opened, or is lost meanwhile
    """
    begun = time.monotonic()
    port = open_port(url)
    try:
        ear = Ear(port)
        ear.wait_for_scans(PATIENCE)
        wrong = None
        if not ear.take.counts.scans and not ear.talk.complaint and isinstance(port, SerialPort):
            was = int(port.describe()["baud"])
            found = _search(port, was, streams=ear.take.counts.bytes > BABBLE)
            if found is None:
                port.set_baud(was)
            else:
                ear, wrong = found, was
                url = with_options(url, baud=port.describe()["baud"])
        left = max(IN_ALL - (time.monotonic() - begun), 2.0)
        return ear.listen(min(seconds, left), url, wrong)
    finally:
        port.close()


def _search(port: SerialPort, was: int, *, streams: bool) -> Ear | None:
    """Find the speed at which a board makes sense, by listening or, where it is silent, asking."""
    for baud in BAUDS if streams else ASKED_AT:
        if baud == was:
            continue
        # A port that cannot go so fast has no board that does.
        with contextlib.suppress(PortError):
            port.set_baud(baud)
            time.sleep(SETTLE)
            port.read()  # what was under way at the other speed
            ear = Ear(port)
            if not streams:
                ear.talk.ask()
            ear.wait_for_words(TRY if streams else ANSWER)
            if ear.take.dialect is not None or ear.talk.answered:
                ear.wait_for_scans(PATIENCE / 2)
                if ear.take.counts.scans or ear.talk.complaint:
                    return ear
    return None


class Ear:
    """What has come from a port at one speed.

    Attributes
    ----------
    take, talk : what was decoded, and what was said
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.take = Take()
        self.take.device = port.describe()
        self.talk = Talk(port, self.take)
        self.begun = time.monotonic()
        self._scans: list[npt.NDArray[np.int64]] = []
        self._values: list[npt.NDArray[Any]] = []
        self._arrivals = Arrivals()
        self._points: list[tuple[int, float]] = []
        self._next = 0.0

    def hear(self) -> None:
        """Take what has come, and say what is due."""
        data = self.port.read()
        if data:
            self._keep(self.take.push_raw(data, host_ns(), time.time_ns()))
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _STEP
            self._keep(self.take.flush())
            self.talk.step()

    def wait_for_scans(self, patience: float) -> None:
        """Listen until a scan came, nothing but noise does, or patience ends."""
        noise_since: float | None = None
        while not self.take.counts.scans and not self.port.ended and not self.talk.complaint:
            self.hear()
            now = time.monotonic()
            if self.take.dialect is None and self.take.counts.bytes > BABBLE:
                noise_since = noise_since or now
                if now - noise_since > NOISE and not self.talk.answered:
                    return
            if now - self.begun > patience:
                return

    def wait_for_words(self, seconds: float) -> None:
        """Listen until it is known what is spoken, or for so long; twice that if little came."""
        begin = time.monotonic()
        while self.take.dialect is None and not self.talk.answered:
            self.hear()
            patience = seconds * (1 if self.take.counts.bytes > 5 * BABBLE else 2)
            if time.monotonic() - begin > patience:
                return

    def listen(self, seconds: float, url: str, wrong_baud: int | None) -> Heard:
        """Listen on for so long, let the board be quiet, and sum up."""
        if self.take.counts.scans:
            end = time.monotonic() + seconds
            while time.monotonic() < end and not self.port.ended:
                self.hear()
        while self.talk.stop():
            before = self.take.counts.scans
            for _ in range(10):
                self.port.read()
            self._keep(self.take.flush())
            if self.take.counts.scans == before:
                break
        self._keep(self.take.finish())
        points = self._points
        spans = points[-1][1] - points[0][1] if points else 0.0
        self._arrivals.nominal_rate = self.take.nominal_rate
        fit = self._arrivals.fit() if spans >= 1 else None
        late = np.array([at - fit.offset - scan / fit.rate for scan, at in points] if fit else [])
        return Heard(
            url=url,
            wrong_baud=wrong_baud,
            take=self.take,
            seconds=spans if self.take.counts.scans else time.monotonic() - self.begun,
            fit=fit,
            late=np.sort(late),
            scans=np.concatenate(self._scans) if self._scans else np.empty(0, np.int64),
            values=np.concatenate(self._values) if self._values else np.empty((0, 0)),
            complaint=self.talk.complaint,
        )

    def _keep(self, blocks: list[Block]) -> None:
        """Keep the scans of the first stretch."""
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


def unclear(heard: Heard) -> str:
    """Say what came that is no scan, in words."""
    return dialects.unclear(heard.take.undecoded, heard.take.device.get("baud"))
