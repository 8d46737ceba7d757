"""Sessions for other programs: NetCDF and CSV."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb.recording import model, rules
from emgnb.recording.store import fresh
from emgnb.recording.timeindex import TimeIndex


def to_netcdf(session: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Export a session as NetCDF4 (needs h5netcdf), `time` written out.

    Truth values become 0 and 1; attributes that NetCDF cannot hold (lists, dicts, None) become
    JSON.

    Raises
    ------
    FileExistsError : something is there already
    ImportError : h5netcdf is not installed
    ValueError : the session breaks the data model
    """
    rules.check(session)
    if importlib.util.find_spec("h5netcdf") is None:
        raise ImportError("NetCDF export needs h5netcdf: pip install 'emgnb[export]'")
    target, partial = fresh(path)
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
    try:
        xr.DataTree.from_dict(plain).to_netcdf(partial, engine="h5netcdf")
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return target


def _plain(variable: xr.Variable) -> xr.Variable:
    """Return the variable without the store's encoding, in a type that NetCDF has."""
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


def to_csv(session: xr.DataTree, folder: str | os.PathLike[str]) -> Path:
    """Export a session as CSV files in a new folder: emg, markers, and a table per coder.

    `emg.csv` has a column `time_s`, one per channel headed by its name and unit, and `valid`;
    a lost sample is an empty field.

    Raises
    ------
    FileExistsError : something is there already
    """
    rules.check(session)
    target, _ = fresh(folder)
    target.mkdir()
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
    return target


def _table_to_csv(table: xr.Dataset, path: Path) -> None:
    columns = [str(name) for name in table.data_vars]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(table[name].values.tolist() for name in columns), strict=True))
