"""Remove amplitude differences between people, using their own unlabelled data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.splits import Data, group_names
from emgnb.recording import with_history

STEP = "standardise_within"


def standardise_within(
    data: Data, *, by: str = "participant", log: bool = False, spread: bool = True
) -> Any:
    """Standardise every channel within each person (or session) to mean 0 and deviation 1.

    Amplitudes differ between people by a factor of more than twenty, which causes most of the loss
    in accuracy on a new person. This function uses the **unlabelled data of the test person**. That
    is valid if a new person first records all expressions without labels, but not for a model that
    must work from the first second. Results computed from standardised data state this.

    Parameters
    ----------
    data : windows (window, channel, sample) or features (window, channel), or their matrix
        (window, feature); NaN are ignored in mean and standard deviation, and stay NaN
    by : coordinate along window, see `splits`
    log : take the natural logarithm first, for example of powers and amplitudes; values must be
        positive
    spread : False subtracts the mean only. A gain is a shift of logarithms, and a standard
        deviation over few classes depends on which classes these are

    Returns
    -------
    Same type as `data`, dimensionless (without `spread` only if `log`); a channel that is constant
    within a group becomes 0

    Raises
    ------
    ValueError : `log` with values of 0 or below; the coordinate is missing

    Warns
    -----
    UserWarning : the coordinate `label` shows that a group has fewer than half of the classes, so
        that what distinguishes them would be removed as a difference between groups

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> z = evaluate.standardise_within(table["mav"], by="participant")
    >>> bool(abs(z.groupby("participant").mean()).max() < 1e-5)
    True
    """
    groups = group_names(data, by)
    _warn_of_few_classes(data, groups, by)
    if isinstance(data, xr.Dataset):
        made = {
            name: _standardised(variable, groups, log, spread, str(name))
            if "window" in variable.dims
            else variable
            for name, variable in data.data_vars.items()
        }
        out: Any = data.assign(made)
    else:
        out = _standardised(data, groups, log, spread, str(data.name or "data"))
    how = {} if spread else {"spread": False}
    return with_history(out, STEP, by=by, log=log, **how)


def _warn_of_few_classes(data: Data, groups: npt.NDArray[np.str_], by: str) -> None:
    if "label" not in data.coords or data["label"].dims != ("window",):
        return
    label = data["label"].values.astype(str)
    every = len(np.unique(label))
    found = {str(name): len(np.unique(label[groups == name])) for name in np.unique(groups)}
    few = [name for name, n in found.items() if 2 * n < every]
    if few:
        warnings.warn(
            f"{by} {', '.join(few[:4])}{' …' if len(few) > 4 else ''} has {found[few[0]]} of "
            f"{every} classes: standardising within it removes what distinguishes these classes "
            f"from the others. Standardise over more data, or use models.calibrate with a rest "
            f"recording or labelled trials",
            UserWarning,
            stacklevel=3,
        )


def _standardised(
    x: xr.DataArray, groups: npt.NDArray[np.str_], log: bool, spread: bool, name: str
) -> xr.DataArray:
    axis = x.get_axis_num("window")
    values = np.moveaxis(x.values.astype(np.float64), axis, 0)
    if log:
        low = int((values <= 0).sum())
        if low:
            raise ValueError(
                f"log=True needs positive values, {name} has {low} at or below 0 (smallest "
                f"{np.nanmin(values):g}): use amplitudes or powers, or log=False"
            )
        values = np.log(values)
    # A channel has one mean over all samples of its windows, not one mean per sample.
    over = (0, *(1 + i for i, d in enumerate(d for d in x.dims if d != "window") if d == "sample"))
    out = np.empty_like(values)
    for group in np.unique(groups):
        mine = values[groups == group]
        mean = np.nanmean(mine, over, keepdims=True)
        if not spread:
            out[groups == group] = mine - mean
            continue
        deviation = np.nanstd(mine, over, keepdims=True)
        # The standard deviation of equal values is a rounding error and rarely exactly 0.
        moves = deviation > 1e-9 * np.abs(mean)
        centred = np.where(moves, mine - mean, 0.0 * mine)
        out[groups == group] = centred / np.where(moves, deviation, 1)
    made = x.copy(data=np.moveaxis(out, 0, axis).astype(np.float32))
    if spread or log:
        made.attrs["units"] = "1"
    return made
