"""Sessions with parts missing, and files from anybody: one clear error, in bounded memory."""

import json
import shutil
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
import scipy.io

from emgnb import filters, labels, models, recording, windows
from emgnb.interop import corpora


@pytest.fixture
def stored(tmp_path):
    values = np.random.default_rng(0).normal(size=(20_000, 2)).astype("f4")
    values[6000:12_500] = np.nan
    x = recording.signal(values, rate=100.0, units="mV")
    return recording.save(recording.make(x), tmp_path / "a.zarr")


@pytest.mark.parametrize("chunks", [None, 50])
def test_missing_chunks_are_said_and_are_nan_and_invalid(stored, chunks):
    assert recording.known_faults(recording.open(stored)) == []
    before = recording.open(stored)["emg/signal"].values
    shutil.rmtree(stored / "emg/signal/c/2")
    session = recording.open(stored, chunks=chunks)
    x = session["emg/signal"]
    assert np.isnan(x.values[12_000:18_000]).all()
    assert not x["valid"].values[12_000:18_000].any()
    assert x["valid"].values[18_000:].all()
    np.testing.assert_array_equal(x.values[18_000:], before[18_000:])
    assert x.attrs["lost"] == 6000
    (fault,) = recording.known_faults(session)
    assert "emg/signal: 1 of 4 chunks is missing (2; 120 to 179.99 s)" in fault


def test_earlier_stores_lack_the_chunks_without_content_and_are_whole(stored):
    about = json.loads((stored / "zarr.json").read_text())
    assert about["attributes"].pop("stored_chunks") == "all"
    (stored / "zarr.json").write_text(json.dumps(about))
    shutil.rmtree(stored / "emg/signal/c/1")
    (stored / "emg/valid/c/1").unlink()
    assert recording.known_faults(recording.open(stored)) == []
    shutil.rmtree(stored / "emg/signal/c/0")
    session = recording.open(stored)
    assert "(0; 0 to 59.99 s)" in recording.known_faults(session)[0]
    assert not session["emg/signal"]["valid"].values[:12_000].any()


@pytest.mark.parametrize("chunks", [None, 50])
def test_a_damaged_chunk_is_named_when_it_is_read_and_lost_when_asked(stored, chunks):
    file = stored / "emg/signal/c/3/0"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    x = recording.open(stored, chunks=chunks)["emg/signal"]
    assert x.isel(time=slice(0, 6000)).notnull().all()
    with pytest.raises(ValueError, match=r"chunk 3 of .*signal \(rows 18000 to 19999\) is damaged"):
        x.compute()
    session = recording.open(stored, chunks=chunks, check=True)
    assert np.isnan(session["emg/signal"].values[18_000:]).all()
    assert not session["emg/signal"]["valid"].values[18_000:].any()
    assert "chunks is damaged (3;" in recording.known_faults(session)[0]


def test_a_table_that_is_missing_is_left_out_and_said(stored):
    recording.add_labels(stored, "ann", labels.events([1.0], [2.0]))
    shutil.rmtree(stored / "labels/ann/onset/c")
    session = recording.open(stored)
    assert "ann" not in session["labels"].children
    assert "labels/ann cannot be read and is left out" in recording.known_faults(session)[0]


@pytest.mark.parametrize("step", [0, float("nan"), -1, "fast", True])
def test_a_step_of_time_that_is_none_is_refused(stored, step):
    change(stored / "emg", lambda about: about["attributes"].update(time_step=step))
    with pytest.raises(ValueError, match="`time_step` is"):
        recording.open(stored)


def test_more_markers_than_any_session_holds_are_refused(stored):
    for name in ("time", "text", "uncertainty"):
        change(stored / "markers" / name, lambda about: about.update(shape=[200_000_000]))
    found = recording.known_faults(recording.open(stored))
    assert "200000000 values to be read at once" in found[0]


def change(folder, how):
    about = json.loads((folder / "zarr.json").read_text())
    how(about)
    (folder / "zarr.json").write_text(json.dumps(about))


def test_json_nested_too_deep_is_a_clear_error(tmp_path, stored):
    deep = '{"a":' * 100_000
    (tmp_path / "deep.json").write_text(deep)
    with pytest.raises(ValueError, match="nested too deep"):
        corpora.read_envelope_json(tmp_path / "deep.json")
    with pytest.raises(ValueError, match="nested too deep"):
        filters.Chain.from_json("[" * 100_000)
    (stored / "emg" / "zarr.json").write_text(deep)
    with pytest.raises(ValueError, match="nested too deep"):
        recording.open(stored)


