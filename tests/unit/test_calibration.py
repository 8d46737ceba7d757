"""A guided run of a minute ends in a decoder of this face that knows how good it is."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from emgnb import cues, features, labels, live, models, recording, simulate, windows
from emgnb.filters import preset_for
from emgnb.live import calibration

FOUR = ("neutral", "smile", "frown", "pucker")


def acts(protocol: cues.Protocol) -> list[simulate.Act]:
    """Return the script of a participant who follows a protocol."""
    found, now = [], 0.0
    for step in protocol.steps():
        now += step.countdown
        if step.kind == "trial":
            found.append(simulate.Act(now, step.name, step.hold, cue=True))
        now += step.hold + step.rest
    return found


def run(participant: int, session: int = 0, **options: int) -> xr.DataTree:
    script = acts(calibration.protocol(FOUR, seed=participant + 97 * session, **options))
    return simulate.face(
        participant=participant, session=session, seed=50_000, script=script, rate=500.0
    )


@functools.cache
def base() -> models.Classifier:
    sessions = [run(person) for person in range(100, 104)]
    chain = preset_for(recording.emg(sessions[0]), live=True)
    cut = [
        windows.cut(chain.causal(recording.emg(each)), labels.trials(each), length=0.2, step=0.1)
        for each in sessions
    ]
    return models.fit_within(windows.stack(cut), features="covariance")


@functools.cache
def first() -> calibration.Calibrated:
    return calibration.calibrate(run(0))


def test_the_run_takes_a_minute() -> None:
    assert 45 < calibration.protocol().duration < 65
    kinds = [step.kind for step in calibration.protocol().steps()]
    assert kinds.count("trial") == 14
    assert kinds[0] == "baseline"


def test_a_run_ends_in_a_decoder_with_its_expected_accuracy() -> None:
    made = first()
    assert made.expected is not None
    assert made.expected.accuracy > made.expected.chance
    assert made.model.classes == tuple(sorted(FOUR))
    assert made.model.spec["expected"]["trials"] == 8
    assert made.levels is not None
    assert "L12" in made.levels.names
    assert "Expected accuracy" in str(made)
    assert "from 8 trials" in str(made)
    # Nothing in the run raised the brows.
    assert "L1" in made.levels.untold
    assert "No intensities of L1" in str(made)


def test_the_decoder_of_a_run_decodes_another_recording_live() -> None:
    made = first()
    for model in (made.model, made.levels):
        assert model is not None
        outputs = live.replay(run(0, repetitions=1), model)
        assert any(output.values for output in outputs)


def test_a_base_is_adapted_and_not_replaced() -> None:
    made = calibration.calibrate(run(1), base())
    assert made.model.spec["within"] == base().spec["within"]
    assert set(made.model.spec["calibration"]["windows"]) == {"rest", "trials"}


def test_a_spoilt_trial_is_left_out() -> None:
    session = run(0, repetitions=3)
    marks = session["markers"].to_dataset()
    first = int(np.flatnonzero(np.isin(marks["text"].values, FOUR))[0])
    time = [*marks["time"].values, float(marks["time"][first]) + 1.0]
    text = [*marks["text"].values, "spoilt"]
    order = np.argsort(time)
    session["markers"] = xr.DataTree(
        recording.markers([float(time[i]) for i in order], [str(text[i]) for i in order])
    )
    assert calibration.calibrate(session).model.spec["expected"]["trials"] == 11


def test_with_single_trials_the_accuracy_is_not_known_and_that_is_said() -> None:
    made = calibration.calibrate(run(2, repetitions=1), base())
    assert made.expected is None
    assert "accuracy" not in made.model.spec["expected"]
    assert "smile has a single trial" in str(made)


def test_expressions_that_electrodes_cannot_tell_apart_are_named() -> None:
    session = run(0, repetitions=4)
    marks = session["markers"].to_dataset()
    texts = [str(text) for text in marks["text"].values]
    # The same movement under two names.
    for i in [i for i, text in enumerate(texts) if text == "smile"][::2]:
        texts[i] = "grin"
    session["markers"] = xr.DataTree(recording.markers(marks["time"].values.tolist(), texts))
    made = calibration.calibrate(session)
    assert ("grin", "smile") in [each[:2] for each in made.confused]
    assert "Does not tell grin from smile" in str(made)


def test_what_is_expected_is_saved_with_the_model(tmp_path: Path) -> None:
    made = first()
    path = made.save(tmp_path / "face")
    again = models.load(path)
    assert again.spec["expected"] == made.model.spec["expected"]
    assert live.load(tmp_path / "face.json") == made.levels
    with pytest.raises(FileExistsError):
        made.save(tmp_path / "face.npz")


def test_a_base_of_features_is_an_error() -> None:
    session = run(0)
    chain = preset_for(recording.emg(session), live=True)
    cut = windows.cut(chain.causal(recording.emg(session)), labels.trials(session))
    with pytest.raises(ValueError, match="takes features"):
        calibration.calibrate(session, models.fit(features.extract(cut, ["rms"])))
