"""Published tables of micro-expressions: frames become seconds, and faults are remarks."""

import numpy as np
import pytest

from emgnb import interop, labels, recording

CASME2 = """Subject,Filename,,OnsetFrame,ApexFrame,OffsetFrame,,Action Units,Estimated Emotion
1,EP02_01f,,46,59,86,,12,happiness
1,EP03_02,,131,/,161,,4+L10,others
2,EP01_11f,,46,91,46,,14?,repression
2,EP03_02f,,46,40,96,,R4 or 5,disgust
"""
SAMM = """SAMM micro-expressions;;;;;;;
Frame rate 200;;;;;;;
;;;;;;;
Subject;Filename;Onset Frame;Apex Frame;Offset Frame;Duration;Action Units;Estimated Emotion
006;006_1_2;5562;5588;5632;71;AU12A or AU20;Anger
006;006_1_3;7853;7882;7934;90;4 + 7;Anger
"""
EMG = """No\tSubject\tMuscle\tOnset (s)\tApex (s)\tOffset (s)\tRise (s)\tMVC%\tAU
1\t3\tcorrugator\t1.25\t1.30\t1.60\t0.05\t7.2\t4
2\t3\tzygomaticus\t5.00\t4.80\t5.40\t-0.2\t8.9\t12
3\t4\tzygomaticus\t46.9\t48.2\t48.6\t1.3\t9.1\t12
4\t4\tzygomaticus\t20.0\t20.1\t19.5\t0.1\t9.1\tgrin
"""


def read(folder, text, **options):
    path = folder / "coding.csv"
    path.write_text(text, encoding="utf-8")
    return interop.read_labels(path, **options)


