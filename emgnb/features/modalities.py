"""Put action units beside EMG: their values in each window, and both in one table."""

from __future__ import annotations

import numpy as np
import xarray as xr

from emgnb import facs, recording
from emgnb._arrays import Floats
from emgnb._vocabulary import GROUPS
from emgnb.features.extraction import matrix

# Moments of a window at which the active events of a table are counted.
MOMENTS = 20
# Of an event whose intensity was not coded.
PRESENT = 1
COORDS = (*GROUPS, "time", "label")


def unit_values(
    windows: xr.DataArray | xr.Dataset,
    source: xr.Dataset,
    *,
    confidence: float = 0.8,
    start: float = 0.0,
) -> xr.DataArray:
    """Return the mean intensity of each action unit in each window.

    Parameters
    ----------
    windows : windows of one recording, or features of them
    source : action units of the same recording: an event table of a coder (`labels.events`), in
        which A to E count 1 to 5, an event without an intensity 1, and time without an event 0; or
        units over time, with `intensity` (time, au) (`interop.read_units`)
    confidence : lowest confidence of a frame that counts; for units over time
    start : s, time of the recording at which the video begins; for units over time

    Returns
    -------
    au (window, au) float32, in the scale of `source`, with the coordinates of `windows` along
    window. NaN where the window has no frame with a face and enough confidence. attrs: `coder`,
    `missing` (number of such windows)

    Raises
    ------
    TypeError : neither an event table nor units over time
    ValueError : windows of several recordings, or without `time` and `length_s`
    """
    end, length = _times(windows)
    if not isinstance(source, xr.Dataset) or not ({"onset", "intensity"} & set(source)):
        raise TypeError(
            f"source is {type(source).__name__}, expected an event table (labels.events) or "
            "action units over time (interop.read_units)"
        )
    if "onset" in source:
        names, values = _of_events(source, end, length)
    else:
        names, values = _of_frames(source, end - start, length, confidence)
    made = xr.DataArray(
        values.astype(np.float32),
        dims=("window", "au"),
        coords={**_along_window(windows), "au": names},
        name="au",
        attrs={
            "long_name": "mean intensity of action units",
            "coder": str(source.attrs.get("coder", "")),
            "missing": int(np.isnan(values).any(axis=1).sum()),
        },
    )
    return made


def beside(**parts: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Put the features of several modalities beside each other.

    Parameters
    ----------
    parts : name of a modality → its features, of the same windows: a Dataset of
        `features.extract`, a matrix (window, feature), or (window, au) of `unit_values`

    Returns
    -------
    (window, feature) float32 with `modality` along feature, for `models.fit_fused`; attributes are
    those of the first part. NaN stays NaN and marks a missing modality

    Raises
    ------
    ValueError : fewer than two parts, or parts of different windows

    Examples
    --------
    >>> both = features.beside(emg=features.extract(windows), aus=units)  # doctest: +SKIP
    """
    if len(parts) < 2:
        raise ValueError("expected at least two modalities: beside(emg=…, aus=…)")
    tables = {name: _table(name, part) for name, part in parts.items()}
    (first, one), *others = tables.items()
    for name, table in others:
        if wrong := _unlike(one, table):
            raise ValueError(f"{name} and {first} are of different windows: {wrong}")
    names = [str(column) for table in tables.values() for column in table["feature"].values]
    owners = [name for name, table in tables.items() for _ in range(table.sizes["feature"])]
    made = xr.DataArray(
        np.concatenate([table.values for table in tables.values()], axis=1),
        dims=("window", "feature"),
        name="features",
        coords={**_along_window(one), "feature": names, "modality": ("feature", owners)},
        attrs=dict(one.attrs),
    )
    return recording.with_history(made, "beside", modalities=list(tables))


def _times(windows: xr.DataArray | xr.Dataset) -> tuple[Floats, float]:
    """Return end of each window and their length, in s."""
    if "time" not in windows.coords or "length_s" not in windows.attrs:
        raise ValueError("expected windows with `time` and `length_s`, see windows.cut")
    for name in ("participant", "session"):
        if name in windows.coords and len(found := np.unique(windows[name].values)) > 1:
            raise ValueError(
                f"windows of {len(found)} {name}s, expected one recording: call it for each, then "
                "windows.stack"
            )
    return windows["time"].values.astype(np.float64), float(windows.attrs["length_s"])


def _of_events(table: xr.Dataset, end: Floats, length: float) -> tuple[list[str], Floats]:
    codes = table["au"].values.astype(str)
    names = sorted({code for code in codes if code}, key=lambda code: (len(code), code))
    height = [
        facs.INTENSITY_NUMBERS.get(str(letter), PRESENT) for letter in table["intensity"].values
    ]
    moments = end[:, np.newaxis] - length * (np.arange(MOMENTS) + 0.5) / MOMENTS
    values = np.zeros((len(end), len(names), MOMENTS))
    for code, onset, offset, high in zip(
        codes, table["onset"].values, table["offset"].values, height, strict=True
    ):
        if code:
            active = (moments >= onset) & (moments < offset)
            column = values[:, names.index(code)]
            np.maximum(column, high * active, out=column)
    return names, values.mean(axis=2)


def _of_frames(
    units: xr.Dataset, end: Floats, length: float, confidence: float
) -> tuple[list[str], Floats]:
    values = units["intensity"].transpose("time", "au").values.astype(np.float64)
    good = np.isfinite(values).all(axis=1)
    if "valid" in units.coords:
        good &= units["valid"].values.astype(bool)
    if "confidence" in units:
        sure = units["confidence"].values
        good &= np.isnan(sure) | (sure >= confidence)
    time, values = units["time"].values[good], values[good]
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    first, last = (np.searchsorted(time, edge, side="right") for edge in (end - length, end))
    count = (last - first).astype(np.float64)
    count[count == 0] = np.nan
    names = [str(name) for name in units["au"].values]
    return names, (total[last] - total[first]) / count[:, np.newaxis]


def _table(name: str, part: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Return a modality as (window, feature)."""
    if isinstance(part, xr.Dataset):
        part = matrix(part)
    other = [str(dim) for dim in part.dims if dim != "window"]
    if "window" not in part.dims or len(other) != 1:
        raise ValueError(
            f"{name} has dimensions {tuple(map(str, part.dims))}, expected features "
            "(window, feature) or units (window, au)"
        )
    table = part.transpose("window", other[0]).astype(np.float32)
    if other[0] == "feature":
        return table
    columns = [f"{other[0]}:{place}" for place in part[other[0]].values]
    return table.drop_vars(other[0]).rename({other[0]: "feature"}).assign_coords(feature=columns)


def _unlike(one: xr.DataArray, other: xr.DataArray) -> str:
    if one.sizes["window"] != other.sizes["window"]:
        return f"{other.sizes['window']} and {one.sizes['window']} windows"
    for name in COORDS:
        shared = name in one.coords and name in other.coords
        if shared and not np.array_equal(one[name].values, other[name].values):
            return f"they differ in {name}"
    return ""


def _along_window(data: xr.DataArray | xr.Dataset) -> dict[str, xr.Variable]:
    return {
        str(name): coord.variable
        for name, coord in data.coords.items()
        if coord.dims == ("window",)
    }
