"""Make a kit for a class without internet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

SYSTEMS = ("windows", "macos", "linux")


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    kit = commands.add_parser(
        "kit", help="make a folder for a USB stick that installs emgnb without internet"
    )
    kit.add_argument("folder", help="new folder, such as one on the stick")
    kit.add_argument(
        "--for",
        dest="systems",
        nargs="+",
        choices=SYSTEMS,
        metavar="SYSTEM",
        help="windows, macos (Apple silicon) or linux (x86-64); default: that of this computer",
    )
    kit.add_argument(
        "--python",
        dest="pythons",
        nargs="+",
        metavar="VERSION",
        help="versions of Python on the students' computers, such as 3.12; default: the one here",
    )
    kit.add_argument(
        "--wheel",
        type=Path,
        help="wheel of emgnb to include; default: made from this installation",
    )
    kit.set_defaults(run=_kit)


def _kit(arguments: argparse.Namespace) -> int:
    from emgnb import kit

    made = kit.make(
        Path(arguments.folder),
        arguments.systems,
        arguments.pythons,
        wheel=arguments.wheel,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(made)
    print(f"{made.folder / 'contents.csv'} lists every file with its size and SHA-256 sum")
    return 0
