"""Named features of EMG windows, with units and references.

A feature maps the samples of a window to a number: strength (MAV, RMS), activity (WL, ZC, SSC),
frequency (MNF, MDF). Features that count crossings or use frequencies need raw EMG, and raise an
error for rectified signals and envelopes. Computation is in float64, each sample once even in
overlapping windows, in bounded memory; results are float32. A window with NaN has NaN for all
features. Features that are undefined for a flat window, such as frequencies, are NaN, not 0.
`asymmetry`, `co_activation`, `correlation` and `phasic_tonic` compare channels, or a window with
its neighbours. `extractor` computes features of windows as they arrive. `covariance` describes all
channels together, and `profile` removes a common gain. `unit_values` gives the action units in
each window, and `beside` puts them next to the EMG.
"""

from emgnb.features.catalogue import FEATURES, SETS, Feature
from emgnb.features.covariances import covariance
from emgnb.features.extraction import THRESHOLDS, extract, extractor, matrix
from emgnb.features.modalities import beside, unit_values
from emgnb.features.pairs import asymmetry, co_activation, correlation, phasic_tonic
from emgnb.features.profiles import profile
from emgnb.features.responses import response

__all__ = [
    "FEATURES",
    "SETS",
    "THRESHOLDS",
    "Feature",
    "asymmetry",
    "beside",
    "co_activation",
    "correlation",
    "covariance",
    "extract",
    "extractor",
    "matrix",
    "phasic_tonic",
    "profile",
    "response",
    "unit_values",
]
