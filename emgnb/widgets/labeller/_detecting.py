"""Detect bursts to propose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from emgnb import detect, recording
from emgnb.filters import Chain
from emgnb.widgets.labeller._telling import TIMES


def detected(
    x: xr.DataArray, chain: Chain | None, coder: str, options: Mapping[str, Any]
) -> xr.Dataset:
    """Return the bursts of a recording, filtered by a chain.

    Raises
    ------
    ValueError : the recording is not suitable for the detector
    """
    try:
        return detect.bursts(x if chain is None else chain(x), **options)
    except ValueError as error:
        if chain is not None:
            raise
        raise ValueError(
            f"{error}\nFilters before the detector: Labeller(session, coder={coder!r}, "
            f"chain=filters.preset('raw', rate={recording.measured_rate(x):g}))"
        ) from error


def fitting(bursts: xr.Dataset, extent: Sequence[float]) -> xr.Dataset:
    """Return the bursts clipped to the recording, with a channel ("" for all)."""
    bursts = bursts.assign({name: bursts[name].clip(*extent) for name in TIMES})
    if "channel" not in bursts:
        bursts["channel"] = ("event", np.full(bursts.sizes["event"], ""))
    return bursts
