"""A signal around moments: one window an event, on a clock that is 0 when the event began."""

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
    trials : `onset` (s) and `label` on `trial`; of `labels.trials(session, reaction=0)` the onset
        is the cue itself. Where a trial ends does not matter
    before, after : s before and after the onset

    Returns
    -------
    (window, channel, sample) as `cut` gives it, with the coordinate `sample`: s since the onset.
    Windows that reach beyond the recording, or touch a lost or invalid sample, are dropped and
    counted in the attribute `dropped`

    Raises
    ------
    TypeError, ValueError : as `cut`; two windows that overlap
    """
    recording.need_positive(before=before, after=after)
    length = before + after
    rate = recording.sampling_rate(recording.emg(x) if isinstance(x, xr.DataTree) else x)
    begin = trials["onset"] - before
    # Half a sample more, so that rounding never leaves a window one sample short.
    spans = trials.assign(onset=begin, offset=begin + length + 0.5 / rate)
    made = cut(x, spans, length=length, step=length)
    clock = np.arange(made.sizes["sample"]) / float(made.attrs["rate"]) - before
    return made.assign_coords(
        sample=("sample", clock, {"units": "s", "long_name": "time since onset"})
    )
