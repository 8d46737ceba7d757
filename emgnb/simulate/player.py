"""Simulate a person who performs a task: sees a target and a value, and moves muscles.

The person reacts after a visual delay, with noise in proportion to the effort (Harris & Wolpert
1998, doi:10.1038/29528), and corrects what they see. They know roughly which effort gives which
value, and may learn it better. Aimed movements have the minimum-jerk profile (Flash & Hogan 1985,
doi:10.1523/JNEUROSCI.05-07-01688.1985) and last as Fitts's law says.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# Time constant (s) of the motor noise, and shortest movement (s).
STEADY, SHORTEST = 0.15, 0.1
# Standard deviations of the endpoints that a target is wide, so that 96 % hit it.
HITS = 4.133
# Time (s) in the target after which it is selected by somebody without `throughput`.
SURE = 0.3


class _Sight(NamedTuple):
    """What there was to see at a time, and what the person meant to see."""

    seconds: float
    target: Mapping[str, tuple[float, float]]
    values: Mapping[str, float]
    meant: Mapping[str, float]


@dataclass
class _Movement:
    """An aimed movement from one effort to another, by minimum jerk."""

    begin: float
    end: float
    start: float
    to: float

    def at(self, seconds: float) -> float:
        part = min(max((seconds - self.begin) / (self.end - self.begin), 0.0), 1.0)
        return self.start + (self.to - self.start) * part**3 * (10 - 15 * part + 6 * part**2)


@dataclass
class _Muscle:
    """Effort of one unit, and what the person knows about it."""

    gain: float
    effort: float = 0.0
    meant: float = 0.0
    correction: float = 0.0
    noise: float = 0.0
    movement: _Movement | None = None
    asked: tuple[float, float] | None = field(default=None)


class Player:
    """A simulated person who reacts to a target and to the value decoded from their muscles.

    Parameters
    ----------
    delay : s until what is seen changes the effort; people take about 0.25
    noise : SD of the effort relative to the effort; 0.05 is usual for held contractions
    rise : time constant of a muscle in s
    misjudges : relative error of the effort before it is corrected; -0.3 is 30 % too weak
    corrects : share of a seen error that is corrected per s
    learns : share of the misjudgement that is unlearnt per s of seeing it; 0 for none
    throughput : bits/s of aimed movements, from the appearance of a target to its selection. Their
        endpoints spread so that 96 % hit. None: targets are approached as levels are
    seed : of the noise

    Attributes
    ----------
    pressed : whether the key that selects a target was pressed by the last `act`

    Raises
    ------
    ValueError : a negative option, a `throughput` that is not positive, or `misjudges` of -1 or
        less

    Examples
    --------
    >>> from emgnb import simulate
    >>> person = simulate.Player(delay=0.1, noise=0.0, rise=0.0)
    >>> for step in range(20):
    ...     effort = person.act(0.02 * step, {"L12": (0.3, 0.5)}, {})
    >>> round(effort["L12"], 2)
    0.4
    """

    def __init__(
        self,
        *,
        delay: float = 0.25,
        noise: float = 0.05,
        rise: float = 0.08,
        misjudges: float = 0.0,
        corrects: float = 0.8,
        learns: float = 0.0,
        throughput: float | None = None,
        seed: int = 0,
    ) -> None:
        options = {"delay": delay, "noise": noise, "rise": rise, "corrects": corrects}
        faults = [
            f"{name}={value!r}, expected 0 or more"
            for name, value in {**options, "learns": learns}.items()
            if not value >= 0
        ]
        if throughput is not None and not throughput > 0:
            faults.append(f"throughput={throughput!r}, expected bits/s above 0")
        if not misjudges > -1:
            faults.append(f"misjudges={misjudges!r}, expected more than -1")
        if faults:
            raise ValueError(f"Player: {'; '.join(faults)}")
        self.pressed = False
        self._delay, self._noise, self._rise = delay, noise, rise
        self._gain, self._corrects, self._learns = 1.0 + misjudges, corrects, learns
        self._throughput = throughput
        self._rng = np.random.default_rng(seed)
        self._muscles: dict[str, _Muscle] = {}
        self._sights: deque[_Sight] = deque()
        self._seconds: float | None = None
        self._inside = 0.0
        self._waits = True  # for a target to select

    def act(
        self,
        seconds: float,
        target: Mapping[str, tuple[float, float]],
        values: Mapping[str, float],
        *,
        aimed: bool = False,
    ) -> dict[str, float]:
        """Return the effort from now on, and set `pressed`.

        Parameters
        ----------
        seconds : time, not less than in the call before
        target : unit → range (low, high) to be reached; {} for rest. The middle of the range is
            aimed at, or 0 if the range begins there
        values : unit → value shown now; {} if none is
        aimed : whether targets are to be selected

        Returns
        -------
        unit → effort, 0 to 1
        """
        step = 0.0 if self._seconds is None else seconds - self._seconds
        self._seconds = seconds
        meant = {unit: muscle.meant for unit, muscle in self._muscles.items()}
        self._sights.append(_Sight(seconds, dict(target), dict(values), meant))
        seen = self._seen(seconds)
        for unit in {**seen.target, **self._muscles}:
            muscle = self._muscles.setdefault(unit, _Muscle(self._gain))
            self._turn(muscle, unit, seen, seconds, step, aimed=aimed)
        self.pressed = aimed and self._presses(seen, seconds, step)
        return {unit: muscle.effort for unit, muscle in self._muscles.items()}

    def _seen(self, seconds: float) -> _Sight:
        """Return what is seen now: what there was to see one delay ago."""
        latest = seconds - self._delay + 1e-9
        while len(self._sights) > 1 and self._sights[1].seconds <= latest:
            self._sights.popleft()
        first = self._sights[0]
        return first if first.seconds <= latest else _Sight(latest, {}, {}, {})

    def _turn(
        self,
        muscle: _Muscle,
        unit: str,
        seen: _Sight,
        seconds: float,
        step: float,
        *,
        aimed: bool,
    ) -> None:
        """Move one muscle by one step."""
        asked = seen.target.get(unit)
        goal = 0.0 if asked is None or asked[0] <= 0 else (asked[0] + asked[1]) / 2
        if asked != muscle.asked:
            muscle.asked, muscle.movement = asked, None
            if asked is not None and aimed and self._throughput is not None:
                muscle.movement = self._aim(muscle, goal, asked[1] - asked[0], seen, seconds)
        share = 1.0 if self._rise == 0 else 1 - math.exp(-step / self._rise)
        muscle.meant += share * (goal - muscle.meant)
        if muscle.movement is not None and seconds < muscle.movement.end:
            muscle.effort = muscle.meant = muscle.movement.at(seconds + step)
            return
        self._correct(muscle, goal, unit, seen, step)
        kept = math.exp(-step / STEADY)
        muscle.noise *= kept
        muscle.noise += math.sqrt(1 - kept**2) * self._rng.standard_normal()
        plan = goal * muscle.gain if muscle.movement is None else muscle.movement.to
        noise = 0.0 if muscle.movement is not None else self._noise * goal * muscle.noise
        wanted = plan + muscle.correction + noise
        muscle.effort = min(max(muscle.effort + share * (wanted - muscle.effort), 0.0), 1.0)

    def _correct(self, muscle: _Muscle, goal: float, unit: str, seen: _Sight, step: float) -> None:
        """Change the effort, and what is known about it, by an error that is seen."""
        if goal == 0:
            muscle.correction = 0.0
            return
        if unit not in seen.values or unit not in seen.meant:
            return
        error = seen.meant[unit] - seen.values[unit]
        muscle.correction += self._corrects * error * step
        muscle.gain += self._learns * error * step / goal

    def _aim(
        self, muscle: _Muscle, goal: float, width: float, seen: _Sight, seconds: float
    ) -> _Movement:
        """Return the movement to a target: how long it takes, and where it ends."""
        assert self._throughput is not None
        bits = math.log2(abs(goal - muscle.effort) / width + 1)
        end = max(seen.seconds + bits / self._throughput, seconds + SHORTEST)
        to = goal + width / HITS * self._rng.standard_normal()
        self._waits = True
        return _Movement(seconds, end, muscle.effort, min(max(to, 0.0), 1.0))

    def _presses(self, seen: _Sight, seconds: float, step: float) -> bool:
        """Return whether the key that selects is pressed now."""
        moves = [m.movement for m in self._muscles.values() if m.movement is not None]
        if moves:
            due = self._waits and seconds >= max(move.end for move in moves) - step / 2
            self._waits = self._waits and not due
            return due
        inside = bool(seen.target) and all(
            low <= seen.values.get(unit, math.nan) <= high
            for unit, (low, high) in seen.target.items()
        )
        self._inside = self._inside + step if inside else 0.0
        pressed = self._inside >= SURE
        self._inside = 0.0 if pressed else self._inside
        return pressed
