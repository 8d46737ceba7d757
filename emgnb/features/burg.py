"""Burg's method from sums that windows share: the same coefficients as of its recursion.

Every sum of Burg's recursion is a quadratic form of the lag products Σxᵢ·xᵢ₊ₗ less a few products
at the two ends of the window [Vos 2013, A fast implementation of Burg's method]. Where little is
left to predict, digits cancel, and the recursion is run over the samples as Burg wrote it.
"""

from __future__ import annotations

import numpy as np

from emgnb.features.block import FAINT, Array, Block

ORDER = 4


def burg(b: Block) -> Array:
    """Coefficients a₁…a₄, (window, channel, 4); NaN for a flat window."""
    middle = b.offset
    head = np.stack([b.sample(b.level, i) - middle for i in range(ORDER)])
    tail = np.stack([b.sample(b.level, -1 - i) - middle for i in range(ORDER)])
    lags = _lags(b, head, tail)
    # Σ xₜ₋ₚ·xₜ₋ᵩ for t = m … n − 1, (p, q, window, channel), here for m = 0.
    table = lags[0][np.newaxis, np.newaxis]
    error = np.ones((1, *middle.shape))
    faint = np.zeros(middle.shape, dtype=bool)
    floor = FAINT * (b.energy + lags[0])
    for m in range(1, ORDER + 1):
        wider = np.empty((m + 1, m + 1, *middle.shape))
        first, last = head[m - 1 :: -1] if m > 1 else head[:1], tail[:m]
        wider[:m, :m] = table - first[:, np.newaxis] * first
        wider[1:, 1:] = table - last[:, np.newaxis] * last
        wider[0, m] = wider[m, 0] = lags[m]
        table = wider
        # Both errors are quadratic forms of the same coefficients, one of them turned round.
        both = table[:m, :m] + table[:0:-1, :0:-1]
        below = _form(error, both)
        above = _form(error, table[:m, :0:-1])
        faint |= below < floor
        k = np.clip(-2 * above / np.where(below > 0, below, 1.0), -1.0, 1.0)
        longer = np.concatenate([error, np.zeros((1, *middle.shape))])
        error = longer + k * longer[::-1]
    found = -np.moveaxis(error[1:], 0, -1)
    faint &= ~b.flat
    if faint.any():
        found[faint] = over_samples(b.deviation[faint])
    found[b.flat] = np.nan
    return found


def _lags(b: Block, head: Array, tail: Array) -> list[Array]:
    """Σ zᵢ·zᵢ₊ₗ of each lag, z having the window's mean off; from sums of what has not."""
    middle, n = b.offset, b.n
    found = [b.variance * n]
    for lag in range(1, ORDER + 1):
        products = b.total(b.level[: b.size] * b.level[lag : b.size + lag], lag)
        # The sums of all but the last and of all but the first samples.
        sums = 2 * (n - lag) * middle - head[:lag].sum(axis=0) - tail[:lag].sum(axis=0)
        found.append(products - middle * sums + (n - lag) * middle**2)
    return found


def _form(a: Array, table: Array) -> Array:
    return np.asarray((a * np.einsum("ij...,j...->i...", table, a)).sum(axis=0))


def over_samples(x: Array) -> Array:
    """Burg's recursion over samples (window, sample) whose mean is off."""
    forward, backward = x[:, 1:].copy(), x[:, :-1].copy()
    a = np.zeros((len(x), ORDER))
    for m in range(ORDER):
        power = (forward**2 + backward**2).sum(axis=-1)
        # A window predicted without error leaves 0/0: nothing is left to predict.
        some = power > 0
        k = 2 * (forward * backward).sum(axis=-1) / np.where(some, power, 1.0)
        k = np.where(some, k, 0.0)[:, np.newaxis]
        a[:, :m] -= k * a[:, :m][:, ::-1]
        a[:, m : m + 1] = k
        shifted = k * backward
        backward -= k * forward
        forward -= shifted
        forward, backward = forward[:, 1:], backward[:, :-1]
    return a
