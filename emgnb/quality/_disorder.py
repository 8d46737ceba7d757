"""Judge rows that are independent, or are so without tones, steps, or what channels share."""

from __future__ import annotations

import numpy as np

from emgnb._arrays import Floats
from emgnb.quality import _score
from emgnb.quality._activity import BRIEF_S, variation, without_slow
from emgnb.quality._dependence import BRIEF, Dependence, dependence, overdispersion
from emgnb.quality.words import Verdict

# Residual share of the power below which a signal is a pure tone with rounding errors.
PURE = 1e-5
# Excess kurtosis below which a distribution is bounded: −1.2 uniform, 0 Gaussian.
BOUNDED = -0.7
# Variance of the level between windows, relative to independent rows, that exceeds chance.
JUMPS = 3.0
# From this rate (Hz), rows of EMG depend on the next ones; a distribution with this kurtosis within
# windows mixes rest and contractions.
ORDERED_RATE, MIXED = 200.0, 0.5
# Variation of power, relative to that of the rows in another order, that shows contractions.
LASTING = 1.5
SHUFFLED = (
    "values are spread as those of rest and contractions, but neither lasts longer than a row"
)


def drawn(
    pieces: list[Floats],
    plain: Dependence,
    rate: float | None,
    brief: bool,
    evidence: list[str],
    faults: list[str],
) -> Verdict | None:
    """Judge rows that are independent, overall or within blocks; None if they are not."""
    found = plain
    if plain.serial or plain.related:
        found = dependence(pieces, size=BRIEF)
        by_block = found.jumps > JUMPS and float(np.median(found.kurtosis)) < BOUNDED
        if not by_block or not found.enough or found.serial or found.related:
            return None
    fast = without_slow(pieces, rate, np.array([]))
    ratio, limit, power = variation(fast, rate)
    varies = power if ratio > limit else ""
    return _independent(found, varies, _mixed(found, fast, rate), brief, evidence, faults)


def _independent(
    found: Dependence,
    varies: str,
    mixed: bool,
    brief: bool,
    evidence: list[str],
    faults: list[str],
) -> Verdict:
    """Judge independent rows.

    Parameters
    ----------
    varies : variation of power in words, if it is beyond chance
    mixed : whether rows are those of rest and contractions in random order
    brief : whether the muscle may be at rest throughout
    """
    kurtosis = float(np.median(found.kurtosis))
    evidence.append(
        f"rows are independent: lag-1 autocorrelation {found.lag_one:.3f}, strongest of "
        f"{len(found.value)} lags and all channels {found.strongest:.3f}, {found.swelling:.3f} for "
        f"the size of the deviation (± {found.error:.3f} by chance)"
    )
    if len(found.across) > 1:
        evidence.append(f"no cross-channel structure: correlation at most {found.shared:.3f}")
    evidence.append(
        f"kurtosis {kurtosis:.2f} within {found.windows} windows of {found.size} rows "
        "(uniform −1.2, Gaussian 0)"
    )
    if not found.enough:
        evidence.append("too few rows to distinguish independence from weak dependence")
        return _unsure("rows without detectable order", evidence, faults)
    if found.jumps > JUMPS:
        evidence.append(
            f"the level jumps between windows (variance {found.jumps:.0f} times that of "
            "independent rows) while rows within them are independent: ranges that change by block"
        )
    if kurtosis < BOUNDED:
        exactly = "uniform " if abs(kurtosis + 1.2) < 0.25 else "bounded "
        return _made(f"independent {exactly}draws", evidence, faults)
    if brief:
        evidence.append(f"within {BRIEF_S:g} s, a muscle at rest looks the same")
        looks_like = "white noise (random draws, or a muscle at rest)"
        return _unsure(looks_like, evidence, faults)
    if found.jumps > JUMPS:
        return _made("independent draws", evidence, faults)
    if mixed:
        evidence.append(SHUFFLED)
        return _made("rows in random order", evidence, faults)
    if varies:
        evidence.append(varies)
    if varies or abs(kurtosis) > 0.3:
        evidence.append("random draws, or EMG sampled too slowly for autocorrelation")
        looks_like = "independent rows (random draws, or EMG sampled far too slowly)"
        return _unsure(looks_like, evidence, faults)
    return _made("white noise (independent Gaussian draws, or an open input)", evidence, faults)


def _mixed(found: Dependence, fast: list[Floats], rate: float | None) -> bool:
    """Whether rows (row, channel) mix rest and contractions, in an order like any other."""
    if rate is None or rate < ORDERED_RATE or float(np.median(found.kurtosis)) <= MIXED:
        return False
    joined = np.concatenate(fast)
    as_found, _ = overdispersion([joined], rate)
    in_disorder, _ = overdispersion([np.random.default_rng(0).permutation(joined)], rate)
    return as_found < LASTING * in_disorder


def _made(looks_like: str, evidence: list[str], faults: list[str]) -> Verdict:
    return Verdict(False, looks_like, evidence, faults, score=_score.MADE)


def _unsure(looks_like: str, evidence: list[str], faults: list[str]) -> Verdict:
    return Verdict(None, looks_like, evidence, faults, score=_score.UNORDERED)


def unordered(
    plain: Dependence,
    rest: Dependence,
    fast: list[Floats],
    rate: float | None,
    evidence: list[str],
    faults: list[str],
) -> Verdict | None:
    """Judge channels that correlate with each other but not over time; None if rows correlate."""
    # Rows of few codes follow one another once a straight line is removed.
    if rest.serial and plain.serial:
        return None
    evidence.append(
        f"rows are not autocorrelated (r at most {rest.strongest:.3f}), although channels are "
        f"correlated (r = {rest.shared:.2f})"
    )
    if rest.enough and _mixed(rest, fast, rate):
        evidence.append(SHUFFLED)
        return _made("rows in random order", evidence, faults)
    return _unsure("rows out of order, or a signal sampled far too slowly", evidence, faults)


def walk(
    pieces: list[Floats], plain: Dependence, evidence: list[str], faults: list[str]
) -> Verdict | None:
    """Judge rows that differ by independent steps; None if the steps are dependent."""
    moved = np.mean([(np.diff(piece, axis=0) != 0).mean() for piece in pieces])
    if not (plain.lag_one > 0.5 and moved > 0.5):
        return None
    steps = dependence([np.diff(piece, axis=0) for piece in pieces])
    if not steps.enough or steps.serial or steps.related:
        return None
    evidence.append(
        f"differences between rows are independent (r at most {steps.strongest:.3f}, "
        f"{steps.swelling:.3f} for their size)"
    )
    return _made("a random walk", evidence, faults)


def tones(
    rest: Dependence, left: Floats, unsure: bool, evidence: list[str], faults: list[str]
) -> Verdict:
    """Judge a signal that consists of tones, mains or a straight line, and independent noise."""
    sentence = f"tones, mains and a straight line have {100 * (1 - left.max()):.5g} % of the power"
    if np.all(left < PURE):
        evidence.append(sentence)
        return _made("a pure tone or a straight line (a generator)", evidence, faults)
    evidence.append(
        f"{sentence}; without them rows are independent (at most {rest.strongest:.3f}), kurtosis "
        f"{float(np.median(rest.kurtosis)):.2f}"
    )
    if unsure or not rest.enough:
        return _unsure("a tone and little else", evidence, faults)
    return _made("a tone (mains hum or a generator) and white noise", evidence, faults)
