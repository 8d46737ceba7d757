"""From a journal to a session: when a recording ends, or for one whose recorder was killed.

The journal is read twice, in bounded memory: first for the clock, the losses and the marks, then
for the samples. Time is the scan counter at the fitted rate; what never came is NaN and invalid.
Stretches after a reconnect or a restart of the board are laid on the same grid by the host's clock.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.acquire import control, health
from emgnb.acquire.clock import Arrivals, ClockFit
from emgnb.acquire.dialects import DIALECTS
from emgnb.acquire.journal import JournalReader
from emgnb.acquire.lock import alone
from emgnb.acquire.takes import Block, Mark, Take

JOURNAL, SESSION = "journal.emgj", "session.zarr"
# Less is too short to tell a board's rate better than it says itself.
ENOUGH = 10.0
FILL = 1 << 16


class NothingRecorded(ValueError):  # noqa: N818 - it is the fact that is named
    """A journal holds no scan."""


@dataclass(slots=True)
class Segment:
    """Scans whose numbers are comparable: from `first` to `last`."""

    first: int
    last: int
    arrivals: Arrivals
    start: int = 0  # row of its first scan in the session

    def rows(self, scans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows of the session in which these scans lie."""
        return scans - self.first + self.start


@dataclass(slots=True)
class Survey:
    """What the first reading of a journal shows; rate in Hz, times in s."""

    take: Take
    segments: dict[int, Segment] = field(default_factory=dict)
    whole_numbers: bool = True
    largest: float = 0.0
    skipped: int = 0
    torn: int = 0
    rate: float = 0.0
    rate_from: str = ""
    fit: ClockFit | None = None
    start_time: float = 0.0  # host s of the session's time 0
    size: int = 0  # rows of the session


def recover(
    path: str | os.PathLike[str],
    *,
    dialect: str | None = None,
    to: str | os.PathLike[str] | None = None,
) -> Path:
    """Make the session of a recording that was not stopped properly, or make it anew.

    Parameters
    ----------
    path : a recording's folder, or a journal
    dialect : decode with another one than the recorder did, one of `dialects.NAMES`
    to : where the session goes; by default beside the journal

    Returns
    -------
    the session's path; the journal stays as it is

    Raises
    ------
    FileNotFoundError, FileExistsError : no journal there; a session is there already
    RuntimeError : its recorder still runs, or another program recovers it just now
    ValueError : no scan in it
    """
    journal = find_journal(path)
    folder = journal.parent
    found = health.read(folder)
    if found is not None and found.is_alive:
        raise RuntimeError(
            f"{folder} is still being recorded (process {found.pid}, {found.state}): stop it with "
            f"acquire.attach({str(folder)!r}).stop()"
        )
    named = journal.name == JOURNAL
    target = Path(to) if to else folder / (SESSION if named else f"{journal.stem}.zarr")
    with alone(journal, f"another program is making a session of {journal}: wait until it is done"):
        if not target.exists():
            # What a killed recorder left half converted.
            shutil.rmtree(target.with_name(target.name + ".partial"), ignore_errors=True)
        return convert(journal, target, dialect=dialect)


def find_journal(path: str | os.PathLike[str]) -> Path:
    """Return the journal at `path`, or in that folder, or in its newest recording."""
    path = Path(path).expanduser()
    if path.is_dir():
        if (path / JOURNAL).is_file():
            return path / JOURNAL
        inside = sorted(path.glob(f"*/{JOURNAL}"), key=lambda each: each.stat().st_mtime)
        if inside:
            return inside[-1]
        raise FileNotFoundError(f"no {JOURNAL} in {path}, nor in a folder in it: nothing recorded")
    if not path.is_file():
        raise FileNotFoundError(f"no recording at {path}")
    return path


def convert(journal: Path, target: Path, *, dialect: str | None = None) -> Path:
    """Write the session of a journal that nobody writes to any more."""
    if target.exists():
        raise FileExistsError(f"{target} exists and is not overwritten: open it, or name another")
    survey = survey_of(journal, dialect)
    take = survey.take
    rows = take.channel_rows()
    kinds = take.settings.get("signal_kind") or take.device.get("signal_kind") or "raw"
    units, per_count = scale_of(take)
    if not isinstance(kinds, str) and len(kinds) != len(rows):
        kinds = "raw"
    like = recording.signal(
        np.empty((0, len(rows)), dtype=np.float32),
        rate=survey.rate,
        units=units,
        channel=[row[0] for row in rows],
        muscle=[row[1] for row in rows],
        side=[row[2] for row in rows],
        signal_kind=kinds,
        gain=float(take.device.get("gain", 1.0)),
        nominal_rate=take.nominal_rate,
    )
    packs = survey.whole_numbers and survey.largest <= 32767
    writer = recording.SessionWriter(target, like, scale=per_count if packs else None)
    with writer:
        written = invalid = 0
        for block in _grid(journal, dialect, survey):
            values = block.astype(np.float32) * np.float32(per_count)
            writer.append(values)
            written += values.shape[0]
            invalid += int(np.count_nonzero(np.isnan(values).any(axis=1)))
        return writer.close(
            markers=_markers(survey),
            inputs=_inputs(survey),
            labels=_truth(survey),
            signal_attrs={"lost": invalid},
            **_attrs(survey, journal),
        )


