"""Detect bursts at known times: F1 of the onsets, false alarms at rest, and time, with peers.

Rest is Gaussian noise of 20–450 Hz at 1 kHz. A burst is the same noise with more power, switched on
and off abruptly, at SNR = 10·log10((P_active − P_rest)/P_rest), 0.5–2 s after the previous one. An
onset counts as found if a detected onset, not yet matched, lies within the tolerance. NeuroKit2,
BioSPPy and a textbook threshold (mean + 3 SD of a 25 ms moving RMS) are given a period of rest, or
its length, if they need one. Peers that are not installed are named and omitted:

    python -m venv peers && peers/bin/pip install -e . neurokit2 biosppy
    peers/bin/python benchmarks/detection.py

Run: python benchmarks/detection.py [seeds]
"""

import importlib.util
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy import signal as dsp

from emgnb import detect, filters, recording, simulate

RATE = 1000.0
SNRS = (20, 10, 5, 3)
DURATIONS = (0.04, 0.1, 0.2, 0.5)
TOLERANCES = (0.015, 0.05)
BURSTS = 60
REST = 5.0
FIRST_SEED = 1000
# Some peers take seconds per minute of signal.
PEER_SEEDS = 1

Detector = Callable[[np.ndarray], np.ndarray]


def band(rng: np.random.Generator, n: int) -> np.ndarray:
    sos = dsp.butter(4, (20, 450), "bandpass", fs=RATE, output="sos")
    x = dsp.sosfiltfilt(sos, rng.standard_normal(n + 2000))[1000:-1000]
    return x / x.std()


def shaped(rng: np.random.Generator, n: int) -> np.ndarray:
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    white = rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency))
    x = np.fft.irfft(white * np.sqrt(simulate.shwedyk(frequency, low=30, high=100)), n)
    return x / x.std()


def hum_and_drift(rng: np.random.Generator, n: int) -> np.ndarray:
    t = np.arange(n) / RATE
    hum = sum(a * np.sin(2 * np.pi * 50 * k * t + k) for k, a in ((1, 10.0), (2, 1.0), (3, 3.0)))
    walk = np.cumsum(rng.standard_normal(n))
    drift = dsp.sosfilt(dsp.butter(4, 3, fs=RATE, output="sos"), walk)
    return hum + drift + 200.0


