"""Facial EMG and micro-expressions in the notebook, truthful from electrode to number.

The journey, a module a leg::

    from emgnb import acquire, recording, filters, labels, windows, features, models, evaluate

    rec = acquire.start("sim://smile?seed=1", participant="P01")   # or "COM3", "/dev/ttyACM0"
    rec.mark("smile")                                              # … and what else was asked for
    session = recording.open(rec.stop())

    clean = filters.preset("raw", rate=1000)(session["emg/signal"])
    trials = labels.trials(session)
    cut = windows.cut(clean, trials, length=0.2, step=0.05)
    result = evaluate.cross_validate(features.extract(cut), models.fit, by="trial")

Modules are loaded when they are first used; importing emgnb costs nothing.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_MODULES = (
    "acquire",
    "cues",
    "detect",
    "doctor",
    "evaluate",
    "facs",
    "features",
    "filters",
    "interop",
    "labels",
    "models",
    "plots",
    "quality",
    "recording",
    "simulate",
    "spectra",
    "widgets",
    "windows",
)

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return import_module(f"emgnb.{name}")
    raise AttributeError(f"module 'emgnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
