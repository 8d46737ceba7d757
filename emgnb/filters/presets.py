"""Chains to begin with, one for each kind of sensor."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.filters.base import HIGHEST
from emgnb.filters.chain import Chain
from emgnb.filters.level import Baseline
from emgnb.filters.linear import BandPass, LowPass, Notch
from emgnb.filters.lines import mains_lines
from emgnb.filters.mains import MainsFit

# Up to this share of the rate a preset keeps its corner. A board's clock is off by up to 1 %, and
# two boards of 1000 Hz should get the same chain.
ROOM = 0.46
# Below this rate most of the raw facial EMG (median frequency 60–120 Hz) has folded.
SLOWEST_RAW = 200.0
# Sharpest notch, and widths in how far the mains is off its place: then it still takes 20 dB.
Q, WIDE = 30.0, 20.0

PRESETS: dict[str, Chain] = {
    "raw": Chain(BandPass(20.0, 450.0), Notch(50.0)),
    "envelope": Chain(LowPass(10.0), Baseline()),
}


def preset(name: str, *, rate: float | None = None, mains: float = 50.0) -> Chain:
    """Chain for a kind of sensor, made to suit a sampling rate and the local mains.

    Parameters
    ----------
    name : "raw" (20–450 Hz band-pass and a notch at the mains and its harmonics) or "envelope"
        (10 Hz low-pass and resting level subtracted)
    rate : Hz; an upper corner above 0.46 × rate is lowered to 0.45 × rate, with a warning
    mains : Hz, 50 or 60

    Raises
    ------
    ValueError : no such preset, or the rate is too low for raw EMG
    """
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}: there are {', '.join(PRESETS)}")
    if name == "envelope":
        return Chain(LowPass(_lowered(10.0, rate, "LowPass(cutoff")), Baseline())
    if rate is not None and rate < SLOWEST_RAW:
        raise ValueError(
            f"raw facial EMG at {rate:.4g} Hz: half of that is {rate / 2:.4g} Hz, and most of the "
            "EMG (median frequency 60–120 Hz) lies above and has folded down. Record at 1000 Hz "
            "or faster, or use a sensor with an envelope output and preset('envelope')."
        )
    return Chain(BandPass(20.0, _lowered(450.0, rate, "BandPass(high")), Notch(mains))


def preset_for(x: xr.DataArray, *, mains: float | None = None, live: bool = False) -> Chain:
    """Chain that suits a recording: its kind of signal, its rate, and the mains that is in it.

    A raw signal gets the band-pass, and `MainsFit` of just those lines of the mains that stand out
    by 6 dB or more in some channel (`mains_lines` gives the figures); without any, nothing. A notch
    would also take the EMG at its frequency, and ring before and after a strong burst. Mains counts
    as there when its fundamental or two of its lines stand out. The chain's repr says all that.

    Parameters
    ----------
    x : (time, channel), uniform in time, channels of one kind
    mains : Hz; by default 50 or 60, whichever stands out more
    live : the chain must run sample by sample as well, so it gets a notch instead; one that is
        wide enough for mains that was found off its place

    Raises
    ------
    TypeError, ValueError : no signal, kinds are mixed, or it is too slow or too short to look
    """
    recording.need_signal(x)
    rate = recording.sampling_rate(x)
    kinds = sorted({str(kind) for kind in x["signal_kind"].values})
    if len(kinds) != 1:
        raise ValueError(
            f"channels of several kinds ({', '.join(kinds)}) need a chain each: select one kind"
        )
    if kinds[0] == "rectified":
        raise ValueError("a rectified signal has no preset: use Chain(Envelope(6), Baseline())")
    if kinds[0] == "envelope":
        return preset("envelope", rate=rate)
    band = preset("raw", rate=rate).steps[0]
    found = {each: _lines(x, each) for each in ((50.0, 60.0) if mains is None else (mains,))}
    # 300 Hz belongs to both: the nominal frequency itself decides, then how many lines there are.
    best = max(found, key=lambda each: (1 in found[each][0], len(found[each][0])))
    orders, off = found[best]
    if not (1 in orders or len(orders) > 1):
        return Chain(band)
    if not live:
        return Chain(band, MainsFit(best, harmonics=orders))
    q = min(Q, float(f"{best / (WIDE * max(off, 1e-3)):.3g}"))
    return Chain(band, Notch(best, harmonics=orders, q=q))


def _lines(x: xr.DataArray, mains: float) -> tuple[tuple[int, ...], float]:
    """Which multiples stand out, and by how many Hz the strongest is off, as the fundamental is."""
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
        f"{where}={lowered:g}) instead of {corner:g} Hz: a recording at {rate:.4g} Hz holds "
        f"nothing above {rate / 2:.4g} Hz",
        stacklevel=3,
    )
    return lowered
