"""Convert a journal to a session, at the end of a recording or to recover an interrupted one.

The journal is read twice, in bounded memory: first for the clock, the losses and the markers, then
for the samples. Time is the scan counter divided by the fitted rate; lost scans are NaN and marked
invalid. Segments after a reconnect or a restart of the board are placed on the same grid by the
host's clock.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._lock import alone
from emgnb._vocabulary import JOURNAL, SESSION
from emgnb.acquire.record import _control, _provenance, health
from emgnb.acquire.record import settings as settings_
from emgnb.acquire.record._layout import Survey, grid
from emgnb.acquire.record.survey import _blocks, find_journal, survey_of
from emgnb.acquire.wire import marking
from emgnb.acquire.wire.marking import Mark
from emgnb.acquire.wire.stream import Stream, scale_of

# Limit of all markers' characters in memory, where each marker takes the width of the longest.
MOST_TEXT = 1 << 26


def recover(
    path: str | os.PathLike[str],
    *,
    dialect: str | None = None,
    to: str | os.PathLike[str] | None = None,
    participant: str | None = None,
    session: str | None = None,
    montage: Sequence[Sequence[str]] | None = None,
    signal_kind: str | Sequence[str] | None = None,
    units: str | None = None,
    units_per_count: float | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Path:
    """Convert an interrupted recording to a session, or convert a recording again.

    Parameters
    ----------
    path : a recording's folder, or a journal
    dialect : decode with another dialect than the recorder did, one of `dialects.NAMES`
    to : path of the session; by default next to the journal
    participant, session, montage, signal_kind, units, units_per_count, attrs : replace those of
        the recording, see `start`; `attrs` replaces all further attributes

    Returns
    -------
    the session's path; the journal is not modified

    Raises
    ------
    FileNotFoundError, FileExistsError : no journal there; a session exists already
    RuntimeError : its recorder still runs, or another program is recovering it
    ValueError : no scan in it, implausible times, or settings that no session can hold
    """
    override = settings_.given(
        participant=participant,
        session=session,
        montage=montage,
        signal_kind=signal_kind,
        units=units,
        units_per_count=units_per_count,
        attrs=attrs,
    )
    settings_.check(override | _enough_for(override))
    journal = find_journal(path)
    folder = journal.parent
    found = health.read(folder)
    if found is not None and found.is_alive:
        raise RuntimeError(
            f"{folder} is still being recorded (process {found.pid}, {found.state}): stop it with "
            f"acquire.attach({str(folder)!r}).stop()"
        )
    named = journal.name == JOURNAL
    target = (
        Path(to).expanduser() if to else folder / (SESSION if named else f"{journal.stem}.zarr")
    )
    return convert(journal, target, dialect=dialect, override=override)


def _enough_for(override: Mapping[str, Any]) -> dict[str, Any]:
    """Return a placeholder unit if only `units_per_count` is given; the journal may have one."""
    return {} if "units" in override or "units_per_count" not in override else {"units": "V"}


def convert(
    journal: Path,
    target: Path,
    *,
    dialect: str | None = None,
    override: Mapping[str, Any] | None = None,
) -> Path:
    """Write the session of a journal that is no longer written to.

    `override` : settings that replace those recorded
    """
    _need_free(target)
    with alone(
        journal, f"another program is writing the session of {journal}: wait until it has finished"
    ):
        _remove_left_by_earlier_versions(journal, target)
        return _write(journal, target, dialect, survey_of(journal, dialect, override))


def _need_free(target: Path) -> None:
    if target.exists():
        raise FileExistsError(
            f"{target} exists and is not overwritten. Open it, or choose another path"
        )


def _remove_left_by_earlier_versions(journal: Path, target: Path) -> None:
    """Remove the partial session that a killed recorder of an earlier version left."""
    left = target.with_name(target.name + ".partial")
    if target == journal.parent / SESSION and journal.name == JOURNAL and left.is_dir():
        known = {"zarr.json", "emg", "markers", "inputs", "labels"}
        if {each.name for each in left.iterdir()} <= known:
            shutil.rmtree(left, ignore_errors=True)


def _write(journal: Path, target: Path, dialect: str | None, survey: Survey) -> Path:
    stream = survey.stream
    _, per_count = scale_of(stream)
    packs = survey.whole_numbers and survey.largest <= 32767
    like = template(stream, survey.rate)
    with recording.SessionWriter(target, like, scale=per_count if packs else None) as writer:
        written = invalid = 0
        for block in grid(_blocks(journal, Stream(dialect or "auto")), survey):
            with np.errstate(over="ignore"):
                values = block.astype(np.float32) * np.float32(per_count)
            values[np.isinf(values)] = np.nan
            writer.append(values)
            written += values.shape[0]
            invalid += int(np.count_nonzero(np.isnan(values).any(axis=1)))
        parts = {"markers": _markers(survey), "inputs": _inputs(survey)}
        labels = _provenance.truth(survey)
        writer.close(
            **parts,
            labels=labels,
            signal_attrs={"lost": invalid},
            attrs=_provenance.attributes(survey, journal),
        )
    return target


def template(stream: Stream, rate: float) -> xr.DataArray:
    """Return the session's signal without samples, at a rate in Hz."""
    rows = stream.channel_rows()
    kinds = stream.settings.get("signal_kind") or stream.device.get("signal_kind") or "raw"
    if not isinstance(kinds, str) and len(kinds) != len(rows):
        kinds = "raw"
    return recording.signal(
        np.empty((0, len(rows)), dtype=np.float32),
        rate=rate,
        units=scale_of(stream)[0],
        channel=[row[0] for row in rows],
        muscle=[row[1] for row in rows],
        side=[row[2] for row in rows],
        signal_kind=kinds,
        gain=float(stream.device.get("gain") or 1.0),
        nominal_rate=stream.nominal_rate,
    )


