"""How good a recording is, and whether it is one at all.

`report` measures each channel as a whole and over time: signal-to-noise ratio, the shares of mains
and of motion, clipping, flat and railed stretches, lost samples, the deformation of the spectrum,
and an estimate of the contact. `grades` turns the figures into good, suspect and bad.
`is_physiology` asks the question before all others, whether rows of numbers can have come from a
muscle, and gives its reasons. `effect` and `doubts` say what a chain of filters gains and costs.
Nothing here repairs anything.
"""

from emgnb.quality.effect import doubts, effect
from emgnb.quality.limits import LIMITS, grades
from emgnb.quality.measuring import report
from emgnb.quality.verdict import Verdict, is_physiology

__all__ = ["LIMITS", "Verdict", "doubts", "effect", "grades", "is_physiology", "report"]
