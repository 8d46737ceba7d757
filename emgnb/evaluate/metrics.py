"""Compute metrics of confusion matrices, and their bootstrap intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from emgnb.evaluate.splits import Ints

Floats = npt.NDArray[np.float64]

# Number of bootstrap draws.
DRAWS = 4000
# Maximum number of rounds to obtain enough draws that contain every class.
MOST_TRIES = 100
# Below this width of an interval, all draws are the same number but for rounding.
NO_WIDTH = 1e-9
# Lowest and highest share.
SHARE = (0.0, 1.0)


def scores(confusion: npt.NDArray[Any]) -> dict[str, float]:
    """Return accuracy, balanced accuracy (UAR), macro-F1 and Cohen's κ of a confusion matrix.

    Parameters
    ----------
    confusion : (truth, predicted) counts

    Returns
    -------
    Name → value. Classes that occur neither as truth nor as prediction are excluded from the means;
    classes without truth are also excluded from UAR, as in scikit-learn. Kappa is NaN if the truth
    has a single class, because agreement beyond chance is then undefined

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import evaluate
    >>> found = evaluate.scores(np.array([[8, 2], [1, 9]]))
    >>> {name: round(value, 2) for name, value in found.items()}
    {'accuracy': 0.85, 'balanced_accuracy': 0.85, 'macro_f1': 0.85, 'kappa': 0.7}
    """
    return {name: float(value[0]) for name, value in score_stack(confusion[np.newaxis]).items()}


def score_stack(confusion: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the metrics of a stack of confusion matrices (n, truth, predicted)."""
    counts = np.asarray(confusion, dtype=np.float64)
    hit = np.diagonal(counts, axis1=1, axis2=2)
    truth, guess, total = counts.sum(2), counts.sum(1), counts.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = (truth * guess).sum(1) / total**2
        accuracy = hit.sum(1) / total
        return {
            "accuracy": accuracy,
            "balanced_accuracy": np.nanmean(hit / truth, axis=1),
            "macro_f1": np.nanmean(2 * hit / (truth + guess), axis=1),
            "kappa": np.where(
                (truth > 0).sum(axis=1) > 1, (accuracy - expected) / (1 - expected), np.nan
            ),
        }


def count(truth: Ints, guess: Ints, k: int) -> npt.NDArray[np.int64]:
    """Count windows by (truth, predicted) for class numbers 0 … k−1."""
    return np.bincount(truth * k + guess, minlength=k * k).reshape(k, k).astype(np.int64)


def resampled(units: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the summed confusion matrix of each bootstrap draw, (draw, truth, predicted).

    Every draw contains all classes; otherwise macro-F1, UAR and kappa would refer to a different
    task. Units with one class each (trials) are drawn within their class, as many as there are.
    Draws of other units (people) that lack a class are repeated.

    Parameters
    ----------
    units : confusion matrices (unit, truth, predicted); the draws depend on the truth only
    """
    # Multiply by the counts of draws; copies of the matrices would take gigabytes.
    flat = units.reshape(len(units), -1)
    return (draws(units) @ flat).reshape(-1, *units.shape[1:])


def draws(units: Floats) -> Floats:
    """Return how often each unit occurs in each bootstrap draw, (draw, unit); see `resampled`."""
    rng = np.random.default_rng(0)
    of = strata(units)
    if not of.max(initial=0):
        return _complete(rng, units.sum(axis=2) > 0)
    times = np.zeros((DRAWS, len(units)))
    for stratum in np.unique(of):
        mine = np.flatnonzero(of == stratum)
        times[:, mine] = _times(rng, len(mine))
    return times


def strata(units: npt.NDArray[np.float64]) -> Ints:
    """Return the class number of each unit, or 0 for all if a unit has several classes."""
    there = units.sum(axis=2) > 0
    single = bool((there.sum(axis=1) == 1).all())
    return np.argmax(there, axis=1) if single else np.zeros(len(units), dtype=np.intp)


def _times(rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Return how often each of n units occurs in a draw of n, (draw, unit)."""
    drawn = rng.integers(0, n, (DRAWS, n)) + n * np.arange(DRAWS)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=DRAWS * n).reshape(DRAWS, n).astype(np.float64)


def _complete(rng: np.random.Generator, there: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return draws that contain all classes of the units, (draw, unit)."""
    wanted = there[:, there.any(axis=0)].astype(np.float64)
    found: list[npt.NDArray[np.float64]] = []
    count = 0
    for _ in range(MOST_TRIES):
        times = _times(rng, len(there))
        times = times[((times @ wanted) > 0).all(axis=1)]
        found.append(times)
        count += len(times)
        if count >= DRAWS:
            break
    return np.concatenate(found)[:DRAWS]


def percentiles(
    values: Floats, units: int, groups: int = 1, within: tuple[float, float] = SHARE
) -> tuple[float, float]:
    """Return the 95 % percentile interval of bootstrap values, widened for few units.

    Units that all score alike give draws without any spread, though the next unit may differ: then
    the interval is the one of `unseen`.

    Parameters
    ----------
    units : number of units drawn
    groups : number of strata; each costs a degree of freedom
    within : lowest and highest value that is possible
    """
    free = units - groups
    if free < 1 or np.isnan(values).all():
        return float("nan"), float("nan")
    wide = np.sqrt(units / free) * stats.t.ppf(0.975, free)
    tail = 100 * float(stats.norm.cdf(-wide))
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    if high - low < NO_WIDTH:
        return unseen(float(low), units, within)
    return float(low), float(high)


def unseen(value: float, units: int, within: tuple[float, float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean for units that all gave the same value.

    With 97.5 % confidence on either side, at most the share 1 − 0.025^(1/units) of all units would
    have given another value, at worst the lowest or highest possible one. For shares of 0 or 1 this
    is the interval of Clopper and Pearson (1934, doi:10.1093/biomet/26.4.404).
    """
    other = 1 - 0.025 ** (1 / units)
    low, high = (value + other * (end - value) for end in within)
    return low, high


def bootstrap(units: npt.NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each metric, from confusion matrices (unit, truth, predicted)."""
    return intervals(score_stack(resampled(units)), units, len(np.unique(strata(units))))


def intervals(
    drawn: dict[str, Floats], units: Floats, groups: int
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each metric, from its bootstrap values.

    Parameters
    ----------
    drawn : metric → values, as `score_stack` gives them
    units : confusion matrices (unit, truth, predicted) that were drawn
    groups : number of strata of the units
    """
    n, _, classes = units.shape
    # Kappa is counted from chance: nothing right is below 0.
    none_right = -1 / max(classes - 1, 1)
    return {
        name: percentiles(v, n, groups, (none_right if name == "kappa" else 0.0, 1.0))
        for name, v in drawn.items()
    }


def percent(share: float) -> str:
    """Format a fraction in per cent with one decimal, without the % sign."""
    return "–" if np.isnan(share) else f"{100 * share:.1f}"


def percentage(share: float) -> str:
    """Format a fraction in per cent with one decimal and the % sign."""
    return "–" if np.isnan(share) else f"{percent(share)} %"


def number(value: float) -> str:
    """Format a number with two decimals."""
    return "–" if np.isnan(value) else f"{value:.2f}"
