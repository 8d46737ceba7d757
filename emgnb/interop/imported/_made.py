"""Make a session of the columns of a recording, and compare its rate with the declared one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, Ints

# Largest deviation of a measured rate from the declared one (fraction), and the share of steps of
# a counter that must be regular.
CLOSE, REGULAR = 0.02, 0.9


@dataclass(frozen=True)
class Wanted:
    """What the caller states: columns to read, their names, and who was recorded."""

    channels: Sequence[str] | None = None
    montage: Sequence[Sequence[str]] | None = None
    signal_kind: str = "raw"
    participant: str = ""
    session: str = ""
    rate: float | None = None
    units: str | None = None


@dataclass
class Columns:
    """Samples (time, channel) of a file, and what the file says.

    Attributes
    ----------
    rate : declared rate in Hz, or None
    stamps : time stamps of the rows in s, or None
    counter : numbers of the rows, which may start again from 0, or None
    known : names of the columns that hold EMG; empty if the file does not say
    shared : whether other streams have time stamps of the same clock, so that the rate must be that
        of the stamps exactly
    unitless : why the unit is not known, which is a fault unless the caller states it
    """

    path: Path
    format: str
    names: list[str]
    values: Floats
    units: str
    rate: float | None = None
    stamps: Floats | None = None
    counter: Floats | None = None
    known: list[str] = field(default_factory=list)
    shared: bool = False
    markers: list[tuple[float, str]] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    unitless: str = ""


def session_of(found: Columns, wanted: Wanted) -> xr.DataTree:
    """Make a session; rows that a counter lacks become lost samples.

    Raises
    ------
    ValueError : no row, a channel that does not exist, or no rate
    """
    if len(found.values) < 2:
        raise ValueError(f"{found.path.name} has {len(found.values)} rows, expected at least two")
    if found.unitless and wanted.units is None:
        found.said.append(found.unitless)
    names = _chosen(found, wanted)
    values = found.values[:, [found.names.index(name) for name in names]]
    values, lost, stamps = _with_lost(found, values)
    rate = _rate(found, wanted, stamps)
    rows = _montage(names, wanted)
    clock: dict[str, Any] = {"time": stamps} if rate is None else {"rate": rate}
    x = recording.signal(
        values,
        **clock,
        units=wanted.units or found.units,
        channel=[row[0] for row in rows],
        muscle=[row[1] for row in rows],
        side=[row[2] for row in rows],
        signal_kind=wanted.signal_kind,
        nominal_rate=wanted.rate or found.rate,
        lost=lost,
    )
    missing = int((~np.isfinite(values)).any(axis=1).sum()) - lost
    if missing:
        found.said.append(f"{missing} rows have cells without a number; they are lost samples")
    return recording.make(
        x,
        markers=recording.markers([t for t, _ in found.markers], [w for _, w in found.markers]),
        participant=wanted.participant,
        session=wanted.session,
        faults=json.dumps(found.said, ensure_ascii=False),
        source=f"{found.path.name} ({found.format})",
        **found.attrs,
    )


def _chosen(found: Columns, wanted: Wanted) -> list[str]:
    """Return the columns to read: those that are wanted, otherwise those of EMG, or all."""
    if wanted.channels is not None:
        odd = [name for name in wanted.channels if name not in found.names]
        if odd:
            raise ValueError(
                f"{found.path.name} has no column {', '.join(odd)}; it has {', '.join(found.names)}"
            )
        return list(wanted.channels)
    if found.known and len(found.known) < len(found.names):
        gone = [name for name in found.names if name not in found.known]
        found.said.append(f"columns that are not EMG are left out: {', '.join(gone)}")
    return found.known or found.names


def _montage(names: Sequence[str], wanted: Wanted) -> list[tuple[str, str, str]]:
    if wanted.montage is None:
        return [(name, "", "") for name in names]
    rows = [(*row, "", "")[:3] for row in wanted.montage]
    if len(rows) != len(names):
        raise ValueError(
            f"montage has {len(rows)} channels, the file {len(names)}: {', '.join(names)}. Choose "
            "columns with channels="
        )
    return [(str(a), str(b), str(c)) for a, b, c in rows]


def _with_lost(found: Columns, values: Floats) -> tuple[Floats, int, Floats | None]:
    """Insert NaN where the counter skips numbers; return samples, lost rows, and time stamps."""
    if found.counter is None:
        return values, 0, found.stamps
    places = _places(found)
    if places is None:
        return values, 0, found.stamps
    size = int(places[-1]) + 1
    lost = size - len(values)
    if lost:
        gaps = int(np.count_nonzero(np.diff(places) > 1))
        found.said.append(f"the counter skips {lost} rows in {gaps} gaps; they are lost samples")
    made = np.full((size, values.shape[1]), np.nan)
    made[places] = values
    stamps = None
    if found.stamps is not None:
        stamps = np.interp(np.arange(size), places, found.stamps)
    return made, lost, stamps


def _places(found: Columns) -> Ints | None:
    """Return the row numbers that a counter tells; None if it does not count rows."""
    assert found.counter is not None
    steps = np.diff(found.counter)
    forward = steps[steps > 0]
    if not np.isfinite(found.counter).all() or not forward.size:
        found.said.append("the counter does not count; lost rows cannot be told")
        return None
    kinds, counts = np.unique(forward, return_counts=True)
    step = float(kinds[counts.argmax()])
    period = float(found.counter.max()) + step - float(found.counter.min())
    moved = np.where(steps < 0, steps + period, steps) / step
    whole = np.rint(moved)
    if np.mean(whole == 1) < REGULAR or (whole < 1).any() or (whole != moved).any():
        found.said.append("the counter is irregular; lost rows cannot be told")
        return None
    return np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)


def _rate(found: Columns, wanted: Wanted, stamps: Floats | None) -> float | None:
    """Return the rate to use, and say how it compares; None if only the stamps tell the times."""
    declared = wanted.rate or found.rate
    measured = _measured(stamps)
    if declared is not None:
        recording.need_positive(rate=declared)
    if declared is None and measured is None:
        raise ValueError(
            f"{found.path.name} states no sampling rate and has no time stamps: give rate= in Hz"
        )
    if measured is None:
        found.said.append(f"rate: {declared:g} Hz as declared; no time stamps to measure it")
        return declared
    if declared is None:
        found.said.append(f"rate: {measured:.6g} Hz by the time stamps; none is declared")
        return _uniform(stamps, measured)
    apart = measured / declared - 1
    told = f"rate: {declared:g} Hz declared, {measured:.6g} Hz by the time stamps ({apart:+.2%})"
    assert stamps is not None
    span = float(stamps[-1] - stamps[0])
    chosen = declared if abs(apart) <= CLOSE else measured
    if found.shared:
        chosen = (len(stamps) - 1) / span
    elif found.counter is None and abs(span - (len(stamps) - 1) / chosen) > _slack(span, chosen):
        found.said.append(
            f"{told}, but the {len(stamps)} rows span {span:.6g} s: rows are missing. The time "
            "stamps are kept; recording.uniform makes gaps of them"
        )
        return None
    found.said.append(told if chosen == declared else f"{told}; {chosen:.9g} Hz is used")
    return chosen


def _slack(span: float, rate: float) -> float:
    """Return how far rows and time stamps may differ without lost rows (s)."""
    return max(CLOSE * span, 5 / rate)


def _uniform(stamps: Floats | None, measured: float) -> float | None:
    """Return the rate if the time stamps are uniform, otherwise None."""
    assert stamps is not None
    steps = np.diff(stamps) * measured
    return measured if np.abs(steps - 1).max() < 1e-3 else None


def _measured(stamps: Floats | None) -> float | None:
    if stamps is None or len(stamps) < 2 or not np.isfinite(stamps).all():
        return None
    if not np.ptp(stamps) > 0:
        return None
    bare = xr.Dataset(coords={"time": np.sort(stamps - stamps[0])})
    return recording.measured_rate(bare)
