"""One call from a file to its pieces: the same as the functions one by one."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import emgnb
from emgnb import detect, facs, features, filters, labels, quality, recording, simulate
from emgnb.cli import main

EXPRESSIONS = ("smile", "frown")


@pytest.fixture(scope="module")
def session() -> xr.DataTree:
    script = simulate.protocol(EXPRESSIONS, repetitions=2, seed=1)
    return simulate.face(script=script, seed=4, montage=facs.DEFAULT_MONTAGE[:4])


@pytest.fixture(scope="module")
def store(session, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings") / "2026-01-01"
    return recording.save(session, folder / "session.zarr")


@pytest.fixture(scope="module")
def result(store):
    return emgnb.process(store)


def test_the_pieces_are_those_of_the_functions_one_by_one(result, session):
    x = recording.emg(session)
    chain = filters.preset_for(x)
    assert result.chain == chain
    xr.testing.assert_equal(result.clean, chain(x))
    smooth = filters.Chain(filters.Rectify(), filters.Envelope(6.0))
    xr.testing.assert_equal(result.envelope, smooth(result.clean))
    xr.testing.assert_equal(result.bursts, detect.bursts(result.clean))
    xr.testing.assert_equal(result.quality, quality.report(x))
    xr.testing.assert_equal(result.trials, labels.trials(session))
    assert result.verdict == quality.is_physiology(session)
    assert not result.missing


def test_features_are_one_row_a_trial_and_show_the_muscle_asked_for(result):
    table = result.features
    assert list(table.data_vars) == ["mav", "wl", "zc", "ssc"]
    assert table["label"].values.tolist() == result.trials["label"].values.tolist()
    assert table["mav"].attrs["units"] == "uV"
    frown = table["mav"].sel(channel="corrugator_l").groupby("label").mean()
    assert frown.sel(label="frown") > 3 * frown.sel(label="smile")
    assert features.matrix(table.rename(trial="window")).sizes["feature"] == 16


@pytest.mark.parametrize("level", [0, 1, 2])
def test_session_its_folder_and_the_folder_of_all_are_the_same(store, result, level):
    path = [store, store.parent, store.parent.parent][level]
    xr.testing.assert_equal(emgnb.process(path).clean, result.clean)


def test_its_repr_names_every_piece(result):
    said = repr(result)
    for word in ("signal", "quality", "chain", "clean", "envelope", "bursts", "trials", "features"):
        assert f"\n{word}" in said
    assert "2 × smile" in said
    assert "BandPass" in said


def test_the_picture_has_the_signal_its_envelope_and_a_lane_of_bursts(result):
    figure = result.plot()
    names = {trace.name for trace in figure.data}
    assert {"clean", "envelope", "smile", "frown", "corrugator_l"} <= names


def test_an_envelope_sensor_is_not_band_passed():
    script = simulate.protocol(EXPRESSIONS, repetitions=1, seed=1)
    made = emgnb.process(simulate.face(script=script, sensor="v3", seed=4))
    assert "BandPass" not in repr(made.chain)
    xr.testing.assert_identical(made.envelope, made.clean)
    assert set(EXPRESSIONS) <= set(made.features["label"].values.tolist())
    assert "zc" not in made.features


def test_without_markers_the_rest_is_there_and_the_reason_is_told(session):
    bare = session.copy()
    del bare["markers"]
    made = emgnb.process(bare)
    assert made.clean.sizes == recording.emg(session).sizes
    assert set(made.missing) == {"trials", "features"}
    with pytest.raises(ValueError, match="no trials: the session has no markers"):
        _ = made.trials
    assert made.missing["features"].startswith("it needs the trials, and the session has no")


def test_random_numbers_get_a_verdict_though_nothing_can_be_cleaned():
    draws = np.random.default_rng(0).integers(0, 1024, (4000, 3))
    x = recording.signal(draws, rate=100.0, units="count", channel=["a", "b", "c"])
    made = emgnb.process(recording.make(x))
    assert made.verdict.physiology is False
    assert "100 Hz" in made.missing["chain"]
    with pytest.raises(ValueError, match="no clean: it needs the chain, and raw facial EMG at 100"):
        made.plot()


def test_channels_of_several_kinds_are_processed_kind_by_kind(session):
    raw = recording.emg(session)
    mixed = raw.assign_coords(signal_kind=("channel", ["raw", "raw", "envelope", "envelope"]))
    both = recording.with_signal(session, mixed)
    assert "several kinds" in emgnb.process(both).missing["chain"]
    one = emgnb.process(both, kind="raw")
    assert one.clean.sizes["channel"] == 2
    with pytest.raises(ValueError, match="the recording has envelope, raw"):
        emgnb.process(both, kind="rectified")


def test_files_of_others_are_read_by_their_readers(shared_data):
    film = sorted((shared_data / "nilsonne").glob("*.txt"))[0]
    made = emgnb.process(film, kind="envelope")
    assert made.trials.sizes["trial"] == 12
    rounds = sorted((shared_data / "facial_expression_envelopes").rglob("*.json"))[0]
    with pytest.raises(ValueError, match=r"holds \d+ recordings\. Choose one"):
        emgnb.process(rounds)
    with pytest.raises(ValueError, match=r"not a table of the paper's rows.*not a single-channel"):
        emgnb.process(sorted((shared_data / "emgflow").glob("*.csv"))[0])


def test_what_is_no_recording_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        emgnb.process(tmp_path / "thesis")
    with pytest.raises(FileNotFoundError, match="no session in"):
        emgnb.process(tmp_path)
    (tmp_path / "journal.emgj").touch()
    with pytest.raises(ValueError, match=r"a journal and no session.*emgnb recover"):
        emgnb.process(tmp_path)
    note = tmp_path / "note.docx"
    note.touch()
    with pytest.raises(ValueError, match=r"no reader for \.docx; expected sessions"):
        emgnb.process(note)


def test_the_command_prints_the_same_and_writes_a_picture_once(store, result, tmp_path, capsys):
    picture = tmp_path / "figure.html"
    assert main(["process", str(store), "-o", str(picture)]) == 0
    said = capsys.readouterr().out
    assert repr(result) in said
    assert "corrugator_l" in picture.read_text(encoding="utf-8")
    assert main(["process", str(store), "-o", str(picture)]) == 2
    assert "is not overwritten" in capsys.readouterr().err


def test_the_package_stays_light():
    code = "import emgnb, sys; print('emgnb.processing' in sys.modules, 'xarray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
