"""Labels that follow from where a row comes from: its file, session, place in time, or length."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from scipy import stats

from emgnb.evaluate.leaks import chance, probes
from emgnb.evaluate.leaks.case import PLURAL, Case, is_constant
from emgnb.evaluate.leaks.chance import Against
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding
from emgnb.evaluate.leaks.rows import Floats, Names, Rows

# Fewest groups that an interval over them can rest on.
FEWEST = 4
# Points above the majority that make a leak.
WORTH = 8.0
# Lengths that differ by less are one length, rounded.
ALIKE = 0.01
# How rarely random orders may agree as much.
RARE = 0.001


def label_is_group(case: Case) -> list[Finding]:
    """Look for labels that are one file, one session or one person each."""
    return [_is_group(case, level) for level in ("file", "session", "person")]


def _is_group(case: Case, level: str) -> Finding:
    leak = f"label = {level}"
    group = case.rows.group(level)
    if group is None:
        return Finding(leak, UNDETERMINED, f"the data do not name {PLURAL[level]}")
    label = case.rows.label
    constant = is_constant(label, group)
    per_label = [len(np.unique(group[label == name])) for name in np.unique(label)]
    alone = sum(count == 1 for count in per_label)
    evidence = (
        f"{len(np.unique(group))} {PLURAL[level]}, {'one label' if constant else 'several labels'} "
        f"in each; {alone} of {len(per_label)} labels occur in one {level} only"
    )
    # With as many files as trials, a file is a trial, which has one label by nature.
    if not constant or alone * 2 < len(per_label):
        return Finding(leak, NOT_FOUND, evidence)
    return Finding(
        leak,
        FOUND,
        evidence + f": what tells the {PLURAL[level]} apart tells the labels apart",
        _over_majority(case),
        f"record every label in every {level}",
    )


def constant_in_groups(case: Case) -> Finding:
    """Look for sessions or people with one label each, though each label has several of them."""
    leak = "labels constant within a group"
    rows = case.rows
    # A label that is constant in each person is so in each session too: people come first.
    known = [level for level in ("person", "session") if rows.group(level) is not None]
    if not known:
        return Finding(leak, UNDETERMINED, "the data name neither sessions nor people")
    for level in known:
        group = rows.group(level)
        assert group is not None
        if is_constant(rows.label, group) and len(np.unique(group)) < len(rows):
            careless, honest = case.hits("careless"), case.hits("honest")
            points = None
            if careless is not None and honest is not None:
                points = probes.gain(careless, honest, case.unit)[0]
            return Finding(
                leak,
                FOUND,
                f"each of {len(np.unique(group))} {PLURAL[level]} holds one label, so a model may "
                f"learn the {level} in its place",
                points,
                f"record several labels in each {level}, or leave whole {PLURAL[level]} out",
            )
    return Finding(leak, NOT_FOUND, f"each {known[0]} holds several labels")


def label_is_order(case: Case) -> Finding:
    """Look for labels recorded in one block each, so that drift and order tell them apart."""
    leak = "label = block of time"
    rows = case.rows
    recording = _recordings(rows)
    if rows.time is None and not (rows.units == "samples" and "file" not in rows.groups):
        blocked = _blocked(rows.label, recording)
        what = "rows are sorted by label" if blocked else "rows are not sorted by label"
        return Finding(
            leak, UNDETERMINED, f"no time stamps; {what}, which need not be the order of recording"
        )
    order = np.arange(len(rows)) if rows.time is None else _in_time(rows.time, recording)
    if len(np.unique(recording)) == len(np.unique(rows.label)) and is_constant(
        rows.label, recording
    ):
        return Finding(leak, UNDETERMINED, "each recording holds one label")
    trial = rows.group("trial")
    label, recording = rows.label[order], recording[order]
    if not _blocked(label, recording):
        return Finding(leak, NOT_FOUND, "labels return in the course of a recording")
    if trial is not None and not rows.runs and _once(label, recording, trial[order]):
        verdict, evidence = _order(label, recording)
        if verdict != FOUND:
            return Finding(leak, verdict, f"one trial of each label in a recording, {evidence}")
    points = _position_points(label, recording)
    return Finding(
        leak,
        FOUND,
        f"each label is one block of time in {len(np.unique(recording))} recordings: whatever "
        "drifts (gain, contact, fatigue) tells the labels apart",
        points,
        "ask for the labels in random order, several times each",
    )


def _recordings(rows: Rows) -> Names:
    """Person, session and file of each row."""
    out = np.full(len(rows), "", dtype=np.str_)
    for level in ("person", "session", "file"):
        if level in rows.groups and not (
            level == "file" and is_constant(rows.label, rows.groups[level])
        ):
            out = np.char.add(np.char.add(out, "/"), rows.groups[level])
    return out


def _in_time(time: Floats, recording: Names) -> np.ndarray:
    _, of = np.unique(recording, return_inverse=True)
    return np.lexsort((time, of))


def _blocked(label: Names, recording: Names) -> bool:
    """Whether nearly all labels form one run in each recording, of three rows and more."""
    runs = blocks = labels = 0
    for _, index in probes.each_group(recording):
        mine = label[index]
        found = int((mine[1:] != mine[:-1]).sum()) + 1
        kinds = len(np.unique(mine))
        if kinds < 2 or len(mine) < 4 * kinds:
            continue
        runs += found
        labels += kinds
        blocks += 1
    return bool(blocks and runs <= 1.1 * labels)


def _once(label: Names, recording: Names, trial: Names) -> bool:
    """Whether recordings hold one trial of each label."""
    trials = len(np.unique(chance.joined(recording, label, trial)))
    return trials == len(np.unique(chance.joined(recording, label)))


def _order(label: Names, recording: Names) -> tuple[str, str]:
    """Whether labels follow one another in one order more often than chance gives."""
    orders = Counter(
        tuple(label[index][np.r_[True, label[index][1:] != label[index][:-1]]].tolist())
        for _, index in probes.each_group(recording)
    )
    count, total = max(orders.values()), orders.total()
    possible = math.factorial(len(np.unique(label)))
    p = min(possible * float(stats.binom.sf(count - 1, total, 1 / possible)), 1.0)
    evidence = f"in the same order in {count} of {total} recordings (p = {p:.2g} if it is random)"
    if p <= RARE:
        return FOUND, evidence
    return (UNDETERMINED if count == total else NOT_FOUND), evidence


def _position_points(label: Names, recording: Names) -> float | None:
    """Points over chance that the place in a recording gives, tested on other recordings."""
    names, of = np.unique(recording, return_inverse=True)
    if len(names) < 2:
        return None
    place = np.concatenate([np.linspace(0, 1, int((of == k).sum())) for k in range(len(names))])
    order = np.argsort(of, kind="stable")
    position = np.empty(len(label))
    position[order] = place
    bins = np.minimum((position * 40).astype(int), 39)
    hit = np.zeros(len(label))
    classes, code = np.unique(label, return_inverse=True)
    for k in range(len(names)):
        table = np.zeros((40, len(classes)))
        np.add.at(table, (bins[of != k], code[of != k]), 1)
        hit[of == k] = table.argmax(axis=1)[bins[of == k]] == code[of == k]
    return 100 * (float(hit.mean()) - 1 / len(classes))


def length(case: Case) -> Finding:
    """Look whether the length of a trial tells its label."""
    leak = "length tells the label"
    table = _lengths(case.rows)
    if table is None:
        return Finding(leak, UNDETERMINED, "the data do not say which rows form a trial")
    sizes, label, group = table
    if np.ptp(sizes) <= ALIKE * np.median(sizes):
        return Finding(
            leak, NOT_FOUND, f"all {len(sizes)} trials have the same length within {ALIKE:.0%}"
        )
    _names, counts = np.unique(label, return_counts=True)
    if counts.min() < 3 or len(sizes) < 10:
        return Finding(leak, UNDETERMINED, f"{len(sizes)} trials are too few to compare lengths")
    points, against = _told_by(sizes, label, group)
    evidence = (
        f"the length alone names the label in {against.found:.1f} % of the trials, "
        f"{points:+.1f} points above the majority"
    )
    if points >= WORTH:
        evidence += f" ({against.chance:.1f} ± {against.spread:.1f} % with shuffled labels)"
    if points < WORTH or not against.beyond:
        return Finding(leak, NOT_FOUND, evidence, points)
    return Finding(
        leak,
        FOUND,
        evidence,
        points,
        "cut all trials to one length, and drop features that grow with the length",
    )


def _lengths(rows: Rows) -> tuple[Floats, Names, Names] | None:
    """Length, label and group of each trial."""
    if rows.trials:
        label = np.array(rows.trial_names)
        return (
            np.array([float(len(t)) for t in rows.trials]),
            label,
            np.arange(len(label)).astype(str),
        )
    trial = rows.group("trial")
    if trial is None:
        return None
    unit = np.char.add(np.char.add(trial, "|"), rows.label)
    _, first, counts = np.unique(unit, return_index=True, return_counts=True)
    group = next(
        (g for level in ("person", "session") if (g := rows.group(level)) is not None), trial
    )
    return counts.astype(np.float64), rows.label[first], group[first]


def _told_by(value: Floats, label: Names, group: Names) -> tuple[float, Against]:
    """Points over the majority of a shallow tree on one number, and against shuffled labels."""
    from sklearn.tree import DecisionTreeClassifier

    each = np.arange(len(label)).astype(str)
    stratum = group if len(np.unique(group)) * 2 <= len(label) else None
    return chance.told(
        value[:, None],
        label,
        probes.parts_stratified(each, label),
        DecisionTreeClassifier(max_leaf_nodes=2 * len(np.unique(label)), min_samples_leaf=2),
        each,
        stratum,
        worth=WORTH,
    )


def few_groups(case: Case) -> Finding:
    """Count the groups that an interval would rest on."""
    leak = "too few groups for an interval"
    if case.by is None:
        return Finding(leak, UNDETERMINED, "no group can be left out")
    group = case.rows.group(case.by)
    assert group is not None
    count = len(np.unique(group))
    evidence = f"{count} {PLURAL[case.by]} can be left out"
    if count >= FEWEST:
        return Finding(leak, NOT_FOUND, evidence)
    return Finding(
        leak,
        FOUND,
        evidence + f"; an interval over fewer than {FEWEST} spans nearly all that was seen",
        None,
        f"record more {PLURAL[case.by]}, or report each of them instead of a mean",
    )


def _over_majority(case: Case) -> float | None:
    careless = case.hits("careless")
    if careless is None:
        return None
    _, counts = np.unique(case.few.label, return_counts=True)
    return 100 * (float(np.nanmean(careless)) - float(counts.max()) / len(case.few))
