"""Map a journal's scans to a uniform time grid, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from emgnb.acquire.wire.board import FASTEST
from emgnb.acquire.wire.clock_fit import Arrivals, ClockFit
from emgnb.acquire.wire.stream import Block, Stream

# Minimum duration (s) for a clock fit to be more accurate than the board's nominal rate.
ENOUGH = 10.0
# Rows written at once.
FILL = 1 << 16
# Limits of a plausible recording: restarts, and rows of a session (seven weeks at 1 kHz).
MOST_SEGMENTS, MOST_ROWS = 100_000, 1 << 32
# Lowest plausible sampling rate (Hz); no sketch is slower.
SLOWEST = 0.1


@dataclass(slots=True)
class Segment:
    """Scans with comparable numbers, from `first` to `last`."""

    first: int
    last: int
    arrivals: Arrivals
    start: int = 0  # row of its first scan in the session

    def rows(self, scans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the session's rows of these scans."""
        return scans - self.first + self.start


@dataclass(slots=True)
class Survey:
    """Result of the first pass over a journal; rate in Hz, times in s."""

    stream: Stream
    segments: dict[int, Segment] = field(default_factory=dict)
    whole_numbers: bool = True
    largest: float = 0.0
    skipped: int = 0
    torn: int = 0
    rate: float = 0.0
    rate_from: str = ""
    fit: ClockFit | None = None
    start_time: float = 0.0  # host time (s) of the session's time 0
    size: int = 0  # rows of the session
    faults: list[str] = field(default_factory=list)  # problems found during the conversion

    def add(self, block: Block) -> None:
        """Add a block of scans.

        Raises
        ------
        ValueError : more restarts than plausible
        """
        for number in np.unique(block.segment).tolist():
            scans = block.scans[block.segment == number]
            if number not in self.segments:
                self.segments[number] = Segment(int(scans[0]), 0, Arrivals())
            self.segments[number].last = int(scans[-1])
        if len(self.segments) > MOST_SEGMENTS:
            raise ValueError(
                f"the board restarted more than {MOST_SEGMENTS} times: this is not a usable "
                "recording"
            )
        for place, at in block.arrivals:
            arrivals = self.segments[int(block.segment[place])].arrivals
            arrivals.add(int(block.scans[place]), at)
        if self.whole_numbers and block.values.dtype.kind == "f":
            self.whole_numbers = bool(np.all(block.values == np.rint(block.values)))
        self.largest = max(self.largest, float(np.nanmax(np.abs(block.values), initial=0)))

    def lay_out(self) -> None:
        """Determine the rate, and place all segments on one grid.

        Raises
        ------
        ValueError : too little data for a time base, or implausible times
        """
        self._choose_rate()
        if not SLOWEST <= self.rate <= FASTEST:
            raise ValueError(
                f"{self.rate:g} scans a second by the {self.rate_from}, expected "
                f"{SLOWEST:g} to {FASTEST:g}: the times in the journal are invalid"
            )
        begin: float | None = None
        end = -1
        for segment in self.segments.values():
            time = segment.arrivals.begin(self.rate, segment.first)
            if begin is None:
                begin = self.start_time = time
            segment.start = max(round((time - begin) * self.rate), end + 1)
            end = segment.start + segment.last - segment.first
        self.size = end + 1
        if self.size > MOST_ROWS:
            raise ValueError(
                "from the first scan to the last it would be "
                f"{self.size / self.rate / 86400:.0f} days at {self.rate:g} Hz: the times "
                "in the journal are invalid"
            )

    def time_of(self, host_time: float) -> tuple[float, float]:
        """Return the session's time of a host time, and its uncertainty, in s."""
        for segment in self.segments.values():
            if not segment.arrivals.near(host_time):
                continue
            local = segment.arrivals.fit(around=host_time)
            if local is None:
                continue
            scan = float(local.scan_at(host_time))
            if segment.first <= scan <= segment.last + 1:
                row = scan - segment.first + segment.start
                return row / self.rate, local.residual_s
        # Outside all segments (before, after, or in a gap), the host's clock is used.
        residual = self.fit.residual_s if self.fit else 0.0
        return host_time - self.start_time, residual

    def _choose_rate(self) -> None:
        nominal = self.stream.nominal_rate
        for segment in self.segments.values():
            segment.arrivals.nominal_rate = nominal
        best = max(self.segments.values(), key=lambda segment: segment.arrivals.seconds)
        self.fit = best.arrivals.fit()
        if self.fit is not None and (self.fit.seconds >= ENOUGH or nominal is None):
            self.rate, self.rate_from = self.fit.rate, "clock fit"
        elif nominal is not None:
            self.rate, self.rate_from = nominal, "nominal"
        else:
            raise ValueError(
                f"{self.stream.counts.scans} scans in one piece, from a board that does "
                "not report its rate: too few to determine the rate. Record longer"
            )


def grid(blocks: Iterable[Block], survey: Survey) -> Iterator[npt.NDArray[np.float32]]:
    """Yield (row, channel) on the session's grid, NaN where no scan was received."""
    row = 0
    for block in blocks:
        rows = np.empty_like(block.scans)
        for number in np.unique(block.segment).tolist():
            here = block.segment == number
            rows[here] = survey.segments[number].rows(block.scans[here])
        # Long gaps, and many short ones, are filled piece by piece: they may last for hours.
        cuts = np.flatnonzero(np.diff(rows // FILL, prepend=row // FILL))
        for at, values in zip(np.split(rows, cuts), np.split(block.values, cuts), strict=True):
            if not at.size:
                continue
            while at[0] - row > FILL:
                yield np.full((FILL, values.shape[1]), np.nan, dtype=np.float32)
                row += FILL
            laid = np.full((int(at[-1]) + 1 - row, values.shape[1]), np.nan, dtype=np.float32)
            laid[at - row] = values
            yield laid
            row = int(at[-1]) + 1
