import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from emgnb import filters, labels, recording, windows
from emgnb.interop import corpora
from emgnb.interop.corpora import _measures


def told(x, words: str) -> str:
    """The one known fault that says `words`."""
    found = [fault for fault in recording.known_faults(x) if words in fault]
    assert len(found) == 1, f"{words!r} in {recording.known_faults(x)}"
    return found[0]


def silent(x, words: str) -> bool:
    return not any(words in fault for fault in recording.known_faults(x))


def write_rows(path: Path, values, label, *, stamp=None, muscle=None, header=None, end="\n"):
    columns = [f"s{k + 1}" for k in range(values.shape[1])]
    lines = [header or ",".join(["timestamp", "emotion_label", *columns, "muscle_name"])]
    for i, row in enumerate(values):
        cells = [
            str(1_700_000_000 if stamp is None else stamp[i]),
            label[i],
            *(f"{v:g}" for v in row),
            f'"{"" if muscle is None else muscle[i]}"',
        ]
        lines.append(",".join(cells))
    path.write_bytes((end.join(lines) + end).encode())
    return path


def drawn_rows(rows: int = 600, seed: int = 0):
    """Rows as the published ones: independent draws, on or off, named from what is on."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 60, (rows, 2)).astype(float)
    on = rng.random((rows, 2)) < 0.5
    on[~on.any(axis=1), 0] = True
    values[on] = rng.integers(150, 400, int(on.sum()))
    names = np.array(["Zygomaticus Major", "Frontalis"])
    return values, [", ".join(names[row]) for row in on]


def held(seconds: float = 20.0, rate: float = 100.0, channels: int = 2, seed: int = 0):
    """A smooth envelope that a muscle could have made."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (round(seconds * rate), channels))
    kernel = np.hanning(round(0.3 * rate))
    smooth = [np.convolve(c, kernel / kernel.sum(), mode="same") for c in noise.T]
    return 200 + 150 * np.column_stack(smooth)


# ── The paper's rows ──────────────────────────────────────────────────────────────────────────


def test_published_rows_are_told_apart_from_physiology(shared_data):
    session = corpora.read_paper_rows(shared_data / "paper" / "subject_01.csv")
    recording.check(session)
    x = session["emg/signal"]
    assert x.shape == (12000, 8)
    assert x.attrs["units"] == "count"
    assert set(x["signal_kind"].values) == {"envelope"}
    assert session.attrs["participant"] == "subject_01"
    assert "12000 rows share 2 time stamps in whole seconds" in told(session, "are not a clock")
    assert "at least 6000 rows per second" in told(session, "115200 baud")
    assert "not physiology" in told(session, "independent")
    told(session, "spectrum along the rows is flat")
    assert "6 labels is one continuous block of 2000 rows" in told(session, "position in")
    assert "100.0 % of rows" in told(session, "`muscle_name`")
    assert session["labels/file"]["label"].values.tolist() == [
        "happy",
        "surprise",
        "disgust",
        "sadness",
        "fear",
        "anger",
    ]
    assert x["muscle"].values[[0, 7]].tolist() == ["zygomaticus_major", "orbicularis_oculi"]


def test_muscle_names_stay_out_of_the_signal(shared_data):
    session = corpora.read_paper_rows(shared_data / "paper" / "subject_02.csv")
    assert "muscle_name" not in session["emg"].to_dataset().variables
    assert session["rows/muscle_name"].sizes == {"row": 12000}


def test_faults_are_measured_and_not_assumed_of_the_kind(tmp_path):
    rng = np.random.default_rng(3)
    values = held(seconds=60)
    label = (["happy"] * 1500 + ["anger"] * 1500) * 2
    muscle = rng.choice(["Frontalis", "Zygomaticus Major"], len(label))
    stamp = [f"{1_700_000_000 + i / 100:.2f}" for i in range(len(label))]
    session = corpora.read_paper_rows(
        write_rows(tmp_path / "real.csv", values, label, stamp=stamp, muscle=muscle)
    )
    assert recording.known_faults(session) == []
    assert recording.sampling_rate(session["emg/signal"]) == pytest.approx(100, rel=1e-6)
    assert session["labels/file"].sizes["event"] == 4
    assert set(session["emg/signal"]["muscle"].values) == {""}


