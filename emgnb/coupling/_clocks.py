"""Match the times of two clocks, and fit the line between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emgnb._arrays import Floats, Ints

# Largest drift that is searched: crystals differ by up to 100 ppm, cheap resonators by more.
DRIFT = 1e-3
FEWEST = 3
# A second offset that matches this share of the best one makes the match ambiguous.
RIVAL = 0.9
Stamps = tuple[Floats, list[str]]


@dataclass(frozen=True)
class Line:
    """Our time = offset + slope × their time; residual in s, number of matched pairs."""

    offset: float
    slope: float
    residual: float
    matched: int


def fit_clock(ours: Stamps, theirs: Stamps, *, tolerance: float, about: float | None) -> Line:
    """Return the line that matches most stamps of equal text.

    Raises
    ------
    ValueError : fewer than three matches, or several offsets match equally well
    """
    pairs = _candidates(ours, theirs)
    where = f"found {ours[0].size} beside the EMG and {theirs[0].size} in the node"
    if not len(pairs):
        raise ValueError(f"no shared markers: {where}, and no text occurs in both")
    lines = [_grown(pairs, start, tolerance) for start in _offsets(pairs, tolerance)]
    best = max(lines, key=lambda line: (line.matched, -line.residual))
    if best.matched < FEWEST:
        raise ValueError(
            f"{best.matched} shared markers within {1e3 * tolerance:g} ms ({where}), expected at "
            f"least {FEWEST}: an offset, a drift and their residual cannot be estimated from fewer"
        )
    rivals = [line for line in lines if line.matched >= max(FEWEST, RIVAL * best.matched)]
    apart = [line for line in rivals if abs(line.offset - best.offset) > 2 * tolerance]
    if not apart:
        return best
    if about is None:
        raise ValueError(
            f"offsets of {best.offset:.3f} s and {apart[0].offset:.3f} s match almost as many "
            "markers: they are too regular. Pass about=, the expected offset in s"
        )
    return min(rivals, key=lambda line: abs(line.offset - about))


def _candidates(ours: Stamps, theirs: Stamps) -> Floats:
    """Return all (our time, their time, our number, their number) of equal text."""
    same = np.asarray(ours[1], dtype=str)[:, None] == np.asarray(theirs[1], dtype=str)[None, :]
    i, j = np.nonzero(same)
    return np.column_stack((ours[0][i], theirs[0][j], i, j))


def _offsets(pairs: Floats, tolerance: float) -> Floats:
    """Return the offsets at which most pairs agree, up to a drift of `DRIFT`."""
    found = np.sort(pairs[:, 0] - pairs[:, 1])
    width = tolerance + DRIFT * float(np.ptp(pairs[:, 1]))
    counts = np.searchsorted(found, found + 2 * width, side="right") - np.arange(found.size)
    best: list[float] = []
    for k in np.argsort(-counts, kind="stable"):
        centre = float(np.median(found[k : k + counts[k]]))
        if all(abs(centre - other) > width for other in best):
            best.append(centre)
        if len(best) == 5:
            break
    return np.asarray(best)


def _grown(pairs: Floats, start: float, tolerance: float) -> Line:
    """Match pairs near a line and refit it, beginning with an offset, until nothing changes."""
    slope, offset = 1.0, start
    reach = tolerance + DRIFT * float(np.ptp(pairs[:, 1]))
    kept = np.empty((0, 4))
    for _ in range(20):
        off = pairs[:, 0] - offset - slope * pairs[:, 1]
        near = np.abs(off) <= reach
        kept = pairs[near][_one_to_one(pairs[near], np.abs(off[near]))]
        if len(kept) < FEWEST or np.ptp(kept[:, 1]) == 0:
            return Line(offset, slope, np.inf, min(len(kept), FEWEST - 1))
        slope, offset = (float(v) for v in np.polyfit(kept[:, 1], kept[:, 0], 1))
        reach = max(tolerance, reach / 3)
    rest = kept[:, 0] - offset - slope * kept[:, 1]
    return Line(offset, slope, float(np.sqrt(np.sum(rest**2) / (len(kept) - 2))), len(kept))


def _one_to_one(pairs: Floats, distance: Floats) -> Ints:
    """Return the closest pairs in which each stamp occurs once."""
    ours: set[float] = set()
    theirs: set[float] = set()
    chosen = []
    for k in np.argsort(distance, kind="stable"):
        i, j = pairs[k, 2], pairs[k, 3]
        if i not in ours and j not in theirs:
            ours.add(i)
            theirs.add(j)
            chosen.append(k)
    return np.asarray(chosen, dtype=np.int64)
