"""Describe a stored session from its metadata, without reading samples or events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zarr

from emgnb._vocabulary import JOURNAL
from emgnb.recording import _reading
from emgnb.recording._chunks import Layout, described, layout
from emgnb.recording._writing import ALL_STORED, TABLE
from emgnb.recording.checks import (
    CHANNEL_COORDS,
    EVENT_COLUMNS,
    parsed_faults,
    parsed_history,
)
from emgnb.recording.places import ORIGINS
from emgnb.recording.remote import Place, array_source

RECORDED, DERIVED, JOURNAL_ONLY, DAMAGED = "recording", "derived", "journal", "damaged"
# A store beside the sessions, which is not listed.
TABLE_ONLY = "table"
NAN = float("nan")
# Arrays without which a session, its tables or its markers cannot be opened.
NEEDED = ("signal", "valid", "channel", *CHANNEL_COORDS)
MARKER_COLUMNS = ("time", "text", "uncertainty")
# Counts of the recorder that are stated, from which number on.
MARKS = {
    "segments": (2, "segments"),
    "crc_errors": (1, "CRC errors"),
    "overruns": (1, "overruns"),
}


@dataclass
class Entry:
    """One row of a study; see `study` for the columns."""

    path: str
    kind: str = DAMAGED
    readable: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Words:
    """Read names of channels, each combination of files once.

    Opening an array takes milliseconds, and the sessions of a study mostly share their montage.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, ...], list[str]] = {}

    def of(self, folder: Place) -> list[str]:
        """Return the texts of a stored one-dimensional array."""
        files = [folder / "zarr.json", *sorted((folder / "c").glob("*"), key=str)]
        key = tuple(file.read_bytes() for file in files)
        if key not in self._known:
            values: Any = zarr.open_array(array_source(folder), mode="r")[:]
            self._known[key] = [str(each) for each in values]
        return self._known[key]


def journal_entry(folder: Path, name: str) -> Entry:
    """Describe a recording's folder with a journal and no session."""
    return Entry(
        name,
        JOURNAL_ONLY,
        faults=[
            f"{JOURNAL} without a session: still recording, or interrupted "
            f"(acquire.recover({str(folder)!r}))"
        ],
    )


def entry(store: Place, name: str, words: Words) -> Entry:
    """Describe a session; whatever cannot be read is a fault of the entry."""
    made = Entry(name)
    try:
        _describe(store, words, made)
        made.readable = True
    except ConnectionError:
        raise
    except Exception as error:  # damaged files raise many types
        kind = "" if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: "
        made.kind = DAMAGED
        made.faults.append(f"cannot be opened: {kind}{error}")
    return made


def _describe(store: Place, words: Words, made: Entry) -> None:
    root = described(store)
    if root is None or root.get("node_type") != "group":
        raise ValueError(f"{store.name} holds no zarr.json of a group: copy the session again")
    attrs = _attributes(root)
    if all(attrs.get(name) == value for name, value in TABLE.items()):
        made.kind = TABLE_ONLY
        return
    complete = all(attrs.get(name) == value for name, value in ALL_STORED.items())
    for name in ("participant", "session", "started", "device", "protocol", "label_meaning"):
        made.texts[name] = str(attrs.get(name) or "")
    consent = attrs.get("consent")
    made.texts["sharing"] = str(consent.get("sharing", "")) if isinstance(consent, dict) else ""
    made.texts["quality"] = ", ".join(_marks(store, attrs))
    made.faults += parsed_faults(str(attrs.get("faults", "[]")))
    _emg(store, words, made, complete)
    _tables(store, made)


def _marks(store: Place, attrs: dict[str, Any]) -> Iterator[str]:
    """Return marks of quality: those of the recorder, and what was corrected afterwards."""
    if attrs.get("quality"):
        yield str(attrs["quality"])
    for name, (least, words) in MARKS.items():
        count = attrs.get(name)
        if isinstance(count, int) and count >= least:
            yield f"{count} {words}"
    if _attributes(described(store / "markers") or {}).get("amended"):
        yield "markers corrected"


