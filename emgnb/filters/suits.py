"""Whether a chain suits a signal: its kinds, its rate, its offset; all reasons at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.filters.base import Step

# Rows looked at in one go, so that a recording on disk never lies in memory as a whole.
ROWS = 1 << 19


def suits(steps: Sequence[Step], x: xr.DataArray) -> tuple[float, list[str]]:
    """Rate of `x` and the kinds after the chain; ValueError with every reason why not."""
    recording.need_signal(x, dims=("time",))
    if "signal_kind" not in x.coords:
        raise ValueError(
            "the signal does not say what its channels are: make it with recording.signal("
            "..., signal_kind='raw' | 'rectified' | 'envelope')"
        )
    kinds = [str(kind) for kind in np.atleast_1d(x["signal_kind"].values)]
    names = list(names_of(x))
    reasons, after = kind_reasons(steps, kinds, names)
    reasons += [said for step in steps if (said := step.refuses_names(names))]
    try:
        rate = recording.sampling_rate(x)
        reasons += rate_reasons(steps, rate)
    except ValueError as error:
        reasons.append(str(error))
        rate = recording.measured_rate(x)
        reasons += [f"Even at {rate:.4g} Hz, {said}" for said in rate_reasons(steps, rate)]
    if not reasons:
        reasons = _offset_reasons(steps, x, kinds, names)
    if reasons:
        raise ValueError(told(reasons))
    return rate, after


def rate_reasons(steps: Sequence[Step], rate: float) -> list[str]:
    """Why the steps cannot work at `rate` Hz."""
    found = ((type(step).__name__, step.refuses_rate(rate)) for step in steps)
    return [f"{name}: {reason}" for name, reason in found if reason]


def kind_reasons(
    steps: Sequence[Step], kinds: Sequence[str], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Why channels of these kinds must not be filtered so, and the kinds that come out."""
    now = list(kinds)
    refused: dict[str, list[str]] = {}
    for step in steps:
        for i, kind in enumerate(now):
            reason = step.refuses_kind(kind)
            if reason:
                refused.setdefault(reason, []).append(names[i])
            else:
                now[i] = step.kind_after(kind)
    reasons = [f"{reason} Channels: {', '.join(who)}." for reason, who in refused.items()]
    return reasons, now


def live_reasons(steps: Sequence[Step]) -> list[str]:
    """Why the steps cannot run sample by sample."""
    return [reason for step in steps if (reason := step.refuses_live())]


def _offset_reasons(
    steps: Sequence[Step], x: xr.DataArray, kinds: Sequence[str], names: Sequence[str]
) -> list[str]:
    """Why the raw channels cannot be rectified: they do not swing about zero."""
    first = next((i for i, step in enumerate(steps) if not step.linear), None)
    if first is None or any(step.removes_offset for step in steps[:first]):
        return []
    reasons = []
    means, spreads = _moments(x)
    for i, name in enumerate(names):
        if kinds[i] == "raw" and abs(means[i]) > spreads[i]:
            reasons.append(
                f"{type(steps[first]).__name__} on raw channel {name}: it lies at "
                f"{means[i]:.4g} {x.attrs.get('units', '')} and moves by {spreads[i]:.3g} "
                "only, so its absolute value is its offset; put HighPass(20) before it."
            )
    return reasons


def _moments(x: xr.DataArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each channel's finite samples; NaN where there are none."""
    bounds = list(recording.bounds(x.sizes["time"], ROWS))
    counts, means, squares = map(np.array, zip(*recording.over_rows(_sums, x, bounds), strict=True))
    total = counts.sum(axis=0, dtype=np.float64)
    total[total == 0] = np.nan
    mean = (counts * means).sum(axis=0) / total
    square = (squares + counts * np.square(means - mean)).sum(axis=0) / total
    return mean, np.sqrt(square)


def _sums(rows: xr.DataArray, first: int) -> tuple[npt.NDArray[Any], ...]:
    """Count, mean, and sum of squares about it of each channel's finite samples."""
    found = table(rows)
    seen = np.isfinite(found)
    count = seen.sum(axis=0)
    values = np.where(seen, found, 0.0)
    mean = values.sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    return count, mean, (np.square(values - mean) * seen).sum(axis=0)


def table(x: xr.DataArray | xr.Variable) -> npt.NDArray[Any]:
    """Values as (time, channel), whatever the order of the dims, or one channel without a dim."""
    values = x.transpose("time", ...).values
    return values[:, np.newaxis] if values.ndim == 1 else values


def start_of(x: xr.DataArray) -> float:
    """Time of the first sample in s, from the index where it knows: no array is made for it."""
    index = x.xindexes["time"]
    if isinstance(index, recording.TimeIndex):
        return float(index.start)
    return float(x["time"].values[0])


def names_of(x: xr.DataArray) -> tuple[str, ...]:
    """Names of the channels."""
    return tuple(str(name) for name in np.atleast_1d(x["channel"].values))


def told(reasons: Sequence[str]) -> str:
    """One message of all reasons."""
    if len(reasons) == 1:
        return reasons[0]
    return f"{len(reasons)} reasons:\n" + "\n".join(f"- {reason}" for reason in reasons)
