"""Test an evaluation for leakage, and measure the bias of a shuffled split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.cross_validation import Fit, Progress, cross_validate, predict_folds, teller
from emgnb.evaluate.metrics import percent
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import (
    Data,
    Ints,
    group_names,
    overlapping,
    recordings,
    splits,
    trials_of,
    truth_of,
)


@dataclass(frozen=True, eq=False)
class Permutation:
    """Accuracies with true and with shuffled labels.

    Attributes
    ----------
    result : result with true labels
    shuffled : (n,) accuracies, 0 to 1, with shuffled labels
    """

    result: Result
    shuffled: npt.NDArray[np.float64]

    @property
    def p(self) -> float:
        """Fraction of shuffles (including the true labels) at least as accurate as the result."""
        better = int((self.shuffled >= self.result.accuracy).sum())
        return (better + 1) / (len(self.shuffled) + 1)

    def __str__(self) -> str:
        return (
            f"{self.result}\nlabels shuffled {len(self.shuffled)} times: "
            f"{percent(float(self.shuffled.mean()))} % (largest "
            f"{percent(float(self.shuffled.max()))} %), p = {self.p:.3f}. Shuffled labels clearly "
            f"above chance mean that the evaluation leaks; slightly below chance is normal"
        )


def permutation_control(
    data: Data,
    fit: Fit,
    *,
    by: str = "participant",
    folds: int | None = None,
    n: int = 20,
    label: str = "label",
    seed: int = 0,
    progress: Progress = False,
) -> Permutation:
    """Evaluate the same pipeline with shuffled labels, where only leakage can exceed chance.

    Labels are permuted between whole trials of the same session (between windows if trials are not
    named), so that the overlap of windows and the number of trials per label are unchanged.

    Parameters
    ----------
    n : number of shuffles; p cannot be smaller than 1 / (n + 1)
    others : see `cross_validate`

    Raises
    ------
    ValueError : see `cross_validate`; or every session has only one label
    """
    result = cross_validate(data, fit, by=by, folds=folds, label=label, progress=progress)
    parts, groups = list(splits(data, by, folds=folds, label=label)), group_names(data, by)
    rng = np.random.default_rng(seed)
    truth = truth_of(data, label)
    trials = trials_of(data)
    units = np.arange(len(truth)).astype(str) if trials is None else trials
    units = np.char.add(np.char.add(units, "|"), truth)
    strata = recordings(data)
    if all(len(np.unique(truth[strata == s])) == 1 for s in np.unique(strata)):
        raise ValueError(
            "every session has only one label, so labels cannot be shuffled within sessions, and a "
            "model could learn the session instead of the label: record all labels in each session"
        )
    shuffled = []
    for _ in range(n):
        mixed = truth.copy()
        for stratum in np.unique(strata):
            here = np.flatnonzero(strata == stratum)
            _, first, of = np.unique(units[here], return_index=True, return_inverse=True)
            mixed[here] = rng.permutation(truth[here][first])[of]
        permuted = data.assign_coords({label: ("window", mixed)})
        # The same parts: a label that ends up in a single part by chance belongs to the control.
        one = predict_folds(permuted, fit, parts, groups, result.scheme, by, label, teller(False))
        shuffled.append(one.accuracy)
    return Permutation(result, np.array(shuffled))


@dataclass(frozen=True, eq=False)
class ShuffledBesideHonest:
    """Comparison of a split by groups with a shuffled split.

    Attributes
    ----------
    honest : result with whole groups left out
    shuffled : result with windows shuffled into as many folds, which is wrong
    overlap : fraction of test windows in the shuffled split that overlap a training window in time
    duplicates : number of test windows in the split by groups that are identical to a training
        window
    """

    honest: Result
    shuffled: Result
    overlap: float
    duplicates: int

    @property
    def inflation(self) -> float:
        """Increase in accuracy caused by shuffling, as a fraction (0.1 = ten points)."""
        return self.shuffled.accuracy - self.honest.accuracy

    def __str__(self) -> str:
        return (
            f"honest: {self.honest}\n"
            f"shuffled windows, not a valid result: {percent(self.shuffled.accuracy)} %, "
            f"{100 * self.inflation:+.1f} points; {percent(self.overlap)} % of its test windows "
            f"overlap a training window in time\n"
            f"test windows identical to a training window, honest split: {self.duplicates}"
        )


def shuffled_beside_honest(
    data: Data,
    fit: Fit,
    *,
    by: str = "participant",
    folds: int | None = None,
    label: str = "label",
    seed: int = 0,
    progress: Progress = True,
) -> ShuffledBesideHonest:
    """Compare the accuracy of a split by groups with that of a shuffled split.

    Parameters
    ----------
    data, fit, by, folds, label, progress : see `cross_validate`; the shuffled split has as many
        folds (10 at most)

    Notes
    -----
    Overlap and shuffling inflate accuracy by 10 to 16 points on common data (arXiv 1904.02666).

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, models, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> both = evaluate.shuffled_beside_honest(table, models.fit, progress=False)
    >>> both.shuffled.accuracy >= both.honest.accuracy
    True
    """
    honest = cross_validate(data, fit, by=by, folds=folds, label=label, progress=progress)
    parts = list(splits(data, by, folds=folds, label=label))
    duplicates = _duplicates(data, parts)
    mixed = list(_shuffled(truth_of(data, label), min(len(parts), 10), seed))
    overlap = sum(overlapping(data, train, test) for train, test, _ in mixed)
    shuffled = predict_folds(
        data,
        fit,
        mixed,
        group_names(data, by),
        f"NOT HONEST: windows shuffled into {len(mixed)} folds",
        by,
        label,
        teller(progress),
    )
    return ShuffledBesideHonest(honest, shuffled, overlap / data.sizes["window"], duplicates)


def _shuffled(
    truth: npt.NDArray[np.str_], folds: int, seed: int
) -> Iterator[tuple[Ints, Ints, str]]:
    """Yield folds with the windows of each label assigned at random."""
    rng = np.random.default_rng(seed)
    fold_of = np.zeros(len(truth), dtype=np.intp)
    for name in np.unique(truth):
        mine = rng.permutation(np.flatnonzero(truth == name))
        fold_of[mine] = np.arange(len(mine)) % folds
    for fold in range(folds):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold), f"shuffled {fold}"


def _duplicates(data: Data, parts: list[tuple[Ints, Ints, str]]) -> int:
    """Count test windows that are identical to a training window."""
    table = data.to_dataarray() if isinstance(data, xr.Dataset) else data
    rows = np.ascontiguousarray(table.transpose("window", ...).values)
    keys = [row.tobytes() for row in rows.reshape(len(rows), -1)]
    count = 0
    for train, test, _ in parts:
        known = {keys[i] for i in train}
        count += sum(keys[i] in known for i in test)
    return count
