"""Rest between trials that is numbered apart: each stretch of it belongs to the trial before it."""

from __future__ import annotations

import numpy as np

from emgnb._arrays import Mask
from emgnb.evaluate.leaks.rows import Names

# Rows that a stretch of rest has on average, at least; rows in random order have fewer.
SHORTEST = 3


def joined(trial: Names, within: Names, label: Names) -> tuple[Names, str]:
    """Count stretches of a label that has a trial of its own to the trial before each.

    Some data sets number repetitions 1, 2, 3 … and all rest between them 0. With whole trials left
    out, rest would then be learned or tested, never both. Nothing is divided unless all other
    labels have several trials.

    Parameters
    ----------
    trial, label : of each row, in the order of recording
    within : person, session or file of each row, in which trials are numbered

    Returns
    -------
    trial : of each row
    label : the label that was divided; "" if none was
    """
    whole = np.char.add(np.char.add(within, " / "), trial)
    trials = {name: np.unique(whole[label == name]) for name in np.unique(label).tolist()}
    single = [name for name, own in trials.items() if len(own) == 1]
    if len(single) != 1:
        return trial, ""
    mine = label == single[0]
    stretches = int(mine[0]) + int((mine[1:] & ~mine[:-1]).sum())
    shuffled = mine.sum() < SHORTEST * stretches
    if shuffled or not np.array_equal(whole == trials[single[0]][0], mine):
        return trial, ""
    given = _before(trial, mine, within)
    return (given, single[0]) if len(np.unique(given[mine])) > 1 else (trial, "")


def _before(trial: Names, mine: Mask, within: Names) -> Names:
    """Name rows by the nearest other trial before them, else after them."""
    given = trial.copy()
    for each in np.unique(within):
        here = np.flatnonzero(within == each)
        others = np.flatnonzero(~mine[here])
        if others.size:
            last = np.searchsorted(others, np.arange(len(here)), side="right") - 1
            given[here] = trial[here[others[np.maximum(last, 0)]]]
    return given
