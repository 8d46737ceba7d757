"""Bursts as samples come, in blocks of any size, the same as in the whole recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.detect import amplitude
from emgnb.detect.events import Found, around, described, table
from emgnb.detect.families import Array
from emgnb.detect.offline import calibrated
from emgnb.detect.rest import Rest
from emgnb.detect.scan import LONGEST, Hops
from emgnb.detect.search import search
from emgnb.detect.stretches import Ints, cut


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
    models, _ = calibrated(
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
        self.reach = amplitude.reach(model.options)
        self._base = 0  # hop of the stream with which the buffers begin
        self._done = 0  # hop up to which all bursts were given
        self._seen = 0  # hops that were looked at
        # Of the samples also `reach` before that hop; nothing is known before the first.
        self._values = np.full(self.reach, np.nan)
        self._sums = np.empty(0, dtype=np.float32)
        self._counts = None if model.options.method == "glr" else np.empty(0, dtype=np.float32)

    @property
    def active(self) -> bool:
        hops = self._hops().normal(slice(-self.scan.windows[-1], None))
        for width in self.scan.windows:
            n = width * self.scan.hop
            mean = hops[-width:].sum() / n
            if len(hops) >= width and self.scan.evidence(n, mean) >= self.scan.threshold:
                return True
        return False

    def push(self, values: Array) -> Found:
        self._values = np.concatenate([self._values, values])
        self._extend()
        return self._complete(at_end=False)

    def finish(self) -> Found:
        self._values = np.append(self._values, np.full(self.reach, np.nan))
        self._extend()
        return self._complete(at_end=True)

    def _extend(self) -> None:
        """Sum the hops that are whole by now."""
        more = self._values[len(self._sums) * self.scan.hop :]
        if len(more) < self.scan.hop + 2 * self.reach:
            return
        options, kind = self.model.options, self.model.kind
        self._sums = np.append(self._sums, amplitude.hop_sums(more, options, kind))
        if self._counts is not None:
            counts = amplitude.hop_counts(more, options, kind, self.model.first)
            self._counts = np.append(self._counts, counts)

    def _hops(self) -> Hops:
        return self.model.power(self._sums) if self._counts is None else Hops(self._counts)

    def _complete(self, *, at_end: bool) -> Found:
        """Bursts of regions that nothing to come can change."""
        scan, hops, n = self.scan, self._hops(), len(self._sums)
        if self._base + n == self._seen and not at_end:
            return _nothing()
        self._seen = self._base + n
        first, last = scan.regions(hops)
        new = last > self._done - self._base
        first, last = cut(np.maximum(first[new], self._done - self._base), last[new], LONGEST)
        final = n + 1 if at_end else n - scan.windows[-1] - scan.margin
        closed = last < final
        power = hops if self._counts is None else self.model.power(self._sums)
        found = search(scan, hops, power, first[closed], last[closed])
        made = described(self.model, found, self._around(*around(self.model, found)))
        shift = self._base * scan.hop
        made = replace(
            made, onset=made.onset + shift, apex=made.apex + shift, offset=made.offset + shift
        )
        open_from = int(first[~closed][0]) if not closed.all() else final
        self._done = max(self._done, self._base + min(open_from, final))
        self._forget(self._done - scan.windows[-1] - 2 * scan.margin)
        return made

    def _around(self, wanted: Ints, size: int) -> Array:
        known = np.pad(self._values, size, constant_values=np.nan)
        return np.asarray(known[wanted[:, np.newaxis] + np.arange(2 * (size + self.reach))])

    def _forget(self, hop: int) -> None:
        drop = hop - self._base
        if drop > 0:
            self._base = hop
            self._values = self._values[drop * self.scan.hop :]
            self._sums = self._sums[drop:]
            if self._counts is not None:
                self._counts = self._counts[drop:]


def _nothing() -> Found:
    where, what = np.empty(0, dtype=np.int64), np.empty(0)
    return Found(where, where, where, what, what, what)
