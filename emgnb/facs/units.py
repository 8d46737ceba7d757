"""Tables of FACS action units and other FACS codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Version of the tables. In 2002.2 bilateral events have no side code.
FACS_TABLE_VERSION = "2002.2"
# Earlier versions, which used "B" for bilateral events; in FACS it means the bottom lip.
FACS_TABLE_VERSIONS_WITH_BOTH = (None, "2002.1")


@dataclass(frozen=True)
class ActionUnit:
    """Action unit: number (as text), FACS name, and the muscles that move it.

    `muscle` is the one over which an electrode records the unit; `muscles` are all muscles that the
    FACS manual names, in its terms.
    """

    number: str
    name: str
    muscle: str
    reachable_by_surface_emg: bool

    @property
    def muscles(self) -> tuple[str, ...]:
        """The muscles that the FACS manual names for the unit."""
        return _ANATOMY[self.number]

    @property
    def excludes(self) -> tuple[str, ...]:
        """Numbers of the codes that cannot occur together with the unit, see `EXCLUSIVE`."""
        found = {au for pair in EXCLUSIVE if self.number in pair for au in pair} - {self.number}
        return tuple(sorted(found, key=int))


# FACS 2002, in its terms.
_ANATOMY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "1": ("frontalis, pars medialis",),
        "2": ("frontalis, pars lateralis",),
        "4": ("depressor glabellae", "depressor supercilii", "corrugator supercilii"),
        "5": ("levator palpebrae superioris",),
        "6": ("orbicularis oculi, pars orbitalis",),
        "7": ("orbicularis oculi, pars palpebralis",),
        "9": ("levator labii superioris alaeque nasi",),
        "10": ("levator labii superioris, caput infraorbitalis",),
        "11": ("zygomaticus minor",),
        "12": ("zygomaticus major",),
        "13": ("levator anguli oris",),
        "14": ("buccinator",),
        "15": ("depressor anguli oris",),
        "16": ("depressor labii inferioris",),
        "17": ("mentalis",),
        "18": ("incisivii labii superioris", "incisivii labii inferioris"),
        "20": ("risorius",),
        "22": ("orbicularis oris",),
        "23": ("orbicularis oris",),
        "24": ("orbicularis oris",),
        "25": ("depressor labii inferioris", "mentalis, relaxed", "orbicularis oris, relaxed"),
        "26": ("masseter, relaxed", "temporalis, relaxed", "medial pterygoid, relaxed"),
        "27": ("pterygoids", "digastric"),
        "28": ("orbicularis oris",),
        "31": ("masseter",),
        "43": ("levator palpebrae superioris, relaxed",),
        "45": ("levator palpebrae superioris, relaxed", "orbicularis oculi, pars palpebralis"),
        "46": ("orbicularis oculi",),
    }
)


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


def _codes() -> Mapping[str, str]:
    further = {
        "8": "Lips Toward Each Other",
        "19": "Tongue Show",
        "21": "Neck Tightener",
        "29": "Jaw Thrust",
        "30": "Jaw Sideways",
        "32": "Lip Bite",
        "33": "Cheek Blow",
        "34": "Cheek Puff",
        "35": "Cheek Suck",
        "36": "Tongue Bulge",
        "37": "Lip Wipe",
        "38": "Nostril Dilator",
        "39": "Nostril Compressor",
        "40": "Sniff",
        "41": "Lid Droop",
        "42": "Slit",
        "44": "Squint",
        "50": "Speech",
        "51": "Head Turn Left",
        "52": "Head Turn Right",
        "53": "Head Up",
        "54": "Head Down",
        "55": "Head Tilt Left",
        "56": "Head Tilt Right",
        "57": "Head Forward",
        "58": "Head Back",
        "61": "Eyes Turn Left",
        "62": "Eyes Turn Right",
        "63": "Eyes Up",
        "64": "Eyes Down",
        "65": "Walleye",
        "66": "Cross-eye",
        "69": "Head and Eyes to Another Person",
        "70": "Brows Not Visible",
        "71": "Eyes Not Visible",
        "72": "Lower Face Not Visible",
        "73": "Entire Face Not Visible",
        "74": "Unscorable",
        "80": "Swallow",
        "81": "Chewing",
        "82": "Shoulder Shrug",
        "84": "Head Shake",
        "85": "Head Nod",
    }
    names = {number: unit.name for number, unit in AUS.items()} | further
    return MappingProxyType({number: names[number] for number in sorted(names, key=int)})


# All codes that a coder can use: the action units above and the other FACS codes.
CODES: Mapping[str, str] = _codes()


def _exclusive() -> Mapping[frozenset[str], str]:
    """Pairs of the alternative rules for head and eyes (FACS 2002, table 9-1), and lids and jaw."""
    rows = (
        ("26", "27", "the jaw is either dropped or stretched open"),
        ("43", "45", "a blink is a short closure"),
        ("43", "46", "a wink closes one eye on purpose"),
        ("45", "46", "a wink closes one eye on purpose"),
        ("51", "52", "the head turns to one side"),
        ("53", "54", "the head is up or down"),
        ("55", "56", "the head tilts to one side"),
        ("57", "58", "the head is forward or back"),
        ("61", "62", "the eyes turn to one side"),
        ("61", "65", "either eyes turned or walleye"),
        ("61", "66", "either eyes turned or cross-eye"),
        ("62", "65", "either eyes turned or walleye"),
        ("62", "66", "either eyes turned or cross-eye"),
        ("63", "64", "the eyes are up or down"),
        ("65", "66", "either walleye or cross-eye"),
    )
    return MappingProxyType({frozenset((a, b)): why for a, b, why in rows})


# Pairs of codes that cannot occur together, and why. The manual has further alternative rules,
# which depend on intensities and on one another; they are not in this table.
EXCLUSIVE: Mapping[frozenset[str], str] = _exclusive()
