"""Warn if a signal is filtered twice by the same kind of step."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import xarray as xr

from emgnb import recording
from emgnb.filters.step import Step

# Steps with the same effect on a signal.
FAMILIES = (
    ("HighPass", "BandPass", "FirBandPass"),
    ("Notch", "MainsFit", "MainsTracker", "MainsInterpolation"),
)


def warn_if_repeated(steps: Sequence[Step], x: xr.DataArray) -> None:
    """Warn if the history of `x` contains a step with the same effect as one of `steps`."""
    done = [
        step
        for line in recording.history(x)
        if line["step"] == "filter"
        for step in line.get("chain", [])
        if isinstance(step, dict)
    ]
    before = {_family(str(step.get("step"))): step for step in done}
    twice = [(before[_family(name)], name) for name in _names(steps) if _family(name) in before]
    if twice:
        listed = "; ".join(f"{name} after {_written(step)}" for step, name in twice)
        warnings.warn(
            f"this signal was filtered before ({listed}), according to its history. "
            "Filter the recording itself, or leave the step out",
            stacklevel=4,
        )


def _names(steps: Sequence[Step]) -> list[str]:
    return [type(step).__name__ for step in steps]


def _family(name: str) -> str:
    return next((family[0] for family in FAMILIES if name in family), name)


def _written(step: dict[str, Any]) -> str:
    options = ", ".join(f"{key}={value!r}" for key, value in step.items() if key != "step")
    return f"{step['step']}({options})"
