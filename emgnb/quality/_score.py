"""Convert evidence to a score between 0 and 1.

The score is the share of real recordings among those with such evidence, where half of all
recordings are real and half are fakes: those of `benchmarks/physiology.py`, which prints how well
it holds. Constants are rounded from its table.
"""

from __future__ import annotations

import math

# Patterns, draws, tones, walks and dead channels: nothing real looked like them.
MADE = 0.01
# Rows without order that a slow or short recording of a muscle may have, too.
UNORDERED = 0.1
# Noise that a muscle at rest may give, too.
STEADY = 0.15
UNKNOWN = 0.5
# Powers without a signal, with dependent rows.
POWERS = 0.8
# Logistic curve of log10(statistic / largest by chance).
AT_CHANCE, SLOPE = 0.6, 6.0
LEAST, MOST = 0.01, 0.99


def beyond_chance(statistic: float, limit: float) -> float:
    """Return the score of a statistic that is `limit` at most by chance."""
    if not (math.isfinite(statistic) and math.isfinite(limit)) or statistic <= 0:
        return UNKNOWN
    place = math.log(AT_CHANCE / (1.0 - AT_CHANCE)) + SLOPE * math.log10(statistic / limit)
    return min(max(1.0 / (1.0 + math.exp(-place)), LEAST), MOST)
