"""LDA and SVM on a table of features: fitted by scikit-learn, predicted by NumPy alone.

Amplitudes of EMG span decades, between people and between rest and effort, and both methods
expect clouds of equal spread. So each column is first compressed, then standardised, with numbers
learned from the training windows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[np.float64]]

COMPRESS = ("asinh", "log", "none")


def fit(
    model: str, table: Floats, truth: npt.NDArray[np.intp], compress: str, columns: list[str]
) -> Arrays:
    """Fit "lda" or "svm" and give back the numbers that predict.

    Parameters
    ----------
    table : (window, column)
    truth : (window,) class numbers 0 … n−1
    compress : "asinh", "log" or "none", see `models.fit`
    columns : their names, for messages
    """
    try:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.svm import SVC
    except ImportError as error:
        raise ImportError("LDA and SVM need scikit-learn: pip install 'emgnb[train]'") from error
    if compress == "log":
        _positive(table, columns)
    middle = np.median(np.abs(table), axis=0)
    # Counts are zero more often than not; their mean is the next best measure of size.
    middle = np.where(middle > 0, middle, np.abs(table).mean(axis=0))
    arrays: Arrays = {"size": np.where(middle > 0, middle, 1.0)}
    squeezed = _compress(table, arrays["size"], compress)
    spread = squeezed.std(axis=0)
    arrays["mean"] = squeezed.mean(axis=0)
    arrays["spread"] = np.where(spread > 1e-9 * np.abs(squeezed).max(axis=0), spread, 1.0)
    scaled = (squeezed - arrays["mean"]) / arrays["spread"]
    n = int(truth.max()) + 1
    if model == "lda":
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(scaled, truth)
        weights, offset = np.asarray(lda.coef_), np.asarray(lda.intercept_)
        # Two classes: scikit-learn keeps their difference only.
        one = n == 2
        arrays["weights"] = np.vstack([np.zeros_like(weights), weights]) if one else weights
        arrays["offset"] = np.append(0.0, offset) if one else offset
        return arrays
    # 1 / (columns · variance), what scikit-learn calls "scale".
    gamma = 1.0 / (scaled.shape[1] * scaled.var())
    machine = SVC(C=1.0, gamma=gamma).fit(scaled, truth)
    arrays["gamma"] = np.array(gamma)
    arrays["support"] = np.asarray(machine.support_vectors_)
    arrays["weights"] = _pairwise(machine.dual_coef_, truth[machine.support_], n)
    # With two classes scikit-learn turns the sign: positive means the second.
    sign = -1.0 if n == 2 else 1.0
    arrays["weights"] *= sign
    arrays["offset"] = sign * np.asarray(machine.intercept_)
    return arrays


def _pairs(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _pairwise(dual: Floats, owner: npt.NDArray[np.intp], n: int) -> Floats:
    """Weights (pair, support vector), from libsvm's layout, of one machine for each two classes."""
    out = np.zeros((len(_pairs(n)), dual.shape[1]))
    for row, (i, j) in zip(out, _pairs(n), strict=True):
        row[owner == i] = dual[j - 1, owner == i]
        row[owner == j] = dual[i, owner == j]
    return out


def probabilities(
    model: str, arrays: Mapping[str, Floats], table: Floats, compress: str, columns: list[str]
) -> npt.NDArray[np.float32]:
    """Class probabilities (window, class) of a table of features.

    LDA's are those of its Gaussian model. SVM's are the softmax of the votes of its machines, one
    for each two classes: an order, not calibrated.
    """
    if compress == "log":
        _positive(table, columns)
    scaled = (_compress(table, arrays["size"], compress) - arrays["mean"]) / arrays["spread"]
    if model == "lda":
        value = scaled @ arrays["weights"].T + arrays["offset"]
    else:
        value = np.concatenate(
            [_votes(arrays, part) for part in np.array_split(scaled, len(scaled) // 2048 + 1)]
        )
    value -= value.max(axis=1, keepdims=True)
    power = np.exp(value)
    return np.asarray(power / power.sum(axis=1, keepdims=True), dtype=np.float32)


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
            f"windows. Take compress='asinh', a logarithm that is linear around 0"
        )


def _votes(arrays: Mapping[str, Floats], x: Floats) -> Floats:
    """How many others each class wins against, ties broken by margins, as in scikit-learn."""
    margin = _kernel(x, arrays["support"], float(arrays["gamma"])) @ arrays["weights"].T
    margin += arrays["offset"]
    # n (n − 1) / 2 pairs.
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
