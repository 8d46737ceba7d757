"""Steps that were fitted on all rows before any split: scaling, whitening, choice of columns."""

from __future__ import annotations

import warnings

import numpy as np

from emgnb.evaluate.leaks import probes
from emgnb.evaluate.leaks.case import Case
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding
from emgnb.evaluate.leaks.rows import Floats, Names, Rows

# How near mean 0 and deviation 1 must be to be no coincidence; files are rounded.
CLOSE = 2e-3
# Share of the columns that must look so.
MOST = 0.9
CENTRED = "every column has mean 0"
# Columns chosen by the test, out of how many at least, and points from which it gives advice.
CHOSEN, WIDE, WORTH = 10, 40, 5.0


def scaled(case: Case) -> Finding:
    """Look for columns that were scaled over all rows, or over each whole person or session."""
    leak = "scaler fitted across the split"
    rows = case.rows
    values = rows.values if rows.units == "features" else _samples(rows)
    if rows.split is not None and rows.units == "features":
        part = _only_one_part(values, rows.split)
        if part:
            return Finding(
                leak, NOT_FOUND, f"columns are scaled by part {part!r} of the split alone"
            )
    how = _scaled_by(values)
    where = "all rows together"
    # Scaled within each group, columns have mean 0 over all rows too.
    if how in ("", CENTRED):
        for level in ("person", "session"):
            group = rows.group(level) if rows.units == "features" else None
            if group is not None and 1 < len(np.unique(group)) < len(rows) / 5:
                ways = {_scaled_by(values[index]) for _, index in probes.each_group(group)}
                if len(ways) == 1 and (one := next(iter(ways))):
                    how, where = one, f"each {level}'s rows, those of the tested {level} too"
                    break
    if not how:
        return Finding(
            leak, NOT_FOUND, "no scaling over all rows shows in means, deviations or ranges"
        )
    return Finding(
        leak,
        FOUND,
        f"{how} over {where}",
        _rescaling_points(case),
        "scale inside each training part; say so if a new person's own unlabelled data are used",
    )


def _samples(rows: Rows) -> Floats:
    return np.concatenate(rows.trials) if rows.trials else rows.values


def _scaled_by(values: Floats) -> str:
    """How nearly all columns are scaled, in words; empty if they are not."""
    there = np.isfinite(values)
    values = np.where(there, values, np.nan)[:, there.any(axis=0)]
    if len(values) < 20 or not values.shape[1]:
        return ""
    with np.errstate(all="ignore"):
        mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    moves = spread > 1e-12
    if moves.sum() < 2:
        return ""

    def nearly_all(mask: np.ndarray) -> bool:
        return bool(mask[moves].mean() >= MOST)

    correction = np.sqrt((len(values) - 1) / len(values))
    one = (np.abs(spread - 1) < CLOSE) | (np.abs(spread - correction) < CLOSE)
    if nearly_all((np.abs(mean) < CLOSE) & one):
        return "every column has mean 0 and standard deviation 1"
    if nearly_all(((np.abs(low) < 1e-6) | (np.abs(low + 1) < 1e-6)) & (np.abs(high - 1) < 1e-6)):
        return "every column reaches exactly from 0 or −1 to 1"
    median = np.nanmedian(values, axis=0)
    quartiles = np.nanpercentile(values, [25, 75], axis=0)
    if nearly_all((np.abs(median) < CLOSE) & (np.abs(np.ptp(quartiles, axis=0) - 1) < CLOSE)):
        return "every column has median 0 and quartiles 1 apart"
    if nearly_all(np.abs(mean) < 1e-9 * np.maximum(spread, 1e-300)) and len(values) > 50:
        return CENTRED
    return ""


def _only_one_part(values: Floats, split: Names) -> str:
    """Name of the part of a split that the scaling was fitted on, empty if none or all."""
    if _scaled_by(values):
        return ""
    fitted = [name for name, index in probes.each_group(split) if _scaled_by(values[index])]
    return fitted[0] if len(fitted) == 1 else ""


def _rescaling_points(case: Case) -> float | None:
    """Points that scaling inside the training part loses against the rows as they are."""
    if not case.honest_parts:
        return None
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    nearest = KNeighborsClassifier(5)
    given = probes.hits(case.values, case.few.label, case.honest_parts, nearest)
    inside = probes.hits(
        case.values, case.few.label, case.honest_parts, make_pipeline(StandardScaler(), nearest)
    )
    return probes.gain(given, inside, case.unit)[0]


def selection(case: Case) -> Finding:
    """Measure what a choice of columns on all rows would add; whether one was made leaves no trace.

    In a table without skill, the best of many columns differ between labels by chance, so the gain
    measured here accuses nobody: it is what such a choice would claim.
    """
    leak = "columns chosen across the split"
    rows = case.few
    if rows.signal_columns:
        return Finding(leak, NOT_FOUND, "each channel is described by the same columns")
    width = rows.values.shape[1]
    unknown = "whether columns were chosen, and on which rows, leaves no trace in a table"
    if width < WIDE:
        return Finding(leak, UNDETERMINED, f"{unknown}, and {width} are left")
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.feature_selection import SelectKBest, f_classif
    from sklearn.pipeline import make_pipeline

    draws = [case.honest_parts] if case.honest_parts else _draws(case)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
    select = SelectKBest(f_classif, k=CHOSEN)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        # Columns may be constant in some training parts; they are not chosen.
        warnings.filterwarnings("ignore", "Features .* are constant", UserWarning)
        chosen = select.fit_transform(case.values, rows.label)
        outside = probes.mean_hits(chosen, rows.label, draws, model)
        inside = probes.mean_hits(case.values, rows.label, draws, make_pipeline(select, model))
    points, low = probes.gain(outside, inside, case.unit)
    dear = points >= WORTH and low > 0
    return Finding(
        leak,
        UNDETERMINED,
        f"{unknown}; choosing the best {CHOSEN} of these {width} on all rows would add "
        f"{points:+.1f} points to a choice inside each training part",
        points,
        "choose columns inside each training part, or not at all" if dear else "",
    )


def _draws(case: Case) -> list[list[probes.Part]]:
    return [probes.shuffled_parts(case.few.label, seed=k) for k in range(probes.REPEATS)]
