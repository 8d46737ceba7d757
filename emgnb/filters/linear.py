# ruff: noqa: D102 — what each answer means is said once, at `Step`
"""Steps that treat all amplitudes alike: offset and drift off, a band kept, the mains out.

Orders are those of the causal filter; zero-phase filtering runs it forwards and backwards, which
doubles the order and every attenuation in dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import signal as dsp

from emgnb.filters.base import (
    HIGHEST,
    Array,
    Mask,
    Operation,
    Place,
    Step,
    not_raw,
    positive,
    too_high,
    whole_order,
)
from emgnb.filters.design import butterworth

# Surface EMG has no power above; harmonics of the mains beyond it need no notch.
EMG_TOP = 500.0
# A slower high-pass than this takes drift, not expressions, off an envelope.
DRIFT = 0.1


@dataclass(frozen=True)
class Detrend(Step):
    """Subtract the straight line (or the mean) that fits each channel best.

    Fitted to the valid samples of the whole recording; it cannot run live.

    Parameters
    ----------
    degree : 1 for a line, 0 for the mean
    """

    degree: int = 1
    removes_offset: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.degree not in (0, 1):
            raise ValueError(f"Detrend: degree={self.degree!r}, expected 0 (mean) or 1 (line)")

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw("Detrend", kind, "it takes away the level, which is the signal")

    def refuses_live(self) -> str | None:
        return (
            "Detrend fits a line to the whole recording, which live has no end yet: "
            "use HighPass(0.5) instead."
        )

    def over_whole(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Step]:
        along = np.linspace(-1.0, 1.0, len(values))
        level = np.empty_like(values)
        for i in range(values.shape[1]):
            seen = ~missing[:, i]
            if seen.sum() <= self.degree:
                level[:, i] = values[seen, i].mean() if seen.any() else 0.0
                continue
            fit = np.polynomial.polynomial.polyfit(along[seen], values[seen, i], self.degree)
            level[:, i] = np.polynomial.polynomial.polyval(along, fit)
        return values - level, self


@dataclass(frozen=True)
class HighPass(Step):
    """Butterworth high-pass: takes away offset, drift and motion.

    Parameters
    ----------
    cutoff : corner in Hz, −3 dB causal, −6 dB zero-phase; 20 Hz is usual for facial EMG
        [van Boxtel 2001, doi:10.1111/1469-8986.3810022]
    order : of the causal filter; the effective order doubles in zero-phase
    """

    cutoff: float = 20.0
    order: int = 4
    removes_offset: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, cutoff=self.cutoff)
        whole_order(self, self.order)

    def refuses_kind(self, kind: str) -> str | None:
        if self.cutoff <= DRIFT:
            return None
        return not_raw(
            "HighPass",
            kind,
            f"its level is the signal, and a {self.cutoff:g} Hz high-pass removes the signal",
        )

    def refuses_rate(self, rate: float) -> str | None:
        return too_high("cutoff", self.cutoff, rate)

    def operations(self, rate: float) -> list[Operation]:
        return [butterworth(self.order, self.cutoff, "highpass", rate)]

    def corners(self, rate: float) -> list[float]:
        return [self.cutoff]


@dataclass(frozen=True)
class LowPass(Step):
    """Butterworth low-pass: smooths an envelope, or takes away what lies above the EMG.

    A rectified signal leaves it as an envelope. Overshoot can take an envelope slightly below 0.

    Parameters
    ----------
    cutoff : corner in Hz, −3 dB causal, −6 dB zero-phase; at most 10 Hz for the level of an
        envelope, 400–500 Hz for raw EMG
    order : of the causal filter; the effective order doubles in zero-phase
    """

    cutoff: float = 10.0
    order: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, cutoff=self.cutoff)
        whole_order(self, self.order)

    def refuses_rate(self, rate: float) -> str | None:
        return too_high("cutoff", self.cutoff, rate)

    def kind_after(self, kind: str) -> str:
        return "envelope" if kind == "rectified" else kind

    def operations(self, rate: float) -> list[Operation]:
        return [butterworth(self.order, self.cutoff, "lowpass", rate)]

    def corners(self, rate: float) -> list[float]:
        return [self.cutoff]


@dataclass(frozen=True)
class BandPass(Step):
    """Butterworth band-pass: keeps the band that holds the EMG.

    Parameters
    ----------
    low, high : corners in Hz, −3 dB causal, −6 dB zero-phase; facial EMG lies between 15–25 and
        400–500 Hz [van Boxtel 2001, doi:10.1111/1469-8986.3810022]
    order : of each side, causal; the effective order doubles in zero-phase
    """

    low: float = 20.0
    high: float = 450.0
    order: int = 4
    removes_offset: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, low=self.low, high=self.high)
        whole_order(self, self.order)
        if not self.low < self.high:
            raise ValueError(f"BandPass: low={self.low:g} Hz must be below high={self.high:g} Hz")

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw(
            "BandPass",
            kind,
            f"its signal lies below 10 Hz, and a {self.low:g}–{self.high:g} Hz band-pass removes "
            "the signal",
        )

    def refuses_rate(self, rate: float) -> str | None:
        if self.low >= HIGHEST * rate:
            return (
                f"low={self.low:g} Hz is {'above' if self.low > rate / 2 else 'too near'} half the "
                f"sampling rate ({rate / 2:.4g} Hz): nothing of the band {self.low:g}–"
                f"{self.high:g} Hz is left; record at {math.ceil(self.high / HIGHEST):d} Hz or "
                "faster."
            )
        return too_high("high", self.high, rate)

    def operations(self, rate: float) -> list[Operation]:
        return [butterworth(self.order, (self.low, self.high), "bandpass", rate)]

    def corners(self, rate: float) -> list[float]:
        return [self.low, self.high]


@dataclass(frozen=True)
class OfMains(Step):
    """A step on the mains and its harmonics: where they lie, and when they cannot be had."""

    mains: float = 50.0
    harmonics: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, mains=self.mains)
        if isinstance(self.harmonics, list | tuple):
            object.__setattr__(self, "harmonics", tuple(sorted(set(self.harmonics))))
        given = self.harmonics if isinstance(self.harmonics, tuple) else (self.harmonics,)
        whole = [isinstance(k, int) and not isinstance(k, bool) and k >= 1 for k in given]
        if self.harmonics is not None and not (whole and all(whole)):
            raise ValueError(
                f"{type(self).__name__}: harmonics={self.harmonics!r}, expected None, a whole "
                "number from 1 (1 = the mains alone), or those wanted, such as (1, 3, 5)"
            )

    def refuses_kind(self, kind: str) -> str | None:
        name = type(self).__name__
        return not_raw(name, kind, "after rectification the mains is no longer at its place")

    def refuses_rate(self, rate: float) -> str | None:
        if self.mains >= rate / 2:
            return (
                f"mains={self.mains:g} Hz is not below half the sampling rate ({rate / 2:.4g} Hz): "
                "mains in this recording has folded to another frequency; leave "
                f"{type(self).__name__} out, or record faster."
            )
        top = self.mains * max(self._orders(rate))
        if top >= rate / 2:
            fits = math.ceil(rate / 2 / self.mains) - 1
            return (
                f"harmonics={self.harmonics} reaches {top:g} Hz, not below half the sampling rate "
                f"({rate / 2:.4g} Hz): use harmonics <= {fits}, or None for all that fit."
            )
        return None

    def corners(self, rate: float) -> list[float]:
        return [self.mains * k for k in self._orders(rate)]

    def _orders(self, rate: float) -> tuple[int, ...]:
        if isinstance(self.harmonics, tuple):
            return self.harmonics
        count = self.harmonics
        if count is None:
            count = max(math.ceil(min(rate / 2, EMG_TOP) / self.mains) - 1, 1)
        return tuple(range(1, count + 1))


@dataclass(frozen=True)
class Notch(OfMains):
    """Take the mains and its harmonics out, each with a second-order notch.

    Only for what has mains in it (`preset_for` looks), and mains that keeps its frequency: a notch
    at Q 30 is 1.7 Hz wide at 50 Hz, and 0.4 Hz beside its centre it takes away 7 dB. The width
    grows with the harmonic, as its drift does. For mains that drifts, or for bursts far above rest:
    `MainsFit`.

    Parameters
    ----------
    mains : frequency in Hz, 50 or 60
    harmonics : how many multiples of `mains`, itself counted, or which, such as (1, 3, 5); None
        takes all that lie below half the sampling rate and below 500 Hz
    q : centre divided by −3 dB width, causal; zero-phase the same width is at −6 dB
    """

    q: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, q=self.q)

    def operations(self, rate: float) -> list[Operation]:
        rows = [
            np.concatenate(dsp.iirnotch(centre, self.q, fs=rate)) for centre in self.corners(rate)
        ]
        return [np.stack(rows)]
