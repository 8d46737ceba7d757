"""Provide an environment for each benchmark, with the peers that it is compared with.

Peers need other versions of packages than emgnb's tests, and than each other. So each group of them
has a separate environment, ignored by git; emgnb itself is imported from this checkout. If an
environment cannot be installed, the reason is printed and the benchmark runs without peers.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Pinned list of packages, by environment.
LISTS = {"peers": "peers.txt", "libemg": "libemg.txt"}
# Packages whose versions are printed on the page.
NAMED = {
    "": ("numpy", "scipy", "xarray", "zarr", "dask"),
    "peers": ("numpy", "scipy", "neurokit2", "biosppy", "mne", "brainflow"),
    "libemg": ("numpy", "scipy", "libemg", "tsfel"),
}
# Modules that benchmarks import from peers; LibEMG's features are loaded from their file.
IMPORTED = {
    "peers": ("neurokit2", "biosppy.signals.emg", "mne", "brainflow"),
    "libemg": ("tsfel", "librosa", "pywt"),
}


@dataclass(frozen=True)
class Environment:
    """A Python, its packages, and why the peers are missing ("" if they are not)."""

    python: Path
    versions: str
    missing: str = ""

    def variables(self) -> dict[str, str]:
        """Return environment variables: this checkout's emgnb, UTF-8, no display."""
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "MPLBACKEND": "Agg",
        }


def environment(name: str) -> Environment:
    """Return the named environment, installed if necessary, or the project's own if that fails."""
    own = Path(sys.executable)
    if not name:
        return Environment(own, versions(own, NAMED[""]))
    folder = ROOT / f".venv-{name}"
    listed = Path(__file__).with_name(LISTS[name])
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = hashlib.sha256(listed.read_bytes()).hexdigest()
    done = folder / "installed"
    if not done.exists() or done.read_text() != stamp:
        print(f"Installing {listed.name} into {folder.name} (some minutes) …", file=sys.stderr)
        try:
            venv.create(folder, clear=True, with_pip=True)
            pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
            subprocess.run(
                [*pip, "-q", "--no-deps", "-r", str(listed)],
                check=True,
                capture_output=True,
                text=True,
            )
        except (subprocess.CalledProcessError, OSError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            errors = [line for line in said if line.startswith("ERROR")]
            why = (errors or said)[-1].removeprefix("ERROR: ")
            return Environment(own, versions(own, NAMED[""]), why)
        done.write_text(stamp)
    return Environment(python, versions(python, NAMED[name]), broken(python, IMPORTED[name]))


def broken(python: Path, names: tuple[str, ...]) -> str:
    """Return which installed peers cannot be imported, and why; "" if all can."""
    found = []
    for name in names:
        done = subprocess.run([python, "-c", f"import {name}"], capture_output=True, text=True)
        if done.returncode:
            found.append(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    return "; ".join(found)


def versions(python: Path, names: tuple[str, ...]) -> str:
    """Return "Python 3.11.7, numpy 2.4.6, …" of an environment; missing packages are omitted."""
    code = (
        "import platform, importlib.metadata as m\n"
        "found = ['Python ' + platform.python_version()]\n"
        f"for name in {names!r}:\n"
        "    try: found.append(name + ' ' + m.version(name))\n"
        "    except m.PackageNotFoundError: pass\n"
        "print(', '.join(found))"
    )
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def machine() -> str:
    """Return cores, processor and system in words."""
    import platform

    model = platform.processor()
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text().splitlines():
            if line.lower().startswith(("model name", "hardware")):
                model = line.split(":", 1)[1].strip()
                break
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} cores, {model or platform.machine()}, {platform.system()}"
