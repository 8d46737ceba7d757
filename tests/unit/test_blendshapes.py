"""Action units move the shapes of a face that are theirs, on their side, and no others."""

from __future__ import annotations

from math import nan

import pytest

from emgnb import facs
from emgnb.facs import blendshapes

UNITS_WITHOUT_A_SHAPE = {"11", "31"}


def test_arkit_has_52_shapes_each_once() -> None:
    assert len(set(blendshapes.ARKIT)) == len(blendshapes.ARKIT) == 52
    assert blendshapes.ARKIT[0] == "eyeBlinkLeft"
    assert blendshapes.ARKIT[-1] == "tongueOut"


def test_units_and_shapes_of_the_table_exist() -> None:
    for au, shapes in blendshapes.BLENDSHAPES.items():
        assert au in facs.CODES
        assert set(shapes) <= set(blendshapes.ARKIT)
        assert all(0 < factor <= 1 for factor in shapes.values())


def test_only_two_action_units_of_the_muscle_table_have_no_shape() -> None:
    assert {au for au in facs.AUS if not blendshapes.weights({au: 1.0})} == UNITS_WITHOUT_A_SHAPE


@pytest.mark.parametrize(
    ("unit", "shapes"),
    [
        ("12", {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}),
        ("L12", {"mouthSmileLeft": 0.6}),
        ("R4", {"browDownRight": 0.6}),
        ("L1", {"browInnerUp": 0.6}),
        ("T28", {"mouthRollUpper": 0.6}),
        ("B28", {"mouthRollLower": 0.6}),
        ("L17", {"mouthShrugLower": 0.6}),
        ("U2", {}),
        ("U1", {"browInnerUp": 0.6}),
        ("L30", {"jawLeft": 0.6}),
        ("30", {}),
        ("61", {"eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6}),
        ("31", {}),
    ],
)
def test_a_unit_moves_its_own_side(unit: str, shapes: dict[str, float]) -> None:
    assert blendshapes.weights({unit: 0.6}) == shapes


def test_units_that_share_a_shape_do_not_add_up() -> None:
    assert blendshapes.weights({"43": 0.7, "45": 0.9})["eyeBlinkLeft"] == 0.9


def test_intensities_beyond_the_range_are_clipped() -> None:
    assert blendshapes.weights({"17": 1.8}) == {"mouthShrugLower": 1.0}
    assert blendshapes.weights({"17": -0.2}) == {"mouthShrugLower": 0.0}


def test_a_unit_that_cannot_be_told_moves_nothing() -> None:
    assert blendshapes.weights({"L12": nan, "R12": 0.0}) == {"mouthSmileRight": 0.0}


@pytest.mark.parametrize("unit", ["AU12", "12L", "smile", "99", "T12", ""])
def test_other_notations_are_errors(unit: str) -> None:
    with pytest.raises(ValueError, match=r"action unit|unit of the lips"):
        blendshapes.weights({unit: 1.0})


def test_electrodes_reach_the_shapes_of_their_muscle_and_side() -> None:
    left = blendshapes.reachable([facs.site("corrugator", "left")])
    assert left == ("browDownLeft",)
    assert blendshapes.reachable(["corrugator_l"]) == left
    assert blendshapes.reachable(["ch1", "masseter_l"]) == ()


def test_no_electrode_of_the_widest_montage_reaches_upper_lid_or_jaw() -> None:
    reached = blendshapes.reachable(facs.WIDE_MONTAGE)
    assert not {"eyeWideLeft", "eyeWideRight", "jawOpen", "tongueOut"} & set(reached)
    assert list(reached) == [shape for shape in blendshapes.ARKIT if shape in reached]
