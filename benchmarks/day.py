"""Process a day of 8 channels at 1 kHz from store to features: time, and memory over length.

Five minutes of a simulated face with bursts, mains and drift are repeated, each time with new noise
and another gap, and stored as 16-bit counts. Then, in a new process for each way and length:
20–450 Hz and a 50 Hz notch into a new store, the quality report of the recording, bursts of the
filtered signal, and its nine features at 200/50 ms into a store. The ways:

plain    a store opened lazily, as in a notebook
threads  `recording.open(path, chunks=…)`: dask arrays on all cores of one process
cluster  the same with a `dask.distributed` client of two workers, each a process

Memory is the resident size, measured ten times a second by another process: of all processes
together, and of the largest. The results of all ways are compared bit by bit.

Run: python benchmarks/day.py [hours …] [--ways plain threads cluster] [--plain-to 3]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import xarray as xr

from emgnb import detect, features, filters, quality, recording, simulate, windows

RATE = 1000.0
TILE = 300.0
# µV a count: 16 bits over ±3.3 mV.
SCALE = 0.1
CHUNKS = 300.0
STAGES = ("filter", "quality", "bursts", "features")
WAYS = ("plain", "threads", "cluster")
CHAIN = filters.Chain(filters.BandPass(20, 450), filters.Notch(50, harmonics=1))
GB = 1e9


def write(path: Path, hours: float) -> None:
    """Write a recording of any length from five minutes of face."""
    face = recording.emg(simulate.face(duration=TILE, seed=1))
    tile = face.transpose("time", "channel").values.astype(np.float32)
    top = 0.98 * SCALE * 32767
    rng = np.random.default_rng(0)
    left = round(hours * 3600 * RATE)
    with recording.SessionWriter(path, face.isel(time=slice(0, 0)), scale=SCALE) as writer:
        while left > 0:
            rows = min(len(tile), left)
            noise = rng.standard_normal((rows, tile.shape[1]), dtype=np.float32)
            block = np.clip(tile[:rows] + noise, -top, top)
            gap = int(rng.integers(0, max(rows - 500, 1)))
            block[gap : gap + 500] = np.nan
            writer.append(block)
            left -= rows
        writer.close(attrs={"participant": "P01", "session": "day"})


def work(way: str, source: Path, folder: Path) -> dict[str, Any]:
    """Run the stages in this process; return the wall and CPU seconds of each."""
    with ready(way) as cpu:
        chunks = None if way == "plain" else CHUNKS
        session = recording.open(source, chunks=chunks)
        clean, spent = folder / "clean.zarr", {}

        def stage(name: str, call: Callable[[], Any]) -> Any:
            began, used = time.perf_counter(), cpu()
            made = call()
            spent[name] = time.perf_counter() - began, cpu() - used
            return made

        def filtered() -> None:
            if way == "plain":
                filters.filter_session(session, CHAIN, clean)
            else:
                made = CHAIN(session["emg/signal"])
                recording.save(recording.with_signal(session, made), clean)

        stage("filter", filtered)
        report = stage("quality", lambda: quality.report(session["emg/signal"]))
        x = recording.open(clean, chunks=chunks)["emg/signal"]
        bursts = stage("bursts", lambda: detect.bursts(x))
        stage("features", lambda: featured(x, folder / "features.zarr"))
    for name, table in (("report", report), ("bursts", bursts)):
        (folder / f"{name}.json").write_text(json.dumps(digest(table)))
    return {"spent": spent, "bursts": bursts.sizes["event"]}


def featured(x: xr.DataArray, path: Path) -> None:
    cut = windows.cut(x, length=0.2, step=0.05)
    made = features.extract(cut, "nine")
    # Texts that are the same in every window are left out.
    made.drop_vars(["label", "session", "participant"]).to_zarr(path, consolidated=False)


@contextmanager
def ready(way: str) -> Iterator[Callable[[], float]]:
    """Prepare a way; return a function that reads the CPU seconds of all its processes."""
    if way != "cluster":
        yield time.process_time
        return
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=folder,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield lambda: time.process_time() + sum(client.run(time.process_time).values())


def digest(data: xr.Dataset) -> dict[str, str]:
    """Return a fingerprint of each variable's values; all NaNs count as equal."""
    return {str(name): fingerprint(data[name]) for name in data.variables}


