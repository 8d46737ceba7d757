"""The action units of the face: names, shapes and muscles."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emgnb import facs
from emgnb._arrays import Floats
from emgnb.dynamics.crosstalk import mixing_of, unmixed
from emgnb.facs import blendshapes

# Strength of a unit of an instructed expression, which is coded by a letter.
_SEEN: Mapping[str, float] = {"A": 0.2, "B": 0.4, "C": 0.6, "D": 0.8, "E": 1.0}
_SIDES: Mapping[str, tuple[str, ...]] = {"L": ("left",), "R": ("right",)}
_NAME = re.compile(r"(?:AU)?([LRUTB]?)(\d+)")


def table() -> list[dict[str, Any]]:
    """Return a row for each action unit: number, name, and factors of its shapes by side."""
    return [
        {
            "number": number,
            "name": unit.name,
            "moves": {
                side: blendshapes.weights({facs.code(number, side): 1.0}) for side in ("", "L", "R")
            },
        }
        for number, unit in facs.AUS.items()
    ]


def checked(values: Mapping[str, float]) -> dict[str, float]:
    """Return intensities by the FACS code of their unit: "12", "L12" or "R12"; NaN is left out.

    Raises
    ------
    ValueError : a name that is no action unit, or an intensity that is not from 0 to 1
    """
    faults, found = [], {}
    for name, value in values.items():
        match = _NAME.fullmatch(name)
        if not match or match[2] not in facs.AUS:
            faults.append(f"{name!r} is not one of the units {', '.join(facs.AUS)}")
        elif match[1] not in ("", "L", "R"):
            faults.append(f"{name!r}: the side is L, R, or none for both")
        elif not isinstance(value, int | float | np.number) or value < 0 or value > 1:
            faults.append(f"{name!r}: the intensity {value!r} is not from 0 to 1")
        elif not math.isnan(value):
            found[match[1] + match[2]] = round(float(value), 4)
    if faults:
        raise ValueError(
            "intensities that cannot be shown, expected such as {'AU12': 0.8, 'L4': 0.3}: "
            + "; ".join(faults)
        )
    return found


def of_expression(name: str) -> dict[str, float]:
    """Return the intensities of an instructed expression in an ordinary pose, {} if unknown."""
    expression = facs.EXPRESSIONS.get(name)
    return {} if expression is None else {au: _SEEN[x] for au, x in expression.aus.items()}


class Muscles:
    """The muscles that move some units, and their activity without crosstalk.

    Attributes
    ----------
    sites : each muscle that an electrode can measure, with its side
    """

    def __init__(self, codes: Sequence[str]) -> None:
        pairs = [(site, k) for k, code in enumerate(codes) for site in _sites(code)]
        self.sites = list(dict.fromkeys(site for site, _ in pairs))
        self._rows = [[k for site, k in pairs if site == each] for each in self.sites]
        self._mixing = mixing_of(self.sites)

    def activity(self, intensity: Floats) -> Floats:
        """Return the activity (…, site), 0 to 1, for intensities (…, code); NaN if not known."""
        if not self.sites:
            return np.empty((*intensity.shape[:-1], 0))
        measured = np.stack(
            [np.fmax.reduce(intensity[..., rows], axis=-1) for rows in self._rows], axis=-1
        )
        return unmixed(measured, self._mixing)


def _sites(code: str) -> list[facs.Site]:
    side, number = code.rstrip("0123456789"), code.lstrip("LR")
    muscle = facs.MUSCLES.get(facs.AUS[number].muscle)
    if muscle is None:
        return []
    sides = ("midline",) if muscle.midline else _SIDES.get(side, ("left", "right"))
    return [facs.site(muscle.name, each) for each in sides]
