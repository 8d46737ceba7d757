"""Filters: what they keep, what they remove, what they refuse; live equals whole."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as dsp

from emgnb import recording, simulate
from emgnb.filters import (
    PRESETS,
    STEPS,
    BandPass,
    Baseline,
    Chain,
    Detrend,
    Envelope,
    FirBandPass,
    HighPass,
    LowPass,
    Normalise,
    Notch,
    Rectify,
    preset,
)

RATE = 1000.0


def tone(frequency, seconds=4.0, rate=RATE, amplitude=1.0, **options):
    t = np.arange(round(seconds * rate)) / rate
    return recording.signal(
        amplitude * np.sin(2 * np.pi * frequency * t), rate=rate, units="uV", **options
    )


def noise(seconds=4.0, channels=2, rate=RATE, seed=0, **options):
    values = np.random.default_rng(seed).standard_normal((round(seconds * rate), channels)) * 20
    return recording.signal(values, rate=rate, units="uV", **options)


def envelope(seconds=20.0, rate=100.0):
    """A sensor's envelope: rest at 0.1 V, three bursts."""
    t = np.arange(round(seconds * rate)) / rate
    bursts = sum(np.exp(-(((t - at) / 0.5) ** 2)) for at in (4, 9, 15))
    return recording.signal(0.1 + bursts, rate=rate, units="V", signal_kind="envelope")


def middle(x):
    """Values without the first and last second."""
    rate = round(recording.sampling_rate(x))
    return x.values[rate:-rate]


def level(x):
    return float(np.sqrt(np.mean(middle(x) ** 2)) * np.sqrt(2))


# what is kept and what is removed


@pytest.mark.parametrize("frequency", [50, 100, 200])
def test_a_tone_inside_the_band_survives_with_its_amplitude(frequency):
    assert level(Chain(BandPass(20, 450))(tone(frequency))) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("frequency", [1, 5, 10])
def test_motion_below_the_band_is_gone(frequency):
    assert level(Chain(BandPass(20, 450))(tone(frequency))) < 0.01


def test_a_corner_is_3_db_down_causal_and_6_db_down_zero_phase():
    for chain in (Chain(HighPass(100)), Chain(LowPass(100)), Chain(BandPass(100, 400))):
        assert level(chain(tone(100))) == pytest.approx(0.5, abs=0.01)
        assert level(chain.causal(tone(100))) == pytest.approx(np.sqrt(0.5), abs=0.01)


@pytest.mark.parametrize("frequency", [50, 100, 150, 450])
def test_the_notch_kills_the_mains_and_its_harmonics(frequency):
    assert level(Chain(Notch(50))(tone(frequency, seconds=8))) < 0.01


def test_a_notch_of_one_harmonic_leaves_the_second_alone():
    chain = Chain(Notch(50, harmonics=1))
    assert level(chain(tone(50, seconds=8))) < 0.01
    assert level(chain(tone(100))) == pytest.approx(1, abs=0.01)
    assert level(chain(tone(75))) == pytest.approx(1, abs=0.01)


def test_mains_half_a_hertz_off_is_not_removed_by_a_narrow_notch():
    assert level(Chain(Notch(50, q=100))(tone(50.5, seconds=8))) > 0.3


def test_an_offset_and_a_drift_are_gone_after_detrending():
    x = tone(100)
    drifting = x + xr.DataArray(np.linspace(500, 520, x.sizes["time"]), dims="time")
    drifting.attrs = x.attrs
    np.testing.assert_allclose(Chain(Detrend())(drifting).values, x.values, atol=0.01)
    assert abs(Chain(Detrend(degree=0))(x + 300).values.mean()) < 1e-3


def test_rectified_emg_is_nowhere_negative():
    y = Chain(Rectify())(noise())
    assert (y.values >= 0).all()
    assert set(y["signal_kind"].values) == {"rectified"}


def test_the_envelope_of_a_tone_is_two_over_pi_of_its_amplitude():
    y = Chain(Envelope(6))(tone(97, amplitude=30))
    np.testing.assert_allclose(middle(y), 30 * 2 / np.pi, rtol=0.01)
    assert y["signal_kind"].item() == "envelope"


