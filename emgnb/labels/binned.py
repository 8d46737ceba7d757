"""Compare two codings in bins of time, with intervals from resampled blocks of time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats, Mask

# Number of bootstrap draws.
DRAWS = 2000
BINNED = ("kappa", "positive_agreement", "skew_normalised_f1")


def centres(span: tuple[float, float], width: float) -> Floats:
    """Return the centres of the bins of `width` s that fit into the span.

    Raises
    ------
    ValueError : the span is shorter than a bin
    """
    count = int(np.floor((span[1] - span[0]) / width + 1e-9))
    if count < 1:
        raise ValueError(
            f"{span[0]:g}–{span[1]:g} s is shorter than a bin of {width:g} s: reduce bin_width"
        )
    return np.asarray(span[0] + width * (np.arange(count) + 0.5), dtype=np.float64)


def active(intervals: Floats, at: Floats) -> Mask:
    """Return whether each time lies in an interval; `intervals` is (event, 2)."""
    if not intervals.size:
        return np.zeros(at.size, dtype=bool)
    begun = np.searchsorted(np.sort(intervals[:, 0]), at, side="right")
    ended = np.searchsorted(np.sort(intervals[:, 1]), at, side="right")
    return begun > ended


def blocks(at: Floats, start: float, length: float) -> npt.NDArray[np.intp]:
    """Return the block of time of each time, numbered from 0."""
    return np.floor((at - start) / length).astype(np.intp)


def counts(a: Mask, b: Mask, block: npt.NDArray[np.intp]) -> Floats:
    """Count bins per block: both, only `a`, only `b`, none; (block, 4)."""
    kind = 3 - 2 * a.astype(np.intp) - b.astype(np.intp)
    n = int(block.max(initial=-1)) + 1
    return np.bincount(block * 4 + kind, minlength=4 * n).reshape(n, 4).astype(np.float64)


def binned_scores(table: Floats) -> dict[str, Floats]:
    """Return the scores of counts (…, 4) of bins: both, only the first, only the second, none.

    Cohen's κ; positive agreement 2·both/(2·both + only first + only second), which is F1; and F1 as
    it would be if the first were positive in half of the bins (skew-normalised, Jeni 2013,
    doi:10.1109/ACII.2013.47). NaN where a score is undefined.
    """
    both, first, second, none = np.moveaxis(np.asarray(table, dtype=np.float64), -1, 0)
    total = both + first + second + none
    with np.errstate(invalid="ignore", divide="ignore"):
        agreed = (both + none) / total
        chance = (both + first) * (both + second) + (second + none) * (first + none)
        chance = chance / total**2
        skew = (second + none) / (both + first)
        return {
            "kappa": (agreed - chance) / (1 - chance),
            "positive_agreement": 2 * both / (2 * both + first + second),
            "skew_normalised_f1": 2 * both / (2 * both + first + second / skew),
        }


def times_drawn(n: int, seed: int) -> Floats:
    """Return how often each of n blocks occurs in each bootstrap draw, (draw, block).

    Without draws for a single block, which does not show how much a score varies.
    """
    if n < 2:
        return np.zeros((0, n))
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)


def interval(drawn: Floats) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of the draws; NaN if none or most are undefined."""
    if not drawn.size or np.isnan(drawn).mean() > 0.5:
        return float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def resampled(
    values: Floats, seed: int, statistic: Callable[..., Floats] = np.median
) -> tuple[float, float, float]:
    """Return a statistic of values with its 95 % bootstrap interval; NaN without values."""
    if not values.size:
        return float("nan"), float("nan"), float("nan")
    value = float(statistic(values, axis=-1))
    if values.size < 2:
        return value, float("nan"), float("nan")
    pick = np.random.default_rng(seed).integers(0, values.size, (DRAWS, values.size))
    return value, *interval(np.asarray(statistic(values[pick], axis=-1)))