def test_drawn_rows_of_another_file_are_recognised(tmp_path):
    values, muscle = drawn_rows()
    label = ["happy"] * 300 + ["fear"] * 300
    session = corpora.read_paper_rows(write_rows(tmp_path / "x.csv", values, label, muscle=muscle))
    told(session, "independent")
    told(session, "No value lies between")
    told(session, "`muscle_name`")


def test_a_rate_that_the_reader_is_given_is_the_time(tmp_path):
    values, muscle = drawn_rows()
    path = write_rows(tmp_path / "x.csv", values, ["happy"] * 300 + ["fear"] * 300, muscle=muscle)
    session = corpora.read_paper_rows(path, rate=50.0)
    assert recording.sampling_rate(session["emg/signal"]) == 50.0
    assert session["labels/file"]["offset"].values.tolist() == [6.0, 12.0]
    assert labels.trials(session, reaction=0)["label"].values.tolist() == ["happy", "fear"]
    told(session, "are not a clock")


def test_quotes_bom_semicolons_and_crlf_change_nothing(tmp_path):
    values, muscle = drawn_rows(40)
    plain = write_rows(tmp_path / "plain.csv", values, ["a"] * 40, muscle=muscle)
    text = plain.read_text()
    odd = tmp_path / "plain2.csv"
    lines = text.replace("timestamp", "Timestamp").splitlines()
    odd.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, "", ""]).encode())
    wide = tmp_path / "plain3.csv"
    wide.write_bytes(text.replace(",", ";").replace("; ", ", ").encode("utf-16"))
    first = corpora.read_paper_rows(plain)
    for path in (odd, wide):
        again = corpora.read_paper_rows(path)
        assert again["emg/signal"].identical(first["emg/signal"])
        assert again["rows"].to_dataset().identical(first["rows"].to_dataset())


def test_missing_values_are_nan_and_counted(tmp_path):
    values, muscle = drawn_rows(40)
    path = write_rows(tmp_path / "x.csv", values, ["a"] * 40, muscle=muscle)
    lines = path.read_text().splitlines()
    cells = lines[5].split(",")
    lines[5] = ",".join([*cells[:2], "", *cells[3:]])
    lines[9] = lines[9].replace(lines[9].split(",")[3], "err", 1)
    lines[40] = lines[40][:14]
    path.write_text("\n".join(lines))
    session = corpora.read_paper_rows(path)
    x = session["emg/signal"]
    assert np.flatnonzero(~x["valid"]).tolist() == [4, 8, 39]
    assert "line 41 with 3" in told(session, "another number of fields")
    assert "'err' in line 10" in told(session, "are not numbers")


def test_unknown_expressions_and_more_channels_are_kept(tmp_path):
    values = held(channels=11)
    label = ["contempt"] * 1000 + ["wörry"] * 1000
    path = write_rows(tmp_path / "x.csv", values, label)
    session = corpora.read_paper_rows(path)
    assert session["emg/signal"]["channel"].values.tolist() == [f"s{k}" for k in range(1, 12)]
    assert session["labels/file"]["label"].values.tolist() == ["contempt", "wörry"]


def test_another_table_is_refused_with_what_was_found(tmp_path, shared_data):
    path = shared_data / "paper" / "emg_data1.csv"
    with pytest.raises(ValueError, match=r"no column `emotion_label`, `s1`.*Timestamp, EMG_Value"):
        corpora.read_paper_rows(path)
    with pytest.raises(ValueError, match="no column `timestamp`, `emg_value`"):
        corpora.read_paper_capture(shared_data / "subvocalization" / "Sim.csv")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(ValueError, match="an empty file"):
        corpora.read_paper_capture(empty)
    words = tmp_path / "words.csv"
    words.write_text("Timestamp,EMG_Value\n1,a\n2,b\n3,c\n")
    with pytest.raises(ValueError, match=r"0 numbers in 3 rows.*'a'"):
        corpora.read_paper_capture(words)
    with pytest.raises(FileNotFoundError, match="no file"):
        corpora.read_paper_rows(tmp_path / "absent.csv")
    with pytest.raises(IsADirectoryError):
        corpora.read_paper_rows(tmp_path)


