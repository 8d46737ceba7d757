"""Measure the coverage of prediction sets on new simulated people, against counting windows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from emgnb import evaluate

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from people import people

REPEATS, WANTED = 1000, 0.9


def plain(known: evaluate.Result) -> float:
    """Return the threshold of split conformal prediction that counts windows."""
    truth, _ = known.truth_and_unit
    scores = np.sort(1 - known.prediction.values[np.arange(len(truth)), truth])
    return float(scores[int(np.ceil((len(scores) + 1) * WANTED)) - 1])


def main() -> None:
    """Print a table of coverage and mean set size for each way to set the threshold."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[tuple[float, float]]] = {}
    for repeat in range(REPEATS):
        known, new = (people(n, windows=12, skill=2.0, noise=0.2, seed=rng) for n in (12, 10))
        truth, _ = new.truth_and_unit
        thresholds = {
            "windows counted": plain(known),
            "hierarchical": evaluate.conformal(known, WANTED).threshold,
            "subsample": evaluate.conformal(
                known, WANTED, method="subsample", seed=repeat
            ).threshold,
        }
        for name, threshold in thresholds.items():
            sets = 1 - new.prediction.values <= threshold
            hit = sets[np.arange(len(truth)), truth].mean()
            rows.setdefault(name, []).append((hit, sets.sum(axis=1).mean()))
    print("| threshold | windows covered (%, 95 % interval) | classes per set |\n|---|---|---|")
    for name, found in rows.items():
        (hit, size), error = np.mean(found, axis=0), np.std([h for h, _ in found]) / REPEATS**0.5
        print(f"| {name} | {100 * hit:.1f} ± {196 * error:.1f} | {size:.2f} |")


if __name__ == "__main__":
    main()
