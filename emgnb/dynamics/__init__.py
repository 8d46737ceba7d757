"""Describe how facial movements unfold: speed, symmetry, co-activation, and change over time.

`describe` measures each event: amplitude, duration, onset speed. `symmetry` compares both sides,
`coactivation` finds AU 6 with AU 12, `decompose` divides an envelope into tonic and phasic parts,
`temporal_stability` tells stable from dynamic codes, `expressivity` compares movements with a
person's own baseline, `without_crosstalk` removes what electrodes pick up from neighbouring
muscles. `check_gain` verifies that no conclusion depends on the gain of an electrode, and `power`
and `people_needed` plan studies within people. The results describe muscles. They say nothing about
what a person feels, are no diagnosis, and do not detect lies.
"""

from emgnb.dynamics.baselines import Expressivity, expressivity
from emgnb.dynamics.crosstalk import without_crosstalk
from emgnb.dynamics.duchenne import EVIDENCE, Coactivation, coactivation
from emgnb.dynamics.events import describe, mvc_levels
from emgnb.dynamics.gain import Change, GainCheck, check_gain
from emgnb.dynamics.phasic import decompose
from emgnb.dynamics.planning import people_needed, power
from emgnb.dynamics.sides import Symmetry, symmetry
from emgnb.dynamics.stability import Stability, temporal_stability
from emgnb.dynamics.wording import MEANING

__all__ = [
    "EVIDENCE",
    "MEANING",
    "Change",
    "Coactivation",
    "Expressivity",
    "GainCheck",
    "Stability",
    "Symmetry",
    "check_gain",
    "coactivation",
    "decompose",
    "describe",
    "expressivity",
    "mvc_levels",
    "people_needed",
    "power",
    "symmetry",
    "temporal_stability",
    "without_crosstalk",
]
