"""The tables agree with themselves and with FACS."""

from __future__ import annotations

import subprocess
import sys

import pytest

from emgnb import facs


def test_every_reachable_unit_is_moved_by_a_muscle_of_the_table() -> None:
    for unit in facs.AUS.values():
        assert (unit.muscle in facs.MUSCLES) == unit.reachable_by_surface_emg, unit


def test_muscles_and_units_point_at_each_other() -> None:
    by_muscle = {(name, au) for name, muscle in facs.MUSCLES.items() for au in muscle.aus}
    by_unit = {(u.muscle, n) for n, u in facs.AUS.items() if u.reachable_by_surface_emg}
    assert by_muscle == by_unit


def test_the_upper_lid_raiser_is_out_of_reach() -> None:
    assert not facs.AUS["5"].reachable_by_surface_emg


def test_crosstalk_partners_are_muscles_of_the_table_and_never_oneself() -> None:
    for name, muscle in facs.MUSCLES.items():
        assert set(muscle.crosstalk) <= set(facs.MUSCLES)
        assert name not in muscle.crosstalk


def test_expressions_consist_of_known_units_and_intensities() -> None:
    for expression in facs.EXPRESSIONS.values():
        for code, letter in expression.aus.items():
            assert code.lstrip("LR") in facs.AUS
            assert letter in facs.INTENSITIES
        assert expression.instruction
        assert expression.source


def test_a_smile_is_6_and_12_and_neutral_is_nothing() -> None:
    assert set(facs.EXPRESSIONS["smile"].aus) == {"6", "12"}
    assert not facs.EXPRESSIONS["neutral"].aus


def test_seven_expressions_use_different_units() -> None:
    names = ("neutral", "smile", "frown", "surprise", "disgust", "pucker", "sad")
    assert len({frozenset(facs.EXPRESSIONS[name].aus) for name in names}) == 7


def test_intensities_rise_from_trace_to_maximum() -> None:
    fractions = [facs.intensity_fraction(letter) for letter in "ABCDE"]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < fractions[-1] <= 1
    assert [facs.intensity_letter(fraction) for fraction in fractions] == list("ABCDE")


def test_a_micro_expression_of_8_percent_lies_between_trace_and_slight() -> None:
    assert facs.intensity_fraction("A") < 0.08 < facs.intensity_fraction("B")


def test_the_default_montage_has_eight_channels_and_both_cheeks() -> None:
    sites = facs.DEFAULT_MONTAGE
    assert len({site.channel for site in sites}) == len(sites) == 8
    assert {site.side for site in sites if site.muscle == "zygomaticus_major"} == {"left", "right"}
    assert "zygomaticus_major_l" in {site.channel for site in sites}


def test_the_wide_montage_begins_with_the_default_one() -> None:
    assert facs.WIDE_MONTAGE[:8] == facs.DEFAULT_MONTAGE
    assert len({site.channel for site in facs.WIDE_MONTAGE}) == 16


def test_unknown_names_are_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="zygomaticus_major"):
        facs.site("biceps")
    with pytest.raises(ValueError, match="midline"):
        facs.site("corrugator", "top")
    with pytest.raises(ValueError, match="not one of A"):
        facs.intensity_fraction("F")
    with pytest.raises(ValueError, match="positive"):
        facs.intensity_letter(0.0)


def test_the_tables_cannot_be_changed_by_accident() -> None:
    with pytest.raises(TypeError):
        facs.AUS["12"] = facs.AUS["6"]  # type: ignore[index]


def test_the_tables_import_nothing_heavy() -> None:
    code = "import sys, emgnb.facs; print([m for m in ('numpy', 'xarray') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert found.strip() == "[]"