def _blocks(journal: Path, take: Take, survey: Survey | None = None) -> Iterator[Block]:
    with JournalReader(journal) as reader:
        for record in reader.records():
            yield from take.push(record)
        yield from take.finish()
        if survey is not None:
            survey.skipped, survey.torn = reader.skipped, reader.torn


def survey_of(journal: Path, dialect: str | None = None) -> Survey:
    """Read a journal for what is in it.

    Raises
    ------
    NothingRecorded : no scan
    ValueError : too little to tell time
    """
    take = Take(dialect or "auto")
    survey = Survey(take)
    for block in _blocks(journal, take, survey):
        for number in np.unique(block.segment).tolist():
            scans = block.scans[block.segment == number]
            if number not in survey.segments:
                survey.segments[number] = Segment(int(scans[0]), 0, Arrivals())
            survey.segments[number].last = int(scans[-1])
        for place, at in block.arrivals:
            arrivals = survey.segments[int(block.segment[place])].arrivals
            arrivals.add(int(block.scans[place]), at)
        if survey.whole_numbers and block.values.dtype.kind == "f":
            survey.whole_numbers = bool(np.all(block.values == np.rint(block.values)))
        survey.largest = max(survey.largest, float(np.nanmax(np.abs(block.values), initial=0)))
    if not survey.segments:
        raise NothingRecorded(_why_nothing(take, journal))
    for order in control.read(journal.parent, take.control_offset):
        # Called out just before the recorder was killed.
        if order.kind == "mark":
            take.marks.append(Mark(order.mono_ns / 1e9, order.text, order.uncertainty))
    _fit(survey)
    return survey


def _why_nothing(take: Take, journal: Path) -> str:
    if not take.counts.bytes:
        return f"{journal} holds no bytes from the port: nothing came while it was recorded"
    return (
        f"{journal} holds {take.counts.bytes} bytes but not one scan"
        + (f" in dialect {take.dialect!r}" if take.dialect else "")
        + ": another baud rate or another sketch? emgnb recover --dialect takes them for one of "
        + ", ".join(DIALECTS)
    )


def _fit(survey: Survey) -> None:
    """Choose the rate, and lay all segments on one grid."""
    nominal = survey.take.nominal_rate
    for segment in survey.segments.values():
        segment.arrivals.nominal_rate = nominal
    best = max(survey.segments.values(), key=lambda segment: segment.arrivals.seconds)
    survey.fit = best.arrivals.fit()
    if survey.fit is not None and (survey.fit.seconds >= ENOUGH or nominal is None):
        survey.rate, survey.rate_from = survey.fit.rate, "clock fit"
    elif nominal is not None:
        survey.rate, survey.rate_from = nominal, "nominal"
    else:
        raise ValueError(
            f"{survey.take.counts.scans} scans in one piece, from a board that does not say its "
            "rate: too little to tell time; record longer"
        )
    begin: float | None = None
    end = -1
    for segment in survey.segments.values():
        time = segment.arrivals.begin(survey.rate, segment.first)
        if begin is None:
            begin = survey.start_time = time
        segment.start = max(round((time - begin) * survey.rate), end + 1)
        end = segment.start + segment.last - segment.first
    survey.size = end + 1


def _grid(journal: Path, dialect: str | None, survey: Survey) -> Iterator[npt.NDArray[np.float32]]:
    """Yield (row, channel) on the session's grid, NaN where nothing came."""
    row = 0
    for block in _blocks(journal, Take(dialect or "auto")):
        rows = np.empty_like(block.scans)
        for number in np.unique(block.segment).tolist():
            here = block.segment == number
            rows[here] = survey.segments[number].rows(block.scans[here])
        # A long gap is filled piece by piece: it may last for hours.
        cuts = np.flatnonzero(np.diff(rows, prepend=row) > FILL)
        for at, values in zip(np.split(rows, cuts), np.split(block.values, cuts), strict=True):
            if not at.size:
                continue
            while at[0] - row > FILL:
                yield np.full((FILL, values.shape[1]), np.nan, dtype=np.float32)
                row += FILL
            laid = np.full((int(at[-1]) + 1 - row, values.shape[1]), np.nan, dtype=np.float32)
            laid[at - row] = values
            yield laid
            row = int(at[-1]) + 1


