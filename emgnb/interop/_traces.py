"""Search a folder for the data of a participant."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._vocabulary import JOURNAL, SESSION
from emgnb.acquire.journal import JournalReader, Kind
from emgnb.interop._mentions import Code
from emgnb.interop._tables import ENDINGS, label, without_rows
from emgnb.recording.places import is_derived

if TYPE_CHECKING:
    from emgnb.models import Classifier

RECORDING = "recording"
# Endings of files whose contents are compressed.
_PACKED = (".zip", ".gz", ".xz", ".bz2", ".7z", ".tar", ".tgz", ".docx", ".xlsx", ".pdf")
_NETCDF = (".nc", ".h5", ".hdf5")
_BIOSIGNAL = (".edf", ".bdf")
# Keys of the report of a processed study, and of what is noted about one of its sessions.
_STUDY, _PROCESSED = {"counts", "settings", "sessions"}, {"recorded_s", "chain", "emgnb"}


class Trace(NamedTuple):
    """Something that came from a participant.

    rows : number of rows of a table to remove; 0 for the whole file or folder
    size : bytes
    """

    path: Path
    what: str
    rows: int = 0
    size: int = 0


def search(root: Path, code: str) -> tuple[list[Trace], list[str]]:
    """Return what came from a participant, and what is left to do by hand, in sentences."""
    table = recording.study(root)
    others = set(table["participant"].values.tolist()) - {"", code}
    found = _Search(Code(code, others))
    found.folder(root, named=False, bids=False)
    return found.traces, found.left


class _Search:
    def __init__(self, code: Code) -> None:
        self.code = code
        self.traces: list[Trace] = []
        self.left: list[str] = []

    def folder(self, place: Path, *, named: bool, bids: bool) -> None:
        """Search a folder. `named` : its name, or that of a folder above, is the code's."""
        try:
            entries = sorted(os.scandir(place), key=lambda each: each.name)
        except OSError as error:
            self.left.append(f"{place}: cannot be read ({error.strerror})")
            return
        names = {each.name for each in entries}
        if self._is_unit(place, names, named=named):
            return
        bids = bids or "dataset_description.json" in names
        for each in entries:
            self._entry(each, named=named, bids=bids)

    def _entry(self, each: os.DirEntry[str], *, named: bool, bids: bool) -> None:
        path = Path(each.path)
        own = self.code.in_name(each.name)
        if bids and each.name.split("_")[0] == f"sub-{label(self.code.text)}":
            self._add(path, "EMG-BIDS data")
        elif each.is_symlink():
            if own or self.code.in_name(path.resolve().name):
                self.left.append(f"{path}: a link to {path.resolve()}, which was not followed")
        elif each.is_dir() and each.name == ".git":
            self.left.append(f"{path}: version control keeps former versions of files")
        elif each.is_dir():
            self.folder(path, named=named or own, bids=bids)
        else:
            try:
                self._file(path, named=named or own)
            except OSError as error:
                self.left.append(f"{path}: cannot be read ({error.strerror or error})")

    def _is_unit(self, place: Path, names: set[str], *, named: bool) -> bool:
        """Examine a recording or a store as a whole; return whether its files are done with."""
        if JOURNAL in names:
            owner = _owner(place, names)
            if owner == self.code.text:
                self._add(place, RECORDING)
                return True
            if owner and named:
                self._named_but_of(place, {owner})
                return True
            if owner is None and not named:
                self.left.append(f"{place / JOURNAL}: damaged, so it is unknown whose it is")
        if "zarr.json" not in names:
            return False
        people = _people_of_store(place)
        if people is None:
            if named:
                self._add(place, "damaged store")
            elif any(self.code.in_file(each) for each in place.rglob("zarr.json")):
                self.left.append(f"{place}: damaged, and mentions {self.code.text}")
            else:
                self.left.append(f"{place}: damaged, so it is unknown whose data it holds")
        elif self.code.text in people:
            self._add(place, _sort_of_store(place))
        elif named and not people - {""}:
            self._add(place, "store of that name")
        elif named:
            self._named_but_of(place, people)
        elif any(self.code.in_file(each) for each in place.rglob("zarr.json")):
            self.left.append(f"{place}: holds data of others, but mentions {self.code.text}")
        return True

    def _file(self, path: Path, *, named: bool) -> None:
        ending = path.suffix.lower()
        if named:
            self._add(path, "file of that name")
        elif ending == ".npz" and (model := _model(path)) is not None:
            self._model(path, model)
        elif ending in _NETCDF and self.code.text in (_people_of_file(path) or ()):
            self._add(path, "exported data")
        elif ending in ENDINGS and (counts := without_rows(path, self.code.text)[1:])[0]:
            removed, kept = counts
            self._add(path, "rows of a table" if kept else "table", removed if kept else 0)
        elif ending in _PACKED:
            self.left.append(f"{path}: its compressed contents were not searched")
        elif self.code.in_file(path):
            if ending in _BIOSIGNAL or _is_report(path):
                self._add(path, "report" if ending not in _BIOSIGNAL else "exported data")
            else:
                self.left.append(f"{path}: mentions {self.code.text}; edit it by hand")

    def _model(self, path: Path, model: Classifier) -> None:
        if model.participants is None:
            self.left.append(f"{path}: a model that does not state whose data it was trained with")
        elif self.code.text in model.participants:
            self._add(path, "model")

    def _named_but_of(self, place: Path, people: set[str]) -> None:
        self.left.append(
            f"{place}: named {self.code.text}, but states that its data is of "
            f"{', '.join(sorted(people - {''}))}"
        )

    def _add(self, path: Path, what: str, rows: int = 0) -> None:
        self.traces.append(Trace(path, what, rows, 0 if rows else _size(path)))


