"""Estimate the sampling rate of a recording with irregular time stamps."""

from __future__ import annotations

import numpy as np

from emgnb._arrays import Floats, Mask

# Minimum rows of a typical bin, and maximum scatter of counts between bins (fraction of the count).
FEWEST, SCATTER = 6, 0.15
# Maximum fraction of bins that follow an empty one. Pauses are rare; the waits between deliveries
# of a buffered line recur throughout.
AFTER_EMPTY = 0.1
# Rows of a block; maximum relative deviation of a block's rate from the coarse estimate; minimum
# tolerance around the median block rate.
BLOCK, USUAL, TIGHTEST = 32, 1 / 3, 0.01
# Rounding tolerance of the rate in standard errors, and its maximum as a fraction of the rate.
SURE, ROUNDED = 1.5, 0.002


def rate_of_stamps(time: Floats) -> float:
    """Estimate the rate in Hz from sorted time stamps in s, which must not all be equal.

    Row counts in bins of equal length give a coarse rate. A regression of row numbers and time
    stamps over the typical blocks refines it. Pauses, stale rows, rows that arrive in batches and
    coarse time stamps do not bias the estimate.
    """
    coarse, rows = _typical(time)
    inside = _usual(time, coarse, rows)
    if not inside.any():
        return coarse
    rate, error = _slope(time, inside)
    steady = inside & _usual_steps(time, rate)
    if np.count_nonzero(steady) > 0.5 * np.count_nonzero(inside):
        rate, error = _slope(time, steady)
    return _roundest(rate, min(SURE * error, ROUNDED * rate))


def _typical(time: Floats) -> tuple[float, int]:
    """Return the rate in a typical bin, and its number of rows.

    Bins get longer until their counts scatter little and few follow an empty bin. If no length
    meets both criteria, the closest one is used.
    """
    steps = np.diff(time)
    span = float(time[-1] - time[0])
    distinct = steps[steps > 0]
    resolution = float(distinct.min())
    # Each stamp covers the time to the next, so the last one of a coarse clock adds a step.
    last = resolution if steps.size > 2 * distinct.size else 0.0
    best = (np.inf, (time.size - (not last)) / (span + last), time.size)
    width = FEWEST * min(float(np.median(distinct)), span / time.size)
    while width < span:
        whole = resolution * np.ceil(width / resolution)
        here = float(whole if width < 8 * resolution else width)
        counts, follows = _counts(time, here)
        middle = float(np.median(counts))
        if counts.size > 2 and middle >= FEWEST:
            scatter = 1.4826 * float(np.median(np.abs(counts - middle)))
            odd = max(scatter - 1.5, 0.0) / (SCATTER * middle)
            odd += max(follows - min(2.0, 0.3 * counts.size), 0.0) / (AFTER_EMPTY * counts.size)
            if odd <= 1.0:
                return middle / here, int(middle)
            best = min(best, (odd, middle / here, int(middle)))
        width *= 1.5
    return best[1], best[2]


def _counts(time: Floats, width: float) -> tuple[Floats, int]:
    """Return the row counts of non-empty bins, and how many of these follow an empty bin."""
    place = np.floor((time - time[0]) / width + 1e-6).astype(np.int64)
    filled, counts = np.unique(place, return_counts=True)
    follows = int(np.count_nonzero(np.diff(filled) > 1))
    if filled.size > 3:
        counts = counts[1:-1]
    return counts.astype(np.float64), follows


def _usual(time: Floats, coarse: float, rows: int) -> Mask:
    """Return which steps lie in a block of rows with the typical rate."""
    block = max(min(max(2 * rows, BLOCK), time.size // 8), min(rows, time.size // 2), 1)
    begins = np.arange(0, time.size - block, block)
    if begins[-1] + block < time.size - 1:
        begins = np.append(begins, time.size - 1 - block)
    period = (time[begins + block] - time[begins]) / block * coarse
    usual = np.abs(period - 1.0) < USUAL
    inside = np.zeros(time.size, dtype=np.int64)
    if usual.any():
        middle = float(np.median(period[usual]))
        scatter = 1.4826 * float(np.median(np.abs(period[usual] - middle)))
        # A coarse clock gives the length of a block to within a tick at either end.
        tick = 2.0 * _tick(np.diff(time)) * coarse / block
        usual &= np.abs(period - middle) <= max(4.0 * scatter, TIGHTEST, tick)
        np.add.at(inside, begins[usual], 1)
        np.add.at(inside, begins[usual] + block, -1)
    return np.asarray(np.cumsum(inside)[:-1] > 0)


def _tick(steps: Floats) -> float:
    """Return the clock's resolution (s): the least difference between steps; 0 if all are equal."""
    kinds = np.unique(np.round(steps, 9))
    return float(np.diff(kinds).min()) if kinds.size > 1 else 0.0


def _usual_steps(time: Floats, rate: float) -> Mask:
    """Return which steps are within the range of jitter; a lost row makes a longer step.

    All are False where rows arrive in batches, because single steps are then uninformative.
    """
    steps = np.diff(time) * rate
    middle = float(np.median(steps))
    if abs(middle - 1.0) > USUAL:
        return np.zeros(steps.size, dtype=bool)
    scatter = 1.4826 * float(np.median(np.abs(steps - middle)))
    return np.asarray(np.abs(steps - middle) < max(0.5, 5.0 * scatter))


def _slope(time: Floats, inside: Mask) -> tuple[float, float]:
    """Return the common slope of row number over time in the runs of `inside`, and its error."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False]))))
    both = squares = 0.0
    pieces = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        own = time[begin : end + 1]
        ticks = np.flatnonzero(np.diff(own) > 0)
        # The last of the rows that share a stamp is timed best; the last stamp may lack rows.
        numbers = np.arange(own.size) if ticks.size in (1, own.size - 1) else ticks
        stamps = own[numbers] - own[numbers].mean()
        numbers = numbers - numbers.mean()
        # The noise is in the stamps, so time is regressed on the row number.
        both += float(stamps @ numbers)
        squares += float(numbers @ numbers)
        pieces.append((stamps, numbers))
    step = both / squares
    left = sum(float(np.square(s - step * n).sum()) for s, n in pieces)
    count = max(sum(s.size for s, _ in pieces) - len(pieces) - 1, 1)
    error = float(np.sqrt(left / count / squares))
    return 1.0 / step, error / step**2


def _roundest(rate: float, within: float) -> float:
    """Return the number with the fewest digits within `within` of the rate."""
    first = int(np.floor(np.log10(rate)))
    for digits in range(-first, 13 - first):
        rounded = round(rate, digits)
        if rounded > 0 and abs(rounded - rate) <= within:
            return float(rounded)
    return float(f"{rate:.12g}")
