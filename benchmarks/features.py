"""Windows per second of CPU time for nine features: 8 channels, 200 ms windows, 25 ms steps.

MAV, WL, ZC, SSC, RMS, VAR, MNF, MDF and AR4, compared with typical notebook code (NumPy formulas on
the view of all windows, and window by window), and with LibEMG and TSFEL if installed, all in the
same run. The values agree with the NumPy formulas to 1e-9. LibEMG's MNF and MDF differ (it pads
with zeros and keeps the mean), as do its thresholds. TSFEL has five of the nine with the same
definition (its spectral features weigh amplitude, not power), without thresholds, VAR with ddof 0.

Why neither numba nor jax: the six time-domain features take about a seventh of the time (the table
shows how much). The rest is Fourier transforms, which are already compiled, and BLAS. A compiled
kernel of no cost would gain that seventh, for 208 MB of packages and seconds to start.

Run: python benchmarks/features.py [seconds]
With the peers: in a separate environment (libemg tsfel librosa pywavelets scikit-learn matplotlib
xarray zarr "numpy<2.3"; on newer ones LibEMG's MDF fails), with this project on PYTHONPATH.
"""

import importlib.util
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emgnb import features, recording, windows
from emgnb.features import _engine

RATE = 1000.0
CHANNELS = 8
THRESHOLD = 2.0
NINE = features.SETS["nine"]
FIVE = ("wl", "zc", "ssc", "rms", "var")
LIBEMG = ("MAV", "WL", "ZC", "SSC", "RMS", "VAR", "MNF", "MDF", "AR")