def _owner(place: Path, names: set[str]) -> str | None:
    """Return the participant of a recording: that of its session, otherwise of its journal.

    "" if it states none, None if it cannot be read.
    """
    if SESSION in names and (people := _people_of_store(place / SESSION)):
        return next(iter(people))
    try:
        with JournalReader(place / JOURNAL) as journal:
            found = [each.json() for each in journal.records() if each.kind == Kind.SETTINGS]
    except (OSError, ValueError):
        return None
    return str(found[-1].get("participant", "")) if found else None


def _people_of_store(place: Path) -> set[str] | None:
    """Return the participants in a store; None if it cannot be read."""
    try:
        with xr.open_datatree(place, engine="zarr", consolidated=False, chunks=None) as tree:
            return set(_people(tree))
    except Exception:  # damaged stores raise many types
        return None


def _people_of_file(path: Path) -> set[str] | None:
    """Return the participants in a NetCDF file; None if it cannot be read."""
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return set(_people(tree))
    except Exception:  # not NetCDF, damaged, or h5netcdf is not installed
        return None


def _people(tree: xr.DataTree) -> Iterator[str]:
    for node in tree.subtree:
        data = node.to_dataset(inherit=False)
        yield from (str(data.attrs[name]) for name in ("participant",) if name in data.attrs)
        for variable in data.variables.values():
            if "participant" in variable.attrs:
                yield str(variable.attrs["participant"])
        if "participant" in data.variables:
            yield from np.unique(data["participant"].values.astype(str)).tolist()


def _sort_of_store(place: Path) -> str:
    if not (place / "emg" / "signal").is_dir():
        return "windows or features"
    return "derived session" if is_derived(place) else "session"


def _model(path: Path) -> Classifier | None:
    from emgnb import models

    try:
        return models.load(path)
    except ValueError:
        return None


def _is_report(path: Path) -> bool:
    """Return whether emgnb wrote a report of an evaluation or a study, as JSON or as a page."""
    if path.suffix.lower() in (".html", ".htm"):
        return "<title>Evaluation</title>" in path.read_text("utf-8", "replace")[:4096]
    if path.suffix.lower() != ".json":
        return False
    try:
        found: Any = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    evaluated = "emgnb" in (found.get("versions") or {})
    return evaluated or found.keys() >= _STUDY or found.keys() >= _PROCESSED


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
    return path.lstat().st_size
