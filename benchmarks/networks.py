"""Measure the networks: seconds per epoch, and from one window to its label.

    python benchmarks/networks.py [--windows 20000] [--epochs 3] [--times 500] [--only NAME …]

Windows (20000, 200, 8) of float32: simulated raw EMG, 200 ms at 1 kHz, 8 channels, 6 labels, in
batches of 64. `epoch` is the median of the epochs after the first, which compiles. `label` is one
window through `Classifier.predict` with its checks, to the name of the class; `net` is the network
alone.
In the same run, the same networks are measured on Keras' other backends, each in a process of its
own, and the same CNN and LSTM in plain PyTorch, as far as `torch` and `tensorflow` are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from training import windows

from emgnb import models
from emgnb.models import _backend
from emgnb.models.training import NETWORKS

BATCH = 64
CLASSES = 6
# Keras' backends beside the default.
OTHERS = [name for name in _backend.PACKAGES if name != "jax"]


def spent(call: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the median and 99th percentile in ms, after ten calls that are not counted."""
    for _ in range(10):
        call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken), float(np.percentile(taken, 99))


def line(
    name: str, numbers: int, first: float, epoch: float, label: tuple[float, float], net: Any
) -> str:
    return (
        f"| {name} | {numbers} | {first:.2f} | {epoch:.2f} | {label[0]:.2f} | {label[1]:.2f} "
        f"| {net[0]:.2f} | {net[1]:.2f} |"
    )


def ours(model: str, cut: xr.DataArray, epochs: int, times: int) -> str:
    marks = [time.perf_counter()]
    clf = models.fit(
        cut,
        model=model,
        epochs=epochs + 1,
        batch_size=BATCH,
        progress=lambda *_: marks.append(time.perf_counter()),
    )
    one = cut.isel(window=[0])
    values = np.ascontiguousarray(one.transpose("window", "sample", "channel").values)

    def label() -> str:
        given = clf.predict(one)
        return clf.classes[int(given.values[0].argmax())]

    took = np.diff(marks)
    backend = _backend.backend()
    return line(
        model if backend == "jax" else f"{model}, Keras on {backend}",
        clf.parameters,
        took[0],
        statistics.median(took[1:]),
        spent(label, times),
        spent(lambda: clf._network(values), times),
    )


def rows(cut: xr.DataArray, options: argparse.Namespace) -> None:
    """Print a row for each network on this process's backend, or why it is not available."""
    for model in options.only:
        try:
            print(ours(model, cut, options.epochs, options.times), flush=True)
        except ValueError as error:
            print(f"| {model}, Keras on {_backend.backend()} | not measured: {error} |", flush=True)


def elsewhere(backend: str, options: argparse.Namespace) -> None:
    """Print the rows of another backend, from a process of its own: Keras loads only one."""
    asked = {"windows": options.windows, "epochs": options.epochs, "times": options.times}
    numbers = [f"--{name}={value}" for name, value in asked.items()]
    subprocess.run(
        [sys.executable, __file__, "--rows", *numbers, "--only", *options.only],
        env=os.environ | {"KERAS_BACKEND": backend},
        check=True,
    )


def peers(cut: xr.DataArray, epochs: int, times: int) -> list[str]:
    """Train the same CNN and LSTM in plain PyTorch."""
    import torch
    from torch import nn

    x = torch.tensor(cut.transpose("window", "channel", "sample").values)
    x = (x - x.mean((0, 2), keepdim=True)) / x.std((0, 2), keepdim=True)
    truth = torch.tensor(np.unique(cut["label"].values, return_inverse=True)[1])

    def log_power(values: Any, size: int) -> Any:
        return torch.log(nn.functional.avg_pool1d(values**2, size) + 1e-3)

    class Cnn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bank = nn.Conv1d(8, 24, 16, padding="same", bias=False)
            self.patterns = nn.Conv1d(32, 32, 5, padding="same")
            self.drop, self.last = nn.Dropout(0.3), nn.Linear(64, CLASSES)

        def forward(self, given: Any) -> Any:
            bins = torch.cat([log_power(self.bank(given), 20), log_power(given, 20)], 1)
            y = torch.relu(self.patterns(bins))
            return self.last(self.drop(torch.cat([y.mean(2), y.amax(2)], 1)))

    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = nn.LSTM(8, 32, batch_first=True)
            self.drop, self.last = nn.Dropout(0.3), nn.Linear(32, CLASSES)

        def forward(self, given: Any) -> Any:
            y, _ = self.memory(log_power(given, 10).transpose(1, 2))
            return self.last(self.drop(y[:, -1]))

    lines = []
    for name, net in (("cnn, PyTorch", Cnn()), ("lstm, PyTorch", Lstm())):
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        took = []
        for _ in range(epochs + 1):
            start = time.perf_counter()
            for batch in torch.randperm(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x[batch]), truth[batch]).backward()
                optimizer.step()
            took.append(time.perf_counter() - start)
        net.eval()
        with torch.inference_mode():
            alone = spent(lambda net=net: net(x[:1]), times)
        numbers = sum(p.numel() for p in net.parameters())
        nothing = (float("nan"), float("nan"))
        lines.append(line(name, numbers, took[0], statistics.median(took[1:]), nothing, alone))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--windows", type=int, default=20000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--only", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rows", action="store_true", help="only rows of KERAS_BACKEND")
    options = parser.parse_args()
    cut = windows(options.windows, "raw")
    if options.rows:
        rows(cut, options)
        return
    print(
        f"({options.windows}, 200, 8) float32, batches of {BATCH}, {os.cpu_count()} cores\n\n"
        f"| network | numbers | first epoch (s) | epoch (s) | label, p50 (ms) | label, p99 (ms) "
        f"| net, p50 (ms) | net, p99 (ms) |\n|---|---|---|---|---|---|---|---|"
    )
    rows(cut, options)
    there = {name: importlib.util.find_spec(name) is not None for name in OTHERS}
    if there["torch"]:
        for text in peers(cut, options.epochs, options.times):
            print(text, flush=True)
    for name in OTHERS:
        if there[name]:
            elsewhere(name, options)
        else:
            print(f"\nnot measured: `{name}` is not installed")


if __name__ == "__main__":
    main()
