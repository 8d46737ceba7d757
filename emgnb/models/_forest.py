"""Fit a random forest with scikit-learn, and predict with NumPy from plain arrays.

The nodes of all trees are in one table; the children of a node come after it. A leaf is its own
child.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats

TREES = 200
# Windows of a trial are similar; single windows as leaves would only enlarge the file.
LEAF = 2
# Windows predicted at a time, which bounds the memory.
PART = 512

Arrays = Mapping[str, npt.NDArray[Any]]


def fit(
    x: Floats, truth: npt.NDArray[np.intp], seed: int, weights: Floats | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Grow the trees, with a weight for each class or None, and return their nodes."""
    from sklearn.ensemble import RandomForestClassifier

    balance = None if weights is None else dict(enumerate(weights))
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=LEAF, random_state=seed, class_weight=balance
    ).fit(x, truth)
    trees = [tree.tree_ for tree in forest.estimators_]
    counts = np.array([tree.node_count for tree in trees])
    roots = np.cumsum(counts) - counts
    own = np.arange(counts.sum())
    first = np.repeat(roots, counts)
    left, right = (
        np.concatenate([getattr(tree, f"children_{side}") for tree in trees])
        for side in ("left", "right")
    )
    leaf = left < 0
    values = np.concatenate([tree.value[:, 0] for tree in trees])
    return {
        "roots": roots.astype(np.int32),
        "feature": np.where(leaf, 0, np.concatenate([t.feature for t in trees])).astype(np.int32),
        "threshold": np.where(leaf, 0.0, np.concatenate([t.threshold for t in trees])),
        "left": np.where(leaf, own, left + first).astype(np.int32),
        "right": np.where(leaf, own, right + first).astype(np.int32),
        "value": (values / values.sum(axis=1, keepdims=True)).astype(np.float32),
    }


def probabilities(arrays: Arrays, x: Floats) -> npt.NDArray[np.float32]:
    """Return the mean over the trees of the class shares in the leaf of each window."""
    # scikit-learn compares in this precision.
    single = x.astype(np.float32)
    parts = np.array_split(single, len(single) // PART + 1)
    return np.concatenate([_mean_of_leaves(arrays, part) for part in parts])


def _mean_of_leaves(arrays: Arrays, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    node = np.broadcast_to(arrays["roots"], (len(x), len(arrays["roots"])))
    row = np.arange(len(x))[:, np.newaxis]
    while True:
        low = x[row, arrays["feature"][node]] <= arrays["threshold"][node]
        following = np.where(low, arrays["left"][node], arrays["right"][node])
        if np.array_equal(following, node):
            return np.asarray(arrays["value"][node].mean(axis=1, dtype=np.float64), np.float32)
        node = following


def check(arrays: Arrays, width: int, classes: int) -> None:
    """Raise ValueError unless every window reaches a leaf in every tree."""
    nodes, trees = len(arrays["feature"]), len(arrays["roots"])
    expected = {"value": (nodes, classes), "roots": (trees,)}
    expected |= dict.fromkeys(("feature", "threshold", "left", "right"), (nodes,))
    for name, shape in expected.items():
        if arrays[name].shape != shape or not shape[0]:
            raise ValueError(f"array {name!r} has shape {arrays[name].shape}, expected {shape}")
    for name, end in (("feature", width), ("roots", nodes), ("left", nodes), ("right", nodes)):
        values = arrays[name]
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= end:
            raise ValueError(f"array {name!r} must contain integers from 0 to {end - 1}")
    own = np.arange(nodes)
    left, right = arrays["left"].astype(np.int64), arrays["right"].astype(np.int64)
    if not (((left > own) & (right > own)) | ((left == own) & (right == own))).all():
        raise ValueError("the children of a node of a tree must come after it")
    if not (arrays["value"] >= 0).all() or not np.allclose(
        arrays["value"].sum(axis=1), 1, atol=1e-3
    ):
        raise ValueError("the class shares of a node must add up to 1")
