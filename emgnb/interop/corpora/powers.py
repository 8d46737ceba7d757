"""Read power features in MATLAB files, one per person: a row per segment, the label last."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._arrays import Floats
from emgnb.interop.corpora import _measures, matfile

LABELS = {
    1: "neutral",
    2: "smile",
    3: "sadness",
    4: "surprise",
    5: "disgust",
    6: "anger",
    7: "fear",
}
LAYOUT = "a matrix `data` of segments × (channels + 1), the last column the label 1, 2, 3 …"


def read_power_features(path: str | Path, *, units: str = "uV²") -> xr.Dataset:
    """Read mean power of facial EMG from `.mat` files: `data` (segment, 8 channels + label).

    Parameters
    ----------
    path : a file, or a folder of files; each file is a participant with the name of the file
    units : unit of the power; not stated in the files

    Returns
    -------
    features : `power` (window, channel) float32, linear (take its logarithm before a linear model).
        Along `window`: `participant`, `session`, `label` (name, or number if unknown), `trial` (run
        of the same label), `segment` (index in its trial) and `duplicate` (exact copy of an earlier
        row). There is no `time`. `signal_kind` is raw, because the power is that of raw EMG.

    Raises
    ------
    FileNotFoundError : `path` does not exist, or the folder has no .mat file
    ValueError : another layout; the message states what was found

    Examples
    --------
    >>> features = corpora.read_power_features(folder)                           # doctest: +SKIP
    >>> evaluate.cross_validate(np.log(features), fit, by="participant")         # doctest: +SKIP

    References
    ----------
    Kołodziej, Majkowski and Jurczak 2024, doi:10.3390/s24154785
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}")
    files = sorted(path.glob("*.mat")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"no .mat file in the folder {path}")
    people = [_matrix(file) for file in files]
    widths = sorted({matrix.shape[1] for matrix in people})
    if len(widths) != 1:
        listed = ", ".join(f"{f.name} {m.shape[1]}" for f, m in zip(files, people, strict=True))
        raise ValueError(f"files with different numbers of columns cannot be joined: {listed}")
    parts, found = [], []
    for file, matrix in zip(files, people, strict=True):
        codes = matrix[:, -1].astype(int)
        label = [LABELS.get(code, str(code)) for code in codes.tolist()]
        runs = _measures.runs(label)
        sizes = [end - begin for begin, end in runs]
        unknown = sorted({int(code) for code in codes} - set(LABELS))
        if unknown:
            found.append(f"{file.stem}: labels {unknown} are not among 1 to {max(LABELS)}; kept.")
        parts.append(
            xr.Dataset(
                {"power": (("window", "channel"), matrix[:, :-1].astype(np.float32))},
                coords={
                    "label": ("window", np.array(label)),
                    "participant": ("window", np.full(len(matrix), file.stem)),
                    "session": ("window", np.full(len(matrix), "1")),
                    "trial": ("window", np.repeat(np.arange(len(runs)), sizes)),
                    "segment": ("window", np.concatenate([np.arange(n) for n in sizes])),
                    "duplicate": ("window", _copies(matrix)),
                },
            )
        )
    width = widths[0] - 1
    made = xr.concat(parts, "window").assign_coords(
        channel=np.array([f"ch{k + 1}" for k in range(width)]),
        muscle=("channel", np.full(width, "")),
        side=("channel", np.full(width, "")),
        signal_kind=("channel", np.full(width, "raw")),
        gain=("channel", np.ones(width)),
    )
    made["power"].attrs = {"units": units, "long_name": "mean power of a 0.25 s segment"}
    found += _faults(made, units)
    made.attrs = {
        "label_meaning": "instructed",
        "source": path.name,
        "faults": json.dumps(found, ensure_ascii=False),
        "history": "",
    }
    return made


