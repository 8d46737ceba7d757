"""Measure the recorder: delay to the journal, processor time, and size of the journal.

    python benchmarks/recorder.py [--seconds 20]

A process writes frames of 8 channels at 1 and 2 kHz to a pseudo-terminal, every 2 ms; a recorder
reads it. A port at which nothing arrives follows. The journal's growth is noted with inotify, so
this runs on Linux only.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from electrode import Growth

from emgnb import acquire
from emgnb.acquire.journal import JournalReader, Kind

FEEDER = Path(__file__).resolve().parents[1] / "tests" / "support" / "feeder.py"
CHANNELS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    print(
        "| rate | read to journal, ms: median, p99 | between reads, ms: median, p99 | recorder, "
        "of a core | MB an hour | records a second | lost |\n|---|---|---|---|---|---|---|"
    )
    for rate in (1000, 2000):
        print(fed(rate, seconds), flush=True)
    print(idle(seconds))
    print(f"\n{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end")


def fed(rate: int, seconds: float) -> str:
    """Record a board that sends; return a row of the table."""
    command = [sys.executable, str(FEEDER), str(CHANNELS), str(rate), str(seconds + 10)]
    board = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert board.stdin is not None
    assert board.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        recorder = acquire.start(board.stdout.readline().strip(), folder)
        board.stdin.write("go\n")
        time.sleep(3)
        growth = Growth(recorder.folder / "journal.emgj")
        share, before, after = used(recorder, seconds)
        growth.close()
        lost = recorder.health().lost
        recorder.stop()
        board.kill()
        board.wait()
        read, late = delays(recorder.folder / "journal.emgj", growth.stamps, before, after)
    return (
        f"| {rate} Hz | {both(late)} | {both(np.diff(read) / 1e6)} | {share:.1%} "
        f"| {(after - before) / seconds * 3600 / 1e6:.0f} | {len(read) / seconds:.0f} | {lost} |"
    )


def idle(seconds: float) -> str:
    """Record a port at which nothing arrives; return a row of the table."""
    master, slave = os.openpty()
    with tempfile.TemporaryDirectory() as folder:
        recorder = acquire.start(os.ttyname(slave), folder)
        time.sleep(3)
        share, before, after = used(recorder, seconds)
        process = psutil.Process(recorder.health().pid)
        process.send_signal(signal.SIGTERM)
        psutil.wait_procs([process], timeout=30)
    os.close(master)
    os.close(slave)
    size = (after - before) / seconds * 3600 / 1e6
    return f"| nothing | – | – | {share:.1%} | {size:.1f} | 0 | 0 |"


def used(recorder: acquire.Recorder, seconds: float) -> tuple[float, int, int]:
    """Wait; return the recorder's share of a core, and the journal's bytes before and after."""
    process, journal = psutil.Process(recorder.health().pid), recorder.folder / "journal.emgj"
    before, size, begun = process.cpu_times(), journal.stat().st_size, time.monotonic()
    time.sleep(seconds)
    after, wall = process.cpu_times(), time.monotonic() - begun
    return (sum(after[:2]) - sum(before[:2])) / wall, size, journal.stat().st_size


def delays(path: Path, stamps: list[tuple[int, int]], before: int, after: int) -> tuple[Any, Any]:
    """Return when chunks were read, in ns, and the ms until each was in the journal."""
    ends, read = [], []
    with JournalReader(path) as reader:
        for record in reader.records():
            if record.kind == Kind.RAW and before < reader.position <= after:
                ends.append(reader.position)
                read.append(record.mono_ns)
    grown = np.array(stamps)
    at = np.searchsorted(np.maximum.accumulate(grown[:, 1]), ends)
    seen = at < len(grown)
    return np.array(read)[seen], (grown[at[seen], 0] - np.array(read)[seen]) / 1e6


def both(values: Any) -> str:
    return f"{np.median(values):.2f}, {np.percentile(values, 99):.1f}"


if __name__ == "__main__":
    main()
