"""Whether the samples can have come from a muscle, and which channels show anything but muscle."""

from __future__ import annotations

import re

import numpy as np

from emgnb.evaluate.leaks.case import Case
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding

LEAK = "no physiology"


def no_physiology(case: Case) -> Finding:
    """Ask `quality.is_physiology` about the signal."""
    judged = case.judged
    if judged is None:
        return Finding(
            LEAK, UNDETERMINED, "rows are features; only the signal shows where it comes from"
        )
    verdict = judged.verdict
    # Frequencies and times mean nothing at an assumed rate.
    known = [
        sentence
        for sentence in verdict.evidence[1:]
        if case.rows.rate or not re.search(r"\d (Hz|m?s)\b", sentence)
    ]
    evidence = "; ".join([verdict.looks_like, judged.extent, *known[:2]])
    if verdict.physiology is None:
        return Finding(LEAK, UNDETERMINED, evidence)
    if verdict.physiology:
        return Finding(LEAK, NOT_FOUND, evidence)
    hit = case.hits("honest")
    points = None
    if hit is not None:
        _, counts = np.unique(case.few.label, return_counts=True)
        points = 100 * (float(np.nanmean(hit)) - counts.max() / len(case.few))
    return Finding(
        LEAK,
        FOUND,
        evidence,
        points,
        "do not use these data: whatever a model finds in them was put there",
    )


def without_muscle(case: Case) -> Finding:
    """Name channels that are stuck, and those with a strong tone such as mains."""
    leak = "railed channels or mains"
    judged = case.judged
    if judged is None:
        return Finding(leak, UNDETERMINED, "rows are features; channels show in the signal only")
    found = [f"stuck: {', '.join(judged.stuck)}"] if judged.stuck else []
    if judged.tones:
        found.append("one frequency holds much of the power: " + ", ".join(judged.tones))
    if not found:
        return Finding(leak, NOT_FOUND, "no channel is stuck or mostly one frequency")
    return Finding(
        leak,
        FOUND,
        "; ".join(found),
        None,
        "leave stuck channels out, and remove mains before features are computed",
    )
