"""Label tables in the formats of other programs: what goes out comes back, or is said."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from emgnb import facs, interop, labels, recording

LIPS = facs.LIP_UNITS
# Characters that a text file can hold.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
# Formats with times in full precision, by the name of a file.
EXACT = {
    "csv": "t.csv",
    "bids": "sub-1_events.tsv",
    "audacity": "t.txt",
    "textgrid": "t.TextGrid",
}


@st.composite
def rows(draw: Any, whole: bool = False) -> dict[str, Any]:
    """An event, with times in whole milliseconds if `whole`."""
    number = st.integers(0, 100_000).map(lambda ms: ms / 1000)
    fine = number if whole else st.floats(0, 1000, allow_subnormal=False)
    onset = draw(fine)
    offset = onset + draw(st.integers(1, 5000)) / 1000
    offset = round(offset, 3) if whole else offset
    au = draw(st.sampled_from(["", *facs.CODES]))
    sides = ["", "L", "R", "U", *(("T", "B") if au in LIPS else ())]
    return {
        "onset": onset,
        "offset": offset,
        "apex": draw(st.sampled_from([math.nan, onset, offset])),
        "au": au,
        "side": draw(st.sampled_from(sides)),
        "intensity": draw(st.sampled_from(recording.EVENT_INTENSITIES)),
        "label": draw(WORDS),
    }


def table_of(events: list[dict[str, Any]], **more: Any) -> xr.Dataset:
    columns = {name: [row[name] for row in events] for name in recording.EVENT_COLUMNS}
    return labels.events(**columns, **more)


def listed(table: xr.Dataset, *more: str) -> list[tuple[Any, ...]]:
    """Events as tuples in one order; a missing apex is None."""
    columns = [table[name].values.tolist() for name in (*recording.EVENT_COLUMNS, *more)]
    found = [
        tuple(None if value != value else value for value in row)
        for row in zip(*columns, strict=True)
    ]
    return sorted(found, key=repr)


def again(table: xr.Dataset, path: Path, **options: Any) -> tuple[xr.Dataset, list[str]]:
    said = interop.write_labels(table, path, **options)
    return interop.read_labels(path), said


@pytest.mark.parametrize("name", EXACT.values(), ids=EXACT)
@settings(max_examples=40, deadline=None)
@given(events=st.lists(rows(), max_size=5))
def test_what_is_written_is_read_again(name, events, tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / name
    if name.endswith(".tsv"):
        events = [row | {"label": row["label"].replace("n/a", "")} for row in events]
    table = table_of(events)
    if not events and name == "t.txt":
        return  # an empty text is of no format
    back, said = again(table, path)
    assert listed(back) == listed(table)
    assert recording.known_faults(back) == []
    assert not [word for word in said if "sorted" not in word and "n/a" not in word]


@settings(max_examples=40, deadline=None)
@given(events=st.lists(rows(whole=True), max_size=5))
def test_elan_gives_events_in_whole_milliseconds_again(events, tmp_path_factory):
    table = table_of(events)
    back, said = again(table, tmp_path_factory.mktemp("labels") / "t.eaf", coder="Ann")
    assert listed(back) == listed(table)
    assert not [word for word in said if "sorted" not in word]


@settings(max_examples=40, deadline=None)
@given(events=st.lists(rows(), min_size=1, max_size=5))
def test_elan_rounds_to_a_millisecond_and_says_so(events, tmp_path_factory):
    table = table_of(events)
    back, said = again(table, tmp_path_factory.mktemp("labels") / "t.eaf")
    differ = 0
    for name in ("onset", "apex", "offset"):
        want, got = (sorted(t[name].values[~np.isnan(t[name].values)]) for t in (table, back))
        np.testing.assert_allclose(got, want, atol=0.00050001)
        differ += not np.allclose(got, want, atol=1e-8, rtol=0)
    if differ:
        assert any("rounded to 1 ms" in word for word in said)


@pytest.mark.parametrize("layout", ["casme2", "samm"])
@settings(max_examples=40, deadline=None)
@given(events=st.lists(rows(), min_size=1, max_size=5))
def test_layouts_in_frames_give_units_and_frames_again(layout, events, tmp_path_factory):
    for row in events:
        first, last = round(row["onset"] * 200), max(round(row["offset"] * 200), 1)
        row["onset"], row["offset"] = first / 200, max(last, first + 1) / 200
        row["apex"] = row["apex"] if row["apex"] != row["apex"] else row["onset"]
        row["label"] = row["label"].strip()
        row["intensity"] = row["intensity"] if layout == "samm" and row["au"] else ""
        row["side"] = row["side"] if row["au"] else ""
    table = table_of(events)
    path = tmp_path_factory.mktemp("labels") / "t.csv"
    said = interop.write_labels(table, path, layout, frame_rate=200.0, first_frame=1)
    back = interop.read_labels(path, frame_rate=200.0, first_frame=1)
    assert said == []
    assert listed(back) == listed(table)
    assert recording.known_faults(back) == []


def smile() -> xr.Dataset:
    return labels.events(
        [1.0, 1.1, 3.0],
        [2.0, 1.9, 3.2],
        apex=[1.5, math.nan, 3.1],
        au=["12", "12", "4"],
        side=["L", "R", ""],
        intensity=["C", "", "B"],
        label=["smile", "", ""],
    )


def test_praat_reads_our_textgrid(tmp_path):
    textgrid = pytest.importorskip("praatio.textgrid")
    path = tmp_path / "t.TextGrid"
    interop.write_labels(smile(), path, duration=5.0)
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("L12", "R12", "4")
    assert grid.maxTimestamp == 5.0
    assert [tuple(each) for each in grid.getTier("L12").entries] == [
        (1.0, 2.0, "L12C; label=smile; apex=1.5")
    ]


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_textgrids_of_praatio_are_read(form, tmp_path):
    textgrid = pytest.importorskip("praatio.textgrid")
    grid = textgrid.Textgrid()
    grid.addTier(
        textgrid.IntervalTier("AU12", [(1.0, 2.0, "b"), (2.5, 3.5, 'the "big" one')], 0, 9)
    )
    grid.addTier(textgrid.IntervalTier("face", [(1.0, 2.0, "6+12C"), (4.0, 5.0, "grin")], 0, 9))
    grid.addTier(textgrid.PointTier("clicks", [(1.5, "x")], 0, 9))
    path = tmp_path / "t.TextGrid"
    grid.save(str(path), format=form, includeBlankSpaces=True)
    table = interop.read_labels(path)
    assert listed(table) == sorted(
        [
            (1.0, None, 2.0, "12", "", "B", ""),
            (2.5, None, 3.5, "12", "", "", 'the "big" one'),
            (1.0, None, 2.0, "6", "", "", ""),
            (1.0, None, 2.0, "12", "", "C", ""),
            (4.0, None, 5.0, "", "", "", "grin"),
        ],
        key=repr,
    )
    assert recording.known_faults(table) == [
        "tier 'clicks' has 1 points, not intervals; they are left out"
    ]
    assert "grin" in interop.read_labels(path, tiers=["face"])["label"].values
    with pytest.raises(ValueError, match="no tier mouth; it has AU12, face, clicks"):
        interop.read_labels(path, tiers=["mouth"])


def test_a_damaged_textgrid_is_said_to_be_so(tmp_path):
    path = tmp_path / "t.TextGrid"
    interop.write_labels(smile(), path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(ValueError, match="incomplete or damaged"):
        interop.read_labels(path)


def test_audacity_labels_with_frequencies_and_points_are_read(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("1.0\t2.5\tAU12C\n\\\t100.0\t200.0\n3.0\t3.0\tclick\n4\t5\tfrown\n", "utf-8")
    table = interop.read_labels(path)
    assert listed(table) == sorted(
        [(1.0, None, 2.5, "12", "", "C", ""), (4.0, None, 5.0, "", "", "", "frown")], key=repr
    )
    said = recording.known_faults(table)
    assert "the frequencies of 1 spectral selections are left out" in said
    assert "line 3: 'click' is a point at 3 s, not an interval; it is left out" in said


def test_a_line_that_is_no_label_names_its_place(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("1.0\t2.5\tsmile\nnonsense\n", "utf-8")
    with pytest.raises(ValueError, match=r"line 2: 'nonsense' is not a label of Audacity"):
        interop.read_labels(path)


def test_bids_events_have_the_columns_and_the_sidecar_of_bids(tmp_path):
    import pandas as pd

    path = tmp_path / "sub-01_task-smile_events.tsv"
    table = smile().assign_attrs(coder="Ann")
    table["peak"] = ("event", [1.0, 2.5, math.nan], {"units": "mV"})
    table["said"] = ("event", ["1", "2", "n/a x"])
    assert interop.write_labels(table, path) == []
    read = pd.read_csv(path, sep="\t")
    assert list(read.columns[:3]) == ["onset", "duration", "trial_type"]
    assert read["trial_type"].tolist() == ["L12C", "R12", "4B"]
    np.testing.assert_allclose(read["duration"], [1.0, 0.8, 0.2])
    assert path.read_text("utf-8").splitlines()[2].split("\t")[3] == "n/a"
    about = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert about["onset"] == {
        "Description": "beginning of the event",
        "Units": "s",
        "Format": "number",
    }
    assert about["intensity"]["Levels"]["C"] == "marked"
    assert about["peak"]["Units"] == "mV"
    back = interop.read_labels(path)
    assert listed(back, "peak", "said") == listed(table, "peak", "said")
    assert back.attrs["coder"] == "Ann"


def test_other_peoples_bids_events_are_read(tmp_path):
    path = tmp_path / "sub-01_events.tsv"
    path.write_text("onset\tduration\ttrial_type\n1\t2\tL12\n5\tn/a\tsmile\n7\t1\tsmile\n", "utf-8")
    table = interop.read_labels(path)
    assert listed(table) == sorted(
        [(1.0, None, 3.0, "12", "L", "", ""), (7.0, None, 8.0, "", "", "", "smile")], key=repr
    )
    assert recording.known_faults(table) == ["line 3: no offset; the event is left out"]


def test_no_file_is_overwritten(tmp_path):
    for name in (*EXACT.values(), "t.eaf"):
        path = tmp_path / name
        path.write_text("mine", "utf-8")
        with pytest.raises(FileExistsError, match="not overwritten"):
            interop.write_labels(smile(), path)
        assert path.read_text("utf-8") == "mine"
    beside = tmp_path / "sub-2_events.json"
    beside.write_text("mine", "utf-8")
    with pytest.raises(FileExistsError, match=r"sub-2_events\.json exists"):
        interop.write_labels(smile(), tmp_path / "sub-2_events.tsv")
    assert not (tmp_path / "sub-2_events.tsv").exists()


def test_what_a_format_does_not_hold_is_said(tmp_path):
    table = smile().assign_attrs(history='{"step": "x"}')
    table["peak"] = ("event", [1.0, 2.0, 3.0])
    said = interop.write_labels(table, tmp_path / "t.txt")
    assert said == ["columns peak are not in the file", "attributes history are not in the file"]
    said = interop.write_labels(smile(), tmp_path / "t.csv", "casme2", frame_rate=7.0)
    assert said == [
        "times are rounded to frames in 3 of 3 events",
        "intensities are not in the file",
    ]
    table["digits"] = ("event", ["1", "2", "3"])
    said = interop.write_labels(table.drop_attrs(deep=False), tmp_path / "u.csv")
    assert said == ["columns digits read back as another type"]


def test_events_that_a_format_cannot_hold_are_errors(tmp_path):
    before = labels.events([-1.0], [1.0], au="12")
    with pytest.raises(ValueError, match="event 0 begin before 0 s"):
        interop.write_labels(before, tmp_path / "t.eaf")
    short = labels.events([1.0], [1.0002], au="12")
    with pytest.raises(ValueError, match="no duration in whole milliseconds"):
        interop.write_labels(short, tmp_path / "t.eaf")
    with pytest.raises(ValueError, match="same frame at 200 frames"):
        interop.write_labels(short, tmp_path / "t.csv", "samm", frame_rate=200)
    assert list(tmp_path.iterdir()) == []


def test_arguments_that_do_not_fit_are_explained(tmp_path):
    path = tmp_path / "t.csv"
    interop.write_labels(smile(), path)
    for options, words in (
        ({"format": "excel"}, "expected one of csv, bids"),
        ({"tiers": ["a"]}, "tiers= is for ELAN and Praat"),
        ({"unit": "min"}, "expected one of s, ms, frame"),
        ({"where": {"Clip": 1}}, "no column 'Clip'; it has onset"),
        ({"frame_rate": 0}, "frame_rate=0, expected a number above 0"),
    ):
        with pytest.raises(ValueError, match=words):
            interop.read_labels(path, **options)
    with pytest.raises(FileNotFoundError, match="no file"):
        interop.read_labels(tmp_path / "none.eaf")
    other = tmp_path / "t.doc"
    other.write_text("Dear all,", "utf-8")
    with pytest.raises(ValueError, match="not a label file of a known format"):
        interop.read_labels(other)
    for name, options, words in (
        ("t.doc2", {}, "the ending names no format"),
        ("u.csv", {"into": path}, "into= is for ELAN"),
        ("u.csv", {"format": "samm"}, "give frame_rate"),
        ("u.csv", {"format": "video"}, "read only"),
    ):
        with pytest.raises(ValueError, match=words):
            interop.write_labels(smile(), tmp_path / name, **options)
    with pytest.raises(TypeError, match="expected a table"):
        interop.write_labels([1], tmp_path / "u.csv")


def test_start_shifts_the_times_of_a_file(tmp_path):
    path = tmp_path / "t.csv"
    interop.write_labels(smile(), path)
    table = interop.read_labels(path, start=10.0)
    np.testing.assert_allclose(table["onset"], [11, 11.1, 13])
    np.testing.assert_allclose(table["apex"], [11.5, np.nan, 13.1])
