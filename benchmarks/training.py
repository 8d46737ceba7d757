"""Measure the time of training and prediction for each model.

    python benchmarks/training.py [--windows 20000] [--epochs 3]

Windows of simulated raw EMG and of envelopes, 200 ms at 1 kHz, 8 channels, 6 labels. `first` is the
first epoch including compilation, `epoch` the median of the others. `live` is one window through
`Classifier.predict` including checks (median and 99th percentile), `net` the network alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import xarray as xr

from emgnb import features, models


def windows(n: int, kind: str, rate: float = 1000.0, channels: int = 8) -> xr.DataArray:
    rng = np.random.default_rng(0)
    samples = round(0.2 * rate)
    label = rng.integers(0, 6, n)
    level = 1.0 + 9.0 * (np.arange(channels) == label[:, None])
    noise = rng.standard_normal((n, channels, samples), dtype=np.float32)
    x = level[:, :, None] * (noise if kind == "raw" else np.abs(5 + noise))
    return xr.DataArray(
        x.astype(np.float32),
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            "channel": [f"ch{i}" for i in range(channels)],
            "signal_kind": ("channel", [kind] * channels),
            "gain": ("channel", np.ones(channels)),
            "label": ("window", [f"label {k}" for k in label]),
        },
        attrs={"units": "uV", "rate": rate, "length_s": 0.2, "step_s": 0.05, "history": ""},
    )


def latency(call: Callable[[], object], times: int = 300) -> tuple[float, float]:
    """Return the median and 99th percentile in ms, after a warm-up call."""
    call()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(1e3 * (time.perf_counter() - start))
    return statistics.median(spent), float(np.percentile(spent, 99))


def row(model: str, kind: str, cut: xr.DataArray, epochs: int) -> str:
    marks = [time.perf_counter()]
    if model in ("lda", "svm", "forest"):
        names = "hudgins" if kind == "raw" else "envelope"
        data = features.extract(cut, names)
        marks[0] = time.perf_counter()
        clf = models.fit(data, model=model)
        marks.append(time.perf_counter())
        alone = float("nan")
    else:
        data = cut
        clf = models.fit(
            data,
            model=model,
            epochs=epochs,
            progress=lambda *_: marks.append(time.perf_counter()),
        )
        one = np.ascontiguousarray(cut[:1].transpose("window", "sample", "channel").values)
        alone, _ = latency(lambda: clf._network(one))
    took = np.diff(marks)
    middle, worst = latency(lambda: clf.predict(data.isel(window=[0])))
    start = time.perf_counter()
    clf.predict(data)
    rate = cut.sizes["window"] / (time.perf_counter() - start)
    epoch = statistics.median(took[1:]) if len(took) > 1 else float("nan")
    return (
        f"{model:9} {kind:9} {clf.parameters:9} {took[0]:8.2f} {epoch:8.2f} "
        f"{middle:8.2f} {worst:8.2f} {alone:8.2f} {rate:12.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--windows", type=int, default=20000)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{options.windows} windows of 200 samples × 8 channels, batch 64\n"
        f"{'model':9} {'kind':9} {'numbers':>9} {'first s':>8} {'epoch s':>8} "
        f"{'live ms':>8} {'p99 ms':>8} {'net ms':>8} {'windows a s':>12}"
    )
    for kind in ("raw", "envelope"):
        cut = windows(options.windows, kind)
        for model in models.MODELS:
            print(row(model, kind, cut, options.epochs), flush=True)


if __name__ == "__main__":
    main()