def test_rectify_and_low_pass_are_the_envelope():
    x = noise()
    np.testing.assert_array_equal(
        Chain(Rectify(), LowPass(6, order=2))(x).values, Chain(Envelope(6, order=2))(x).values
    )
    assert set(Chain(Rectify(), LowPass(6))(x)["signal_kind"].values) == {"envelope"}


def test_the_baseline_brings_rest_to_zero_and_keeps_the_bursts():
    y = Chain(Baseline())(envelope())
    assert np.percentile(y.values, 10) == pytest.approx(0, abs=1e-3)
    assert y.values.max() == pytest.approx(1, abs=0.01)
    at_rest = Chain(Baseline(percentile=50, rest=((0.0, 2.0), (6.0, 7.0))))(envelope())
    assert at_rest.values[:100].mean() == pytest.approx(0, abs=1e-3)


def test_percent_of_the_greatest_contraction_is_measured_on_that_contraction():
    mvc, smile = envelope(), envelope() * 0.25
    smile.attrs = mvc.attrs
    y = Chain(Normalise()).fit(mvc)(smile)
    assert y.attrs["units"] == "%MVC"
    assert y.values.max() == pytest.approx(25, rel=1e-4)


def test_a_resting_interval_outside_the_recording_is_refused():
    with pytest.raises(ValueError, match="contains no sample of a recording from 0 to 20 s"):
        Chain(Baseline(rest=((30, 40),)))(envelope())


# zero phase


def test_zero_phase_delays_nothing():
    tick = np.zeros(4001)
    tick[2000] = 1
    for chain in (Chain(BandPass(20, 450)), Chain(LowPass(10)), PRESETS["raw"]):
        y = chain(recording.signal(tick, rate=RATE, units="uV", signal_kind="raw")).values[:, 0]
        assert np.argmax(np.abs(y)) == 2000
        np.testing.assert_allclose(y, y[::-1], atol=1e-6)


def test_a_causal_filter_knows_nothing_of_the_future():
    x = noise()
    changed = x.copy(deep=True)
    changed.values[2000:] = 0
    for chain in (PRESETS["raw"], Chain(BandPass(), Envelope())):
        before = chain.causal(x).values[:2000]
        np.testing.assert_array_equal(before, chain.causal(changed).values[:2000])
        assert not np.array_equal(chain(x).values[:2000], chain(changed).values[:2000])


def test_the_whole_cascade_is_scipys_zero_phase_filter():
    x = noise(seconds=20)
    sos = np.concatenate(
        [
            dsp.butter(4, (20, 450), "bandpass", fs=RATE, output="sos"),
            *(np.concatenate(dsp.iirnotch(50 * k, 30, fs=RATE))[np.newaxis] for k in range(1, 10)),
        ]
    )
    expected = dsp.sosfiltfilt(sos, x.values.astype(float), axis=0, padlen=5000)
    found = Chain(BandPass(20, 450), Notch(50))(x.astype(np.float64)).values
    np.testing.assert_allclose(found[4000:-4000], expected[4000:-4000], atol=1e-6)


def test_one_cascade_gives_what_single_steps_give_one_after_another():
    x = noise(seconds=10).astype(np.float64)
    apart = x
    for step in PRESETS["raw"].steps:
        apart = Chain(step)(apart)
    together = PRESETS["raw"](x)
    np.testing.assert_allclose(middle(together), middle(apart), atol=1e-3)


def test_filtering_is_linear():
    a, b = noise(seed=1).astype(np.float64), noise(seed=2).astype(np.float64)
    both = (2 * a - 3 * b).assign_attrs(a.attrs)
    chain = PRESETS["raw"]
    np.testing.assert_allclose(
        chain(both).values, 2 * chain(a).values - 3 * chain(b).values, atol=1e-9
    )


# live


CHAINS = {
    "band": Chain(BandPass(20, 450), Notch(50)),
    "slow": Chain(HighPass(0.5), Notch(60)),
    "envelope": Chain(BandPass(20, 450), Envelope(6), Baseline(level=(1.5,)), Normalise(level=9)),
    "taps": Chain(FirBandPass(20, 450), Notch(50), Rectify(), LowPass(6)),
    "early": Chain(FirBandPass(30, 400, width=20, phase="minimum")),
    "nothing": Chain(),
}


