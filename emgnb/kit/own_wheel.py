"""Make emgnb's own wheel from what is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

# Files that an installer adds, and that belong to one computer.
ADDED = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
# A zip archive has no earlier date; one date makes the same wheel each time.
DATE = (1980, 1, 1, 0, 0, 0)


def own_wheel(folder: Path) -> Path:
    """Write emgnb's wheel into a folder: built from a checkout, packed from an installation.

    Raises
    ------
    RuntimeError : the build failed, or a file of the installation is missing
    """
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return _built(checkout, folder)
    return packed(metadata.distribution("emgnb"), folder)


def packed(distribution: metadata.Distribution, folder: Path) -> Path:
    """Pack the files of an installed, pure Python package into a wheel again.

    Raises
    ------
    RuntimeError : the list of its files, or one of them, is missing
    """
    name, version = distribution.metadata["Name"], distribution.version
    info = f"{name}-{version}.dist-info"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    lines = io.StringIO()
    record = csv.writer(lines, lineterminator="\n")
    with zipfile.ZipFile(target, "w") as wheel:
        for place, file in _files(distribution):
            try:
                data = file.read_bytes()
            except OSError as error:
                target.unlink()
                raise RuntimeError(
                    f"the installation of {name} lacks {place}: install it again"
                ) from error
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record.writerow([place, f"sha256={digest}", len(data)])
            _add(wheel, place, data)
        record.writerow([f"{info}/RECORD", "", ""])
        _add(wheel, f"{info}/RECORD", lines.getvalue().encode())
    return target


def _files(distribution: metadata.Distribution) -> list[tuple[str, Path]]:
    if distribution.files is None:
        raise RuntimeError(
            f"{distribution.metadata['Name']} was installed without a list of its files: "
            "install it again with pip"
        )
    return sorted(
        (each.as_posix(), Path(str(each.locate())))
        for each in distribution.files
        # Commands are outside the package; pip makes them anew.
        if not (each.parts[0] == ".." or each.suffix == ".pyc")
        and not (each.parent.suffix == ".dist-info" and each.name in ADDED)
    )


def _add(wheel: zipfile.ZipFile, place: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(place, DATE)
    entry.external_attr = 0o644 << 16
    wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)


def _built(checkout: Path, folder: Path) -> Path:
    command = [sys.executable, "-P", "-m", "pip", "wheel", "--no-deps", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", f"--wheel-dir={folder}", str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    found = sorted(folder.glob("emgnb-*.whl"))
    if done.returncode or not found:
        said = " ".join((done.stdout + done.stderr).splitlines()[-3:])
        raise RuntimeError(f"emgnb's own wheel could not be built: {said}")
    return found[0]
