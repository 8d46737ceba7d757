"""No program can be reached without a token, and nothing that is passed on tells who wrote it."""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import decoders
import psutil
import pytest
from waiting import until

import emgnb
from emgnb import (
    acquire,
    detect,
    evaluate,
    features,
    filters,
    interop,
    labels,
    models,
    processing,
    recording,
    validate,
    windows,
)
from emgnb.acquire.ports.bridge import Bridge
from emgnb.live import Stream
from emgnb.live.outputs import open_output

PACKAGE = Path(emgnb.__file__).parent
# A name that no file holds by chance.
WHO = "zebulonquill"
# Packages that reach a network, and the modules that may import them, as SECURITY.md lists them.
REACHING = {
    *("socket", "socketserver", "ssl", "asyncio", "http", "urllib.request", "ftplib", "smtplib"),
    *("xmlrpc", "requests", "httpx", "aiohttp", "websocket", "websockets", "tornado", "pylsl"),
    *("fsspec", "s3fs", "distributed", "zarr.storage.FsspecStore"),
}
KNOWN = {
    "acquire/ports/_loopback.py": "recorder and kernel on one computer, with a token",
    "acquire/ports/lsl.py": "receives streams that the user names",
    "acquire/ports/tcp.py": "connects to the board that the user names",
    "batch/_files.py": "reads and writes where the user's plan says",
    "batch/running.py": "starts workers on this computer, with a certificate, or calls those named",
    "recording/_connections.py": "gives Zarr the connections to the URL that the user names",
    "recording/remote.py": "reads sessions from the URL that the user names",
    "recording/uploading.py": "writes sessions to the URL that the user names",
    "recording/urls.py": "connects to the storage of a URL that the user names",
    "lab.py": "looks whether its own JupyterLab answers",
    "live/outputs/_network.py": "sends OSC and VMC to the host that the user names",
    "live/outputs/lsl.py": "an output that the user opens",
    "live/outputs/websocket.py": "an output that the user opens, with a token",
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_only_known_modules_reach_a_network():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for name in imported(path)
        if any(f"{name}.".startswith(f"{each}.") for each in REACHING)
    }
    assert found == set(KNOWN), "say in SECURITY.md what it does, and list it here"


def test_no_widget_reaches_a_network():
    reaching = re.compile(r"\bfetch\(|XMLHttpRequest|WebSocket\(|sendBeacon|EventSource|RTCPeer")
    for path in [*PACKAGE.rglob("*.js"), *PACKAGE.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        assert not reaching.search(text), path.name
        assert not re.search(r"url\(\s*['\"]?https?:|@import", text), path.name


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    """Addresses and ports at which a process and its children listen."""
    every = [process, *process.children(recursive=True)]
    return {
        (each.laddr.ip, each.laddr.port)
        for one in every
        for each in one.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """The folder of a user with an unusual name, who works in it."""
    made = tmp_path / "home" / WHO
    made.mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(made))
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, WHO)
    monkeypatch.chdir(made)
    return made


def test_a_recorder_listens_to_nothing(home):
    recorder = acquire.start("sim://smile?seed=1", home)
    try:
        assert listening(psutil.Process(recorder.health().pid)) == set()
    finally:
        recorder.stop()


def test_the_recorder_of_a_browsers_board_listens_to_this_computer_only(home):
    before = listening(psutil.Process())
    page = Bridge("board", lambda header, body: None)
    page.from_page(
        {"kind": "board", "connected": True, "stream": "", "ask": 1, "usb": "", "baud": 500_000}
    )
    port = acquire.open_port("webserial://board?rate=500&channels=2")
    try:
        opened = listening(psutil.Process()) - before
    finally:
        port.close()
        page.close()
    assert [host for host, _ in opened] == ["127.0.0.1"]


def test_a_websocket_output_listens_to_this_computer_only_and_wants_a_token(home):
    pytest.importorskip("tornado", reason="tornado is not installed: pip install 'emgnb[live]'")
    before = listening(psutil.Process())
    stream = Stream("face", "expression", ("smile", "frown"), 20.0, 0.2, "P01")
    with open_output("ws://:0", stream) as out:
        opened = listening(psutil.Process()) - before
        assert {host for host, _ in opened} == {"127.0.0.1"}
        assert "token=" in out.url


def written(folder: Path) -> None:
    """Record, derive and export what a user might pass on, with absolute paths throughout."""
    face = decoders.face()
    values = decoders.counts(face, 4.0, ["smile"])
    journal = decoders.journal(folder / "old", face, values)
    recorder = acquire.start(f"replay://{journal}?speed=8", folder / "recordings", participant="P7")
    until(lambda: not recorder.health().is_alive)
    assert recording.open(recorder.folder).attrs["port"] == "replay://journal.emgj?speed=8"

    session = decoders.session()
    x = recording.emg(session)
    clean = decoders.CHAIN(x)
    bursts = detect.bursts(clean)
    coded = labels.events([2.2, 6.2], [3.5, 7.5], au="12", label="smile", intensity="C")
    for name in ("a.csv", "a_events.tsv", "a.eaf", "a.txt", "a.TextGrid"):
        interop.write_labels(coded, folder / name)
    read = interop.read_labels(folder / "a.eaf", coder="Ann")
    session = recording.make(
        x, markers=session["markers"].to_dataset(), labels={"Ann": read}, participant="P7"
    )
    stored = recording.save(session, folder / "mine.zarr")
    filters.filter_session(stored, decoders.CHAIN, folder / "filtered.zarr")
    recording.to_csv(session, folder / "tables")
    recording.to_netcdf(session, folder / "mine.nc")
    interop.write_bids([stored], folder / "study")
    there = interop.read_recording(folder / "tables" / "emg.csv", participant="P7")
    recording.save(there, folder / "read.zarr")

    cut = windows.cut(clean, labels.trials(session))
    table = features.extract(cut, ["rms"])
    models.fit(table, model="lda").save(folder / "model")
    result = evaluate.cross_validate(table, models.fit, by="trial", progress=False)
    result.to_json(folder / "result.json")
    result.to_html(folder / "result.html")
    validate.compare(bursts, coded, x).to_html(folder / "report.html")
    page = processing.process(stored).plot().to_html(include_plotlyjs=False)
    (folder / "picture.html").write_text(page, encoding="utf-8")


def texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file, those in archives included."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            yield name, path.read_bytes()
        if path.is_file() and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from ((f"{name}: {each}", archive.read(each)) for each in archive.namelist())
        if path.suffix == ".zarr" and (path / "zarr.json").exists():
            session = recording.open(path)
            shown = [node.to_dataset().to_dict() for node in session.subtree]
            yield f"{name}, read", repr(shown).encode()


def test_recordings_sessions_models_and_exports_name_no_folder_and_no_user(home):
    for module in ("edfio", "h5netcdf", "plotly", "sklearn"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    written(home)
    # The name is looked for as in text files, and as in files of Windows.
    sought = [WHO.encode(), WHO.encode("utf-16-le")]
    found = list(texts(home))
    telling = [name for name, content in found if any(each in content for each in sought)]
    assert telling == []
    kinds = {Path(name.partition(":")[0]).suffix for name, _ in found}
    assert kinds >= {".emgj", ".json", ".csv", ".nc", ".bdf", ".eaf", ".npz", ".html", ".tsv"}
