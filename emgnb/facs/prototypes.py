"""Table of published prototypes of emotional expressions, and their similarity to a coding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from emgnb.facs.coding import Code, Coding, terms_of

PROTOTYPE_TABLE_VERSION = "2002.1"
_ONE_SIDED = {"L", "R", "U"}


@dataclass(frozen=True)
class Prototype:
    """Pattern of action units published under the name of an emotion.

    Attributes
    ----------
    name : name that the source gives the pattern
    units : the units of the pattern; an entry with several holds alternatives, and "U" before a
        number means one side only
    optional : units that may occur as well
    source : where the pattern is published
    """

    name: str
    units: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Match:
    """Similarity of a coding to a prototype.

    Attributes
    ----------
    name : name of the prototype
    dice : Dice coefficient, 0 (no unit in common) to 1 (the same units)
    shared, missing, further : units of both, of the prototype only, and of the coding only
    source : where the prototype is published
    """

    name: str
    dice: float
    shared: tuple[str, ...]
    missing: tuple[str, ...]
    further: tuple[str, ...]
    source: str


def _prototypes() -> tuple[Prototype, ...]:
    guide = "FACS 2002 investigator's guide"
    contempt = "Matsumoto and Ekman 2004, doi:10.1037/0022-3514.87.4.529; Matsumoto 2008"
    return (
        Prototype("happiness", (("6",), ("12",)), (), guide),
        Prototype("surprise", (("1",), ("2",), ("5",), ("26", "27")), (), guide),
        Prototype("fear", (("1",), ("2",), ("4",), ("5",), ("25", "26", "27")), ("20",), guide),
        Prototype("sadness", (("1",), ("4",), ("15",)), ("11",), guide),
        Prototype("sadness", (("6",), ("15",)), (), guide),
        Prototype("disgust", (("9", "10"),), ("16", "17"), guide),
        Prototype(
            "anger",
            (("4",), ("5",), ("7",), ("23", "24")),
            ("10", "17", "22", "25", "26"),
            guide,
        ),
        Prototype("contempt", (("U12",), ("U14",)), (), contempt),
    )


PROTOTYPES: tuple[Prototype, ...] = _prototypes()


def similar(coding: Coding | Iterable[Code]) -> list[Match]:
    """Return the similarity of a coding to each prototype, most similar first.

    The Dice coefficient is twice the number of shared units over the number of units of both. An
    optional unit counts only if it is coded; of alternatives, in the prototype and in the coding,
    those that agree best are used. Intensities and doubts are ignored. Sources disagree about
    prototypes, several may match, and a match describes a movement, not what a person feels.

    Parameters
    ----------
    coding : result of `parse`, or codes that occur together

    Returns
    -------
    One match per name, the most similar of its prototypes

    Examples
    --------
    >>> from emgnb.facs import parse
    >>> [(m.name, round(m.dice, 2)) for m in similar(parse("6B+12C+25"))][:2]
    [('happiness', 0.8), ('sadness', 0.4)]
    """
    seen = [frozenset(chosen) for chosen in product(*terms_of(coding))]
    best: dict[str, Match] = {}
    for prototype in PROTOTYPES:
        for codes, units in product(seen, product(*prototype.units)):
            match = _match(prototype, units, codes)
            if prototype.name not in best or match.dice > best[prototype.name].dice:
                best[prototype.name] = match
    return sorted(best.values(), key=lambda match: -match.dice)


def _match(prototype: Prototype, units: tuple[str, ...], codes: frozenset[Code]) -> Match:
    coded = {code.au for code in codes}
    sides = {au: {code.side for code in codes if code.au == au} for au in coded}
    one_sided = {f"U{au}" for au, on in sides.items() if len(on) == 1 and on <= _ONE_SIDED}
    wanted = {*units, *(u for u in prototype.optional if u in coded)}
    shared = {u for u in wanted if u in coded or u in one_sided}
    further = coded - {u.removeprefix("U") for u in shared}
    return Match(
        prototype.name,
        2 * len(shared) / (len(wanted) + len(coded)),
        _ordered(shared),
        _ordered(wanted - shared),
        _ordered(further),
        prototype.source,
    )


def _ordered(units: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(units, key=lambda unit: int(unit.removeprefix("U"))))
