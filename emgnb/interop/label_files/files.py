"""Read and write label tables; the format is told by the ending and the content of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from emgnb import recording
from emgnb.interop.label_files import (
    _audacity,
    _elan,
    _headings,
    _layouts,
    _tables,
    _textgrid,
    _video,
)
from emgnb.interop.label_files._rows import Found, table_of
from emgnb.interop.label_files.cells import first_text
from emgnb.interop.label_files.units import read_units, unit_events

# Formats of label files: what they are.
LABEL_FORMATS: Mapping[str, str] = {
    "csv": "table with onset, apex, offset and units; other people's tables are read as well",
    "bids": "BIDS events.tsv with its JSON file",
    "elan": "annotations of ELAN (.eaf)",
    "audacity": "label track of Audacity (.txt)",
    "textgrid": "tiers of Praat (.TextGrid)",
    "casme2": "table in frames, as in CASME II",
    "samm": "table in frames, as in SAMM",
    "video": "action units over time of OpenFace 2 or py-feat; read only",
}
_TABLES = ("csv", "bids", "casme2", "samm")
_BIDS_END = "events.tsv"


def read_labels(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
    *,
    coder: str | None = None,
    tiers: Iterable[str] | None = None,
    where: Mapping[str, Any] | None = None,
    unit: str | None = None,
    frame_rate: float | None = None,
    first_frame: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
) -> xr.Dataset:
    """Read an event table from a file of another program, or from a published table.

    Nothing is repaired silently. A line that is not an event (it ends before it begins, or has no
    onset) is left out, an apex outside its event becomes NaN, and what an event cannot hold is kept
    as text in the column `notation`. Each is a remark: ``recording.known_faults(table)``.

    Parameters
    ----------
    path : label file
    format : key of `LABEL_FORMATS`; if omitted, told by the ending and the content
    coder : whose tiers to read from an ELAN file
    tiers : names of tiers to read from ELAN and Praat; by default those that emgnb wrote, or else
        all
    where : heading → value, to choose rows of a table, such as {"Filename": "EP02_01f"}
    unit : "s", "ms" or "frame" of the times of a table whose headings do not state it
    frame_rate : frames per second, for tables in frames and for py-feat
    first_frame : number of the first frame, for tables in frames: 0 (the default) or 1
    start : s, time of the recording at which the times of the file begin
    duration : s, length of the clip; events after it are left out

    Returns
    -------
    Event table as of `labels.events`, with further columns of the file. Attributes: remarks in
    `faults`, `coder` and `frame_rate` where known. A file of OpenFace or py-feat gives the events
    of `unit_events` with its default thresholds

    Raises
    ------
    FileNotFoundError : `path` does not exist
    ValueError : the format is not known or not that of the file, or an argument is missing that the
        file needs; the message says which

    Examples
    --------
    >>> table = read_labels("coding.eaf", coder="Ann")  # doctest: +SKIP
    >>> recording.known_faults(table)  # doctest: +SKIP
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if unit is not None and unit not in _tables.UNITS:
        raise ValueError(f"unit={unit!r}, expected one of {', '.join(_tables.UNITS)}")
    for name, value in (("frame_rate", frame_rate), ("duration", duration)):
        if value is not None:
            recording.need_positive(**{name: value})
    tiers = [tiers] if isinstance(tiers, str) else tiers
    chosen = _told(path) if format is None else _known(format)
    if chosen == "video":
        units = read_units(path, frame_rate=frame_rate)
        return unit_events(units, start=start)
    clock = _tables.Clock(unit, frame_rate, first_frame)
    found = _found(path, chosen, coder=coder, tiers=tiers, where=where, clock=clock)
    if coder is not None:
        found.attrs["coder"] = coder
    made = table_of(found, start=start, duration=duration)
    return recording.with_history(made, "read_labels", file=path.name, format=chosen, start=start)


