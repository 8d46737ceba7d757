"""Mains, movement, heart and eyelid: how much goes, what stays, and that nothing is invented."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from emgnb import filters, recording, simulate
from emgnb.filters import (
    BandPass,
    Blink,
    Chain,
    Envelope,
    Heartbeat,
    MainsFit,
    MainsInterpolation,
    MainsTracker,
    MotionArtefact,
    Notch,
    mains_lines,
    preset_for,
)
from emgnb.simulate._artefacts import Pulse, _heart

RATE = 1000.0
BAND = Chain(BandPass(20, 450))


def power(values):
    return float(np.mean(np.square(values)))


def db(a, b):
    return 10 * np.log10(power(a) / power(b))


def like(x, values):
    return x.copy(data=values)


@pytest.fixture(scope="module")
def hummed():
    """A face with mains at 50.4 Hz that drifts, and the same face without."""
    both = [
        recording.emg(simulate.face(mains=mains, duration=40.0, seed=3)).astype(np.float64)
        for mains in (50.4, 0)
    ]
    return both[0], both[1]


@pytest.fixture(scope="module")
def muscles():
    """The muscles alone, under the noise of an amplifier."""
    session = simulate.face(mains=0, artefacts=0, duration=90.0, seed=3)
    x = recording.emg(session).astype(np.float64)
    noise = np.random.default_rng(9).standard_normal(x.shape)
    return like(x, session["truth/clean"].values + 0.7 * noise)


# mains


@pytest.mark.parametrize("step", [MainsFit(50), MainsTracker(50), MainsInterpolation(50)])
def test_drifting_mains_off_its_place_is_removed_by_35_db_where_a_notch_leaves_most(hummed, step):
    with_hum, without = hummed
    hum = 100 * (with_hum - without).values
    inside = slice(4000, -4000)
    x = like(with_hum, without.values + hum)
    was = BAND(like(x, hum)).values[inside]

    def left(mains):
        return (Chain(BandPass(20, 450), mains)(x) - BAND(without)).values[inside]

    assert db(was, left(step)) > 35
    assert db(was, left(Notch(50))) < 15


@pytest.mark.parametrize("step", [MainsFit(50), MainsTracker(50), MainsInterpolation(50)])
def test_taking_drifting_mains_out_changes_the_power_of_the_emg_by_less_than_5_percent(
    hummed, step
):
    with_hum, without = hummed
    cleaned = Chain(BandPass(20, 450), step)(with_hum).values
    assert power(cleaned) == pytest.approx(power(BAND(without).values), rel=0.05)


def test_interpolation_leaves_a_signal_without_mains_nearly_as_it_was(hummed):
    _, without = hummed
    assert db(without.values, (Chain(MainsInterpolation())(without) - without).values) > 25


def test_a_pure_tone_at_the_mains_is_gone_and_one_beside_it_stays():
    t = np.arange(20_000) / RATE
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(t.size)
    for frequency, gone in ((50.3, True), (56.0, False)):
        tone = 50 * np.sin(2 * np.pi * frequency * t)
        x = recording.signal(noise + tone, rate=RATE, units="uV").astype(np.float64)
        for step in (
            MainsFit(50, harmonics=1),
            MainsTracker(50, harmonics=1),
            MainsInterpolation(50, harmonics=1),
        ):
            y = Chain(step)(x).values[4000:-4000, 0]
            assert (power(y) < 2) == gone


@pytest.mark.parametrize("step", [MainsFit(), MainsTracker(), MainsInterpolation()])
def test_where_there_is_no_mains_nearly_nothing_is_taken_whatever_the_offset(step):
    rng = np.random.default_rng(0)
    bursts = 1 + 9 * (np.arange(60_000) // 3000 % 3 == 0)
    x = recording.signal(bursts * rng.standard_normal(60_000), rate=RATE, units="uV")
    taken = Chain(step)(x + 30_000) - 30_000 - x
    assert power(taken.values) < 0.02 * power(x.values)
    assert power(taken.values[:200]) < 0.1 * power(x.values)


@pytest.mark.parametrize("step", [MainsFit(), MainsTracker(), MainsInterpolation()])
@pytest.mark.parametrize("length", [5, 50, 200, 1000, 9000])
def test_a_gap_in_strong_mains_leaves_none_of_it_beside_the_gap(step, length):
    rng = np.random.default_rng(0)
    t = np.arange(60_000) / RATE
    hum = 300 * np.sin(2 * np.pi * 50.1 * t + 0.3 * np.sin(2 * np.pi * 0.02 * t))
    emg = 10 * rng.standard_normal(t.size)
    x = recording.signal(emg + hum, rate=RATE, units="uV").astype(np.float64)
    lost = like(x, x.values.copy())
    lost.values[30_000 : 30_000 + length] = np.nan
    off = np.abs((Chain(step)(lost) - Chain(step)(x)).values[:, 0])
    assert np.nanmean(off[29_000 : 31_000 + length] ** 2) < (0.01 * 300) ** 2


def test_the_ends_of_a_recording_are_as_clean_as_its_middle():
    rng = np.random.default_rng(0)
    t = np.arange(20_000) / RATE
    emg = rng.standard_normal(t.size)
    x = recording.signal(emg + 50 * np.sin(2 * np.pi * 50 * t + 1), rate=RATE, units="uV")
    for step in (MainsFit(harmonics=1), MainsTracker(harmonics=1), MainsInterpolation(harmonics=1)):
        left = Chain(step)(x).values[:, 0] - emg
        assert power(left[:500]) < 1.0
        assert power(left[-500:]) < 1.0


def test_a_lost_lead_does_not_move_the_frequency_found_in_the_others(hummed):
    x = hummed[0].copy(deep=True)
    x.values[10_000:30_000, 0] = np.nan
    for step in (MainsFit(), MainsTracker(), MainsInterpolation()):
        y = Chain(step)(x)
        alone = Chain(step)(hummed[0].isel(channel=slice(1, None)))
        off = (y.isel(channel=slice(1, None)) - alone).values[16_000:24_000]
        assert np.abs(off).max() < 1e-4


@pytest.mark.parametrize(
    "step", [MainsFit(), MainsTracker(), MainsInterpolation(), MotionArtefact()]
)
def test_what_looks_at_both_sides_refuses_to_run_live_and_says_what_does(step):
    with pytest.raises(ValueError, match=r"live.*(Notch|HighPass)\("):
        Chain(step).live(RATE, 1)


@pytest.mark.parametrize(
    "chain", [Chain(MainsFit()), Chain(MainsTracker()), Chain(MainsInterpolation(), BandPass())]
)
def test_a_recording_shorter_than_a_stretch_is_refused(chain):
    x = recording.signal(np.ones((3000, 1)), rate=RATE, units="uV")
    with pytest.raises(ValueError, match=r"too short for Mains.*needs 4 s"):
        chain(x)


@pytest.mark.parametrize("mains", [0, 50, 60])
def test_a_preset_for_a_recording_takes_the_mains_that_is_there_and_no_other(mains):
    x = recording.emg(simulate.face(mains=mains, duration=40.0, seed=1, participant=1))
    steps = preset_for(x).steps
    live = preset_for(x, live=True)
    assert [type(step) for step in live.steps[1:]] == [Notch] * bool(mains)
    live.live(like=x)
    assert steps[0] == BandPass(20, 450)
    if not mains:
        assert len(steps) == 1
        return
    assert steps[1].mains == mains
    assert {1, 3} <= set(steps[1].harmonics)
    assert max(steps[1].harmonics) <= 5
    strongest = mains_lines(x, mains=mains).max("channel")
    assert strongest.sel(frequency=mains) > 6


def test_a_preset_for_mains_off_its_place_follows_it_or_is_wide_enough(hummed):
    x = hummed[0]
    assert isinstance(preset_for(x).steps[1], MainsFit)
    (_, notch) = preset_for(x, live=True).steps
    assert notch.q < 30
    found = mains_lines(x).max("channel")
    place = float(found["found"].isel(frequency=0))
    response = Chain(notch).response(RATE, frequency=[place])
    assert float(response["magnitude"].item()) < -15


def test_white_noise_has_no_mains():
    rng = np.random.default_rng(0)
    for n in (20_000, 200_000):
        x = recording.signal(rng.standard_normal((n, 8)), rate=RATE, units="uV")
        assert preset_for(x) == BAND


def test_a_preset_for_an_envelope_looks_for_no_mains():
    x = recording.signal(np.ones((5000, 1)), rate=100, units="V", signal_kind="envelope")
    assert preset_for(x) == filters.preset("envelope", rate=100)
    with pytest.raises(
        ValueError, match=r"contain 3 segments of 2 s without a lost sample.*expected 4"
    ):
        preset_for(recording.signal(np.ones((4000, 1)), rate=RATE, units="uV"))


def test_five_seconds_show_strong_mains_and_no_mains_where_none_is():
    rng = np.random.default_rng(1)
    for _ in range(40):
        x = recording.signal(rng.standard_normal((5000, 8)), rate=RATE, units="uV")
        assert preset_for(x) == BAND
    hum = np.sin(2 * np.pi * 50 * np.arange(5000) / RATE)[:, np.newaxis]
    hummed = like(x, x.values + hum)
    assert preset_for(hummed).steps[1:] == (MainsFit(50, harmonics=(1,)),)
    assert preset_for(hummed, live=True).steps[1:] == (Notch(50, harmonics=(1,)),)
    assert mains_lines(x).attrs["stands_out"] == pytest.approx(9.2, abs=0.1)


def test_mains_that_has_folded_is_not_looked_for():
    x = recording.signal(np.ones((5000, 1)), rate=90, units="uV")
    with pytest.raises(
        ValueError, match=r"not below half.*it is aliased to 40 Hz and looks like signal"
    ):
        mains_lines(x)


def test_only_the_harmonics_named_are_notched():
    found = Chain(Notch(50, harmonics=(1, 3))).response(RATE, frequency=[50, 100, 150])
    magnitude = found["magnitude"].values
    assert magnitude[[0, 2]].max() < -200
    assert magnitude[1] > -0.1
    assert Notch(50, harmonics=[3, 1]) == Notch(50, harmonics=(1, 3))
    with pytest.raises(ValueError, match="reaches 500 Hz"):
        Chain(Notch(50, harmonics=(1, 10))).response(RATE)


# movement


def tugged(x, seed=0):
    """Cables tugged every six seconds, most at the first channels; and the places."""
    rng = np.random.default_rng(seed)
    t = x["time"].values
    reach = np.array([1, 0.6, 0.3, 0.1, 0.05, 0.05, 0.02, 0.02])
    out = np.zeros(x.shape)
    tugs = [
        Pulse(3 + 6 * i + rng.uniform(0, 2), 0.04, "tug", 250 * rng.choice((-1, 1)) * reach)
        for i in range(int(t[-1] // 6) - 1)
    ]
    for tug in tugs:
        tug.add_to(out, t)
    return out, tugs


def test_jerks_are_found_and_taken_for_lost(muscles):
    added, tugs = tugged(muscles)
    y = Chain(MotionArtefact())(like(muscles, muscles.values + added))
    lost = np.isnan(y.values)
    rows = [slice(round(tug.time * RATE), round((tug.time + 0.1) * RATE)) for tug in tugs]
    # A tug that a contraction hides is none that could be told from it.
    heights = [np.abs(added[row, 0]).max() / np.abs(muscles.values[row, 0]).max() for row in rows]
    plain = [row for row, height in zip(rows, heights, strict=True) if height > 9]
    assert len(plain) > 0.7 * len(rows)
    assert np.mean([lost[row, 0].mean() for row in plain]) > 0.9
    assert not y["valid"].values[lost.any(axis=1)].any()
    # What they added within the band of the EMG is gone with them; two are hidden by contractions.
    harm = BAND(like(muscles, added)).values[:, 0]
    assert power(harm[~lost[:, 0]]) < 0.2 * power(harm)


def test_a_face_that_moves_without_jerks_loses_little(muscles):
    lost = np.isnan(Chain(MotionArtefact())(muscles).values)
    assert lost.mean() < 0.02


def test_nothing_is_invented_where_movement_was(muscles):
    added, _ = tugged(muscles)
    x = like(muscles, muscles.values + added)
    y = Chain(MotionArtefact())(x)
    kept = ~np.isnan(y.values)
    np.testing.assert_array_equal(y.values[kept], x.values[kept])
    filtered = Chain(MotionArtefact(), BandPass(20, 450), Envelope(6))(x)
    np.testing.assert_array_equal(np.isnan(filtered.values), ~kept)
    assert not filtered["valid"].values[~kept.all(axis=1)].any()


def test_a_blink_and_a_wandering_baseline_are_no_jerk():
    rng = np.random.default_rng(0)
    t = np.arange(60_000) / RATE
    slow = 90 * np.exp(-8 * ((t % 4 - 2) / 0.12) ** 2) + 50 * np.sin(2 * np.pi * 0.3 * t)
    x = recording.signal(2 * rng.standard_normal(t.size) + slow, rate=RATE, units="uV")
    assert not np.isnan(Chain(MotionArtefact())(x).values).any()


# heart and eyelid


def hearted(x, size, seed=0):
    rng = np.random.default_rng(seed)
    seconds = x.sizes["time"] / RATE
    beats = np.cumsum(0.87 * (1 + 0.05 * rng.standard_normal(int(seconds / 0.87) + 2)))
    wave = _heart(x["time"].values, beats)
    return size * wave[:, np.newaxis] * np.linspace(0.4, 1.3, x.sizes["channel"]), beats


def test_the_heart_is_reduced_by_10_db_and_the_envelope_of_the_emg_keeps_its_shape(muscles):
    heart, _ = hearted(muscles, 20.0)
    y = Chain(Heartbeat())(like(muscles, muscles.values + heart))
    reduced = [db(heart[:, i], (y - muscles).values[:, i]) for i in range(8)]
    assert np.median(reduced) > 10
    assert min(reduced) > 8  # where the muscles were busiest
    level = Chain(BandPass(20, 450), Envelope(6))
    before, after = level(muscles).values, level(y).values
    assert np.sqrt(power(after - before) / power(before)) < 0.01


def test_an_ecg_channel_names_the_beats(muscles):
    heart, beats = hearted(muscles, 8.0)
    wave = _heart(muscles["time"].values, beats)
    rng = np.random.default_rng(1)
    ecg = 300 * wave + 5 * rng.standard_normal(wave.size)
    x = recording.signal(
        np.column_stack([muscles.values + heart, ecg]),
        rate=RATE,
        units="uV",
        channel=[*muscles["channel"].values.tolist(), "ecg"],
    ).astype(np.float64)
    y = Chain(Heartbeat("ecg"))(x)
    left = (y.values[:, :8] - muscles.values)[:, -1]
    assert db(heart[:, -1], left) > 8


def test_where_there_is_no_heart_nothing_is_subtracted(muscles):
    np.testing.assert_array_equal(Chain(Heartbeat())(muscles).values, muscles.values)


def blinked(x):
    rng = np.random.default_rng(4)
    weight = 90 * np.array([0.3, 0.4, -1, -0.4, -0.2, -0.15, -0.05, -0.03])
    out = np.zeros(x.shape)
    for i in range(20):
        Pulse(2 + 4 * i + rng.uniform(0, 2), 0.12, "lid", weight * rng.uniform(0.8, 1.2)).add_to(
            out, x["time"].values
        )
    return out


def test_the_eyelid_is_reduced_by_15_db_at_rest_and_the_emg_is_not_touched():
    rng = np.random.default_rng(0)
    names = [f"ch{i}" for i in range(7)]
    x = recording.signal(
        2 * rng.standard_normal((85_000, 8)),
        rate=RATE,
        units="uV",
        channel=[*names[:2], "eye", *names[2:]],
    ).astype(np.float64)
    lids = blinked(x)
    y = Chain(Blink("eye"))(like(x, x.values + lids))
    for i in range(5):
        assert db(lids[:, i], (y - x).values[:, i]) > 15
    muscle = Chain(filters.HighPass(30))
    off = (muscle(y) - muscle(like(x, x.values + lids))).values
    assert power(off) < 1e-3 * power(muscle(x).values)


def test_the_emg_of_a_face_survives_the_removal_of_its_blinks(muscles):
    level = Chain(BandPass(20, 450), Envelope(6))
    x = like(muscles, muscles.values + blinked(muscles))
    y = Chain(Blink("orbicularis_oculi_l"))(x)
    before, after = level(muscles).values, level(y).values
    assert np.sqrt(power(after - before) / power(before)) < 0.01


@pytest.mark.parametrize("step", [Heartbeat("neck"), Blink("neck")])
def test_a_reference_that_is_not_there_is_named(muscles, step):
    with pytest.raises(ValueError, match="no channel 'neck'; there are frontalis"):
        Chain(step)(muscles)


def test_a_blink_needs_a_channel_that_sees_it():
    with pytest.raises(ValueError, match="expected the name of the channel nearest the eye"):
        Blink()


@pytest.mark.parametrize(
    "step",
    [MainsFit(), MainsTracker(), MainsInterpolation(), MotionArtefact(), Heartbeat(), Blink("ch1")],
)
def test_each_step_is_written_and_read_refuses_an_envelope_and_keeps_gaps(step):
    chain = Chain(step)
    assert Chain.from_json(chain.to_json()) == chain
    assert eval(repr(chain), {**filters.STEPS, "Chain": Chain}) == chain
    envelope = recording.signal(np.ones((9000, 1)), rate=RATE, units="V", signal_kind="envelope")
    with pytest.raises(ValueError, match="an envelope"):
        chain(envelope)
    values = np.random.default_rng(0).standard_normal((30_000, 2))
    values[9000:9100] = np.nan
    y = chain(recording.signal(values, rate=RATE, units="uV"))
    np.testing.assert_array_equal(np.isnan(y.values), np.isnan(values))
    assert isinstance(y, xr.DataArray)


# across channels


def test_the_average_reference_takes_out_what_all_channels_share():
    rng = np.random.default_rng(0)
    own, shared = rng.standard_normal((5000, 4)), 50 * rng.standard_normal((5000, 1))
    own -= own.mean(axis=1, keepdims=True)
    values = np.column_stack([own + shared, np.full(5000, np.nan)])
    values[100, 1] = np.nan
    x = recording.signal(values, rate=RATE, units="uV", valid=np.isfinite(values[:, 0]))
    y = filters.average_reference(x.astype(np.float64))
    rows = np.arange(5000) != 100
    np.testing.assert_allclose(y.values[rows, :4], own[rows], atol=1e-4)
    assert np.isnan(y.values[100]).all()
    assert (y["valid"].values == rows).all()


def test_a_bipolar_channel_is_the_difference_and_knows_its_muscle():
    values = np.random.default_rng(0).standard_normal((100, 3))
    values[7, 0] = np.nan
    x = recording.signal(
        values, rate=RATE, units="uV", channel=["a", "b", "c"], muscle=["masseter", "", ""]
    )
    y = filters.bipolar(x, {"bite": ("a", "b")})
    np.testing.assert_allclose(y.values[:, 0], x.values[:, 0] - x.values[:, 1])
    assert y["muscle"].values.tolist() == ["masseter"]
    assert y["channel"].values.tolist() == ["bite"]
    assert np.flatnonzero(~y["valid"].values).tolist() == [7]
    recording.check(recording.make(y))
    with pytest.raises(ValueError, match="no channel d; there are a, b, c"):
        filters.bipolar(x, {"bite": ("a", "d")})


def test_a_source_that_all_channels_hear_is_unmixed_and_taken_off():
    rng = np.random.default_rng(0)
    sources = rng.laplace(size=(20_000, 3))
    mixing = np.array([[1, 0.3, 0.5], [0.2, 1, 0.5], [0.1, 0.4, 1.0]])
    x = recording.signal(sources @ mixing.T, rate=RATE, units="uV").astype(np.float64)
    learned = filters.unmix(x)
    likeness = np.abs(np.corrcoef(learned.sources(x).values.T, sources.T)[:3, 3:])
    assert (likeness.max(axis=0) > 0.99).all()
    third = int(likeness[:, 2].argmax())
    y = learned.without(x, [third])
    np.testing.assert_allclose(y.values, sources[:, :2] @ mixing[:, :2].T, atol=0.2)
    assert filters.Unmixing.from_json(learned.to_json()) == learned
    assert recording.history(y)[-1]["without"] == [third]
    with pytest.raises(ValueError, match="learned on ch1, ch2, ch3"):
        learned.sources(x.isel(channel=[0, 1]))


@pytest.mark.parametrize("call", [filters.average_reference, filters.unmix])
def test_what_was_rectified_does_not_subtract(call):
    x = recording.signal(np.ones((900, 3)), rate=RATE, units="V", signal_kind="envelope")
    with pytest.raises(ValueError, match="cannot be subtracted"):
        call(x)


def test_a_strong_burst_does_not_echo_in_the_rest_beside_it():
    rng = np.random.default_rng(0)
    t = np.arange(40_000) / RATE
    inside = (t >= 21.3) & (t < 23.3)
    hum = 2 * np.sin(2 * np.pi * 50 * t) + 0.7 * np.sin(2 * np.pi * 150 * t)
    for level in (20, 30, 40):
        emg = rng.standard_normal(t.size) * np.where(inside, 10 ** (level / 20), 1.0)
        x = recording.signal(emg + hum, rate=RATE, units="uV").astype(np.float64)
        clean = Chain(BandPass(20, 450))(like(x, emg[:, np.newaxis]))
        off = (preset_for(x)(x) - clean).values[:, 0]
        beside = np.r_[19_300:21_250, 23_350:25_300]
        assert np.sqrt(np.mean(off[beside] ** 2)) < 0.3  # of a rest of 1; interpolation: 0.8
        assert np.sqrt(np.mean(off[inside] ** 2)) < 0.02 * 10 ** (level / 20)
