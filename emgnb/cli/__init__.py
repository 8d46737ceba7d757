"""Run emgnb from the command line, without a notebook.

Every command prints its error in one line and exits with code 2; `doctor` exits with code 1 if it
finds a problem.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

import emgnb
from emgnb.cli import _datasets, _flash, _kit, _labels, _live, _looking, _notebooks, _recording
from emgnb.cli._shared import printable

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = _parser().parse_args(argv)
    # Print ? for characters that the console lacks; an encoding error would end a recording.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        print(f"emgnb {arguments.command}: interrupted", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        print(f"emgnb {arguments.command}: {_one_line(str(error))}", file=sys.stderr)
        return 2
    return code


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emgnb", description="Record and analyse facial EMG.")
    parser.add_argument("--version", action="version", version=f"emgnb {emgnb.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for group in (_notebooks, _recording, _live, _looking, _flash, _labels, _datasets, _kit):
        group.add_commands(commands)
    return parser
