"""Look at a recording while it is made: new scans from the journal's tail, for live plots."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.acquire.clock import host_ns
from emgnb.acquire.journal import JournalReader, Kind
from emgnb.acquire.takes import Block, Take

# Bytes of the journal that one `read` goes through: half a minute of 8 channels at 1 kHz.
MOST = 1 << 20


class Follower:
    """Give the scans that were recorded since the last look.

    Numbers count scans from where following began; what was lost leaves a hole in them, and so
    does the time without a port.
    """

    def __init__(self, journal: str | os.PathLike[str], *, last: float | None = None) -> None:
        from emgnb.acquire.sessions import scale_of

        self._scale_of = scale_of
        self._reader = JournalReader(journal)
        self._take = Take()
        self._segment = -1
        self._shift = 0
        self._newest: tuple[int, float] | None = None
        if last is not None:
            for record in self._reader.records():
                if record.kind == Kind.SETTINGS:
                    self._take.push(record)
                    break
            self._reader.seek_time(host_ns() - int(last * 1e9))

    @property
    def channels(self) -> list[str]:
        """Channel names, empty until the first scan."""
        return [row[0] for row in self._take.channel_rows()]

    @property
    def units(self) -> str:
        """Unit of what `read` gives."""
        return self._scale_of(self._take)[0]

    @property
    def signal_kind(self) -> str | list[str]:
        """What the sensors give, "raw", "rectified" or "envelope"; one, or one a channel."""
        settings, device = self._take.settings, self._take.device
        kinds: str | list[str] = settings.get("signal_kind") or device.get("signal_kind") or "raw"
        return kinds

    @property
    def settings(self) -> dict[str, Any]:
        """What the recording was started with; see `acquire.start`."""
        return dict(self._take.settings)

    def read(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the new scans' numbers (n,) and values (n, channels) in the session's units.

        (0, 0) until the number of channels is known. Of a journal that is far ahead, such as one
        followed from its beginning, about a megabyte at a time: read on while scans come.
        """
        blocks: list[Block] = []
        begin = self._reader.position
        for record in self._reader.records():
            blocks += self._take.push(record)
            if self._reader.position - begin >= MOST:
                break
        blocks += self._take.flush()
        scans = [self._numbers(block) for block in blocks]
        if not scans:
            return np.empty(0, np.int64), np.empty((0, self._take.channels), np.float32)
        _, per_count = self._scale_of(self._take)
        values = np.concatenate([block.values for block in blocks]).astype(np.float32)
        return np.concatenate(scans), values * np.float32(per_count)

    def close(self) -> None:
        """Close the journal."""
        self._reader.close()

    def _numbers(self, block: Block) -> npt.NDArray[np.int64]:
        numbers = block.scans.copy()
        at = block.arrivals[-1][1] if block.arrivals else None
        for segment in np.unique(block.segment).tolist():
            here = block.segment == segment
            if segment != self._segment:
                self._segment = segment
                self._shift = self._next(at) - int(block.scans[here][0])
            numbers[here] += self._shift
        if at is not None:
            self._newest = (int(numbers[-1]), at)
        return numbers

    def _next(self, at: float | None) -> int:
        """Return the number for the first scan of a new segment: by the host's clock, roughly."""
        if self._newest is None:
            return 0
        number, before = self._newest
        rate = self._take.nominal_rate or 0.0
        return number + max(1, round(((at or before) - before) * rate))


def follow(folder: str | os.PathLike[str], *, last: float | None = None) -> Follower:
    """Follow a recording.

    Parameters
    ----------
    folder : `Recorder.folder`
    last : begin so many seconds back; by default at the recording's beginning, and `read` comes
        nearer to the present each time

    Raises
    ------
    FileNotFoundError : no recording there
    """
    from emgnb.acquire.sessions import find_journal

    return Follower(find_journal(folder), last=last)