@settings(max_examples=25)
@given(
    name=st.sampled_from(sorted(CHAINS)),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    holes=st.lists(st.tuples(st.integers(0, 399), st.integers(1, 60), st.integers(0, 2))),
)
def test_any_chunking_live_is_the_whole(name, cuts, holes):
    x = noise(seconds=0.4, channels=3, seed=5).astype(np.float64) + 100
    x.attrs["units"] = "uV"
    for start, length, channel in holes:
        x.values[start : start + length, channel] = np.nan
    chain = CHAINS[name]
    live = chain.live(like=x)
    edges = [0, *sorted(cuts), 400]
    pushed = [live.push(x.values[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(pushed), chain.causal(x).values)


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_sample_by_sample_live_is_the_whole(name):
    x = noise(seconds=0.5, channels=2)
    x.values[:7, 0] = np.nan
    x.values[100:120] = np.nan
    live = CHAINS[name].live(RATE, 2)
    rows = np.concatenate([live.push(row[np.newaxis]) for row in x.values])
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, CHAINS[name].causal(x).values)


def test_live_starts_at_rest_without_a_jump_from_the_offset():
    counts = np.full((200, 1), 512, dtype=np.uint16)
    assert np.abs(Chain(BandPass(20, 450)).live(RATE, 1).push(counts)).max() < 1e-9
    np.testing.assert_allclose(Chain(LowPass(6)).live(RATE, 1).push(counts), 512, rtol=1e-6)


def test_a_live_chain_forgets_on_reset():
    x = noise(channels=1).values
    live = PRESETS["raw"].live(RATE, 1)
    first = live.push(x)
    live.reset()
    np.testing.assert_array_equal(live.push(x), first)


def test_steps_that_must_see_the_whole_recording_refuse_to_run_live_and_say_what_does():
    with pytest.raises(ValueError, match=r"Detrend .* use HighPass\(0.5\)"):
        Chain(Detrend()).live(RATE, 1)
    with pytest.raises(ValueError, match=r"calibration recording, chain\.fit"):
        preset("envelope").live(100, 1)


def test_a_fitted_chain_runs_live_with_the_levels_of_the_calibration():
    x = envelope()
    chain = preset("envelope").fit(x)
    live = chain.live(like=x).push(x.values)
    assert np.percentile(live, 10) == pytest.approx(0, abs=2e-3)
    assert chain.fit(x * 7) == chain


def test_a_block_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"shape \(5, 3\), expected \(n, 2\)"):
        PRESETS["raw"].live(RATE, 2).push(np.zeros((5, 3)))


def test_levels_of_another_number_of_channels_are_refused():
    with pytest.raises(ValueError, match="3 levels for a signal of 2 channels"):
        Chain(Envelope(), Baseline(level=(1, 2, 3)))(noise(channels=2))


# gaps


def with_gap(start, stop, channel=slice(None), **options):
    x = noise(seconds=10, **options)
    x.values[start:stop, channel] = np.nan
    valid = ~np.isnan(x.values).any(axis=1)
    return x.assign_coords(valid=("time", valid))


@pytest.mark.parametrize("phase", ["zero", "causal"])
@pytest.mark.parametrize("gap", [(0, 50), (3000, 3001), (3000, 3400), (9900, 10000)])
def test_nan_stays_nan_and_nothing_else_becomes_nan(gap, phase):
    x = with_gap(*gap)
    y = PRESETS["raw"](x) if phase == "zero" else PRESETS["raw"].causal(x)
    np.testing.assert_array_equal(np.isnan(y.values), np.isnan(x.values))
    assert not y["valid"].values[slice(*gap)].any()