def by_hand(w: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the nine features of (…, sample), by one formula each."""
    n = w.shape[-1]
    step = np.diff(w, axis=-1)
    stride = np.abs(step)
    large = stride >= THRESHOLD
    above = w >= 0
    centred = w - w.mean(axis=-1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, axis=-1)) ** 2
    power[..., 1 : (n + 1) // 2] *= 2
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    total = np.cumsum(power, axis=-1)
    half = total[..., -1:] / 2
    line = np.argmax(total >= half, axis=-1)[..., None]
    inside = np.take_along_axis(power, line, -1)
    share = (half - np.take_along_axis(total, line, -1) + inside) / inside
    low, high = (np.clip((line + d) * RATE / n, 0, RATE / 2) for d in (-0.5, 0.5))
    found = {
        "mav": np.abs(w).mean(axis=-1),
        "wl": stride.sum(axis=-1),
        "zc": ((above[..., 1:] != above[..., :-1]) & large).sum(axis=-1),
        "ssc": ((step[..., 1:] * step[..., :-1] < 0) & (large[..., 1:] | large[..., :-1])).sum(-1),
        "rms": np.sqrt((w**2).mean(axis=-1)),
        "var": w.var(axis=-1, ddof=1),
        "mnf": (power @ frequency) / total[..., -1],
        "mdf": (low + share * (high - low))[..., 0],
    }
    forward, backward, a = centred[..., 1:], centred[..., :-1], np.zeros((*w.shape[:-1], 4))
    for m in range(4):
        k = 2 * (forward * backward).sum(-1) / (forward**2 + backward**2).sum(-1)
        k = k[..., None]
        a[..., :m] = a[..., :m] - k * a[..., :m][..., ::-1]
        a[..., m : m + 1] = k
        forward, backward = forward - k * backward, backward - k * forward
        forward, backward = forward[..., 1:], backward[..., :-1]
    return found | {f"ar{k + 1}": a[..., k] for k in range(4)}


def libemg() -> Callable[[np.ndarray], object] | None:
    """Return LibEMG's nine features, or None; only its feature module, which needs no display."""
    spec = importlib.util.find_spec("libemg")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "feature_extractor.py"
    own = importlib.util.spec_from_file_location("libemg_features", path)
    if own is None or own.loader is None:
        return None
    module = importlib.util.module_from_spec(own)
    own.loader.exec_module(module)
    extractor = module.FeatureExtractor()
    options = {"SSC_threshold": THRESHOLD, "MNF_fs": RATE, "MDF_fs": RATE}
    return lambda w: extractor.extract_features(list(LIBEMG), w, options)


def tsfel() -> Callable[[np.ndarray], object] | None:
    """Return TSFEL's five features, or None: functions of one channel of one window."""
    if importlib.util.find_spec("tsfel") is None:
        return None
    from tsfel.feature_extraction import features as of

    calls = (
        of.sum_abs_diff,
        of.zero_cross,
        of.negative_turning,
        of.positive_turning,
        of.rms,
        of.calc_var,
    )
    return lambda w: [call(channel) for one in w for channel in one for call in calls]


def cpu(call: Callable[[], object], *, times: int = 3) -> tuple[float, float]:
    """Return the minimum CPU seconds (all threads) and wall seconds of several runs."""
    spent = []
    for _ in range(times):
        began, clock = time.process_time(), time.perf_counter()
        call()
        spent.append((time.process_time() - began, time.perf_counter() - clock))
    return min(s[0] for s in spent), min(s[1] for s in spent)


def row(name: str, count: int, seconds: tuple[float, float]) -> None:
    print(f"| {name} | {count / seconds[0]:.0f} | {count / seconds[1]:.0f} | {count} |", flush=True)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    values = 20 * np.random.default_rng(0).standard_normal((round(seconds * RATE), CHANNELS))
    x = recording.signal(values, rate=RATE, units="uV")
    w = windows.cut(x, length=0.2, step=0.025)
    count = w.sizes["window"]
    print(f"{count} windows of {seconds:g} s × {CHANNELS} channels; nine features\n")
    print("| how | windows/s of CPU | windows/s | windows |\n|---|---|---|---|")

    def extract(cut=w, names=NINE):
        return lambda: features.extract(cut, names, threshold=THRESHOLD)

    row("emgnb, a view", count, cpu(extract()))
    row("emgnb, a copy (as of trials)", count, cpu(extract(w.copy(data=np.array(w.values)))))
    alone = w.assign_attrs(step_s=0.0).copy(data=np.array(w.values))
    row("emgnb, each window alone", count, cpu(extract(alone), times=1))
    some = w.values[:4000].astype(np.float64)
    row("NumPy on the view", len(some), cpu(lambda: by_hand(some)))
    row("NumPy, a window at a time", 500, cpu(lambda: [by_hand(one) for one in some[:500]]))
    peer = libemg()
    if peer is None:
        print("| LibEMG | not installed | | |")
    else:
        row("LibEMG", 1000, cpu(lambda: peer(some[:1000])))
    row(f"emgnb, {' '.join(FIVE)} only", count, cpu(extract(names=FIVE)))
    five = tsfel()
    if five is None:
        print("| TSFEL | not installed | | |")
    else:
        row(f"TSFEL, {' '.join(FIVE)} only", 500, cpu(lambda: five(some[:500])))

    print("\n| of the nine | windows/s of CPU | ms of CPU |\n|---|---|---|")
    for names in (("mav", "wl", "zc", "ssc", "rms", "var"), ("mnf", "mdf"), ("ar4",), NINE):
        spent = cpu(extract(names=names))[0]
        print(f"| {' '.join(names)} | {count / spent:.0f} | {1e3 * spent:.0f} |")

    print("\n| step | windows | peak memory above the result, MB |\n|---|---|---|")
    for step in (0.2, 0.1, 0.05, 0.025, 0.01):
        cut = windows.cut(x, length=0.2, step=step)
        tracemalloc.start()
        found = features.extract(cut, NINE, threshold=THRESHOLD)
        peak = tracemalloc.get_traced_memory()[1] - found.nbytes
        tracemalloc.stop()
        print(f"| {1e3 * step:g} ms | {cut.sizes['window']} | {peak / 1e6:.1f} |")

    limits = dict.fromkeys(("zc", "ssc"), np.full(CHANNELS, THRESHOLD))
    expected = by_hand(some)
    print("\n| computed in | greatest difference from NumPy, relative |\n|---|---|")
    for dtype in (np.float64, np.float32):
        found = _engine.compute(w.values, NINE, rate=RATE, hop=25, limits=limits, dtype=dtype)
        off = max(
            np.max(np.abs(found[name][: len(some)] - value) / np.maximum(np.abs(value), 0.1))
            for name, value in expected.items()
        )
        print(f"| {dtype.__name__} | {off:.1e} |")


if __name__ == "__main__":
    main()
