"""What quality measures, and what it takes for physiology."""

import json
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import published
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as dsp

from emgnb import quality, recording, simulate
from emgnb.interop import corpora
from emgnb.plots.overview import health
from emgnb.quality import _clipping, reporting

RATE = 1000.0


def noise(seconds: float = 20.0, channels: int = 2, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(round(seconds * RATE), channels))


def raw(values: np.ndarray, rate: float = RATE, **more) -> xr.DataArray:
    return recording.signal(values, rate=rate, units=more.pop("units", "uV"), **more)


def tone(hz: float, seconds: float = 20.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


# --- the report -------------------------------------------------------------------------------


def test_the_shares_of_mains_and_motion_are_those_that_were_put_in():
    # EMG band of power 1, mains of power 1 at 50.3 Hz with a third harmonic, drift of power 2 at 3
    band = dsp.firwin(801, [70, 90], pass_zero=False, fs=RATE)
    muscle = dsp.fftconvolve(noise(60, 1)[:, 0], band, mode="same")
    muscle /= muscle.std()
    hum = np.sqrt(1.6) * tone(50.3, 60) + np.sqrt(0.4) * tone(150.9, 60)
    drift = np.sqrt(2 * 2) * tone(3, 60)
    r = quality.report(raw(muscle + hum + drift))
    assert r.attrs["mains_hz"] == 50.0
    assert r["mains"].item() == pytest.approx(0.25, abs=0.02)
    assert r["motion"].item() == pytest.approx(0.5, abs=0.02)
    for name in ("mains", "motion"):
        assert r[f"{name}_over_time"].mean().item() == pytest.approx(r[name].item(), rel=0.05)


def test_muscle_at_the_mains_frequency_is_no_mains_and_a_mains_filter_never_adds_any():
    from emgnb.filters import Chain, MainsFit

    band = dsp.firwin(401, [30, 80], pass_zero=False, fs=RATE)
    muscle = dsp.fftconvolve(noise(30, 2), band[:, np.newaxis], mode="same", axes=0)
    before = quality.report(raw(muscle), mains=50)
    assert (before["mains"] < 0.02).all()
    after = quality.report(Chain(MainsFit(50))(raw(muscle)), mains=50)
    assert (after["mains"] <= before["mains"] + 0.005).all()


def test_mains_is_named_on_an_irregular_clock():
    time = np.arange(20_000) / RATE + np.random.default_rng(1).uniform(-3e-4, 3e-4, 20_000)
    values = noise() + 2.2 * np.sin(2 * np.pi * 50 * time)[:, np.newaxis]
    kept = np.random.default_rng(2).random(20_000) > 0.02
    x = recording.signal(values[kept], time=time[kept], units="uV")
    r = quality.report(x)
    assert np.isnan(r.attrs["rate"])
    assert r.attrs["mains_hz"] == 50.0
    assert r["mains"].values == pytest.approx([0.71, 0.71], abs=0.12)
    assert any("mains, 50 Hz" in fault for fault in quality.is_physiology(x).faults)


def test_channels_of_two_kinds_are_judged_kind_by_kind():
    face = simulate.face(seed=7, duration=20)["emg/signal"].isel(channel=slice(2)).values
    smooth = simulate.face(seed=7, duration=20, sensor="v3")["emg/signal"]
    both = np.column_stack([face, smooth.isel(channel=slice(2)).values])
    kinds = ["raw", "raw", "envelope", "envelope"]
    verdict = quality.is_physiology(raw(both, signal_kind=kinds))
    assert verdict.physiology is True
    assert "raw EMG (ch1, ch2)" in verdict.looks_like
    assert "envelope of EMG (ch3, ch4)" in verdict.looks_like
    assert not any("declared" in fault for fault in verdict.faults)


def test_neither_rest_nor_a_contraction_is_mains_or_motion():
    busy = np.where(np.arange(60_000) // 1000 % 10 == 3, 40.0, 1.0)[:, None]
    drift = tone(3, 60)[:, None] * np.where(np.arange(60_000) // 1000 == 25, 300.0, 0.7)[:, None]
    r = quality.report(raw(noise(60, 1) * busy + drift + 0.5 * tone(50, 60)[:, None]))
    grade = quality.grades(r)
    assert not (grade["mains_over_time"] > 0).any()
    assert np.flatnonzero(grade["motion_over_time"].values[:, 0] == 2).tolist() == [25]


def test_sixty_hertz_is_told_from_fifty():
    r = quality.report(raw(noise() + tone(60.0)[:, None]))
    assert r.attrs["mains_hz"] == 60.0
    assert r["mains"].values == pytest.approx([0.333, 0.333], abs=0.02)
    assert quality.report(raw(noise()), mains=60).attrs["mains_hz"] == 60.0


def test_noise_of_a_second_or_two_has_no_mains():
    said = []
    for seed in range(40):
        values = np.random.default_rng(seed).normal(size=(300, 8))
        verdict = quality.is_physiology(raw(values, 200.0))
        said += [fault for fault in verdict.faults if "mains" in fault]
    assert not said


def test_mains_above_half_the_rate_is_found_where_it_folds_to():
    at_100 = raw(noise(60, 1)[:6000] + 2 * np.cos(np.pi * np.arange(6000))[:, None], 100.0)
    r = quality.report(at_100)
    assert r.attrs["mains_hz"] == 50.0
    assert r["mains"].item() > 0.75


def test_the_signal_to_noise_ratio_is_that_of_active_over_rest():
    scale = np.where(np.arange(20_000) // 1000 % 4 == 0, 10.0, 1.0)[:, None]
    x = raw(noise() * scale)
    # 10·log10((100 − 1) / 1)
    assert quality.report(x)["snr"].values == pytest.approx([20.0, 20.0], abs=1.0)
    assert np.isnan(quality.report(x.isel(time=slice(3000)))["snr"]).all()


def test_a_flat_spectrum_has_a_deformation_of_two_over_root_three():
    assert quality.report(raw(noise()))["deformation"].values == pytest.approx(
        2 / np.sqrt(3), abs=0.01
    )


def test_clipping_is_counted_and_a_free_tail_is_not():
    values = 100 * noise(channels=3)
    values[:, 1] = np.clip(values[:, 1], -150, 150)
    values[:, 2] = np.rint(values[:, 2] / 100)
    r = quality.report(raw(values))
    expected = np.mean(np.abs(100 * noise(channels=3)[:, 1]) >= 150)
    assert r["clipped"].values == pytest.approx([0.0, expected, 0.0], abs=1e-9)
    assert json.loads(r["clipped"].attrs["ends"])["ch2"] == [-150.0, 150.0]


def test_a_noisy_limit_is_clipping_and_a_held_level_is_not():
    x = np.concatenate([100 * np.abs(noise(10, 1)), 1000 + noise(5, 1), 500 + 60 * noise(5, 1)])
    share = quality.report(raw(x, signal_kind="envelope"))["clipped"].item()
    assert share == pytest.approx(0.25, abs=0.01)
    held = np.concatenate([100 * np.abs(noise(10, 1)), 1000 + 100 * noise(10, 1)])
    assert quality.report(raw(held, signal_kind="envelope"))["clipped"].item() == 0.0


def test_a_stuck_channel_is_flat_and_at_the_end_of_the_converter_railed():
    values = 300 + np.rint(20 * noise(channels=4))
    values[:, 1], values[:, 2], values[:, 3] = 1023.0, 512.0, 0.0
    r = quality.report(raw(values, units="count"))
    assert r["flat"].values.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert r["railed"].values.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert r["contact"].values.tolist()[1:] == ["none", "none", "none"]
    assert "512" in json.loads(r["mains"].attrs["not_measured"])["ch3"]


def test_lost_samples_are_counted_and_leave_their_windows_without_a_spectrum():
    values = noise()
    values[4200:4700] = np.nan
    r = quality.report(raw(values))
    assert r["dropped"].values == pytest.approx([0.025, 0.025])
    assert r["dropped_over_time"].values[4].tolist() == [0.5, 0.5]
    assert np.flatnonzero(np.isnan(r["mains_over_time"].values[:, 0])).tolist() == [4]
    assert np.isfinite(r["mains"]).all()


def test_an_envelope_has_no_shares_of_frequency_and_the_reason_is_told():
    face = simulate.face(seed=1, duration=20, sensor="v3")
    r = quality.report(face)
    assert np.isnan(r["mains"]).all()
    assert np.isnan(r["deformation_over_time"]).all()
    assert all("envelope" in why for why in json.loads(r["motion"].attrs["not_measured"]).values())
    assert np.isfinite(r["snr"]).all()


def test_irregular_rows_are_counted_as_they_are_and_a_hole_is_lost():
    time = np.cumsum(np.random.default_rng(1).uniform(0.02, 0.08, 1000))
    time[500:] += 10.0
    r = quality.report(recording.signal(noise(1, 1), time=time, units="mV"))
    assert np.isnan(r.attrs["rate"])
    assert r["dropped"].item() == pytest.approx(10 / (time[-1] - time[0]), abs=0.03)


@settings(max_examples=15)
@given(block=st.integers(700, 8_000))
def test_any_block_size_gives_the_same_report(block):
    values = noise(6, 3)
    values[2300:4900, 1] = values[2300, 1]
    values[700:720] = np.nan
    x = raw(np.clip(values, -2, 2))
    whole = quality.report(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporting, "BLOCK_ROWS", block)
        xr.testing.assert_allclose(quality.report(x), whole, rtol=1e-9)


def test_a_lazy_session_gives_the_report_of_the_loaded_one(tmp_path):
    session = simulate.face(seed=2, duration=8)
    stored = recording.open(recording.save(session, tmp_path / "face.zarr"))
    xr.testing.assert_allclose(quality.report(stored), quality.report(session))


@pytest.mark.parametrize("seconds", [30.0, 29.37])
def test_dask_arrays_give_the_report_and_the_verdict_to_the_last_digit(
    tmp_path, monkeypatch, seconds
):
    monkeypatch.setattr(reporting, "BLOCK_ROWS", 4_000)
    values = noise(seconds, 3)
    values[3_900:4_300, 1] = values[3_900, 1]
    values[700:720] = np.nan
    x = raw(np.clip(values + 2 * tone(50, seconds)[:, None], -3, 3))
    path = recording.save(recording.make(x), tmp_path / "x.zarr")
    lazy = recording.open(path, chunks=7)["emg/signal"]
    assert recording.is_lazy(lazy)
    xr.testing.assert_identical(quality.report(lazy), quality.report(x))
    assert quality.is_physiology(lazy) == quality.is_physiology(x)


def test_the_verdict_on_a_long_recording_reads_some_of_it_and_names_its_faults(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("emgnb.quality.verdict.MOST_ROWS", 8_192)
    monkeypatch.setattr("emgnb.quality.verdict.MOST_MEASURED", 20_000)
    monkeypatch.setattr(reporting, "STRETCH_ROWS", 2_000)
    face = simulate.face(seed=4, duration=90)["emg/signal"]
    values = face.values + 300 * tone(50, 90)[:, None]
    values[:, 0] = -187_500.0
    path = recording.save(recording.make(raw(values)), tmp_path / "long.zarr")
    lazy = recording.open(path, chunks=1)["emg/signal"]
    read = []

    def over(function, x, parts, *args, go=recording.over_rows):
        read.extend(end - begin for begin, end in parts)
        return go(function, x, parts, *args)

    monkeypatch.setattr(recording, "over_rows", over)
    verdict = quality.is_physiology(lazy)
    assert sum(read) < len(values)
    assert verdict.physiology is True
    assert "16 pieces of 512 rows" in verdict.evidence[0]
    text = "\n".join(verdict.faults)
    assert "railed: ch1" in text
    assert "mains, 50 Hz" in text
    assert verdict == quality.is_physiology(raw(values))


def test_the_report_leaves_its_input_alone_and_explains_every_figure():
    x = raw(noise())
    before = x.copy(deep=True)
    r = quality.report(x)
    quality.is_physiology(x)
    xr.testing.assert_identical(x, before)
    assert all("definition" in v.attrs and v.attrs["long_name"] for v in r.data_vars.values())
    assert all("units" in v.attrs for name, v in r.data_vars.items() if name != "contact")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"window": 0}, "window=0"), ({"mains": "odd"}, "mains='odd'"), ({"mains": -50}, "mains=-50")],
)
def test_senseless_options_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        quality.report(raw(noise(2)), **wrong)


def test_no_rows_and_no_signal_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        quality.report(raw(np.empty((0, 2))))
    with pytest.raises(TypeError, match="expected a signal"):
        quality.is_physiology(np.zeros((100, 2)))
    with pytest.raises(TypeError, match=r"\(window, channel\)"):
        quality.is_physiology(xr.Dataset({"a": ("x", [1.0])}))


def test_grades_follow_the_limits_in_both_directions():
    scale = np.where(np.arange(20_000) // 1000 % 4 == 0, 10.0, 1.0)[:, None]
    r = quality.report(raw(noise(channels=1) * scale + 20 * tone(50)[:, None]))
    g = quality.grades(r)
    assert g["mains"].item() == 2
    assert g["snr"].item() == 0
    assert g["clipped"].item() == 0
    assert quality.grades(quality.report(raw(noise(3))))["snr"].values.tolist() == [-1, -1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), min_size=1, max_size=12))
