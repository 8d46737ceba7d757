"""Try `quality.is_physiology` on real recordings, fakes made from them, and simulations.

Real recordings are those of `verdicts.py`, whole and in pieces of ten seconds. Each piece is also
faked: random numbers, noise of the same spectrum, the same rows in another order, a segment of it
repeated. Simulations are emgnb's own faces and, if it is installed, NeuroKit2's EMG; without it,
bursts of uniform noise, which is what it simulates. Printed are the verdicts, the area under the
ROC curve of the score (real against each fake), and how often a score came from a real recording.

Run: python benchmarks/physiology.py [folder] [--pieces 3]
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import verdicts
import xarray as xr
from scipy import linalg
from scipy import signal as dsp

from emgnb import quality, recording, simulate
from emgnb.quality import timestamps

Values = np.ndarray
PIECE_S, SHORTEST = 10.0, 256
NOT_REAL = ("uniform_noise_gestures", "emotion_power_features")


def moving(x: xr.DataArray) -> xr.DataArray:
    """Return the longest stretch without a gap, of the channels that move."""
    values = timestamps.without_stale(x).transpose("time", "channel")
    spread = np.nanstd(values.values, axis=0)
    kept = values.isel(channel=spread > 0)
    finite = np.isfinite(kept.values).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite, [0]))))
    begin, end = max(edges.reshape(-1, 2), key=lambda pair: pair[1] - pair[0])
    return kept.isel(time=slice(begin, end))


def pieces(x: xr.DataArray, most: int) -> Iterator[xr.DataArray]:
    """Return evenly spaced pieces of ten seconds, or all of a shorter recording."""
    x = moving(x)
    size = max(round(PIECE_S * recording.measured_rate(x)), SHORTEST)
    count = min(most, max(x.sizes["time"] // size, 1))
    for begin in np.linspace(0, max(x.sizes["time"] - size, 0), count).astype(int):
        piece = x.isel(time=slice(begin, begin + size))
        moves = np.ptp(piece.values, axis=0) > 0
        if moves.any():
            yield piece.isel(channel=moves)


def real(folder: Path, most: int) -> Iterator[tuple[str, xr.DataArray, bool]]:
    """Return (set, recording, whether it is a whole one) of all real recordings."""
    for name, reader in verdicts.READERS.items():
        if name in NOT_REAL or not (folder / name).is_dir():
            continue
        for part, read in reader(folder / name):
            if part.startswith("subject_") or part.startswith("single trial"):
                continue
            x = recording.emg(read)
            # Of kinds in one folder, such as raw and averaged, each counts as a set.
            kind = str(x["signal_kind"].values[0])
            yield f"{name} ({kind})", x, True
            for piece in pieces(x, most):
                yield f"{name} ({kind})", piece, False


def normal(values: Values, rng: np.random.Generator) -> Values:
    return values.mean(axis=0) + values.std(axis=0) * rng.normal(size=values.shape)


def uniform(values: Values, rng: np.random.Generator) -> Values:
    return rng.uniform(values.min(axis=0), values.max(axis=0), values.shape)


def autoregressive(values: Values, rng: np.random.Generator) -> Values:
    """Return Gaussian noise of an autoregressive model of order 8 of each channel."""
    made = []
    for column in (values - values.mean(axis=0)).T:
        size = column.size
        lags = [column[: size - k] @ column[k:] / size for k in range(9)]
        lags[0] *= 1.0 + 1e-9
        weights = linalg.solve_toeplitz(lags[:8], lags[1:])
        noise = rng.normal(size=size + 1000)
        row = dsp.lfilter([1.0], np.concatenate(([1.0], -weights)), noise)[1000:]
        made.append(row / row.std() * column.std())
    return np.column_stack(made) + values.mean(axis=0)


def phases(values: Values, rng: np.random.Generator, *, together: bool = False) -> Values:
    """Randomise the phases of each channel, or of all channels alike."""
    spectrum = np.fft.rfft(values, axis=0)
    shape = (len(spectrum), 1 if together else values.shape[1])
    turned = spectrum * np.exp(2j * np.pi * rng.random(shape))
    turned[0] = spectrum[0]
    return np.fft.irfft(turned, n=len(values), axis=0)


def shared_phases(values: Values, rng: np.random.Generator) -> Values:
    return phases(values, rng, together=True)


def shuffled(values: Values, rng: np.random.Generator) -> Values:
    return rng.permutation(values)


def repeated(values: Values, rng: np.random.Generator) -> Values:
    """Repeat a segment of a fifth of the rows, five times."""
    size = len(values) // 5
    begin = int(rng.integers(len(values) - size))
    return np.tile(values[begin : begin + size], (5, 1))


def repeated_with_noise(values: Values, rng: np.random.Generator) -> Values:
    copied = repeated(values, rng)
    return copied + 0.1 * copied.std(axis=0) * rng.normal(size=copied.shape)


FAKES: dict[str, Callable[[Values, np.random.Generator], Values]] = {
    "uniform draws": uniform,
    "normal draws": normal,
    "autoregressive noise": autoregressive,
    "rows shuffled": shuffled,
    "phases randomised": phases,
    "phases randomised, alike in all channels": shared_phases,
    "a segment repeated": repeated,
    "a segment repeated, with 10 % noise": repeated_with_noise,
}


def faked(x: xr.DataArray, name: str, seed: int) -> xr.DataArray:
    values = FAKES[name](x.values.astype(float), np.random.default_rng(seed))
    x = x.isel(time=slice(len(values)))
    kinds = [str(kind) for kind in x["signal_kind"].values]
    return recording.signal(
        values, time=x["time"].values, units=x.attrs["units"], signal_kind=kinds[0]
    )


def faces(count: int) -> Iterator[tuple[str, xr.DataArray]]:
    for i in range(count):
        sensor = ("raw", "v3")[i % 2]
        script = [(1.0, "smile", 2.0), (5.5, "frown", 2.0)]
        face = simulate.face(
            participant=i, seed=7000 + i, sensor=sensor, script=script, duration=10
        )
        yield f"emgnb's simulated face ({sensor})", face["emg/signal"]


def bursts(count: int) -> Iterator[tuple[str, xr.DataArray]]:
    """Return NeuroKit2's simulations, or what they consist of."""
    try:
        import neurokit2
    except ImportError:
        neurokit2 = None
    for i in range(count):
        if neurokit2 is not None:
            name = f"NeuroKit2 {neurokit2.__version__} emg_simulate"
            made = neurokit2.emg_simulate(
                duration=10, sampling_rate=1000, burst_number=3, random_state=i
            )
        else:
            name, made = "bursts of uniform noise (as NeuroKit2's)", burst_noise(i)
        yield name, recording.signal(np.asarray(made)[:, np.newaxis], rate=1000, units="mV")
    for i in range(count):
        yield (
            "bursts of band-passed normal noise",
            recording.signal(filtered_bursts(i), rate=1000, units="mV"),
        )


