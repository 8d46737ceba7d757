"""Parse and write the FACS coding of a face, such as L12B+6."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, product

from emgnb.facs.notation import EVENT_SIDES, INTENSITIES, WRITTEN, faults
from emgnb.facs.units import CODES, EXCLUSIVE

# Asymmetry of a bilateral action, by how much one side is stronger: 1 (V, G) to 5 (Z, K).
LEFT_STRONGER = ("V", "W", "X", "Y", "Z")
RIGHT_STRONGER = ("G", "H", "I", "J", "K")
ASYMMETRIES = (*LEFT_STRONGER, *RIGHT_STRONGER)
_SIDES = "".join(side for side in EVENT_SIDES if side)
_LEVELS = "".join(INTENSITIES)
_SKEWS = "".join(ASYMMETRIES)
_UNIT = re.compile(
    rf"(?:AU)?(?P<side>[{_SIDES}]?)(?:AU)?(?P<au>\d+)(?P<skew1>[{_SKEWS}]?)"
    rf"(?P<intensity>[{_LEVELS}]?)(?:[-–](?P<upto>[{_LEVELS}]))?(?P<skew2>[{_SKEWS}]?)"
    r"(?P<doubt>\??)"
)
_SPAN = re.compile(r"(?:AU)?(?P<first>\d+)[-–](?:AU)?(?P<last>\d+)(?P<doubt>\??)")
_MARK = re.compile(r"(?:AU)?\?+")


@dataclass(frozen=True)
class Code:
    """Coded action unit: side, unit, intensity or range of intensities, asymmetry, doubt.

    Attributes
    ----------
    au : number of the unit, such as "12"
    side : key of `EVENT_SIDES`; "" for both sides
    intensity : A to E, or "" if not coded
    upto : the upper end of a range of intensities ("C" of "12A-C"), or ""
    asymmetry : V to Z if the left is stronger by 1 to 5, G to K if the right is, or ""
    doubtful : whether the coder put a question mark after the code
    """

    au: str
    side: str = ""
    intensity: str = ""
    upto: str = ""
    asymmetry: str = ""
    doubtful: bool = False

    def __str__(self) -> str:
        level = f"{self.intensity}-{self.upto}" if self.upto else self.intensity
        unit = WRITTEN.format(side=self.side, au=self.au, intensity=level)
        return f"{unit}{self.asymmetry}{'?' if self.doubtful else ''}"

    @property
    def difference(self) -> int:
        """Steps by which the right side is stronger than the left; 0 if no asymmetry is coded."""
        if self.asymmetry in RIGHT_STRONGER:
            return 1 + RIGHT_STRONGER.index(self.asymmetry)
        return -1 - LEFT_STRONGER.index(self.asymmetry) if self.asymmetry else 0


@dataclass(frozen=True)
class Coding:
    """Coding of one face: units that occur together, with alternatives.

    Attributes
    ----------
    terms : one entry per unit; an entry with several codes holds alternatives ("26/27")
    remarks : what `parse` left out or changed, in sentences; not compared
    """

    terms: tuple[tuple[Code, ...], ...]
    remarks: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Coding) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    def __str__(self) -> str:
        return "+".join("/".join(map(str, term)) for term in self.terms)

    @property
    def codes(self) -> tuple[Code, ...]:
        """All codes, alternatives included."""
        return tuple(code for term in self.terms for code in term)


def parse(text: str) -> Coding:
    """Parse a coder's notation of one face.

    Units are joined by ``+`` and alternatives by ``/``; `write` writes the same text again. The
    notation of published tables is understood as well: spaces, commas or ``&`` between units,
    "AU" before numbers, small letters, "or" between alternatives, a range of units ("25-27", read
    as 25/26/27), asymmetry before intensity, and question marks. A question mark without a unit is
    left out with a remark. An empty text and "0" are a neutral face, without terms.

    Parameters
    ----------
    text : such as "L12B+6", "R12A+R14A", "12CV", "12A-C", "26/27", "4 or AU 9?"

    Raises
    ------
    TypeError : not a text
    ValueError : a part that is not a code, a code that FACS does not define, or a unit twice on one
        side

    Examples
    --------
    >>> write(parse("l12b + AU6"))
    'L12B+6'
    >>> parse("12CX").codes[0].difference
    -3
    """
    if not isinstance(text, str):
        raise TypeError(f"expected the notation as text, found {type(text).__name__}")
    remarks: list[str] = []
    terms = []
    for part in _parts(text):
        term = tuple(code for each in part.split("/") for code in _alternatives(each, text))
        if term:
            terms.append(tuple(dict.fromkeys(term)))
        if any(_MARK.fullmatch(each) for each in part.split("/")):
            remarks.append(f"{text!r}: a question mark without a unit is left out")
    _unique(terms, text)
    return Coding(tuple(terms), tuple(remarks))


def write(coding: Coding | Code | Iterable[Code]) -> str:
    """Write a coding, a code, or several codes that occur together; `parse` reads it.

    Examples
    --------
    >>> write([Code("12", side="L", intensity="B"), Code("6")])
    'L12B+6'
    """
    if isinstance(coding, Coding | Code):
        return str(coding)
    return "+".join(map(str, coding))


def code_faults(code: Code) -> list[str]:
    """Return the faults of a code in sentences; empty if FACS defines it."""
    found = faults(code.au, code.side, code.intensity)
    if not code.au:
        found.append("au='': expected the number of a unit, such as '12'")
    if code.upto and not ("A" <= code.intensity < code.upto <= "E"):
        found.append(
            f"{code}: a range of intensities goes from a lower to a higher letter of A to E"
        )
    if code.asymmetry and code.asymmetry not in ASYMMETRIES:
        found.append(f"asymmetry={code.asymmetry!r}, expected one of {', '.join(ASYMMETRIES)}")
    if code.asymmetry and code.side:
        found.append(
            f"{code}: asymmetry {code.asymmetry!r} compares two sides, but the code is for "
            f"{EVENT_SIDES.get(code.side, code.side)} only. Leave out one of them"
        )
    return found


def conflicts(coding: Coding | Iterable[Code]) -> list[str]:
    """Return the pairs of codes that cannot occur together, in sentences (see `EXCLUSIVE`).

    Alternatives ("26/27") do not exclude each other, since only one of them occurs. Neither do left
    and right, or top and bottom lip.

    Parameters
    ----------
    coding : result of `parse`, or codes that occur together
    """
    return [
        f"{a} and {b} exclude each other: {EXCLUSIVE[pair]}"
        for one, other in combinations(terms_of(coding), 2)
        for a, b in product(one, other)
        if (pair := frozenset((a.au, b.au))) in EXCLUSIVE
        and {a.side, b.side} not in ({"L", "R"}, {"T", "B"})
    ]


def terms_of(coding: Coding | Iterable[Code]) -> tuple[tuple[Code, ...], ...]:
    """Return the terms of a coding; each of several codes is a term of its own."""
    return coding.terms if isinstance(coding, Coding) else tuple((code,) for code in coding)


def _parts(text: str) -> list[str]:
    """Split a text into terms without spaces; "or" becomes "/"."""
    plain = re.sub(r"\bOR\b|(?<=[\dA-Z?])OR(?=(?:AU|[LRUTB])?\d)", "/", text.upper())
    plain = re.sub(r"\s*([/–-])\s*", r"\1", plain)
    plain = re.sub(r"\b([LRUTB])\s+(?=\d)", r"\1", plain)
    plain = re.sub(r"\bAU\s+(?=[LRUTB]?\d)", "AU", plain)
    plain = re.sub(r"\s+(?=\?)", "", plain)
    parts = [part for part in re.split(r"[+,;&\s]+", plain) if part]
    return [] if parts == ["0"] else parts


def _alternatives(part: str, text: str) -> list[Code]:
    if _MARK.fullmatch(part):
        return []
    span = _SPAN.fullmatch(part)
    if span:
        return _span(span, part)
    found = _UNIT.fullmatch(part)
    if not found:
        raise ValueError(
            f"{text!r}: {part!r} is not a code. Expected side (L, R, U, T, B), number, intensity "
            "(A to E), asymmetry (V to Z, G to K), such as 'L12B' or '12CV', joined by '+'"
        )
    if found["skew1"] and found["skew2"]:
        raise ValueError(f"{text!r}: {part!r} has two letters of asymmetry, expected one")
    code = Code(
        str(int(found["au"])),
        found["side"],
        found["intensity"],
        found["upto"] or "",
        found["skew1"] or found["skew2"],
        bool(found["doubt"]),
    )
    wrong = code_faults(code)
    if wrong:
        raise ValueError(f"{text!r}: {'; '.join(wrong)}")
    return [code]


def _span(span: re.Match[str], part: str) -> list[Code]:
    first, last = int(span["first"]), int(span["last"])
    known = [str(n) for n in range(first, last + 1) if str(n) in CODES]
    if first >= last or {str(first), str(last)} - set(known):
        raise ValueError(
            f"{part!r}: a range of units goes from a lower to a higher unit of FACS, as in '25-27'"
        )
    return [Code(au, doubtful=bool(span["doubt"])) for au in known]


def _unique(terms: list[tuple[Code, ...]], text: str) -> None:
    seen: set[tuple[str, str]] = set()
    for term in terms:
        mine = {(code.au, code.side) for code in term}
        if mine & seen:
            au, side = sorted(mine & seen)[0]
            raise ValueError(
                f"{text!r}: {side}{au} occurs twice. Write a unit once per side, or alternatives "
                "with '/'"
            )
        seen |= mine
