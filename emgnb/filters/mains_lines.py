"""Measure which mains lines are present in a recording."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal as dsp
from scipy import special

from emgnb import recording
from emgnb.filters import _reading
from emgnb.filters.linear import EMG_TOP

# Length of a segment (s); the resolution is 0.5 Hz.
LENGTH = 2.0
# Maximum number of segments, spread over the recording.
STRETCHES = 150
# Search range around a line (Hz, times its order, at most 3 Hz), and extent of its surroundings.
NEAR = 0.75
WIDEST = 3.0
AROUND = 9.0
# A line is present if its density is this many times that of its surroundings, or more with few
# segments: noise alone reaches it with probability `CHANCE` per bin.
STANDS_OUT = 4.0
CHANCE = 3e-6
FEWEST = 4


def mains_lines(x: xr.DataArray, *, mains: float = 50.0) -> xr.DataArray:
    """Measure the excess of each mains line over its surroundings, channel by channel.

    The excess is the maximum of the power density within 0.75 Hz of the mains (more for harmonics,
    at most 3 Hz), divided by the median within 9 Hz on either side. The density is the median over
    up to 150 segments of 2 s without lost samples (Hann, 50 % overlap).

    Parameters
    ----------
    x : (time, channel) raw signal, uniform in time
    mains : nominal frequency in Hz

    Returns
    -------
    (frequency, channel) in dB; `frequency` in Hz, all multiples below half the rate and 500 Hz;
    `found` the measured frequency of the line. Channels with too few segments are NaN. Mains is
    present above the attribute `stands_out`: 6 dB, and up to 9.2 dB in recordings of 5 to 17 s,
    where chance gives more.

    Raises
    ------
    TypeError, ValueError : not a signal, not uniform, fewer than 4 whole segments of 2 s, or mains
        not below half the rate, so that it is aliased

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(8000) / 1000
    >>> noise = np.random.default_rng(0).normal(size=8000)
    >>> hum = 3 * np.sin(2 * np.pi * 50 * t)
    >>> x = recording.signal((noise + hum)[:, None], rate=1000, units="uV")
    >>> bool(filters.mains_lines(x).sel(frequency=50) > 20)  # dB
    True
    """
    recording.need_signal(x)
    recording.need_positive(mains=mains)
    rate = recording.sampling_rate(x)
    if mains >= rate / 2:
        raise ValueError(
            f"mains={mains:g} Hz is not below half the sampling rate ({rate / 2:.4g} Hz): it is "
            f"aliased to {abs(mains - rate * round(mains / rate)):.4g} Hz and looks like signal; "
            "record faster"
        )
    size = round(LENGTH * rate)
    hop = size // 2
    count = max((x.sizes["time"] - size) // hop + 1, 0)
    found = []
    for at in np.unique(np.linspace(0, count - 1, min(count, STRETCHES)).astype(int)).tolist():
        part = _reading.table(x.isel(time=slice(at * hop, at * hop + size))).astype(np.float64)
        part[~np.isfinite(part)] = np.nan
        power = dsp.periodogram(part, rate, window="hann", detrend="constant", axis=0)[1]
        found.append(power)
    stack = np.array(found).reshape(len(found), size // 2 + 1, -1)
    whole = np.isfinite(stack[:, 0])
    if not (most := int(whole.sum(axis=0).max(initial=0))) >= FEWEST:
        raise ValueError(
            f"{x.sizes['time'] / rate:.3g} s contain {most} segments of {LENGTH:g} s without a "
            f"lost sample, {LENGTH / 2:g} s apart; expected {FEWEST} or more to detect mains"
        )
    density = np.full(stack.shape[1:], np.nan)
    for i in np.flatnonzero(whole.sum(axis=0) >= FEWEST).tolist():
        density[:, i] = np.median(stack[whole[:, i], :, i], axis=0)
    frequency = np.arange(density.shape[0]) * rate / size
    lines = np.arange(mains, min(rate / 2, EMG_TOP), mains)
    looked = [_excess(density, frequency, line, mains) for line in lines]
    excess = np.stack([each for each, _ in looked])
    kept = {name: c for name, c in x.coords.items() if c.dims == ("channel",)}
    return xr.DataArray(
        excess,
        dims=("frequency", "channel"),
        coords={
            "frequency": ("frequency", lines, {"units": "Hz"}),
            "found": ("frequency", [at for _, at in looked], {"units": "Hz"}),
            **kept,
        },
        name="excess",
        attrs={"units": "dB", "stretches": most, "stands_out": _stands_out(most)},
    )


def _stands_out(stretches: int) -> float:
    """Return the excess in dB that noise exceeds with probability `CHANCE`, given the segments."""
    middle = (stretches + 1) / 2
    above = float(special.betaincinv(middle, middle, CHANCE))
    return float(10 * np.log10(max(STANDS_OUT, -np.log(above) / np.log(2))))


def _excess(
    density: npt.NDArray[np.float64],
    frequency: npt.NDArray[np.float64],
    line: float,
    mains: float,
) -> tuple[npt.NDArray[np.float64], float]:
    """Return the excess of a line in dB, and its centre of gravity over all channels in Hz."""
    off = np.abs(frequency - line)
    near = min(NEAR * line / mains, WIDEST)
    beside = (off > near + 1.0) & (off < AROUND)
    usual = np.median(density[beside], axis=0)
    # A flat channel has no surroundings to compare with.
    ratio = density[off <= near] / np.where(usual > 0, usual, np.nan)
    above = np.nansum(np.maximum(ratio - 1.0, 0.0), axis=1)
    place = float(above @ frequency[off <= near] / above.sum()) if above.any() else line
    return np.asarray(10 * np.log10(np.maximum(ratio.max(axis=0), 1e-12))), place
