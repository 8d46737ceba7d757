"""Classify windows or features: three baselines and four small networks with one interface.

`fit(data, model=…)` returns a `Classifier`, and `classifier.predict(data)` returns
`probability(window, class)`. LDA, SVM and random forest take features. The networks take windows
and run over **time** (each step of the sequence is one sample of all channels). The classifier
contains everything learned from data, including scaling, so it can be evaluated with
`evaluate.cross_validate` and saved as one file that contains no code. Start with LDA: a network
that does not outperform it is not needed.

`choose` picks a model by cross-validation inside its training data, and `fit_average` averages
several. `fit_within` trains a model that `calibrate` adapts to a new person or electrode placement;
`Matching` classifies all windows of a person at once.
`fit_intensities` trains a network that estimates the intensity of several action units at once.
`fit_fused` joins modalities. `quantise` turns an LDA into integers, as a C header for the board.

Keras is imported when the first network is used, with JAX as backend unless `KERAS_BACKEND` is set.
"""

from emgnb.models.adaptation import Adapting, calibrate, fit_within
from emgnb.models.augmentation import Augmentation
from emgnb.models.averaging import Average, fit_average
from emgnb.models.choosing import choose
from emgnb.models.classifier import Classifier, load
from emgnb.models.fusion import Fused, fit_fused
from emgnb.models.intensities import fit_intensities
from emgnb.models.matching import Matching
from emgnb.models.onboard import OnBoard, quantise
from emgnb.models.training import MODELS, fit

__all__ = [
    "MODELS",
    "Adapting",
    "Augmentation",
    "Average",
    "Classifier",
    "Fused",
    "Matching",
    "OnBoard",
    "calibrate",
    "choose",
    "fit",
    "fit_average",
    "fit_fused",
    "fit_intensities",
    "fit_within",
    "load",
    "quantise",
]
