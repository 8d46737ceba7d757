"""Define the interface of filter steps.

A step is a small frozen dataclass. It defines which signal kinds it suits (`refuses_kind`), which
sampling rates (`refuses_rate`), and what comes out (`kind_after`, `units_after`). Its computation
is given as second-order sections or a pointwise function (`operations`), as `over_stretch` if it
needs some seconds around each sample, or as `over_whole` if it needs the whole recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from emgnb import recording
from emgnb._arrays import Floats, Mask

Pointwise = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Fir:
    """Taps of an FIR filter; symmetric taps delay all frequencies equally."""

    taps: Floats
    symmetric: bool


Operation = Floats | Fir | Pointwise

# Highest usable corner of a Butterworth filter, as a fraction of the rate.
HIGHEST = 0.45


@dataclass(frozen=True)
class Place:
    """Position of samples in a recording, and their channels.

    `first` : index of the first sample in the recording
    `start` : time of the first sample in s
    `names` : names of the channels
    """

    rate: float
    first: int
    start: float
    names: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """Interface of all steps; the defaults leave the signal unchanged."""

    linear: ClassVar[bool] = True
    removes_offset: ClassVar[bool] = False
    local: ClassVar[bool] = False
    # Options specific to one recording: measured on it, or times in it.
    learned: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        # With NumPy scalars, the repr would not be Python code that recreates the step.
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, field.name, value.item())

    def refuses_kind(self, kind: str) -> str | None:
        """Return why the step does not suit a `kind` signal, or None."""
        return None

    def refuses_rate(self, rate: float) -> str | None:
        """Return why the step cannot work at `rate` Hz, or None."""
        return None

    def refuses_names(self, names: Sequence[str]) -> str | None:
        """Return why the step cannot work on channels with these names, or None."""
        return None

    def refuses_live(self) -> str | None:
        """Return why the step cannot run sample by sample, with an alternative, or None."""
        return None

    def kind_after(self, kind: str) -> str:
        """Return the kind of the output signal."""
        return kind

    def units_after(self, units: str) -> str:
        """Return the unit of the output signal."""
        return units

    def operations(self, rate: float) -> list[Operation]:
        """Return sections (section, 6), FIR filters and pointwise functions, in order."""
        return []

    def corners(self, rate: float) -> list[float]:
        """Return frequencies in Hz that a plot of the response should include."""
        return []

    @property
    def needs_whole(self) -> bool:
        """Whether the step needs the whole recording to compute a sample."""
        return not self.local and self.refuses_live() is not None

    @property
    def channelwise(self) -> bool:
        """Whether the result of a channel is independent of the other channels."""
        return True

    def context(self, rate: float) -> int:
        """Return how many samples on either side of a sample a `local` step needs."""
        return 0

    def least(self, rate: float) -> int:
        """Return the minimum number of samples of a recording."""
        return 0

    def over_stretch(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Mask]:
        """Apply a `local` step to a part of a recording; return values and missing samples.

        Farther than `context` from the ends of the part, the result equals that of the whole
        recording.

        `missing` : (time, channel), lost samples; `values` are bridged there
        """
        return values, missing

    def over_whole(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Step]:
        """Apply the step to a whole recording; return values and the step with what it measured.

        `missing` : (time, channel), lost or invalid samples, which are not used for measurements
        """
        return values, self


def positive(step: Step, **values: float) -> None:
    """Raise ValueError unless each value is a finite number above 0."""
    named = {f"{type(step).__name__}: {name}": value for name, value in values.items()}
    recording.need_positive(**named)


def whole_order(step: Step, order: int) -> None:
    """Raise ValueError unless `order` is a valid Butterworth order."""
    if isinstance(order, bool) or not (isinstance(order, int) and 1 <= order <= 12):
        raise ValueError(f"{type(step).__name__}: order={order!r}, expected a whole number 1 to 12")


def too_high(name: str, value: float, rate: float) -> str | None:
    """Return why a corner is not below half the rate, or None."""
    if value < rate / 2:
        return None
    where = "above" if value > rate / 2 else "exactly"
    return (
        f"{name}={value:g} Hz is {where} half the sampling rate ({rate / 2:.4g} Hz): "
        f"use {name} <= {HIGHEST * rate:.3g}, or record faster."
    )


def not_raw(step: str, kind: str, does: str) -> str | None:
    """Return why a step for raw EMG does not suit `kind`, or None."""
    if kind == "raw":
        return None
    what = "an envelope" if kind == "envelope" else f"a {kind} signal"
    return f"{step} on {what}: {does}. Use LowPass(10) and Baseline() there."
