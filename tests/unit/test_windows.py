"""Windows: what is in them, what never is, and how little they cost."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from emgnb import features, filters, labels, models, recording, windows
from emgnb._arrays import runs
from emgnb.windows import parts

RATE = 100.0


def ramp(seconds=10.0, channels=2, rate=RATE, **options):
    """A signal whose values are sample numbers, plus 10 000 times the channel."""
    n = round(seconds * rate)
    values = np.arange(n)[:, np.newaxis] + 10_000 * np.arange(channels)
    return recording.signal(values, rate=rate, units="uV", **options)


def table(*rows, **attrs):
    onset, offset, label = zip(*rows, strict=True)
    return xr.Dataset(
        {
            "onset": ("trial", np.array(onset, dtype=float)),
            "offset": ("trial", np.array(offset, dtype=float)),
            "label": ("trial", np.array(label)),
        },
        coords={"trial": np.arange(len(rows))},
        attrs=attrs,
    )


def test_a_window_holds_the_samples_up_to_its_time():
    w = windows.cut(ramp(), length=0.2, step=0.05)
    assert w.dims == ("window", "channel", "sample")
    assert w.shape == (197, 2, 20)
    np.testing.assert_array_equal(w.values[3, 1], 10_000 + np.arange(15, 35))
    assert w["time"].values[3] == pytest.approx(0.34)
    assert w.attrs["length_s"] == pytest.approx(0.2)
    assert w.attrs["step_s"] == pytest.approx(0.05)
    assert set(w["label"].values) == {""}
    assert set(w["trial"].values) == {-1}


def test_equally_spaced_windows_share_the_recordings_memory_and_cannot_be_written():
    x = ramp()
    w = windows.cut(x)
    assert np.shares_memory(w.values, x.values)
    with pytest.raises(ValueError, match="read-only"):
        w.values[0, 0, 0] = 1
    assert x.values.flags.writeable


def test_windows_of_trials_are_one_copy_that_cannot_be_written_either():
    x = ramp()
    w = windows.cut(x, table((1, 2, "a"), (4.03, 5, "b")))
    assert not np.shares_memory(w.values, x.values)
    assert not w.values.flags.writeable


def test_each_trial_is_cut_from_its_own_onset_and_no_window_leaves_it():
    w = windows.cut(ramp(), table((1, 2, "a"), (2, 3.03, "b"), (5, 5.1, "c")), length=0.2, step=0.1)
    assert sorted(set(w["label"].values)) == ["a", "b"]
    first = w.values[:, 0, 0] / RATE
    last = w.values[:, 0, -1] / RATE
    for label, onset, offset in (("a", 1, 2), ("b", 2, 3.03)):
        mine = w["label"].values == label
        assert first[mine].min() == pytest.approx(onset)
        assert last[mine].max() < offset
        assert mine.sum() == 9
    assert json.loads(w.attrs["dropped"]) == {"short trials": 1}


spans = st.lists(st.tuples(st.floats(0, 9), st.floats(0.01, 3)), min_size=1, max_size=6)
holes = st.lists(st.tuples(st.integers(0, 999), st.integers(1, 40)), max_size=4)


@settings(max_examples=50)
@given(spans, holes, holes, st.floats(0.02, 0.5), st.floats(0.01, 0.3))
def test_no_window_crosses_a_border_or_holds_a_bad_sample(spans, lost, flagged, length, step):
    x = ramp()
    for start, size in lost:
        x.values[start : start + size, 0] = np.nan
    valid = np.ones(1000, dtype=bool)
    for start, size in flagged:
        valid[start : start + size] = False
    x = x.assign_coords(valid=("time", valid))
    rows, end = [], 0.0
    for i, (gap, long) in enumerate(spans):
        rows.append((end + gap, end + gap + long, f"t{i}"))
        end = rows[-1][1]
    trials = table(*rows)
    try:
        w = windows.cut(x, trials, length=length, step=step)
    except ValueError as error:
        assert "no window" in str(error)  # noqa: PT017 — both outcomes are looked at
        return
    n = w.sizes["sample"]
    place = np.rint(w.values[:, 1, 0] - 10_000).astype(int)
    for at, time, label in zip(place, w["time"].values, w["label"].values, strict=True):
        onset, offset, _ = rows[int(label[1:])]
        assert onset - 1e-6 <= at / RATE
        assert time < offset + 1e-6
        assert time == pytest.approx((at + n - 1) / RATE)
        assert valid[at : at + n].all()
        assert np.isfinite(x.values[at : at + n]).all()


def test_windows_that_touch_a_gap_are_dropped_and_counted_by_reason():
    x = ramp()
    x.values[500] = np.nan
    valid = np.ones(1000, dtype=bool)
    valid[[500, 700]] = False
    w = windows.cut(x.assign_coords(valid=("time", valid)), length=0.2, step=0.05)
    assert json.loads(w.attrs["dropped"]) == {"lost": 4, "disturbed": 4}
    assert w.sizes["window"] == 197 - 8


def test_a_session_gives_its_signal_and_says_who_it_is():
    s = recording.make(
        ramp(),
        markers=recording.markers([1, 4, 7], ["smile", "rest", "end"]),
        participant="P07",
        session="b",
    )
    trials = labels.trials(s, reaction=0)
    for w in (windows.cut(s, trials), windows.cut(s["emg/signal"], trials)):
        assert set(w["participant"].values) == {"P07"}
        assert set(w["session"].values) == {"b"}
        assert set(w["label"].values) == {"smile", "rest"}
    named = windows.cut(s, trials, participant="X", session="")
    assert set(named["participant"].values) == {"X"}
    assert set(named["session"].values) == {""}
    steps = [line["step"] for line in recording.history(w)]
    assert steps == ["cut"]
    assert recording.history(w)[-1]["trials"]["step"] == "trials"


def test_windows_say_what_their_labels_mean():
    s = recording.make(
        ramp(), markers=recording.markers([1, 4], ["smile", "end"]), label_meaning="self-report"
    )
    trials = labels.trials(s, reaction=0)
    for w in (windows.cut(s, trials), windows.cut(s["emg/signal"], trials), windows.cut(s)):
        assert w.attrs["label_meaning"] == "self-report"
    coded = windows.cut(s, trials.assign_attrs(label_meaning="coded AU"))
    assert coded.attrs["label_meaning"] == "coded AU"
    assert "label_meaning" not in windows.cut(ramp()).attrs


def test_labels_of_two_meanings_are_not_stacked_and_an_unknown_one_is_not_invented():
    a, b = part("P1"), part("P2")
    both = windows.stack([one.assign_attrs(label_meaning="instructed") for one in (a, b)])
    assert both.attrs["label_meaning"] == "instructed"
    half = windows.stack([a.assign_attrs(label_meaning="instructed"), b])
    assert "label_meaning" not in half.attrs
    with pytest.raises(ValueError, match="part 1: label_meaning 'self-report'"):
        windows.stack([both, b.assign_attrs(label_meaning="self-report", rate=RATE)])


def test_trials_of_somebody_else_are_refused():
    s = recording.make(ramp(), participant="P01")
    with pytest.raises(ValueError, match="trials are of participant 'P02'"):
        windows.cut(s, table((1, 2, "a"), participant="P02"))


def test_channels_keep_what_they_are():
    x = ramp(channel=["z", "c"], muscle=["zygomaticus_major", "corrugator"], side=["left", "right"])
    w = windows.cut(x, table((1, 2, "a")))
    for name in ("channel", "muscle", "side", "signal_kind", "gain"):
        assert w[name].equals(x[name].drop_vars("valid", errors="ignore"))
    assert w.attrs["units"] == "uV"


def test_a_recording_that_starts_late_is_cut_by_its_own_clock():
    w = windows.cut(ramp(start=100.0), table((101, 102, "a")), length=0.2, step=0.2)
    np.testing.assert_array_equal(w.values[:, 0, 0], [100, 120, 140, 160, 180])
    assert w["time"].values[0] == pytest.approx(101.19)


def test_boards_whose_clocks_differ_give_windows_of_one_size():
    parts = [
        windows.cut(ramp(rate=rate, nominal_rate=1000), length=0.2, step=0.05, participant=who)
        for rate, who in ((996.1, "a"), (1000.0, "b"), (1004.0, "c"))
    ]
    assert {part.sizes["sample"] for part in parts} == {200}
    assert parts[0].attrs["length_s"] == pytest.approx(200 / 996.1)
    assert windows.stack(parts).attrs["rate"] == 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0.005}, "0 samples at 100 Hz|use length >= 0.02"),
        ({"step": 0.001}, "step >= 0.01"),
        ({"length": 11}, "has 1000 samples, a window of 11 s has 1100"),
        ({"trials": table((1, 3, "a"), (2, 4, "b"))}, "1 trials overlap, first 1–3 s and 2–4 s"),
        ({"trials": table((1, 1.1, "a"))}, "no window of 0.2 s is left: 1 short trials"),
        ({"trials": table((20, 30, "a"))}, "no window"),
        ({"trials": table((1, 2, "a")).isel(trial=[])}, "the table is empty"),
    ],
)
def test_what_gives_no_sound_window_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        windows.cut(ramp(), **options)


def test_a_dead_channel_is_named_instead_of_dropping_everything_silently():
    x = ramp(channels=3)
    x.values[:, 1] = np.nan
    with pytest.raises(ValueError, match="channel ch2 has no valid sample"):
        windows.cut(x)


def test_irregular_time_is_refused():
    x = recording.signal(np.zeros(50), time=np.cumsum(np.linspace(0.01, 0.09, 50)), units="uV")
    with pytest.raises(ValueError, match="not uniform"):
        windows.cut(x)


def part(participant, session="", seed=0, **options):
    trials = table((1, 3, "a"), (4, 6, "b"))
    return windows.cut(ramp(**options), trials, participant=participant, session=session)


def test_stacked_windows_are_those_of_the_parts_in_order():
    parts = [part("P1"), part("P2"), part("P2", "2")]
    w = windows.stack(parts)
    assert w.sizes["window"] == sum(p.sizes["window"] for p in parts)
    np.testing.assert_array_equal(w.values, np.concatenate([p.values for p in parts]))
    assert w["participant"].values.tolist() == [str(v) for p in parts for v in p.participant.values]
    assert not w.values.flags.writeable
    assert recording.history(w)[-1] == {"step": "stack", "parts": 3}


def test_dropped_windows_are_added_up():
    x = ramp()
    x.values[500] = np.nan
    parts = [windows.cut(x, participant=who) for who in "ab"]
    assert json.loads(windows.stack(parts).attrs["dropped"]) == {"lost": 8}


def test_all_differences_between_parts_are_listed():
    other = windows.cut(
        ramp(channels=3, rate=200, signal_kind="envelope"), length=0.2, participant="P2"
    )
    with pytest.raises(ValueError, match=r"(?s)part 1: chan.*signal_kind.*40 samples.*rate 200"):
        windows.stack([part("P1"), other])
    moved = part("P2", muscle=["corrugator", "mentalis"])
    with pytest.raises(ValueError, match=r"part 1: muscle .*'corrugator'"):
        windows.stack([part("P1"), moved])
    with pytest.raises(ValueError, match="no windows to stack"):
        windows.stack([])


def test_two_recordings_of_nobody_in_particular_cannot_be_stacked():
    with pytest.raises(ValueError, match=r"participant '', session '', trial 0 is in part 0 and"):
        windows.stack([part(""), part("")])


def test_a_gain_that_differs_between_people_becomes_unknown():
    w = windows.stack([part("P1", gain=[1000.0, 500.0]), part("P2", gain=[1000.0, 200.0])])
    assert w["gain"].values.tolist() == [1000.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: windows.cut(x.values), TypeError, r"found ndarray \(1000, 2\)"),
        (lambda x: windows.cut(x.sel(channel="ch1")), ValueError, "keeps the dimension"),
        (lambda x: windows.cut(windows.cut(x)), ValueError, "from which they were cut"),
        (lambda x: windows.cut(x, length="0.2"), ValueError, "length='0.2'.*above 0"),
        (lambda x: windows.cut(x, length=200.0), ValueError, "200 ms is 0.2"),
        (lambda x: windows.cut(x, labels.events([1], [2])), ValueError, "trials_from_events"),
        (lambda x: windows.cut(x, recording.markers([1], ["a"])), ValueError, r"labels\.trials\("),
        (lambda x: windows.cut(x, table((np.nan, 2, "a"))), ValueError, "row 0: nan–2 s"),
        (lambda x: windows.stack(windows.cut(x)), TypeError, "a list of windows"),
        (lambda x: windows.stack([x, x]), ValueError, r"windows\.cut first"),
    ],
)
def test_what_is_handed_over_by_mistake_is_told_apart(call, error, words):
    with pytest.raises(error, match=words):
        call(ramp())


# not read before it is used


def stored(tmp_path, seconds=60.0):
    """A session on disk with a gap, a long invalid stretch and a single disturbed sample."""
    x = ramp(seconds)
    x.values[500:520, 1] = np.nan
    valid = np.isfinite(x.values).all(axis=1)
    valid[2000:3500] = False
    valid[4567] = False
    x = x.assign_coords(valid=("time", valid))
    return recording.save(recording.make(x, participant="P1", session="a"), tmp_path / "x.zarr")


def every_way(path):
    """The same signal in memory, opened and not read, and as dask arrays."""
    loaded = recording.open(path)["emg/signal"].load()
    return loaded, recording.open(path)["emg/signal"], recording.open(path, chunks=7)["emg/signal"]


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of a few hundred windows, so that short recordings have several."""
    monkeypatch.setattr(recording, "PART", 5.0)
    monkeypatch.setattr(parts, "FEWEST_ROWS", 500)
    monkeypatch.setattr(parts, "READ_OVER", 2.0)


