"""Classify whole trials by the mean probability of their windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.metrics import Floats, count
from emgnb.evaluate.splits import Ints, trials_of


@dataclass(frozen=True, eq=False)
class Trials:
    """Truth, predicted class and unit of each trial, as numbers."""

    truth: Ints
    guess: Ints
    unit: Ints

    def confusion(self, classes: int) -> npt.NDArray[np.int64]:
        """Return the number of trials by (truth, predicted)."""
        return count(self.truth, self.guess, classes)

    def unit_confusions(self, classes: int, units: int) -> Floats:
        """Return the number of trials by (unit, truth, predicted)."""
        place = (self.unit * classes + self.truth) * classes + self.guess
        flat = np.bincount(place, minlength=units * classes * classes)
        return flat.reshape(units, classes, classes).astype(np.float64)


def votes(prediction: xr.DataArray, truth: Ints, unit: Ints) -> Trials | None:
    """Classify each trial; None if trials are not named.

    Parameters
    ----------
    prediction : probability(window, class)
    truth, unit : class number and unit of each window
    """
    trials = trials_of(prediction)
    if trials is None:
        return None
    # A trial with several labels counts as one trial for each label.
    named = np.char.add(np.char.add(trials, "|"), truth.astype(str))
    _, first, of = np.unique(named, return_index=True, return_inverse=True)
    total = np.zeros((len(first), prediction.sizes["class"]))
    np.add.at(total, of, prediction.values.astype(np.float64))
    return Trials(truth[first], np.argmax(total, axis=1), unit[first])
