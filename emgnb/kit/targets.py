"""List the systems a kit can be made for, the packages each needs, and the wheels that fit it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

OLDEST = (3, 11)
# Markers may ask for the third number of Python's version, which is not known here: the packages
# of the first and of a late one are all included.
FIRST, LATE = 0, 99


@dataclass(frozen=True)
class _System:
    """What markers ask about a system, and the platforms of wheels that it can use."""

    sys_platform: str
    os_name: str
    platform_system: str
    platform_machine: str
    platforms: Sequence[str]


SYSTEMS = {
    # glibc 2.28 is that of Debian 10, and older than that of Ubuntu 20.04.
    "linux": _System(
        *("linux", "posix", "Linux", "x86_64"),
        [
            *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
            *(f"manylinux{year}_x86_64" for year in (2014, 2010, 1)),
        ],
    ),
    # JAX has no wheels for Macs with an Intel processor.
    "macos": _System(
        *("darwin", "posix", "Darwin", "arm64"), list(mac_platforms((12, 0), "arm64"))
    ),
    "windows": _System("win32", "nt", "Windows", "AMD64", ["win_amd64"]),
}


def this_system() -> str:
    """Return the name of the system this process runs on: linux, macos or windows.

    Examples
    --------
    >>> from emgnb import kit
    >>> kit.this_system() in kit.SYSTEMS
    True
    """
    names = {"win32": "windows", "darwin": "macos"}
    return names.get(sys.platform, "linux")


def this_python() -> str:
    """Return the version of the running Python, such as 3.12.

    Examples
    --------
    >>> from emgnb import kit
    >>> kit.this_python().startswith("3.")
    True
    """
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def pinned() -> str:
    """Return the requirements of a kit: tested versions for all systems, one a line.

    Examples
    --------
    >>> from emgnb import kit
    >>> [line for line in kit.pinned().splitlines() if line.startswith("pyserial==")]
    ['pyserial==3.5']
    """
    return (files("emgnb.kit") / "requirements.txt").read_text("utf-8")


@dataclass(frozen=True)
class Target:
    r"""A system and a version of Python that a kit is for.

    Parameters
    ----------
    system : linux (x86-64, glibc 2.28 or newer), macos (Apple silicon, macOS 12 or newer) or
        windows (64 bits)
    python : version, such as "3.12"

    Raises
    ------
    ValueError : the system is unknown, or the version is not one that emgnb runs on

    Examples
    --------
    >>> from emgnb import kit
    >>> windows, linux = kit.Target("windows", "3.12"), kit.Target("linux", "3.12")
    >>> text = "numpy==2.5.5\npywinpty==3.1.2 ; os_name == 'nt'"
    >>> [each.name for each in windows.requirements(text)]
    ['numpy', 'pywinpty']
    >>> [each.name for each in linux.requirements(text)]
    ['numpy']
    >>> windows.fits("numpy-2.5.5-cp312-cp312-win_amd64.whl")
    True
    >>> linux.fits("numpy-2.5.5-cp312-cp312-win_amd64.whl")
    False
    """

    system: str
    python: str

    def __post_init__(self) -> None:
        if self.system not in SYSTEMS:
            raise ValueError(f"system {self.system!r}, expected {', '.join(SYSTEMS)}")
        if not re.fullmatch(r"3\.\d{1,2}", self.python) or self.version < OLDEST:
            raise ValueError(
                f"Python {self.python!r}, expected two numbers from 3.11 on, such as 3.12"
            )

    def __str__(self) -> str:
        return f"{self.system}, Python {self.python}"

    @property
    def version(self) -> tuple[int, int]:
        """The version of Python as numbers."""
        major, minor = self.python.split(".")
        return int(major), int(minor)

    @property
    def platforms(self) -> Sequence[str]:
        """Platforms in the names of wheels, preferred first."""
        return SYSTEMS[self.system].platforms

    @cached_property
    def _tags(self) -> frozenset[Tag]:
        name = f"cp{self.python.replace('.', '')}"
        return frozenset(
            [
                *cpython_tags(self.version, [name], self.platforms),
                *compatible_tags(self.version, name, self.platforms),
            ]
        )

    def requirements(self, text: str) -> list[Requirement]:
        """Return the lines of a file of requirements that this target needs, without markers."""
        needed = []
        for line in text.splitlines():
            if not (stated := line.partition("#")[0].strip()):
                continue
            each = Requirement(stated)
            if each.marker is None or any(
                each.marker.evaluate(self._environment(micro)) for micro in (FIRST, LATE)
            ):
                each.marker = None
                needed.append(each)
        return needed

    def _environment(self, micro: int) -> dict[str, str]:
        system = SYSTEMS[self.system]
        return {
            "extra": "",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.{micro}",
            "os_name": system.os_name,
            "platform_machine": system.platform_machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": system.platform_system,
            "platform_version": "",
            "python_full_version": f"{self.python}.{micro}",
            "python_version": self.python,
            "sys_platform": system.sys_platform,
        }

    def fits(self, name: str) -> bool:
        """Return whether a wheel with this file name can be installed on this target."""
        try:
            *_, tags = parse_wheel_filename(name)
        except InvalidWheelFilename:
            return False
        return not self._tags.isdisjoint(tags)

    def wheels_for(
        self, needed: Iterable[Requirement], wheels: Iterable[Path]
    ) -> list[tuple[Requirement, list[Path]]]:
        """Return each requirement with those of the wheels that satisfy it on this target."""
        by_name: dict[str, list[tuple[Version, Path]]] = {}
        for path in wheels:
            if self.fits(path.name):
                name, version, *_ = parse_wheel_filename(path.name)
                by_name.setdefault(name, []).append((version, path))
        return [
            (
                each,
                [
                    path
                    for version, path in by_name.get(canonicalize_name(each.name), [])
                    if version in each.specifier
                ],
            )
            for each in needed
        ]
