"""Open the notebooks, and run the demonstration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    lab = commands.add_parser("lab", help="open JupyterLab on the first notebook")
    lab.add_argument(
        "folder",
        nargs="?",
        help="existing folder; missing notebooks are copied into it (default: emgnb-notebooks)",
    )
    lab.add_argument(
        "--port", type=int, default=8888, help="port of JupyterLab, on this computer only"
    )
    lab.add_argument(
        "--no-browser", action="store_true", help="print the address instead of opening a browser"
    )
    lab.set_defaults(run=_lab)

    demo = commands.add_parser("demo", help="run all steps unattended on the simulated face")
    demo.add_argument("-o", "--folder", default="recordings", help="output folder")
    demo.add_argument(
        "--people", type=int, default=8, help="number of simulated people; each is left out once"
    )
    demo.set_defaults(run=_demo)


def _lab(arguments: argparse.Namespace) -> int:
    from emgnb.lab import open_lab

    folder = None if arguments.folder is None else Path(arguments.folder)
    return open_lab(folder, port=arguments.port, browser=not arguments.no_browser)


def _demo(arguments: argparse.Namespace) -> int:
    from emgnb.demo import run

    if arguments.people < 2:
        raise ValueError(
            f"--people {arguments.people}: expected at least 2, because one is left out"
        )
    run(Path(arguments.folder), people=arguments.people)
    return 0
