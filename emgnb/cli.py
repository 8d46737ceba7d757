"""``emgnb``: what a recording laptop needs without a notebook.

Every command says what is wrong in one line and ends with code 2; `doctor` ends with 1 when it
has something to complain about.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import emgnb

if TYPE_CHECKING:
    from emgnb.acquire import Health, Recorder

_PORT = "such as COM3, /dev/ttyACM0 or sim://smile?seed=1; left out, the board that is plugged in"
_DIALECTS = "auto, frames, csv, csv-plain, chords, spikerbox or cyton"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = _parser().parse_args(argv)
    # A console of another alphabet shows ? for what it lacks; an error would end a recording.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        print(f"emgnb {arguments.command}: interrupted", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        print(f"emgnb {arguments.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emgnb", description="Facial EMG in the notebook.")
    parser.add_argument("--version", action="version", version=f"emgnb {emgnb.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    lab = commands.add_parser("lab", help="open JupyterLab on the first notebook")
    lab.add_argument("folder", nargs="?", default="emgnb-notebooks", help="gets the notebooks")
    lab.add_argument("--port", type=int, default=8888, help="of JupyterLab, on this computer only")
    lab.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    lab.set_defaults(run=_lab)

    demo = commands.add_parser("demo", help="the whole journey unattended, on the simulated face")
    demo.add_argument("-o", "--folder", default="recordings", help="where the report lies")
    demo.add_argument("--people", type=int, default=8, help="simulated, each left out once")
    demo.set_defaults(run=_demo)

    ports = commands.add_parser("ports", help="list where a signal can come from")
    ports.add_argument("--ask", action="store_true", help="open each and say who answers")
    ports.set_defaults(run=_ports)

    record = commands.add_parser("record", help="record until Ctrl-C, and make a session")
    record.add_argument("port", nargs="?", help=_PORT)
    record.add_argument("-o", "--folder", default="recordings", help="where recordings lie")
    record.add_argument("--participant", default="", help="a random id, not a name")
    record.add_argument("--session", default="", help="which wearing of the electrodes")
    record.add_argument("--seconds", type=float, help="stop by itself after so long")
    record.add_argument("--channels", type=int, help="how many to ask the board for")
    record.add_argument("--rate", type=float, help="scans a second to ask the board for")
    record.add_argument(
        "--kind", choices=("raw", "rectified", "envelope"), help="what sensors give"
    )
    record.add_argument("--dialect", default="auto", help=_DIALECTS)
    record.set_defaults(run=_record)

    stop = commands.add_parser("stop", help="end a recording whose notebook or terminal is gone")
    stop.add_argument("folder", help="the recording's own folder, or that of all (the newest ends)")
    stop.set_defaults(run=_stop)

    recover = commands.add_parser("recover", help="make the session of a recording that broke off")
    recover.add_argument("path", help="a recording's folder, or a journal")
    recover.add_argument("--dialect", help=_DIALECTS)
    recover.add_argument("--to", help="where the session goes")
    recover.set_defaults(run=_recover)

    info = commands.add_parser("info", help="say what is in a session, a journal or a recording")
    info.add_argument("path")
    info.set_defaults(run=_info)

    doctor = commands.add_parser("doctor", help="listen to a port and say how it is")
    doctor.add_argument("port", nargs="?", help=_PORT)
    doctor.add_argument("--seconds", type=float, default=5.0)
    doctor.set_defaults(run=_doctor)
    return parser


def _lab(arguments: argparse.Namespace) -> int:
    from emgnb.lab import open_lab

    return open_lab(Path(arguments.folder), port=arguments.port, browser=not arguments.no_browser)


def _demo(arguments: argparse.Namespace) -> int:
    from emgnb.demo import run

    if arguments.people < 2:
        raise ValueError(f"--people {arguments.people}: one is left out, so it takes at least two")
    run(Path(arguments.folder), people=arguments.people)
    return 0


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
    from emgnb.acquire import PortError, finding
    from emgnb.acquire.dialects import DIALECTS

    try:
        found = finding.ask(url)
    except PortError as error:
        return str(error)
    if found.dialect is None:
        return f"no answer that emgnb knows; emgnb doctor {url} says more"
    return f"speaks {DIALECTS[found.dialect].speaks}" + (f" ({found.words})" if found.words else "")


def _port(arguments: argparse.Namespace) -> str:
    """Return the port named, else that of the board plugged in."""
    from emgnb import acquire

    if arguments.port is not None:
        return str(arguments.port)
    port = acquire.find()
    print(f"found a board at {port}", file=sys.stderr, flush=True)
    return port


def _record(arguments: argparse.Namespace) -> int:
    from emgnb import acquire
    from emgnb.acquire.ports import with_options

    if arguments.seconds is not None and not arguments.seconds > 0:
        raise ValueError(f"--seconds {arguments.seconds:g}, expected more than 0")
    for name in ("SIGTERM", "SIGHUP"):
        # A closed terminal ends the recording as Ctrl-C does: nobody would see it go on.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    recorder = acquire.start(
        with_options(_port(arguments), channels=arguments.channels, rate=arguments.rate),
        arguments.folder,
        participant=arguments.participant,
        session=arguments.session,
        signal_kind=arguments.kind,
        dialect=arguments.dialect,
    )
    try:
        print(f"recording into {recorder.folder}; Ctrl-C stops", flush=True)
        _watch(recorder, arguments.seconds)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print(file=sys.stderr)
    finally:
        # Whatever it was, a terminal that takes no more words included.
        session = recorder.stop()
    print(session)
    return 0


def _interrupt(number: int, _: object) -> None:
    # A closed terminal may say so twice, and the second time must not keep `stop` from being said.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _watch(recorder: Recorder, seconds: float | None) -> None:
    """Show how the recording does, until it has lasted `seconds` or is over."""
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

    print(acquire.recover(arguments.path, dialect=arguments.dialect, to=arguments.to))
    return 0


def _info(arguments: argparse.Namespace) -> int:
    path = Path(arguments.path)
    if (path / "session.zarr").is_dir():
        path = path / "session.zarr"
    if (path / "zarr.json").is_file():
        print(_about_session(path))
    else:
        print(_about_journal(path))
    return 0


def _about_session(path: Path) -> str:
    from emgnb import recording

    session = recording.open(path)
    signal_ = recording.emg(session)
    markers = session["markers"].to_dataset() if "markers" in session.children else None
    rate = recording.measured_rate(signal_)
    rows, channels = signal_.shape
    lines = [
        f"session     {path}",
        f"started     {session.attrs.get('started', 'unknown')}",
        f"participant {session.attrs.get('participant') or 'not given'}",
        f"device      {session.attrs.get('device') or 'unknown'}",
        f"length      {rows / rate:.2f} s, {rows} samples at {rate:.3f} Hz",
        f"lost        {signal_.attrs.get('lost', 0)} scans",
        f"channels    {channels} in {signal_.attrs['units']}",
    ]
    lines += [
        f"  {name!s:26} {kind} {muscle}".rstrip()
        for name, kind, muscle in zip(
            *(signal_[column].values for column in ("channel", "signal_kind", "muscle")),
            strict=True,
        )
    ]
    if markers is not None and markers.sizes["marker"]:
        lines.append(f"markers     {markers.sizes['marker']}")
        lines += [
            f"  {at:9.3f} s  {text}"
            for at, text in zip(
                markers["time"].values.tolist(), markers["text"].values.tolist(), strict=True
            )
        ]
    if "labels" in session.children:
        coders = session["labels"].children
        lines += [f"labels      {name}: {coders[name].sizes['event']} events" for name in coders]
    return "\n".join([*lines, *(f"! {fault}" for fault in recording.known_faults(session))])


def _about_journal(path: Path) -> str:
    from emgnb.acquire.sessions import find_journal, survey_of

    survey = survey_of(find_journal(path))
    take = survey.take
    lines = [
        f"journal     {find_journal(path)}",
        f"port        {take.settings.get('port', 'unknown')}, speaks {take.dialect}",
        f"participant {take.settings.get('participant') or 'not given'}",
        f"length      {survey.size / survey.rate:.2f} s, {take.counts.scans} scans at "
        f"{survey.rate:.3f} Hz ({survey.rate_from})",
        f"lost        {take.counts.lost} scans, {take.counts.crc_errors} damaged, "
        f"{len(survey.segments)} segments",
        f"channels    {', '.join(row[0] for row in take.channel_rows())}",
        f"markers     {', '.join(mark.text for mark in take.marks) or 'none'}",
    ]
    if not take.ended:
        lines.append(f"! not ended: still recording, or broken off (emgnb recover {path})")
    return "\n".join(lines)


def _doctor(arguments: argparse.Namespace) -> int:
    from emgnb.doctor import examine

    if not arguments.seconds > 0:
        raise ValueError(f"--seconds {arguments.seconds:g}, expected more than 0")
    port = _port(arguments)
    if sys.stderr.isatty():
        print("listening: frown and smile meanwhile …", file=sys.stderr, flush=True)
    found = examine(port, seconds=arguments.seconds)
    print(found)
    print("something is wrong, see above" if found.complaints else "all is well")
    return 1 if found.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
