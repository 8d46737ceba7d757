"""Cut one window around each event."""

from __future__ import annotations

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.windows.cutting import cut


def around(
    x: xr.DataArray | xr.DataTree, trials: xr.Dataset, *, before: float = 1.0, after: float = 2.0
) -> xr.DataArray:
    """Cut one window around the onset of each trial.

    Parameters
    ----------
    x : (time, channel) signal, uniform in time, or a session
    trials : `onset` (s) and `label` on `trial`; from `labels.trials(session, reaction=0)` the onset
        is the cue itself. The offset is not used
    before, after : s before and after the onset

    Returns
    -------
    (window, channel, sample) as from `cut`, with the coordinate `sample`: s since the onset.
    Windows that extend beyond the recording, or contain a lost or invalid sample, are dropped and
    counted in the attribute `dropped`

    Raises
    ------
    TypeError, ValueError : as `cut`; two windows overlap

    Examples
    --------
    >>> from emgnb import labels, simulate, windows
    >>> session = simulate.face(duration=8, seed=1)
    >>> films = windows.around(session, labels.trials(session, reaction=0), before=0.5, after=1)
    >>> films.sizes["sample"], float(films.sample[0])
    (1500, -0.5)
    """
    recording.need_positive(before=before, after=after)
    length = before + after
    rate = recording.sampling_rate(recording.emg(x))
    begin = trials["onset"] - before
    # Half a sample longer, so that rounding never makes a window one sample short.
    spans = trials.assign(onset=begin, offset=begin + length + 0.5 / rate)
    made = cut(x, spans, length=length, step=length)
    clock = np.arange(made.sizes["sample"]) / float(made.attrs["rate"]) - before
    return made.assign_coords(
        sample=("sample", clock, {"units": "s", "long_name": "time since onset"})
    )
