"""Convert action units to the 52 face shapes (blendshapes) of Apple's ARKit.

Avatars, game engines and 3-D programs use these shapes. Left and right are the participant's, as
in FACS.

Sources
-------
Names, order and movements: Apple, *ARFaceAnchor.BlendShapeLocation*,
developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation. Movements of action units:
FACS 2002. A shape belongs to the unit whose movement Apple describes, which agrees with M. Ozel,
*ARKit to FACS: blendshape cheat sheet*, melindaozel.com/arkit-to-facs-cheat-sheet, where both have
an equivalent. Factors below 1 are this package's convention for units that have only a similar
shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isnan
from types import MappingProxyType

from emgnb.facs.muscles import MUSCLES, Site, site
from emgnb.facs.notation import EVENT_SIDES, code, faults

BLENDSHAPE_TABLE_VERSION = "2026.1"

# In Apple's order: left eye, right eye, jaw and mouth, brows, cheeks, nose, tongue.
ARKIT: tuple[str, ...] = (
    *(f"eye{what}Left" for what in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp")),
    *("eyeSquintLeft", "eyeWideLeft"),
    *(f"eye{what}Right" for what in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp")),
    *("eyeSquintRight", "eyeWideRight"),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight"),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("noseSneerLeft", "noseSneerRight", "tongueOut"),
)


def _pair(stem: str, factor: float = 1.0) -> dict[str, float]:
    return {f"{stem}Left": factor, f"{stem}Right": factor}


def _table() -> Mapping[str, Mapping[str, float]]:
    rows: dict[str, dict[str, float]] = {
        "1": {"browInnerUp": 1.0},
        "2": _pair("browOuterUp"),
        "4": _pair("browDown"),
        "5": _pair("eyeWide"),
        "6": _pair("cheekSquint"),
        "7": _pair("eyeSquint"),
        "8": {"mouthClose": 1.0},
        "9": _pair("noseSneer"),
        "10": _pair("mouthUpperUp"),
        "12": _pair("mouthSmile"),
        "13": _pair("mouthSmile", 0.5),
        "14": _pair("mouthDimple"),
        "15": _pair("mouthFrown"),
        "16": _pair("mouthLowerDown"),
        "17": {"mouthShrugLower": 1.0},
        "18": {"mouthPucker": 1.0},
        "19": {"tongueOut": 1.0},
        "20": _pair("mouthStretch"),
        "22": {"mouthFunnel": 1.0},
        "23": _pair("mouthPress", 0.5),
        "24": _pair("mouthPress"),
        "25": _pair("mouthLowerDown", 0.5),
        "26": {"jawOpen": 0.5},
        "27": {"jawOpen": 1.0},
        "28": {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
        "29": {"jawForward": 1.0},
        "30": _pair("jaw"),
        "33": {"cheekPuff": 0.5},
        "34": {"cheekPuff": 1.0},
        "43": _pair("eyeBlink"),
        "44": _pair("eyeSquint"),
        "45": _pair("eyeBlink"),
        "46": _pair("eyeBlink"),
        "61": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
        "62": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
        "63": _pair("eyeLookUp"),
        "64": _pair("eyeLookDown"),
        "65": _pair("eyeLookOut"),
        "66": _pair("eyeLookIn"),
    }
    return MappingProxyType({au: MappingProxyType(row) for au, row in rows.items()})


# Number of the action unit → factor of each shape it moves. Units without an entry have no shape
# in ARKit, for example 11 (nasolabial deepener) and 31 (jaw clencher).
BLENDSHAPES: Mapping[str, Mapping[str, float]] = _table()

_UNIT = re.compile(rf"([{''.join(EVENT_SIDES)}]?)(\d+)")
# Halves of the face that a unit on one side does not move.
_OTHER_HALVES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"L": ("Right",), "R": ("Left",), "U": ("Left", "Right"), "T": ("Lower",), "B": ("Upper",)}
)
# The side is the direction here, and without it the movement is not known.
_DIRECTIONS = ("30",)
_SITE_SIDES = MappingProxyType({"left": "L", "right": "R"})


def weights(values: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of the shapes that action units move.

    A shape moved by several units gets the largest of their contributions. A unit of one side moves
    the shapes of that side, and shapes that ARKit does not divide (``browInnerUp``). "U", one side
    of which it is not known, moves only the latter.

    Parameters
    ----------
    values : unit in FACS notation ("12" for both sides, "L12" for the left) → intensity 0–1.
        Values outside are clipped; NaN is a unit that cannot be told and moves nothing

    Returns
    -------
    Shape → weight 0–1, in Apple's order. Only shapes that a given unit moves: the others are
    unknown, not 0

    Raises
    ------
    ValueError : a name that is not a unit in FACS notation

    Examples
    --------
    >>> weights({"L12": 0.5, "1": 0.2})
    {'mouthSmileLeft': 0.5, 'browInnerUp': 0.2}
    """
    found: dict[str, float] = {}
    for unit, value in values.items():
        if not isnan(value):
            clipped = min(max(float(value), 0.0), 1.0)
            for shape, factor in _moved(unit).items():
                found[shape] = max(found.get(shape, 0.0), factor * clipped)
    return {shape: found[shape] for shape in ARKIT if shape in found}


def reachable(sites: Iterable[Site | str]) -> tuple[str, ...]:
    """Return the shapes that electrodes at `sites` can drive, in Apple's order.

    Parameters
    ----------
    sites : sites of a montage, or names of channels such as "zygomaticus_major_l". Channels with
        other names reach nothing

    Examples
    --------
    >>> reachable(["zygomaticus_major_l", "mentalis"])
    ('mouthSmileLeft', 'mouthShrugLower')
    """
    names = {
        code(au, _SITE_SIDES.get(place.side, ""))
        for place in map(_site, sites)
        if place is not None and place.muscle in MUSCLES
        for au in MUSCLES[place.muscle].aus
    }
    return tuple(weights(dict.fromkeys(names, 0.0)))


@lru_cache(maxsize=512)
def _moved(unit: str) -> Mapping[str, float]:
    """Return the factors of the shapes that `unit` moves."""
    found = _UNIT.fullmatch(unit)
    if not found:
        raise ValueError(
            f"{unit!r} is not an action unit; expected side and number as in '12', 'L12' or 'R4'"
        )
    side, au = found.groups()
    wrong = faults(au, side)
    if wrong:
        raise ValueError(f"{unit!r}: {'; '.join(wrong)}")
    if au in _DIRECTIONS and not side:
        return {}
    others = _OTHER_HALVES.get(side, ())
    moved = BLENDSHAPES.get(au, {})
    return {shape: factor for shape, factor in moved.items() if not shape.endswith(others)}


def _site(place: Site | str) -> Site | None:
    if isinstance(place, Site):
        return place
    for side, suffix in (("left", "_l"), ("right", "_r"), ("midline", "")):
        muscle = place.removesuffix(suffix)
        if place.endswith(suffix) and muscle in MUSCLES:
            return site(muscle, side)
    return None
