"""`emgnb lab` puts the notebooks where they are wanted and serves them on this computer only."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from waiting import ctrl_c_heard

from emgnb import lab


def test_notebooks_are_copied_once_and_never_over_what_is_there(tmp_path):
    folder = lab.copy_notebooks(tmp_path / "mine")
    names = sorted(path.name for path in folder.iterdir())
    assert names[:3] == ["01_acquire.ipynb", "02_filter.ipynb", "03_train.ipynb"]
    assert "glossary.md" in names
    (folder / names[0]).write_text("my own work")
    lab.copy_notebooks(folder)
    assert (folder / names[0]).read_text() == "my own work"


def test_a_mistyped_folder_is_refused_and_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no folder noteboks: did you mean notebooks\?"):
        lab.open_lab(Path("noteboks"))
    assert not (tmp_path / "noteboks").exists()


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "01_acquire.ipynb"
    file.touch()
    with pytest.raises(
        NotADirectoryError, match=r"is a file, expected a folder\. To open its folder: emgnb lab "
    ):
        lab.open_lab(file)


@pytest.mark.parametrize("port", [0, -1, 65_536, 99_999])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(ValueError, match=f"port {port}, expected 1 to 65535"):
        lab.free_port(port)


def test_a_port_in_use_gives_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert lab.free_port(port) > port


def environment(tmp_path):
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    return {**os.environ, **{name: str(tmp_path / name) for name in names}}


@contextlib.contextmanager
def running(tmp_path):
    """Run the command on a folder; gives the process, its address, and its output."""
    (tmp_path / "nb").mkdir()
    port = lab.free_port(20_000 + os.getpid() % 20_000)
    command = [sys.executable, "-m", "emgnb", "lab", str(tmp_path / "nb"), "--no-browser"]
    log = tmp_path / "log"
    with log.open("w") as out, ctrl_c_heard():
        server = subprocess.Popen(
            [*command, f"--port={port}"],
            stdout=out,
            stderr=out,
            env=environment(tmp_path),
            start_new_session=True,
        )
        try:
            yield server, _address(server, log), log
        finally:
            if server.poll() is None:
                server.terminate()
            server.wait(60)


@pytest.mark.slow
def test_the_lab_answers_on_loopback_with_the_first_notebook(tmp_path):
    with running(tmp_path) as (_, address, log):
        assert re.match(r"http://127\.0\.0\.1:\d+/lab/tree/01_acquire\.ipynb\?token=", address)
        server, token = address.partition("/lab/")[0], address.rpartition("=")[2]
        with urllib.request.urlopen(
            f"{server}/api/contents/01_acquire.ipynb?token={token}", timeout=30
        ) as answer:
            assert answer.status == 200
            assert b"Acquire" in answer.read()
        with urllib.request.urlopen(f"{server}/lab?token={token}", timeout=30) as page:
            text = page.read().decode()
        config = json.loads(re.search(r"jupyter-config-data\"[^>]*>(.*?)</script>", text, re.S)[1])
        assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"]
        # The address stands alone, not among lines of log.
        said = log.read_text().splitlines()
        assert len(said) <= 8, said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize(
    "name",
    [
        "SIGINT",
        pytest.param("SIGTERM", marks=pytest.mark.soak),
        pytest.param("SIGHUP", marks=pytest.mark.soak),
    ],
)
def test_ending_the_command_ends_jupyterlab_and_its_kernels(tmp_path, name):
    psutil = pytest.importorskip("psutil")
    with running(tmp_path) as (command, address, log):
        server, token = address.partition("/lab/")[0], address.rpartition("=")[2]
        request = urllib.request.Request(
            f"{server}/api/kernels", headers={"Authorization": f"token {token}"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 201
        family = psutil.Process(command.pid).children(recursive=True)
        assert len(family) >= 2, "JupyterLab and a kernel"
        command.send_signal(getattr(signal, name))
        assert command.wait(60) == 0, log.read_text()
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not alive, alive
        assert "lab.py" not in log.read_text()  # no traceback of ours


def _address(server, log):
    for _ in range(600):
        found = re.search(r"http://127\.0\.0\.1:\d+/lab/\S*token=\w+", log.read_text())
        if found:
            return found[0]
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())
