"""Divide an envelope into a tonic and a phasic part."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.dynamics._envelopes import envelope_of

# Interval of the samples whose mean enters the running median (s).
STEP = 0.05


def decompose(
    x: xr.DataArray | xr.DataTree, *, window: float = 4.0, cutoff: float = 6.0
) -> xr.Dataset:
    """Divide the envelope of each channel into tonic and phasic activity.

    The tonic part is a running median over `window`: what lasts longer than half of the window
    belongs to it, such as tone, fatigue and held expressions. The phasic part is the rest: blinks,
    micro-expressions, and the onsets of longer movements. Their sum is the envelope. The boundary
    is a choice, so state the window with every result. In macaques, medial motor areas of the face
    code stably and lateral ones dynamically; about EMG this says nothing, and neither do these
    parts about their origin.

    Parameters
    ----------
    x : signal or session; raw and rectified EMG are smoothed as in `describe`
    window : s, longer than 0.1 s
    cutoff : Hz, of the envelope of raw and rectified EMG

    Returns
    -------
    Dataset with `tonic` and `phasic` (time, channel) float32, in the unit of the envelope. Where
    less than half of the window is valid, both are NaN; lost samples stay NaN

    Raises
    ------
    TypeError : not a signal or session
    ValueError : channels of several kinds, irregular time, or a window of 0.1 s or less

    Examples
    --------
    >>> from emgnb import dynamics, simulate
    >>> parts = dynamics.decompose(simulate.face(duration=6, seed=1))
    >>> sorted(parts)
    ['phasic', 'tonic']
    """
    recording.need_positive(window=window, cutoff=cutoff)
    if window <= 2 * STEP:
        raise ValueError(f"window={window:g} s, expected more than {2 * STEP:g} s")
    e = envelope_of(x, cutoff).transpose("time", "channel")
    rate = recording.sampling_rate(e)
    values = np.where(e["valid"].values[:, np.newaxis], e.values, np.nan).astype(np.float64)
    level = _running_median(values, max(round(STEP * rate), 1), round(window / STEP))
    tonic = e.copy(data=level.astype(np.float32))
    phasic = e.copy(data=(values - level).astype(np.float32))
    parts = {"tonic": tonic, "phasic": phasic}
    return xr.Dataset(
        {
            name: recording.with_history(part, "decompose", part=name, window=window)
            for name, part in parts.items()
        }
    )


def _running_median(values: Floats, step: int, width: int) -> Floats:
    """Return the median over `width` steps around each sample, interpolated between steps."""
    n, channels = values.shape
    count = -(-n // step)
    if not count:
        return values.copy()
    padded = np.full((count * step, channels), np.nan)
    padded[:n] = values
    width += 1 - width % 2
    half = width // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means and medians without values are NaN
        means = np.nanmean(padded.reshape(count, step, channels), axis=1)
        edged = np.pad(means, ((half, half), (0, 0)), constant_values=np.nan)
        around = np.lib.stride_tricks.sliding_window_view(edged, width, axis=0)
        level = np.nanmedian(around, axis=-1)
    # Beyond the ends of the recording nothing was lost.
    there = np.convolve(np.ones(count), np.ones(width), mode="same")
    known = np.isfinite(around).sum(axis=-1)
    level[known < 0.5 * np.minimum(there, width)[:, np.newaxis]] = np.nan
    centre = (np.arange(count) + 0.5) * step - 0.5
    made = np.stack([np.interp(np.arange(n), centre, level[:, c]) for c in range(channels)], axis=1)
    return np.where(np.isnan(values), np.nan, made)
