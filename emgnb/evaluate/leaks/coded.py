"""Columns that were coded from the label, such as the action units of an instruction."""

from __future__ import annotations

import numpy as np

from emgnb.evaluate.leaks.case import Case
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding
from emgnb.evaluate.leaks.rows import Floats

# Rows that each label must have.
FEWEST = 10
# Names that are listed.
LISTED = 6


def coded_from_label(case: Case) -> Finding:
    """Look for columns with one value in all rows of each label."""
    leak = "columns coded from the label"
    rows = case.rows
    classes, of = np.unique(rows.label, return_inverse=True)
    count = np.bincount(of)
    if count.min() < FEWEST:
        return Finding(
            leak, UNDETERMINED, f"a label has {count.min()} rows, at least {FEWEST} are needed"
        )
    values = _constants(rows.values, of, len(classes))
    there = np.flatnonzero(np.isfinite(values).all(axis=0) & (np.ptp(values, axis=0) > 0))
    if not there.size:
        return Finding(leak, NOT_FOUND, "no column has one value for each label")
    patterns, which = np.unique(values[:, there], axis=0, return_inverse=True)
    right = sum(int(count[which == k].max()) for k in range(len(patterns)))
    points = 100 * (right - int(count.max())) / len(of)
    names = ", ".join(repr(rows.columns[i]) for i in there[:LISTED])
    more = f" and {there.size - LISTED} more" if there.size > LISTED else ""
    return Finding(
        leak,
        FOUND,
        f"{names}{more}: the same value in all rows of a label",
        points,
        "find out whether they were coded from the label or the instruction; if so, leave them out "
        "(`leave_out`) and audit again",
    )


def _constants(values: Floats, of: np.ndarray, classes: int) -> Floats:
    """Return the value of each column in each label (class, column); NaN where it varies."""
    made = np.full((classes, values.shape[1]), np.nan)
    for k in range(classes):
        mine = values[of == k]
        same = (mine == mine[0]).all(axis=0)
        made[k, same] = mine[0, same]
    return made
