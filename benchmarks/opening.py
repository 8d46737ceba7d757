"""Open a day of 8 channels at 1 kHz: time to open it and to read 5 s of its middle, and memory.

Run: python benchmarks/opening.py [hours]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from emgnb import recording

SCALE = 5 / 1023


def write(path: Path, hours: float) -> None:
    like = recording.signal(np.empty((0, 8)), rate=1000.0, units="V")
    rng = np.random.default_rng(0)
    minute = np.rint(512 + 40 * rng.normal(size=(60_000, 8))) * SCALE
    with recording.SessionWriter(path, like, scale=SCALE) as writer:
        for _ in range(round(hours * 60)):
            writer.append(minute)
        writer.close()


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 24.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.zarr"
        began = time.perf_counter()
        write(path, hours)
        written = time.perf_counter() - began
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        opening, reading = [], []
        for _ in range(7):
            began = time.perf_counter()
            x = recording.open(path)["emg/signal"]
            opening.append(time.perf_counter() - began)
            middle = hours * 1800
            began = time.perf_counter()
            block = x.sel(time=slice(middle, middle + 5)).values
            reading.append(time.perf_counter() - began)
        samples = x.size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| hours | write s | bytes a sample | open ms (first, median) | 5 s slice ms | peak MB |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {hours:g} | {written:.1f} | {size / samples:.2f} "
        f"| {1e3 * opening[0]:.0f}, {1e3 * np.median(opening):.0f} "
        f"| {1e3 * reading[0]:.1f}, {1e3 * np.median(reading):.1f} | {peak:.0f} |"
    )
    assert block.shape == (5001, 8)


if __name__ == "__main__":
    main()
