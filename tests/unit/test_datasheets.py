"""A data sheet says what the recordings state, and calls unknown what they do not."""

import json
import re

import numpy as np
import pytest

from emgnb import interop, labels, recording


def session(participant="P1", visit="1", *, rows=3000, rate=1000.0, **more):
    values = np.random.default_rng(1).normal(size=(rows, 2))
    values[100:130, 1] = np.nan
    x = recording.signal(
        values,
        rate=rate,
        units="mV",
        channel=["smile", "frown"],
        muscle=["zygomaticus_major", "corrugator"],
        side="left",
        nominal_rate=1000.0,
    )
    x = recording.with_history(x, "filter", chain=[{"step": "BandPass", "low": 20.0}], phase="zero")
    attrs = {"consent": {"sharing": "open", "version": "2", "scope": "Jane agrees"}}
    return recording.make(
        x,
        markers=recording.markers([0.5, 1.5], ["smile", "end"]),
        labels={"Ann": labels.events([0.5], [1.0], au="12")},
        participant=participant,
        session=visit,
        **(attrs | more),
    )


def answers(text):
    return dict(re.findall(r"^- \*\*(.+?\?)\*\* (.+)$", text, re.M))


@pytest.fixture(scope="module")
def study():
    faults = json.dumps(["17 bytes could not be decoded"])
    return [
        session(device="Mega 7533", faults=faults),
        session("P1", "2", rate=999.9),
        session("P2", rows=6000),
    ]


def test_the_sheet_counts_people_and_says_what_was_measured(study):
    said = answers(interop.data_sheet(study, authors=["A. Author"]))
    assert said["How many people?"] == "2, in 3 recordings, together 12 s."
    assert said["How often were the electrodes placed?"].startswith("3 placements")
    assert said["Which muscles?"].startswith("Zygomaticus major, left; Corrugator")
    assert said["Which signals?"] == "raw in mV."
    assert said["At which rate?"].startswith("999.9 to 1000 Hz by the time stamps")
    assert said["At which rate?"].endswith("Nominal rate: 1000 Hz.")
    assert said["What is missing?"].startswith("In 90 of 12000 scans (0.75 %)")
    assert said["Which faults are known?"] == "17 bytes could not be decoded"
    assert said["Who recorded it?"] == "A. Author."
    assert said["With which device?"] == "Mega 7533 (in 1 of 3 recordings)."
    assert said["How was it filtered?"] == "filter (BandPass)."
    assert said["What do the labels mean?"] == "instructed."
    assert said["Who labelled?"] == "Ann (3 events)."
    assert said["Which markers were set?"] == "smile, end."
    assert said["Did people consent?"].startswith('sharing "open", version 2 (3).')


def test_steps_are_listed_in_order_and_those_of_some_recordings_as_such():
    steps = ["uniform", "detrend", "high_pass", "notch", "rectify", "envelope"]
    x = recording.emg(session())
    for step in steps:
        x = recording.with_history(x, step)
    some = [session("P1"), recording.with_signal(session("P2"), x)]
    said = answers(interop.data_sheet(some))["How was it filtered?"].removesuffix(".").split("; ")
    assert said[0] == "filter (BandPass)"
    assert said[1:] == [f"{step} (in 1 of 2 recordings)" for step in steps]


def test_what_the_recordings_do_not_state_is_called_unknown(study):
    text = interop.data_sheet(study)
    said = answers(text)
    unknown = [question for question, answer in said.items() if answer.startswith("**Unknown:**")]
    assert f"{len(unknown)} of {len(said)} answers are unknown" in text
    assert {"Who paid for it?", "Who recorded it?", "Under which licence?"} <= {*unknown}
    plain = [recording.make(recording.emg(each), participant="P1") for each in study]
    said = answers(interop.data_sheet(plain))
    for question in ("Did people consent?", "With whom may it be shared?", "With which device?"):
        assert said[question].startswith("**Unknown:**")
    assert said["Who labelled?"] == "No labels."


def test_the_sheet_names_no_participant_and_no_detail_of_a_consent(study):
    text = interop.data_sheet(study)
    assert not re.search(r"\bP[12]\b|Jane", text)


def test_the_sheet_lists_what_was_removed_without_any_of_it(study):
    said = answers(interop.data_sheet(study))
    assert said["What was removed to protect people?"].startswith("Nothing")
    assert said["Can people be identified?"].startswith("3 recordings with attributes")
    clean = [interop.anonymise(each)[0] for each in study]
    text = interop.data_sheet(clean)
    said = answers(text)
    assert said["What was removed to protect people?"] == (
        "From 3 of 3 recordings: details of the consent, devices, names of coders."
    )
    assert said["Can people be identified?"].startswith("No attribute outside the data model")
    assert said["With which device?"].startswith("**Unknown:**")
    assert not re.search(r"Mega|Ann|Jane", text)
    assert "coder1 (3 events)" in text


def test_a_stored_study_has_the_same_sheet(study, tmp_path):
    stored = [recording.save(each, tmp_path / f"{k}.zarr") for k, each in enumerate(study)]
    assert interop.data_sheet(stored) == interop.data_sheet(study)


def test_irregular_time_and_refusals_are_told():
    time = np.cumsum(np.random.default_rng(0).normal(0.05, 0.004, 400))
    x = recording.signal(np.ones((400, 1)), time=time, units="V", signal_kind="envelope")
    kept = recording.make(x, participant="P1", consent="not shared")
    said = answers(interop.data_sheet([kept]))
    assert 19 < float(said["At which rate?"].split(" Hz")[0]) < 21
    assert "1 recording must not be shared" in said["Did people consent?"]


def test_a_study_without_a_session_has_no_sheet():
    with pytest.raises(ValueError, match="no session: expected at least one"):
        interop.data_sheet([])


def test_the_readme_of_a_data_set_is_its_data_sheet(study, tmp_path):
    pytest.importorskip("edfio", reason="edfio is not installed")
    kept = session("P3", consent={"sharing": "none"})
    interop.write_bids(
        [*study, kept], tmp_path / "a", name="Smiles", despite_consent="copy for our archive"
    )
    text = (tmp_path / "a" / "README.md").read_text("utf-8")
    assert text.startswith("# Smiles\n")
    said = answers(text)
    assert said["How many people?"].startswith("3, in 4 recordings")
    assert said["With whom may it be shared?"].endswith("with the reason: copy for our archive.")
