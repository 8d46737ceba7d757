"""Test whether labels are coded in the same way at all times of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from emgnb import evaluate, recording, windows
from emgnb._arrays import Floats, Mask
from emgnb.dynamics.wording import MEANING, Estimate, shown
from emgnb.evaluate.splits import group_names
from emgnb.labels.binned import interval, times_drawn

# Bootstrap draws that are computed at once, for little memory.
AT_ONCE = 50
# Dynamics of which a code counts as stable below, and as dynamic above.
BETWEEN = 0.5


@dataclass(frozen=True, eq=False)
class Stability:
    """Accuracy of classifiers trained at one time of the trial and tested at another.

    Attributes
    ----------
    scores : (trained, tested) balanced accuracy; both are times in s, centres of the bins
    chance : 1 / number of classes
    informative : (trained) whether the accuracy at a time, trained at the same time, is above
        chance (one-sided, 2.5 % over all times)
    dynamics : share of the accuracy above chance that is lost from one informative time to another,
        with its 95 % interval over groups: 0 for a stable code, 1 for one that changes completely.
        NaN without two informative times that are far enough apart
    apart : s, shortest distance of the compared times
    groups, by : number of groups and the coordinate that names them
    """

    scores: xr.DataArray
    chance: float
    informative: xr.DataArray
    dynamics: Estimate
    apart: float
    groups: int
    by: str

    @property
    def verdict(self) -> str:
        """Whether the code is "stable", "dynamic", "undetermined", or has "no information"."""
        value, low, high = self.dynamics
        if np.isnan(value):
            return "no information" if not self.informative.values.any() else "undetermined"
        return "stable" if high < BETWEEN else "dynamic" if low > BETWEEN else "undetermined"

    def __str__(self) -> str:
        diagonal = np.diag(self.scores.values)
        best = int(np.nanargmax(diagonal))
        return "\n".join(
            [
                f"{self.verdict} code: of the accuracy above chance ({100 * self.chance:.0f} %), "
                f"a share of {shown(self.dynamics)} is lost between times at least "
                f"{self.apart:g} s apart",
                f"best time {float(self.scores['trained'][best]):.2f} s, accuracy "
                f"{100 * diagonal[best]:.0f} %; {int(self.informative.sum())} of "
                f"{diagonal.size} times above chance; {self.groups} groups of {self.by}",
                MEANING,
            ]
        )


def temporal_stability(
    cut: xr.DataArray,
    *,
    by: str = "trial",
    folds: int | None = 5,
    width: float = 0.1,
    apart: float = 0.3,
    shrinkage: float = 0.1,
    seed: int = 0,
) -> Stability:
    """Train at each time of the trial and test at every other (temporal generalisation).

    A code that is stable can be read at all times by the classifier of one time; a dynamic one
    cannot, although it is informative at each time (King & Dehaene 2014,
    doi:10.1016/j.tics.2014.01.002; Spaak 2017, doi:10.1523/JNEUROSCI.3364-16.2017). The classifier
    is a linear discriminant with a covariance shrunk towards a multiple of identity; its features
    are the mean amplitude of each channel in a bin, standardised on the training trials at the
    training time. A muscle that holds its contraction gives a stable code, and a sequence of
    muscles a dynamic one: this describes EMG, and is no statement about the brain.

    Parameters
    ----------
    cut : windows around events, from `windows.around`, with `label`; raw EMG is rectified
    by : coordinate of the groups that folds do not divide: "trial" within a person, "participant"
        across people (see `evaluate.splits`)
    folds : number of folds; None leaves out one group at a time
    width : s, of a bin
    apart : s, shortest distance of the times that `dynamics` compares. Smoothing makes neighbours
        alike: longer than the smoothing of an envelope
    shrinkage : 0 to 1, of the covariance
    seed : of the bootstrap over groups

    Returns
    -------
    Stability. Windows with NaN are left out

    Raises
    ------
    TypeError, ValueError : not windows with `label`, fewer than two classes, bins longer than half
        of the window, or groups that cannot be split
    """
    recording.need_positive(width=width, apart=apart)
    if not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage={shrinkage:g}, expected 0 to 1")
    windows.need_windows(cut)
    values, centre = _bins(cut, width)
    keep = np.flatnonzero(np.isfinite(values).all(axis=(1, 2)))
    cut, values = cut.isel(window=keep), values[keep]
    label = cut["label"].values.astype(str) if "label" in cut.coords else np.empty(0)
    classes, y = np.unique(label, return_inverse=True)
    if classes.size < 2:
        raise ValueError(f"found the labels {classes.tolist()}, expected at least two classes")
    _, group = np.unique(group_names(cut, by), return_inverse=True)
    n, times = int(group.max()) + 1, centre.size
    hits, total = np.zeros((n, classes.size, times, times)), np.zeros((n, classes.size))
    for train, test, _ in evaluate.splits(cut, by, folds=folds):
        guess = _lda(values[train], y[train], values[test], classes.size, shrinkage)
        np.add.at(hits, (group[test], y[test]), guess == y[test][:, None, None])
        np.add.at(total, (group[test], y[test]), 1.0)
    score = _accuracy(hits.sum(axis=0), total.sum(axis=0))
    chance = 1.0 / classes.size
    drawn = times_drawn(n, seed)
    diagonal = _accuracy(
        np.einsum("dg,gkt->dkt", drawn, np.einsum("gktt->gkt", hits)), drawn @ total
    )
    informative = _above(np.diag(score), np.nanstd(diagonal, axis=0), chance)
    pairs = _pairs(informative, centre, apart)
    lost = [
        _dynamics(_accuracy(np.tensordot(some, hits, 1), some @ total), pairs, chance)
        for some in np.array_split(drawn, max(len(drawn) // AT_ONCE, 1))
    ]
    coords = {
        name: (name, centre, {"units": "s", "long_name": f"time {name}"})
        for name in ("trained", "tested")
    }
    return Stability(
        xr.DataArray(score, dims=("trained", "tested"), coords=coords, name="accuracy"),
        chance,
        xr.DataArray(informative, dims="trained", coords={"trained": coords["trained"]}),
        (float(_dynamics(score, pairs, chance)), *interval(np.concatenate(lost))),
        apart,
        n,
        by,
    )


def _bins(cut: xr.DataArray, width: float) -> tuple[Floats, Floats]:
    """Return mean amplitudes (window, time, channel), and the centres of the bins in s."""
    rate, size = float(cut.attrs["rate"]), cut.sizes["sample"]
    step = max(round(width * rate), 1)
    count = size // step
    if count < 2:
        raise ValueError(
            f"bins of {width:g} s in windows of {size / rate:g} s: expected at least two bins"
        )
    values = np.asarray(cut.transpose("window", "sample", "channel").values, dtype=np.float64)
    raw = {str(kind) for kind in np.atleast_1d(cut["signal_kind"].values)} == {"raw"}
    values = np.abs(values) if raw else values
    values = values[:, : count * step].reshape(len(values), count, step, -1).mean(axis=2)
    clock: Any = cut["sample"].values if "sample" in cut.coords else np.arange(size) / rate
    first = np.asarray(clock, dtype=np.float64)[: count * step].reshape(count, step)
    return values, first.mean(axis=1)


def _lda(
    train: Floats, y: npt.NDArray[np.intp], test: Floats, classes: int, shrinkage: float
) -> npt.NDArray[np.intp]:
    """Return the class of each test window, (window, trained, tested)."""
    centre, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    z = (train - centre) / spread
    means = np.stack([z[y == k].mean(axis=0) for k in range(classes)])
    residual = z - means[y]
    covariance = np.einsum("wti,wtj->tij", residual, residual) / max(len(z) - classes, 1)
    width = covariance.shape[-1]
    size = np.trace(covariance, axis1=1, axis2=2)[:, None, None] / width
    covariance = (1 - shrinkage) * covariance + (shrinkage * size + 1e-12) * np.eye(width)
    weight = np.linalg.solve(covariance, np.moveaxis(means, 0, -1))
    offset = -0.5 * np.einsum("kti,tik->tk", means, weight)
    # Every training time scales the test windows of all times in its own way.
    scaled = weight / spread[:, :, None]
    offset = offset - np.einsum("ti,tik->tk", centre, scaled)
    score = np.einsum("wsi,tik->wtsk", test, scaled, optimize=True) + offset[None, :, None, :]
    return np.asarray(score.argmax(axis=-1))


def _accuracy(hits: Floats, total: Floats) -> Floats:
    """Return the balanced accuracy of hits (…, class, times…) and totals (…, class)."""
    more = hits.ndim - total.ndim
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / total.reshape(*total.shape, *([1] * more))
    return np.asarray(recall.mean(axis=total.ndim - 1))


def _above(diagonal: Floats, error: Floats, chance: float) -> Mask:
    limit = stats.norm.ppf(1.0 - 0.025 / diagonal.size)
    return np.asarray(diagonal - limit * error > chance)


def _pairs(informative: Mask, centre: Floats, apart: float) -> Mask:
    far = np.abs(centre[:, None] - centre[None, :]) >= apart - 1e-9
    return np.asarray(informative[:, None] & informative[None, :] & far)


def _dynamics(score: Floats, pairs: Mask, chance: float) -> Floats:
    """Return the share of the accuracy above chance that is lost between times; score (…, t, t)."""
    if not pairs.any():
        return np.full(score.shape[:-2], np.nan)
    first, second = np.nonzero(pairs)
    at = np.einsum("...tt->...t", score)
    same = 0.5 * (at[..., first] + at[..., second]) - chance
    other = score[..., first, second] - chance
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1.0 - other.mean(axis=-1) / same.mean(axis=-1))
