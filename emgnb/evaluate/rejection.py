"""Reject uncertain windows, and measure what this gains."""

from __future__ import annotations

import numpy as np
import xarray as xr

from emgnb.evaluate.calibration import check_probability
from emgnb.evaluate.result import Result

# Shares of windows that are kept in a rejection curve.
KEPT = np.arange(20, 0, -1) / 20


def reject(probability: xr.DataArray, threshold: float) -> xr.DataArray:
    """Return the predicted class of each window, or "" where its probability is too low.

    Parameters
    ----------
    probability : (window, class)
    threshold : smallest accepted probability of the most probable class, 0 to 1; see
        `rejection_curve` for the accuracy at each threshold

    Returns
    -------
    label(window), with the share of rejected windows in the attribute `rejected`; windows with NaN
    are rejected

    Raises
    ------
    ValueError : threshold outside 0 to 1, or not probability(window, class)

    Examples
    --------
    >>> import xarray as xr
    >>> from emgnb import evaluate
    >>> probability = xr.DataArray(
    ...     [[0.9, 0.1], [0.55, 0.45]],
    ...     dims=("window", "class"),
    ...     coords={"class": ["smile", "frown"]},
    ... )
    >>> evaluate.reject(probability, 0.8).values
    array(['smile', ''], dtype='<U5')
    """
    check_probability(probability)
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold={threshold}, expected a probability, 0 to 1")
    values = probability.values
    sure = values.max(axis=1) >= threshold
    names = probability["class"].values.astype(str)[values.argmax(axis=1)]
    kept = {n: c.variable for n, c in probability.coords.items() if c.dims == ("window",)}
    return xr.DataArray(
        np.where(sure, names, ""),
        dims="window",
        coords=kept,
        name="label",
        attrs={"threshold": threshold, "rejected": float(1 - sure.mean()) if len(sure) else 0.0},
    )


def rejection_curve(result: Result) -> xr.Dataset:
    """Return the accuracy of the most certain windows (risk–coverage curve).

    Windows are kept in order of the probability of their predicted class; windows with the same
    probability are kept or rejected together (Geifman 2017, arXiv:1705.08500).

    Returns
    -------
    Dataset over `step`: `kept`, the share of windows, from 1 down to about 0.05; `threshold`, the
    smallest probability kept, see `reject`; `accuracy` of the windows kept, with the 95 % interval
    `low` to `high` over the units of the result; and `risk` = 1 − accuracy. The attribute
    `area_under_risk` is the mean risk over `kept`, 0 for a perfect order without errors
    """
    truth, unit = result.truth_and_unit
    values = result.prediction.values
    sure, hit = values.max(axis=1), values.argmax(axis=1) == truth
    thresholds = np.unique(np.quantile(sure, 1 - KEPT, method="lower"))
    rows = []
    for threshold in thresholds:
        taken = sure >= threshold
        all_of, right = (
            np.bincount(unit, weights=mask, minlength=result.n_units)
            for mask in (taken, taken & hit)
        )
        drawn = result.draws @ all_of
        # Draws in which every window is rejected have no accuracy.
        with np.errstate(invalid="ignore"):
            low, high = result.interval_of((result.draws @ right) / drawn)
        rows.append((taken.mean(), threshold, right.sum() / all_of.sum(), low, high))
    kept, threshold, accuracy, low, high = np.array(rows, dtype=np.float64).T
    curve = xr.Dataset(
        {
            "kept": ("step", kept),
            "threshold": ("step", threshold),
            "accuracy": ("step", accuracy),
            "low": ("step", low),
            "high": ("step", high),
            "risk": ("step", 1 - accuracy),
        }
    )
    return curve.assign_attrs(area_under_risk=_mean_risk(sure, hit), over=result.over)


def _mean_risk(sure: np.ndarray, hit: np.ndarray) -> float:
    """Return the risk, averaged over all numbers of windows kept; ties share their mean risk."""
    _, of = np.unique(-sure, return_inverse=True)
    rate = (np.bincount(of, weights=~hit) / np.bincount(of))[of]
    ordered = rate[np.argsort(-sure, kind="stable")]
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean())
