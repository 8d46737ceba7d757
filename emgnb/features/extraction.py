"""Extract features from windows, and arrange them as a matrix for a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.features import _engine
from emgnb.features._parts import KEPT, Columns, by_parts
from emgnb.features.catalogue import FEATURES, SETS
from emgnb.windows import need_windows

# Default thresholds by unit: one count of the converter, or, at the skin, the level of a face at
# rest (1–3 µV RMS).
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
        "envelope" for envelopes), a name in `FEATURES`, or a list of names
    threshold : in the unit of `windows`, above 0, for zc, ssc and wamp; one for all or {"zc": 2.0,
        "wamp": 10.0}. The default is 1 count, or 2 µV at the skin times the channel's `gain`; it is
        required in other units, and in V with unknown gain. The threshold used is in the attrs of
        the result

    Returns
    -------
    Dataset with one variable per feature, (window, channel) float32, with its `units` and
    `long_name`; coordinates of the windows are kept. NaN if the window contains NaN, or if the
    feature is undefined (a frequency of a flat window). For dask arrays the variables are dask
    arrays, which `to_zarr` or `compute` evaluates on all cores or on a cluster. Windows that are
    not in memory are read in parts. Results are bit-identical

    Raises
    ------
    TypeError : not windows
    ValueError : not cut into windows, unknown feature, a feature for raw EMG requested for another
        kind (with the channels), or no threshold

    Examples
    --------
    >>> from emgnb import features, labels, simulate, windows
    >>> session = simulate.face(duration=8, seed=1)
    >>> cut = windows.cut(session, labels.trials(session), length=0.2, step=0.1)
    >>> table = features.extract(cut, ["rms", "mdf"])
    >>> sorted(table), table["rms"].dims, table["mdf"].attrs["units"]
    (['mdf', 'rms'], ('window', 'channel'), 'Hz')
    """
    names, thresholds, compute = _prepared(windows, features, threshold)
    units = str(windows.attrs["units"])
    columns = by_parts(
        compute, windows, dict.fromkeys(_engine.columns_of(names), windows.sizes["channel"])
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
    made.attrs = {key: value for key, value in windows.attrs.items() if key in KEPT}
    return recording.with_history(
        made,
        "features",
        names=names,
        threshold={name: _short(values) for name, values in thresholds.items()},
    )


def extractor(
    windows: xr.DataArray,
    features: str | Sequence[str] = "hudgins",
    *,
    threshold: float | Mapping[str, float] | None = None,
) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
    """Return a function that computes features of windows as they arrive, for live use.

    Parameters
    ----------
    windows : (window, channel, sample), windows like those that will arrive
    features, threshold : see `extract`

    Returns
    -------
    A function from samples (window, channel, sample) to (window, column) float32, the values of
    `matrix(extract(windows))`. It checks nothing; NaN as in `extract`

    Raises
    ------
    TypeError, ValueError : see `extract`
    """
    names, _, compute = _prepared(windows, features, threshold)
    columns = _engine.columns_of(names)

    def computed(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        found = compute(samples)
        return np.concatenate([found[name] for name in columns], axis=1)

    return computed


def _prepared(
    windows: xr.DataArray,
    features: str | Sequence[str],
    threshold: float | Mapping[str, float] | None,
) -> tuple[list[str], dict[str, list[float]], Callable[[npt.NDArray[np.float32]], Columns]]:
    """Return the checked names and thresholds, and the function that computes the columns."""
    need_windows(windows)
    names = _names(features)
    _refuse_kinds(windows, names)
    thresholds = _thresholds(names, windows, threshold)
    if windows.sizes["sample"] < 8:
        raise ValueError(f"windows of {windows.sizes['sample']} samples: features need at least 8")
    rate = float(windows.attrs["rate"])
    compute = partial(
        _engine.compute,
        names=names,
        rate=rate,
        hop=round(float(windows.attrs.get("step_s", 0.0)) * rate),
        limits={name: np.array(values) for name, values in thresholds.items()},
        # Dask runs parts in parallel already.
        threads=1 if recording.is_lazy(windows) else _engine.THREADS,
    )
    return names, thresholds, compute


def matrix(features: xr.Dataset, *more: xr.DataArray) -> xr.DataArray:
    """Arrange all features of all channels as columns, for a classifier.

    Parameters
    ----------
    features : see `extract`
    more : arrays of the same windows, (window, pair) or (window, channel), such as `asymmetry`

    Returns
    -------
    (window, feature) float32; `feature` is named "rms:zygomaticus_major_l", feature by feature;
    coordinates of the windows are kept; NaN stays NaN

    Raises
    ------
    TypeError : not a Dataset
    ValueError : no features, or `more` has other windows

    Examples
    --------
    >>> from emgnb import features, labels, simulate, windows
    >>> session = simulate.face(duration=8, seed=1)
    >>> cut = windows.cut(session, labels.trials(session), length=0.2, step=0.1)
    >>> features.matrix(features.extract(cut, "hudgins")).shape[1]  # 4 features × 8 channels
    32
    """
    if not isinstance(features, xr.Dataset):
        raise TypeError(
            f"expected features as features.extract(windows) gives them; found "
            f"{type(features).__name__}"
        )
    if not features.data_vars:
        raise ValueError("the Dataset contains no features")
    # Dask arrays are computed together, so that shared results are computed once.
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
            raise ValueError(f"{extra.name} has other windows than the features")
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
            f"the windows have no `signal_kind`, and {', '.join(asked)} need raw EMG: "
            "add the coordinate signal_kind(channel)"
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
                f"threshold={value!r} for {name}: it must be above 0, because "
                "quantisation and constant signals would count as crossings"
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
            f"{name} of a signal in {units!r} needs threshold=…, in {units}: {why}. Use a "
            "difference above the noise of the sensor and one step of its converter "
            "(10 bits at 5 V: 0.0049 V)"
        )
    # Rounded, so that 2e-6 V at a gain of 1000 is 0.002 and not 0.0019999….
    return [float(f"{THRESHOLDS[units] * g:.6g}") for g in gain]


def _short(values: list[float]) -> float | list[float]:
    """Return one number if all channels have the same."""
    return values[0] if len(set(values)) == 1 else values
