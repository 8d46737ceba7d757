"""Action units over time: frame rate from the stamps, and events by two thresholds."""

import numpy as np
import pytest

from emgnb import facs, interop, labels, recording


def openface(folder, x, *, rate=30.0, confidence=0.98, success=1, name="face.csv", keep=None):
    """A table of OpenFace 2 for AU 12, with stamps in whole milliseconds, as it writes them."""
    n = len(x)
    conf, ok = np.broadcast_to(confidence, n), np.broadcast_to(success, n)
    lines = [
        "frame, face_id, timestamp, confidence, success, gaze_0_x, AU04_r, AU12_r, AU12_c, AU28_c"
    ]
    for i in range(n) if keep is None else keep:
        lines.append(
            f"{i + 1}, 0, {i / rate:.3f}, {conf[i]:.2f}, {ok[i]}, 0.1, 0.00, {x[i]:.2f}, "
            f"{int(x[i] >= 1)}, 0"
        )
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def bump(n=300, first=100, last=160, height=3.0):
    x = np.zeros(n)
    x[first:last] = height * np.sin(np.linspace(0, np.pi, last - first))
    return x


def told(table, words):
    return [fault for fault in recording.known_faults(table) if words in fault]


def test_the_frame_rate_is_measured_from_the_stamps(tmp_path):
    for rate in (25.0, 29.97, 30.0, 59.94, 200.0):
        units = interop.read_units(openface(tmp_path, np.zeros(900), rate=rate))
        assert units.attrs["frame_rate"] == pytest.approx(rate, rel=2e-5)
        assert recording.known_faults(units) == []


def test_units_of_openface(tmp_path):
    units = interop.read_units(openface(tmp_path, bump()))
    assert units["intensity"].dims == ("time", "au")
    assert units["au"].values.tolist() == ["4", "12", "28"]
    assert float(units["intensity"].sel(au="12").max()) == pytest.approx(3, abs=0.01)
    assert np.isnan(units["intensity"].sel(au="28")).all()
    assert np.isnan(units["present"].sel(au="4")).all()
    assert int(units["present"].sel(au="12").sum()) == int((bump() >= 1).sum())
    assert units.attrs["coder"] == "OpenFace"
    assert bool(units["valid"].all())


def test_events_begin_and_end_at_the_lower_threshold(tmp_path):
    x = bump()
    table = interop.unit_events(interop.read_units(openface(tmp_path, x)))
    above = np.flatnonzero(np.round(x, 2) >= 0.5)
    assert table["au"].values.tolist() == ["12"]
    assert float(table["onset"][0]) == pytest.approx(above[0] / 30, abs=1e-3)
    assert float(table["offset"][0]) == pytest.approx((above[-1] + 1) / 30, abs=1e-3)
    assert float(table["apex"][0]) == pytest.approx(np.argmax(x) / 30, abs=0.04)
    assert table["intensity"].values.tolist() == ["C"]
    assert table.attrs["coder"] == "OpenFace"
    assert table.attrs["frame_rate"] == 30
    assert recording.known_faults(table) == []


def test_one_threshold_would_split_what_two_hold_together(tmp_path):
    x = np.zeros(300)
    x[100:160] = 1.0 + 0.3 * np.sin(np.arange(60))
    units = interop.read_units(openface(tmp_path, x))
    assert interop.unit_events(units).sizes["event"] == 1
    assert interop.unit_events(units, on=1.0, off=1.0, shortest=0).sizes["event"] > 5


def test_weak_and_short_activity_is_no_event(tmp_path):
    x = bump(height=0.9)
    x[20:22] = 4.0
    units = interop.read_units(openface(tmp_path, x))
    assert interop.unit_events(units).sizes["event"] == 0
    assert interop.unit_events(units, shortest=0.05).sizes["event"] == 1