def _matrix(file: Path) -> Floats:
    variables = matfile.variables(file)
    listed = ", ".join(map(str, variables)) or "no variable"
    data = next((each.numbers for each in variables if each.name == "data"), None)
    if data is None:
        raise ValueError(f"{file.name}: found {listed}, expected {LAYOUT}")
    if data.ndim != 2 or data.dtype.kind not in "fiu" or data.shape[1] < 2 or not data.size:
        raise ValueError(f"{file.name}: found {listed} of {data.dtype}, expected {LAYOUT}")
    matrix = data.astype(np.float64)
    large = np.abs(matrix[:, :-1]) > np.finfo(np.float32).max
    if large.any():
        raise ValueError(
            f"{file.name}: {int(large.sum())} powers, such as {matrix[:, :-1][large][0]:g}, exceed "
            f"what 32 bits hold; expected {LAYOUT}"
        )
    codes = matrix[:, -1]
    odd = ~np.isfinite(codes) | (codes != np.rint(codes))
    if odd.any():
        raise ValueError(
            f"{file.name}: {int(odd.sum())} of {codes.size} values in the last column are no whole "
            f"numbers, first {codes[odd][0]:g} in row {int(odd.argmax()) + 1}; expected {LAYOUT}"
        )
    return matrix


def _copies(matrix: Floats) -> npt.NDArray[np.bool_]:
    """Return which rows equal an earlier row in every channel."""
    seen: set[bytes] = set()
    copies = np.zeros(len(matrix), dtype=bool)
    for i, row in enumerate(np.ascontiguousarray(matrix[:, :-1])):
        copies[i] = row.tobytes() in seen
        seen.add(row.tobytes())
    return copies


def _faults(made: xr.Dataset, units: str) -> list[str]:
    power = made["power"].values.astype(np.float64)
    person = made["participant"].values
    people = list(dict.fromkeys(person.tolist()))
    found = [
        f"The files contain no unit, muscles or times; {units} is assumed, which makes the "
        f"RMS {np.sqrt(np.nanmin(power)):.3g} to {np.sqrt(np.nanmax(power)):.3g}."
        if np.nanmin(power) >= 0
        else "Some powers are negative: this is another quantity, perhaps a logarithm.",
    ]
    copies = made["duplicate"].values
    if copies.any():
        who = Counter(person[copies].tolist())
        within = _copies_share_trial(power, made)
        found.append(
            f"{int(copies.sum())} of {copies.size} rows are exact copies of another "
            f"({', '.join(f'{name} {n}' for name, n in who.items())})"
            + (
                ", each within its person's expression: the segments were drawn, not cut one after "
                "another, and may overlap unseen. Segments split at random put the same signal on "
                "both sides."
                if within
                else ": keep copies on one side of any split."
            )
        )
    missing = int(np.isnan(power).any(axis=1).sum())
    if missing:
        found.append(f"{missing} rows hold missing values (NaN).")
    nought = int((power == 0).sum())
    if nought:
        found.append(f"{nought} powers are 0, so their logarithm is undefined.")
    levels = {name: float(np.nanmedian(power[person == name])) for name in people}
    least, most = min(levels, key=levels.__getitem__), max(levels, key=levels.__getitem__)
    if levels[least] > 0 and levels[most] > 3 * levels[least]:
        found.append(
            f"People differ in scale: the median power of {most} is "
            f"{levels[most] / levels[least]:.0f} times that of {least}. Standardise within a "
            "person before comparing."
        )
    counts = Counter(zip(person.tolist(), made["label"].values.tolist(), strict=True))
    if len(set(counts.values())) > 1:
        found.append(
            f"Labels are not equally frequent: {min(counts.values())} to {max(counts.values())} "
            "segments for a person and label."
        )
    return found


def _copies_share_trial(power: Floats, made: xr.Dataset) -> bool:
    """Return whether all copies are from the same person and trial as their originals."""
    home: dict[bytes, tuple[str, int]] = {}
    places = zip(made["participant"].values.tolist(), made["trial"].values.tolist(), strict=True)
    rows = np.ascontiguousarray(power)
    return all(
        home.setdefault(row.tobytes(), place) == place
        for row, place in zip(rows, places, strict=True)
    )
