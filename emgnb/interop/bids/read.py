"""Read data sets in EMG-BIDS as sessions, one at a time."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb import facs, recording
from emgnb._vocabulary import SIDES, VOLTS
from emgnb.interop.bids import _bdf, _events, _run
from emgnb.interop.label_files import read_labels
from emgnb.interop.label_files.cells import read_text, rows_by


def read_bids(
    folder: str | os.PathLike[str],
    *,
    participant: str | None = None,
    progress: Callable[[int, str], None] | None = None,
) -> Iterator[xr.DataTree]:
    """Read the EMG recordings of a BIDS data set as sessions, one at a time. Requires edfio.

    Runs of a recording that `write_bids` separated are joined again, with their lost samples. In
    other data sets each file is a session: channels of type EMG are read, events without duration
    become markers, and others the labels of the coder "bids". What does not fit is a remark:
    ``recording.known_faults(session)``.

    Parameters
    ----------
    folder : data set
    participant : label of one participant, with or without "sub-"
    progress : called with the number of sessions that are read, and the name of the last

    Yields
    ------
    Sessions, ordered by file name

    Raises
    ------
    FileNotFoundError : no folder, or no EMG in it
    ImportError : edfio is not installed
    ValueError : a file is damaged, or parts of it contradict each other
    """
    root = Path(folder).expanduser()
    label = "*" if participant is None else participant.removeprefix("sub-")
    files = [
        path
        for path in sorted(root.glob(f"sub-{label}/**/*_emg.*"), key=_by_number)
        if path.suffix in (".bdf", ".edf") and path.parent.name == "emg"
    ]
    if not files:
        raise FileNotFoundError(
            f"no sub-{label}/[ses-*]/emg/*_emg.bdf or .edf in {root}: expected a data set in "
            "EMG-BIDS"
        )
    return _sessions(root, files, progress)


def _sessions(
    root: Path, files: list[Path], progress: Callable[[int, str], None] | None
) -> Iterator[xr.DataTree]:
    groups: dict[tuple[str, str], list[tuple[Path, dict[str, Any]]]] = {}
    for path in files:
        about = _about(root, path)
        ours = about.get("emgnb")
        key = str(ours["recording"]) if isinstance(ours, dict) else f"file {path.name}"
        groups.setdefault((str(path.parent), key), []).append((path, about))
    for count, runs in enumerate(groups.values(), 1):
        made = _joined(runs) if "emgnb" in runs[0][1] else _foreign(*runs[0])
        yield made
        if progress is not None:
            progress(count, runs[0][0].name)


def _joined(runs: list[tuple[Path, dict[str, Any]]]) -> xr.DataTree:
    """Join the runs of a recording that `write_bids` wrote."""
    origin = runs[0][1]["emgnb"]
    size, rate, names = origin["recording_samples"], float(origin["rate"]), origin["channels"]
    values = np.full((size, len(names)), np.nan, dtype=np.float32)
    valid = np.zeros(size, dtype=bool)
    factor = _run.UNITS[origin["signal"]["units"]][1]
    rows: list[dict[str, str]] = []
    for path, about in runs:
        place = about["emgnb"]
        first, last = place["first"], place["first"] + place["samples"]
        labels, data = _samples(path)
        if len(data) < last - first or data.shape[1] != len(names) or last > size:
            raise ValueError(
                f"{path.name} has {data.shape[0]} samples of {data.shape[1]} channels, expected "
                f"{last - first} of {len(names)}"
            )
        own = _rows(path)
        part = data[: last - first] / factor
        values[first:last], valid[first:last] = _restored(part, own, labels, rate)
        rows += own
    channels = _rows(runs[0][0], "channels")
    x = recording.signal(
        values,
        rate=rate,
        start=origin["start"],
        units=origin["signal"]["units"],
        channel=names,
        valid=valid,
        muscle=[_word(row["muscle"]) for row in channels],
        side=[_word(row["side"]) for row in channels],
        signal_kind=[row["signal_kind"] for row in channels],
        gain=[float(row["gain"]) for row in channels],
    )
    x.attrs = dict(origin["signal"])
    tables = _events_about(runs[0][0])
    return recording.make(
        x,
        markers=_events.markers_from(rows, tables),
        labels=_events.labels_from(rows, tables),
        **{str(name): value for name, value in origin["session"].items()},
    )


def _restored(
    values: np.ndarray[Any, Any], rows: list[dict[str, str]], labels: list[str], rate: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Remove the zeros that stand for missing samples; return samples, and which are valid."""
    made = values.copy()
    invalid = np.zeros(len(values), dtype=bool)
    for row in rows:
        if row["source"] != _events.SIGNAL or row["trial_type"] == _events.PADDING:
            continue
        first = round(float(row["onset"]) * rate)
        place = slice(first, first + round(float(row["duration"]) * rate))
        if row["trial_type"] == _events.MISSING:
            channel = _word(row["channel"])
            made[place, labels.index(channel) if channel else slice(None)] = np.nan
        else:
            invalid[place] = True
    return made, np.isfinite(made).all(axis=1) & ~invalid


