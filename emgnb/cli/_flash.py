"""Program a board with the firmware, and copy its source."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from emgnb.cli._shared import printable

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

# Width of the progress bar, and duration of the check afterwards, in s.
WIDTH, CHECK = 30, 5.0


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    flash = commands.add_parser("flash", help="program a board with emgnb's firmware, and check it")
    flash.add_argument("port", help="such as COM3 or /dev/ttyACM0; see emgnb ports")
    flash.add_argument(
        "--board",
        choices=("mega", "uno", "nano", "nano-old"),
        help="kind of board (nano-old: old bootloader); default: each is tried",
    )
    flash.set_defaults(run=_flash)

    firmware = commands.add_parser(
        "firmware", help="copy the sketch, its wiring and the compiled files into a new folder"
    )
    firmware.add_argument("folder", nargs="?", default="emgnb-firmware", help="new folder")
    firmware.set_defaults(run=_firmware)


def _flash(arguments: argparse.Namespace) -> int:
    from emgnb import flash
    from emgnb.doctor import examine

    shown = _bar if sys.stderr.isatty() else None
    print(f"connecting to {arguments.port} …", file=sys.stderr, flush=True)
    try:
        done = flash.program(arguments.port, arguments.board, progress=shown)
    finally:
        if shown:
            print(file=sys.stderr)
    print(done, flush=True)
    found = examine(arguments.port, seconds=CHECK)
    print(printable(str(found)))
    if not found.scans:
        print("the firmware is on the board, but sends no samples: see the lines that begin with !")
        return 1
    print("the board works" + (": open pins are normal" if found.complaints else ""))
    return 0


def _firmware(arguments: argparse.Namespace) -> int:
    from emgnb.flash import copy_sketch

    folder = copy_sketch(arguments.folder)
    print(f"{folder / 'README.md'}: wiring, electrode sites, how to flash")
    print(f"{folder / 'emg_stream' / 'emg_stream.ino'}: the sketch, for the Arduino IDE")
    return 0


def _bar(stage: str, share: float) -> None:
    filled = round(WIDTH * share)
    bar = "#" * filled + "·" * (WIDTH - filled)
    print(f"\r{stage:9} [{bar}] {share:4.0%}", end="", file=sys.stderr, flush=True)