def burst_noise(seed: int) -> Values:
    rng = np.random.default_rng(seed)
    active = np.repeat([0, 1, 0, 1, 0, 1, 0], [1750, 1000, 1500, 1000, 1500, 1000, 2250])
    width = np.where(active, 1.0, 0.05)
    return rng.uniform(-width, width) + 0.08 + 0.01 * rng.normal(size=active.size)


def filtered_bursts(seed: int) -> Values:
    """Return two channels of noise between 20 and 450 Hz in bursts with smooth edges."""
    rng = np.random.default_rng(seed)
    sos = dsp.butter(2, [20, 450], "band", fs=1000, output="sos")
    steady = dsp.sosfilt(sos, rng.normal(size=(10_000, 2)), axis=0)
    on = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0], [1500, 2000, 2500, 2000, 2000])
    return steady * (0.05 + dsp.convolve(on, np.hanning(300) / 150, "same"))[:, np.newaxis]


Judged = dict[str, list[quality.Verdict]]


def judged(folder: Path, most: int, simulations: int) -> tuple[Judged, Judged, Judged]:
    """Return the verdicts on real recordings, on their fakes, and on simulations."""
    true, fake, physics = defaultdict(list), defaultdict(list), defaultdict(list)
    for seed, (name, x, whole) in enumerate(real(folder, most)):
        true[name].append(quality.is_physiology(x))
        for kind in () if whole else FAKES:
            fake[kind].append(quality.is_physiology(faked(x, kind, seed)))
    for source in (faces, bursts):
        for name, x in source(simulations):
            physics[name].append(quality.is_physiology(x))
    return true, fake, physics


def counts(found: Judged, what: str) -> None:
    words = ("physiology", "undetermined", "not physiology")
    print(f"| {what} | n | {' | '.join(words)} | score: median (range) |")
    print("|---|---|---|---|---|---|")
    for name, each in found.items():
        said = [verdict.word for verdict in each]
        cells = [str(said.count(word)) for word in words]
        score = [verdict.score for verdict in each]
        span = f"{np.median(score):.2f} ({min(score):.2f}–{max(score):.2f})"
        print(f"| {name} | {len(each)} | {' | '.join(cells)} | {span} |")
    print()


def balanced(found: Judged) -> tuple[Values, Values]:
    """Return scores, and weights that give each set or family the same total."""
    scores = np.array([verdict.score for each in found.values() for verdict in each])
    weights = np.concatenate([np.full(len(each), 1.0 / len(each)) for each in found.values()])
    return scores, weights / weights.sum()


def curves(true: Judged, others: Judged) -> None:
    print("| real recordings against | area under the ROC curve of the score |\n|---|---|")
    scores, weights = balanced(true)
    for name, each in others.items():
        against = np.array([verdict.score for verdict in each])
        wins = (scores[:, None] > against) + 0.5 * (scores[:, None] == against)
        print(f"| {name} | {weights @ wins.mean(axis=1):.2f} |")
    print()


def reliability(true: Judged, fake: Judged) -> None:
    print("| score | real and naive fakes, weighted half and half | share of real ones |")
    print("|---|---|---|")
    real_scores, real_weights = balanced(true)
    fake_scores, fake_weights = balanced(fake)
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        mine = (real_scores >= low) & (real_scores < high)
        other = (fake_scores >= low) & (fake_scores < high)
        a, b = real_weights[mine].sum(), fake_weights[other].sum()
        share = f"{a / (a + b):.2f}" if a + b else "–"
        print(f"| {low:g} to {min(high, 1):g} | {mine.sum()} + {other.sum()} | {share} |")
    brier = 0.5 * (real_weights @ (1 - real_scores) ** 2 + fake_weights @ fake_scores**2)
    print(f"\nBrier score {brier:.3f} (0.25: an uninformative score)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("folder", nargs="?", type=Path, default=beside)
    parser.add_argument("--pieces", type=int, default=3)
    parser.add_argument("--simulations", type=int, default=20)
    asked = parser.parse_args()
    true, fake, physics = judged(asked.folder, asked.pieces, asked.simulations)
    if not true:
        print(f"no recordings at {asked.folder}: only simulations are judged\n")
        return counts(physics, "simulation")
    counts(true, "real set")
    counts(fake, "naive fake")
    counts(physics, "simulation")
    curves(true, fake | physics)
    reliability(true, fake)


if __name__ == "__main__":
    main()