# ── The single-channel captures ───────────────────────────────────────────────────────────────


def test_the_stale_buffer_is_counted_and_the_rate_is_that_behind_it(shared_data):
    session = corpora.read_paper_capture(shared_data / "paper" / "emg_data3.csv")
    recording.check(session)
    assert session["emg"].sizes["time"] == 9796
    assert session.attrs["stale_rows"] == 8266
    assert session.attrs["measured_rate"] == pytest.approx(19.8, abs=0.05)
    assert "8266 rows come in the first 1.3 s" in told(session, "stale serial buffer")
    assert "19.8 Hz" in told(session, "clock is not uniform")
    assert "12.4 %" in told(session, "10-bit")
    assert session.attrs["started"].startswith("2025-04-16T10:06:06")


@pytest.mark.parametrize("number", [1, 2, 4, 5])
def test_the_other_captures_run_at_19_8_hz_too(shared_data, number):
    session = corpora.read_paper_capture(shared_data / "paper" / f"emg_data{number}.csv")
    assert session.attrs["measured_rate"] == pytest.approx(19.8, abs=0.05)
    assert session.attrs["stale_rows"] == 8
    assert silent(session, "clipped") == (number == 1)


def test_a_raw_bandpass_is_refused_on_a_capture(shared_data):
    x = corpora.read_paper_capture(shared_data / "paper" / "emg_data3.csv")["emg/signal"]
    with pytest.raises(ValueError, match="envelope"):
        filters.Chain(filters.BandPass(20, 450))(x)


def capture(path: Path, time, values) -> Path:
    lines = [f"{1.7e9 + t:.4f},{v}" for t, v in zip(time, values, strict=True)]
    path.write_text("\r\n".join(["Timestamp,EMG_Value", *lines, ""]))
    return path


def test_a_capture_without_a_buffer_is_not_accused_of_one(tmp_path):
    rng = np.random.default_rng(0)
    time = np.arange(2000) / 50 + rng.normal(0, 0.002, 2000)
    session = corpora.read_paper_capture(
        capture(tmp_path / "x.csv", np.sort(time), held(40, 50, 1)[:, 0].round().astype(int))
    )
    assert session.attrs["stale_rows"] == 0
    assert silent(session, "stale")
    assert silent(session, "clipped")
    assert session.attrs["measured_rate"] == pytest.approx(50, rel=0.01)


def test_rows_in_bursts_all_along_are_no_stale_buffer(tmp_path):
    time = np.repeat(np.arange(500) * 0.1, 5)
    session = corpora.read_paper_capture(
        capture(tmp_path / "x.csv", time, held(50, 50, 1)[:, 0].round().astype(int))
    )
    assert session.attrs["stale_rows"] == 0
    assert session.attrs["measured_rate"] == pytest.approx(50, rel=0.05)


def test_pauses_clipping_and_noise_are_reported(tmp_path):
    rng = np.random.default_rng(0)
    time = np.arange(1000) / 20
    time[600:] += 3.0
    values = rng.integers(0, 1000, 1000)
    values[100:150] = 1023
    session = corpora.read_paper_capture(capture(tmp_path / "x.csv", time, values))
    assert "1 gaps of up to 3.05 s" in told(session, "gaps")
    assert "50 of 1000 rows (5.0 %) are at 1023" in told(session, "clipped")
    told(session, "almost uncorrelated")


