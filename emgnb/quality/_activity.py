"""Judge rows that depend on one another: does their power or level vary as that of muscles does?"""

from __future__ import annotations

import numpy as np

from emgnb._arrays import Floats
from emgnb.quality import _bands, _score
from emgnb.quality._dependence import dependence, overdispersion, without_tones
from emgnb.quality._likeness import LIMIT, echo, from_noise
from emgnb.quality.words import Verdict

# In shorter recordings (s) a muscle may be at rest throughout, with amplifier noise only.
BRIEF_S = 5.0
# Correlation of a copy with the original, of raw EMG and of an envelope.
COPY, SMOOTH_COPY = 0.8, 0.97
# Share of the power above 20 Hz, tones excluded, below which both ways of comparing are needed.
TONAL = 0.1
REPEATING = "a repeating pattern (a generator, or a loop)"
LOOKS = {
    "raw": "raw EMG",
    "rectified": "rectified EMG",
    "envelope": "envelope of EMG",
    "undetermined": "EMG of undetermined kind",
}


def without_slow(pieces: list[Floats], rate: float | None, hums: Floats) -> list[Floats]:
    """Remove tones, and frequencies below 20 Hz if the rate allows it."""
    highpass = rate is not None and rate >= 5.0 * _bands.MOTION_HZ
    return [without_tones(piece, rate, hums, highpass=highpass).values for piece in pieces]


def variation(fast: list[Floats], rate: float | None) -> tuple[float, float, str]:
    """Return the variation of power, its limit by chance, and both in words."""
    ratio, limit = overdispersion(fast, rate)
    power = (
        f"power varies {ratio:.1f} times as much over time as in stationary noise of the same "
        f"spectrum (by chance up to {limit:.1f})"
    )
    return ratio, limit, power if np.isfinite(ratio) else ""


def active(
    pieces: list[Floats],
    fast: list[Floats],
    rate: float | None,
    kind: str,
    evidence: list[str],
    faults: list[str],
) -> Verdict:
    """Judge raw or rectified rows; `fast` : the same rows without frequencies below 20 Hz."""
    lag, alike = echo(fast, COPY)
    if lag:
        return _loop(lag, alike, kind, evidence, faults)
    ratio, limit, power = variation(fast, rate)
    score = _score.beyond_chance(ratio, limit)
    band = dependence(fast)
    if power:
        evidence.append(power)
    if band.related:
        evidence.append(f"channels are correlated (r = {band.shared:.2f})")
    if ratio > limit:
        return Verdict(True, LOOKS[kind], evidence, faults, kind, score)
    # A prediction leaves part of a strong tone, and filters ring at the ends of a slow signal.
    both = (pieces, fast) if _power(fast) < TONAL * _power(pieces) else (pieces,)
    far, sentence = min(_from_noise(each, rate, "signal") for each in both)
    evidence.append(sentence)
    if far > LIMIT:
        score = max(score, _score.beyond_chance(far, LIMIT))
        return Verdict(True, LOOKS[kind], evidence, faults, kind, score)
    looks_like = "steady coloured noise (a muscle at rest, or filtered noise)"
    if band.related:
        looks_like = "steady noise that channels share (muscles at rest, or filtered noise)"
    return Verdict(None, looks_like, evidence, faults, kind, _score.STEADY)


def level(
    pieces: list[Floats], rate: float | None, evidence: list[str], faults: list[str]
) -> Verdict:
    """Judge an envelope by the shape of its distribution, and by its ripple."""
    lag, alike = echo(pieces, SMOOTH_COPY)
    if lag:
        return _loop(lag, alike, "envelope", evidence, faults)
    far, sentence = _from_noise(pieces, rate, "level")
    evidence.append(sentence)
    score = _score.beyond_chance(far, LIMIT)
    if far > LIMIT:
        return Verdict(True, LOOKS["envelope"], evidence, faults, "envelope", score)
    looks_like = "smooth noise above 0 (an envelope at rest, or filtered noise)"
    return Verdict(None, looks_like, evidence, faults, "envelope", _score.STEADY)


def _power(pieces: list[Floats]) -> float:
    return float(np.concatenate(pieces).var(axis=0).mean())


def _loop(lag: int, alike: float, kind: str, evidence: list[str], faults: list[str]) -> Verdict:
    evidence.append(f"rows repeat after {lag} rows (r = {alike:.2f}), which no muscle does")
    return Verdict(False, REPEATING, evidence, faults, kind, _score.MADE)


def _from_noise(pieces: list[Floats], rate: float | None, what: str) -> tuple[float, str]:
    """Return the distance from noise, and both in words; NaN if it cannot be measured."""
    far = from_noise(pieces, max(16, round(0.05 * (rate or 0.0))))
    if not np.isfinite(far):
        return far, "too few rows to compare them with Gaussian noise"
    likeness = "" if far > LIMIT else ": not distinguishable from filtered noise"
    return far, (
        f"{what} deviates by {far:.1f} standard deviations from stationary Gaussian noise (by "
        f"chance up to {LIMIT:g}){likeness}"
    )
