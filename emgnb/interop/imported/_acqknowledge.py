"""Read text exports of BIOPAC AcqKnowledge with their header."""

from __future__ import annotations

import re
from pathlib import Path

from emgnb._vocabulary import VOLTS
from emgnb.interop.imported._cells import common_unit, delimiter_of, lines_of, numbers
from emgnb.interop.imported._made import Columns

_INTERVAL = re.compile(r"^\s*([\d.]+)\s*(msec|sec|min|usec)/sample", re.I)
_RATE = re.compile(r"^\s*([\d.]+)\s*(samples/sec|samples/second|hz)", re.I)
_COUNT = re.compile(r"^\s*(\d+)\s+channels?\s*$", re.I)
_SECONDS = {
    "usec": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "sec": 1.0,
    "s": 1.0,
    "min": 60.0,
    "hrs": 3600.0,
}


def looks_like(text: str) -> bool:
    """Return whether a text has the header of an export."""
    lines = re.split(r"\r\n|\r|\n", text)[:8]
    return any(_COUNT.match(line) for line in lines) and any(
        _INTERVAL.match(line) or _RATE.match(line) for line in lines
    )


def read(path: Path) -> Columns:
    """Read an export: interval, channels with name and unit, headings, numbers of samples, rows.

    Raises
    ------
    ValueError : no such export, or no channel in volts
    """
    lines = lines_of(path)
    at = next((k for k, line in enumerate(lines[:8]) if _COUNT.match(line)), None)
    timing = next((line for line in lines[:8] if _INTERVAL.match(line) or _RATE.match(line)), None)
    if at is None or timing is None:
        raise ValueError(
            f"{path.name} has no lines such as '0.5 msec/sample' and '3 channels': export it from "
            "AcqKnowledge as text with its header"
        )
    count = int(str(_COUNT.match(lines[at])[1]))  # type: ignore[index]
    pairs = lines[at + 1 : at + 1 + 2 * count]
    names, units = [name.strip() for name in pairs[::2]], [unit.strip() for unit in pairs[1::2]]
    begin = at + 1 + 2 * count
    heading = re.split(r"[\t,; ]+", lines[begin].strip().strip(",;"))
    timed = len(heading) > 0 and heading[0].lower() in _SECONDS
    body = [line for line in lines[begin + 1 :] if line.strip()]
    delimiter = delimiter_of(body[-1]) if body else None
    table = numbers(body, count + timed, delimiter)
    if len(table) and _is_counts(lines[begin + 1 : begin + 2], count):
        table = table[1:]
    made = Columns(
        path, "acqknowledge", names, table[:, int(timed) :], "mV", rate=_declared(timing)
    )
    if timed:
        made.stamps = table[:, 0] * _SECONDS[heading[0].lower()]
    made.attrs["device"] = "BIOPAC"
    return _in_volts(made, units)


def _is_counts(lines: list[str], count: int) -> bool:
    """Return whether a line has only the numbers of samples of the channels."""
    cells = re.split(r"[\t,; ]+", lines[0].strip().strip(",;\t "))
    return len(cells) == count and all(cell.isdigit() for cell in cells)


def _declared(line: str) -> float:
    found = _INTERVAL.match(line)
    if found:
        return 1.0 / (float(found[1]) * _SECONDS[found[2].lower()])
    rate = _RATE.match(line)
    assert rate is not None
    return float(rate[1])


def _in_volts(made: Columns, units: list[str]) -> Columns:
    """Keep the channels in volts, in a common unit."""
    kept = [k for k, unit in enumerate(units) if unit.lower() in VOLTS]
    gone = [f"{made.names[k]} ({units[k]})" for k in range(len(units)) if k not in kept]
    if not kept:
        raise ValueError(f"{made.path.name} has no channel in volts: {', '.join(gone)}")
    if gone:
        made.said.append(f"channels that are not in volts are left out: {', '.join(gone)}")
    made.units, factors = common_unit([units[k] for k in kept])
    made.values = made.values[:, kept] * factors
    names = [made.names[k] for k in kept]
    made.names = [
        name if names.count(name) == 1 else f"{name} {k + 1}" for k, name in enumerate(names)
    ]
    made.known = [name for name in made.names if "emg" in name.lower()]
    return made
