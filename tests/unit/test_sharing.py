"""What identifies a person is removed and listed, and consent decides on exports."""

import numpy as np
import pytest

from emgnb import interop, labels, recording


def session(**more):
    x = recording.signal(np.ones((2000, 1)), rate=1000.0, units="uV")
    x = recording.with_history(x, "read", file="/home/jane/data/jane.csv", at="2026-05-04")
    table = labels.events([0.5], [1.0], au="12").assign(note=("event", ["Jane again"]))
    return recording.make(
        x.assign_attrs(serial="X12"),
        markers=recording.markers([0.1], ["smile"]).assign_attrs(recorder="/home/jane"),
        labels={"Dr. Jane Doe": table.assign_attrs(coder="Dr. Jane Doe")},
        participant="Jane Doe",
        started="2026-05-04T10:00:00",
        device="Mega 75330303035351F0A111",
        notes="born in Graz",
        consent={"sharing": "open", "date": "2026-05-04", "scope": "Jane agrees"},
        faults='["C:\\\\Users\\\\jane\\\\a.csv lacks 3 rows"]',
        **more,
    )


def test_nothing_that_was_removed_is_found_in_the_session():
    before = session()
    made, said = interop.anonymise(before, participant="P07")
    texts = repr([(node.path, node.to_dataset().to_dict()) for node in made.subtree])
    for word in ("jane", "Jane", "Graz", "2026", "X12", "75330", "scope"):
        assert word not in texts
    assert made.attrs["participant"] == "P07"
    assert made.attrs["consent"] == {"sharing": "open"}
    assert made["labels/coder1"]["au"].values.tolist() == ["12"]
    assert before.attrs["notes"] == "born in Graz"
    assert recording.emg(made).identical(recording.emg(before)) is False
    np.testing.assert_array_equal(recording.emg(made), recording.emg(before))
    assert "removed: session attribute started (date)" in said
    assert "removed: session attribute device (device)" in said
    assert "removed: date, scope of the consent" in said
    assert "removed: text columns note of labels/Dr. Jane Doe" in said
    assert any(each.startswith("remains: texts of markers (smile)") for each in said)
    assert any("EMG may identify a person" in each for each in said)


def test_an_anonymous_session_has_nothing_left_to_remove():
    made, _ = interop.anonymise(session(), participant="P07")
    again, said = interop.anonymise(made)
    assert again.identical(made)
    assert [each for each in said if each.startswith("removed")] == [
        "removed: the names of 1 coders; they are now coder1, coder2, …"
    ]


def test_names_and_addresses_are_no_codes():
    for name in ("Jane Doe", "jane@example.org", " "):
        with pytest.raises(ValueError, match="expected a code without blanks"):
            interop.anonymise(session(), participant=name)
    made, _ = interop.anonymise(session(), participant="P1", keep=("device",))
    assert made.attrs["device"].startswith("Mega")


@pytest.mark.parametrize("sharing", ["none", "Not shared", "no", {"sharing": "none"}])
def test_a_session_that_is_not_shared_is_exported_only_with_a_reason(sharing, tmp_path):
    pytest.importorskip("edfio", reason="edfio is not installed")
    x = recording.signal(np.ones((100, 1)), rate=100.0, units="uV")
    kept = recording.make(x, participant="P1", consent=sharing)
    with pytest.raises(ValueError, match="participant P1: the participant's consent says"):
        interop.write_bids([kept], tmp_path / "a")
    with pytest.raises(ValueError, match="state the reason in words"):
        interop.write_bids([kept], tmp_path / "a", despite_consent=" ")
    assert not (tmp_path / "a").exists()
    interop.write_bids([kept], tmp_path / "a", despite_consent="copy for our own archive")
    assert (tmp_path / "a").exists()
    made, _ = interop.anonymise(kept)
    with pytest.raises(ValueError, match="despite_consent="):
        interop.write_bids([made], tmp_path / "b")


def every_export(session, folder):
    """Return the exports of a session, each as a function of `despite_consent`."""
    return {
        "csv": lambda **why: recording.to_csv(session, folder / "csv", **why),
        "netcdf": lambda **why: recording.to_netcdf(session, folder / "s.nc", **why),
        "labels": lambda **why: interop.write_labels(
            session["labels/Ann"], folder / "ann.csv", **why
        ),
    }


@pytest.mark.parametrize("way", ["csv", "netcdf", "labels"])
def test_every_export_honours_the_consent(way, tmp_path):
    if way == "netcdf":
        pytest.importorskip("h5netcdf", reason="h5netcdf is not installed")
    x = recording.signal(np.ones((100, 1)), rate=100.0, units="uV")
    table = labels.events([0.1], [0.2], au="12")
    made = recording.make(
        x, participant="P1", consent={"sharing": "not shared"}, labels={"Ann": table}
    )
    export = every_export(made, tmp_path)[way]
    with pytest.raises(ValueError, match=r"P1: the participant's consent says.*despite_consent="):
        export()
    with pytest.raises(ValueError, match="state the reason in words"):
        export(despite_consent="")
    assert not list(tmp_path.iterdir())
    export(despite_consent="statistics on our own computer")
    assert list(tmp_path.iterdir())


def test_a_session_without_or_with_an_open_consent_is_exported(tmp_path):
    x = recording.signal(np.ones((100, 1)), rate=100.0, units="uV")
    for k, consent in enumerate(({}, {"consent": {"sharing": "research"}}, {"consent": {}})):
        made = recording.make(x, **consent)
        assert recording.sharing_refused(made) == ""
        recording.to_csv(made, tmp_path / str(k))
