"""Open a day of 8 channels at 1 kHz on object storage and read a minute: time, bytes and requests.

The server is SeaweedFS on this computer. Bytes and requests are counted by a wire between it and
the client, which can delay each answer as on the way to a distant server; without delay, the times
are measured without the wire. The peer is xarray, which opens the same objects without knowing that
they are a session. The limits are 1 s and 20 MB, for opening and reading together from a server
nearby, whose answers are not delayed. Each row is the median of seven runs, each with new
connections.

Run: python benchmarks/remote.py [hours]
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb import recording

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import objectstore
import s3fs
from fsspec.asyn import sync as in_fsspec
from opening import write
from zarr.core.sync import sync as in_zarr

RUNS, DELAYS = 7, (0.0, 0.02, 0.05)
LIMIT_S, LIMIT_MB = 1.0, 20.0
MB = 1e6


def ours(url: str, first: int) -> np.ndarray:
    x = recording.open(url)["emg/signal"]
    return x.isel(time=slice(first, first + 60_000)).values


def peer(url: str, first: int) -> np.ndarray:
    tree = xr.open_datatree(url, engine="zarr", consolidated=False)
    return tree["emg/signal"].isel(time=slice(first, first + 60_000)).values


def forget() -> None:
    """Close the connections of the last run, which fsspec would keep for the next one.

    Each is closed in the event loop that has opened it; left to the garbage collector, it may be
    closed in another one, or not at all.
    """
    for each in [one for one in gc.get_objects() if type(one) is s3fs.S3FileSystem]:
        client = getattr(each, "_s3creator", None)
        if client is not None and each.asynchronous:
            in_zarr(client.__aexit__(None, None, None))
        elif client is not None:
            in_fsspec(each.loop, client.__aexit__, None, None, None)
    s3fs.S3FileSystem.clear_instance_cache()
    gc.collect()


def measured(
    read: Callable[[str, int], np.ndarray], url: str, first: int, wire: objectstore.Wire
) -> tuple[float, float, float, int, np.ndarray]:
    times, cpu = [], []
    for _ in range(RUNS):
        forget()
        os.environ |= objectstore.settings(wire.port if wire.delay else wire.server)
        began, used = time.perf_counter(), time.process_time()
        read(url, first)
        times.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    forget()
    os.environ |= objectstore.settings(wire.port)
    wire.restart()
    found = read(url, first)
    forget()
    median = statistics.median
    return median(times), median(cpu), wire.moved / MB, wire.requests, found


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 24.0
    first = round(hours * 1800) * 1000 // 60_000 * 60_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.zarr"
        write(path, hours)
        with objectstore.server(Path(folder) / "server") as port, objectstore.wire(port) as wire:
            os.environ |= objectstore.settings(wire.port)
            url = f"s3://{objectstore.BUCKET}/day.zarr"
            began = time.perf_counter()
            recording.save(recording.open(path), url)
            took = time.perf_counter() - began
            print("| hours | stored MB | upload s | requests of the upload |")
            print("|---|---|---|---|")
            print(f"| {hours:g} | {wire.moved / MB:.0f} | {took:.0f} | {wire.requests} |\n")
            print(
                "| each answer after | | open and read a minute, s | CPU s | MB moved | requests |"
            )
            print("|---|---|---|---|---|---|")
            wanted = ours(str(path), first)
            kept = True
            for delay in DELAYS:
                wire.delay = delay
                for name, read in (("emgnb", ours), ("xarray alone", peer)):
                    seconds, cpu, moved, requests, found = measured(read, url, first, wire)
                    np.testing.assert_allclose(found, wanted, rtol=1e-6)
                    after = f"{1e3 * delay:g} ms"
                    figures = f"{seconds:.2f} | {cpu:.2f} | {moved:.2f} | {requests}"
                    print(f"| {after} | {name} | {figures} |")
                    if name == "emgnb" and not delay:
                        kept &= seconds < LIMIT_S and moved < LIMIT_MB
    print(
        f"\nlimits {LIMIT_S:g} s and {LIMIT_MB:g} MB, without delay: {'kept' if kept else 'missed'}"
    )


if __name__ == "__main__":
    main()
