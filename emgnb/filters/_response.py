"""Compute frequency and impulse responses of filters."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import signal as dsp

from emgnb._arrays import Floats
from emgnb.filters._cascade import weights
from emgnb.filters.step import Fir

# Lowest magnitude. The centre of a notch is −∞ dB, which neither JSON nor a plot supports.
FLOOR_DB = -240.0


def curves(sos: Floats | Fir, rate: float, frequency: Floats) -> xr.Dataset:
    """Return the response of `sos` on `frequency` (Hz) and `lag` (s); see `Chain.response`."""
    if isinstance(sos, Fir):
        h = np.asarray(dsp.freqz(sos.taps, worN=frequency, fs=rate)[1])
    else:
        h = np.asarray(dsp.freqz_sos(sos, worN=frequency, fs=rate)[1])
    magnitude = 20 * np.log10(np.maximum(np.abs(h), 10 ** (FLOOR_DB / 20)))
    times = 1 if isinstance(sos, Fir) and sos.symmetric else 2
    causal, _ = weights(sos, zero_phase=False)
    both, middle = weights(sos, zero_phase=True)
    size = max(both.size, middle + causal.size)
    lag = (np.arange(size) - middle) / rate
    per_frequency = {
        "magnitude": (magnitude, "dB", "magnitude, causal"),
        "phase": (np.unwrap(np.angle(h)), "rad", "phase, causal"),
        "group_delay": (group_delay(sos, rate, frequency), "s", "group delay, causal"),
        "magnitude_zero_phase": (
            np.maximum(times * magnitude, FLOOR_DB),
            "dB",
            "magnitude, zero-phase",
        ),
    }
    per_lag = {
        "impulse": (_at_lags(causal, middle, size), "1", "impulse response, causal"),
        "impulse_zero_phase": (_at_lags(both, 0, size), "1", "impulse response, zero-phase"),
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


def group_delay(sos: Floats | Fir, rate: float, frequency: Floats) -> Floats:
    """Return the group delay of the causal filter in s."""
    if isinstance(sos, Fir):
        if sos.symmetric:
            return np.full(frequency.size, (len(sos.taps) - 1) / 2 / rate)
        return np.asarray(dsp.group_delay((sos.taps, [1.0]), w=frequency, fs=rate)[1]) / rate
    # Term by term: a matrix product would start BLAS threads, which cost more than the sums.
    z = np.exp(-2j * np.pi * frequency / rate)
    total = np.zeros(frequency.size)
    for row in sos:
        for part, sign in ((row[:3], 1.0), (row[3:], -1.0)):
            half = np.flatnonzero(part).max() / 2
            if abs(abs(part[int(2 * half)]) - abs(part[0])) <= 1e-12 * abs(part[0]):
                # Both zeros lie on the unit circle, as in all filters here. Such a polynomial
                # delays every frequency by half its degree.
                total += sign * half
                continue
            value = part[0] + z * (part[1] + z * part[2])
            slope = z * (part[1] + z * (2 * part[2]))
            total += sign * (slope / value).real
    return total / rate


def _at_lags(impulse: Floats, first: int, size: int) -> Floats:
    out = np.zeros(size)
    out[first : first + impulse.size] = impulse
    return out


def _says(units: str, long_name: str) -> dict[str, str]:
    return {"units": units, "long_name": long_name}
