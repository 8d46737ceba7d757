"""Show, process and check recordings, tables and ports."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emgnb._vocabulary import SESSION
from emgnb.cli._shared import KINDS, PORT, chosen_port, printable

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    info = commands.add_parser("info", help="show the contents of a session or a journal")
    info.add_argument("path", help="session or its URL, journal, or folder of a recording")
    info.set_defaults(run=_info)

    process = commands.add_parser(
        "process", help="clean a recording and summarise it, or process a study"
    )
    process.add_argument(
        "path",
        help="session, folder of a recording, file of a known type, or plan of a study (.toml)",
    )
    process.add_argument(
        "--workers", type=int, help="processes on this computer, for a study; default: as planned"
    )
    process.add_argument(
        "--unlock",
        action="store_true",
        help="delete the lock that a killed run of this plan has left on object storage",
    )
    process.add_argument("--kind", choices=KINDS, help="use only channels of this kind")
    process.add_argument(
        "--mains", type=float, help="mains frequency, 50 or 60 Hz; default: the stronger one"
    )
    process.add_argument("-o", "--picture", help="HTML file for the figure; never overwritten")
    process.set_defaults(run=_process)

    audit = commands.add_parser("audit", help="look for leaks in labelled data (a table, a folder)")
    audit.add_argument(
        "path", help="CSV, TSV, TXT, .mat, .npz or Parquet file, a folder of them, or a session"
    )
    audit.add_argument("--label", default="label", help="column that names the class")
    for role in ("person", "session", "trial", "time", "split"):
        audit.add_argument(f"--{role}", help=f"column that names the {role}")
    audit.add_argument("--predicted", help="column with predictions, to judge their metric")
    audit.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column that no classifier is to use; can be repeated",
    )
    audit.add_argument("--rate", type=float, help="sampling rate in Hz, if no time is given")
    audit.add_argument(
        "--axes",
        default="",
        help="order of the signal's axes in a .mat or .npz file: window,sample,channel",
    )
    audit.add_argument("--signal", default="", help="array with the signal in a .mat or .npz file")
    audit.add_argument("--tries", help="CSV or JSON lines with an accuracy per configuration tried")
    audit.add_argument("--json", help="file for the report as JSON; never overwritten")
    audit.add_argument("--html", help="file for the report as a page; never overwritten")
    audit.set_defaults(run=_audit)

    doctor = commands.add_parser("doctor", help="check a port: protocol, rate, signal quality")
    doctor.add_argument("port", nargs="?", help=PORT)
    doctor.add_argument("--seconds", type=float, default=5.0, help="duration of the check")
    doctor.set_defaults(run=_doctor)


def _info(arguments: argparse.Namespace) -> int:
    from emgnb.recording.urls import located

    path = located(arguments.path)
    if isinstance(path, str):
        print(printable(_about_session(path)))
        return 0
    if (path / SESSION).is_dir():
        path = path / SESSION
    if (path / "zarr.json").is_file():
        print(printable(_about_session(path)))
    else:
        print(printable(_about_journal(path)))
    return 0


def _audit(arguments: argparse.Namespace) -> int:
    from emgnb import evaluate, interop, recording

    roles = ("person", "session", "trial", "time", "split", "predicted", "rate")
    stores = interop.session_stores(arguments.path)
    data = [recording.open(store) for store in stores] or interop.read_rows(
        arguments.path, axes=arguments.axes, signal=arguments.signal
    )
    report = evaluate.audit(
        data,
        label=arguments.label,
        leave_out=arguments.leave_out,
        tries=interop.read_tries(arguments.tries) if arguments.tries else (),
        **{role: getattr(arguments, role) for role in roles},
    )
    print(printable(str(report)))
    if arguments.json:
        report.to_json(arguments.json)
    if arguments.html:
        report.to_html(arguments.html)
    return 0


def _process(arguments: argparse.Namespace) -> int:
    from emgnb.processing import process

    if arguments.path.lower().endswith(".toml"):
        return _process_study(arguments)
    if arguments.workers is not None:
        raise ValueError(f"--workers is for the plan of a study (.toml), not for {arguments.path}")
    if arguments.unlock:
        raise ValueError(f"--unlock is for the plan of a study (.toml), not for {arguments.path}")
    result = process(arguments.path, kind=arguments.kind, mains=arguments.mains)
    print(printable(str(result)))
    if arguments.picture is not None:
        page = result.plot().to_html(include_plotlyjs=True)
        try:
            with Path(arguments.picture).open("x", encoding="utf-8") as file:
                file.write(page)
        except FileExistsError:
            raise FileExistsError(
                f"{arguments.picture} exists and is not overwritten: choose another name"
            ) from None
        print(f"picture    {arguments.picture}")
    return 0


def _process_study(arguments: argparse.Namespace) -> int:
    """Process a study; the exit code is 1 if sessions failed."""
    from emgnb import batch

    given = {"--kind": arguments.kind, "--mains": arguments.mains, "-o": arguments.picture}
    if wrong := [name for name, value in given.items() if value is not None]:
        raise ValueError(f"{', '.join(wrong)}: write this into the plan {arguments.path} instead")
    if arguments.unlock:
        print(printable(f"deleted the lock of {batch.unlock(arguments.path)}"))
        return 0
    report = batch.run(arguments.path, workers=arguments.workers, progress=sys.stdout.isatty())
    print(printable(str(report)))
    return 1 if report.failed else 0


def _about_session(path: Path | str) -> str:
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
    from emgnb.acquire.record.survey import find_journal, survey_of

    survey = survey_of(find_journal(path))
    stream = survey.stream
    lines = [
        f"journal     {find_journal(path)}",
        f"port        {stream.settings.get('port', 'unknown')}, dialect {stream.dialect}",
        f"participant {stream.settings.get('participant') or 'not given'}",
        f"length      {survey.size / survey.rate:.2f} s, {stream.counts.scans} scans at "
        f"{survey.rate:.3f} Hz ({survey.rate_from})",
        f"lost        {stream.counts.lost} scans, {stream.counts.crc_errors} damaged, "
        f"{len(survey.segments)} segments",
        f"channels    {', '.join(row[0] for row in stream.channel_rows())}",
        f"markers     {', '.join(mark.text for mark in stream.marks) or 'none'}",
    ]
    if not stream.ended:
        lines.append(f"! not complete: still recording, or interrupted (emgnb recover {path})")
    return "\n".join(lines)


def _doctor(arguments: argparse.Namespace) -> int:
    from emgnb.doctor import examine

    if not arguments.seconds > 0:
        raise ValueError(f"--seconds {arguments.seconds:g}, expected more than 0")
    port = chosen_port(arguments)
    if sys.stderr.isatty():
        print("checking: please frown and smile …", file=sys.stderr, flush=True)
    found = examine(port, seconds=arguments.seconds)
    print(printable(str(found)))
    print(
        "problems found: see the lines that begin with !"
        if found.complaints
        else "no problems found"
    )
    return 1 if found.complaints else 0
