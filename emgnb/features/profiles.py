"""Describe which channels are active, independent of the overall gain."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording


def profile(table: xr.DataArray | xr.Dataset, *, log: bool = True) -> Any:
    """Return the logarithm of amplitudes minus its mean over the channels.

    A gain that all channels share, such as an amplifier setting or the effort of a person, cancels.
    The gain of a single channel does not.

    Parameters
    ----------
    table : amplitudes or powers, (window, channel), or a Dataset of them, such as
        `extract(windows, ["rms", "wl"])`; each feature has a mean of its own
    log : False if the values are logarithms already, such as
        `evaluate.standardise_within(table, log=True)`

    Returns
    -------
    same type, float32, dimensionless, attrs `scale` "log"; coordinates are kept. A row with NaN is
    NaN

    Raises
    ------
    ValueError : no `channel` dimension, or with `log` values at or below 0
    """
    if isinstance(table, xr.Dataset):
        made: Any = table.assign({n: _profile(v, log, str(n)) for n, v in table.data_vars.items()})
    else:
        made = _profile(table, log, str(table.name or "the table"))
    how = {} if log else {"log": False}
    return recording.with_history(made.assign_attrs(scale="log"), "profile", **how)


def _profile(values: xr.DataArray, log: bool, name: str) -> xr.DataArray:
    if "channel" not in values.dims:
        raise ValueError(
            f"{name} has dimensions {tuple(str(d) for d in values.dims)}, expected (window, "
            f"channel): use the Dataset that features.extract returns, not its matrix"
        )
    low = int((values <= 0).sum())
    if log and low:
        raise ValueError(
            f"{low} values of {name} are at or below 0, which have no logarithm: use amplitudes or "
            f"powers (mav, rms, wl, var), not counts, slopes or levels in dB. If the values are "
            f"logarithms already, set log=False"
        )
    data = values.values.astype(np.float64)
    level: xr.DataArray = values.copy(data=np.log(data) if log else data)
    centred = level - level.mean("channel", skipna=False)
    found: xr.DataArray = centred.transpose(*values.dims).astype(np.float32)
    return found.assign_attrs(values.attrs | {"units": "1"})
