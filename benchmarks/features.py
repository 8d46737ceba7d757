"""Windows a second for each set of features: 8 channels, 200 ms windows, 25 ms steps.

The peer is what a notebook would do: one NumPy formula after another, a window at a time. Both give
the same numbers.

Run: python benchmarks/features.py [seconds]
"""

import sys
import time

import numpy as np

from emgnb import features, recording, windows

RATE = 1000.0
CHANNELS = 8
THRESHOLD = 2.0


def hudgins_by_hand(w: np.ndarray) -> dict[str, np.ndarray]:
    """MAV, WL, ZC, SSC of (channel, sample)."""
    step = np.diff(w, axis=-1)
    stride = np.abs(step)
    above = w >= 0
    turns = (step[:, 1:] * step[:, :-1] < 0) & (
        np.maximum(stride[:, 1:], stride[:, :-1]) >= THRESHOLD
    )
    return {
        "mav": np.abs(w).mean(axis=-1),
        "wl": stride.sum(axis=-1),
        "zc": ((above[:, 1:] != above[:, :-1]) & (stride >= THRESHOLD)).sum(axis=-1),
        "ssc": turns.sum(axis=-1),
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    values = 20 * np.random.default_rng(0).standard_normal((round(seconds * RATE), CHANNELS))
    x = recording.signal(values, rate=RATE, units="uV")
    began = time.perf_counter()
    w = windows.cut(x, length=0.2, step=0.025)
    cutting = time.perf_counter() - began
    shared = "a view" if np.shares_memory(w.values, x.values) else "a copy"
    print(
        f"{w.sizes['window']} windows of {seconds:g} s × {CHANNELS} channels, cut in "
        f"{1e3 * cutting:.0f} ms ({shared} of {x.nbytes / 1e6:.0f} MB)\n"
    )
    print("| features | windows/s | s |\n|---|---|---|")
    some = w.values[:2000].astype(np.float64)
    began = time.perf_counter()
    by_hand = [hudgins_by_hand(one) for one in some]
    spent = time.perf_counter() - began
    print(f"| hudgins, a window at a time | {len(some) / spent:.0f} | (of {len(some)}) |")
    for name in ("hudgins", "time", "ar4", "mnf", "all"):
        began = time.perf_counter()
        found = features.extract(w, name, threshold=THRESHOLD)
        spent = time.perf_counter() - began
        print(f"| {name} | {w.sizes['window'] / spent:.0f} | {spent:.2f} |")
        if name == "hudgins":
            for key in by_hand[0]:
                expected = np.array([one[key] for one in by_hand])
                np.testing.assert_allclose(found[key].values[: len(some)], expected, rtol=1e-5)


if __name__ == "__main__":
    main()