def test_a_table_as_of_casme_2(tmp_path):
    table = read(tmp_path, CASME2, frame_rate=200, first_frame=1)
    assert table["au"].values.tolist() == ["12", "4", "10", "4"]
    assert table["side"].values.tolist() == ["", "", "L", "R"]
    assert table["label"].values.tolist() == ["happiness", "others", "others", "disgust"]
    np.testing.assert_allclose(table["onset"], [0.225, 0.65, 0.65, 0.225])
    np.testing.assert_allclose(table["apex"], [0.29, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(table["offset"], [0.425, 0.8, 0.8, 0.475])
    assert table["notation"].values.tolist() == ["", "", "", "R4/5"]
    assert table["Subject"].values.tolist() == [1, 1, 1, 2]
    assert table.attrs["frame_rate"] == 200
    assert recording.known_faults(table) == [
        "rows of 4 clips (column Filename), and times count from the start of each; choose one "
        "with where={'Filename': '…'}",
        "line 4: '14?' is read as '14'; `notation` keeps the rest",
        "line 5: 'R4/5' is read as 'R4'; `notation` keeps the rest",
        "line 4: the offset (0.225 s) is at the onset (0.225 s); the event is left out",
        "line 5: the apex (0.195 s) is 0.03 s before the onset (negative rise); the event has no "
        "apex",
    ]


def test_rows_of_one_clip_are_chosen_by_its_name(tmp_path):
    table = read(tmp_path, CASME2, frame_rate=200, where={"Subject": 1, "Filename": "EP03_02"})
    assert table["au"].values.tolist() == ["4", "10"]
    assert recording.known_faults(table) == [
        "frames are counted from 0; give first_frame=1 if the first frame has the number 1"
    ]
    with pytest.raises(ValueError, match="no row with Filename = 'EP9'; there are EP02_01f"):
        read(tmp_path, CASME2, frame_rate=200, where={"Filename": "EP9"})


def test_a_table_as_of_samm_with_notes_before_the_heading(tmp_path):
    table = read(tmp_path, SAMM, frame_rate=200, first_frame=0, where={"Subject": "006"})
    assert table["au"].values.tolist() == ["12", "4", "7"]
    assert table["intensity"].values.tolist() == ["A", "", ""]
    np.testing.assert_allclose(table["onset"][0], 27.81)
    assert table["Subject"].values.tolist() == ["006"] * 3
    assert recording.known_faults(table) == [
        "line 5: '12A/20' is read as '12A'; `notation` keeps the rest",
        "line 6: the duration is 0.45 s, but offset − onset is 0.405 s",
    ]


def test_frame_numbers_need_a_frame_rate(tmp_path):
    with pytest.raises(ValueError, match=r"has frame numbers: give frame_rate"):
        read(tmp_path, CASME2)


def test_faults_of_an_emg_table_are_reported_and_not_repaired(tmp_path):
    table = read(tmp_path, EMG, duration=48.0)
    assert table["onset"].values.tolist() == [1.25, 5.0, 46.9]
    assert np.isnan(table["apex"].values).tolist() == [False, True, False]
    assert table["MVC%"].values.tolist() == [7.2, 8.9, 9.1]
    assert recording.known_faults(table) == [
        "line 3: the rise is negative (-0.2 s)",
        "line 5: 'grin': 'GRIN' is not a code. Expected side (L, R, U, T, B), number, intensity (A "
        "to E), asymmetry (V to Z, G to K), such as 'L12B' or '12CV', joined by '+'; the event has "
        "no unit, and `notation` keeps the text",
        "line 3: the apex (4.8 s) is 0.2 s before the onset (negative rise); the event has no apex",
        "line 4: the offset (46.9–48.6 s) is after the end of the clip (48 s)",
        "line 4: the apex (48.2 s) is after the end of the clip (48 s)",
        "line 5: the offset (19.5 s) is before the onset (20 s); the event is left out",
    ]


@pytest.mark.parametrize(
    ("text", "options", "onset"),
    [
        ("onset,offset,au\n1500,2500,12\n", {"unit": "ms"}, 1.5),
        ("onset,offset,au\n60,90,12\n", {"frame_rate": 30}, 2.0),
        ("onset,offset,au\n1.5,2.5,12\n", {"frame_rate": 30}, 1.5),
        ("Onset ms;Offset ms;AU\n1500;2500;12\n", {}, 1.5),
        ("start;duration;AU\n1,5;0,5;12\n", {}, 1.5),
    ],
)
def test_units_come_from_headings_decimals_or_arguments(text, options, onset, tmp_path):
    table = read(tmp_path, text, **options)
    assert table["onset"].values.tolist() == [onset]
    assert table["au"].values.tolist() == ["12"]


def test_whole_numbers_without_a_unit_are_not_guessed(tmp_path):
    with pytest.raises(ValueError, match="onset, offset hold whole numbers without a unit"):
        read(tmp_path, "onset,offset,au\n60,90,12\n")


def test_line_ends_encodings_and_missing_cells(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("onset_s,offset_s,au,label\r1.0,2.0,12,für\r3.0,,4,\r".encode("utf-16"))
    table = interop.read_labels(path)
    assert table["label"].values.tolist() == ["für"]
    assert recording.known_faults(table) == ["line 3: no offset; the event is left out"]
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match="Excel workbook or an archive: save it as CSV"):
        interop.read_labels(path)


def test_columns_that_are_not_facs_are_kept_beside(tmp_path):
    text = "onset_s,offset_s,AU,side,intensity,label\n1,2,12.0,left,3.5,smile\n3,4,4,,2,\n"
    table = read(tmp_path, text)
    assert table["au"].values.tolist() == ["12", "4"]
    assert table["side"].values.tolist() == ["L", ""]
    assert table["intensity"].values.tolist() == ["", ""]
    assert table["intensity_2"].values.tolist() == [3.5, 2.0]
    assert recording.known_faults(table) == [
        "column 'intensity' has '2', which is no intensity of FACS; it is kept as 'intensity_2'"
    ]


def test_tables_of_the_csv_export_are_read(tmp_path):
    table = interop.read_labels(_exported(tmp_path) / "labels_Ann.csv")
    assert table["onset"].values.tolist() == [1.0, 2.0]
    assert table["au"].values.tolist() == ["12", "4"]
    assert np.isnan(table["apex"].values).tolist() == [True, False]


def _exported(folder):
    x = recording.signal(np.zeros((5000, 1)), rate=1000.0, units="uV")
    table = labels.events([1, 2], [2, 3], apex=[np.nan, 2.5], au=["12", "4"])
    return recording.to_csv(recording.make(x, labels={"Ann": table}), folder / "out")
