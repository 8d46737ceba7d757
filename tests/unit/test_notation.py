"""An event is written one way, in Python and in the browser: as FACS writes it."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import assume, given
from hypothesis import strategies as st

from emgnb import facs, labels, plots, recording

CODES = (("12", "", ""), ("12", "L", "C"), ("4", "", "B"), ("23", "B", "D"), ("14", "U", ""))


def test_bilateral_is_unmarked_and_the_side_stands_before_the_unit() -> None:
    assert [facs.code(*code) for code in CODES] == ["12", "L12C", "4B", "B23D", "U14"]


def test_every_action_unit_of_the_tables_is_a_code_and_in_order() -> None:
    assert set(facs.AUS) < set(facs.CODES)
    assert set(facs.LIP_UNITS) < set(facs.CODES)
    assert [int(number) for number in facs.CODES] == sorted(map(int, facs.CODES))
    assert "99" not in facs.CODES


@pytest.mark.parametrize("code", [*CODES, ("", "L", ""), ("", "", "")])
def test_what_facs_has_is_no_fault(code: tuple[str, str, str]) -> None:
    assert facs.faults(*code) == []


def test_every_fault_of_a_code_is_told_at_once() -> None:
    found = facs.faults("99", "Q", "F")
    assert len(found) == 3
    assert "not an action unit of FACS" in found[0]
    assert "expected one of L, R, U, T, B, or empty" in found[1]


def test_lanes_of_a_figure_are_named_as_facs_names_them() -> None:
    table = labels.events([1, 2, 3, 4], [2, 3, 4, 5], au=["12", "12", "23", ""], label="smile")
    table["side"] = ("event", np.array(["", "L", "B", ""]))
    drawn = plots.timeline(table).layout.yaxis.ticktext
    assert list(drawn) == ["AU 12", "AU L12", "AU B23", "smile"]


def in_node(*expressions: str) -> list[Any]:
    """Compute expressions with the labeller's functions."""
    panel = pytest.importorskip("emgnb.widgets.shared.panel", reason="pip install 'emgnb[lab]'")
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: it runs the labeller's JavaScript")
    module = (panel.HERE / "labeller/events.js").as_uri()
    told = ", ".join(expressions)
    ran = subprocess.run(
        [node, "--input-type=module", "-"],
        input=f"import {{ facsCode, nameOf, oneLip }} from {json.dumps(module)};\n"
        f"console.log(JSON.stringify([{told}]));",
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    found: list[Any] = json.loads(ran.stdout)
    return found


def test_the_labeller_writes_codes_as_python_does() -> None:
    rows = [
        json.dumps({"au": au, "side": side, "intensity": letter, "label": ""})
        for au, side, letter in CODES
    ]
    assert in_node(*(f"nameOf({row})" for row in rows)) == [facs.code(*code) for code in CODES]


def test_the_labeller_reads_typed_codes_as_facs_means_them() -> None:
    typed = {
        "12": {"au": "12", "side": ""},
        "l12c": {"au": "12", "side": "L", "intensity": "C"},
        "b": {"intensity": "B"},
        "b23": {"au": "23", "side": "B"},
        "4b": {"au": "4", "side": "", "intensity": "B"},
        "r": {"side": "R"},
        "rd": {"side": "R", "intensity": "D"},
        "q": None,
    }
    assert in_node(*(f"facsCode({text!r})" for text in typed)) == list(typed.values())
    assert in_node('oneLip({au: "12", side: "B"})', 'oneLip({au: "23", side: "B"})') == [
        True,
        False,
    ]


def test_a_labeller_opens_an_earlier_table_and_goes_on_with_it(tmp_path: Path) -> None:
    widgets = pytest.importorskip("emgnb.widgets", reason="pip install 'emgnb[lab]'")
    x = recording.signal(np.zeros((5000, 1)), rate=1000.0, units="uV")
    path = recording.save(recording.make(x), tmp_path / "s.zarr")
    recording.add_labels(path, "ada", labels.events([1, 2], [2, 3], au=["12", "4"]))
    group = zarr.open_group(path, mode="r+")["labels/ada"]
    assert isinstance(group, zarr.Group)
    group.attrs.put({"coder": "ada", "facs_table": "2002.1"})
    for name, words in (("side", ["B", "L"]), ("au", ["6+12", "4"])):
        column = group[name]
        assert isinstance(column, zarr.Array)
        column[:] = np.array(words, dtype=np.dtypes.StringDType())
    labeller = widgets.Labeller(str(path), coder="ada")
    labeller.edit(0, offset=2.5)
    labeller.add(3.0, 3.5, au="23", side="B")
    with pytest.raises(ValueError, match="not an action unit of FACS"):
        labeller.add(4.0, 4.5, au="99")
    with pytest.raises(ValueError, match="bottom lip"):
        labeller.add(4.0, 4.5, au="12", side="B")
    assert labeller.wait()
    labeller.close()
    stored = recording.open(path)["labels/ada"]
    assert stored["au"].values.tolist() == ["6+12", "4", "23"]
    assert stored["side"].values.tolist() == ["", "L", "B"]
    assert stored["offset"].values.tolist() == [2.5, 3.0, 3.5]


SKEWS = ("", *facs.ASYMMETRIES)


@functools.cache
def valid_codes() -> list[facs.Code]:
    """Return every valid code of one unit."""
    levels = [(low, high) for low in ("", *facs.INTENSITIES) for high in ("", *facs.INTENSITIES)]
    made = (
        facs.Code(au, side, low, high, skew, doubtful)
        for au in facs.CODES
        for side in facs.EVENT_SIDES
        for low, high in levels
        for skew in SKEWS
        for doubtful in (False, True)
    )
    return [code for code in made if not facs.code_faults(code)]


def test_every_valid_code_is_read_as_written() -> None:
    codes = valid_codes()
    texts = [facs.write(code) for code in codes]
    assert len(set(texts)) == len(codes) > 20_000
    for code, text in zip(codes, texts, strict=True):
        coding = facs.parse(text)
        assert coding.codes == (code,)
        assert facs.write(coding) == text


SINGLE = st.deferred(lambda: st.sampled_from(valid_codes()))


@given(st.lists(st.lists(SINGLE, min_size=1, max_size=3, unique=True), max_size=6))
def test_a_face_is_written_as_read(terms: list[list[facs.Code]]) -> None:
    sides = [{(code.au, code.side) for code in term} for term in terms]
    assume(all(not a & b for i, a in enumerate(sides) for b in sides[i + 1 :]))
    coding = facs.Coding(tuple(tuple(term) for term in terms))
    text = facs.write(coding)
    assert facs.parse(text) == coding
    assert facs.write(facs.parse(text)) == text


@pytest.mark.parametrize("text", ["L12B+6", "R12A+R14A", "12CV", "L12A+R12D", "26/27", "12A-C?"])
def test_the_notation_of_the_manual_is_read_as_written(text: str) -> None:
    assert facs.write(facs.parse(text)) == text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("AU4", "4"),
        (" au 4 + AU 7c ", "4+7C"),
        ("12 or 14", "12/14"),
        ("12A or AU 14b", "12A/14B"),
        ("l12b, 6", "L12B+6"),
        ("4 7 9", "4+7+9"),
        ("AU L 12", "L12"),
        ("AUL12", "L12"),
        ("14 ?", "14?"),
        ("4+?", "4"),
        ("AU?", ""),
        ("12VC", "12CV"),
        ("25-27", "25/26/27"),
        ("25 – 26", "25/26"),
        ("12 C-E", None),
        ("12C – E", "12C-E"),
        ("6 & 12", "6+12"),
        ("04", "4"),
        ("0", ""),
        ("", ""),
    ],
)
def test_the_notation_of_published_tables_is_understood(dirty: str, clean: str | None) -> None:
    if clean is None:
        with pytest.raises(ValueError, match="not a code"):
            facs.parse(dirty)
    else:
        assert facs.write(facs.parse(dirty)) == clean


