"""Rest between trials that is numbered apart: each stretch of it belongs to the trial before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Mask

Names = npt.NDArray[np.str_]


def joined(trial: Names, within: Names, label: Names) -> tuple[Names, str]:
    """Count stretches of a label that has a trial of its own to the trial before each.

    Some data sets number repetitions 1, 2, 3 … and all rest between them 0. With whole trials left
    out, rest would then be learned or tested, never both.

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
    for name in np.unique(label):
        mine = label == name
        own = np.unique(whole[mine])
        if len(own) > 1 or not np.array_equal(whole == own[0], mine):
            continue
        given = _before(trial, mine, within)
        if len(np.unique(given[mine])) > 1:
            return given, str(name)
    return trial, ""


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
