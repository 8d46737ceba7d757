"""What the face is asked to do: cues and moves in time.

An `Act` with a cue is an instruction: a marker says it, and the person follows in his own way,
after his reaction time, now and then badly. An `Act` without a cue is exact: the face moves at
that moment, so long and so strongly, and no marker tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emgnb import facs
from emgnb.simulate.people import generator

# Seven instructed expressions, neutral among them: what most studies ask for.
SEVEN = ("neutral", "smile", "frown", "surprise", "disgust", "pucker", "sad")
# Words that let the face go.
RESTING = ("rest", "neutral", "relax", "end", "stop", "pause")


@dataclass(frozen=True)
class Act:
    """One expression in the script.

    Parameters
    ----------
    time : s since the start: of the cue, or without a cue of the EMG's onset
    expression : a name in `facs.EXPRESSIONS`
    duration : s, from `time` to the cue to rest, or without a cue from onset to offset
    intensity : fraction of MVC of its strongest unit, or a letter A to E; None for an ordinary pose
    cue : a marker says it and the person reacts; False: the face moves exactly so
    """

    time: float
    expression: str
    duration: float
    intensity: float | str | None = None
    cue: bool = False

    @property
    def fraction(self) -> float | None:
        """Fraction of MVC asked for; None for an ordinary pose."""
        if isinstance(self.intensity, str):
            return facs.intensity_fraction(self.intensity)
        return self.intensity


def protocol(
    expressions: Sequence[str] = SEVEN,
    *,
    repetitions: int = 4,
    hold: float = 2.0,
    rest: float = 1.75,
    start: float = 2.0,
    seed: int = 0,
) -> list[Act]:
    """Write a cued protocol: every expression once per round, in an order drawn for each round.

    Parameters
    ----------
    expressions : names in `facs.EXPRESSIONS`
    repetitions : rounds
    hold, rest, start : s from cue to rest cue, from there to the next cue, before the first cue
    seed : of the order
    """
    rng = generator(seed, 4)
    order = [name for _ in range(repetitions) for name in rng.permutation(list(expressions))]
    return [
        Act(start + i * (hold + rest), str(name), hold, cue=True) for i, name in enumerate(order)
    ]


def micro_expressions(
    n: int = 20,
    *,
    durations: Sequence[float] = (0.04, 0.1, 0.2, 0.5),
    expressions: Sequence[str] = ("smile", "frown", "disgust", "surprise"),
    intensity: float | str = 0.08,
    gap: float = 1.5,
    start: float = 2.0,
    seed: int = 0,
) -> list[Act]:
    """Write a script of micro-expressions: brief, weak, uncued, at moments nobody announces.

    Durations take turns, so that all are equally frequent. 8 % of MVC is what the one EMG
    micro-expression corpus measured (arXiv:2409.00017: 7-9 %).

    Parameters
    ----------
    n : how many
    durations : s from onset to offset
    expressions : names in `facs.EXPRESSIONS`
    intensity : fraction of MVC or letter A to E
    gap : s, least time between one offset and the next onset; on average 1.5 times that
    start : s before the first
    seed : of moments, expressions and the order of durations
    """
    rng = generator(seed, 5)
    lasting = rng.permutation(np.resize(np.asarray(durations, dtype=np.float64), n))
    acts: list[Act] = []
    time = start
    for duration in lasting:
        time += gap * rng.uniform(0.0, 1.0)
        name = expressions[int(rng.integers(len(expressions)))]
        acts.append(Act(round(time, 4), name, float(duration), intensity))
        time += float(duration) + gap
    return acts


def as_script(script: Iterable[Act | tuple[Any, ...]]) -> list[Act]:
    """Take acts, or tuples (time, expression, duration[, intensity]), in order of time.

    Raises
    ------
    ValueError : all that is wrong with the script, in one message
    """
    acts: list[Act] = []
    faults: list[str] = []
    for i, item in enumerate(script):
        if not isinstance(item, Act) and not 3 <= len(item) <= 4:
            faults.append(f"act {i}: {item!r} is not (time, expression, duration[, intensity])")
            continue
        act = item if isinstance(item, Act) else Act(*item)
        acts.append(act)
        where = f"act {i} ({act.expression!r} at {act.time} s)"
        if act.expression not in facs.EXPRESSIONS:
            faults.append(f"{where}: no such expression, known are {', '.join(facs.EXPRESSIONS)}")
        if act.time < 0:
            faults.append(f"{where}: begins before the recording")
        if not act.duration > 0:
            faults.append(f"{where}: lasts {act.duration} s, expected more than 0")
        if isinstance(act.intensity, str):
            if act.intensity not in facs.INTENSITIES:
                faults.append(f"{where}: intensity {act.intensity!r} is none of A to E")
        elif act.intensity is not None and not 0 < act.intensity <= 1:
            faults.append(f"{where}: intensity {act.intensity} is not a fraction of MVC (0 to 1)")
    if faults:
        raise ValueError("the script has faults:\n" + "\n".join(faults))
    return sorted(acts, key=lambda act: act.time)
