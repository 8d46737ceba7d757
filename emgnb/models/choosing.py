"""Choose a model by cross-validation inside the training data."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import evaluate
from emgnb.models._input_spec import Data, is_features, table
from emgnb.models.classifier import Classifier
from emgnb.models.training import fit

# Folds of whole groups; fewer groups are left out one at a time.
FOLDS = 5
INNER = "inner_fold"

Candidates = Mapping[str, Mapping[str, Any]]
Progress = bool | Callable[[int, int, str], None]


def choose(
    data: Data,
    *,
    by: str = "trial",
    candidates: Candidates | None = None,
    label: str = "label",
    seed: int = 0,
    progress: Progress = True,
) -> Classifier:
    """Fit each candidate under cross-validation, and return the best, fitted to all of `data`.

    Used as `fit` in `evaluate.cross_validate`, the choice is made within the training data of each
    fold, so the test data take no part in it:
    `evaluate.cross_validate(data, lambda train: models.choose(train, by="session", progress=False),
    by="session")`.

    Parameters
    ----------
    data : windows or features, see `fit`
    by : groups that the inner folds keep whole, see `evaluate.splits`: at most five folds, over
        which the groups of each label are spread evenly
    candidates : name → options of `fit`. The default depends on the data. Windows: LDA, SVM (C = 1,
        10) and forest on the features "hudgins" (raw EMG) or "envelope" (envelopes), for raw EMG
        also LDA on covariances. Features: LDA, SVM (C = 1, 10) and forest, of logarithms if all
        values are positive
    label : coordinate along window that names the class
    seed : of the folds and of the candidates
    progress : True prints the candidates and their accuracies, False nothing; or a function
        `progress(number, candidates, name)` that is called before each candidate

    Returns
    -------
    Classifier; `Classifier.choice` is the table of candidates. Of equal accuracies, the first wins.
    The accuracy of the chosen candidate is optimistic, because it was selected

    Raises
    ------
    ValueError : see `evaluate.splits` and `fit`; no candidates; or windows of raw EMG and of other
        kinds, for which `candidates` is required
    """
    tried = dict(default_candidates(data) if candidates is None else candidates)
    if not tried:
        raise ValueError("candidates is empty, expected name → options of models.fit")
    inner = data.assign_coords({INNER: ("window", _folds(data, by, label, seed))})
    found = []
    for number, (name, options) in enumerate(tried.items()):
        if callable(progress):
            progress(number, len(tried), name)
        fixed = {"seed": seed, "progress": False, "label": label, **options}
        result = evaluate.cross_validate(
            inner, partial(fit, **fixed), by=INNER, label=label, progress=False
        )
        found.append(float(result.accuracy))
    best = int(np.argmax(found))
    options = {"seed": seed, "progress": False, "label": label, **list(tried.values())[best]}
    made = fit(data, **options)
    folds = len(np.unique(inner[INNER]))
    choice = {
        "by": by,
        "folds": folds,
        "fits": folds * len(tried) + 1,
        "candidates": list(tried),
        "accuracy": found,
    }
    chosen = dataclasses.replace(made, spec=dict(made.spec) | {"choice": choice})
    if progress is True and chosen.choice is not None:
        sys.stdout.write(table_of(chosen.choice) + "\n")
    return chosen


def default_candidates(data: Data) -> dict[str, dict[str, Any]]:
    """Return the candidates that `choose` tries by default, name → options of `fit`.

    Raises
    ------
    ValueError : windows of raw EMG and of other kinds
    """
    models: dict[str, dict[str, Any]] = {
        "LDA": {"model": "lda"},
        "SVM, C = 1": {"model": "svm", "C": 1.0},
        "SVM, C = 10": {"model": "svm", "C": 10.0},
        "forest": {"model": "forest"},
    }
    if is_features(data):
        positive = data.attrs.get("scale") != "log" and bool((table(data)[0] > 0).all())
        how: dict[str, Any] = {"compress": "log"} if positive else {}
        word = " of logarithms" if positive else ""
        return {f"{name}{word}": options | how for name, options in models.items()}
    kinds = (
        {str(kind) for kind in data["signal_kind"].values} if "signal_kind" in data.coords else ()
    )
    if "raw" in kinds and len(kinds) > 1:
        raise ValueError(
            f"channels of kinds {', '.join(sorted(kinds))} have no common features: select one "
            f"kind with data.sel(channel=[…]), or name the candidates with candidates="
        )
    features = "hudgins" if "raw" in kinds else "envelope"
    found = {f"{name} of {features}": o | {"features": features} for name, o in models.items()}
    if "raw" in kinds:
        found["LDA of covariances"] = {"model": "lda", "features": "covariance"}
    return found


def _folds(data: Data, by: str, label: str, seed: int) -> npt.NDArray[np.str_]:
    """Return the fold of each window: whole groups, dealt out label by label."""
    # Raises if a label occurs in one group only, in words that name the groups.
    next(iter(evaluate.splits(data, by, label=label)))
    names, first, of = np.unique(
        evaluate.group_names(data, by), return_index=True, return_inverse=True
    )
    order = np.random.default_rng(seed).permutation(len(names))
    truth = data[label].values.astype(str)[first]
    order = order[np.argsort(truth[order], kind="stable")]
    fold = np.empty(len(names), dtype=np.intp)
    fold[order] = np.arange(len(names)) % min(FOLDS, len(names))
    return np.asarray([f"fold {i + 1}" for i in range(FOLDS)])[fold[of]]


def table_of(choice: xr.Dataset) -> str:
    """Return the candidates and their accuracies as text, with the budget."""
    lines = [
        f"{'chosen' if chosen else '':6}  {100 * accuracy:5.1f} %  {name}"
        for name, accuracy, chosen in zip(
            choice["candidate"].values,
            choice["accuracy"].values,
            choice["chosen"].values,
            strict=True,
        )
    ]
    about = choice.attrs
    lines.append(f"{about['fits']} fits: {about['folds']} folds of whole {about['by']}s")
    return "\n".join(lines)
