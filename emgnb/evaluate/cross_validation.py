"""Cross-validate with whole groups left out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._vocabulary import ABOUT_LABELS
from emgnb.evaluate._provenance import provenance, settings_of
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import Data, Ints, group_names, splits, trials_of, truth_of
from emgnb.evaluate.standardise import STEP
from emgnb.recording import history


class Predictor(Protocol):
    """Interface of the classifier that `fit` returns."""

    def predict(self, data: Any, /) -> xr.DataArray:
        """Return probability(window, class) for windows or features."""
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
    """Train on some groups and predict the others, until every window is predicted once.

    Everything that is learned from data (scaling, baseline, feature selection) belongs in `fit`,
    which receives the training windows only.

    Parameters
    ----------
    data : windows for networks, features for LDA and SVM
    fit : function of the training data that returns a classifier, for example
        `lambda train: models.fit(train, model="lda", progress=False)`
    by, folds, label : see `splits`
    progress : True prints a line, False nothing; or a function `progress(fold, folds, name)` that
        is called before each fold

    Returns
    -------
    Result; prints with scheme, number of people, interval and chance level

    Raises
    ------
    ValueError : see `splits`; or a prediction has the wrong windows or classes, NaN or infinity

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, models, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> result = evaluate.cross_validate(table, models.fit, by="participant", progress=False)
    >>> result.accuracy > 0.5, result.scheme
    (True, 'leave-one-participant-out')
    """
    told = teller(progress)
    parts = list(splits(data, by, folds=folds, label=label))
    left_out = f"leave-one-{by}-out" if folds is None else f"{folds} folds of whole {by}s"
    groups, trials = group_names(data, by), trials_of(data)
    if trials is not None:
        divided = len(set(zip(trials, groups, strict=True))) - len(set(trials))
        if divided:
            left_out += ", which splits trials (windows of one trial in training and test)"
    return predict_folds(data, fit, parts, groups, left_out, by, label, told)


def predict_folds(
    data: Data,
    fit: Fit,
    parts: list[tuple[Ints, Ints, str]],
    groups: npt.NDArray[np.str_],
    scheme: str,
    by: str,
    label: str,
    told: Callable[[int, int, str], None],
) -> Result:
    """Fit on each training part, predict its test part, and collect the predictions."""
    truth = truth_of(data, label)
    classes = np.unique(truth)
    probability = np.zeros((len(truth), len(classes)), dtype=np.float32)
    fold = np.full(len(truth), -1, dtype=np.int64)
    settings, used = [], []
    for number, (train, test, name) in enumerate(parts):
        told(number, len(parts), name)
        classifier = fit(data.isel(window=train))
        given = classifier.predict(data.isel(window=test))
        probability[test] = aligned(given, classes, len(test))
        settings.append(settings_of(classifier))
        used += calibrations(given)
        fold[test] = number
    told(len(parts), len(parts), "")
    about = {"scheme": scheme, "by": by, "label": label} | provenance(data, truth, settings)
    result = as_result(data, probability, classes, truth, groups, fold, about)
    return result.noted(*dict.fromkeys(used))


def calibrations(prediction: xr.DataArray) -> list[str]:
    """Return a note on what the model of a prediction was calibrated with, if it was."""
    made = prediction.attrs.get("calibration")
    return [f"calibrated to the test data with {made}"] if made else []


def as_result(
    data: Data,
    probability: npt.NDArray[np.float32],
    classes: npt.NDArray[np.str_],
    truth: npt.NDArray[np.str_],
    groups: npt.NDArray[np.str_],
    fold: npt.NDArray[np.int64],
    about: Mapping[str, str],
) -> Result:
    """Return a result with the coordinates of the data; `about` describes the evaluation."""
    kept = {
        name: coord.variable
        for name, coord in data.coords.items()
        if coord.dims == ("window",) and name != "window"
    }
    attrs = dict(about) | {
        "notes": json.dumps(_notes(data), ensure_ascii=False),
        "history": data.attrs.get("history", ""),
        **{name: data.attrs.get(name, "") for name in ABOUT_LABELS},
    }
    prediction = xr.DataArray(
        probability, dims=("window", "class"), coords={"class": classes}, attrs=attrs
    ).assign_coords(
        kept | {"truth": ("window", truth), "group": ("window", groups), "fold": ("window", fold)}
    )
    return Result(prediction.rename("probability"))


def aligned(given: xr.DataArray, classes: npt.NDArray[Any], n: int) -> npt.NDArray[np.float32]:
    """Expand a prediction to all classes; classes missing from training get probability 0."""
    if given.dims != ("window", "class") or given.sizes["window"] != n:
        raise ValueError(
            f"the classifier returned by fit predicted {dict(given.sizes)}, expected "
            f"probability(window, class) for {n} windows"
        )
    own = given["class"].values.astype(str)
    strange = sorted(set(own) - set(classes))
    if strange:
        raise ValueError(
            f"the classifier returned by fit predicts classes that are not in the data: "
            f"{', '.join(strange)}. Train it on these data and this label"
        )
    values = given.values
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values).all(axis=1)).sum())
        raise ValueError(
            f"the classifier returned by fit predicted NaN or infinity for {bad} of {n} windows"
        )
    out = np.zeros((n, len(classes)), dtype=np.float32)
    out[:, np.searchsorted(classes, own)] = values
    return out


def _notes(data: Data) -> list[str]:
    """Return notes on the data that qualify the scores."""
    notes = [
        f"standardised within each {step['by']} using its own unlabelled data, including test data"
        for step in history(data)
        if step["step"] == STEP
    ]
    notes += [
        f"covariances centred within each {step['centre']} using its own unlabelled data, "
        f"including test data"
        for step in history(data)
        if step.get("centre")
    ]
    if trials_of(data) is None:
        notes.append("trials not named, so windows of one trial may count as independent")
    return notes


def teller(progress: Progress) -> Callable[[int, int, str], None]:
    """Return the function to call before each fold."""
    if callable(progress):
        return progress
    return _print_fold if progress else (lambda fold, folds, name: None)


def _print_fold(fold: int, folds: int, name: str) -> None:
    text = f"fold {fold + 1}/{folds}: {name}" if fold < folds else f"{folds} folds done"
    sys.stdout.write(f"\r{text[:78]:<78}" + ("\n" if fold >= folds else ""))
    sys.stdout.flush()
