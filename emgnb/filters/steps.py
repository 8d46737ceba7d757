"""All steps by name, and how a step is written down and read again."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from emgnb.filters.base import Step
from emgnb.filters.events import Blink, Heartbeat
from emgnb.filters.fir import FirBandPass
from emgnb.filters.level import Baseline, Envelope, Normalise, Rectify
from emgnb.filters.linear import BandPass, Detrend, HighPass, LowPass, Notch
from emgnb.filters.mains import MainsFit, MainsInterpolation, MainsTracker
from emgnb.filters.motion import MotionArtefact

STEPS: dict[str, type[Step]] = {
    step.__name__: step
    for step in (
        Detrend,
        HighPass,
        LowPass,
        BandPass,
        FirBandPass,
        Notch,
        MainsFit,
        MainsTracker,
        MainsInterpolation,
        MotionArtefact,
        Heartbeat,
        Blink,
        Rectify,
        Envelope,
        Baseline,
        Normalise,
    )
}


def to_dict(step: Step) -> dict[str, Any]:
    """Turn a step into a dict that JSON takes."""
    options = {field.name: getattr(step, field.name) for field in fields(step)}
    return {"step": type(step).__name__, **options}


def from_dict(found: dict[str, Any]) -> Step:
    """Turn what `to_dict` gave into the step again.

    Raises
    ------
    ValueError : the step's name or one of its options is unknown
    """
    options = dict(found)
    name = options.pop("step", None)
    if name not in STEPS:
        raise ValueError(f"no filter step {name!r}: known are {', '.join(STEPS)}")
    known = [field.name for field in fields(STEPS[name])]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"{name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    return STEPS[name](**options)
