"""Windows, slices and clocks of the explanations of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.metrics import Floats


def checked(windows: xr.DataArray) -> xr.DataArray:
    """Return windows in the order (window, channel, sample), or raise ValueError."""
    if not isinstance(windows, xr.DataArray) or set(windows.dims) != {
        "window",
        "channel",
        "sample",
    }:
        raise ValueError(
            f"expected windows (window, channel, sample), found {tuple(windows.dims)}: the signal "
            f"is needed. For a model of features, give a function to evaluate.occlusion: "
            f"lambda w: model.predict(features.extract(w))"
        )
    return windows.transpose("window", "channel", "sample")


def is_raw(x: xr.DataArray) -> bool:
    """Return whether windows are of raw EMG, which is assumed if they do not say."""
    return "signal_kind" not in x.coords or "raw" in x["signal_kind"].values.astype(str)


def by_class(values: npt.NDArray[Any], of: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Return the mean of values (window, …) over the windows of each class."""
    return np.stack([values[of == k].mean(axis=0) for k in range(of.max() + 1)])


def slices_of(x: xr.DataArray, slice_s: float | None) -> list[tuple[int, int]]:
    """Return the first and one past the last sample of each slice of a window."""
    samples, rate = x.sizes["sample"], float(x.attrs.get("rate", 1.0))
    size = max(1, round(samples / 10 if slice_s is None else slice_s * rate))
    if size > samples:
        raise ValueError(
            f"slice_s={slice_s}, longer than the windows of {samples / rate:.3g} s: take a part of "
            f"them"
        )
    return [(a, min(a + size, samples)) for a in range(0, samples, size)]


def clock_of(x: xr.DataArray) -> Floats:
    """Return the time of each sample, and of the end of the last, in s."""
    step = 1.0 / float(x.attrs.get("rate", 1.0))
    start = float(x["sample"].values[0]) if "sample" in x.coords else 0.0
    return np.asarray(start + step * np.arange(x.sizes["sample"] + 1), dtype=np.float64)


def short(probability: float) -> str:
    """Format a probability with two decimals and without the leading zero."""
    text = f"{probability:.2f}"
    return text.removeprefix("0") if text.startswith("0") else text
