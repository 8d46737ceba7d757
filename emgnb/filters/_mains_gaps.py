"""Bridge gaps in signals with mains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats, Mask, runs

# Length of the fade at either end of a bridge (s).
LEAD = 0.5


def nearest(there: Mask) -> npt.NDArray[np.intp]:
    """Return the index of the nearest valid row for each row; its own index if there are none."""
    rows = np.arange(len(there))
    if there.all() or not there.any():
        return rows
    before = np.maximum.accumulate(np.where(there, rows, -len(rows)))
    after = np.minimum.accumulate(np.where(there, rows, 2 * len(rows))[::-1])[::-1]
    return np.where(rows - before <= after - rows, before, after)


def hum_free(values: Floats, missing: Mask, hum: Floats, rate: float) -> Floats:
    """Interpolate gaps between the hum-free samples at their edges."""
    out = values.copy(order="F")
    lead = round(LEAD * rate)
    for i in np.flatnonzero(missing.any(axis=0)).tolist():
        for begin, end in runs(missing[:, i]).tolist():
            size = min(end - begin, lead)
            fall = 1.0 - np.arange(1, size + 1) / (size + 1)
            if begin > 0:
                out[begin : begin + size, i] -= hum[begin - 1, i] * fall
            if end < len(out):
                out[end - size : end, i] -= hum[end, i] * fall[::-1]
    return out
