"""Fit LDA, SVM and random forest to features with scikit-learn, and predict with NumPy.

EMG amplitudes span decades between people and between rest and effort, but LDA and SVM assume
classes of similar spread. So each column is compressed and then standardised, with parameters
estimated from the training windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from emgnb._arrays import Floats
from emgnb.models import _forest

Arrays = dict[str, npt.NDArray[Any]]
Settings = Mapping[str, Any]

KINDS = ("lda", "svm", "forest")
COMPRESS = ("asinh", "log", "none")
KERNELS = ("rbf", "linear")
# Least deviation within a class, and variance in its place, of standardised features.
LEAST_SPREAD = 1e-4


def fit(
    model: str,
    table: Floats,
    truth: npt.NDArray[np.intp],
    settings: Settings,
    columns: list[str],
    weights: Floats | None = None,
) -> Arrays:
    """Fit "lda", "svm" or "forest", and return the parameters for prediction.

    Parameters
    ----------
    table : (window, column)
    truth : (window,) class numbers 0 … n−1
    settings : `compress`, and `C` and `kernel` (SVM) or `seed` (forest), see `models.fit`
    columns : column names, for error messages
    weights : weight of each class, or None if all windows weigh the same

    Raises
    ------
    ImportError : scikit-learn is not installed
    ValueError : `compress` is "log" and a feature is not positive
    """
    compress = settings["compress"]
    if compress == "log":
        _positive(table, columns)
    middle = np.median(np.abs(table), axis=0)
    # The median of counts is often 0; then the mean is used.
    middle = np.where(middle > 0, middle, np.abs(table).mean(axis=0))
    arrays: Arrays = {"size": np.where(middle > 0, middle, 1.0)}
    squeezed = _compress(table, arrays["size"], compress)
    spread = squeezed.std(axis=0)
    arrays["mean"] = squeezed.mean(axis=0)
    arrays["spread"] = np.where(spread > 1e-9 * np.abs(squeezed).max(axis=0), spread, 1.0)
    scaled = (squeezed - arrays["mean"]) / arrays["spread"]
    try:
        if model == "lda":
            return arrays | _lda(scaled, truth, weights)
        if model == "svm":
            return arrays | _svm(scaled, truth, settings, weights)
        return arrays | _forest.fit(scaled, truth, settings["seed"], weights)
    except ImportError as error:
        raise ImportError(
            "LDA, SVM and random forest need scikit-learn: pip install 'emgnb[train]'"
        ) from error


def _lda(scaled: Floats, truth: npt.NDArray[np.intp], weights: Floats | None) -> Arrays:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    share = None if weights is None else weights * np.bincount(truth)
    priors = None if share is None else share / share.sum()
    means = np.stack([scaled[truth == k].mean(axis=0) for k in range(int(truth.max()) + 1)])
    if np.abs(scaled - means[truth]).max() <= LEAST_SPREAD:
        return _constant(means, np.bincount(truth) / len(truth) if priors is None else priors)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    lda.fit(scaled, truth)
    slope, offset = np.asarray(lda.coef_), np.asarray(lda.intercept_)
    # With two classes scikit-learn stores only their difference.
    if int(truth.max()) == 1:
        slope, offset = np.vstack([np.zeros_like(slope), slope]), np.append(0.0, offset)
    return {"weights": slope, "offset": offset}


def _constant(means: Floats, priors: Floats) -> Arrays:
    """Return an LDA of classes without any spread, for which a covariance cannot be estimated."""
    slope = means / LEAST_SPREAD
    return {"weights": slope, "offset": np.log(priors) - 0.5 * np.sum(slope * means, axis=1)}


def _svm(
    scaled: Floats, truth: npt.NDArray[np.intp], settings: Settings, weights: Floats | None
) -> Arrays:
    from sklearn.svm import SVC

    n = int(truth.max()) + 1
    # 1 / (columns · variance), gamma="scale" in scikit-learn.
    gamma = 1.0 / (scaled.shape[1] * scaled.var())
    balance = None if weights is None else dict(enumerate(weights))
    machine = SVC(C=settings["C"], kernel=settings["kernel"], gamma=gamma, class_weight=balance)
    machine.fit(scaled, truth)
    # With two classes scikit-learn inverts the sign: positive is the second class.
    sign = -1.0 if n == 2 else 1.0
    return {
        "gamma": np.array(gamma),
        "support": np.asarray(machine.support_vectors_),
        "weights": sign * _pairwise(machine.dual_coef_, truth[machine.support_], n),
        "offset": sign * np.asarray(machine.intercept_),
    }


def _pairs(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _pairwise(dual: Floats, owner: npt.NDArray[np.intp], n: int) -> Floats:
    """Return one-vs-one weights (pair, support vector) from the layout of libsvm."""
    out = np.zeros((len(_pairs(n)), dual.shape[1]))
    for row, (i, j) in zip(out, _pairs(n), strict=True):
        row[owner == i] = dual[j - 1, owner == i]
        row[owner == j] = dual[i, owner == j]
    return out


def probabilities(
    model: str,
    arrays: Mapping[str, npt.NDArray[Any]],
    table: Floats,
    settings: Settings,
    columns: list[str],
) -> npt.NDArray[np.float32]:
    """Return class probabilities (window, class) for a table of features.

    LDA returns the probabilities of its Gaussian model. SVM returns the softmax of its one-vs-one
    votes, which ranks classes but is not calibrated. A forest returns the mean over its trees.
    """
    scaled = standardised(arrays, table, settings, columns)
    if model == "forest":
        return _forest.probabilities(arrays, scaled)
    if model == "lda":
        value = scaled @ arrays["weights"].T + arrays["offset"]
    else:
        value = np.concatenate(
            [
                _votes(arrays, part, settings.get("kernel", "rbf"))
                for part in np.array_split(scaled, len(scaled) // 2048 + 1)
            ]
        )
    return np.asarray(special.softmax(value, axis=1), dtype=np.float32)


def standardised(
    arrays: Mapping[str, npt.NDArray[Any]], table: Floats, settings: Settings, columns: list[str]
) -> Floats:
    """Compress and standardise the columns of a table with the parameters of training."""
    compress = settings["compress"]
    if compress == "log":
        _positive(table, columns)
    squeezed = _compress(table, arrays["size"], compress)
    return np.asarray((squeezed - arrays["mean"]) / arrays["spread"])


def _compress(table: Floats, size: Floats, how: str) -> Floats:
    if how == "asinh":
        return np.arcsinh(table / size)
    return np.log(table) if how == "log" else table


def _positive(table: Floats, columns: list[str]) -> None:
    low = (table <= 0).sum(axis=0)
    if low.any():
        worst = ", ".join(f"{columns[i]} ({low[i]})" for i in np.flatnonzero(low)[:5])
        raise ValueError(
            f"compress='log' needs positive features; at or below 0 are {worst} of {len(table)} "
            f"windows. Use compress='asinh', a logarithm that is linear around 0"
        )


def _votes(arrays: Mapping[str, Floats], x: Floats, kernel: str) -> Floats:
    """Return one-vs-one votes for each class; margins break ties, as in scikit-learn."""
    support = arrays["support"]
    near = x @ support.T if kernel == "linear" else _kernel(x, support, float(arrays["gamma"]))
    margin = near @ arrays["weights"].T
    margin += arrays["offset"]
    # The number of classes n, from n (n − 1) / 2 pairs.
    n = round((1 + np.sqrt(1 + 8 * margin.shape[1])) / 2)
    votes, sure = np.zeros((2, len(x), n))
    for k, (i, j) in enumerate(_pairs(n)):
        votes[:, i] += margin[:, k] > 0
        votes[:, j] += margin[:, k] <= 0
        sure[:, i] += margin[:, k]
        sure[:, j] -= margin[:, k]
    return np.asarray(votes + sure / (3 * (np.abs(sure) + 1)))


def _kernel(x: Floats, support: Floats, gamma: float) -> Floats:
    distance = (x**2).sum(1)[:, None] + (support**2).sum(1)[None, :] - 2 * x @ support.T
    return np.asarray(np.exp(-gamma * np.maximum(distance, 0.0)))
