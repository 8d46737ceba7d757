"""Read a table with a column per channel, as CSV of any kind."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from emgnb._arrays import Floats
from emgnb._vocabulary import UNITS, VOLTS
from emgnb.interop import _texts
from emgnb.interop.imported._made import Columns

_TIMES = re.compile(
    r"^(time|t|timestamp|time ?stamp|seconds|sec|ms|millis)[ _]*[\[(]?(s|sec|ms|us)?[\])]?$", re.I
)
_SCALES = {"ms": 1e-3, "millis": 1e-3, "us": 1e-6}
_UNIT = re.compile(r"^(.*?)[ _]*[\[(]([^\])]+)[\])]$")


def read(path: Path) -> Columns:
    """Read a table of numbers; a column "time", "time_s", "t (ms)" … holds time stamps.

    Raises
    ------
    ValueError : no table, or no column of numbers
    """
    table = _texts.read_text(path)
    names = [str(name) for name in table.columns if table[name].dtype.kind in "fiu"]
    texts = [str(name) for name in table.columns if name not in names]
    timed = [name for name in names if _TIMES.match(name)]
    own = [name for name in names if name not in timed and name.lower() != "valid"]
    if not own:
        raise ValueError(
            f"{path.name} has no column of numbers for a channel; found {', '.join(texts + timed)}"
        )
    plain, units = zip(*(_named(name) for name in own), strict=True)
    made = Columns(
        path, "csv", list(plain), table[own].to_numpy(dtype=np.float64), _unit(set(units))
    )
    if made.units == "1" and set(units) != {"1"}:
        made.unitless = "the headings state no common unit; give units= (now '1')"
    if texts:
        made.said.append(f"columns that are not numbers are left out: {', '.join(texts)}")
    if timed:
        made.stamps = _seconds(table[timed[0]].to_numpy(dtype=np.float64), timed[0])
        if len(timed) > 1:
            made.said.append(f"times are those of the column {timed[0]!r}, not {timed[1:]}")
    return made


def _named(heading: str) -> tuple[str, str]:
    """Split a heading such as "zygomaticus (uV)" into name and unit."""
    found = _UNIT.match(heading)
    return (found[1] or heading, found[2].strip()) if found else (heading, "")


def _unit(units: set[str]) -> str:
    if len(units) != 1:
        return "1"
    (unit,) = units
    return unit if unit in UNITS else VOLTS.get(unit.lower(), "1")


def _seconds(stamps: Floats, heading: str) -> Floats:
    found = _TIMES.match(heading)
    assert found is not None
    scale = _SCALES.get((found[2] or found[1]).lower(), 1.0)
    return stamps * scale
