"""Notebook widgets to record, cue participants, tune filters, label events and show faces.

The widgets compute nothing themselves: `Capture` controls `emgnb.acquire`, `Cues` shows an
`emgnb.cues.Run`, `Tuner` applies one `emgnb.filters.Chain`, `Labeller` edits one event table of
`emgnb.labels`, `Study` lists the sessions of `recording.study`, `Face` shows the outputs of
`emgnb.live` or a session on a 3-D head, `Feedback` shows a task of `emgnb.live.tasks`, and
`WebSerial` connects a board at the browser. Each widget shows the equivalent code, which runs
without a browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emgnb._lazy import attach

if TYPE_CHECKING:
    from emgnb.widgets.capture.widget import Capture
    from emgnb.widgets.cues.widget import Cues
    from emgnb.widgets.face.widget import Face
    from emgnb.widgets.feedback.widget import Feedback
    from emgnb.widgets.labeller.widget import Labeller
    from emgnb.widgets.study.widget import Study
    from emgnb.widgets.tuner.widget import Tuner
    from emgnb.widgets.webserial.widget import WebSerial

__all__ = ["Capture", "Cues", "Face", "Feedback", "Labeller", "Study", "Tuner", "WebSerial"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Capture": "capture.widget",
        "Cues": "cues.widget",
        "Face": "face.widget",
        "Feedback": "feedback.widget",
        "Labeller": "labeller.widget",
        "Study": "study.widget",
        "Tuner": "tuner.widget",
        "WebSerial": "webserial.widget",
    },
)
