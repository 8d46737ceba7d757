"""Install the wheel on a fresh machine, for each kind of work, up to a first result.

Each set of extras gets an empty environment, an empty cache of pip, and the tested versions, from
the package index that pip asks by default. What is timed: download and installation, `emgnb lab` in
an empty folder until JupyterLab serves the first notebook, and then the third notebook in a new
kernel until its first honest accuracy. A laptop that only records has no notebooks: its first
result is the health of a short recording. The last row is a kit, started without network by an
ordinary user (Linux only).

Times of the installation depend on the package index and the disk; megabytes do not.

Run: python benchmarks/installation.py [--sizes] [--no-kit] [extras …]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import offline
from waiting import until

ROOT = Path(__file__).resolve().parents[1]
TESTED = ROOT / ".ci" / "constraints.txt"
FIRST_ACCURACY = Path(__file__).with_name("first_accuracy.py")
# Sets of extras that are followed to a first result.
WORK = {
    "record": "a laptop that only records",
    "record,lab,train": "teaching",
    "all": "everything in the notebooks",
}
# Further rows of docs/install.md.
SIZES = ("", "lab", "record,lab", "remote", "parquet", "all,long,live,brain")
# What a laptop that only records does first.
RECORDING = """
import time
from emgnb import acquire, recording
recorder = acquire.start("sim://smile", "recordings")
while recorder.health().scans < 5000:
    time.sleep(0.1)
