"""The list of a study opens the session that is selected."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'emgnb[lab]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

import xarray as xr
from panels import control, shown

from emgnb import labels, recording
from emgnb.widgets import Study


def options(listed: Study) -> tuple[tuple[str, int], ...]:
    """The lines of the list, and their rows."""
    found: tuple[tuple[str, int], ...] = control(listed, "Sessions; select one to open it").options
    return found


@pytest.fixture
def root(tmp_path) -> Path:
    for name in ("P01", "P02", "P<3>"):
        x = recording.signal(np.zeros((500, 1)), rate=100, units="uV", muscle="corrugator")
        coded = {"ann": labels.events(1, 2, au="4")} if name == "P02" else {}
        made = recording.make(x, participant=name, labels=coded)
        recording.save(made, tmp_path / name / "session.zarr")
    (tmp_path / "P<3>" / "session.zarr" / "emg" / "zarr.json").write_text("{")
    return tmp_path


def test_selecting_a_session_opens_it_and_shows_the_code(root):
    listed = Study(root)
    assert listed.session is None
    assert listed.code == f"table = recording.study({str(root)!r})"
    assert "3 of 3 sessions, 1 cannot be opened" in shown(listed)
    listed.select("P02/session.zarr")
    assert listed.session.attrs["participant"] == "P02"
    assert "ann (1)" in shown(listed)
    names = {"recording": recording}
    exec(listed.code, names)
    assert names["session"].identical(listed.session)
    listed.close()


def test_a_damaged_session_is_shown_with_its_fault(root):
    listed = Study(root)
    lines = [line for line, _ in options(listed)]
    assert [line.startswith("⚠") for line in lines] == [False, False, True]
    listed.select("P<3>/session.zarr")
    assert listed.session is None
    assert isinstance(listed.error, ValueError)
    assert "cannot be opened:" in shown(listed)
    assert "<td>P<3>/session.zarr</td>" in shown(listed)
    listed.select("P01/session.zarr")
    assert listed.error is None
    assert listed.session is not None
    listed.close()


def test_the_search_narrows_the_list(root):
    listed = Study(root)
    listed.search("ANN corr")
    assert listed.rows["participant"].values.tolist() == ["P02"]
    assert len(options(listed)) == 1
    assert options(listed)[0][0].split("\u00a0")[2] == "P02"
    with pytest.raises(ValueError, match="among the 1 sessions"):
        listed.select("P01/session.zarr")
    listed.search("nobody")
    assert listed.rows.sizes["entry"] == 0
    listed.search("")
    assert len(options(listed)) == 3
    listed.close()


def test_searching_keeps_what_is_selected_and_opens_nothing(root):
    listed = Study(root)
    listed.select("P02/session.zarr")
    opened = listed.session
    for words in ("c", "corrugator", "corrugator P0", "P02", ""):
        listed.search(words)
        assert listed.session is opened
        assert "P02" in control(listed, "Sessions; select one to open it").label
    listed.search("P01")  # of which it is none
    assert listed.session is None
    assert control(listed, "Sessions; select one to open it").value is None
    listed.search("")
    assert listed.session is None
    listed.close()


def test_refresh_lists_the_folder_again(root):
    listed = Study(root)
    shutil.copytree(root / "P01", root / "P04")
    control(listed, "Refresh").click()
    assert listed.table.sizes["entry"] == 4
    listed.close()


def test_rows_of_a_study_can_be_given(root):
    table = recording.study(root)
    listed = Study(table.isel(entry=table["readable"]))
    assert listed.table.sizes["entry"] == 2
    listed.select("P01/session.zarr")
    assert listed.session is not None
    listed.close()
    with pytest.raises(ValueError, match=r"recording\.study"):
        Study(xr.Dataset())
