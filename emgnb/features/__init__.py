"""Named features of EMG windows, each with its unit and the paper that defines it.

A feature turns the samples of a window into a number: how strong (MAV, RMS), how busy (WL, ZC,
SSC), at which frequencies (MNF, MDF). Those that count crossings or look at frequencies make sense
on raw EMG only and refuse what is rectified or an envelope. All are computed in float64 on blocks
of windows, so memory stays bounded, and are given in float32. A window with a NaN has NaN for every
feature; a feature that does not exist for a flat window (a frequency of nothing) is NaN, not 0.
"""

from emgnb.features.definitions import FEATURES, SETS, Feature
from emgnb.features.extraction import THRESHOLDS, extract, matrix

__all__ = ["FEATURES", "SETS", "THRESHOLDS", "Feature", "extract", "matrix"]
