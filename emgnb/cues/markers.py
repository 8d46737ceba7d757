"""Reserved markers of a protocol, and markers that were removed by a later one."""

from __future__ import annotations

from collections.abc import Sequence

from emgnb import _vocabulary
from emgnb._vocabulary import TRIAL, asked

BASELINE, END = _vocabulary.BASELINE, _vocabulary.END
PAUSE, SPOILT = _vocabulary.PAUSE, _vocabulary.SPOILT


def opens_trial(text: str) -> bool:
    """Return whether a marker is the name of an expression and not a reserved marker.

    Examples
    --------
    >>> from emgnb import cues
    >>> cues.opens_trial("smile"), cues.opens_trial("baseline")
    (True, False)
    """
    return asked(text)[0] == TRIAL


def taken_back(texts: Sequence[str]) -> list[int]:
    """Return the indices of markers that are removed by a "spoilt" after them, of any kind.

    Examples
    --------
    >>> from emgnb import cues
    >>> cues.taken_back(["smile", "spoilt", "frown"])
    [0]
    """
    found, last = [], None
    for i, text in enumerate(texts):
        if text == SPOILT and last is not None:
            found.append(last)
            last = None
        elif text and text not in (END, PAUSE, SPOILT):
            last = i
    return found
