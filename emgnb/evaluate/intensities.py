"""Compare estimated intensities of action units with the truth."""

from __future__ import annotations

import numpy as np
import xarray as xr

from emgnb.evaluate.metrics import Floats


def intensity_scores(truth: xr.DataArray, predicted: xr.DataArray) -> xr.Dataset:
    """Return error, correlation and agreement of the intensity of each action unit.

    Parameters
    ----------
    truth : (window, au), NaN where not coded
    predicted : intensity(window, au) of the same windows, for windows that were not trained on;
        units are matched by name

    Returns
    -------
    Dataset over au: `mae`, the mean absolute error; `pearson`, the correlation; `icc`, ICC(3,1) of
    Shrout and Fleiss 1979 (doi:10.1037/0033-2909.86.2.420), which also falls if the range differs;
    and `windows`, the number of coded windows. Windows with NaN in either are left out. Pearson
    and ICC are NaN if fewer than two windows are coded or nothing varies

    Raises
    ------
    ValueError : other dimensions or numbers of windows, or a unit that was not predicted
    """
    for name, x in (("truth", truth), ("predicted", predicted)):
        if set(x.dims) != {"window", "au"}:
            raise ValueError(f"{name} has dimensions {tuple(x.dims)}, expected (window, au)")
    if truth.sizes["window"] != predicted.sizes["window"]:
        raise ValueError(
            f"{truth.sizes['window']} windows of truth, {predicted.sizes['window']} predicted: "
            f"select the same windows of both"
        )
    missing = [str(au) for au in truth["au"].values if au not in predicted["au"].values]
    if missing:
        known = ", ".join(map(str, predicted["au"].values))
        raise ValueError(f"{', '.join(missing)} not predicted, only {known}")
    rows = [_scores(_pairs(truth, predicted, au)) for au in truth["au"].values]
    names = ("mae", "pearson", "icc", "windows")
    columns = zip(*rows, strict=True)
    return xr.Dataset(
        {name: ("au", np.array(c)) for name, c in zip(names, columns, strict=True)},
        coords={"au": truth["au"].values},
    )


def _pairs(truth: xr.DataArray, predicted: xr.DataArray, au: str) -> Floats:
    """Return truth and estimate of the coded windows, (window, 2)."""
    both = np.stack([x.sel(au=au).values.astype(np.float64) for x in (truth, predicted)], axis=1)
    return both[~np.isnan(both).any(axis=1)]


def _scores(pairs: Floats) -> tuple[float, float, float, int]:
    n, nan = len(pairs), float("nan")
    error = float(np.abs(pairs[:, 0] - pairs[:, 1]).mean()) if n else nan
    if n < 2:
        return error, nan, nan, n
    centred = pairs - pairs.mean(axis=0)
    spread, largest = centred.std(axis=0), np.abs(pairs).max(axis=0)
    # The mean of equal values is rounded, so their spread is not exactly 0.
    varies = spread > 1e-9 * largest
    pearson = float((centred[:, 0] * centred[:, 1]).mean() / spread.prod()) if varies.all() else nan
    # Mean squares between windows, and of the rest after the means of windows and raters.
    middle = centred.mean(axis=1)
    between = 2 * (middle**2).sum() / (n - 1)
    rest = ((centred - middle[:, np.newaxis]) ** 2).sum() / (n - 1)
    whole = between + rest
    return error, pearson, float((between - rest) / whole) if varies.any() else nan, n
