"""Four widgets for a notebook: record, guide a person, tune a filter, label what you see.

They hold no science: `Capture` drives `emgnb.acquire`, `Cues` shows an `emgnb.cues.Run`, `Tuner`
calls one `emgnb.filters.Chain`, `Labeller` fills one event table of `emgnb.labels`. Each shows the
line of code that does the same, so what was found by mouse can be written down and run without a
browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emgnb.widgets.capture import Capture
    from emgnb.widgets.cues import Cues
    from emgnb.widgets.labeller import Labeller
    from emgnb.widgets.tuner import Tuner

__all__ = ["Capture", "Cues", "Labeller", "Tuner"]


def __getattr__(name: str) -> Any:
    # one module per widget, loaded when asked for: Cues alone needs no signal, and no SciPy
    if name not in __all__:
        raise AttributeError(f"emgnb.widgets has {', '.join(__all__)}, not {name!r}")
    from importlib import import_module

    return getattr(import_module(f"emgnb.widgets.{name.lower()}"), name)
