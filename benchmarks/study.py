"""List a study of many sessions from metadata: time, beside opening each session.

Each session has 8 channels of 10 s at 1 kHz, markers and two coders; one in twenty is damaged. The
limit is 10 s for 1000 sessions. Opening is timed on some of the sessions and extrapolated.

Run: python benchmarks/study.py [sessions]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from emgnb import facs, labels, recording

SESSIONS, OPENED, PEOPLE = 1000, 20, 100
LIMIT = 10.0


def make(root: Path, count: int) -> None:
    sites = facs.DEFAULT_MONTAGE
    x = recording.signal(
        np.random.default_rng(0).normal(0, 5, (10_000, len(sites))),
        rate=1000,
        units="uV",
        channel=[site.channel for site in sites],
        muscle=[site.muscle for site in sites],
        side=[site.side for site in sites],
    )
    codes = labels.events(np.arange(1, 9), np.arange(1, 9) + 0.5, au="12")
    marks = recording.markers(np.arange(1.0, 9.0), ["smile", "end"] * 4)
    for person in range(PEOPLE):
        made = recording.make(
            x, markers=marks, labels={"ann": codes, "ben": codes}, participant=f"P{person:03d}"
        )
        first = root / f"P{person:03d}" / "0" / "session.zarr"
        recording.save(made, first)
        for i in range(1, -(-count // PEOPLE)):
            shutil.copytree(first, first.parents[1] / str(i) / "session.zarr")
    for store in sorted(root.rglob("session.zarr"))[::20]:
        (store / "emg" / "zarr.json").write_text("{")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), count)
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            table = recording.study(folder)
            taken.append(time.perf_counter() - began)
        good = table.isel(entry=table["readable"])
        began = time.perf_counter()
        opened = sum(1 for _ in recording.open_each(good.isel(entry=slice(0, OPENED))))
        each = (time.perf_counter() - began) / opened
    n = table.sizes["entry"]
    print("| sessions | damaged, listed | first list s | again, median s | opening all s |")
    print("|---|---|---|---|---|")
    print(
        f"| {n} | {int((~table['readable']).sum())} | {taken[0]:.2f} | {np.median(taken[1:]):.2f} "
        f"| {each * n:.0f} (from {opened}) |"
    )
    print(
        f"\nlimit {LIMIT:g} s for {SESSIONS} sessions: {'kept' if taken[0] < LIMIT else 'missed'}"
    )


if __name__ == "__main__":
    main()
