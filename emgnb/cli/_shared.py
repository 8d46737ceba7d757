"""Arguments and texts that several commands share."""

from __future__ import annotations

import argparse
import sys

PORT = "such as COM3, /dev/ttyACM0 or sim://smile; default: the board that is plugged in"
KINDS = ("raw", "rectified", "envelope")
DIALECT_NAMES = "auto, frames, csv, csv-plain, chords, spikerbox, cyton or lsl"


def printable(text: str) -> str:
    """Escape control characters in a file's or a board's text, which could control the terminal."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def add_consent(command: argparse.ArgumentParser) -> None:
    """Add the argument that states why sessions are exported that are not to be shared."""
    command.add_argument(
        "--despite-consent",
        metavar="REASON",
        help="export what the participant's consent does not allow to share, for this reason",
    )


def chosen_port(arguments: argparse.Namespace) -> str:
    """Return the given port, or that of the board that is plugged in."""
    from emgnb import acquire

    if arguments.port is not None:
        return str(arguments.port)
    port = acquire.find()
    print(f"found a board at {port}", file=sys.stderr, flush=True)
    return port
