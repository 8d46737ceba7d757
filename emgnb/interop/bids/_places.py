"""Nominal places of facial electrodes, in percent of distances between landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import xarray as xr

# Muscle → (x, y) on the left of the face.
PLACES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "frontalis_medialis": (12, 150),
        "frontalis_lateralis": (45, 140),
        "corrugator": (15, 112),
        "orbicularis_oculi": (45, 85),
        "levator_labii": (15, 65),
        "zygomaticus_minor": (35, 60),
        "zygomaticus_major": (65, 57),
        "buccinator": (55, 35),
        "depressor_anguli_oris": (35, 22),
        "mentalis": (0, 10),
        "orbicularis_oris": (15, 33),
        "platysma": (55, -10),
        "masseter": (75, 35),
    }
)
DESCRIPTION = (
    "x: midline of the face (0) -> left tragus (100), negative on the right; "
    "y: gnathion (0) -> nasion (100). Left and right are the participant's. "
)
NOMINAL = (
    "Coordinates are nominal places of the electrode pairs over the muscles, after the guidelines "
    "of Fridlund and Cacioppo 1986 (doi:10.1111/j.1469-8986.1986.tb00676.x); they were not "
    "measured on the person."
)
MEASURED = "Coordinates were measured on the person."


def places(x: xr.DataArray) -> tuple[list[tuple[float | None, float | None]], bool]:
    """Return (x, y) of each channel in percent, and whether they were measured.

    Measured places are the coordinates `face_x` and `face_y` (channel) of the signal. Otherwise the
    places are nominal; None where muscle or side is unknown.
    """
    if "face_x" in x.coords and "face_y" in x.coords:
        pairs = zip(x["face_x"].values.tolist(), x["face_y"].values.tolist(), strict=True)
        return [(float(a), float(b)) for a, b in pairs], True
    found = zip(x["muscle"].values, x["side"].values, strict=True)
    return [_nominal(str(muscle), str(side)) for muscle, side in found], False


def _nominal(muscle: str, side: str) -> tuple[float | None, float | None]:
    place = PLACES.get(muscle)
    if place is None or not (side or place[0] == 0):
        return None, None
    sign = {"right": -1.0, "midline": 0.0}.get(side, 1.0)
    return sign * place[0] + 0.0, float(place[1])
