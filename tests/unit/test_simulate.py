"""The simulated face sounds, moves, differs and is recorded as real ones are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt, welch

from emgnb import cues, facs, labels, recording, simulate
from emgnb.simulate import Act, Adc, LiveFace, RawSensor, V3Sensor
from emgnb.simulate._behaviour import Performer
from emgnb.simulate.muscles import MotorUnits
from emgnb.simulate.people import SOURCES, Person, Placement

Array = npt.NDArray[np.float64]

RATE = 1000.0
QUIET: dict[str, Any] = {"mains": 0.0, "artefacts": 0.0}


def band(x: npt.ArrayLike, rate: float = RATE) -> Array:
    sos = butter(4, [20.0, 450.0], "bandpass", fs=rate, output="sos")
    return np.asarray(sosfiltfilt(sos, np.asarray(x, dtype=np.float64), axis=0))


def rms(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


def peak_near(f: Array, power: Array, low: float, high: float) -> float:
    inside = (f >= low) & (f <= high)
    return float(f[inside][np.argmax(power[inside])])


def seconds(session: xr.DataTree, start: float, stop: float, channel: str) -> Array:
    x = session["emg/signal"].sel(time=slice(start, stop), channel=channel)
    return np.asarray(x.values, dtype=np.float64)


def units(muscle: str, *, rate: float, scans: int, drive: float) -> Array:
    rngs = (np.random.default_rng(1), np.random.default_rng(2))
    source = MotorUnits(rate, [muscle], np.ones(1), rngs)
    return source.push(np.full((scans, 1), drive))[:, 0]


# --- muscles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("muscle", list(simulate.VOICES))
def test_the_median_frequency_of_facial_muscles_is_60_to_120_hz(muscle: str) -> None:
    f, power = welch(units(muscle, rate=2000.0, scans=60_000, drive=0.3), 2000.0, nperseg=2048)
    inside = (f >= 20) & (f <= 450)
    total = np.cumsum(power[inside])
    assert 60 <= np.interp(total[-1] / 2, total, f[inside]) <= 120


@pytest.mark.parametrize(("rate", "drive"), [(1000.0, 0.5), (1000.0, 0.01), (2000.0, 0.5)])
def test_the_spectrum_is_shwedyks(rate: float, drive: float) -> None:
    voice = simulate.VOICES["zygomaticus_major"]
    x = units("zygomaticus_major", rate=rate, scans=400_000, drive=drive)
    f, power = welch(x, rate, nperseg=512)
    inside = (f >= 10) & (f <= 400)
    expected = simulate.shwedyk(f[inside], low=voice.low, high=voice.high)
    error = 10 * np.log10(power[inside] / expected)
    assert np.ptp(error) < 2.5


def test_shwedyks_spectrum_rises_with_f2_and_falls_with_f4() -> None:
    low, high = simulate.shwedyk([[0.5, 1.0], [4000.0, 8000.0]], low=35.0, high=115.0)
    assert low[1] / low[0] == pytest.approx(4, rel=0.01)
    assert high[0] / high[1] == pytest.approx(16, rel=0.01)
    f = np.linspace(1, 500, 10_000)
    assert simulate.shwedyk(f, low=35.0, high=115.0).max() == pytest.approx(1, abs=1e-5)


def test_strength_is_the_drive_and_a_trace_crackles() -> None:
    strong, weak = (units("corrugator", rate=RATE, scans=200_000, drive=d) for d in (0.8, 0.004))
    assert rms(strong) == pytest.approx(0.8, rel=0.03)
    assert rms(weak) == pytest.approx(0.004, rel=0.05)
    kurtosis = [np.mean(x**4) / np.mean(x**2) ** 2 for x in (strong, weak)]
    assert kurtosis[0] == pytest.approx(3, abs=0.3)
    assert kurtosis[1] > kurtosis[0] + 0.3


@pytest.mark.parametrize("letter", list("ABCDE"))
def test_a_muscle_pulls_with_the_fraction_of_mvc_that_was_asked(letter: str) -> None:
    s = simulate.face(script=[(1.0, "frown", 8.0, letter)], difficulty="easy", **QUIET)
    person = Person.draw(0, seed=0, difficulty=simulate.DIFFICULTIES["easy"])
    mixing = Placement.draw(person, facs.DEFAULT_MONTAGE, seed=0, key=(0, 0)).mixing
    corrugator = [(source.muscle, source.side) for source in SOURCES].index(("corrugator", "left"))
    expected = person.mvc[corrugator] * mixing[1, corrugator] * facs.intensity_fraction(letter)
    clean = s["truth/clean"].sel(channel="corrugator_l", time=slice(2, 8)).values
    assert rms(clean) == pytest.approx(expected, rel=0.15, abs=2.0)


# --- at the skin ---------------------------------------------------------------------------------


def test_a_face_at_rest_gives_1_to_3_uv() -> None:
    levels = []
    for who in range(8):
        s = simulate.face(participant=who, script=[], duration=12, mains=0)
        quarter = band(s["emg/signal"].values).reshape(-1, 250, 8)
        levels.append(np.median(np.sqrt(np.mean(np.square(quarter), axis=1)), axis=0))
    assert 1 < np.median(levels) < 3
    assert np.mean((np.array(levels) > 0.6) & (np.array(levels) < 4)) > 0.95


def test_a_posed_smile_gives_10_to_300_uv_over_the_cheek() -> None:
    found = []
    for who in range(8):
        s = simulate.face(participant=who, script=[(1.0, "smile", 3.0)], difficulty="easy")
        found.append(rms(band(seconds(s, 1.5, 3.0, "zygomaticus_major_l"))))
    assert min(found) > 10
    assert max(found) < 300


def test_snr_rises_with_intensity() -> None:
    snr = []
    for letter in "ABCDE":
        s = simulate.face(script=[(2.0, "smile", 4.0, letter)], mains=0, duration=8)
        active = rms(band(seconds(s, 2.7, 5.0, "zygomaticus_major_l"))) ** 2
        rest = rms(band(seconds(s, 0.3, 1.7, "zygomaticus_major_l"))) ** 2
        snr.append(10 * np.log10((active - rest) / rest))
    assert np.all(np.diff(snr) > 2)
    assert 5 < snr[0] < 30
    assert 25 < snr[-1] < 55


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_mains_stands_out_with_its_odd_harmonics(mains: float) -> None:
    s = simulate.face(script=[], duration=40, mains=mains, artefacts=3)
    f, power = welch(s["emg/signal"].values, RATE, nperseg=4096, axis=0)
    for harmonic in (1, 3, 5):
        at = np.argmin(np.abs(f - harmonic * mains))
        beside = np.median(power[(np.abs(f - f[at]) > 4) & (np.abs(f - f[at]) < 12)], axis=0)
        assert np.median(power[at - 3 : at + 4].max(axis=0) / beside) > 30
    assert peak_near(f, power.sum(axis=1), 40, 450) == pytest.approx(mains, abs=0.6)


def test_without_mains_nothing_stands_out_at_50_hz() -> None:
    s = simulate.face(script=[], duration=40, mains=0, artefacts=3)
    f, power = welch(s["emg/signal"].values, RATE, nperseg=2048, axis=0)
    at, beside = np.abs(f - 50) < 1, (np.abs(f - 50) > 3) & (np.abs(f - 50) < 10)
    assert np.all(power[at].max(axis=0) < 4 * np.median(power[beside], axis=0))


def test_mains_frequency_drifts_within_half_a_hertz() -> None:
    s = simulate.face(script=[], duration=120, artefacts=30)
    x = s["emg/signal"].values.astype(float)
    turn = x * np.exp(-2j * np.pi * 50 * np.arange(len(x)) / RATE)[:, None]
    phase = np.unwrap(np.angle(turn.reshape(-1, 1000, 8).mean(axis=1)), axis=0)
    off = np.median(np.diff(phase, axis=0), axis=1) / (2 * np.pi)
    assert np.abs(off).max() < 0.5
    assert np.ptp(off) > 0.1


def test_baseline_and_motion_live_below_20_hz() -> None:
    s = simulate.face(script=[], duration=60, mains=0, artefacts=2)
    f, power = welch(s["emg/signal"].values, RATE, nperseg=4096, axis=0)
    slow = power[f < 20].sum(axis=0) / power.sum(axis=0)
    assert np.all(slow > 0.9)


def test_the_heart_beats_60_to_80_times_a_minute() -> None:
    script: list[Act] = []
    one, two = (
        simulate.face(script=script, duration=60, mains=0, artefacts=a)["emg/signal"].values
        for a in (0.0, 5.0)
    )
    # The same face with and without artefacts: what differs and is quick is the heart.
    sos = butter(2, [8.0, 40.0], "bandpass", fs=RATE, output="sos")
    heart = sosfiltfilt(sos, (two - one)[:, -1].astype(float))
    power = np.abs(np.fft.rfft(np.abs(heart) - np.abs(heart).mean())) ** 2
    f = np.fft.rfftfreq(heart.size, 1 / RATE)
    assert 60 <= 60 * peak_near(f, power, 0.7, 1.9) <= 80


def test_people_blink_about_15_times_a_minute_and_the_eye_electrodes_see_it() -> None:
    s = simulate.face(script=[], duration=240, mains=0, artefacts=0, difficulty="easy")
    truth = s["labels/truth"].to_dataset()
    blinks = truth["onset"].values[truth["au"].values == "45"]
    assert 10 < blinks.size / 4 < 20
    x = s["emg/signal"]

    def around(channel: str) -> float:
        wave = [
            np.ptp(x.sel(channel=channel, time=slice(at, at + 0.3)).values)
            for at in blinks[blinks < 239]
        ]
        return float(np.median(wave))

    assert around("orbicularis_oculi_l") > 30
    assert around("corrugator_l") > 30
    assert around("mentalis") < 20


def test_a_crosstalk_partner_sees_a_fraction_and_the_forehead_nothing() -> None:
    montage = [facs.site(name) for name in ("zygomaticus_major", "masseter", "frontalis_medialis")]
    s = simulate.face(
        script=[(1.0, "smile", 4.0, "D")], montage=montage, difficulty="easy", **QUIET
    )
    clean = s["truth/clean"].sel(time=slice(2, 4)).values
    own, partner, far = (rms(clean[:, i]) for i in range(3))
    assert 0.02 < partner / own < 0.5
    assert far / own < 0.02
    assert np.corrcoef(clean[:, 0], clean[:, 1])[0, 1] > 0.7


def test_every_crosstalk_partner_of_the_tables_is_heard_more_than_other_muscles() -> None:
    level = replace(
        simulate.DIFFICULTIES["easy"], gain_spread=0, placement_mm=0, rewear_gain=0, rewear_mm=0
    )
    person = Person.draw(0, seed=0, difficulty=level)
    left = [site for site in facs.WIDE_MONTAGE if site.side != "right"]
    mixing = Placement.draw(person, left, seed=0, key=(0, 0)).mixing
    same_side = [i for i, source in enumerate(SOURCES) if source.side != "right"]
    for row, site in zip(mixing, left, strict=True):
        own = row[[i for i in same_side if SOURCES[i].muscle == site.muscle]][0]
        partners = facs.MUSCLES[site.muscle].crosstalk
        partner = [row[i] / own for i in same_side if SOURCES[i].muscle in partners]
        other = [
            row[i] / own for i in same_side if SOURCES[i].muscle not in (*partners, site.muscle)
        ]
        assert min(partner) > 0.03, site
        assert np.mean(partner) > np.mean(other), site


# --- truth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("duration", [0.04, 0.1, 0.2, 0.5, 2.0])
def test_truth_is_where_the_burst_is(duration: float) -> None:
    starts = [2.0, 6.0, 10.0]
    script = [(at, "smile", duration, "C") for at in starts]
    s = simulate.face(script=script, difficulty="easy", duration=14, **QUIET)
    truth = s["labels/truth"].to_dataset()
    pulls = truth["au"].values == "12"
    assert truth["onset"].values[pulls] == pytest.approx(starts)
    assert truth["offset"].values[pulls] == pytest.approx(np.array(starts) + duration)
    clean = s["truth/clean"].sel(channel="zygomaticus_major_l").values.astype(float)
    level = np.sqrt(np.convolve(clean**2, np.ones(7) / 7, "same"))
    threshold = 8 * np.median(level[:1500])
    for at in starts:
        near = level[int((at - 0.3) * RATE) : int((at + duration + 0.3) * RATE)]
        above = np.flatnonzero(near > threshold) / RATE - 0.3
        assert above[0] == pytest.approx(0, abs=0.015)
        assert above[-1] == pytest.approx(duration, abs=max(0.02, 0.1 * duration))


def test_truth_is_a_sound_event_table() -> None:
    s = simulate.face(duration=60, difficulty="hard")
    recording.check(s)
    truth = s["labels/truth"].to_dataset()
    onset, apex, offset = (truth[name].values for name in ("onset", "apex", "offset"))
    assert np.all((onset < apex) & (apex < offset) & (offset <= 60))
    assert set(truth["au"].values) <= set(facs.AUS)
    assert set(truth["intensity"].values) <= set(facs.INTENSITIES)
    assert set(truth["side"].values) <= {"L", "R", ""}


def test_the_clean_signal_is_what_remains_without_artefacts() -> None:
    s = simulate.face(duration=20, mains=0, artefacts=0, difficulty="easy")
    clean = s["truth/clean"]
    assert clean.dims == s["emg/signal"].dims
    assert clean.attrs["units"] == "uV"
    rest = band(s["emg/signal"].values - clean.values)
    assert rms(rest) < 1.0


def test_a_one_sided_expression_moves_one_side() -> None:
    s = simulate.face(script=[(1.0, "contempt", 3.0, "C")], duration=5, **QUIET)
    truth = s["labels/truth"].to_dataset()
    assert set(truth["side"].values[truth["label"].values == "contempt"]) == {"R"}
    clean = s["truth/clean"].sel(time=slice(2, 3))
    left, right = (rms(clean.sel(channel=f"zygomaticus_major_{x}").values) for x in "lr")
    assert right > 5 * left


def test_speech_and_chewing_move_the_lower_face_at_their_pace() -> None:
    speech, chewing = simulate.speech(1, 61, seed=1), simulate.chewing(1, 61, seed=1)
    assert 100 < len(speech) < 360
    assert 72 <= len(chewing) <= 108
    assert all(1 <= act.time < 61 and not act.cue for act in [*speech, *chewing])
    assert speech == simulate.speech(1, 61, seed=1) != simulate.speech(1, 61, seed=2)
    face = simulate.face(script=[*speech[:20], *simulate.chewing(12, 15)], seed=1)
    truth = face["labels/truth"].to_dataset()
    assert set(truth["label"].values) >= {"speech", "chewing"}
    assert "31" in truth["au"].values[truth["label"].values == "chewing"]


def test_a_movement_may_be_any_units() -> None:
    act = simulate.Act(1.0, "half a smile", 0.5, units={"L12": 0.2, "25": 0.1})
    truth = simulate.face(script=[act], seed=1)["labels/truth"].to_dataset()
    mine = truth.isel(event=np.flatnonzero(truth["label"].values == "half a smile"))
    assert set(zip(mine["au"].values, mine["side"].values, strict=True)) == {
        ("12", "L"),
        ("25", ""),
    }
    assert mine["fraction"].values[mine["au"].values == "12"] == pytest.approx(0.2)
    for units, cue, words in (
        ({"99": 0.1}, False, "unknown action units: 99"),
        ({"12": 1.5}, False, "not in 0 to 1: 12"),
        ({"12": 0.1}, True, "cued by an expression"),
    ):
        with pytest.raises(ValueError, match=words):
            simulate.face(script=[simulate.Act(1.0, "x", 0.5, units=units, cue=cue)])


def test_micro_expressions_last_as_asked_and_no_marker_tells() -> None:
    script = simulate.micro_expressions(n=12, durations=(0.04, 0.1, 0.2, 0.5), seed=3)
    s = simulate.face(script=script)
    truth = s["labels/truth"].to_dataset()
    lasting = (truth["offset"] - truth["onset"]).values[truth["label"].values != ""]
    assert {round(float(x), 3) for x in lasting} == {0.04, 0.1, 0.2, 0.5}
    assert s["markers"].sizes["marker"] == 0
    gaps = np.diff([act.time for act in script]) - [act.duration for act in script[:-1]]
    assert gaps.min() >= 1.5 - 1e-3
    strongest = truth["fraction"].values[truth["label"].values != ""].max()
    assert strongest == pytest.approx(0.08)


# --- protocol and behaviour ----------------------------------------------------------------------


def test_the_protocol_asks_for_each_of_seven_expressions_equally_often() -> None:
    s = simulate.face()
    text = s["markers"]["text"].values
    asked = {name: int(np.sum(text == name)) for name in simulate.SEVEN}
    assert set(asked.values()) == {4}
    assert np.all(np.diff(s["markers"]["time"].values) > 0)
    assert text[0] == "baseline"
    assert text[-1] == "end"


def test_the_simulated_face_marks_as_a_protocol_does() -> None:
    asked = cues.Protocol(simulate.SEVEN, 4, practice=False)
    of_protocol = {step.marker for step in asked.steps()} | {"end"}
    assert set(simulate.example()["markers"]["text"].values.tolist()) == of_protocol


def test_no_class_of_trials_outnumbers_another() -> None:
    trials = labels.trials(simulate.example())
    names, count = np.unique(trials["label"].values, return_counts=True)
    assert set(names) == set(simulate.SEVEN)
    assert set(count) == {4}
    # Held from 0.3 s after the cue to its end, the rest after it left out.
    assert (trials["offset"] - trials["onset"]).values == pytest.approx(1.7)


def test_an_attentive_face_does_what_it_is_told_after_a_reaction_time() -> None:
    s = simulate.face(difficulty="easy")
    truth = s["labels/truth"].to_dataset()
    marks = s["markers"].to_dataset()
    for at, name in zip(marks["time"].values, marks["text"].values.tolist(), strict=True):
        if not cues.opens_trial(name) or name == "neutral":
            continue
        first = truth["onset"].values[(truth["label"].values == name) & (truth["onset"] > at)]
        assert 0.15 <= first.min() - at <= 0.9


def test_a_tired_face_fails_some_trials_confuses_some_and_is_weak_in_others() -> None:
    tired = replace(simulate.DIFFICULTIES["easy"], failed=0.3, sloppy=0.3)
    s = simulate.face(difficulty=tired, duration=400)
    truth = s["labels/truth"].to_dataset()
    label = truth["label"].values
    marks = s["markers"].to_dataset()
    nothing, another, strengths = 0, 0, []
    for at, name in zip(marks["time"].values, marks["text"].values.tolist(), strict=True):
        if not cues.opens_trial(name) or name == "neutral":
            continue
        near = (truth["onset"].values > at) & (truth["onset"].values < at + 1) & (label != "")
        done = set(label[near])
        nothing += not done
        another += bool(done) and done != {name}
        if done == {name}:
            usual = truth["fraction"].values[label == name].max()
            strengths.append(truth["fraction"].values[near].max() / usual)
    count = len(strengths) + nothing + another
    assert 0.05 < nothing / count < 0.25
    assert 0.05 < another / count < 0.25
    assert 0.25 < np.mean(np.array(strengths) < 0.45) < 0.6


def test_the_order_of_cues_differs_between_people() -> None:
    orders = {tuple(simulate.face(participant=i)["markers"]["text"].values) for i in range(4)}
    assert len(orders) == 4


def test_a_duration_is_kept_to_the_sample() -> None:
    s = simulate.face(duration=7.5, rate=1200.0)
    assert s["emg"].sizes["time"] == 9000
    assert recording.sampling_rate(s["emg/signal"]) == 1200


# --- seeds, people, sessions ---------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two = (simulate.face(duration=20, sensor="v3", adc_bits=10, seed=5) for _ in range(2))
    assert one["emg/signal"].values.tobytes() == two["emg/signal"].values.tobytes()
    assert one["labels/truth"].to_dataset().identical(two["labels/truth"].to_dataset())
    xr.testing.assert_identical(one["emg"].to_dataset(), two["emg"].to_dataset())


@pytest.mark.parametrize("other", [{"seed": 1}, {"participant": 1}, {"session": 1}])
def test_another_seed_person_or_session_is_independent(other: dict[str, int]) -> None:
    one = band(simulate.face(script=[], duration=30, mains=0)["emg/signal"].values)
    two = band(simulate.face(script=[], duration=30, mains=0, **other)["emg/signal"].values)
    for channel in range(8):
        a, b = one[:, channel], two[:, channel]
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.06
        # Not even the moments at which units fire are shared.
        assert abs(np.corrcoef(np.abs(a[::5]), np.abs(b[::5]))[0, 1]) < 0.06


def test_a_person_does_not_depend_on_the_montage() -> None:
    few = simulate.face(montage=facs.DEFAULT_MONTAGE[:2], duration=15)
    all_eight = simulate.face(duration=15)
    assert few["labels/truth"].to_dataset().identical(all_eight["labels/truth"].to_dataset())


def test_reworn_electrodes_differ_less_than_people() -> None:
    level = simulate.DIFFICULTIES["field"]

    def placement(who: int, day: int) -> Array:
        person = Person.draw(who, seed=0, difficulty=level)
        mixing = Placement.draw(person, facs.DEFAULT_MONTAGE, seed=0, key=(who, day)).mixing
        return np.asarray(np.log(mixing))

    days = [rms(placement(who, 0) - placement(who, 1)) for who in range(8)]
    people = [rms(placement(who, 0) - placement(who + 1, 0)) for who in range(8)]
    assert np.mean(days) < 0.6 * np.mean(people)
    assert np.mean(days) > 0.05


def test_a_study_names_its_people_and_sessions() -> None:
    sessions = simulate.study(people=2, sessions=2, script=[], duration=1)
    names = [(s.attrs["participant"], s.attrs["session"]) for s in sessions]
    assert names == [("P01", "1"), ("P01", "2"), ("P02", "1"), ("P02", "2")]


def test_the_example_is_small_sound_and_always_the_same() -> None:
    one, two = simulate.example(), simulate.example()
    recording.check(one)
    assert one["emg/signal"].identical(two["emg/signal"])
    assert one["emg/signal"].nbytes < 8e6


# --- anatomy -------------------------------------------------------------------------------------

OPPOSED = (
    ("31", "26"),  # teeth clenched, jaw dropped
    ("12", "15"),  # corners of the mouth up, and down
    ("24", "26"),  # lips pressed, jaw dropped
    ("18", "12"),  # mouth narrow, mouth wide
    ("18", "20"),
    ("22", "24"),  # lips forward, lips pressed
    ("5", "43"),  # lids up, lids shut
    ("17", "16"),  # lower lip up, and down
)
NEVER = {
    "smile": {"4", "15", "17", "18", "20"},
    "surprise": {"4", "9", "24", "31"},
    "frown": {"1", "2", "12"},
    "pucker": {"12", "13", "14", "15", "20"},
    "sad": {"12", "13", "9"},
    "brow raise": {"4"},
    "clench": {"25", "26", "27"},
}


def performed(level: str, who: int, seed: int) -> dict[str, list[dict[str, str]]]:
    """Ask a person for every expression twice, and give the truth: expression → its units."""
    person = Person.draw(who, seed=seed, difficulty=simulate.DIFFICULTIES[level])
    performer = Performer(person, seed=seed, key=(who, 0), blinked=lambda time, strength: None)
    names = [name for name in facs.EXPRESSIONS for _ in range(2)]
    for i, name in enumerate(names):
        performer.cue(4.0 * i, name)
        performer.cue(4.0 * i + 2.0, "end")
    performer.advance(4.0 * len(names))
    truth = performer.truth(4.0 * len(names))
    found: dict[str, list[dict[str, str]]] = {}
    for i in range(len(names)):
        inside = (truth["onset"] >= 4.0 * i) & (truth["onset"] < 4.0 * i + 2.0)
        part = truth.isel(event=np.flatnonzero(inside & (truth["label"] != "")))
        if part.sizes["event"]:
            units = dict(
                zip(part["au"].values.tolist(), part["intensity"].values.tolist(), strict=True)
            )
            found.setdefault(str(part["label"].values[0]), []).append(units)
    return found


@pytest.mark.parametrize("level", list(simulate.DIFFICULTIES))
@pytest.mark.parametrize("seed", range(4))
def test_no_expression_of_anybody_is_more_than_a_face_can_do(level: str, seed: int) -> None:
    seen: set[str] = set()
    for who in range(12):
        for name, trials in performed(level, who, seed).items():
            seen.add(name)
            asked = {unit.lstrip("LR") for unit in facs.EXPRESSIONS[name].aus}
            for units in trials:
                told = f"{level} {seed} P{who}: {name} {units}"
                assert not [pair for pair in OPPOSED if set(pair) <= set(units)], told
                assert not NEVER.get(name, set()) & set(units), told
                assert asked <= set(units), told
                assert len(units) <= len(asked) + 3, told
                unasked = {unit: letter for unit, letter in units.items() if unit not in asked}
                assert set(unasked.values()) <= {"A", "B"}, told
                assert max(unasked.values(), default="A") <= max(units[u] for u in asked), told
    assert seen == set(facs.EXPRESSIONS) - {"neutral"}


@pytest.mark.parametrize("seed", range(6))
def test_nothing_a_face_does_at_one_moment_is_impossible(seed: int) -> None:
    s = simulate.face(seed=seed, difficulty="hard", rate=100.0, duration=300)
    truth = s["labels/truth"].to_dataset()
    apex, offset = (truth[name].values for name in ("apex", "offset"))
    au = truth["au"].values
    for i in range(au.size):
        # What was let go before fades while the next rises: a person is not a machine.
        held = np.flatnonzero((apex <= apex[i]) & (offset > apex[i] + 0.3))
        others = [str(au[k]) for k in held if k != i]
        pair = [o for o in others if (au[i], o) in OPPOSED or (o, au[i]) in OPPOSED]
        assert not pair, (float(apex[i]), au[i], pair)
        assert au[i] == "45" or au[i] not in others, (float(apex[i]), au[i])


def test_a_live_face_is_at_rest_in_the_baseline_and_follows_a_whole_protocol() -> None:
    live = LiveFace(seed=1, difficulty="easy", repeats="smile")
    asked = cues.Protocol(
        ("smile", "frown"), repetitions=2, mvc=("clench",), countdown=2.0, baseline=6.0
    )
    held: dict[str, tuple[float, float]] = {}
    for step in asked.steps():
        live.read(round(1000 * step.countdown))
        begin = live.time
        assert live.cue(step.marker), step.marker
        live.read(round(1000 * step.hold))
        assert live.cue("end")
        held.setdefault(step.marker, (begin, live.time))
        live.read(round(1000 * step.rest))
    truth = live.truth()
    label, onset, offset = (truth[name].values for name in ("label", "onset", "offset"))

    def during(marker: str) -> set[str]:
        begin, end = held[marker]
        return set(label[(onset < end) & (offset > begin + 1.0) & (truth["au"].values != "45")])

    assert "smile" in label[onset < held["baseline"][0]]
    assert during("baseline") == set()
    assert during("practice smile") == {"smile"}
    assert during("frown") == {"frown"}
    assert during("mvc clench") == {"clench"}
    clenched = truth["fraction"].values[(label == "clench") & (truth["au"].values == "31")]
    assert clenched.min() > 0.6
    assert not live.cue("spoilt")


# --- sensors -------------------------------------------------------------------------------------


def rectangle(burst: float, *, plateau: float = 100.0) -> xr.DataArray:
    values = np.zeros(2000)
    values[500 : 500 + int(burst * RATE)] = plateau
    values[501::2] *= -1
    return recording.signal(values, rate=RATE, units="uV")


def test_a_40_ms_burst_reaches_39_percent_through_a_v3_and_looks_78_ms_wide() -> None:
    sensor = V3Sensor(gain=10_000.0, offset=0.0, coupling=0.0)
    seen = sensor.apply(rectangle(0.04)).values[:, 0]
    plateau = sensor.apply(rectangle(1.4)).values[:, 0].max()
    assert seen.max() / plateau == pytest.approx(0.39, abs=0.01)
    assert np.sum(seen > seen.max() / 2) / RATE == pytest.approx(0.078, abs=0.003)


def test_a_v3_shows_tenths_of_a_volt_at_rest_and_about_one_for_clenched_teeth() -> None:
    s = simulate.face(
        script=[(2.0, "clench", 4.0, "E")],
        montage=[facs.site("masseter")],
        sensor=V3Sensor(gain=3000.0),
        difficulty="easy",
    )
    x = s["emg/signal"]
    assert x.attrs["units"] == "V"
    assert set(x["signal_kind"].values) == {"envelope"}
    assert x.sel(time=slice(0.5, 2)).mean() == pytest.approx(0.11, abs=0.03)
    assert 0.7 < x.sel(time=slice(3, 5)).mean() < 1.5


def test_an_envelope_sensor_leaves_nothing_for_a_bandpass() -> None:
    s = simulate.face(sensor="v3", duration=40, seed=1)
    x = s["emg/signal"].sel(channel="zygomaticus_major_l").values.astype(float)
    assert rms(band(x)) < 0.15 * x.std()


def test_a_10_bit_adc_gives_whole_counts_and_stops_at_1023() -> None:
    s = simulate.face(sensor=V3Sensor(gain=150_000.0), adc_bits=10, duration=40, seed=1)
    x = s["emg/signal"]
    assert x.attrs["units"] == "count"
    assert np.array_equal(x.values, np.rint(x.values))
    assert x.values.min() >= 0
    assert x.values.max() == 1023


def test_a_count_of_a_thousandfold_amplifier_is_5_uv_at_the_skin() -> None:
    fine = simulate.face(duration=20, seed=1)["emg/signal"].values
    s = simulate.face(duration=20, seed=1, adc_bits=10)
    x = s["emg/signal"]
    skin = (x.values * s.attrs["volts_per_count"] - 2.5) / float(x["gain"][0]) * 1e6
    off = fine - skin
    assert off.min() > -0.01
    assert off.max() < 4.89
    assert off.std() == pytest.approx(4.88 / np.sqrt(12), rel=0.05)


def test_an_amplifier_stops_at_its_supply() -> None:
    loud = rectangle(1.0, plateau=10_000.0)
    volts = RawSensor(gain=1000.0).apply(loud)
    assert float(volts.min()) == 0
    assert float(volts.max()) == 5
    assert recording.history(volts)[-1]["step"] == "raw_sensor"
    assert float(volts["gain"][0]) == 1000


@settings(max_examples=20)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=10))
def test_a_sensor_gives_the_same_in_any_chunking(chunks: list[int]) -> None:
    skin = np.random.default_rng(0).standard_normal((sum(chunks), 3)) * 50
    for sensor in (RawSensor(), V3Sensor()):
        whole = sensor.stream(RATE, 3).push(skin)
        stream = sensor.stream(RATE, 3)
        parts = np.split(skin, np.cumsum(chunks)[:-1])
        assert np.array_equal(whole, np.concatenate([stream.push(part) for part in parts]))


def test_a_sensor_refuses_what_is_an_envelope_already() -> None:
    with pytest.raises(ValueError, match="envelope"):
        V3Sensor().apply(V3Sensor().apply(rectangle(0.1)))


def test_a_sensor_refuses_counts() -> None:
    with pytest.raises(ValueError, match="count"):
        V3Sensor().apply(rectangle(0.1).assign_attrs(units="count"))


# --- live ----------------------------------------------------------------------------------------


def conversation(chunks: list[int]) -> npt.NDArray[np.uint16]:
    """Hear 3 s, say smile, hear 2 s, say rest, hear 1 s; each read in chunks of these sizes."""
    live = LiveFace(seed=3, sensor="v3", channels=4)
    heard = []
    sizes = iter(chunks * (6000 // sum(chunks) + 10))
    for word, scans in ((None, 3000), ("smile", 2000), ("rest", 1000)):
        if word is not None:
            assert live.cue(word)
        while scans > 0:
            heard.append(live.read(min(next(sizes), scans)))
            scans -= heard[-1].shape[0]
    return np.concatenate(heard)


@settings(max_examples=8)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_a_live_face_gives_the_same_stream_in_any_chunking(chunks: list[int]) -> None:
    assert np.array_equal(conversation(chunks), conversation([6000]))


def test_a_live_face_obeys_within_a_human_reaction_time_and_holds() -> None:
    live = LiveFace(seed=1, difficulty="easy", mains=0)
    before = live.read(4000)
    assert live.cue("smile")
    during = live.read(4000)
    assert live.cue("rest")
    after = live.read(3000)
    truth = live.truth()
    smile = truth["label"].values == "smile"
    onset = truth["onset"].values[smile]
    assert np.all((onset > 4.15) & (onset < 4.9))
    assert np.all((truth["offset"].values[smile] > 8.1) & (truth["offset"].values[smile] < 9.6))
    cheek = live.channels.index("zygomaticus_major_l")
    levels = [rms(band(x[:, cheek])[500:]) for x in (before, during[1000:], after[2000:])]
    assert levels[1] > 4 * levels[0]
    assert levels[2] < 2 * levels[0]


def test_what_is_held_ends_now_in_the_truth_so_far() -> None:
    live = LiveFace(seed=1, difficulty="easy")
    live.cue("frown")
    live.read(1500)
    truth = live.truth()
    assert set(truth["offset"].values[truth["label"].values == "frown"]) == {1.5}


def test_a_live_face_ignores_words_that_are_no_expressions() -> None:
    live, still = LiveFace(seed=2), LiveFace(seed=2)
    assert not live.cue("subject coughed")
    assert np.array_equal(live.read(2000), still.read(2000))


def test_a_live_face_can_repeat_an_expression_until_it_is_told_otherwise() -> None:
    live = LiveFace(seed=1, difficulty="easy", repeats="smile")
    live.read(11_500)
    truth = live.truth()
    onset = truth["onset"].values[(truth["label"].values == "smile") & (truth["au"].values == "12")]
    assert onset == pytest.approx([1.3, 5.3, 9.3], abs=0.35)
    live.cue("rest")
    live.read(8000)
    truth = live.truth()
    assert truth["onset"].values[truth["label"].values == "smile"].max() < 11.5


def test_a_live_face_says_what_it_is() -> None:
    live = LiveFace(rate=2000.0, channels=16, sensor="raw")
    assert live.rate == 2000
    assert live.signal_kind == "raw"
    assert live.units == "count"
    assert live.volts_per_count == pytest.approx(5 / 1024)
    assert len(live.channels) == len(live.muscle) == len(live.side) == 16
    counts = live.read(100)
    assert counts.dtype == np.uint16
    assert counts.shape == (100, 16)
    assert np.all(np.abs(counts.astype(int) - 512) < 200)
    assert live.time == pytest.approx(0.05)


def test_a_live_face_and_a_session_are_the_same_person() -> None:
    live = LiveFace(seed=4, difficulty="easy", sensor="v3")
    s = simulate.face(seed=4, difficulty="easy", sensor="v3", adc_bits=10, script=[], duration=3)
    assert np.abs(live.read(3000) - s["emg/signal"].values).max() <= 1


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"difficulty": "impossible"}, "easy, field, hard"),
        ({"sensor": "v4"}, "raw, v3"),
        ({"rate": 10.0}, "50 to 50000"),
        ({"duration": 0.0001}, "too short"),
        ({"participant": -1}, "start at 0"),
        ({"montage": []}, "no channel"),
        ({"montage": ["zygomaticus_major"]}, "neither a site"),
        ({"montage": [("a", "biceps", "left")]}, "biceps"),
        ({"montage": [("a", "mentalis", "left")]}, "midline"),
        ({"montage": [facs.site("masseter")] * 2}, "twice"),
        ({"script": [(1.0, "smile", 2.0)], "duration": 0.5}, "longer duration"),
        ({"script": [(1.0, "smile")]}, "duration"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        simulate.face(**options)


def test_a_script_is_told_all_its_faults_at_once() -> None:
    script = [
        (-1.0, "smile", 1.0),
        (1.0, "glee", 0.0),
        (2.0, "frown", 1.0, "F"),
        (3, "frown", 1, 7),
    ]
    with pytest.raises(ValueError, match="the script has faults") as caught:
        simulate.face(script=script)
    message = str(caught.value)
    for part in ("before the recording", "glee", "lasts 0.0", "'F'", "7 is not a fraction"):
        assert part in message


def test_a_live_face_has_at_most_16_sites_and_known_expressions() -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        LiveFace(channels=17)
    with pytest.raises(ValueError, match="expected one of"):
        LiveFace(repeats="glee")


# --- difficulty ----------------------------------------------------------------------------------


def log_rms(session: xr.DataTree) -> tuple[Array, npt.NDArray[np.str_], npt.NDArray[np.int_]]:
    """Log-RMS of each channel in windows of 200 ms, with the cue and the round it belongs to."""
    x = band(session["emg/signal"].values)
    marks = session["markers"].to_dataset()
    time, text = marks["time"].values, marks["text"].values.tolist()
    rows, labels, rounds = [], [], []
    trial = 0
    for i in range(len(time) - 1):
        if not cues.opens_trial(text[i]):
            continue
        first, last = int((time[i] + 0.3) * RATE), int(time[i + 1] * RATE)
        for at in range(first, last - 199, 100):
            rows.append(np.log(np.sqrt(np.mean(np.square(x[at : at + 200]), axis=0))))
            labels.append(str(text[i]))
            rounds.append(trial // 7)
        trial += 1
    return np.array(rows), np.array(labels), np.array(rounds)


def score(model: Any, x: Array, y: Any, group: Any) -> float:
    """Leave-one-group-out accuracy."""
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    guess = cross_val_predict(model, x, y, groups=group, cv=LeaveOneGroupOut())
    return float(np.mean(guess == y))


def accuracies(difficulty: str, *, seed: int = 0, people: int = 10) -> dict[str, float]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    lda = LinearDiscriminantAnalysis()
    found = [
        log_rms(simulate.face(participant=who, seed=seed, difficulty=difficulty))
        for who in range(people)
    ]
    x, y = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    who = np.repeat(np.arange(people), [len(f[1]) for f in found])
    z = np.concatenate([(f[0] - f[0].mean(axis=0)) / f[0].std(axis=0) for f in found])
    days = [
        found[i]
        if day == 0
        else log_rms(simulate.face(participant=i, session=day, seed=seed, difficulty=difficulty))
        for i in range(4)
        for day in (0, 1)
    ]
    again = [
        score(
            lda,
            np.concatenate([days[i][0], days[i + 1][0]]),
            np.concatenate([days[i][1], days[i + 1][1]]),
            np.repeat([0, 1], [len(days[i][1]), len(days[i + 1][1])]),
        )
        for i in range(0, 8, 2)
    ]
    svm = make_pipeline(StandardScaler(), SVC(C=3))
    return {
        "within": float(np.mean([score(lda, *f) for f in found])),
        "sessions": float(np.mean(again)),
        "people": score(lda, x, y, who),
        "people_standardised": score(lda, z, y, who),
        "people_svm": score(svm, x[::2], y[::2], who[::2]),
    }


# So few people differ much: three left-out people more or less decide.
@pytest.mark.parametrize(
    ("people", "least"), [(4, 0.5), pytest.param(10, 0.6, marks=pytest.mark.soak)]
)
def test_accuracy_looks_like_the_fields_within_across_sessions_and_across_people(
    people: int, least: float
) -> None:
    found = accuracies("field", people=people)
    assert 0.88 <= found["within"] <= 0.98
    assert least <= found["people"] <= 0.85
    assert least <= found["people_svm"] <= 0.85
    assert found["people"] + 0.05 < found["sessions"] < found["within"] - 0.03
    assert found["people_standardised"] > found["people"] + 0.05


@pytest.mark.parametrize("people", [4, pytest.param(6, marks=pytest.mark.soak)])
def test_easy_is_easier_than_the_field_and_hard_is_harder(people: int) -> None:
    easy, hard = accuracies("easy", people=people), accuracies("hard", people=people)
    assert easy["people"] > 0.9
    assert hard["people"] < 0.6
    assert hard["within"] > 0.65


def test_counts_of_an_adc_end_where_its_range_ends() -> None:
    adc = Adc(bits=10, reference=5.0)
    volts = np.array([-1.0, 0.0, 0.00489, 2.5, 4.9999, 7.0])
    assert adc.counts(volts).tolist() == [0, 0, 1, 512, 1023, 1023]
