"""Burg's method from sums shared by windows; the coefficients equal those of the recursion.

With coefficients a, and R the sum of products of lagged samples, forwards and backwards, the next
reflection coefficient follows from g = R·a. g is updated from order to order by removing the
samples at the two ends of the window [Vos 2013, A fast implementation of Burg's method]. For
windows that are almost perfectly predictable, digits cancel, so the original recursion over samples
is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emgnb._arrays import Floats
from emgnb.features._block import FAINT, Block

ORDER = 4


def burg(b: Block) -> Floats:
    """Return the coefficients a₁…a₄, (window, channel, 4); NaN for a flat window."""
    middle = b.offset
    head = [b.sample(b.level, i) - middle for i in range(ORDER)]
    tail = [b.sample(b.level, -1 - i) - middle for i in range(ORDER)]
    lags = _lags(b, head, tail)
    error = [np.ones(middle.shape)]
    g = [2 * lags[0] - head[0] ** 2 - tail[0] ** 2, 2 * lags[1]]
    last = [2 * lags[1]]  # row of R added by the next order, from its last column
    faint = np.zeros(middle.shape, dtype=bool)
    floor = FAINT * (b.energy + lags[0])
    for m in range(1, ORDER + 1):
        below = _dot(error, g)
        faint |= below < floor
        k = np.clip(-_dot(error, g[:0:-1]) / np.where(below > 0, below, 1.0), -1.0, 1.0)
        inner = [one + k * other for one, other in zip(error[1:], error[:0:-1], strict=True)]
        error = [error[0], *inner, k]
        if m == ORDER:
            break
        gone = [h * head[m] + t * tail[m] for h, t in zip(head[:m], tail[:m], strict=True)]
        last = [2 * lags[m + 1], *(r - lost for r, lost in zip(last, gone, strict=True))]
        first, end = head[m::-1], tail[m::-1]
        forth, back = _dot(error, first), _dot(error, end)
        g = [
            one + k * other - h * forth - t * back
            for one, other, h, t in zip(g, g[::-1], first, end, strict=True)
        ]
        g.append(_dot(error, last))
    found = -np.stack(error[1:], axis=-1)
    faint &= ~b.flat
    if faint.any():
        found[faint] = over_samples(b.deviation[faint])
    found[b.flat] = np.nan
    return found


def _lags(b: Block, head: Sequence[Floats], tail: Sequence[Floats]) -> list[Floats]:
    """Return Σ zᵢ·zᵢ₊ₗ for each lag, z the samples without the window's mean, from raw sums."""
    middle, n = b.offset, b.n
    found = [b.variance * n]
    for lag in range(1, ORDER + 1):
        products = b.total(b.level[: b.size] * b.level[lag : b.size + lag], lag)
        # Sums of all samples but the last, and of all but the first.
        sums = 2 * (n - lag) * middle - sum(head[:lag]) - sum(tail[:lag])
        found.append(products - middle * sums + (n - lag) * middle**2)
    return found


def _dot(a: Sequence[Floats], others: Sequence[Floats]) -> Floats:
    """Return the sum of products of as many pairs as `a` has."""
    return np.asarray(sum(one * other for one, other in zip(a, others, strict=False)))


def over_samples(x: Floats) -> Floats:
    """Burg's recursion over samples (window, sample) with mean 0."""
    forward, backward = x[:, 1:].copy(), x[:, :-1].copy()
    a = np.zeros((len(x), ORDER))
    for m in range(ORDER):
        power = (forward**2 + backward**2).sum(axis=-1)
        # A perfectly predicted window gives 0/0; the coefficient is 0.
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
