"""EMG and the action units of a simulated camera, alone and together, on new simulated people.

    python benchmarks/fusion.py [--people 16]

Seven instructed expressions, difficulty "hard", four rounds; windows of 0.2 s. The camera has 30
frames per second and misses the face in 5 % of the time; its error is the standard deviation on its
scale from 0 to 5. LDA, leave one person out. All seeds are 11.
"""

from __future__ import annotations

import argparse
import warnings

import xarray as xr

from emgnb import evaluate, features, filters, labels, models, recording, simulate, windows

UNITS = [str(n) for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 23, 25, 45)]
FITS = {how: (lambda train, how=how: models.fit_fused(train, how=how)) for how in ("late", "early")}


def recorded(people: int) -> list[tuple[xr.DataTree, xr.DataArray, xr.Dataset]]:
    """Return session, windows and features of each person."""
    made = []
    for person in range(people):
        session = simulate.face(participant=person, seed=11, difficulty="hard")
        x = recording.emg(session)
        cut = windows.cut(filters.preset_for(x)(x), labels.trials(session), step=0.1)
        made.append((session, cut, features.extract(cut)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=16)
    faces = recorded(parser.parse_args().people)
    warnings.simplefilter("ignore")
    print(
        "| error of the camera | EMG (%) | units (%) | late (%) | early (%) "
        "| units add to EMG, late | EMG adds to units, late |"
    )
    print("|---|---|---|---|---|---|---|")
    for error in (0.5, 1.0, 2.0, 4.0):
        parts = []
        for session, cut, table in faces:
            units = simulate.camera(session, error=error, lost=0.05, seed=11)
            seen = units.reindex(au=UNITS, fill_value=0.0)
            parts.append(features.beside(emg=table, units=features.unit_values(cut, seen)))
        found = evaluate.ablation(windows.stack(parts), FITS, progress=False)
        cells = [f"{100 * result.accuracy:.1f}" for result in found.results.values()]
        for row in found.gains():
            if row["model"] == "late":
                gain, low, high = (100 * float(row[name]) for name in ("gain", "low", "high"))
                cells.append(f"{gain:+.1f} ({low:+.1f} to {high:+.1f})")
        print(f"| {error:g} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
