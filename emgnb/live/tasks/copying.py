"""Copy an expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emgnb import facs
from emgnb.live.tasks.trial import Bands, Samples, Task, Trial, checked, counted, times


@dataclass(frozen=True)
class Copy(Task):
    """Copy expressions: the asked units must be active, the others quiet.

    The score of a trial is the share of its scored time, in %, in which this is so for all units
    at once. Units without an electrode are not judged.

    Parameters
    ----------
    expressions : names in `facs.EXPRESSIONS`, each asked `repetitions` times, in random order
    decoded : action units that the decoder gives, such as `levels.names`; () for a decoder of
        expressions, of which the probability must be at least `least`
    least : least value of an asked unit, or probability of the expression
    most : largest value of the other units; an electrode also picks up neighbouring muscles
    repetitions, seconds : trials of each expression, and their length
    rest, lead : s of rest before a trial, and s at its beginning that are not scored
    seed : of the order

    Raises
    ------
    ValueError : an unknown expression, or one of which no unit is decoded; or an option out of
        range

    Examples
    --------
    >>> from emgnb.live import tasks
    >>> task = tasks.Copy(("smile",), decoded=("L4", "L12", "R12"), repetitions=1)
    >>> task.trials[0].band(0.0)
    {'L4': (0.0, 0.5), 'L12': (0.3, 1.0), 'R12': (0.3, 1.0)}
    """

    expressions: Sequence[str]
    decoded: Sequence[str] = ()
    least: float = 0.3
    most: float = 0.5
    repetitions: int = 2
    seconds: float = 3.0
    rest: float = 1.5
    lead: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        names = list(self.expressions)
        unknown = [name for name in names if name not in facs.EXPRESSIONS]
        known = [name for name in names if name not in unknown]
        unseen = [name for name in known if self.decoded and not self._asked(name)]
        checked(
            "Copy",
            [
                (bool(names), "no expressions, expected one or more"),
                (not unknown, f"unknown {unknown}, expected names in facs.EXPRESSIONS"),
                (
                    not unseen,
                    f"no unit of {unseen} is decoded, only {list(self.decoded)}: leave them out",
                ),
                (0 <= self.least <= 1, f"least={self.least!r}, expected 0 to 1"),
                (0 <= self.most <= 1, f"most={self.most!r}, expected 0 to 1"),
                (self.lead < self.seconds, f"lead={self.lead} s, expected less than `seconds`"),
                counted(self.repetitions),
                *times(seconds=self.seconds, rest=self.rest),
            ],
        )

    @property
    def units(self) -> tuple[str, ...]:
        """The units decoded, or the expressions."""
        return tuple(self.decoded) or tuple(dict.fromkeys(self.expressions))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """A trial for each expression and repetition."""
        rng = np.random.default_rng(self.seed)
        order = [
            str(name)
            for _ in range(self.repetitions)
            for name in rng.permutation(list(self.expressions))
        ]
        return tuple(self._trial(name) for name in order)

    def measure(self, trial: Trial, samples: Samples) -> dict[str, float]:
        """Return score (%), and for each decoded unit the share of time (%) in its range."""
        inside = samples.inside
        row = {"score": 100 * samples.mean(np.asarray(inside.all(axis=1)))}
        if self.decoded:
            each = zip(self.units, inside.T, strict=True)
            row |= {f"inside_{unit}": 100 * samples.mean(column) for unit, column in each}
        return row

    def _trial(self, name: str) -> Trial:
        if self.decoded:
            asked = self._asked(name)
            quiet = (0.0, self.most)
            band: Bands = {u: (self.least, 1.0) if u in asked else quiet for u in self.decoded}
        else:
            band = {name: (self.least, 1.0)}
        return Trial(name, lambda _: band, self.seconds, self.rest, self.lead, marker=name)

    def _asked(self, name: str) -> set[str]:
        """Return the decoded units that belong to an expression, of either side or of both."""
        expression = facs.EXPRESSIONS[name]
        return {unit for unit in self.decoded if expression.moves(unit)}
