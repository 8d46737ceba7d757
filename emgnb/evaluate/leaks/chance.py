"""What chance alone gives: rows dealt out again among trials or people, labels shuffled.

Each test compares a figure with the same figure after a shuffle that changes nothing if there is
no leak. A leak is reported only `SURE` standard deviations beyond the shuffles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emgnb.evaluate.leaks import probes
from emgnb.evaluate.leaks.probes import Part
from emgnb.evaluate.leaks.rows import Floats, Ints, Names

# Standard deviations beyond the shuffles from which on a difference is no chance.
SURE = 4.0
SHUFFLES = 100
# Largest standard score that a single value keeps, so that no outlier decides.
OUTLIER = 5.0


@dataclass(frozen=True)
class Against:
    """A figure beside what shuffles give.

    Parameters
    ----------
    found, chance, spread : the figure, and mean and standard deviation of the shuffles
    """

    found: float
    chance: float
    spread: float

    @property
    def score(self) -> float:
        """Standard deviations between the figure and the shuffles; NaN if shuffles change nothing.

        Where there are few ways to shuffle, the figure is compared with nothing: NaN too.
        """
        if not self.spread > 1e-9:
            return float("nan")
        return (self.found - self.chance) / self.spread

    @property
    def beyond(self) -> bool:
        """Whether the figure is `SURE` beyond chance."""
        return self.score >= SURE

    @property
    def share(self) -> float:
        """The figure as a share of what is possible, 0 at chance."""
        return (self.found - self.chance) / max(1 - self.chance, 1e-9)

    @property
    def most(self) -> float:
        """Largest share that is compatible with the figure (three standard deviations)."""
        return self.share + 3 * self.spread / max(1 - self.chance, 1e-9)


def joined(*parts: Names) -> Names:
    """Names of the combinations of several groupings."""
    out = parts[0]
    for part in parts[1:]:
        out = np.char.add(np.char.add(out, "|"), part)
    return out


def codes(names: Names) -> Ints:
    """Number each name."""
    return np.unique(names, return_inverse=True)[1].astype(np.intp)


def shared(values: Floats, owner: Names, cell: Names, block: Names | None = None) -> Against:
    """Share of the variance within cells that lies between owners, against a new deal.

    Parameters
    ----------
    values : (row, column)
    owner : group of each row whose rows may resemble each other, such as its trial
    cell : group within which rows are exchangeable, such as person and label
    block : rows that are dealt out together, such as those of a trial; None deals single rows
    """
    cells, owners = codes(cell), codes(joined(cell, owner))
    scaled = _within(values, cells)
    blocks = np.arange(len(values)) if block is None else codes(joined(cell, owner, block))
    total = np.bincount(blocks, minlength=int(blocks.max()) + 1).astype(np.float64)
    sums = np.zeros((len(total), scaled.shape[1]))
    np.add.at(sums, blocks, scaled)
    first = np.unique(blocks, return_index=True)[1]
    cells, owners = cells[first], owners[first]
    power = float((scaled**2).sum())

    sorter = np.argsort(owners, kind="stable")
    starts = np.unique(owners[sorter], return_index=True)[1]

    def between(order: Ints) -> float:
        dealt = order[sorter]
        size = np.add.reduceat(total[dealt], starts)
        by_owner = np.add.reduceat(sums[dealt], starts, axis=0)
        return float((by_owner**2 / size[:, None]).sum() / max(power, 1e-300))

    rng = np.random.default_rng(0)
    home = np.argsort(cells, kind="stable")
    dealt = np.empty(SHUFFLES)
    for k in range(SHUFFLES):
        order = np.empty(len(cells), dtype=np.intp)
        order[home] = np.lexsort((rng.random(len(cells)), cells))
        dealt[k] = between(order)
    return Against(between(np.arange(len(cells))), float(dealt.mean()), float(dealt.std(ddof=1)))


def _within(values: Floats, cells: Ints) -> Floats:
    """Values about the mean of their cell, in standard deviations, without far outliers."""
    size = np.bincount(cells).astype(np.float64)
    centred = np.empty_like(values, dtype=np.float64)
    for column, out in zip(values.T, centred.T, strict=True):
        out[:] = column - (np.bincount(cells, weights=column) / size)[cells]
    spread = centred.std(axis=0)
    # A column that is the same throughout its cells says nothing about who owns a row.
    moves = spread > 1e-9 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    return np.asarray(np.clip(centred[:, moves] / spread[moves], -OUTLIER, OUTLIER))


def told(
    values: Floats,
    label: Names,
    parts: list[Part],
    model: Any,
    unit: Names,
    stratum: Names | None,
    *,
    worth: float,
) -> tuple[float, Against]:
    """Accuracy of a model over the majority in points, and against shuffled labels.

    Parameters
    ----------
    unit : rows that keep one label between them, such as those of a trial
    stratum : groups within which labels are shuffled, such as people; None shuffles over all
    worth : points below which nothing is shuffled, and chance is NaN
    """
    base = 100 * float(np.nanmean(probes.majority_by(label, parts)))
    found = 100 * float(np.nanmean(probes.hits(values, label, parts, model)))
    if found - base < worth:
        return found - base, Against(found, float("nan"), float("nan"))
    stratum = np.zeros(len(label), dtype="U1") if stratum is None else stratum
    _, first, of = np.unique(joined(stratum, unit, label), return_index=True, return_inverse=True)
    strata, given = codes(stratum[first]), label[first]
    home = np.argsort(strata, kind="stable")
    rng = np.random.default_rng(0)
    shuffled = []
    for _ in range(SHUFFLES // 4):
        mixed = given.copy()
        mixed[home] = given[np.lexsort((rng.random(len(given)), strata))]
        truth = mixed[of]
        shuffled.append(100 * float(np.nanmean(probes.hits(values, truth, parts, model))))
    return found - base, Against(found, float(np.mean(shuffled)), float(np.std(shuffled, ddof=1)))
