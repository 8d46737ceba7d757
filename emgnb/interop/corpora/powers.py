"""Power features in MATLAB files, one person each: a row a segment, the last column its label."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.interop.corpora import measures

Floats = npt.NDArray[np.float64]

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
    path : a file, or a folder of them; each file is a person, named as the file
    units : of the power; the files do not say

    Returns
    -------
    features : `power` (window, channel) float32, linear (take its logarithm before a linear model).
        Along `window`: `participant`, `session`, `label` (the word, or the number where it is an
        unknown one), `trial` (an unbroken run of one label), `segment` (place in its trial) and
        `duplicate` (an exact copy of an earlier row). There is no `time`. `signal_kind` is raw: the
        power was taken of raw EMG.

    Raises
    ------
    FileNotFoundError : no such file, or no .mat file in the folder
    ValueError : another layout: what was found

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
        runs = measures.runs(label)
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
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content: dict[str, Any] = loadmat(file)
    except NotImplementedError:
        raise ValueError(
            f"{file.name} is a MATLAB 7.3 file (HDF5), expected one of version 4 to 7: "
            "save it again with save(…, '-v7')"
        ) from None
    except (MatReadError, ValueError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"{file.name} is no MATLAB file: {error}") from None
    variables = {name: value for name, value in content.items() if not name.startswith("__")}
    listed = ", ".join(f"`{name}` {np.shape(v)}" for name, v in variables.items()) or "no variable"
    if "data" not in variables:
        raise ValueError(f"{file.name}: found {listed}, expected {LAYOUT}")
    data = np.asarray(variables["data"])
    if data.ndim != 2 or data.dtype.kind not in "fiu" or data.shape[1] < 2 or not data.size:
        raise ValueError(f"{file.name}: found {listed} of {data.dtype}, expected {LAYOUT}")
    matrix = data.astype(np.float64)
    codes = matrix[:, -1]
    odd = ~np.isfinite(codes) | (codes != np.rint(codes))
    if odd.any():
        raise ValueError(
            f"{file.name}: {int(odd.sum())} of {codes.size} values in the last column are no whole "
            f"numbers, first {codes[odd][0]:g} in row {int(odd.argmax()) + 1}; expected {LAYOUT}"
        )
    return matrix


def _copies(matrix: Floats) -> npt.NDArray[np.bool_]:
    """Rows that equal an earlier one in every channel."""
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
        f"Neither unit, nor muscles, nor times are in the files; {units} is assumed, which makes "
        f"the RMS {np.sqrt(np.nanmin(power)):.3g} to {np.sqrt(np.nanmax(power)):.3g}."
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
        found.append(f"{nought} powers are 0 and have no logarithm.")
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
    """Whether each copy and its original are of the same person and trial."""
    home: dict[bytes, tuple[str, int]] = {}
    places = zip(made["participant"].values.tolist(), made["trial"].values.tolist(), strict=True)
    rows = np.ascontiguousarray(power)
    return all(
        home.setdefault(row.tobytes(), place) == place
        for row, place in zip(rows, places, strict=True)
    )
