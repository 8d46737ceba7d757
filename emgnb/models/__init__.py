"""From windows or features to a label: two baselines and three small networks, one interface.

`fit(data, model=…)` gives a `Classifier`; `classifier.predict(data)` gives
`probability(window, class)`. LDA and SVM take features; the networks take windows and run over
**time** (each step of the sequence is one sample of all channels). Whatever is learned from data,
scaling too, is inside the classifier, so it can be judged by `evaluate.cross_validate` and saved
as one file without code in it. Start with LDA: a network that does not beat it is not needed.

Keras comes in at the first network, on JAX unless `KERAS_BACKEND` says otherwise.
"""

from emgnb.models.classifier import Classifier, load
from emgnb.models.training import MODELS, fit

__all__ = ["MODELS", "Classifier", "fit", "load"]