def write_labels(
    table: xr.Dataset | xr.DataTree,
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
    *,
    coder: str | None = None,
    into: str | os.PathLike[str] | None = None,
    frame_rate: float | None = None,
    first_frame: int = 0,
    duration: float | None = None,
    despite_consent: str | None = None,
) -> list[str]:
    """Write an event table to a new file for another program.

    Parameters
    ----------
    table : event table, or a node of a session, ``session["labels/Ann"]``: then the consent of the
        session is honoured, which a table by itself does not hold
    path : file to write, which must not exist
    format : key of `LABEL_FORMATS`; if omitted, told by the ending: .csv, _events.tsv, .eaf, .txt
        (Audacity) and .TextGrid
    coder : name of the coder, for ELAN; by default the attribute of the table
    into : ELAN file whose other tiers are kept; the result is a new file
    frame_rate, first_frame : for "casme2" and "samm"
    duration : s, end of a TextGrid; at least the last offset
    despite_consent : reason to export labels of a session whose consent says that it is not shared

    Returns
    -------
    Sentences about what the file does not hold, such as "times are rounded to 1 ms"; empty if
    `read_labels` gives the same table again

    Raises
    ------
    FileExistsError : `path` exists; existing files are never overwritten
    TypeError : not a table
    ValueError : the table violates the data model, the format is not known, or it cannot hold an
        event at all; or the consent does not allow to share the session

    Examples
    --------
    >>> from emgnb import interop, labels
    >>> table = labels.events([1.0], [2.0], au="12", intensity="C")
    >>> interop.write_labels(table, "coding.csv")
    []
    >>> interop.read_labels("coding.csv")["au"].values
    array(['12'], dtype='<U2')
    """
    if isinstance(table, xr.DataTree):
        recording.need_sharing(table, despite_consent=despite_consent)
    table = recording.need_table(table, "table", "labels.events(onset, offset)")
    recording.refuse(recording.event_faults(table, new=True))
    target = Path(path).expanduser()
    chosen = _ending(target) if format is None else _known(format)
    if chosen == "video":
        raise ValueError("action units over time are read only: expected a format of events")
    if into is not None and chosen != "elan":
        raise ValueError(f"into= is for ELAN files; {target.name} is written as {chosen}")
    if chosen in _layouts.HEADINGS:
        if frame_rate is None:
            raise ValueError(f"{chosen} holds frame numbers: give frame_rate (200 in {chosen})")
        recording.need_positive(frame_rate=frame_rate)
    sidecar = target.with_suffix(".json")
    if chosen == "bids" and sidecar.exists():
        raise FileExistsError(f"{sidecar} exists and is not overwritten. Choose another name")
    with recording.atomic_path(target) as beside:
        if chosen == "csv":
            return _layouts.write_csv(table, beside)
        if chosen == "bids":
            with recording.atomic_path(sidecar) as about:
                return _layouts.write_bids(table, beside, about)
        if chosen == "elan":
            base = None if into is None else Path(into).expanduser()
            return _elan.write(table, beside, into=base, coder=coder)
        if chosen == "audacity":
            return _audacity.write(table, beside)
        if chosen == "textgrid":
            return _textgrid.write(table, beside, duration=duration)
        assert frame_rate is not None
        return _layouts.write_frames(table, beside, chosen, frame_rate, first_frame)


def _found(
    path: Path,
    chosen: str,
    *,
    coder: str | None,
    tiers: Iterable[str] | None,
    where: Mapping[str, Any] | None,
    clock: _tables.Clock,
) -> Found:
    if tiers is not None and chosen not in ("elan", "textgrid"):
        raise ValueError(f"tiers= is for ELAN and Praat; {path.name} is read as {chosen}")
    if where is not None and chosen not in _TABLES:
        raise ValueError(f"where= is for tables; {path.name} is read as {chosen}")
    if chosen == "elan":
        return _elan.read(path, coder=coder, tiers=tiers)
    if chosen == "textgrid":
        return _textgrid.read(path, tiers=tiers)
    if chosen == "audacity":
        return _audacity.read(path)
    return _tables.read(path, clock, where, bids=chosen == "bids")


def _known(name: str) -> str:
    if name not in LABEL_FORMATS:
        raise ValueError(f"format={name!r}, expected one of {', '.join(LABEL_FORMATS)}")
    return name


def _told(path: Path) -> str:
    """Tell the format of a file by its content."""
    text = first_text(path)
    if _elan.looks_like(text):
        return "elan"
    if _textgrid.looks_like(text):
        return "textgrid"
    if _video.source_of(text):
        return "video"
    if _headings.sheet_of(text) is not None:
        return "bids" if path.name.endswith(_BIDS_END) else "csv"
    if _audacity.looks_like(text):
        return "audacity"
    raise ValueError(
        f"{path.name} is not a label file of a known format: expected "
        + "; ".join(LABEL_FORMATS.values())
    )


def _ending(path: Path) -> str:
    """Tell the format to write by the ending of the file."""
    if path.name.endswith(_BIDS_END):
        return "bids"
    endings = {".csv": "csv", ".eaf": "elan", ".txt": "audacity", ".textgrid": "textgrid"}
    found = endings.get(path.suffix.lower())
    if found is None:
        raise ValueError(
            f"{path.name}: the ending names no format; expected .csv, _events.tsv, .eaf, .txt or "
            f".TextGrid, or give format= ({', '.join(LABEL_FORMATS)})"
        )
    return found
