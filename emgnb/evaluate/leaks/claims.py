"""What is claimed about the data: many models tried on one test set, and metrics that flatter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from emgnb.evaluate.leaks.case import Case
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = ("onset", "offset", "predicted_onset", "predicted_offset")
# Points of difference that make a metric flattering, or a choice among many models a leak.
FLATTERS, WORTH = 5.0, 1.0
FEWEST_TRIES = 4


def many_tries(case: Case, tries: Sequence[float]) -> Finding:
    """Estimate what choosing the best of many models on the test set is worth.

    `tries` : accuracies (shares) of the configurations that were tried on it
    """
    leak = "test set used to choose the model"
    given = np.array([float(each) for each in tries], dtype=np.float64)
    if not given.size:
        return Finding(leak, UNDETERMINED, "no log of the tried models was given (`tries`)")
    if ((given < 0) | (given > 1)).any():
        raise ValueError("tries: accuracies are expected as shares, 0 to 1")
    if given.size < FEWEST_TRIES:
        return Finding(leak, NOT_FOUND, f"{given.size} models were tried")
    units = case.rows.group("trial")
    n = len(case.rows) if units is None else len(np.unique(units))
    # The best of m equal models lies above them by the greatest of m errors.
    error = float(np.sqrt(given.mean() * (1 - given.mean()) / n))
    greatest = float(stats.norm.ppf(1 - 1 / (given.size + 1)))
    bias = 100 * min(error, float(given.std(ddof=1))) * greatest
    evidence = (
        f"{given.size} models were tried on one test set; the best has {100 * given.max():.1f} %, "
        f"their median {100 * float(np.median(given)):.1f} %; chance alone lifts the best by about "
        f"{bias:.1f} points"
    )
    if bias < WORTH:
        return Finding(leak, NOT_FOUND, evidence, bias)
    return Finding(
        leak,
        FOUND,
        evidence,
        bias,
        "choose models inside the training folds (nested), and test the chosen one once",
    )


def flattering_overlap(frame: pd.DataFrame) -> Finding:
    """Compare overlap over the shorter interval with intersection over union.

    `frame` : a row per event with onset, offset, predicted_onset and predicted_offset
    """
    leak = "a metric that flatters"
    a, b, c, d = (frame[name].to_numpy(dtype=np.float64) for name in INTERVALS)
    shared = np.maximum(np.minimum(b, d) - np.maximum(a, c), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = shared / (np.maximum(b, d) - np.minimum(a, c))
        shorter = shared / np.minimum(b - a, d - c)
    hits = [100 * float((np.nan_to_num(each) >= 0.5).mean()) for each in (shorter, iou)]
    evidence = (
        f"of {len(frame)} events {hits[0]:.1f} % are hits by overlap over the shorter interval, "
        f"{hits[1]:.1f} % by intersection over union"
    )
    points = hits[0] - hits[1]
    if points < FLATTERS:
        return Finding(leak, NOT_FOUND, evidence, points)
    return Finding(
        leak, FOUND, evidence, points, "report intersection over union of 0.5 and more as a hit"
    )


def windows_for_trials(case: Case, predicted: np.ndarray | None) -> Finding:
    """Compare accuracy over windows with accuracy over trials, for predictions that were given."""
    leak = "a metric that flatters"
    trial = case.rows.group("trial")
    if predicted is None:
        return Finding(
            leak, UNDETERMINED, "no predictions were given, so their metric is not known"
        )
    if trial is None:
        return Finding(leak, UNDETERMINED, "no column says which rows form a trial")
    hit = predicted == case.rows.label
    _, of = np.unique(np.char.add(np.char.add(trial, "|"), case.rows.label), return_inverse=True)
    by_trial = (np.bincount(of, weights=hit) / np.bincount(of)) > 0.5
    windows, trials = 100 * float(hit.mean()), 100 * float(by_trial.mean())
    evidence = (
        f"{windows:.1f} % of {len(hit)} rows are right, {trials:.1f} % of {len(by_trial)} trials"
    )
    if windows - trials < FLATTERS:
        return Finding(leak, NOT_FOUND, evidence, windows - trials)
    return Finding(
        leak, FOUND, evidence, windows - trials, "decide once a trial, and report trials"
    )
