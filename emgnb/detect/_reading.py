"""Read a recording in parts, all channels at once, and keep hop sums and sample pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.detect import _amplitude
from emgnb.detect._amplitude import Options, Reals
from emgnb.detect._intervals import Ints

T = TypeVar("T")
# Approximate length of a piece in samples, and number of pieces per channel: enough for a quantile.
# Envelopes, with correlated samples, need more for their scatter.
PIECE = 256
PIECES = 1024
OF_ENVELOPE = 4096


@dataclass(frozen=True)
class Kept:
    """Data kept of one channel.

    Parameters
    ----------
    sums : (hop,) strength
    at : (piece,) first hop of each piece, even
    pieces : (piece, sample) samples, with `reach` more than their hops at both ends
    """

    sums: npt.NDArray[np.float32]
    at: Ints
    pieces: Reals


@dataclass(frozen=True)
class Recording:
    """A signal, and the options of the search.

    Parameters
    ----------
    x : (time, channel) in memory, lazily opened, or of dask arrays
    """

    x: xr.DataArray
    options: Options

    @property
    def kinds(self) -> list[str]:
        """Signal kind of each channel."""
        return [str(kind) for kind in self.x["signal_kind"].values]

    def kept(self) -> list[Kept]:
        """Return hop sums, and evenly spaced pieces of samples; one pass."""
        hop, n = self.options.hop, self.x.sizes["time"]
        # Even, because rest is measured on pairs of hops; short recordings have shorter pieces.
        per = 2 * max(1, min(-(-PIECE // (2 * hop)), n // (16 * hop)))
        most = OF_ENVELOPE if "envelope" in self.kinds else PIECES
        spacing = per * max(1, -(-n // (hop * per * most)))
        made = self._over(_kept, _amplitude.reach(self.options), per, spacing)
        sums, at, pieces = (
            np.concatenate(each, axis=-2 if k == 2 else -1)
            for k, each in enumerate(zip(*made, strict=True))
        )
        return [Kept(*one) for one in zip(sums, [at] * len(sums), pieces, strict=True)]

    def counts(self, first: Sequence[float]) -> list[Reals]:
        """Count samples above each channel's first threshold in each hop; one pass."""
        made = self._over(_counts, _amplitude.reach(self.options), list(first))
        return list(np.concatenate(made, axis=1))

    def around(self, wanted: Sequence[Ints], size: int) -> list[Reals]:
        """Return the samples within `size` plus `reach` of each requested one.

        Parameters
        ----------
        wanted : indices per channel, in any order

        Returns
        -------
        per channel (wanted, 2 · size + 2 · reach), NaN outside the recording
        """
        margin = size + _amplitude.reach(self.options)
        all_of_them = np.concatenate(wanted)
        parts = [
            part
            for part in self._parts()
            if np.any((all_of_them >= part[0]) & (all_of_them < _stop(part[1], self._n)))
        ]
        width = 2 * margin
        made = self._over(_around, margin, list(wanted), width, parts=parts)
        found = []
        for i, each in enumerate(wanted):
            # Results come part by part, in the requested order within a part.
            part = np.minimum(each // self._size, (self._n - 1) // self._size)
            rows = np.empty((len(each), width), dtype=made[0][i].dtype if made else np.float64)
            for at, some in zip(parts, (one[i] for one in made), strict=True):
                rows[part == at[0] // self._size] = some
            found.append(rows)
        return found

    @property
    def _n(self) -> int:
        return int(self.x.sizes["time"])

    @property
    def _size(self) -> int:
        """Rows of a part: whole pairs of hops."""
        pair = 2 * self.options.hop
        return max(1, round(recording.PART * self.options.rate / pair)) * pair

    def _parts(self) -> list[tuple[int, int]]:
        return list(recording.bounds(self._n, self._size)) or [(0, 0)]

    def _over(
        self,
        function: Callable[..., T],
        margin: int,
        *args: Any,
        parts: list[tuple[int, int]] | None = None,
    ) -> list[T]:
        """Call `function(part, options, kinds, *args)` for each part, in order."""
        reads = [
            (max(a - margin, 0), min(b + margin, self._n))
            for a, b in (self._parts() if parts is None else parts)
        ]
        given = (function, margin, self._size, self._n, self.options, self.kinds, args)
        # Drop time, which is not needed and would be computed for all rows.
        return recording.over_rows(_in_part, self.x.drop_vars("time"), reads, *given)


@dataclass(frozen=True)
class _Part:
    """Some rows of a recording, with a margin on both sides.

    Parameters
    ----------
    first, stop : the first index of this part and of the next; end positions may equal n
    values : (channel, sample) NaN where unknown or outside the recording
    """

    first: int
    stop: int
    values: Reals


def _stop(last: int, n: int) -> int:
    return last + 1 if last == n else last


def _columns(rows: xr.DataArray) -> Reals:
    """Return samples (channel, time), NaN where lost or invalid."""
    values = np.asarray(rows.transpose("channel", "time").values)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    values = np.ascontiguousarray(values)
    valid = np.asarray(rows["valid"].values, dtype=bool)
    return values if valid.all() else np.where(valid, values, np.nan).astype(values.dtype)


def _in_part(
    rows: xr.DataArray,
    at: int,
    function: Callable[..., T],
    margin: int,
    size: int,
    n: int,
    options: Options,
    kinds: list[str],
    args: tuple[Any, ...],
) -> T:
    first = at + margin if at else 0
    last = min(first + size, n)
    values = _columns(rows)
    before = margin - (first - at)
    after = margin - (at + values.shape[1] - last)
    if before or after:
        values = np.pad(values, ((0, 0), (before, after)), constant_values=np.nan)
    return function(_Part(first, _stop(last, n), values), options, kinds, *args)


def _kept(
    part: _Part, options: Options, kinds: list[str], per: int, spacing: int
) -> tuple[npt.NDArray[np.float32], Ints, Reals]:
    hop, w = options.hop, _amplitude.reach(options)
    sums = np.stack(
        [
            _amplitude.hop_sums(values, options, kind)
            for values, kind in zip(part.values, kinds, strict=True)
        ]
    )
    at = np.arange(0, sums.shape[1] - per + 1, spacing)
    width = per * hop + 2 * w
    if part.values.shape[1] >= width:
        views = np.lib.stride_tricks.sliding_window_view(part.values, width, axis=1)
        pieces = views[:, at * hop]
    else:
        pieces = np.empty((len(kinds), 0, width), dtype=part.values.dtype)
    return sums, part.first // hop + at, pieces


def _counts(part: _Part, options: Options, kinds: list[str], first: list[float]) -> Reals:
    return np.stack(
        [
            _amplitude.hop_counts(values, options, kind, least)
            for values, kind, least in zip(part.values, kinds, first, strict=True)
        ]
    )


def _around(
    part: _Part, options: Options, kinds: list[str], wanted: list[Ints], width: int
) -> list[Reals]:
    made = []
    for values, each in zip(part.values, wanted, strict=True):
        here = each[(each >= part.first) & (each < part.stop)]
        at = (here - part.first)[:, np.newaxis] + np.arange(width)
        made.append(values[at])
    return made
