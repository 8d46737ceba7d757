"""Ten minutes of 8 channels through the `raw` preset: against one bare SciPy cascade, and live.

The peer gets the same second-order sections and nothing else to do: no checks, no gaps, no labels.

Run: python benchmarks/filtering.py [seconds]
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from scipy import signal as dsp

from emgnb import filters, recording

RATE = 1000.0
CHANNELS = 8
BLOCK = 20


def best(call: Callable[[], object], times: int = 5) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    values = 20 * np.random.default_rng(0).standard_normal((round(seconds * RATE), CHANNELS))
    x = recording.signal(values, rate=RATE, units="uV")
    gaps = x.copy(deep=True)
    gaps.values[1000:1100] = np.nan
    chain = filters.preset("raw", rate=RATE)
    sos = np.concatenate(
        [
            dsp.butter(4, (20, 450), "bandpass", fs=RATE, output="sos"),
            *(np.concatenate(dsp.iirnotch(50 * k, 30, fs=RATE))[np.newaxis] for k in range(1, 10)),
        ]
    )

    def peer() -> np.ndarray:
        return dsp.sosfiltfilt(sos, x.values, axis=0).astype(np.float32)

    def apart() -> None:
        y = x.values
        for row in (sos[:4], *(sos[i : i + 1] for i in range(4, len(sos)))):
            y = dsp.sosfiltfilt(row, y, axis=0)

    middle = slice(5000, -5000)
    off = np.abs(chain(x).values[middle] - peer()[middle]).max()
    rows = {
        "SciPy, one cascade": best(peer),
        "SciPy, ten filters one after another": best(apart, 3),
        "chain(x)": best(lambda: chain(x)),
        "chain(x), with a gap": best(lambda: chain(gaps)),
        "chain.causal(x)": best(lambda: chain.causal(x)),
    }
    print(f"{seconds:g} s × {CHANNELS} channels at {RATE:g} Hz, {len(sos)} sections")
    print(f"greatest difference to SciPy away from the ends: {off:.1e} uV\n")
    print("| | s | million samples/s |\n|---|---|---|")
    for name, spent in rows.items():
        print(f"| {name} | {spent:.3f} | {x.size / spent / 1e6:.0f} |")

    live = chain.live(RATE, CHANNELS)
    spent = []
    for at in range(0, min(x.sizes["time"], 60_000), BLOCK):
        began = time.perf_counter()
        live.push(x.values[at : at + BLOCK])
        spent.append(time.perf_counter() - began)
    p50, p99 = 1e6 * np.percentile(spent, [50, 99])
    print(
        f"\nlive, blocks of {BLOCK} scans ({BLOCK} ms): {p50:.0f} µs median, {p99:.0f} µs p99, "
        f"{100 * p50 / (1e6 * BLOCK / RATE):.2f} % of a core"
    )


if __name__ == "__main__":
    main()
