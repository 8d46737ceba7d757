"""Which lines of the mains a recording holds: so that nothing is notched that is not there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal as dsp
from scipy import special

from emgnb import recording
from emgnb.filters import suits
from emgnb.filters.linear import EMG_TOP

# s of a stretch; it resolves half a hertz.
LENGTH = 2.0
# Stretches looked at, spread over the recording.
STRETCHES = 150
# Hz about a line in which it is looked for (times its order, up to 3 Hz), and its surroundings.
NEAR = 0.75
WIDEST = 3.0
AROUND = 9.0
# A line is there when its density is this many times its surroundings', or more where there are few
# stretches: a bin of pure noise gets there once in `CHANCE`.
STANDS_OUT = 4.0
CHANCE = 3e-6
FEWEST = 4


def mains_lines(x: xr.DataArray, *, mains: float = 50.0) -> xr.DataArray:
    """How far each line of the mains stands out, channel by channel.

    The power density (stretches of 2 s, Hann, half overlap, the median over up to 150 without lost
    samples) at its highest within 0.75 Hz of the mains (more for its multiples, up to 3 Hz), over
    the median of 9 Hz on either side.

    Parameters
    ----------
    x : (time, channel) raw signal, uniform in time
    mains : nominal frequency in Hz

    Returns
    -------
    (frequency, channel) in dB; `frequency` in Hz, all multiples below half the rate and 500 Hz,
    `found` where the line really lies; a channel with too few stretches is NaN. There is mains
    where it lies above the attribute `stands_out`: 6 dB, and more in recordings under 17 s, up to
    9.2 dB at 5 s, where chance gives more.

    Raises
    ------
    TypeError, ValueError : no signal, not uniform, fewer than 4 whole stretches of 2 s, or mains
        not below half the rate: there it has folded onto another frequency
    """
    recording.need_signal(x)
    recording.need_positive(mains=mains)
    rate = recording.sampling_rate(x)
    if mains >= rate / 2:
        raise ValueError(
            f"mains={mains:g} Hz is not below half the sampling rate ({rate / 2:.4g} Hz): if there "
            f"is any, it lies at {abs(mains - rate * round(mains / rate)):.4g} Hz and looks like "
            "signal; record faster"
        )
    size = round(LENGTH * rate)
    hop = size // 2
    count = max((x.sizes["time"] - size) // hop + 1, 0)
    found = []
    for at in np.unique(np.linspace(0, count - 1, min(count, STRETCHES)).astype(int)).tolist():
        part = suits.table(x.isel(time=slice(at * hop, at * hop + size))).astype(np.float64)
        part[~np.isfinite(part)] = np.nan
        power = dsp.periodogram(part, rate, window="hann", detrend="constant", axis=0)[1]
        found.append(power)
    stack = np.array(found).reshape(len(found), size // 2 + 1, -1)
    whole = np.isfinite(stack[:, 0])
    if not (most := int(whole.sum(axis=0).max(initial=0))) >= FEWEST:
        raise ValueError(
            f"{x.sizes['time'] / rate:.3g} s hold {most} stretches of {LENGTH:g} s without a lost "
            f"sample, {LENGTH / 2:g} s apart; expected {FEWEST} or more to tell mains from chance"
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
    """Excess in dB that the median of so many stretches of noise reaches once in 1 / `CHANCE`."""
    middle = (stretches + 1) / 2
    above = float(special.betaincinv(middle, middle, CHANCE))
    return float(10 * np.log10(max(STANDS_OUT, -np.log(above) / np.log(2))))


def _excess(
    density: npt.NDArray[np.float64],
    frequency: npt.NDArray[np.float64],
    line: float,
    mains: float,
) -> tuple[npt.NDArray[np.float64], float]:
    """Excess of a line in dB, and its centre of gravity over all channels in Hz."""
    off = np.abs(frequency - line)
    near = min(NEAR * line / mains, WIDEST)
    beside = (off > near + 1.0) & (off < AROUND)
    usual = np.median(density[beside], axis=0)
    # A flat channel has neither mains nor surroundings.
    ratio = density[off <= near] / np.where(usual > 0, usual, np.nan)
    above = np.nansum(np.maximum(ratio - 1.0, 0.0), axis=1)
    place = float(above @ frequency[off <= near] / above.sum()) if above.any() else line
    return np.asarray(10 * np.log10(np.maximum(ratio.max(axis=0), 1e-12))), place