def test_time_that_runs_backwards_is_reported(tmp_path):
    time = np.arange(100) / 20
    time[50:] -= 1.0
    session = corpora.read_paper_capture(capture(tmp_path / "x.csv", time, np.arange(100)))
    assert "backwards 1 times, by up to 0.95 s" in told(session, "backwards")
    assert session.attrs["measured_rate"] == 0.0


def test_millisecond_stamps_are_recognised(tmp_path):
    path = tmp_path / "x.csv"
    rows = [f"{1_700_000_000_000 + 50 * i},{100 + i % 7}" for i in range(200)]
    path.write_text("\n".join(["Timestamp;EMG_Value".replace(";", ","), *rows]))
    session = corpora.read_paper_capture(path)
    assert session.attrs["measured_rate"] == pytest.approx(20)
    told(session, "milliseconds")


# ── Envelope sessions ─────────────────────────────────────────────────────────────────────────


def test_a_round_is_a_session_with_a_trial_for_each_expression(shared_data):
    folder = shared_data / "facial_expression_envelopes"
    rounds = corpora.read_envelope_json(folder / "Aquisicao_05_padrao.json")
    assert len(rounds) == 10
    assert len({s.attrs["session"] for s in rounds}) == 10
    assert {s.attrs["participant"] for s in rounds} == {"1"}
    first = rounds[0]
    recording.check(first)
    x = first["emg/signal"]
    assert set(x["signal_kind"].values) == {"envelope"}
    assert x.attrs["units"] == "count"
    assert recording.sampling_rate(x) == pytest.approx(1000 / 3)
    assert int(x["valid"].sum()) == 5 * 1600
    found = labels.trials(first, reaction=0)
    assert found["label"].values.tolist() == ["neutral", "smile", "open", "surprise", "grumpy"]
    np.testing.assert_allclose(found["offset"] - found["onset"], 4.8)
    assert first["labels/file"]["original"].values[1] == "Sorriso"
    told(first, "nominal")
    assert "sensor2 answers most to Sorriso" in told(first, "does not state")
    assert "4095" in told(first, "saturated")


def test_neither_filter_nor_window_reaches_into_the_next_trial(shared_data):
    path = shared_data / "facial_expression_envelopes" / "Aquisicao_05_transicoes.json"
    session = corpora.read_envelope_json(path)[0]
    content = json.loads(path.read_text())["Rodada1"]
    cut = windows.cut(session["emg/signal"], labels.trials(session, reaction=0), length=0.3)
    assert not np.isnan(cut.values).any()
    smiles = cut.isel(window=cut["label"].values == "smile").values
    assert smiles[:, 1].min() >= min(content["Sorriso"][1])
    x = filters.preset("envelope")(session["emg/signal"])
    filtered = windows.cut(x, labels.trials(session, reaction=0), length=0.3)
    assert filtered.sizes["window"] > 0.95 * cut.sizes["window"]


def write_json(path: Path, content) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8-sig")
    return path


def test_uneven_lengths_missing_samples_and_new_words_are_kept_and_reported(tmp_path):
    smooth = held(6, 333, 3).round().tolist()
    a, b, c = (list(column) for column in zip(*smooth, strict=True))
    a[3] = None
    content = {
        "Rodada1": {"Neutro": [a, b, c[:-100]], "Piscada": [a[:500], b[:500], c[:500]]},
        "Extra": {"Neutro": [b, b, c]},
    }
    rounds = corpora.read_envelope_json(write_json(tmp_path / "x.json", content), gap=2.0)
    assert [s.attrs["round"] for s in rounds] == ["Rodada1", "Extra"]
    assert labels.trials(rounds[0])["label"].values.tolist() == ["neutral", "Piscada"]
    x = rounds[0]["emg/signal"]
    assert x.sizes == {"time": len(a) + 500 + round(2 * 1000 / 3), "channel": 3}
    told(rounds[0], "sensors of 1998 and 1998 and 1898 samples")
    told(rounds[0], "Rodada1/Neutro: 1 samples are missing")
    told(rounds[0], "Extra has no Piscada")
    assert "500 to 1998" in told(rounds[0], "do not use the length as a feature")


