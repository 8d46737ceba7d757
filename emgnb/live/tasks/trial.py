"""Trials of a task, and the samples taken during one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from emgnb._arrays import Floats, Mask

# Range (low, high) in which the value of each unit should be.
Bands = Mapping[str, tuple[float, float]]
# How a target is selected: by staying in it, or by a key (`Run.select`).
Selection = Literal["", "dwell", "key"]
# Largest value at rest, from which a movement to a target begins.
HOME = 0.1


@dataclass(frozen=True)
class Trial:
    """One target of a task.

    Attributes
    ----------
    name : what is asked, in words
    band : function of the time since the trial began, in s; the range for each value
    seconds : length; a target that is not selected within it is missed
    rest : s of rest before it
    lead : s at its beginning, and after a gap, that are not scored: time to react
    selection : how the target is selected; "" if the trial lasts `seconds`
    dwell : s in the target that select it
    marker : text of the marker at its beginning; "" for none
    about : the target in numbers, for the table of trials
    """

    name: str
    band: Callable[[float], Bands]
    seconds: float
    rest: float
    lead: float = 0.0
    selection: Selection = ""
    dwell: float = 0.0
    marker: str = ""
    about: Mapping[str, float] = field(default_factory=dict)


class Samples(NamedTuple):
    """What was measured in one trial, gaps left out.

    Attributes
    ----------
    time : (n,) s since the trial began
    weight : (n,) s for which each sample stands; 0 for those that are not scored
    values, low, high : (n, unit), and the range in which they should be
    selected : whether the target was selected before the time was over
    """

    time: Floats
    weight: Floats
    values: Floats
    low: Floats
    high: Floats
    selected: bool

    @property
    def inside(self) -> Mask:
        """(n, unit) whether each value is in its range."""
        return np.asarray((self.values >= self.low) & (self.values <= self.high))

    def mean(self, x: Floats | Mask) -> float:
        """Return the mean over the scored time; NaN if nothing was scored."""
        total = self.weight.sum()
        return float((self.weight * x).sum() / total) if total > 0 else float("nan")


class Task(ABC):
    """A closed-loop task: units to control, trials, and how a trial is measured."""

    @property
    @abstractmethod
    def units(self) -> tuple[str, ...]:
        """Names of the values that are controlled."""

    @property
    @abstractmethod
    def trials(self) -> tuple[Trial, ...]:
        """All trials, in order."""

    @abstractmethod
    def measure(self, trial: Trial, samples: Samples) -> dict[str, float]:
        """Return what a trial gave, with its "score" from 0 to 100."""


def checked(task: str, faults: Iterable[tuple[bool, str]]) -> None:
    """Raise one ValueError with all faults of a task's options.

    Parameters
    ----------
    faults : (is it right, what was found and expected)
    """
    wrong = [text for right, text in faults if not right]
    if wrong:
        raise ValueError(f"{task}: {'; '.join(wrong)}")


def times(**seconds: float) -> list[tuple[bool, str]]:
    """Return the checks of options that are times in s, above 0."""
    return [(value > 0, f"{name}={value!r}, expected s above 0") for name, value in seconds.items()]


def counted(repetitions: int) -> tuple[bool, str]:
    """Return the check of a number of repetitions."""
    return repetitions >= 1, f"repetitions={repetitions!r}, expected 1 or more"
