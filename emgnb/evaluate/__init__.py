"""How good is a model, honestly?

A score means something only for people, sessions or trials the model has never seen: neighbouring
windows overlap and resemble each other, so a shuffled split tests memory. Everything here splits
by *group*, counts the uncertainty over groups, and prints each accuracy with its protocol, the
number of people, its interval and chance. A shuffled split exists only inside `audit`, which
shows beside the honest figure how much it flatters. The models come in as a function
`fit(data) -> classifier`, so this module knows none of them.
"""

from emgnb.evaluate.comparison import Comparison, compare
from emgnb.evaluate.controls import Audit, Permutation, audit, permutation_control
from emgnb.evaluate.metrics import scores
from emgnb.evaluate.protocol import cross_validate
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import group_names, overlapping, splits
from emgnb.evaluate.standardise import standardise_within

__all__ = [
    "Audit",
    "Comparison",
    "Permutation",
    "Result",
    "audit",
    "compare",
    "cross_validate",
    "group_names",
    "overlapping",
    "permutation_control",
    "scores",
    "splits",
    "standardise_within",
]
