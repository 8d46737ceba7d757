"""Closed-loop tasks, done by simulated people."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr

from emgnb import live, plots, simulate
from emgnb.live import tasks

UNIT = "L12"
HOP = 0.02
HOLD = tasks.Hold(UNIT, levels=(0.2, 0.5), repetitions=2, seconds=3.0, rest=0.5)
FOLLOW = tasks.Follow(UNIT, seconds=8.0, repetitions=2, rest=0.5)
REACH = tasks.Reach(UNIT, repetitions=3, rest=0.3, dwell=0.3)
COPY = tasks.Copy(("smile", "frown"), decoded=("L4", "L12", "R12"), repetitions=1, rest=0.5)
PERFECT = {"delay": 0.0, "noise": 0.0, "rise": 0.0}


def outputs(value: float = 0.4, *, begin: float = 0.0, unit: str = UNIT) -> Iterator[live.Output]:
    """Outputs of a decoder that sees a constant value, without end."""
    for k in itertools.count():
        seconds = begin + HOP * k
        yield live.Output(k, round(seconds * 1e9), seconds, 0.0, "intensities", {unit: value})


def gap(seconds: float, note: str = "412 scans lost (0.412 s)") -> live.Output:
    return live.Output(0, round(seconds * 1e9), seconds, 0.0, "gap", note=note)


def until(run: tasks.Run, values: Iterator[live.Output], phase: str) -> tasks.Moment:
    """Push outputs until the task is in a phase."""
    while (moment := run.push(next(values))).phase != phase:
        pass
    return moment


def mean_score(task: tasks.Task, seeds: int = 4, **person: float) -> float:
    found = [tasks.rehearse(task, simulate.Player(seed=s, **person)).score for s in range(seeds)]
    return float(np.mean(found))


@pytest.mark.parametrize("task", [HOLD, FOLLOW, REACH, COPY], ids=lambda t: type(t).__name__)
def test_a_perfect_person_scores_near_100(task):
    result = tasks.rehearse(task, simulate.Player(**PERFECT))
    assert result.score > 99
    assert result.complete
    assert result.trials.sizes["trial"] == len(task.trials)
    assert not result.gaps


@pytest.mark.parametrize("task", [HOLD, FOLLOW], ids=["hold", "follow"])
def test_a_slower_and_a_noisier_person_score_lower(task):
    usual = mean_score(task)
    assert usual > 90
    assert mean_score(task, delay=1.5) < usual - 5
    assert mean_score(task, noise=0.4) < usual - 5


def test_a_slower_person_takes_longer_to_reach_a_target():
    def time(**person: float) -> float:
        return float(tasks.rehearse(REACH, simulate.Player(**person)).trials.movement_time.mean())

    assert time(delay=0.5) > time(delay=0.2) + 0.2


def test_somebody_who_does_nothing_holds_nothing():
    result = tasks.play(HOLD, outputs(0.0))
    assert result.score == 0
    # Of 100 people who hold as much as this, so few trials would not show the best half.
    share = 1 - 0.025 ** (1 / result.trials.sizes["trial"])
    assert result.interval == pytest.approx((0, 100 * share))
    assert tasks.play(REACH, outputs(0.0)).score == 0


def test_who_misjudges_and_learns_gets_better():
    task = tasks.Hold(UNIT, levels=(0.5,), repetitions=8, seconds=3.0, rest=0.5)
    person = {"misjudges": -0.5, "corrects": 0.0, "noise": 0.02}
    same = tasks.rehearse(task, simulate.Player(**person)).trials.error
    learnt = tasks.rehearse(task, simulate.Player(**person, learns=0.15)).trials.error
    assert float(learnt[-1]) < 0.3 * float(learnt[0])
    assert float(same[-1]) == pytest.approx(float(same[0]), abs=0.02)


def test_the_delay_of_a_follower_is_measured():
    for delay in (0.1, 0.4):
        person = simulate.Player(delay=delay, noise=0.0, rise=0.0, corrects=0.0)
        found = tasks.rehearse(FOLLOW, person).trials
        # The value follows one output after the effort.
        np.testing.assert_allclose(found.delay, delay + HOP, atol=0.021)
        assert float(found.correlation.min()) > 0.999


# ---- Fitts


def test_throughput_recovers_the_known_one_within_its_interval():
    task = tasks.Reach(
        UNIT, distances=(0.3, 0.7), widths=(0.1, 0.2), repetitions=10, select="key", rest=0.4
    )
    known = 2.0
    inside, values, hits = [], [], []
    for seed in range(30):
        person = simulate.Player(throughput=known, delay=0.2, seed=seed)
        result = tasks.rehearse(task, person)
        low, high = result.throughput.interval
        inside.append(low <= known <= high)
        values.append(result.throughput.value)
        hits.append(result.score)
    assert np.mean(inside) >= 0.85
    assert np.mean(values) == pytest.approx(known, rel=0.08)
    assert np.mean(hits) == pytest.approx(96, abs=1.5)  # 4.133 SD


def test_throughput_needs_three_endpoints_and_some_spread():
    task = tasks.Reach(UNIT, distances=(0.5,), widths=(0.2,), repetitions=3, rest=0.3)
    result = tasks.rehearse(task, simulate.Player(**PERFECT))
    assert result.score == 100
    assert math.isnan(result.throughput.value)
    assert result.throughput.conditions.sizes["condition"] == 0


def test_where_a_movement_begins_does_not_widen_the_effective_width():
    """Soukoreff & MacKenzie 2004: 4.133 SD of the endpoints; the distance is that moved."""
    rng = np.random.default_rng(3)
    start, endpoint = rng.uniform(0, 0.1, 12), 0.5 + rng.normal(0, 0.01, 12)
    same = {"movement_time": 0.8, "distance": 0.5, "width": 0.2, "score": 100.0}
    columns = {name: np.full(12, value) for name, value in same.items()}
    columns |= {"start": start, "endpoint": endpoint}
    found = tasks.throughput(xr.Dataset({name: ("trial", x) for name, x in columns.items()}))
    width = 4.133 * np.std(endpoint, ddof=1)
    assert found.conditions.effective_width.item() == pytest.approx(width)
    assert found.conditions.effective_distance.item() == pytest.approx(np.mean(endpoint - start))
    assert found.value == pytest.approx(np.log2(np.mean(endpoint - start) / width + 1) / 0.8)


def test_the_interval_of_targets_hit_is_wilsons():
    result = tasks.play(REACH, outputs(0.0))
    low, high = result.interval
    assert low == 0
    # 0 of 12: z² / (n + z²)
    assert high == pytest.approx(100 * 1.96**2 / (12 + 1.96**2), abs=0.1)


def test_a_key_selects_the_value_of_now_and_may_miss():
    task = tasks.Reach(UNIT, distances=(0.5,), widths=(0.2,), repetitions=2, select="key", rest=0.1)
    run = tasks.Run(task)
    run.select()
    until(run, outputs(0.0), "go")
    run.select()  # nothing has been shown yet
    assert run.moment.phase == "go"
    values = [(0.3, 0.55), (0.7, 0.2)]
    for begin, value in values:
        if run.moment.phase == "rest":
            until(run, outputs(0.0, begin=run.moment.seconds), "go")
        source = outputs(value, begin=run.moment.seconds + HOP)
        while run.moment.passed < begin:
            run.push(next(source))
        run.select()
    trials = run.result().trials
    assert run.over
    assert trials.score.values.tolist() == [100, 0]
    assert trials.endpoint.values.tolist() == [0.55, 0.2]
    np.testing.assert_allclose(trials.movement_time, [0.3, 0.7], atol=0.021)


def test_a_movement_begins_only_from_rest():
    run = tasks.Run(REACH)
    source = outputs(0.3)
    for _ in range(500):
        run.push(next(source))
    assert run.moment.phase == "rest"


# ---- gaps


def test_a_gap_is_announced_and_does_not_count_as_held():
    task = tasks.Hold(UNIT, levels=(0.4,), repetitions=1, seconds=3.0, rest=0.5, lead=1.0)
    run = tasks.Run(task)
    source = outputs()
    until(run, source, "go")
    begin = run.moment.seconds
    while run.moment.passed < 2.0:
        run.push(next(source))
    moment = run.push(gap(run.moment.seconds + HOP))
    assert (moment.phase, moment.note, moment.values) == ("gap", "412 scans lost (0.412 s)", {})
    passed = moment.passed
    assert run.push(gap(run.moment.seconds, "no scans for 5.0 s")).note == "no scans for 5.0 s"
    after = outputs(begin=moment.seconds + 10.0)
    assert run.push(next(after)).phase == "go"
    assert run.moment.passed == passed  # the clock stood still
    until(run, after, "over")
    result = run.result()
    assert [note for _, note in result.gaps] == ["no scans for 5.0 s"]
    assert result.trials.gaps.values.tolist() == [1]
    # 3 s, without 1 s to react at the beginning and 1 s after the gap
    assert float(result.trials.scored[0]) == pytest.approx(1.0, abs=0.021)
    assert run.moment.seconds - begin == pytest.approx(3.0 + 10.0, abs=0.1)
    assert result.score == 100
    assert "no scans for 5.0 s" in str(result)
    assert int(np.isnan(result.trace.value).sum()) == 1


def test_a_gap_cannot_complete_a_dwell():
    run = tasks.Run(
        tasks.Reach(UNIT, distances=(0.4,), widths=(0.2,), dwell=0.5, repetitions=1, rest=0.1)
    )
    until(run, outputs(0.0), "go")
    source = outputs(0.4, begin=run.moment.seconds + HOP)
    while run.moment.held < 0.4:
        run.push(next(source))
    run.push(gap(run.moment.seconds))
    moment = run.push(next(outputs(0.4, begin=run.moment.seconds + 0.3)))
    assert (moment.phase, moment.held) == ("rest", 0.0)  # shown again, from rest
    assert run.result().trials.sizes["trial"] == 0
    until(run, outputs(0.0, begin=moment.seconds + HOP), "go")
    until(run, outputs(0.4, begin=run.moment.seconds + HOP), "over")
    assert run.result().score == 100
    assert float(run.result().trials.movement_time[0]) == pytest.approx(0.02, abs=0.021)


def test_outputs_that_are_missing_or_do_not_tell_the_unit_are_gaps():
    run = tasks.Run(HOLD)
    run.push(next(outputs(begin=0.0)))
    assert run.push(next(outputs(begin=1.0))).phase == "rest"
    assert run.moment.passed == 0
    assert run.push(next(outputs(begin=1.1, unit="R12"))).note == "no value of L12"
    notes = [note for _, note in run.result().gaps]
    assert notes == ["no output for 1 s", "no value of L12"]
    with pytest.raises(ValueError, match="in order"):
        run.push(next(outputs(begin=0.5)))


def test_outputs_that_arrive_unevenly_do_not_lengthen_the_clock():
    run = tasks.Run(tasks.Hold(UNIT, levels=(0.4,), repetitions=1, seconds=3.0, rest=0.5))
    at = HOP * np.arange(1000)
    # A chunk late by 60 ms makes the next one seem older.
    uneven = at + 0.06 * (np.arange(1000) // 3 % 2)
    for seconds in uneven:
        run.push(live.Output(0, 0, float(seconds), 0.0, "intensities", {UNIT: 0.4}))
        if run.over:
            break
    assert run.moment.seconds == pytest.approx(3.5, abs=0.1)
    assert run.result().score == 100
    assert not run.result().gaps


def test_silence_is_a_gap_by_the_clock_that_is_passed():
    run = tasks.Run(HOLD)
    assert run.tick(10**18).phase == "ready"
    run.push(next(outputs(begin=2.0)))
    assert run.tick(2_400_000_000).phase == "rest"
    assert run.tick(2_700_000_000).note == "no output for 0.7 s"
    assert run.push(next(outputs(begin=2.1))).phase == "rest"


def test_stopping_leaves_out_the_trial_in_progress():
    run = tasks.Run(HOLD)
    until(run, outputs(), "go")
    run.stop()
    result = run.result()
    assert run.moment.phase == "over"
    assert not result.complete
    assert result.trials.sizes["trial"] == 0
    assert math.isnan(result.score)
    assert all(map(math.isnan, result.interval))


# ---- through electrodes, and copying


@pytest.fixture(scope="module")
def body() -> tasks.Simulated:
    face = simulate.LiveFace(channels=8, difficulty="easy", seed=90_011)
    return tasks.Simulated.calibrated(face, units=("12", "4"))


def test_a_person_holds_and_copies_through_simulated_electrodes(body):
    task = tasks.Hold(UNIT, levels=(0.3, 0.6), repetitions=1, seconds=3.0, tolerance=0.2)
    assert tasks.rehearse(task, simulate.Player(), body).score > 60
    decoded = ("L4", "L12", "R12")
    copied = tasks.Copy(("smile", "frown"), decoded=decoded, repetitions=1, seconds=2.0)
    assert tasks.rehearse(copied, simulate.Player(), body).score > 60
    wrong = tasks.Copy(("frown",), decoded=decoded, repetitions=1, seconds=2.0)
    smiling = (each for _ in iter(int, 1) for each in body.move({"12": 0.6}))
    result = tasks.play(wrong, smiling)
    assert result.score == 0
    assert float(result.trials.inside_L12[0]) < 50
    body.move({})


def test_lost_scans_are_announced_in_a_task(body):
    now = body.seconds
    broken = tasks.Simulated(body.face, body.levels, lost=[(now + 1.0, now + 1.6)])
    task = tasks.Hold(UNIT, levels=(0.4,), repetitions=1, seconds=2.0, tolerance=0.3, rest=0.2)
    result = tasks.rehearse(task, simulate.Player(), broken)
    _, note = result.gaps[0]
    assert note.startswith(("no scans for", "600 scans lost"))
    assert float(result.trials.scored[0]) < 1.0


def test_a_decoder_of_expressions_is_copied_with_and_marks_its_trials():
    marks: list[str] = []

    class Recorder:
        def mark(self, text: str, *, uncertainty: float = 0.0) -> None:
            marks.append(text)

    def classes() -> Iterator[live.Output]:
        for k in itertools.count():
            right = 0.9 if marks and marks[-1] == "smile" else 0.2
            values = {"smile": right, "frown": 1 - right}
            yield live.Output(k, k * 50_000_000, 0.05 * k, 0.0, "expression", values)

    task = tasks.Copy(("smile", "frown"), least=0.85, repetitions=1)
    result = tasks.play(task, classes(), recorder=Recorder())
    order = result.trials.name.values.tolist()
    assert marks == [order[0], "end", order[1], "end"]
    assert dict(zip(order, result.trials.score.values.tolist(), strict=True)) == {
        "smile": 100,
        "frown": 0,
    }


def test_a_unit_of_both_sides_is_asked_by_a_side_of_it():
    decoded = ("L14", "R14", "R12", "L12", "4")
    (trial,) = tasks.Copy(("contempt",), decoded=decoded, repetitions=1).trials
    asked = {unit for unit, (low, _) in trial.band(0.0).items() if low > 0}
    assert asked == {"R12", "R14"}


# ---- errors, and pictures


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tasks.Hold(UNIT, levels=(0.05,)), "within 0 to 1"),
        (lambda: tasks.Hold(UNIT, lead=9.0, repetitions=0), "lead=9.0 s.*repetitions=0"),
        (lambda: tasks.Follow(UNIT, points=((1, 0.2), (0, 0.4))), "do not ascend"),
        (lambda: tasks.Reach(UNIT, distances=(0.95,)), "expected 0.1 .* to 1"),
        (lambda: tasks.Reach(UNIT, select="nod"), "'dwell' or 'key'"),
        (lambda: tasks.Copy(("smirk",)), "unknown"),
        (lambda: tasks.difficulty(0.5, 0.0), "width=0.0, expected a number above 0"),
        (lambda: tasks.Copy(("frown",), decoded=("L12",)), "leave them out"),
        (lambda: simulate.Player(delay=-1, throughput=0.0), "delay=-1.*throughput=0.0"),
        (lambda: simulate.LiveFace().steer({"L99": 0.5}), "expected an action unit"),
    ],
)
def test_wrong_options_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_task_that_cannot_end_says_where_it_stands():
    def stuck(_: object) -> list[live.Output]:
        return [next(outputs(0.5, begin=body.seconds))]

    class Body:
        seconds = 0.0

        def move(self, effort: object) -> list[live.Output]:
            self.seconds += 10.0
            return stuck(effort)

    body = Body()
    with pytest.raises(RuntimeError, match="trial 1 of 12, "):
        tasks.rehearse(REACH, simulate.Player(), body)


def test_a_result_is_drawn_with_its_ranges_and_gaps():
    result = tasks.rehearse(REACH, simulate.Player(throughput=2.0))
    figure = plots.task(result)
    assert "Reach: score" in figure.layout.title.text
    assert {trace.name for trace in figure.data if trace.name} == {"asked", "value"}
    assert "bits/s" in plots.fitts(result).layout.title.text
    with pytest.raises(TypeError, match="result of a task"):
        plots.task(xr.Dataset())
    with pytest.raises(ValueError, match="Reach"):
        plots.fitts(tasks.play(HOLD, outputs(0.0)))
