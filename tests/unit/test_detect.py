"""Bursts: found where they are, not where they are not, live as in the whole."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as dsp

from emgnb import detect, filters, labels, recording, simulate

RATE = 1000.0
Array = np.ndarray


def signal_of(values: Array, **options: object) -> xr.DataArray:
    return recording.signal(values, **{"rate": RATE, "units": "uV", **options})  # type: ignore[arg-type]


def noise(seed: int, seconds: float, *, shaped: bool = False) -> Array:
    n = round(seconds * RATE)
    rng = np.random.default_rng(seed)
    if not shaped:
        return rng.standard_normal(n)
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    white = rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency))
    x = np.fft.irfft(white * np.sqrt(simulate.shwedyk(frequency, low=30, high=100)), n)
    return x / x.std()


def with_bursts(
    seed: int, snr: float, duration: float, count: int = 40
) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.uniform(0.5, 2.0, count) + duration) - duration
    x = noise(seed + 1, onset[-1] + duration + 1.0)
    more = noise(seed + 2, len(x) / RATE) * 10 ** (snr / 20)
    for t in onset:
        at = slice(round(t * RATE), round((t + duration) * RATE))
        x[at] += more[at]
    return x, onset, onset + duration


def f1(truth: Array, found: Array, tolerance: float) -> float:
    free = list(found)
    hits = 0
    for t in truth:
        near = [f for f in free if abs(f - t) <= tolerance]
        if near:
            free.remove(min(near, key=lambda f: abs(f - t)))
            hits += 1
    return 2 * hits / (len(truth) + len(found))


@pytest.mark.parametrize("duration", [0.04, 0.1, 0.2, 0.5])
@pytest.mark.parametrize(
    ("snr", "tolerance", "least"),
    [(20, 0.015, 0.97), (10, 0.015, 0.95), (5, 0.015, 0.85), (3, 0.05, 0.85)],
)
def test_onsets_are_found(duration: float, snr: float, tolerance: float, least: float) -> None:
    scores = []
    for seed in (10, 20, 30):
        x, onset, _ = with_bursts(seed, snr, duration)
        scores.append(f1(onset, detect.bursts(signal_of(x))["onset"].values, tolerance))
    assert np.mean(scores) >= least


@pytest.mark.parametrize("method", ["double_threshold", "tkeo"])
def test_two_thresholds_find_bursts_of_10_db(method: str) -> None:
    x, onset, _ = with_bursts(7, 10, 0.1)
    assert f1(onset, detect.bursts(signal_of(x), method=method)["onset"].values, 0.015) >= 0.95


def test_edges_and_apex_of_a_strong_burst_are_exact_to_some_milliseconds() -> None:
    x, onset, offset = with_bursts(3, 20, 0.2)
    table = detect.bursts(signal_of(x))
    k = np.abs(table["onset"].values[:, np.newaxis] - onset).argmin(axis=0)
    assert np.median(np.abs(table["onset"].values[k] - onset)) <= 0.003
    assert np.median(np.abs(table["offset"].values[k] - offset)) <= 0.003
    assert (table["apex"] >= table["onset"]).all()
    assert (table["apex"] <= table["offset"]).all()


def test_the_apex_lies_where_a_swelling_burst_is_strongest() -> None:
    x = noise(0, 20)
    swell = np.exp(-0.5 * ((np.arange(20_000) - 10_000) / 80) ** 2)
    table = detect.bursts(signal_of(x + 30 * swell * noise(1, 20)))
    k = int(np.abs(table["apex"].values - 10.0).argmin())
    assert abs(float(table["apex"][k]) - 10.0) < 0.06
    assert float(table["onset"][k]) < 9.85


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("method", ["glr", "double_threshold", "tkeo"])
def test_rest_gives_no_more_alarms_than_asked_for(shaped: bool, method: str) -> None:
    minutes = 20
    x = signal_of(noise(5, 60 * minutes, shaped=shaped))
    found = detect.bursts(x, method=method, false_alarms=2.0).sizes["event"]
    # Three standard deviations above what was asked for.
    assert found <= 2.0 * minutes + 3 * np.sqrt(2.0 * minutes)
    assert detect.bursts(x, method=method, false_alarms=0.1).sizes["event"] <= 10


def test_white_noise_gives_about_as_many_alarms_as_asked_for() -> None:
    x = signal_of(noise(6, 1800))
    found = {a: detect.bursts(x, false_alarms=a).sizes["event"] / 30 for a in (0.2, 1.0, 5.0)}
    assert found[0.2] < found[1.0] < found[5.0]
    assert 0.3 < found[1.0] < 2.0
    assert 1.5 < found[5.0] < 10.0


def test_a_calm_simulated_face_gives_few_alarms_that_are_no_movement() -> None:
    session = simulate.face(seed=0, duration=60, script=[], difficulty="easy")
    x = filters.Chain(filters.BandPass(20, 450), filters.MainsInterpolation(50))(
        recording.emg(session)
    )
    table = detect.bursts(x)
    truth = session["labels/truth"].to_dataset()
    begin, end = truth["onset"].values - 0.1, truth["offset"].values + 0.1
    alone = [
        not np.any((begin < b) & (end > a))
        for a, b in zip(table["onset"].values, table["offset"].values, strict=True)
    ]
    assert sum(alone) <= 8  # eight channels, one minute


def test_quantised_rest_is_rest() -> None:
    x = signal_of(np.round(1.5 * noise(8, 600)), units="count")
    assert detect.bursts(x).sizes["event"] <= 15


def test_scale_and_start_of_the_recording_change_nothing_but_units_and_times() -> None:
    x, _, _ = with_bursts(2, 10, 0.1, 20)
    plain = detect.bursts(signal_of(x))
    moved = detect.bursts(signal_of(x * 1e-3, start=100.0, units="mV"))
    np.testing.assert_allclose(moved["onset"], plain["onset"] + 100.0, atol=1e-9)
    np.testing.assert_allclose(moved["offset"], plain["offset"] + 100.0, atol=1e-9)
    np.testing.assert_allclose(moved["snr"], plain["snr"], rtol=1e-4)
    np.testing.assert_allclose(moved["peak"], plain["peak"] * 1e-3, rtol=1e-4)
    assert moved["peak"].attrs["units"] == "mV"


@pytest.mark.parametrize("snr", [5, 10, 20])
def test_strength_is_the_snr_that_was_put_in(snr: float) -> None:
    x, onset, _ = with_bursts(4, snr, 0.5)
    table = detect.bursts(signal_of(x))
    real = [float(table["snr"][np.abs(table["onset"].values - t).argmin()]) for t in onset]
    assert np.median(real) == pytest.approx(snr, abs=0.7)


def test_rest_is_measured_in_spite_of_bursts() -> None:
    x, _, _ = with_bursts(1, 20, 0.5, 60)
    rest = json.loads(detect.bursts(signal_of(3 * x)).attrs["rest"])["ch1"]
    assert rest["level"] == pytest.approx(3.0, rel=0.03)
    assert rest["independent"] == pytest.approx(1000, rel=0.2)


def test_one_wild_sample_is_no_burst() -> None:
    x = noise(9, 60)
    x[30_000] = 50.0
    for method in ("glr", "double_threshold"):
        table = detect.bursts(signal_of(x), method=method)
        assert not np.any(np.abs(table["apex"] - 30.0) < 0.1)


def test_neighbours_stay_apart_and_a_long_burst_stays_whole() -> None:
    gate = np.zeros(20_000)
    for a, b in ((5.0, 5.1), (5.2, 5.3), (10.0, 12.0)):
        gate[round(a * RATE) : round(b * RATE)] = 3.0
    x = noise(11, 20) + gate * noise(12, 20)
    table = detect.bursts(signal_of(x), false_alarms=0.1)
    np.testing.assert_allclose(table["onset"], [5.0, 5.2, 10.0], atol=0.015)
    np.testing.assert_allclose(table["offset"], [5.1, 5.3, 12.0], atol=0.015)


def test_a_faint_burst_beside_a_strong_one_is_not_lost() -> None:
    gate = np.zeros(20_000)
    gate[5000:5200], gate[5350:5500] = 30.0, 3.0
    table = detect.bursts(signal_of(noise(13, 20) + gate * noise(14, 20)), false_alarms=0.1)
    np.testing.assert_allclose(table["onset"], [5.0, 5.35], atol=0.015)


def test_no_burst_crosses_a_gap() -> None:
    gate = np.zeros(30_000)
    gate[10_000:11_000] = 5.0
    x = noise(15, 30) + gate * noise(16, 30)
    x[10_400:10_450] = np.nan
    x[20_000] = np.inf
    valid = np.isfinite(x)
    valid[25_000:25_500] = False
    x[25_100:25_300] = 100.0 * noise(17, 0.2)
    x[~np.isfinite(x)] = np.nan
    table = detect.bursts(signal_of(x, valid=valid), false_alarms=0.1)
    np.testing.assert_allclose(table["onset"], [10.0, 10.45], atol=0.015)
    np.testing.assert_allclose(table["offset"], [10.4, 11.0], atol=0.015)
    assert table["offset"][0] <= 10.4
    assert table["onset"][1] >= 10.45
    assert np.isfinite(table["peak"]).all()


def test_channels_are_searched_one_by_one() -> None:
    quiet, busy = noise(18, 30), noise(19, 30)
    busy[10_000:10_200] *= 5.0
    x = signal_of(
        np.stack([quiet, busy], axis=1), channel=["corrugator_l", "zyg_r"], side=["left", "right"]
    )
    table = detect.bursts(x, false_alarms=0.05)
    assert table["channel"].values.tolist() == ["zyg_r"]
    assert table["side"].values.tolist() == ["R"]


def test_the_result_is_an_event_table_that_a_session_takes() -> None:
    x = signal_of(with_bursts(1, 10, 0.2, 10)[0])
    before = x.copy(deep=True)
    table = detect.bursts(x)
    assert recording.event_faults(table) == []
    assert "labels" in labels.with_labels(recording.make(x), "detected", table).children
    assert recording.history(table)[-1]["step"] == "bursts"
    xr.testing.assert_identical(x, before)


def test_a_recording_without_bursts_gives_an_empty_table() -> None:
    table = detect.bursts(signal_of(noise(20, 10)), false_alarms=0.001)
    assert table.sizes["event"] == 0
    assert recording.event_faults(table) == []


@pytest.mark.parametrize("method", ["glr", "double_threshold", "tkeo"])
def test_rest_may_be_named_or_come_from_another_recording(method: str) -> None:
    x, onset, _ = with_bursts(21, 10, 0.2, 20)
    x = np.concatenate([noise(22, 10), x])
    named = detect.bursts(signal_of(x), rest=(0.0, 10.0), method=method)
    other = detect.bursts(signal_of(x), rest=signal_of(noise(23, 20)), method=method)
    for table in (named, other):
        assert f1(onset + 10.0, table["onset"].values, 0.015) > 0.9


METHODS = ("glr", "double_threshold", "tkeo", "envelope")


@cache
def live_case(method: str) -> tuple[xr.DataArray, dict[str, Any], xr.Dataset]:
    x, _, _ = with_bursts(31, 8, 0.1, 12)
    x = np.stack([x, with_bursts(41, 5, 0.3, 30)[0][: len(x)]], axis=1)
    options: dict[str, Any] = {"method": method}
    kind = "raw"
    if method == "envelope":
        options, kind = {"lag": 0.08}, "envelope"
        x = simulate.V3Sensor().apply(signal_of(5 * x)).values.copy()
    x[3000:3040] = np.nan
    x[9000, 0] = np.nan
    whole = signal_of(x, units="V", signal_kind=kind)
    calibration = whole.isel(time=slice(0, 12_000))
    return whole, options, detect.bursts(whole, rest=calibration, **options)


@settings(max_examples=12)
@given(
    cuts=st.lists(st.integers(0, 900), min_size=1, max_size=20),
    method=st.sampled_from(METHODS),
)
def test_live_gives_the_events_of_the_whole_in_any_chunks(cuts: list[int], method: str) -> None:
    whole, options, expected = live_case(method)
    live = detect.live(whole.isel(time=slice(0, 12_000)), **options)
    values, valid = whole.values, whole["valid"].values
    tables, at, turn = [], 0, 0
    while at < len(values):
        # 40: or a list of zeros would never end, and one of ones take minutes.
        until = at + cuts[turn % len(cuts)] + 40 * (turn % len(cuts) == 0)
        tables.append(live.push(values[at:until], valid[at:until]))
        at, turn = until, turn + 1
    tables.append(live.finish())
    found = in_order(xr.concat(tables, "event"))
    assert expected.sizes["event"] > 10
    for name in ("onset", "apex", "offset", "channel", "snr", "peak", "evidence"):
        np.testing.assert_array_equal(found[name].values, in_order(expected)[name].values)


@pytest.mark.parametrize("method", METHODS)
def test_live_gives_the_events_of_the_whole_sample_by_sample(method: str) -> None:
    whole, options, expected = live_case(method)
    live = detect.live(whole.isel(time=slice(0, 12_000)), **options)
    tables = (live.push(row[np.newaxis]) for row in whole.values[:3000])
    found = in_order(xr.concat([table for table in tables if table.sizes["event"]], "event"))
    early = in_order(expected.isel(event=expected["offset"].values < 3.0 - live.delay))
    assert early.sizes["event"] > 0
    for name in ("onset", "apex", "offset", "channel"):
        np.testing.assert_array_equal(
            found[name].values[: early.sizes["event"]], early[name].values
        )


def in_order(table: xr.Dataset) -> xr.Dataset:
    return table.isel(event=np.lexsort((table["channel"].values, table["onset"].values)))


def test_live_gives_a_burst_within_its_delay_and_shows_it_at_once() -> None:
    x = noise(24, 10)
    x[5000:5300] *= 6.0
    live = detect.live(signal_of(noise(25, 30)), false_alarms=0.1)
    given_at, seen_at = [], []
    for at in range(0, 10_000, 10):
        table = live.push(x[at : at + 10, np.newaxis])
        given_at += [(at + 10) / RATE] * table.sizes["event"]
        if live.active[0]:
            seen_at.append((at + 10) / RATE)
    assert len(given_at) == 1
    assert 5.3 < given_at[0] <= 5.3 + live.delay + 0.02
    assert 5.0 < seen_at[0] < 5.05
    assert seen_at[-1] < 5.7


def test_live_refuses_another_number_of_channels() -> None:
    live = detect.live(signal_of(noise(26, 10)))
    with pytest.raises(ValueError, match=r"expected \(n, 1\) for the channels ch1"):
        live.push(np.zeros((5, 2)))


@pytest.mark.parametrize("duration", [0.04, 0.2, 0.5])
def test_a_stated_lag_puts_the_edges_of_an_envelope_right(duration: float) -> None:
    x, onset, offset = with_bursts(27, 20, duration, 30)
    envelope = simulate.V3Sensor(smoothing=0.08).apply(signal_of(5 * x))
    late = detect.bursts(envelope)
    table = detect.bursts(envelope, lag=0.08)
    assert f1(onset, table["onset"].values, 0.015) > 0.95
    assert f1(offset, table["offset"].values, 0.015) >= 0.9
    ends = np.median([late["offset"].values[late["offset"].values > t].min() - t for t in offset])
    assert ends > 0.1


@pytest.mark.parametrize("lag", [0.0, 0.08])
def test_an_envelope_at_rest_gives_no_more_alarms_than_asked_for(lag: float) -> None:
    envelope = simulate.V3Sensor().apply(signal_of(5 * noise(28, 1200)))
    counts = signal_of(np.round(envelope.values * 204.6), units="count", signal_kind="envelope")
    for x in (envelope, counts):
        assert detect.bursts(x, lag=lag, false_alarms=1.0).sizes["event"] <= 20 + 3 * 20**0.5


def test_rectified_raw_gives_the_bursts_of_the_raw() -> None:
    x = with_bursts(29, 10, 0.1, 10)[0]
    raw = detect.bursts(signal_of(x))
    rectified = detect.bursts(signal_of(np.abs(x), signal_kind="rectified"))
    assert abs(raw.sizes["event"] - rectified.sizes["event"]) <= 1


def test_hum_and_drift_are_no_matter_after_cleaning() -> None:
    x, onset, _ = with_bursts(33, 10, 0.1, 40)
    t = np.arange(len(x)) / RATE
    dirt = 10 * np.sin(2 * np.pi * 50 * t) + 3 * np.sin(2 * np.pi * 150 * t) + 200
    dirt += 50 * np.sin(2 * np.pi * 0.3 * t)
    chain = filters.Chain(filters.BandPass(20, 450), filters.MainsInterpolation(50, harmonics=3))
    table = detect.bursts(chain(signal_of(x + dirt)))
    assert f1(onset, table["onset"].values, 0.015) >= 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "expected one of glr, double_threshold, tkeo"),
        ({"lag": 0.08}, "use lag=0"),
        ({"lag": -1.0}, "expected s, 0 or more"),
        ({"false_alarms": 0.0}, "expected a number above 0"),
        ({"shortest": 0.002}, "at least 4 are needed"),
        ({"rest": (5.0, 500.0)}, "is not within the recording, 0–20 s"),
        ({"rest": (1.0, 1.2)}, r"0.19 s of rest in the interval given"),
        ({"rest": "start"}, r"expected \(start, stop\) in s"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detect.bursts(signal_of(noise(0, 20)), **options)  # type: ignore[arg-type]


def test_an_offset_in_a_raw_signal_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"rests at 512 .*remove this offset first"):
        detect.bursts(signal_of(512 + noise(0, 20)))


def test_a_flat_line_is_refused() -> None:
    with pytest.raises(ValueError, match="flat line"):
        detect.bursts(signal_of(np.zeros(20_000)))
    with pytest.raises(ValueError, match="flat line"):
        detect.bursts(signal_of(np.full(20_000, 3.0), signal_kind="envelope"))


def test_a_channel_without_samples_is_refused_by_name() -> None:
    x = np.stack([noise(0, 20), np.full(20_000, np.nan)], axis=1)
    with pytest.raises(ValueError, match="channel ch2 has 0 valid samples"):
        detect.bursts(signal_of(x, valid=np.ones(20_000, dtype=bool)))


def test_a_calibration_recording_of_other_channels_is_refused() -> None:
    x = signal_of(noise(0, 20))
    other = signal_of(noise(0, 20), channel=["zyg"], units="mV")
    with pytest.raises(ValueError, match=r"(?s)channel is \['zyg'\].*in mV, x in uV"):
        detect.bursts(x, rest=other)


def test_tkeo_refuses_an_envelope() -> None:
    with pytest.raises(ValueError, match="no Teager–Kaiser energy: use 'glr'"):
        detect.bursts(signal_of(5 + noise(0, 20), signal_kind="envelope"), method="tkeo")


def test_irregular_time_is_refused() -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.0005, 0.0015, 20_000))
    x = recording.signal(noise(0, 20), time=time, units="uV")
    with pytest.raises(ValueError, match="time is not uniform"):
        detect.bursts(x)


def test_micro_expressions_of_a_simulated_face_are_found() -> None:
    script = simulate.micro_expressions(
        12, durations=(0.1, 0.2, 0.5), expressions=("smile",), intensity=0.2, gap=1.0
    )
    session = simulate.face(seed=3, script=script, difficulty="easy", artefacts=0.0, mains=0.0)
    x = filters.Chain(filters.BandPass(20, 450))(recording.emg(session))
    truth = session["labels/truth"].to_dataset()
    mine = truth["au"].values == "12"
    table = detect.bursts(x.sel(channel=["zygomaticus_major_l"]))
    lag = [np.abs(table["onset"].values - t).min() for t in truth["onset"].values[mine]]
    assert np.mean(np.array(lag) < 0.05) > 0.9


def test_nine_contractions_of_a_biceps_are_found(shared_data: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(shared_data / "biosignalsnotebooks" / "emg_bursts.h5") as file:
        values = file[next(iter(file))]["raw"]["channel_3"][:].ravel().astype(float)
    x = recording.signal(values, rate=1000.0, units="count")
    table = detect.bursts(filters.preset_for(x)(x))
    long = table.isel(event=(table["offset"] - table["onset"]).values > 0.7)
    # Read off the picture.
    middle = [2.0, 5.2, 8.5, 12.1, 15.0, 18.0, 20.9, 24.1, 27.2]
    assert long.sizes["event"] == 9
    for t, a, b in zip(middle, long["onset"].values, long["offset"].values, strict=True):
        assert a < t < b


def test_two_contractions_stand_out_of_the_noise_of_a_weak_recording(shared_data: Path) -> None:
    values = np.loadtxt(shared_data / "biosppy" / "emg.txt")
    x = recording.signal(values, rate=1000.0, units="count")
    table = detect.bursts(filters.preset_for(x)(x))
    long = table.isel(event=(table["offset"] - table["onset"]).values > 2.0)
    np.testing.assert_allclose(long["onset"], [36.2, 49.6], atol=1.0)
    np.testing.assert_allclose(long["offset"], [41.1, 58.0], atol=0.5)


def test_smiles_while_watching_faces_are_found_at_100_hz(shared_data: Path) -> None:
    path = shared_data / "nilsonne" / "09_FMOV_preprocessed.txt"
    values = np.loadtxt(path, usecols=(1, 2))
    x = recording.signal(values, rate=100.0, units="mV", channel=["zyg", "corr"])
    table = detect.bursts(filters.Chain(filters.BandPass(20, 45))(x), shortest=0.05)
    zyg = table.isel(event=table["channel"].values == "zyg")
    # Read off the picture: a smile of two seconds, a twitch, a short smile.
    for t in (137.5, 143.5, 153.3):
        assert np.any((zyg["onset"] < t + 0.1) & (zyg["offset"] > t - 0.1))
    quiet = (zyg["onset"] > 60) & (zyg["onset"] < 130)
    assert not quiet.any()


def long_case(method: str) -> tuple[xr.DataArray, dict[str, Any]]:
    """Eleven minutes at 250 Hz: three parts, bursts across their borders, a gap at one of them."""
    rate, rng = 250.0, np.random.default_rng(51)
    n = round(660 * rate)
    gate = np.ones((n, 2))
    for at in rng.uniform(2, 655, 120):
        gate[round(at * rate) : round((at + 0.3) * rate), rng.integers(2)] = 3.0
    gate[round(299.5 * rate) : round(300.7 * rate), 0] = 4.0
    x = gate * rng.standard_normal((n, 2))
    valid = np.ones(n, dtype=bool)
    valid[round(599.9 * rate) : round(604 * rate)] = False
    x[round(400 * rate), 0] = np.nan
    options: dict[str, Any] = {"method": method, "shortest": 0.05}
    kind = "raw"
    if method == "envelope":
        options, kind = {"lag": 0.05, "shortest": 0.05}, "envelope"
        x = 3 + np.abs(x)
    x = np.round(x / 0.01).clip(-32000, 32000) * 0.01
    made = recording.signal(
        x.astype(np.float32), rate=rate, units="uV", signal_kind=kind, valid=valid
    )
    return made, options


@pytest.mark.parametrize("method", METHODS)
def test_a_store_and_dask_arrays_give_the_bursts_of_what_lies_in_memory(
    tmp_path: Path, method: str
) -> None:
    x, options = long_case(method)
    path = recording.save(recording.make(x), tmp_path / "long.zarr")
    expected = detect.bursts(x, **options)
    assert expected.sizes["event"] > 80
    if method != "envelope":
        assert np.any((expected["onset"] < 299.6) & (expected["offset"] > 300.6))
    assert not np.any((expected["onset"] < 604.0) & (expected["offset"] > 599.9))
    for chunks in (None, 70.0):
        lazily = recording.open(path, chunks=chunks)["emg/signal"]
        xr.testing.assert_identical(detect.bursts(lazily, **options), expected)
    in_memory = detect.bursts(x.chunk(time=50_001), rest=x, **options)
    np.testing.assert_array_equal(in_memory["evidence"], expected["evidence"])


@pytest.mark.parametrize("method", METHODS)
def test_live_gives_the_bursts_of_a_store(tmp_path: Path, method: str) -> None:
    x, options = long_case(method)
    path = recording.save(recording.make(x), tmp_path / "long.zarr")
    lazily = recording.open(path)["emg/signal"]
    expected = in_order(detect.bursts(lazily, rest=x, **options))
    live = detect.live(x, **options)
    tables = [
        live.push(x.values[a : a + 9_973], x["valid"].values[a : a + 9_973])
        for a in range(0, x.sizes["time"], 9_973)
    ]
    found = in_order(xr.concat([*tables, live.finish()], "event"))
    for name in ("onset", "apex", "offset", "channel", "snr", "peak", "evidence"):
        np.testing.assert_array_equal(found[name].values, expected[name].values)


@pytest.mark.soak
def test_a_cluster_gives_the_bursts_of_what_lies_in_memory(cluster: Any) -> None:
    from dask.distributed import Client

    x, options = long_case("tkeo")
    with Client(cluster):
        found = detect.bursts(x.chunk(time=50_000), **options)
    xr.testing.assert_identical(found, detect.bursts(x, **options))


def test_rest_within_one_step_of_the_converter_gives_no_alarms_and_hides_no_burst():
    """A V3 module at a Mega: its noise at rest is often smaller than a count."""
    rng = np.random.default_rng(5)
    n = 240_000
    smoothed = dsp.lfilter([1 - np.exp(-1 / 80)], [1, -np.exp(-1 / 80)], rng.standard_normal(n))
    slow = 0.4 * np.sin(2 * np.pi * np.arange(n) / 37_000)
    for noise in (0.05, 0.2, 0.5):
        level = 23.4 + slow + noise * smoothed / smoothed.std()
        codes = np.rint(level)
        x = recording.signal(codes, rate=1000.0, units="count", signal_kind="envelope")
        alarms = detect.bursts(x, false_alarms=0.5).sizes["event"]
        assert alarms <= 8, f"{alarms} alarms in 4 minutes of rest at a noise of {noise} counts"
        moved = codes.copy()
        for at in range(10_000, n - 1000, 20_000):
            moved[at : at + 100] += 6
        found = detect.bursts(x.copy(data=moved[:, np.newaxis].astype(np.float32)))
        onset = found["onset"].values[:, np.newaxis]
        assert (np.abs(onset - np.arange(10, 239, 20)).min(axis=0) < 0.02).mean() > 0.9
