"""List the sessions of a study, and open a selection of them lazily."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb._vocabulary import JOURNAL, SESSION
from emgnb.recording._entries import NAN, TABLE_ONLY, Entry, Words, entry, journal_entry
from emgnb.recording.arguments import need_table
from emgnb.recording.remote import listed
from emgnb.recording.store import open as open_session
from emgnb.recording.urls import METADATA, located, walked

TEXTS = (
    "participant",
    "session",
    "started",
    "channel_names",
    "muscles",
    "kinds",
    "units",
    "other_data",
    "cleaned",
    "coders",
    "label_meaning",
    "quality",
    "device",
    "protocol",
    "sharing",
)
NUMBERS = {"duration": "s", "rate": "Hz", "lost_share": ""}
COUNTS = ("channels", "markers", "events", "lost")


def study(folder: str | os.PathLike[str]) -> xr.Dataset:
    """List all sessions below a folder: who, what, cleaned how, labelled by whom, and faults.

    Only metadata is read, no samples and no events, so a thousand sessions take seconds. Damaged
    sessions and recordings without a session are listed with their fault; tables that `save_table`
    wrote are not listed. Select rows as in any
    Dataset, and open them with `open_each`::

        table = recording.study("recordings")
        table.to_dataframe()                                 # as a table
        smiles = table.isel(entry=table["events"] > 0)       # labelled sessions
        for session in recording.open_each(smiles): ...

    Parameters
    ----------
    folder : with sessions and folders of recordings, also nested; hidden folders are not searched.
        Or a URL of object storage, such as "s3://bucket/study", where each session takes a second

    Returns
    -------
    Dataset with a row (entry) per session, sorted by path. Texts: `path` (below `folder`), `kind`
    ("recording", "derived", "journal" without a session, "damaged"), `participant`, `session`,
    `started`, `channel_names`, `muscles`, `kinds` of signals, `units`, `other_data` (nodes beside
    the EMG, such as eeg), `cleaned` (steps), `coders` with their number of events, `label_meaning`,
    `quality` (the session's attribute, segments, CRC errors, overruns, corrected markers),
    `device`, `protocol`, `sharing` (of the consent), `faults` ("" if none; the cheap checks only:
    `recording.open(path, check=True)` reads every sample). Numbers: `duration` (s), `rate` (Hz),
    `channels`, `markers`, `events`, `lost` scans (with those of missing files) and `lost_share`,
    NaN or 0 if unknown. `readable`: whether it can be opened.
    attrs: `folder`

    Raises
    ------
    FileNotFoundError, NotADirectoryError : no such folder
    PermissionError, ConnectionError : the object storage denies access, or does not answer

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> for number, session in enumerate(simulate.study(people=2, duration=4)):
    ...     _ = recording.save(session, f"people/{number}.zarr")
    >>> recording.study("people").sizes
    Frozen({'entry': 2})
    """
    place = located(folder)
    words = Words()
    if isinstance(place, str):
        return _as_table([_remote_entry(*each, place, words) for each in _urls(place)], place)
    root = place.resolve()
    if not root.exists():
        raise FileNotFoundError(f"no folder {root}: check the name")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file; expected the folder of a study")
    found = []
    for each, journal in _places(root):
        name = each.relative_to(root).as_posix()
        found.append(journal_entry(each, name) if journal else entry(each, name, words))
    return _as_table(found, str(root))


def open_each(table: xr.Dataset, *, chunks: float | None = None) -> Iterator[xr.DataTree]:
    """Open the sessions of a study's rows, each lazily when it is reached.

    Parameters
    ----------
    table : rows of `study`
    chunks : as for `open`

    Raises
    ------
    TypeError, ValueError : not from `study`, or rows that cannot be opened: select those with
        `table.isel(entry=table["readable"])`
    """
    table = need_table(table, "table", "recording.study(folder)")
    if "folder" not in table.attrs or "path" not in table:
        raise ValueError("expected rows of recording.study(folder), with `path` and its folder")
    paths = [str(path) for path in np.atleast_1d(table["path"].values)]
    wrong = [
        p for p, ok in zip(paths, np.atleast_1d(table["readable"].values), strict=True) if not ok
    ]
    if wrong:
        raise ValueError(
            f"{len(wrong)} of {len(paths)} rows cannot be opened, such as {wrong[0]} (see "
            "`faults`). Select the others: table.isel(entry=table['readable'])"
        )
    root = str(table.attrs["folder"])
    return (open_session(f"{root}/{path}", chunks=chunks) for path in paths)


def _places(root: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the stores below a folder, and the folders with a journal only (True)."""
    for place, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        here = Path(place)
        # A copy that was interrupted may lack the store's first file.
        if "zarr.json" in files or (here.suffix == ".zarr" and here != root):
            inner.clear()
            yield here, False
        elif JOURNAL in files and SESSION not in inner:
            yield here, True


def _urls(root: str) -> Iterator[tuple[str, bool]]:
    """Yield the URLs of the sessions below a URL, and those of unfinished ones (False)."""
    for place, inner, names in walked(root):
        inner[:] = [name for name in inner if not name.startswith(".")]
        if METADATA in names or (place.endswith(".zarr") and place != root):
            inner.clear()
            yield place, METADATA in names


def _remote_entry(url: str, complete: bool, root: str, words: Words) -> Entry:
    name = url.removeprefix(root).strip("/")
    if complete:
        return entry(listed(url), name, words)
    return Entry(
        name, faults=["its upload is unfinished or was interrupted: there is no zarr.json"]
    )


def _as_table(found: list[Entry], root: str) -> xr.Dataset:
    found = [each for each in found if each.kind != TABLE_ONLY]
    found = sorted(found, key=lambda each: each.path.split("/"))

    def column(values: list[str]) -> tuple[str, np.ndarray]:
        return "entry", np.array(values, dtype=str if values else "<U1")

    return xr.Dataset(
        {
            "path": column([each.path for each in found]),
            "kind": column([each.kind for each in found]),
            **{name: column([each.texts.get(name, "") for each in found]) for name in TEXTS},
            **{
                name: (
                    "entry",
                    np.array([each.numbers.get(name, NAN) for each in found]),
                    {"units": unit},
                )
                for name, unit in NUMBERS.items()
            },
            **{
                name: (
                    "entry",
                    np.array([each.numbers.get(name, 0) for each in found], dtype=np.int64),
                )
                for name in COUNTS
            },
            "faults": column(["; ".join(each.faults) for each in found]),
            "readable": ("entry", np.array([each.readable for each in found], dtype=bool)),
        },
        attrs={"folder": root},
    )
