"""Evaluate models by cross-validation over groups.

A score is meaningful only for people, sessions or trials that the model has not seen. Neighbouring
windows overlap and are similar, so a shuffled split tests memory. The functions here split by
*group*, estimate uncertainty over groups, and print each accuracy with its scheme, number of
people, interval and chance level. Only `shuffled_beside_honest` and `audit` use a shuffled split,
to show how much it inflates the accuracy; `audit` looks for leaks in the data. Models are passed as
a function `fit(data) -> classifier`, so this package does not depend on them.
"""

from emgnb.evaluate.ablation import Ablation, ablation
from emgnb.evaluate.attribution import Attribution, integrated_gradients
from emgnb.evaluate.calibration import Temperature, calibrated, temperature
from emgnb.evaluate.comparison import Comparison, compare
from emgnb.evaluate.conformal import Conformal, Coverage, conformal
from emgnb.evaluate.controls import (
    Permutation,
    ShuffledBesideHonest,
    permutation_control,
    shuffled_beside_honest,
)
from emgnb.evaluate.cross_validation import cross_validate
from emgnb.evaluate.intensities import intensity_scores
from emgnb.evaluate.leaks import Finding, Report, audit
from emgnb.evaluate.learning_curves import learning_curve
from emgnb.evaluate.metrics import scores
from emgnb.evaluate.occlusion import Occlusion, occlusion
from emgnb.evaluate.rejection import reject, rejection_curve
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import group_names, overlapping, splits
from emgnb.evaluate.standardise import standardise_within
from emgnb.evaluate.transferring import transfer

__all__ = [
    "Ablation",
    "Attribution",
    "Comparison",
    "Conformal",
    "Coverage",
    "Finding",
    "Occlusion",
    "Permutation",
    "Report",
    "Result",
    "ShuffledBesideHonest",
    "Temperature",
    "ablation",
    "audit",
    "calibrated",
    "compare",
    "conformal",
    "cross_validate",
    "group_names",
    "integrated_gradients",
    "intensity_scores",
    "learning_curve",
    "occlusion",
    "overlapping",
    "permutation_control",
    "reject",
    "rejection_curve",
    "scores",
    "shuffled_beside_honest",
    "splits",
    "standardise_within",
    "temperature",
    "transfer",
]