def _foreign(path: Path, about: Mapping[str, Any]) -> xr.DataTree:
    """Make a session of one file of another program."""
    labels, data = _samples(path)
    signals = _bdf.read(path)
    said: list[str] = []
    rows = {row["name"]: row for row in _rows(path, "channels")}
    kept = [
        k for k, each in enumerate(labels) if rows.get(each, {}).get("type", "EMG").upper() == "EMG"
    ]
    if not kept:
        raise ValueError(f"{path.name}: no channel of the type EMG; found {', '.join(labels)}")
    if len(kept) < len(labels):
        gone = [each for k, each in enumerate(labels) if k not in kept]
        said.append(f"channels that are not EMG are left out: {', '.join(gone)}")
    counted = signals[0].sampling_frequency
    stated = about.get("SamplingFrequency")
    rate = float(stated) if isinstance(stated, int | float) else counted
    if abs(rate - counted) > 1e-3 * counted:
        raise ValueError(f"{path.name}: emg.json states {rate:g} Hz, the file has {counted:g} Hz")
    written = {signals[k].physical_dimension.strip() for k in kept}
    unit = VOLTS.get(written.pop().lower()) if len(written) == 1 else None
    if unit is None:
        said.append("the channels have no common unit of voltage; the samples have the unit '1'")
    names = [labels[k] for k in kept]
    guessed = [_muscle(rows.get(each, {}).get("target_muscle", "")) for each in names]
    x = recording.signal(
        data[:, kept],
        rate=rate,
        nominal_rate=counted,
        units=unit or "1",
        channel=names,
        muscle=[muscle for muscle, _ in guessed],
        side=[side for _, side in guessed],
    )
    markers, labelled = _foreign_events(path, said)
    found = re.match(r"sub-([^_]+)(?:_ses-([^_]+))?", path.name)
    assert found is not None
    return recording.make(
        x,
        markers=markers,
        labels=labelled,
        participant=found[1],
        session=found[2] or "",
        protocol=str(about.get("TaskName", "")),
        faults=json.dumps(said, ensure_ascii=False),
    )


def _foreign_events(path: Path, said: list[str]) -> tuple[xr.Dataset, dict[str, xr.Dataset]]:
    rows = _rows(path)
    point = [row for row in rows if _number(row.get("duration", "n/a")) in (None, 0.0)]
    texts = [row.get("trial_type") or row.get("value") or "event" for row in point]
    markers = recording.markers([float(row["onset"]) for row in point], texts)
    if len(point) == len(rows):
        return markers, {}
    table = read_labels(_sibling(path, "events"), "bids")
    said += [fault for fault in recording.known_faults(table) if "at the onset" not in fault]
    return markers, {"bids": table}


def _muscle(text: str) -> tuple[str, str]:
    """Find muscle and side in a description, such as "left Zygomaticus major"."""
    words = " ".join(re.findall(r"[a-z]+", text.lower()))
    side = next((each for each in SIDES if each and each in words.split()), "")
    fits = [name for name in facs.MUSCLES if name.replace("_", " ") in words]
    return (max(fits, key=len) if fits else ""), side


def _samples(path: Path) -> tuple[list[str], np.ndarray[Any, Any]]:
    signals = _bdf.read(path)
    rates = {signal.sampling_frequency for signal in signals}
    if len(rates) != 1:
        raise ValueError(f"{path.name}: channels have {len(rates)} sampling rates, expected one")
    data = np.stack([signal.data for signal in signals], axis=1)
    return [signal.label for signal in signals], data


def _about(root: Path, path: Path) -> dict[str, Any]:
    """Return emg.json of a file, with what it inherits from folders above."""
    made: dict[str, Any] = {}
    places = [path.parent, *path.parents[1 : len(path.parent.relative_to(root).parts) + 1]]
    words = set(path.stem.split("_"))
    for place in reversed(places):
        for each in sorted(place.glob("*_emg.json"), key=lambda p: len(p.name)):
            if set(each.stem.split("_")) <= words:
                found = recording.parsed(each.read_bytes(), each.name)
                made |= found if isinstance(found, dict) else {}
    return made


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts run-2 before run-10."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _sibling(path: Path, suffix: str, ending: str = ".tsv") -> Path:
    return path.with_name(path.stem.removesuffix("_emg") + f"_{suffix}{ending}")


def _rows(path: Path, suffix: str = "events") -> list[dict[str, str]]:
    table = _sibling(path, suffix)
    if not table.is_file():
        return []
    heading, *lines = rows_by(read_text(table), "\t") or [[]]
    return [dict(zip(heading, line, strict=False)) for line in lines if line]


def _events_about(path: Path) -> dict[str, Any]:
    about = _sibling(path, "events", ".json")
    found = recording.parsed(about.read_bytes(), about.name) if about.is_file() else {}
    ours = found.get("emgnb") if isinstance(found, dict) else None
    return ours if isinstance(ours, dict) else {}


def _word(cell: str) -> str:
    return "" if cell == "n/a" else cell


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
