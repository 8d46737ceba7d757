"""Whether people are people, and whether a score is more than the share of one label."""

from __future__ import annotations

import numpy as np

from emgnb.evaluate.leaks import chance, probes
from emgnb.evaluate.leaks.case import Case
from emgnb.evaluate.leaks.chance import Against
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding
from emgnb.evaluate.leaks.rows import Names

# Points over chance from which on rows name their person.
APART = 10.0
# Share of the variance between people of one label, below which they are one.
SAME = 0.05
# Points by which the commonest label may exceed an even share.
UNEVEN = 15.0


def one_generator(case: Case) -> Finding:
    """Test whether the rows of different people can be told apart, as those of real people can."""
    leak = "one generator behind several people"
    rows = case.few
    person = rows.group("person")
    if person is None:
        return Finding(leak, UNDETERMINED, "the data do not name people")
    names, counts = np.unique(person, return_counts=True)
    if len(names) < 2 or counts.min() < 20:
        return Finding(leak, UNDETERMINED, "fewer than two people with 20 rows each")
    apart = _apart(case, person)
    points, accuracy = _named(case, person)
    evidence = (
        f"{100 * max(apart.share, 0):.1f} % of the variance lies between {len(names)} people (at "
        f"most {100 * max(apart.most, 0):.1f} %); rows name their person in {accuracy:.1f} %, "
        f"{points:+.1f} points over chance"
    )
    if points >= APART or apart.share - 3 * apart.spread > SAME:
        return Finding(leak, NOT_FOUND, evidence)
    judged = case.judged
    if judged is not None and judged.verdict.physiology is False and np.isnan(apart.score):
        evidence += "; the signal is no physiology, so they are no people"
    elif np.isnan(apart.score) or apart.most > SAME:
        return Finding(leak, UNDETERMINED, evidence + ": too few rows to tell people from one")
    elif apart.beyond:
        return Finding(leak, UNDETERMINED, evidence + ": they differ, though less than people do")
    return Finding(
        leak,
        FOUND,
        evidence + "; real people differ in amplitude, electrodes and habit",
        None,
        "ask how these data were recorded; leaving one of these people out proves nothing",
    )


def _apart(case: Case, person: Names) -> Against:
    """How much people differ in level, spread and response to a label, trials dealt out anew."""
    label = case.few.label
    codes = chance.codes(label)
    size = np.bincount(codes).astype(np.float64)
    means = np.array([np.bincount(codes, weights=c) / size for c in case.values.T]).T
    square = (case.values - means[codes]) ** 2
    values = np.hstack([case.values, square])
    # Where not even trials differ, nothing is left for people; the deal of whole trials is coarser.
    rows = chance.shared(values, person, label)
    return rows if rows.most <= SAME else chance.shared(values, person, label, case.trial)


def _named(case: Case, person: Names) -> tuple[float, float]:
    """Points over chance by which rows name their person, and the accuracy in %."""
    parts = (
        probes.shuffled_parts(person)
        if case.trial is None
        else probes.parts_stratified(case.trial, person)
    )
    hit = probes.hits(case.values, person, parts, probes.classifiers()["LDA"])
    base = probes.majority_by(person, parts)
    return probes.gain(hit, base, person)[0], 100 * float(np.nanmean(hit))


def imbalance(case: Case) -> Finding:
    """Look whether accuracy is little more than the share of the commonest label."""
    leak = "imbalance read as skill"
    label = case.rows.label
    names, counts = np.unique(label, return_counts=True)
    share = counts.max() / len(label)
    excess = 100 * (share - 1 / len(names))
    hit = case.hits("honest")
    if hit is None:
        hit = case.hits("careless")
    assert hit is not None
    accuracy = float(np.nanmean(hit))
    recall = np.nanmean([np.nanmean(hit[case.few.label == n]) for n in np.unique(case.few.label)])
    evidence = (
        f"{str(names[counts.argmax()])!r} is {100 * share:.1f} % of the rows (an even share is "
        f"{100 / len(names):.1f} %); accuracy {100 * accuracy:.1f} %, mean recall "
        f"{100 * recall:.1f} %"
    )
    if excess < UNEVEN or (accuracy > share + 0.05 and accuracy - recall < 0.05):
        return Finding(leak, NOT_FOUND, evidence)
    return Finding(
        leak,
        FOUND,
        evidence,
        100 * (accuracy - float(recall)),
        "report mean recall (UAR) or macro-F1 beside the majority",
    )
