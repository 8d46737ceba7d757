"""Sessions on any file system that fsspec knows: names, errors, and what is there after a fault."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from emgnb import labels, recording
from emgnb.recording import urls

fsspec = pytest.importorskip(
    "fsspec", reason="fsspec is not installed: pip install 'emgnb[remote]'"
)


@pytest.fixture
def root():
    memory = fsspec.filesystem("memory")
    yield "memory://lab"
    memory.rm("/", recursive=True)


@pytest.fixture(scope="module")
def session() -> xr.DataTree:
    x = recording.signal(np.random.default_rng(0).normal(size=(2500, 2)), rate=1000, units="uV")
    return recording.make(
        x,
        markers=recording.markers([1.0], ["smile"]),
        labels={"Ann": labels.events([1.0], [1.5], au="12")},
        participant="P01",
    )


def test_any_file_system_of_fsspec_will_do(root, session):
    url = recording.save(session, f"{root}/p01.zarr/")
    assert url == f"{root}/p01.zarr"
    xr.testing.assert_identical(recording.open(url).load(), session)
    names = {Path(each).name for each in fsspec.filesystem("memory").find("/lab/p01.zarr")}
    assert urls.UNFINISHED not in names


def test_the_folder_of_a_recording_can_be_named(root, session):
    recording.save(session, f"{root}/2026-05-04/session.zarr")
    assert recording.open(f"{root}/2026-05-04").attrs["participant"] == "P01"


def test_the_last_object_makes_it_whole(root, session, monkeypatch):
    memory = type(fsspec.filesystem("memory"))
    written = []
    real = memory.pipe_file

    def noted(self, path, value, **options):
        written.append(path)
        return real(self, path, value, **options)

    monkeypatch.setattr(memory, "pipe_file", noted)
    recording.save(session, f"{root}/p01.zarr")
    assert written[0].endswith(urls.UNFINISHED)
    assert written[-1] == "/lab/p01.zarr/zarr.json"
    assert len(written) == len(set(written)) > 20


def test_after_a_fault_at_any_object_there_is_no_session(root, session, monkeypatch):
    memory = type(fsspec.filesystem("memory"))
    real, count = memory.pipe_file, 0

    def failing(self, path, value, **options):
        nonlocal count
        count += 1
        if count > last:
            raise OSError("the disk of the server is full")
        return real(self, path, value, **options)

    monkeypatch.setattr(memory, "pipe_file", failing)
    failures = 0
    for last in range(0, 200, 9):
        count, url = 0, f"{root}/{last}.zarr"
        with contextlib.suppress(OSError):
            recording.save(session, url)
        if count <= last:
            break
        with pytest.raises(FileNotFoundError, match="no session"):
            recording.open(url)
        failures += 1
    assert failures > 3
    xr.testing.assert_identical(recording.open(url).load(), session)


def test_of_two_writers_one_fails(root, session):
    like = session["emg/signal"].isel(time=slice(0, 0))
    with recording.SessionWriter(f"{root}/p01.zarr", like) as first:
        first.append(np.zeros((1000, 2)))
        with pytest.raises(FileExistsError, match="still running, or was interrupted"):
            recording.save(session, f"{root}/p01.zarr")
        first.close()
    assert recording.open(f"{root}/p01.zarr")["emg/signal"].sizes["time"] == 1000


def test_a_folder_of_sessions_is_not_a_session(root, session):
    recording.save(session, f"{root}/p01.zarr")
    with pytest.raises(ValueError, match=r"holds no zarr\.json, but p01\.zarr.*recording\.study"):
        recording.open(root)
    with pytest.raises(FileNotFoundError, match="nothing was deleted"):
        recording.remove_unfinished(root)


def test_labels_are_added_on_disk(root, session):
    url = recording.save(session, f"{root}/p01.zarr")
    with pytest.raises(ValueError, match="on object storage, which cannot replace a table"):
        recording.add_labels(url, "Ben", labels.events([1.0], [1.5], au="4"))


def test_the_newest_is_searched_on_disk(root):
    with pytest.raises(ValueError, match=r"on disk only.*recording\.study"):
        recording.latest(root)


def test_a_url_is_no_path():
    with pytest.raises(ValueError, match=r'one of its slashes.*"s3://bucket'):
        recording.open(Path("s3://lab/p01.zarr"))


def test_a_file_url_is_a_path(tmp_path, session):
    path = recording.save(session, tmp_path / "p01.zarr")
    assert recording.open(path.as_uri()).attrs["participant"] == "P01"


def test_unknown_storage():
    with pytest.raises(ValueError, match=r"fsspec knows no tape://.*s3://"):
        recording.open("tape://lab/p01.zarr")


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setattr("fsspec.core.get_filesystem_class", _import_again)
    with pytest.raises(ImportError, match=r's3://lab/p01.zarr needs s3fs.*"emgnb\[remote\]"'):
        recording.open("s3://lab/p01.zarr")


def _import_again(protocol: str) -> None:
    """What fsspec does when no earlier call has loaded the package."""
    assert protocol == "s3"
    try:
        import s3fs  # noqa: F401
    except ImportError as error:
        raise ImportError("Install s3fs to access S3") from error


@pytest.mark.parametrize("drive", [r"C:\study\p01.zarr", "C:/study/p01.zarr"])
def test_a_drive_is_no_protocol(drive):
    assert urls.located(drive) == Path(drive)
