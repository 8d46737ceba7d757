"""Write and check the notation of FACS events, such as L12C."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from emgnb.facs.units import CODES

INTENSITIES = ("A", "B", "C", "D", "E")
INTENSITY_NAMES: Mapping[str, str] = MappingProxyType(
    {"A": "trace", "B": "slight", "C": "marked", "D": "severe", "E": "maximum"}
)
# A to E on the scale of OpenFace, on which 0 is absent.
INTENSITY_NUMBERS: Mapping[str, int] = MappingProxyType(
    {letter: number for number, letter in enumerate(INTENSITIES, 1)}
)
# FACS defines the letters by appearance, not by force. Fractions of maximum voluntary contraction
# (MVC) are this package's convention: A and B span the 7-9 % MVC of the one EMG micro-expression
# corpus (arXiv:2409.00017), C the 10-100 uV of ordinary posing, and the steps widen as in FACS.
_FRACTION_OF_MVC = MappingProxyType({"A": 0.05, "B": 0.12, "C": 0.25, "D": 0.50, "E": 0.90})

# Side codes of FACS, written before the number.
EVENT_SIDES: Mapping[str, str] = MappingProxyType(
    {
        "": "both sides",
        "L": "left",
        "R": "right",
        "U": "one side",
        "T": "top lip",
        "B": "bottom lip",
    }
)
LIP_SIDES = ("T", "B")
# Action units that can occur in one lip alone.
LIP_UNITS = ("8", "18", "22", "23", "24", "25", "28", "32")
# Notation of an event.
WRITTEN = "{side}{au}{intensity}"
# Notation data with which the labeller writes and parses events in the same way as `code`.
NOTATION: Mapping[str, Any] = MappingProxyType(
    {
        "written": WRITTEN,
        "sides": [side for side in EVENT_SIDES if side],
        "lipSides": list(LIP_SIDES),
        "lipUnits": list(LIP_UNITS),
        "intensities": list(INTENSITIES),
    }
)


def code(au: str, side: str = "", intensity: str = "") -> str:
    """Format an event in FACS notation: side, unit, intensity. Bilateral events have no side.

    Examples
    --------
    >>> code("12", "L", "C"), code("4", intensity="B"), code("23", "B")
    ('L12C', '4B', 'B23')
    """
    return WRITTEN.format(side=side, au=au, intensity=intensity)


def faults(au: str, side: str = "", intensity: str = "") -> list[str]:
    """Return the faults in the code of an event, in sentences; each part may be empty.

    Parameters
    ----------
    au : number of a unit, such as "12"
    side : key of `EVENT_SIDES`; T and B are single lips, and valid for `LIP_UNITS` only
    intensity : A to E

    Examples
    --------
    >>> from emgnb import facs
    >>> facs.faults("12", "L", "C")
    []
    >>> len(facs.faults("12", "T"))  # T is the top lip, which AU 12 does not have
    1
    """
    found = []
    if au.upper().startswith("AU"):
        found.append(f"au={au!r}, expected the number alone, such as '12'")
    elif au and au not in CODES:
        found.append(f"au={au!r}: not an action unit of FACS; expected one of {', '.join(CODES)}")
    for name, value, known in (
        ("side", side, tuple(EVENT_SIDES)),
        ("intensity", intensity, INTENSITIES),
    ):
        if value and value not in known:
            words = ", ".join(word for word in known if word)
            found.append(f"{name}={value!r}, expected one of {words}, or empty")
    if side in LIP_SIDES and au not in LIP_UNITS:
        found.append(lip_fault(au, side))
    return found


def lip_fault(au: str, side: str) -> str:
    """Return the message that `side` is not valid for `au`."""
    return (
        f"side={side!r} is the {EVENT_SIDES[side]}, which needs a unit of the lips "
        f"({', '.join(LIP_UNITS)}), not {au!r}; both sides of the face are written without a side"
    )


def intensity_fraction(letter: str) -> float:
    """Return the fraction of maximum voluntary contraction (MVC) for a FACS intensity.

    Raises
    ------
    ValueError : `letter` is not one of A to E

    Examples
    --------
    >>> from emgnb import facs
    >>> facs.intensity_fraction("C")
    0.25
    """
    if letter not in _FRACTION_OF_MVC:
        raise ValueError(f"intensity {letter!r} is not one of A (trace) to E (maximum)")
    return _FRACTION_OF_MVC[letter]


def intensity_letter(fraction: float) -> str:
    """Return the FACS intensity nearest to a fraction of MVC, on a logarithmic scale.

    Raises
    ------
    ValueError : `fraction` is not positive (no movement has no letter)

    Examples
    --------
    >>> from emgnb import facs
    >>> facs.intensity_letter(0.3)
    'C'
    """
    if not fraction > 0:
        raise ValueError(f"expected a positive fraction of MVC, found {fraction}")
    return min(
        INTENSITIES,
        key=lambda x: max(fraction / _FRACTION_OF_MVC[x], _FRACTION_OF_MVC[x] / fraction),
    )
