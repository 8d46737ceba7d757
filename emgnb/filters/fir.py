# ruff: noqa: D102 — what each answer means is said once, at `Step`
"""A band-pass without feedback: the shape of a wave stays, or it comes through at once.

`BandPass` delays low frequencies of the band more than high ones when it runs live. Symmetric taps
delay all alike, by half their length; taps of minimum phase have the least delay that a filter of
the same magnitude can have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import signal as dsp

from emgnb.filters.base import Fir, Operation, Step, not_raw, positive

# dB by which what lies outside the band is reduced at least, running once.
STOP = 60.0


@dataclass(frozen=True)
class FirBandPass(Step):
    """Band-pass by a finite impulse response: Kaiser window, 60 dB, −6 dB at the corners.

    On a whole recording linear phase is applied once and moved back by its delay, so the magnitude
    is the same live and there; minimum phase runs forwards and backwards as all other filters do,
    which doubles every attenuation in dB.

    Parameters
    ----------
    low, high : corners in Hz (−6 dB)
    width : Hz from pass to stop at either corner; it takes 3.6 · rate / width taps
    phase : "linear": live, all is delayed by half the taps (0.18 s at width 10); "minimum": live,
        the band comes through within some ms, but not all frequencies alike

    References
    ----------
    Oppenheim & Schafer, Discrete-Time Signal Processing (Kaiser window; homomorphic minimum phase)
    """

    low: float = 20.0
    high: float = 450.0
    width: float = 10.0
    phase: str = "linear"
    removes_offset: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, low=self.low, high=self.high, width=self.width)
        if self.phase not in ("linear", "minimum"):
            raise ValueError(f"FirBandPass: phase={self.phase!r}, expected 'linear' or 'minimum'")
        if self.low + self.width > self.high or self.width > 2 * self.low:
            raise ValueError(
                f"FirBandPass: width={self.width:g} Hz, expected at most twice low "
                f"({2 * self.low:g} Hz) and no more than high − low ({self.high - self.low:g} Hz)"
            )

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw(
            "FirBandPass",
            kind,
            f"its signal lies below 10 Hz, and a {self.low:g}–{self.high:g} Hz band-pass removes "
            "the signal",
        )

    def refuses_rate(self, rate: float) -> str | None:
        if self.high + self.width / 2 <= rate / 2:
            return None
        return (
            f"high={self.high:g} Hz and half of width end at {self.high + self.width / 2:g} Hz, "
            f"above half the sampling rate ({rate / 2:.4g} Hz): use high <= "
            f"{rate / 2 - self.width / 2:.4g}, or record faster."
        )

    def operations(self, rate: float) -> list[Operation]:
        count, beta = dsp.kaiserord(STOP, 2 * self.width / rate)
        # An odd number of taps has a middle one, the delay in whole samples.
        count = 2 * math.ceil(count / 2) + 1
        taps = dsp.firwin(
            count, (self.low, self.high), window=("kaiser", beta), pass_zero=False, fs=rate
        )
        if self.phase == "linear":
            return [Fir(taps, symmetric=True)]
        return [Fir(np.asarray(dsp.minimum_phase(taps, half=False)), symmetric=False)]

    def corners(self, rate: float) -> list[float]:
        return [self.low, self.high]
