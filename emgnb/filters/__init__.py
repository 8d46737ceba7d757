"""Filters: small steps, joined into a chain that runs over a recording, live, or as a curve.

`Chain(BandPass(20, 450), Notch(50))(signal)` filters a whole recording without delay;
`chain.live(rate, channels)` does the causal version sample by sample; `chain.response(rate)` shows
what it does to each frequency; `filter_session` filters a stored session of any length. What does
more than pass frequencies (`MainsTracker`, `MotionArtefact`, `Heartbeat`, `Blink` …) are steps as
well; what changes the channels or the clock (`bipolar`, `unmix`, `resample` …) are functions of the
signal. `preset_for(signal)` looks which mains is there before it notches. A step refuses a signal
it would spoil, and says why: a sensor that gives an envelope must not be band-passed, for its
signal lies below 10 Hz.
"""

from emgnb.filters.base import Step
from emgnb.filters.chain import Chain
from emgnb.filters.engine import LiveChain
from emgnb.filters.events import Blink, Heartbeat
from emgnb.filters.fir import FirBandPass
from emgnb.filters.level import Baseline, Envelope, Normalise, Rectify
from emgnb.filters.linear import BandPass, Detrend, HighPass, LowPass, Notch
from emgnb.filters.lines import mains_lines
from emgnb.filters.long import filter_session
from emgnb.filters.mains import MainsFit, MainsInterpolation, MainsTracker
from emgnb.filters.motion import MotionArtefact
from emgnb.filters.presets import PRESETS, preset, preset_for
from emgnb.filters.resampling import resample
from emgnb.filters.spatial import Unmixing, average_reference, bipolar, unmix
from emgnb.filters.steps import STEPS

__all__ = [
    "PRESETS",
    "STEPS",
    "BandPass",
    "Baseline",
    "Blink",
    "Chain",
    "Detrend",
    "Envelope",
    "FirBandPass",
    "Heartbeat",
    "HighPass",
    "LiveChain",
    "LowPass",
    "MainsFit",
    "MainsInterpolation",
    "MainsTracker",
    "MotionArtefact",
    "Normalise",
    "Notch",
    "Rectify",
    "Step",
    "Unmixing",
    "average_reference",
    "bipolar",
    "filter_session",
    "mains_lines",
    "preset",
    "preset_for",
    "resample",
    "unmix",
]
