"""Process a study with 1, 2 and 4 workers: seconds and CPU seconds per hour of recording.

Each recording is some minutes of a simulated face, 8 channels at 1 kHz with cues. The plan filters
(20–450 Hz, 50 Hz notch), finds bursts and computes four features of 200 ms windows every 50 ms. The
same is done in a loop without workers first. Memory is that of the largest process.

Run: python benchmarks/batch.py [recordings] [repetitions of each cue]
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from emgnb import batch, filters, recording, simulate
from emgnb.batch import _one

RECORDINGS, WORKERS, REPETITIONS = 8, (1, 2, 4), 20
CHAIN = filters.Chain(filters.BandPass(20, 450), filters.Notch(50, harmonics=1))


def write(root: Path, count: int, repetitions: int) -> float:
    """Write recordings, and return their duration in hours."""
    script = simulate.protocol(["smile", "frown", "pucker"], repetitions=repetitions, seed=1)
    face = simulate.face(script=script, seed=1)
    first = recording.save(face, root / "P00" / "session.zarr")
    for number in range(1, count):
        shutil.copytree(first, root / f"P{number:02d}" / "session.zarr")
    x = recording.emg(face)
    return count * x.sizes["time"] / recording.sampling_rate(x) / 3600


def used(who: int) -> float:
    found = resource.getrusage(who)
    return found.ru_utime + found.ru_stime


def row(name: str, hours: float, wall: float, cpu: float, at_work: float) -> None:
    print(
        f"| {name} | {wall:.1f} | {wall / hours:.1f} | {cpu / hours:.1f} | {at_work / hours:.1f} |",
        flush=True,
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDINGS
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else REPETITIONS
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        hours = write(root / "study", count, repetitions)
        print(f"{count} recordings, {hours:.2f} h, on {os.cpu_count()} cores\n")
        print("| workers | wall s | wall s per hour | CPU s per hour | of it, in the sessions, s |")
        print("|---|---|---|---|---|")

        def plan(output: str) -> batch.Plan:
            return batch.Plan(
                sessions=str(root / "study"),
                output=str(root / output),
                chain=CHAIN,
                false_alarms=0.5,
                features=batch.Table(),
            )

        began, cpu = time.perf_counter(), used(resource.RUSAGE_SELF)
        at_work = 0.0
        for number in range(count):
            source, target = (
                root / f"study/P{number:02d}/session.zarr",
                root / f"loop/P{number:02d}",
            )
            at_work += _one.process(str(source), str(target), plan("loop"))["took_s"]
        wall, cpu = time.perf_counter() - began, used(resource.RUSAGE_SELF) - cpu
        row("a loop, without", hours, wall, cpu, at_work)
        for workers in WORKERS:
            began, cpu = time.perf_counter(), used(resource.RUSAGE_CHILDREN)
            report = batch.run(plan(f"with-{workers}"), workers=workers)
            wall = time.perf_counter() - began
            assert not report.failed, report.failed
            cpu = used(resource.RUSAGE_CHILDREN) - cpu
            row(str(workers), hours, wall, cpu, sum(each["took_s"] for each in report.rows))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nlargest worker: {peak:.0f} MB")


if __name__ == "__main__":
    main()
