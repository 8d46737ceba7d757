"""Define which action units are compatible, and which ones people add to an expression.

A posed expression consists of the instructed units and a few weak ones that a person always adds:
lids tighten when the nose wrinkles, teeth clench when lips press. The choice of added units is ours
and is guided by the combinations in the FACS 2002 manual.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

# Pairs of units that move the same skin, lid or jaw in opposite directions. FACS describes some of
# them as blends, but people do not combine them in a single instructed expression.
_OPPOSED = frozenset(
    frozenset(pair)
    for pair in (
        *(("31", open_) for open_ in ("26", "27")),
        *(("24", open_) for open_ in ("22", "25", "26", "27")),
        *(("28", away) for away in ("18", "22", "25", "26", "27")),
        *(("17", down) for down in ("16", "27")),
        *((narrow, wide) for narrow in ("18", "22") for wide in ("12", "13", "14", "15", "20")),
        *((up, "15") for up in ("12", "13")),
        *(("5", shut) for shut in ("43", "46")),
    )
)

# Units that people add to each expression, most common first; each person has a few of them.
COMPANIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "neutral": (),
        "smile": ("7", "14", "1", "2", "10", "9", "24", "31"),
        "frown": ("7", "6", "9", "17", "24", "23", "31", "14"),
        "surprise": ("25", "12", "20", "10", "6", "7", "22"),
        "disgust": ("4", "7", "6", "17", "15", "24", "20", "12"),
        "pucker": ("17", "4", "7", "1", "2", "23", "6", "31"),
        "sad": ("7", "24", "6", "20", "10", "2", "31"),
        "anger": ("17", "10", "9", "31", "15", "6", "14"),
        "fear": ("7", "26", "10", "15", "16", "12", "9"),
        "contempt": ("4", "7", "24", "17", "10", "6", "2", "31"),
        "brow raise": ("5", "17", "24", "14", "12", "31"),
        "squint": ("4", "6", "9", "10", "12", "1", "24"),
        "clench": ("24", "7", "17", "14", "4", "23", "12"),
        "wink": ("6", "4", "10", "12", "9", "14", "2"),
    }
)


def opposed(unit: str, *others: str) -> bool:
    """Return whether a unit is incompatible with any of the others."""
    return any(frozenset((unit, other)) in _OPPOSED for other in others)


def compatible(wanted: Iterable[str], held: Iterable[str], *, most: int) -> list[str]:
    """Choose the first `most` wanted units that are compatible with `held` and each other."""
    chosen: list[str] = []
    for unit in wanted:
        if len(chosen) < most and not opposed(unit, *held, *chosen):
            chosen.append(unit)
    return chosen
