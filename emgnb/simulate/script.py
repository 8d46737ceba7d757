"""Script the simulated face: cues and movements in time.

An `Act` with a cue is an instruction: a marker is set, and the person responds with individual
reaction time, variation and occasional errors. An `Act` without a cue is exact: the face moves with
the given time, duration and strength, and no marker is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emgnb import facs
from emgnb._arrays import Floats
from emgnb.simulate._anatomy import compatible
from emgnb.simulate.people import generator

# Seven instructed expressions, including neutral, as in most studies.
SEVEN = ("neutral", "smile", "frown", "surprise", "disgust", "pucker", "sad")


@dataclass(frozen=True)
class Act:
    """Movement in a script: an expression, or any action units.

    Parameters
    ----------
    time : s since the start, of the cue; without a cue, of the EMG onset
    expression : name in `facs.EXPRESSIONS`
    duration : s, from `time` to the marker "end"; without a cue, from onset to offset
    intensity : fraction of MVC of its strongest unit, or a letter A to E; None for an ordinary pose
    cue : True sets a marker to which the person reacts; False moves the face exactly as given
    units : action unit → fraction of MVC, instead of those of an expression; `expression` is then
        only the label of the movement. For acts without a cue
    rise, fall : s, from onset to apex, and from the release to the offset; None for those of the
        person, at most a quarter of `duration`. For acts without a cue
    """

    time: float
    expression: str
    duration: float
    intensity: float | str | None = None
    cue: bool = False
    units: Mapping[str, float] | None = None
    rise: float | None = None
    fall: float | None = None

    @property
    def fraction(self) -> float | None:
        """Fraction of MVC; None for an ordinary pose."""
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
    """Return a cued script with every expression once per round, in random order.

    Parameters
    ----------
    expressions : names in `facs.EXPRESSIONS`
    repetitions : number of rounds
    hold, rest, start : s from cue to "end", from "end" to the next cue, and before the first cue
    seed : seed of the order

    Examples
    --------
    >>> from emgnb import simulate
    >>> script = simulate.protocol(("smile", "frown"), repetitions=1, seed=1)
    >>> [(act.time, act.expression) for act in script]
    [(2.0, 'frown'), (5.75, 'smile')]
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
    """Return a script of micro-expressions: brief, weak and uncued, at random times.

    All durations are equally frequent. The default intensity of 8 % of MVC is that of the one EMG
    micro-expression corpus (arXiv:2409.00017: 7-9 %).

    Parameters
    ----------
    n : number of micro-expressions
    durations : s from onset to offset
    expressions : names in `facs.EXPRESSIONS`
    intensity : fraction of MVC or letter A to E
    gap : s, minimum time between an offset and the next onset; the mean is 1.5 times as long
    start : s before the first
    seed : seed of times, expressions and the order of durations

    Examples
    --------
    >>> from emgnb import simulate
    >>> script = simulate.micro_expressions(4, durations=(0.1, 0.2), seed=1)
    >>> sorted(act.duration for act in script)
    [0.1, 0.1, 0.2, 0.2]
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


# Units that form speech sounds, with the lips, chin and jaw.
_SPEECH = ("10", "12", "15", "16", "17", "18", "20", "22", "24", "25", "26")
_CHEWING = ("18", "24", "17", "12")


def speech(start: float, stop: float, *, intensity: float = 0.06, seed: int = 0) -> list[Act]:
    """Return the movements of the lower face during speech: phrases of 3 to 6 syllables a second.

    A coarse model: each syllable moves one to three random units of lips, chin and jaw for 80 to
    250 ms; phrases last 1 to 4 s, pauses 0.4 to 1.5 s. It has no language.

    Parameters
    ----------
    start, stop : s
    intensity : fraction of MVC, median over syllables
    seed : of the syllables

    Examples
    --------
    >>> from emgnb import simulate
    >>> movements = simulate.speech(1.0, 3.0, seed=1)
    >>> all(1.0 <= act.time < 3.0 for act in movements)
    True
    """
    rng = generator(seed, 7)
    acts: list[Act] = []
    time = start
    while time < stop:
        end, rate = min(time + rng.uniform(1.0, 4.0), stop), rng.uniform(3.0, 6.0)
        while time < end:
            units = compatible(rng.permutation(_SPEECH).tolist(), (), most=int(rng.integers(1, 4)))
            effort = intensity * np.exp(0.5 * rng.standard_normal(len(units)))
            acts.append(_moved(time, "speech", rng.uniform(0.08, 0.25), units, effort))
            time += rng.uniform(0.7, 1.3) / rate
        time += rng.uniform(0.4, 1.5)
    return acts


def chewing(start: float, stop: float, *, intensity: float = 0.2, seed: int = 0) -> list[Act]:
    """Return chewing: jaw closers at 1.2 to 1.8 cycles a second, with weak movements of the lips.

    Parameters
    ----------
    start, stop : s
    intensity : fraction of MVC of the jaw closers, median over cycles
    seed : of the cycles

    Examples
    --------
    >>> from emgnb import simulate
    >>> len(simulate.chewing(0.0, 5.0, seed=1)) > 0
    True
    """
    rng = generator(seed, 8)
    period = 1.0 / rng.uniform(1.2, 1.8)
    acts: list[Act] = []
    time = start
    while time < stop:
        effort = intensity * np.exp(0.2 * rng.standard_normal(2)) * (1.0, 0.15)
        units = ["31", str(rng.choice(_CHEWING))]
        acts.append(_moved(time, "chewing", period * rng.uniform(0.4, 0.6), units, effort))
        time += period * rng.uniform(0.9, 1.1)
    return acts


def _moved(time: float, label: str, duration: float, units: Sequence[str], effort: Floats) -> Act:
    strength = {unit: float(min(each, 1.0)) for unit, each in zip(units, effort, strict=True)}
    return Act(round(time, 4), label, float(duration), units=strength)


def as_script(script: Iterable[Act | tuple[Any, ...]]) -> list[Act]:
    """Convert acts, or tuples (time, expression, duration[, intensity]), to acts sorted by time.

    Raises
    ------
    ValueError : the script is invalid; the message lists all faults
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
        faults += [f"{where}: {fault}" for fault in _content_faults(act) + _time_faults(act)]
        if act.time < 0:
            faults.append(f"{where}: begins before the recording")
        if not act.duration > 0:
            faults.append(f"{where}: lasts {act.duration} s, expected more than 0")
        if isinstance(act.intensity, str):
            if act.intensity not in facs.INTENSITIES:
                faults.append(f"{where}: intensity {act.intensity!r} is not one of A to E")
        elif act.intensity is not None and not 0 < act.intensity <= 1:
            faults.append(f"{where}: intensity {act.intensity} is not a fraction of MVC (0 to 1)")
    if faults:
        raise ValueError("the script has faults:\n" + "\n".join(faults))
    return sorted(acts, key=lambda act: act.time)


def _content_faults(act: Act) -> list[str]:
    if act.units is None:
        known = act.expression in facs.EXPRESSIONS
        wanted = f"expected one of {', '.join(facs.EXPRESSIONS)}, or units={{unit: fraction}}"
        return [] if known else [f"unknown expression; {wanted}"]
    faults = ["a person is cued by an expression, not by units"] if act.cue else []
    odd = [unit for unit in act.units if unit.lstrip("LR") not in facs.AUS]
    faults += [f"unknown action units: {', '.join(odd)}"] if odd else []
    far = [unit for unit, effort in act.units.items() if not 0 < effort <= 1]
    return faults + ([f"fraction of MVC not in 0 to 1: {', '.join(far)}"] if far else [])


def _time_faults(act: Act) -> list[str]:
    given = {n: each for n, each in (("rise", act.rise), ("fall", act.fall)) if each is not None}
    faults = [
        f"{name}={each:g} s, expected above 0" for name, each in given.items() if not each > 0
    ]
    if given and act.cue:
        faults.append("rise and fall of a cued act are those of the person")
    if not faults and sum(given.values()) > act.duration:
        faults.append(f"rise and fall take longer than its {act.duration:g} s")
    return faults
