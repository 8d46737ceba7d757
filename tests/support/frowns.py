"""Windows of raw EMG in which a brief frown is known by its muscle and its moment."""

import numpy as np
import xarray as xr

from emgnb import simulate, windows

MONTAGE = [
    ("zygomaticus_l", "zygomaticus_major", "left"),
    ("corrugator_l", "corrugator", "left"),
    ("masseter_l", "masseter", "left"),
]


def trials(count: int) -> xr.DataArray:
    """Return windows of 0.6 s from 0.1 s before each of `count` moments, an even number.

    In every other, the corrugator acts from 100 to 300 ms after the moment.
    """
    onsets = 1.0 + 1.5 * np.arange(count)
    script = [(t + 0.1, "frown", 0.2, 0.5) for t in onsets[::2]]
    session = simulate.face(
        rate=250,
        duration=1.5 * count + 2.0,
        script=script,
        montage=MONTAGE,
        difficulty="easy",
        seed=3,
    )
    cues = xr.Dataset(
        {
            "onset": ("trial", onsets),
            "offset": ("trial", onsets + 0.4),
            "label": ("trial", np.tile(["frown", "rest"], count // 2)),
        },
        coords={"trial": np.arange(count)},
    )
    return windows.around(session, cues, before=0.1, after=0.5)
