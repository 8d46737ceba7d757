"""Figures of a confusion matrix, and how far to trust them."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from emgnb.evaluate.splits import Ints

DRAWS = 4000


def scores(confusion: npt.NDArray[Any]) -> dict[str, float]:
    """Accuracy, balanced accuracy (UAR), macro-F1 and Cohen's κ of a confusion matrix.

    Parameters
    ----------
    confusion : (truth, predicted) counts

    Returns
    -------
    Each metric; classes that occur neither as truth nor as prediction are left out of the means,
    classes without truth also out of UAR, as in scikit-learn
    """
    return {name: float(value[0]) for name, value in score_stack(confusion[np.newaxis]).items()}


def score_stack(confusion: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """The metrics of a stack of confusion matrices (n, truth, predicted)."""
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
            # Truth and prediction both constant and equal: no agreement beyond chance to speak of.
            "kappa": np.where(expected < 1, (accuracy - expected) / (1 - expected), 0.0),
        }


def count(truth: Ints, guess: Ints, k: int) -> npt.NDArray[np.int64]:
    """Count windows by (truth, predicted) for class numbers 0 … k−1."""
    return np.bincount(truth * k + guess, minlength=k * k).reshape(k, k).astype(np.int64)


def resampled(units: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum of the confusion matrices of each bootstrap draw, (draw, truth, predicted).

    Parameters
    ----------
    units : confusion matrices (unit, truth, predicted); as many units are drawn alike each time
    """
    n = len(units)
    drawn = np.random.default_rng(0).integers(0, n, (DRAWS, n))
    # How often each unit is drawn: the matrices themselves, copied, would take gigabytes.
    drawn += n * np.arange(DRAWS)[:, np.newaxis]
    times = np.bincount(drawn.ravel(), minlength=DRAWS * n).reshape(DRAWS, n)
    return (times.astype(np.float64) @ units.reshape(n, -1)).reshape(-1, *units.shape[1:])


def percentiles(values: npt.NDArray[np.float64], units: int) -> tuple[float, float]:
    """The 95 % interval of bootstrap values, widened for few units."""
    if units < 2:
        return float("nan"), float("nan")
    wide = np.sqrt(units / (units - 1)) * stats.t.ppf(0.975, units - 1)
    tail = 100 * float(stats.norm.cdf(-wide))
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def bootstrap(units: npt.NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """95 % interval of each metric; `units` are the confusion matrices (unit, truth, predicted)."""
    drawn = score_stack(resampled(units))
    return {name: percentiles(v, len(units)) for name, v in drawn.items()}


def percent(share: float) -> str:
    """Write a share in per cent with one decimal, without the sign."""
    return "–" if np.isnan(share) else f"{100 * share:.1f}"


def html_table(caption: str, lines: list[tuple[str, ...]]) -> str:
    """Write rows of text, the first being the heads, as an HTML table with a caption."""
    head = "".join(f"<th scope='col'>{html.escape(c)}</th>" for c in lines[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in line) + "</tr>" for line in lines[1:]
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