TRIALS = table((40, 44, "late"), (1, 8, "gap"), (9, 9.1, "short"), (10.003, 19, "b"))


@pytest.mark.parametrize("trials", [None, TRIALS], ids=["whole", "trials"])
def test_windows_are_the_same_in_memory_in_a_store_and_in_dask_arrays(
    tmp_path, small_parts, trials
):
    loaded, opened, lazy = (
        windows.cut(x, trials, length=0.2, step=0.05) for x in every_way(stored(tmp_path))
    )
    assert recording.is_lazy(lazy)
    assert len(lazy.chunks[0]) > 1
    xr.testing.assert_identical(lazy.compute(), loaded)
    for some in (slice(90, 120), [300, 3, 95], -1, slice(5, 5)):
        one = opened.isel(window=some, channel=[1])
        assert not one.variable._in_memory
        xr.testing.assert_identical(one.load(), loaded.isel(window=some, channel=[1]))
    xr.testing.assert_identical(opened.load(), loaded)


def test_windows_that_are_not_read_yet_read_no_more_than_they_hold(tmp_path, monkeypatch):
    x = recording.open(stored(tmp_path))["emg/signal"]
    w = windows.cut(x)
    read, join = [], parts._joined

    def counted(rows, *rest):
        read.extend(map(len, rows))
        return join(rows, *rest)

    monkeypatch.setattr(parts, "_joined", counted)
    w.isel(window=slice(3, 5)).load()
    assert read == [25]


