"""Detect clipped and flat samples.

A clipped channel has a peak in its distribution at the maximum or minimum, where unclipped
distributions have few samples. If noise is added after clipping (by an amplifier's supply), the
peak is spread over 2 % of the range instead of one code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, Mask
from emgnb.quality._rows import Bounds, values_of

# Minimum count at the extreme value: relative to the next value, and absolute.
PILE, FEWEST = 3, 6
# A plateau of this fraction of the range is a limit if it holds more samples than the range from
# there to NEAR, and at least PLATEAU_SHARE of all samples.
PLATEAU, NEAR, PLATEAU_SHARE = 0.02, 0.2, 0.01
# Minimum duration (s) and samples of a flat run; longer than a pause in quantised signals.
HOLD_S, HOLD_ROWS = 0.25, 10


@dataclass(frozen=True)
class Ends:
    """Clipping limits of each channel, `low` and `high`; NaN where it does not clip.

    `least` and `greatest` are the extremes of the data, `constant` marks channels where they are
    equal.
    """

    least: Floats
    greatest: Floats
    low: Floats
    high: Floats

    @property
    def constant(self) -> Mask:
        """Channels that are constant."""
        return np.asarray(self.least == self.greatest)

    def beyond(self, values: Floats) -> Mask:
        """Return which samples (time, channel) are clipped."""
        with np.errstate(invalid="ignore"):
            return np.asarray((values <= self.low) | (values >= self.high))


def find_ends(x: xr.DataArray, parts: list[Bounds]) -> Ends:
    """Find the limits of each channel in parts of a signal (time, channel); reads them twice."""
    both = recording.over_rows(_tops, x, parts)
    greatest, piled_high = _piled([top for top, _ in both])
    least, piled_low = _piled([bottom for _, bottom in both])
    least = -least
    span = greatest - least
    found = recording.over_rows(_near_the_top, x, parts, greatest, span)
    at_end, near_end, total = np.sum(found, axis=0)
    plateau = (at_end > near_end) & (at_end > PLATEAU_SHARE * total)
    # A signal that mostly rests has a plateau at its resting level, which is not a limit.
    plateau &= at_end < 0.5 * total
    moves = span > 0
    high = np.where(piled_high, greatest, np.where(plateau, greatest - PLATEAU * span, np.nan))
    low = np.where(piled_low, least, np.nan)
    return Ends(least, greatest, np.where(moves, low, np.nan), np.where(moves, high, np.nan))


def _tops(rows: xr.DataArray, first: int) -> tuple[Floats, Floats]:
    values = values_of(rows)
    return _top_two(values), _top_two(-values)


def _near_the_top(rows: xr.DataArray, first: int, greatest: Floats, span: Floats) -> Floats:
    """Return the counts of samples on the plateau, below it, and in total."""
    values = values_of(rows)
    at_end, near = ((values > greatest - share * span).sum(axis=0) for share in (PLATEAU, NEAR))
    return np.stack([at_end, near - at_end, np.isfinite(values).sum(axis=0)]).astype(np.float64)


def flat(values: Floats, hold: int) -> Mask:
    """Return which samples (time, channel) belong to a run of more than `hold` equal ones."""
    same = np.zeros_like(values, dtype=np.int32)
    same[1:] = values[1:] == values[:-1]
    total = np.cumsum(same, axis=0, dtype=np.int32)
    out = np.zeros_like(values, dtype=bool)
    if len(values) <= hold:
        return out
    ends_run = total[hold:] - total[:-hold] == hold
    if not ends_run.any():
        return out
    # Each run's end also marks the `hold` samples before it.
    change = np.zeros((len(values) + 1, values.shape[1]), dtype=np.int32)
    change[: len(values) - hold] += ends_run
    change[hold + 1 :] -= ends_run
    out[:] = np.cumsum(change[:-1], axis=0) > 0
    return out


def hold_rows(rate: float) -> int:
    """Return the minimum length of a flat run at `rate` Hz, in samples."""
    return max(round(HOLD_S * rate), HOLD_ROWS)


def _top_two(values: Floats) -> Floats:
    """Return the maximum, its count, the next lower value, and its count; (4, channel)."""
    filled = np.where(np.isfinite(values), values, -np.inf)
    top = filled.max(axis=0, initial=-np.inf)
    below = np.where(filled < top, filled, -np.inf)
    second = below.max(axis=0, initial=-np.inf)
    return np.stack([top, (filled == top).sum(axis=0), second, (below == second).sum(axis=0)])


def _piled(parts: list[Floats]) -> tuple[Floats, Mask]:
    """Return the maximum of each channel over all parts, and whether samples pile up there."""
    table = np.stack(parts)
    value = np.concatenate([table[:, 0], table[:, 2]])
    count = np.concatenate([table[:, 1], table[:, 3]])
    top = value.max(axis=0)
    at_top = np.where(value == top, count, 0.0).sum(axis=0)
    lower = np.where(value < top, value, -np.inf)
    second = lower.max(axis=0)
    at_second = np.where(lower == second, count, 0.0).sum(axis=0)
    piled = np.isfinite(second) & (at_top >= FEWEST) & (at_top > PILE * at_second)
    return np.where(np.isfinite(top), top, np.nan), piled
