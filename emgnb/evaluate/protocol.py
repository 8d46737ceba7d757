"""Evaluations: the honest one, and the controls that show it is honest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.result import Result, percent
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
from emgnb.recording import history, with_history

STANDARDISE = "standardise_within"


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
    told = _teller(progress)
    parts = list(splits(data, by, folds=folds, label=label))
    left_out = f"leave-one-{by}-out" if folds is None else f"{folds} folds of whole {by}s"
    return _evaluate(data, fit, parts, group_names(data, by), left_out, by, label, told)


def _evaluate(
    data: Data,
    fit: Fit,
    parts: list[tuple[Ints, Ints, str]],
    groups: npt.NDArray[np.str_],
    protocol: str,
    by: str,
    label: str,
    told: Callable[[int, int, str], None],
) -> Result:
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
        if step["step"] == STANDARDISE
    ]
    if trials_of(data) is None:
        notes.append("trials not named, so windows of one trial may count as independent")
    return notes


def _teller(progress: Progress) -> Callable[[int, int, str], None]:
    if callable(progress):
        return progress
    return _print_fold if progress else (lambda fold, folds, name: None)


def _print_fold(fold: int, folds: int, name: str) -> None:
    text = f"fold {fold + 1}/{folds}: {name}" if fold < folds else f"{folds} folds done"
    sys.stdout.write(f"\r{text[:78]:<78}" + ("\n" if fold >= folds else ""))
    sys.stdout.flush()


# ── Controls ──────────────────────────────────────────────────────────────────────────────────


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
            f"{percent(float(self.shuffled.max()))} %), p = {self.p:.3f}. Anything but chance "
            f"here means that the evaluation leaks"
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
        one = cross_validate(permuted, fit, by=by, folds=folds, label=label, progress=False)
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
    shuffled = _evaluate(
        data,
        fit,
        mixed,
        group_names(data, by),
        f"NOT HONEST: windows shuffled into {len(mixed)} folds",
        by,
        label,
        _teller(progress),
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


# ── Standardising within a person ─────────────────────────────────────────────────────────────


def standardise_within(data: Data, *, by: str = "participant", log: bool = False) -> Any:
    """Give each person (or session) mean 0 and standard deviation 1 in every channel.

    People differ in amplitude by more than twenty times, and most of what a model loses on a new
    person is that. This uses the **unlabelled data of the person tested**: honest where a new
    person first records all expressions without labels, not for a model that must work from the
    first second. Every result computed from it says so.

    Parameters
    ----------
    data : windows (window, channel, sample) or features (window, channel), or their matrix
        (window, feature); NaN are left out of mean and deviation and stay NaN
    by : coordinate along window, see `splits`
    log : take the natural logarithm first; for powers and amplitudes, which must be positive

    Returns
    -------
    As `data`, dimensionless; a channel that is constant within a group becomes 0

    Raises
    ------
    ValueError : `log` with values of 0 or below; the coordinate is missing
    """
    groups = group_names(data, by)
    if isinstance(data, xr.Dataset):
        made = {
            name: _standardised(variable, groups, log, str(name))
            if "window" in variable.dims
            else variable
            for name, variable in data.data_vars.items()
        }
        out: Any = data.assign(made)
    else:
        out = _standardised(data, groups, log, str(data.name or "data"))
    return with_history(out, STANDARDISE, by=by, log=log)


def _standardised(
    x: xr.DataArray, groups: npt.NDArray[np.str_], log: bool, name: str
) -> xr.DataArray:
    axis = x.get_axis_num("window")
    values = np.moveaxis(x.values.astype(np.float64), axis, 0)
    if log:
        low = int((values <= 0).sum())
        if low:
            raise ValueError(
                f"log=True needs positive values, {name} has {low} at or below 0 (smallest "
                f"{np.nanmin(values):g}): take amplitudes or powers, or log=False"
            )
        values = np.log(values)
    # Samples of a window belong together: a channel has one mean, not one for each sample.
    over = (0, *(1 + i for i, d in enumerate(d for d in x.dims if d != "window") if d == "sample"))
    out = np.empty_like(values)
    for group in np.unique(groups):
        mine = values[groups == group]
        mean, spread = np.nanmean(mine, over, keepdims=True), np.nanstd(mine, over, keepdims=True)
        out[groups == group] = (mine - mean) / np.where(spread > 0, spread, 1.0)
    made = x.copy(data=np.moveaxis(out, 0, axis).astype(np.float32))
    made.attrs["units"] = "1"
    return made
