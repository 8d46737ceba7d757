"""Filter steps, joined into a chain that filters a recording or runs live.
`Chain(BandPass(20, 450), Notch(50))(signal)` filters a whole recording with zero phase.
`chain.live(rate, channels)` is the causal version, sample by sample. `chain.response(rate)` gives
the frequency response. `filter_session` filters a stored session of any length. Steps that do more
than pass frequencies (`MainsTracker`, `MotionArtefact`, `Heartbeat`, `Blink` …) are part of chains,
too; functions that change the channels or the rate (`bipolar`, `unmix`, `resample` …) take a
signal. `preset_for(signal)` measures the mains before it notches. Steps raise an error, with the
reason, for signals they do not suit: a band-pass, for example, would remove an envelope, which lies
below 10 Hz.
"""

from emgnb.filters._registry import STEPS, settings
from emgnb.filters.artefacts import Blink, Heartbeat
from emgnb.filters.chain import Chain
from emgnb.filters.envelope import Baseline, Envelope, Normalise, Rectify
from emgnb.filters.fir import FirBandPass
from emgnb.filters.linear import BandPass, Detrend, HighPass, LowPass, Notch
from emgnb.filters.live import LiveChain
from emgnb.filters.mains import MainsInterpolation, MainsTracker
from emgnb.filters.mains_fit import MainsFit
from emgnb.filters.mains_lines import mains_lines
from emgnb.filters.motion import MotionArtefact
from emgnb.filters.past import chain_of
from emgnb.filters.presets import PRESETS, preset, preset_for
from emgnb.filters.resampling import resample
from emgnb.filters.sessions import filter_session
from emgnb.filters.spatial import Unmixing, average_reference, bipolar, unmix
from emgnb.filters.step import Step

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
    "chain_of",
    "filter_session",
    "mains_lines",
    "preset",
    "preset_for",
    "resample",
    "settings",
    "unmix",
]
