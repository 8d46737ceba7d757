"""Calibrate probabilities by one temperature, fitted on predictions of people not trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy import optimize, special

from emgnb.evaluate.metrics import Floats
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import Ints

# Smallest probability whose logarithm is taken: classifiers round smaller ones to 0.
FLOOR = 1e-7
# Temperatures tried, as natural logarithms: 0.02 to 50.
RANGE = (-4.0, 4.0)


@dataclass(frozen=True)
class Temperature:
    """Temperature that calibrates the probabilities of a model.

    Attributes
    ----------
    value : above 1 for over-confident models, below 1 for hesitant ones
    classes : names of the classes of the predictions on which it was fitted
    scheme : how these predictions were made
    fitted_on : hash of these predictions
    """

    value: float
    classes: tuple[str, ...]
    scheme: str
    fitted_on: str

    def apply(self, probability: xr.DataArray) -> xr.DataArray:
        """Return calibrated probabilities: proportional to p ** (1 / temperature).

        The most probable class of a window stays the same; NaN stay NaN.

        Parameters
        ----------
        probability : (window, class), such as `classifier.predict(windows)`

        Raises
        ------
        ValueError : other classes than those fitted; or the predictions on which the temperature
            was fitted, whose calibration would then look better than it is
        """
        check_classes(probability, self.classes)
        if print_of(probability) == self.fitted_on:
            raise ValueError(
                "the temperature was fitted on these predictions, so they cannot show how well it "
                "calibrates. Apply it to new predictions, or use evaluate.calibrated(result), "
                "which calibrates each group with a temperature fitted on the others"
            )
        made = probability.copy(data=_scaled(probability.values, self.value))
        return made.assign_attrs(temperature=self.value)

    def __str__(self) -> str:
        kind = "over-confident" if self.value > 1 else "hesitant"
        return f"temperature {self.value:.2f} ({kind} before), fitted on {self.scheme}"


def temperature(result: Result) -> Temperature:
    """Fit one temperature to the predictions of a cross-validation.

    The temperature minimises the mean negative log-likelihood, in which every unit (person, or
    group) has the same weight (Guo 2017, arXiv:1706.04599). Fit it on the training people: their
    predictions come from models that have not seen them, so no test data are used.

    Parameters
    ----------
    result : result of `cross_validate`

    Raises
    ------
    ValueError : a single unit, from which nothing follows for others
    """
    if result.n_units < 2:
        raise ValueError(
            f"one {result.unit} only: a temperature fitted on it is not valid for others. Use the "
            f"result of cross_validate with several groups"
        )
    truth, unit = result.truth_and_unit
    values = np.asarray(result.prediction.values)
    return Temperature(
        _fitted(values, truth, unit), result.classes, result.scheme, print_of(result.prediction)
    )


def calibrated(result: Result) -> Result:
    """Return the result with each unit calibrated by a temperature fitted on the other units.

    Accuracy and confusion stay the same; probabilities, `ece` and `auc` change.

    Raises
    ------
    ValueError : fewer than three units
    """
    if result.n_units < 3:
        raise ValueError(
            f"{result.n_units} units ({result.over}), expected at least 3: each is calibrated by "
            f"the others. Leave out smaller groups, such as by='trial'"
        )
    truth, unit = result.truth_and_unit
    values = np.asarray(result.prediction.values)
    out = np.empty_like(values)
    found = []
    for each in range(result.n_units):
        mine = unit == each
        found.append(_fitted(values[~mine], truth[~mine], unit[~mine]))
        out[mine] = _scaled(values[mine], found[-1])
    return result.noted(
        f"probabilities calibrated within each {result.unit} by a temperature fitted on the others "
        f"({min(found):.2f} to {max(found):.2f})",
        prediction=result.prediction.copy(data=out),
    )


def _fitted(values: Floats, truth: Ints, unit: Ints) -> float:
    logs = np.log(np.maximum(values.astype(np.float64), FLOOR))
    weight = 1.0 / np.bincount(unit)[unit]
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        return float(weight @ (special.logsumexp(scaled, axis=1) - scaled[rows, truth]))

    best = optimize.minimize_scalar(loss, bounds=RANGE, method="bounded")
    return float(np.exp(best.x))


def _scaled(values: Any, temperature: float) -> Any:
    logs = np.log(np.maximum(values.astype(np.float64), FLOOR)) / temperature
    return special.softmax(logs, axis=1).astype(values.dtype)


def check_classes(probability: xr.DataArray, classes: tuple[str, ...]) -> None:
    """Raise ValueError unless `probability` is (window, class) with these classes."""
    check_probability(probability)
    own = tuple(str(name) for name in probability["class"].values)
    if own != classes:
        raise ValueError(
            f"probabilities of the classes {', '.join(own)}, expected {', '.join(classes)}, in "
            f"this order, as in the result on which this was fitted"
        )


def check_probability(probability: xr.DataArray) -> None:
    """Raise ValueError unless `probability` is (window, class) with names of the classes."""
    if probability.dims != ("window", "class") or "class" not in probability.coords:
        raise ValueError(
            f"expected probability(window, class) as classifier.predict returns it, found "
            f"{tuple(probability.dims)}"
        )


def print_of(probability: xr.DataArray) -> str:
    """Return a hash of the values."""
    rows = np.ascontiguousarray(probability.values, dtype=np.float64)
    return hashlib.blake2b(rows.tobytes(), digest_size=8).hexdigest()
