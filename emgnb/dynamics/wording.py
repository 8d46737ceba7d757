"""Say what the figures of this package mean."""

from __future__ import annotations

import numpy as np

MEANING = (
    "These figures describe muscle activity. They say nothing about what a person feels, are no "
    "diagnosis, and do not detect lies."
)
# Value, and lower and upper bound of its 95 % interval.
Estimate = tuple[float, float, float]


def shown(estimate: Estimate, unit: str = "", digits: int = 2) -> str:
    """Format an estimate with its interval; "–" if it is undefined."""
    value, low, high = estimate
    if np.isnan(value):
        return "–"
    made = f"{value:.{digits}f}{unit}"
    return made if np.isnan(low) else f"{made} ({low:.{digits}f} to {high:.{digits}f})"
