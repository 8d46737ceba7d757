# ruff: noqa: D102 — what each answer means is said once, at `Step`
"""Steps from raw EMG to a level: rectified, smoothed, above rest, in percent of the greatest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from emgnb.filters.base import (
    Array,
    Mask,
    Operation,
    Place,
    Step,
    positive,
    too_high,
    whole_order,
)
from emgnb.filters.design import butterworth


@dataclass(frozen=True)
class Rectify(Step):
    """Take the absolute value of each sample (full-wave rectification)."""

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

    Overshoot can take the envelope slightly below 0 after a burst.

    Parameters
    ----------
    cutoff : low-pass corner in Hz; 6 Hz suits held expressions, 20 Hz bursts under 200 ms
    order : of the causal filter; the effective order doubles in zero-phase
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
                "Envelope on an envelope: it is one already; to smooth it more use "
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
    """A step that needs one level for each channel, measured once and then kept."""

    percentile: float
    level: tuple[float, ...] | None = None
    linear: ClassVar[bool] = False
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
            f"{type(self).__name__}() takes its level from the whole recording, which live has no "
            "end yet: measure it once on a calibration recording, chain.fit(recording), and run "
            "that chain."
        )

    def _levels(self, width: int) -> Array:
        level = np.asarray(self.level, dtype=float)
        if level.size not in (1, width):
            raise ValueError(
                f"{type(self).__name__} has {level.size} levels for a signal of {width} channels: "
                "fit the chain on a recording with the same channels"
            )
        return level

    def _look(self, missing: Mask, place: Place) -> Mask:
        return ~missing

    def over_whole(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Step]:
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
    percentile : of the valid samples that counts as rest; 10 holds while the face rests for a
        fifth of the time or more. A channel without valid samples gets level 0.
    level : the resting level itself, one for all or one for each channel, in the signal's unit;
        `chain.fit` fills it in. With it the step runs live.
    rest : ((from, to), …) in s of the recording's time, where the face is known to rest; then the
        percentile is taken in there only (use 50, the median)
    """

    percentile: float = 10.0
    level: tuple[float, ...] | None = None
    rest: tuple[tuple[float, float], ...] | None = None
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
            "Baseline on a raw signal: raw EMG goes both ways about zero and has no resting level; "
            "take Envelope() first, or HighPass(20) to remove an offset."
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
                f"Baseline: rest={self.rest} holds no sample of a recording from {start:g} to "
                f"{start + len(missing) / rate:g} s"
            )
        return ~missing & inside[:, np.newaxis]


@dataclass(frozen=True)
class Normalise(_Levelled):
    """Divide each channel by its greatest level and give percent of it.

    Percent of the maximal voluntary contraction when fitted on a recording of that contraction,
    `Chain(Envelope(), Normalise()).fit(mvc)`; else percent of the recording's own maximum.

    Parameters
    ----------
    percentile : of the valid samples that counts as the greatest level; a channel without valid
        samples gets level 1
    level : the level itself, one for all or one for each channel; `chain.fit` fills it in. With it
        the step runs live.
    """

    percentile: float = 100.0
    level: tuple[float, ...] | None = None
    without: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level is not None and min(self.level) <= 0:
            raise ValueError(
                f"Normalise: levels {self.level}, expected all above 0; a channel without any "
                "activity has no greatest level: drop it"
            )

    def refuses_kind(self, kind: str) -> str | None:
        if kind != "raw":
            return None
        return "Normalise on a raw signal: its greatest sample is chance; take Envelope() first."

    def units_after(self, units: str) -> str:
        return "%MVC"

    def operations(self, rate: float) -> list[Operation]:
        return [lambda values: values * (100.0 / self._levels(values.shape[1]))]
