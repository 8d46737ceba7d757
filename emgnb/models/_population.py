"""Describe how people (or electrode placements) differ, and estimate a new one from a few windows.

A window of class k of group g is mean_k + shift_g + own_gk + noise, all Gaussian. `shift` moves all
classes of a group, as gains and electrode positions do; `own` moves one class, as habits do. Their
covariances are estimated from the training groups by moments. The class means of a new group then
follow from its windows by Bayes' rule, so that few windows change little and many decide. Windows
without labels are assigned to the classes by expectation maximisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from emgnb._arrays import Floats

PREFIX = "population/"
# Variances relative to those of windows, assumed if there is one training group only.
ONE_SHIFT, ONE_OWN = 1.0, 0.25
# Added to each diagonal (columns are standardised), so that covariances can be inverted.
JITTER = 1e-6
# A class without windows has this many, relative to an equal share.
PRIOR_SHARE = 1.0
ITERATIONS = 15
# Steps that balance the assignment over the classes.
BALANCING = 30

Numbers = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Population:
    """Class means, and how windows, groups and classes of a group vary around them.

    Parameters
    ----------
    means : (class, column), columns standardised over the training data
    noise, shift, own : (column, column) covariances
    sizes : windows in a trial, and variance of the mean of a trial relative to that of a window
    mean : (column,) that the model subtracts before calibration
    """

    means: Floats
    noise: Floats
    shift: Floats
    own: Floats
    sizes: Floats
    mean: Floats

    @property
    def trial_windows(self) -> float:
        return float(self.sizes[0])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields as arrays of a model."""
        return {PREFIX + each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, eq=False)
class Seen:
    """Windows of a new group: number of trials (class,) and their mean (class, column)."""

    trials: Floats
    means: Floats


@dataclass(frozen=True, eq=False)
class Estimate:
    """New group: class means, covariance of a window around them, and the shift of all classes."""

    means: Floats
    spread: Floats
    shift: Floats

    def linear(self) -> tuple[Floats, Floats]:
        """Return weights (class, column) and offset (class,) of the discriminant."""
        weights: Floats = np.linalg.solve(self.spread, self.means.T).T.astype(np.float64)
        return weights, -0.5 * (weights * self.means).sum(axis=1)


def of_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Population | None:
    """Return the population stored in the arrays of a model, None if there is none."""
    if PREFIX + "means" not in arrays:
        return None
    return Population(**{each.name: arrays[PREFIX + each.name] for each in fields(Population)})


def learn(x: Floats, truth: Numbers, group: Numbers, trial: Numbers) -> Population:
    """Estimate a population from standardised columns (window, column)."""
    cells = _cells(truth, group)
    centre, trials, lengths = _means_by_trial(x, cells, trial)
    noise, count = _scatter(x - centre[cells], len(np.unique(cells)))
    of, classes = group[_first(cells)], truth[_first(cells)]
    repeats = _repeatability(x, centre, cells, trial, noise)
    means = np.stack([centre[classes == k].mean(axis=0) for k in range(truth.max() + 1)])
    noise = _shrunk(noise, count)
    groups = int(group.max()) + 1
    if groups > 1:
        shift, own = _between(centre - means[classes], of, groups, repeats * noise, trials)
    else:
        shift, own = (scale * np.diag(np.diag(noise)) for scale in (ONE_SHIFT, ONE_OWN))
    sizes = np.array([np.median(lengths), repeats])
    return Population(means, noise, shift, own, sizes, np.zeros(x.shape[1]))


def shifts(population: Population, x: Floats, truth: Numbers, group: Numbers) -> Floats:
    """Return the shift of each training group, (group, column): mean over its classes."""
    out = np.zeros((int(group.max()) + 1, x.shape[1]))
    for number in range(len(out)):
        own = np.unique(truth[group == number])
        moved = [x[(group == number) & (truth == k)].mean(axis=0) for k in own]
        out[number] = np.mean(np.stack(moved) - population.means[own], axis=0)
    return out


def nothing(population: Population) -> Seen:
    """Return a new group of which nothing was seen."""
    return Seen(np.zeros(len(population.means)), np.zeros_like(population.means))


def labelled(population: Population, x: Floats, truth: Numbers, trial: Numbers | None) -> Seen:
    """Summarise labelled windows; without trials, these are counted by their usual length."""
    seen = nothing(population)
    for k in np.unique(truth):
        mine = truth == k
        amount = mine.sum() / population.trial_windows
        seen.trials[k] = amount if trial is None else len(np.unique(trial[mine]))
        seen.means[k] = x[mine].mean(axis=0)
    return seen


def together(one: Seen, other: Seen) -> Seen:
    """Return the trials of both."""
    trials = one.trials + other.trials
    total = one.trials[:, np.newaxis] * one.means + other.trials[:, np.newaxis] * other.means
    return Seen(trials, total / np.maximum(trials, 1e-12)[:, np.newaxis])


