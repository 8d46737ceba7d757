"""Check whether a chain suits a signal: its kinds, rate, length and offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.filters import _cascade, _run
from emgnb.filters._reading import names_of, table
from emgnb.filters.step import Step

# Rows read at a time, so that a stored recording is never loaded as a whole.
ROWS = 1 << 19


def suits(steps: Sequence[Step], x: xr.DataArray) -> tuple[float, list[str]]:
    """Return the rate of `x` and the kinds after the chain.

    Raises
    ------
    ValueError : the chain does not suit the signal; contains all reasons
    """
    recording.need_signal(x, dims=("time",))
    if "signal_kind" not in x.coords:
        raise ValueError(
            "the signal has no coordinate `signal_kind`: create it with recording.signal("
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
    """Return why the steps cannot work at `rate` Hz."""
    found = ((type(step).__name__, step.refuses_rate(rate)) for step in steps)
    return [f"{name}: {reason}" for name, reason in found if reason]


def kind_reasons(
    steps: Sequence[Step], kinds: Sequence[str], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return why the steps do not suit channels of these kinds, and the resulting kinds."""
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


def refusals(steps: Sequence[Step], x: xr.DataArray) -> dict[int, str]:
    """Return why steps do not suit a signal, by their position in the chain."""
    names, rate = list(names_of(x)), recording.measured_rate(x)
    kinds = [str(kind) for kind in np.atleast_1d(x["signal_kind"].values)]
    found: dict[int, list[str]] = {}
    now = kinds
    for i, step in enumerate(steps):
        reasons, now = kind_reasons([step], now, names)
        reasons += rate_reasons([step], rate)
        reasons += [said] if (said := step.refuses_names(names)) else []
        found[i] = reasons
    first = next((i for i, step in enumerate(steps) if not step.linear), None)
    if first is not None and not any(found.values()):
        found[first] = _offset_reasons(steps, x, kinds, names)
    return {i: " ".join(reasons) for i, reasons in found.items() if reasons}


def need_rate(steps: Sequence[Step], rate: float) -> None:
    """Raise ValueError unless all steps work at `rate` Hz."""
    reasons = rate_reasons(steps, rate)
    if reasons:
        raise ValueError(told(reasons))


def need_some_kind(steps: Sequence[Step]) -> None:
    """Raise ValueError unless the steps suit at least one kind of signal."""
    tries = [kind_reasons(steps, [kind], [f"all, if {kind}"])[0] for kind in recording.KINDS]
    if all(tries):
        raise ValueError(told(tries[0]))


def need_length(steps: Sequence[Step], n: int, rate: float) -> None:
    """Raise ValueError unless `n` samples are enough for all steps."""
    shortest = _cascade.SHORTEST * _run.slowest(steps, rate)
    if n <= shortest:
        raise ValueError(
            f"the recording has {n} samples ({n / rate:.3g} s), too short for this chain: it "
            f"needs more than {shortest / rate:.3g} s, {_cascade.SHORTEST:g} decay times of "
            "its slowest filter. Use a longer recording, a lower order, or a wider filter "
            "(higher cutoff, lower q)."
        )
    short = [step for step in steps if n < step.least(rate)]
    if short:
        raise ValueError(
            f"the recording has {n} samples ({n / rate:.3g} s), too short for {short[0]!r}: it "
            f"needs {short[0].least(rate) / rate:.3g} s or more."
        )


def need_parts(steps: Sequence[Step]) -> None:
    """Raise ValueError unless the steps can filter a recording part by part."""
    whole = [type(step).__name__ for step in steps if step.needs_whole]
    if whole:
        raise ValueError(
            f"{', '.join(whole)} must process the whole recording at once. Measure levels on "
            "a part with rest and contraction, chain.fit(x.isel(time=slice(600_000))), and use the "
            "fitted chain. For other steps, use recordings that fit in memory, chain(x.compute())."
        )


def need_live(steps: Sequence[Step]) -> None:
    """Raise ValueError unless all steps can run sample by sample."""
    reasons = [reason for step in steps if (reason := step.refuses_live())]
    if reasons:
        raise ValueError(told(reasons))


def _offset_reasons(
    steps: Sequence[Step], x: xr.DataArray, kinds: Sequence[str], names: Sequence[str]
) -> list[str]:
    """Return which raw channels cannot be rectified because of their offset."""
    first = next((i for i, step in enumerate(steps) if not step.linear), None)
    if first is None or any(step.removes_offset for step in steps[:first]):
        return []
    reasons = []
    means, spreads = _moments(x)
    for i, name in enumerate(names):
        if kinds[i] == "raw" and abs(means[i]) > spreads[i]:
            reasons.append(
                f"{type(steps[first]).__name__} on raw channel {name}: its mean is "
                f"{means[i]:.4g} {x.attrs.get('units', '')} and its SD "
                f"only {spreads[i]:.3g}, so rectification would return the offset. Put "
                "HighPass(20) before it."
            )
    return reasons


def _moments(x: xr.DataArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of the finite samples of each channel, or NaN."""
    bounds = list(recording.bounds(x.sizes["time"], ROWS))
    counts, means, squares = map(np.array, zip(*recording.over_rows(_sums, x, bounds), strict=True))
    total = counts.sum(axis=0, dtype=np.float64)
    total[total == 0] = np.nan
    mean = (counts * means).sum(axis=0) / total
    square = (squares + counts * np.square(means - mean)).sum(axis=0) / total
    return mean, np.sqrt(square)


def _sums(rows: xr.DataArray, first: int) -> tuple[npt.NDArray[Any], ...]:
    """Return count, mean and sum of squared deviations of the finite samples of each channel."""
    found = table(rows)
    seen = np.isfinite(found)
    count = seen.sum(axis=0)
    values = np.where(seen, found, 0.0)
    mean = values.sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    return count, mean, (np.square(values - mean) * seen).sum(axis=0)


def told(reasons: Sequence[str]) -> str:
    """Join reasons into one message."""
    if len(reasons) == 1:
        return reasons[0]
    return f"{len(reasons)} reasons:\n" + "\n".join(f"- {reason}" for reason in reasons)