@pytest.mark.parametrize("phase", ["zero", "causal"])
@pytest.mark.parametrize("length", [1, 20, 400])
@pytest.mark.parametrize(
    "chain", [PRESETS["raw"], Chain(BandPass(20, 450)), Chain(BandPass(20, 450), Envelope(6))]
)
def test_a_gap_disturbs_only_what_is_marked(chain, length, phase):
    whole = noise(seconds=10)
    gap = with_gap(5000, 5000 + length)
    run = chain if phase == "zero" else chain.causal
    with_all, without = run(whole), run(gap)
    valid = without["valid"].values
    off = np.abs(with_all.values - without.values)[valid].max()
    # A bridge is wrong by up to twice the signal, and each run of filters passes on 5 % of it.
    runs = chain.response(RATE).attrs["runs"]
    assert off < runs * 0.05 * 2 * np.abs(whole.values).max()
    assert valid[:4000].all()
    if phase == "causal":
        assert valid[:5000].all()


def test_a_long_gap_in_mains_disturbs_what_the_notch_rings():
    x = tone(50, seconds=10, amplitude=100)
    x.values[5000:5500] = np.nan
    y = Chain(Notch(50)).causal(x)
    steady = np.abs(y.values[5500:, 0])
    assert steady.max() > 50
    assert steady[y["valid"].values[5500:]].max() < 10


def test_one_lost_sample_does_not_condemn_a_second_of_notch():
    y = Chain(Notch(50))(with_gap(5000, 5001))
    assert 1 <= (~y["valid"].values).sum() < 100


def test_a_channel_without_any_sample_stays_so_and_condemns_no_other():
    x = noise(seconds=3, channels=3)
    x.values[:, 1] = np.nan
    x = x.assign_coords(valid=("time", np.ones(x.sizes["time"], dtype=bool)))
    chain = Chain(BandPass(20, 450), Envelope(6), Baseline(), Normalise())
    for y in (chain(x), chain.fit(x).causal(x)):
        assert np.isnan(y.values[:, 1]).all()
        assert np.isfinite(y.values[:, [0, 2]]).all()
        assert y["valid"].values.all()


def test_infinite_samples_are_gaps():
    x = noise()
    x.values[2000] = np.inf
    y = PRESETS["raw"](x)
    assert np.isnan(y.values[2000]).all()
    assert not y["valid"].values[2000]


# what a filter refuses, and why


def test_a_band_above_half_the_rate_is_refused_with_what_would_fit():
    message = (
        "BandPass: high=600 Hz is above half the sampling rate (500 Hz): "
        "use high <= 450, or record faster."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Chain(BandPass(20, 600))(noise())


@pytest.mark.parametrize(
    ("step", "rate", "words"),
    [
        (BandPass(20, 500), 1000, "high=500 Hz is exactly half"),
        (HighPass(60), 100, r"cutoff=60 Hz is above half the sampling rate \(50 Hz\)"),
        (Envelope(6), 10, "use cutoff <= 4.5"),
        (Notch(50), 100, "mains in this recording is aliased"),
        (FirBandPass(20, 498), 1000, "use high <= 495"),
        (Notch(50, harmonics=10), 1000, "reaches 500 Hz.* use harmonics <= 9"),
        (BandPass(20, 450), 30, "the band 20–450 Hz is not in the recording; record at 1000 Hz"),
    ],
)
def test_a_rate_that_cannot_hold_a_corner_is_refused(step, rate, words):
    with pytest.raises(ValueError, match=words):
        Chain(step)(noise(rate=rate))
    with pytest.raises(ValueError, match=words):
        Chain(step).response(rate)
    with pytest.raises(ValueError, match=words):
        Chain(step).live(rate, 1)


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (Chain(BandPass()), "removes the signal.*LowPass.*Baseline"),
        (Chain(HighPass(1)), "1 Hz high-pass removes the signal"),
        (Chain(Notch()), "moves the mains to other frequencies"),
        (Chain(Detrend()), "removes the level"),
        (Chain(Rectify()), "rectified already"),
        (Chain(Envelope()), "one already; to smooth it further, use LowPass"),
    ],
)
def test_an_envelope_refuses_what_is_for_raw_emg_and_names_the_channels(chain, words):
    kinds = ["raw", "envelope", "envelope"]
    x = noise(channels=3, signal_kind=kinds, channel=["emg", "sig_a", "sig_b"])
    with pytest.raises(ValueError, match=f"{words}.*Channels: sig_a, sig_b"):
        chain(x)


def test_raw_emg_refuses_a_resting_level():
    with pytest.raises(ValueError, match="no resting level"):
        Chain(Baseline())(noise())


