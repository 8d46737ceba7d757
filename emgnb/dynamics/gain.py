"""Check that no conclusion depends on the gain of an electrode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.dynamics.wording import Estimate, shown


class Conclusive(Protocol):
    """Result with conclusions, such as `Symmetry` and `Expressivity`."""

    def conclusions(self) -> dict[str, Estimate]:
        """Return name → value and bounds of its interval, to be compared with 0."""
        ...


@dataclass(frozen=True)
class Change:
    """Conclusion that changed with the gain of a channel."""

    channel: str
    conclusion: str
    before: Estimate
    after: Estimate

    def __str__(self) -> str:
        return f"{self.channel}: {self.conclusion} {shown(self.before)} → {shown(self.after)}"


@dataclass(frozen=True)
class GainCheck:
    """Result of `check_gain`; true if no conclusion changed.

    Attributes
    ----------
    changed : conclusions that changed, per channel
    conclusions : number of conclusions that were compared
    factor : of the gain
    channels : whose gain was changed, one at a time
    largest : largest change of a value
    """

    changed: tuple[Change, ...]
    conclusions: int
    factor: float
    channels: tuple[str, ...]
    largest: float

    def __bool__(self) -> bool:
        return not self.changed

    def __str__(self) -> str:
        head = (
            f"gain × {self.factor:g}, one of {len(self.channels)} channels at a time: "
            f"{len(self.changed)} of {self.conclusions * len(self.channels)} conclusions change"
        )
        advice = (
            "These conclusions depend on the electrodes. Compare with a reference that the gain "
            "scales as well: the person's own baseline, or an MVC from the same recording"
        )
        return "\n".join([head, *map(str, self.changed), *([advice] if self.changed else [])])


def check_gain(
    analyse: Callable[[xr.DataArray], Conclusive],
    x: xr.DataArray | xr.DataTree,
    *,
    factor: float = 2.0,
    channels: Sequence[str] | None = None,
) -> GainCheck:
    """Repeat an analysis with the gain of one electrode changed, and list what it changes.

    Gain is not expressivity: skin, electrode and amplifier scale a channel as much as the muscle
    does. A conclusion is whether an interval lies above 0, below 0, or includes it. It must not
    change. Levels that the analysis uses, such as an MVC, must be measured inside `analyse`::

        dynamics.check_gain(lambda x: dynamics.symmetry(table, x), x)

    Scaling recorded samples does not simulate a gain that clips or adds noise before the converter.

    Parameters
    ----------
    analyse : takes a signal, returns a result with `conclusions()`
    x : signal or session
    factor : by which the gain is multiplied
    channels : whose gain is changed, one at a time; all by default

    Raises
    ------
    TypeError : not a signal or session
    ValueError : a factor that is not positive, or an unknown channel
    """
    recording.need_positive(factor=factor)
    x = recording.emg(x)
    known = [str(name) for name in x["channel"].values]
    names = known if channels is None else list(channels)
    if odd := [name for name in names if name not in known]:
        raise ValueError(f"unknown channels {odd}; the signal has {known}")
    before = analyse(x).conclusions()
    changed: list[Change] = []
    largest = 0.0
    for name in names:
        scale = np.where(x["channel"].values == name, factor, 1.0).astype(x.dtype)
        scaled = x.transpose("time", "channel")
        after = analyse(scaled.copy(data=scaled.data * scale)).conclusions()
        for conclusion in dict.fromkeys([*before, *after]):
            a, b = (each.get(conclusion, (np.nan,) * 3) for each in (before, after))
            if _verdict(a) != _verdict(b):
                changed.append(Change(name, conclusion, a, b))
            if np.isfinite(a[0] - b[0]):
                largest = max(largest, abs(a[0] - b[0]))
    return GainCheck(tuple(changed), len(before), factor, tuple(names), largest)


def _verdict(estimate: Estimate) -> str:
    value, low, high = estimate
    if np.isnan(value):
        return "undefined"
    return "above" if low > 0 else "below" if high < 0 else "undetermined"
