"""Measure live decoding: from the end of a window to its label.

    python benchmarks/live_decoding.py [--windows 2000] [--seconds 20]
    python benchmarks/live_decoding.py --minutes 60 [--model lda] [--channels 8]

For LDA and CNN, and for intensities from envelopes, at 8 channels × 2 kHz and 16 × 1 kHz.
*Computation* is the time from the chunk of 10 ms that ends a window to the label. *Live* is the
time from the arrival of the window's last sample at the computer to the label in the decoder's
process, with a recorder beside it that simulates the face on the same cores; it contains the
up to 5 ms between two reads of the port. *Times real time* is how fast a recording is decoded as a
whole.

With `--minutes`, decoding is live for so long instead, and each minute has a row: outputs, those
missing, gaps, delays, and memory of both processes. The simulated board's clock is 0.13 % slow, so
that the least delay would grow by 78 ms a minute if it were not followed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import decoders

from emgnb import acquire, labels, live, models, recording, windows

# Rate (Hz) for each number of channels.
SHAPES = {8: 2000.0, 16: 1000.0}
MODELS = ("lda", "cnn", "envelopes")
CHUNK = 0.01
MINUTES = """\
| minute | outputs | skipped | gaps | least delay, ms | median | p99 | decoder, MB | recorder, MB |
|---|---|---|---|---|---|---|---|---|"""


def model_of(kind: str, session: Any) -> Any:
    if kind == "envelopes":
        return live.proportional(session)
    cut = windows.cut(decoders.CHAIN.causal(recording.emg(session)), labels.trials(session))
    if kind == "cnn":
        return models.fit(cut, model="cnn", epochs=2, progress=False)
    return models.fit(cut, model="lda", features="hudgins")


def computation(model: Any, x: Any, count: int) -> tuple[np.ndarray, float]:
    """Return ms from the end of each window to its output, and the speed of a whole recording."""
    rate = recording.sampling_rate(x)
    size = round(CHUNK * rate)
    values = np.asarray(x.values)
    decoder = live.Decoder(model, x)
    took: list[float] = []
    first = 0
    while len(took) < count:
        at = np.arange(first, first + size)
        rows = values[at % len(values)]
        host = np.round(at / rate * 1e9).astype(np.int64)
        begin = time.perf_counter()
        outputs = decoder.push(at, rows, host)
        if outputs:
            took.append(1e3 * (time.perf_counter() - begin))
        first += size
    begin = time.perf_counter()
    live.replay(x, model)
    return np.array(took), x.sizes["time"] / rate / (time.perf_counter() - begin)


def beside_a_recorder(model: Any, channels: int, rate: float, seconds: float) -> np.ndarray:
    """Return ms from the arrival of the newest sample to each output, in the decoder's process."""
    port = f"sim://smile?seed=90007&channels={channels}&rate={rate:g}&drift_ppm=0&difficulty=easy"
    with tempfile.TemporaryDirectory() as folder:
        recorder = acquire.start(port, folder)
        with live.decode(recorder, model) as decoding:
            wait_for_outputs(decoding)
            time.sleep(seconds)
            outputs = decoding.new()
        recorder.stop()
    return np.array([1e3 * o.delay for o in outputs if o.kind != "gap"])


def wait_for_outputs(decoding: live.Decoding) -> None:
    while decoding.latest is None or decoding.latest.kind == "gap":
        if decoding.state == "failed":
            raise RuntimeError(decoding.message)
        time.sleep(0.05)
    decoding.new()


def long(model: Any, channels: int, rate: float, minutes: int) -> None:
    """Decode for minutes; print for each one what was lost, and how delay and memory are."""
    port = f"sim://smile?seed=90007&channels={channels}&rate={rate:g}&difficulty=easy"
    with tempfile.TemporaryDirectory() as folder:
        recorder = acquire.start(port, folder)
        with live.decode(recorder, model) as decoding:
            wait_for_outputs(decoding)
            time.sleep(10)
            last = decoding.new()[-1].number
            processes = [psutil.Process(pid) for pid in (decoding.pid, recorder.health().pid)]
            busy = [cpu(process) for process in processes]
            begin, medians, notes = time.monotonic(), [], []
            for minute in range(1, minutes + 1):
                outputs: list[live.Output] = []
                while time.monotonic() < begin + 60 * minute:
                    time.sleep(1)
                    outputs += decoding.new()
                if not outputs:
                    raise SystemExit(f"no output in this minute: {decoding.message}")
                delay = np.array([1e3 * o.delay for o in outputs if o.kind != "gap"])
                lost, last = outputs[-1].number - last - len(outputs), outputs[-1].number
                medians.append(np.median(delay))
                notes += [f"{o.seconds:.1f} s: {o.note}" for o in outputs if o.kind == "gap"]
                held = " | ".join(f"{p.memory_info().rss / 1e6:.1f}" for p in processes)
                print(
                    f"| {minute} | {len(outputs)} | {lost} | {len(outputs) - len(delay)} "
                    f"| {delay.min():.1f} | {both(delay)} | {held} |",
                    flush=True,
                )
            passed = time.monotonic() - begin
            shares = [(cpu(p) - before) / passed for p, before in zip(processes, busy, strict=True)]
        session = recording.open(recorder.stop())
        valid = recording.emg(session)["valid"].values
    early, late = (np.median(part) for part in np.array_split(medians, 2))
    print("".join(f"\n- {note}" for note in notes))
    print(
        f"\nMedian delay in the first half {early:.1f} ms, in the second {late:.1f} ms. Of a core, "
        f"the decoder takes {shares[0]:.1%} and the recorder {shares[1]:.1%}. The session holds "
        f"{valid.sum()} of {valid.size} scans; its clock: {session.attrs['clock']}.\n"
    )


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def both(values: np.ndarray) -> str:
    return f"{np.median(values):.2f} | {np.percentile(values, 99):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--windows", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--minutes", type=int, default=0)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--channels", type=int, choices=SHAPES, action="append")
    options = parser.parse_args()
    chosen = [(channels, SHAPES[channels]) for channels in options.channels or SHAPES]
    if options.minutes:
        for channels, rate in chosen:
            session = decoders.session(channels=channels, rate=rate)
            for kind in options.model or MODELS:
                print(f"{kind}, {channels} × {rate / 1000:g} kHz\n\n{MINUTES}", flush=True)
                long(model_of(kind, session), channels, rate, options.minutes)
        return
    print(
        "| model | channels | computation, median ms | p99 ms | live, median ms | p99 ms "
        "| added by design, ms | × real time |\n|---|---|---|---|---|---|---|---|"
    )
    for channels, rate in chosen:
        session = decoders.session(channels=channels, rate=rate)
        x = recording.emg(session)
        for kind in options.model or MODELS:
            model = model_of(kind, session)
            took, speed = computation(model, x, options.windows)
            late = beside_a_recorder(model, channels, rate, options.seconds)
            design = 1e3 * live.Decoder(model, x).stream.added_delay
            print(
                f"| {kind} | {channels} × {rate / 1000:g} kHz | {both(took)} | {both(late)} "
                f"| {design:.0f} | {speed:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
