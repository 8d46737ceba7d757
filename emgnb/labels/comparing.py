"""Measure the agreement of two coders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.labels import binned
from emgnb.labels.matching import assign, iou, overlapping

ALL = "all"
MEASURES = {
    "facs_index": "FACS index",
    "kappa": "Cohen's kappa",
    "positive_agreement": "positive agreement",
    "skew_normalised_f1": "skew-normalised F1",
    "iou": "IoU of events (mean)",
    "onset_difference": "onset difference (median, s)",
    "offset_difference": "offset difference (median, s)",
    "same_side": "same side",
    "same_intensity": "same intensity",
}
Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of two coders, per action unit and overall.

    Attributes
    ----------
    scores : (unit, measure, bound) value and 95 % interval (low, high); `unit` ends with "all".
        Measures are those of `MEASURES`; differences are second minus first coder, in s
    events : (unit, count) number of events of the first coder, of the second, and of both
    coders : names of the two coders
    bin_width : s, width of the bins of κ, positive agreement and skew-normalised F1
    block : s, length of the blocks of time that the bootstrap draws
    """

    scores: xr.DataArray
    events: xr.DataArray
    coders: tuple[str, str]
    bin_width: float
    block: float

    def table(self) -> list[dict[str, float | str]]:
        """Return one row per unit and measure with its value and 95 % interval."""
        return [
            {
                "unit": str(unit),
                "measure": str(measure),
                **{
                    str(bound): float(self.scores.sel(unit=unit, measure=measure, bound=bound))
                    for bound in self.scores["bound"].values
                },
            }
            for unit in self.scores["unit"].values
            for measure in self.scores["measure"].values
        ]

    def __str__(self) -> str:
        first, second, both = (int(n) for n in self.events.sel(unit=ALL).values)
        lines = [
            f"{self.coders[0]} ({first} events) and {self.coders[1]} ({second} events): {both} "
            f"coded by both; 95 % intervals over blocks of {self.block:g} s; bins of "
            f"{1e3 * self.bin_width:g} ms"
        ]
        for name, title in MEASURES.items():
            value, low, high = self.scores.sel(unit=ALL, measure=name).values
            interval = "" if np.isnan(low) else f" ({low:.3f} to {high:.3f})"
            lines.append(f"{title}: {value:.3f}{interval}")
        return "\n".join(lines)


def agreement(
    first: xr.Dataset,
    second: xr.Dataset,
    *,
    span: tuple[float, float],
    coders: tuple[str, str] = ("first", "second"),
    bin_width: float = 0.04,
    block: float = 10.0,
    seed: int = 0,
) -> Agreement:
    """Compare the event tables of two coders.

    Events of the same unit that overlap are matched one to one: as many as possible, with the
    largest sum of their intersections over union (IoU), minus 1 for each pair whose sides differ.
    On matched events:

    - FACS index: 2 · events coded by both / (events of the first + events of the second)
    - IoU (mean), onset and offset differences (median; second minus first)
    - share of the same side and of the same intensity

    In bins of time, active where their centre lies in an event:

    - Cohen's κ (doi:10.1177/001316446002000104)
    - positive agreement, which does not count bins that neither coder marked
    - skew-normalised F1 (Jeni 2013, doi:10.1109/ACII.2013.47), with the first coder as reference

    "All" pools events and bins of all units. Intervals are 95 % percentiles of a bootstrap over
    blocks of time, and over the matched events for differences, IoU and shares; they say how much
    the figures vary within this recording, not over people. They are NaN for a single block or a
    single event; a measure is NaN where it is undefined, such as IoU without matched events.

    Parameters
    ----------
    first, second : event tables; the unit is `au`, or `label` for events without one
    span : s, the interval that both coders looked at
    coders : names of the coders
    bin_width, block : s, width of bins, and length of the blocks of the bootstrap
    seed : of the bootstrap

    Raises
    ------
    TypeError : not a table
    ValueError : a table violates the data model, an event lies outside the span, no event, or a
        span shorter than a bin
    """
    recording.need_positive(bin_width=bin_width, block=block)
    tables = [
        recording.need_table(t, "table", "labels.events(onset, offset)") for t in (first, second)
    ]
    recording.refuse([fault for t in tables for fault in recording.event_faults(t)])
    recording.refuse(_outside(tables, coders, span))
    named = [units(t) for t in tables]
    names = sorted({str(u) for each in named for u in each}, key=by_number)
    if not names:
        raise ValueError("neither coder has an event, so there is nothing to compare")
    at = binned.centres(span, bin_width)
    one = [
        _Unit(
            *(t.isel(event=np.flatnonzero(u == name)) for t, u in zip(tables, named, strict=True))
        )
        for name in names
    ]
    return _agreement(names, one, at, span[0], coders, bin_width, block, seed)


def units(table: xr.Dataset) -> Strings:
    """Return the unit of each event: `au`, or `label` for events without one."""
    au = table["au"].values.astype(str)
    return np.where(au != "", au, table["label"].values.astype(str))


