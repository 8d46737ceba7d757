"""Compare bursts with coded action units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from emgnb import facs, recording
from emgnb._arrays import Floats
from emgnb.labels import binned
from emgnb.labels.periods import span_of
from emgnb.validate._channels import Bursts, Codes, Pair, matched, read_bursts, read_codes
from emgnb.validate._unmatched import (
    bursts_without_code,
    codes_without_burst,
    codes_without_electrode,
    crosstalk,
)
from emgnb.validate.report import Report, Row

# Fewest events for a rank correlation.
FEWEST = 5


def compare(
    bursts: xr.Dataset,
    codes: xr.Dataset,
    x: xr.DataArray | xr.DataTree,
    *,
    tolerance: float = 0.5,
    frame_rate: float | None = None,
    mvc: Mapping[str, float] | None = None,
    bin_width: float = 0.04,
    block: float = 10.0,
    seed: int = 0,
) -> Report:
    """Compare the bursts of a recording with the action units that a coder saw.

    In each channel, bursts are matched one to one with the codes of the units that its electrodes
    see (`labels.channels_for`): onsets at most `tolerance` apart, as many pairs as possible, with
    the smallest sum of lags. Codes that begin together over one muscle share a burst. A code is
    found if one of its channels shows it. Muscle activity precedes visible movement by 0.1–0.3 s,
    and a coder sees no better than the camera, so the tolerance is wide and the lags are reported.

    Parameters
    ----------
    bursts : from `detect.bursts`, with `channel`; `peak` for the strengths
    codes : event table of a coder; events without `au` are left out
    x : signal or session, for channels, muscles, sides and the duration
    tolerance : s, largest difference of onsets in a pair
    frame_rate : Hz, of the camera from which the codes come; the report states its resolution
    mvc : channel → `peak` of a maximum voluntary contraction, in the unit of `peak`, for % MVC
    bin_width, block : s, bins of κ, and blocks of time that the bootstrap draws
    seed : of the bootstrap

    Returns
    -------
    Report with a row per unit. Scores are NaN where they are undefined, and intervals for a single
    block or event; bursts without a finite `peak`, or in a channel without `mvc` if it is given,
    are left out of the strengths

    Raises
    ------
    TypeError : not tables, or not a signal or session
    ValueError : tables that violate the data model, bursts without `channel` or with unknown ones,
        an event that begins outside the recording, no code with an action unit, codes that were
        snapped to bursts, an MVC that is not positive, or a recording shorter than a bin
    """
    recording.need_positive(tolerance=tolerance, bin_width=bin_width, block=block)
    x = recording.emg(x)
    if frame_rate is not None:
        recording.need_positive(frame_rate=frame_rate)
    span = span_of(x)
    _check(bursts, codes, x, mvc, span)
    coded, burst = read_codes(codes, x), read_bursts(bursts)
    pairs = matched(coded, burst, tolerance)
    names = sorted(
        {str(au) for au, seen in zip(coded.au, coded.channels, strict=True) if seen}, key=int
    )
    at = binned.centres(span, bin_width)
    of = binned.blocks(at, span[0], block)
    rows = [_unit(name, coded, burst, pairs, at, of, span[0], block, seed) for name in names]
    muscles = dict(zip(x["channel"].values.tolist(), x["muscle"].values.tolist(), strict=True))
    return Report(
        units=tuple(rows),
        pairs=_pair_table(pairs, coded, burst),
        strength=tuple(_strength(pairs, coded, burst, names, mvc, seed)),
        crosstalk=crosstalk(coded, burst, x),
        bursts_without_code=tuple(bursts_without_code(coded, burst, pairs, muscles)),
        codes_without_burst=tuple(codes_without_burst(coded, burst, pairs)),
        codes_without_electrode=tuple(codes_without_electrode(coded)),
        settings={
            "tolerance": tolerance,
            "frame_rate": frame_rate,
            "bin_width": bin_width,
            "block": block,
            "seed": seed,
            "start": span[0],
            "stop": span[1],
            "bursts": int(burst.channel.size),
            "codes": int(coded.au.size),
            "codes_without_au": int(codes.sizes["event"] - coded.au.size),
            "mvc": None if mvc is None else {str(k): float(v) for k, v in mvc.items()},
        },
    )


def _check(
    bursts: xr.Dataset,
    codes: xr.Dataset,
    x: xr.DataArray,
    mvc: Mapping[str, float] | None,
    span: tuple[float, float],
) -> None:
    for name, table in (("bursts", bursts), ("codes", codes)):
        recording.need_table(table, name, "detect.bursts(x) and labels.events(onset, offset)")
        recording.refuse([f"{name}: {fault}" for fault in recording.event_faults(table)])
    known = {str(name) for name in x["channel"].values}
    faults = [
        f"{name}: {n} events begin outside the recording, {span[0]:g}–{span[1]:g} s"
        for name, table in (("bursts", bursts), ("codes", codes))
        if (n := int(((table["onset"] < span[0]) | (table["onset"] > span[1])).sum()))
    ]
    if "channel" not in bursts:
        faults.append("bursts: no column `channel`; expected a table from detect.bursts")
    elif odd := sorted({str(name) for name in bursts["channel"].values} - known):
        faults.append(f"bursts: unknown channels {odd}; the signal has {sorted(known)}")
    if "onset_shift" in codes:
        faults.append(
            "codes: snapped to bursts (labels.snap), so they agree by construction. Use the table "
            "as coded"
        )
    if not (codes["au"].values != "").any():
        faults.append("codes: no event has an action unit (`au`), so there is nothing to compare")
    faults += [
        f"mvc[{name!r}]={value!r}: expected a channel of the signal and a number above 0"
        for name, value in (mvc or {}).items()
        if name not in known or not value > 0
    ]
    recording.refuse(faults)


def _unit(
    name: str,
    codes: Codes,
    bursts: Bursts,
    pairs: Sequence[Pair],
    at: Floats,
    of: npt.NDArray[np.intp],
    start: float,
    block: float,
    seed: int,
) -> Row:
    """Return the row of one action unit."""
    seen = np.array([bool(channels) for channels in codes.channels])
    coded = np.flatnonzero((codes.au == name) & seen)
    channels = {c for i in coded for c in codes.channels[i]}
    mine = [pair for pair in pairs if codes.au[pair.code] == name]
    found = sorted({pair.code for pair in mine})
    other = {pair.burst for pair in pairs} - {pair.burst for pair in mine}
    here = np.flatnonzero(np.isin(bursts.channel, sorted(channels)))
    here = np.array([i for i in here if i not in other], dtype=np.intp)
    free = np.array([i for i in here if i not in {p.burst for p in mine}], dtype=np.intp)
    false = _movements(bursts.interval[free])
    n = int(of.max()) + 1
    events = np.stack(
        [
            np.bincount(np.clip(binned.blocks(onset, start, block), 0, n - 1), minlength=n)
            for onset in (codes.interval[coded, 0], codes.interval[found, 0], false)
        ],
        axis=1,
    ).astype(np.float64)
    bins = binned.counts(
        binned.active(codes.interval[coded], at), binned.active(bursts.interval[here], at), of
    )
    times = binned.times_drawn(n, seed)
    row: Row = {"au": name, "coded": coded.size, "found": len(found), "false": false.size}
    row |= _with_intervals(_event_scores(events.sum(axis=0)), _event_scores(times @ events))
    row |= _with_intervals(
        binned.binned_scores(bins.sum(axis=0)), binned.binned_scores(times @ bins)
    )
    row["iou"] = binned.resampled(_per_code(mine, "iou"), seed, np.mean)
    return row | _lags(_per_code(mine, "lag"), seed)


def _movements(interval: Floats) -> Floats:
    """Return the onset of each group of overlapping bursts, of both sides for example."""
    interval = interval[np.argsort(interval[:, 0], kind="stable")]
    ends = np.maximum.accumulate(interval[:, 1]) if len(interval) else interval[:, 1]
    begins = np.append(True, interval[1:, 0] >= ends[:-1])[: len(interval)]
    return np.asarray(interval[begins, 0])


def _event_scores(counts: Floats) -> dict[str, Floats]:
    coded, found, false = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": found / (found + false),
            "recall": found / coded,
            "f1": 2 * found / (coded + found + false),
        }


def _with_intervals(value: Mapping[str, Floats], drawn: Mapping[str, Floats]) -> Row:
    return {name: (float(value[name]), *binned.interval(drawn[name])) for name in value}


def _per_code(pairs: Sequence[Pair], field: str) -> Floats:
    """Return the mean over the channels of each code."""
    values: dict[int, list[float]] = {}
    for pair in pairs:
        values.setdefault(pair.code, []).append(float(getattr(pair, field)))
    return np.array([np.mean(each) for each in values.values()], dtype=np.float64)


def _lags(lag: Floats, seed: int) -> Row:
    low, high = np.percentile(lag, [25, 75]) if lag.size else (np.nan, np.nan)
    return {
        "lag": binned.resampled(lag, seed),
        "lag_quartiles": (float(low), float(high)),
    }


def _pair_table(pairs: Sequence[Pair], codes: Codes, bursts: Bursts) -> xr.Dataset:
    text = [codes.text(pair.code) for pair in pairs]
    au = [str(codes.au[pair.code]) for pair in pairs]
    channel = [str(bursts.channel[pair.burst]) for pair in pairs]
    return xr.Dataset(
        {
            "code": ("pair", np.array(text, dtype=str)),
            "au": ("pair", np.array(au, dtype=str)),
            "channel": ("pair", np.array(channel, dtype=str)),
            "onset": ("pair", codes.interval[[p.code for p in pairs], 0], {"units": "s"}),
            "lag": ("pair", np.array([p.lag for p in pairs], dtype=float), {"units": "s"}),
            "offset_lag": (
                "pair",
                np.array([p.offset_lag for p in pairs], dtype=float),
                {"units": "s"},
            ),
            "iou": ("pair", np.array([p.iou for p in pairs], dtype=float)),
            "peak": ("pair", bursts.peak[[p.burst for p in pairs]]),
        }
    )


def _strength(
    pairs: Sequence[Pair],
    codes: Codes,
    bursts: Bursts,
    names: Sequence[str],
    mvc: Mapping[str, float] | None,
    seed: int,
) -> list[Row]:
    """Return the rank correlation of strength and intensity: per unit, and of all with an MVC."""
    found: dict[int, list[float]] = {}
    for pair in pairs:
        scale = 1.0 if mvc is None else mvc.get(str(bursts.channel[pair.burst]), np.nan) / 100
        value = float(bursts.peak[pair.burst]) / scale
        if codes.intensity[pair.code] and np.isfinite(value):
            found.setdefault(pair.code, []).append(value)
    groups = {name: [i for i in found if codes.au[i] == name] for name in names}
    if mvc is not None:
        groups["all"] = list(found)
    return [
        {
            "au": name,
            "events": len(rows),
            "unit": "peak" if mvc is None else "% MVC",
            "median_by_intensity": _by_letter(rows, found, codes),
            "rank_correlation": _correlation(rows, found, codes, seed),
        }
        for name, rows in groups.items()
        if rows
    ]


def _by_letter(rows: list[int], found: dict[int, list[float]], codes: Codes) -> dict[str, float]:
    return {
        letter: float(np.median([np.mean(found[i]) for i in rows if codes.intensity[i] == letter]))
        for letter in sorted({str(codes.intensity[i]) for i in rows})
    }


def _correlation(
    rows: list[int], found: dict[int, list[float]], codes: Codes, seed: int
) -> tuple[float, float, float]:
    """Return Spearman's rank correlation with its 95 % bootstrap interval."""
    value = np.array([np.mean(found[i]) for i in rows])
    level = np.array([facs.INTENSITIES.index(str(codes.intensity[i])) for i in rows], dtype=float)
    if value.size < FEWEST or np.unique(level).size < 2:
        return float("nan"), float("nan"), float("nan")
    pick = np.random.default_rng(seed).integers(0, value.size, (binned.DRAWS, value.size))
    drawn = _spearman(value[pick], level[pick])
    return float(_spearman(value, level)), *binned.interval(drawn)


def _spearman(a: Floats, b: Floats) -> Floats:
    x, y = (stats.rankdata(each, axis=-1) for each in (a, b))
    x, y = (each - each.mean(axis=-1, keepdims=True) for each in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(-1) / np.sqrt((x**2).sum(-1) * (y**2).sum(-1)))
