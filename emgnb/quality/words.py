"""Define the verdict and its wording."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

from emgnb.quality._dependence import Dependence
from emgnb.quality._score import UNKNOWN

UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Verdict:
    """Verdict on whether data can be physiological.

    Parameters
    ----------
    physiology : True if the data show properties that muscle and recorder leave. This is no proof,
        because a good simulation has them, too. False if they show properties that neither can
        leave. None if undetermined: too short, or stationary noise
    looks_like : what the data look like, in words
    evidence : measurements behind the verdict, in sentences
    faults : faults of the data, physiological or not, in sentences
    kind : "raw", "rectified", "envelope", "powers", or "undetermined"; evidence has the reason
    score : 0 to 1; the share of real recordings among recordings with such evidence, if half of all
        are real and half are the fakes of `benchmarks/physiology.py`. 0.5 tells nothing
    """

    physiology: bool | None
    looks_like: str
    evidence: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    kind: str = UNDETERMINED
    score: float = UNKNOWN

    @property
    def word(self) -> str:
        """The verdict in words."""
        if self.physiology is None:
            return UNDETERMINED
        return "physiology" if self.physiology else "not physiology"

    def __str__(self) -> str:
        lines = [f"{self.word}: looks like {self.looks_like}", f"  {self._scored}"]
        lines += [f"  - {sentence}" for sentence in self.evidence]
        if self.faults:
            lines += ["  faults:", *(f"  - {sentence}" for sentence in self.faults)]
        return "\n".join(lines)

    @property
    def _scored(self) -> str:
        return f"score {self.score:.2f} (0 fake, 0.5 undecided, 1 real); kind: {self.kind}"

    def _repr_html_(self) -> str:
        def listed(sentences: list[str]) -> str:
            return "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)

        faults = f"<p>Faults:</p><ul>{listed(self.faults)}</ul>" if self.faults else ""
        return (
            f"<p><b>{self.word}</b>: looks like {html.escape(self.looks_like)}</p>"
            f"<p>{html.escape(self._scored)}</p>"
            f"<ul>{listed(self.evidence)}</ul>{faults}"
        )


def depends(found: Dependence) -> str:
    """Describe how rows depend on one another."""
    sentence = (
        f"samples are autocorrelated: r = {found.strongest:.2f} within {len(found.value)} samples, "
        f"{found.swelling:.2f} for the size of the deviation (± {found.error:.3f} by chance)"
    )
    return sentence + (
        f"; r = {found.shared:.2f} between channels" if len(found.across) > 1 else ""
    )
