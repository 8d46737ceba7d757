"""What a cascade of second-order sections does to each frequency, and to one sharp tick."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import signal as dsp

from emgnb.filters.base import Array
from emgnb.filters.engine import weights

# Floor of magnitudes: a notch's centre is −∞ dB, which neither JSON nor a plot can take.
FLOOR_DB = -240.0


def curves(sos: Array, rate: float, frequency: Array) -> xr.Dataset:
    """Response of `sos` on `frequency` (Hz) and `lag` (s), as `Chain.response` describes it."""
    h = np.asarray(dsp.freqz_sos(sos, worN=frequency, fs=rate)[1])
    magnitude = 20 * np.log10(np.maximum(np.abs(h), 10 ** (FLOOR_DB / 20)))
    causal, _ = weights(sos, zero_phase=False)
    both, middle = weights(sos, zero_phase=True)
    lag = (np.arange(both.size) - middle) / rate
    per_frequency = {
        "magnitude": (magnitude, "dB", "magnitude, causal"),
        "phase": (np.unwrap(np.angle(h)), "rad", "phase, causal"),
        "group_delay": (group_delay(sos, rate, frequency), "s", "group delay, causal"),
        "magnitude_zero_phase": (
            np.maximum(2 * magnitude, FLOOR_DB),
            "dB",
            "magnitude, zero-phase",
        ),
    }
    per_lag = {
        "impulse": (np.concatenate([np.zeros(middle), causal]), "1", "impulse response, causal"),
        "impulse_zero_phase": (both, "1", "impulse response, zero-phase"),
    }
    return xr.Dataset(
        {
            name: ("frequency", v, _says(unit, text))
            for name, (v, unit, text) in per_frequency.items()
        }
        | {name: ("lag", v, _says(unit, text)) for name, (v, unit, text) in per_lag.items()},
        coords={
            "frequency": ("frequency", frequency, _says("Hz", "frequency")),
            "lag": ("lag", lag, _says("s", "time after the tick")),
        },
    )


def group_delay(sos: Array, rate: float, frequency: Array) -> Array:
    """Delay in s that each frequency's envelope gets from the causal filter."""
    z = np.exp(-2j * np.pi * frequency / rate)[:, np.newaxis] ** np.arange(3)
    k = np.arange(3)
    total = np.zeros(frequency.size)
    for row in sos:
        for part, sign in ((row[:3], 1.0), (row[3:], -1.0)):
            value = z @ part
            # On a zero of the filter the quotient is 0/0. All zeros here lie on the unit circle,
            # where a polynomial delays every frequency by half its degree.
            zero = np.abs(value) < 1e-9 * np.abs(part).sum()
            half = np.flatnonzero(part).max() / 2
            delay = ((z @ (k * part)) / np.where(zero, 1.0, value)).real
            total += sign * np.where(zero, half, delay)
    return total / rate


def _says(units: str, long_name: str) -> dict[str, str]:
    return {"units": units, "long_name": long_name}