def bursts(seed: int, snr: float, duration: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    gaps = rng.uniform(0.5, 2.0, BURSTS + 1)
    gaps[0] += REST
    onset = np.cumsum(gaps[:-1] + duration) - duration
    n = round((onset[-1] + duration + gaps[-1]) * RATE)
    gate = np.zeros(n)
    for t in onset:
        gate[round(t * RATE) : round((t + duration) * RATE)] = 1.0
    return band(rng, n) + band(rng, n) * gate * 10 ** (snr / 20), onset


def f1(truth: np.ndarray, found: np.ndarray, tolerance: float, per_burst: int = 1) -> float:
    free = list(found)
    hits = 0
    for t in truth:
        near = [f for f in free if abs(f - t) <= tolerance]
        if near:
            free.remove(min(near, key=lambda f: abs(f - t)))
            hits += 1
    return 2 * hits / (len(truth) + len(found) / per_burst)


def edges(name: str) -> int:
    """Return a detector's times for a burst; BioSPPy returns onsets and offsets in one list.

    Either may match then, and only half of them count as detections, which favours it.
    """
    return 2 if name.startswith("BioSPPy") else 1


def ours(method: str) -> Detector:
    def found(x: np.ndarray) -> np.ndarray:
        s = recording.signal(x, rate=RATE, units="uV")
        return detect.bursts(s, method=method)["onset"].values

    return found


def cleaned(live: bool) -> Detector:
    def found(x: np.ndarray) -> np.ndarray:
        dirt = hum_and_drift(np.random.default_rng(len(x)), len(x))
        s = recording.signal(x + dirt, rate=RATE, units="uV")
        return detect.bursts(filters.preset_for(s, live=live)(s))["onset"].values

    return found


def textbook(x: np.ndarray) -> np.ndarray:
    rms = np.sqrt(ndimage.uniform_filter1d(x**2, 25))
    rest = rms[: round(REST * RATE)]
    on = rms > rest.mean() + 3 * rest.std()
    return np.flatnonzero(np.diff(on.astype(int), prepend=0) == 1) / RATE


def peers() -> dict[str, Detector]:
    found: dict[str, Detector] = {}
    if importlib.util.find_spec("neurokit2"):
        import neurokit2 as nk

        def kit(method: str) -> Detector:
            def run(x: np.ndarray) -> np.ndarray:
                amplitude = nk.emg_amplitude(x)
                kwargs = {"emg_cleaned": x} if method == "biosppy" else {"emg_amplitude": amplitude}
                info = nk.emg_activation(sampling_rate=int(RATE), method=method, **kwargs)[1]
                return np.asarray(info["EMG_Onsets"], dtype=float) / RATE

            return run

        for method in ("threshold", "mixture", "biosppy"):
            found[f"NeuroKit2 {method}"] = kit(method)
    else:
        print("NeuroKit2 is not installed: left out\n")
    if importlib.util.find_spec("biosppy"):
        from biosppy.signals import emg

        def hodges(x: np.ndarray) -> np.ndarray:
            rest = x[: round(REST * RATE)]
            made = emg.hodges_bui_onset_detector(
                signal=x, rest=rest, sampling_rate=RATE, size=25, threshold=3
            )
            return made["onsets"] / RATE

        def bonato(x: np.ndarray) -> np.ndarray:
            made = emg.bonato_onset_detector(
                signal=x,
                rest=x[: round(REST * RATE)],
                sampling_rate=RATE,
                threshold=6,
                active_state_duration=15,
                samples_above_fail=5,
                fail_size=10,
            )
            return made["onsets"] / RATE

        found["BioSPPy find_onsets"] = lambda x: (
            emg.find_onsets(signal=x, sampling_rate=RATE)["onsets"] / RATE
        )
        found["BioSPPy Hodges–Bui"] = hodges
        found["BioSPPy Bonato"] = bonato
    else:
        print("BioSPPy is not installed: left out\n")
    return found


def scores(seeds: int, detectors: dict[str, Detector]) -> None:
    made = {
        (snr, duration): [bursts(FIRST_SEED + k, snr, duration) for k in range(seeds)]
        for snr in SNRS
        for duration in DURATIONS
    }
    head = " | ".join(f"{1000 * duration:.0f} ms" for duration in DURATIONS)
    print(
        f"F1 of onsets, {seeds} × {BURSTS} bursts a cell (peers: {min(seeds, PEER_SEEDS)} × "
        f"{BURSTS}): within ±15 ms, (within ±50 ms)\n"
    )
    print(f"| | SNR | {head} |\n|---|---|" + "---|" * len(DURATIONS))
    for name, detector in detectors.items():
        for snr in SNRS:
            cells = []
            for duration in DURATIONS:
                each = []
                some = seeds if name.startswith("emgnb") else PEER_SEEDS
                for x, onset in made[snr, duration][:some]:
                    try:
                        found = detector(x)
                    except (ValueError, IndexError) as error:
                        warnings.warn(f"{name}: {error}", stacklevel=1)
                        found = np.empty(0)
                    each.append([f1(onset, found, t, edges(name)) for t in TOLERANCES])
                near, far = np.mean(each, axis=0)
                cells.append(f"{near:.2f} ({far:.2f})")
            print(f"| {name} | {snr} dB | {' | '.join(cells)} |", flush=True)


def alarms(detectors: dict[str, Detector]) -> None:
    rng = np.random.default_rng(FIRST_SEED)
    n = round(30 * 60 * RATE)
    white = rng.standard_normal(n)
    rests = {
        "white": white,
        "20–450 Hz": band(rng, n),
        "EMG-shaped": shaped(rng, n),
        "10-bit counts": np.round(1.5 * band(rng, n)),
    }
    head = " | ".join(rests)
    print(f"\nFalse alarms a minute, 30 min of rest (peers: 2 min)\n\n| | {head} |")
    print("|---|" + "---|" * len(rests))
    for name, detector in detectors.items():
        cells = []
        minutes = 30 if name.startswith("emgnb") else 2
        for x in rests.values():
            try:
                found = detector(x[: round(60 * minutes * RATE)])
                cells.append(f"{len(found) / edges(name) / minutes:.2f}")
            except (ValueError, IndexError) as error:
                cells.append(type(error).__name__)
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    for asked in (0.2, 1.0, 5.0):
        got = [
            detect.bursts(recording.signal(x, rate=RATE, units="uV"), false_alarms=asked)
            for x in rests.values()
        ]
        rates = " | ".join(f"{t.sizes['event'] / 30:.2f}" for t in got)
        print(f"| emgnb glr, {asked:g} nominal | {rates} |")


def lag() -> None:
    print("\nThrough a V3 sensor (80 ms), 20 dB: median error of onset, offset in ms, and found\n")
    print("| lag stated | " + " | ".join(f"{1000 * d:.0f} ms" for d in DURATIONS) + " |")
    print("|---|" + "---|" * len(DURATIONS))
    for stated in (0.0, 0.08):
        cells = []
        for duration in DURATIONS:
            x, onset = bursts(FIRST_SEED, 20, duration)
            s = simulate.V3Sensor().apply(recording.signal(5 * x, rate=RATE, units="uV"))
            table = detect.bursts(s, lag=stated)
            near = np.abs(table["onset"].values[:, np.newaxis] - onset).argmin(axis=0)
            early = np.median(table["onset"].values[near] - onset)
            late = np.median(table["offset"].values[near] - onset - duration)
            cells.append(f"{1e3 * early:+.0f}, {1e3 * late:+.0f} ({table.sizes['event']})")
        print(f"| {stated:g} s | {' | '.join(cells)} |")


def speed(detectors: dict[str, Detector]) -> None:
    rng = np.random.default_rng(0)
    quiet = band(rng, 600_000)
    busy = np.concatenate([bursts(FIRST_SEED + k, 10, 0.2)[0] for k in range(7)])[:600_000]
    print("\nSeconds a channel for 10 min (emgnb: best of 5; peers: 10 × one run on 1 min)\n")
    print("| | rest | 40 bursts a minute |\n|---|---|---|")
    for name, detector in detectors.items():
        cells = []
        for x in (quiet, busy):
            spent = []
            times, share = (5, 1) if name.startswith("emgnb") else (1, 10)
            for _ in range(times):
                began = time.perf_counter()
                try:
                    detector(x[: len(x) // share])
                except (ValueError, IndexError):
                    break
                spent.append(share * (time.perf_counter() - began))
            cells.append(f"{min(spent):.3f}" if spent else "failed")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    live = detect.live(recording.signal(np.stack([quiet[:60_000]] * 8, 1), rate=RATE, units="uV"))
    spent = []
    rows = np.stack([busy[:60_000]] * 8, axis=1)
    for at in range(0, len(rows), 20):
        began = time.perf_counter()
        live.push(rows[at : at + 20])
        spent.append(time.perf_counter() - began)
    print(
        f"\nlive, 8 channels, blocks of 20 ms: {1e3 * np.median(spent):.2f} ms median, "
        f"{1e3 * np.percentile(spent, 99):.2f} ms p99; a burst is given at most "
        f"{1e3 * live.delay:.0f} ms after its end"
    )


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    mine = {f"emgnb {method}": ours(method) for method in ("glr", "double_threshold", "tkeo")}
    others = {"mean + 3 SD": textbook, **peers()}
    dirty = {
        "emgnb glr, hum and drift, preset_for": cleaned(False),
        "emgnb glr, hum and drift, preset_for(live=True)": cleaned(True),
    }
    scores(seeds, {**mine, **dirty, **others})
    alarms({**mine, **others})
    lag()
    speed({**mine, **others})


if __name__ == "__main__":
    main()
