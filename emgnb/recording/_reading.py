"""Open a stored session lazily, and report missing or damaged parts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb._faults import refuse
from emgnb.recording import checks
from emgnb.recording._chunks import Layout, Run, described, joined, layout
from emgnb.recording._stored import StoredRows, path_of, variable
from emgnb.recording._writing import ALL_STORED
from emgnb.recording.model import known_faults
from emgnb.recording.remote import Place, dataset_source
from emgnb.recording.timeindex import TimeIndex

# Maximum depth of nested folders; labels/<coder>/onset is the deepest that emgnb writes.
DEEPEST = 8
# Name of a table while it is replaced; it is read while the new one is not in place.
REPLACED = "{}.old"
# Maximum number of runs of missing chunks listed in a message.
MOST_LISTED = 8


@dataclass(slots=True)
class Reading:
    """State of a store while it is read.

    `complete` : all chunks were written, so a missing chunk is lost data
    `check` : read every sample once
    `faults` : missing or damaged parts, in sentences
    """

    store: Place
    chunks: float | None
    check: bool
    complete: bool = False
    faults: list[str] = field(default_factory=list)


def read(store: Place, chunks: float | None, *, check: bool) -> xr.DataTree:
    """Read a store.

    Raises
    ------
    ValueError : not a session, or one that violates the data model
    """
    about = Reading(store, chunks, check)
    try:
        opened = xr.DataTree.from_dict(dict(_nodes(about)))
        opened.attrs |= _all_faults(opened, about)
        found = checks.faults(opened)
    except ConnectionError:
        raise
    except Exception as error:  # Zarr and xarray raise many types for invalid data
        kind = "" if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: "
        raise ValueError(
            f"{store} is not a session store, or a damaged one: {kind}{error}"
        ) from error
    refuse(found)
    return opened


def tables(store: Place) -> dict[str, Place]:
    """Return the folder of each coder's table, keyed by coder name."""
    found: dict[str, Place] = {}
    for each in sorted((store / "labels").glob("*/zarr.json"), key=str):
        folder = each.parent
        replaced = folder.name.startswith(".") and folder.name.endswith(REPLACED.format(""))
        name = folder.name[1 : -len(REPLACED.format(""))] if replaced else folder.name
        if not folder.name.startswith(".") or (replaced and not (store / "labels" / name).exists()):
            found[name] = folder
    return found


def replaced_path(store: Path, coder: str) -> Path:
    """Return the path of a coder's table while another replaces it."""
    return store / "labels" / ("." + REPLACED.format(coder))


def _all_faults(opened: xr.DataTree, about: Reading) -> dict[str, str]:
    if not about.faults:
        return {}
    every = dict.fromkeys([*known_faults(opened), *about.faults])
    return {"faults": json.dumps(list(every), ensure_ascii=False)}


def _nodes(about: Reading) -> Iterator[tuple[str, xr.Dataset]]:
    root = described(about.store)
    if root is None or root.get("node_type") != "group":
        raise ValueError("it holds no zarr.json of a group")
    attrs = dict(root.get("attributes") or {})
    about.complete = all(attrs.pop(name, None) == value for name, value in ALL_STORED.items())
    yield "/", xr.Dataset(attrs=attrs)
    for name, folder in _groups(about.store):
        if name == "/labels":
            yield name, xr.Dataset()
        elif name == "/emg":
            yield name, _node(folder, about)
        else:
            made = _table(name, folder, about)
            if made is not None:
                yield name, checks.in_todays_notation(made) if "/labels/" in name else made


def _groups(folder: Place, name: str = "", depth: int = 0) -> Iterator[tuple[str, Place]]:
    if depth > DEEPEST:
        raise ValueError(f"folders lie more than {DEEPEST} deep in each other")
    inner = {each.name: each for each in folder.iterdir() if not each.name.startswith(".")}
    if name == "/labels":
        inner = tables(folder.parent)
    for each, path in sorted(inner.items()):
        about = described(path)
        if about is not None and about.get("node_type") == "group":
            yield f"{name}/{each}", path
            yield from _groups(path, f"{name}/{each}", depth + 1)


def _table(name: str, folder: Place, about: Reading) -> xr.Dataset | None:
    """Read a node other than the EMG; an unreadable one is left out and reported."""
    try:
        return _node(folder, about)
    except ConnectionError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        about.faults.append(f"{name[1:]} cannot be read and is left out: {error}")
        return None


def _node(folder: Place, about: Reading) -> xr.Dataset:
    layouts = {
        each.name: found
        for each in sorted(folder.iterdir(), key=str)
        if each.is_dir() and (found := layout(each)) is not None
    }
    _need_whole(layouts, about)
    dataset = xr.open_dataset(
        **dataset_source(folder), engine="zarr", chunks=None, consolidated=False
    )
    step = dataset.attrs.get("time_step")
    if step is not None:
        dataset = _with_time(dataset)
    for name, found in layouts.items():
        if "time" not in found.dims:
            dataset[name] = _in_memory(dataset[name].variable)
    _with_samples(dataset, layouts, about)
    if about.chunks is not None and step is not None:
        dataset = dataset.chunk(time=max(round(about.chunks / step), 1))
    return dataset


