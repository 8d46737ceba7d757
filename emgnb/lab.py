"""Open JupyterLab on the first notebook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path


def notebooks() -> Path:
    """Folder of the notebooks that came with emgnb."""
    installed = Path(__file__).parent / "notebooks"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "notebooks"


def copy_notebooks(folder: Path) -> Path:
    """Copy the notebooks into `folder`; what is there already stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(notebooks().glob("*.ipynb")):
        target = folder / source.name
        if not target.exists():
            shutil.copy(source, target)
    return folder


def open_lab(folder: Path, *, port: int = 8888, browser: bool = True) -> int:
    """Run JupyterLab on `folder` until it is stopped, and return its exit code.

    Raises
    ------
    RuntimeError : JupyterLab is not installed
    """
    if util.find_spec("jupyterlab") is None:
        raise RuntimeError('JupyterLab is not installed: pip install "emgnb[all]"')
    command = [
        # -P: a file signal.py or json.py in this folder is not taken for Python's own.
        *(sys.executable, "-P", "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}"),
        f"--ServerApp.root_dir={copy_notebooks(folder).resolve()}",
        "--LabApp.default_url=/lab/tree/01_acquire.ipynb",
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 0
