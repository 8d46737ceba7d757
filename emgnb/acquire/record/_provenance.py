"""Compile a session's attributes: its origin, and known problems."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb.acquire.ports.port import without_folders
from emgnb.acquire.record._layout import Survey
from emgnb.acquire.wire.dialects import DIALECTS
from emgnb.recording import event_faults, in_todays_notation


def attributes(survey: Survey, journal: Path) -> dict[str, Any]:
    """Return the attributes of a session made from `journal`: the user's and the recorder's."""
    stream = survey.stream
    settings, device, counts = stream.settings, stream.device, stream.counts
    fit = survey.fit
    return {
        **(settings.get("attrs") or {}),
        "participant": settings.get("participant", ""),
        "session": str(settings.get("session", "")),
        "started": _started(survey),
        "device": str(device.get("board") or device.get("device", "")),
        "firmware": str(device.get("firmware") or (stream.texts[0] if stream.texts else "")),
        "port": without_folders(str(settings.get("port", ""))),  # earlier journals have folders
        "dialect": stream.dialect or "",
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
        "overruns": stream.status.overruns if stream.status else 0,
        "faults": json.dumps(_faults(survey), ensure_ascii=False),
    }


def truth(survey: Survey) -> dict[str, xr.Dataset]:
    """Return the simulated face's ground truth, on the session's time."""
    told = survey.stream.device.get("truth")
    nominal = survey.stream.device.get("rate")
    if not told or not told.get("onset") or not nominal:
        return {}
    segment = next(iter(survey.segments.values()))
    columns: dict[str, Any] = {}
    for name, column in told.items():
        found = np.asarray(column)
        if name in ("onset", "apex", "offset"):
            found = (
                found.astype(float) * float(nominal) - segment.first + segment.start
            ) / survey.rate
        columns[name] = ("event", found)
    table = in_todays_notation(xr.Dataset(columns, attrs={"coder": "simulated face"}))
    if wrong := event_faults(table):
        survey.faults.append(f"the ground truth of the simulated face was left out: {wrong[0]}")
        return {}
    return {"truth": table}


def _started(survey: Survey) -> str:
    """Return the UTC time of the first sample, empty if the journal's clocks are invalid."""
    mono_ns, utc_ns = survey.stream.first_clocks or (0, 0)
    seconds = (utc_ns - mono_ns) / 1e9 + survey.start_time
    try:
        started = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        survey.faults.append("when it was recorded is unknown: the computer's clocks cannot be")
        return ""
    return started.isoformat(timespec="milliseconds")


def _faults(survey: Survey) -> list[str]:
    stream = survey.stream
    found = []
    if stream.dialect and DIALECTS[stream.dialect].blind:
        found.append(DIALECTS[stream.dialect].blind)
    if stream.counts.impossible:
        found.append(f"{stream.counts.impossible} scans were dropped: invalid sequence numbers")
    if survey.skipped:
        found.append(f"{survey.skipped} damaged bytes inside the journal were skipped")
    if survey.torn:
        found.append(f"the journal's last {survey.torn} bytes were torn and left out")
    if not stream.ended:
        found.append("the recorder was killed: the session was recovered from its journal")
    if stream.odd_records:
        found.append(
            f"{stream.odd_records} records of the journal are invalid and were left out: "
            + "; ".join(stream.odd)
        )
    if stream.inputs.left_out:
        found.append(f"{stream.inputs.left_out} more changes of digital inputs were left out")
    found += _channel_faults(survey)
    return found + survey.faults


def _channel_faults(survey: Survey) -> list[str]:
    stream = survey.stream
    found = []
    montage = stream.settings.get("montage")
    if montage and len(montage) != stream.channels:
        found.append(
            f"the montage names {len(montage)} channels, but the port sent {stream.channels}"
        )
    kinds = stream.settings.get("signal_kind")
    if isinstance(kinds, list) and len(kinds) != stream.channels:
        found.append(
            f"signal_kind names {len(kinds)} channels, but the port sent "
            f"{stream.channels}: all are called raw"
        )
    return found
