"""Accuracy lost on new people and re-worn electrodes, and the share that calibration wins back.

    python benchmarks/rewearing.py [people]

People are simulated ("field", 500 Hz), each with two electrode placements: a minute of rest, then
eight rounds of seven expressions. LDA uses the logarithm of the RMS in windows of 200 ms.
`within` is trained on the first six rounds of a placement and tested on the other two, as are all
other figures. `new person`: trained on four fifths of the people, in turn. `re-worn`: trained on
the person's first placement, tested on the second. Calibration uses the first seconds of windows of
the minute of rest, of the six rounds without labels, or with labels. The share won back is that of
the difference to `within`; 95 % intervals are bootstraps over people.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import features, filters, labels, models, recording, simulate, windows

ROUNDS, TEACHING, HOLD, PAUSE, REST, LENGTH, RATE = 8, 6, 2.0, 0.3, 61.0, 0.2, 500.0
SECONDS = (0, 5, 15, 60)
WAYS = {"rest": "rest", "unlabelled": "unlabelled", "trials": "labelled"}
FOLDS, DRAWS = 5, 2000
Floats = npt.NDArray[np.float64]


class Recording(NamedTuple):
    """Features of one electrode placement."""

    rest: xr.Dataset
    teaching: xr.Dataset
    test: xr.Dataset


def recorded(person: int, placement: int) -> Recording:
    """Simulate a placement, and return its features."""
    expressions = len(simulate.SEVEN)
    acts = simulate.protocol(
        repetitions=ROUNDS, hold=HOLD, rest=PAUSE, start=REST, seed=2 * person + placement
    )
    session = simulate.face(
        participant=person, session=placement, seed=2026, script=acts, rate=RATE
    )
    signal = recording.emg(session)
    clean = filters.preset_for(signal)(signal)
    cut = partial(
        windows.cut,
        length=LENGTH,
        step=LENGTH,
        participant=f"P{person:03}",
        session=str(placement),
    )
    trials = labels.trials(session)
    table = features.extract(cut(clean, trials), ["rms"])
    number = np.searchsorted(trials["trial"].values, table["trial"].values)
    teaching = number < TEACHING * expressions
    still = cut(clean.sel(time=slice(0, REST)))
    rest = features.extract(still, ["rms"]).drop_vars("label")
    return Recording(rest, table.isel(window=teaching), table.isel(window=~teaching))


def accuracy(model: models.Classifier, test: xr.Dataset) -> float:
    found = model.predict(test)
    guess = found["class"].values[found.values.argmax(axis=1)]
    return float((guess == test["label"].values).mean())


def calibrated(model: models.Classifier, own: Recording) -> Iterator[tuple[str, int, float]]:
    """Yield way, seconds and accuracy."""
    for way in WAYS:
        source = own.rest if way == "rest" else own.teaching
        for seconds in SECONDS:
            data = source.isel(window=slice(0, round(seconds / LENGTH)))
            if way == "unlabelled":
                data = data.drop_vars(["label", "trial"])
            given: dict[str, Any] = {way: data}
            made = models.calibrate(model, **given) if seconds else model
            yield way, seconds, accuracy(made, own.test)


def joined(parts: list[Recording]) -> xr.Dataset:
    """Return all labelled windows of recordings."""
    tables = [table for part in parts for table in (part.teaching, part.test)]
    return xr.concat(tables, "window", combine_attrs="drop_conflicts").assign_attrs(tables[0].attrs)


def measured(people: list[tuple[Recording, Recording]]) -> dict[str, dict[tuple[str, int], Floats]]:
    """Return the accuracy of each person by situation, way and seconds."""
    found: dict[str, dict[tuple[str, int], list[float]]] = {"new person": {}, "re-worn": {}}
    general = [
        fit([one for i, (one, _) in enumerate(people) if i % FOLDS != fold], "participant")
        for fold in range(min(FOLDS, len(people)))
    ]
    for number, (first, second) in enumerate(people):
        for name, model, own in (
            ("new person", general[number % FOLDS], first),
            ("re-worn", fit([first], "session"), second),
        ):
            alone = models.fit(own.teaching, compress="log")
            rows = found[name]
            rows.setdefault(("within", 0), []).append(accuracy(alone, own.test))
            for way, seconds, value in calibrated(model, own):
                rows.setdefault((way, seconds), []).append(value)
    return {n: {key: np.array(v) for key, v in rows.items()} for n, rows in found.items()}


def fit(recordings: list[Recording], by: str) -> models.Classifier:
    return models.fit_within(joined(recordings), by=by)


def interval(values: Floats) -> tuple[float, float]:
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)


def won_back(rows: dict[tuple[str, int], Floats], way: str, seconds: int) -> str:
    """Return the share of the loss that is won back, with its interval."""
    within, before, after = rows["within", 0], rows[way, 0], rows[way, seconds]
    who = np.random.default_rng(0).integers(len(within), size=(DRAWS, len(within)))
    drawn = (after - before)[who].mean(axis=1) / (within - before)[who].mean(axis=1)
    share = (after - before).mean() / (within - before).mean()
    low, high = interval(100 * drawn)
    return f"{100 * share:.0f} % ({low:.0f} to {high:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("people", nargs="?", type=int, default=100)
    count = parser.parse_args().people
    warnings.simplefilter("ignore")  # 5 s hold few classes
    report([(recorded(i, 0), recorded(i, 1)) for i in range(count)])


def report(people: list[tuple[Recording, Recording]]) -> None:
    print("| situation | calibrated with | s | accuracy (95 %) | loss | share won back (95 %) |")
    print("|---|---|---|---|---|---|")
    for name, rows in measured(people).items():
        within = rows["within", 0]
        print(f"| {name} | within the placement | – | {percent(within)} | – | – |")
        print(line(name, rows, "rest", 0, "nothing"))
        for way, words in WAYS.items():
            for seconds in SECONDS[1:]:
                print(line(name, rows, way, seconds, words))


def line(name: str, rows: dict[tuple[str, int], Floats], way: str, seconds: int, words: str) -> str:
    loss = 100 * (rows["within", 0] - rows[way, seconds]).mean()
    share = won_back(rows, way, seconds) if seconds else "–"
    accuracies = percent(rows[way, seconds])
    return f"| {name} | {words} | {seconds} | {accuracies} | {loss:.1f} | {share} |"


def percent(values: Floats) -> str:
    who = np.random.default_rng(0).integers(len(values), size=(DRAWS, len(values)))
    low, high = interval(100 * values[who].mean(axis=1))
    return f"{100 * values.mean():.1f} ({low:.1f}–{high:.1f})"


if __name__ == "__main__":
    main()
