"""Tables of facial muscles and of electrode montages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Muscle:
    """Muscle: the action units it moves, and the neighbours that cause crosstalk."""

    name: str
    title: str
    aus: tuple[str, ...]
    crosstalk: tuple[str, ...]
    midline: bool = False


@dataclass(frozen=True)
class Site:
    """Channel of a montage: electrodes over `muscle` on `side` (left, right or midline)."""

    channel: str
    muscle: str
    side: str


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


_SUFFIX = MappingProxyType({"left": "_l", "right": "_r", "midline": ""})


def site(muscle: str, side: str = "left") -> Site:
    """Return the site over `muscle` on `side`, for example ``zygomaticus_major_l``.

    The channel names of midline sites have no suffix.

    Raises
    ------
    ValueError : the muscle is not in `MUSCLES`, or the side is not left, right or midline

    Examples
    --------
    >>> from emgnb import facs
    >>> facs.site("zygomaticus_major", "right")
    Site(channel='zygomaticus_major_r', muscle='zygomaticus_major', side='right')
    """
    if muscle not in MUSCLES:
        raise ValueError(f"no muscle {muscle!r} in the table; it has: {', '.join(MUSCLES)}")
    if side not in _SUFFIX:
        raise ValueError(f"side {side!r} is not one of: {', '.join(_SUFFIX)}")
    return Site(muscle + _SUFFIX[side], muscle, side)


# Both cheeks, because smiles are the most common test of asymmetry; otherwise the left side.
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

# Starts with the default eight, so that a montage of n channels is the first n of this one.
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