def _emg(store: Place, words: Words, made: Entry, complete: bool) -> None:
    """Describe the signal: channels, rate, duration, processing, and lost samples."""
    node = described(store / "emg")
    signal = described(store / "emg" / "signal")
    if node is None or signal is None:
        raise ValueError("it holds no emg/signal")
    grid = {
        name: found
        for name in (*NEEDED, "time")
        if (found := layout(store / "emg" / name)) is not None
    }
    if gone := [name for name in NEEDED if name not in grid]:
        raise ValueError(f"emg: no {', '.join(gone)}")
    shape = dict(zip(grid["signal"].dims, grid["signal"].shape, strict=True))
    _missing(grid, store, made, complete)
    about = _attributes(signal)
    rows, step = shape.get("time", 0), _attributes(node).get("time_step")
    uniform = _seconds(step)
    if uniform is None and "time" not in grid:
        raise ValueError(f"emg: `time_step` is {step!r} and no time stamps are stored")
    rate = 1.0 / uniform if uniform else float(about.get("nominal_rate") or NAN)
    lost = float(about.get("lost") or 0) + made.numbers.pop("missing", 0)
    made.numbers |= {
        "channels": shape.get("channel", 0),
        "rate": rate,
        "duration": rows / rate,
        "lost": lost,
        "lost_share": lost / rows if rows else NAN,
    }
    made.texts["units"] = str(about.get("units", ""))
    for column, name in (
        ("channel_names", "channel"),
        ("muscles", "muscle"),
        ("kinds", "signal_kind"),
    ):
        texts = words.of(store / "emg" / name)
        different = [text for text in dict.fromkeys(texts) if text]
        made.texts[column] = ", ".join(texts if name == "channel" else different)
    steps = parsed_history(str(about.get("history", "")))
    made.texts["cleaned"] = ", ".join(_steps(steps))
    derived = any(step["step"] not in ORIGINS for step in steps)
    made.kind = DERIVED if derived else RECORDED


def _missing(grid: dict[str, Layout], store: Place, made: Entry, complete: bool) -> None:
    """Count samples in missing chunks; names and times must be complete."""
    for name, found in grid.items():
        runs = found.missing() if complete or name == "time" else []
        if runs and (name == "time" or "time" not in found.dims):
            raise ValueError(f"the file of emg/{name} is missing or empty: copy the session again")
        if runs and name == "signal":
            gone = sum(last - first for first, last in runs)
            made.numbers["missing"] = gone
            made.faults.append(
                f"emg/{name}: chunks with {gone} of {found.shape[0]} samples are missing. Copy the "
                "session again from an intact source"
            )


def _steps(steps: list[dict[str, Any]]) -> Iterator[str]:
    for step in steps:
        if step["step"] in ORIGINS:
            continue
        chain = step.get("chain")
        if step["step"] == "filter" and isinstance(chain, list):
            yield from (str(each.get("step", "?")) for each in chain if isinstance(each, dict))
        else:
            yield str(step["step"])


def _tables(store: Place, made: Entry) -> None:
    """Describe markers, labels and other nodes.

    As for `open`, a table whose values are missing is left out and a fault; invalid metadata and
    missing columns make the session unreadable.
    """
    coders, markers = {}, None
    described(store / "labels")
    for name, folder in _reading.tables(store).items():
        described(folder)
        count = _rows(folder, EVENT_COLUMNS, f"labels/{name}", made)
        if count is not None:
            coders[name] = count
    if (store / "markers" / "zarr.json").exists():
        markers = _rows(store / "markers", MARKER_COLUMNS, "markers", made)
    made.numbers |= {"events": sum(coders.values()), "markers": markers or 0}
    made.texts |= {
        "coders": ", ".join(f"{name} ({count})" for name, count in coders.items()),
        "other_data": ", ".join(_others(store)),
    }


def _others(store: Place) -> Iterator[str]:
    for each in sorted(store.iterdir(), key=str):
        if each.name.startswith(".") or each.name in ("emg", "labels", "markers"):
            continue
        if (described(each) or {}).get("node_type") == "group":
            for inner in each.iterdir():
                described(inner)
            yield each.name


def _rows(folder: Place, columns: Sequence[str], name: str, made: Entry) -> int | None:
    """Return the number of rows of a table; None, and a fault, if values are missing."""
    grid = {
        each.name: found for each in sorted(folder.iterdir(), key=str) if (found := layout(each))
    }
    if absent := [column for column in columns if column not in grid]:
        raise ValueError(f"{name}: no {', '.join(absent)}")
    if gone := [each for each, found in grid.items() if found.missing()]:
        made.faults.append(
            f"{name} cannot be read and is left out: the file of {', '.join(gone)} is missing or "
            "empty"
        )
        return None
    return grid[columns[0]].shape[0]


def _attributes(about: dict[str, Any]) -> dict[str, Any]:
    found = about.get("attributes")
    return found if isinstance(found, dict) else {}


def _seconds(step: Any) -> float | None:
    number = isinstance(step, int | float) and not isinstance(step, bool)
    return float(step) if number and math.isfinite(step) and step > 0 else None
