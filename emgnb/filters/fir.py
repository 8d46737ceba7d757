# ruff: noqa: D102 — documented once, at `Step`
"""Band-pass with a finite impulse response.

Live, `BandPass` delays low frequencies more than high ones, which distorts waveforms. Symmetric
taps delay all frequencies by half their length. Minimum-phase taps have the smallest delay possible
for their magnitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import signal as dsp

from emgnb.filters.step import Fir, Operation, Step, not_raw, positive

# Stop-band attenuation of a single pass (dB).
STOP = 60.0


@dataclass(frozen=True)
class FirBandPass(Step):
    """Band-pass by a finite impulse response: Kaiser window, 60 dB, −6 dB at the corners.

    On whole recordings, linear-phase filters run once and their delay is removed, so the magnitude
    equals that of live filtering. Minimum-phase filters run forwards and backwards, which doubles
    the attenuation in dB.

    Parameters
    ----------
    low, high : corners in Hz (−6 dB)
    width : transition width in Hz at either corner; the filter has 3.6 · rate / width taps
    phase : "linear": live, all frequencies are delayed by half the taps (0.18 s for width 10);
        "minimum": live, the delay is a few ms but depends on frequency

    References
    ----------
    Oppenheim & Schafer, Discrete-Time Signal Processing (Kaiser window; homomorphic minimum phase)

    Examples
    --------
    >>> from emgnb import filters
    >>> chain = filters.Chain(filters.FirBandPass(20, 450))
    >>> gain = chain.response(1000)["magnitude"].sel(frequency=100, method="nearest")
    >>> bool(abs(gain) < 0.1)  # dB
    True
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
        # An odd number of taps gives a delay of whole samples.
        count = 2 * math.ceil(count / 2) + 1
        taps = dsp.firwin(
            count, (self.low, self.high), window=("kaiser", beta), pass_zero=False, fs=rate
        )
        if self.phase == "linear":
            return [Fir(taps, symmetric=True)]
        return [Fir(np.asarray(dsp.minimum_phase(taps, half=False)), symmetric=False)]

    def corners(self, rate: float) -> list[float]:
        return [self.low, self.high]