def test_drift_may_be_taken_off_an_envelope_slowly():
    assert Chain(HighPass(0.05, order=1))(envelope(seconds=60)).attrs["units"] == "V"


def test_a_chain_that_rectifies_twice_is_refused_before_there_is_any_data():
    with pytest.raises(ValueError, match="rectified already"):
        Chain(Rectify(), Rectify()).live(RATE, 1)


def test_rectifying_an_offset_is_refused():
    x = (noise(channels=2) + np.array([0.0, 512.0])).assign_attrs(units="count")
    with pytest.raises(ValueError, match=r"raw channel ch2: its mean is 51\d.* count"):
        Chain(Envelope())(x)
    assert Chain(HighPass(20), Envelope())(x).values.max() < 100


def test_all_reasons_come_at_once():
    x = noise(rate=100, signal_kind="envelope")
    with pytest.raises(
        ValueError, match=r"(?s)3 reasons.*removes the signal.*other frequencies.*record"
    ):
        Chain(BandPass(), Notch(40))(x)


def test_irregular_time_is_refused_with_the_measured_rate_and_what_even_that_forbids():
    rng = np.random.default_rng(0)
    time = np.arange(400) / 19.8 + rng.normal(0, 0.006, 400)
    x = recording.signal(rng.standard_normal(400), time=time, units="count")
    with pytest.raises(ValueError, match=r"not uniform.*measured rate is about 19\.[78]"):
        Chain(LowPass(5))(x)
    with pytest.raises(ValueError, match=r"(?s)not uniform.*low=20 Hz is above half.*9\.9 Hz"):
        Chain(BandPass(20, 450))(x)


def test_a_recording_shorter_than_the_filter_rings_is_refused_with_the_length_it_needs():
    with pytest.raises(
        ValueError, match=r"300 samples \(0\.3 s\), too short.*more than 0\.57\d? s"
    ):
        Chain(Notch(50))(noise(seconds=0.3))
    assert Chain(Notch(50)).settling(RATE) == pytest.approx(0.573, abs=0.002)


def test_a_session_instead_of_its_signal_is_refused_with_the_way_to_it():
    with pytest.raises(TypeError, match="session\\['emg/signal'\\]"):
        PRESETS["raw"](recording.make(noise()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: BandPass(450, 20),
        lambda: HighPass(0),
        lambda: LowPass(float("nan")),
        lambda: LowPass(10, order=0),
        lambda: Notch(harmonics=0),
        lambda: Notch(harmonics=()),
        lambda: FirBandPass(phase="zero"),
        lambda: FirBandPass(20, 25),
        lambda: Detrend(2),
        lambda: Baseline(percentile=101),
        lambda: Baseline(rest=((3, 2),)),
        lambda: Normalise(level=(0.0,)),
    ],
)
def test_a_step_that_means_nothing_cannot_be_made(make):
    with pytest.raises(ValueError, match=r"expected|must be below"):
        make()


# response


def test_the_response_is_what_tones_meet():
    chain = Chain(BandPass(20, 200), Notch(50, harmonics=1))
    f = np.array([15.0, 30, 47, 110, 190, 230])
    found = chain.response(RATE, frequency=f)
    causal = [level(chain.causal(tone(k, seconds=12))) for k in f]
    both = [level(chain(tone(k, seconds=12))) for k in f]
    np.testing.assert_allclose(found["magnitude"], 20 * np.log10(causal), atol=0.1)
    np.testing.assert_allclose(found["magnitude_zero_phase"], 20 * np.log10(both), atol=0.1)


def test_the_response_names_corners_and_notches_and_is_finite_there():
    found = PRESETS["raw"].response(RATE)
    assert {20.0, 450.0, 50.0, 100.0} <= set(found["frequency"].values.tolist())
    assert all(np.isfinite(found[name].values).all() for name in found.data_vars)
    assert found["magnitude"].sel(frequency=50) < -200
    assert found["magnitude"].sel(frequency=20) == pytest.approx(-3, abs=0.2)
    assert found["magnitude_zero_phase"].sel(frequency=20) == pytest.approx(-6, abs=0.4)


