"""Wait for a recording from an emulated board, and lay its truth beside the session."""

import time
from collections.abc import Callable

import numpy as np
import xarray as xr
from waiting import PATIENCE

from emgnb import acquire


def wait_for(recorder: acquire.Recorder, true: Callable[[acquire.Health], bool]) -> acquire.Health:
    deadline = time.monotonic() + PATIENCE
    while not true(recorder.health()):
        assert recorder.health().state != "failed", recorder.health()
        assert time.monotonic() < deadline, f"still {recorder.health()}"
        time.sleep(0.02)
    return recorder.health()


def against_truth(signal_: xr.DataArray, *streams: np.ndarray) -> tuple[int, int]:
    """Lay the streams of a board on a session; count the valid rows that differ, and the missing.

    The first stream begins at the session's first row, each further one at the first valid row
    from which on its first scans fit.
    """
    values, valid = signal_.values, signal_["valid"].values
    wrong, begin = 0, 0
    missing = int(np.count_nonzero(~valid))
    for place, truth in enumerate(streams):
        if place:
            rows = np.flatnonzero(valid[begin:]) + begin
            begin = next(row for row in rows if np.array_equal(values[row], truth[0]))
        following = streams[place + 1][0] if place + 1 < len(streams) else None
        size = min(len(truth), len(values) - begin)
        if following is not None:
            fits = (values[begin:] == following).all(axis=1) & valid[begin:]
            size = min(size, int(np.argmax(fits)))
        here = slice(begin, begin + size)
        wrong += int(np.count_nonzero((values[here] != truth[:size]).any(axis=1) & valid[here]))
        begin += size
    assert not valid[begin:].any()
    return wrong, missing
