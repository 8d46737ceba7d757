"""Validate arguments.

Error messages state what was found, what was expected, and how to get it.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr


def need_signal(x: Any, *, dims: tuple[str, ...] = ("time", "channel")) -> None:
    """Raise unless `x` is a signal with these dimensions.

    Raises
    ------
    TypeError : not a DataArray, but for example a session or a NumPy array
    ValueError : a dimension is missing
    """
    if not isinstance(x, xr.DataArray):
        raise TypeError(
            "expected a signal with a dimension `time`, such as session['emg/signal'] or "
            f"recording.signal(values, rate=…, units=…); found {_called(x)}"
        )
    missing = [name for name in dims if name not in x.dims]
    if missing:
        how = ""
        if missing == ["channel"] and "channel" in x.coords:
            how = f": x.sel(channel=[{str(x['channel'].values)!r}]) keeps the dimension"
        raise ValueError(
            f"the signal has the dimensions {x.dims}, expected {dims}{how}"
            if "window" not in x.dims
            else (
                f"expected a signal {dims}, found windows {x.dims}. Use the signal from which "
                "they were cut"
            )
        )


def need_session(session: Any) -> None:
    """Raise TypeError unless `session` is an xarray.DataTree."""
    if not isinstance(session, xr.DataTree):
        raise TypeError(
            "expected a session, an xarray.DataTree as returned by recording.open(path) "
            f"or recording.make(signal); found {_called(session)}"
        )


def need_table(table: Any, name: str, maker: str) -> xr.Dataset:
    """Return `table`, a Dataset or a session's node, as a Dataset; otherwise raise TypeError."""
    if isinstance(table, xr.DataTree):
        return table.to_dataset()
    if not isinstance(table, xr.Dataset):
        raise TypeError(f"{name}: expected a table as {maker} makes it; found {_called(table)}")
    return table


def need_samples(x: xr.DataArray) -> None:
    """Raise ValueError that names the channels of `x` (time, channel) without a finite sample."""
    empty = ~np.isfinite(x.transpose("time", "channel").values).any(axis=0)
    dead = [str(name) for name in x["channel"].values[empty]]
    if dead:
        raise ValueError(
            f"channel {', '.join(dead)} has no valid sample. Leave it out: "
            f"x.sel(channel=[name for name in x.channel.values if name not in {dead}])"
        )


def need_positive(**values: Any) -> None:
    """Raise ValueError unless each value is a finite number above 0.

    Examples
    --------
    >>> from emgnb import recording
    >>> recording.need_positive(rate=-5)
    Traceback (most recent call last):
        ...
    ValueError: rate=-5, expected a number above 0
    """
    for name, value in values.items():
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value!r}, expected a number above 0")


def _called(x: Any) -> str:
    """Describe an object in a message: its type, and for an array its shape."""
    shape = getattr(x, "shape", None)
    return f"{type(x).__name__} {shape}" if isinstance(shape, tuple) else type(x).__name__