def test_the_group_delay_is_the_slope_of_the_phase():
    f = np.linspace(30, 400, 20001)
    found = Chain(BandPass(20, 450), Notch(512)).response(2000, frequency=f)
    slope = -np.gradient(found["phase"].values, 2 * np.pi * f)
    np.testing.assert_allclose(found["group_delay"].values[1:-1], slope[1:-1], rtol=1e-3)


def test_the_impulse_response_is_what_a_tick_leaves():
    chain = Chain(LowPass(20), Notch(50))
    found = chain.response(RATE)
    tick = np.zeros(6001)
    tick[3000] = 1
    x = recording.signal(tick, rate=RATE, units="uV").astype(np.float64)
    lags = found["lag"].values
    at = 3000 + np.rint(lags * RATE).astype(int)
    np.testing.assert_allclose(chain.causal(x).values[at, 0], found["impulse"], atol=1e-12)
    np.testing.assert_allclose(chain(x).values[at, 0], found["impulse_zero_phase"], atol=1e-6)
    assert (found["impulse"].values[lags < 0] == 0).all()


def test_behind_a_rectification_begins_another_run():
    chain = Chain(BandPass(20, 450), Notch(50), Rectify(), LowPass(6))
    first, second = chain.response(RATE), chain.response(RATE, run=1)
    assert first.attrs["runs"] == 2
    assert first.attrs["nonlinear"] == "Rectify"
    assert first["magnitude"].sel(frequency=275) > -1
    assert second["magnitude"].sel(frequency=275) < -60
    with pytest.raises(ValueError, match="2 runs"):
        chain.response(RATE, run=2)


# without feedback


def test_symmetric_taps_delay_all_frequencies_alike_and_not_at_all_on_a_whole_recording():
    chain = Chain(FirBandPass(20, 450))
    delay = chain.response(RATE)["group_delay"].values
    assert np.ptp(delay) == 0
    assert delay[0] == pytest.approx(0.18, abs=0.01)
    x = noise(seconds=10).astype(np.float64)
    shift = round(delay[0] * RATE)
    live, whole = chain.causal(x).values, chain(x).values
    np.testing.assert_allclose(live[2000 + shift :], whole[2000:-shift], atol=1e-9)


def test_minimum_phase_keeps_the_magnitude_and_comes_early():
    f = np.linspace(30, 440, 400)
    linear = Chain(FirBandPass(20, 450)).response(RATE, frequency=f)
    early = Chain(FirBandPass(20, 450, phase="minimum")).response(RATE, frequency=f)
    np.testing.assert_allclose(early["magnitude"], linear["magnitude"], atol=0.1)
    assert early["group_delay"].values.max() < 0.05
    assert np.median(early["group_delay"].values) < 0.005


@pytest.mark.parametrize("phase", ["linear", "minimum"])
def test_taps_keep_the_band_and_remove_the_rest_as_their_response_says(phase):
    chain = Chain(FirBandPass(20, 300, phase=phase))
    for frequency, kept in ((10, 0), (100, 1), (250, 1), (320, 0)):
        assert level(chain(tone(frequency))) == pytest.approx(kept, abs=2e-3)
        found = chain.response(RATE, frequency=[frequency])
        decibel = float(found["magnitude_zero_phase"].values[0])
        assert level(chain(tone(frequency))) == pytest.approx(10 ** (decibel / 20), abs=2e-3)


def test_a_gap_disturbs_what_lies_within_the_taps():
    whole = noise(seconds=10)
    gap = with_gap(5000, 5200)
    for phase in ("linear", "minimum"):
        chain = Chain(FirBandPass(20, 450, phase=phase))
        y = chain(gap)
        valid = y["valid"].values
        assert not valid[5000:5200].any()
        assert valid[:4600].all()
        assert valid[5600:].all()
        off = np.abs(y.values - chain(whole).values)[valid]
        assert off.max() < 0.1 * np.abs(whole.values).max()


# presets, writing down, data model


