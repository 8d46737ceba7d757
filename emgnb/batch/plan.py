"""Read the file that says how a study is processed."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emgnb import features, filters, recording
from emgnb._vocabulary import KINDS
from emgnb.recording.urls import located

# What each part of a file may hold, and of which type.
PARTS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "signal": {"kind": str, "mains": (int, float)},
    "bursts": {"false_alarms": (int, float)},
    "features": {
        "names": (str, list),
        "length": (int, float),
        "step": (int, float),
        "trials": bool,
        "reaction": (int, float),
    },
    "workers": {
        "count": int,
        "memory": str,
        "address": str,
        "scheduler_file": str,
        "retries": int,
    },
}
TOP = ("sessions", "output", "select", "chain", *PARTS)
# Columns of `recording.study` by which sessions are selected.
COLUMNS = ("path", "kind", "participant", "session", "device", "protocol", "units", "label_meaning")


@dataclass(frozen=True)
class Table:
    """How the feature table of a session is made.

    Attributes
    ----------
    names : set or names of features, see `features.extract`
    length, step : of the windows, in s
    trials : windows of the trials only, with their labels; otherwise of the whole recording
    reaction : s, see `labels.trials`
    """

    names: str | tuple[str, ...] = "hudgins"
    length: float = 0.2
    step: float = 0.05
    trials: bool = True
    reaction: float = 0.3


@dataclass(frozen=True)
class Workers:
    """Where the work is done.

    Attributes
    ----------
    count : processes on this computer; by default one per core
    memory : limit of each, such as "4 GiB"; by default an equal share. A worker that exceeds it is
        ended, and its session fails
    address, scheduler_file : of a running `dask.distributed` scheduler, instead of processes here
    retries : further attempts at a session that failed, for storage that sometimes does not answer
    """

    count: int | None = None
    memory: str = "auto"
    address: str = ""
    scheduler_file: str = ""
    retries: int = 0


@dataclass(frozen=True)
class Plan:
    """How a study is processed; `read_plan` reads it from a file.

    Attributes
    ----------
    sessions, output : folders, or URLs of object storage
    select : column of `recording.study` → accepted values. Without `kind`, derived sessions are
        left out
    kind : "raw", "rectified" or "envelope": use only these channels
    mains : 50 or 60 Hz, for the default chain
    chain : filters; None for `filters.preset_for` of each recording
    false_alarms : per minute and channel, see `detect.bursts`; None to find no bursts
    features : None to compute none
    workers : where the work is done; does not change results
    """

    sessions: str
    output: str
    select: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: str | None = None
    mains: float | None = None
    chain: filters.Chain | None = None
    false_alarms: float | None = None
    features: Table | None = None
    workers: Workers = field(default_factory=Workers)

    def __post_init__(self) -> None:
        for name in ("sessions", "output"):
            object.__setattr__(self, name, os.fspath(located(getattr(self, name))))

    def with_workers(self, workers: Workers) -> Plan:
        """Return the same plan for other workers."""
        return dataclasses.replace(self, workers=workers)

    def settings(self) -> dict[str, Any]:
        """Return all that changes results, for JSON."""
        return {
            "kind": self.kind,
            "mains": self.mains,
            "chain": None if self.chain is None else json.loads(self.chain.to_json()),
            "false_alarms": self.false_alarms,
            "features": None if self.features is None else dataclasses.asdict(self.features),
        }


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Read a plan from a TOML file.

    Parameters
    ----------
    path : file with `sessions` and `output` (paths relative to the file's folder, or URLs), and
        optional parts `[select]`, `[signal]`, `[[chain]]`, `[bursts]`, `[features]` and
        `[workers]`, with the names of `Plan`, `Table` and `Workers`. Each `[[chain]]` is a filter
        with its options, in order

    Raises
    ------
    FileNotFoundError : no such file
    ValueError : not TOML, or unknown, missing or unsuitable settings; lists all of them

    Examples
    --------
    >>> from pathlib import Path
    >>> from emgnb import batch
    >>> text = '''
    ... sessions = "recordings"
    ... output = "derived"
    ... [[chain]]
    ... step = "BandPass"
    ... low = 20
    ... high = 450
    ... [features]
    ... names = ["rms", "mdf"]
    ... '''
    >>> _ = Path("study.toml").write_text(text)
    >>> batch.read_plan("study.toml").chain
    Chain(BandPass(low=20, high=450, order=4))
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"no file {file}: check the name")
    text = ""
    try:
        # Editors of Windows may begin a file with a mark, which TOML does not know.
        text = file.read_text(encoding="utf-8-sig")
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = ". Write paths of Windows with / or in single quotes" if "\\" in text else ""
        raise ValueError(f"{file} is not TOML: {error}{hint}") from error
    try:
        recording.refuse(_faults(found))
        return _plan(found, file.absolute().parent)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _plan(found: dict[str, Any], folder: Path) -> Plan:
    signal, bursts = found.get("signal", {}), found.get("bursts")
    table = found.get("features")
    if table is not None and isinstance(table.get("names"), list):
        table = {**table, "names": tuple(table["names"])}
    steps = found.get("chain")
    return Plan(
        sessions=_place(found["sessions"], folder),
        output=_place(found["output"], folder),
        select={
            name: tuple([values] if isinstance(values, str) else values)
            for name, values in found.get("select", {}).items()
        },
        kind=signal.get("kind"),
        mains=signal.get("mains"),
        chain=None if steps is None else filters.Chain.from_json(json.dumps(steps)),
        false_alarms=None if bursts is None else bursts.get("false_alarms", 0.5),
        features=None if table is None else Table(**table),
        workers=Workers(**found.get("workers", {})),
    )


def _place(text: str, folder: Path) -> str:
    place = located(text)
    return place if isinstance(place, str) else os.path.normpath(folder / place)


def _faults(found: dict[str, Any]) -> list[str]:
    faults = [
        f"`{name}` is unknown; expected {', '.join(TOP)}" for name in found if name not in TOP
    ]
    for name, what in (("sessions", "the folder of the study"), ("output", "a folder to write to")):
        if not isinstance(found.get(name), str) or not found[name]:
            faults.append(f"`{name}` is {found.get(name)!r}, expected {what}, or a URL")
    for part, known in PARTS.items():
        faults += _part_faults(part, found.get(part, {}), known)
    if not isinstance(found.get("chain", []), list):
        faults.append("`chain` is not a list: write [[chain]] before each filter")
    faults += _select_faults(found.get("select", {}))
    if not faults:
        faults += _value_faults(found)
    return faults


def _part_faults(part: str, given: Any, known: dict[str, Any]) -> list[str]:
    if not isinstance(given, dict):
        return [f"`{part}` is {given!r}, expected a part [{part}]"]
    faults = []
    for name, value in given.items():
        if name not in known:
            faults.append(f"[{part}] has no `{name}`; it has {', '.join(known)}")
        elif not isinstance(value, known[name]) or (
            isinstance(value, bool) and known[name] is not bool
        ):
            faults.append(f"[{part}] `{name}` is {value!r}, {_expected(known[name])}")
    return faults


def _expected(types: type | tuple[type, ...]) -> str:
    words = {
        str: "a text",
        int: "a number",
        float: "a number",
        bool: "true or false",
        list: "a list",
    }
    every = types if isinstance(types, tuple) else (types,)
    return f"expected {' or '.join(dict.fromkeys(words[each] for each in every))}"


def _select_faults(select: Any) -> list[str]:
    if not isinstance(select, dict):
        return [f"`select` is {select!r}, expected a part [select]"]
    faults = []
    for name, values in select.items():
        texts = [values] if isinstance(values, str) else values
        if name not in COLUMNS:
            faults.append(f"[select] has no `{name}`; it has {', '.join(COLUMNS)}")
        elif not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
            faults.append(f"[select] `{name}` is {values!r}, expected a text or a list of texts")
    return faults


def _value_faults(found: dict[str, Any]) -> list[str]:
    faults = []
    kind = found.get("signal", {}).get("kind")
    if kind is not None and kind not in KINDS:
        faults.append(f"[signal] `kind` is {kind!r}, expected {', '.join(KINDS)}")
    positive = [("signal", "mains"), ("bursts", "false_alarms"), ("features", "length")]
    positive += [("features", "step"), ("workers", "count")]
    for part, name in positive:
        value = found.get(part, {}).get(name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            faults.append(f"[{part}] `{name}` is {value}, expected more than 0")
    if (retries := found.get("workers", {}).get("retries", 0)) < 0:
        faults.append(f"[workers] `retries` is {retries}, expected 0 or more")
    faults += _feature_faults(found.get("features", {}).get("names", Table.names))
    if "mains" in found.get("signal", {}) and "chain" in found:
        faults.append("[signal] `mains` is for the default filters: leave it out, or [[chain]]")
    workers = found.get("workers", {})
    if sum(name in workers for name in ("count", "address", "scheduler_file")) > 1:
        faults.append("[workers] has more than one of `count`, `address` and `scheduler_file`")
    return faults


def _feature_faults(names: str | list[Any]) -> list[str]:
    """Return what is wrong with names of features, before a study is filtered for them."""
    asked = [names] if isinstance(names, str) else names
    known = {*features.FEATURES, *features.SETS}
    unknown = [each for each in asked if not isinstance(each, str) or each not in known]
    if asked and not unknown:
        return []
    return [
        f"[features] `names` is {names!r}, expected names of features "
        f"({', '.join(features.FEATURES)}) or sets of them ({', '.join(features.SETS)})"
    ]
