"""Coupling with a lag in simulated EEG, and muscle without coupling.

    python benchmarks/coupling.py [FOLDER] [--runs 200]

EEG: 1/f noise with an alpha rhythm, 500 Hz. Coupled: a common source of 30–50 Hz reaches the EEG
and 20 ms later simulated raw EMG (noise of 20–300 Hz, 1 kHz); its amplitude is stated relative to
both signals in the band. Two minutes, segments of 1 s. Uncoupled: raw EMG recordings in FOLDER
(biosppy, subvocalization) or, without them, a simulated face are added to the EEG, at once or 1 ms
later (a clock error), with 10 to 200 times its power at 30–50 Hz. Seeds are the numbers of the
runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import signal as dsp
from scipy import stats

from emgnb import coupling, recording, simulate

BAND = (30.0, 50.0)
SECONDS, LAG = 120, 0.02
Floats = np.ndarray


def banded(values: Floats, rate: float, first: float, last: float) -> Floats:
    sos = dsp.butter(4, [first, last], "bandpass", fs=rate, output="sos")
    return dsp.sosfiltfilt(sos, values)


def brain(rng: np.random.Generator, n: int, rate: float) -> Floats:
    """Return EEG of 1/f power with an alpha rhythm, 10 µV."""
    frequency = np.fft.rfftfreq(n, 1 / rate)
    shape = np.maximum(frequency, 0.5) ** -0.5 * (1 + 4 * np.exp(-0.5 * (frequency - 10) ** 2))
    made = np.fft.irfft(shape * np.fft.rfft(rng.normal(size=n)), n)
    return 10 * made / made.std()


def named(values: Floats, rate: float, channel: str) -> xr.DataArray:
    return recording.signal(values[:, None], rate=rate, units="uV", channel=[channel])


def coupled(
    seed: int, strength: float, *, muscle: float = 0.0
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return EEG and EMG with a common source, and `muscle` times the EEG's gamma power added."""
    rng, rate = np.random.default_rng(seed), 1000
    n = SECONDS * rate
    eeg, emg, source = brain(rng, n, rate), rng.normal(size=n), rng.normal(size=n)
    emg, source = 50 * banded(emg, rate, 20, 300), banded(source, rate, *BAND)
    gamma = [banded(each, rate, *BAND).std() for each in (eeg, emg, source)]
    eeg += strength * gamma[0] / gamma[2] * source
    emg += strength * gamma[1] / gamma[2] * np.roll(source, round(LAG * rate))
    eeg += np.sqrt(muscle) * gamma[0] / gamma[1] * emg
    return named(eeg, rate, "Cz").isel(time=slice(None, None, 2)), named(emg, rate, "EMG")


def recordings(folder: Path | None) -> list[tuple[str, Floats, float]]:
    """Return name, raw EMG and rate of recordings of at least a minute."""
    if folder is None:
        x = recording.emg(simulate.face(seed=3))
        rate = recording.sampling_rate(x)
        return [(str(each["channel"].values), each.values, rate) for each in x.T]
    one = np.loadtxt(folder / "biosppy" / "emg.txt")
    words = np.genfromtxt(folder / "subvocalization" / "Sim.csv", delimiter=",", skip_header=1)
    found = [("biosppy", one, 1000.0)]
    found += [(f"subvocalization {k}", words[:, k], 250.0) for k in range(1, 5)]
    return found


def contaminated(
    seed: int, emg: Floats, rate: float, muscle: float, *, delay: float = 0.0
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return uncoupled EEG with real EMG added at once or after a delay (s), and the EMG."""
    emg = np.nan_to_num(emg - np.nanmean(emg))
    eeg = brain(np.random.default_rng(seed), emg.size, rate)
    gamma = [banded(each, rate, *BAND).std() for each in (eeg, emg)]
    late = np.exp(-2j * np.pi * np.fft.rfftfreq(emg.size, 1 / rate) * delay)
    heard = np.fft.irfft(late * np.fft.rfft(emg), emg.size)
    mixed = eeg + np.sqrt(muscle) * gamma[0] / gamma[1] * heard
    return named(mixed, rate, "Cz"), named(emg, rate, "EMG")


def sensitivity(
    runs: int, *, strengths: tuple[float, ...], muscles: tuple[float, ...]
) -> list[str]:
    rows = []
    for strength in strengths:
        for muscle in muscles:
            found = [
                coupling.coherence(*coupled(seed, strength, muscle=muscle), seed=seed).pairs[0]
                for seed in range(runs)
            ]
            lags = [1e3 * row["lag"][0] for row in found if row["verdict"] == "coupling"]
            off = np.abs(np.array(lags) - 1e3 * LAG)
            power = len(lags) / runs
            share = strength**4 / (1 + strength**2) ** 2
            rows.append(
                f"| {share:.3f} | {muscle:g} | {power:.2f} | {np.median(lags):.2f} | "
                f"{np.quantile(off, 0.95):.2f} | {np.mean(off <= 2):.2f} |"
            )
    return rows


def false_positives(runs: int, sources: list[tuple[str, Floats, float]]) -> list[str]:
    low, high = (int(each) for each in stats.binom.interval(0.95, runs, 0.05))
    rows = []
    for muscle, delay in ((0.0, 0.0), (10.0, 0.0), (50.0, 0.0), (200.0, 0.0), (50.0, 0.001)):
        found = []
        for seed in range(runs):
            _, emg, rate = sources[seed % len(sources)]
            pair = contaminated(1000 + seed, emg, rate, muscle, delay=delay)
            found.append(coupling.coherence(*pair, seed=seed).pairs[0])
        verdicts = [row["verdict"] for row in found]
        plain = sum(row["p_plain"] <= 0.05 for row in found)
        rows.append(
            f"| {muscle:g} | {1e3 * delay:g} | {verdicts.count('coupling')} | "
            f"{verdicts.count('muscle')} | {verdicts.count('none')} | {plain} | {low}–{high} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    sources = recordings(options.folder)
    print(f"EMG of {', '.join(name for name, *_ in sources)}; {options.runs} runs of each\n")
    print(
        "| muscle (×) | after (ms) | coupling | muscle | none | plain p ≤ .05 | expected at .05 |"
    )
    print("|---|---|---|---|---|---|---|")
    print("\n".join(false_positives(options.runs, sources)), flush=True)
    print(
        "\n| coherence | muscle (×) | power | lag, median (ms) | 95 % of lags off by (ms) "
        "| within 2 ms |"
    )
    print("|---|---|---|---|---|---|")
    strengths, muscles = (0.25, 0.6, 1.0), (0.0, 50.0)
    print("\n".join(sensitivity(options.runs // 4, strengths=strengths, muscles=muscles)))


if __name__ == "__main__":
    main()