def test_presets_suit_the_rate_and_say_when_they_had_to_bend():
    assert preset("raw", rate=1000) == PRESETS["raw"] == preset("raw", rate=994)
    with pytest.warns(UserWarning, match="instead of 450 Hz: a recording at 250 Hz"):
        assert preset("raw", rate=250).steps[0] == BandPass(20, 112)
    with pytest.warns(UserWarning, match="instead of 10 Hz"):
        preset("envelope", rate=19.8)(envelope(rate=19.8))
    assert preset("raw", rate=1000, mains=60).steps[1] == Notch(60)
    with pytest.raises(ValueError, match="is aliased"):
        preset("raw", rate=100)
    with pytest.raises(ValueError, match="there are raw, envelope"):
        preset("surface")


numbers = st.floats(0.1, 400, allow_nan=False)
steps = st.one_of(
    st.builds(HighPass, numbers, st.integers(1, 8)),
    st.builds(LowPass, numbers, st.integers(1, 8)),
    st.builds(lambda a, b: BandPass(a, a + b), numbers, numbers),
    st.builds(Notch, numbers, st.none() | st.integers(1, 5), numbers),
    st.builds(Baseline, st.floats(0, 100), st.none() | st.lists(numbers, min_size=1)),
    st.builds(Baseline, rest=st.just([[0, 2.5]])),
    st.builds(Normalise, level=st.none() | st.floats(1, 9)),
    st.sampled_from(
        [
            FirBandPass(),
            Notch(harmonics=(1, 3)),
            Detrend(),
            Rectify(),
            Envelope(),
            HighPass(np.float64(20)),
        ]
    ),
)


@given(st.lists(steps, max_size=5))
def test_a_chain_is_read_again_from_json_and_from_its_repr(parts):
    chain = Chain(*parts)
    assert Chain.from_json(chain.to_json()) == chain
    assert eval(repr(chain), {**STEPS, "Chain": Chain}) == chain
    assert hash(chain) == hash(Chain(*parts))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"step": "Kalman"}]', "no filter step 'Kalman'; expected one of Detrend"),
        ('[{"step": "Notch", "hum": 50}]', "Notch has no option hum; it has mains, harmonics, q"),
        ('{"step": "Notch"}', "list of objects"),
    ],
)
def test_json_that_is_no_chain_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        Chain.from_json(text)


def test_what_is_no_step_makes_no_chain():
    with pytest.raises(TypeError, match="not a filter step: 'notch'"):
        Chain("notch")


def test_a_filter_changes_a_copy_and_says_what_it_did():
    x = noise(channels=2, muscle=["zygomaticus_major", "corrugator"], side="left", start=5.0)
    before = x.copy(deep=True)
    y = PRESETS["raw"](x)
    xr.testing.assert_identical(x, before)
    assert y.dims == x.dims
    assert y.dtype == np.float32
    assert type(y.xindexes["time"]) is recording.TimeIndex
    for name in ("time", "channel", "muscle", "side", "gain"):
        assert y[name].equals(x[name])
    last = recording.history(y)[-1]
    assert (last["step"], last["phase"]) == ("filter", "zero")
    assert Chain.from_json(json.dumps(last["chain"])) == PRESETS["raw"]
    assert recording.history(PRESETS["raw"].causal(x))[-1]["phase"] == "causal"
    recording.check(recording.make(y))


def test_the_history_holds_the_levels_that_were_measured():
    y = Chain(Baseline())(envelope())
    (measured,) = recording.history(y)[-1]["chain"]
    assert measured["level"] == [pytest.approx(0.1, abs=1e-3)]


def test_the_order_of_dims_and_a_single_channel_make_no_difference():
    x = noise(channels=3)
    y = PRESETS["raw"](x)
    turned = PRESETS["raw"](x.transpose("channel", "time"))
    assert turned.dims == ("channel", "time")
    np.testing.assert_array_equal(turned.transpose("time", "channel").values, y.values)
    one = PRESETS["raw"](x.sel(channel="ch2"))
    np.testing.assert_array_equal(one.values, y.values[:, 1])
    assert one["signal_kind"].item() == "raw"


def test_a_long_recording_on_threads_is_the_same_as_channel_by_channel():
    x = noise(seconds=100, channels=4)
    y = PRESETS["raw"](x)
    alone = [PRESETS["raw"](x.isel(channel=[i])).values[:, 0] for i in range(4)]
    np.testing.assert_array_equal(y.values, np.stack(alone, axis=1))


