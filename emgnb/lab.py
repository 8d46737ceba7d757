"""Open JupyterLab on the first notebook."""

from __future__ import annotations

import contextlib
import difflib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import util
from pathlib import Path

from emgnb._included import included

FOLDER = "emgnb-notebooks"
FIRST, GLOSSARY = "01_acquire.ipynb", "glossary.md"
# Number of consecutive ports to try, as in JupyterLab itself.
TRIES = 50
# Time (s) for JupyterLab to respond, and interval (s) between requests.
PATIENCE, PAUSE = 120.0, 0.2
# Time (s) for JupyterLab to end its kernels.
GOODBYE = 20.0


def notebooks() -> list[Path]:
    """Return the notebooks included in emgnb, and the glossary that they link to."""
    return sorted([*included("notebooks").glob("*.ipynb"), included("docs") / GLOSSARY])


def copy_notebooks(folder: Path) -> Path:
    """Copy the notebooks and the glossary into `folder`; existing files stay as they are."""
    # Imports Zarr, which the other commands do not need.
    from emgnb import recording

    folder.mkdir(parents=True, exist_ok=True)
    for source in notebooks():
        target = folder / source.name
        if not target.exists():
            with recording.atomic_path(target) as beside:
                shutil.copy(source, beside)
    return folder


def open_lab(folder: Path | None = None, *, port: int = 8888, browser: bool = True) -> int:
    """Run JupyterLab in a folder until it is stopped, and return its exit code.

    Ctrl-C, and the signals that end this process, also end JupyterLab and its kernels.

    Parameters
    ----------
    folder : an existing folder, to which missing notebooks are copied; None for `FOLDER` in the
        current one, which is created
    port : port of JupyterLab on this computer; if it is in use, the next free one
    browser : whether to open the page in a browser

    Raises
    ------
    FileNotFoundError, NotADirectoryError : `folder` does not exist, or is a file
    ValueError : `port` is not a port, or it and the following ports, 50 in all, are in use
    RuntimeError : JupyterLab is not installed
    """
    if util.find_spec("jupyterlab") is None:
        raise RuntimeError('JupyterLab is not installed: pip install "emgnb[lab]"')
    port = free_port(port)
    root = copy_notebooks(_wanted(folder)).resolve()
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(16)
    with _running(root, port, token, browser) as server:
        if _answers(server, port):
            print(
                f"JupyterLab runs on {root}\nOpen this address in a browser on this computer:\n\n"
                f"    http://127.0.0.1:{port}/lab/tree/{FIRST}?token={token}\n\n"
                "Ctrl-C stops it.",
                flush=True,
            )
        return server.wait()
    return 0


def free_port(port: int) -> int:
    """Return the first port from `port` on that no other program uses.

    Raises
    ------
    ValueError : `port` is outside 1 to 65535, or it and the following ports, 50 in all, are in use
    """
    if not 1 <= port <= 65_535:
        raise ValueError(f"port {port}, expected 1 to 65535; 8888 is usual")
    tried = range(port, min(port + TRIES, 65_536))
    for each in tried:
        with contextlib.suppress(OSError), socket.socket() as probe:
            if os.name != "nt":  # on Windows this option would allow a port in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", each))
            return each
    raise ValueError(
        f"ports {tried[0]} to {tried[-1]} are in use or not allowed: choose another with --port"
    )


def _wanted(folder: Path | None) -> Path:
    """Reject files and missing folders: a mistyped name must not create a folder."""
    if folder is None and not Path(FOLDER).exists():
        return Path(FOLDER)
    folder = folder or Path(FOLDER)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise NotADirectoryError(
            f"{folder} is a file, expected a folder. To open its folder: emgnb lab {folder.parent}"
        )
    near: list[str] = []
    with contextlib.suppress(OSError):
        names = [each.name for each in folder.parent.iterdir() if each.is_dir()]
        near = difflib.get_close_matches(folder.name, names, n=1)
    hint = f"did you mean {folder.parent / near[0]}?" if near else "check the name."
    raise FileNotFoundError(f"no folder {folder}: {hint} For a new one: mkdir {folder}")


def _config_path() -> str:
    """Return Jupyter's folders of configuration, with one that disables the question about news."""
    own = str(Path(__file__).resolve().parent / "_jupyter")
    return os.pathsep.join(filter(None, [own, os.environ.get("JUPYTER_CONFIG_PATH")]))


@contextlib.contextmanager
def _running(root: Path, port: int, token: str, browser: bool) -> Iterator[subprocess.Popen[bytes]]:
    """Run JupyterLab, and end it together with this process."""
    command = [
        # -P: Python ignores files named signal.py or json.py in this folder.
        *(sys.executable, "-P", "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}"),
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        *("--LabApp.news_url=None", "--Application.log_level=WARN"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    # The token is not on the command line, which every user of the computer can read.
    env = {**os.environ, "JUPYTER_TOKEN": token, "JUPYTER_CONFIG_PATH": _config_path()}
    server = subprocess.Popen(command, env=env)
    before = {each: signal.signal(each, _interrupt) for each in _endings()}
    try:
        yield server
    except KeyboardInterrupt:
        pass  # the normal way to stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        _end(server)


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until JupyterLab responds; return False if it ends instead, or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=10):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(PAUSE)
    return False


def _endings() -> list[signal.Signals]:
    """Return the signals that end a process and can be caught; a closed terminal sends SIGHUP."""
    return [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _interrupt(_: int, __: object) -> None:
    raise KeyboardInterrupt


def _end(server: subprocess.Popen[bytes]) -> None:
    """End JupyterLab, which ends its kernels; kill it if it does not react."""
    if os.name == "nt":  # Ctrl-C reaches it as well; `terminate` would leave its kernels
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(GOODBYE)
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
