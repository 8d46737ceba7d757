"""Speed, symmetry and strength that are put into envelopes come out again."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from emgnb import detect, dynamics, filters, labels, plots, recording, simulate

RATE = 500.0
SITES = {
    "zygomaticus_major_l": ("zygomaticus_major", "left"),
    "zygomaticus_major_r": ("zygomaticus_major", "right"),
    "orbicularis_oculi_l": ("orbicularis_oculi", "left"),
}


def envelope(movements, *, seconds=60.0, delay=0.0, noise=0.0) -> xr.DataArray:
    """Return an envelope with trapezes: (onset, rise, hold, fall, left, right), rest 2."""
    t = np.arange(round(seconds * RATE)) / RATE
    values = np.full((t.size, len(SITES)), 2.0)
    values += np.abs(np.random.default_rng(0).normal(0, noise, values.shape)) if noise else 0.0
    for onset, rise, hold, fall, *sizes in movements:
        for c, size in enumerate(sizes):
            at = t - onset - (delay if c == 1 else 0.0)
            values[:, c] += size * np.interp(
                at, [0, rise, rise + hold, rise + hold + fall], [0, 1, 1, 0], left=0, right=0
            )
    muscle, side = (list(each) for each in zip(*SITES.values(), strict=True))
    return recording.signal(
        values,
        rate=RATE,
        units="uV",
        channel=list(SITES),
        muscle=muscle,
        side=side,
        signal_kind="envelope",
    )


def codes(movements, **columns) -> xr.Dataset:
    onset = np.array([each[0] for each in movements])
    lasting = np.array([sum(each[1:4]) for each in movements])
    return labels.events(onset, onset + lasting, **{"au": "12", **columns})


SLOW = (5.0, 0.5, 1.0, 0.8, 10.0, 10.0)
FAST = (12.0, 0.1, 1.0, 0.4, 40.0, 20.0)


def test_amplitude_rise_and_speed_are_those_of_the_envelope():
    made = dynamics.describe(codes([SLOW, FAST]), envelope([SLOW, FAST]))
    left = made.isel(event=made["channel"].values == "zygomaticus_major_l")
    np.testing.assert_allclose(left["amplitude"], [10, 40], atol=0.01)
    np.testing.assert_allclose(left["baseline"], 2, atol=1e-6)
    np.testing.assert_allclose(left["rise"], [0.3, 0.06], atol=1e-3)
    np.testing.assert_allclose(left["decay"], [0.48, 0.24], atol=1e-3)
    np.testing.assert_allclose(left["onset_speed"], [20, 400], rtol=0.01)
    np.testing.assert_allclose(left["offset_speed"], [12.5, 100], rtol=0.01)
    np.testing.assert_allclose(left["duration"], [2.3, 1.5])
    assert made["onset_speed"].attrs["units"] == "µV/s"
    assert made["event_row"].values.tolist() == [0, 0, 1, 1]
    assert recording.history(made)[-1]["step"] == "describe"


def test_speed_is_also_given_in_percent_of_the_maximum_contraction():
    x = envelope([SLOW, FAST])
    levels = dynamics.mvc_levels(x, [(12.0, 14.0)])
    assert levels["zygomaticus_major_l"] == pytest.approx(42)
    made = dynamics.describe(codes([SLOW]), x, mvc={"zygomaticus_major_l": 40.0})
    np.testing.assert_allclose(made["amplitude_mvc"], [25, np.nan], rtol=1e-3)
    np.testing.assert_allclose(made["onset_speed_mvc"], [50, np.nan], rtol=0.01)


def test_the_maximum_contraction_is_found_by_its_markers():
    x = envelope([SLOW, FAST])
    session = recording.make(x, markers=recording.markers([11.0, 15.0], ["mvc smile", "end"]))
    assert dynamics.mvc_levels(session)["zygomaticus_major_r"] == pytest.approx(22)
    with pytest.raises(ValueError, match="no marker 'mvc"):
        dynamics.mvc_levels(recording.make(x))


def test_a_lost_sample_makes_the_event_unknown_and_no_other():
    x = envelope([SLOW, FAST])
    x[round(5.6 * RATE)] = np.nan
    x["valid"][round(5.6 * RATE)] = False
    made = dynamics.describe(codes([SLOW, FAST]), x)
    known = np.isfinite(made["amplitude"].values)
    assert known.tolist() == [False, False, True, True]
    assert np.isfinite(made["duration"].values).all()
    assert np.isnan(made["onset_speed"].values[:2]).all()


def test_an_event_that_follows_at_once_has_no_baseline():
    close = (7.4, 0.2, 0.5, 0.2, 10.0, 10.0)
    made = dynamics.describe(codes([SLOW, close]), envelope([SLOW, close]))
    assert np.isnan(made["amplitude"].values[2:]).all()
    assert np.isfinite(made["amplitude"].values[:2]).all()


def test_bursts_are_measured_in_their_own_channel_and_unseen_units_are_counted():
    x = envelope([SLOW, FAST])
    bursts = labels.events([5, 12], [7.3, 13.5], channel=["zygomaticus_major_r", ""], au=["", "17"])
    made = dynamics.describe(bursts, x)
    assert made["channel"].values.tolist() == ["zygomaticus_major_r"]
    assert made.attrs["left_out"] == 1
    with pytest.raises(ValueError, match="unknown channels"):
        dynamics.describe(labels.events(1, 2, channel="nose"), x)
    with pytest.raises(ValueError, match="expected a channel of the signal"):
        dynamics.describe(codes([SLOW]), x, mvc={"nose": 1.0})


def test_a_table_without_events_gives_a_table_without_rows():
    x = envelope([])
    none = codes([SLOW]).isel(event=[])
    assert dynamics.describe(none, x).sizes["event"] == 0
    assert dynamics.symmetry(none, x).events.sizes["event"] == 0


# ── Both sides ────────────────────────────────────────────────────────────────────────────────


def many(n=20, *, left=10.0, right=10.0, spread=0.1, seed=0):
    rng = np.random.default_rng(seed)
    size = np.exp(spread * rng.normal(size=(2, n)))
    return [(4 + 4.0 * i, 0.3, 0.8, 0.3, left * size[0, i], right * size[1, i]) for i in range(n)]


@pytest.mark.parametrize("delay", [0.0, 0.03, -0.05])
def test_the_lag_of_the_right_side_is_found(delay):
    moves = many()
    x = envelope(moves, seconds=90, delay=delay, noise=0.2)
    made = dynamics.symmetry(codes(moves), x)
    value, low, high = made.lag["zygomaticus_major", ""]
    assert value == pytest.approx(delay, abs=0.002)
    assert low <= value <= high


def test_asymmetry_is_relative_to_a_reference():
    moves = many(left=30.0, right=10.0)
    x, table = envelope(moves, seconds=90), codes(moves)
    key = ("zygomaticus_major", "")
    assert dynamics.symmetry(table, x, reference="none").asymmetry[key][0] == pytest.approx(
        0.5, abs=0.05
    )
    level = {"zygomaticus_major_l": 60.0, "zygomaticus_major_r": 20.0}
    value, low, high = dynamics.symmetry(table, x, reference=level).asymmetry[key]
    assert low < 0 < high or abs(value) < 0.05
    own = dynamics.symmetry(table, x)
    assert own.asymmetry[key][0] == pytest.approx(0, abs=0.05)
    assert "lie" in str(own)
    assert "own median" in str(own)


def test_an_asymmetry_of_one_condition_is_seen_relative_to_the_own_baseline():
    usual, odd = many(12), many(12, left=20.0, seed=1)
    moves = [*usual, *((m[0] + 50, *m[1:]) for m in odd)]
    word = ["usual"] * 12 + ["odd"] * 12
    x = envelope(moves, seconds=110)
    made = dynamics.symmetry(codes(moves, label=word), x)
    odd_, usual_ = (made.asymmetry["zygomaticus_major", each] for each in ("odd", "usual"))
    # Sides of 20 and 10: an index of 1/3 apart, on either side of the own median.
    assert odd_[0] - usual_[0] == pytest.approx(1 / 3, abs=0.05)
    assert odd_[1] > usual_[2]


def test_a_silent_side_and_lost_samples():
    moves = [(5.0, 0.3, 0.8, 0.3, 10.0, 0.0), (12.0, 0.3, 0.8, 0.3, 0.0, 0.0)]
    x = envelope(moves)
    made = dynamics.symmetry(codes(moves), x, reference="none").events
    np.testing.assert_allclose(made["asymmetry"], [1.0, np.nan])
    assert np.isnan(made["lag"]).all()


def test_both_sides_are_needed():
    x = envelope([SLOW])
    with pytest.raises(ValueError, match="one channel on the left and one on the right"):
        dynamics.symmetry(codes([SLOW]), x.isel(channel=[0, 2]))
    with pytest.raises(ValueError, match="expected 'own', 'none'"):
        dynamics.symmetry(codes([SLOW]), x, reference="left")
    with pytest.raises(ValueError, match="no level above 0 for zygomaticus_major_r"):
        dynamics.symmetry(codes([SLOW]), x, reference={"zygomaticus_major_l": 1.0})


def test_bursts_of_both_sides_are_one_movement():
    moves = many(6)
    onset = np.array([m[0] for m in moves])
    sides = ["zygomaticus_major_l"] * 6 + ["zygomaticus_major_r"] * 6
    bursts = labels.events(np.tile(onset, 2) + 0.02, np.tile(onset, 2) + 1.3, channel=sides)
    assert dynamics.symmetry(bursts, envelope(moves)).events.sizes["event"] == 6


# ── Gain is not expressivity ──────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def face():
    acts = [
        simulate.Act(3.0 + 4 * i, "smile", 2.0, 0.3 + 0.2 * (i % 2), rise=0.3, fall=0.3)
        for i in range(16)
    ]
    made = simulate.face(script=acts, seed=4, difficulty="field", artefacts=0.2, mains=0)
    word = ["weak" if i % 2 == 0 else "strong" for i in range(16)]
    onset = np.array([act.time for act in acts])
    return made, labels.events(onset, onset + 2.0, au="12", label=word)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_scaling_one_electrode_changes_no_conclusion(face, factor):
    session, table = face

    def both(x):
        def conclusions():
            sides = dynamics.symmetry(table, x)
            levels = dynamics.mvc_levels(x, [(3.0, 60.0)])
            scaled = dynamics.symmetry(table, x, reference=levels).conclusions()
            strength = dynamics.expressivity(dynamics.describe(table, x), reference="weak")
            return {
                **sides.conclusions(),
                **{f"mvc {name}": each for name, each in scaled.items()},
                **strength.conclusions(),
            }

        return type("Both", (), {"conclusions": staticmethod(conclusions)})

    found = dynamics.check_gain(
        both, session, factor=factor, channels=["zygomaticus_major_l", "zygomaticus_major_r"]
    )
    assert found, str(found)
    assert found.largest < 1e-3
    assert found.conclusions >= 8


def test_amplitudes_as_recorded_are_caught_by_the_check(face):
    session, table = face
    found = dynamics.check_gain(
        lambda x: dynamics.symmetry(table, x, reference="none"),
        session,
        factor=5.0,
        channels=["zygomaticus_major_l", "zygomaticus_major_r"],
    )
    assert not found
    assert "depend on the electrodes" in str(found)
    assert {each.conclusion for each in found.changed} <= {
        f"asymmetry, zygomaticus_major, {word}" for word in ("weak", "strong", "all")
    }


def test_the_check_names_unknown_channels(face):
    with pytest.raises(ValueError, match="unknown channels"):
        dynamics.check_gain(lambda x: None, face[0], channels=["nose"])


def test_expressivity_is_the_ratio_to_the_own_baseline(face):
    session, table = face
    measures = dynamics.describe(table, session)
    made = dynamics.expressivity(measures, reference="weak")
    value, low, high = made.ratio["zygomaticus_major_l", "strong"]
    # Efforts of 50 and 30 % of MVC, of one electrode.
    assert value == pytest.approx(5 / 3, rel=0.15)
    assert low < 5 / 3 < high
    assert "diagnosis" in str(made)
    assert dynamics.expressivity(measures).ratio["zygomaticus_major_l", "strong"][0] > 1
    with pytest.raises(ValueError, match="no event has the label 'posed'"):
        dynamics.expressivity(measures, reference="posed")
    with pytest.raises(ValueError, match=r"dynamics\.describe"):
        dynamics.expressivity(measures, measure="speed")


# ── The sensors ───────────────────────────────────────────────────────────────────────────────


def test_speed_of_scripted_smiles_is_recovered_from_raw_emg():
    rises = np.array([0.15, 0.6] * 10)
    acts = [
        simulate.Act(4.0 + 4 * i, "smile", 2.4, 0.5, rise=float(r), fall=0.3)
        for i, r in enumerate(rises)
    ]
    session = simulate.face(script=acts, seed=1, difficulty="easy", artefacts=0.1, mains=0)
    x = session["emg/signal"].sel(channel=["zygomaticus_major_l"])
    found = detect.bursts(filters.Chain(filters.BandPass(20, 450))(x))
    table = labels.events([a.time for a in acts], [a.time + a.duration for a in acts], au="12")
    made = dynamics.describe(table, x)
    slow, fast = (made["rise"].values[rises == r] for r in (0.6, 0.15))
    # The drive u(2 − u) rises from 20 to 80 % in 0.447 of its duration.
    assert np.nanmedian(slow) == pytest.approx(0.447 * 0.6, abs=0.05)
    sharp = dynamics.describe(table, x, cutoff=15)["rise"].values[rises == 0.15]
    assert np.nanmedian(sharp) == pytest.approx(0.447 * 0.15, abs=0.03)
    assert np.nanmedian(slow) > 2 * np.nanmedian(fast)
    by_burst = dynamics.describe(found, x)
    assert np.isfinite(by_burst["onset_speed"]).sum() >= 15


def test_scripted_rises_are_checked():
    for odd in (
        {"rise": -1.0},
        {"rise": 0.8, "fall": 0.8},
        {"rise": 0.1, "cue": True},
    ):
        with pytest.raises(ValueError, match=r"rise"):
            simulate.face(script=[simulate.Act(1.0, "smile", 1.0, **odd)])


# ── AU 6 and AU 12 ────────────────────────────────────────────────────────────────────────────


def test_smiles_with_raised_cheeks_are_counted_by_condition():
    table = labels.events(
        [1, 1.2, 5, 9, 9.1, 13],
        [3, 2.8, 7, 11, 9.25, 14],
        au=["12", "6", "12", "12", "6", "6"],
        label=["posed", "posed", "posed", "spontaneous", "spontaneous", ""],
    )
    made = dynamics.coactivation(table)
    assert made.smiles["coactive"].values.tolist() == [True, False, False]
    np.testing.assert_allclose(made.smiles["shared"], [1.6, 0, 0.15])
    np.testing.assert_allclose(made.smiles["lag"], [0.2, np.nan, 0.1])
    assert made.share["posed"][0] == 0.5
    assert made.share["posed"][1] == pytest.approx(0.0945, abs=1e-3)
    assert "not a sign of a felt smile" in str(made)
    assert "10.1037/a0017844" in str(made)
    assert "lies" in str(made)


def test_bursts_need_the_muscles_of_their_channels():
    x = envelope([SLOW])
    bursts = labels.events(
        [1, 1.1, 1.2],
        [3, 3, 2.9],
        channel=["zygomaticus_major_l", "zygomaticus_major_r", "orbicularis_oculi_l"],
    )
    made = dynamics.coactivation(bursts, x)
    assert made.smiles.sizes["event"] == 1
    assert made.smiles["coactive"].values.all()
    assert "crosstalk" in str(made)
    with pytest.raises(ValueError, match="pass the signal or session"):
        dynamics.coactivation(bursts)
    with pytest.raises(ValueError, match="no smiles"):
        dynamics.coactivation(labels.events(1, 2, au="4"))


# ── Tonic and phasic ──────────────────────────────────────────────────────────────────────────


def test_long_contractions_are_tonic_and_short_ones_phasic():
    moves = [(10.0, 0.1, 0.3, 0.1, 20.0, 0.0), (25.0, 0.5, 10.0, 0.5, 0.0, 20.0)]
    x = envelope(moves)
    made = dynamics.decompose(x)
    np.testing.assert_allclose(made["tonic"] + made["phasic"], x, atol=1e-4)
    short, long = (made.sel(channel=f"zygomaticus_major_{side}") for side in "lr")
    assert float(short["phasic"].sel(time=10.2, method="nearest")) == pytest.approx(20, abs=0.5)
    assert float(long["tonic"].sel(time=30, method="nearest")) == pytest.approx(22, abs=0.1)
    assert abs(float(long["phasic"].sel(time=30, method="nearest"))) < 0.1
    assert recording.history(made["tonic"])[-1]["part"] == "tonic"


def test_lost_samples_stay_lost_and_the_ends_are_known():
    x = envelope([])
    x[1000:1200] = np.nan
    x["valid"][1000:1200] = False
    made = dynamics.decompose(x)
    lost = np.isnan(made["tonic"].values).all(axis=1)
    assert lost[1000:1200].all()
    assert lost.sum() == 200
    with pytest.raises(ValueError, match="window"):
        dynamics.decompose(x, window=0.05)


# ── Planning ──────────────────────────────────────────────────────────────────────────────────


def test_power_is_the_share_of_simulated_studies_that_find_the_effect():
    design = {"people": 12, "trials": 8, "spread_people": 0.5, "spread_trials": 1.0}
    rng = np.random.default_rng(0)
    n = 20_000
    true = 0.6 + 0.5 * rng.normal(size=(n, 12))
    mean = true + rng.normal(size=(n, 12)) * np.sqrt(2 / 8)
    t = mean.mean(axis=1) / (mean.std(axis=1, ddof=1) / np.sqrt(12))
    assert dynamics.power(0.6, **design) == pytest.approx((abs(t) > 2.20099).mean(), abs=0.01)
    assert dynamics.power(0.0, **design) == pytest.approx(0.05)
    one = dynamics.power(1.0, people=1, trials=20, spread_people=0.5, spread_trials=1.0)
    a, b = rng.normal(1.0, 1, (n, 20)), rng.normal(0, 1, (n, 20))
    pooled = np.sqrt((a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / 20)
    share = (abs(a.mean(axis=1) - b.mean(axis=1)) / pooled > 2.02439).mean()
    assert one == pytest.approx(share, abs=0.01)


def test_the_number_of_people_is_the_smallest_with_the_power():
    design = {"trials": 10, "spread_people": 1.0, "spread_trials": 0.5}
    n = dynamics.people_needed(0.5, **design)
    assert dynamics.power(0.5, people=n, **design) >= 0.8
    assert dynamics.power(0.5, people=n - 1, **design) < 0.8
    # More trials do not replace people.
    many_trials = dynamics.people_needed(0.5, **{**design, "trials": 10_000})
    assert n - 3 <= many_trials <= n
    with pytest.raises(ValueError, match="at least two trials"):
        dynamics.power(1, people=1, trials=1, spread_people=1, spread_trials=1)
    with pytest.raises(ValueError, match="more than 100000"):
        dynamics.people_needed(1e-4, **design)
    with pytest.raises(ValueError, match="2 faults"):
        dynamics.power(1, people=0, trials=1.5, spread_people=1, spread_trials=1)


def test_asymmetry_is_drawn_with_its_intervals():
    moves = many(8)
    table, x = codes(moves, label=["posed", "spontaneous"] * 4), envelope(moves)
    figure = plots.asymmetry(dynamics.symmetry(table, x))
    points = [trace for trace in figure.data if trace.error_x.array is None]
    assert [len(trace.x) for trace in points] == [4] * 4
    assert {str(trace.y[0]) for trace in points} == {
        "zygomaticus major, posed",
        "zygomaticus major, spontaneous",
    }
    warned = plots.asymmetry(dynamics.symmetry(table, x, reference="none"))
    assert "not asymmetry of the face" in warned.layout.title.text
    with pytest.raises(TypeError, match=r"dynamics\.symmetry"):
        plots.asymmetry(table)