def test_flat_runs_are_those_longer_than_the_hold(runs):
    values = np.concatenate([np.full(n, float(v)) for v, n in runs])[:, None]
    edges = np.flatnonzero(np.diff(values[:, 0], prepend=np.inf, append=np.inf))
    expected = np.zeros(len(values), dtype=bool)
    for begin, end in pairwise(edges.tolist()):
        expected[begin:end] = end - begin > 10
    assert _clipping.flat(values, 10)[:, 0].tolist() == expected.tolist()


# --- the verdict: what no muscle makes --------------------------------------------------------


@pytest.mark.parametrize("rate", [20, 100, 200, 250, 333, 1000, 2000])
def test_uniform_draws_are_no_physiology_at_any_rate(rate):
    rng = np.random.default_rng(rate)
    rows = min(30 * rate, 12_000)
    x = raw(rng.integers(480, 530, (rows, 2)), rate, units="count", signal_kind="envelope")
    verdict = quality.is_physiology(x)
    assert verdict.physiology is False
    assert verdict.looks_like == "independent uniform draws"


@pytest.mark.parametrize("rate", [20, 100, 250, 1000, 2000])
def test_gaussian_white_noise_is_no_physiology_at_any_rate(rate):
    values = np.random.default_rng(rate).normal(size=(min(30 * rate, 12_000), 4))
    assert quality.is_physiology(raw(values, rate)).physiology is False
    assert quality.is_physiology(raw(np.rint(1.5 * values), rate)).physiology is False


