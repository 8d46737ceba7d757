"""What an audit found: one finding per leak, and all of them with the accuracies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FOUND, NOT_FOUND, UNDETERMINED = "found", "not found", "undetermined"
NO_PHYSIOLOGY = "no physiology"
# Leaks that leaving whole groups out does not mend.
SPOILS = (
    "copies across groups",
    "label = file",
    "label = session",
    "label = person",
    "labels constant within a group",
    "label = block of time",
    "length tells the label",
    "one column tells the label",
    "columns coded from the label",
    "metadata tells the label",
    "silence tells the label",
    "level alone tells the label",
    "one generator behind several people",
    "test set used to choose the model",
)


@dataclass(frozen=True)
class Finding:
    """One leak: looked for, measured, judged.

    Parameters
    ----------
    leak : short name, such as "copies across groups"
    verdict : "found", "not found" or "undetermined"
    evidence : the figures behind the verdict, in a sentence; for "undetermined" the reason
    points : how many points of accuracy (0 to 100) it adds or explains; None where not measured
    advice : what to do; empty where nothing was found
    """

    leak: str
    verdict: str
    evidence: str
    points: float | None = None
    advice: str = ""

    def __str__(self) -> str:
        size = "" if self.points is None else f" ({self.points:+.1f} points)"
        lines = [f"{self.verdict:<12} {self.leak}{size}", f"{'':12} {self.evidence}"]
        return "\n".join([*lines, f"{'':12} → {self.advice}"] if self.advice else lines)


@dataclass(frozen=True)
class Score:
    """An accuracy with what it means.

    Parameters
    ----------
    accuracy, low, high : shares, with the 95 % interval over the groups left out (NaN if too few)
    scheme : how rows were split, in words
    groups : how many groups were left out in turn
    """

    accuracy: float
    low: float
    high: float
    scheme: str
    groups: int

    def __str__(self) -> str:
        spread = "" if self.low != self.low else f" [{100 * self.low:.1f}–{100 * self.high:.1f}]"
        return f"{100 * self.accuracy:.1f} %{spread}, {self.scheme}"


@dataclass(frozen=True)
class Results:
    """All findings about a data set, the honest accuracy and a careless one.

    Parameters
    ----------
    findings : in the order in which they were looked for
    honest, careless : accuracy with whole groups left out, and with rows shuffled; None where the
        data allow none
    chance, majority : 1 / number of classes; share of the commonest class
    data : what was audited: rows, columns, classes, groups
    model : reference classifier behind the figures
    reading : what a table, or a file of arrays, was taken as, in sentences
    """

    findings: tuple[Finding, ...]
    honest: Score | None
    careless: Score | None
    chance: float
    majority: float
    data: dict[str, object]
    model: str
    reading: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, leak: str) -> Finding:
        for finding in self.findings:
            if finding.leak == leak:
                return finding
        known = ", ".join(repr(finding.leak) for finding in self.findings)
        raise KeyError(f"no finding {leak!r}; there are {known}")

    @property
    def found(self) -> tuple[Finding, ...]:
        """The leaks that were found."""
        return tuple(finding for finding in self.findings if finding.verdict == FOUND)

    @property
    def headline(self) -> str:
        """Whether the honest accuracy can be believed, in a sentence."""
        names = [finding.leak for finding in self.found]
        if NO_PHYSIOLOGY in names:
            return "No accuracy on these data means anything: the signal is no physiology."
        spoilt = [name for name in names if name in SPOILS]
        if spoilt:
            return f"Resolve this before believing the honest accuracy: {', '.join(spoilt)}."
        if self.honest is None:
            return "No accuracy can be believed: the data name no groups that can be left out."
        if names:
            return f"Nothing found spoils the honest accuracy. Also found: {', '.join(names)}."
        return "Nothing was found that spoils the honest accuracy."

    @property
    def summary(self) -> str:
        """What was audited, in words."""
        return ", ".join(f"{value} {name}" for name, value in self.data.items())
