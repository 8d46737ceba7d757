"""Taking out what makes people differ in size, with their own unlabelled data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.splits import Data, group_names
from emgnb.recording import with_history

STEP = "standardise_within"


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
    return with_history(out, STEP, by=by, log=log)


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
        # The deviation of equal values is a rounding error, seldom 0.
        moves = spread > 1e-9 * np.abs(mean)
        out[groups == group] = np.where(moves, mine - mean, 0.0 * mine) / np.where(moves, spread, 1)
    made = x.copy(data=np.moveaxis(out, 0, axis).astype(np.float32))
    made.attrs["units"] = "1"
    return made