def estimate(population: Population, seen: Seen) -> Estimate:
    """Return the posterior mean of the class means, and the spread of a window around them."""
    k, width = population.means.shape
    residual = seen.means - population.means
    known = np.flatnonzero(seen.trials > 1e-9)
    error = population.sizes[1] * population.noise + JITTER * np.eye(width)
    inverse = {i: np.linalg.inv(population.own + error / seen.trials[i]) for i in known}
    precision = np.linalg.inv(population.shift + JITTER * np.eye(width)) + sum(inverse.values())
    doubt = np.linalg.inv(precision)
    shift = doubt @ sum((inverse[i] @ residual[i] for i in known), np.zeros(width))
    means = population.means + shift
    spread = (k - len(known)) * (doubt + population.own)
    for i in known:
        gain = population.own @ inverse[i]
        means[i] += gain @ (residual[i] - shift)
        left = np.eye(width) - gain
        spread = spread + left @ doubt @ left.T + population.own - gain @ population.own
    whole = population.noise + spread / k
    return Estimate(means, (whole + whole.T) / 2, shift)


def assigned(
    population: Population,
    x: Floats,
    known: Seen,
    *,
    balanced: bool,
    start: Estimate | None = None,
    iterations: int = ITERATIONS,
) -> tuple[Seen, Floats]:
    """Assign unlabelled windows to classes; return what was seen, and the share of each class.

    Parameters
    ----------
    known : labelled windows of the same group
    balanced : every class occurs equally often in `x`
    start : estimate from an earlier part of `x`
    """
    k = len(population.means)
    share = np.full(k, 1 / k)
    found = start or estimate(population, known)
    seen = known
    for _ in range(iterations):
        weights, offset = found.linear()
        belongs = special.softmax(x @ weights.T + offset + np.log(share), axis=1)
        if balanced:
            belongs = _balanced(belongs)
        windows = belongs.sum(axis=0)
        means = belongs.T @ x / np.maximum(windows, 1e-12)[:, np.newaxis]
        seen = together(known, Seen(windows / population.trial_windows, means))
        share = windows + PRIOR_SHARE * len(x) / k
        share /= share.sum()
        found = estimate(population, seen)
    return seen, windows / len(x)


def _cells(truth: Numbers, group: Numbers) -> Numbers:
    """Return the number of the (group, class) of each window."""
    return np.unique(np.stack([group, truth]), axis=1, return_inverse=True)[1].ravel()


def _first(cells: Numbers) -> Numbers:
    return np.unique(cells, return_index=True)[1]


def _means_by_trial(x: Floats, cells: Numbers, trial: Numbers) -> tuple[Floats, Floats, Floats]:
    """Return mean and number of trials of each cell, and the windows of each trial."""
    count = int(cells.max()) + 1
    centre = np.stack([x[cells == i].mean(axis=0) for i in range(count)])
    pairs, lengths = np.unique(np.stack([cells, trial]), axis=1, return_counts=True)
    return centre, np.bincount(pairs[0], minlength=count).astype(np.float64), lengths.astype(float)


def _scatter(residual: Floats, cells: int) -> tuple[Floats, int]:
    count = max(len(residual) - cells, 1)
    return np.asarray(residual.T @ residual / count, dtype=np.float64), count


def _repeatability(
    x: Floats, centre: Floats, cells: Numbers, trial: Numbers, noise: Floats
) -> float:
    """Return the variance of the mean of a trial relative to that of a window, at most 1."""
    of = np.unique(np.stack([cells, trial]), axis=1, return_inverse=True)[1].ravel()
    means = np.stack([x[of == i].mean(axis=0) for i in range(of.max() + 1)])
    cell = cells[_first(of)]
    count = len(means) - len(centre)
    if count < 1:
        return 1.0
    between = float(((means - centre[cell]) ** 2).sum()) / count
    return float(np.clip(between / max(np.trace(noise), 1e-12), 0.01, 1.0))


def _between(
    residual: Floats, of: Numbers, groups: int, error: Floats, trials: Floats
) -> tuple[Floats, Floats]:
    """Return the covariances of the shift of a group, and of single classes of a group."""
    shift = np.stack([residual[of == g].mean(axis=0) for g in range(groups)])
    own = residual - shift[of]
    classes = len(of) / groups
    free = max((groups - 1) * (classes - 1), 1)
    per_cell = error / float(np.mean(trials))
    own_spread = _positive(own.T @ own / free - per_cell)
    shift_spread = _positive(shift.T @ shift / (groups - 1) - (own_spread + per_cell) / classes)
    return _shrunk(shift_spread, groups - 1), _shrunk(own_spread, free)


def _positive(matrix: Floats) -> Floats:
    values, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((axes * np.maximum(values, 0.0)) @ axes.T)


def _shrunk(matrix: Floats, count: float) -> Floats:
    """Shrink a covariance towards its diagonal, the more the fewer samples it has."""
    part = len(matrix) / (len(matrix) + count)
    diagonal = np.diag(np.diag(matrix))
    return np.asarray((1 - part) * matrix + part * diagonal + JITTER * np.eye(len(matrix)))


def _balanced(belongs: Floats) -> Floats:
    """Scale an assignment so that every class gets an equal share (Sinkhorn)."""
    for _ in range(BALANCING):
        belongs = belongs / np.maximum(belongs.sum(axis=0) * belongs.shape[1] / len(belongs), 1e-12)
        belongs = belongs / belongs.sum(axis=1, keepdims=True)
    return np.asarray(belongs)
