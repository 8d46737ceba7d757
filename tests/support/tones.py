"""A recording of three known tones, and how strong a tone is in a signal."""

import numpy as np
import xarray as xr

from emgnb import recording

RATE = 1000.0


def raw_signal(seconds: float = 5.0) -> xr.DataArray:
    """130 Hz to keep, 50 Hz mains and 2 Hz movement to take out, on two channels."""
    t = np.arange(round(seconds * RATE)) / RATE
    one = sum(a * np.sin(2 * np.pi * f * t) for f, a in ((130, 10), (50, 5), (2, 50)))
    return recording.signal(
        np.stack([one, one / 2], axis=1), rate=RATE, units="uV", channel=["zygo", "corr"]
    )


def session() -> xr.DataTree:
    """Return five seconds of it, with a smile."""
    return recording.make(
        raw_signal(), markers=recording.markers([1.0, 3.0], ["smile", "rest"]), participant="P01"
    )


def amplitude(x: xr.DataArray, frequency: float) -> float:
    """Amplitude of a tone in the middle of the first channel."""
    middle = x.isel(channel=0, time=slice(1000, 4000))
    turn = np.exp(-2j * np.pi * frequency * middle["time"].values)
    return float(2 * abs(np.mean(middle.values * turn)))
