"""Steps run over samples that lie before them all at once: a whole recording, or a part of one.

Nothing here knows labels. `over` runs the steps in order, neighbouring linear filters as one
cascade; `stages` gives that order for running live and for drawing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emgnb.filters import engine
from emgnb.filters.base import Array, Fir, Mask, Place, Step


@dataclass(frozen=True)
class Ran:
    """What came out: values with NaN where lost, times disturbed by that, steps as measured."""

    values: Array
    disturbed: Mask
    steps: tuple[Step, ...]


def over(
    steps: Sequence[Step],
    values: Array,
    place: Place,
    *,
    invalid: Mask | None = None,
    dead: Mask | None = None,
    before: engine.Neighbours = (),
    after: engine.Neighbours = (),
) -> Ran:
    """Run steps over (time, channel), zero-phase; `values` is used up.

    Parameters
    ----------
    values : with each channel's samples side by side, along which filters run
    place : where in the recording they lie
    invalid : samples on which nothing may be measured, though they are there
    dead : of a part, channels without a sample in the whole recording
    before, after : see `engine.bridge`
    """
    missing: Mask = ~np.isfinite(values)
    values = engine.bridge(values, missing, before, after)
    unseen = missing if invalid is None else missing | invalid
    dead = np.asarray(missing.all(axis=0)) if dead is None else dead
    disturbed = _gaps(missing, dead)
    pending: list[Array] = []
    fitted: list[Step] = []

    def through(filtering: Array | Fir) -> None:
        nonlocal disturbed
        engine.both_ways(filtering, values)
        if disturbed.any():
            disturbed = engine.reach(disturbed, filtering, zero_phase=True)

    def flush() -> None:
        if pending:
            through(np.concatenate(pending))
            pending.clear()

    for step in steps:
        if step.needs_whole:
            flush()
            values, step = step.over_whole(values, unseen, place)
        elif step.local:
            flush()
            values, found = step.over_stretch(values, missing, place)
            if found is not missing:
                disturbed |= _gaps(found & ~missing, dead)
                unseen = unseen | found
                missing = found
                values = engine.bridge(values, missing, before, after)
        else:
            for operation in step.operations(place.rate):
                if callable(operation):
                    flush()
                    values = operation(values)
                elif isinstance(operation, Fir):
                    flush()
                    through(operation)
                else:
                    pending.append(operation)
        fitted.append(step)
    flush()
    values[missing] = np.nan
    return Ran(values, disturbed, tuple(fitted))


def stages(steps: Sequence[Step], rate: float) -> list[engine.Stage]:
    """Operations in order, neighbouring sections joined into one cascade."""
    found: list[engine.Stage] = []
    for step in steps:
        for operation in step.operations(rate):
            last = found[-1] if found else None
            if isinstance(operation, np.ndarray) and isinstance(last, np.ndarray):
                found[-1] = np.concatenate([last, operation])
            else:
                found.append(operation)
    return found


def slowest(steps: Sequence[Step], rate: float) -> float:
    """Longest decay time of the steps' filters, in samples."""
    return max((engine.decay(s) for s in stages(steps, rate) if not callable(s)), default=0.0)


def overlap(steps: Sequence[Step], rate: float) -> int:
    """Samples on either side beyond which the recording makes no difference to a sample."""
    filters = [engine.decay(s) for s in stages(steps, rate) if not callable(s)]
    return sum(math.ceil(engine.FORGOTTEN * tau) for tau in filters) + sum(
        step.context(rate) for step in steps
    )


def spread(steps: Sequence[Step], lost: Mask, rate: float) -> Mask:
    """Samples of the causal output that are disturbed by those `lost`, (time, channel) each."""
    mask = _gaps(lost, np.asarray(lost.all(axis=0)))
    if mask.any():
        for stage in stages(steps, rate):
            if not callable(stage):
                mask = engine.reach(mask, stage, zero_phase=False)
    return mask


def _gaps(missing: Mask, dead: Mask) -> Mask:
    """Times at which a channel is lost; a channel without any sample is no gap."""
    return np.asarray(missing[:, ~dead].any(axis=1))
