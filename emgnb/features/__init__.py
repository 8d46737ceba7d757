"""Named features of EMG windows, each with its unit and the paper that defines it.

A feature turns the samples of a window into a number: how strong (MAV, RMS), how busy (WL, ZC,
SSC), at which frequencies (MNF, MDF). Those that count crossings or look at frequencies make sense
on raw EMG only and refuse what is rectified or an envelope. All are computed in float64 on pieces
of the recording, each sample once however much windows overlap, so memory stays bounded, and are
given in float32. A window with a NaN has NaN for every feature; a feature that does not exist for a
flat window (a frequency of nothing) is NaN, not 0. `asymmetry`, `co_activation`, `correlation` and
`phasic_tonic` compare channels, and a window with those around it.
"""

from emgnb.features.between import asymmetry, co_activation, correlation, phasic_tonic
from emgnb.features.extraction import THRESHOLDS, extract, matrix
from emgnb.features.response import response
from emgnb.features.table import FEATURES, SETS, Feature

__all__ = [
    "FEATURES",
    "SETS",
    "THRESHOLDS",
    "Feature",
    "asymmetry",
    "co_activation",
    "correlation",
    "extract",
    "matrix",
    "phasic_tonic",
    "response",
]