def test_a_dead_channel_of_a_store_is_named(tmp_path):
    x = ramp(channels=3)
    x.values[:, 1] = np.nan
    path = recording.save(recording.make(x), tmp_path / "dead.zarr")
    for way in every_way(path):
        with pytest.raises(ValueError, match="channel ch2 has no valid sample"):
            windows.cut(way)


def test_what_all_windows_share_takes_the_memory_of_one():
    w = windows.cut(ramp(), participant="P01", session="a long description of the second session")
    for name in ("label", "trial", "session", "participant"):
        assert w[name].values.strides == (0,)


@given(holes, st.integers(1, 60), st.integers(1, 40))
def test_windows_touch_a_stretch_when_they_hold_one_of_its_rows(where, n, hop):
    mask = np.zeros(1000, dtype=bool)
    for start, size in where:
        mask[start : start + size] = True
    starts = np.arange(0, 1000 - n + 1, hop)
    found = parts.touched(starts, n, runs(mask))
    assert found.tolist() == [mask[at : at + n].any() for at in starts.tolist()]


def test_recordings_with_other_mains_lines_are_stacked_and_a_model_takes_a_third():
    rng = np.random.default_rng(0)
    made = []
    for orders in ((1, 3), (1, 2, 3), (1, 2)):
        time = np.arange(20_000) / 1000
        mains = sum(40.0 * np.sin(2 * np.pi * 50 * k * time + k) for k in orders)
        values = 10 * rng.standard_normal((20_000, 2)) + mains[:, np.newaxis]
        x = recording.signal(values, rate=1000.0, units="uV", signal_kind="raw")
        clean = filters.preset_for(x)(x)
        trials = table((1, 9, "smile"), (11, 19, "frown"))
        made.append(windows.cut(clean, trials, participant=f"P{len(made)}"))
    both = windows.stack(made[:2])
    assert len({str(filters.chain_of(part)) for part in made}) == 3
    model = models.fit(features.extract(both, ["rms"]))
    assert model.predict(features.extract(made[2], ["rms"])).sizes["class"] == 2
