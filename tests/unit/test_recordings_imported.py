"""Recordings of other programs: samples, rates, lost rows and what is said about them."""

import json
import struct

import numpy as np
import pytest

from emgnb import interop, recording

N, RATE = 2000, 250.0
RNG = np.random.default_rng(3)
VALUES = RNG.normal(0, 50, (N, 2)).round(3)


def said(session):
    return "\n".join(recording.known_faults(session))


def openbci(path, *, rate=RATE, declared=RATE, gap=None, ends="\n", old=False):
    rows = []
    for k in range(N):
        if gap and gap[0] <= k < gap[1]:
            continue
        # The host receives rows in batches.
        stamp = 1777888000 + (k // 10 * 10) / rate
        cells = [k % 256, *VALUES[k], 0.1, 0.2, 0.3]
        cells += [int(stamp * 1000)] if old else [f"{stamp:.6f}", 0.0 if k != 500 else 7.0]
        rows.append(", ".join(map(str, cells)))
    head = ["%OpenBCI Raw EEG Data" if old else "%OpenBCI Raw EXG Data", "%Number of channels = 2"]
    head += [f"%Sample Rate = {declared} Hz", "%Board = OpenBCI_GUI$BoardCytonSerial"]
    names = "Sample Index, EXG Channel 0, EXG Channel 1, Accel Channel 0, Accel Channel 1, "
    names += "Accel Channel 2, Timestamp, Marker Channel"
    path.write_bytes(ends.join([*head, *([] if old else [names]), *rows, ""]).encode())
    return path


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_openbci_gives_microvolts_at_the_declared_rate(tmp_path, ends):
    session = interop.read_recording(openbci(tmp_path / "a.txt", ends=ends), participant="P1")
    x = recording.emg(session)
    np.testing.assert_allclose(x.values, VALUES, rtol=1e-6)
    assert (recording.sampling_rate(x), x.attrs["units"]) == (RATE, "uV")
    assert session.attrs["device"] == "BoardCytonSerial"
    assert session["markers"]["text"].values.tolist() == ["7"]
    assert session["markers"]["time"].values.tolist() == [2.0]
    assert "rate: 250 Hz declared" in said(session)


def test_rows_that_the_counter_skips_are_lost_samples(tmp_path):
    x = recording.emg(interop.read_recording(openbci(tmp_path / "a.txt", gap=(700, 830))))
    assert x.shape == (N, 2)
    assert x.attrs["lost"] == 130
    assert np.flatnonzero(~x["valid"].values).tolist() == list(range(700, 830))
    np.testing.assert_allclose(x.values[830:], VALUES[830:], rtol=1e-6)


def test_a_wrong_declared_rate_is_replaced_by_the_measured_one(tmp_path):
    session = interop.read_recording(openbci(tmp_path / "a.txt", declared=200.0))
    assert recording.sampling_rate(recording.emg(session)) == pytest.approx(RATE, rel=5e-3)
    assert "Hz is used" in said(session)


def test_old_openbci_files_have_no_headings(tmp_path):
    x = recording.emg(interop.read_recording(openbci(tmp_path / "a.txt", old=True)))
    np.testing.assert_allclose(x.values, VALUES, rtol=1e-6)


DEVICE = {
    "sensor": ["EMG", "ECG"],
    "column": ["nSeq", "DI", "CH1", "CH2"],
    "label": ["CH1", "CH2"],
    "channels": [1, 2],
    "sampling rate": 1000,
    "resolution": [16, 16],
    "device": "biosignalsplux",
    "date": "2026-5-4",
    "time": "10:29:43.249",
    "convertedValues": 0,
}
COUNTS = RNG.integers(30000, 36000, (N, 2))


def opensignals(path, device=DEVICE, gap=(0, 0)):
    kept = [k for k in range(N) if not gap[0] <= k < gap[1]]
    rows = [f"{k % 16}\t0\t{COUNTS[k, 0]}\t{COUNTS[k, 1]}\t" for k in kept]
    head = ["# OpenSignals Text File Format", f"# {json.dumps({'00:07:80': device})}"]
    path.write_text("\n".join([*head, "# EndOfHeader", *rows, ""]))
    return path


def test_opensignals_text_is_converted_to_millivolts(tmp_path):
    session = interop.read_recording(opensignals(tmp_path / "a.txt", gap=(1000, 1005)))
    x = recording.emg(session)
    expected = (COUNTS[:, 0] / 2**16 - 0.5) * 3.0
    np.testing.assert_allclose(
        np.delete(x.values[:, 0], range(1000, 1005)),
        np.delete(expected, range(1000, 1005)),
        atol=1e-6,
    )
    assert (x.attrs["units"], x.attrs["lost"]) == ("mV", 5)
    assert session.attrs["started"] == "2026-05-04T10:29:43.249"
    assert "columns that are not EMG are left out: CH2" in said(session)
    both = interop.read_recording(tmp_path / "a.txt", channels=["CH2", "CH1"])
    assert recording.emg(both)["channel"].values.tolist() == ["CH2", "CH1"]


def test_unknown_sensors_stay_in_counts(tmp_path):
    session = interop.read_recording(opensignals(tmp_path / "a.txt", DEVICE | {"device": "x"}))
    assert recording.emg(session).attrs["units"] == "count"
    assert "transfer function of the sensors is not known" in said(session)
    two = json.dumps({"a": DEVICE, "b": DEVICE})
    (tmp_path / "b.txt").write_text(f"# OpenSignals Text File Format\n# {two}\n# EndOfHeader\n")
    with pytest.raises(ValueError, match="holds 2 devices"):
        interop.read_recording(tmp_path / "b.txt")


def test_opensignals_hdf5_holds_the_same(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("00:07:80")
        group.attrs.update({k: v for k, v in DEVICE.items() if k not in ("column", "label")})
        for k in (0, 1):
            group[f"raw/channel_{k + 1}"] = COUNTS[:, [k]]
        group["raw/nSeq"] = (np.arange(N) % 65536)[:, np.newaxis]
    x = recording.emg(interop.read_recording(tmp_path / "a.h5"))
    np.testing.assert_allclose(x.values[:, 0], (COUNTS[:, 0] / 2**16 - 0.5) * 3.0, atol=1e-6)
    assert recording.sampling_rate(x) == 1000.0


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_acqknowledge_gives_the_channels_in_volts(tmp_path, timed, delimiter):
    head = ["C:test.acq", "0.5 msec/sample", "3 channels", "Pressure", "mmHg", "EMG zygo", "mV"]
    head += ["EMG corr", "Volts", delimiter.join([*(["ms"] if timed else []), "CH0", "CH1", "CH2"])]
    head.append(delimiter.join([*([""] if timed else []), str(N), str(N), str(N)]))
    rows = [
        delimiter.join(map(str, [*([k * 0.5] if timed else []), 80, *VALUES[k] / 100]))
        for k in range(N)
    ]
    (tmp_path / "a.txt").write_text("\r\n".join([*head, *rows, ""]), newline="")
    session = interop.read_recording(tmp_path / "a.txt")
    x = recording.emg(session)
    assert x["channel"].values.tolist() == ["EMG zygo", "EMG corr"]
    assert (recording.sampling_rate(x), x.attrs["units"]) == (2000.0, "mV")
    np.testing.assert_allclose(x.values, VALUES / 100 * [1, 1000], rtol=1e-5)
    assert "not in volts are left out: Pressure (mmHg)" in said(session)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("timed", [True, False])
def test_a_wide_table_needs_a_rate_or_times(tmp_path, ends, timed):
    rows = [",".join(map(str, [*([k / 500] if timed else []), *VALUES[k]])) for k in range(N)]
    head = ("time (s)," if timed else "") + "zygo (uV),corr (uV)"
    (tmp_path / "a.csv").write_bytes(ends.join([head, *rows, ""]).encode())
    if not timed:
        with pytest.raises(ValueError, match=r"states no sampling rate.*give rate="):
            interop.read_recording(tmp_path / "a.csv")
    montage = [("z", "zygomaticus_major", "left"), ("c", "corrugator", "left")]
    session = interop.read_recording(
        tmp_path / "a.csv", rate=None if timed else 500.0, montage=montage
    )
    x = recording.emg(session)
    assert recording.sampling_rate(x) == 500.0
    assert (x.attrs["units"], x["channel"].values.tolist()) == ("uV", ["z", "c"])
    np.testing.assert_allclose(x.values, VALUES, rtol=1e-6)
    with pytest.raises(ValueError, match="has no column nose; it has zygo, corr"):
        interop.read_recording(tmp_path / "a.csv", channels=["nose"])


def test_a_unit_that_is_given_is_no_fault(tmp_path):
    rows = [",".join(map(str, row)) for row in VALUES.tolist()]
    (tmp_path / "a.csv").write_text("\n".join(["zygo,corr", *rows, ""]))
    assert "no common unit; give units=" in said(
        interop.read_recording(tmp_path / "a.csv", rate=500)
    )
    given = interop.read_recording(tmp_path / "a.csv", rate=500, units="uV")
    assert recording.emg(given).attrs["units"] == "uV"
    assert "unit" not in said(given)


def test_times_with_a_pause_are_kept_whatever_rate_is_declared(tmp_path):
    stamps = np.arange(N) / 500 + np.where(np.arange(N) < 900, 0, 30.0)
    rows = [f"{t:.6f},{a}" for t, (a, _) in zip(stamps, VALUES, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["time_s,a", *rows, ""]))
    session = interop.read_recording(tmp_path / "a.csv", units="mV", rate=500.0)
    x = recording.emg(session)
    np.testing.assert_allclose(x["time"].values, stamps, atol=1e-6)
    assert "rows are missing" in said(session)
    with pytest.warns(UserWarning, match="interpolation is uncertain"):
        assert recording.uniform(x).sizes["time"] == N + 15_000


def test_the_rate_of_xdf_is_that_of_the_clock_of_its_markers(tmp_path):
    pytest.importorskip("pyxdf", reason="pyxdf is not installed")
    stamps = 100 + np.arange(N) / (RATE * 1.001)
    payloads = [struct.pack("<2d", *row) for row in VALUES]
    parts = [b"XDF:", chunk(1, b"<info><version>1.0</version></info>")]
    parts += [xdf_header(1, "Amp", "EMG", 2, RATE, "double64"), xdf_samples(1, stamps, payloads)]
    parts.append(chunk(6, struct.pack("<I", 1) + b"<info></info>"))
    (tmp_path / "a.xdf").write_bytes(b"".join(parts))
    x = recording.emg(interop.read_recording(tmp_path / "a.xdf"))
    assert recording.sampling_rate(x) == pytest.approx(RATE * 1.001, rel=1e-6)
    assert x.attrs["nominal_rate"] == RATE


def test_irregular_times_are_kept(tmp_path):
    stamps = np.sort(RNG.uniform(0, 10, N))
    rows = [f"{t:.6f};{a};{b}" for t, (a, b) in zip(stamps, VALUES, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["t;a;b", *rows, ""]))
    session = interop.read_recording(tmp_path / "a.csv", units="mV")
    np.testing.assert_allclose(recording.emg(session)["time"].values, stamps, atol=1e-6)
    assert "none is declared" in said(session)


def chunk(tag, content):
    body = struct.pack("<H", tag) + content
    return b"\x04" + struct.pack("<I", len(body)) + body


def xdf_header(number, name, kind, count, rate, layout):
    labels = "".join(
        f"<channel><label>{c}</label><unit>microvolts</unit></channel>" for c in "ab"[:count]
    )
    text = (
        f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type>"
        f"<channel_count>{count}</channel_count><nominal_srate>{rate}</nominal_srate>"
        f"<channel_format>{layout}</channel_format><source_id>{name}</source_id>"
        f"<created_at>0</created_at><desc><channels>{labels}</channels></desc></info>"
    )
    return chunk(2, struct.pack("<I", number) + text.encode())


def xdf_samples(number, stamps, payloads):
    body = b"".join(
        b"\x08" + struct.pack("<d", at) + each for at, each in zip(stamps, payloads, strict=True)
    )
    head = struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(stamps))
    return chunk(3, head + body)


def test_xdf_gives_the_stream_of_emg_with_gaps_and_markers(tmp_path):
    pytest.importorskip("pyxdf", reason="pyxdf is not installed")
    stamps = 100 + np.arange(N) / RATE
    stamps[1200:] += 3.0
    payloads = [struct.pack("<2d", *row) for row in VALUES]
    words = [b"\x01" + bytes([len(w)]) + w for w in (b"smile", b"end")]
    parts = [
        b"XDF:",
        chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>"),
        xdf_header(1, "Amp", "EMG", 2, RATE, "double64"),
        xdf_header(2, "Cues", "Markers", 1, 0, "string"),
        xdf_samples(1, stamps, payloads),
        xdf_samples(2, [101.0, 102.5], words),
    ]
    foot = b"<?xml version='1.0'?><info><sample_count>0</sample_count></info>"
    parts += [chunk(6, struct.pack("<I", k) + foot) for k in (1, 2)]
    (tmp_path / "a.xdf").write_bytes(b"".join(parts))
    session = interop.read_recording(tmp_path / "a.xdf")
    x = recording.emg(session)
    assert (recording.sampling_rate(x), x.attrs["units"]) == (RATE, "uV")
    assert x["channel"].values.tolist() == ["a", "b"]
    assert x.sizes["time"] == N + 750
    np.testing.assert_allclose(x.values[:1200], VALUES[:1200], rtol=1e-6)
    np.testing.assert_allclose(x.values[-800:], VALUES[-800:], rtol=1e-6)
    assert session["markers"]["text"].values.tolist() == ["smile", "end"]
    np.testing.assert_allclose(session["markers"]["time"], [1.0, 2.5], atol=1e-3)
    with pytest.raises(ValueError, match="0 streams fit"):
        interop.read_recording(tmp_path / "a.xdf", stream="nobody")


def test_files_that_are_no_recordings_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        interop.read_recording(tmp_path / "none.txt")
    (tmp_path / "a.bin").write_bytes(b"\0\1\2")
    with pytest.raises(ValueError, match="binary file"):
        interop.read_recording(tmp_path / "a.bin")
    (tmp_path / "a.csv").write_text("name,word\na,b\n")
    with pytest.raises(ValueError, match="no column of numbers"):
        interop.read_recording(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="expected one of csv, acqknowledge"):
        interop.read_recording(tmp_path / "a.csv", "edf")