health = recorder.health()
x = recording.open(recorder.stop())["emg/signal"]
print(health)
print(f"{x.sizes['time']} samples, {x.sizes['channel']} channels, lost {x.attrs['lost']}")
"""


@dataclass
class Row:
    """One set of extras: sizes in MB, and seconds since the empty environment was begun."""

    extras: str
    packages: int
    downloaded: float
    installed: float
    fetched: float
    pip: float
    lab: float = float("nan")
    first: float = float("nan")
    result: str = ""


def outside() -> dict[str, str]:
    """Return environment variables without this checkout and its environment."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def built(folder: Path) -> Path:
    """Return a wheel of this checkout."""
    order = [sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(order, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, extras: str, folder: Path) -> Row:
    """Install the wheel with extras into `folder`/env, as `pip install` does in two steps.

    The downloaded wheels are counted in between.
    """
    began = time.perf_counter()
    venv.create(folder / "env", with_pip=True)
    wanted, wheels = f"{wheel}[{extras}]" if extras else str(wheel), folder / "wheels"
    pip(folder, "download", "-d", str(wheels), "-c", str(TESTED), wanted)
    downloaded = time.perf_counter() - began
    pip(folder, "install", "--no-index", "--find-links", str(wheels), wanted)
    took = time.perf_counter() - began
    sizes = [path.stat().st_size for path in wheels.iterdir()]
    return Row(extras, len(sizes), sum(sizes) / 1e6, used(folder / "env") / 1e6, downloaded, took)


def pip(folder: Path, *order: str) -> None:
    """Run pip without the settings and the cache of this computer."""
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_CACHE_DIR": str(folder / "cache")}
    env = {**outside(), **settings, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    quiet = ("-q", "--no-input", "--disable-pip-version-check")
    command = [program(folder, "python"), "-m", "pip", *order[:1], *quiet, *order[1:]]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


def used(folder: Path) -> int:
    """Return the bytes of all packages but pip, without compiled files."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not re.search(r"[\\/]pip[\\/-]", str(path))
    )


def program(folder: Path, name: str) -> str:
    """Return the path of a program in an environment."""
    return str(folder / "env" / ("Scripts" if os.name == "nt" else "bin") / name)


def lab_opens(folder: Path) -> None:
    """Run `emgnb lab` in an empty folder until the first notebook is served; then end it."""
    log = folder / "lab.log"
    order = [program(folder, "emgnb"), "lab", "--no-browser", "--port=29100"]
    with log.open("w") as out:
        lab = subprocess.Popen(order, cwd=folder, env=outside(), stdout=out, stderr=out)
    try:
        until(lambda: lab.poll() is not None or "token=" in log.read_text(), every=0.1)
        found = re.search(r"(http://127\S*?)/lab/\S*token=(\w+)", log.read_text())
        if not found:
            raise SystemExit(log.read_text())
        page = f"{found[1]}/api/contents/01_acquire.ipynb?token={found[2]}"
        with urllib.request.urlopen(page, timeout=60) as answer:
            answer.read()
    finally:
        lab.terminate()
        lab.wait(60)


def first_accuracy(folder: Path) -> str:
    notebooks = folder / "emgnb-notebooks"
    order = [program(folder, "python"), "-P", str(FIRST_ACCURACY), str(notebooks)]
    return run(order, folder)


def first_recording(folder: Path) -> str:
    """Record the simulated face, and return the health and the length of the recording."""
    return run([program(folder, "python"), "-P", "-c", RECORDING], folder)


def run(order: list[str], folder: Path) -> str:
    done = subprocess.run(order, cwd=folder, env=outside(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.strip()


def followed(wheel: Path, extras: str, *, only_sizes: bool) -> Row:
    """Install a set of extras and follow it to its first result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        row = install(wheel, extras, folder)
        if only_sizes:
            return row
        after = time.perf_counter() - began - row.pip  # counting the sizes takes time as well
        if extras == "record":
            row.result = first_recording(folder)
        else:
            lab_opens(folder)
            row.lab = time.perf_counter() - began - after
            row.result = first_accuracy(folder)
        row.first = time.perf_counter() - began - after
        return row


def from_a_kit(wheel: Path) -> tuple[str, dict[str, object]]:
    """Make a kit for this computer, and start it without network as an ordinary user."""
    from emgnb import kit

    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)  # an ordinary user enters it
        offline.alone()
        python = offline.ordinary_python()
        quiet = lambda _: None  # noqa: E731
        made = kit.make(folder / "stick", ["linux"], [python], wheel=wheel, progress=quiet)
        return f"{made.packages} | {made.bytes / 1e6:.0f}", offline.started(
            made.folder, folder / "home"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def in_a_line(result: str) -> str:
    return re.sub(r"\s*\n\s*", "; ", result.replace("|", "/")).strip("<>")


def cell(seconds: float) -> str:
    return "" if seconds != seconds else f"{seconds:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("extras", nargs="*", help=f"such as {', '.join(WORK)}")
    parser.add_argument("--sizes", action="store_true", help="sizes of all rows of docs/install.md")
    parser.add_argument("--no-kit", action="store_true")
    chosen = parser.parse_args()
    asked = chosen.extras or (SIZES if chosen.sizes else tuple(WORK))
    with tempfile.TemporaryDirectory() as name:
        wheel = built(Path(name))
        print(f"The wheel of emgnb has {wheel.stat().st_size / 1e6:.1f} MB.\n")
        print("| Extras | Packages | Downloaded, MB | Installed, MB ", end="")
        print("| Downloaded after, s | Installed after, s | JupyterLab after, s ", end="")
        print("| First result after, s |\n|---|---|---|---|---|---|---|---|")
        results = []
        for extras in asked:
            row = followed(wheel, extras, only_sizes=chosen.sizes)
            name = f"`{extras}`" if extras else "(none)"
            sizes = f"{row.packages} | {row.downloaded:.0f} | {row.installed:.0f}"
            times = " | ".join(map(cell, (row.fetched, row.pip, row.lab, row.first)))
            print(f"| {name} | {sizes} | {times} |", flush=True)
            if row.result:
                results.append(f"- `{extras}`, {WORK.get(extras, 'first result')}: {row.result}")
        if not chosen.no_kit and not chosen.sizes:
            try:
                made, found = from_a_kit(wheel)
            except offline.NotHereError as reason:
                results.append(f"- A kit was not tried: {reason}")
            else:
                lab, first = (found[key] for key in ("lab after, s", "accuracy after, s"))
                after = f"{lab:.0f} | {first:.0f}"
                print(f"| kit, without network | {made} of the stick | | | | {after} |")
                results.append(f"- kit: {found['accuracy']}")
    print("\nFirst results:\n")
    print("\n".join(map(in_a_line, results)))


if __name__ == "__main__":
    main()
