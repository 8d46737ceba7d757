"""Controls that show whether an evaluation leaks, and what a dishonest one would claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.metrics import percent
from emgnb.evaluate.protocol import Fit, Progress, cross_validate, predict_folds, teller
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
    """Accuracies with shuffled labels beside the true one.

    Attributes
    ----------
    result : with the true labels
    shuffled : (n,) accuracies, 0 to 1, with labels shuffled
    """

    result: Result
    shuffled: npt.NDArray[np.float64]

    @property
    def p(self) -> float:
        """Share of shuffles (the true one counted in) at least as good as the true labels."""
        better = int((self.shuffled >= self.result.accuracy).sum())
        return (better + 1) / (len(self.shuffled) + 1)

    def __str__(self) -> str:
        return (
            f"{self.result}\nlabels shuffled {len(self.shuffled)} times: "
            f"{percent(float(self.shuffled.mean()))} % (largest "
            f"{percent(float(self.shuffled.max()))} %), p = {self.p:.3f}. Clearly above chance "
            f"here means that the evaluation leaks; a little below is what leaving out does"
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
    """Score the same pipeline on shuffled labels, where only a leak can beat chance.

    Labels move between whole trials of the same session (between windows where trials are not
    named), so that the overlap of windows and the numbers of each label stay as they are.

    Parameters
    ----------
    n : number of shuffles; p cannot be smaller than 1 / (n + 1)
    others : see `cross_validate`
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
            "every session holds one label, so there is nothing to shuffle within it, and a model "
            "could learn the session instead of the label: record all labels in each session"
        )
    shuffled = []
    for _ in range(n):
        mixed = truth.copy()
        for stratum in np.unique(strata):
            here = np.flatnonzero(strata == stratum)
            _, first, of = np.unique(units[here], return_index=True, return_inverse=True)
            mixed[here] = rng.permutation(truth[here][first])[of]
        permuted = data.assign_coords({label: ("window", mixed)})
        # The same parts: a label that chance put into one of them alone is part of the control.
        one = predict_folds(permuted, fit, parts, groups, result.protocol, by, label, teller(False))
        shuffled.append(one.accuracy)
    return Permutation(result, np.array(shuffled))


@dataclass(frozen=True, eq=False)
class Audit:
    """A shuffled split beside the honest one.

    Attributes
    ----------
    honest : groups left out
    shuffled : windows shuffled into as many folds, the mistake
    overlap : share of the shuffled split's test windows that overlap a training window in time
    duplicates : windows of the honest split's tests that also occur, value for value, in training
    """

    honest: Result
    shuffled: Result
    overlap: float
    duplicates: int

    @property
    def inflation(self) -> float:
        """Accuracy that shuffling adds, as a share (0.1 = ten points)."""
        return self.shuffled.accuracy - self.honest.accuracy

    def __str__(self) -> str:
        return (
            f"honest: {self.honest}\n"
            f"shuffled windows, not a result: {percent(self.shuffled.accuracy)} %, "
            f"{100 * self.inflation:+.1f} points; {percent(self.overlap)} % of its test windows "
            f"overlap a training window in time\n"
            f"test windows found value for value in training, honest split: {self.duplicates}"
        )


def audit(
    data: Data,
    fit: Fit,
    *,
    by: str = "participant",
    folds: int | None = None,
    label: str = "label",
    seed: int = 0,
    progress: Progress = True,
) -> Audit:
    """Show what a shuffled split would claim beside the honest figure.

    Parameters
    ----------
    data, fit, by, folds, label, progress : see `cross_validate`; the shuffled split has as many
        folds (10 at most)

    Notes
    -----
    Overlap and shuffling inflate by 10 to 16 points on common data (arXiv 1904.02666).
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
    return Audit(honest, shuffled, overlap / data.sizes["window"], duplicates)


def _shuffled(
    truth: npt.NDArray[np.str_], folds: int, seed: int
) -> Iterator[tuple[Ints, Ints, str]]:
    """Deal the windows of each label at random into folds."""
    rng = np.random.default_rng(seed)
    fold_of = np.zeros(len(truth), dtype=np.intp)
    for name in np.unique(truth):
        mine = rng.permutation(np.flatnonzero(truth == name))
        fold_of[mine] = np.arange(len(mine)) % folds
    for fold in range(folds):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold), f"shuffled {fold}"


def _duplicates(data: Data, parts: list[tuple[Ints, Ints, str]]) -> int:
    """Count test windows whose every value occurs in a training window."""
    table = data.to_dataarray() if isinstance(data, xr.Dataset) else data
    rows = np.ascontiguousarray(table.transpose("window", ...).values)
    keys = [row.tobytes() for row in rows.reshape(len(rows), -1)]
    count = 0
    for train, test, _ in parts:
        known = {keys[i] for i in train}
        count += sum(keys[i] in known for i in test)
    return count
