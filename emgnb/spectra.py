"""Estimate power spectra.

The spectrum of facial EMG is a broad hump between 20 and 450 Hz. Mains interference appears as
sharp peaks at 50 or 60 Hz and its multiples, motion as a slope below 20 Hz. `spectrum` uses Welch's
method: the signal is divided into overlapping segments, each is tapered and transformed, and the
powers are averaged.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import signal as dsp

from emgnb import recording
from emgnb._arrays import runs

# Maximum number of samples (all segments and channels) per transform call, to bound memory.
TOGETHER = 1 << 20


def spectrum(x: xr.DataArray | xr.DataTree, *, length: float = 1.0) -> xr.DataArray:
    """Estimate the power spectral density of each channel by Welch's method.

    The window is a Hann window, segments overlap by half, and their means are removed. Lost (NaN,
    infinite) and invalid samples are excluded: only segments without such samples are used, with
    equal weight. Nothing is interpolated.

    Parameters
    ----------
    x : (time, channel) at a uniform rate, or a session with it
    length : duration of a segment in s; the frequency resolution is its inverse, 1 Hz for 1 s

    Returns
    -------
    (frequency, channel) float32 in `units`²/Hz, `frequency` in Hz; attribute `segments` is the
    number of segments averaged

    Raises
    ------
    TypeError, ValueError : not a session or signal; time is not uniform; a channel has no finite
        sample; or no run of valid samples is as long as one segment

    References
    ----------
    Welch 1967, doi:10.1109/TAU.1967.1161901

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import recording, spectra
    >>> tone = np.sin(2 * np.pi * 80 * np.arange(4000) / 1000)
    >>> density = spectra.spectrum(recording.signal(tone[:, None], rate=1000, units="uV"))
    >>> float(density[:, 0].idxmax("frequency")), density.attrs["units"]
    (80.0, 'uV²/Hz')
    """
    x = recording.emg(x)
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
    found = runs(usable)
    long_enough = found[np.diff(found)[:, 0] >= size]
    if not len(long_enough):
        recording.need_samples(x)
        longest = int(np.diff(found).max(initial=0))
        raise ValueError(
            f"the longest run of valid samples has {longest} samples ({longest / rate:.3g} s), but "
            f"length={length:g} s needs {size}: use a shorter length"
        )
    total = np.zeros((size // 2 + 1, values.shape[1]))
    segments = 0
    for begin, end in long_enough:
        own = values[begin:end].astype(np.float64)
        cut = np.lib.stride_tricks.sliding_window_view(own, size, axis=0)[:: size - size // 2]
        # Transform many segments per call: SciPy's welch loops over them in Python.
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
