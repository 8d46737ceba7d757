"""A recording read some rows at a time, all channels at once, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.detect import amplitude
from emgnb.detect.amplitude import Floats, Options
from emgnb.detect.stretches import Ints

T = TypeVar("T")
# Samples in a piece that is kept of the recording, about, and how many pieces of a channel: enough
# for a quantile, and of an envelope, whose samples hang together, for its scatter.
PIECE = 256
PIECES = 1024
OF_ENVELOPE = 4096


@dataclass(frozen=True)
class Kept:
    """What is kept of one channel.

    Parameters
    ----------
    sums : (hop,) strength
    at : (piece,) first hop of each piece, even
    pieces : (piece, sample) samples, `reach` more than their hops at both ends
    """

    sums: npt.NDArray[np.float32]
    at: Ints
    pieces: Floats


@dataclass(frozen=True)
class Recording:
    """A signal and the options it is searched with.

    Parameters
    ----------
    x : (time, channel) in memory, lazily opened, or of dask arrays
    """

    x: xr.DataArray
    options: Options

    @property
    def kinds(self) -> list[str]:
        """Kind of each channel."""
        return [str(kind) for kind in self.x["signal_kind"].values]

    def kept(self) -> list[Kept]:
        """Sums over hops, and pieces of samples evenly over the recording; one pass."""
        hop, n = self.options.hop, self.x.sizes["time"]
        # Even, for rest is measured on pairs of hops; a short recording has shorter pieces.
        per = 2 * max(1, min(-(-PIECE // (2 * hop)), n // (16 * hop)))
        most = OF_ENVELOPE if "envelope" in self.kinds else PIECES
        spacing = per * max(1, -(-n // (hop * per * most)))
        made = self._over(_kept, amplitude.reach(self.options), per, spacing)
        sums, at, pieces = (
            np.concatenate(each, axis=-2 if k == 2 else -1)
            for k, each in enumerate(zip(*made, strict=True))
        )
        return [Kept(*one) for one in zip(sums, [at] * len(sums), pieces, strict=True)]

    def counts(self, first: Sequence[float]) -> list[Floats]:
        """How many samples of each hop exceed each channel's first threshold; one pass."""
        made = self._over(_counts, amplitude.reach(self.options), list(first))
        return list(np.concatenate(made, axis=1))

    def around(self, wanted: Sequence[Ints], size: int) -> list[Floats]:
        """Samples from `size` before each wanted one to `size` after it, and `reach` more.

        Parameters
        ----------
        wanted : of each channel, in any order

        Returns
        -------
        of each channel (wanted, 2 · size + 2 · reach), NaN where there are none
        """
        margin = size + amplitude.reach(self.options)
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
            # They come part by part, in each part as they were asked for.
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
        """Rows in a part: whole pairs of hops."""
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
        """Give `function(part, options, kinds, *args)` of each part, in order."""
        reads = [
            (max(a - margin, 0), min(b + margin, self._n))
            for a, b in (self._parts() if parts is None else parts)
        ]
        given = (function, margin, self._size, self._n, self.options, self.kinds, args)
        # Stamps would be computed for all rows, and nobody asks for them.
        return recording.over_rows(_in_part, self.x.drop_vars("time"), reads, *given)


@dataclass(frozen=True)
class _Part:
    """Some rows of a recording, and a margin on both sides.

    Parameters
    ----------
    first, stop : the first row, and the first place of another part; places end after the last row
    values : (channel, sample) NaN where unknown or beyond the recording
    """

    first: int
    stop: int
    values: Floats


def _stop(last: int, n: int) -> int:
    return last + 1 if last == n else last


def _columns(rows: xr.DataArray) -> Floats:
    """Samples (channel, time), NaN where lost or invalid."""
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
) -> tuple[npt.NDArray[np.float32], Ints, Floats]:
    hop, w = options.hop, amplitude.reach(options)
    sums = np.stack(
        [
            amplitude.hop_sums(values, options, kind)
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


def _counts(part: _Part, options: Options, kinds: list[str], first: list[float]) -> Floats:
    return np.stack(
        [
            amplitude.hop_counts(values, options, kind, least)
            for values, kind, least in zip(part.values, kinds, first, strict=True)
        ]
    )


def _around(
    part: _Part, options: Options, kinds: list[str], wanted: list[Ints], width: int
) -> list[Floats]:
    made = []
    for values, each in zip(part.values, wanted, strict=True):
        here = each[(each >= part.first) & (each < part.stop)]
        at = (here - part.first)[:, np.newaxis] + np.arange(width)
        made.append(values[at])
    return made
