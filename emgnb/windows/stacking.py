"""Stack windows or features of several recordings, and check windows."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from emgnb import filters, recording
from emgnb._vocabulary import ABOUT_LABELS

# Maximum relative difference of two boards' rates; beyond it, windows have different durations.
SAME_RATE = 0.01
Data = TypeVar("Data", xr.DataArray, xr.Dataset)


def stack(parts: Sequence[Data]) -> Data:
    """Stack the windows or features of several sessions or participants, as a copy.

    Parameters
    ----------
    parts : windows from `cut`, or features of them (a Dataset of `features.extract`, or a matrix),
        with the same channels (names, muscles, sides, kinds), unit, window length and features,
        filtered by the same chain; rates may differ by 1 %, as the clocks of two boards do.
        Channels whose gain differs between parts get gain 1 (unknown)

    Returns
    -------
    As the parts, windows read-only; `dropped` counts are summed, `rate` is the median;
    `label_meaning` and `use` are kept if all parts have the same

    Raises
    ------
    TypeError : not a list, or a part is neither windows nor features
    ValueError : no parts; a part is not cut into windows; the parts differ (all differences in one
        message); or a trial of the same participant and session is in two parts, so that
        cross-validation could not separate them

    Examples
    --------
    >>> from emgnb import labels, simulate, windows
    >>> sessions = simulate.study(people=2, duration=8)
    >>> parts = [windows.cut(each, labels.trials(each), step=0.1) for each in sessions]
    >>> both = windows.stack(parts)
    >>> sorted(set(both.participant.values.tolist()))
    ['P01', 'P02']
    """
    if isinstance(parts, xr.DataArray | xr.Dataset):
        raise TypeError("stack joins a list of windows, such as [windows.cut(a), windows.cut(b)]")
    parts = list(parts)
    if not parts:
        raise ValueError("no windows to stack")
    first = parts[0]
    as_windows = isinstance(first, xr.DataArray) and "feature" not in first.dims
    if as_windows:
        need_windows(*parts)
    else:
        _need_features(parts)
    differences = [
        f"part {i}: {difference}"
        for i, part in enumerate(parts[1:], start=1)
        for difference in _differences(first, part)
    ]
    if differences:
        raise ValueError(
            "windows that differ from those of part 0 cannot be stacked:\n"
            + "\n".join(f"- {difference}" for difference in differences)
        )
    _distinct(parts)
    join: Any = _joined_windows if as_windows else _joined_features
    made: Data = join(parts)
    made.attrs["history"] = _common_history(parts)
    if all("rate" in part.attrs for part in parts):
        made.attrs["rate"] = float(np.median([part.attrs["rate"] for part in parts]))
    if any("dropped" in part.attrs for part in parts):
        dropped: Counter[str] = Counter()
        for part in parts:
            dropped.update(json.loads(part.attrs.get("dropped", "{}")))
        made.attrs["dropped"] = json.dumps(dict(dropped))
    for name in ABOUT_LABELS:
        said = {str(part.attrs.get(name, "")) for part in parts}
        if "" in said or len(said) > 1:
            made.attrs.pop(name, None)
    return recording.with_history(made, "stack", parts=len(parts))


def _joined_windows(parts: Sequence[xr.DataArray]) -> xr.DataArray:
    first = parts[0]
    data = np.concatenate([part.transpose("window", "channel", "sample").values for part in parts])
    data.flags.writeable = False
    along = [name for name, coord in first.coords.items() if coord.dims == ("window",)]
    # Time since onset of windows around events is along sample.
    kept = {n: c for n, c in first.coords.items() if c.dims in (("channel",), ("sample",))}
    return xr.DataArray(
        data,
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            **{
                name: ("window", np.concatenate([part[name].values for part in parts]))
                for name in along
            },
            **kept,
            **_gain(parts),
        },
        attrs=dict(first.attrs),
    )


def _joined_features(parts: Sequence[Data]) -> Data:
    made = xr.concat(
        [part.drop_vars("gain", errors="ignore") for part in parts],
        "window",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    return made.assign_coords(_gain(parts))


def _gain(parts: Sequence[Data]) -> dict[str, xr.DataArray]:
    """Return the gain of each channel, 1 (unknown) where parts differ; empty without gains."""
    if not all("gain" in part.coords for part in parts):
        return {}
    gains = np.array([part["gain"].values for part in parts])
    same = (gains == gains[0]).all(axis=0)
    return {"gain": parts[0]["gain"].copy(data=np.where(same, gains[0], 1.0))}


def _need_features(parts: Sequence[Any]) -> None:
    for part in parts:
        if not isinstance(part, xr.DataArray | xr.Dataset):
            raise TypeError(
                "expected windows (windows.cut) or features (features.extract); found "
                f"{type(part).__name__}"
            )
        if type(part) is not type(parts[0]) or set(part.dims) != set(parts[0].dims):
            raise ValueError(
                f"a part has dims {tuple(map(str, part.dims))}, another "
                f"{tuple(map(str, parts[0].dims))}: stack windows, or features, not both"
            )
        if "window" not in part.dims:
            raise ValueError(f"dims are {tuple(map(str, part.dims))}, expected window among them")


def need_windows(*parts: Any) -> None:
    """Raise TypeError or ValueError unless each part is windows as `cut` returns them."""
    for part in parts:
        if not isinstance(part, xr.DataArray):
            raise TypeError(
                "expected windows (window, channel, sample) as windows.cut(x, trials) makes them; "
                f"found {type(part).__name__}"
            )
        if part.dims != ("window", "channel", "sample"):
            raise ValueError(
                f"dims are {part.dims}, expected ('window', 'channel', 'sample'): cut the signal "
                "with windows.cut first"
            )
        lost = [name for name in ("units", "rate") if name not in part.attrs]
        if lost:
            raise ValueError(
                f"the windows have lost their {' and '.join(lost)}: keep the attributes, for "
                "example (2 * w).assign_attrs(w.attrs)"
            )


def _differences(first: Data, part: Data) -> list[str]:
    """Describe how `part` differs from `first`."""
    found = []
    for name in ("channel", "muscle", "side", "signal_kind", "feature", "modality"):
        here, there = (
            [str(v) for v in p[name].values] if name in p.coords else [] for p in (part, first)
        )
        if here != there:
            found.append(f"{name} {here}, expected {there}")
    if isinstance(part, xr.Dataset) and list(part) != list(first):
        found.append(f"features {list(part)}, expected {list(first)}")
    if part.sizes.get("sample") != first.sizes.get("sample"):
        found.append(f"{part.sizes['sample']} samples, expected {first.sizes['sample']}")
    if _units(part) != _units(first):
        found.append(f"units {_units(part)}, expected {_units(first)}")
    meanings = [str(p.attrs.get("label_meaning", "")) for p in (part, first)]
    if all(meanings) and meanings[0] != meanings[1]:
        found.append(
            f"label_meaning {meanings[0]!r}, expected {meanings[1]!r}: instructed, coded and "
            "reported labels cannot be mixed"
        )
    filtered = [_filtered(p) for p in (part, first)]
    if filtered[0] != filtered[1]:
        found.append(
            f"filtered by {json.dumps(filtered[0])}, expected {json.dumps(filtered[1])}: filter "
            "all recordings by the same chain before cutting"
        )
    own, rate = (float(p.attrs.get("rate", math.nan)) for p in (part, first))
    if abs(own - rate) > SAME_RATE * rate:
        found.append(f"rate {own:.4g} Hz, expected {rate:.4g} Hz within 1 %")
    return found


def _units(part: Data) -> str:
    if isinstance(part, xr.DataArray):
        return repr(part.attrs.get("units", ""))
    return ", ".join(f"{name} {v.attrs.get('units', '')!r}" for name, v in part.data_vars.items())


def _filtered(part: Data) -> list[Any]:
    """Return the filter settings of windows, without measured levels."""
    return [
        filters.settings(line.get("chain", []))
        for line in recording.history(part)
        if line["step"] == "filter"
    ]


def _common_history(parts: Sequence[Data]) -> str:
    """Return the history of the first part, without measured levels if parts differ in them."""
    first = parts[0]
    if all(part.attrs.get("history", "") == first.attrs.get("history", "") for part in parts):
        return str(first.attrs.get("history", ""))
    lines = recording.history(first)
    for line in lines:
        if line["step"] == "filter":
            line["chain"] = filters.settings(line.get("chain", []))
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)


def _distinct(parts: Sequence[Data]) -> None:
    seen: dict[tuple[str, str, int], int] = {}
    for i, part in enumerate(parts):
        keys = zip(
            part["participant"].values.tolist(),
            part["session"].values.tolist(),
            part["trial"].values.tolist(),
            strict=True,
        )
        for key in set(keys):
            if seen.setdefault(key, i) != i:
                who, which, trial = key
                raise ValueError(
                    f"participant {who!r}, session {which!r}, trial {trial} is in part {seen[key]} "
                    f"and in part {i}: give participants or sessions different names when cutting, "
                    "so that training and test data can be separated"
                )
