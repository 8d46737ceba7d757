"""The data set under audit with what several checks need: honest parts, units, reference hits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emgnb.evaluate.leaks import chance, probes, signal
from emgnb.evaluate.leaks.chance import Against
from emgnb.evaluate.leaks.probes import Part
from emgnb.evaluate.leaks.rows import Floats, Names, Rows
from emgnb.evaluate.leaks.signal import Judged

# Groups worth leaving out, the most demanding first.
LEVELS = ("person", "session", "trial", "file")
PLURAL = {"person": "people", "session": "sessions", "trial": "trials", "file": "files"}


@dataclass(frozen=True)
class Case:
    """A data set under audit.

    Parameters
    ----------
    rows : all rows
    """

    rows: Rows

    @cached_property
    def few(self) -> Rows:
        """Rows that the reference classifiers see."""
        return probes.thinned(self.rows)

    @cached_property
    def values(self) -> Floats:
        """Features of `few` without NaN."""
        return probes.filled(self.few.values)

    @cached_property
    def judged(self) -> Judged | None:
        """What the signal shows; None where rows are features."""
        return signal.judged(self.rows)

    @cached_property
    def by(self) -> str | None:
        """Highest level at which whole groups can be left out, or None."""
        file = self.rows.group("file")
        whole = file is not None and not is_constant(self.rows.label, file)
        # A file of several labels is a recording, and its trials are alike.
        levels = ("person", "session", "file", "trial") if whole else LEVELS
        return next((level for level in levels if usable(self.rows, level)), None)

    @cached_property
    def honest_parts(self) -> list[Part]:
        """Train and test rows of `few` with whole groups left out; empty if none can be."""
        return [] if self.by is None else grouped(self.few, self.by)

    @cached_property
    def unit(self) -> Names:
        """Group of each row of `few` that the intervals resample; rows where none is known."""
        return units(self.few, self.by)

    @cached_property
    def trial_level(self) -> str | None:
        """Level of `trial`: "trial", else files or sessions of one label each; None if unknown."""
        for level in ("trial", "file", "session"):
            found = self.few.group(level)
            if found is None or len(np.unique(found)) < 4:
                continue
            if level == "trial" or is_constant(self.few.label, found):
                return level
        return None

    @cached_property
    def trial(self) -> Names | None:
        """Trial of each row of `few`, or the file or session that is one."""
        return None if self.trial_level is None else self.few.group(self.trial_level)

    @cached_property
    def stratum(self) -> Names | None:
        """Person of each row of `few`, else its session, where trials lie within."""
        for level in ("person", "session"):
            found = self.few.group(level)
            if found is not None and level != self.trial_level:
                return found
        return None

    @cached_property
    def reference(self) -> tuple[str, dict[str, Floats]]:
        """Name of the better reference classifier, and its hits under each split.

        The better one is chosen under the most honest split that the data allow.
        """
        label = self.few.label
        splits: dict[str, list[list[Part]]] = {}
        if self.honest_parts:
            splits["honest"] = [self.honest_parts]
        if (trial := self.trial) is not None:
            splits["trial"] = [
                probes.parts_stratified(trial, label, seed=k) for k in range(probes.REPEATS)
            ]
        splits["careless"] = [probes.shuffled_parts(label, seed=k) for k in range(probes.REPEATS)]
        return probes.best_hits(self.values, label, splits)

    def hits(self, split: str) -> Floats | None:
        """Hits of the reference classifier under "careless", "honest" or "trial"."""
        return self.reference[1].get(split)

    def told_by(self, values: Floats, worth: float) -> tuple[float, Against] | None:
        """Points over the majority that some columns give with groups left out; None if unknown.

        The second value compares the accuracy with that on shuffled labels.
        """
        parts = self.honest_parts or (
            probes.parts_stratified(self.trial, self.few.label) if self.trial is not None else []
        )
        if not parts:
            return None
        unit = self.unit if self.trial is None else self.trial
        model = probes.classifiers()["LDA"]
        label = self.few.label
        return chance.told(values, label, parts, model, unit, self.stratum, worth=worth)


def usable(rows: Rows, level: str) -> bool:
    """Whether groups of a level can be left out: nearly all rows have their label elsewhere too."""
    group = rows.group(level)
    if group is None:
        return False
    names, of = np.unique(group, return_inverse=True)
    if len(names) < 2 or len(names) == len(rows) > 1000:
        return False
    taught = 0
    for label in rows.classes:
        mine = rows.label == label
        taught += int(mine.sum()) if len(np.unique(of[mine])) >= 2 else 0
    return taught > 0.9 * len(rows)


def grouped(rows: Rows, level: str) -> list[Part]:
    """Parts with whole groups left out, dealt by label where each group holds one."""
    group = rows.group(level)
    assert group is not None
    if is_constant(rows.label, group):
        return probes.parts_stratified(group, rows.label)
    return probes.parts_by(group, folds=10 if len(np.unique(group)) <= 10 else probes.FOLDS)


def is_constant(label: Names, group: Names) -> bool:
    """Whether every group holds one label."""
    return len(np.unique(np.char.add(np.char.add(group, "|"), label))) == len(np.unique(group))


def units(rows: Rows, by: str | None) -> Names:
    """What an interval resamples."""
    group = rows.group(by) if by else None
    return np.arange(len(rows)).astype(str) if group is None else group