def _markers(survey: Survey) -> xr.Dataset:
    """Return the valid markers; the attribute `amended` lists withdrawals and corrections."""
    times, uncertainties = [], []
    marks = _cut(survey, _within(survey, sorted(survey.stream.marks)))
    for mark in marks:
        time, uncertainty = survey.time_of(mark.time)
        times.append(time)
        uncertainties.append(uncertainty + mark.uncertainty)
    made = recording.markers(times, [mark.text for mark in marks], uncertainty=uncertainties)
    changes = [
        {"time": survey.time_of(mark.time)[0], "text": mark.text, "now": now}
        for mark, now in sorted(marking.trace(survey.stream.called, survey.stream.amendments))
    ]
    if changes:
        made.attrs["amended"] = json.dumps(changes, ensure_ascii=False)
    return made


def _within(survey: Survey, marks: list[Mark]) -> list[Mark]:
    """Return the markers within the recording; any program may write into its folder."""
    first, last = survey.stream.span or (0, 0)
    begin, end = first / 1e9 - _control.OUTSIDE, last / 1e9 + _control.OUTSIDE
    kept = [mark for mark in marks if begin <= mark.time <= end]
    if left := len(marks) - len(kept):
        survey.faults.append(
            f"{left} markers were left out: they lie more than {_control.OUTSIDE:.0f} s outside "
            "the recording"
        )
    return kept


def _cut(survey: Survey, marks: list[Mark]) -> list[Mark]:
    """Truncate the markers' texts so that they fit in memory as a table."""
    longest = max((len(mark.text) for mark in marks), default=0)
    if len(marks) * longest <= MOST_TEXT:
        return marks
    most = max(MOST_TEXT // len(marks), 1)
    survey.faults.append(f"the texts of {len(marks)} markers were cut to {most} characters")
    return [mark._replace(text=mark.text[:most]) for mark in marks]


def _inputs(survey: Survey) -> xr.Dataset | None:
    """Return when the board's digital inputs changed, None if they never did."""
    beside = _control.OUTSIDE * survey.rate
    known = [
        (edge, survey.segments[edge.segment])
        for edge in survey.stream.inputs.edges
        if edge.segment in survey.segments
    ]
    # A status carries its own scan count, which is wrong in a damaged one.
    known = [(edge, at) for edge, at in known if at.first - beside <= edge.scan <= at.last + beside]
    if not known:
        return None
    rows = [edge.scan - at.first + at.start for edge, at in known]
    return recording.markers(
        np.array(rows) / survey.rate,
        [edge.text for edge, _ in known],
        uncertainty=np.array([edge.uncertainty for edge, _ in known]) / survey.rate,
        source="board",
    )
