"""Export sessions as NetCDF and CSV."""

from __future__ import annotations

import csv
import errno
import importlib.util
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb.recording import checks, consent, model
from emgnb.recording.files import atomic_path
from emgnb.recording.timeindex import TimeIndex


def to_netcdf(
    session: xr.DataTree, path: str | os.PathLike[str], *, despite_consent: str | None = None
) -> Path:
    """Export a session as NetCDF4, with all time stamps. Requires h5netcdf.

    Booleans become 0 and 1. Attributes that NetCDF cannot hold (lists, dicts, None) become JSON.

    Parameters
    ----------
    session : not changed
    path : file to create
    despite_consent : reason to export a session whose consent says that it is not shared, such as
        "copy for our own archive"

    Raises
    ------
    FileExistsError : `path` exists
    ImportError : h5netcdf is not installed
    OSError : the disk is full, or is not writable
    ValueError : the session violates the data model, or its consent does not allow to share it
    """
    checks.check(session)
    consent.need_sharing(session, despite_consent=despite_consent)
    if importlib.util.find_spec("h5netcdf") is None:
        raise ImportError("NetCDF export needs h5netcdf: pip install 'emgnb[export]'")
    plain = {}
    for node in session.subtree:
        dataset = node.to_dataset(inherit=False)
        if isinstance(dataset.xindexes.get("time"), TimeIndex):
            dataset = dataset.drop_indexes("time").assign_coords(time=dataset["time"].values)
        variables = {name: _plain(variable) for name, variable in dataset.variables.items()}
        plain[node.path] = xr.Dataset(
            {name: v for name, v in variables.items() if name not in dataset.coords},
            {name: v for name, v in variables.items() if name in dataset.coords},
            _attributes(dataset.attrs),
        )
    with atomic_path(path) as beside:
        _need_room(session, beside.parent)
        try:
            xr.DataTree.from_dict(plain).to_netcdf(beside, engine="h5netcdf")
        except RuntimeError as error:  # raised by HDF5
            raise OSError(f"{path} cannot be written: {error}") from error
    return Path(path)


def _need_room(session: xr.DataTree, folder: Path) -> None:
    """Raise OSError if the file would not fit: HDF5 can crash the process on a full disk."""
    needed = sum(node.to_dataset(inherit=False).nbytes for node in session.subtree)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"the export needs {needed / 1e6:.0f} MB, and the disk has {free / 1e6:.0f} MB left",
        )


def _plain(variable: xr.Variable) -> xr.Variable:
    """Return the variable without the store's encoding, in a type that NetCDF supports."""
    made = variable.astype(np.int8) if variable.dtype == bool else variable.copy(deep=False)
    made.attrs, made.encoding = _attributes(variable.attrs), {}
    return made


def _attributes(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    def fits(value: Any) -> bool:
        return isinstance(value, str | int | float | np.generic) and not isinstance(value, bool)

    return {
        str(name): value if fits(value) else json.dumps(value, default=np.generic.item)
        for name, value in attrs.items()
    }


def to_csv(
    session: xr.DataTree, folder: str | os.PathLike[str], *, despite_consent: str | None = None
) -> Path:
    """Export a session as CSV files in a new folder: EMG, markers, and one table per coder.

    `emg.csv` has the columns `time_s`, one per channel (name and unit), and `valid`. A lost sample
    is an empty field.

    Parameters
    ----------
    session : not changed
    folder : folder to create
    despite_consent : reason to export a session whose consent says that it is not shared, such as
        "statistics on our own computer"

    Raises
    ------
    FileExistsError : `folder` exists
    ValueError : the session violates the data model, or its consent does not allow to share it

    Examples
    --------
    >>> from emgnb import recording, simulate
    >>> folder = recording.to_csv(simulate.face(duration=4), "tables")
    >>> sorted(each.name for each in folder.iterdir())
    ['emg.csv', 'labels_truth.csv', 'markers.csv']
    """
    checks.check(session)
    consent.need_sharing(session, despite_consent=despite_consent)
    with atomic_path(folder) as beside:
        beside.mkdir()
        _write_csv(session, beside)
    return Path(folder)


def _write_csv(session: xr.DataTree, target: Path) -> None:
    x = model.emg(session)
    with (target / "emg.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        units = x.attrs["units"]
        writer.writerow(["time_s", *(f"{name} ({units})" for name in x["channel"].values), "valid"])
        for start in range(0, x.sizes["time"], 60_000):
            block = x.isel(time=slice(start, start + 60_000))
            time, valid = block.coords["time"].values, block.coords["valid"].values
            for at, row, ok in zip(time.tolist(), block.values.tolist(), valid, strict=True):
                cells = ("" if value != value else f"{value:.7g}" for value in row)
                writer.writerow([f"{at:.6f}", *cells, int(ok)])
    tables = {"markers": session["markers"]} if "markers" in session.children else {}
    if "labels" in session.children:
        tables |= {f"labels_{name}": node for name, node in session["labels"].children.items()}
    for name, node in tables.items():
        _table_to_csv(node.to_dataset(), target / f"{name}.csv")


def _table_to_csv(table: xr.Dataset, path: Path) -> None:
    columns = [str(name) for name in table.data_vars]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(table[name].values.tolist() for name in columns), strict=True))
