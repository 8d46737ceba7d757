"""Signals to and from MNE-Python, where it is installed."""

import numpy as np
import pytest

from emgnb import coupling, recording

mne = pytest.importorskip("mne", reason="MNE-Python is not installed")


def signal(units="uV", **more):
    values = np.random.default_rng(0).normal(0, 20, (1000, 2))
    values[100:150] = np.nan
    return recording.signal(values, rate=250, units=units, channel=["a", "b"], **more)


def test_a_signal_survives_mne_and_is_in_volts_there():
    x = signal(start=2.0)
    raw = coupling.to_mne(x, kind="eeg", markers=recording.markers([3.0], ["go"]))
    assert raw.get_data()[0, 0] == pytest.approx(1e-6 * float(x[0, 0]))
    assert raw.info["sfreq"] == 250
    assert raw.get_channel_types() == ["eeg", "eeg"]
    found = [(a["description"], a["onset"], a["duration"]) for a in raw.annotations]
    assert found == [("BAD_lost", 0.4, 0.2), ("go", 1.0, 0.0)]
    again = coupling.from_mne(raw)
    assert again.values == pytest.approx(x.values, rel=1e-6, nan_ok=True)
    assert not again["valid"].values[100:150].any()
    assert again["valid"].values[150:].all()
    assert coupling.from_mne(raw, picks=["b"], units="mV").values[0, 0] == pytest.approx(
        float(x[0, 1]) / 1000
    )


def test_a_cropped_raw_keeps_its_gaps_in_place():
    raw = coupling.to_mne(signal()).crop(tmin=0.2)
    assert np.flatnonzero(~coupling.from_mne(raw)["valid"].values)[[0, -1]].tolist() == [50, 99]
    dated = coupling.to_mne(signal())
    dated.set_meas_date(0)
    lost = np.flatnonzero(~coupling.from_mne(dated.crop(tmin=0.2))["valid"].values)
    assert lost[[0, -1]].tolist() == [50, 99]


def test_epochs_are_cut_around_onsets_and_lost_ones_left_out():
    x = signal()
    epochs = coupling.epochs_to_mne(x, [1.0, 0.5, 2.0], before=0.2, after=0.4)
    assert len(epochs) == 2
    assert epochs.selection.tolist() == [0, 2]
    assert epochs.tmin == pytest.approx(-0.2)
    assert epochs.get_data()[0, 0, 50] == pytest.approx(1e-6 * float(x[250, 0]))
    with pytest.raises(ValueError, match="complete"):
        coupling.epochs_to_mne(x, [0.5], before=0.2, after=0.4)


def test_what_mne_cannot_hold_is_an_error():
    with pytest.raises(ValueError, match="count"):
        coupling.to_mne(signal(units="count"))
    with pytest.raises(TypeError, match=r"mne\.io\.Raw"):
        coupling.from_mne(signal())
    raw = coupling.to_mne(signal())
    with pytest.raises(ValueError, match="units='count'"):
        coupling.from_mne(raw, units="count")
    raw.set_channel_types({"a": "hbo"}, on_unit_change="ignore")
    with pytest.raises(ValueError, match="a is no voltage"):
        coupling.from_mne(raw)