@pytest.mark.parametrize("block", [50, 130, 1700])
def test_draws_whose_range_changes_with_the_label_are_no_physiology(block):
    rng = np.random.default_rng(block)
    label = np.repeat(rng.integers(0, 7, 12_000 // block + 1), block)[:12_000]
    ranges = rng.uniform(20, 400, (7, 8))
    verdict = quality.is_physiology(raw(rng.uniform(size=(12_000, 8)) * ranges[label]))
    assert verdict.physiology is False
    assert verdict.looks_like == "independent uniform draws"


MADE = {
    "a sine": tone(10.37)[:, None],
    "a rounded sine": np.rint(400 * tone(10.37))[:, None],
    "hum on an open input": np.column_stack([tone(50.13), 0.7 * tone(50.13)]) + 0.1 * noise(20, 2),
    "a ramp": np.arange(20_000.0)[:, None],
    "a random walk": np.cumsum(noise(), axis=0),
    "zeros": np.zeros((5000, 3)),
    "one value": np.full((5000, 3), 17.25),
    "nothing": np.full((5000, 3), np.nan),
    "a loop of 700 rows": np.tile(noise(0.7), (20, 1)),
    "a face in random order": np.random.default_rng(0).permutation(
        simulate.face(seed=3, duration=20)["emg/signal"].values
    ),
}


@pytest.mark.parametrize("what", MADE)
def test_what_a_generator_or_an_open_input_gives_is_no_physiology(what):
    assert quality.is_physiology(raw(MADE[what])).physiology is False


def test_what_nobody_can_tell_is_not_told():
    band = dsp.butter(4, [20, 450], "band", fs=RATE, output="sos")
    steady = dsp.sosfilt(band, noise(20, 4), axis=0)
    for values in (
        steady,
        noise(0.05),
        np.random.default_rng(1).integers(0, 3, (999, 2)),
    ):
        assert quality.is_physiology(raw(values)).physiology is None


def test_faults_are_named():
    face = simulate.face(seed=4, duration=20)["emg/signal"]
    values = face.values.copy()
    values[:, 0] = -187_500.0
    values[:, 1] += 300 * tone(50)
    values[:, 2] = np.clip(values[:, 2], -20, 20)
    values[5000:5300] = np.nan
    values[:, 4] = 3 * values[:, 3]
    verdict = quality.is_physiology(raw(values))
    text = "\n".join(verdict.faults)
    assert verdict.physiology is True
    for said in ("railed: ch1", "mains, 50 Hz: ", "clipped: ch3", "missing values: all", "copies"):
        assert said in text, text


def test_a_wrong_kind_and_held_rows_are_named():
    envelope = simulate.face(seed=5, duration=20, sensor="v3", adc_bits=10)["emg/signal"].values
    mistaken = quality.is_physiology(raw(envelope, units="count"))
    assert mistaken.looks_like == "envelope of EMG"
    assert any("declared raw" in fault for fault in mistaken.faults)
    face = simulate.face(seed=5, duration=20)["emg/signal"].values
    held = quality.is_physiology(raw(np.repeat(face[::4], 4, axis=0)))
    assert any("held for 4.0 rows" in fault for fault in held.faults)


def test_a_slow_export_of_raw_emg_is_physiology_and_aliased():
    face = simulate.face(seed=6, duration=60, difficulty="easy", rate=1000)["emg/signal"].values
    verdict = quality.is_physiology(raw(face[::5], 200.0))
    assert verdict.physiology is True
    assert any("200" in f or "100 Hz" in f for f in verdict.faults)


def test_a_verdict_reads_as_text_and_as_html():
    verdict = quality.Verdict(False, "a < b", ["figure"], ["fault"])
    assert str(verdict).splitlines()[0] == "not physiology: looks like a < b"
    assert "a &lt; b" in verdict._repr_html_()
    assert "fault" in str(verdict)


# Every 17th: both sensors, and each difficulty, resolution and rate.
@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.soak)])
def test_no_simulated_face_of_any_difficulty_is_misjudged(every):
    wrong = []
    for i in range(0, 200, every):
        sensor = ("raw", "v3")[i % 2]
        session = simulate.face(
            participant=i,
            seed=500 + i,
            difficulty=("easy", "field", "hard")[i % 3],
            sensor=sensor,
            adc_bits=(None, 10, 12)[i // 2 % 3],
            rate=(1000.0, 500.0, 2000.0, 250.0)[i // 6 % 4],
            mains=(50.0, 60.0)[i % 5 == 0],
            script=[(0.5, "smile", 1.2), (2.5, "frown", 1.2)],
            duration=5.0,
        )
        verdict = quality.is_physiology(session)
        looks = "raw EMG" if sensor == "raw" else "envelope of EMG"
        if verdict.physiology is not True or verdict.looks_like != looks:
            wrong.append(f"{i}: {verdict}")
    assert not wrong, "\n".join(wrong)


# --- the verdict: real recordings, and two that are none --------------------------------------


def test_paper_rows_are_independent_uniform_draws(shared_data):
    for path in sorted((shared_data / "paper").glob("subject_*.csv")):
        verdict = quality.is_physiology(corpora.read_paper_rows(path))
        assert verdict.physiology is False, verdict
        assert verdict.looks_like == "independent uniform draws"
        assert any("share" in fault for fault in verdict.faults)


def test_uniform_noise_gestures_are_independent_uniform_draws(shared_data):
    for _, x in published.gestures(shared_data / "uniform_noise_gestures"):
        verdict = quality.is_physiology(x)
        assert verdict.physiology is False, verdict
        assert verdict.looks_like == "independent uniform draws"


def test_paper_captures_are_envelopes_and_the_stale_buffer_is_named(shared_data):
    for path in sorted((shared_data / "paper").glob("emg_data*.csv")):
        verdict = quality.is_physiology(corpora.read_paper_capture(path))
        assert verdict.physiology is True, verdict
        assert verdict.looks_like == "envelope of EMG"
        stale = [fault for fault in verdict.faults if "stale buffer: 8266 rows" in fault]
        assert bool(stale) == (path.stem == "emg_data3")
        assert any("irregular" in fault for fault in verdict.faults)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_expression_envelopes_are_envelopes_cut_off_at_zero(every, shared_data):
    for path in sorted((shared_data / "facial_expression_envelopes").glob("*.json")):
        for session in corpora.read_envelope_json(path)[::every]:
            verdict = quality.is_physiology(session)
            assert verdict.physiology is True, verdict
            assert verdict.looks_like == "envelope of EMG"


def test_power_features_are_powers_of_emg_with_their_duplicates(shared_data):
    features = corpora.read_power_features(shared_data / "emotion_power_features")
    verdict = quality.is_physiology(features)
    assert verdict.physiology is True, verdict
    assert any("duplicates" in fault for fault in verdict.faults)
    drawn = features.copy(deep=True)
    shape = drawn["power"].shape
    drawn["power"].values[:] = np.random.default_rng(0).uniform(1, 9, shape)
    assert quality.is_physiology(drawn).physiology is False


# Recordings without a reader, and what must be said of them.
REAL: dict[str, tuple[Callable[[Path], published.Named], list[str]]] = {
    "nilsonne": (published.nilsonne, ["aliased"]),
    "subvocalization": (
        published.words,
        ["railed: ch5, ch6, ch7, ch8", "mains, 60 Hz: ch1, ch2, ch3, ch4", "250 Hz"],
    ),
    "emgflow": (published.emgflow, ["missing values", "mains, 50 Hz"]),
    "biosppy": (published.biosppy, ["coarse"]),
    "armband_long_term": (lambda folder: islice(published.armband(folder), 1), ["aliased"]),
    "myo": (published.myo, ["aliased"]),
}


def test_every_real_recording_is_physiology_with_its_faults_named(shared_data):
    found = [
        (f"{folder} {name}", x, faults)
        for folder, (reader, faults) in REAL.items()
        for name, x in reader(shared_data / folder)
    ]
    for name, x, faults in found:
        verdict = quality.is_physiology(x)
        assert verdict.physiology is True, f"{name}: {verdict}"
        envelope = set(x["signal_kind"].values) == {"envelope"}
        assert verdict.looks_like == ("envelope of EMG" if envelope else "raw EMG"), f"{name}"
        text = "\n".join(verdict.faults)
        # An envelope has no frequencies that could be aliased.
        assert envelope or all(fault in text for fault in faults), f"{name}: {verdict}"


def test_biceps_bursts_are_physiology(shared_data):
    pytest.importorskip("h5py")
    ((_, x),) = published.bursts(shared_data / "biosignalsnotebooks")
    verdict = quality.is_physiology(x)
    assert verdict.physiology is True
    assert verdict.looks_like == "raw EMG"


# Every 5th: each repetition, and rest.
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_single_armband_trials_are_never_called_fake_and_only_rest_cannot_be_told(
    every, shared_data
):
    _, *trials = published.armband(shared_data / "armband_long_term")
    for name, x in trials[::every]:
        verdict = quality.is_physiology(x)
        # Motion 1 is no motion: 1.5 s of a resting arm through an amplifier is filtered noise.
        expected = None if name.startswith("single trial D1M1T") else True
        assert verdict.physiology is expected, f"{name}: {verdict}"


# --- the figure -------------------------------------------------------------------------------


def test_the_figure_says_in_words_what_its_colours_say():
    values = 300 + np.rint(20 * noise(channels=2))
    values[:, 1] = 1023.0
    report = quality.report(raw(values, units="count"))
    figure = health(report)
    words = [a.text for a in figure.layout.annotations]
    assert "100 %<br>bad" in words
    assert "none" in words
    assert figure.data[1].z.shape == (2, report.sizes["window"])
    assert set(np.unique(figure.data[1].z[1])) == {2}
    assert figure.data[1].z[0].max() < 2
    with pytest.raises(TypeError, match=r"quality\.report"):
        health(raw(noise(1)))


def test_the_figure_of_a_long_recording_keeps_the_worst_of_what_it_joins():
    values = noise(250, 1)
    values[100_000:100_260] = np.nan
    figure = health(quality.report(raw(values), window=0.1))
    assert figure.data[1].z.shape[1] <= 1200
    assert figure.data[1].z.max() == 2


def test_a_listen_whose_gaps_leave_less_than_a_tenth_of_a_second_is_judged_all_the_same():
    values = raw(noise(2.0)).values.copy()
    values[::100] = np.nan
    values[1::100] = np.nan
    ramp = np.arange(len(values))[:, np.newaxis] % 10.0
    found = quality.is_physiology(raw(values + 50 * ramp))
    assert found.evidence
    assert any("missing values" in fault for fault in found.faults)