def test_a_recording_is_told_from_what_was_made_of_it(tmp_path):
    x = recording.signal(np.random.default_rng(0).normal(size=(3000, 1)), rate=1000.0, units="uV")
    session = recording.make(x, started="2026-01-02T10:00:00+00:00")
    raw = recording.save(session, tmp_path / "P1" / "session.zarr")
    chain = filters.Chain(filters.BandPass(20, 450))
    made = filters.filter_session(raw, chain, tmp_path / "P1" / "session-filtered.zarr")
    assert recording.latest(tmp_path) == raw
    assert recording.latest(tmp_path, "session-filtered") == made
    assert recording.open(tmp_path)["emg/signal"].identical(recording.open(raw)["emg/signal"])
    other = session.copy()
    other.attrs["started"] = "2026-01-01T10:00:00+00:00"
    recording.save(other, tmp_path / "P2" / "session.zarr")
    assert recording.latest(tmp_path) == raw
    with pytest.raises(ValueError, match=r"holds 2 sessions.*recording\.latest"):
        recording.open(tmp_path)


def test_filtering_what_is_filtered_warns_and_a_further_step_does_not():
    x = recording.signal(np.random.default_rng(0).normal(size=(3000, 1)), rate=1000.0, units="uV")
    once = filters.Chain(filters.BandPass(20, 450))(x)
    with pytest.warns(UserWarning, match="filtered before"):
        filters.Chain(filters.HighPass(20))(once)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filters.Chain(filters.Envelope())(once)


def cut(seed, percentile=10.0):
    values = np.random.default_rng(seed).normal(size=(6000, 2)) * (seed + 1)
    x = recording.signal(values, rate=500.0, units="uV")
    session = recording.make(
        x, markers=recording.markers([0, 3, 6, 9], ["a", "b"] * 2), session=str(seed)
    )
    chain = filters.Chain(filters.Envelope(), filters.Baseline(percentile))
    return windows.cut(chain(x), labels.trials(session), length=0.4, step=0.2)


def test_what_a_filter_learned_of_a_recording_is_not_asked_of_another():
    model = models.fit(models_features(windows.stack([cut(1), cut(2)])))
    assert model.predict(models_features(cut(3))).sizes["class"] == 2
    with pytest.raises(ValueError, match="steps"):
        model.predict(models_features(cut(3, percentile=20.0)))
    with pytest.raises(ValueError, match="filter all recordings by the same chain"):
        windows.stack([cut(1), cut(2, percentile=20.0)])


def models_features(w):
    from emgnb import features

    return features.extract(w, ["mav", "rms"])


def test_a_model_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = models.fit(models_features(cut(1))).save(tmp_path / "m")
    with zipfile.ZipFile(path) as archive:
        spec = archive.read("spec.json")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("spec.json", spec)
        archive.writestr("000.npy", bytes(80 << 20))
    with pytest.raises(ValueError, match="unpacks to 84 MB"):
        models.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("spec.json", "[" * 100_000)
    with pytest.raises(ValueError, match="nested too deep"):
        models.load(path)


def test_a_matlab_file_that_unpacks_to_gigabytes_is_refused(tmp_path):
    packed = zlib.compress(bytes(80 << 20), 1)
    head = b"MATLAB 5.0".ljust(124) + b"\0\x01IM"
    (tmp_path / "a.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(ValueError, match="unpacks to more than 67 MB"):
        corpora.read_power_features(tmp_path / "a.mat")


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_matlab_file_is_one_clear_error(tmp_path, packed):
    data = np.column_stack([np.ones((70, 8)), np.repeat(np.arange(1, 8), 10)])
    scipy.io.savemat(tmp_path / "a.mat", {"data": data}, do_compression=packed)
    raw = (tmp_path / "a.mat").read_bytes()
    for at in range(len(raw) if packed else 300):
        (tmp_path / "a.mat").write_bytes(raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :])
        try:
            corpora.read_power_features(tmp_path / "a.mat")
        except ValueError as error:
            assert "a.mat" in str(error)  # noqa: PT017 - a change may also do no harm


def test_a_number_too_large_for_a_sample_never_becomes_infinite(tmp_path):
    rows = "".join(f"{1.7e9 + i / 20:.2f},{'1e39' if i == 7 else i % 9}\n" for i in range(100))
    (tmp_path / "a.csv").write_text("Timestamp,EMG_Value\n" + rows)
    session = corpora.read_paper_capture(tmp_path / "a.csv")
    assert not np.isinf(session["emg/signal"].values).any()
    assert not session["emg/signal"]["valid"].values[7]
    assert any("'1e39' in line 9" in fault for fault in recording.known_faults(session))
    with pytest.raises(ValueError, match="1e\\+39, exceed the range of float32"):
        recording.signal([0, 1e39], rate=10.0, units="uV")
