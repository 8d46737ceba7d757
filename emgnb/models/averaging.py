"""Train several classifiers, and average their probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from emgnb.models._input_spec import Data
from emgnb.models.choosing import Candidates, default_candidates
from emgnb.models.classifier import Classifier
from emgnb.models.training import fit


@dataclass(frozen=True, eq=False)
class Average:
    """Several classifiers of the same data, whose probabilities are averaged.

    To store it, save each of its `parts` (`Classifier.save`).

    Attributes
    ----------
    parts : name → classifier
    """

    parts: Mapping[str, Classifier]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return next(iter(self.parts.values())).classes

    @property
    def spec(self) -> dict[str, Any]:
        """Names of the models, and the settings of each."""
        each = {name: part.spec["settings"] for name, part in self.parts.items()}
        return {"model": f"average of {', '.join(self.parts)}", "settings": each}

    def predict(self, data: Data) -> xr.DataArray:
        """Return the mean probability of each class for each window.

        Parameters
        ----------
        data : windows or features like those in training

        Returns
        -------
        probability(window, class) float32; a window with NaN in a feature is as each part treats
        it, see `Classifier.predict`

        Raises
        ------
        ValueError : see `Classifier.predict`
        """
        each = [part.predict(data) for part in self.parts.values()]
        mean = np.mean([found.values for found in each], axis=0, dtype=np.float64)
        made: xr.DataArray = each[0].copy(data=mean.astype(np.float32))
        made.attrs["model"] = self.spec["model"]
        return made


def fit_average(
    data: Data,
    *,
    candidates: Candidates | None = None,
    label: str = "label",
    seed: int = 0,
    progress: bool = True,
) -> Average:
    """Train each candidate on all of `data`, to average their probabilities.

    With few people or sessions, the best of several candidates cannot be told from the others, and
    `choose` takes one by chance. An average needs no choice. It takes as long to predict as all
    candidates together.

    Parameters
    ----------
    data : windows or features, see `fit`
    candidates : name → options of `fit`, see `choose` for those by default
    label : coordinate along window that names the class
    seed : of the candidates
    progress : whether networks print their training

    Returns
    -------
    Average, whose `parts` have the names of the candidates

    Raises
    ------
    ValueError : no candidates; windows of raw EMG and of other kinds, for which `candidates` is
        required; or see `fit`

    Examples
    --------
    >>> from emgnb import models
    >>> rng = np.random.default_rng(0)
    >>> trial = np.repeat(np.arange(20), 4)
    >>> x = rng.normal(size=(80, 2)) + (trial % 2)[:, np.newaxis]
    >>> data = xr.DataArray(
    ...     x,
    ...     dims=("window", "feature"),
    ...     coords={
    ...         "feature": ["smile", "frown"],
    ...         "label": ("window", np.where(trial % 2, "smile", "rest")),
    ...         "trial": ("window", trial),
    ...     },
    ... )
    >>> model = models.fit_average(data)
    >>> sorted(model.parts)
    ['LDA', 'SVM, C = 1', 'SVM, C = 10', 'forest']
    >>> model.predict(data).sizes["class"]
    2
    """
    tried = dict(default_candidates(data) if candidates is None else candidates)
    if not tried:
        raise ValueError("candidates is empty, expected name → options of models.fit")
    fixed: dict[str, Any] = {"seed": seed, "progress": progress, "label": label}
    return Average({name: fit(data, **fixed | dict(given)) for name, given in tried.items()})
