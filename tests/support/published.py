"""Read published recordings that emgnb has no reader for, as signals with names."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb import recording

Named = Iterator[tuple[str, xr.DataArray | xr.DataTree | xr.Dataset]]


def table(path: Path, columns: slice, **how: object) -> np.ndarray:
    return np.atleast_2d(np.genfromtxt(path, encoding="utf-8-sig", **how))[:, columns]


def apart(trials: list[np.ndarray]) -> np.ndarray:
    """Concatenate trials, with a row of NaN between them."""
    pause = np.full((1, trials[0].shape[1]), np.nan)
    return np.concatenate([part for one in trials for part in (one, pause)])


def nilsonne(folder: Path) -> Named:
    for path in sorted(folder.glob("*.txt")):
        data, name = table(path, slice(1, 5)), path.name.partition("_")[0]
        names = ["zyg", "corr"]
        yield f"{name} raw", recording.signal(data[:, :2], rate=100, units="mV", channel=names)
        rectified = recording.signal(
            data[:, 2:], rate=100, units="mV", channel=names, signal_kind="envelope"
        )
        yield f"{name} averaged", rectified


def words(folder: Path) -> Named:
    data = table(folder / "Sim.csv", slice(1, 9), delimiter=",", skip_header=1)
    yield "Sim.csv", recording.signal(data, rate=250, units="uV")


def emgflow(folder: Path) -> Named:
    for path in sorted(folder.glob("*.csv")):
        data = table(path, slice(1, 3), delimiter=",", skip_header=1)
        yield path.name, recording.signal(data, rate=2000, units="mV", channel=["zyg", "cor"])


def bursts(folder: Path) -> Named:
    import h5py

    with h5py.File(folder / "emg_bursts.h5") as file:
        raw = file[next(iter(file))]["raw"]
        counts = np.asarray(raw[next(name for name in raw if name.startswith("channel"))])
    yield "emg_bursts.h5", recording.signal(counts, rate=1000, units="count")


def biosppy(folder: Path) -> Named:
    yield "emg.txt", recording.signal(np.loadtxt(folder / "emg.txt"), rate=1000, units="count")


def armband(folder: Path) -> Named:
    """Return the first day as one signal, then each of its trials."""
    trials = {
        path.stem: np.loadtxt(path, delimiter=",")
        for path in sorted((folder / "day1").glob("*.csv"))
    }
    yield "day 1, all trials", recording.signal(apart([*trials.values()]), rate=200, units="1")
    for name, values in trials.items():
        yield f"single trial {name}", recording.signal(values, rate=200, units="1")


def myo(folder: Path) -> Named:
    for each in sorted(folder.glob("trial_*")):
        trials = [np.loadtxt(path, delimiter=",") for path in sorted(each.glob("*.csv"))]
        yield each.name, recording.signal(apart(trials), rate=200, units="count")


def gestures(folder: Path) -> Named:
    for path in sorted(folder.glob("*.csv")):
        data = table(path, slice(0, 3), delimiter=",", skip_header=1)
        yield path.name, recording.signal(data[:, :2], time=data[:, 2] / 1000, units="count")
