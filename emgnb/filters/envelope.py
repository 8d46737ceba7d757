# ruff: noqa: D102 — documented once, at `Step`
"""Steps from raw EMG to an envelope: rectify, smooth, subtract rest, normalise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from emgnb._arrays import Floats, Mask
from emgnb.filters._design import butterworth
from emgnb.filters.step import (
    Operation,
    Place,
    Step,
    positive,
    too_high,
    whole_order,
)


@dataclass(frozen=True)
class Rectify(Step):
    """Take the absolute value of each sample (full-wave rectification).

    Examples
    --------
    >>> from emgnb import filters, recording
    >>> x = recording.signal([[-2.0], [3.0]], rate=1000, units="uV")
    >>> y = filters.Chain(filters.Rectify())(x)
    >>> y.values.ravel(), str(y.signal_kind.values[0])
    (array([2., 3.], dtype=float32), 'rectified')
    """

    linear: ClassVar[bool] = False

    def refuses_kind(self, kind: str) -> str | None:
        if kind == "raw":
            return None
        what = "an envelope" if kind == "envelope" else "a rectified signal"
        return f"Rectify on {what}: it is rectified already; leave the step out."

    def kind_after(self, kind: str) -> str:
        return "rectified"

    def operations(self, rate: float) -> list[Operation]:
        return [np.abs]


@dataclass(frozen=True)
class Envelope(Step):
    """Smooth the rectified EMG into its envelope; raw EMG is rectified first.

    Overshoot can make the envelope slightly negative after a burst.

    Parameters
    ----------
    cutoff : low-pass corner in Hz; 6 Hz suits held expressions, 20 Hz bursts under 200 ms
    order : of the causal filter; the effective order doubles in zero-phase

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> t = np.arange(2000) / 1000
    >>> x = recording.signal(np.sin(2 * np.pi * 83 * t)[:, None], rate=1000, units="uV")
    >>> y = filters.Chain(filters.Rectify(), filters.Envelope(6))(x)
    >>> round(float(y[500:1500].mean()), 2)  # 2 / π, the mean of a rectified sine
    0.64
    """

    cutoff: float = 6.0
    order: int = 2
    linear: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, cutoff=self.cutoff)
        whole_order(self, self.order)

    def refuses_kind(self, kind: str) -> str | None:
        if kind == "envelope":
            return (
                "Envelope on an envelope: it is one already; to smooth it further, use "
                f"LowPass({self.cutoff:g})."
            )
        return None

    def refuses_rate(self, rate: float) -> str | None:
        return too_high("cutoff", self.cutoff, rate)

    def kind_after(self, kind: str) -> str:
        return "envelope"

    def operations(self, rate: float) -> list[Operation]:
        return [np.abs, butterworth(self.order, self.cutoff, "lowpass", rate)]

    def corners(self, rate: float) -> list[float]:
        return [self.cutoff]


@dataclass(frozen=True)
class _Levelled(Step):
    """A step that uses one level per channel, measured once."""

    percentile: float
    level: tuple[float, ...] | None = None
    linear: ClassVar[bool] = False
    learned: ClassVar[tuple[str, ...]] = ("level",)
    without: ClassVar[float]

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        if not 0 <= self.percentile <= 100:
            raise ValueError(f"{name}: percentile={self.percentile!r}, expected 0 to 100")
        if self.level is not None:
            given = np.atleast_1d(np.asarray(self.level, dtype=float))
            if given.ndim != 1 or not given.size or not np.isfinite(given).all():
                raise ValueError(f"{name}: level={self.level!r}, expected a number per channel")
            object.__setattr__(self, "level", tuple(given.tolist()))

    @property
    def channelwise(self) -> bool:
        return self.level is None or len(self.level) == 1

    def refuses_live(self) -> str | None:
        if self.level is not None:
            return None
        return (
            f"{type(self).__name__}() measures its level on the whole recording and cannot run "
            "live: fit it on a calibration recording, chain.fit(recording), and run the fitted "
            "chain."
        )

    def _levels(self, width: int) -> Floats:
        level = np.asarray(self.level, dtype=float)
        if level.size not in (1, width):
            raise ValueError(
                f"{type(self).__name__} has {level.size} levels for a signal of {width} channels: "
                "fit the chain on a recording with the same channels"
            )
        return level

    def _look(self, missing: Mask, place: Place) -> Mask:
        return ~missing

    def over_whole(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Step]:
        look = self._look(missing, place)
        level = tuple(
            float(np.percentile(values[look[:, i], i], self.percentile))
            if look[:, i].any()
            else self.without
            for i in range(values.shape[1])
        )
        fitted = replace(self, level=level)
        for operation in fitted.operations(place.rate):
            values = operation(values) if callable(operation) else values
        return values, fitted


@dataclass(frozen=True)
class Baseline(_Levelled):
    """Subtract the resting level of a rectified signal or an envelope, channel by channel.

    Parameters
    ----------
    percentile : percentile of the valid samples used as resting level; 10 works if the face rests
        for at least 20 % of the time. Channels without valid samples get level 0
    level : resting level, one for all channels or one each, in the unit of the signal; `chain.fit`
        sets it. With a level the step runs live
    rest : ((from, to), …) in s of the recording's time, intervals of known rest; the percentile is
        then taken within them (use 50, the median)

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> level = 0.1 + np.repeat([0.0, 1.0, 0.0], 500)
    >>> x = recording.signal(level[:, None], rate=100, units="V", signal_kind="envelope")
    >>> y = filters.Chain(filters.Baseline())(x)
    >>> [round(float(each), 2) for each in (y.min(), y.max())]
    [0.0, 1.0]
    """

    percentile: float = 10.0
    level: tuple[float, ...] | None = None
    rest: tuple[tuple[float, float], ...] | None = None
    learned: ClassVar[tuple[str, ...]] = ("level", "rest")
    without: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rest is not None:
            try:
                spans = tuple((float(a), float(b)) for a, b in self.rest)
            except (TypeError, ValueError):
                spans = ()
            if not spans or any(not a < b for a, b in spans):
                raise ValueError(
                    f"Baseline: rest={self.rest!r}, expected pairs ((from, to), …) in s"
                )
            object.__setattr__(self, "rest", spans)

    def refuses_kind(self, kind: str) -> str | None:
        if kind != "raw":
            return None
        return (
            "Baseline on a raw signal: raw EMG oscillates around zero and has no resting level; "
            "use Envelope() first, or HighPass(20) to remove an offset."
        )

    def operations(self, rate: float) -> list[Operation]:
        return [lambda values: values - self._levels(values.shape[1])]

    def _look(self, missing: Mask, place: Place) -> Mask:
        start, rate = place.start, place.rate
        if self.rest is None:
            return ~missing
        inside = np.zeros(len(missing), dtype=bool)
        for begin, end in self.rest:
            first = max(math.ceil((begin - start) * rate - 1e-6), 0)
            inside[first : max(math.ceil((end - start) * rate - 1e-6), 0)] = True
        if not inside.any():
            raise ValueError(
                f"Baseline: rest={self.rest} contains no sample of a recording from {start:g} to "
                f"{start + len(missing) / rate:g} s"
            )
        return ~missing & inside[:, np.newaxis]


@dataclass(frozen=True)
class Normalise(_Levelled):
    """Divide each channel by its maximum level, in percent.

    The result is in percent of the maximum voluntary contraction (MVC) if fitted on a recording of
    it, `Chain(Envelope(), Normalise()).fit(mvc)`; otherwise in percent of the maximum of the
    recording.

    Parameters
    ----------
    percentile : percentile of the valid samples used as maximum; channels without valid samples get
        level 1
    level : maximum level, one for all channels or one each; `chain.fit` sets it. With a level the
        step runs live

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import filters, recording
    >>> level = np.repeat([0.0, 2.0, 0.5], 500)
    >>> x = recording.signal(level[:, None], rate=100, units="V", signal_kind="envelope")
    >>> y = filters.Chain(filters.Normalise())(x)
    >>> float(y.max()), float(y[-1, 0]), y.attrs["units"]
    (100.0, 25.0, '%MVC')
    """

    percentile: float = 100.0
    level: tuple[float, ...] | None = None
    without: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level is not None and min(self.level) <= 0:
            raise ValueError(
                f"Normalise: levels {self.level}, expected all above 0; drop channels "
                "without activity"
            )

    def refuses_kind(self, kind: str) -> str | None:
        if kind != "raw":
            return None
        return "Normalise on a raw signal: its maximum is a single sample; use Envelope() first."

    def units_after(self, units: str) -> str:
        return "%MVC"

    def operations(self, rate: float) -> list[Operation]:
        return [lambda values: values * (100.0 / self._levels(values.shape[1]))]
