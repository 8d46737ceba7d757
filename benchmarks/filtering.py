"""Filter ten minutes of 8 channels by a band-pass and a notch, zero-phase, with peers.

All use 20–450 Hz of 4th order and 50 Hz at Q 30 on float64, forwards and backwards. SciPy runs the
same second-order sections in one cascade without checks, gaps or labels. Peers that are not
installed are omitted: `pip install neurokit2 biosppy mne brainflow` in a separate environment, and
run it there with PYTHONPATH=. for this checkout.

Run: python benchmarks/filtering.py [seconds]
"""

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import signal as dsp

from emgnb import filters, recording

RATE = 1000.0
CHANNELS = 8
BLOCK = 50

Call = Callable[[], object]


def best(calls: dict[str, Call], times: int = 7) -> dict[str, tuple[float, float]]:
    """Return the shortest time of each in s: wall time, and CPU time of all cores.

    They run in turns, so that a slow minute of the machine affects all.
    """
    found = dict.fromkeys(calls, (np.inf, np.inf))
    for _ in range(times):
        for name, call in calls.items():
            began, used = time.perf_counter(), time.process_time()
            call()
            spent = time.perf_counter() - began, time.process_time() - used
            found[name] = min(found[name][0], spent[0]), min(found[name][1], spent[1])
    return found


def peak(call: Call) -> float:
    """Return the peak memory in addition to the input, in MB, including the result."""
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return found


def peers(values: np.ndarray) -> dict[str, Call]:
    found: dict[str, Call] = {}
    rows = np.ascontiguousarray(values.T)
    try:
        import neurokit2 as nk

        def neurokit() -> list[np.ndarray]:
            band = [
                nk.signal_filter(row, RATE, lowcut=20, highcut=450, method="butterworth", order=4)
                for row in rows
            ]
            return [nk.signal_filter(row, RATE, method="powerline", powerline=50) for row in band]

        found["NeuroKit2 (its notch is a moving average)"] = neurokit
    except ImportError:
        pass
    try:
        from biosppy.signals import tools

        notch = dsp.iirnotch(50, 30, fs=RATE)
        band = {"ftype": "butter", "band": "bandpass", "order": 4, "frequency": [20, 450]}

        def biosppy() -> list[np.ndarray]:
            passed = [
                tools.filter_signal(row, sampling_rate=RATE, **band)["signal"] for row in rows
            ]
            return [dsp.filtfilt(*notch, row) for row in passed]

        found["BioSPPy, and SciPy's notch, for it has none"] = biosppy
    except ImportError:
        pass
    try:
        import mne

        options = {"method": "iir", "verbose": "error"}

        def with_mne() -> np.ndarray:
            order = {"order": 4, "ftype": "butter"}
            band = mne.filter.filter_data(rows, RATE, 20, 450, iir_params=order, **options)
            return mne.filter.notch_filter(band, RATE, 50, **options)

        found["MNE"] = with_mne
    except ImportError:
        pass
    try:
        from brainflow import DataFilter, FilterTypes

        def brainflow() -> np.ndarray:
            kind = FilterTypes.BUTTERWORTH_ZERO_PHASE
            out = rows.copy()
            for row in out:
                DataFilter.perform_bandpass(row, int(RATE), 20, 450, 4, kind, 0)
                DataFilter.perform_bandstop(row, int(RATE), 49, 51, 2, kind, 0)
            return out

        found["BrainFlow"] = brainflow
    except ImportError:
        pass
    return found


def table(head: str, rows: list[tuple[str, ...]]) -> None:
    print(f"| {head} |\n|{'---|' * (head.count('|') + 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    values = 20 * np.random.default_rng(0).standard_normal((round(seconds * RATE), CHANNELS))
    x = recording.signal(values, rate=RATE, units="uV").astype(np.float64)
    gaps = x.copy(deep=True)
    gaps.values[1000:1100] = np.nan
    chain = filters.Chain(filters.BandPass(20, 450), filters.Notch(50, harmonics=1))
    sos = np.concatenate(
        [
            dsp.butter(4, (20, 450), "bandpass", fs=RATE, output="sos"),
            np.concatenate(dsp.iirnotch(50, 30, fs=RATE))[np.newaxis],
        ]
    )

    def peer() -> np.ndarray:
        return dsp.sosfiltfilt(sos, x.values, axis=0)

    calls: dict[str, Call] = {
        "SciPy, one cascade": peer,
        "emgnb, chain(x)": lambda: chain(x),
        "emgnb, with a gap": lambda: chain(gaps),
        "emgnb, part by part": lambda: [None for _ in chain.blocks(x, seconds=60)],
        "emgnb, chain.causal(x)": lambda: chain.causal(x),
        **peers(x.values),
    }
    print(f"{seconds:g} s × {CHANNELS} channels at {RATE:g} Hz, float64, {len(sos)} sections")
    middle = slice(8000, -8000)
    off = np.abs(chain(x).values[middle] - peer()[middle]).max() / np.abs(peer()[middle]).max()
    print(f"greatest difference to SciPy, 8 s away from the ends: {off:.1e} of the greatest\n")
    spent = best(calls)
    bare = spent["SciPy, one cascade"]
    table(
        " | s | against SciPy | s of CPU | against SciPy | memory beside the input, MB",
        [
            (
                name,
                f"{wall:.3f}",
                f"{wall / bare[0]:.2f}",
                f"{cpu:.3f}",
                f"{cpu / bare[1]:.2f}",
                f"{peak(calls[name]):.0f}",
            )
            for name, (wall, cpu) in spent.items()
        ],
    )

    steps = [
        filters.MainsTracker(50, harmonics=5),
        filters.MainsFit(50, harmonics=5),
        filters.MainsInterpolation(50, harmonics=5),
        filters.MotionArtefact(),
        filters.Heartbeat(),
        filters.Blink("ch1"),
    ]
    once = {repr(step): (lambda step=step: filters.Chain(step)(x)) for step in steps}
    once["resample(x, 500)"] = lambda: filters.resample(x, 500.0)
    once["response of the raw preset"] = lambda: filters.PRESETS["raw"].response(RATE)
    table(" | s", [(name, f"{found:.4f}") for name, (found, _) in best(once, 2).items()])

    live = chain.live(RATE, CHANNELS)
    spent_live, out = [], []
    for at in range(0, min(x.sizes["time"], 60_000), BLOCK):
        began = time.perf_counter()
        out.append(live.push(x.values[at : at + BLOCK]))
        spent_live.append(time.perf_counter() - began)
    rows = np.concatenate(out)
    error = np.abs(rows - chain.causal(x.isel(time=slice(0, len(rows)))).values).max()
    p50, p99 = 1e6 * np.percentile(spent_live, [50, 99])
    print(
        f"live, blocks of {BLOCK} scans ({BLOCK} ms): {p50:.0f} µs median, {p99:.0f} µs p99, "
        f"{100 * p50 / (1e6 * BLOCK / RATE):.2f} % of a core; error against the whole {error:g}"
    )

    with tempfile.TemporaryDirectory() as folder:
        stored = recording.save(recording.make(x.astype(np.float32)), Path(folder) / "in.zarr")
        began = time.perf_counter()
        filters.filter_session(stored, chain, Path(folder) / "out.zarr")
        took = time.perf_counter() - began
    print(f"store to store: {took:.2f} s, {took * 3600 / seconds:.1f} s an hour of recording")


if __name__ == "__main__":
    main()
