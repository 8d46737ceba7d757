"""Chains to begin with, one for each kind of sensor."""

from __future__ import annotations

import warnings

from emgnb.filters.base import HIGHEST
from emgnb.filters.chain import Chain
from emgnb.filters.level import Baseline
from emgnb.filters.linear import BandPass, LowPass, Notch

# Up to this share of the rate a preset keeps its corner. A board's clock is off by up to 1 %, and
# two boards of 1000 Hz should get the same chain.
ROOM = 0.46
# Below this rate most of the raw facial EMG (median frequency 60–120 Hz) has folded.
SLOWEST_RAW = 200.0

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
