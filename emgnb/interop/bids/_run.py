"""Cut a signal into uninterrupted runs, and describe a run in BIDS."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import facs, recording
from emgnb._arrays import runs
from emgnb.interop.bids import _bdf, _places

# Unit of the data model → unit in the files, and factor.
UNITS = {
    "uV": ("uV", 1.0),
    "mV": ("uV", 1e3),
    "V": ("uV", 1e6),
    "count": ("n/a", 1.0),
    "1": ("n/a", 1.0),
    "%MVC": ("%", 1.0),
}
HEADINGS = (
    "name",
    "type",
    "units",
    "description",
    "sampling_frequency",
    "signal_electrode",
    "reference",
    "target_muscle",
    "placement_scheme",
    "status",
    "status_description",
    "muscle",
    "side",
    "signal_kind",
    "gain",
)
COLUMNS = {
    "muscle": "name of the muscle in the table of emgnb",
    "side": "left, right or midline of the participant's face",
    "signal_kind": "output of the sensor: raw, rectified or envelope",
    "gain": "gain of the amplifier",
}
# Steps of a history that are no filters: the sensor of a simulated face.
ORIGINS = ("raw_sensor", "v3_sensor")
_NONE = "n/a"


def segments(values: npt.NDArray[Any], bridge: int) -> list[tuple[int, int]]:
    """Return the half-open intervals of rows that at least one channel has.

    Intervals that at most `bridge` rows separate are joined.
    """
    made: list[tuple[int, int]] = []
    for first, last in runs(np.isfinite(values).any(axis=1)).tolist():
        if made and first - made[-1][1] <= bridge:
            first = made.pop()[0]
        made.append((first, last))
    return made


def labels_of(x: xr.DataArray) -> list[str]:
    """Return names of channels that a BDF header holds: at most 16 characters of ASCII."""
    names = [str(name) for name in x["channel"].values]
    short = recording.short_names(names, _bdf.LABEL)
    plain = [
        "".join(c if c.isascii() and c.isprintable() else "_" for c in name)[: _bdf.LABEL].strip()
        for name in short
    ]
    if len(set(plain)) < len(plain) or not all(plain):
        return [f"ch{k + 1}" for k in range(len(names))]
    return plain


def channel_rows(x: xr.DataArray, rate: float, seen: npt.NDArray[np.bool_]) -> list[list[str]]:
    """Return the lines of channels.tsv; `seen` says which channels have a sample in the run."""
    unit = UNITS[x.attrs["units"]][0]
    stated = _stated(x, "status"), _stated(x, "status_description")
    rows = []
    for k, label in enumerate(labels_of(x)):
        name, muscle, side, kind = (
            str(x[each].values[k]) for each in ("channel", "muscle", "side", "signal_kind")
        )
        known = facs.MUSCLES.get(muscle)
        target = f"{side} {known.title if known else muscle}".strip() or _NONE
        status, why = (each[k] for each in stated)
        if not seen[k]:
            status, why = "bad", "no sample"
        rows.append(
            [
                label,
                "EMG",
                unit,
                f"{name}, {kind}",
                f"{rate:.12g}",
                label,
                "bipolar",
                target,
                "other",
                status or _NONE,
                why or _NONE,
                muscle or _NONE,
                side or _NONE,
                kind,
                repr(float(x["gain"].values[k])),
            ]
        )
    return [[" ".join(cell.split()) for cell in row] for row in rows]


def _stated(x: xr.DataArray, name: str) -> list[str]:
    if name not in x.coords:
        return [""] * x.sizes["channel"]
    return [str(value) for value in x[name].values]


def channels_json() -> dict[str, Any]:
    """Return the descriptions of the columns of channels.tsv that BIDS does not define."""
    return {name: {"Description": text} for name, text in COLUMNS.items()}


def electrode_rows(x: xr.DataArray) -> tuple[list[str], list[list[str]], dict[str, Any]]:
    """Return heading and lines of electrodes.tsv, and coordsystem.json."""
    places, measured = _places.places(x)
    rows = [
        [label, *(_NONE if value is None else f"{value:g}" for value in (a, b)), _NONE, "face"]
        for label, (a, b) in zip(labels_of(x), places, strict=True)
    ]
    description = _places.DESCRIPTION + (_places.MEASURED if measured else _places.NOMINAL)
    system = {
        "EMGCoordinateSystem": "Other",
        "EMGCoordinateUnits": "percent",
        "EMGCoordinateSystemDescription": description,
    }
    return ["name", "x", "y", "z", "coordinate_system"], rows, system


def emg_json(
    session: xr.DataTree,
    x: xr.DataArray,
    rate: float,
    samples: int,
    *,
    task: str,
    mains: float | None,
    reference: str,
) -> dict[str, Any]:
    """Return the fields of emg.json that BIDS defines."""
    kinds = {str(kind) for kind in x["signal_kind"].values}
    hardware: Any = _NONE
    if kinds - {"raw"}:
        hardware = {
            "Rectifier of the sensor": {
                "Output": ", ".join(sorted(kinds)),
                "Note": "rectified, and if 'envelope' smoothed, before it was sampled",
            }
        }
    made = {
        "TaskName": task,
        "TaskDescription": f"labels are {session.attrs.get('label_meaning', 'instructed')}",
        "EMGPlacementScheme": "Other",
        "EMGPlacementSchemeDescription": (
            "electrode pairs over facial muscles; see target_muscle in channels.tsv"
        ),
        "EMGReference": reference,
        "SamplingFrequency": rate,
        "PowerLineFrequency": _mains(session, x, mains),
        "RecordingType": "continuous",
        "RecordingDuration": samples / rate,
        "SoftwareFilters": _filters(x) or _NONE,
        "HardwareFilters": hardware,
        "EMGChannelCount": x.sizes["channel"],
    }
    device = str(session.attrs.get("device") or "")
    return made | ({"ManufacturersModelName": device} if device else {})


def _mains(session: xr.DataTree, x: xr.DataArray, mains: float | None) -> float | str:
    if mains is not None:
        return mains
    known = [step["mains"] for step in recording.history(x) if step.get("mains")]
    found = session.attrs.get("mains") or (known[-1] if known else None)
    return float(found) if isinstance(found, int | float) else _NONE


def _filters(x: xr.DataArray) -> dict[str, Any]:
    made: dict[str, Any] = {}
    steps = [step for step in recording.history(x) if step["step"] not in ORIGINS]
    for k, step in enumerate(steps, 1):
        arguments = {name: value for name, value in step.items() if name != "step"}
        made[f"{k} {step['step']}"] = json.loads(json.dumps(arguments)) or {"Note": "no arguments"}
    return made
