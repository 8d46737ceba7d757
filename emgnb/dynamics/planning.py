"""Compute the power of designs that compare two conditions within people."""

from __future__ import annotations

import numpy as np
from scipy import stats

from emgnb import recording

# Largest number of people that is tried.
MOST = 100_000


def power(
    effect: float,
    *,
    people: int,
    trials: int,
    spread_people: float,
    spread_trials: float,
    alpha: float = 0.05,
) -> float:
    """Return the power of a two-sided paired t test over people, each with two conditions.

    Each person's mean difference has the variance spread_people² + 2 · spread_trials² / trials.
    More trials do not replace people: with many trials the first term remains. A single person is
    tested over trials (two independent samples), and the conclusion is about this person only.

    Parameters
    ----------
    effect : mean difference between the conditions, in any unit; use logarithms of amplitudes,
        whose differences do not depend on gain
    people : number of people
    trials : number of trials per person and condition
    spread_people : standard deviation of the true difference between people, in the same unit
    spread_trials : standard deviation of a trial within person and condition
    alpha : two-sided significance level

    Returns
    -------
    Probability of p < `alpha`, from the noncentral t distribution (Cohen 1988, Statistical power
    analysis for the behavioral sciences): exact for normal differences

    Raises
    ------
    ValueError : a number below 1, spreads below 0 or both 0, alpha outside 0 to 1, or a single
        person with a single trial

    Examples
    --------
    >>> from emgnb import dynamics
    >>> round(dynamics.power(1.0, people=20, trials=10, spread_people=1.0, spread_trials=2.0), 2)
    0.89
    """
    _check(people, trials, spread_people, spread_trials, alpha)
    if people == 1:
        freedom = 2 * trials - 2
        error = spread_trials * np.sqrt(2.0 / trials)
    else:
        freedom = people - 1
        error = np.sqrt((spread_people**2 + 2.0 * spread_trials**2 / trials) / people)
    limit = stats.t.ppf(1.0 - alpha / 2.0, freedom)
    shift = effect / error
    return float(stats.nct.sf(limit, freedom, shift) + stats.nct.cdf(-limit, freedom, shift))


def people_needed(
    effect: float,
    *,
    trials: int,
    spread_people: float,
    spread_trials: float,
    alpha: float = 0.05,
    wanted: float = 0.8,
) -> int:
    """Return the smallest number of people, at least 2, with the wanted power; see `power`.

    Raises
    ------
    ValueError : as for `power`; no effect, a power outside `alpha` to 1, or more than 100 000
        people would be needed

    Examples
    --------
    >>> from emgnb import dynamics
    >>> dynamics.people_needed(1.0, trials=10, spread_people=1.0, spread_trials=2.0)
    17
    """
    if not alpha < wanted < 1 or not effect:
        raise ValueError(
            f"effect={effect:g}, wanted={wanted:g}: expected an effect other than 0, and a power "
            f"between alpha={alpha:g} and 1"
        )

    def reached(people: int) -> bool:
        found = power(
            effect,
            people=people,
            trials=trials,
            spread_people=spread_people,
            spread_trials=spread_trials,
            alpha=alpha,
        )
        return found >= wanted

    high = 2
    while not reached(high):
        high *= 2
        if high > MOST:
            raise ValueError(
                f"more than {MOST} people would be needed for a power of {wanted:g}: the effect "
                f"{effect:g} is too small for these spreads"
            )
    low = max(high // 2, 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle + 1, high)
    return high


def _check(
    people: int, trials: int, spread_people: float, spread_trials: float, alpha: float
) -> None:
    faults = [
        f"{name}={value!r}, expected a whole number, 1 or more"
        for name, value in (("people", people), ("trials", trials))
        if value != int(value) or value < 1
    ]
    faults += [
        f"{name}={value:g}, expected 0 or more"
        for name, value in (("spread_people", spread_people), ("spread_trials", spread_trials))
        if not value >= 0
    ]
    if not 0 < alpha < 1:
        faults.append(f"alpha={alpha:g}, expected between 0 and 1")
    if not faults and people == 1 and (trials < 2 or not spread_trials > 0):
        faults.append("one person needs at least two trials per condition, and spread_trials")
    if not faults and not spread_people and not spread_trials:
        faults.append("both spreads are 0, so any effect would be found")
    recording.refuse(faults)
