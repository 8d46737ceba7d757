"""The signal behind the rows: its verdict, its kind, and tones that stand out in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal as spectral

from emgnb import quality, recording
from emgnb.evaluate.leaks.rows import Floats, Rows

# Rate (Hz) assumed where none is given; findings say so.
ASSUMED = 1000.0
# Samples looked at.
MOST = 60_000
# A tone: power of three bins over the median bin, and its share of all power.
PROMINENT, SHARE = 100.0, 0.2
LONGEST = 1024
# Share of steps that change the value, below which a channel is stuck.
STILL = 0.05


@dataclass(frozen=True)
class Judged:
    """What the signal shows.

    Parameters
    ----------
    verdict : of `quality.is_physiology`
    extent : samples looked at, and the rate
    raw : True raw EMG, False an envelope, None neither is clear
    stuck : channels that hardly ever change
    tones : sentences about channels of which one frequency holds much of the power
    """

    verdict: quality.Verdict
    extent: str
    raw: bool | None
    stuck: tuple[str, ...]
    tones: tuple[str, ...]


def judged(rows: Rows) -> Judged | None:
    """Judge the signal; None where rows are features."""
    if not rows.trials and not rows.pieces:
        return None
    values = _joined(rows.trials or rows.pieces)
    kind = "envelope" if rows.raw is False else "raw"
    x = recording.signal(
        values,
        rate=rows.rate or ASSUMED,
        units="count",
        channel=list(rows.signal_columns),
        signal_kind=kind,
    )
    verdict = quality.is_physiology(x)
    said = f"{rows.rate:g} Hz" if rows.rate else f"taken as {ASSUMED:g} Hz: no rate is given"
    raw = rows.raw
    if raw is None and "EMG" in verdict.looks_like:
        raw = "envelope" not in verdict.looks_like
    return Judged(
        verdict, f"{len(values)} samples ({said})", raw, tuple(_stuck(rows)), tuple(_tones(rows))
    )


def _joined(parts: tuple[Floats, ...]) -> Floats:
    """Some parts in random order, one after the other, a lost sample between them."""
    order = np.random.default_rng(0).permutation(len(parts))
    out: list[Floats] = []
    total = 0
    for number in order.tolist():
        part = parts[number][: MOST - total]
        out += [part, np.full((1, part.shape[1]), np.nan)]
        total += len(part)
        if total >= MOST:
            break
    return np.concatenate(out[:-1])


def _tones(rows: Rows) -> list[str]:
    """Channels of which one frequency holds much of the power."""
    parts = [part for part in rows.trials[:60] if len(part) >= 64]
    if not parts:
        return []
    size = min(min(len(part) for part in parts), LONGEST)
    power = np.mean(
        [spectral.welch(np.nan_to_num(p), nperseg=size, axis=0)[1] for p in parts], axis=0
    )
    frequency = np.fft.rfftfreq(size)
    first = 4
    found: dict[str, list[tuple[str, float]]] = {}
    for name, each in zip(rows.signal_columns, power.T, strict=True):
        peak = first + int(np.argmax(each[first:]))
        near = slice(peak - 1, peak + 2)
        line, total = float(each[near].sum()), float(each[1:].sum())
        if total > 0 and line > SHARE * total and line > PROMINENT * float(np.median(each[1:])):
            place = float((frequency[near] * each[near]).sum() / line)
            found.setdefault(_place(place, rows), []).append((name, line / total))
    return [
        f"{', '.join(name for name, _ in those)} ({100 * min(share for _, share in those):.0f} to "
        f"{100 * max(share for _, share in those):.0f} %) at {place}"
        for place, those in found.items()
    ]


def _stuck(rows: Rows) -> list[str]:
    """Channels that hardly ever change, with the value they stay at."""
    parts = rows.trials or rows.pieces
    moved = sum((np.diff(part, axis=0) != 0).sum(axis=0) for part in parts)
    steps = sum(len(part) - 1 for part in parts)
    middle = np.nanmedian(np.concatenate(parts[:60]), axis=0)
    return [
        f"{name} at {value:g}"
        for name, value, share in zip(
            rows.signal_columns, middle, np.atleast_1d(moved) / max(steps, 1), strict=True
        )
        if share < STILL
    ]


def _place(frequency: float, rows: Rows) -> str:
    if rows.rate:
        return f"{frequency * rows.rate:.0f} Hz"
    return f"{frequency:.2f} of the sampling rate (60 Hz if that is {60 / frequency:.0f} Hz)"
