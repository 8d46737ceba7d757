"""Train a classifier on several modalities, such as EMG and action units."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._arrays import Floats
from emgnb.models.classifier import Classifier
from emgnb.models.training import fit

How = Literal["early", "late"]
# Lowest probability of a class of one modality: none may rule out a class alone.
FLOOR = 1e-3


@dataclass(frozen=True, eq=False)
class Fused:
    """Classifier of several modalities, of which some may be missing in a window.

    To store it, save each of its `parts` (`Classifier.save`).

    Attributes
    ----------
    how : "early" (one model of all features) or "late" (a model for each modality)
    parts : modality → its model; of early fusion, "all" → the model
    fill : mean of each feature in the training windows, used by early fusion for a missing modality
    prior : share of each class in the training windows, used where all modalities are missing
    missing : modality → number of training windows without it
    """

    how: How
    parts: Mapping[str, Classifier]
    fill: xr.DataArray
    prior: Floats
    missing: Mapping[str, int]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return next(iter(self.parts.values())).classes

    @property
    def spec(self) -> dict[str, Any]:
        """Kind of fusion and of its models."""
        one = next(iter(self.parts.values())).spec
        return {"model": f"{self.how} fusion of {one['model']}", "settings": one["settings"]}

    def predict(self, data: xr.DataArray) -> xr.DataArray:
        """Return the probability of each class for each window.

        Parameters
        ----------
        data : (window, feature) with `modality`, see `features.beside`; a window in which any
            feature of a modality is NaN is without that modality

        Returns
        -------
        probability(window, class) float32; attrs `missing`: modality → number of windows without
        it, as JSON. Late fusion takes the mean of the log probabilities of the modalities that are
        there; without any, the shares of the classes in the training data

        Raises
        ------
        ValueError : no `modality`, or other features than in training
        """
        there = present(data)
        by = self._early(data, there) if self.how == "early" else self._late(data, there)
        nothing = ~np.any(list(there.values()), axis=0)
        by[nothing] = self.prior
        kept = {n: c.variable for n, c in data.coords.items() if c.dims == ("window",)}
        return xr.DataArray(
            by.astype(np.float32),
            dims=("window", "class"),
            coords=kept | {"class": list(self.classes)},
            name="probability",
            attrs={
                "units": "1",
                "model": self.spec["model"],
                "label_meaning": str(data.attrs.get("label_meaning", "")),
                "history": data.attrs.get("history", ""),
                "missing": json.dumps({name: int((~rows).sum()) for name, rows in there.items()}),
            },
        )

    def _early(self, data: xr.DataArray, there: Mapping[str, npt.NDArray[np.bool_]]) -> Floats:
        by = self.parts["all"].predict(filled(data, there, self.fill))
        return np.array(by.values, dtype=np.float64)

    def _late(self, data: xr.DataArray, there: Mapping[str, npt.NDArray[np.bool_]]) -> Floats:
        total = np.zeros((data.sizes["window"], len(self.classes)))
        for name, model in self.parts.items():
            rows = np.flatnonzero(there[name])
            given = model.predict(features_of(data, name).isel(window=rows)).values
            total[rows] += np.log(np.maximum(given, FLOOR))
        count: Floats = np.maximum(np.sum(list(there.values()), axis=0), 1).astype(np.float64)
        by: Floats = np.exp(total / count[:, np.newaxis])
        shares: Floats = by / by.sum(axis=1, keepdims=True)
        return shares


def fit_fused(data: xr.DataArray, *, how: How = "late", **options: Any) -> Fused:
    """Train a classifier on several modalities.

    Parameters
    ----------
    data : (window, feature) with `modality` along feature, see `features.beside`. A window in which
        any feature of a modality is NaN is without that modality
    how : "early" trains one model on the features of all modalities; a missing one is filled with
        the means of the training windows. "late" trains a model for each modality on the windows
        that have it, and averages the log probabilities of those that are there
    options : of `fit`, for "lda", "svm" and "forest"

    Raises
    ------
    ValueError : no `modality`; another `how`; a modality that no window has, or of which no
        window of a class has it; or see `fit`

    Warns
    -----
    UserWarning : modalities that are missing in some windows, with their number

    Examples
    --------
    >>> fused = models.fit_fused(both, how="late", model="lda")  # doctest: +SKIP
    """
    if how not in ("early", "late"):
        raise ValueError(f"how={how!r}, expected 'early' or 'late'")
    there = present(data)
    label = str(options.get("label", "label"))
    truth = data[label].values.astype(str)
    _need_all_classes(there, truth)
    rows = np.any(list(there.values()), axis=0)
    fill = data.mean("window", skipna=True).drop_vars("window", errors="ignore")
    if how == "early":
        whole = filled(data, there, fill).isel(window=np.flatnonzero(rows))
        parts = {"all": fit(whole, **options)}
    else:
        parts = {
            name: fit(features_of(data, name).isel(window=np.flatnonzero(mine)), **options)
            for name, mine in there.items()
        }
    classes = np.asarray(next(iter(parts.values())).classes)
    prior = np.mean(truth[:, np.newaxis] == classes, axis=0)
    missing = {name: int((~mine).sum()) for name, mine in there.items()}
    _warn(missing, data.sizes["window"], how)
    return Fused(how, parts, fill, prior, missing)


def present(data: xr.DataArray) -> dict[str, npt.NDArray[np.bool_]]:
    """Return modality → whether each window has it."""
    if "modality" not in data.coords:
        raise ValueError("the features have no `modality`, expected features.beside(emg=…, aus=…)")
    names = dict.fromkeys(data["modality"].values.astype(str))
    return {name: ~np.isnan(features_of(data, name).values).any(axis=1) for name in names}


def features_of(data: xr.DataArray, name: str) -> xr.DataArray:
    """Return the features of one modality."""
    mine = np.flatnonzero(data["modality"].values.astype(str) == name)
    return data.transpose("window", "feature").isel(feature=mine)


def filled(
    data: xr.DataArray, there: Mapping[str, npt.NDArray[np.bool_]], fill: xr.DataArray
) -> xr.DataArray:
    """Return the features with missing modalities replaced by means."""
    made = data.transpose("window", "feature").copy(deep=True)
    owner = data["modality"].values.astype(str)
    for name, rows in there.items():
        mine = owner == name
        made.values[np.ix_(~rows, mine)] = fill.values[mine]
    return made


def _need_all_classes(
    there: Mapping[str, npt.NDArray[np.bool_]], truth: npt.NDArray[np.str_]
) -> None:
    for name, rows in there.items():
        if lacking := sorted(set(truth) - set(truth[rows])):
            raise ValueError(
                f"{name} is missing in all windows of {', '.join(lacking)}: leave the modality or "
                "the class out"
            )


def _warn(missing: Mapping[str, int], windows: int, how: How) -> None:
    done = "filled with its means" if how == "early" else "the others decide there"
    said = [
        f"{name} is missing in {n} of {windows} training windows, {100 * n / windows:.1f} %: {done}"
        for name, n in missing.items()
        if n
    ]
    if said:
        warnings.warn("; ".join(said), stacklevel=3)
