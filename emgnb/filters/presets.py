"""Ready-made chains for each kind of sensor."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.filters.chain import Chain
from emgnb.filters.envelope import Baseline
from emgnb.filters.linear import BandPass, LowPass, Notch
from emgnb.filters.mains_fit import MainsFit
from emgnb.filters.mains_lines import mains_lines
from emgnb.filters.step import HIGHEST

# Highest corner as a fraction of the rate that is kept unchanged. Clocks of boards differ by up to
# 1 %, and two boards of 1000 Hz should get the same chain.
ROOM = 0.46
# Below this rate (Hz) most of the raw facial EMG (median frequency 60–120 Hz) is aliased.
SLOWEST_RAW = 200.0
# Highest Q, and frequency offsets per width of a live notch, for 20 dB of attenuation.
Q, WIDE = 30.0, 20.0

PRESETS: dict[str, Chain] = {
    "raw": Chain(BandPass(20.0, 450.0), Notch(50.0)),
    "envelope": Chain(LowPass(10.0), Baseline()),
}


def preset(name: str, *, rate: float | None = None, mains: float = 50.0) -> Chain:
    """Return the chain for a kind of sensor, adapted to a sampling rate and the local mains.

    Parameters
    ----------
    name : "raw" (20–450 Hz band-pass and a notch at the mains and its harmonics) or "envelope" (10
        Hz low-pass, resting level subtracted)
    rate : Hz; an upper corner above 0.46 × rate is lowered to 0.45 × rate, with a warning
    mains : Hz, 50 or 60

    Raises
    ------
    ValueError : unknown preset, or the rate is too low for raw EMG

    Examples
    --------
    >>> from emgnb import filters
    >>> filters.preset("raw", rate=1000, mains=60)
    Chain(BandPass(low=20.0, high=450.0, order=4), Notch(mains=60, harmonics=None, q=30.0))
    >>> filters.preset("envelope")
    Chain(LowPass(cutoff=10.0, order=2), Baseline(percentile=10.0, level=None, rest=None))
    """
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}: there are {', '.join(PRESETS)}")
    if name == "envelope":
        return Chain(LowPass(_lowered(10.0, rate, "LowPass(cutoff")), Baseline())
    if rate is not None and rate < SLOWEST_RAW:
        raise ValueError(
            f"raw facial EMG at {rate:.4g} Hz: most of the EMG (median frequency 60–120 Hz) is "
            f"above half the rate ({rate / 2:.4g} Hz) and is aliased. Record at 1000 Hz "
            "or faster, or use a sensor with an envelope output and preset('envelope')."
        )
    return Chain(BandPass(20.0, _lowered(450.0, rate, "BandPass(high")), Notch(mains))


def preset_for(x: xr.DataArray, *, mains: float | None = None, live: bool = False) -> Chain:
    """Return a chain that suits a recording: its signal kind, its rate, and its mains.

    For a raw signal, the chain is a band-pass and `MainsFit` for the mains lines that exceed their
    surroundings by 6 dB or more in any channel (`mains_lines` returns the values). Without such
    lines there is no mains step, because a notch also removes EMG and rings around strong bursts.
    Mains counts as present if its fundamental or two lines are. The repr of the chain shows the
    result.

    Parameters
    ----------
    x : (time, channel), uniform in time, channels of one kind
    mains : Hz; by default 50 or 60, whichever is stronger
    live : return a chain that runs live. It has a notch instead of `MainsFit`, wide enough for the
        measured deviation of the mains

    Raises
    ------
    TypeError, ValueError : not a signal, mixed kinds, rate too low or recording too short

    Examples
    --------
    >>> from emgnb import filters, simulate
    >>> filters.preset_for(simulate.face(duration=8)["emg/signal"])
    Chain(BandPass(low=20.0, high=450.0, order=4), MainsFit(mains=50.0, harmonics=(1, 3, 5, 6, 8,
    9), length=4.0))
    """
    recording.need_signal(x)
    rate = recording.sampling_rate(x)
    kinds = sorted({str(kind) for kind in x["signal_kind"].values})
    if len(kinds) != 1:
        raise ValueError(
            f"channels of several kinds ({', '.join(kinds)}) need one chain each: select one kind"
        )
    if kinds[0] == "rectified":
        raise ValueError("a rectified signal has no preset: use Chain(Envelope(6), Baseline())")
    if kinds[0] == "envelope":
        return preset("envelope", rate=rate)
    band = preset("raw", rate=rate).steps[0]
    found = {each: _lines(x, each) for each in ((50.0, 60.0) if mains is None else (mains,))}
    # 300 Hz is a multiple of both, so the fundamental decides first, then the number of lines.
    best = max(found, key=lambda each: (1 in found[each][0], len(found[each][0])))
    orders, off = found[best]
    if not (1 in orders or len(orders) > 1):
        return Chain(band)
    if not live:
        return Chain(band, MainsFit(best, harmonics=orders))
    q = min(Q, float(f"{best / (WIDE * max(off, 1e-3)):.3g}"))
    return Chain(band, Notch(best, harmonics=orders, q=q))


def _lines(x: xr.DataArray, mains: float) -> tuple[tuple[int, ...], float]:
    """Return the multiples present, and the deviation of the mains in Hz from the strongest."""
    excess = mains_lines(x, mains=mains)
    highest = excess.max("channel")
    orders = tuple((np.flatnonzero(highest.values > excess.attrs["stands_out"]) + 1).tolist())
    top = highest.isel(frequency=int(np.argmax(highest.values)))
    off = abs(float(top["found"] - top["frequency"])) * mains / float(top["frequency"])
    return orders, off


def _lowered(corner: float, rate: float | None, where: str) -> float:
    if rate is None or corner <= ROOM * rate:
        return corner
    lowered = float(f"{HIGHEST * rate:.3g}")
    warnings.warn(
        f"{where}={lowered:g}) instead of {corner:g} Hz: a recording at {rate:.4g} Hz has no "
        f"frequencies above {rate / 2:.4g} Hz",
        stacklevel=3,
    )
    return lowered