def fingerprint(column: xr.DataArray) -> str:
    found = hashlib.sha256()
    step = max((1 << 22) // max(column[:1].size, 1), 1) if column.ndim else 1
    for first in range(0, len(column) if column.ndim else 1, step):
        values = np.array(column[first : first + step] if column.ndim else column)
        if values.dtype.kind == "f":
            values[np.isnan(values)] = np.nan
        elif values.dtype.kind in "OTU":
            values = np.array("\n".join(map(str, values.ravel())))
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def results(folder: Path) -> dict[str, dict[str, str]]:
    """Return the fingerprints of a way's results."""
    clean = recording.open(folder / "clean.zarr")["emg"].to_dataset()
    made = xr.open_zarr(folder / "features.zarr", consolidated=False)
    read = {
        name: json.loads((folder / f"{name}.json").read_text()) for name in ("report", "bursts")
    }
    return {
        "filter": digest(clean[["signal", "valid"]]),
        "quality": read["report"],
        "bursts": read["bursts"],
        "features": digest(made),
    }


def agreement(ways: list[dict[str, str]]) -> str:
    names = sorted(set().union(*ways))
    unlike = [name for name in names if len({way.get(name) for way in ways}) > 1]
    return f"**differ**: {', '.join(unlike)}" if unlike else "the same bits"


class Watch:
    """Measure the maximum resident memory of a process and its children, in bytes."""

    def __init__(self, pid: int) -> None:
        self.together = self.largest = 0
        self._root = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            try:
                each = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            sizes = []
            for process in each:
                try:
                    sizes.append(process.memory_info().rss)
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            self.together = max(self.together, sum(sizes))
            self.largest = max(self.largest, max(sizes, default=0))

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def measured(way: str, source: Path, folder: Path) -> dict[str, Any]:
    """Run one way in a separate process, and measure its memory."""
    folder.mkdir()
    command = [sys.executable, __file__, "--work", way, str(source), str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = Watch(child.pid)
    out, errors = child.communicate()
    watch.stop()
    if child.returncode:
        raise RuntimeError(f"{way} failed:\n{errors[-3000:]}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found | {"together": watch.together, "largest": watch.largest}


def table(head: str, rows: list[tuple[object, ...]]) -> None:
    print(f"\n| {head} |\n|{'---|' * (head.count('|') + 1)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hours", nargs="*", type=float, default=[1.0, 3.0, 8.0, 24.0])
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=WAYS)
    parser.add_argument("--plain-to", type=float, default=3.0, help="hours, longest in plain way")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        way, source, folder = options.work
        print(json.dumps(work(way, Path(source), Path(folder))))
        return

    spent, memory, costs, compared = [], [], [], []
    for hours in options.hours:
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "in.zarr"
            write(source, hours)
            size = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
            known: dict[str, dict[str, dict[str, str]]] = {}
            for way in options.ways:
                if way == "plain" and hours > options.plain_to:
                    continue
                folder = Path(name) / way
                found = measured(way, source, folder)
                known[way] = results(folder)
                shutil.rmtree(folder)
                stages = found["spent"]
                wall, cpu = (sum(stages[stage][k] for stage in STAGES) for k in (0, 1))
                each = (f"{stages[s][0]:.1f} ({stages[s][1]:.1f})" for s in STAGES)
                spent.append((f"{hours:g}", way, *each, f"{wall:.1f} ({cpu:.1f})"))
                memory.append(
                    (
                        f"{hours:g}",
                        way,
                        f"{found['together'] / GB:.2f}",
                        f"{found['largest'] / GB:.2f}",
                    )
                )
                costs.append((f"{hours:g}", way, f"{wall / hours:.2f}", f"{cpu / hours:.2f}"))
                print(f"{hours:g} h, {way}: {wall:.0f} s", file=sys.stderr, flush=True)
            compared.append(
                (
                    f"{hours:g}",
                    f"{size / (hours * 3600 * RATE * 8):.2f}",
                    found["bursts"],
                    ", ".join(known),
                    *(agreement([way[s] for way in known.values()]) for s in STAGES),
                )
            )
    print(f"8 channels at {RATE:g} Hz. Seconds by the clock (of all cores together)")
    table(f"hours | way | {' | '.join(STAGES)} | in all", spent)
    print("\nSeconds for an hour of recording")
    table("hours | way | by the clock, s | of CPU, s", costs)
    print("\nGreatest resident memory, GB")
    table("hours | way | all processes together, GB | the largest of them, GB", memory)
    print("\nWhat came out, compared between the ways")
    table(f"hours | bytes a sample | bursts found | ways | {' | '.join(STAGES)}", compared)


if __name__ == "__main__":
    main()
