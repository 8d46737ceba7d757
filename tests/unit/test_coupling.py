"""EEG beside EMG: clocks, averages, coherence, and muscle in the EEG."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from emgnb import coupling, labels, plots, recording

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("coupling_bench", ROOT / "benchmarks/coupling.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def noise(seconds=20.0, rate=500.0, channel=("Cz",), seed=0, **more):
    values = np.random.default_rng(seed).normal(size=(round(seconds * rate), len(channel)))
    return recording.signal(values, rate=rate, units="uV", channel=list(channel), **more)


def beside(theirs, ours, *, words=None, node="eeg"):
    session = recording.make(
        noise(60, 1000, ("zyg",)), markers=recording.markers(ours, words or ["go"] * len(ours))
    )
    own = recording.markers(theirs, words or ["go"] * len(theirs))
    return coupling.add_node(session, noise(60, 250, seed=1), node=node, markers=own)


def irregular(n=20, seed=0):
    return np.sort(np.random.default_rng(seed).uniform(2, 55, n))


# Clocks


def test_offset_and_drift_of_a_clock_are_recovered():
    theirs = irregular()
    ours = 3.25 + (1 + 80e-6) * theirs + np.random.default_rng(1).normal(0, 1e-4, theirs.size)
    found = coupling.align(beside(theirs, ours))
    assert found.offset == pytest.approx(3.25, abs=3e-4)
    assert found.drift == pytest.approx(80, abs=8)
    assert found.residual < 0.2
    assert (found.markers, found.left_out) == (20, 0)
    time = found.signal["time"].values
    assert time[0] == pytest.approx(found.offset)
    assert time[-1] == pytest.approx(3.25 + (60 - 0.004) * (1 + 80e-6), abs=1e-3)
    assert recording.sampling_rate(found.signal) == pytest.approx(250 / (1 + 80e-6), rel=1e-5)
    assert "offset 3.25" in str(found)
    assert recording.history(found.signal)[-1]["markers"] == 20


def test_lost_and_strange_markers_are_left_out():
    theirs = irregular(seed=3)
    ours = np.append(np.delete(theirs - 1.5, [2, 9]), [31.234])
    found = coupling.align(beside(theirs, ours))
    assert found.offset == pytest.approx(-1.5, abs=1e-6)
    assert (found.markers, found.left_out) == (18, 2)


def test_too_few_markers_are_an_error():
    with pytest.raises(ValueError, match="2 shared markers"):
        coupling.align(beside([1.0, 5.0], [2.0, 6.0]))
    session = beside(irregular(), irregular())
    with pytest.raises(ValueError, match="no `fnirs/signal`"):
        coupling.align(session, node="fnirs")
    other = recording.make(noise(), markers=recording.markers([1, 2, 4], ["a", "b", "c"]))
    own = recording.markers([1, 2, 4], ["d", "e", "f"])
    with pytest.raises(ValueError, match="no text occurs in both"):
        coupling.align(coupling.add_node(other, noise(), markers=own))
    with pytest.raises(ValueError, match="no markers of its own clock"):
        coupling.align(coupling.add_node(other, noise()))
    with pytest.raises(ValueError, match="node='emg'"):
        coupling.add_node(other, noise(), node="emg")


def test_regular_markers_need_an_expected_offset():
    theirs = np.arange(5.0, 45.0)
    session = beside(theirs, theirs + 2.0)
    with pytest.raises(ValueError, match="too regular"):
        coupling.align(session)
    assert coupling.align(session, about=2.1).offset == pytest.approx(2.0)


def test_a_shared_pulse_aligns_two_recordings():
    at = irregular(15, seed=5)

    def pulses(rate, shift):
        x = noise(60, rate, ("sync", "other"))
        time = x["time"].values
        high = ((time[:, None] >= at + shift) & (time[:, None] < at + shift + 0.05)).any(axis=1)
        x.values[:, 0] = 3000 * high
        return x

    session = coupling.add_node(recording.make(pulses(1000, 2.5)), pulses(250, 0), node="fnirs")
    found = coupling.align(session, node="fnirs", pulse="sync")
    assert found.offset == pytest.approx(2.5, abs=2e-3)
    assert found.residual < 2
    with pytest.raises(ValueError, match="no such channel"):
        coupling.align(session, node="fnirs", pulse="trigger")


def test_a_session_with_eeg_is_stored_and_read_back(tmp_path):
    session = beside(irregular(), irregular() + 1)
    recording.save(session, tmp_path / "s.zarr")
    again = recording.open(tmp_path / "s.zarr")
    recording.check(again)
    assert np.array_equal(again["eeg/signal"].values, session["eeg/signal"].values)
    assert recording.sampling_rate(again["eeg/signal"]) == 250
    assert coupling.align(again).offset == pytest.approx(1.0)


# Averages


def test_an_average_finds_the_wave_and_counts_valid_samples():
    x = noise(30, 200, ("a", "b"), seed=2)
    onsets = np.arange(2.0, 28.0, 2.0)
    wave = np.exp(-0.5 * ((x["time"].values[:, None] - onsets - 0.1) / 0.02) ** 2).sum(axis=1)
    x.values[:] = 0.1 * x.values + 5 + wave[:, None]
    x.values[420:430, 0] = np.nan
    made = coupling.event_locked(
        x, labels.events(onsets, onsets + 1), before=0.3, after=0.4, baseline=(-0.3, 0.0)
    )
    assert made.sizes == {"lag": 141, "channel": 2}
    peak = made["mean"].idxmax("lag")
    assert peak.values == pytest.approx([0.1, 0.1], abs=0.011)
    assert made["mean"].max("lag").values == pytest.approx([1, 1], abs=0.1)
    assert made["n"].sel(channel="a").values.min() == 12
    assert made["n"].sel(channel="b").values.min() == 13
    assert made["sem"].values.max() < 0.1
    with pytest.raises(ValueError, match="none of 1 onsets"):
        coupling.event_locked(x, [99.0])
    with pytest.raises(ValueError, match="baseline"):
        coupling.event_locked(x, onsets, baseline=(-9, -8))


def test_a_burst_of_40_hz_appears_at_its_time_and_frequency():
    x = noise(40, 250, seed=4)
    onsets = np.arange(3.0, 38.0, 2.5)
    time = x["time"].values
    inside = ((time[:, None] > onsets) & (time[:, None] < onsets + 0.4)).any(axis=1)
    x.values[:, 0] += 3 * inside * np.sin(2 * np.pi * 40 * time)
    x.values[2000, 0] = np.nan
    made = coupling.event_power(x, onsets, [10, 20, 40, 80], baseline=(-0.5, -0.2))
    mean = made["mean"].isel(channel=0)
    assert mean.sel(frequency=40, lag=0.2, method="nearest") > 10
    assert abs(mean.sel(frequency=10, lag=0.2, method="nearest")) < 4
    assert abs(mean.sel(frequency=40, lag=-0.3, method="nearest")) < 5
    assert made["n"].min() == len(onsets) - 1
    with pytest.raises(ValueError, match="half the sampling rate"):
        coupling.event_power(x, onsets, [200])


def test_the_power_of_a_tone_is_half_its_squared_amplitude():
    x = noise(10, 250)
    x.values[:, 0] = 4 * np.sin(2 * np.pi * 30 * x["time"].values)
    made = coupling.event_power(x, [5.0], [30])
    assert made["mean"].values == pytest.approx(10 * np.log10(8), abs=0.01)
    assert np.isnan(made["sem"].values).all()


# Coherence


def test_coupling_with_a_lag_is_found_with_its_lag_also_under_muscle(bench):
    for muscle in (0.0, 50.0):
        for seed in range(3):
            found = coupling.coherence(*bench.coupled(seed, 0.8, muscle=muscle), surrogates=99)
            row = found.pairs[0]
            assert row["verdict"] == "coupling"
            assert row["lag"][0] == pytest.approx(bench.LAG, abs=0.002)
            assert row["lag"][1] <= row["lag"][0] <= row["lag"][2]
    assert "EEG first by" in str(found)
    assert "no diagnosis" in str(found)


def test_muscle_in_the_eeg_is_no_coupling(bench, shared_data):
    sources = bench.recordings(shared_data)
    verdicts, plain = [], 0
    for seed in range(20):
        _, emg, rate = sources[seed % len(sources)]
        eeg, muscle = bench.contaminated(seed, emg, rate, 50.0)
        row = coupling.coherence(eeg, muscle, surrogates=99, seed=seed).pairs[0]
        verdicts.append(row["verdict"])
        plain += row["p_plain"] <= 0.05
    assert plain == 20
    # More than 4 of 20 at α = .05: 0.3 %.
    assert verdicts.count("coupling") <= 4
    assert verdicts.count("muscle") >= 16


def test_lagged_coherence_does_not_change_with_any_mixture_of_the_emg():
    eeg, emg = noise(60, seed=1), noise(60, channel=("a", "b"), seed=2)
    mixed = eeg + 10 * emg.values @ np.array([[1.0], [-2.0]])
    before, after = (coupling.coherence(x, emg, surrogates=39) for x in (eeg, mixed))
    assert after.spectra["lagged"].values == pytest.approx(
        before.spectra["lagged"].values, abs=1e-4
    )
    assert [row["p_lagged"] for row in after.pairs] == pytest.approx(
        [row["p_lagged"] for row in before.pairs]
    )
    assert after.spectra["plain"].values.mean() > 0.3


def test_a_clock_that_is_a_millisecond_off_is_muscle_still(bench):
    _, emg = bench.coupled(0, 0.0)
    eeg = emg.assign_coords(channel=["Cz"]).copy(data=np.roll(emg.values, -1, axis=0))
    row = coupling.coherence(eeg, emg, surrogates=39).pairs[0]
    assert row["verdict"] == "muscle"
    assert row["lag"][0] == pytest.approx(0.001, abs=3e-4)


def test_a_recorded_muscle_that_follows_another_is_no_coupling():
    emg = noise(60, channel=("first", "second"), seed=2)
    emg.values[5:, 1] = emg.values[:-5, 0] + 0.5 * emg.values[5:, 1]
    eeg = noise(60, seed=1) + 3 * emg.values[:, 1:]
    found = coupling.coherence(eeg, emg, surrogates=99)
    assert [row["verdict"] for row in found.pairs] == ["muscle", "muscle"]
    # The first muscle alone cannot tell: the second has no electrode.
    alone = coupling.coherence(eeg, emg.isel(channel=[0]), surrogates=99)
    assert alone.pairs[0]["verdict"] == "coupling"


def test_a_gap_costs_the_segments_that_touch_it():
    eeg, emg = noise(60, seed=1), noise(60, 1000, ("zyg",), seed=2)
    whole = coupling.coherence(eeg, emg, surrogates=39)
    emg.values[30_000:30_010] = np.nan
    gapped = coupling.coherence(eeg, emg, surrogates=39)
    lost = whole.settings["segments"] - gapped.settings["segments"]
    assert 2 <= lost <= 3
    assert np.isfinite(gapped.spectra["lagged"].values).all()


def test_a_short_recording_cannot_be_told():
    found = coupling.coherence(noise(10), noise(10, 1000, ("zyg",), seed=1), surrogates=39)
    assert found.pairs[0]["verdict"] == "undetermined"
    assert "undetermined" in str(found)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"band": (30, 240)}, "band="),
        ({"band": (30, 32)}, "fewer than five"),
        ({"surrogates": 5}, "surrogates=5"),
        ({"length": 0}, "length=0"),
    ],
)
def test_settings_that_cannot_work_are_errors(more, message):
    with pytest.raises(ValueError, match=message):
        coupling.coherence(noise(), noise(channel=("zyg",), seed=1), **more)


def test_signals_that_cannot_be_compared_are_errors():
    x = noise()
    with pytest.raises(ValueError, match="expected raw"):
        coupling.coherence(x, noise(signal_kind="envelope"))
    with pytest.raises(ValueError, match="do not overlap"):
        coupling.coherence(x, noise(start=100.0))
    flat = noise(60, seed=3)
    flat.values[:] = 1.0
    with pytest.raises(ValueError, match="constant"):
        coupling.coherence(noise(60), flat)


def test_the_figure_shows_coherence_and_threshold():
    found = coupling.coherence(noise(30), noise(30, 1000, ("zyg",), seed=1), surrogates=39)
    figure = plots.coherence(found)
    assert [trace.name for trace in figure.data] == [
        "plain",
        "plain threshold",
        "lagged",
        "lagged threshold",
    ]
    with pytest.raises(ValueError, match="no pair"):
        plots.coherence(found, eeg="Oz")
    with pytest.raises(TypeError, match=r"coupling\.coherence"):
        plots.coherence(noise())
