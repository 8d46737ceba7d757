"""Plot labelled arrays as plotly figures.

Every figure shows units and gaps, and decimation keeps single-sample spikes. Colours are
distinguishable for colour-blind readers (Okabe and Ito 2008), and backgrounds are transparent, so
that figures are readable in light and dark themes. Nothing is computed here except the drawing.
"""

from emgnb._extras import explained

with explained("emgnb.plots"):
    from emgnb.plots.coupling import coherence
    from emgnb.plots.dynamics import asymmetry, stability
    from emgnb.plots.explanations import attribution, calibration, occlusion, rejection
    from emgnb.plots.frequency import response, spectrum
    from emgnb.plots.learning import accuracy, confusion, features, learning_curve, training
    from emgnb.plots.overview import health
    from emgnb.plots.signals import events, signal, timeline
    from emgnb.plots.tasks import fitts, task
    from emgnb.plots.validation import validation

__all__ = [
    "accuracy",
    "asymmetry",
    "attribution",
    "calibration",
    "coherence",
    "confusion",
    "events",
    "features",
    "fitts",
    "health",
    "learning_curve",
    "occlusion",
    "rejection",
    "response",
    "signal",
    "spectrum",
    "stability",
    "task",
    "timeline",
    "training",
    "validation",
]
