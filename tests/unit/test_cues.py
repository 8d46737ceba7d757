"""The guided protocol: what it asks for, what it marks, and what becomes of a spoilt trial."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import until

from emgnb import cues, facs, labels, recording
from emgnb.cues import Protocol, Run

QUICK = {"countdown": 0.01, "hold": 0.1, "rest": 0.1, "rest_jitter": 0.0, "baseline": 0.1}


class Tape:
    """Stands for a recording: keeps what is marked, and when."""

    def __init__(self):
        self.marks: list[tuple[float, str]] = []
        self.uncertainties: list[float] = []
        self.begun = time.monotonic()

    def mark(self, text, *, uncertainty=0.0):
        self.marks.append((time.monotonic() - self.begun, text))
        self.uncertainties.append(uncertainty)

    @property
    def texts(self):
        return [text for _, text in self.marks]


def session(marks, seconds=60.0):
    x = recording.signal(np.zeros((round(seconds * 100), 1)), rate=100.0, units="uV")
    times, texts = zip(*marks, strict=True)
    return recording.make(x, markers=recording.markers(times, list(texts)))


def test_every_round_holds_each_expression_once_in_an_order_that_the_seed_decides():
    protocol = Protocol(("neutral", "smile", "frown"), repetitions=4, practice=False, seed=3)
    asked = [step.name for step in protocol.steps() if step.kind == "trial"]
    rounds = [asked[i : i + 3] for i in range(0, 12, 3)]
    assert [sorted(each) for each in rounds] == [["frown", "neutral", "smile"]] * 4
    assert len({tuple(each) for each in rounds}) > 1, "never shuffled"
    assert protocol.steps() == protocol.steps()
    assert protocol.steps() != Protocol(protocol.expressions, 4, practice=False, seed=4).steps()
    plain = Protocol(("smile", "frown"), 2, practice=False, order="as written", baseline=0)
    assert [step.name for step in plain.steps()] == ["smile", "frown"] * 2


def test_baseline_mvc_and_practice_come_first_and_open_no_trial():
    protocol = Protocol(("smile",), repetitions=2, mvc=("clench",))
    steps = protocol.steps()
    assert [step.kind for step in steps] == ["baseline", "mvc", "practice", "trial", "trial"]
    assert [cues.opens_trial(step.marker) for step in steps] == [False, False, False, True, True]
    assert steps[1].instruction.startswith("As strongly as you can: clench")
    assert dict(steps[1].aus) == {"31": "E"}
    assert steps[3].aus == facs.EXPRESSIONS["smile"].aus
    assert protocol.duration == pytest.approx(sum(s.countdown + s.hold + s.rest for s in steps))


@given(
    st.builds(
        Protocol,
        expressions=st.lists(
            st.sampled_from([n for n in facs.EXPRESSIONS if n != "wink"]),
            min_size=1,
            max_size=4,
            unique=True,
        ).map(tuple),
        repetitions=st.integers(1, 9),
        hold=st.floats(0.1, 60),
        seed=st.integers(0, 2**40),
        order=st.sampled_from(cues.ORDERS),
        mvc=st.sampled_from([(), ("clench", "smile")]),
        instructions=st.dictionaries(st.text(min_size=1), st.text(), max_size=2),
        title=st.text(),
    )
)
def test_a_protocol_written_down_is_the_same_when_read(protocol):
    assert Protocol.from_toml(protocol.to_toml()) == protocol


def test_a_file_that_a_person_wrote_is_read_and_what_is_wrong_in_it_is_said(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'expressions = ["smile", "tongue"]\nhold = 2\n[instructions]\ntongue = "Show it."\n'
    )
    protocol = cues.load(path)
    assert protocol.steps()[-1].hold == 2
    assert {step.instruction for step in protocol.steps() if step.name == "tongue"} == {"Show it."}
    with pytest.raises(FileExistsError):
        protocol.save(path)
    for text, said in (
        ("hold = ", "not a protocol"),
        ("held = 3", "no option held; there are expressions"),
        ('expressions = ["grin"]', "'grin': not in the table"),
        ('expressions = ["smile", "smile"]', "smile twice"),
        ('expressions = ["end"]', "a reserved marker"),
        ("hold = 0\nrepetitions = 0", "repetitions=0"),
        ("hold = 0", "hold=0, expected s, 0.1 to 600"),
        ('expressions = "smile"', "is a single text"),
        ("expressions = 3\ninstructions = 4", "instructions=4, expected a table"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"mine\.toml") as caught:
            cues.load(path)
        assert said in str(caught.value)


def test_a_run_marks_each_beginning_and_each_end_in_time():
    protocol = Protocol(("smile", "frown"), 2, practice=False, seed=1, **QUICK)
    tape, seen = Tape(), []
    run = Run(protocol, tape, show=seen.append, uncertainty=lambda: 0.03).start()
    assert run.wait(20)
    asked = [step.marker for step in protocol.steps()]
    assert tape.texts == [text for marker in asked for text in (marker, "end")]
    assert set(tape.uncertainties) == {0.03}
    held = np.diff([t for t, _ in tape.marks])[::2]
    assert (held >= 0.1).all()
    assert [moment.phase for moment in seen[:3]] == ["countdown", "hold", "rest"]
    assert seen[-1].phase == "over"
    assert [m.number for m in seen if m.phase == "hold"] == [1, 2, 3, 4, 5]
    assert threading.active_count() < 20


def directed(protocol, tape, phase, number, order):
    """Start a run that gets an order at the moment a phase begins."""
    given = []

    def at(moment):
        if not given and (moment.phase, moment.number) == (phase, number):
            given.append(moment)
            getattr(run, order)()

    run = Run(protocol, tape, show=at)
    return run.start()


def test_a_spoilt_trial_is_taken_back_and_asked_for_again_at_the_end():
    protocol = Protocol(("smile", "frown"), 1, practice=False, order="as written", **QUICK)
    tape = Tape()
    run = directed(protocol, tape, "hold", 2, "redo")
    assert run.wait(20)
    assert tape.texts == [
        *("baseline", "end", "smile", "spoilt", "end", "frown", "end", "smile", "end")
    ]
    assert run.spoilt == 1
    assert run.moment.of == 4
    found = labels.trials(session(tape.marks), reaction=0.0)
    assert found["label"].values.tolist() == ["frown", "smile"]
    assert '"spoilt": 1' in found.attrs["dropped"]


def test_the_last_trial_can_be_taken_back_while_resting_and_while_counting_down():
    protocol = Protocol(("smile", "frown"), 1, practice=False, order="as written", **QUICK)
    for phase, number in (("rest", 2), ("countdown", 3)):
        tape = Tape()
        run = directed(protocol, tape, phase, number, "redo")
        assert run.wait(20)
        found = labels.trials(session(tape.marks), reaction=0.0)
        assert found["label"].values.tolist() == ["frown", "smile"], tape.texts


def test_a_spoilt_practice_takes_no_trial_back():
    texts = ["smile", "end", "practice frown", "spoilt", "end", "frown"]
    made = session([(float(i + 1), text) for i, text in enumerate(texts)])
    assert labels.trials(made)["label"].values.tolist() == ["smile", "frown"]


def test_a_pause_holds_everything_and_one_while_holding_spoils_the_trial():
    protocol = Protocol(("smile",), 1, practice=False, **QUICK)
    tape = Tape()
    run = directed(protocol, tape, "hold", 2, "pause")
    until(lambda: run.moment.phase == "paused")
    count = len(tape.texts)
    time.sleep(0.3)
    assert len(tape.texts) == count
    assert run.moment.phase == "paused"
    run.resume()
    assert run.wait(20)
    assert tape.texts == [*("baseline", "end", "smile", "spoilt", "end", "pause", "smile", "end")]
    assert run.moment.phase == "over"


def test_a_run_that_is_stopped_ends_the_trial_it_holds():
    protocol = Protocol(("smile",), 1, practice=False, **QUICK)
    tape = Tape()
    run = directed(protocol, tape, "hold", 2, "stop")
    assert run.wait(20)
    assert run.moment.phase == "stopped"  # not "over": it was not run to its end
    assert run.asked == 1  # the rest at the start is no expression
    assert tape.texts == ["baseline", "end", "smile", "end"]


def test_a_recording_that_ends_meanwhile_is_said():
    class Gone(Tape):
        def mark(self, text, *, uncertainty=0.0):
            raise RuntimeError("the recording is over: the cable went")

    run = Run(Protocol(("smile",), 1, **QUICK), Gone()).start()
    assert run.wait(10)
    assert run.moment.phase == "failed"
    assert run.moment.problem == "the recording is over: the cable went"
