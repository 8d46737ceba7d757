"""EMG-BIDS: what is written reads back, in the official validator, edfio and MNE as well."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emgnb import facs, interop, labels, recording, simulate

edfio = pytest.importorskip("edfio", reason="edfio is not installed")


def recorded(participant, session, *, rate=1000.0, width=8, seconds=6.0, **more):
    montage = facs.WIDE_MONTAGE[:width]
    made = simulate.face(
        participant=participant,
        session=session,
        rate=rate,
        montage=montage,
        script=[(1.0, "smile", 1.5), (3.5, "frown", 1.2)],
        duration=seconds,
    )
    x = made["emg/signal"].drop_attrs().assign_attrs(made["emg/signal"].attrs)
    tables = {
        "Ann": labels.events([1.0004, 3.5], [2.5, 4.75], au=["12", "4"], side=["L", ""]),
        "Ben": labels.events([1.25], [2.0], label="n/a smile", apex=[1.5]).assign(
            note=("event", ["two words"]), count=("event", [3])
        ),
    }
    return recording.make(
        x,
        markers=recording.markers(
            [0.0, 1.0, 2.25, 3.5], ["baseline", "smile", "end", "frown"], uncertainty=0.001
        ),
        labels=tables,
        participant=f"P{participant}",
        session=f"{session}",
        started="2026-05-04T10:00:00+00:00",
        consent={"sharing": "open"},
        **more,
    )


def lost(session, *spans, channel=None):
    x = recording.emg(session).copy()
    values = x.values.copy()
    for first, last in spans:
        values[first:last, slice(None) if channel is None else channel] = np.nan
    valid = np.isfinite(values).all(axis=1)
    made = x.copy(data=values).assign_coords(valid=("time", valid))
    return recording.with_signal(session, made)


@pytest.fixture(scope="module")
def study():
    sessions = [recorded(person, visit) for person in (1, 2) for visit in (0, 1)]
    sessions[1] = lost(lost(sessions[1], (2003, 2500), (4000, 4001)), (100, 120), channel=2)
    sessions += [
        recorded(3, 0, rate=2000.0, width=16, seconds=5.5005),
        recorded(3, 1, rate=999.97),
    ]
    return sessions


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    made = tmp_path_factory.mktemp("bids") / "study"
    interop.write_bids(study, made, mains=50.0)
    return made


def assert_same(found, expected):
    a, b = recording.emg(found), recording.emg(expected)
    assert a.shape == b.shape
    assert recording.sampling_rate(a) == recording.sampling_rate(b)
    assert a["time"].values.tolist() == b["time"].values.tolist()
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    # Half a step of 24 bits, the outward rounding of the range, and float32.
    reach = np.nanmax(b.values, axis=0) - np.nanmin(b.values, axis=0)
    assert (np.nanmax(np.abs(a.values - b.values), axis=0) <= 1.3e-7 * reach + 1e-9).all()
    for name in ("valid", "channel", "muscle", "side", "signal_kind", "gain"):
        assert a[name].values.tolist() == b[name].values.tolist()
    assert a.attrs == b.attrs
    assert found.attrs == expected.attrs
    assert found["markers"].to_dataset().identical(expected["markers"].to_dataset())
    assert set(found["labels"].children) == set(expected["labels"].children)
    for coder, table in expected["labels"].children.items():
        back = found["labels"][coder].to_dataset()
        assert back.attrs == table.attrs
        for name in table.data_vars:
            np.testing.assert_array_equal(back[name].values, table[name].values)


def test_a_study_reads_back_sample_by_sample_and_event_by_event(study, folder):
    back = list(interop.read_bids(folder))
    assert len(back) == len(study)
    for found, expected in zip(back, study, strict=True):
        assert_same(found, expected)
    assert len(list(interop.read_bids(folder, participant="P3"))) == 2


def test_a_gap_separates_runs(folder):
    place = folder / "sub-P1" / "ses-1" / "emg"
    runs = sorted(place.glob("*_emg.bdf"))
    assert [path.name for path in runs] == [
        f"sub-P1_ses-1_task-face_run-{k:02d}_emg.bdf" for k in (1, 2, 3)
    ]
    about = [json.loads(path.with_suffix(".json").read_text("utf-8")) for path in runs]
    assert [round(each["RecordingDuration"], 3) for each in about] == [2.003, 1.5, 1.999]
    assert {each["PowerLineFrequency"] for each in about} == {50.0}
    scans = (place.parent / "sub-P1_ses-1_scans.tsv").read_text("utf-8").splitlines()
    assert scans[2].split("\t")[1] == "2026-05-04T10:00:02.500000Z"


def test_the_official_validator_finds_no_error(folder):
    beside = str(Path(sys.executable).parent)
    program = shutil.which("bids-validator-deno", path=beside)
    if program is None:
        pytest.skip("bids-validator-deno is not installed")
    done = subprocess.run(
        [program, "--json", str(folder)], capture_output=True, text=True, timeout=300, check=False
    )
    found = json.loads(done.stdout)["issues"]["issues"]
    errors = [each for each in found if each["severity"] == "error"]
    assert not errors, errors[:5]


def test_mne_reads_the_samples_and_the_rate(study, folder):
    mne = pytest.importorskip("mne", reason="mne is not installed")
    path = folder / "sub-P3" / "ses-0" / "emg" / "sub-P3_ses-0_task-face_run-01_emg.bdf"
    raw = mne.io.read_raw_bdf(path, preload=True, verbose="error")
    x = recording.emg(study[4])
    assert raw.info["sfreq"] == 2000.0
    data = raw.get_data()[:, : x.sizes["time"]] * 1e6
    np.testing.assert_allclose(data.T, x.values, atol=1e-3)


def test_mne_bids_reads_the_data_set(folder):
    mne_bids = pytest.importorskip("mne_bids", reason="mne_bids is not installed")
    where = mne_bids.BIDSPath(
        root=folder, subject="P1", session="0", task="face", run="01", datatype="emg"
    )
    raw = mne_bids.read_raw_bids(where, verbose="error")
    assert set(raw.get_channel_types()) == {"emg"}
    assert {"smile", "L12"} <= set(raw.annotations.description)


def test_constant_channels_and_all_units_are_held(tmp_path):
    values = np.zeros((997, 2))
    values[:, 1] = np.linspace(-1e-5, 1e-4, 997)
    for k, units in enumerate(("uV", "mV", "V", "count", "1", "%MVC")):
        session = recording.make(
            recording.signal(values, rate=250.0, units=units, start=1.5), participant="P1"
        )
        interop.write_bids([session], tmp_path / str(k))
        (back,) = interop.read_bids(tmp_path / str(k))
        found = recording.emg(back)
        assert found.attrs["units"] == units
        assert (found.values[:, 0] == 0).all()
        np.testing.assert_allclose(found.values, values, atol=1e-8)


def test_existing_folders_and_people_without_a_code_are_refused(study, folder, tmp_path):
    with pytest.raises(FileExistsError, match="not overwritten"):
        interop.write_bids(study, folder)
    nobody = recording.make(recording.signal(np.ones((10, 1)), rate=100.0, units="uV"))
    with pytest.raises(ValueError, match="expected a code with letters or digits"):
        interop.write_bids([nobody], tmp_path / "a")
    x = recording.emg(nobody)
    twins = [recording.make(x, participant=name) for name in ("P-1", "P1")]
    with pytest.raises(ValueError, match="have the same label"):
        interop.write_bids(twins, tmp_path / "a")
    with pytest.raises(ValueError, match="no session"):
        interop.write_bids([], tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_short_gaps_may_be_bridged(study, tmp_path):
    often = lost(study[0], *((k, k + 1) for k in range(500, 5500, 100)))
    said = interop.write_bids([often], tmp_path / "a")
    assert "sub-P1_ses-0 is cut into 51 runs by lost samples: bridge= joins short gaps" in said
    (back,) = interop.read_bids(tmp_path / "a")
    assert_same(back, often)
    interop.write_bids([lost(often, (2000, 3000))], tmp_path / "b", bridge=0.01)
    assert len(list((tmp_path / "b").rglob("*.bdf"))) == 2
    (back,) = interop.read_bids(tmp_path / "b")
    assert_same(back, lost(often, (2000, 3000)))


def test_progress_counts_sessions(study, tmp_path):
    seen = []
    interop.write_bids(study[:2], tmp_path / "a", progress=lambda n, name: seen.append((n, name)))
    assert seen == [(1, "sub-P1_ses-0"), (2, "sub-P1_ses-1")]


def test_a_data_set_of_another_program_is_read(tmp_path):
    place = tmp_path / "sub-01" / "emg"
    place.mkdir(parents=True)
    data = np.sin(np.arange(2000) / 10)
    signals = [
        edfio.BdfSignal(data, 1000.0, label=name, physical_dimension="mV") for name in ("a", "b")
    ]
    stem = place / "sub-01_task-chew"
    edfio.Bdf(signals).write(f"{stem}_emg.bdf")
    (tmp_path / "task-chew_emg.json").write_text('{"TaskName": "chew"}', "utf-8")
    rows = "name\ttype\tunits\ttarget_muscle\na\tEMG\tmV\tleft Masseter\nb\tMISC\tmV\tn/a\n"
    (place / "sub-01_task-chew_channels.tsv").write_text(rows, "utf-8")
    rows = "onset\tduration\ttrial_type\n0.5\t0\tgo\n1\t0.25\tchew\n"
    (place / "sub-01_task-chew_events.tsv").write_text(rows, "utf-8")
    (session,) = interop.read_bids(tmp_path)
    x = recording.emg(session)
    assert (x.attrs["units"], x["muscle"].values.tolist()) == ("mV", ["masseter"])
    assert session["markers"]["text"].values.tolist() == ["go"]
    assert session["labels/bids"]["label"].values.tolist() == ["chew"]
    assert recording.known_faults(session) == ["channels that are not EMG are left out: b"]
