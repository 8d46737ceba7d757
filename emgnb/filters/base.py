"""What every filter step answers.

A step is a small frozen dataclass. It knows which kind of signal it makes sense for
(`refuses_kind`), which sampling rates (`refuses_rate`), and what comes out (`kind_after`,
`units_after`). What it computes is given as second-order sections or a function of single samples
(`operations`); when it must see some seconds on both sides of a sample, as `over_stretch`; when it
must see the whole recording, as `over_whole`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from emgnb import recording

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Pointwise = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Fir:
    """Taps of a filter without feedback; a symmetric one delays all frequencies alike."""

    taps: Array
    symmetric: bool


Operation = Array | Fir | Pointwise

# Highest corner that leaves a Butterworth filter room below half the rate, as a share of the rate.
HIGHEST = 0.45


@dataclass(frozen=True)
class Place:
    """Where in a recording some samples lie, and whose they are.

    `first` : number of the first sample in the recording
    `start` : time of the first sample in s
    `names` : names of the channels
    """

    rate: float
    first: int
    start: float
    names: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """What all steps answer; the answers here are those of a step that leaves the signal alone."""

    linear: ClassVar[bool] = True
    removes_offset: ClassVar[bool] = False
    local: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # A NumPy scalar would make the repr no Python that recreates the step.
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, field.name, value.item())

    def refuses_kind(self, kind: str) -> str | None:
        """Reason why a `kind` signal must not get this step, or None."""
        return None

    def refuses_rate(self, rate: float) -> str | None:
        """Reason why the step cannot work at `rate` Hz, or None."""
        return None

    def refuses_names(self, names: Sequence[str]) -> str | None:
        """Reason why the step cannot work on channels of these names, or None."""
        return None

    def refuses_live(self) -> str | None:
        """Reason why the step cannot run sample by sample, with what to use instead, or None."""
        return None

    def kind_after(self, kind: str) -> str:
        """Kind of signal that leaves the step."""
        return kind

    def units_after(self, units: str) -> str:
        """Unit of the signal that leaves the step."""
        return units

    def operations(self, rate: float) -> list[Operation]:
        """Second-order sections (sections, 6), taps, and functions of samples, in order."""
        return []

    def corners(self, rate: float) -> list[float]:
        """Frequencies in Hz that a plot of the response must not miss."""
        return []

    @property
    def needs_whole(self) -> bool:
        """Whether the step must see the whole recording before it can give a sample."""
        return not self.local and self.refuses_live() is not None

    @property
    def channelwise(self) -> bool:
        """Whether a channel's result is the same whatever other channels are there."""
        return True

    def context(self, rate: float) -> int:
        """Samples that a `local` step must see on either side of one, to give it."""
        return 0

    def least(self, rate: float) -> int:
        """Samples that a recording must have for the step."""
        return 0

    def over_stretch(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Mask]:
        """Result of a `local` step over a part of a recording, and what is missing after it.

        Farther than `context` from the part's ends it is that over the whole recording.

        `missing` : (time, channel), samples that are lost; `values` hold a bridge there.
        """
        return values, missing

    def over_whole(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Step]:
        """Result over a whole recording, and the step with what it measured.

        `missing` : (time, channel), samples that are lost or marked invalid: nothing is measured
        on them.
        """
        return values, self


def positive(step: Step, **values: float) -> None:
    """Raise ValueError unless each value is a finite number above 0."""
    named = {f"{type(step).__name__}: {name}": value for name, value in values.items()}
    recording.need_positive(**named)


def whole_order(step: Step, order: int) -> None:
    """Raise ValueError unless `order` is one a Butterworth filter works with."""
    if isinstance(order, bool) or not (isinstance(order, int) and 1 <= order <= 12):
        raise ValueError(f"{type(step).__name__}: order={order!r}, expected a whole number 1 to 12")


def too_high(name: str, value: float, rate: float) -> str | None:
    """Reason why a corner does not fit below half the rate, or None."""
    if value < rate / 2:
        return None
    where = "above" if value > rate / 2 else "exactly"
    return (
        f"{name}={value:g} Hz is {where} half the sampling rate ({rate / 2:.4g} Hz): "
        f"use {name} <= {HIGHEST * rate:.3g}, or record faster."
    )


def not_raw(step: str, kind: str, does: str) -> str | None:
    """Reason why a step for raw EMG refuses `kind`, or None."""
    if kind == "raw":
        return None
    what = "an envelope" if kind == "envelope" else f"a {kind} signal"
    return f"{step} on {what}: {does}. Use LowPass(10) and Baseline() there."
