"""Read recordings of other programs; the format is told by the content of a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from emgnb.interop.imported import _acqknowledge, _openbci, _opensignals, _wide, _xdf
from emgnb.interop.imported._cells import FIRST, lines_of
from emgnb.interop.imported._made import Columns, Wanted, session_of

# Formats of recordings: what they are.
RECORDING_FORMATS: Mapping[str, str] = {
    "csv": "table with a column per channel",
    "acqknowledge": "text export of BIOPAC AcqKnowledge, with its header",
    "openbci": "text file of the OpenBCI GUI",
    "opensignals": "text or HDF5 file of OpenSignals (PLUX, BITalino)",
    "xdf": "XDF file of LabRecorder",
}
_HDF5, _XDF = b"\x89HDF", b"XDF:"


def read_recording(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
    *,
    rate: float | None = None,
    units: str | None = None,
    channels: Sequence[str] | None = None,
    montage: Sequence[Sequence[str]] | None = None,
    signal_kind: str = "raw",
    stream: str | None = None,
    participant: str = "",
    session: str = "",
) -> xr.DataTree:
    """Read a recording of another program or board as a session.

    The rate by the time stamps is compared with the declared one: within 2 % the declared rate is
    used, otherwise the measured one. Rows that a counter skips are lost samples (NaN). What was
    found is said: ``recording.known_faults(session)``.

    Parameters
    ----------
    path : file
    format : key of `RECORDING_FORMATS`; if omitted, told by the content
    rate : declared rate in Hz, for files that do not state it
    units : unit of the samples, for tables that do not state it: "uV", "mV", "V", "count" …
    channels : columns to read; by default those of EMG, if the file tells them, otherwise all
    montage : (channel, muscle, side) of each column in order, to name them
    signal_kind : output of the sensors: "raw", "rectified" or "envelope"
    stream : name of the stream of an XDF file
    participant, session : code of the person, and of the electrode placement

    Returns
    -------
    Session with `emg/signal` and the markers of the file. Without a declared rate and with
    irregular time stamps, these are kept: see `recording.uniform`

    Raises
    ------
    FileNotFoundError : `path` does not exist
    ImportError : XDF without pyxdf, or HDF5 without h5py
    ValueError : the format is not known or not that of the file, or an argument is missing that
        the file needs

    Examples
    --------
    >>> session = read_recording("OpenBCI-RAW-2026-05-04.txt")  # doctest: +SKIP
    >>> recording.known_faults(session)  # doctest: +SKIP
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if format is not None and format not in RECORDING_FORMATS:
        raise ValueError(f"format={format!r}, expected one of {', '.join(RECORDING_FORMATS)}")
    chosen = format or _told(path)
    if stream is not None and chosen != "xdf":
        raise ValueError(f"stream= is for XDF files; {path.name} is read as {chosen}")
    wanted = Wanted(channels, montage, signal_kind, participant, session, rate, units)
    return session_of(_columns(path, chosen, stream), wanted)


def _columns(path: Path, chosen: str, stream: str | None) -> Columns:
    if chosen == "xdf":
        return _xdf.read(path, stream)
    if chosen == "opensignals":
        return _opensignals.read_hdf5(path) if _is(path, _HDF5) else _opensignals.read_text(path)
    if chosen == "openbci":
        return _openbci.read(path)
    return _acqknowledge.read(path) if chosen == "acqknowledge" else _wide.read(path)


def _told(path: Path) -> str:
    if _is(path, _XDF):
        return "xdf"
    if _is(path, _HDF5):
        return "opensignals"
    text = "\n".join(lines_of(path, FIRST)[:12])
    if _openbci.looks_like(text):
        return "openbci"
    if _opensignals.looks_like(text):
        return "opensignals"
    return "acqknowledge" if _acqknowledge.looks_like(text) else "csv"


def _is(path: Path, begin: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(begin)) == begin
