"""Compare the strength of a person's movements with that person's own baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.dynamics.wording import MEANING, Estimate, shown
from emgnb.labels.binned import DRAWS, interval

REST = "rest"


@dataclass(frozen=True, eq=False)
class Expressivity:
    """Strength relative to the person's own baseline; prints as a table.

    Attributes
    ----------
    ratio : (channel, label) → median over that of the reference, with its 95 % interval over events
    number : (channel, label) → number of events with a value
    reference : label of the reference, or "rest" for the resting level
    measure : column that was compared
    """

    ratio: Mapping[tuple[str, str], Estimate]
    number: Mapping[tuple[str, str], int]
    reference: str
    measure: str

    def conclusions(self) -> dict[str, Estimate]:
        """Return the natural logarithm of each ratio, to be compared with 0."""
        made: dict[str, Estimate] = {}
        for (channel, label), ratio in self.ratio.items():
            with np.errstate(divide="ignore", invalid="ignore"):
                value, low, high = (float(each) for each in np.log(ratio))
            made[f"{self.measure}, {channel}, {label}"] = value, low, high
        return made

    def __str__(self) -> str:
        lines = [
            f"median {self.measure.replace('_', ' ')} relative to {self._reference()}; 95 % "
            "intervals over this person's events"
        ]
        lines += [
            f"{channel}, {label or 'events'}: {self.number[channel, label]} events, "
            f"× {shown(ratio)}"
            for (channel, label), ratio in self.ratio.items()
        ]
        return "\n".join([*lines, MEANING])

    def _reference(self) -> str:
        own = "the person's own resting level"
        return own if self.reference == REST else f"the person's own {self.reference!r}"


def expressivity(
    measures: xr.Dataset, *, reference: str = REST, measure: str = "amplitude", seed: int = 0
) -> Expressivity:
    """Compare the events of each label with the same person's baseline, channel by channel.

    A ratio within a channel does not depend on its gain (`check_gain`), so it can be compared
    between people and sessions, where amplitudes cannot. It describes how strongly a person moves
    relative to that baseline. Reduced ratios have many causes, the task and the electrodes among
    them: it is no diagnosis.

    Parameters
    ----------
    measures : of one person and electrode placement, from `describe`
    reference : label of the person's own reference events, such as "posed"; "rest" compares with
        the median `baseline` of the channel, for envelopes without offset
    measure : column to compare: "amplitude", "onset_speed" (not with "rest") or "duration"
    seed : of the bootstrap over events

    Returns
    -------
    Expressivity. Events with NaN are left out. A ratio is NaN without events, or if the median of
    the reference is not positive; its interval is NaN for a single event

    Raises
    ------
    ValueError : not from `describe`, an unknown measure, or no event of the reference
    """
    for name in ("channel", "label", "baseline", measure):
        if not isinstance(measures, xr.Dataset) or name not in measures:
            raise ValueError(
                f"no column {name!r}: expected the table of dynamics.describe(table, x)"
            )
    recording.refuse(
        ["with reference='rest', only amplitudes can be compared"]
        if reference == REST and not measure.startswith("amplitude")
        else []
    )
    channel, label = (measures[name].values.astype(str) for name in ("channel", "label"))
    if reference != REST and not (label == reference).any():
        raise ValueError(
            f"no event has the label {reference!r}; there are {sorted(set(label.tolist()))}"
        )
    values = measures[measure].values.astype(float)
    level = measures["baseline"].values.astype(float)
    ratio, number = {}, {}
    for one in sorted(set(channel.tolist())):
        mine = channel == one
        base = level[mine] if reference == REST else values[mine & (label == reference)]
        for word in sorted(set(label[mine].tolist()) - {reference}):
            these = values[mine & (label == word)]
            number[one, word] = int(np.isfinite(these).sum())
            ratio[one, word] = _ratio(these, base, seed)
    return Expressivity(ratio, number, reference, measure)


def _ratio(values: Floats, base: Floats, seed: int) -> Estimate:
    values, base = (each[np.isfinite(each)] for each in (values, base))
    if not values.size or not base.size or not np.median(base) > 0:
        return float("nan"), float("nan"), float("nan")
    value = float(np.median(values) / np.median(base))
    if min(values.size, base.size) < 2:
        return value, float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    drawn = [
        np.median(each[rng.integers(0, each.size, (DRAWS, each.size))], axis=1)
        for each in (values, base)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return value, *interval(np.where(drawn[1] > 0, drawn[0] / drawn[1], np.nan))
