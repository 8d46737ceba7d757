"""Read action units over time from tables of OpenFace 2 and py-feat."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emgnb import facs
from emgnb._arrays import Floats, Ints, Mask
from emgnb.interop.label_files.cells import first_text

if TYPE_CHECKING:
    import pandas as pd

OPENFACE, PYFEAT = "OpenFace", "py-feat"
_REGRESSED = re.compile(r"AU(\d+)_r")
_CLASSIFIED = re.compile(r"AU(\d+)_c")
_PROBABLE = re.compile(r"AU(\d+)")
# Columns that tell faces in one frame apart.
_FACES = ("face_id", "Identity", "identity")
# Frame rates above this are errors of the time stamps (frames per second).
FASTEST = 1000.0
# Largest difference between the stated and the measured rate, and of a stamp from its frame's time.
_RATE_DIFFERS, _STAMP_DIFFERS = 0.01, 0.5


def source_of(text: str) -> str:
    """Return the program that wrote a table, from its heading, or ""."""
    names = {name.strip().strip('"') for name in text.lstrip().split("\n", 1)[0].split(",")}
    if "confidence" in names and any(_REGRESSED.fullmatch(name) for name in names):
        return OPENFACE
    if any(_PROBABLE.fullmatch(name) for name in names) and {"FaceRectX", "frame"} & names:
        return PYFEAT
    return ""


def frames_of(path: Path, face: str | int | None) -> tuple[str, pd.DataFrame, list[str]]:
    """Return the source, the rows of one face in order of frames, and remarks.

    Raises
    ------
    ValueError : not a table of these programs, or several faces and none chosen
    """
    import pandas as pd

    source = source_of(first_text(path))
    if not source:
        raise ValueError(
            f"{path.name} is not a table of OpenFace 2 (columns confidence, AU01_r, …) or py-feat "
            "(columns frame, FaceRectX, AU01, …)"
        )
    try:
        wanted = r"\s*(frame|timestamp|confidence|success|face_id|FaceScore|[Ii]dentity|AU\d+.*)\s*"
        table = pd.read_csv(
            path,
            skipinitialspace=True,
            usecols=lambda name: re.fullmatch(wanted, name) is not None,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path.name} is not a table: {error}") from None
    table.columns = [str(name).strip() for name in table.columns]
    if not len(table):
        raise ValueError(f"{path.name} has no frames")
    remarks: list[str] = []
    if "frame" not in table:
        table.insert(0, "frame", np.arange(len(table)))
        remarks.append("no frame numbers: rows are taken for consecutive frames")
    table["frame"] = pd.to_numeric(table["frame"], errors="coerce")
    if table["frame"].isna().any():
        raise ValueError(
            f"{path.name}: {int(table['frame'].isna().sum())} rows have no frame number"
        )
    table = _one_face(table, face, path.name)
    return source, table.sort_values("frame", kind="stable", ignore_index=True), remarks


def _one_face(table: pd.DataFrame, face: str | int | None, name: str) -> pd.DataFrame:
    key = next((each for each in _FACES if each in table), None)
    if face is not None:
        known = [] if key is None else [str(each) for each in table[key].unique()]
        if key is None or str(face) not in known:
            raise ValueError(
                f"{name} has no face {face!r}; it has {', '.join(known) or 'one face'}"
            )
        table = table[table[key].astype(str) == str(face)]
    if table["frame"].duplicated().any():
        counts = Counter(table[key].astype(str)) if key is not None else Counter[str]()
        listed = ", ".join(f"{each} ({n} frames)" for each, n in counts.most_common(8))
        raise ValueError(
            f"{name} has several faces in a frame{': ' + listed if listed else ''}. "
            + ("Choose one with face=" if listed else "Keep the rows of one of them")
        )
    return table


def units_of(
    source: str, table: pd.DataFrame, name: str
) -> tuple[list[str], Floats, Floats | None]:
    """Return the units, their intensity (time, au), and whether they are present, if stated.

    Raises
    ------
    ValueError : a column of a unit that FACS does not have
    """
    pattern = _REGRESSED if source == OPENFACE else _PROBABLE
    columns = {str(int(m[1])): c for c in table.columns if (m := pattern.fullmatch(str(c)))}
    odd = sorted(set(columns) - set(facs.CODES), key=int)
    if odd:
        raise ValueError(
            f"{name} has columns for AU {', '.join(odd)}, which FACS does not have. OpenFace 3 "
            "numbers its columns 1 to 8 whatever the unit: rename them to their units first"
        )
    aus = sorted(columns, key=int)
    intensity = _numbers(table, [columns[au] for au in aus])
    classified = {str(int(m[1])): c for c in table.columns if (m := _CLASSIFIED.fullmatch(str(c)))}
    if not classified:
        return aus, intensity, None
    both = sorted(set(aus) | (set(classified) & set(facs.CODES)), key=int)
    wide = np.full((len(table), len(both)), np.nan)
    present = wide.copy()
    wide[:, [both.index(au) for au in aus]] = intensity
    there = [au for au in both if au in classified]
    present[:, [both.index(au) for au in there]] = _numbers(table, [classified[au] for au in there])
    return both, wide, present


def _numbers(table: pd.DataFrame, columns: list[Any]) -> Floats:
    import pandas as pd

    parts = [pd.to_numeric(table[c], errors="coerce").to_numpy(np.float64) for c in columns]
    return np.stack(parts, axis=1) if parts else np.empty((len(table), 0))


def quality_of(source: str, table: pd.DataFrame) -> tuple[Floats, Mask]:
    """Return the confidence of each frame (NaN if not stated), and whether a face was found."""
    key = "confidence" if source == OPENFACE else "FaceScore"
    confidence = _numbers(table, [key])[:, 0] if key in table else np.full(len(table), np.nan)
    success = _numbers(table, ["success"])[:, 0] == 1 if "success" in table else None
    return confidence, np.ones(len(table), dtype=bool) if success is None else success


def times_of(
    table: pd.DataFrame, frame_rate: float | None, name: str
) -> tuple[Floats, float, list[str]]:
    """Return the time of each frame in s, the rate of analysed frames, and remarks.

    The rate is the slope of frame numbers over time stamps. A stated `frame_rate` replaces the
    stamps, and a remark says if they differ.

    Raises
    ------
    ValueError : no time stamps and no `frame_rate`, or stamps that do not rise
    """
    frame = table["frame"].to_numpy(np.int64)
    usual = max(int(np.median(np.diff(frame))), 1) if frame.size > 1 else 1
    stamps = _numbers(table, ["timestamp"])[:, 0] if "timestamp" in table else None
    remarks = _gaps(frame, usual)
    measured = None if stamps is None else _slope(frame, stamps)
    if frame_rate is None:
        if measured is None:
            raise ValueError(
                f"{name} has frame numbers but no times: give frame_rate, the frames per second of "
                "the video"
            )
        if not 0 < measured < np.inf:
            raise ValueError(f"{name}: the time stamps do not rise; give frame_rate")
        assert stamps is not None
        return stamps, measured / usual, remarks + _stamp_faults(frame, stamps, measured)
    if measured is not None and not abs(measured / frame_rate - 1) < _RATE_DIFFERS:
        remarks.append(
            f"the time stamps give {measured:.4g} frames per second; frame_rate={frame_rate:g} is "
            "used instead"
        )
    first = 1 if "timestamp" in table else 0  # OpenFace counts frames from 1, py-feat from 0
    return (frame - first) / frame_rate, frame_rate / usual, remarks


def _slope(frame: Ints, stamps: Floats) -> float | None:
    """Return frames per second by regression, rounded if a rounder number fits as well."""
    fine = np.isfinite(stamps)
    if np.count_nonzero(fine) < 2 or np.ptp(frame[fine]) == 0:
        return None
    x, t = frame[fine] - frame[fine].mean(), stamps[fine] - stamps[fine].mean()
    seconds = float((x * t).sum() / (x * x).sum())
    if not seconds > 0:
        return 0.0
    rest = t - seconds * x
    error = float(np.sqrt((rest**2).sum() / max(x.size - 2, 1) / (x * x).sum())) / seconds
    rate = 1 / seconds
    for digits in range(1, 7):
        rounded = float(f"{rate:.{digits}g}")
        if abs(rounded / rate - 1) <= max(2 * error, 1e-9):
            return rounded
    return rate


def _stamp_faults(frame: Ints, stamps: Floats, rate: float) -> list[str]:
    found = []
    if rate >= FASTEST * 0.999:
        found.append(
            f"the time stamps give {rate:.4g} frames per second, more than cameras record: check "
            "them, or give frame_rate"
        )
    expected = (frame - frame[0]) / rate
    off = np.abs((stamps - stamps[0]) - expected) * rate
    many = int(np.count_nonzero(off > _STAMP_DIFFERS))
    if many:
        found.append(f"{many} time stamps are more than half a frame from a regular clock")
    return found


def _gaps(frame: Ints, usual: int) -> list[str]:
    found = [f"one frame in {usual} was analysed, and frame_rate counts those"] if usual > 1 else []
    missing = int(np.count_nonzero(np.diff(frame) > usual))
    return found + ([f"frames are missing at {missing} places"] if missing else [])
