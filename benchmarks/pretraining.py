"""Networks trained on simulated faces first, then on seconds of a real person.

    python benchmarks/pretraining.py [folder] [--faces 200] [--networks cnn tcn]

A network learns expressions of simulated faces, all other people. Then it learns the classes of the
real person from the first seconds of one round or repetition (`models.fit(…, start=…)`), and is
tested on the others. A network from random weights learns from the same windows, with the same
options. Differences are paired within rounds, with a 95 % interval (Student's t over rounds); all
seeds are 0. Envelopes: two V3-like sensors at 333 Hz, cheek and forehead; 3 s of each of five
expressions. Armband: 22 motions of a *forearm* at 200 Hz, one repetition of 1.5 s each; faces are
simulated with eight channels, and only first layers are of use. The powers have one value a window
and no times, so no network over time can learn from them.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accuracies
import numpy as np
import xarray as xr
from scipy import stats

from emgnb import filters, labels, models, recording, simulate, windows

EXPRESSIONS = ("neutral", "smile", "surprise", "frown", "pucker")
CHEEK_AND_FOREHEAD = [
    ("cheek", "zygomaticus_major", "left"),
    ("forehead", "frontalis_medialis", "left"),
]
SECONDS = 3.0
SAME = {"epochs": 40, "batch_size": 16, "progress": False}


def faces(count: int, like: xr.DataArray, montage: Any, sensor: str) -> xr.DataArray:
    """Return windows of simulated people, of the length, rate and channels of `like`."""
    rate = float(like.attrs["rate"])
    script = simulate.protocol(EXPRESSIONS, repetitions=2)
    options = {} if montage is None else {"montage": montage}
    parts = []
    for person in range(count):
        session = simulate.face(
            participant=person, seed=7, rate=rate, script=script, sensor=sensor, **options
        )
        x = recording.emg(session)
        x = filters.PRESETS["envelope"](x) if sensor == "v3" else x
        parts.append(
            windows.cut(
                x,
                labels.trials(session),
                length=like.attrs["length_s"],
                step=0.3,
                participant=session.attrs["participant"],
                session="1",
            )
        )
    made = windows.stack(parts)
    return made.isel(sample=slice(like.sizes["sample"])).assign_coords(
        {name: ("channel", like[name].values) for name in ("channel", "muscle", "side")}
    )


def first_seconds(data: xr.DataArray, seconds: float) -> xr.DataArray:
    """Return the windows in the first seconds of each trial."""
    keep = np.zeros(data.sizes["window"], dtype=bool)
    for trial in np.unique(data["trial"].values):
        mine = np.flatnonzero(data["trial"].values == trial)
        end = data["time"].values[mine]
        keep[mine[end <= end.min() - data.attrs["length_s"] + seconds + 1e-6]] = True
    return data.isel(window=np.flatnonzero(keep))


def accuracy(model: models.Classifier, data: xr.DataArray) -> float:
    given = model.predict(data)
    best = np.asarray(model.classes)[given.values.argmax(axis=1)]
    return 100.0 * float(np.mean(best == data["label"].values.astype(str)))


def compared(
    data: xr.DataArray, kind: str, start: models.Classifier, seconds: float
) -> tuple[np.ndarray, float]:
    """Return accuracies (round, 2): from random weights, and from `start`; and seconds learned."""
    rows, heard = [], []
    for name in np.unique(data["session"].values):
        inside = data["session"].values == name
        learn = first_seconds(data.isel(window=np.flatnonzero(inside)), seconds)
        test = data.isel(window=np.flatnonzero(~inside))
        heard.append(np.unique(learn["trial"].values).size * seconds)
        rows.append(
            [
                accuracy(models.fit(learn, model=kind, start=each, **SAME), test)
                for each in (None, start)
            ]
        )
    return np.array(rows), float(np.mean(heard))


def row(name: str, found: np.ndarray, heard: float) -> str:
    gain = found[:, 1] - found[:, 0]
    half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    alone, pretrained = found.mean(axis=0)
    return (
        f"| {name} | {heard:.0f} | {alone:.1f} | {pretrained:.1f} "
        f"| {gain.mean():+.1f} ({gain.mean() - half:+.1f} to {gain.mean() + half:+.1f}) |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default="../shared/data", type=Path)
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--networks", nargs="*", default=["cnn", "tcn"])
    chosen = parser.parse_args()
    if not chosen.folder.is_dir():
        print("No recordings beside this checkout.")
        return
    warnings.simplefilter("ignore")
    sets: dict[str, tuple[Callable[[], xr.DataArray], Any, str, float]] = {
        "envelopes, held": (
            lambda: accuracies.envelopes(chosen.folder, "padrao"),
            CHEEK_AND_FOREHEAD,
            "v3",
            SECONDS,
        ),
        "armband, day 1": (lambda: accuracies.armband(chosen.folder), None, "raw", 1.5),
    }
    print(f"{chosen.faces} simulated people\n")
    print("| recordings, network | s of the person | alone (%) | pretrained (%) | gain (points) |")
    print("|---|---|---|---|---|")
    took = {}
    for name, (read, montage, sensor, seconds) in sets.items():
        data = read()
        simulated = faces(chosen.faces, data, montage, sensor)
        for kind in chosen.networks:
            began = time.perf_counter()
            start = models.fit(simulated, model=kind, epochs=15, progress=False)
            took[f"{name}, {kind}"] = time.perf_counter() - began
            print(row(f"{name}, {kind}", *compared(data, kind, start, seconds)), flush=True)
    print("\nPretraining, s: " + ", ".join(f"{k} {v:.0f}" for k, v in took.items()))


if __name__ == "__main__":
    main()
