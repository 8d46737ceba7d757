"""Reach targets: Fitts's task with the intensity of a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from emgnb.live.tasks.throughput import difficulty
from emgnb.live.tasks.trial import HOME, Bands, Samples, Task, Trial, checked, counted, times


@dataclass(frozen=True)
class Reach(Task):
    """Reach targets of different distance and width, as fast as possible.

    Each trial begins at rest (below 0.1). The target is a range around a level; the distance is
    that level. The movement time is from the target's appearance to its selection, with the
    reaction and without the dwell. The score is the share of targets hit, in %: selected while the
    value was inside. `Result.throughput` is in bits/s.

    Parameters
    ----------
    unit : name of a value of the decoder, such as "L12"
    distances : levels of the targets' middles, 0 to 1
    widths : of the targets
    repetitions : trials of each distance with each width, in random order
    select : "dwell" (stay in the target for `dwell` s) or "key" (`Run.select`, the space bar in
        the widget). With dwell, endpoints lie in the target by definition, which makes their
        spread and the throughput depend on its width; a key is nearer to the standard
    dwell : s in the target that select it
    seconds : time after which a target is missed
    rest : s of rest before a trial, without interruption
    seed : of the order

    Raises
    ------
    ValueError : a target that reaches above 1 or into rest, or an option out of range

    Examples
    --------
    >>> from emgnb.live import tasks
    >>> task = tasks.Reach("L12", distances=(0.3,), widths=(0.1, 0.2), repetitions=1)
    >>> sorted(round(trial.about["difficulty"], 2) for trial in task.trials)
    [1.32, 2.0]
    """

    unit: str
    distances: Sequence[float] = (0.3, 0.6)
    widths: Sequence[float] = (0.15, 0.25)
    repetitions: int = 5
    select: Literal["dwell", "key"] = "dwell"
    dwell: float = 0.5
    seconds: float = 8.0
    rest: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        wide = max(self.widths, default=0.0) / 2
        low = min(self.distances, default=1.0) - wide
        high = max(self.distances, default=0.0) + wide
        checked(
            "Reach",
            [
                (bool(self.distances) and bool(self.widths), "no distances or no widths"),
                (
                    low >= HOME - 1e-9 and high <= 1 + 1e-9,
                    f"targets from {low:.3g} to {high:.3g}, expected {HOME:g} (the limit of rest) "
                    "to 1: choose other distances or smaller widths",
                ),
                (
                    min(self.widths, default=1.0) > 0,
                    f"widths={tuple(self.widths)}, expected above 0",
                ),
                (
                    self.select in ("dwell", "key"),
                    f"select={self.select!r}, expected 'dwell' or 'key'",
                ),
                counted(self.repetitions),
                *times(dwell=self.dwell, seconds=self.seconds, rest=self.rest),
            ],
        )

    @property
    def units(self) -> tuple[str, ...]:
        """The unit."""
        return (self.unit,)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """A trial for each distance, width and repetition."""
        rng = np.random.default_rng(self.seed)
        pairs = [(d, w) for d in self.distances for w in self.widths]
        order = [pairs[i] for _ in range(self.repetitions) for i in rng.permutation(len(pairs))]
        return tuple(self._trial(float(distance), float(width)) for distance, width in order)

    def measure(self, trial: Trial, samples: Samples) -> dict[str, float]:
        """Return score (100 for a hit), movement time (s), start, endpoint and overshoots.

        Movement time and endpoint are NaN for a target that was not selected in time.
        """
        value, inside = samples.values[:, 0], samples.inside[:, 0]
        left = int((inside[:-1] & ~inside[1:]).sum())
        row = {"score": 0.0, "movement_time": np.nan, "start": float(value[0])}
        row |= {"endpoint": np.nan, "overshoots": float(left)}
        if not samples.selected:
            return row
        end = float(samples.time[-1])
        if self.select == "dwell":
            last = samples.time > end - self.dwell + 1e-9
            hit, end, endpoint = True, end - self.dwell, float(value[last].mean())
        else:
            hit, endpoint = bool(inside[-1]), float(value[-1])
        return row | {"score": 100.0 * hit, "movement_time": end, "endpoint": endpoint}

    def _trial(self, distance: float, width: float) -> Trial:
        band: Bands = {self.unit: (distance - width / 2, distance + width / 2)}
        return Trial(
            name=f"reach {100 * distance:.0f} %",
            band=lambda _: band,
            seconds=self.seconds,
            rest=self.rest,
            selection=self.select,
            dwell=self.dwell,
            about={
                "distance": distance,
                "width": width,
                "difficulty": difficulty(distance, width),
            },
        )
