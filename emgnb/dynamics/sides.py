"""Compare the left and the right side of each movement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from emgnb import facs, recording
from emgnb._arrays import Floats, Ints
from emgnb.dynamics._envelopes import (
    Envelopes,
    busy,
    envelopes,
    joined,
    level_before,
    size_in,
    words,
)
from emgnb.dynamics.events import needed
from emgnb.dynamics.wording import MEANING, Estimate, shown
from emgnb.labels.binned import resampled
from emgnb.labels.comparing import intervals_of

ALL = "all"
OWN, MVC, NONE = "own", "mvc", "none"
# Smallest correlation of both sides for which a lag is stated.
ALIKE = 0.5
REFERENCES = {
    OWN: "each channel relative to its own median amplitude over these events, so the mean over "
    "all events is near 0 and only differences between events and labels can be interpreted",
    MVC: "each channel relative to its maximum voluntary contraction",
    NONE: "amplitudes as recorded: asymmetry of muscles and of electrode gains together. It cannot "
    "be interpreted as asymmetry of the face",
}


@dataclass(frozen=True, eq=False)
class Symmetry:
    """Symmetry of the two sides; prints as a table.

    Attributes
    ----------
    events : row (event) per movement and muscle: `onset`, `offset` (s), `muscle`, `label`, `left`
        and `right` (amplitudes, relative to `reference`), `asymmetry`, `lag` (s), `correlation`
    asymmetry, lag : (muscle, label) → mean asymmetry, and median lag in s, with 95 % intervals over
        events
    reference : "own", "mvc" or "none", see `symmetry`
    """

    events: xr.Dataset
    asymmetry: Mapping[tuple[str, str], Estimate]
    lag: Mapping[tuple[str, str], Estimate]
    reference: str

    def conclusions(self) -> dict[str, Estimate]:
        """Return what can be concluded: asymmetries and lags, to be compared with 0."""
        made = {f"asymmetry, {where(*key)}": each for key, each in self.asymmetry.items()}
        return made | {f"lag, {where(*key)}": each for key, each in self.lag.items()}

    def __str__(self) -> str:
        lines = [
            "asymmetry (left − right) / (left + right), positive if the left is stronger; lag "
            "positive if the left is first; 95 % intervals over events"
        ]
        for key, value in self.asymmetry.items():
            at = _of(self.events, *key)
            milliseconds = tuple(1e3 * each for each in self.lag[key])
            lines.append(
                f"{where(*key)}: {at.size} events, asymmetry {shown(value)}, lag "
                f"{shown((milliseconds[0], milliseconds[1], milliseconds[2]), ' ms', 0)}"
            )
        return "\n".join([*lines, f"Reference: {REFERENCES[self.reference]}.", MEANING])


def symmetry(
    table: xr.Dataset,
    x: xr.DataArray | xr.DataTree,
    *,
    reference: str | Mapping[str, float] = OWN,
    cutoff: float = 6.0,
    rest: float = 0.5,
    margin: float = 0.2,
    longest_lag: float = 0.2,
    seed: int = 0,
) -> Symmetry:
    """Compare both sides of each movement: asymmetry of the amplitudes, and lag.

    A muscle is compared if one channel lies over its left and one over its right half (coordinates
    `muscle` and `side`). A movement is a coded action unit of the muscle, or a burst of either
    channel; movements that overlap are one. The asymmetry is (L − R) / (L + R) of the amplitudes
    (as of `describe`; negative ones count as 0). The lag is
    that of the largest cross-correlation of both envelopes from `margin` before the onset to
    `margin` after the offset.

    Amplitudes depend on skin, electrode and amplifier as much as on the muscle: **gain is not
    expressivity**. So each channel is divided by a reference of its own (`check_gain` verifies that
    a change of gain changes no conclusion). Posed and spontaneous smiles did not differ in
    asymmetry within people (Schmidt 2006, doi:10.1007/s10919-005-0003-x; 2009,
    doi:10.1007/s10919-008-0058-6).

    Parameters
    ----------
    table : event table of a coder or from `detect.bursts`; `label` distinguishes conditions
    x : signal or session; raw EMG is smoothed as in `describe`
    reference : "own", the median amplitude of each channel over these events; a mapping channel →
        level at maximum contraction (`mvc_levels`); or "none", for amplitudes as recorded
    cutoff, rest, margin : as for `describe`
    longest_lag : s, lags from −`longest_lag` to `longest_lag` are compared
    seed : of the bootstrap

    Returns
    -------
    Symmetry. Missing values: `left`, `right` and `asymmetry` are NaN if a sample of the event is
    lost or its baseline is unknown (see `describe`), and if neither side is active; `lag` is NaN if
    a sample is lost, if the sides correlate less than 0.5, or if the best lag is the longest

    Raises
    ------
    TypeError : not a table, or not a signal or session
    ValueError : no muscle with both sides, an invalid table or reference, a channel without level
    """
    recording.need_positive(rest=rest, margin=margin, longest_lag=longest_lag)
    x = recording.emg(x)
    table = needed(table, x)
    e = envelopes(x, cutoff)
    pairs = pairs_of(e)
    name = reference if isinstance(reference, str) else MVC
    _check(reference, [e.channel[c] for pair in pairs.values() for c in pair])
    parts = [
        _compared(e, muscle, *pair, _movements(table, e, muscle), rest, margin, longest_lag)
        for muscle, pair in pairs.items()
    ]
    events = xr.concat([_relative(part, e, pairs, reference) for part in parts], dim="event")
    keys = [
        (muscle, label)
        for muscle in pairs
        for label in [*_labels(events, muscle), *([ALL] if name != OWN else [])]
    ]
    found = {
        column: {
            key: _estimate(events[column].values[_of(events, *key)], seed, statistic)
            for key in keys
        }
        for column, statistic in (("asymmetry", np.mean), ("lag", np.median))
    }
    return Symmetry(events, found["asymmetry"], found["lag"], name)


def pairs_of(e: Envelopes) -> dict[str, tuple[int, int]]:
    """Return muscle → its left and right channel, for muscles with exactly one of each.

    Raises
    ------
    ValueError : there is none
    """
    made = {}
    for muscle in dict.fromkeys(e.muscle):
        sides = [
            [i for i, at in enumerate(zip(e.muscle, e.side, strict=True)) if at == (muscle, side)]
            for side in ("left", "right")
        ]
        if muscle and all(len(each) == 1 for each in sides):
            made[muscle] = (sides[0][0], sides[1][0])
    if not made:
        raise ValueError(
            "no muscle has one channel on the left and one on the right. The channels are "
            + ", ".join(e.channel)
            + "; muscle and side are coordinates of the signal"
        )
    return made


def _check(reference: str | Mapping[str, float], channels: list[str]) -> None:
    if isinstance(reference, str):
        if reference not in (OWN, NONE):
            raise ValueError(
                f"reference={reference!r}, expected 'own', 'none', or a mapping channel → level, "
                "such as dynamics.mvc_levels(session)"
            )
        return
    absent = [name for name in channels if not reference.get(name, 0) > 0]
    if absent:
        raise ValueError(f"reference has no level above 0 for {', '.join(absent)}")


def _movements(table: xr.Dataset, e: Envelopes, muscle: str) -> list[tuple[float, float, str]]:
    """Return onset, offset and label of the movements of a muscle; overlapping ones are joined."""
    units = facs.MUSCLES[muscle].aus if muscle in facs.MUSCLES else ()
    mine = {name for name, of in zip(e.channel, e.muscle, strict=True) if of == muscle}
    empty = np.full(table.sizes["event"], "")
    channel = table["channel"].values.astype(str) if "channel" in table else empty
    shown_ = np.isin(channel, sorted(mine)) | (
        (channel == "") & np.isin(table["au"].values.astype(str), units)
    )
    interval, label = intervals_of(table), table["label"].values.astype(str)
    return joined(interval[shown_], label[shown_])


def _compared(
    e: Envelopes,
    muscle: str,
    left: int,
    right: int,
    movements: list[tuple[float, float, str]],
    rest: float,
    margin: float,
    longest: float,
) -> xr.Dataset:
    interval = np.array([each[:2] for each in movements], dtype=float).reshape(-1, 2)
    taken = busy(e, interval + np.array([-margin, margin]))
    size, lags = np.full((2, len(movements)), np.nan), np.full((2, len(movements)), np.nan)
    for i, (onset, offset) in enumerate(interval):
        for side, channel in enumerate((left, right)):
            baseline = level_before(e, channel, onset - margin, rest, taken)
            size[side, i] = size_in(e, channel, onset, offset, baseline).amplitude
        rows = e.rows(onset - margin, offset + margin)
        lags[:, i] = _lag(e.values[rows, left], e.values[rows, right], round(longest * e.rate))
    size = np.where(size < 0, 0.0, size)
    return xr.Dataset(
        {
            "onset": ("event", interval[:, 0], {"units": "s"}),
            "offset": ("event", interval[:, 1], {"units": "s"}),
            "muscle": ("event", words([muscle] * len(movements))),
            "label": ("event", words([each[2] for each in movements])),
            "left": ("event", size[0], {"units": e.units}),
            "right": ("event", size[1], {"units": e.units}),
            "lag": ("event", lags[0] / e.rate, {"units": "s"}),
            "correlation": ("event", lags[1]),
        }
    )


def _lag(left: Floats, right: Floats, longest: int) -> tuple[float, float]:
    """Return how many samples `right` is later than `left`, and their correlation at that lag."""
    n = left.size
    if n < 4 * longest or longest < 1 or np.isnan(left).any() or np.isnan(right).any():
        return float("nan"), float("nan")
    middle = left[longest : n - longest]
    shifted = np.lib.stride_tricks.sliding_window_view(right, middle.size)
    a = middle - middle.mean()
    b = shifted - shifted.mean(axis=1, keepdims=True)
    norm = np.sqrt((a**2).sum() * (b**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (b @ a) / norm
    if np.isnan(r).any():
        return float("nan"), float("nan")
    best = int(r.argmax())
    if best in (0, 2 * longest) or r[best] < ALIKE:
        return float("nan"), float(r[best])
    before, at, after = r[best - 1 : best + 2]
    bend = before - 2 * at + after
    return best - longest + (0.5 * (before - after) / bend if bend else 0.0), float(at)


def _relative(
    part: xr.Dataset,
    e: Envelopes,
    pairs: Mapping[str, tuple[int, int]],
    reference: str | Mapping[str, float],
) -> xr.Dataset:
    """Divide both sides by their references, and add the asymmetry."""
    if not part.sizes["event"]:
        return part.assign(asymmetry=("event", np.empty(0)))
    muscle = str(part["muscle"].values[0])
    scaled: dict[str, Any] = {}
    for side, channel in zip(("left", "right"), pairs[muscle], strict=True):
        values = part[side].values
        if reference != NONE:
            level = _median(values) if isinstance(reference, str) else reference[e.channel[channel]]
            values = 100.0 * values / level
        scaled[side] = ("event", values, {"units": e.units if reference == NONE else "%"})
    left, right = scaled["left"][1], scaled["right"][1]
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (left - right) / (left + right)
    return part.assign({**scaled, "asymmetry": ("event", index)})


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    level = float(np.median(known)) if known.size else float("nan")
    return level if level > 0 else float("nan")


def _labels(events: xr.Dataset, muscle: str) -> list[str]:
    return sorted({str(word) for word in events["label"].values[_of(events, muscle, ALL)]})


def _of(events: xr.Dataset, muscle: str, label: str) -> Ints:
    found = events["muscle"].values == muscle
    if label != ALL:
        found = found & (events["label"].values == label)
    return np.asarray(np.flatnonzero(found), dtype=np.int64)


def _estimate(values: Floats, seed: int, statistic: object) -> Estimate:
    return resampled(values[np.isfinite(values)], seed, statistic)  # type: ignore[arg-type]


def where(muscle: str, label: str) -> str:
    """Name a muscle and a condition."""
    return f"{muscle}, {label}" if label else muscle
