"""List ports, record, stop and recover."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from emgnb.cli._shared import DIALECT_NAMES, KINDS, PORT, chosen_port

if TYPE_CHECKING:
    from emgnb.acquire import Health, Recorder

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    ports = commands.add_parser("ports", help="list available ports")
    ports.add_argument("--ask", action="store_true", help="open each port and identify its board")
    ports.set_defaults(run=_ports)

    record = commands.add_parser("record", help="record until Ctrl-C, then write a session")
    record.add_argument("port", nargs="?", help=PORT)
    record.add_argument("-o", "--folder", default="recordings", help="output folder")
    record.add_argument("--participant", default="", help="a random id, not a name")
    record.add_argument("--session", default="", help="session (one per electrode placement)")
    record.add_argument(
        "--seconds", type=float, help="duration of the recording; default: until Ctrl-C"
    )
    record.add_argument("--channels", type=int, help="number of channels to request from the board")
    record.add_argument("--rate", type=float, help="sampling rate to request from the board, in Hz")
    record.add_argument("--kind", choices=KINDS, help="sensor output")
    record.add_argument("--dialect", default="auto", help=DIALECT_NAMES)
    record.set_defaults(run=_record)

    stop = commands.add_parser(
        "stop", help="stop a recording whose notebook or terminal was closed"
    )
    stop.add_argument(
        "folder", help="folder of a recording, or of all recordings (stops the newest)"
    )
    stop.set_defaults(run=_stop)

    recover = commands.add_parser("recover", help="recover an interrupted recording")
    recover.add_argument("path", help="folder of a recording, or a journal")
    recover.add_argument("--dialect", help=DIALECT_NAMES)
    recover.add_argument("--to", help="path of the session")
    _add_overrides(recover)
    recover.set_defaults(run=_recover)


def _add_overrides(recover: argparse.ArgumentParser) -> None:
    """Add options that replace the settings of a recording."""
    recover.add_argument("--participant", help="instead of the one recorded")
    recover.add_argument("--session", help="instead of the one recorded")
    recover.add_argument(
        "--montage",
        help="CHANNEL:MUSCLE:SIDE for each channel, separated by commas; side may be empty",
    )
    recover.add_argument("--kind", help="sensor output: raw, rectified or envelope")
    recover.add_argument("--units", help="unit of the samples, such as V or mV")
    recover.add_argument("--units-per-count", type=float, help="size of a count in that unit")
    recover.add_argument("--attrs", help="all other attributes, as a JSON object; {} for none")


def _ports(arguments: argparse.Namespace) -> int:
    from emgnb.acquire import list_ports

    found = list_ports()
    width = max(len(info.url) for info in found)
    for info in found:
        board = f", {info.board}" if info.board else ""
        answer = f": {_answer(info.url)}" if arguments.ask and "://" not in info.url else ""
        print(f"{info.url:{width}}  {info.description}{board}{answer}", flush=True)
    return 0


def _answer(url: str) -> str:
    from emgnb.acquire import PortError
    from emgnb.acquire.ports import finding
    from emgnb.acquire.wire.dialects import DIALECTS

    try:
        found = finding.ask(url)
    except PortError as error:
        return str(error)
    if found.dialect is None:
        return f"unknown protocol; check it with emgnb doctor {url}"
    return DIALECTS[found.dialect].speaks + (f" ({found.words})" if found.words else "")


def _record(arguments: argparse.Namespace) -> int:
    from emgnb.acquire.ports.port import with_options

    if arguments.seconds is not None and not arguments.seconds > 0:
        raise ValueError(f"--seconds {arguments.seconds:g}, expected more than 0")
    port = with_options(chosen_port(arguments), channels=arguments.channels, rate=arguments.rate)
    with recording(port, arguments, session=arguments.session) as recorder:
        print(f"recording to {recorder.folder}; press Ctrl-C to stop", flush=True)
        _watch(recorder, arguments.seconds)
    return 0


@contextlib.contextmanager
def recording(port: str, arguments: argparse.Namespace, *, session: str = "") -> Iterator[Recorder]:
    """Record until the block or Ctrl-C ends it, and print the session; also after an error."""
    from emgnb import acquire

    _stop_like_ctrl_c()
    recorder = acquire.start(
        port,
        arguments.folder,
        participant=arguments.participant,
        session=session,
        signal_kind=arguments.kind,
        dialect=arguments.dialect,
    )
    try:
        yield recorder
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print(file=sys.stderr)
    finally:
        stored = recorder.stop()
    print(stored)


def _stop_like_ctrl_c() -> None:
    """Stop the recording like Ctrl-C when the terminal closes: nobody would see it continue."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)


def _interrupt(number: int, _: object) -> None:
    # A closing terminal may send the signal twice; the second must not interrupt `stop`.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _watch(recorder: Recorder, seconds: float | None) -> None:
    """Print the state of a recording until it has lasted `seconds` or is over."""
    begin = time.monotonic()
    shown = 0
    while seconds is None or time.monotonic() - begin < seconds:
        health: Health = recorder.health()
        if health.state in ("stopped", "failed", "converting"):
            break
        line = str(health)
        if sys.stderr.isatty():
            print("\r" + line.ljust(shown), end="", file=sys.stderr, flush=True)
            shown = len(line)
        left = 0.5 if seconds is None else min(0.5, seconds - (time.monotonic() - begin))
        time.sleep(max(left, 0))
    if shown:
        print(file=sys.stderr)
    print(recorder.health(), file=sys.stderr)


def _stop(arguments: argparse.Namespace) -> int:
    from emgnb.acquire import attach

    print(attach(arguments.folder).stop())
    return 0


def _recover(arguments: argparse.Namespace) -> int:
    from emgnb import acquire

    montage = arguments.montage
    made = acquire.recover(
        arguments.path,
        dialect=arguments.dialect,
        to=arguments.to,
        participant=arguments.participant,
        session=arguments.session,
        montage=None if montage is None else [row.split(":") for row in montage.split(",")],
        signal_kind=arguments.kind,
        units=arguments.units,
        units_per_count=arguments.units_per_count,
        attrs=None if arguments.attrs is None else _json_object(arguments.attrs),
    )
    print(made)
    return 0


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f'--attrs {text!r}, expected a JSON object, such as \'{{"site": "A"}}\'')
    return found
