"""Prediction sets, calibration error and rejection on new simulated people.

    python benchmarks/conformal.py [--train 24] [--new 60]

People are simulated ("field", 500 Hz): two rounds of seven expressions. LDA uses the logarithm of
the RMS in windows of 200 ms. It is trained on the training people; the sets, the temperature and
the thresholds of rejection come from predictions for training people left out in six folds, and
all are measured on the new people, with nothing of them known. A trial is classified by the mean
probability of its windows. 95 % intervals are bootstraps over people.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import xarray as xr

from emgnb import evaluate, features, filters, labels, models, recording, simulate, windows

ROUNDS, HOLD, PAUSE, LENGTH, RATE = 2, 2.0, 0.3, 0.2, 500.0
FOLDS, STATED, DRAWS = 6, 0.9, 2000
REJECTED = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


def recorded(person: int) -> xr.Dataset:
    """Simulate a person, and return the RMS of the windows of all trials."""
    acts = simulate.protocol(repetitions=ROUNDS, hold=HOLD, rest=PAUSE, seed=person)
    session = simulate.face(participant=person, seed=2027, script=acts, rate=RATE)
    signal = recording.emg(session)
    clean = filters.preset_for(signal)(signal)
    cut = windows.cut(
        clean, labels.trials(session), length=LENGTH, step=LENGTH, participant=f"P{person:03}"
    )
    return features.extract(cut, ["rms"])


def joined(people: range) -> xr.Dataset:
    tables = [recorded(person) for person in people]
    return xr.concat(tables, "window", combine_attrs="drop_conflicts").assign_attrs(tables[0].attrs)


def fit(train: Any) -> models.Classifier:
    return models.fit(train, compress="log")


def of_trials(result: evaluate.Result) -> evaluate.Result:
    """Return the result with one row per trial: the mean probability of its windows."""
    given = result.prediction
    names = evaluate.group_names(given, "trial")
    _, first, of = np.unique(names, return_index=True, return_inverse=True)
    sums = np.stack([np.bincount(of, column) for column in given.values.T], axis=1)
    means = sums / np.bincount(of)[:, np.newaxis]
    made = given.isel(window=first)
    return evaluate.Result(made.copy(data=means.astype(given.dtype)))


def hits(result: evaluate.Result) -> tuple[Any, Any, Any]:
    """Return the largest probability, whether the class is right, and the person of each row."""
    truth, person = result.truth_and_unit
    values = result.prediction.values
    return values.max(axis=1), values.argmax(axis=1) == truth, person


def rejecting(inside: evaluate.Result, new: evaluate.Result) -> list[str]:
    """Return a row per rejection rate; the thresholds are quantiles on the training people."""
    known, *_ = hits(inside)
    sure, right, person = hits(new)
    people = person.max() + 1
    who = np.random.default_rng(0).integers(people, size=(DRAWS, people))

    def drawn(mask: Any) -> Any:
        return np.bincount(person, weights=mask, minlength=people)[who].sum(axis=1)

    rows = []
    everything = drawn(right) / drawn(np.ones(len(right)))
    for rate in REJECTED:
        kept = sure >= (np.quantile(known, rate) if rate else 0.0)
        accuracy = drawn(right & kept) / drawn(kept)
        gain = right[kept].mean() - right.mean()
        rows.append(
            f"| {100 * rate:.0f} | {100 * (1 - kept.mean()):.1f} | "
            f"{percent(right[kept].mean(), accuracy)} | {percent(gain, accuracy - everything)} |"
        )
    return rows


def percent(value: float, drawn: Any) -> str:
    low, high = 100 * np.quantile(drawn, (0.025, 0.975))
    return f"{100 * value:.1f} ({low:.1f} to {high:.1f})"


def covered(row: str, score: str, inside: evaluate.Result, new: evaluate.Result) -> str:
    found = evaluate.conformal(inside, STATED, score=score, unit="participant").measure(new)
    return (
        f"| {row} | {score} | {100 * found.measured:.1f} ({100 * found.low:.1f} to "
        f"{100 * found.high:.1f}) | {found.size:.2f} | {100 * found.single:.0f} % |"
    )


def calibration(row: str, inside: evaluate.Result, new: evaluate.Result) -> str:
    """Return the calibration error without and with the temperature of the training people."""
    warm = evaluate.temperature(inside)
    after = evaluate.Result(warm.apply(new.prediction))
    return f"| {row} | {100 * new.accuracy:.1f} | {ece(new)} | {ece(after)} | {warm.value:.2f} |"


def ece(result: evaluate.Result) -> str:
    low, high = result.probability_intervals["ece"]
    return f"{100 * result.ece:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def report(train: xr.Dataset, others: xr.Dataset) -> None:
    inside = evaluate.cross_validate(train, fit, by="participant", folds=FOLDS, progress=False)
    new = evaluate.transfer(train, others, fit)
    pairs = {"window": (inside, new), "trial": (of_trials(inside), of_trials(new))}
    print(f"{inside.people} people for training and calibration, {new.people} new people\n")
    print("| a row is a | score | covered (%, 95 %), 90 stated | classes per set | one class |")
    print("|---|---|---|---|---|")
    for name, pair in pairs.items():
        for score in ("lac", "aps"):
            print(covered(name, score, *pair))
    print("\n| a row is a | accuracy (%) | ECE (points, 95 %) | with temperature | its value |")
    print("|---|---|---|---|---|")
    for name, pair in pairs.items():
        print(calibration(name, *pair))
    print(
        "\n| trials to reject (%) | rejected (%) | accuracy on the rest (%, 95 %) | gain (points) |"
    )
    print("|---|---|---|---|")
    print("\n".join(rejecting(*pairs["trial"])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train", type=int, default=24)
    parser.add_argument("--new", type=int, default=60)
    asked = parser.parse_args()
    last = asked.train + asked.new
    report(joined(range(asked.train)), joined(range(asked.train, last)))


if __name__ == "__main__":
    main()
