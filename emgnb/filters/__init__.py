"""Filters: small steps, joined into a chain that runs over a recording, live, or as a curve.

`Chain(BandPass(20, 450), Notch(50))(signal)` filters a whole recording without delay;
`chain.live(rate, channels)` does the causal version sample by sample; `chain.response(rate)` shows
what it does to each frequency. A step refuses a signal it would spoil, and says why: a sensor that
gives an envelope must not be band-passed, for its signal lies below 10 Hz.
"""

from emgnb.filters.base import Step
from emgnb.filters.chain import Chain
from emgnb.filters.engine import LiveChain
from emgnb.filters.level import Baseline, Envelope, Normalise, Rectify
from emgnb.filters.linear import BandPass, Detrend, HighPass, LowPass, Notch
from emgnb.filters.presets import PRESETS, preset
from emgnb.filters.steps import STEPS

__all__ = [
    "PRESETS",
    "STEPS",
    "BandPass",
    "Baseline",
    "Chain",
    "Detrend",
    "Envelope",
    "HighPass",
    "LiveChain",
    "LowPass",
    "Normalise",
    "Notch",
    "Rectify",
    "Step",
    "preset",
]
