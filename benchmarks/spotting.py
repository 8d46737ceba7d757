"""Spot micro-expressions in whole recordings with speech, chewing and blinks.

A simulated face (10 min, 1 kHz, eight channels) makes micro-expressions of 0.2 to 0.5 s at 7 to 9 %
of MVC, in periods of quiet between periods of speech and chewing; it blinks, and moves now and then
unasked. White noise is added to each channel, so that the median micro-expression has the stated
SNR (20–450 Hz) over its main muscle. Bursts are joined by `validate.movements` and scored by
`validate.score_spotting` (IoU ≥ 0.5). Unasked movements up to 0.5 s count as true. Events of 40 to
160 ms are in recordings of their own. The rules of `movements` were written on seeds 1 and 2; these
are seeds 101 and up. `detect.rises` moves onsets to where the rise begins. The double threshold is
emgnb's, and BioSPPy, if it is installed, finds the onsets and offsets of each channel; both are
filtered and joined by emgnb.

Run: python benchmarks/spotting.py [recordings] [minutes]
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from scipy.signal import savgol_filter

from emgnb import detect, filters, labels, simulate, validate

FIRST_SEED = 101
SNRS = (10, 5)
USUAL, BRIEF = (0.2, 0.3, 0.4, 0.5), (0.04, 0.08, 0.12, 0.16)
SHOWN = {
    "smile": "zygomaticus_major_l",
    "frown": "corrugator_l",
    "disgust": "levator_labii_l",
    "brow raise": "frontalis_medialis_l",
}
# What the face does, in turn, and for how long (s).
PERIODS = (("quiet", 30.0), ("speech", 15.0), ("quiet", 30.0), ("chewing", 10.0))
# Few false alarms: each of eight channels adds its own.
ALARMS = 0.05
# Time constant of the V3's smoothing, and over how long it is undone (s).
V3_LAG, V3_SPAN = 0.08, 0.03
BAND = filters.Chain(filters.BandPass(20, 450))

Detector = Callable[[xr.DataArray], xr.Dataset]


def script(seed: int, minutes: float, durations: Sequence[float]) -> list[simulate.Act]:
    rng = np.random.default_rng([seed, 77])
    acts: list[simulate.Act] = []
    time, turn = 3.0, 0
    while time < 60 * minutes - 5:
        name, lasting = PERIODS[turn % len(PERIODS)]
        end = min(time + lasting, 60 * minutes - 3)
        if name == "quiet":
            acts += quiet(rng, time + 1, end - 1.5, durations)
        else:
            make = simulate.speech if name == "speech" else simulate.chewing
            acts += make(time, end, seed=100 * seed + turn)
        time, turn = end, turn + 1
    return acts


def quiet(
    rng: np.random.Generator, start: float, stop: float, durations: Sequence[float]
) -> list[simulate.Act]:
    acts = []
    while start < stop:
        lasting, name = float(rng.choice(durations)), str(rng.choice(list(SHOWN)))
        effort = float(rng.uniform(0.07, 0.09))
        acts.append(simulate.Act(round(start, 3), name, lasting, effort))
        start += lasting + 1.5 + rng.exponential(3.0)
    return acts


def recorded(
    seed: int, minutes: float, durations: Sequence[float], sensor: str
) -> tuple[xr.DataArray, xr.DataArray, xr.Dataset]:
    """Return the signal, the EMG without noise, and the true micro-movements."""
    acts = script(seed, minutes, durations)
    face = simulate.face(
        script=acts, participant=seed, artefacts=0.3, duration=60 * minutes, sensor=sensor
    )
    moves = face["labels/truth"].to_dataset()
    alone = (moves["label"].values == "") & (moves["au"].values != "45")
    alone &= (moves["offset"] - moves["onset"]).values <= validate.spotting.MICRO
    unasked = moves.isel(event=np.flatnonzero(alone))
    micro = [act for act in acts if act.units is None]
    onset = np.r_[[act.time for act in micro], unasked["onset"].values]
    offset = np.r_[[act.time + act.duration for act in micro], unasked["offset"].values]
    name = [act.expression for act in micro] + [""] * unasked.sizes["event"]
    order = np.argsort(onset)
    truth = labels.events(onset[order], offset[order], label=[name[i] for i in order])
    return face["emg/signal"], face["truth/clean"], truth


def with_noise(
    x: xr.DataArray, clean: xr.DataArray, truth: xr.Dataset, snr: float, seed: int
) -> xr.DataArray:
    """Add white noise, so that the median event has `snr` (dB) over its main muscle."""
    band = BAND(x.copy(data=clean.values))
    power = {channel: [] for channel in SHOWN.values()}
    for onset, offset, name in zip(
        truth["onset"].values, truth["offset"].values, truth["label"].values, strict=True
    ):
        if name:
            part = band.sel(channel=SHOWN[str(name)], time=slice(onset, offset))
            power[SHOWN[str(name)]].append(float((part.values**2).mean()))
    wanted = {c: np.median(p) / 10 ** (snr / 10) for c, p in power.items() if p}
    usual = float(np.median(list(wanted.values())))
    # Of white noise up to 500 Hz, the band keeps 430 Hz.
    level = [np.sqrt(wanted.get(str(c), usual) * 500 / 430) for c in x["channel"].values]
    noise = np.random.default_rng([seed, 78]).standard_normal(x.shape) * level
    return x.copy(data=(x.values + noise).astype(np.float32))


def ours(method: str) -> Detector:
    def found(x: xr.DataArray) -> xr.Dataset:
        return detect.bursts(filters.preset_for(x)(x), method=method, false_alarms=ALARMS)

    return found


def risen(x: xr.DataArray) -> xr.Dataset:
    clean = filters.preset_for(x)(x)
    return detect.rises(detect.bursts(clean, false_alarms=ALARMS), clean)


def envelope(lag: float) -> Detector:
    def found(x: xr.DataArray) -> xr.Dataset:
        return detect.bursts(x, lag=lag, false_alarms=ALARMS)

    return found


def deconvolved(x: xr.DataArray) -> xr.Dataset:
    """Detect in an envelope whose smoothing, a first-order low-pass, is undone over 30 ms."""
    rows = round(V3_SPAN * 1000.0) | 1
    slope = savgol_filter(x.values, rows, 1, deriv=1, axis=0) * 1000.0
    values = savgol_filter(x.values, rows, 1, axis=0) + V3_LAG * slope
    return detect.bursts(x.copy(data=values.astype(np.float32)), false_alarms=ALARMS)


def biosppy(x: xr.DataArray) -> xr.Dataset:
    """Find onsets and offsets as BioSPPy does by default, channel by channel."""
    from biosppy.signals import emg

    clean = filters.preset_for(x)(x)
    rows: list[tuple[float, float, str]] = []
    for channel in clean["channel"].values:
        values = clean.sel(channel=channel).values.astype(float)
        edge = emg.find_onsets(signal=values, sampling_rate=1000.0)["onsets"] / 1000.0
        rows += [(a, b, str(channel)) for a, b in zip(edge[::2], edge[1::2], strict=False)]
    rows.sort()
    onset, offset, channel = zip(*rows, strict=True)
    made = labels.events(onset, offset, channel=channel)
    made["snr"] = ("event", np.zeros(len(rows)))
    return made


def spotted(bursts: xr.Dataset, x: xr.DataArray, shortest: float) -> xr.Dataset:
    table = validate.spot(validate.movements(bursts, x), shortest=shortest)
    return table.isel(event=np.flatnonzero(table["kind"].values == "micro"))


def row(name: str, scores: list[tuple[validate.Spotting, np.ndarray]], minutes: float) -> str:
    found = [score for score, _ in scores]
    late = 1e3 * np.concatenate([error for _, error in scores])
    hit, missed, false = (sum(getattr(s, n) for s in found) for n in ("found", "missed", "false"))
    f1 = 2 * hit / (2 * hit + missed + false)
    spread = f"{min(s.f1 for s in found):.2f}–{max(s.f1 for s in found):.2f}"
    median = f"{np.median(np.abs(late)):.0f} ({np.median(late):+.0f})" if late.size else "–"
    return (
        f"| {name} | {f1:.2f} ({spread}) | {hit} of {hit + missed} | {median} "
        f"| {false / minutes / len(found):.1f} |"
    )


def scored(
    bursts: xr.Dataset, x: xr.DataArray, truth: xr.Dataset, shortest: float
) -> tuple[validate.Spotting, np.ndarray]:
    made = spotted(bursts, x, shortest)
    error = made["onset"].values[:, None] - truth["onset"].values
    closest = error[np.arange(len(error)), np.abs(error).argmin(axis=1)]
    return validate.score_spotting(made, truth), closest[np.abs(closest) < 0.15]


def detectors() -> dict[str, Detector]:
    found = {
        "emgnb": ours("glr"),
        "emgnb, rises": risen,
        "double threshold": ours("double_threshold"),
    }
    if importlib.util.find_spec("biosppy"):
        return found | {"BioSPPy find_onsets": biosppy}
    print("BioSPPy is not installed: left out\n")
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    recordings, minutes = (int(a) for a in (sys.argv[1:] + ["3", "10"][len(sys.argv) - 1 :])[:2])
    seeds = range(FIRST_SEED, FIRST_SEED + recordings)
    print(f"{recordings} recordings of {minutes} min, seeds {seeds[0]} to {seeds[-1]}\n")
    print("| | F1 (least, most) | found | onset off, ms (signed) | false a minute |")
    print("|---|---|---|---|---|")
    for snr in SNRS:
        for durations, shortest in ((USUAL, 0.1), (BRIEF, 0.03)):
            parts = [recorded(seed, minutes, durations, "raw") for seed in seeds]
            noisy = [with_noise(*part, snr, seed) for part, seed in zip(parts, seeds, strict=True)]
            lasting = f"{1e3 * durations[0]:.0f}–{1e3 * durations[-1]:.0f} ms"
            for name, detector in detectors().items():
                scores = [
                    scored(detector(x), x, truth, shortest)
                    for x, (_, _, truth) in zip(noisy, parts, strict=True)
                ]
                print(row(f"{name}, raw, {snr} dB, {lasting}", scores, minutes), flush=True)
    parts = [recorded(seed, minutes, USUAL, "v3") for seed in seeds]
    smooth = {
        "emgnb, V3": envelope(0.0),
        "emgnb, V3, lag corrected": envelope(V3_LAG),
        "emgnb, V3, deconvolved": deconvolved,
    }
    for name, detector in smooth.items():
        scores = [scored(detector(x), x, truth, 0.1) for x, _, truth in parts]
        print(row(f"{name}, 200–500 ms", scores, minutes), flush=True)


if __name__ == "__main__":
    main()