def test_what_is_left_out_is_said() -> None:
    assert "left out" in facs.parse("4+?").remarks[0]
    assert facs.parse("4+7?").remarks == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("99", "not an action unit"),
        ("B12", "bottom lip"),
        ("L12V", "compares two sides"),
        ("12C-A", "lower to a higher"),
        ("12F", "is not a code"),
        ("12GV", "two letters"),
        ("12+12B", "occurs twice"),
        ("27-25", "lower to a higher"),
        ("smile", "is not a code"),
    ],
)
def test_what_facs_does_not_have_is_an_error_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        facs.parse(text)


def test_asymmetry_is_a_number_of_steps_to_the_right() -> None:
    given = ("12V", "12Z", "12G", "12K", "12")
    assert [facs.parse(text).codes[0].difference for text in given] == [-1, -5, 1, 5, 0]


def test_exclusive_pairs_are_found_unless_on_opposite_sides() -> None:
    assert len(facs.conflicts(facs.parse("51+52+12").codes)) == 1
    assert facs.conflicts(facs.parse("6+12+25+26").codes) == []
    assert facs.conflicts(facs.parse("L46+R43").codes) == []
    # Only one of several alternatives occurs.
    assert facs.conflicts(facs.parse("25-27")) == []
    assert len(facs.conflicts(facs.parse("43/45+46"))) == 2
    assert facs.AUS["45"].excludes == ("43", "46")
    assert all(facs.AUS[au].muscles for au in facs.AUS)
    assert all(au in facs.CODES for pair in facs.EXCLUSIVE for au in pair)


def test_a_prototype_matches_by_dice() -> None:
    found = {match.name: match for match in facs.similar(facs.parse("6B+12C+25"))}
    assert found["happiness"].dice == pytest.approx(2 * 2 / (2 + 3))
    assert found["happiness"].further == ("25",)
    assert facs.similar(facs.parse("1+2+5B+27"))[0].name == "surprise"
    assert facs.similar(facs.parse("1+2+5B+27"))[0].dice == 1.0
    # Optional units count only if coded, and a one-sided prototype needs one side.
    assert facs.similar(facs.parse("4+5+7+24+17"))[0].dice == 1.0
    assert facs.similar(facs.parse("R12A+R14A"))[0].name == "contempt"
    two_sided = {match.name: match.dice for match in facs.similar(facs.parse("12+14"))}
    assert two_sided["contempt"] == 0.0
    each_side = {match.name: match.dice for match in facs.similar(facs.parse("L12A+R12D"))}
    assert each_side["contempt"] == 0.0
    assert all(match.dice == 0 for match in facs.similar(facs.parse("")))
