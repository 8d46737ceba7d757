"""Windows to columns of numbers: which windows share samples, and block by block through them.

What lies in memory as a view of one signal, as `windows.cut` gives it without trials, is recognised
by its strides; copies, as of trials, by their samples, which go on from window to window. Either
way a sample is worked on once, however much windows overlap, and memory is that of one piece.

A piece is a power of two of windows, as is a part of a recording longer than the memory (see
`windows.parts`): so the pieces are the same, and so is every digit, whether one has the whole or
goes through it part by part.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.features.block import REACH, Array, Block
from emgnb.features.table import FEATURES

# Samples of all channels worked on at a time: with what is derived from them they stay in a cache,
# and calls are long enough that threads seldom wait for one another between them.
PIECE = 1 << 17
# More of them would wait all the same, and each holds a piece.
THREADS = 8
# Blocks shorter than this cost more than they save.
SHORT = 2 * REACH

Columns = dict[str, npt.NDArray[Any]]


def compute(
    data: npt.NDArray[Any],
    names: Sequence[str],
    *,
    rate: float,
    hop: int,
    limits: Mapping[str, Array],
    dtype: type[np.floating[Any]] = np.float32,
    threads: int = THREADS,
) -> Columns:
    """Features of windows (window, channel, sample), a column (window, channel) each.

    `hop` is by how many samples windows follow one another where they do, 0 if that is not known;
    `limits` has a threshold for each channel.
    """
    count, width, n = data.shape
    columns: Columns = {name: np.empty((count, width), dtype=dtype) for name in columns_of(names)}
    stride = _stride(data)
    if stride == n and 0 < hop < n:
        stride = 0  # copies one after another are a view of something, but share nothing as it is
    hop = stride or hop
    size = gcd(n, hop) if 0 < hop <= n else n
    # Spectra take a window each, so that much more overlap than 8 does not fill the memory either.
    new = max(hop, n // 8) if SHORT <= size < n else n
    many = 1 << max(round(math.log2(PIECE / (width * new))), 0)

    def work(at: int) -> None:
        piece = data[at : at + many]
        block, which = _block(piece, hop, size, rate, shared=bool(stride))
        found = _found(block, which, piece, names, limits)
        for column, values in found.items():
            columns[column][at : at + many] = values

    if count <= many:
        for at in range(0, count, many):
            work(at)
    else:
        # NumPy lets go of the interpreter lock on arrays of this size. Even a single thread pays:
        # on the main one each piece's memory is handed back to the system and asked for anew.
        with ThreadPoolExecutor(min(threads, os.cpu_count() or 1)) as pool:
            list(pool.map(work, range(0, count, many)))
    return columns


def columns_of(names: Sequence[str]) -> list[str]:
    """Names of the columns that features make, one or several each."""
    return [column for name in names for column in FEATURES[name].columns or (name,)]


def _found(
    block: Block,
    which: Any,
    piece: npt.NDArray[Any],
    names: Sequence[str],
    limits: Mapping[str, Array],
) -> Columns:
    """Features of `which` of a block's windows, those of `piece`."""
    found = {name: values[which] for name, values in _features(block, names, limits).items()}
    if block.faint is not None and block.faint[which].any():
        # Alone, a window is centred on its own mean, and no digit is lost.
        weak = np.nonzero(block.faint[which])
        one = _alone(piece[weak][:, np.newaxis], block.rate)
        own = {name: limit[weak[1]] for name, limit in limits.items()}
        for column, values in _features(one, names, own).items():
            found[column][weak] = values[:, 0]
    return found


def _features(block: Block, names: Sequence[str], limits: Mapping[str, Array]) -> Columns:
    found: Columns = {}
    for name in names:
        limit: float | Array = 0.0
        if name in limits:
            limit = limits[name]
            same = (limit == limit[0]).all()
            limit = float(limit[0]) if same else np.resize(limit, block.rows.shape[1])
        values = np.array(FEATURES[name].compute(block, limit))
        if block.holed is not None:
            values[block.holed] = np.nan
        own = FEATURES[name].columns
        if own:
            found |= {column: values[..., i] for i, column in enumerate(own)}
        else:
            found[name] = values
    return found


def _block(
    piece: npt.NDArray[Any], hop: int, size: int, rate: float, *, shared: bool
) -> tuple[Block, Any]:
    """Lay windows out as the signal they view, as runs, or each alone; and say which they are."""
    count, width, n = piece.shape
    all_of_them = slice(None)
    if size == n or size < SHORT or count == 1:
        return _alone(piece, rate), all_of_them
    if shared:
        length = (count - 1) * hop + n
        time, channel = piece.strides[2], piece.strides[1]
        signal = np.lib.stride_tricks.as_strided(piece, (length, width), (time, channel))
        parts = signal.reshape(length // size, size, width)
        return Block(parts, slice(None, None, hop // size), size, n, rate), all_of_them
    follows = (piece[1:, :, : n - hop] == piece[:-1, :, hop:]).all(axis=(1, 2))
    if follows.mean() < 0.5:
        return _alone(piece, rate), all_of_them
    # Of a window that goes on from the last one, only its end is new.
    new = np.zeros((count, n // size), dtype=bool)
    new[:, -(hop // size) :] = True
    new[~np.concatenate([[False], follows])] = True
    parts = piece.reshape(count, width, n // size, size).transpose(0, 2, 1, 3)[new]
    parts, starts = parts.transpose(0, 2, 1), np.cumsum(new.sum(axis=1)) - n // size
    if hop == size:
        # Windows from every block on, also over the seams of runs: few, and cheaper than choosing.
        return Block(parts, all_of_them, size, n, rate), starts
    return Block(parts, starts, size, n, rate), all_of_them


def _alone(piece: npt.NDArray[Any], rate: float) -> Block:
    n = piece.shape[2]
    return Block(piece.transpose(0, 2, 1), slice(None), n, n, rate)


def _stride(data: npt.NDArray[Any]) -> int:
    """By how many samples the windows are shifted along one signal in memory; 0 if they are not."""
    step, _, sample = data.strides
    if len(data) < 2 or sample == 0 or step % sample:
        return 0
    hop = step // sample
    return hop if 0 < hop <= data.shape[2] else 0
