"""Figures: a labelled array goes in, a plotly figure comes out; only the drawing is computed here.

Every figure names its units, shows a gap as a gap, keeps the single-sample spike that a thinned-out
curve would lose, and uses colours that colour-blind readers can tell apart (Okabe and Ito 2008) on
a transparent ground, so that it reads on a light page and on a dark one.
"""

from emgnb.plots.frequency import response, spectrum
from emgnb.plots.health import health
from emgnb.plots.learning import accuracy, confusion, features, training
from emgnb.plots.signals import events, signal, timeline

__all__ = [
    "accuracy",
    "confusion",
    "events",
    "features",
    "health",
    "response",
    "signal",
    "spectrum",
    "timeline",
    "training",
]