def by_number(unit: str) -> tuple[int, str]:
    """Return a sort key: numbers in order, then words."""
    return (int(unit), "") if unit.isdigit() else (1000, unit)


def intervals_of(table: xr.Dataset) -> Floats:
    """Return onset and offset of each event, (event, 2)."""
    return np.stack([np.asarray(table[name].values, float) for name in ("onset", "offset")], axis=1)


class _Unit:
    """Events of one unit by both coders, and those that both coded."""

    def __init__(self, first: xr.Dataset, second: xr.Dataset) -> None:
        self.a, self.b = intervals_of(first), intervals_of(second)
        i, j = overlapping(self.a, self.b)
        side = [t["side"].values.astype(str) for t in (first, second)]
        cost = 1.0 - iou(self.a[i], self.b[j]) + (side[0][i] != side[1][j])
        i, j = assign((i, j), cost)
        level = [t["intensity"].values.astype(str) for t in (first, second)]
        coded = (level[0][i] != "") & (level[1][j] != "")
        self.matched, self.partner = i, j
        self.iou = iou(self.a[i], self.b[j])
        self.onset, self.offset = (self.b[j] - self.a[i]).T
        self.same_side = (side[0][i] == side[1][j]).astype(float)
        self.same_intensity = (level[0][i] == level[1][j])[coded].astype(float)


def _agreement(
    names: list[str],
    one: list[_Unit],
    at: Floats,
    start: float,
    coders: tuple[str, str],
    bin_width: float,
    block: float,
    seed: int,
) -> Agreement:
    of = binned.blocks(at, start, block)
    n = int(of[-1]) + 1
    times = binned.times_drawn(n, seed)
    bins = [binned.counts(binned.active(u.a, at), binned.active(u.b, at), of) for u in one]
    events = [_event_counts(u, start, block, n) for u in one]
    bins.append(np.sum(bins, axis=0))
    events.append(np.sum(events, axis=0))
    rows = [
        _rows(pairs, table, count, times, seed)
        for pairs, table, count in zip([*([u] for u in one), one], bins, events, strict=True)
    ]
    return Agreement(
        xr.DataArray(
            np.array(rows),
            dims=("unit", "measure", "bound"),
            coords={
                "unit": [*names, ALL],
                "measure": list(MEASURES),
                "bound": ["value", "low", "high"],
            },
        ),
        xr.DataArray(
            np.array([count.sum(axis=0) for count in events], dtype=int),
            dims=("unit", "count"),
            coords={"unit": [*names, ALL], "count": ["first", "second", "both"]},
        ),
        coders,
        bin_width,
        block,
    )


def _event_counts(unit: _Unit, start: float, block: float, n: int) -> Floats:
    """Count events per block of their onset: of the first, of the second, and of both coders.

    A matched pair belongs to the block of its first event, so that it is drawn as a whole.
    """
    first, second = unit.a[:, 0], unit.b[:, 0].copy()
    second[unit.partner] = first[unit.matched]
    onsets = (first, second, first[unit.matched])
    return np.stack(
        [
            np.bincount(np.minimum(binned.blocks(onset, start, block), n - 1), minlength=n)
            for onset in onsets
        ],
        axis=1,
    ).astype(np.float64)


def _rows(
    pairs: list[_Unit], bins: Floats, events: Floats, times: Floats, seed: int
) -> list[tuple[float, float, float]]:
    """Return value, low and high of each measure."""
    shared = _index(events.sum(axis=0))
    found = {"facs_index": (float(shared), *binned.interval(_index(times @ events)))}
    value, drawn = binned.binned_scores(bins.sum(axis=0)), binned.binned_scores(times @ bins)
    for name in binned.BINNED:
        found[name] = (float(value[name]), *binned.interval(drawn[name]))
    for name, field, statistic in (
        ("iou", "iou", np.mean),
        ("onset_difference", "onset", np.median),
        ("offset_difference", "offset", np.median),
        ("same_side", "same_side", np.mean),
        ("same_intensity", "same_intensity", np.mean),
    ):
        values = np.concatenate([getattr(unit, field) for unit in pairs])
        found[name] = binned.resampled(values, seed, statistic)
    return [found[name] for name in MEASURES]


def _index(events: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * events[..., 2] / (events[..., 0] + events[..., 1]))


def _outside(
    tables: list[xr.Dataset], coders: tuple[str, str], span: tuple[float, float]
) -> list[str]:
    return [
        f"{coder}: an event at {float(t['onset'][i]):g}–{float(t['offset'][i]):g} s lies outside "
        f"span={span[0]:g}–{span[1]:g} s, the interval that both coders looked at"
        for t, coder in zip(tables, coders, strict=True)
        for i in np.flatnonzero((t["onset"].values < span[0]) | (t["offset"].values > span[1]))
    ]
