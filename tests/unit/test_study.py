"""A study is listed from metadata; a damaged session is one row of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from emgnb import facs, filters, labels, recording


def session(
    participant: str = "P01", *, seconds: float = 90.0, coders=("ann", "ben"), **attrs
) -> xr.DataTree:
    sites = facs.DEFAULT_MONTAGE[:3]
    values = np.random.default_rng(0).normal(0, 5, (round(100 * seconds), 3))
    x = recording.signal(
        values,
        rate=100,
        units="uV",
        channel=[s.channel for s in sites],
        muscle=[s.muscle for s in sites],
        side=[s.side for s in sites],
    )
    marks = recording.markers([1.0, 3.0], ["smile", "end"])
    coded = labels.events([1, 5], [2, 6], au="12")
    return recording.make(
        x,
        markers=marks,
        labels={name: coded.isel(event=slice(2 - i)) for i, name in enumerate(coders)},
        participant=participant,
        session="1",
        **attrs,
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("study")
    consent = {"version": "1", "sharing": "none"}
    made = session(consent=consent, started="2026-05-04T10:00:00Z", device="Mega", segments=2)
    made.attrs |= {"crc_errors": 3, "overruns": 0}
    recording.save(made, root / "P01" / "rec1" / "session.zarr")
    x = made["emg/signal"]
    clean = filters.Chain(filters.HighPass(10), filters.Envelope(5))(x)
    recording.save(recording.with_signal(made, clean), root / "P01" / "rec1" / "clean.zarr")
    recording.save(session("P02"), root / "P02" / "session.zarr")
    (root / "P03").mkdir()
    (root / "P03" / "journal.emgj").write_bytes(b"started")
    (root / ".hidden").mkdir()
    return root


@pytest.fixture
def root(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "study"))


def row(table: xr.Dataset, path: str) -> xr.Dataset:
    return table.isel(entry=int(np.flatnonzero(table["path"].values == path)[0]))


def test_who_what_and_by_whom(root):
    table = recording.study(root)
    assert table["path"].values.tolist() == [
        "P01/rec1/clean.zarr",
        "P01/rec1/session.zarr",
        "P02/session.zarr",
        "P03",
    ]
    assert table["kind"].values.tolist() == ["derived", "recording", "recording", "journal"]
    one = row(table, "P01/rec1/session.zarr")
    expected = {
        "participant": "P01",
        "session": "1",
        "started": "2026-05-04T10:00:00Z",
        "device": "Mega",
        "sharing": "none",
        "quality": "2 segments, 3 CRC errors",
        "channels": 3,
        "channel_names": "frontalis_medialis_l, corrugator_l, orbicularis_oculi_l",
        "muscles": "frontalis_medialis, corrugator, orbicularis_oculi",
        "kinds": "raw",
        "units": "uV",
        "coders": "ann (2), ben (1)",
        "events": 3,
        "markers": 2,
        "duration": 90.0,
        "rate": 100.0,
        "lost": 0,
        "cleaned": "",
        "faults": "",
    }
    assert {name: one[name].item() for name in expected} == expected
    derived = row(table, "P01/rec1/clean.zarr")
    assert derived["cleaned"].item() == "HighPass, Envelope"
    assert derived["kinds"].item() == "envelope"
    journal = row(table, "P03")
    assert "acquire.recover" in journal["faults"].item()
    assert not journal["readable"].item()
    assert len(table.to_dataframe()) == 4


def test_no_sample_and_no_event_is_read(root):
    expected = recording.study(root)
    for file in root.rglob("c/**/*"):
        names = file.parts
        values = {"signal", "valid", "onset", "offset", "apex", "au", "label", "time", "text"}
        if file.is_file() and values & set(names):
            file.write_bytes(b"not a chunk")
    xr.testing.assert_identical(recording.study(root), expected)


def test_a_damaged_session_is_listed_with_its_fault(root):
    for i in range(6):
        shutil.copytree(root / "P02", root / f"Q{i}")
    stores = [root / f"Q{i}" / "session.zarr" for i in range(6)]
    (stores[0] / "zarr.json").write_text("{")
    shutil.rmtree(stores[1] / "emg" / "signal")
    (stores[2] / "emg" / "signal" / "c" / "0" / "0").unlink()
    (stores[3] / "labels" / "ann" / "onset" / "c" / "0").unlink()
    (stores[4] / "zarr.json").unlink()
    (stores[5] / "emg" / "channel" / "c" / "0").write_bytes(b"?")
    table = recording.study(root)
    faults = {f"Q{i}": row(table, f"Q{i}/session.zarr") for i in range(6)}
    assert [bool(faults[f"Q{i}"]["readable"]) for i in range(6)] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]
    said = [str(faults[f"Q{i}"]["faults"].values) for i in range(6)]
    assert "cannot be opened" in said[0]
    assert "emg/signal" in said[1]
    assert "6000 of 9000 samples are missing" in said[2]
    assert "labels/ann cannot be read" in said[3]
    assert faults["Q3"]["coders"].item() == "ben (1)"
    assert "zarr.json" in said[4]
    assert "cannot be opened" in said[5]
    assert faults["Q2"]["lost"].item() == 6000
    # What is said to open does, and the rest of the study is as before.
    for i, store in enumerate(stores):
        if faults[f"Q{i}"]["readable"]:
            assert recording.known_faults(recording.open(store))
        else:
            with pytest.raises((ValueError, FileNotFoundError)):
                recording.open(store)
    assert row(table, "P02/session.zarr")["faults"].item() == ""


def opens(store: Path) -> bool:
    try:
        recording.open(store)
    except ValueError:
        return False
    return True


@pytest.mark.filterwarnings("ignore:Object at")
def test_what_is_said_to_be_readable_opens_and_nothing_else(tmp_path):
    store = tmp_path / "session.zarr"
    recording.save(session(seconds=5, coders=("ann",)), store)
    wrong = []
    for file in sorted(each for each in store.rglob("*") if each.is_file()):
        content = file.read_bytes()
        changes = [b"{", None] if file.name == "zarr.json" else [None]
        for change in changes:
            file.unlink() if change is None else file.write_bytes(change)
            found = recording.study(tmp_path)
            if bool(found["readable"].item()) != opens(store):
                wrong.append((str(file.relative_to(store)), change))
            file.write_bytes(content)
    assert wrong == []


def test_a_selection_is_opened_lazily(root):
    table = recording.study(root)
    chosen = table.isel(entry=table["participant"] == "P01")
    opened = recording.open_each(chosen)
    first = next(opened)
    assert not first["emg/signal"].variable._in_memory
    assert [s.attrs["participant"] for s in (first, *opened)] == ["P01", "P01"]
    with pytest.raises(ValueError, match=r"1 of 4 rows cannot be opened, such as P03"):
        recording.open_each(table)
    assert len(list(recording.open_each(table.isel(entry=1)))) == 1
    with pytest.raises(ValueError, match=r"recording\.study"):
        recording.open_each(xr.Dataset())


def test_time_stamps_without_a_uniform_clock(tmp_path):
    time = np.cumsum(np.random.default_rng(0).uniform(0.009, 0.011, 500))
    x = recording.signal(np.zeros(500), time=time, units="uV", nominal_rate=100)
    recording.save(recording.make(x), tmp_path / "odd.zarr")
    assert recording.study(tmp_path)["rate"].item() == 100
    shutil.rmtree(tmp_path / "odd.zarr" / "emg" / "time")
    found = recording.study(tmp_path)
    assert not found["readable"].item()
    assert "no time stamps" in found["faults"].item()


def test_a_folder_is_needed_and_may_be_empty(tmp_path):
    assert recording.study(tmp_path).sizes["entry"] == 0
    with pytest.raises(FileNotFoundError, match="no folder"):
        recording.study(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        recording.study(tmp_path / "file")