def test_shuffled_samples_are_no_envelope(tmp_path):
    values = np.random.default_rng(0).permutation(held(10, 333, 2)).round()
    content = {"Data": {"Neutro": values.T.tolist()}}
    told(corpora.read_envelope_json(write_json(tmp_path / "x.json", content))[0], "out of order")


def test_sensors_that_are_named_are_not_asked_about(tmp_path):
    content = {"R": {"Neutro": held(2, 333, 2).T.round().tolist()}}
    (session,) = corpora.read_envelope_json(
        write_json(tmp_path / "x.json", content),
        channel=["forehead", "cheek"],
        muscle=["frontalis_medialis", "zygomaticus_major"],
    )
    assert session["emg/signal"]["channel"].values.tolist() == ["forehead", "cheek"]
    assert silent(session, "does not say")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([1, 2], "a list of 2"),
        ({}, "{}"),
        ({"R": [1, 2]}, "'R' holds a list of 2"),
        ({"R": {"Neutro": {"a": 1}}}, "R/Neutro holds an object with keys 'a'"),
        ({"R": {"Neutro": [1, 2, 3]}}, "R/Neutro, sensor 1, holds 1"),
        ({"R": {"Neutro": [[1, "x"], [1, 2]]}}, "sensor 1, holds 'x'"),
        ({"R": {"Neutro": [[[1, 2]], [1, 2]]}}, "sensor 1"),
        ({"R": {"a": [[1], [2]], "b": [[1]]}}, "trials of 1 and of 2 sensors"),
    ],
)
def test_another_json_is_refused_with_what_was_found(tmp_path, content, found):
    with pytest.raises(ValueError, match=r"expected .*sensor 1") as error:
        corpora.read_envelope_json(write_json(tmp_path / "x.json", content))
    assert found in str(error.value)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"Rodada1": {"Neutro": [[1, 2')
    with pytest.raises(ValueError, match=r"x\.json is not JSON"):
        corpora.read_envelope_json(path)
    with pytest.raises(FileNotFoundError):
        corpora.read_envelope_json(tmp_path / "y.json")


# ── Power features ────────────────────────────────────────────────────────────────────────────


def test_power_features_of_ten_people(shared_data):
    features = corpora.read_power_features(shared_data / "emotion_power_features")
    assert features["power"].dims == ("window", "channel")
    assert features["power"].shape == (700, 8)
    assert features["power"].attrs["units"] == "uV²"
    assert len(set(features["participant"].values)) == 10
    assert set(features["label"].values) == {
        "neutral",
        "smile",
        "sadness",
        "surprise",
        "disgust",
        "anger",
        "fear",
    }
    assert int(features["trial"].max()) == 6
    assert int(features["duplicate"].sum()) == 15
    assert "15 of 700 rows" in told(features, "exact copies")
    assert "22 times" in told(features, "scale")
    told(features, "uV² is assumed")


def test_one_file_is_one_person(shared_data):
    features = corpora.read_power_features(shared_data / "emotion_power_features" / "S03.mat")
    assert set(features["participant"].values) == {"S03"}
    assert silent(features, "scale")


def test_unknown_labels_and_odd_powers_are_kept_and_reported(tmp_path):
    rng = np.random.default_rng(0)
    data = np.column_stack([rng.lognormal(3, 1, (30, 4)), np.repeat([1, 2, 9], 10)])
    data[3, 1], data[4, 2] = np.nan, 0.0
    savemat(tmp_path / "A.mat", {"data": data})
    savemat(tmp_path / "B.mat", {"data": np.vstack([data[5:], data[5:10]])})
    features = corpora.read_power_features(tmp_path)
    assert features.sizes == {"window": 60, "channel": 4}
    assert set(features["label"].values) == {"neutral", "smile", "9"}
    assert len([f for f in recording.known_faults(features) if "[9] are not among" in f]) == 2
    told(features, "1 rows hold missing values")
    told(features, "1 powers are 0")
    assert "keep copies on one side" in told(features, "exact copies")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"x": np.ones((3, 3))}, r"`x` \(3, 3\), expected a matrix `data`"),
        ({"data": np.ones(5)}, "last column|expected a matrix"),
        ({"data": np.array([["a", "b"]])}, "expected a matrix `data`"),
        ({"data": np.array([[1.0, 0.5], [1.0, 2.0]])}, "1 of 2 values in the last column"),
    ],
)
def test_another_mat_file_is_refused_with_what_was_found(tmp_path, content, found):
    savemat(tmp_path / "x.mat", content)
    if "data" in content and content["data"].ndim == 1:
        content["data"] = content["data"][:, np.newaxis]
        savemat(tmp_path / "x.mat", content)
    with pytest.raises(ValueError, match=found):
        corpora.read_power_features(tmp_path / "x.mat")


