"""Names and histories as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emgnb import facs, recording


@pytest.mark.parametrize("most", [8, 12, 16, 20, 40])
def test_the_sides_of_a_muscle_are_shortened_alike(most: int) -> None:
    names = [site.channel for site in facs.WIDE_MONTAGE]
    short = recording.short_names(names, most)
    pairs = dict(zip(names, short, strict=True))
    assert len(set(short)) == len(names)
    assert pairs["zygomaticus_major_l"][:-1] == pairs["zygomaticus_major_r"][:-1]
    assert all(name.endswith("_l") == cut.endswith("_l") for name, cut in pairs.items())


def test_names_that_fit_stay_as_they_are() -> None:
    assert recording.short_names(["ch1", "ch2"], 3) == ["ch1", "ch2"]
    assert recording.short_names([], 3) == []
    beside = recording.short_names(["corrugator", "zygomaticus_major_l", "mentalis"], 12)
    assert beside == ["corrugator", "zygo_majo_l", "mentalis"]


@given(st.lists(st.text("ab_1", min_size=1, max_size=12), unique=True), st.integers(1, 12))
def test_no_two_names_become_one(names: list[str], most: int) -> None:
    assert len(set(recording.short_names(names, most))) == len(names)


def test_a_history_prints_as_a_table_of_one_step_a_line() -> None:
    x = recording.signal([[1.0]], rate=1.0, units="uV")
    assert str(recording.history(x)) == "no steps: data as recorded"
    y = recording.with_history(x, "detrend")
    y = recording.with_history(y, "filter", chain=[{"step": "Notch", "mains": 50.0}], phase="zero")
    found = recording.history(y)
    assert str(found).splitlines() == [
        "   step     settings",
        "1  detrend",
        '2  filter   chain=[Notch(mains=50.0)], phase="zero"',
    ]
    assert repr(found) == str(found)
    page = found._repr_html_()
    assert page.count("<tr>") == 3
    assert "Notch(mains=50.0)" in page
    assert recording.history(recording.with_history(x, "<b>"))._repr_html_().count("&lt;b&gt;") == 1
    assert found == [
        {"step": "detrend"},
        {"step": "filter", "chain": [{"step": "Notch", "mains": 50.0}], "phase": "zero"},
    ]
