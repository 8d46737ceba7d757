"""Run `quality.is_physiology` on all recordings of a folder of published data, in a table.

The folder contains real recordings and some data that is none, like `../shared/data` next to a
checkout. Recordings of one folder with the same verdict and the same faults share a row, with the
evidence and the figures of the first. Then 200 simulated faces, easy, field and hard, raw and
envelope, at four rates and with three converters: how many are misjudged.

Run: python benchmarks/verdicts.py [folder] [--faces 200]
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb import quality, recording, simulate
from emgnb.interop import corpora

Named = Iterator[tuple[str, xr.DataArray | xr.DataTree | xr.Dataset]]


def table(path: Path, columns: slice, **how: object) -> np.ndarray:
    return np.atleast_2d(np.genfromtxt(path, encoding="utf-8-sig", **how))[:, columns]


def apart(trials: list[np.ndarray]) -> np.ndarray:
    """Concatenate trials, with a row of NaN between them."""
    pause = np.full((1, trials[0].shape[1]), np.nan)
    return np.concatenate([part for one in trials for part in (one, pause)])


def paper(folder: Path) -> Named:
    for path in sorted(folder.glob("subject_*.csv")):
        yield path.name, corpora.read_paper_rows(path)
    for path in sorted(folder.glob("emg_data*.csv")):
        yield path.name, corpora.read_paper_capture(path)


def expressions(folder: Path) -> Named:
    for path in sorted(folder.glob("*.json")):
        for session in corpora.read_envelope_json(path):
            yield f"{path.stem} {session.attrs['round']}", session


def powers(folder: Path) -> Named:
    yield "S*.mat", corpora.read_power_features(folder)


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


READERS: dict[str, Callable[[Path], Named]] = {
    "paper": paper,
    "facial_expression_envelopes": expressions,
    "emotion_power_features": powers,
    "nilsonne": nilsonne,
    "subvocalization": words,
    "emgflow": emgflow,
    "biosignalsnotebooks": bursts,
    "biosppy": biosppy,
    "armband_long_term": armband,
    "myo": myo,
    "uniform_noise_gestures": gestures,
}


def judged(folder: Path) -> None:
    print("| folder | recordings | verdict | evidence | faults |\n|---|---|---|---|---|")
    for name, reader in READERS.items():
        if not (folder / name).is_dir():
            print(f"| `{name}` | not there | | | |")
            continue
        alike: dict[tuple[str, ...], list[tuple[str, quality.Verdict]]] = {}
        for part, x in reader(folder / name):
            verdict = quality.is_physiology(x)
            heads = (fault.partition(":")[0] for fault in verdict.faults)
            kinds = (head for head in heads if not head.startswith("slow"))
            alike.setdefault((verdict.looks_like, *kinds), []).append((part, verdict))
        for group in alike.values():
            parts, first = [part for part, _ in group], group[0][1]
            who = parts[0] if len(parts) == 1 else f"{parts[0]} … {parts[-1]} ({len(parts)})"
            if len(parts) <= 4:
                who = ", ".join(parts)
            cells = (
                f"`{name}`",
                who,
                f"**{first.word}**: {first.looks_like}",
                "<br>".join(first.evidence),
                "<br>".join(first.faults) or "none found",
            )
            print(f"| {' | '.join(cells)} |", flush=True)


def faces(count: int) -> int:
    """Count the simulated faces that are misjudged."""
    wrong = 0
    for i in range(count):
        sensor = ("raw", "v3")[i % 2]
        session = simulate.face(
            participant=i,
            seed=9000 + i,
            difficulty=("easy", "field", "hard")[i % 3],
            sensor=sensor,
            adc_bits=(None, 10, 12)[i // 2 % 3],
            rate=(1000.0, 500.0, 2000.0, 250.0)[i // 6 % 4],
            mains=(50.0, 60.0)[i % 5 == 0],
            script=[(0.5, "smile", 1.2), (2.5, "frown", 1.2)],
            duration=5.0,
        )
        verdict = quality.is_physiology(session)
        looks = "raw EMG" if sensor == "raw" else "envelope of EMG"
        if verdict.physiology is not True or verdict.looks_like != looks:
            wrong += 1
            print(f"\nface {i}: {verdict}\n{session.attrs}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("folder", nargs="?", type=Path, default=beside)
    parser.add_argument("--faces", type=int, default=200)
    asked = parser.parse_args()
    if asked.folder.is_dir():
        judged(asked.folder)
    else:
        print(f"no recordings at {asked.folder}: the table is left out")
    wrong = faces(asked.faces)
    print(f"\n{wrong} of {asked.faces} simulated faces misjudged")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
