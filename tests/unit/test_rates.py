"""Rates of clocks that are none, and the way from irregular samples to a uniform clock."""

import warnings

import numpy as np
import pytest

from emgnb import filters, recording, windows

LENGTHS = (50, 200, 670, 2000, 10_000)
RATES = (19.8, 333.3, 1000.0, 4800.0)


def chance() -> np.random.Generator:
    return np.random.default_rng(7)


def measured(time: np.ndarray) -> float:
    return recording.measured_rate(recording.signal(np.zeros(time.size), time=time, units="uV"))


def jittered(rows: int, rate: float, jitter: float) -> np.ndarray:
    return np.sort(np.arange(rows) + chance().uniform(-jitter, jitter, rows)) / rate


def paused(time: np.ndarray, rate: float) -> np.ndarray:
    made = time.copy()
    for at in chance().integers(5, time.size - 5, 2 if time.size < 300 else 5):
        made[at:] += chance().uniform(5, 200) / rate
    return made


def half_an_hour_apart(time: np.ndarray, rate: float) -> np.ndarray:
    return np.concatenate([time[: time.size // 2], time[time.size // 2 :] + 50 * time.size / rate])


def stamped_late(time: np.ndarray, rate: float) -> np.ndarray:
    made = time.copy()
    late = chance().choice(time.size - 1, time.size // 50, replace=False) + 1
    made[late] = made[late - 1]
    return made


def after_a_stale_buffer(time: np.ndarray, rate: float) -> np.ndarray:
    stale = time[0] - 0.6 / rate + np.linspace(0, 0.5 / rate, min(time.size, 500))
    return np.concatenate([stale, time])


def held_up_once(time: np.ndarray, rate: float) -> np.ndarray:
    made, at = time.copy(), time.size // 3
    made[at : at + 10] = made[at + 10]
    return made


def untouched(time: np.ndarray, rate: float) -> np.ndarray:
    return time


@pytest.mark.parametrize("jitter", [0.0, 0.1, 0.2, 0.33, 0.45])
@pytest.mark.parametrize(
    "spoil",
    [untouched, paused, half_an_hour_apart, stamped_late, after_a_stale_buffer, held_up_once],
)
def test_the_rate_is_read_off_any_clock(spoil, jitter):
    for rows in LENGTHS[spoil is paused :]:
        for rate in RATES:
            found = measured(spoil(jittered(rows, rate, jitter), rate))
            assert found == pytest.approx(rate, rel=0.025 if rows < 200 else 0.006), (rows, rate)


@pytest.mark.parametrize("tick", [0.001, 0.01, 1.0])
def test_the_rate_is_read_off_a_coarse_clock(tick):
    for rows in LENGTHS:
        for rate in RATES:
            time = np.floor((np.arange(rows) / rate + 0.37 * tick) / tick) * tick
            if time[-1] - time[0] >= 10 * tick:
                assert measured(time) == pytest.approx(rate, rel=0.016), (rows, rate)


def test_rows_that_come_in_batches_and_at_alternating_intervals_show_their_rate():
    for rows in LENGTHS[1:]:
        number = np.arange(rows)
        late = np.repeat(chance().uniform(0, 2, rows // 8 + 1), 8)[:rows]
        batches = number // 8 * 8 + 1e-3 * (number % 8) + late
        assert measured(batches / 1000) == pytest.approx(1000, rel=0.006)
        for rate in RATES:
            alternating = (number + 0.8 * (number % 2)) / rate
            assert measured(alternating) == pytest.approx(rate, rel=0.002)


def test_lost_rows_do_not_slow_a_clock_that_hardly_jitters():
    for rate in RATES:
        kept = chance().random(5000) > 0.02
        assert measured(jittered(5000, rate, 0.1)[kept]) == pytest.approx(rate, rel=0.001)


def test_a_second_and_a_bit_is_no_reason_to_halve_the_rate():
    assert measured(np.linspace(0, 1.0009, 670)) == pytest.approx(669 / 1.0009)
    time = np.r_[np.arange(0, 1, 0.0015) + np.tile([0, 0.0006], 334)[:667], 1.0005]
    assert measured(time) == pytest.approx(666.7, abs=0.1)


@pytest.mark.parametrize("time", [[0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 2.5], [5.0, 3.0, 4.0]])
def test_a_few_stamps_give_some_rate(time):
    assert 0.5 <= measured(np.array(time)) <= 3


# --- irregular to regular ---------------------------------------------------------------------


def wave(time: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * 137 * time) + 0.5 * np.sin(2 * np.pi * 400 * time + 1)


def at(time: np.ndarray, values: np.ndarray | None = None, **more):
    return recording.signal(wave(time) if values is None else values, time=time, units="uV", **more)


def test_no_row_is_thrown_away():
    for time in (
        np.r_[np.arange(0, 1, 0.0015) + np.tile([0, 0.0006], 334)[:667], 1.0005],
        jittered(670, 669.4, 0.3),
    ):
        made = recording.uniform(at(time, np.sin(20 * time)))
        assert made.sizes["time"] == pytest.approx(time.size, abs=1)
        assert made["valid"].values.all()
        assert recording.history(made)[-1]["left_out"] == 0


def test_irregular_4800_hz_is_interpolated_windowed_and_brought_to_1000_hz():
    time = jittered(48_000, 4800.0, 0.33)
    made = recording.uniform(at(time))
    assert recording.sampling_rate(made) == 4800.0
    off = made.values[50:-50, 0] - wave(made["time"].values)[50:-50]
    assert off.std() < 1e-3
    cut = windows.cut(made, length=0.2, step=0.1)
    assert cut.sizes["window"] >= 97
    slow = filters.resample(made, 1000)
    assert recording.sampling_rate(slow) == 1000.0
    off = slow.values[50:-50, 0] - wave(slow["time"].values)[50:-50]
    assert off.std() < 0.02


@pytest.mark.parametrize(
    ("rate", "highest", "jitter"), [(4800, 450, 0.33), (2000, 450, 0.45), (1000, 200, 0.33)]
)
def test_the_error_told_is_the_true_one_to_a_factor_of_three_or_so(rate, highest, jitter):
    tones = chance().uniform(20, highest, 40)
    phases = chance().uniform(0, 2 * np.pi, 40)

    def true(time):
        return np.cos(2 * np.pi * tones * time[:, None] + phases).mean(axis=1)

    time = jittered(8000, float(rate), jitter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = recording.uniform(at(time, true(time)))
    inside = slice(20, -20)
    off = made.values[inside, 0] - true(made["time"].values[inside])
    told = recording.history(made)[-1]["error"]["ch1"]
    assert told / 5 < off.std() / made.values.std() < 5 * told


def test_what_cannot_be_interpolated_is_said_aloud():
    time = jittered(5000, 1000.0, 0.4)
    with pytest.warns(UserWarning, match="interpolation is uncertain"):
        recording.uniform(at(time, chance().normal(size=5000)))


def test_gaps_stay_gaps_and_cost_no_more_than_the_samples_that_were_lost():
    time = jittered(4000, 1000.0, 0.2)
    kept = np.ones(4000, dtype=bool)
    kept[500:700] = False
    made = recording.uniform(at(time[kept], np.sin(20 * time[kept])))
    lost = np.flatnonzero(~made["valid"].values)
    assert lost.size == pytest.approx(200, abs=2)
    assert lost.min() == pytest.approx(500, abs=1)
    assert np.isnan(made.values[lost]).all()
    assert np.isfinite(made.values[made["valid"].values]).all()


def test_rows_of_one_tick_are_spread_over_the_time_since_the_last():
    true = np.arange(4000) / 333.3
    time = np.floor(true * 100) / 100
    made = recording.uniform(at(time, np.sin(6 * true)))
    assert made["valid"].values.mean() > 0.99
    off = made.values[:, 0] - np.sin(6 * made["time"].values)
    assert np.nanmax(np.abs(off)) < 6 * 0.012


def test_a_stale_buffer_is_left_out_and_counted():
    live = np.arange(1, 400) / 20 + chance().normal(0, 0.003, 399)
    time = np.concatenate([np.linspace(0, 0.002, 800), live])
    made = recording.uniform(at(time, np.sin(time)))
    done = recording.history(made)[-1]
    assert recording.sampling_rate(made) == pytest.approx(20, rel=0.002)
    assert done["left_out"] == 799
    assert made.sizes["time"] == 400


def test_a_uniform_recording_is_given_back():
    x = recording.signal(np.arange(10.0), rate=100, units="uV")
    assert recording.uniform(x) is x


def test_a_rate_that_folds_is_refused_with_the_way_that_works():
    x = at(jittered(4000, 1000.0, 0.2))
    with pytest.raises(ValueError, match=r"filters\.resample\(recording\.uniform\(x\), 250\)"):
        recording.uniform(x, rate=250)
