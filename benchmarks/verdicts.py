"""Run `quality.is_physiology` on all recordings of a folder of published data, in a table.

The folder contains real recordings and some data that is none, like `../shared/data` next to a
checkout. Recordings of one folder with the same verdict and the same faults share a row, with the
evidence and the figures of the first. Then 200 simulated faces, easy, field and hard, raw and
envelope, at four rates and with three converters: how many are misjudged.

Run: python benchmarks/verdicts.py [folder] [--faces 200]
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from emgnb import quality, simulate
from emgnb.interop import corpora

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import published
from published import Named


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


READERS: dict[str, Callable[[Path], Named]] = {
    "paper": paper,
    "facial_expression_envelopes": expressions,
    "emotion_power_features": powers,
    "nilsonne": published.nilsonne,
    "subvocalization": published.words,
    "emgflow": published.emgflow,
    "biosignalsnotebooks": published.bursts,
    "biosppy": published.biosppy,
    "armband_long_term": published.armband,
    "myo": published.myo,
    "uniform_noise_gestures": published.gestures,
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
