"""Read facial EMG recorded while participants watched films of faces (AcqKnowledge exports)."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats

EMOTIONS = ("angry", "happy", "neutral")
MUSCLES = ("zygomaticus_major", "corrugator_supercilii")
LAYOUT = (
    "8 columns of numbers: skin conductance, raw zygomaticus and corrugator, the same averaged and "
    "rectified, and a wave each for angry, happy and neutral films; or 10, with time and ECG"
)
# Columns of raw zygomaticus, raw corrugator, both averaged, and the first trigger channel. For
# files with time and ECG, the codebook gives the first order, the authors' script the second.
ORDERS = {8: ((1, 2, 3, 4, 5),), 10: ((2, 4, 5, 6, 7), (2, 3, 4, 6, 7))}
# Threshold between the two levels of the trigger, 0 and 5 V (V).
HALF = 2.5


def read_face_films(
    path: str | Path, *, rate: float = 100.0, participant: str | None = None
) -> xr.DataTree:
    """Read `NN_FMOV_preprocessed.txt`: zygomaticus and corrugator of a person who watches films.

    Nilsonne et al. (2017, PMC5383810) showed films of angry, happy and neutral faces, and published
    the EMG of two facial muscles. Skin conductance and ECG are not read.

    Parameters
    ----------
    path : text file without header, one row per sample
    rate : Hz; not in the files, 100 according to their authors
    participant : by default the number at the start of the file name

    Returns
    -------
    Session with four channels in mV: `zygomaticus` and `corrugator`, averaged and rectified by the
    recorder (`signal_kind` envelope), and `zygomaticus_raw` and `corrugator_raw`; a marker "angry",
    "happy" or "neutral" at the start of each film, where its trigger falls from 5 to 0 V

    Raises
    ------
    FileNotFoundError, IsADirectoryError : `path` does not exist, or is a folder
    ValueError : another layout; the message states what was found
    """
    recording.need_positive(rate=rate)
    path = Path(path)
    values, order = _read(path)
    found, begin = [], []
    for i, emotion in enumerate(EMOTIONS):
        wave = values[:, order[4] + i]
        begin += [(float(row / rate), emotion) for row in _falls(wave)]
        odd = int((~np.isclose(wave, 0, atol=0.5) & ~np.isclose(wave, 5, atol=0.5)).sum())
        if odd:
            found.append(f"The wave of {emotion} films is neither 0 nor 5 V in {odd} rows.")
    if not begin:
        raise ValueError(_misfit(path, "no wave that falls from 5 to 0 V, so no film begins"))
    begin.sort()
    names = ["zygomaticus", "corrugator", "zygomaticus_raw", "corrugator_raw"]
    columns = values[:, [order[2], order[3], order[0], order[1]]]
    x = recording.signal(
        columns,
        rate=rate,
        units="mV",
        channel=names,
        muscle=[*MUSCLES, *MUSCLES],
        signal_kind=["envelope", "envelope", "raw", "raw"],
        nominal_rate=rate,
    )
    found = [
        f"Exported at {rate:g} Hz: raw EMG above {rate / 2:g} Hz is aliased to lower frequencies.",
        *_scale(columns),
        *found,
    ]
    number = re.match(r"\d+", path.name)
    return recording.make(
        x,
        markers=recording.markers(
            [t for t, _ in begin], [text for _, text in begin], source="file"
        ),
        participant=participant or (number.group() if number else path.stem),
        label_meaning="instructed",
        protocol="watching films of faces; a marker says what the film showed",
        source=path.name,
        faults=json.dumps(found, ensure_ascii=False),
    )


def _read(path: Path) -> tuple[Floats, tuple[int, ...]]:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected one NN_FMOV_preprocessed.txt")
    if not path.exists():
        raise FileNotFoundError(f"no file {path}: give the path of an NN_FMOV_preprocessed.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            # Given a path, NumPy would unpack .gz files of any size.
            lines = path.read_bytes().decode("latin-1").splitlines()
            values = np.genfromtxt(lines, dtype=np.float64, ndmin=2)
        except (ValueError, IndexError) as error:
            raise ValueError(_misfit(path, str(error).splitlines()[0])) from None
    if values.shape[1] not in ORDERS or len(values) < 2:
        raise ValueError(_misfit(path, f"{len(values)} rows of {values.shape[1]} columns"))
    for order in ORDERS[values.shape[1]]:
        averaged = values[:, order[2:4]]
        if np.isfinite(averaged).any() and np.nanmin(averaged) >= 0:
            return values, order
    raise ValueError(_misfit(path, "negative numbers where rectified EMG should be"))


def _falls(wave: Floats) -> npt.NDArray[np.int64]:
    """Return the first row of each film."""
    return np.flatnonzero((wave[1:] < HALF) & (wave[:-1] >= HALF)) + 1


def _scale(columns: Floats) -> list[str]:
    """Compare the scale of the averaged EMG with that of the raw EMG."""
    ratio = float(np.nanmean(np.abs(columns[:, 2:])) / np.nanmean(columns[:, :2]))
    if 0.5 < ratio < 2:
        return []
    return [
        f"Rectified raw EMG is {ratio:.3g} times as large as its average, and should be "
        "equal: the averages are not in mV, so only their ratios are meaningful."
    ]


def _misfit(path: Path, found: str) -> str:
    return f"{path.name} holds no films of faces: found {found}; expected {LAYOUT}"
