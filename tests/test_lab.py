"""`emgnb lab` puts the notebooks where they are wanted and serves them on this computer only."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from emgnb import lab


def test_notebooks_are_copied_once_and_never_over_what_is_there(tmp_path):
    folder = lab.copy_notebooks(tmp_path / "mine")
    names = sorted(path.name for path in folder.iterdir())
    assert names[:3] == ["01_acquire.ipynb", "02_filter.ipynb", "03_train.ipynb"]
    (folder / names[0]).write_text("my own work")
    lab.copy_notebooks(folder)
    assert (folder / names[0]).read_text() == "my own work"


@pytest.mark.slow
def test_the_lab_answers_on_loopback_with_the_first_notebook(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    command = [sys.executable, "-m", "emgnb", "lab", str(tmp_path / "nb"), "--no-browser"]
    log = tmp_path / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, f"--port={port}"],
            stdout=out,
            stderr=out,
            env={**os.environ, **home},
            start_new_session=True,
        )
        try:
            address = _address(server, log)
            assert address.startswith(f"http://127.0.0.1:{port}/lab/tree/01_acquire.ipynb?token=")
            token = address.rpartition("=")[2]
            listing = f"http://127.0.0.1:{port}/api/contents/01_acquire.ipynb?token={token}"
            with urllib.request.urlopen(listing, timeout=30) as answer:
                assert answer.status == 200
                assert b"Acquire" in answer.read()
        finally:
            if sys.platform == "win32":
                server.terminate()
            else:
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _address(server, log):
    for _ in range(600):
        found = re.search(r"http://127\.0\.0\.1:\d+/lab/\S*token=\w+", log.read_text())
        if found:
            return found[0]
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())
