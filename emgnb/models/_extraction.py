"""Compute the features of a model that takes windows, at training and at prediction."""

from __future__ import annotations

import xarray as xr

from emgnb import features
from emgnb.models._input_spec import Data, is_features

COVARIANCE = "covariance"
NAMES = (COVARIANCE, *features.SETS)


def extracted(data: Data, name: str | None) -> Data:
    """Return the features `name` of windows, or `data` itself if `name` is None.

    Raises
    ------
    ValueError : no such features, or `data` contains features already
    """
    if name is None:
        return data
    if name not in NAMES:
        raise ValueError(f"features={name!r}, expected one of {', '.join(NAMES)}")
    if is_features(data) or isinstance(data, xr.Dataset):
        raise ValueError(
            f"features={name!r} needs windows (window, channel, sample), found features: leave "
            f"out features=, or pass the windows"
        )
    return features.covariance(data) if name == COVARIANCE else features.extract(data, name)
