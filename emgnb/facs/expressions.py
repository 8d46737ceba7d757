"""Table of instructed expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Expression:
    """Instructed expression: action units and their FACS intensities in an ordinary pose.

    A key of `aus` is the number of a unit, or a side and a number ("R12") for one side only.
    """

    name: str
    aus: Mapping[str, str]
    instruction: str
    source: str

    def moves(self, unit: str) -> bool:
        """Return whether a unit belongs to the expression: "12", or "L12" for one side.

        Examples
        --------
        >>> from emgnb import facs
        >>> [facs.EXPRESSIONS["contempt"].moves(unit) for unit in ("12", "L12", "R12")]
        [True, False, True]
        """
        number = unit.lstrip("LR")
        both = {number, f"L{number}", f"R{number}"}
        return not self.aus.keys().isdisjoint({unit, number} if unit != number else both)


def _expressions() -> Mapping[str, Expression]:
    guide = "FACS 2002 investigator's guide, reduced to units that can be posed on request"
    single = "FACS 2002 manual, the units of one movement"
    table: tuple[tuple[str, dict[str, str], str, str], ...] = (
        ("neutral", {}, "Relax your face, lips together, teeth apart.", single),
        ("smile", {"6": "B", "12": "C"}, "Smile with your eyes and your mouth.", guide),
        ("frown", {"4": "C"}, "Draw your eyebrows together and down.", single),
        (
            "surprise",
            {"1": "C", "2": "C", "5": "B", "26": "B"},
            "Raise your eyebrows as high as you can and let your jaw drop.",
            guide,
        ),
        ("disgust", {"9": "C", "10": "B"}, "Wrinkle your nose, raise your upper lip.", guide),
        ("pucker", {"18": "C", "22": "B"}, "Push your lips forward as for a kiss.", single),
        (
            "sad",
            {"1": "B", "4": "A", "15": "C", "17": "B"},
            "Pull the corners of your mouth down, raise the inner eyebrows.",
            guide,
        ),
        (
            "anger",
            {"4": "C", "5": "B", "7": "B", "23": "B", "24": "B"},
            "Lower your eyebrows, tighten your eyelids, press your lips.",
            guide,
        ),
        (
            "fear",
            {"1": "C", "2": "B", "4": "B", "5": "C", "20": "B", "25": "B"},
            "Raise and draw together your eyebrows, stretch your lips sideways.",
            guide,
        ),
        (
            "contempt",
            {"R12": "B", "R14": "B"},
            "Tighten and raise the right corner of your mouth only.",
            "Matsumoto 2008: units 12 and 14 on one side",
        ),
        ("brow raise", {"1": "C", "2": "C"}, "Raise both eyebrows.", single),
        ("squint", {"7": "C"}, "Narrow your eyes.", single),
        ("clench", {"31": "C"}, "Clench your teeth.", single),
        ("wink", {"L46": "C"}, "Close your left eye.", single),
    )
    return MappingProxyType(
        {
            name: Expression(name, MappingProxyType(dict(aus)), instruction, source)
            for name, aus, instruction, source in table
        }
    )


EXPRESSIONS: Mapping[str, Expression] = _expressions()
