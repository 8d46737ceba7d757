"""Label the result of a chain as the signal that went in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, Mask
from emgnb.filters._registry import to_dict
from emgnb.filters.step import Step


def labelled(
    steps: Sequence[Step],
    x: xr.DataArray,
    values: npt.NDArray[Any],
    kinds: Sequence[str],
    disturbed: Mask,
    *,
    phase: str,
) -> xr.DataArray:
    """Return `x` with new values, and with `valid`, `signal_kind`, `units`, history updated."""
    turned = x.transpose("time", ...)
    data = values.astype(dtype_of(x), copy=False).reshape(turned.shape)
    valid = ~disturbed
    if "valid" in x.coords:
        valid = valid & x["valid"].data
    kind = x["signal_kind"]
    out = (
        turned.copy(data=data)
        .transpose(*x.dims)
        .assign_coords(
            valid=("time", valid), signal_kind=(kind.dims, np.reshape(kinds, kind.shape))
        )
        .drop_encoding()
    )
    units = str(x.attrs.get("units", ""))
    for step in steps:
        units = step.units_after(units)
    out.attrs["units"] = units
    written = json.loads(json.dumps([to_dict(step) for step in steps]))
    return recording.with_history(out, "filter", chain=written, phase=phase)


def dtype_of(x: xr.DataArray) -> np.dtype[Any]:
    """Return the dtype of the result: floats keep theirs, counts become float32."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)


def invalid(x: xr.DataArray, values: Floats) -> Mask:
    """Return which samples are marked invalid, except in channels without any valid sample."""
    if "valid" not in x.coords:
        return np.zeros(values.shape, dtype=bool)
    marked = ~x["valid"].values.astype(bool)[:, np.newaxis]
    return np.asarray(marked & (~marked & np.isfinite(values)).any(axis=0))
