"""Download the wheels of pinned packages for another system with pip, and check that all came."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement

from emgnb.kit.targets import LATE, Target

# Packages for one call of pip: each call is a point from which an interrupted kit continues.
AT_ONCE = 16
# pip's words if the index cannot be reached.
OFFLINE = re.compile(
    r"connection broken|Failed to establish|name resolution|getaddrinfo|ConnectTimeout|ProxyError"
    r"|Network is unreachable|Read timed out"
)
UNKNOWN = re.compile(r"No matching distribution found for (\S+)")


def fetch(
    needed: Sequence[Requirement],
    target: Target,
    wheels: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Download the wheels that `wheels` lacks.

    Parameters
    ----------
    needed : pinned requirements of `target`, without those they depend on
    wheels : existing folder for wheels of all targets
    progress : called with the number of packages that are there, and of all

    Raises
    ------
    RuntimeError : no internet, a package without a wheel for the target, or pip is missing
    """
    missing = _missing(needed, target, wheels)
    progress(len(needed) - len(missing), len(needed))
    for batch in batches(missing):
        arriving = wheels.with_name("arriving")
        shutil.rmtree(arriving, ignore_errors=True)
        arriving.mkdir()
        _download(batch, target, arriving)
        for wheel in arriving.iterdir():
            wheel.replace(wheels / wheel.name)
        arriving.rmdir()
        if left := _missing(batch, target, wheels):
            raise RuntimeError(_no_wheel(str(left[0]), target))
        progress(len(needed) - len(_missing(needed, target, wheels)), len(needed))


def _missing(needed: Sequence[Requirement], target: Target, wheels: Path) -> list[Requirement]:
    found = target.wheels_for(needed, wheels.glob("*.whl"))
    return [each for each, paths in found if not paths]


def batches(needed: Sequence[Requirement], size: int = AT_ONCE) -> Iterator[list[Requirement]]:
    """Yield requirements in groups; two versions of one package are never in the same group."""
    left = list(needed)
    while left:
        batch: dict[str, Requirement] = {}
        for each in left:
            if len(batch) < size:
                batch.setdefault(each.name, each)
        left = [each for each in left if each not in batch.values()]
        yield list(batch.values())


def _download(batch: Sequence[Requirement], target: Target, folder: Path) -> None:
    command = [
        # -P: Python ignores files named json.py in the current folder.
        *(sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--disable-pip-version-check", "--no-input", "--progress-bar=off", "--retries=2"),
        *("--implementation=cp", f"--python-version={target.python}.{LATE}"),
        *(f"--platform={each}" for each in target.platforms),
        *(f"--dest={folder}", *map(str, batch)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(explained(done.stdout + done.stderr, target))


def explained(output: str, target: Target) -> str:
    """Return what went wrong and what to do, from the output of a pip that failed."""
    if "No module named pip" in output:
        return (
            "pip, which downloads the wheels, is not installed in this environment: "
            f"{sys.executable} -m ensurepip"
        )
    found = UNKNOWN.search(output)
    # pip retries after a broken connection; only if it saw no version at all, the index is away.
    if OFFLINE.search(output) and (not found or "from versions: none" in output):
        return (
            "no connection to the package index, and making a kit needs one (using it does not). "
            "What has been fetched is kept: run the same command again to continue"
        )
    if found:
        return _no_wheel(found[1], target)
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    said = " ".join(errors) or " ".join(output.splitlines()[-3:])
    return f"pip could not download for {target}: {said}"


def _no_wheel(package: str, target: Target) -> str:
    return (
        f"{package} has no wheel for {target}. Leave that system out of --for, or choose another "
        "Python with --python; what has been fetched is kept"
    )
