"""Follow a trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emgnb._arrays import Floats, Mask
from emgnb.live.tasks.trial import Bands, Samples, Task, Trial, checked, counted, times

# Frequencies (Hz) of the waves: slow enough to be followed by eye.
SLOW = (0.07, 0.13, 0.23)
# Range of the waves.
LOW, HIGH = 0.15, 0.65
# Grid (s), and largest delay (s) that is looked for.
GRID, LONGEST = 0.02, 1.0


@dataclass(frozen=True)
class Follow(Task):
    """Follow a trace with the value of a unit.

    The score of a trial is the share of its scored time, in %, in which the value is within
    `tolerance` of the trace. The delay is that at which value and trace correlate best.

    Parameters
    ----------
    unit : name of a value of the decoder, such as "L12"
    points : (s, level 0 to 1) of the trace, joined by lines; by default slow waves from 0.15 to
        0.65, other ones in each trial, which nobody can know in advance
    seconds : length of a trial
    tolerance : largest difference from the trace that counts as followed
    repetitions : number of trials
    rest, lead : s of rest before a trial, and s at its beginning that are not scored
    seed : of the waves

    Raises
    ------
    ValueError : points that do not ascend in time or leave 0 to 1, or an option out of range

    Examples
    --------
    >>> from emgnb.live import tasks
    >>> ramp = tasks.Follow("L12", points=((0, 0), (2, 0.5)), seconds=4, repetitions=1)
    >>> low, high = ramp.trials[0].band(1.0)["L12"]
    >>> round((low + high) / 2, 3)
    0.25
    """

    unit: str
    points: Sequence[tuple[float, float]] = ()
    seconds: float = 20.0
    tolerance: float = 0.1
    repetitions: int = 3
    rest: float = 1.5
    lead: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        at, level = np.array(self.points, dtype=float).reshape(-1, 2).T
        checked(
            "Follow",
            [
                (bool((np.diff(at) > 0).all()), "the times of `points` do not ascend"),
                (bool(((level >= 0) & (level <= 1)).all()), "`points` leave the range 0 to 1"),
                (self.lead < self.seconds, f"lead={self.lead} s, expected less than `seconds`"),
                counted(self.repetitions),
                *times(seconds=self.seconds, tolerance=self.tolerance, rest=self.rest),
            ],
        )

    @property
    def units(self) -> tuple[str, ...]:
        """The unit."""
        return (self.unit,)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """A trial for each repetition."""
        return tuple(self._trial(number) for number in range(self.repetitions))

    def measure(self, trial: Trial, samples: Samples) -> dict[str, float]:
        """Return score (%), error (RMS), and delay (s) with the correlation that it gives."""
        value = samples.values[:, 0]
        trace = (samples.low[:, 0] + samples.high[:, 0]) / 2
        delay, correlation = _delay(samples.time, value, trace, np.asarray(samples.weight > 0))
        return {
            "score": 100 * samples.mean(samples.inside[:, 0]),
            "error": float(np.sqrt(samples.mean((value - trace) ** 2))),
            "delay": delay,
            "correlation": correlation,
        }

    def _trial(self, number: int) -> Trial:
        rng = np.random.default_rng([self.seed, number])
        phases = rng.uniform(0, 2 * np.pi, len(SLOW))
        at, level = np.array(self.points, dtype=float).reshape(-1, 2).T

        def trace(seconds: float) -> float:
            if at.size:
                return float(np.interp(seconds, at, level))
            waves = np.sin(2 * np.pi * np.array(SLOW) * seconds + phases).mean()
            return float((LOW + HIGH) / 2 + (HIGH - LOW) / 2 * waves)

        def band(seconds: float) -> Bands:
            middle = trace(seconds)
            return {self.unit: (middle - self.tolerance, middle + self.tolerance)}

        return Trial("follow the trace", band, self.seconds, self.rest, self.lead)


def _delay(time: Floats, value: Floats, trace: Floats, scored: Mask) -> tuple[float, float]:
    """Return the delay in s at which value and trace correlate best, and that correlation.

    NaN if nothing was scored or one of them is constant.
    """
    if scored.sum() < 3:
        return float("nan"), float("nan")
    grid = np.arange(time[scored][0], time[scored][-1], GRID)
    values = np.interp(grid, time, value)
    best = (float("nan"), float("nan"))
    for step in range(round(LONGEST / GRID) + 1):
        # The trace is known before the scored time, so that all delays use the same values.
        earlier = np.interp(grid - step * GRID, time, trace)
        if values.std() < 1e-12 or earlier.std() < 1e-12:
            continue
        found = float(np.corrcoef(values, earlier)[0, 1])
        if not found <= best[1]:
            best = (step * GRID, found)
    return best
