"""Action units over time, as programs measure them in a video, and events made of them."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb import facs, labels, recording
from emgnb._arrays import Floats, Mask, runs
from emgnb.interop.label_files import _video

# Threshold at which an event exists, and the lower one at which it begins and ends, per scale.
ON_OFF = {"0-5": (1.0, 0.5), "0-1": (0.5, 0.3)}


def read_units(
    path: str | os.PathLike[str],
    *,
    frame_rate: float | None = None,
    face: str | int | None = None,
) -> xr.Dataset:
    """Read action units over time from a CSV file of OpenFace 2 or py-feat.

    Parameters
    ----------
    path : CSV file
    frame_rate : frames per second; needed for py-feat, whose tables have no times. For OpenFace it
        is measured from the time stamps, and a given one replaces them
    face : number or name of the face, if there are several

    Returns
    -------
    Dataset with `intensity` (time, au), `present` (time, au) where the program states it, and
    `confidence` (time); coordinates `time` in s of the video, `au`, and `valid` (time), false where
    no face was found. Frames that the file lacks are not filled in. Attributes: `coder` (the
    program), `frame_rate` of the analysed frames in Hz, `scale` ("0-5" intensity of OpenFace,
    "0-1" probability of py-feat), and remarks in `faults` (see `recording.known_faults`)

    Raises
    ------
    FileNotFoundError : `path` does not exist
    ValueError : not such a table, several faces and none chosen, no times and no frame rate, or
        columns for units that FACS does not have
    """
    path = Path(path).expanduser()
    if frame_rate is not None:
        recording.need_positive(frame_rate=frame_rate)
    source, table, remarks = _video.frames_of(path, face)
    aus, intensity, present = _video.units_of(source, table, path.name)
    time, rate, told = _video.times_of(table, frame_rate, path.name)
    confidence, found = _video.quality_of(source, table)
    valid = found & np.isfinite(time)
    if not valid.all():
        told.append(f"{np.count_nonzero(~valid)} of {valid.size} frames have no face or no time")
    keep = np.isfinite(time)
    scale = "0-5" if source == _video.OPENFACE else "0-1"
    made = xr.Dataset(
        {
            "intensity": (("time", "au"), intensity[keep].astype(np.float32), {"units": scale}),
            "confidence": ("time", confidence[keep].astype(np.float32)),
        },
        coords={
            "time": ("time", time[keep], {"units": "s"}),
            "au": np.array(aus, dtype=str),
            "valid": ("time", valid[keep]),
        },
        attrs={"coder": source, "frame_rate": rate, "scale": scale},
    )
    if present is not None:
        made["present"] = (("time", "au"), present[keep].astype(np.float32))
    made.attrs["faults"] = json.dumps([*remarks, *told], ensure_ascii=False)
    return recording.with_history(made, "read_units", file=path.name, frame_rate=rate)


def unit_events(
    units: xr.Dataset,
    *,
    on: float | None = None,
    off: float | None = None,
    shortest: float = 0.1,
    confidence: float = 0.8,
    start: float = 0.0,
) -> xr.Dataset:
    """Turn action units over time into an event table, as the labels of a coder of its own.

    An event is a run of valid frames in which the intensity is at least `off` and somewhere at
    least `on` (hysteresis). It begins with its first frame and ends with the first frame below
    `off`. Frames with low confidence, without a face or without a value interrupt events, and so do
    missing frames; remarks tell how many events they cut.

    Parameters
    ----------
    units : as returned by `read_units`
    on, off : thresholds, in the scale of `units`; by default 1 and 0.5 of OpenFace's 0 to 5, 0.5
        and 0.3 of py-feat's 0 to 1
    shortest : s, shorter events are left out; 0.1 s are 3 frames at 30 frames per second
    confidence : lowest confidence of a valid frame; frames without one are valid
    start : s, time of the recording at which the video begins

    Returns
    -------
    Event table with the column `peak`, the largest intensity. `apex` is the time of the peak.
    `intensity` is A to E for OpenFace (1 to 5, rounded), and empty for py-feat, which gives
    probabilities. The side is empty, since the programs do not tell sides apart. Attributes:
    `coder`, `frame_rate`, and remarks in `faults`

    Raises
    ------
    TypeError : not a Dataset
    ValueError : `off` above `on`, negative `shortest`, or `units` without intensity and time
    """
    units = recording.need_table(units, "units", "interop.read_units(path)")
    missing = [name for name in ("intensity", "confidence", "time", "valid") if name not in units]
    if missing:
        raise ValueError(
            f"units has no {', '.join(missing)}: make it with interop.read_units(path)"
        )
    if "frame_rate" not in units.attrs:
        raise ValueError("units has no attribute frame_rate: make it with interop.read_units(path)")
    usual = ON_OFF.get(str(units.attrs.get("scale")), ON_OFF["0-5"])
    on = usual[0] if on is None else on
    off = min(usual[1], on) if off is None else off
    if not off <= on:
        raise ValueError(f"off={off:g} is above on={on:g}: events end at the lower threshold")
    if not shortest >= 0:
        raise ValueError(f"shortest={shortest!r}, expected s, 0 or more")
    time = np.asarray(units["time"].values, np.float64)
    step = 1 / float(units.attrs["frame_rate"])
    fine = _valid(units, confidence)
    parts = _parts(time, fine)
    rows = []
    for au in units["au"].values.tolist():
        x = np.asarray(units["intensity"].sel(au=au).values, np.float64)
        rows += [(str(au), *row) for row in _events(x, time, parts, step, on, off)]
    rows = sorted(row for row in rows if row[2] - row[1] >= shortest - 1e-9)
    rows.sort(key=lambda row: row[1])
    table = _table(rows, start, letters=units.attrs.get("scale") == "0-5")
    remarks = recording.known_faults(units)
    if not fine.all():
        remarks.append(f"{np.count_nonzero(~fine)} of {fine.size} frames are not valid")
    cut = sum(row[5] for row in rows)
    if cut:
        remarks.append(
            f"{cut} of {len(rows)} events are cut by invalid frames or an end of the video"
        )
    table.attrs |= {
        "coder": str(units.attrs.get("coder", "")),
        "frame_rate": float(units.attrs["frame_rate"]),
        "faults": json.dumps(remarks, ensure_ascii=False),
        "history": str(units.attrs.get("history", "")),
    }
    return recording.with_history(
        table, "unit_events", on=on, off=off, shortest=shortest, confidence=confidence, start=start
    )


def _valid(units: xr.Dataset, confidence: float) -> Mask:
    sure = np.asarray(units["confidence"].values, np.float64)
    low = np.isfinite(sure) & (sure < confidence)
    return np.asarray(units["valid"].values, dtype=bool) & ~low


def _parts(time: Floats, fine: Mask) -> list[tuple[int, int]]:
    """Return half-open intervals of valid frames without missing ones."""
    steps = np.diff(time)
    usual = float(np.median(steps)) if steps.size else 0.0
    found = []
    for first, last in runs(fine).tolist():
        here = steps[first : last - 1]
        jumps = first + 1 + np.flatnonzero((here > 1.5 * usual) | (here <= 0))
        edges = [first, *jumps.tolist(), last]
        found += list(itertools.pairwise(edges))
    return found


def _events(
    x: Floats, time: Floats, parts: list[tuple[int, int]], step: float, on: float, off: float
) -> list[tuple[float, float, float, float, bool]]:
    """Return onset, offset, apex, peak, and whether the event is cut, of each event of a unit."""
    found = []
    for first, last in parts:
        here = x[first:last]
        above = np.nan_to_num(here, nan=-np.inf) >= off
        for a, b in runs(above).tolist():
            top = a + int(np.argmax(here[a:b]))
            if here[top] < on:
                continue
            cut = a == 0 or b == here.size or bool(np.isnan(here[a - 1]) or np.isnan(here[b]))
            end = time[first + b] if b < here.size else time[last - 1] + step
            onset, apex, peak = time[first + a], time[first + top], here[top]
            found.append((float(onset), float(end), float(apex), float(peak), cut))
    return found


def _table(
    rows: list[tuple[str, float, float, float, float, bool]], start: float, *, letters: bool
) -> xr.Dataset:
    peak = np.array([row[4] for row in rows], dtype=np.float64)
    level = np.clip(np.floor(peak + 0.5), 1, 5).astype(int)
    table = labels.events(
        [row[1] + start for row in rows],
        [row[2] + start for row in rows],
        apex=[row[3] + start for row in rows],
        au=[row[0] for row in rows],
        intensity=[facs.INTENSITIES[k - 1] if letters else "" for k in level.tolist()],
    )
    return table.assign(peak=("event", peak))
