"""Hold a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emgnb.live.tasks.trial import Bands, Samples, Task, Trial, checked, counted, times


@dataclass(frozen=True)
class Hold(Task):
    """Hold the value of a unit at a level.

    The score of a trial is the share of its scored time, in %, in which the value is within
    `tolerance` of the level.

    Parameters
    ----------
    unit : name of a value of the decoder, such as "L12"
    levels : 0 to 1, each held `repetitions` times, in random order
    repetitions : trials of each level
    seconds : length of a trial
    tolerance : largest difference from the level that counts as held
    rest, lead : s of rest before a trial, and s at its beginning that are not scored
    seed : of the order

    Raises
    ------
    ValueError : a level whose range is not within 0 to 1, or an option out of range

    Examples
    --------
    >>> from emgnb.live import tasks
    >>> task = tasks.Hold("L12", levels=(0.2, 0.5), repetitions=1)
    >>> sorted(trial.name for trial in task.trials)
    ['hold 20 %', 'hold 50 %']
    """

    unit: str
    levels: Sequence[float] = (0.2, 0.4, 0.6)
    repetitions: int = 2
    seconds: float = 4.0
    tolerance: float = 0.1
    rest: float = 1.5
    lead: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        low = min(self.levels, default=0.0) - self.tolerance
        high = max(self.levels, default=0.0) + self.tolerance
        checked(
            "Hold",
            [
                (bool(self.levels), "no levels, expected one or more"),
                (
                    low >= 0 and high <= 1 + 1e-9,
                    f"levels={tuple(self.levels)} ± {self.tolerance}, expected ranges within 0 "
                    "to 1: choose other levels or a smaller tolerance",
                ),
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
        """A trial for each level and repetition."""
        rng = np.random.default_rng(self.seed)
        order = [
            float(level)
            for _ in range(self.repetitions)
            for level in rng.permutation(np.asarray(self.levels, dtype=float))
        ]
        return tuple(self._trial(level) for level in order)

    def measure(self, trial: Trial, samples: Samples) -> dict[str, float]:
        """Return score (%), error (RMS), bias (mean difference) and steadiness (SD)."""
        value, level = samples.values[:, 0], trial.about["level"]
        mean = samples.mean(value)
        return {
            "score": 100 * samples.mean(samples.inside[:, 0]),
            "error": float(np.sqrt(samples.mean((value - level) ** 2))),
            "bias": mean - level,
            "spread": float(np.sqrt(samples.mean((value - mean) ** 2))),
        }

    def _trial(self, level: float) -> Trial:
        band: Bands = {self.unit: (level - self.tolerance, level + self.tolerance)}
        return Trial(
            name=f"hold {100 * level:.0f} %",
            band=lambda _: band,
            seconds=self.seconds,
            rest=self.rest,
            lead=self.lead,
            about={"level": level},
        )
