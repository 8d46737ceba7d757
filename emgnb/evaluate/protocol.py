"""The honest evaluation: whole groups left out, everything learned from the others."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import Data, Ints, group_names, splits, trials_of, truth_of
from emgnb.evaluate.standardise import STEP
from emgnb.recording import history


class Predictor(Protocol):
    """What `fit` must give back."""

    def predict(self, data: Any, /) -> xr.DataArray:
        """Give probability(window, class) for windows or features."""
        ...


Fit = Callable[[Any], Predictor]
Progress = bool | Callable[[int, int, str], None]


def cross_validate(
    data: Data,
    fit: Fit,
    *,
    by: str = "participant",
    folds: int | None = None,
    label: str = "label",
    progress: Progress = True,
) -> Result:
    """Train on some groups, predict the others, until every window was predicted once.

    Whatever is learned from data (scaling, baseline, feature selection) belongs into `fit`: it
    sees the training windows only.

    Parameters
    ----------
    data : windows for networks, features for LDA and SVM
    fit : training data → classifier, for example
        `lambda train: models.fit(train, model="lda", progress=False)`
    by, folds, label : see `splits`
    progress : True prints a line, False nothing; or `progress(fold, folds, name)`, called before
        each fold

    Returns
    -------
    Result; its print carries protocol, number of people, interval and chance

    Raises
    ------
    ValueError : see `splits`; a prediction misses windows or classes
    """
    told = teller(progress)
    parts = list(splits(data, by, folds=folds, label=label))
    left_out = f"leave-one-{by}-out" if folds is None else f"{folds} folds of whole {by}s"
    groups, trials = group_names(data, by), trials_of(data)
    if trials is not None:
        divided = len(set(zip(trials, groups, strict=True))) - len(set(trials))
        if divided:
            left_out += ", which divides trials (windows of one trial on both sides)"
    return predict_folds(data, fit, parts, groups, left_out, by, label, told)


def predict_folds(
    data: Data,
    fit: Fit,
    parts: list[tuple[Ints, Ints, str]],
    groups: npt.NDArray[np.str_],
    protocol: str,
    by: str,
    label: str,
    told: Callable[[int, int, str], None],
) -> Result:
    """Fit on each training part, predict its test part, and put the predictions together."""
    truth = truth_of(data, label)
    classes = np.unique(truth)
    probability = np.zeros((len(truth), len(classes)), dtype=np.float32)
    fold = np.full(len(truth), -1, dtype=np.int64)
    for number, (train, test, name) in enumerate(parts):
        told(number, len(parts), name)
        given = fit(data.isel(window=train)).predict(data.isel(window=test))
        probability[test] = _aligned(given, classes, len(test))
        fold[test] = number
    told(len(parts), len(parts), "")
    kept = {
        name: coord.variable
        for name, coord in data.coords.items()
        if coord.dims == ("window",) and name != "window"
    }
    attrs = {
        "protocol": protocol,
        "by": by,
        "label": label,
        "notes": json.dumps(_notes(data), ensure_ascii=False),
        "history": data.attrs.get("history", ""),
        "label_meaning": data.attrs.get("label_meaning", ""),
    }
    prediction = xr.DataArray(
        probability, dims=("window", "class"), coords={"class": classes}, attrs=attrs
    ).assign_coords(
        kept | {"truth": ("window", truth), "group": ("window", groups), "fold": ("window", fold)}
    )
    return Result(prediction.rename("probability"))


def _aligned(given: xr.DataArray, classes: npt.NDArray[Any], n: int) -> npt.NDArray[np.float32]:
    """Bring a prediction to all classes; those that a fold did not teach get probability 0."""
    if given.dims != ("window", "class") or given.sizes["window"] != n:
        raise ValueError(
            f"fit's classifier predicted {dict(given.sizes)}, expected probability(window, class) "
            f"for {n} windows"
        )
    own = given["class"].values.astype(str)
    strange = sorted(set(own) - set(classes))
    if strange:
        raise ValueError(
            f"fit's classifier names classes the data have not: {', '.join(strange)}; is it "
            f"trained on these data and this label?"
        )
    values = given.values
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values).all(axis=1)).sum())
        raise ValueError(f"fit's classifier predicted NaN or infinity for {bad} of {n} windows")
    out = np.zeros((n, len(classes)), dtype=np.float32)
    out[:, np.searchsorted(classes, own)] = values
    return out


def _notes(data: Data) -> list[str]:
    """List what a reader of the figure must know about the data."""
    notes = [
        f"standardised within each {step['by']} by its own unlabelled data, the test data's too"
        for step in history(data)
        if step["step"] == STEP
    ]
    if trials_of(data) is None:
        notes.append("trials not named, so windows of one trial may count as independent")
    return notes


def teller(progress: Progress) -> Callable[[int, int, str], None]:
    """Turn `progress` into what is called before each fold."""
    if callable(progress):
        return progress
    return _print_fold if progress else (lambda fold, folds, name: None)


def _print_fold(fold: int, folds: int, name: str) -> None:
    text = f"fold {fold + 1}/{folds}: {name}" if fold < folds else f"{folds} folds done"
    sys.stdout.write(f"\r{text[:78]:<78}" + ("\n" if fold >= folds else ""))
    sys.stdout.flush()
