"""Other rates, and recordings longer than the memory: the same result as with all of it at once."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import xarray as xr

from emgnb import recording
from emgnb.filters import (
    PRESETS,
    BandPass,
    Baseline,
    Chain,
    Detrend,
    Envelope,
    FirBandPass,
    HighPass,
    MainsFit,
    MainsInterpolation,
    MainsTracker,
    MotionArtefact,
    Notch,
    chain,
    filter_session,
    resample,
)

RATE = 1000.0


def noise(n, channels=3, seed=0, **options):
    values = 20 * np.random.default_rng(seed).standard_normal((n, channels))
    return recording.signal(values, rate=RATE, units="uV", **options).astype(np.float64)


def gapped(n=200_000):
    x = noise(n)
    values = x.values.copy()
    values[5000:5100] = np.nan
    values[59_000:150_000, 1] = np.nan
    values[:100, 2] = np.nan
    values[-50:, 0] = np.nan
    return x.copy(data=values)


# part by part


@pytest.mark.parametrize("seconds", [7.3, 60.0])
@pytest.mark.parametrize(
    "filtered",
    [
        PRESETS["raw"],
        Chain(BandPass(), Envelope(), Baseline(level=3.0)),
        Chain(HighPass(1), Notch(60)),
        Chain(FirBandPass(20, 450), Notch(50)),
        Chain(BandPass(), MainsTracker(harmonics=2)),
        Chain(BandPass(), MainsInterpolation(), Envelope()),
        Chain(BandPass(), MainsFit()),
    ],
)
def test_parts_joined_are_the_whole_within_1e_9(filtered, seconds):
    x = gapped()
    whole = filtered(x)
    joined = xr.concat(list(filtered.blocks(x, seconds=seconds)), "time")
    np.testing.assert_array_equal(np.isnan(joined.values), np.isnan(whole.values))
    off = np.nanmax(np.abs(joined.values - whole.values))
    assert off < 1e-9 * np.nanmax(np.abs(whole.values))
    np.testing.assert_array_equal(joined["valid"].values, whole["valid"].values)
    assert joined.attrs == whole.attrs
    assert joined.indexes["time"].equals(whole.indexes["time"])


def test_jerks_found_part_by_part_are_those_of_the_whole():
    x = noise(150_000)
    values = x.values.copy()
    for at in range(4000, 150_000, 11_000):
        values[at : at + 300, 1] += 900 * np.exp(-np.arange(300) / 40)
    x = x.copy(data=values)
    filtered = Chain(MotionArtefact(share=0.1), BandPass())
    whole = filtered(x)
    assert np.isnan(whole.values[:, 1]).sum() > 1000
    joined = xr.concat(list(filtered.blocks(x, seconds=20)), "time")
    np.testing.assert_array_equal(np.isnan(joined.values), np.isnan(whole.values))
    assert np.nanmax(np.abs(joined.values - whole.values)) < 1e-7


# dask


MANY = Chain(BandPass(), MainsInterpolation(harmonics=2), Envelope())
FEW = Chain(BandPass(), Envelope())


@pytest.mark.parametrize(
    "filtered",
    [
        PRESETS["raw"],
        MANY,
        Chain(BandPass(), MainsTracker(harmonics=2)),
        Chain(BandPass(), MainsFit(harmonics=2)),
    ],
)
def test_dask_arrays_filtered_are_the_parts_bit_by_bit_and_the_whole_within_1e_9(filtered):
    x = gapped()
    whole = filtered(x)
    lazily = filtered(x.chunk(time=17_300))
    assert recording.is_lazy(lazily)
    assert lazily["valid"].chunks == (lazily.chunks[0],)
    assert lazily.chunksizes["time"][0] == 17_300
    found = lazily.compute()
    xr.testing.assert_identical(found, xr.concat(list(filtered.blocks(x, seconds=17.3)), "time"))
    assert np.nanmax(np.abs(found - whole)) < 1e-9 * np.nanmax(np.abs(whole))
    np.testing.assert_array_equal(found["valid"], whole["valid"])


def test_nothing_is_filtered_before_it_is_used(monkeypatch):
    from emgnb.filters import _run

    def refuse(*_, **__):
        raise AssertionError("filtered already")

    x = gapped().chunk(time=50_000)
    y = PRESETS["raw"](x)
    monkeypatch.setattr(_run, "over", refuse)
    assert PRESETS["raw"](x).sizes == y.sizes
    with pytest.raises(AssertionError, match="already"):
        y.isel(time=slice(10)).compute()


def test_one_chain_after_another_and_one_channel_without_a_dim_stay_lazy():
    x = gapped()
    lazily = x.chunk(time=33_000)
    twice = Chain(Envelope())(PRESETS["raw"](lazily))
    expected = Chain(Envelope())(PRESETS["raw"](x))
    np.testing.assert_allclose(twice, expected, atol=1e-9)
    np.testing.assert_array_equal(twice["valid"], expected["valid"])
    one = PRESETS["raw"](lazily.isel(channel=1))
    assert recording.is_lazy(one)
    np.testing.assert_allclose(one, PRESETS["raw"](x).isel(channel=1), atol=1e-9)
    turned = PRESETS["raw"](lazily.transpose("channel", "time"))
    assert turned.dims == ("channel", "time")
    np.testing.assert_allclose(turned.T, PRESETS["raw"](x), atol=1e-9)


def test_an_offset_is_found_in_dask_arrays_too():
    x = (noise(60_000) + 512).assign_attrs(units="count").chunk(time=20_000)
    with pytest.raises(ValueError, match="raw channel ch1: its mean is 51"):
        Chain(Envelope())(x)


@pytest.mark.parametrize("where", ["threads", pytest.param("cluster", marks=pytest.mark.soak)])
def test_threads_and_processes_store_the_same_session_as_parts_one_after_the_other(
    tmp_path, where, request
):
    x = gapped(160_000).astype(np.float32)
    markers = recording.markers([3.0], ["smile"])
    source = recording.save(recording.make(x, markers=markers, task="smile"), tmp_path / "in.zarr")
    filter_session(source, FEW, tmp_path / "parts.zarr", seconds=40)
    lazily = recording.open(source, chunks=40)
    with contextlib.ExitStack() as stack:
        if where == "cluster":
            cluster = request.getfixturevalue("cluster")
            stack.enter_context(pytest.importorskip("distributed").Client(cluster))
        filter_session(lazily, FEW, tmp_path / "again.zarr")
    expected = recording.open(tmp_path / "parts.zarr")
    assert expected.attrs["task"] == "smile"
    xr.testing.assert_identical(recording.open(tmp_path / "again.zarr"), expected)


# one after the other


def test_a_channel_without_any_sample_condemns_no_part():
    x = noise(60_000)
    x[:, 1] = np.nan
    x = x.assign_coords(valid=("time", np.ones(60_000, dtype=bool)))
    for part in PRESETS["raw"].blocks(x, seconds=10):
        assert part["valid"].values.all()
        assert np.isnan(part.values[:, 1]).all()


def test_a_long_recording_goes_part_by_part_by_itself(monkeypatch):
    x = gapped()
    whole = PRESETS["raw"](x)
    monkeypatch.setattr(chain, "LONG", 1 << 16)
    by_parts = PRESETS["raw"](x)
    np.testing.assert_allclose(by_parts.values, whole.values, atol=1e-7)
    xr.testing.assert_identical(by_parts.drop_vars("valid") * 0, whole.drop_vars("valid") * 0)


def test_a_step_that_needs_the_whole_recording_has_no_parts():
    for parts in (Chain(Detrend()).blocks, lambda x: Chain(Detrend())(x.chunk(time=5000))):
        with pytest.raises(ValueError, match=r"Detrend must process the whole.*chain\.fit"):
            parts(noise(10_000))
    with pytest.raises(ValueError, match="seconds=0, expected a number above 0"):
        PRESETS["raw"].blocks(noise(10_000), seconds=0)


def test_a_stored_session_is_filtered_into_another_with_its_markers_and_labels(tmp_path):
    from emgnb import simulate

    session = simulate.face(duration=30.0, seed=2)
    recording.save(session, tmp_path / "in.zarr")
    seen = []
    out = filter_session(
        tmp_path / "in.zarr",
        PRESETS["raw"],
        tmp_path / "out.zarr",
        seconds=7.0,
        progress=seen.append,
    )
    stored = recording.open(out)
    x = recording.emg(stored)
    whole = PRESETS["raw"](recording.emg(session))
    np.testing.assert_allclose(x.values, whole.values, atol=1e-4)
    np.testing.assert_array_equal(x["valid"].values, whole["valid"].values)
    assert recording.history(x) == recording.history(whole)
    assert stored["markers"].to_dataset().equals(session["markers"].to_dataset())
    assert "truth" in stored["labels"].children
    assert stored.attrs["participant"] == session.attrs["participant"]
    assert seen[-1] == 1
    assert seen == sorted(seen)


def test_a_refused_session_leaves_nothing_behind(tmp_path):
    x = noise(40_000, signal_kind="envelope")
    recording.save(recording.make(x.astype(np.float32)), tmp_path / "in.zarr")
    with pytest.raises(ValueError, match="removes the signal"):
        filter_session(tmp_path / "in.zarr", PRESETS["raw"], tmp_path / "out.zarr")
    assert [each.name for each in tmp_path.iterdir()] == ["in.zarr"]


def test_memory_grows_with_the_part_and_not_with_the_recording():
    import tracemalloc

    peaks = []
    for n in (200_000, 800_000):
        x = noise(n, channels=2)
        parts = PRESETS["raw"].blocks(x, seconds=20)
        tracemalloc.start()
        for _ in parts:
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 1e6


def test_eight_channels_for_ten_minutes_take_less_than_110_mb_beside_the_input():
    import tracemalloc

    x = noise(600_000, channels=8)
    filtered = Chain(BandPass(20, 450), Notch(50, harmonics=1))
    tracemalloc.start()
    filtered(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 110e6


# other rates


@pytest.mark.parametrize("rate", [500.0, 2000.0, 250.0, 1024.0, 994.7])
def test_a_tone_keeps_its_place_and_size_at_another_rate(rate):
    t = np.arange(10_000) / RATE
    x = recording.signal(np.sin(2 * np.pi * 60 * t), rate=RATE, units="uV", start=3.0)
    y = resample(x, rate)
    assert recording.sampling_rate(y) == pytest.approx(rate, rel=1e-9)
    assert y.sizes["time"] == pytest.approx(10 * rate, abs=1)
    assert float(y["time"][0]) == 3.0
    expected = np.sin(2 * np.pi * 60 * (y["time"].values - 3.0))
    inside = slice(int(rate), -int(rate))
    np.testing.assert_allclose(y.values[inside, 0], expected[inside], atol=2e-3)


def test_what_lies_above_half_the_new_rate_does_not_fold():
    t = np.arange(20_000) / RATE
    x = recording.signal(np.sin(2 * np.pi * 330 * t), rate=RATE, units="uV")
    assert np.abs(resample(x, 500.0).values[500:-500]).max() < 2e-3


def test_there_and_back_gives_the_signal_again():
    x = Chain(BandPass(20, 200))(noise(20_000))
    y = resample(resample(x, 2500.0), RATE)
    np.testing.assert_allclose(y.values[500:-500], x.values[500:-500], atol=0.05)


def test_a_gap_stays_a_gap_and_spoils_only_what_is_marked():
    x = noise(20_000)
    whole = resample(x, 500.0)
    values = x.values.copy()
    values[8000:8200, 1] = np.nan
    y = resample(x.copy(data=values), 500.0)
    assert np.flatnonzero(np.isnan(y.values[:, 1])).tolist() == list(range(4000, 4100))
    assert np.isfinite(y.values[:, [0, 2]]).all()
    valid = y["valid"].values
    assert not valid[4000:4100].any()
    assert 100 < (~valid).sum() < 200
    off = np.abs(y.values - whole.values)[valid]
    assert off.max() < 0.05 * 2 * np.abs(x.values).max()


def test_resampling_keeps_labels_and_says_what_it_did():
    x = noise(10_000, muscle=["masseter", "", ""])
    y = resample(x, 500.0)
    assert y.dims == x.dims
    assert y["muscle"].equals(x["muscle"])
    assert recording.history(y)[-1] == {"step": "resample", "rate": 500.0, "was": 1000.0}
    recording.check(recording.make(y.astype(np.float32)))
    assert Chain(BandPass(20, 200))(y).sizes == y.sizes
    assert resample(x, RATE).identical(x)


@pytest.mark.parametrize("before", [4799.99981, 4800.00019, 994.7])
def test_any_rate_can_be_had_from_any_other(before):
    for rate in (1000.0, 100 * np.pi, 2500 * np.pi / 3):
        t = np.arange(int(4 * before)) / before
        y = resample(recording.signal(np.sin(2 * np.pi * 60 * t), rate=before, units="uV"), rate)
        assert recording.sampling_rate(y) == pytest.approx(rate, rel=1e-11)
        inside = slice(int(rate / 2), -int(rate / 2))
        expected = np.sin(2 * np.pi * 60 * y["time"].values)
        np.testing.assert_allclose(y.values[inside, 0], expected[inside], atol=2e-3)
