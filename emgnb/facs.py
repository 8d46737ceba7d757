"""Action units, the muscles that move them, and the expressions people are asked to make.

The Facial Action Coding System (FACS) describes what a face *does*: action unit 12 pulls the lip
corners, whoever pulls them and whatever for. This module is tables only. A muscle carries the
action units it moves and the neighbours whose activity its electrodes also see (crosstalk); an
expression is what a person is *instructed* to do. None of the names below says what anybody feels:
a posed smile is a smile, not happiness.

Sources
-------
FACS 2002: Ekman, Friesen & Hager, *Facial Action Coding System: the manual* and *investigator's
guide*, 2002. Fridlund & Cacioppo, Guidelines for human electromyographic research, 1986,
doi:10.1111/j.1469-8986.1986.tb00676.x (which muscle lies under which electrode). The sources
disagree about prototypes, so the tables carry a version, and an expression names its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FACS_TABLE_VERSION = "2002.1"

INTENSITIES = ("A", "B", "C", "D", "E")
INTENSITY_NAMES: Mapping[str, str] = MappingProxyType(
    {"A": "trace", "B": "slight", "C": "marked", "D": "severe", "E": "maximum"}
)
# FACS defines the letters by appearance, not by force. Fractions of maximum voluntary contraction
# (MVC) are this package's convention: A-B hold the 7-9 % MVC of the one EMG micro-expression
# corpus (arXiv:2409.00017), C the 10-100 uV of ordinary posing, the steps widening as in FACS.
_FRACTION_OF_MVC = MappingProxyType({"A": 0.05, "B": 0.12, "C": 0.25, "D": 0.50, "E": 0.90})


@dataclass(frozen=True)
class ActionUnit:
    """One action unit: its number as text, its FACS name, the muscle that moves it."""

    number: str
    name: str
    muscle: str
    reachable_by_surface_emg: bool


@dataclass(frozen=True)
class Muscle:
    """A muscle as surface electrodes know it: the units it moves, the neighbours they also see."""

    name: str
    title: str
    aus: tuple[str, ...]
    crosstalk: tuple[str, ...]
    midline: bool = False


@dataclass(frozen=True)
class Expression:
    """An instructed expression: action units and the FACS intensity of an ordinary pose.

    A key of `aus` is a unit number, or a side and a number ("R12") where one side only moves.
    """

    name: str
    aus: Mapping[str, str]
    instruction: str
    source: str


@dataclass(frozen=True)
class Site:
    """One channel of a montage: electrodes over `muscle` on `side` (left, right or midline)."""

    channel: str
    muscle: str
    side: str


def _action_units() -> Mapping[str, ActionUnit]:
    table = (
        ("1", "Inner Brow Raiser", "frontalis_medialis", True),
        ("2", "Outer Brow Raiser", "frontalis_lateralis", True),
        ("4", "Brow Lowerer", "corrugator", True),
        ("5", "Upper Lid Raiser", "levator_palpebrae_superioris", False),
        ("6", "Cheek Raiser", "orbicularis_oculi", True),
        ("7", "Lid Tightener", "orbicularis_oculi", True),
        ("9", "Nose Wrinkler", "levator_labii", True),
        ("10", "Upper Lip Raiser", "levator_labii", True),
        ("11", "Nasolabial Deepener", "zygomaticus_minor", True),
        ("12", "Lip Corner Puller", "zygomaticus_major", True),
        ("13", "Sharp Lip Puller", "zygomaticus_major", True),
        ("14", "Dimpler", "buccinator", True),
        ("15", "Lip Corner Depressor", "depressor_anguli_oris", True),
        ("16", "Lower Lip Depressor", "depressor_anguli_oris", True),
        ("17", "Chin Raiser", "mentalis", True),
        ("18", "Lip Pucker", "orbicularis_oris", True),
        ("20", "Lip Stretcher", "platysma", True),
        ("22", "Lip Funneler", "orbicularis_oris", True),
        ("23", "Lip Tightener", "orbicularis_oris", True),
        ("24", "Lip Pressor", "orbicularis_oris", True),
        ("25", "Lips Part", "relaxation_of_mentalis_or_orbicularis_oris", False),
        ("26", "Jaw Drop", "relaxation_of_masseter", False),
        ("27", "Mouth Stretch", "pterygoids_and_digastric", False),
        ("28", "Lip Suck", "orbicularis_oris", True),
        ("31", "Jaw Clencher", "masseter", True),
        ("43", "Eyes Closed", "relaxation_of_levator_palpebrae_superioris", False),
        ("45", "Blink", "orbicularis_oculi", True),
        ("46", "Wink", "orbicularis_oculi", True),
    )
    return MappingProxyType({row[0]: ActionUnit(*row) for row in table})


AUS: Mapping[str, ActionUnit] = _action_units()


def _muscles() -> Mapping[str, Muscle]:
    table = (
        Muscle(
            "frontalis_medialis",
            "Frontalis, medial part",
            ("1",),
            ("corrugator", "frontalis_lateralis"),
        ),
        Muscle(
            "frontalis_lateralis",
            "Frontalis, lateral part",
            ("2",),
            ("corrugator", "frontalis_medialis"),
        ),
        Muscle(
            "corrugator",
            "Corrugator supercilii (with depressor supercilii, procerus)",
            ("4",),
            ("frontalis_medialis", "frontalis_lateralis", "orbicularis_oculi"),
        ),
        Muscle(
            "orbicularis_oculi",
            "Orbicularis oculi, orbital part",
            ("6", "7", "45", "46"),
            ("zygomaticus_major",),
        ),
        Muscle(
            "levator_labii",
            "Levator labii superioris (alaeque nasi)",
            ("9", "10"),
            ("zygomaticus_minor",),
        ),
        Muscle("zygomaticus_minor", "Zygomaticus minor", ("11",), ("levator_labii",)),
        Muscle(
            "zygomaticus_major",
            "Zygomaticus major",
            ("12", "13"),
            ("masseter", "buccinator", "orbicularis_oculi"),
        ),
        Muscle("buccinator", "Buccinator", ("14",), ("zygomaticus_major", "masseter")),
        Muscle(
            "depressor_anguli_oris",
            "Depressor anguli oris (with depressor labii inferioris)",
            ("15", "16"),
            ("platysma", "mentalis"),
        ),
        Muscle("mentalis", "Mentalis", ("17",), ("orbicularis_oris",), midline=True),
        Muscle(
            "orbicularis_oris",
            "Orbicularis oris",
            ("18", "22", "23", "24", "28"),
            ("mentalis",),
        ),
        Muscle("platysma", "Platysma (with risorius)", ("20",), ("depressor_anguli_oris",)),
        Muscle("masseter", "Masseter (control)", ("31",), ("zygomaticus_major", "buccinator")),
    )
    return MappingProxyType({muscle.name: muscle for muscle in table})


MUSCLES: Mapping[str, Muscle] = _muscles()


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

_SUFFIX = MappingProxyType({"left": "_l", "right": "_r", "midline": ""})


def site(muscle: str, side: str = "left") -> Site:
    """Name the channel over `muscle` on `side`: ``zygomaticus_major_l``; midline has no suffix.

    Raises
    ------
    ValueError : the muscle is not in `MUSCLES`, or the side is none of left, right, midline
    """
    if muscle not in MUSCLES:
        raise ValueError(f"no muscle {muscle!r} in the table; it has: {', '.join(MUSCLES)}")
    if side not in _SUFFIX:
        raise ValueError(f"side {side!r} is none of: {', '.join(_SUFFIX)}")
    return Site(muscle + _SUFFIX[side], muscle, side)


# Both cheeks, because a one-sided smile is the asymmetry people look for first; else the left.
DEFAULT_MONTAGE: tuple[Site, ...] = (
    site("frontalis_medialis"),
    site("corrugator"),
    site("orbicularis_oculi"),
    site("levator_labii"),
    site("zygomaticus_major", "left"),
    site("zygomaticus_major", "right"),
    site("depressor_anguli_oris"),
    site("mentalis", "midline"),
)

# The default eight first, so that a montage of n channels is always the first n of this one.
WIDE_MONTAGE: tuple[Site, ...] = (
    *DEFAULT_MONTAGE,
    site("frontalis_lateralis", "left"),
    site("orbicularis_oris", "left"),
    site("masseter", "left"),
    site("frontalis_lateralis", "right"),
    site("corrugator", "right"),
    site("orbicularis_oculi", "right"),
    site("levator_labii", "right"),
    site("depressor_anguli_oris", "right"),
)


def intensity_fraction(letter: str) -> float:
    """Give the fraction of maximum voluntary contraction that stands for a FACS intensity.

    Raises
    ------
    ValueError : `letter` is none of A to E
    """
    if letter not in _FRACTION_OF_MVC:
        raise ValueError(f"intensity {letter!r} is none of A (trace) to E (maximum)")
    return _FRACTION_OF_MVC[letter]


def intensity_letter(fraction: float) -> str:
    """Give the FACS intensity nearest, on a logarithmic scale, to a fraction of MVC.

    Raises
    ------
    ValueError : `fraction` is not positive (nothing moves: there is no letter for that)
    """
    if not fraction > 0:
        raise ValueError(f"an intensity needs a positive fraction of MVC, not {fraction}")
    return min(
        INTENSITIES,
        key=lambda x: max(fraction / _FRACTION_OF_MVC[x], _FRACTION_OF_MVC[x] / fraction),
    )
