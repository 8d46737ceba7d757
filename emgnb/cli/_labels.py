"""Import labels into sessions, and export them for other programs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from emgnb.cli._shared import add_consent, printable

if TYPE_CHECKING:
    import xarray as xr

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_FORMATS = "csv, bids, elan, audacity, textgrid, casme2 or samm; default: told by the file"


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    take = commands.add_parser(
        "import-labels", help="add labels of ELAN, Praat, Audacity, BIDS or a table to a session"
    )
    take.add_argument("file", help="label file, or a CSV file of OpenFace or py-feat")
    take.add_argument("session", help="session, or folder of a recording")
    take.add_argument("--coder", help="whose tiers to read from an ELAN file")
    take.add_argument("--as", dest="name", help="name of the coder in the session")
    take.add_argument("--tiers", help="names of tiers to read, separated by commas")
    take.add_argument(
        "--where", action="append", default=[], metavar="HEADING=VALUE", help="rows of a table"
    )
    take.add_argument("--unit", choices=("s", "ms", "frame"), help="unit of times without one")
    take.add_argument(
        "--start", type=float, default=0.0, help="time of the recording where the file begins, in s"
    )
    take.set_defaults(run=_import)

    give = commands.add_parser(
        "export-labels", help="write a coder's labels for ELAN, Praat, Audacity or BIDS, or as CSV"
    )
    give.add_argument("session", help="session, or folder of a recording")
    give.add_argument(
        "file", help="new file: .csv, _events.tsv, .eaf, .txt (Audacity) or .TextGrid"
    )
    give.add_argument("--coder", help="whose labels; may be omitted if there is one coder")
    give.add_argument("--into", help="ELAN file whose other tiers the new file keeps")
    add_consent(give)
    give.set_defaults(run=_export)

    for each in (take, give):
        each.add_argument("--format", help=_FORMATS)
        each.add_argument("--frame-rate", type=float, help="frames per second of the video")
        each.add_argument("--first-frame", type=int, help="number of the first frame, 0 or 1")


def _import(arguments: argparse.Namespace) -> int:
    from emgnb import interop, recording

    table = interop.read_labels(
        arguments.file,
        arguments.format,
        coder=arguments.coder,
        tiers=None if arguments.tiers is None else arguments.tiers.split(","),
        where=_chosen_rows(arguments.where),
        unit=arguments.unit,
        frame_rate=arguments.frame_rate,
        first_frame=arguments.first_frame,
        start=arguments.start,
    )
    name = arguments.name or table.attrs.get("coder")
    if not name:
        raise ValueError(f"{arguments.file} names no coder: give one with --as NAME")
    if name in _coders(recording.open(arguments.session)):
        raise FileExistsError(
            f"the session has labels by {name!r}, which are not overwritten: give another name "
            "with --as NAME"
        )
    recording.add_labels(arguments.session, name, table)
    print(printable(f"{table.sizes['event']} events by coder {name!r} added"))
    _print_remarks(recording.known_faults(table))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from emgnb import interop, recording

    session = recording.open(arguments.session)
    recording.need_sharing(session, despite_consent=arguments.despite_consent)
    coders = _coders(session)
    name = arguments.coder or (coders[0] if len(coders) == 1 else None)
    if name not in coders:
        listed = ", ".join(coders) or "no labels"
        asked = "choose one with --coder" if name is None else f"no labels by {name!r}"
        raise ValueError(f"{asked}: the session has {listed}")
    table: xr.Dataset = session[f"labels/{name}"].to_dataset()
    said = interop.write_labels(
        table.assign_attrs(coder=name),
        arguments.file,
        arguments.format,
        into=arguments.into,
        frame_rate=arguments.frame_rate,
        first_frame=arguments.first_frame or 0,
    )
    print(printable(f"{table.sizes['event']} events by coder {name!r} in {arguments.file}"))
    _print_remarks(said)
    return 0


def _coders(session: xr.DataTree) -> list[str]:
    return [str(name) for name in session["labels"].children] if "labels" in session else []


def _chosen_rows(texts: list[str]) -> dict[str, str] | None:
    odd = [text for text in texts if "=" not in text]
    if odd:
        raise ValueError(f"--where {odd[0]}: expected HEADING=VALUE, such as Filename=EP02_01f")
    return dict(text.split("=", 1) for text in texts) or None


def _print_remarks(remarks: list[str]) -> None:
    for remark in remarks:
        print(printable(f"! {remark}"))
