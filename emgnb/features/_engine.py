"""Compute features block by block, with samples shared between windows.

Windows that are a view of one signal, as from `windows.cut` without trials, are recognised by their
strides. Copies, as of trials, are recognised by samples that continue from window to window. In
both cases each sample is processed once, however much windows overlap, and memory is that of one
piece.

Pieces and parts (see `windows.parts`) are powers of two windows. The pieces are therefore the same
for a whole recording and for its parts, and results are bit-identical.
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

from emgnb._arrays import Floats
from emgnb.features._block import REACH, Block
from emgnb.features.catalogue import FEATURES

# Samples of all channels per piece: small enough for a cache, large enough that threads seldom wait
# for one another.
PIECE = 1 << 17
# More threads would only wait, and each needs memory for a piece.
THREADS = 8
# Minimum length of blocks; shorter ones cost more than they save.
SHORT = 2 * REACH

Columns = dict[str, npt.NDArray[Any]]


def compute(
    data: npt.NDArray[Any],
    names: Sequence[str],
    *,
    rate: float,
    hop: int,
    limits: Mapping[str, Floats],
    dtype: type[np.floating[Any]] = np.float32,
    threads: int = THREADS,
) -> Columns:
    """Compute features of windows (window, channel, sample), one column (window, channel) each.

    `hop` is the number of samples between successive windows, 0 if unknown; `limits` has a
    threshold for each channel.
    """
    count, width, n = data.shape
    columns: Columns = {name: np.empty((count, width), dtype=dtype) for name in columns_of(names)}
    stride = _stride(data)
    if stride == n and 0 < hop < n:
        stride = 0  # contiguous copies look like a view, but share no memory
    hop = stride or hop
    size = gcd(n, hop) if 0 < hop <= n else n
    # Spectra are computed per window, so an overlap above 8 must not increase memory further.
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
        # NumPy releases the interpreter lock on arrays of this size. Even one thread pays: on the
        # main thread, the memory of each piece is returned to the system and allocated again.
        with ThreadPoolExecutor(min(threads, os.cpu_count() or 1)) as pool:
            list(pool.map(work, range(0, count, many)))
    return columns


def columns_of(names: Sequence[str]) -> list[str]:
    """Return the names of the columns of features, one or several each."""
    return [column for name in names for column in FEATURES[name].columns or (name,)]


def _found(
    block: Block,
    which: Any,
    piece: npt.NDArray[Any],
    names: Sequence[str],
    limits: Mapping[str, Floats],
) -> Columns:
    """Return features of the windows `which` of a block, those of `piece`."""
    found = {name: values[which] for name, values in _features(block, names, limits).items()}
    if block.faint is not None and block.faint[which].any():
        # On its own, a window is centred on its own mean, and no digits are lost.
        weak = np.nonzero(block.faint[which])
        one = _alone(piece[weak][:, np.newaxis], block.rate)
        own = {name: limit[weak[1]] for name, limit in limits.items()}
        for column, values in _features(one, names, own).items():
            found[column][weak] = values[:, 0]
    return found


def _features(block: Block, names: Sequence[str], limits: Mapping[str, Floats]) -> Columns:
    found: Columns = {}
    for name in names:
        limit: float | Floats = 0.0
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
    """Arrange windows as a view of a signal, as runs, or separately; return also their indices."""
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
    # Only the end of a window that continues the previous one is new.
    new = np.zeros((count, n // size), dtype=bool)
    new[:, -(hop // size) :] = True
    new[~np.concatenate([[False], follows])] = True
    parts = piece.reshape(count, width, n // size, size).transpose(0, 2, 1, 3)[new]
    parts, starts = parts.transpose(0, 2, 1), np.cumsum(new.sum(axis=1)) - n // size
    if hop == size:
        # Include windows across the borders of runs: few, and cheaper than selecting.
        return Block(parts, all_of_them, size, n, rate), starts
    return Block(parts, starts, size, n, rate), all_of_them


def _alone(piece: npt.NDArray[Any], rate: float) -> Block:
    n = piece.shape[2]
    return Block(piece.transpose(0, 2, 1), slice(None), n, n, rate)


def _stride(data: npt.NDArray[Any]) -> int:
    """Return the shift of windows along one signal in memory, in samples; 0 if there is none."""
    step, _, sample = data.strides
    if len(data) < 2 or sample == 0 or step % sample:
        return 0
    hop = step // sample
    return hop if 0 < hop <= data.shape[2] else 0
