"""Make the folder of a kit, and list its contents."""

from __future__ import annotations

import csv
import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from emgnb._included import firmware, included, pages
from emgnb.kit.fetching import fetch
from emgnb.kit.own_wheel import own_wheel
from emgnb.kit.targets import Target, pinned, this_python, this_system
from emgnb.lab import GLOSSARY, notebooks
from emgnb.recording.files import moved

Progress = Callable[[str], None]

# What is installed on the students' computers.
INSTALLED = "emgnb[all]"
UNFINISHED = ".unfinished"
LISTED, VERSION = "contents.csv", "version.txt"
# Scripts, and the systems that run them; cmd.exe needs CR LF.
SCRIPTS = {
    "start.sh": {"linux", "macos"},
    "start.command": {"macos"},
    "start.bat": {"windows"},
}


@dataclass(frozen=True)
class Kit:
    """A finished kit.

    folder : where it is
    targets : systems and versions of Python that it is for
    packages, bytes : wheels in it, and size of all files

    Examples
    --------
    >>> from pathlib import Path
    >>> from emgnb import kit
    >>> targets = (kit.Target("windows", "3.12"), kit.Target("macos", "3.12"))
    >>> print(kit.Kit(Path("stick"), targets, packages=160, bytes=510_000_000))
    stick: 160 wheels, 510 MB, for windows, Python 3.12; macos, Python 3.12
    """

    folder: Path
    targets: tuple[Target, ...]
    packages: int
    bytes: int

    def __str__(self) -> str:
        systems = "; ".join(map(str, self.targets))
        return f"{self.folder}: {self.packages} wheels, {self.bytes / 1e6:.0f} MB, for {systems}"


def make(
    folder: Path,
    systems: Sequence[str] | None = None,
    pythons: Sequence[str] | None = None,
    *,
    wheel: Path | None = None,
    requirements: str | None = None,
    progress: Progress = print,
) -> Kit:
    """Make a folder from which students install emgnb without internet and admin rights.

    Needs the internet. An interrupted kit is in `FOLDER.unfinished`; making the same kit again
    continues there.

    Parameters
    ----------
    folder : new folder, such as one on a USB stick
    systems : of "linux", "macos" and "windows"; default: the system of this computer
    pythons : versions of Python, such as "3.12"; default: the running one
    wheel : wheel of emgnb to include; default: made from this installation
    requirements : pinned packages instead of the tested ones (`pinned`), in pip's format with
        markers, and with all packages that they depend on
    progress : called with a line of text now and then

    Raises
    ------
    FileExistsError : `folder` exists
    ValueError : unknown system, or a version of Python that emgnb does not run on
    RuntimeError : no internet, or a package has no wheel for one of the systems

    Examples
    --------
    >>> from pathlib import Path
    >>> from emgnb import kit
    >>> Path("stick").mkdir()
    >>> kit.make(Path("stick"), ["windows"])
    Traceback (most recent call last):
    FileExistsError: stick exists and is not overwritten. …
    """
    targets = _targets(systems, pythons)
    folder = Path(folder)
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(
            f"{folder} exists and is not overwritten. Choose another name, or delete it first"
        )
    work = folder.with_name(folder.name + UNFINISHED)
    wheels = _prepared(work, progress)
    own = _with_own_wheel(wheels, wheel)
    text = requirements or pinned()
    of_target = {}
    for target in targets:
        needed = target.requirements(text)
        fetch(needed, target, wheels, _counter(target, progress))
        of_target[target] = {own, *_used(needed, target, wheels)}
    _write_texts(work, targets, own, text)
    _remove_unused(wheels, set().union(*of_target.values()))
    total = _listed(work, of_target)
    moved(work, folder)
    return Kit(folder, targets, len(list((folder / "wheels").iterdir())), total)


def _targets(systems: Sequence[str] | None, pythons: Sequence[str] | None) -> tuple[Target, ...]:
    return tuple(
        Target(system, python)
        for system in dict.fromkeys(systems or [this_system()])
        for python in dict.fromkeys(pythons or [this_python()])
    )


def _prepared(work: Path, progress: Progress) -> Path:
    """Return the folder for wheels; of an interrupted kit, keep only the wheels that are whole."""
    wheels = work / "wheels"
    if work.exists():
        progress(f"continuing in {work}")
        for each in work.iterdir():
            if each.is_dir() and each != wheels:
                shutil.rmtree(each)
            elif each != wheels:
                each.unlink()
    wheels.mkdir(parents=True, exist_ok=True)
    for each in wheels.iterdir():
        if not _whole(each):
            each.unlink()
    return wheels


def _whole(wheel: Path) -> bool:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError):
        return False


def _with_own_wheel(wheels: Path, given: Path | None) -> Path:
    for old in wheels.glob("emgnb-*.whl"):
        old.unlink()
    if given is None:
        return own_wheel(wheels)
    if not given.name.startswith("emgnb-") or not _whole(given):
        raise ValueError(f"{given} is not a wheel of emgnb, such as emgnb-0.1.0-py3-none-any.whl")
    return Path(shutil.copyfile(given, wheels / given.name))


def _counter(target: Target, progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(f"{target}: {done} of {total} packages")


def _used(needed: Sequence[Requirement], target: Target, wheels: Path) -> list[Path]:
    found = target.wheels_for(needed, wheels.glob("*.whl"))
    return [path for _, paths in found for path in paths]


def _remove_unused(wheels: Path, used: set[Path]) -> None:
    """Remove the wheels of an interrupted kit that was for other systems."""
    for each in wheels.iterdir():
        if each not in used:
            each.unlink()


def _write_texts(work: Path, targets: Sequence[Target], own: Path, text: str) -> None:
    _copy({each.name: each for each in notebooks()}, work / "notebooks")
    _copy(pages(), work / "docs")
    _copy(firmware(), work / "firmware")
    if not (work / "docs" / GLOSSARY).exists():
        raise RuntimeError(f"the text pages are not in {included('docs')}: install emgnb again")
    source = files("emgnb.kit")
    systems = {target.system for target in targets}
    for name in ["README.txt", *(name for name, on in SCRIPTS.items() if on & systems)]:
        content = (source / name).read_text("utf-8")
        ending = "\r\n" if name.endswith((".bat", ".txt")) else "\n"
        (work / name).write_text(content, encoding="utf-8", newline=ending)
        (work / name).chmod(0o755 if name in SCRIPTS else 0o644)
    _, version, *_ = parse_wheel_filename(own.name)
    _lines(work / "requirements.txt", [f"{INSTALLED}=={version}", *text.splitlines()])
    _lines(work / "pythons.txt", [" ".join(dict.fromkeys(each.python for each in targets))])
    _lines(work / "systems.txt", dict.fromkeys(each.system for each in targets))


def _copy(sources: dict[str, Path], folder: Path) -> None:
    for place, source in sources.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _listed(work: Path, of_target: dict[Target, set[Path]]) -> int:
    """Write the list of all files and the version of the kit; return the bytes of all files."""
    total = 0
    with (work / LISTED).open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["file", "bytes", "sha256", "for"])
        for path in sorted(each for each in work.rglob("*") if each.is_file()):
            if path.name in (LISTED, VERSION):
                continue
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = path.stat().st_size
            total += size
            users = [str(target) for target, used in of_target.items() if path in used]
            table.writerow([path.relative_to(work).as_posix(), size, digest, "; ".join(users)])
    kind = hashlib.sha256((work / LISTED).read_bytes()).hexdigest()
    _lines(work / VERSION, [kind])
    return total
