"""Create trials from cue markers, and event tables from coded action units.

A *trial* is the period in which one instructed expression is held: it starts a reaction time after
a cue and ends at the next cue. An *event* is one action unit (or expression) with onset, apex and
offset, as coded by a person. Events may overlap, have sides and intensities, and each coder has a
separate table. `agreement` compares two coders, `consensus` and `adjudicate` make one table of
several and keep what each coder said.
"""

from emgnb import recording
from emgnb.labels.coders import adjudicate, channels_for, consensus, disagreements, merge, snap
from emgnb.labels.comparing import Agreement, agreement
from emgnb.labels.periods import trials, trials_from_events
from emgnb.labels.tables import events, moments, with_labels

SIDES = recording.EVENT_SIDES
INTENSITIES = recording.EVENT_INTENSITIES

__all__ = [
    "INTENSITIES",
    "SIDES",
    "Agreement",
    "adjudicate",
    "agreement",
    "channels_for",
    "consensus",
    "disagreements",
    "events",
    "merge",
    "moments",
    "snap",
    "trials",
    "trials_from_events",
    "with_labels",
]
