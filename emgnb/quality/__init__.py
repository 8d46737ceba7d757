"""Assess the signal quality of recordings, and whether they can be physiological.

`report` measures each channel, overall and over time: signal-to-noise ratio, shares of mains and
motion, clipping, flat and railed samples, lost samples, spectral deformation, and an estimate of
the contact. `grades` converts the measures to good, suspect and bad. `is_physiology` checks whether
data can come from a muscle, and lists the evidence. `effect` and `doubts` assess what a filter
chain gains and costs. No function here repairs data.
"""

from emgnb.quality.effect import doubts, effect
from emgnb.quality.limits import LIMITS, grades
from emgnb.quality.reporting import report
from emgnb.quality.verdict import is_physiology
from emgnb.quality.words import Verdict

__all__ = ["LIMITS", "Verdict", "doubts", "effect", "grades", "is_physiology", "report"]
