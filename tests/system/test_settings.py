"""Settings of a recording: refused before it begins, or given anew afterwards."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emgnb import acquire, recording
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.wire.frames import Encoder
from emgnb.cli import main

VALUES = (np.arange(2000)[:, np.newaxis] * 7 + np.arange(2)) % 1024


def recorded(folder: Path, **settings: Any) -> Path:
    """A journal of 2 channels at 100 Hz as the recorder writes it, with any settings."""
    writer = JournalWriter(folder / "journal.emgj")
    writer.note(Kind.SETTINGS, {"port": "test", **settings}, 10**11)
    encoder = Encoder(2)
    for first in range(0, 2000, 10):
        at = round((100 + (first + 9) / 100) * 1e9)
        data = encoder.scans(first, VALUES[first : first + 10].astype(np.uint16))
        writer.raw(data, at, at + 1_700_000_000 * 10**9)
    writer.note(Kind.END, {}, at)
    writer.close()
    return writer.path


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"units": "mv"}, "units 'mv', expected one of uV, mV, V"),
        ({"units": "mV", "units_per_count": "abc"}, "units_per_count 'abc', expected a number"),
        ({"units": "mV", "units_per_count": 1e39}, "expected a number above 0"),
        ({"units": "mV", "units_per_count": float("nan")}, "expected a number above 0"),
        ({"units": "mV", "units_per_count": 0}, "expected a number above 0"),
        ({"units": "mV", "units_per_count": -1}, "expected a number above 0"),
        ({"units_per_count": 0.1}, "without units"),
        ({"attrs": {"label_meaning": "my own"}}, "label_meaning 'my own', expected one of"),
        ({"attrs": {"coordinates": "a b"}}, "is reserved"),
        ({"attrs": {3: "x"}}, "name 3, expected text"),
        ({"attrs": ["x"]}, "expected names and values"),
        ({"attrs": {"x": "\ud83d"}}, "half a surrogate pair"),
        ({"attrs": {"x": "y" * 100_000}}, "characters of settings, at most"),
        ({"signal_kind": ["raw"], "montage": [("a", "", ""), ("b", "", "")]}, "1 kinds for the 2"),
        ({"montage": ["abc", "def"]}, "expected a list of"),
    ],
)
def test_settings_that_no_session_can_hold_are_refused_before_anything_is_written(
    tmp_path, wrong, said
):
    with pytest.raises(ValueError, match=said):
        acquire.start("sim://rest", tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_all_faults_of_the_settings_are_told_at_once(tmp_path):
    with pytest.raises(ValueError, match=r"2 faults:\n.*signal_kind 'x'.*\n.*units 'y'"):
        acquire.start("sim://rest", tmp_path, signal_kind="x", units="y")


def test_attributes_may_have_any_name(tmp_path):
    names = ("labels", "markers", "signal_attrs", "self", "time_step", "time_start", "inputs")
    attrs = {name: f"own {name}" for name in names}
    session = recording.open(acquire.recover(recorded(tmp_path, attrs=attrs)))
    assert {name: session.attrs[name] for name in names} == attrs
    assert (
        recording.open(tmp_path / "session.zarr", chunks=10).attrs["time_step"] == "own time_step"
    )


def test_a_recording_with_impossible_settings_is_recovered_with_others(tmp_path):
    impossible = {
        "units": "mv",
        "units_per_count": -1,
        "attrs": {"label_meaning": "mine"},
        "signal_kind": "x",
    }
    journal = recorded(tmp_path, **impossible)
    with pytest.raises(ValueError, match=r"Give other settings, such as acquire\.recover"):
        acquire.recover(tmp_path)
    with pytest.raises(ValueError, match="units 'cm', expected one of"):
        acquire.recover(tmp_path, units="cm")
    assert [each.name for each in tmp_path.iterdir()] == [journal.name]
    made = acquire.recover(
        tmp_path, units="mV", units_per_count=0.5, attrs={"site": "A"}, signal_kind="rectified"
    )
    session = recording.open(made)
    x = session["emg/signal"]
    np.testing.assert_allclose(x.values, 0.5 * VALUES)
    assert x.attrs["units"] == "mV"
    assert set(x["signal_kind"].values.tolist()) == {"rectified"}
    assert session.attrs["site"] == "A"
    assert session.attrs["label_meaning"] == "instructed"


def test_the_command_recovers_with_other_settings(tmp_path, capsys):
    recorded(tmp_path, units="mv")
    assert main(["recover", str(tmp_path)]) == 2
    assert "emgnb recover --units mV" in capsys.readouterr().err
    given = [
        *("--units", "uV", "--units-per-count", "2", "--kind", "raw", "--participant", "P9"),
        *("--session", "3", "--montage", "a:corrugator:left,b::"),
        *("--attrs", json.dumps({"labels": [1, 2]})),
    ]
    assert main(["recover", str(tmp_path), "--attrs", "[1]"]) == 2
    assert "expected a JSON object" in capsys.readouterr().err
    assert main(["recover", str(tmp_path), *given]) == 0
    session = recording.open(tmp_path / "session.zarr")
    x = session["emg/signal"]
    np.testing.assert_allclose(x.values, 2.0 * VALUES)
    assert x["channel"].values.tolist() == ["a", "b"]
    assert x["muscle"].values.tolist() == ["corrugator", ""]
    assert (session.attrs["participant"], session.attrs["session"]) == ("P9", "3")
    assert session.attrs["labels"] == [1, 2]


def test_kinds_for_other_channels_than_came_are_told(tmp_path):
    session = recording.open(acquire.recover(recorded(tmp_path, signal_kind=["envelope"])))
    assert "signal_kind names 1 channels, but the port sent 2" in " ".join(
        recording.known_faults(session)
    )
