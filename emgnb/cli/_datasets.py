"""Export studies as data sets, import recordings of other programs, and honour withdrawals."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emgnb.cli._shared import KINDS, add_consent, printable

if TYPE_CHECKING:
    import xarray as xr

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_FORMATS = "bids, csv, acqknowledge, openbci, opensignals or xdf; default: as recognised"


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    give = commands.add_parser("export", help="write sessions of many people as an EMG-BIDS study")
    give.add_argument(
        "sessions", nargs="+", help="sessions, recordings, or folders in which they are searched"
    )
    give.add_argument("output", help="folder to create; never overwritten")
    give.add_argument("--to", choices=("bids",), required=True, help="format")
    give.add_argument("--name", default="Facial EMG", help="name of the data set")
    give.add_argument("--task", default="face", help="name of the task, in all file names")
    give.add_argument("--author", action="append", default=[], help="may be repeated")
    give.add_argument("--mains", type=float, help="power line frequency, 50 or 60 Hz")
    give.add_argument(
        "--bridge", type=float, default=0.0, help="longest gap that does not begin a run, in s"
    )
    give.add_argument(
        "--anonymise", action="store_true", help="remove names, dates, paths and free text"
    )
    add_consent(give)
    give.set_defaults(run=_export)

    take = commands.add_parser(
        "import", help="make sessions of an EMG-BIDS study, or of another program's recording"
    )
    take.add_argument("file", help="recording, or folder of a BIDS data set")
    take.add_argument("output", help="session to create, or folder for those of a data set")
    take.add_argument("--as", dest="format", help=_FORMATS)
    take.add_argument("--rate", type=float, help="sampling rate in Hz, if the file states none")
    take.add_argument("--units", help="unit of the samples, if the file states none: uV, mV, V")
    take.add_argument("--channels", help="columns to read, separated by commas")
    take.add_argument("--montage", help="CHANNEL:MUSCLE:SIDE for each column, separated by commas")
    take.add_argument("--kind", choices=KINDS, default="raw", help="output of the sensors")
    take.add_argument("--stream", help="name of the stream of an XDF file")
    take.add_argument("--participant", default="", help="a random id, not a name")
    take.add_argument("--session", default="", help="session (one per electrode placement)")
    take.set_defaults(run=_import)

    forget = commands.add_parser("forget", help="list or delete all data of a participant")
    forget.add_argument("participant", help="code of the participant")
    forget.add_argument("folder", nargs="?", default=".", help="folder to search (default: here)")
    forget.add_argument("--delete", action="store_true", help="delete what is listed")
    forget.set_defaults(run=_forget)


def _export(arguments: argparse.Namespace) -> int:
    from emgnb import interop

    stores = [store for place in arguments.sessions for store in _stores(Path(place))]
    removed: list[str] = []
    said = interop.write_bids(
        _opened(stores, removed if arguments.anonymise else None),
        arguments.output,
        name=arguments.name,
        task=arguments.task,
        authors=arguments.author,
        mains=arguments.mains,
        bridge=arguments.bridge,
        despite_consent=arguments.despite_consent,
        progress=_progress(len(stores)),
    )
    print(printable(f"{len(stores)} sessions in {arguments.output}"))
    _print_remarks(list(dict.fromkeys(removed)) + said)
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    from emgnb import interop

    found = interop.forget(arguments.participant, arguments.folder, delete=arguments.delete)
    print(printable(str(found)))
    if found.traces and not found.deleted:
        print("nothing was changed: add --delete to delete what is listed")
    return 1 if found.deleted and found.left else 0


def _stores(place: Path) -> list[Path]:
    """Return the sessions at a path: itself, or all below the folder."""
    from emgnb import interop

    if not place.exists():
        raise FileNotFoundError(f"no session or folder {place}")
    found = interop.session_stores(place)
    if not found:
        raise ValueError(f"{place} holds no session")
    return found


def _opened(stores: list[Path], removed: list[str] | None) -> Iterator[xr.DataTree]:
    """Open sessions one by one; anonymise them if `removed` is a list for what that says."""
    from emgnb import interop, recording

    for store in stores:
        session = recording.open(store)
        if removed is not None:
            session, said = interop.anonymise(session)
            removed += said
        yield session


def _import(arguments: argparse.Namespace) -> int:
    if Path(arguments.file).is_dir() or arguments.format == "bids":
        return _import_study(arguments)
    from emgnb import interop, recording

    montage = arguments.montage
    session = interop.read_recording(
        arguments.file,
        arguments.format,
        rate=arguments.rate,
        units=arguments.units,
        channels=None if arguments.channels is None else arguments.channels.split(","),
        montage=None if montage is None else [row.split(":") for row in montage.split(",")],
        signal_kind=arguments.kind,
        stream=arguments.stream,
        participant=arguments.participant,
        session=arguments.session,
    )
    path = recording.save(session, arguments.output)
    x = recording.emg(session)
    print(printable(f"{x.sizes['time']} samples of {x.sizes['channel']} channels in {path}"))
    _print_remarks(recording.known_faults(session))
    return 0


def _import_study(arguments: argparse.Namespace) -> int:
    from emgnb import interop, recording

    if arguments.format not in (None, "bids"):
        raise ValueError(
            f"{arguments.file} is a folder, but --as {arguments.format} reads one file: name it"
        )
    with recording.atomic_path(arguments.output) as beside:
        beside.mkdir()
        sessions = interop.read_bids(arguments.file, progress=_progress(None))
        for session in sessions:
            recording.save(session, _free(beside, session.attrs))
            _print_remarks(recording.known_faults(session))
        made = len(list(beside.iterdir()))
    print(printable(f"{made} sessions in {arguments.output}"))
    return 0


def _free(folder: Path, attrs: dict[Any, Any]) -> Path:
    """Return the path of a session: its participant, its session, and a number."""
    words = (str(attrs.get(name) or "") for name in ("participant", "session"))
    safe = ["".join(c if c.isalnum() or c in "-." else "-" for c in word) for word in words]
    stem = "_".join(filter(None, safe)) or "session"
    names = (f"{stem}_{k}.zarr" for k in count(1))
    return next(folder / name for name in names if not (folder / name).exists())


def _progress(total: int | None) -> Any:
    """Return a function that shows how many sessions are done, on a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, name: str) -> None:
        of = "" if total is None else f" of {total}"
        print(f"\r{done}{of}: {name}".ljust(78), end="", file=sys.stderr, flush=True)
        if done == total:
            print(file=sys.stderr)

    return show


def _print_remarks(remarks: list[str]) -> None:
    for remark in remarks:
        print(printable(f"! {remark}"))