def _need_whole(layouts: dict[str, Layout], about: Reading) -> None:
    """Raise ValueError if names, events or time stamps of a node are incomplete."""
    for name, found in layouts.items():
        if (name == "time" or ("time" not in found.dims and about.complete)) and found.missing():
            raise ValueError(
                f"the file of {path_of(found, about.store)} is missing or empty. Copy the "
                "session again, or wait until the synchronising program has finished"
            )


def _in_memory(found: xr.Variable) -> xr.Variable:
    if found.dtype.kind == "T":
        return xr.Variable(found.dims, np.array(found.values.tolist(), dtype=str), found.attrs)
    return found.load()


def _with_samples(dataset: xr.Dataset, layouts: dict[str, Layout], about: Reading) -> None:
    """Add the variables along time, read lazily, and report lost parts."""
    along = {n: f for n, f in layouts.items() if "time" in f.dims and n != "time"}
    every: list[Run] = []
    for name, found in along.items():
        scale = dataset[name].encoding.get("scale_factor")
        rows = StoredRows(
            found, None if scale is None else float(scale), _lost(found, along, about)
        )
        _say(found, "missing", rows.lost, dataset, about)
        if about.check:
            damaged = rows.damaged()
            _say(found, "damaged", damaged, dataset, about)
            rows.lost = joined([*rows.lost, *damaged])
        every = joined([*every, *rows.lost])
        dataset[name] = variable(rows, dataset[name].variable)
    if every and "valid" in along:
        rows = StoredRows(along["valid"], None, every)
        dataset["valid"] = variable(rows, dataset["valid"].variable)
    if every and "signal" in dataset:
        more = sum(last - first for first, last in every)
        dataset["signal"].attrs["lost"] = int(dataset["signal"].attrs.get("lost", 0)) + more


def _lost(found: Layout, along: dict[str, Layout], about: Reading) -> list[Run]:
    """Return the rows of missing chunks that had been written.

    Earlier versions did not store empty chunks. In their stores a missing chunk counts as lost if
    any of its samples is marked valid.
    """
    missing = found.missing()
    if about.complete or not missing:
        return missing
    if "valid" not in along or found is along["valid"]:
        return []
    valid = StoredRows(along["valid"], None, [])
    return [
        (first, last)
        for first, last in _common(missing, along["valid"])
        if _any(valid, first, last)
    ]


def _common(missing: list[Run], valid: Layout) -> Iterator[Run]:
    """Return the intersections of runs with the existing chunks of `valid`."""
    absent = [*valid.missing(), (valid.shape[0], valid.shape[0])]
    begin = 0
    for first, last in absent:
        for at in range(begin, first, valid.rows):
            for a, b in missing:
                low, high = max(a, at), min(b, at + valid.rows, first)
                if low < high:
                    yield low, high
        begin = last


def _any(valid: StoredRows, first: int, last: int) -> bool:
    try:
        return bool(valid.values(first, last).any())
    except ValueError:
        # A damaged chunk of `valid` gives no information, so the samples count as lost.
        return True


def _say(found: Layout, how: str, runs: list[Run], dataset: xr.Dataset, about: Reading) -> None:
    if not runs:
        return
    count = -(-found.shape[0] // found.rows)
    chunks = [(first // found.rows, (last - 1) // found.rows) for first, last in runs]
    number = sum(last - first + 1 for first, last in chunks)
    listed = ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in chunks[:MOST_LISTED])
    more = ", …" if len(chunks) > MOST_LISTED else ""
    verb = "is" if number == 1 else "are"
    about.faults.append(
        f"{path_of(found, about.store)}: {number} of {count} chunks {verb} {how} "
        f"({listed}{more}; {_when(dataset, runs)}). Their samples are marked as lost. Copy "
        "the session again from an intact source"
    )


def _when(dataset: xr.Dataset, runs: list[Run]) -> str:
    """Return the time span of the rows, from the first to the last of all runs."""
    time = dataset["time"]
    first, last = (float(time.isel(time=row)) for row in (runs[0][0], runs[-1][1] - 1))
    return f"{'' if len(runs) == 1 else 'within '}{first:.6g} to {last:.6g} s"


def _with_time(dataset: xr.Dataset) -> xr.Dataset:
    attrs = dict(dataset.attrs)
    start, step = attrs.pop("time_start", 0.0), attrs.pop("time_step")
    for name, value in (("time_start", start), ("time_step", step)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or (name == "time_step" and not value > 0):
            raise ValueError(
                f"`{name}` is {value!r}, expected a number of seconds"
                f"{' above 0' if name == 'time_step' else ''}"
            )
    size = dataset.sizes.get("time", 0)
    timed = dataset.assign_coords(
        xr.Coordinates.from_xindex(TimeIndex.uniform(float(start), float(step), size))
    )
    timed.attrs = attrs
    return timed