def test_a_file_that_is_no_mat_is_refused(tmp_path):
    (tmp_path / "x.mat").write_bytes(b"not matlab at all, " * 20)
    with pytest.raises(ValueError, match=r"x\.mat is not a MATLAB file"):
        corpora.read_power_features(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no \.mat file"):
        corpora.read_power_features(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        corpora.read_power_features(tmp_path / "absent.mat")


# ── Measures ──────────────────────────────────────────────────────────────────────────────────


def test_lag_one_is_0_for_noise_and_near_1_for_an_envelope():
    noise = np.random.default_rng(0).normal(0, 1, (5000, 2))
    assert abs(_measures.lag_one(noise)) < 0.03
    assert _measures.lag_one(held(50)) > 0.95


def test_a_level_that_differs_between_labels_is_not_mistaken_for_memory():
    noise = np.random.default_rng(0).normal(0, 1, (4000, 1))
    noise[2000:] += 50
    assert _measures.lag_one(noise) > 0.9
    assert abs(_measures.lag_one(noise, np.repeat([0, 1], 2000))) < 0.05


def test_flatness_is_1_for_noise_and_small_for_an_envelope():
    group = np.zeros(6000, dtype=int)
    noise = np.random.default_rng(0).normal(0, 1, (6000, 4))
    assert _measures.flatness(noise, group) > 0.97
    assert _measures.flatness(held(60, channels=4), group) < 0.2


@pytest.mark.parametrize(("top", "bits"), [(200, 8), (1023, 10), (1024, 12), (4075, 12)])
def test_the_converter_is_the_smallest_that_holds_the_counts(top, bits):
    assert _measures.converter_top(np.array([0.0, top])) == 2**bits - 1
    assert _measures.converter_top(np.array([0.5, top])) is None


def test_an_empty_trial_is_reported_and_no_event(tmp_path):
    path = tmp_path / "e.json"
    path.write_text(json.dumps({"R": {"Neutro": [[], []], "Sorriso": [[1, 2], [3, 4]]}}))
    (session,) = corpora.read_envelope_json(path)
    assert session["labels/file/label"].values.tolist() == ["smile"]
    assert "R/Neutro is empty." in recording.known_faults(session)
    with pytest.raises(ValueError, match="2 sensors, but 1 names"):
        corpora.read_envelope_json(path, channel=["one"])
    with pytest.raises(ValueError, match="gap=-1, expected a number above 0"):
        corpora.read_envelope_json(path, gap=-1)


def test_a_first_row_without_a_stamp_and_an_infinite_value_are_reported(tmp_path):
    path = tmp_path / "rows.csv"
    rows = [",smile,inf", *(f"{1_700_000_000 + i},smile,{i % 7}" for i in range(9))]
    path.write_text("timestamp,emotion_label,s1\n" + "\n".join(rows))
    session = corpora.read_paper_rows(path, rate=100.0)
    x = recording.emg(session)
    assert x.sizes["time"] == 10
    assert np.isnan(x.values[0, 0])
    said = " ".join(recording.known_faults(session))
    assert (
        "1 values of `s1` are not numbers, or exceed 3.4e+38 (NaN here), first 'inf' in line 2"
        in said
    )
