"""Tables of FACS action units, facial muscles and instructed expressions.

The Facial Action Coding System (FACS) describes facial *movements*: action unit 12 pulls the lip
corners, for whatever reason. A muscle lists the action units it moves and the neighbours whose
activity its electrodes also pick up (crosstalk). An expression is what a participant is
*instructed* to do. The names do not imply emotions: a posed smile is a smile, not happiness. The
notation of events, such as L12C, is defined here: `code` writes it, `faults` checks it, and the
labeller's JavaScript receives `NOTATION`. `parse` and `write` handle the coding of a whole face,
such as L12B+6, and `similar` compares it with published prototypes. `blendshapes` converts action
units to the face shapes of ARKit.

Sources
-------
FACS 2002: Ekman, Friesen & Hager, *Facial Action Coding System: the manual* and *investigator's
guide*, 2002. Fridlund & Cacioppo, Guidelines for human electromyographic research, 1986,
doi:10.1111/j.1469-8986.1986.tb00676.x (which muscle lies under which electrode). The sources
disagree about prototypes, so the tables carry a version, and an expression names its source.
"""

from emgnb.facs import blendshapes
from emgnb.facs.coding import (
    ASYMMETRIES,
    LEFT_STRONGER,
    RIGHT_STRONGER,
    Code,
    Coding,
    code_faults,
    conflicts,
    parse,
    write,
)
from emgnb.facs.expressions import EXPRESSIONS, Expression
from emgnb.facs.muscles import DEFAULT_MONTAGE, MUSCLES, WIDE_MONTAGE, Muscle, Site, site
from emgnb.facs.notation import (
    EVENT_SIDES,
    INTENSITIES,
    INTENSITY_NAMES,
    INTENSITY_NUMBERS,
    LIP_SIDES,
    LIP_UNITS,
    NOTATION,
    WRITTEN,
    code,
    faults,
    intensity_fraction,
    intensity_letter,
    lip_fault,
)
from emgnb.facs.prototypes import (
    PROTOTYPE_TABLE_VERSION,
    PROTOTYPES,
    Match,
    Prototype,
    similar,
)
from emgnb.facs.units import (
    AUS,
    CODES,
    EXCLUSIVE,
    FACS_TABLE_VERSION,
    FACS_TABLE_VERSIONS_WITH_BOTH,
    ActionUnit,
)

__all__ = [
    "ASYMMETRIES",
    "AUS",
    "CODES",
    "DEFAULT_MONTAGE",
    "EVENT_SIDES",
    "EXCLUSIVE",
    "EXPRESSIONS",
    "FACS_TABLE_VERSION",
    "FACS_TABLE_VERSIONS_WITH_BOTH",
    "INTENSITIES",
    "INTENSITY_NAMES",
    "INTENSITY_NUMBERS",
    "LEFT_STRONGER",
    "LIP_SIDES",
    "LIP_UNITS",
    "MUSCLES",
    "NOTATION",
    "PROTOTYPES",
    "PROTOTYPE_TABLE_VERSION",
    "RIGHT_STRONGER",
    "WIDE_MONTAGE",
    "WRITTEN",
    "ActionUnit",
    "Code",
    "Coding",
    "Expression",
    "Match",
    "Muscle",
    "Prototype",
    "Site",
    "blendshapes",
    "code",
    "code_faults",
    "conflicts",
    "faults",
    "intensity_fraction",
    "intensity_letter",
    "lip_fault",
    "parse",
    "similar",
    "site",
    "write",
]
