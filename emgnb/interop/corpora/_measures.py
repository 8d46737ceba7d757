"""Measure properties of recordings that reveal faults: converter range and row dependence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

from emgnb._arrays import Floats


def converter_top(values: Floats) -> int | None:
    """Return the highest code of the smallest converter (8, 10, …, 16 bits) that fits the counts.

    Returns None if the values are not integers, are negative, or exceed 16 bits.
    """
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() < 0 or np.any(finite != np.rint(finite)):
        return None
    return next((2**b - 1 for b in (8, 10, 12, 14, 16) if finite.max() < 2**b), None)


def lag_one(values: Floats, group: npt.NDArray[np.int_] | None = None) -> float:
    """Return the lag-1 autocorrelation of rows, pooled over columns, after removing group means.

    Parameters
    ----------
    values : (row, column); NaN and pairs of rows from different groups are excluded
    group : (row,) group number of each row
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
    """Return the spectral flatness: 1 for independent rows, near 0 for smooth signals.

    It is the geometric over the arithmetic mean of the power spectrum (Welch, 256 rows), pooled
    over columns and groups, each normalised to power 1. NaN if no group has 512 rows.
    """
    spectra = []
    for number in np.unique(group):
        mine = values[group == number]
        if len(mine) < 512 or not np.isfinite(mine).all():
            continue
        # The lowest bin is affected by mean removal; the highest has half the degrees of freedom.
        power = dsp.welch(mine, nperseg=256, axis=0)[1][1:-1]
        level = power.mean(axis=0)
        spectra.append((power[:, level > 0] / level[level > 0]).mean(axis=1))
    if not spectra:
        return float("nan")
    pooled = np.mean(spectra, axis=0)
    return float(np.exp(np.mean(np.log(pooled))) / np.mean(pooled))


def runs(names: list[str]) -> list[tuple[int, int]]:
    """Return the half-open row intervals of runs of the same name."""
    edges = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    return list(zip([0, *edges], [*edges, len(names)], strict=True)) if names else []


def empty_band(values: Floats) -> tuple[float, float]:
    """Return the widest interval between neighbouring values, which contains no value."""
    levels = np.unique(values[np.isfinite(values)])
    if levels.size < 2:
        return float("nan"), float("nan")
    k = int(np.diff(levels).argmax())
    return float(levels[k]), float(levels[k + 1])
