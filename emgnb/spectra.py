"""Where in frequency the power of a signal lies.

The spectrum of facial EMG is a hill between 20 and 450 Hz; mains shows as needles at 50 or 60 Hz
and its multiples, motion as a slope below 20 Hz. `spectrum` measures it by Welch's method: the
signal is cut into overlapping stretches, each is tapered and transformed, and the powers averaged.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import signal as dsp

from emgnb import recording

# Samples of all segments and channels transformed in one call, which bounds the memory.
TOGETHER = 1 << 20


def spectrum(x: xr.DataArray, *, length: float = 1.0) -> xr.DataArray:
    """Power density of each channel by Welch's method (Hann window, half overlap, mean removed).

    Lost (NaN, infinite) and invalid samples are left out: each unbroken stretch of valid samples
    gives what whole segments fit in it, and all segments weigh the same. Nothing is interpolated.

    Parameters
    ----------
    x : (time, channel) at a uniform rate
    length : of one segment in s; the resolution is its inverse, so 1 s resolves 1 Hz

    Returns
    -------
    (frequency, channel) float32 in `units`²/Hz, `frequency` in Hz; attribute `segments` counts
    what was averaged

    Raises
    ------
    TypeError, ValueError : no signal (time, channel); time is not uniform; a channel has no sample
        at all; or no valid stretch is as long as one segment

    References
    ----------
    Welch 1967, doi:10.1109/TAU.1967.1161901
    """
    recording.need_signal(x)
    recording.need_positive(length=length)
    rate = recording.sampling_rate(x)
    size = round(length * rate)
    if size < 2:
        raise ValueError(
            f"length={length:g} s is {size} samples at {rate:g} Hz, expected at least 2"
        )
    values = x.transpose("time", "channel").values
    usable = np.isfinite(values).all(axis=1)
    if "valid" in x.coords:
        usable &= x["valid"].values
    edges = np.flatnonzero(np.diff(np.concatenate(([False], usable, [False]))))
    stretches = [
        (begin, end)
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
        if end - begin >= size
    ]
    if not stretches:
        recording.need_samples(x)
        longest = int(np.diff(edges)[::2].max(initial=0)) if edges.size else 0
        raise ValueError(
            f"the longest stretch without a gap has {longest} samples ({longest / rate:.3g} s), "
            f"a segment of {length:g} s needs {size}: take a shorter length"
        )
    total = np.zeros((size // 2 + 1, values.shape[1]))
    segments = 0
    for begin, end in stretches:
        own = values[begin:end].astype(np.float64)
        cut = np.lib.stride_tricks.sliding_window_view(own, size, axis=0)[:: size - size // 2]
        # Many segments in one call: SciPy's welch goes through them one by one, in Python.
        many = max(1, TOGETHER // cut[0].size)
        for at in range(0, len(cut), many):
            frequency, power = dsp.periodogram(cut[at : at + many], fs=rate, window="hann")
            total += power.sum(axis=0).T
        segments += len(cut)
    kept = {name: c for name, c in x.coords.items() if c.dims == ("channel",)}
    units = x.attrs.get("units", "1")
    made = xr.DataArray(
        (total / segments).astype(np.float32),
        dims=("frequency", "channel"),
        coords={"frequency": ("frequency", frequency, {"units": "Hz"}), **kept},
        name="power_density",
        attrs={
            "units": f"{units}²/Hz",
            "segments": int(segments),
            "history": x.attrs.get("history", ""),
        },
    )
    return recording.with_history(made, "spectrum", length=length)
