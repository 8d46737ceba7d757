"""Record and decode live."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from emgnb.cli._recording import recording
from emgnb.cli._shared import DIALECT_NAMES, KINDS, PORT, chosen_port, printable

if TYPE_CHECKING:
    from emgnb.live import Decoding, Output

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    live = commands.add_parser("live", help="record, and decode while recording, until Ctrl-C")
    live.add_argument("port", nargs="?", help=PORT)
    live.add_argument(
        "--model", required=True, help="classifier (.npz), or levels of rest and maximum (.json)"
    )
    live.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="URL",
        help="also send outputs to osc://host:port, vmc://host:port, lsl://name, ws://host:port "
        "or file://name.jsonl; may be repeated",
    )
    live.add_argument("-o", "--folder", default="recordings", help="output folder")
    live.add_argument("--participant", default="", help="a random id, not a name")
    live.add_argument("--seconds", type=float, help="duration; default: until Ctrl-C")
    live.add_argument("--kind", choices=KINDS, help="sensor output")
    live.add_argument("--dialect", default="auto", help=DIALECT_NAMES)
    live.add_argument("--hop", type=float, help="s from one output to the next")
    live.add_argument(
        "--reject", type=float, default=0.0, help="smallest probability of a label, 0 to 1"
    )
    live.add_argument("--majority", type=int, default=1, help="labels that vote")
    live.add_argument("--hold", type=int, default=1, help="equal outcomes before a label changes")
    live.set_defaults(run=_live)


def _live(arguments: argparse.Namespace) -> int:
    from emgnb import live

    if arguments.seconds is not None and not arguments.seconds > 0:
        raise ValueError(f"--seconds {arguments.seconds:g}, expected more than 0")
    live.load(arguments.model)  # before anything is recorded
    with recording(chosen_port(arguments), arguments) as recorder:
        decoding = live.decode(
            recorder,
            arguments.model,
            to=arguments.to,
            hop=arguments.hop,
            reject=arguments.reject,
            majority=arguments.majority,
            hold=arguments.hold,
        )
        with decoding:
            print(f"decoding {recorder.folder}; press Ctrl-C to stop", flush=True)
            _show(decoding, arguments.seconds)
    return 0


def _show(decoding: Decoding, seconds: float | None) -> None:
    """Print labels, gaps and messages as they change, until the time is over."""
    begin, shown, message = time.monotonic(), "", ""
    stream = None
    while seconds is None or time.monotonic() - begin < seconds:
        if stream is None and (stream := decoding.stream) is not None:
            delay = 1000 * stream.added_delay
            print(
                f"{stream.rate:.3g} outputs a second; filters, window and smoothing delay them by "
                f"{delay:.0f} ms",
                *map(printable, decoding.to),
                sep="\n",
                flush=True,
            )
        for output in decoding.new():
            line = _line(output)
            if line != shown:
                print(f"{output.seconds:9.2f} s  {printable(line)}", flush=True)
            shown = line
        if decoding.message != message:
            message = decoding.message
            print(printable(message), file=sys.stderr, flush=True)
        if decoding.state in ("stopped", "failed"):
            break
        time.sleep(0.02)


def _line(output: Output) -> str:
    if output.kind == "gap":
        return output.note
    if output.kind == "intensities":
        # To a tenth, so that a line is printed for what can be seen.
        return "  ".join(f"{name} {value:.1f}" for name, value in output.values.items())
    return output.label or "uncertain"
