"""Read new scans from a growing journal, for live plots."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.acquire.clock import host_ns
from emgnb.acquire.journal import JournalReader, Kind
from emgnb.acquire.wire.stream import Block, Stream

if TYPE_CHECKING:
    import xarray as xr

# Maximum bytes per `read`: half a minute of 8 channels at 1 kHz.
MOST = 1 << 20


class Scans(NamedTuple):
    """Scans read together.

    numbers : (n,) ascending; lost scans and the time without a port leave gaps
    values : (n, channels) in the session's units
    arrivals : (index, host time in s) of the last scan of each chunk from the port
    """

    numbers: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    arrivals: list[tuple[int, float]]


class Follower:
    """Read the scans recorded since the last call.

    Scan numbers count from where following began; lost scans and the time without a port leave gaps
    in them.
    """

    def __init__(self, journal: str | os.PathLike[str], *, last: float | None = None) -> None:
        from emgnb.acquire.wire.converter_span import span_of
        from emgnb.acquire.wire.stream import scale_of

        self._scale_of, self._span_of = scale_of, span_of
        self._span: float | None = None
        self._reader = JournalReader(journal)
        self._take = Stream()
        self._segment = -1
        self._shift = 0
        self._newest: tuple[int, float] | None = None
        self._begun_ns: int | None = None
        if last is not None:
            for record in self._reader.records():
                if record.kind == Kind.SETTINGS:
                    self._take.push(record)
                elif record.kind == Kind.RAW:
                    self._begun_ns = record.mono_ns
                    break
            self._reader.seek_time(host_ns() - int(last * 1e9))

    @property
    def channels(self) -> list[str]:
        """Channel names, empty until the first scan."""
        return [row[0] for row in self._take.channel_rows()]

    @property
    def units(self) -> str:
        """Unit of the values that `read` returns."""
        return self._scale_of(self._take)[0]

    @property
    def signal_kind(self) -> str | list[str]:
        """Sensor output, "raw", "rectified" or "envelope"; one, or one per channel."""
        settings, device = self._take.settings, self._take.device
        kinds: str | list[str] = settings.get("signal_kind") or device.get("signal_kind") or "raw"
        return kinds

    @property
    def span(self) -> float | None:
        """Range of the converter in the unit of `read`, estimated from the samples."""
        return self._span

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the recording; see `acquire.start`."""
        return dict(self._take.settings)

    @property
    def nominal_rate(self) -> float | None:
        """Rate in Hz as reported by the board or requested from it; None if unknown."""
        return self._take.nominal_rate

    @property
    def begun_ns(self) -> int | None:
        """Host clock at which the recording's first bytes arrived, in ns; None before."""
        first = self._take.first_clocks
        return self._begun_ns or (first[0] if first else None)

    @property
    def position(self) -> int:
        """Bytes of the journal read so far."""
        return self._reader.position

    @property
    def ended(self) -> bool:
        """Whether the recording's end was read."""
        return self._take.ended

    def template(self, rate: float) -> xr.DataArray:
        """Return the recording's signal without samples, at a rate in Hz.

        Raises
        ------
        ValueError : settings that no signal can hold
        """
        from emgnb.acquire.record.convert import template

        return template(self._take, rate)

    def read(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the new scans' numbers (n,) and values (n, channels) in the session's units.

        (0, 0) until the number of channels is known. If the journal is far ahead, for example when
        followed from its beginning, about a megabyte is read at a time: call again while scans
        come.
        """
        return self.scans()[:2]

    def scans(self) -> Scans:
        """Return the new scans as `read` does, with the arrival times of their chunks.

        Numbers and arrivals do not depend on how often this is called.
        """
        blocks: list[Block] = []
        begin = self._reader.position
        for record in self._reader.records():
            blocks += self._take.push(record)
            if self._reader.position - begin >= MOST:
                break
        blocks += self._take.flush()
        if not blocks:
            nothing = np.empty((0, self._take.channels), np.float32)
            return Scans(np.empty(0, np.int64), nothing, [])
        numbers = np.concatenate([self._numbers(block) for block in blocks])
        firsts = np.cumsum([0, *(len(block.scans) for block in blocks)]).tolist()
        arrivals = [
            (first + place, at)
            for first, block in zip(firsts, blocks, strict=False)
            for place, at in block.arrivals
        ]
        _, per_count = self._scale_of(self._take)
        came = np.concatenate([block.values for block in blocks])
        if (span := self._span_of(self._take, came)) is not None:
            self._span = max(self._span or 0.0, span)
        return Scans(numbers, came.astype(np.float32) * np.float32(per_count), arrivals)

    def close(self) -> None:
        """Close the journal."""
        self._reader.close()

    def _numbers(self, block: Block) -> npt.NDArray[np.int64]:
        numbers = block.scans.copy()
        for segment in np.unique(block.segment).tolist():
            here = np.flatnonzero(block.segment == segment)
            arrivals = [each for each in block.arrivals if here[0] <= each[0] <= here[-1]]
            if segment != self._segment:
                self._segment = segment
                first = int(block.scans[here[0]])
                place, at = arrivals[0]
                self._shift = self._next(at, int(block.scans[place]) - first) - first
            numbers[here] += self._shift
            place, at = arrivals[-1]
            self._newest = (int(numbers[place]), at)
        return numbers

    def _next(self, at: float, ahead: int) -> int:
        """Return the number of the first scan of a new segment, estimated from the host's clock.

        `at`, `ahead` : arrival (s) of the segment's first chunk, and its last scan from its first
        """
        if self._newest is None:
            return 0
        number, before = self._newest
        passed = round((at - before) * (self._take.nominal_rate or 0.0)) - ahead
        # At least one number is left out, so that the new segment is seen as a gap.
        return number + max(2, passed)


def follow(folder: str | os.PathLike[str], *, last: float | None = None) -> Follower:
    """Follow a recording.

    Parameters
    ----------
    folder : `Recorder.folder`
    last : start this many seconds back; by default at the recording's beginning, and each `read`
        comes closer to the present

    Raises
    ------
    FileNotFoundError : no recording there
    """
    from emgnb.acquire.record.survey import find_journal

    return Follower(find_journal(folder), last=last)
