"""Read XDF files of LabRecorder: a stream of EMG, and the markers of all others."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from emgnb._extras import explained
from emgnb._vocabulary import VOLTS
from emgnb.interop.imported._made import Columns


def read(path: Path, stream: str | None = None) -> Columns:
    """Read a stream of an XDF file; streams of texts become markers. Requires pyxdf.

    Parameters
    ----------
    stream : name of the stream; by default the only one of the type EMG, or the only one with a
        rate

    Raises
    ------
    ImportError : pyxdf is not installed
    ValueError : no XDF file, or the stream cannot be told
    """
    with explained("XDF"):
        import pyxdf

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            streams, _ = pyxdf.load_xdf(str(path), dejitter_timestamps=True, verbose=False)
    except (OSError, ValueError, EOFError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path.name} is not an XDF file that pyxdf reads: {error}") from None
    signals = [s for s in streams if not _is_text(s) and len(s["time_stamps"]) > 1]
    chosen = _chosen(signals, stream, path)
    stamps = np.asarray(chosen["time_stamps"], dtype=np.float64)
    values = np.asarray(chosen["time_series"], dtype=np.float64)
    names, units = _labels(chosen, values.shape[1])
    declared = float(_info(chosen, "nominal_srate") or 0)
    made = Columns(path, "xdf", names, values, units, rate=declared or None)
    others = [_info(s, "name") for s in signals if s is not chosen]
    if others:
        made.said.append(f"streams that are not read: {', '.join(others)}")
    start = float(stamps[0])
    made.stamps, made.shared = stamps - start, True
    made.counter = _grid(made)
    made.markers = sorted(
        (float(at) - start, str(row[0]))
        for each in streams
        if _is_text(each)
        for at, row in zip(each["time_stamps"], each["time_series"], strict=True)
    )
    made.attrs["device"] = _info(chosen, "name")
    return made


def _grid(made: Columns) -> Any:
    """Return the numbers of rows at the stream's rate, so that interruptions become gaps."""
    assert made.stamps is not None
    steps = np.diff(made.stamps)
    step = float(np.median(steps))
    whole = np.maximum(np.rint(steps / step), 1)
    if not (whole > 1).any():
        return None
    return np.concatenate([[0.0], np.cumsum(whole)])


def _chosen(signals: list[Any], name: str | None, path: Path) -> Any:
    listed = ", ".join(f"{_info(s, 'name')} ({_info(s, 'type')})" for s in signals) or "none"
    if name is not None:
        fits = [s for s in signals if _info(s, "name") == name]
    else:
        fits = [s for s in signals if _info(s, "type").upper() == "EMG"] or signals
    if len(fits) != 1:
        raise ValueError(
            f"{path.name}: {len(fits)} streams fit, expected one. Choose it with stream=; there "
            f"are {listed}"
        )
    return fits[0]


def _labels(stream: Any, width: int) -> tuple[list[str], str]:
    try:
        rows = stream["info"]["desc"][0]["channels"][0]["channel"]
        names = [str(row["label"][0]) for row in rows]
        units = {str(row.get("unit", [""])[0]).lower() for row in rows}
    except (KeyError, TypeError, IndexError):
        names, units = [], set()
    if len(names) != width or len(set(names)) < width:
        names = [f"ch{k + 1}" for k in range(width)]
    return names, VOLTS.get(units.pop(), "1") if len(units) == 1 else "1"


def _info(stream: Any, name: str) -> str:
    found = stream["info"].get(name)
    return str(found[0]) if found else ""


def _is_text(stream: Any) -> bool:
    return _info(stream, "channel_format") == "string"
