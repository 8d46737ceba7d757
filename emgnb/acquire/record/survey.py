"""Survey a journal: clock, losses and markers. This is the first of two passes of a conversion."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emgnb._vocabulary import JOURNAL
from emgnb.acquire.journal import JournalReader
from emgnb.acquire.record import _control
from emgnb.acquire.record import settings as settings_
from emgnb.acquire.record._layout import Survey
from emgnb.acquire.wire import marking
from emgnb.acquire.wire.dialects import DIALECTS
from emgnb.acquire.wire.stream import Block, Stream


class NothingRecorded(ValueError):  # noqa: N818 - named after the fact
    """A journal contains no scan."""


def find_journal(path: str | os.PathLike[str]) -> Path:
    """Return the journal at `path`, in that folder, or in that folder's newest recording."""
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


def _blocks(journal: Path, stream: Stream, survey: Survey | None = None) -> Iterator[Block]:
    with JournalReader(journal) as reader:
        for record in reader.records():
            yield from stream.push(record)
        yield from stream.finish()
        if survey is not None:
            survey.skipped, survey.torn = reader.skipped, reader.torn


def survey_of(
    journal: Path, dialect: str | None = None, override: Mapping[str, Any] | None = None
) -> Survey:
    """Read a journal once and return its clock, losses, markers and settings.

    Raises
    ------
    NothingRecorded : no scan
    ValueError : too little data for a time base, implausible times, or settings that no session can
        hold
    """
    stream = Stream(dialect or "auto")
    survey = Survey(stream)
    for block in _blocks(journal, stream, survey):
        survey.add(block)
    if not survey.segments:
        raise NothingRecorded(_why_nothing(stream, journal))
    stream.settings = {**stream.settings, **(override or {})}
    _check_settings(journal, stream)
    _add_last_marks(journal, survey)
    try:
        survey.lay_out()
    except ValueError as error:
        raise ValueError(f"{journal}: {error}") from None
    return survey


def _add_last_marks(journal: Path, survey: Survey) -> None:
    """Add the markers set just before the recorder was killed."""
    stream = survey.stream
    try:
        orders = _control.read(journal.parent)
    except OSError as error:
        survey.faults.append(f"markers of the last moment may be missing: {error}")
        return
    late, amended = marking.of_orders(o for o in orders if o.mono_ns not in stream.orders)
    stream.called += late
    stream.amendments += amended


def _check_settings(journal: Path, stream: Stream) -> None:
    """Raise ValueError if no session can hold the journal's settings, and say what to do."""
    device = {
        name: stream.device.get(name)
        for name in ("montage", "signal_kind", "units", "units_per_count")
        if not stream.settings.get(name)
    }
    if stream.settings.get("units"):
        device.pop("units_per_count", None)
    found = settings_.faults({**stream.settings, **device})
    if found:
        raise ValueError(
            f"{journal} was recorded with settings that a session cannot store:\n"
            + "\n".join(f"- {fault}" for fault in found)
            + "\nNo data is lost. Give other settings, such as acquire.recover(path, "
            "units='mV', units_per_count=0.1, attrs={}), or emgnb recover --units mV "
            "--units-per-count 0.1"
        )


def _why_nothing(stream: Stream, journal: Path) -> str:
    if not stream.counts.bytes:
        return f"{journal} contains no data: the port sent nothing during the recording"
    if stream.status or stream.probed:
        return (
            f"{journal} holds no scan: the board answered, and recording ended before its first "
            "scan. Record for at least a second. If no scans come, run: emgnb doctor"
        )
    return (
        f"{journal} holds {stream.counts.bytes} bytes but no scan"
        + (f" in dialect {stream.dialect!r}" if stream.dialect else "")
        + ". The baud rate may be wrong, or another sketch running. Decode again: emgnb recover "
        "--dialect, with one of " + ", ".join(DIALECTS)
    )
