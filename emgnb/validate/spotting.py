"""Divide events into micro and macro by duration, and score spotting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.labels.comparing import Strings, intervals_of, units
from emgnb.labels.matching import Pairs, assign, iou, overlapping

# Duration up to which an event counts as micro in current corpora, and in the classical definition.
MICRO = 0.5
STRICT = 0.2


@dataclass(frozen=True)
class Spotting:
    """Score of spotted intervals against the true ones.

    Attributes
    ----------
    found, missed, false : number of true intervals spotted, of those not spotted, and of spotted
        intervals without a true one
    precision, recall, f1 : of intervals, with IoU at least `threshold`
    strs : spot-then-recognise score (MEGC 2022): F1 times the macro-F1 of the class over the
        intervals found; NaN if the tables do not name classes
    shorter_f1 : F1 if overlap over the *shorter* interval counted instead of IoU. It flatters: an
        interval as long as the recording reaches 1. Shown for comparison with studies that use it
    mean_iou, mean_shorter : mean over the true intervals of the best IoU, and of the best overlap
        over the shorter interval
    threshold : of IoU, and of the overlap over the shorter interval
    """

    found: int
    missed: int
    false: int
    precision: float
    recall: float
    f1: float
    strs: float
    shorter_f1: float
    mean_iou: float
    mean_shorter: float
    threshold: float

    def __str__(self) -> str:
        return (
            f"F1 {self.f1:.3f} at IoU ≥ {self.threshold:g} ({self.found} found, {self.missed} "
            f"missed, {self.false} false), STRS {self.strs:.3f}, mean IoU {self.mean_iou:.3f}; "
            f"overlap over the shorter interval would give F1 {self.shorter_f1:.3f} (mean "
            f"{self.mean_shorter:.3f}), which any interval that covers the recording reaches"
        )


def spot(table: xr.Dataset, *, micro: float = MICRO, shortest: float = 0.0) -> xr.Dataset:
    """Return the events with a column `kind`: "micro" or "macro" by duration.

    A micro-expression lasts at most 0.5 s in current corpora, and 0.04 to 0.2 s in the classical
    definition (micro=`STRICT`). Duration is all that the name says, save that blinks and movements
    in trains, as in speech and chewing, are neither: of `movements`, those without a `source` are
    kept.

    Parameters
    ----------
    table : event table: movements, or the bursts of `detect.bursts`, where one movement has an
        event in each channel
    micro : s, longest micro-expression
    shortest : s, events shorter than this are left out

    Raises
    ------
    TypeError : not a table
    ValueError : `micro` not above `shortest`, or the table violates the data model

    Examples
    --------
    >>> from emgnb import labels, validate
    >>> validate.spot(labels.events([1.0, 3.0], [1.3, 5.0], au="12"))["kind"].values
    array(['micro', 'macro'], dtype='<U5')
    """
    if not 0 <= shortest < micro:
        raise ValueError(
            f"shortest={shortest:g}, micro={micro:g}: expected s, 0 ≤ shortest < micro"
        )
    table = _needed(table)
    length = (table["offset"] - table["onset"]).values
    keep = np.flatnonzero((length >= shortest) & (_sources(table) == ""))
    made = table.isel(event=keep)
    # Times in decimal digits: 1.5 − 1.0 is at most 0.5.
    kind = np.where(length[keep] <= micro + 1e-9, "micro", "macro")
    made["kind"] = ("event", kind)
    return recording.with_history(made, "spot", micro=micro, shortest=shortest)


def score_spotting(spotted: xr.Dataset, truth: xr.Dataset, *, threshold: float = 0.5) -> Spotting:
    """Score spotted intervals of a whole recording as the micro-expression challenges do.

    A true interval is found if a spotted one has an intersection over union (IoU) of at least
    `threshold`; both are used once. Precision, recall and F1 are over intervals (MEGC 2020,
    arXiv:1912.11985). Pass the events of one kind, for example the micro-expressions.

    Parameters
    ----------
    spotted, truth : event tables; the class of an event, for `strs`, is its `au` or `label`
    threshold : smallest IoU, above 0 and at most 1

    Returns
    -------
    Numbers of intervals and scores from 0 to 1, see `Spotting`. Precision is NaN if nothing was
    spotted, while F1 and `strs` are 0; `strs` is NaN if a matched event has no class

    Raises
    ------
    TypeError : not a table
    ValueError : a threshold out of range, no true event, or a table that violates the data model

    Examples
    --------
    >>> from emgnb import labels, validate
    >>> truth = labels.events([1.0, 4.0], [1.3, 4.3], au="12")
    >>> spotted = labels.events([1.05, 6.0], [1.3, 6.2], au="12")
    >>> score = validate.score_spotting(spotted, truth)
    >>> score.found, score.missed, score.false
    (1, 1, 1)
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold={threshold:g}, expected above 0 and at most 1")
    spotted, truth = _needed(spotted), _needed(truth)
    if not truth.sizes["event"]:
        raise ValueError("truth: no events, so nothing could be spotted")
    a, b = intervals_of(truth), intervals_of(spotted)
    pairs = overlapping(a, b)
    union, shorter = iou(a[pairs[0]], b[pairs[1]]), _over_shorter(a[pairs[0]], b[pairs[1]])
    i, j = _chosen(pairs, union, threshold)
    f1 = _f1(i.size, len(a), len(b))
    return Spotting(
        found=i.size,
        missed=len(a) - i.size,
        false=len(b) - i.size,
        precision=i.size / len(b) if len(b) else float("nan"),
        recall=i.size / len(a),
        f1=f1,
        strs=f1 * _macro_f1(units(truth)[i], units(spotted)[j]),
        shorter_f1=_f1(_chosen(pairs, shorter, threshold)[0].size, len(a), len(b)),
        mean_iou=_best(pairs, union, len(a)),
        mean_shorter=_best(pairs, shorter, len(a)),
        threshold=threshold,
    )


def _needed(table: xr.Dataset) -> xr.Dataset:
    table = recording.need_table(table, "table", "labels.events(onset, offset)")
    recording.refuse(recording.event_faults(table))
    return table


def _sources(table: xr.Dataset) -> Strings:
    if "source" in table:
        return np.asarray(table["source"].values.astype(str))
    return np.full(table.sizes["event"], "")


def _over_shorter(a: Floats, b: Floats) -> Floats:
    shared = np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0])
    return np.asarray(shared / np.minimum(a[:, 1] - a[:, 0], b[:, 1] - b[:, 0]))


def _chosen(pairs: Pairs, overlap: Floats, threshold: float) -> Pairs:
    keep = overlap >= threshold - 1e-9
    return assign((pairs[0][keep], pairs[1][keep]), 1.0 - np.minimum(overlap[keep], 1.0))


def _f1(found: int, true: int, spotted: int) -> float:
    return 2 * found / (true + spotted)


def _best(pairs: Pairs, overlap: Floats, n: int) -> float:
    best = np.zeros(n)
    np.maximum.at(best, pairs[0], overlap)
    return float(best.mean())


def _macro_f1(truth: Strings, guess: Strings) -> float:
    """Return the mean F1 over the classes; NaN without classes, 0 without intervals."""
    if not truth.size:
        return 0.0
    if not (truth != "").all() or not (guess != "").all():
        return float("nan")
    names = np.unique(np.concatenate([truth, guess]))
    hits = [((truth == n) & (guess == n)).sum() for n in names]
    return float(
        np.mean(
            [
                2 * h / ((truth == n).sum() + (guess == n).sum())
                for h, n in zip(hits, names, strict=True)
            ]
        )
    )
