"""Record and analyse facial EMG and micro-expressions, every number traceable to the electrode.

Process a file in one line, in a notebook or elsewhere::

    import emgnb

    result = emgnb.process("recordings")    # a session, a recording's folder, a known file
    result.plot()

The same step by step, one module per step::

    from emgnb import acquire, recording, filters, labels, windows, features, models, evaluate

    rec = acquire.start("sim://smile?seed=1", participant="P01")   # or "COM3", "/dev/ttyACM0"
    rec.mark("smile")                                              # … and further markers
    session = recording.open(rec.stop())

    x = session["emg/signal"]
    clean = filters.preset_for(x)(x)
    trials = labels.trials(session)
    cut = windows.cut(clean, trials, length=0.2, step=0.05)
    result = evaluate.cross_validate(features.extract(cut), models.fit, by="trial")

Modules are imported when first used, so that importing emgnb is fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emgnb._lazy import attach

if TYPE_CHECKING:
    from emgnb.processing import process

__version__ = "0.1.0"

_MODULES = (
    "acquire",
    "batch",
    "coupling",
    "cues",
    "detect",
    "doctor",
    "dynamics",
    "evaluate",
    "facs",
    "features",
    "filters",
    "flash",
    "interop",
    "kit",
    "labels",
    "live",
    "models",
    "plots",
    "processing",
    "quality",
    "recording",
    "simulate",
    "spectra",
    "validate",
    "widgets",
    "windows",
)

__all__ = ["__version__", "process", *_MODULES]

__getattr__, __dir__ = attach(__name__, {"process": "processing", **dict.fromkeys(_MODULES)})
