"""A journal of each past version opens; see data/journals/README.md."""

from pathlib import Path

import numpy as np
import pytest

from emgnb import acquire, recording

JOURNALS = Path(__file__).parents[1] / "data" / "journals"


@pytest.mark.parametrize(
    ("name", "rate", "scans", "marks"),
    [
        ("1_journal", 50.0, 600, ["smile"]),
        ("2_recorder", 100.0, None, ["smile", "rest"]),
        ("3_consent", 100.0, None, ["smile", "rest"]),
        ("4_inputs", 50.0, 600, ["smile"]),
        ("5_impossible", 100.0, None, ["smile", "rest"]),
    ],
)
def test_a_journal_of_each_past_version_opens(tmp_path, name, rate, scans, marks):
    made = acquire.recover(JOURNALS / f"{name}.emgj", to=tmp_path / "s.zarr")
    session = recording.open(made)
    x = session["emg/signal"]
    assert x.sizes["channel"] == 2
    assert bool(x["valid"].all())
    assert recording.measured_rate(x) == pytest.approx(rate, rel=0.01)
    assert session["markers"]["text"].values.tolist() == marks
    assert recording.known_faults(session) == []
    if scans is not None:
        numbers = np.arange(scans)[:, np.newaxis] * 7919 + np.arange(2) * 104_729
        np.testing.assert_array_equal(x.values, numbers % 1024)
    else:
        assert x.sizes["time"] >= 250
        assert x.attrs["units"] == "V"
        assert x["channel"].values.tolist() == ["zyg", "cor"]
        assert session.attrs["participant"] == "P07"


def test_what_came_with_a_version_is_in_the_session(tmp_path):
    consent = acquire.recover(JOURNALS / "3_consent.emgj", to=tmp_path / "consent.zarr")
    session = recording.open(consent)
    assert session.attrs["consent"] == {"version": "1"}
    assert session["markers"]["uncertainty"].values[0] > 0.1
    inputs = acquire.recover(JOURNALS / "4_inputs.emgj", to=tmp_path / "inputs.zarr")
    edges = recording.open(inputs)["inputs"]
    assert edges["text"].values.tolist() == ["input 0 high"]
    assert edges["time"].values[0] == pytest.approx(210 / 50, abs=1 / 50)
