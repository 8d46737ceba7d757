"""Classify all windows of a new person at once, by the groups into which they fall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from emgnb._arrays import Floats
from emgnb.evaluate import group_names
from emgnb.models._input_spec import Data
from emgnb.models._population import Numbers
from emgnb.models.adaptation import calibrate, columns, need_population
from emgnb.models.classifier import Classifier, prediction

# Groupings from different starts, whose votes give the probabilities.
STARTS = 15
# Probability of a class that is added to each window's, so that none excludes it alone.
FLOOR = 1e-3
# Fewest windows per class: with fewer, groups are single windows.
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Matching:
    """Classifier that sorts the windows of a person into groups, and matches groups with classes.

    A person's expressions lie apart from each other, though not where those of other people lie.
    The windows are therefore sorted into as many groups as there are classes (k-means, where noise
    is alike in all directions), and each class is given to one group (Kuhn 1955,
    doi:10.1002/nav.3800020109), so that the windows of each group have together the highest
    probability under the model, which is first calibrated with the same windows. Labels of the
    person are not used. All windows of the person are used at once, so a result is not valid for
    live use; and each class must occur, all about equally often, as in a protocol with rounds.

    Parameters
    ----------
    model : classifier of expressions, trained by `fit_within`; an SVM gains most
    seed : of the starts of k-means

    Raises
    ------
    ValueError : the model was not trained by `fit_within`

    Examples
    --------
    >>> from emgnb import features, labels, models, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=3)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, ["rms"])
    >>> known, new = table["participant"].values[[0, -1]]
    >>> train, test = (table.isel(window=table["participant"].values == p) for p in (known, new))
    >>> model = models.Matching(models.fit_within(train, model="svm"))
    >>> model.predict(test).attrs["calibration"]
    'all its windows without labels, in groups matched with classes'
    """

    model: Classifier
    seed: int = 0

    def __post_init__(self) -> None:
        need_population(self.model)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.model.classes

    @property
    def spec(self) -> Mapping[str, Any]:
        """Settings of the model."""
        return {**self.model.spec, "matching": {"starts": STARTS, "seed": self.seed}}

    def predict(self, data: Data) -> xr.DataArray:
        """Return the probability of each class for each window, from the votes of several starts.

        Parameters
        ----------
        data : windows or features like those in training. Each participant (each session, for a
            model by="session") is classified alone; all together if these are not named

        Returns
        -------
        probability(window, class) float32

        Raises
        ------
        ValueError : a person has fewer than 3 windows per class, or a window has NaN; see also
            `Classifier.predict`

        Warns
        -----
        UserWarning : the windows of a person appear to hold fewer than half of the classes
        """
        values = np.empty((data.sizes["window"], len(self.classes)), dtype=np.float32)
        by = str(self.model.spec["within"]["by"])
        known = by in data.coords and data[by].dims == ("window",)
        of = group_names(data, by) if known else np.full(data.sizes["window"], "the recording")
        for name in np.unique(of):
            mine = np.flatnonzero(of == name)
            values[mine] = self._of_one(data.isel(window=mine), str(name))
        made = prediction(self.model, values, data)
        said = "all its windows without labels, in groups matched with classes"
        return made.assign_attrs(calibration=said)

    def _of_one(self, part: Data, name: str) -> Floats:
        classes = len(self.classes)
        if part.sizes["window"] < FEWEST * classes:
            raise ValueError(
                f"{name} has {part.sizes['window']} windows, expected at least "
                f"{FEWEST} of each of {classes} classes: use calibrate"
            )
        calibrated = calibrate(self.model, unlabelled=part)
        known = np.log(calibrated.predict(part).values.astype(np.float64) + FLOOR)
        noise = need_population(self.model).noise
        x = columns(self.model, part) @ np.linalg.cholesky(np.linalg.inv(noise))
        votes = [
            _matched(known, _grouped(x, classes, self.seed + start)) for start in range(STARTS)
        ]
        return np.asarray(np.mean([np.eye(classes)[each] for each in votes], axis=0))


def _grouped(x: Floats, groups: int, seed: int) -> Numbers:
    """Return the group of each row, by k-means."""
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(groups, n_init=3, random_state=seed).fit(x).labels_, dtype=np.intp)


def _matched(known: Floats, group: Numbers) -> Numbers:
    """Return the class of each window, one class for each group.

    Parameters
    ----------
    known : (window, class) logarithms of probabilities
    group : of each window, as many as there are classes
    """
    from scipy.optimize import linear_sum_assignment

    classes = known.shape[1]
    total = np.stack([known[group == k].sum(axis=0) for k in range(classes)])
    _, given = linear_sum_assignment(total, maximize=True)
    return np.asarray(given[group])
