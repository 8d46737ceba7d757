"""Detect bursts live, in blocks of any size, with the same result as on the whole recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._arrays import Floats
from emgnb.detect import _amplitude
from emgnb.detect._events import Found, around, described, table
from emgnb.detect._intervals import Ints, cut
from emgnb.detect._rest import Rest
from emgnb.detect._scan import LONGEST, Hops
from emgnb.detect._search import search
from emgnb.detect.offline import calibrated


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
    """Create a detector of bursts for samples as they arrive.

    The events equal those of `bursts(whole, rest=calibration)` with the same options, for any block
    sizes. Filter first: `chain.causal(calibration)` here, `chain.live(…)` for the blocks.

    Parameters
    ----------
    calibration : (time, channel) a recording of the same channels, on which rest is measured
    rest : (start, stop) in s of rest in `calibration`; by default all of it that is not a burst
    start : s, time of the first sample to come
    false_alarms, shortest, method, lag : see `bursts`

    Raises
    ------
    TypeError, ValueError : as `bursts`

    Examples
    --------
    >>> from emgnb import detect, filters, recording, simulate
    >>> session = simulate.face(script=[(6.0, "smile", 0.5)], duration=8, seed=1, artefacts=0)
    >>> x = filters.Chain(filters.BandPass(20, 450))(session["emg/signal"])
    >>> detector = detect.live(x.sel(time=slice(0, 5)))
    >>> tables = [detector.push(x[first : first + 100].values) for first in range(5000, 8000, 100)]
    >>> sum(table.sizes["event"] for table in tables) > 0
    True
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
    """Detects bursts in blocks of samples; created by `live`.

    `push` returns completed bursts. `active` returns immediately which channels appear to be in a
    burst. An open burst is kept in memory until it ends.
    """

    def __init__(self, models: list[Rest], like: xr.DataArray, *, start: float) -> None:
        self._like = like
        self._start = start
        self._streams = [_Stream(model) for model in models]

    @property
    def rate(self) -> float:
        """Sampling rate in Hz."""
        return self._streams[0].model.options.rate

    @property
    def channels(self) -> list[str]:
        """Channel names, in the order of a block's columns."""
        return [str(name) for name in self._like["channel"].values]

    @property
    def delay(self) -> float:
        """Maximum time from a burst's end until `push` returns it, in s, if no other burst follows.

        Only then is it certain that the burst has ended. `active` has no such delay.
        """
        return max(one.scan.delay + one.reach for one in self._streams) / self.rate

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """(channel,) whether a window that ends now has the evidence of a burst."""
        return np.array([one.active for one in self._streams])

    def push(self, block: npt.ArrayLike, valid: npt.ArrayLike | None = None) -> xr.Dataset:
        """Add the next rows and return completed bursts.

        Parameters
        ----------
        block : (n, channels), n may be 0; in the unit of the calibration recording; NaN is lost
        valid : (n,) False where a row must not be used

        Returns
        -------
        event table as of `bursts`

        Raises
        ------
        ValueError : wrong number of channels or rows
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
        """Return the bursts that are still open; no more samples may follow."""
        return self._table([one.finish() for one in self._streams])

    def _table(self, found: list[Found]) -> xr.Dataset:
        models = [one.model for one in self._streams]
        return table(found, models, self._like, start=self._start)


class _Stream:
    """One channel: the samples since no burst was open."""

    def __init__(self, model: Rest) -> None:
        self.model = model
        self.scan = model.scan
        self.reach = _amplitude.reach(model.options)
        self._base = 0  # hop of the stream at which the buffers begin
        self._done = 0  # hop up to which all bursts were returned
        self._seen = 0  # hops that were processed
        # Samples include `reach` before that hop, unknown before the first.
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

    def push(self, values: Floats) -> Found:
        self._values = np.concatenate([self._values, values])
        self._extend()
        return self._complete(at_end=False)

    def finish(self) -> Found:
        self._values = np.append(self._values, np.full(self.reach, np.nan))
        self._extend()
        return self._complete(at_end=True)

    def _extend(self) -> None:
        """Sum the hops that are complete."""
        more = self._values[len(self._sums) * self.scan.hop :]
        if len(more) < self.scan.hop + 2 * self.reach:
            return
        options, kind = self.model.options, self.model.kind
        self._sums = np.append(self._sums, _amplitude.hop_sums(more, options, kind))
        if self._counts is not None:
            counts = _amplitude.hop_counts(more, options, kind, self.model.first)
            self._counts = np.append(self._counts, counts)

    def _hops(self) -> Hops:
        return self.model.power(self._sums) if self._counts is None else Hops(self._counts)

    def _complete(self, *, at_end: bool) -> Found:
        """Return bursts of regions that later samples cannot change."""
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

    def _around(self, wanted: Ints, size: int) -> Floats:
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
