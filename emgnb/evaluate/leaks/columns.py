"""Columns that tell the label by themselves, and what such a column is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from emgnb._arrays import Mask
from emgnb.evaluate.leaks import chance, probes
from emgnb.evaluate.leaks.case import Case, is_constant
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding
from emgnb.evaluate.leaks.probes import Part
from emgnb.evaluate.leaks.rows import Floats, Names

# Accuracy from which on a single number is nearly perfect, and points it must add to the majority.
NEAR_PERFECT, WORTH = 0.95, 15.0
# Quantile bins of a column, and columns whose ratios and differences are looked at.
BINS, PAIRED = 48, 24
# Fewest rows in equal steps that count rows, and are no coincidence.
RUNNING = 30
# More labels than this no muscle's amplitude tells apart alone.
BY_AMPLITUDE = 3
SUSPECT = re.compile(
    r"(?<![a-z])(time|stamp|timestamp|index|idx|id|row|number|no|count|length|len|duration|"
    r"samples?|n_samples|size|file|label|class|target|code|order|sum|total)(?![a-z])"
)
# Features of a signal whose names have such a word in them, such as the waveform length.
MEASURED = re.compile(
    r"wave|line|curve|path|crossing|slope|sign|turn|peak|spike|power|energy|spectr|moment|"
    r"entropy|amplitude|variance|rms|mav|emg|freq|coef|\bar\b"
)
SILENCE = re.compile(
    r"silen|baseline|\brest\b|pause|\bidle\b|\bnone\b|\bblank\b|pre[-_ ]?(cue|stim)"
)


def one_column(case: Case) -> Finding:
    """Look for a column, a ratio or a difference that tells the label alone."""
    leak = "one column tells the label"
    rows, parts = case.few, _parts(case)
    if not parts:
        return Finding(leak, UNDETERMINED, "no groups to leave out")
    numbered = _row_number(case)
    if numbered is not None:
        return numbered
    names = list(case.few.columns)
    alone = _alone(case.values, case.few.label, parts)
    values = case.values
    best = int(np.argmax(alone))
    accuracy, what = float(alone[best]), f"column {names[best]!r}"
    column = values[:, best]
    pairs, pair_names = _pairs(values, names, alone)
    if pair_names:
        together = _alone(pairs, rows.label, parts)
        top = int(np.argmax(together))
        # A pair counts only for what it adds to its columns.
        if together[top] > accuracy + 0.02:
            accuracy, what, column = float(together[top]), pair_names[top], pairs[:, top]
    points = 100 * (accuracy - _majority(rows.label))
    evidence = f"{what} alone names the label in {100 * accuracy:.1f} %"
    if accuracy < NEAR_PERFECT or points < WORTH:
        return Finding(leak, NOT_FOUND, "the best single number, " + evidence, points)
    nature = _nature(column, what, case)
    if nature:
        return Finding(
            leak,
            FOUND,
            f"{evidence}; it is {nature}",
            points,
            "leave this column out, and find out how it comes to know the label",
        )
    if len(rows.classes) <= BY_AMPLITUDE:
        return Finding(
            leak,
            UNDETERMINED,
            f"{evidence}: a strong muscle or a leak; {len(rows.classes)} labels can differ in one "
            "amplitude",
            points,
            "look at what this column measures",
        )
    return Finding(
        leak,
        FOUND,
        f"{evidence}: no single amplitude tells {len(rows.classes)} labels apart",
        points,
        "find out what this column measures before using it",
    )


def metadata(case: Case) -> Finding:
    """Look for text columns that tell the label."""
    leak = "metadata tells the label"
    rows, parts = case.few, _parts(case)
    if not rows.texts:
        return Finding(leak, NOT_FOUND, "there are no text columns beside the label and the groups")
    if not parts:
        return Finding(leak, UNDETERMINED, "no groups to leave out")
    scored = {
        name: float(
            _alone(
                np.unique(each, return_inverse=True)[1][:, None].astype(float),
                rows.label,
                parts,
                exact=True,
            )[0]
        )
        for name, each in rows.texts.items()
    }
    best = max(scored, key=lambda name: scored[name])
    points = 100 * (scored[best] - _majority(rows.label))
    evidence = f"column {best!r} alone names the label in {100 * scored[best]:.1f} %"
    trials = len(rows) if case.trial is None else len(np.unique(case.trial))
    # Of so many trials chance alone names that share, and rarely SURE deviations more.
    error = 100 * np.sqrt(0.25 / trials)
    if points < max(WORTH, chance.SURE * error):
        return Finding(leak, NOT_FOUND, evidence, points)
    return Finding(
        leak, FOUND, evidence, points, "metadata is no measurement: never make it a feature"
    )


def level(case: Case) -> Finding:
    """Look whether the offset of raw channels tells the label."""
    leak = "level alone tells the label"
    rows = case.few
    if rows.units != "samples":
        return Finding(leak, UNDETERMINED, "rows are features; offsets show in the signal only")
    if case.judged is None or not case.judged.raw:
        known = case.judged is not None and case.judged.raw is False
        what = "the channels are envelopes" if known else "the signal is not known to be raw"
        return Finding(leak, UNDETERMINED, f"{what}; the level of an envelope is its signal")
    half = len(rows.signal_columns)
    told = case.told_by(case.values[:, :half], WORTH / 2)
    powers = case.told_by(case.values[:, half:], float("inf"))
    if told is None or powers is None:
        return Finding(leak, UNDETERMINED, "no groups to leave out")
    points, against = told
    evidence = f"the mean of each window alone names the label in {against.found:.1f} %"
    if points < max(WORTH / 2, powers[0] / 2) or not against.beyond:
        return Finding(leak, NOT_FOUND, evidence, points)
    return Finding(
        leak,
        FOUND,
        evidence + ": of a raw signal the mean is the electrode's offset, not muscle",
        points,
        "remove the offset by a high-pass of 20 Hz inside each trial",
    )


def silence(case: Case) -> Finding:
    """Look whether rows recorded at rest tell which label they belong to."""
    leak = "silence tells the label"
    rows = case.few
    for name, each in rows.texts.items():
        quiet = np.array([bool(SILENCE.search(value.lower())) for value in each])
        if quiet.sum() >= 20 and len(np.unique(rows.label[quiet])) > 1:
            return _silent(leak, case, quiet, rows.label, f"rows with {name} = rest")
    quiet = np.array([bool(SILENCE.search(value.lower())) for value in rows.label])
    spoken = np.unique(rows.label[~quiet])
    if quiet.sum() < 20:
        return Finding(leak, UNDETERMINED, "no rows are marked as silence, baseline or rest")
    if len(spoken) < 2:
        return Finding(
            leak,
            UNDETERMINED,
            f"beside silence there is one label ({', '.join(spoken)}) in these data",
        )
    if rows.units != "samples" and rows.time is None:
        return Finding(leak, UNDETERMINED, "the order of rows in time is not known")
    file = rows.group("file")
    if file is not None and is_constant(rows.label, file):
        why = "each file holds one label, and the order of files need not be that of recording"
        return Finding(leak, UNDETERMINED, why)
    return _silent(leak, case, quiet, _before(rows.label, quiet), "silence before or after a label")


def _silent(leak: str, case: Case, quiet: Mask, label: Names, what: str) -> Finding:
    index = np.flatnonzero(np.asarray(quiet, dtype=bool) & (label != ""))
    trial = case.trial
    if trial is None:
        return Finding(leak, UNDETERMINED, "no column says which rows form a trial")
    mine = label[index]
    parts = probes.parts_stratified(trial[index], mine)
    if len(np.unique(mine)) < 2:
        follow = ", ".join(np.unique(mine)) or "none"
        return Finding(
            leak, UNDETERMINED, f"{what}: all rows at rest belong to one label ({follow})"
        )
    model = probes.classifiers()["LDA"]
    stratum = None if case.stratum is None else case.stratum[index]
    points, against = chance.told(
        case.values[index], mine, parts, model, trial[index], stratum, worth=WORTH / 2
    )
    evidence = f"{what}: named in {against.found:.1f} % ({points:+.1f} over the majority)"
    if points < WORTH / 2 or not against.beyond:
        return Finding(leak, NOT_FOUND, evidence, points)
    return Finding(
        leak,
        FOUND,
        evidence + ": no muscle moves in it",
        points,
        "something else than muscle differs between labels: record them in random order",
    )


def _before(label: Names, quiet: Mask) -> Names:
    """The label last spoken before each row."""
    at = np.maximum.accumulate(np.where(~quiet, np.arange(len(label)), -1))
    return np.where(at >= 0, label[np.maximum(at, 0)], "")


def _parts(case: Case) -> list[Part]:
    if case.honest_parts:
        return case.honest_parts
    if case.trial is not None:
        return probes.parts_stratified(case.trial, case.few.label)
    return probes.shuffled_parts(case.few.label)


def _majority(label: Names) -> float:
    return float(np.unique(label, return_counts=True)[1].max() / len(label))


def _alone(values: Floats, label: Names, parts: Sequence[Part], *, exact: bool = False) -> Floats:
    """Accuracy of each column alone: the commonest label of its quantile bin in training."""
    classes, code = np.unique(label, return_inverse=True)
    n, width = values.shape
    right = np.zeros(width)
    seen = 0
    for train, test in parts:
        bins = np.empty((n, width), dtype=np.intp)
        for k in range(width):
            column = values[:, k]
            if exact:
                bins[:, k] = np.minimum(column, 4095).astype(np.intp)
                continue
            edges = np.unique(np.quantile(column[train], np.linspace(0, 1, BINS + 1)[1:-1]))
            bins[:, k] = np.searchsorted(edges, column, side="right")
        top = int(bins.max()) + 1
        table = np.zeros((width, top, len(classes)))
        for k in range(width):
            np.add.at(table[k], (bins[train, k], code[train]), 1.0)
        # An empty bin takes after its neighbours.
        table += 0.25 * (np.roll(table, 1, axis=1) + np.roll(table, -1, axis=1)) * (not exact)
        guess = table.argmax(axis=2)
        for k in range(width):
            right[k] += float((guess[k, bins[test, k]] == code[test]).sum())
        seen += len(test)
    return right / max(seen, 1)


def _pairs(values: Floats, names: list[str], alone: Floats) -> tuple[Floats, list[str]]:
    """Ratios and differences of the columns that tell most, or all where they are few."""
    top = np.argsort(-alone, kind="stable")[:PAIRED]
    columns, titles = [], []
    for i, j in combinations(sorted(top.tolist()), 2):
        a, b = values[:, i], values[:, j]
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = a / np.where(b == 0, np.nan, b)
        columns += [np.nan_to_num(ratio, nan=0.0, posinf=0.0, neginf=0.0), a - b]
        titles += [f"ratio {names[i]!r} / {names[j]!r}", f"difference {names[i]!r} − {names[j]!r}"]
    return (np.column_stack(columns) if columns else np.empty((len(values), 0))), titles


def _is_suspect(name: str) -> bool:
    """Whether a name says that a column is no measurement."""
    words = name.lower().replace("_", " ")
    return bool(SUSPECT.search(words)) and not MEASURED.search(words)


def _row_number(case: Case) -> Finding | None:
    """Finding about a column that counts the rows of a table sorted by label; None without one."""
    steps = np.diff(case.rows.values, axis=0)
    if len(steps) < RUNNING or case.rows.units != "features":
        return None
    counts = np.flatnonzero((steps == steps[0]).all(axis=0) & (steps[0] != 0))
    if not counts.size:
        return None
    column, label = int(counts[0]), case.few.label
    parts = probes.shuffled_parts(label)
    accuracy = float(_alone(case.values[:, [column]], label, parts)[0])
    points = 100 * (accuracy - _majority(label))
    if accuracy < NEAR_PERFECT or points < WORTH:
        return None
    return Finding(
        "one column tells the label",
        FOUND,
        f"column {case.few.columns[column]!r} counts the rows, which are sorted by label: it names "
        f"the label in {100 * accuracy:.1f} % of the rows, shuffled",
        points,
        "leave this column out; pandas saves it unless to_csv has index=False",
    )


def _nature(column: Floats, what: str, case: Case) -> str:
    """What a column is that tells the label, as far as can be told from its values and name."""
    rows = case.few
    whole = np.abs(column - np.rint(column)) < 1e-6 * np.maximum(np.abs(column), 1)
    if what.startswith("ratio"):
        inverse = np.divide(1.0, column, out=np.zeros_like(column), where=column != 0)
        for each in (column, inverse):
            counts = np.abs(each - np.rint(each)) < 1e-4 * np.maximum(np.abs(each), 1)
            if counts.mean() > 0.95 and np.ptp(np.rint(each)) > 0 and np.abs(each).max() >= 3:
                return "a whole number, as a sum over a mean is: a length"
    if what.startswith("column") and _is_suspect(what.removeprefix("column ")):
        return "by its name no measurement of a muscle"
    if len(np.unique(column)) <= max(2 * len(rows.classes), 4) and whole.all():
        return "a code: it takes as few whole values as there are labels"
    if rows.time is not None and np.all(np.isfinite(rows.time)):
        r = np.corrcoef(column, rows.time)[0, 1]
        if abs(r) > 0.999:
            return "a time stamp"
    trial = rows.group("trial")
    if trial is not None and len(np.unique(trial)) < len(rows) / 2:
        varies = [np.ptp(column[index]) for _, index in probes.each_group(trial) if len(index) > 1]
        others = np.ptp(case.values, axis=0) > 0
        if varies and max(varies) <= 1e-9 * max(np.ptp(column), 1e-300) and others.any():
            return "the same in all rows of a trial: its length, place or file"
    return ""
