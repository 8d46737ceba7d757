"""Accuracy and intensity error on new people after 0, 15 and 60 s of calibration.

    python benchmarks/calibration.py [people]

People are simulated ("field", 500 Hz, eight channels), with seeds used nowhere else. Each follows
the guided run of `live.calibration` for a minute, then the same expressions twice in another order
with the same electrodes, which is the test. The base is LDA on covariances of 30 further people.
Filters are causal, as live. Accuracy is over windows of 200 ms. The true intensity of an action
unit is relative to the person's strongest in the whole run; it is compared at rest of the unit and
between its apex and half of the hold. Units rest most of the time, which makes the mean error
small: the error in contractions (the apex) is given as well. Without calibration the levels of rest
and maximum are the medians of the further people. Units that are not told are counted, not guessed.
95 % intervals are bootstraps over people.
"""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import filters, labels, live, models, recording, simulate, windows
from emgnb.live import calibration

Floats = npt.NDArray[np.float64]
RATE, SEED, BASE_SEED, BASE_PEOPLE = 500.0, 50_000, 51_000, 30
SECONDS = (0, 15, 60)
DRAWS = 2000
CHAIN = filters.Chain(filters.BandPass(20, 225), filters.Notch(50))


class Person(NamedTuple):
    """A recording with the time (s) at which calibration ends and the test begins."""

    session: xr.DataTree
    end: float


def person(number: int, seed: int) -> Person:
    calibrating, end = acts(2 * number, 0.0)
    testing, _ = acts(2 * number + 1, end)
    session = simulate.face(
        participant=number, seed=seed, script=[*calibrating, *testing], rate=RATE
    )
    return Person(session, end)


def acts(seed: int, begin: float) -> tuple[list[simulate.Act], float]:
    """Return the script of a participant who follows the guided run, and when it ends."""
    found, now = [], begin
    for step in calibration.protocol(seed=seed).steps():
        now += step.countdown
        if step.kind == "trial":
            found.append(simulate.Act(now, step.name, step.hold, cue=True))
        now += step.hold + step.rest
    return found, now


def until(session: xr.DataTree, end: float) -> xr.DataTree:
    """Return the session up to `end` s."""
    marks = session["markers"].to_dataset()
    kept = marks["time"].values < end
    return recording.make(
        recording.emg(session).sel(time=slice(0, end)),
        markers=marks.isel(marker=kept),
        participant=str(session.attrs["participant"]),
        session=str(session.attrs["session"]),
    )


def cut(session: xr.DataTree, begin: float = 0.0) -> xr.DataArray:
    clean = CHAIN.causal(recording.emg(session))
    trials = labels.trials(session)
    trials = trials.isel(trial=trials["onset"].values >= begin)
    return windows.cut(clean, trials, length=calibration.LENGTH, step=calibration.STEP)


def accuracy(model: models.Classifier, test: xr.DataArray) -> float:
    found = model.predict(test)
    guess = found["class"].values[found.values.argmax(axis=1)]
    return float((guess == test["label"].values).mean())


def errors(levels: live.Proportional, whole: Person) -> tuple[float, float, float]:
    """Return the mean absolute error over units, that in contractions, and the share told."""
    x = levels.chain.causal(recording.emg(whole.session))
    keep = np.flatnonzero(x["time"].values >= whole.end)[::10]
    time, rows = x["time"].values[keep], x.values[keep]
    told = [levels.intensities(row) for row in rows]
    found, moving = [], []
    units = [unit for unit in dict.fromkeys(levels.units_of) if unit]
    for unit in units:
        truth = intensity(whole, unit, time)
        values = np.array([each.get(unit, np.nan) for each in told])
        wrong = np.abs(values - truth)
        found.append(mean(wrong))
        moving.append(mean(wrong[truth > 0]))
    return mean(np.array(found)), mean(np.array(moving)), float(np.isfinite(found).mean())


def mean(values: Floats) -> float:
    """Return the mean of the finite values; NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def intensity(whole: Person, unit: str, time: Floats) -> Floats:
    """Return the true intensity of a unit at `time`, NaN while it changes."""
    table = whole.session["labels/truth"].to_dataset()
    side, au = (unit[0], unit[1:]) if unit[0] in "LR" else ("", unit)
    mine = (table["au"].values == au) & np.isin(table["side"].values, ["", side])
    table = table.isel(event=mine)
    early = table["fraction"].values[table["onset"].values < whole.end]
    strongest = early.max(initial=0.0) or np.nan
    found = np.zeros(time.size)
    rows = (table[name].values for name in ("onset", "apex", "offset", "fraction"))
    for onset, apex, offset, fraction in zip(*rows, strict=True):
        found[(time >= onset) & (time < offset + 0.2)] = np.nan
        found[(time >= apex) & (time < (apex + offset) / 2)] = min(fraction / strongest, 1.0)
    return found


def measured(
    whole: Person, base: models.Classifier, others: live.Proportional
) -> Iterator[tuple[int, float, float, float, float, float]]:
    """Yield s of calibration, accuracy, both errors, share of units told, expected accuracy."""
    test = cut(whole.session, whole.end)
    for seconds in SECONDS:
        if not seconds:
            yield 0, accuracy(base, test), *errors(others, whole), np.nan
            continue
        made = calibration.calibrate(until(whole.session, min(seconds, whole.end)), base)
        expected = np.nan if made.expected is None else made.expected.accuracy
        found = (np.nan, np.nan, 0.0) if made.levels is None else errors(made.levels, whole)
        yield seconds, accuracy(made.model, test), *found, expected


def levels_of(people: list[Person]) -> live.Proportional:
    """Return the median levels of people."""
    each = [live.proportional(until(one.session, one.end)) for one in people]
    names: tuple[Any, Any] = ("rest", "most")
    middle = {name: tuple(np.median([getattr(e, name) for e in each], axis=0)) for name in names}
    return dataclasses.replace(each[0], **middle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("people", nargs="?", type=int, default=100)
    count = parser.parse_args().people
    warnings.simplefilter("ignore")
    known = [person(number, BASE_SEED) for number in range(BASE_PEOPLE)]
    data = windows.stack([cut(one.session) for one in known])
    base = models.fit_within(data, features=calibration.FEATURES)
    others = levels_of(known)
    rows = np.array([list(measured(person(k, SEED), base, others)) for k in range(count)])
    print(f"{count} people.\n")
    print(
        "| calibration, s | accuracy, % | expected, % | intensity MAE | the same in contractions "
        "| units told, % |"
    )
    print("|---|---|---|---|---|---|")
    for i, seconds in enumerate(SECONDS):
        _, right, error, moving, told, expected = rows[:, i].T
        cells = [percent(right), percent(expected), number(error), number(moving)]
        cells.append(f"{100 * told.mean():.0f}")
        print(f"| {seconds} | {' | '.join(cells)} |")


def interval(values: Floats) -> tuple[float, float, float]:
    who = np.random.default_rng(0).integers(len(values), size=(DRAWS, len(values)))
    low, high = np.nanquantile(np.nanmean(values[who], axis=1), (0.025, 0.975))
    return float(np.nanmean(values)), float(low), float(high)


def percent(values: Floats) -> str:
    if np.isnan(values).all():
        return "–"
    mean, low, high = interval(100 * values)
    return f"{mean:.1f} ({low:.1f}–{high:.1f})"


def number(values: Floats) -> str:
    mean, low, high = interval(values)
    return f"{mean:.3f} ({low:.3f}–{high:.3f})"


if __name__ == "__main__":
    main()
