"""What can be measured about a recording's honesty: clock, converter, dependence between rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

Floats = npt.NDArray[np.float64]


def converter_top(values: Floats) -> int | None:
    """Highest code of the converter that these counts fit (8 to 16 bits, every second), or None.

    None where the values are no whole numbers, go below 0, or exceed 16 bits.
    """
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() < 0 or np.any(finite != np.rint(finite)):
        return None
    return next((2**b - 1 for b in (8, 10, 12, 14, 16) if finite.max() < 2**b), None)


def lag_one(values: Floats, group: npt.NDArray[np.int_] | None = None) -> float:
    """Correlation of a row with the next, pooled over columns, each group's mean removed.

    Parameters
    ----------
    values : (row, column); NaN rows and steps into another group are left out
    group : (row,) number of the stretch that a row belongs to
    """
    group = np.zeros(len(values), dtype=int) if group is None else group
    centred = np.array(values, dtype=np.float64)
    for number in np.unique(group):
        mine = group == number
        if np.isfinite(centred[mine]).any():
            centred[mine] -= np.nanmean(centred[mine], axis=0)
    spread = np.nanstd(centred, axis=0)
    moving = centred[:, spread > 0] / spread[spread > 0]
    if not moving.size:
        return float("nan")
    same = group[1:] == group[:-1]
    return float(np.nanmean((moving[1:] * moving[:-1])[same]))


def flatness(values: Floats, group: npt.NDArray[np.int_]) -> float:
    """Spectral flatness: 1 for rows that are independent, near 0 for anything smooth.

    Geometric over arithmetic mean of the power spectrum (Welch, 256 rows), pooled over columns and
    groups, each at power one. NaN where no group has 512 rows.
    """
    spectra = []
    for number in np.unique(group):
        mine = values[group == number]
        if len(mine) < 512 or not np.isfinite(mine).all():
            continue
        # The lowest bin holds what is left of the removed mean, the highest has half the freedom.
        power = dsp.welch(mine, nperseg=256, axis=0)[1][1:-1]
        level = power.mean(axis=0)
        spectra.append((power[:, level > 0] / level[level > 0]).mean(axis=1))
    if not spectra:
        return float("nan")
    pooled = np.mean(spectra, axis=0)
    return float(np.exp(np.mean(np.log(pooled))) / np.mean(pooled))


def runs(names: list[str]) -> list[tuple[int, int]]:
    """First and one past the last row of each unbroken stretch of the same name."""
    edges = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    return list(zip([0, *edges], [*edges, len(names)], strict=True)) if names else []


def empty_band(values: Floats) -> tuple[float, float]:
    """Widest band between the least and the greatest value that no value falls in."""
    levels = np.unique(values[np.isfinite(values)])
    if levels.size < 2:
        return float("nan"), float("nan")
    k = int(np.diff(levels).argmax())
    return float(levels[k]), float(levels[k + 1])
