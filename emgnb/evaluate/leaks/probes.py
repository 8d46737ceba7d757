"""Fast reference classifiers, and what they score under honest and careless splits.

Shrinkage LDA and nearest neighbours: the first sees what lies in means, the second what lies in
combinations, and it memorises. They are no models to publish; they measure how much a data set
gives away. The better of the two under the honest split is taken: chosen by its careless score it
would flatter the careless split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from emgnb.evaluate.leaks.finding import Score
from emgnb.evaluate.leaks.lda import Lda
from emgnb.evaluate.leaks.rows import Floats, Ints, Names, Rows
from emgnb.evaluate.metrics import percentiles

# Rows a probe is trained and tested on; whole trials are drawn until so many are there.
MOST = 4000
FOLDS = 5
DRAWS = 2000
# Draws of a random split; its scores are means over them.
REPEATS = 3
NEIGHBOURS = 5
MODEL = "reference classifiers: shrinkage LDA and nearest neighbours, the better when honest"

Part = tuple[Ints, Ints]


def thinned(rows: Rows, most: int = MOST, seed: int = 0) -> Rows:
    """Keep at most so many rows: whole trials where they are named, of all labels alike."""
    if len(rows) <= most:
        return rows
    rng = np.random.default_rng(seed)
    unit = rows.group("trial")
    if unit is None or len(np.unique(unit)) < 20:
        # Stretches of neighbouring rows, so that neighbours stay neighbours.
        unit = (np.arange(len(rows)) // 25).astype(str)
    unit = np.char.add(np.char.add(unit, "|"), rows.label)
    names, of = np.unique(unit, return_inverse=True)
    order = rng.permutation(len(names))
    size = np.bincount(of)
    keep = order[: max(int(np.searchsorted(np.cumsum(size[order]), most)), 20)]
    index = np.flatnonzero(np.isin(of, keep))
    if len(index) > 2 * most:
        index = np.sort(rng.choice(index, most, replace=False))
    return rows.take(index)


def filled(values: Floats) -> Floats:
    """Values with NaN and infinity replaced by the median of their column."""
    clean = np.where(np.isfinite(values), values, np.nan)
    with np.errstate(all="ignore"):
        middle = (
            np.nan_to_num(np.nanmedian(clean, axis=0)) if len(clean) else np.zeros(values.shape[1])
        )
    return np.where(np.isnan(clean), middle, clean)


def classifiers() -> dict[str, Any]:
    """The reference classifiers, unfitted."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "LDA": Lda(),
        "nearest neighbours": make_pipeline(
            StandardScaler(), KNeighborsClassifier(NEIGHBOURS, algorithm="brute")
        ),
    }


def parts_by(group: Names, folds: int = FOLDS, seed: int = 0) -> list[Part]:
    """Train and test rows with whole groups on one side, dealt at random into folds."""
    names, of = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    fold_of = rng.permutation(np.arange(len(names)) % min(folds, len(names)))[of]
    return [
        (np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold))
        for fold in range(int(fold_of.max()) + 1)
    ]


def parts_stratified(group: Names, label: Names, folds: int = FOLDS, seed: int = 0) -> list[Part]:
    """As `parts_by`, with the groups of each label dealt evenly (for trials of one label each)."""
    rng = np.random.default_rng(seed)
    unit = np.char.add(np.char.add(label, "|"), group)
    names, first, of = np.unique(unit, return_index=True, return_inverse=True)
    fold_of_unit = np.zeros(len(names), dtype=np.intp)
    for each in np.unique(label):
        mine = rng.permutation(np.flatnonzero(label[first] == each))
        fold_of_unit[mine] = (np.arange(len(mine)) + rng.integers(folds)) % folds
    fold_of = fold_of_unit[of]
    return [
        (np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold))
        for fold in np.unique(fold_of)
    ]


def shuffled_parts(label: Names, folds: int = FOLDS, seed: int = 0) -> list[Part]:
    """Rows of each label dealt at random into folds: the careless split."""
    return parts_stratified(np.arange(len(label)).astype(str), label, folds, seed)


def hits(values: Floats, label: Names, parts: list[Part], model: Any) -> Floats:
    """For each row 1 where it is named correctly by a model that did not train on it, else 0.

    NaN where a row was in no test part, or its training part held fewer than two labels.
    """
    out = np.full(len(label), np.nan)
    for train, test in parts:
        if len(train) < NEIGHBOURS or not len(test) or len(np.unique(label[train])) < 2:
            continue
        fitted = deepcopy(model).fit(values[train], label[train])
        out[test] = fitted.predict(values[test]) == label[test]
    return out


def mean_hits(values: Floats, label: Names, draws: list[list[Part]], model: Any) -> Floats:
    """Mean of `hits` over several draws of a split."""
    found = np.array([hits(values, label, parts, model) for parts in draws])
    # A row of which no draw has a hit stays NaN.
    seen = ~np.isnan(found)
    out = np.full(len(label), np.nan)
    some = seen.any(axis=0)
    out[some] = np.nansum(found, axis=0)[some] / seen.sum(axis=0)[some]
    return out


def best_hits(
    values: Floats, label: Names, splits: dict[str, list[list[Part]]]
) -> tuple[str, dict[str, Floats]]:
    """Hits under several splits by the reference classifier with the best score in the first."""
    models = classifiers()
    first = next(iter(splits))
    scored = {name: mean_hits(values, label, splits[first], m) for name, m in models.items()}
    best = max(scored, key=lambda name: _mean(scored[name]))
    others = {
        split: mean_hits(values, label, draws, models[best])
        for split, draws in splits.items()
        if split != first
    }
    return best, {first: scored[best], **others}


def _mean(hit: Floats) -> float:
    return float(np.nanmean(hit)) if np.isfinite(hit).any() else 0.0


def interval(hit: Floats, unit: Names, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a mean of hits, by bootstrap over units, widened for few of them."""
    seen = ~np.isnan(hit)
    names, of = np.unique(unit[seen], return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    size = np.bincount(of).astype(np.float64)
    total = np.bincount(of, weights=hit[seen])
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    return percentiles(means, len(names))


def score(hit: Floats, unit: Names, scheme: str) -> Score:
    """Mean of hits with its interval over units."""
    low, high = interval(hit, unit)
    return Score(float(np.nanmean(hit)), low, high, scheme, len(np.unique(unit)))


def gain(more: Floats, less: Floats, unit: Names) -> tuple[float, float]:
    """Mean difference of two rows of hits in points, and the lower end of its 95 % interval."""
    both = ~np.isnan(more) & ~np.isnan(less)
    if not both.any():
        return float("nan"), float("nan")
    low, _ = interval((more - less)[both], unit[both])
    return 100 * float((more - less)[both].mean()), 100 * low


def majority_by(label: Names, parts: list[Part]) -> Floats:
    """Hits of always naming the commonest label of the training part."""
    out = np.full(len(label), np.nan)
    for train, test in parts:
        names, counts = np.unique(label[train], return_counts=True)
        if len(names):
            out[test] = label[test] == names[np.argmax(counts)]
    return out


def each_group(group: Names) -> Iterator[tuple[str, Ints]]:
    """Yield each group's name and rows."""
    names, of = np.unique(group, return_inverse=True)
    for number, name in enumerate(names):
        yield str(name), np.flatnonzero(of == number)


Progress = Callable[[int, int, str], None]