def scale_of(take: Take) -> tuple[str, float]:
    """Return the unit of the samples, and how much of it one count is."""
    units = take.settings.get("units")
    per_count = take.settings.get("units_per_count")
    if units:
        return str(units), float(per_count or 1.0)
    if take.device.get("units") and take.device.get("units_per_count"):
        return str(take.device["units"]), float(take.device["units_per_count"])
    known = DIALECTS.get(take.dialect or "")
    return (known.units, known.units_per_count) if known else ("count", 1.0)


def _markers(survey: Survey) -> xr.Dataset:
    times, uncertainties = [], []
    marks = sorted(survey.take.marks)
    for mark in marks:
        time, uncertainty = _time_of(mark.time, survey)
        times.append(time)
        uncertainties.append(uncertainty + mark.uncertainty)
    return recording.markers(times, [mark.text for mark in marks], uncertainty=uncertainties)


def _inputs(survey: Survey) -> xr.Dataset | None:
    """Return when the board's digital inputs changed, None when they never did."""
    known = [edge for edge in survey.take.inputs.edges if edge.segment in survey.segments]
    if not known:
        return None
    segments = [survey.segments[edge.segment] for edge in known]
    rows = [edge.scan - at.first + at.start for edge, at in zip(known, segments, strict=True)]
    return recording.markers(
        np.array(rows) / survey.rate,
        [edge.text for edge in known],
        uncertainty=np.array([edge.uncertainty for edge in known]) / survey.rate,
        source="board",
    )


def _time_of(host_time: float, survey: Survey) -> tuple[float, float]:
    """Return the session's time of a moment on the host's clock, and how sure it is (s)."""
    for segment in survey.segments.values():
        local = segment.arrivals.fit(around=host_time)
        if local is None:
            continue
        scan = float(local.scan_at(host_time))
        if segment.first <= scan <= segment.last + 1:
            row = scan - segment.first + segment.start
            return row / survey.rate, local.residual_s
    # In no stretch: before the first scan, in a gap, after the last. The host's clock decides.
    residual = survey.fit.residual_s if survey.fit else 0.0
    return host_time - survey.start_time, residual


def _truth(survey: Survey) -> dict[str, xr.Dataset]:
    """Return the simulated face's own account, on the session's time."""
    truth = survey.take.device.get("truth")
    if not truth or not truth.get("onset"):
        return {}
    segment = next(iter(survey.segments.values()))
    nominal = float(survey.take.device["rate"])
    columns: dict[str, Any] = {}
    for name, column in truth.items():
        found = np.asarray(column)
        if name in ("onset", "apex", "offset"):
            found = (found * nominal - segment.first + segment.start) / survey.rate
        columns[name] = ("event", found)
    return {"truth": xr.Dataset(columns, attrs={"coder": "simulated face"})}


def _attrs(survey: Survey, journal: Path) -> dict[str, Any]:
    take = survey.take
    settings, device, counts = take.settings, take.device, take.counts
    mono_ns, utc_ns = take.first_clocks or (0, 0)
    started = (utc_ns - mono_ns) / 1e9 + survey.start_time
    fit = survey.fit
    return {
        **settings.get("attrs", {}),
        "participant": settings.get("participant", ""),
        "session": settings.get("session", ""),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
        "device": device.get("board") or device.get("device", ""),
        "firmware": device.get("firmware") or (take.texts[0] if take.texts else ""),
        "port": settings.get("port", ""),
        "dialect": take.dialect or "",
        "journal": journal.name,
        "rate_from": survey.rate_from,
        "clock": json.dumps(
            None
            if fit is None
            else {
                "rate": fit.rate,
                "drift_ppm": None if np.isnan(fit.drift_ppm) else fit.drift_ppm,
                "residual_s": fit.residual_s,
                "seconds": fit.seconds,
            }
        ),
        "segments": len(survey.segments),
        "crc_errors": counts.crc_errors,
        "junk_bytes": counts.junk,
        "overruns": take.status.overruns if take.status else 0,
        "faults": json.dumps(_faults(survey), ensure_ascii=False),
    }


def _faults(survey: Survey) -> list[str]:
    take = survey.take
    found = []
    if take.dialect and DIALECTS[take.dialect].blind:
        found.append(DIALECTS[take.dialect].blind)
    if take.counts.impossible:
        found.append(f"{take.counts.impossible} scans were dropped: their numbers cannot be")
    if survey.skipped:
        found.append(f"{survey.skipped} damaged bytes inside the journal were passed over")
    if survey.torn:
        found.append(f"the journal's last {survey.torn} bytes were torn and left out")
    if not take.ended:
        found.append("the recorder was killed: the session was recovered from its journal")
    montage = take.settings.get("montage")
    if montage and len(montage) != take.channels:
        found.append(f"the montage names {len(montage)} channels, the port gave {take.channels}")
    return found