@pytest.mark.parametrize("fault", ["confidence", "success", "missing"])
def test_bad_frames_interrupt_events_and_are_said(fault, tmp_path):
    x = bump()
    bad = np.arange(300) == 130
    options = {
        "confidence": {"confidence": np.where(bad, 0.3, 0.98)},
        "success": {"success": np.where(bad, 0, 1)},
        "missing": {"keep": np.flatnonzero(~bad)},
    }[fault]
    units = interop.read_units(openface(tmp_path, x, **options))
    assert units.attrs["frame_rate"] == 30
    table = interop.unit_events(units)
    assert table.sizes["event"] == 2
    assert told(table, "2 of 2 events are cut")
    words = "frames are missing at 1 places" if fault == "missing" else "1 of 300 frames are not"
    assert told(table, words)


def test_stamps_that_cannot_be_right_are_said_and_can_be_replaced(tmp_path):
    path = openface(tmp_path, bump(), rate=1000.0)
    assert told(interop.read_units(path), "more than cameras record")
    units = interop.read_units(path, frame_rate=30)
    assert told(units, "the time stamps give 1000 frames per second; frame_rate=30 is used")
    assert float(units["time"][-1]) == pytest.approx(299 / 30)


def pyfeat(folder, x, *, every=1, faces=1):
    lines = ["frame,FaceRectX,FaceScore,AU01,AU12,happiness,Identity"]
    lines += [
        f"{i * every},10.0,0.99,0.01,{value:.4f},0.1,Person_{face}"
        for i, value in enumerate(x)
        for face in range(faces)
    ]
    path = folder / "fex.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_units_of_pyfeat_need_a_frame_rate(tmp_path):
    path = pyfeat(tmp_path, bump(height=0.9), every=2)
    with pytest.raises(ValueError, match="frame numbers but no times: give frame_rate"):
        interop.read_units(path)
    units = interop.read_units(path, frame_rate=60)
    assert units.attrs["scale"] == "0-1"
    assert float(units["time"][1]) == pytest.approx(2 / 60)
    assert units.attrs["frame_rate"] == 30
    assert told(units, "one frame in 2 was analysed")
    table = interop.read_labels(path, frame_rate=60, start=5.0)
    assert table["au"].values.tolist() == ["12"]
    assert table["intensity"].values.tolist() == [""]
    assert 5 + 100 / 30 < float(table["onset"][0]) < 5 + 115 / 30
    assert table.attrs["coder"] == "py-feat"


def test_of_several_faces_one_is_chosen(tmp_path):
    path = pyfeat(tmp_path, bump(), faces=2)
    with pytest.raises(ValueError, match=r"several faces in a frame: Person_0 \(300 frames\)"):
        interop.read_units(path, frame_rate=30)
    assert interop.read_units(path, frame_rate=30, face="Person_1").sizes["time"] == 300
    with pytest.raises(ValueError, match="no face 'Ann'; it has Person_0, Person_1"):
        interop.read_units(path, frame_rate=30, face="Ann")


def test_units_that_facs_lacks_are_rejected(tmp_path):
    path = tmp_path / "openface3.csv"
    names = ",".join(f"AU{k:02}_r" for k in range(1, 9))
    path.write_text(f"frame,timestamp,confidence,success,{names}\n1,0,1,1{',0' * 8}\n", "utf-8")
    with pytest.raises(ValueError, match=r"AU 3, which FACS does not have\. OpenFace 3"):
        interop.read_units(path)
    assert "3" not in facs.CODES


def test_impossible_thresholds_are_explained(tmp_path):
    units = interop.read_units(openface(tmp_path, bump()))
    with pytest.raises(ValueError, match=r"off=2 is above on=1"):
        interop.unit_events(units, off=2)
    with pytest.raises(ValueError, match="shortest=-1"):
        interop.unit_events(units, shortest=-1)
    with pytest.raises(TypeError, match=r"expected a table as interop\.read_units"):
        interop.unit_events([1])
    with pytest.raises(ValueError, match="units has no confidence, time, valid"):
        interop.unit_events(labels.events([], []))
