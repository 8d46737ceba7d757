"""State where and for what a recording with emotion labels is used."""

from __future__ import annotations

from typing import Any, TypeVar

import xarray as xr

from emgnb._vocabulary import FELT, PLACES

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset, xr.DataTree)

# Where the EU forbids inferring emotions from biometric data, and the exceptions.
FORBIDDEN = ("education", "work")
EXCEPTIONS = ("medical", "safety")
LAW = (
    "in education and at work, the EU forbids inferring emotions from biometric data, except for "
    "medical or safety reasons (AI Act, Regulation 2024/1689, Art. 5(1)(f))"
)


def state_use(x: Labelled, *, place: str, purpose: str, exception: str | None = None) -> Labelled:
    """Return a recording, windows or features with a statement of use, `attrs["use"]`.

    `models.fit` requires it for labels that say what people felt (`label_meaning="self-report"`),
    and results print it. Action units and instructed expressions need none: they are movements. The
    statement is recorded, not checked, and is no legal advice.

    Parameters
    ----------
    x : session, windows or features; not changed
    place : "research", "clinic", "education", "work" or "home": where the results are used. A
        study at a university is research; grading or watching its students is education
    purpose : what the model is for, in a few words
    exception : "medical" or "safety", the reason that allows a use in education or at work

    Raises
    ------
    ValueError : an unknown place or exception, no purpose, or a use in education or at work without
        an exception
    """
    if place not in PLACES:
        raise ValueError(f"place={place!r}, expected one of {', '.join(PLACES)}")
    if not purpose.strip():
        raise ValueError("purpose is empty: say in a few words what the model is for")
    if exception not in (None, *EXCEPTIONS):
        raise ValueError(f"exception={exception!r}, expected one of {', '.join(EXCEPTIONS)}")
    if place in FORBIDDEN and exception is None:
        raise ValueError(
            f"place={place!r}: {LAW}. If one of these reasons applies, state it: "
            "exception='medical' or 'safety'. Otherwise label movements: action units or "
            "instructed expressions"
        )
    made = x.copy(deep=False)
    made.attrs["use"] = f"{place}, {' '.join(purpose.split())}" + (
        f" ({exception} reasons)" if exception else ""
    )
    return made


def need_use(x: Any) -> None:
    """Raise ValueError if labels say what people felt, and no use was stated."""
    if x.attrs.get("label_meaning") == FELT and not x.attrs.get("use"):
        raise ValueError(
            "the labels are what people reported to feel (label_meaning 'self-report'). State "
            "where and for what the model is used: data = recording.state_use(data, "
            f"place='research', purpose='…'). Note that {LAW}"
        )
