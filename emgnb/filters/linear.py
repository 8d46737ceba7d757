# ruff: noqa: D102 — documented once, at `Step`
"""Linear steps: remove offset and drift, select a band, notch the mains.

Orders are those of the causal filter. Zero-phase filtering runs it forwards and backwards, which
doubles the order and the attenuation in dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import signal as dsp

from emgnb._arrays import Floats, Mask
from emgnb.filters._design import butterworth
from emgnb.filters.step import (
    HIGHEST,
    Operation,
    Place,
    Step,
    not_raw,
    positive,
    too_high,
    whole_order,
)

# Surface EMG has no power above (Hz), so higher mains harmonics need no notch.
EMG_TOP = 500.0
# A high-pass below this (Hz) removes drift, not expressions, from an envelope.
DRIFT = 0.1


@dataclass(frozen=True)
class Detrend(Step):
    """Subtract the best-fitting straight line, or the mean, from each channel.

    The fit uses the valid samples of the whole recording, so the step cannot run live.

    Parameters
    ----------
    degree : 1 for a line, 0 for the mean

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(2000) / 1000
    >>> x = recording.signal((np.sin(2 * np.pi * 100 * t) + t)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.Detrend())(x)
    >>> abs(round(float(y.mean()), 2))
    0.0
    """

    degree: int = 1
    removes_offset: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.degree not in (0, 1):
            raise ValueError(f"Detrend: degree={self.degree!r}, expected 0 (mean) or 1 (line)")

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw("Detrend", kind, "it removes the level, which is the signal")

    def refuses_live(self) -> str | None:
        return (
            "Detrend fits a line to the whole recording and cannot run live: "
            "use HighPass(0.5) instead."
        )

    def over_whole(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Step]:
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
    """Butterworth high-pass: removes offset, drift and slow motion artefacts.

    Parameters
    ----------
    cutoff : corner in Hz, −3 dB causal, −6 dB zero-phase; 20 Hz is usual for facial EMG [van Boxtel
        2001, doi:10.1111/1469-8986.3810022]
    order : of the causal filter; the effective order doubles in zero-phase

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(2000) / 1000
    >>> x = recording.signal((np.sin(2 * np.pi * 100 * t) + t)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.HighPass(20))(x)
    >>> round(float(y[500:1500].mean()), 2)
    0.0
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
    """Butterworth low-pass: smooths an envelope, or removes frequencies above the EMG.

    A rectified signal becomes an envelope. Overshoot can make an envelope slightly negative.

    Parameters
    ----------
    cutoff : corner in Hz, −3 dB causal, −6 dB zero-phase; at most 10 Hz for the level of an
        envelope, 400–500 Hz for raw EMG
    order : of the causal filter; the effective order doubles in zero-phase

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(2000) / 1000
    >>> x = recording.signal((np.sin(2 * np.pi * 100 * t) + t)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.LowPass(10))(x)
    >>> round(float(abs(y[500:1500, 0] - t[500:1500]).max()), 2)
    0.0
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
    """Butterworth band-pass: keeps the band of the EMG.

    Parameters
    ----------
    low, high : corners in Hz, −3 dB causal, −6 dB zero-phase; the facial EMG band starts at 15–25
        and ends at 400–500 Hz [van Boxtel 2001, doi:10.1111/1469-8986.3810022]
    order : of each side, causal; the effective order doubles in zero-phase

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(2000) / 1000
    >>> x = recording.signal((np.sin(2 * np.pi * 100 * t) + t)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.BandPass(20, 450))(x)
    >>> round(float(y[500:1500].std()), 2)  # the tone remains, the drift is gone
    0.71
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
                f"sampling rate ({rate / 2:.4g} Hz): the band {self.low:g}–"
                f"{self.high:g} Hz is not in the recording; record at "
                f"{math.ceil(self.high / HIGHEST):d} Hz or faster."
            )
        return too_high("high", self.high, rate)

    def operations(self, rate: float) -> list[Operation]:
        return [butterworth(self.order, (self.low, self.high), "bandpass", rate)]

    def corners(self, rate: float) -> list[float]:
        return [self.low, self.high]


@dataclass(frozen=True)
class OfMains(Step):
    """Base of steps for the mains and its harmonics: their frequencies, and checks of options."""

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
        return not_raw(name, kind, "rectification moves the mains to other frequencies")

    def refuses_rate(self, rate: float) -> str | None:
        if self.mains >= rate / 2:
            return (
                f"mains={self.mains:g} Hz is not below half the sampling rate ({rate / 2:.4g} Hz): "
                "mains in this recording is aliased to another frequency; leave "
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
    """Remove the mains and its harmonics, each with a second-order notch.

    Use it only if mains is present (`preset_for` checks) and its frequency is stable: a notch with
    Q 30 is 1.7 Hz wide at 50 Hz, and attenuates by 7 dB at 0.4 Hz from its centre. The width grows
    with the harmonic, as drift does. For drifting mains, or bursts far above rest, use `MainsFit`.

    Parameters
    ----------
    mains : frequency in Hz, 50 or 60
    harmonics : number of multiples of `mains`, including itself, or a tuple of multiples such as
        (1, 3, 5); None uses all below half the sampling rate and below 500 Hz
    q : centre frequency divided by −3 dB width, causal; with zero phase the same width is at −6 dB

    Examples
    --------
    >>> from emgnb import filters
    >>> chain = filters.Chain(filters.BandPass(20, 450), filters.Notch(60))
    >>> response = chain.response(1000)
    >>> bool(response["magnitude"].sel(frequency=60, method="nearest") < -20)  # dB
    True
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
