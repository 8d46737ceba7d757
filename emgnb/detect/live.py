"""Bursts as samples come, in blocks of any size, the same as in the whole recording."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.detect.families import Array
from emgnb.detect.offline import Found, by_hop, calibrated, described, table
from emgnb.detect.rest import Rest, reach
from emgnb.detect.scan import Mask, runs


def live(
    calibration: xr.DataArray,
    *,
    false_alarms: float = 0.5,
    shortest: float = 0.03,
    method: str = "glr",
    lag: float = 0.0,
    rest: tuple[float, float] | None = None,
    start: float = 0.0,
) -> LiveBursts:
    """Make ready to find bursts in samples as they come.

    The events are those of `bursts(whole, rest=calibration)` with the same options, whatever the
    blocks. Filter before: `chain.causal(calibration)` here, `chain.live(…)` on the blocks.

    Parameters
    ----------
    calibration : (time, channel) a recording of the same channels; rest is measured on it
    rest : (start, stop) in s of rest in `calibration`; by default whatever is no burst
    start : s, time of the first sample to come
    false_alarms, shortest, method, lag : see `bursts`

    Raises
    ------
    TypeError, ValueError : as `bursts`
    """
    models = calibrated(
        calibration,
        false_alarms=false_alarms,
        shortest=shortest,
        method=method,
        lag=lag,
        rest=rest,
    )
    return LiveBursts(models, calibration.isel(time=slice(0, 0)), start=start)


class LiveBursts:
    """Finds bursts in blocks of samples; made by `live`.

    `push` gives the bursts that are over; `active` says at once which channels seem to be in one.
    An open burst is kept in memory until it ends.
    """

    def __init__(self, models: list[Rest], like: xr.DataArray, *, start: float) -> None:
        self._like = like
        self._start = start
        self._streams = [_Stream(model) for model in models]

    @property
    def rate(self) -> float:
        """Hz."""
        return self._streams[0].model.options.rate

    @property
    def channels(self) -> list[str]:
        """Names, in the order of a block's columns."""
        return [str(name) for name in self._like["channel"].values]

    @property
    def delay(self) -> float:
        """Seconds from a burst's end until `push` gives it, at most, if no other follows meanwhile.

        Only then is it certain that the burst does not go on; `active` needs no such time.
        """
        return max(one.scan.delay + one.reach for one in self._streams) / self.rate

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """(channel,) whether a window that ends now has the evidence of a burst by itself."""
        return np.array([one.active for one in self._streams])

    def push(self, block: npt.ArrayLike, valid: npt.ArrayLike | None = None) -> xr.Dataset:
        """Take the next rows and give the bursts that are over.

        Parameters
        ----------
        block : (n, channels), n may be 0; in the unit of the calibration recording; NaN is lost
        valid : (n,) False where a row must not be used

        Returns
        -------
        event table as of `bursts`

        Raises
        ------
        ValueError : another number of channels or rows
        """
        rows = np.array(block, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self._streams):
            raise ValueError(
                f"a block of shape {rows.shape}, expected (n, {len(self._streams)}) for the "
                f"channels {', '.join(self.channels)}"
            )
        if valid is not None:
            ok = np.asarray(valid, dtype=bool)
            if ok.shape != (len(rows),):
                raise ValueError(f"valid has shape {ok.shape}, expected ({len(rows)},)")
            rows[~ok] = np.nan
        rows[np.isinf(rows)] = np.nan
        return self._table([one.push(rows[:, i]) for i, one in enumerate(self._streams)])

    def finish(self) -> xr.Dataset:
        """Give the bursts that were still open; nothing more will come."""
        return self._table([one.finish() for one in self._streams])

    def _table(self, found: list[Found]) -> xr.Dataset:
        models = [one.model for one in self._streams]
        return table(found, models, self._like, start=self._start)


class _Stream:
    """One channel: the samples since the last place at which nothing was open."""

    def __init__(self, model: Rest) -> None:
        self.model = model
        self.scan = model.scan
        self.reach = reach(model.options, model.kind)
        self._base = 0  # hop of the stream with which the buffers begin
        self._done = 0  # hop up to which all bursts were given
        self._seen = 0  # hops that were looked at
        self._values = np.empty(0)
        self._sums = np.zeros(1)
        self._ok: Mask = np.empty(0, dtype=bool)

    @property
    def active(self) -> bool:
        hop = self.scan.hop
        n = len(self._ok) // hop
        for width in self.scan.windows:
            if width > n or not self._ok[(n - width) * hop : n * hop].all():
                continue
            total = self._sums[n * hop] - self._sums[(n - width) * hop]
            mean = np.asarray(total / (width * hop))
            if self.scan.evidence(width * hop, mean) >= self.scan.threshold:
                return True
        return False

    def push(self, values: Array) -> Found:
        self._values = np.concatenate([self._values, values])
        self._extend(self._values[max(0, len(self._ok) - self.reach) :])
        return self._complete(at_end=False)

    def finish(self) -> Found:
        missing = np.full(self.reach, np.nan)
        self._extend(np.append(self._values[max(0, len(self._ok) - self.reach) :], missing))
        return self._complete(at_end=True)

    def _extend(self, context: Array) -> None:
        """Normalise what follows the samples that are normalised already."""
        before = min(self.reach, len(self._ok))
        size, ok = self.model.normal(context)
        until = len(size) - self.reach
        if until <= before:
            return
        # From the carried sum on, in order: the sums are those of the whole recording, bit by bit.
        more = np.cumsum(np.append(self._sums[-1], size[before:until]))
        self._sums = np.concatenate([self._sums, more[1:]])
        self._ok = np.concatenate([self._ok, ok[before:until]])

    def _complete(self, *, at_end: bool) -> Found:
        """Bursts of regions that nothing to come can change."""
        scan = self.scan
        n = len(self._ok) // scan.hop
        if self._base + n == self._seen and not at_end:
            return _nothing()
        self._seen = self._base + n
        hops = self._sums[: n * scan.hop + 1 : scan.hop]
        cover = scan.cover(hops, by_hop(self._ok, scan.hop))
        cover[: self._done - self._base] = False
        first, last = runs(cover)
        final = n + 1 if at_end else n - scan.windows[-1] - scan.margin
        closed = last < final
        found = scan.search(self._sums, hops, first[closed], last[closed])
        made = described(self.model, self._values, self._sums, *found)
        shift = self._base * scan.hop
        made = Found(
            made.onset + shift,
            made.apex + shift,
            made.offset + shift,
            made.evidence,
            made.snr,
            made.peak,
        )
        open_from = int(first[~closed][0]) if not closed.all() else final
        self._done = max(self._done, self._base + min(open_from, final))
        self._forget(self._done - scan.windows[-1] - 2 * scan.margin)
        return made

    def _forget(self, hop: int) -> None:
        drop = (hop - self._base) * self.scan.hop
        if drop > 0:
            self._base = hop
            self._values, self._ok = self._values[drop:], self._ok[drop:]
            self._sums = self._sums[drop:]


def _nothing() -> Found:
    where, what = np.empty(0, dtype=np.int64), np.empty(0)
    return Found(where, where, where, what, what, what)