def test_real_counts_at_20_hz_name_the_rate_as_the_reason(shared_data):
    rows = np.genfromtxt(shared_data / "paper" / "emg_data1.csv", delimiter=",", skip_header=1)
    x = recording.signal(rows[:, 1], time=rows[:, 0] - rows[0, 0], units="count")
    with pytest.raises(ValueError, match=r"(?s)not uniform.*half the sampling rate \(9\.\d+ Hz\)"):
        Chain(BandPass(20, 450))(x)


def test_real_emg_under_mains_comes_out_and_its_holes_stay(shared_data):
    rows = np.genfromtxt(
        shared_data / "emgflow" / "sample_data_01.csv", delimiter=",", skip_header=1
    )
    x = recording.signal(rows[:, 1:3], rate=2000, units="mV")
    y = preset("raw", rate=2000)(x)
    np.testing.assert_array_equal(np.isnan(y.values), np.isnan(x.values))
    assert np.isnan(y.values).sum() == 200
    assert (np.nanstd(y.values, axis=0) < 0.2 * np.nanstd(x.values, axis=0)).all()
    assert y["valid"].values.mean() > 0.9


def test_no_level_is_measured_on_samples_that_are_marked_invalid():
    x = envelope()
    values, valid = x.values.copy(), np.ones(x.sizes["time"], dtype=bool)
    values[100:150], valid[100:150] = 50.0, False
    values[1000:1900], valid[1000:1900] = -7.0, False
    marked = x.copy(data=values).assign_coords(valid=("time", valid))
    assert Chain(Normalise()).fit(marked).steps[0].level[0] == pytest.approx(1.1, abs=0.01)
    assert Chain(Baseline()).fit(marked).steps[0].level[0] == pytest.approx(0.1, abs=0.01)


def test_a_dead_channel_that_marks_all_invalid_does_not_take_the_others_levels():
    values = np.column_stack([envelope().values[:, 0], np.full(2000, np.nan)])
    x = recording.signal(values, rate=100, units="V", signal_kind="envelope")
    assert not x["valid"].values.any()
    assert Chain(Baseline()).fit(x).steps[0].level == (pytest.approx(0.1, abs=1e-3), 0.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: HighPass("20"), "HighPass: cutoff='20', expected a number above 0"),
        (lambda: HighPass(20, order=True), "order=True"),
        (lambda: Normalise(level=()), r"level=\(\), expected"),
        (lambda: Baseline(rest=(0, 1)), r"rest=\(0, 1\), expected pairs"),
        (lambda: Chain.from_json("hello"), r"no JSON of a chain.*to_json"),
        (lambda: PRESETS["raw"].live(-1.0, 2), "rate=-1.0, expected"),
        (lambda: PRESETS["raw"].live(RATE, 0), "channels=0, expected"),
        (lambda: PRESETS["raw"](noise().drop_vars("time")), "no coordinate `time`"),
    ],
)
def test_options_by_mistake_are_told_in_the_words_of_the_step(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_says_whether_a_channel_needs_the_others(name: str) -> None:
    x = recording.emg(simulate.example()).isel(time=slice(0, 30_000)).load()
    t = x["time"].values
    values = x.values + (5 * np.sin(2 * np.pi * 50.02 * t))[:, np.newaxis]
    values[5000:5100, 3] = np.nan
    names = [str(channel) for channel in x["channel"].values]
    step = STEPS[name](reference=names[5]) if name == "Blink" else STEPS[name]()
    if name in ("Baseline", "Normalise"):
        levels = range(1, len(names) + 1)
        assert not STEPS[name](level=levels).channelwise, "one of these levels is another channel's"
        assert STEPS[name](level=(2.0,)).channelwise
    kind = "raw" if step.refuses_kind("raw") is None else "envelope"
    x = x.copy(data=values).assign_coords(signal_kind=("channel", [kind] * len(names)))
    if not step.channelwise:
        assert not Chain(Rectify(), step).channelwise
        return
    assert Chain(Rectify(), step).channelwise
    together = Chain(step)(x)
    for i in range(len(names)):
        apart = Chain(step)(x.isel(channel=[i]))
        np.testing.assert_array_equal(apart.values, together.values[:, [i]])
