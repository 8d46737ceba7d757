"""Compute metrics of predicted probabilities: calibration error and area under the ROC curve."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import stats

from emgnb.evaluate.metrics import Floats, percentiles
from emgnb.evaluate.splits import Ints

# Number of bins of the calibration error, as in Guo 2017.
BINS = 15
# Bootstrap draws of the AUC, whose cost grows with the square of the number of units.
AUC_DRAWS = 1000


def calibration_error(probability: Floats, truth: Ints) -> float:
    """Return the expected calibration error (ECE) with 15 bins of equal numbers of windows.

    In each bin, the mean probability of the predicted class is compared with the accuracy; ECE is
    the mean absolute difference, weighted by windows (Naeini 2015, doi:10.1609/aaai.v29i1.9602;
    Guo 2017, arXiv:1706.04599). Windows with equal probability share a bin.

    Parameters
    ----------
    probability : (window, class), 0 to 1
    truth : class number of each window
    """
    gap, of = _gaps(probability, truth)
    return float(np.abs(np.bincount(of, weights=gap)).sum() / len(gap))


def _gaps(probability: Floats, truth: Ints) -> tuple[Floats, Ints]:
    """Return probability minus correctness of each predicted class, and the bin of each window."""
    sure = probability.max(axis=1).astype(np.float64)
    edges = np.unique(np.quantile(sure, np.arange(1, BINS) / BINS))
    return sure - (probability.argmax(axis=1) == truth), np.searchsorted(edges, sure, side="right")


def calibration_interval(
    probability: Floats, truth: Ints, of: Ints, times: Floats, strata: int
) -> tuple[float, float]:
    """Return the 95 % interval of the ECE over units, in the bins of all windows.

    Parameters
    ----------
    of : unit of each window
    times : how often each unit occurs in a draw, (draw, unit)
    strata : number of strata of the units
    """
    units = times.shape[1]
    gap, bins = _gaps(probability, truth)
    per_unit = np.bincount(of * BINS + bins, weights=gap, minlength=units * BINS)
    drawn = np.abs(times @ per_unit.reshape(units, BINS)).sum(axis=1)
    return percentiles(drawn / (times @ np.bincount(of, minlength=units)), units, strata)


def auc(probability: Floats, truth: Ints) -> float:
    """Return the mean area under the ROC curve of each class against the rest (macro).

    Classes that do not occur are excluded. NaN if only one class occurs.
    """
    areas = []
    for score, positive in _against_rest(probability, truth):
        n = int(positive.sum())
        area = stats.rankdata(score)[positive].sum() - n * (n + 1) / 2
        areas.append(area / (n * (len(score) - n)))
    return float(np.mean(areas)) if areas else float("nan")


def _against_rest(
    probability: Floats, truth: Ints
) -> Iterator[tuple[Floats, npt.NDArray[np.bool_]]]:
    """Yield score and membership for each class that some windows have and others have not."""
    for k in range(probability.shape[1]):
        positive = truth == k
        if positive.any() and not positive.all():
            yield probability[:, k], positive


def auc_interval(
    probability: Floats, truth: Ints, of: Ints, times: Floats, strata: int
) -> tuple[float, float]:
    """Return the 95 % interval of the AUC over units; parameters as `calibration_interval`."""
    units, some = times.shape[1], times[:AUC_DRAWS]
    areas = []
    for score, positive in _against_rest(probability, truth):
        wins = _wins(score, positive, of, units)
        pairs = np.prod(
            [some @ np.bincount(of[side], minlength=units) for side in (positive, ~positive)],
            axis=0,
        )
        areas.append(((some @ wins) * some).sum(axis=1) / pairs)
    if not areas:
        return float("nan"), float("nan")
    return percentiles(np.mean(areas, axis=0), units, strata)


def _wins(score: Floats, positive: npt.NDArray[np.bool_], of: Ints, units: int) -> Floats:
    """Return how many pairs are in the right order, (unit of positive, unit of negative)."""
    wins = np.zeros((units, units))
    ours, mine = score[positive], of[positive]
    for unit in range(units):
        theirs = np.sort(score[~positive & (of == unit)])
        # Ties count one half.
        below = np.searchsorted(theirs, ours, "left") + np.searchsorted(theirs, ours, "right")
        wins[:, unit] = np.bincount(mine, weights=below / 2, minlength=units)
    return wins
