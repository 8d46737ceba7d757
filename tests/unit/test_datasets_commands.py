"""`emgnb export` and `emgnb import`."""

import numpy as np
import pytest

from emgnb import interop, recording
from emgnb.cli import main


@pytest.fixture
def folder(tmp_path):
    for k, sharing in enumerate(("open", "none")):
        x = recording.signal(np.full((500, 1), 2.0), rate=100.0, units="uV")
        session = recording.make(
            x,
            participant=f"P{k}",
            started="2026-05-04T10:00:00",
            consent={"sharing": sharing},
        )
        recording.save(session, tmp_path / "study" / f"r{k}" / "session.zarr")
    return tmp_path / "study"


def test_a_study_is_exported_and_comes_back(folder, tmp_path, capsys):
    pytest.importorskip("edfio", reason="edfio is not installed")
    out = tmp_path / "bids"
    assert main(["export", str(folder), str(out), "--to", "bids"]) == 2
    assert "P1: the participant's consent says sharing: 'none'" in capsys.readouterr().err
    assert not out.exists()
    order = ["export", str(folder / "r0"), str(out), "--to", "bids", "--anonymise"]
    assert main(order) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"1 sessions in {out}"
    assert "! removed: session attribute started (date)" in told
    assert main(order) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert main(["import", str(out), str(tmp_path / "back")]) == 0
    assert capsys.readouterr().out == f"1 sessions in {tmp_path / 'back'}\n"
    back = recording.open(tmp_path / "back" / "P0_1.zarr")
    assert "started" not in back.attrs
    np.testing.assert_allclose(recording.emg(back), 2.0, atol=1e-6)
    again = tmp_path / "all"
    reason = ["--despite-consent", "our own archive"]
    assert main(["export", str(folder), str(again), "--to", "bids", *reason]) == 0
    assert "P0" in " ".join(path.name for path in again.iterdir())


def test_a_table_is_imported_with_its_rate(tmp_path, capsys):
    file = tmp_path / "a.csv"
    file.write_text("a,b\n" + "1,2\n" * 50)
    order = ["import", str(file), str(tmp_path / "s.zarr")]
    assert main(order) == 2
    assert "give rate= in Hz" in capsys.readouterr().err
    order += ["--rate", "500", "--units", "mV", "--channels", "b", "--participant", "P7"]
    assert main([*order, "--montage", "z:zygomaticus_major:left"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("50 samples of 1 channels in ")
    assert "! rate: 500 Hz as declared" in told
    session = recording.open(tmp_path / "s.zarr")
    assert session.attrs["participant"] == "P7"
    assert recording.emg(session)["muscle"].values.tolist() == ["zygomaticus_major"]


def test_what_is_not_there_or_not_understood_is_named(tmp_path, capsys):
    assert main(["export", str(tmp_path / "no"), str(tmp_path / "o"), "--to", "bids"]) == 2
    assert "no session or folder" in capsys.readouterr().err
    assert main(["export", str(tmp_path), str(tmp_path / "o"), "--to", "bids"]) == 2
    assert "holds no session" in capsys.readouterr().err
    assert main(["import", str(tmp_path), str(tmp_path / "o")]) == 2
    assert "expected a data set in EMG-BIDS" in capsys.readouterr().err
    assert main(["import", str(tmp_path), str(tmp_path / "o"), "--as", "xdf"]) == 2
    assert "is a folder, but --as xdf reads one file" in capsys.readouterr().err


def test_sessions_of_any_name_are_found_and_filtered_ones_are_left_out(folder, tmp_path):
    first = folder / "r0" / "session.zarr"
    session = recording.open(folder / "r1")
    other = recording.save(session, folder / "P1_second.zarr")
    recording.save(session, folder / ".emgnb-left" / "half.zarr")
    x = recording.emg(session)
    derived = recording.with_signal(session, recording.with_history(x, "detrend"))
    filtered = recording.save(derived, tmp_path / "filtered" / "P1.zarr")
    assert interop.session_stores(folder) == sorted([first, folder / "r1" / "session.zarr", other])
    assert interop.session_stores(tmp_path) == interop.session_stores(folder)
    assert interop.session_stores(filtered.parent) == [filtered]
    assert interop.session_stores(filtered) == [filtered]
    assert interop.session_stores(tmp_path / "nothing") == []
