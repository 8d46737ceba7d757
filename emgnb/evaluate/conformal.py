"""Predict sets of classes that contain the true one as often as stated (conformal prediction).

Windows of one person depend on each other, so a guarantee for new *people* cannot count windows.
Two corrections count people (or trials) instead, and both hold for a window of a new person: over
people and windows, the set contains the truth at least as often as stated. Neither holds for every
single person.

- "hierarchical" (Lee, Barber and Willett 2023, arXiv:2306.06342) gives every calibration person the
  same weight, and counts the new one as one more that may be the worst. It uses all windows, is
  repeatable, and covers more than stated if people are few.
- "subsample" (Dunn 2022, doi:10.1080/01621459.2022.2060112) draws one window per person. Coverage
  is as stated on average, but a draw decides the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.calibration import check_classes, print_of
from emgnb.evaluate.metrics import Floats, percent
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import group_names


def _least_ambiguous(probability: Floats) -> Floats:
    return 1.0 - probability


def _adaptive(probability: Floats) -> Floats:
    """Return the probability of all classes that are more probable than each class."""
    order = np.argsort(-probability, axis=1, kind="stable")
    ranked = np.take_along_axis(probability, order, axis=1)
    above = np.cumsum(ranked, axis=1) - ranked
    out = np.empty_like(above)
    np.put_along_axis(out, order, above, axis=1)
    return out


# Name of a correction → name and source in print.
METHODS = {
    "hierarchical": "hierarchical (arXiv:2306.06342)",
    "subsample": "one window each (doi:10.1080/01621459.2022.2060112)",
}
SCORES: dict[str, Callable[[Floats], Floats]] = {"lac": _least_ambiguous, "aps": _adaptive}


@dataclass(frozen=True)
class Coverage:
    """How often prediction sets contain the truth, measured on other data.

    Attributes
    ----------
    stated : coverage asked for
    measured, low, high : share of windows whose set contains the truth, with the 95 % interval
    size : mean number of classes per set
    single, empty : share of sets with one class, and with none
    over : units of the interval, in words
    """

    stated: float
    measured: float
    low: float
    high: float
    size: float
    single: float
    empty: float
    over: str

    def __str__(self) -> str:
        return (
            f"sets contain the truth in {percent(self.measured)} % of the windows (stated "
            f"{percent(self.stated)} %; 95 % interval {percent(self.low)}–{percent(self.high)} "
            f"over {self.over}); {self.size:.2f} classes on average, one class in "
            f"{percent(self.single)} %, none in {percent(self.empty)} %"
        )


@dataclass(frozen=True)
class Conformal:
    """Threshold that turns probabilities into prediction sets.

    Attributes
    ----------
    threshold : largest score of a class in a set
    coverage : stated share of windows whose set contains the truth
    score : "lac" or "aps"
    unit : what a new sample is, "participant", "session", "trial" …
    units : number of these in the calibration data
    method : "hierarchical" or "subsample"
    classes : names of the classes
    fitted_on : hash of the calibration predictions
    """

    threshold: float
    coverage: float
    score: str
    unit: str
    units: int
    method: str
    classes: tuple[str, ...]
    fitted_on: str

    def sets(self, probability: xr.DataArray) -> xr.DataArray:
        """Return which classes are in the set of each window.

        Parameters
        ----------
        probability : (window, class), such as `classifier.predict(windows)`

        Returns
        -------
        bool (window, class) with the coordinates of `probability`. A set of "lac" is empty where no
        class is probable enough; a set of "aps" contains the most probable class at least

        Raises
        ------
        ValueError : other classes than those of the calibration, or NaN
        """
        check_classes(probability, self.classes)
        if np.isnan(probability.values).any():
            raise ValueError("probabilities contain NaN: predict from windows without gaps")
        scores = SCORES[self.score](probability.values.astype(np.float64))
        # Sums of probabilities carry rounding errors.
        made = probability.copy(data=scores <= self.threshold + 1e-9).rename("set")
        made.attrs = {"coverage": self.coverage, "score": self.score, "unit": self.unit}
        return made

    def measure(self, result: Result) -> Coverage:
        """Measure coverage and size of the sets on a result of other data.

        Parameters
        ----------
        result : result whose people (or trials) are not those of the calibration

        Raises
        ------
        ValueError : other classes, or the calibration predictions themselves
        """
        if print_of(result.prediction) == self.fitted_on:
            raise ValueError(
                "these are the predictions on which the sets were calibrated, so they cannot show "
                "their coverage: measure it on other people, such as the result of transfer"
            )
        sets = self.sets(result.prediction).values
        truth, unit = result.truth_and_unit
        hit, size = sets[np.arange(len(truth)), truth], sets.sum(axis=1)
        hits = np.bincount(unit, weights=hit, minlength=result.n_units)
        drawn = (result.draws @ hits) / (result.draws @ np.bincount(unit))
        low, high = result.interval_of(drawn)
        return Coverage(
            self.coverage,
            float(hit.mean()),
            low,
            high,
            float(size.mean()),
            float((size == 1).mean()),
            float((size == 0).mean()),
            result.over,
        )

    def __str__(self) -> str:
        return (
            f"prediction sets ({self.score.upper()}) that contain the truth for "
            f"{percent(self.coverage)} % of the windows of new {_plural(self.unit)}; calibrated on "
            f"{self.units} {_plural(self.unit)}, {METHODS[self.method]}"
        )


def conformal(
    calibration: Result,
    coverage: float = 0.9,
    *,
    score: str = "lac",
    method: str = "hierarchical",
    unit: str | None = None,
    seed: int = 0,
) -> Conformal:
    """Calibrate prediction sets on predictions of data that the model has not seen.

    Parameters
    ----------
    calibration : result of `transfer`, or of `cross_validate` on the training people. With
        cross-validation the models differ a little from the final one, so the guarantee is
        approximate
    coverage : share of windows whose set shall contain the truth, 0 to 1
    score : "lac", smallest sets on average: all classes with at least some probability (Sadinle
        2019, doi:10.1080/01621459.2017.1395341); or "aps", sets that are large where the model is
        unsure: the most probable classes, until their probabilities reach a sum (Romano 2020,
        arXiv:2006.02544, without randomisation)
    method : "hierarchical" or "subsample", see the module
    unit : coordinate of what will be new: "participant", "session" or "trial"; by default people,
        if the result has several, otherwise its groups
    seed : of the windows drawn by "subsample"

    Returns
    -------
    Conformal; `sets(probability)` returns the sets, `measure(result)` their coverage on other data

    Raises
    ------
    ValueError : coverage outside 0 to 1; unknown score or method; or too few units: at
        least 1 / (1 − coverage) − 1 are needed (9 people for 90 %)
    """
    _check_options(coverage, score, method)
    unit = unit or _unit_of(calibration)
    names, of = np.unique(_groups(calibration, unit), return_inverse=True)
    # The new unit counts as one more; below this number it alone exceeds the share of misses.
    needed = math.ceil(1 / (1 - coverage) - 1 - 1e-9)
    if len(names) < needed:
        raise ValueError(
            f"{len(names)} {_plural(unit)}, but {percent(coverage)} % for new {_plural(unit)} "
            f"needs at least {needed}: lower coverage, record more, or use a smaller unit "
            f"(unit='trial' is not valid for other people)"
        )
    truth, _ = calibration.truth_and_unit
    scores = SCORES[score](calibration.prediction.values.astype(np.float64))
    own = scores[np.arange(len(truth)), truth]
    if method == "subsample":
        drawn = _one_each(of, seed)
        own, of = own[drawn], of[drawn]
    threshold = _quantile(own, of, coverage)
    return Conformal(
        threshold,
        coverage,
        score,
        unit,
        len(names),
        method,
        calibration.classes,
        print_of(calibration.prediction),
    )


def _check_options(coverage: float, score: str, method: str) -> None:
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage={coverage}, expected above 0 and below 1, such as 0.9")
    for name, value, known in (("score", score, SCORES), ("method", method, METHODS)):
        if value not in known:
            raise ValueError(f"{name}={value!r}, expected one of {', '.join(known)}")


def _quantile(scores: Floats, of: npt.NDArray[np.intp], coverage: float) -> float:
    """Return the quantile with equal weight per unit, and one further unit at infinity."""
    sizes = np.bincount(of)
    weight = 1.0 / ((len(sizes) + 1) * sizes[of])
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weight[order])
    place = int(np.searchsorted(reached, coverage - 1e-9))
    return float(scores[order[min(place, len(order) - 1)]])


def _one_each(of: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.intp]:
    """Return the index of a random window of each unit."""
    order = np.random.default_rng(seed).permutation(len(of))
    _, first = np.unique(of[order], return_index=True)
    return order[first]


def _unit_of(result: Result) -> str:
    return (
        result.unit if result.unit != "group" else str(result.prediction.attrs.get("by", "group"))
    )


def _groups(result: Result, unit: str) -> npt.NDArray[np.str_]:
    by_group = unit in ("group", str(result.prediction.attrs.get("by", "")))
    return group_names(result.prediction, "group" if by_group else unit)


def _plural(unit: str) -> str:
    return "people" if unit == "participant" else f"{unit}s"
