"""Compare a signal with Gaussian noise, and with itself at other times."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft, stats

from emgnb._arrays import Floats

# Rows that predict the next, at most and one for so many; rows compared, and number of draws they
# are compared with.
ORDER, ROWS_EACH, MOST_ROWS, DRAWS = 16, 128, 16_384, 99
# Standard deviations of the draws that noise stays below.
LIMIT = 4.5
# Smallest number of rows; added to a variance before its logarithm, for windows without change.
FEWEST, TINY = 64, 1e-9
# Correlation below which a lag is long, and share of such lags at which only a tone repeats.
DIPS, FEW_LAGS = 0.3, 0.2


def from_noise(pieces: list[Floats], size: int) -> float:
    """Return how far pieces (row, channel) are from stationary Gaussian noise of any spectrum.

    Linear prediction leaves independent normal rows of such noise. The residual is compared with
    normal draws that have the same correlation of channels, by means over channels of skewness,
    kurtosis, and variation of the power of windows of `size` rows, and by the variation of the
    power that channels have in common.

    Returns
    -------
    largest excess in standard deviations of the draws; NaN if too short
    """
    left = _unpredicted(pieces)
    left = left[:, left.std(axis=0) > 0]
    if len(left) < max(FEWEST, 4 * size) or not left.size:
        return float("nan")
    left = (left - left.mean(axis=0)) / left.std(axis=0)
    values, vectors = np.linalg.eigh(np.atleast_2d(left.T @ left / len(left)))
    mixing = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    rng = np.random.default_rng(0)
    made = np.stack([_shape(rng.normal(size=left.shape) @ mixing, size) for _ in range(DRAWS)])
    away = (_shape(left, size) - made.mean(axis=0)) / made.std(axis=0, ddof=1)
    return float(max(away.max(), 0.0))


def _unpredicted(pieces: list[Floats]) -> Floats:
    """Return what a linear prediction from earlier rows leaves of pieces, (row, channel)."""
    rows = sum(map(len, pieces))
    order = min(ORDER, max(rows // ROWS_EACH, 2))
    long = [piece for piece in pieces if len(piece) > 2 * order]
    if not long:
        return np.empty((0, pieces[0].shape[1]))
    # Rounding leaves steps that no noise has, unless it is as random as the noise.
    rng = np.random.default_rng(1)
    spread = [_step(column) for column in np.concatenate(long).T]
    long = [piece + spread * rng.uniform(-0.5, 0.5, piece.shape) for piece in long]
    made = []
    for k in range(long[0].shape[1]):
        views = [sliding_window_view(piece[:, k], order + 1) for piece in long]
        table = np.concatenate(views)[:MOST_ROWS]
        past = np.column_stack([table[:, :-1], np.ones(len(table))])
        weights = np.linalg.lstsq(past, table[:, -1], rcond=None)[0]
        made.append(table[:, -1] - past @ weights)
    return np.column_stack(made)


def _step(column: Floats) -> float:
    """Return the resolution of a channel: the least difference between its values."""
    codes = np.unique(column)
    return float(np.diff(codes).min()) if codes.size > 1 else 0.0


def _shape(rows: Floats, size: int) -> Floats:
    """Return the statistics of `from_noise`."""
    count = len(rows) // size
    windows = rows[: count * size].reshape(count, size, rows.shape[1])
    power = np.log(np.square(windows).mean(axis=1) + TINY)
    return np.array(
        [
            np.abs(stats.skew(rows, axis=0)).mean(),
            stats.kurtosis(rows, axis=0).mean(),
            power.std(axis=0).mean(),
            power.mean(axis=1).std(),
        ]
    )


def echo(pieces: list[Floats], least: float) -> tuple[int, float]:
    """Find the lag at which pieces (row, channel) repeat, other than a tone does.

    Parameters
    ----------
    least : correlation of a copy

    Returns
    -------
    lag : rows, 0 if there is none
    correlation : of the longest piece with itself at that lag, mean over channels
    """
    piece = max(pieces, key=len)[: 4 * MOST_ROWS]
    rows = len(piece)
    # Up to half, so that every row has a copy.
    lags = np.arange(1, rows // 2 + 1)
    if lags.size < FEWEST:
        return 0, 0.0
    centred = piece - piece.mean(axis=0)
    size = fft.next_fast_len(2 * rows, real=True)
    power = np.abs(fft.rfft(centred, n=size, axis=0)) ** 2
    products = fft.irfft(power, n=size, axis=0)[lags]
    before = np.cumsum(np.square(centred), axis=0)
    both = before[rows - 1 - lags] * (before[-1] - before[lags - 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.nan_to_num(products / np.sqrt(both)).mean(axis=1)
    # A smooth signal is like itself at short lags; a tone is at many long ones.
    first = max(int(np.argmax(found < DIPS)), FEWEST)
    if not (found < DIPS).any() or first >= lags.size:
        return 0, 0.0
    at = first + int(found[first:].argmax())
    tonal = np.mean(np.abs(found[first:]) > 0.5 * least) > FEW_LAGS
    return (0, 0.0) if found[at] < least or tonal else (int(lags[at]), float(found[at]))
