"""Windows of several recordings in one, and what makes windows windows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording

# Clocks of two boards differ by less; beyond it the same window is another stretch of time.
SAME_RATE = 0.01


def stack(parts: Sequence[xr.DataArray]) -> xr.DataArray:
    """Join the windows of several sessions or people; one copy.

    Parameters
    ----------
    parts : windows as `cut` gives them, with the same channels (names, muscles, sides, kinds), unit
        and window length; rates may differ by 1 %, as the clocks of two boards do. A channel whose
        gain differs between parts gets gain 1 (unknown).

    Returns
    -------
    (window, channel, sample) float32, read-only; `dropped` counts are added up, `rate` is the
    median; `label_meaning` is kept when every part says it

    Raises
    ------
    TypeError : no list, or a part is no DataArray
    ValueError : nothing to join; a part is not cut into windows; the parts differ (all differences
        in one message); or a trial of the same participant and session occurs in two parts, so
        that a fold could not keep them apart
    """
    if isinstance(parts, xr.DataArray):
        raise TypeError("stack joins a list of windows, such as [windows.cut(a), windows.cut(b)]")
    parts = list(parts)
    if not parts:
        raise ValueError("no windows to stack")
    need_windows(*parts)
    first = parts[0]
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
    data = np.concatenate([part.transpose("window", "channel", "sample").values for part in parts])
    data.flags.writeable = False
    along = [name for name, coord in first.coords.items() if coord.dims == ("window",)]
    dropped: Counter[str] = Counter()
    for part in parts:
        dropped.update(json.loads(part.attrs.get("dropped", "{}")))
    per_channel = {name: c for name, c in first.coords.items() if c.dims == ("channel",)}
    # The clock of windows around an onset.
    clock = {name: c for name, c in first.coords.items() if c.dims == ("sample",)}
    if "gain" in per_channel:
        gains = np.array([part["gain"].values for part in parts])
        one = (gains == gains[0]).all(axis=0)
        per_channel["gain"] = first["gain"].copy(data=np.where(one, gains[0], 1.0))
    made = xr.DataArray(
        data,
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            **{
                name: ("window", np.concatenate([part[name].values for part in parts]))
                for name in along
            },
            **per_channel,
            **clock,
        },
        attrs={
            **first.attrs,
            "rate": float(np.median([part.attrs["rate"] for part in parts])),
            "dropped": json.dumps(dict(dropped)),
        },
    )
    if not all(part.attrs.get("label_meaning") for part in parts):
        made.attrs.pop("label_meaning", None)
    return recording.with_history(made, "stack", parts=len(parts))


def need_windows(*parts: Any) -> None:
    """Raise TypeError or ValueError unless each part is windows as `cut` gives them."""
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
                f"the windows have lost their {' and '.join(lost)}: keep the attributes, such as "
                "by (2 * w).assign_attrs(w.attrs)"
            )


def _differences(first: xr.DataArray, part: xr.DataArray) -> list[str]:
    """In which ways `part` is not of the same make as `first`."""
    found = []
    for name in ("channel", "muscle", "side", "signal_kind"):
        here, there = (
            [str(v) for v in p[name].values] if name in p.coords else [] for p in (part, first)
        )
        if here != there:
            found.append(f"{name} {here}, expected {there}")
    if part.sizes["sample"] != first.sizes["sample"]:
        found.append(f"{part.sizes['sample']} samples, expected {first.sizes['sample']}")
    if part.attrs["units"] != first.attrs["units"]:
        found.append(f"units {part.attrs['units']!r}, expected {first.attrs['units']!r}")
    meanings = [str(p.attrs.get("label_meaning", "")) for p in (part, first)]
    if all(meanings) and meanings[0] != meanings[1]:
        found.append(
            f"label_meaning {meanings[0]!r}, expected {meanings[1]!r}: what was asked for, what "
            "was seen and what was felt are three things"
        )
    here, there = part.attrs["rate"], first.attrs["rate"]
    if abs(here - there) > SAME_RATE * there:
        found.append(f"rate {here:.4g} Hz, expected {there:.4g} Hz within 1 %")
    return found


def _distinct(parts: Sequence[xr.DataArray]) -> None:
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
                    "or training and test data could not be kept apart"
                )
