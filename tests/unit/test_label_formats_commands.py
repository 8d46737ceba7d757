"""`emgnb import-labels` and `emgnb export-labels`."""

import numpy as np
import pytest

from emgnb import labels, recording
from emgnb.cli import main


@pytest.fixture
def session(tmp_path):
    x = recording.signal(np.zeros((10_000, 1)), rate=1000.0, units="uV")
    path = recording.save(recording.make(x), tmp_path / "session.zarr")
    recording.add_labels(path, "Ann", labels.events([1.0004], [2.0], au="12", side="L"))
    return path


def test_labels_leave_a_session_and_come_back(session, tmp_path, capsys):
    file = tmp_path / "coding.eaf"
    assert main(["export-labels", str(session), str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"1 events by coder 'Ann' in {file}",
        "! times are rounded to 1 ms in 1 of 1 events",
    ]
    assert main(["import-labels", str(file), str(session)]) == 2
    assert "not overwritten: give another name with --as NAME" in capsys.readouterr().err
    order = ["import-labels", str(file), str(session), "--as", "Ben", "--start", "0.5"]
    assert main(order) == 0
    assert capsys.readouterr().out == "1 events by coder 'Ben' added\n"
    table = recording.open(session)["labels/Ben"]
    assert float(table["onset"][0]) == 1.5
    assert table["side"].values.tolist() == ["L"]
    assert main(["export-labels", str(session), str(tmp_path / "b.csv")]) == 2
    assert "choose one with --coder: the session has Ann, Ben" in capsys.readouterr().err
    assert main(["export-labels", str(session), str(file), "--coder", "Ben"]) == 2
    assert "exists and is not overwritten" in capsys.readouterr().err


def test_labels_that_are_not_to_be_shared_leave_only_with_a_reason(tmp_path, capsys):
    x = recording.signal(np.zeros((100, 1)), rate=100.0, units="uV")
    made = recording.make(
        x, consent={"sharing": "none"}, labels={"Ann": labels.events([0.1], [0.5], au="12")}
    )
    order = ["export-labels", str(recording.save(made, tmp_path / "s.zarr")), f"{tmp_path}/a.csv"]
    assert main(order) == 2
    assert "--despite-consent" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()
    assert main([*order, "--despite-consent", "for our second coder"]) == 0
    assert (tmp_path / "a.csv").exists()


def test_rows_of_a_table_in_frames_are_imported(session, tmp_path, capsys):
    file = tmp_path / "t.csv"
    file.write_text("Clip,OnsetFrame,OffsetFrame,AU\nA,201,401,6+12\nB,1,2,4\n", "utf-8")
    order = ["import-labels", str(file), str(session), "--where", "Clip=A", "--frame-rate", "200"]
    assert main(order) == 2
    assert "names no coder: give one with --as NAME" in capsys.readouterr().err
    assert main([*order, "--as", "Cleo", "--first-frame", "1"]) == 0
    assert capsys.readouterr().out == "2 events by coder 'Cleo' added\n"
    table = recording.open(session)["labels/Cleo"].to_dataset()
    assert table["onset"].values.tolist() == [1.0, 1.0]
    assert table["Clip"].values.tolist() == ["A", "A"]
    assert main([*order, "--where", "Clip"]) == 2
    assert "expected HEADING=VALUE" in capsys.readouterr().err


def test_events_outside_of_the_recording_are_rejected(session, tmp_path, capsys):
    file = tmp_path / "t.txt"
    file.write_text("20\t21\t12\n", "utf-8")
    assert main(["import-labels", str(file), str(session), "--as", "Cleo"]) == 2
    assert "lies outside the recording" in capsys.readouterr().err
