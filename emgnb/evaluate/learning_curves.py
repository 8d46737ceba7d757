"""Measure how accuracy on a new person grows with the data used for calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from emgnb.evaluate.cross_validation import Fit, Predictor, Progress, aligned, teller
from emgnb.evaluate.metrics import bootstrap, count, scores
from emgnb.evaluate.splits import Data, Ints, recordings, splits, trials_of, truth_of

Calibrate = Callable[[Any, Any], Predictor]
UNITS = ("s", "trials")


def learning_curve(
    data: Data,
    fit: Fit,
    calibrate: Calibrate,
    *,
    by: str = "participant",
    amounts: Sequence[float] = (0, 5, 15, 60),
    unit: str = "s",
    label: str = "label",
    progress: Progress = True,
) -> xr.Dataset:
    """Measure accuracy on new people against the amount of calibration data.

    Each person is left out in turn. The model of the others is calibrated with the person's first
    windows and tested on the windows after the largest amount, so that all amounts are compared on
    the same windows. A trial that calibration uses in part is not tested.

    Parameters
    ----------
    data : windows or features with `label`, in order of time within each session, or with `time`
    fit : function of the training data that returns a classifier
    calibrate : function of a classifier and the person's first windows that returns a classifier,
        such as `lambda model, mine: models.calibrate(model, trials=mine)`
    by : group that is left out, see `splits`
    amounts : data for calibration, in ascending order; 0 tests the model as it is
    unit : "s" of windows, or "trials" per class
    label : coordinate along window that names the class
    progress : see `cross_validate`

    Returns
    -------
    Dataset over `amount`: `accuracy` of all test windows with its 95 % interval `low` to `high`
    over the groups, and `group_accuracy(amount, group)`; attrs state `unit`, `by` and the number of
    test windows

    Raises
    ------
    ValueError : see `splits`; unknown unit; amounts negative or not ascending; data without window
        length or trials; or a group with no windows left to test
    """
    _check(data, amounts, unit)
    truth = truth_of(data, label)
    classes = np.unique(truth)
    told = teller(progress)
    parts = list(splits(data, by, label=label))
    confusions = np.zeros((len(amounts), len(parts), len(classes), len(classes)))
    for number, (train, own, name) in enumerate(parts):
        told(number, len(parts), name)
        first, test = _divided(data, own, truth, amounts, unit, name)
        model = fit(data.isel(window=train))
        tested, right = data.isel(window=test), np.searchsorted(classes, truth[test])
        for i, windows in enumerate(first):
            made = calibrate(model, data.isel(window=windows)) if len(windows) else model
            given = aligned(made.predict(tested), classes, len(test))
            confusions[i, number] = count(right, given.argmax(axis=1), len(classes))
    told(len(parts), len(parts), "")
    intervals = np.array([bootstrap(units)["accuracy"] for units in confusions])
    hits = np.trace(confusions, axis1=2, axis2=3)
    return xr.Dataset(
        {
            "accuracy": ("amount", [scores(c.sum(axis=0))["accuracy"] for c in confusions]),
            "low": ("amount", intervals[:, 0]),
            "high": ("amount", intervals[:, 1]),
            "group_accuracy": (("amount", "group"), hits / confusions.sum(axis=(2, 3))),
        },
        coords={"amount": np.asarray(amounts, dtype=float), "group": [n for *_, n in parts]},
        attrs={"unit": unit, "by": by, "windows": int(confusions[0].sum())},
    )


def _check(data: Data, amounts: Sequence[float], unit: str) -> None:
    if unit not in UNITS:
        raise ValueError(f"unit={unit!r}, expected one of {', '.join(UNITS)}")
    steps = np.diff(np.asarray(amounts, dtype=np.float64))
    if not len(amounts) or amounts[0] < 0 or not (steps > 0).all():
        raise ValueError(f"amounts={list(amounts)}, expected ascending numbers, 0 or more")
    if unit == "s" and not data.attrs.get("step_s", data.attrs.get("length_s")):
        raise ValueError(
            "the data do not state the length of their windows (attrs step_s), so seconds cannot be"
            " counted: use unit='trials'"
        )
    if unit == "trials" and trials_of(data) is None:
        raise ValueError("trials are not named: cut the windows with trials, or use unit='s'")


def _divided(
    data: Data, own: Ints, truth: Any, amounts: Sequence[float], unit: str, name: str
) -> tuple[list[Ints], Ints]:
    """Return the calibration windows of each amount, and the test windows."""
    own = _in_time(data, own)
    trials = trials_of(data)
    trial = np.arange(len(truth)).astype(str) if trials is None else trials
    if unit == "s":
        step = float(data.attrs.get("step_s", data.attrs.get("length_s", 0)))
        first = [own[: round(amount / step)] for amount in amounts]
    else:
        rank = _ranks(trial[own], truth[own])
        first = [own[rank < amount] for amount in amounts]
    largest = first[-1]
    test = own[~np.isin(trial[own], trial[largest])]
    if trials is None and len(largest):
        # Without trials, windows that overlap the last one are left out.
        step = float(data.attrs.get("step_s", data.attrs.get("length_s", 1)))
        test = test[round(float(data.attrs.get("length_s", step)) / step) - 1 :]
    if not len(test):
        raise ValueError(
            f"{amounts[-1]:g} {unit} of calibration leave no windows of {name!r} to test: use "
            f"smaller amounts"
        )
    return first, test


def _in_time(data: Data, own: Ints) -> Ints:
    if "time" not in data.coords or data["time"].dims != ("window",):
        return own
    session = recordings(data)[own]
    order = {each: i for i, each in enumerate(dict.fromkeys(session.tolist()))}
    rank = np.array([order[each] for each in session.tolist()])
    return own[np.lexsort([data["time"].values[own], rank])]


def _ranks(trial: Any, truth: Any) -> Ints:
    """Return how many trials of the same class came before that of each window."""
    out = np.zeros(len(trial), dtype=np.intp)
    before: dict[str, list[str]] = {}
    for i, (name, label) in enumerate(zip(trial.tolist(), truth.tolist(), strict=True)):
        seen = before.setdefault(label, [])
        if name not in seen:
            seen.append(name)
        out[i] = seen.index(name)
    return out
