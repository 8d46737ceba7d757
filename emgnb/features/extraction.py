"""From windows to features, block by block, and from features to a classifier's matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.features import engine
from emgnb.features.parts import by_parts
from emgnb.features.table import FEATURES, SETS
from emgnb.windows import need_windows

# Default of thresholds, by unit: one count of the converter, or, at the skin, what electrodes show
# of a face at rest (1–3 µV RMS).
THRESHOLDS = {"count": 1.0, "uV": 2.0, "mV": 2e-3, "V": 2e-6}


def extract(
    windows: xr.DataArray,
    features: str | Sequence[str] = "hudgins",
    *,
    threshold: float | Mapping[str, float] | None = None,
) -> xr.Dataset:
    """Compute features of each window and channel.

    Parameters
    ----------
    windows : (window, channel, sample), see `windows.cut`
    features : a set ("hudgins", "time", "frequency", "tdpsd", "hjorth", "facial", "nine", "all";
        "envelope" for envelopes), a name of `FEATURES`, or a list of names
    threshold : in the unit of `windows`, above 0, for zc, ssc and wamp; one for all or
        {"zc": 2.0, "wamp": 10.0}. By default 1 count, or 2 µV at the skin times the channel's
        `gain`; in other units, and in V with unknown gain, it must be given. The result says in
        attrs which was used.

    Returns
    -------
    Dataset, a variable per feature, (window, channel) float32, with its `units` and `long_name`;
    coordinates of the windows are kept. NaN where the window holds a NaN, or where the feature
    does not exist (a frequency of a flat window). Of windows that are dask arrays the variables are
    dask arrays, which `to_zarr` or `compute` works out on all cores or on a cluster; windows that
    are not in memory are read part by part. Every way gives the same digits.

    Raises
    ------
    TypeError : no windows
    ValueError : not cut into windows, unknown feature, a feature for raw EMG asked of another
        kind, or no threshold; says which channels
    """
    need_windows(windows)
    names = _names(features)
    units = str(windows.attrs["units"])
    _refuse_kinds(windows, names)
    thresholds = _thresholds(names, windows, threshold)
    if windows.sizes["sample"] < 8:
        raise ValueError(f"windows of {windows.sizes['sample']} samples: features need at least 8")
    rate = float(windows.attrs["rate"])
    compute = partial(
        engine.compute,
        names=names,
        rate=rate,
        hop=round(float(windows.attrs.get("step_s", 0.0)) * rate),
        limits={name: np.array(values) for name, values in thresholds.items()},
        # Parts run side by side already.
        threads=1 if recording.is_lazy(windows) else engine.THREADS,
    )
    columns = by_parts(
        compute, windows, dict.fromkeys(engine.columns_of(names), windows.sizes["channel"])
    )
    variables = {}
    for name in names:
        feature = FEATURES[name]
        attrs: dict[str, Any] = {
            "units": feature.units.format(units),
            "long_name": feature.long_name,
        }
        if feature.thresholded:
            attrs |= {"threshold": _short(thresholds[name]), "threshold_units": units}
        for column in feature.columns or (name,):
            variables[column] = (("window", "channel"), columns[column], attrs)
    made = xr.Dataset(variables, coords=windows.drop_vars("sample", errors="ignore").coords)
    made.attrs = {
        key: value
        for key, value in windows.attrs.items()
        if key in ("rate", "length_s", "step_s", "dropped", "label_meaning", "history")
    }
    return recording.with_history(
        made,
        "features",
        names=names,
        threshold={name: _short(values) for name, values in thresholds.items()},
    )


def matrix(features: xr.Dataset, *more: xr.DataArray) -> xr.DataArray:
    """Lay all features of all channels side by side, for a classifier.

    Parameters
    ----------
    features : see `extract`
    more : of the same windows, (window, pair) or (window, channel), such as `asymmetry`

    Returns
    -------
    (window, feature) float32; `feature` is named "rms:zygomaticus_major_l", feature by feature;
    coordinates of the windows are kept; NaN stays NaN

    Raises
    ------
    TypeError : no Dataset
    ValueError : no feature in it, or `more` is of other windows
    """
    if not isinstance(features, xr.Dataset):
        raise TypeError(
            f"expected features as features.extract(windows) gives them; found "
            f"{type(features).__name__}"
        )
    if not features.data_vars:
        raise ValueError("the Dataset holds no feature")
    # Dask arrays are worked out together: what they share is computed once.
    parts = [part.rename(str(name)) for name, part in features.compute().data_vars.items()]
    for extra in more:
        other = [name for name in extra.dims if name != "window"]
        if "window" not in extra.dims or len(other) != 1 or not extra.name:
            raise ValueError(f"{extra.name}: {extra.dims}, expected a name and (window, pair)")
        same = extra.sizes["window"] == features.sizes["window"] and all(
            np.array_equal(extra[name].values, features[name].values)
            for name in ("participant", "session", "time")
            if name in extra.coords and name in features.coords
        )
        if not same:
            raise ValueError(f"{extra.name} is of other windows than the features")
        parts.append(extra)
    columns = [part.transpose("window", ...) for part in parts]
    return xr.DataArray(
        np.concatenate([part.values for part in columns], axis=1).astype(np.float32, copy=False),
        dims=("window", "feature"),
        name="features",
        coords={
            **{name: c for name, c in features.coords.items() if c.dims == ("window",)},
            "feature": [
                f"{part.name}:{place}" for part in columns for place in part[part.dims[1]].values
            ],
        },
        attrs=dict(features.attrs),
    )


def _names(features: str | Sequence[str]) -> list[str]:
    asked = [features] if isinstance(features, str) else list(features)
    names = [name for item in asked for name in SETS.get(item, (item,))]
    unknown = [name for name in names if name not in FEATURES]
    if unknown or not names:
        raise ValueError(
            f"no feature {', '.join(map(repr, unknown)) or 'asked for'}: there are "
            f"{', '.join(FEATURES)} and the sets {', '.join(SETS)}"
        )
    return list(dict.fromkeys(names))


def _refuse_kinds(windows: xr.DataArray, names: list[str]) -> None:
    asked = [name for name in names if FEATURES[name].raw_only]
    if not asked:
        return
    if "signal_kind" not in windows.coords:
        raise ValueError(
            f"the windows do not say what their channels are, and {', '.join(asked)} need raw EMG: "
            "give the coordinate signal_kind(channel)"
        )
    kinds = {
        str(channel): str(kind)
        for channel, kind in zip(
            windows["channel"].values, windows["signal_kind"].values, strict=True
        )
        if kind != "raw"
    }
    if kinds:
        raise ValueError(
            f"{', '.join(asked)} of {', '.join(f'{c} ({k})' for c, k in kinds.items())}: a signal "
            "that was rectified or smoothed has lost its zero crossings and frequencies, so these "
            "would describe the sensor, not the muscle. Use features='envelope', mav, rms, wl or "
            "log_rms."
        )


def _thresholds(
    names: list[str], windows: xr.DataArray, threshold: float | Mapping[str, float] | None
) -> dict[str, list[float]]:
    """Threshold of each channel, for each feature that has one."""
    asked = [name for name in names if FEATURES[name].thresholded]
    given = threshold if isinstance(threshold, Mapping) else dict.fromkeys(asked, threshold)
    unused = sorted(set(given) - {name for name, f in FEATURES.items() if f.thresholded})
    if unused:
        raise ValueError(f"{', '.join(unused)} have no threshold; zc, ssc and wamp have")
    found = {}
    for name in asked:
        value = given.get(name)
        if value is None:
            found[name] = _default_threshold(name, windows)
        elif isinstance(value, Real) and float(value) > 0:
            found[name] = [float(value)] * windows.sizes["channel"]
        else:
            raise ValueError(
                f"threshold={value!r} for {name}: it must be above 0, else the rounding of the "
                "converter and a constant signal are counted as crossings"
            )
    return found


def _default_threshold(name: str, windows: xr.DataArray) -> list[float]:
    units = str(windows.attrs["units"])
    width = windows.sizes["channel"]
    gain = windows["gain"].values.astype(float) if "gain" in windows.coords else np.ones(width)
    if units == "count":
        gain = np.ones(width)
    if units not in THRESHOLDS or (units == "V" and (gain == 1.0).any()):
        why = "its gain is unknown" if units == "V" else "there is no default in this unit"
        raise ValueError(
            f"{name} of a signal in {units!r} needs threshold=…, in {units}: {why}. Take a "
            "difference larger than the noise of the sensor and than one step of its converter "
            "(10 bits at 5 V: 0.0049 V)"
        )
    # Through text, so that 2e-6 V at a gain of 1000 is 0.002 and not 0.0019999….
    return [float(f"{THRESHOLDS[units] * g:.6g}") for g in gain]


def _short(values: list[float]) -> float | list[float]:
    """One number where all channels have the same."""
    return values[0] if len(set(values)) == 1 else values
