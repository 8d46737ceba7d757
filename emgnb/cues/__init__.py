"""Run guided protocols: cue a participant, and mark the cues in a recording.

A `Protocol` lists expressions, repetitions and durations, and can be stored as a TOML file. `Run`
steps through it during a recording. Each step has a countdown, a hold and a rest. A marker with the
expression's name is set when the hold begins, and the marker "end" when it ends. A spoilt trial is
marked and repeated at the end. `Run` does not draw anything; it calls `show` with each new
`Moment`.

Reserved markers (`opens_trial` is False) are "baseline" (rest at the start), "practice …", "mvc …"
(maximum voluntary contraction, for normalisation), "end", "pause", and "spoilt", which removes the
trial before it.
"""

from emgnb.cues.markers import BASELINE, END, PAUSE, SPOILT, opens_trial, taken_back
from emgnb.cues.protocol import LONGEST, ORDERS, Prompt, Protocol, load, scaled
from emgnb.cues.run import MarkerSink, Moment, Run

__all__ = [
    "BASELINE",
    "END",
    "LONGEST",
    "ORDERS",
    "PAUSE",
    "SPOILT",
    "MarkerSink",
    "Moment",
    "Prompt",
    "Protocol",
    "Run",
    "load",
    "opens_trial",
    "scaled",
    "taken_back",
]
