"""List all steps by name, and convert steps to and from dicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from emgnb.filters.artefacts import Blink, Heartbeat
from emgnb.filters.envelope import Baseline, Envelope, Normalise, Rectify
from emgnb.filters.fir import FirBandPass
from emgnb.filters.linear import BandPass, Detrend, HighPass, LowPass, Notch
from emgnb.filters.mains import MainsInterpolation, MainsTracker
from emgnb.filters.mains_fit import MainsFit
from emgnb.filters.motion import MotionArtefact
from emgnb.filters.step import Step

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
    """Convert a step to a dict for JSON."""
    options = {field.name: getattr(step, field.name) for field in fields(step)}
    return {"step": type(step).__name__, **options}


def from_dict(found: dict[str, Any]) -> Step:
    """Convert a dict from `to_dict` to a step.

    Raises
    ------
    ValueError : the name of the step or of an option is unknown
    """
    options = dict(found)
    name = options.pop("step", None)
    if name not in STEPS:
        raise ValueError(f"no filter step {name!r}; expected one of {', '.join(STEPS)}")
    known = [field.name for field in fields(STEPS[name])]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"{name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    return STEPS[name](**options)


def settings(chain: Sequence[Any]) -> list[Any]:
    """Return the steps of a chain, as stored in a history, without values they measured.

    Two recordings went through the same chain if these are equal. Values such as the resting level
    of `Baseline` differ between recordings.
    """
    return [
        {name: v for name, v in step.items() if name not in _learned(step)}
        if isinstance(step, dict)
        else step
        for step in chain
    ]


def _learned(step: dict[str, Any]) -> tuple[str, ...]:
    kind = STEPS.get(str(step.get("step")))
    return () if kind is None else kind.learned
