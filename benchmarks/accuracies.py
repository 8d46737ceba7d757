"""Accuracy of the models on published recordings, with whole groups left out and shuffled.

    python benchmarks/accuracies.py [folder] [--only TEXT] [--each [MODEL …]]

The folder holds the recordings, as `../shared/data` beside a checkout does. For each left-out group
the model is chosen from a fixed list by cross-validation in the training part (nested). `chosen`
leaves whole groups out, with a 95 % interval over the groups. `averaged` does so with the mean of
the probabilities of all candidates, without a choice. `shuffled` splits windows at random, with the
model chosen most often, and is no result. Windows last 300 ms, all seeds are 0.

With `--each`, every model of the lists is measured alone, and the networks where there are
windows, both with groups left out and shuffled; `--each tcn` measures one of them. The best row was
chosen on the test data, so it is no result either.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from emgnb import evaluate, features, labels, models, recording, windows
from emgnb.filters import PRESETS
from emgnb.interop import corpora
from emgnb.models import training

LENGTH = 0.3
INNER = 5
CHOSEN = (
    "data",
    "left out",
    "goal",
    "chosen (95 %)",
    "averaged (95 %)",
    "macro-F1, averaged",
    "shuffled",
    "chance",
    "chosen",
)
EACH = ("data", "model", "groups left out (95 %)", "macro-F1", "shuffled", "both, s")
POSED, POWERS = "facial_expression_envelopes", "emotion_power_features"

Fit = Callable[[Any], Any]


class Mean(NamedTuple):
    """Classifier that averages the probabilities of several."""

    members: list[Any]

    def predict(self, data: Any) -> xr.DataArray:
        found = [each.predict(data) for each in self.members]
        made: xr.DataArray = found[0].copy(data=np.mean([f.values for f in found], axis=0))
        return made


class Of(NamedTuple):
    """Classifier of one variable of a Dataset."""

    model: Any
    name: str

    def predict(self, data: Any) -> xr.DataArray:
        found: xr.DataArray = self.model.predict(data[[self.name]])
        return found


class Person(NamedTuple):
    """Classifier calibrated with all unlabelled windows of each person that it predicts."""

    model: models.Classifier
    balanced: bool

    def predict(self, data: Any) -> xr.DataArray:
        own = data[["power"]]
        out = self.model.predict(own)
        for name in np.unique(own["participant"].values):
            mine = own["participant"].values == name
            part = own.isel(window=mine)
            made = models.calibrate(self.model, unlabelled=part, balanced=self.balanced)
            out.values[mine] = made.predict(part).values
        return out


class Matched(NamedTuple):
    """Classifier by groups matched with classes; calibrated for people with too few windows."""

    model: models.Classifier

    def predict(self, data: Any) -> xr.DataArray:
        own = data[["power"]]
        try:
            return models.Matching(self.model).predict(own)
        except ValueError:  # a test part of shuffled windows
            return Person(self.model, True).predict(data)


def plain(**options: Any) -> Fit:
    return lambda train: models.fit(train, progress=False, **options)


def mean_of(candidates: Mapping[str, Fit]) -> Fit:
    return lambda train: Mean([fit(train) for fit in candidates.values()])


def of(name: str, **options: Any) -> Fit:
    return lambda train: Of(models.fit(train[[name]], progress=False, **options), name)


def person(balanced: bool, **options: Any) -> Fit:
    return lambda train: Person(models.fit_within(train[["power"]], **options), balanced)


def matching(**options: Any) -> Fit:
    return lambda train: Matched(models.fit_within(train[["power"]], model="svm", **options))


ENVELOPES = {
    "LDA": plain(features="envelope"),
    "SVM, C = 10": plain(model="svm", C=10.0, features="envelope"),
    "SVM, C = 100": plain(model="svm", C=100.0, features="envelope"),
    "forest": plain(model="forest", features="envelope"),
}
RAW = {
    "LDA, hudgins": plain(features="hudgins"),
    "LDA, covariances": plain(features="covariance"),
    "SVM, C = 10, covariances": plain(model="svm", C=10.0, features="covariance"),
}
ALONE = {
    "LDA, log": of("power", compress="log"),
    "SVM, C = 1, log": of("power", model="svm", compress="log"),
    "SVM, C = 10, log": of("power", model="svm", C=10.0, compress="log"),
    "forest": of("power", model="forest", compress="log"),
    "LDA, fit_within": lambda train: Of(models.fit_within(train[["power"]]), "power"),
}
OWN = {
    "LDA, z-scores": of("z", compress="none"),
    "SVM, C = 1, z-scores": of("z", model="svm", compress="none"),
    "SVM, C = 10, z-scores": of("z", model="svm", C=10.0, compress="none"),
    "SVM, C = 1, centred": of("centred", model="svm", compress="none"),
    "SVM, C = 1, centred profile": of("shape", model="svm", compress="none"),
    "SVM, C = 10, centred profile": of("shape", model="svm", C=10.0, compress="none"),
    "LDA, calibrate": person(False),
    "LDA, calibrate balanced": person(True),
    "SVM, calibrate balanced": person(True, model="svm"),
    "SVM, C = 1, matching": matching(),
    "SVM, C = 10, matching": matching(C=10.0),
}


def envelopes(folder: Path, kind: str) -> xr.DataArray:
    """Rounds of posed expressions; a session is a round."""
    file = next(iter(sorted((folder / POSED).glob(f"*_{kind}.json"))))
    return windows.stack(
        [
            windows.cut(
                PRESETS["envelope"](recording.emg(session)),
                labels.trials(session, reaction=0),
                length=LENGTH,
                step=0.15,
                participant=session.attrs["participant"],
                session=session.attrs["session"],
            )
            for session in corpora.read_envelope_json(file)
        ]
    )


def powers(folder: Path) -> xr.Dataset:
    """Powers, and their logarithms standardised within each person by the person's own data."""
    data: xr.Dataset = corpora.read_power_features(folder / POWERS)
    z = evaluate.standardise_within(data, log=True)["power"]
    centred = evaluate.standardise_within(data, log=True, spread=False)["power"]
    shape = features.profile(centred, log=False)
    return data.assign(z=z, centred=centred, shape=shape)


def trial(path: Path, label: str, session: str, number: int, units: str) -> xr.DataArray:
    """Windows of a file that holds one trial at 200 Hz."""
    x = recording.signal(np.loadtxt(path, delimiter=","), rate=200.0, units=units)
    table = xr.Dataset(
        {
            "onset": ("trial", [0.0]),
            "offset": ("trial", [x.sizes["time"] / 200.0]),
            "label": ("trial", [label]),
        },
        coords={"trial": [number]},
    )
    return windows.cut(x, table, length=LENGTH, step=0.1, participant="1", session=session)


def armband(folder: Path) -> xr.DataArray:
    """22 motions, four repetitions; a session is a repetition."""
    parts = []
    for path in sorted((folder / "armband_long_term" / "day1").glob("D*M*T*.csv")):
        motion, repetition = path.stem.split("M")[1].split("T")
        parts.append(trial(path, motion, repetition, int(motion), "mV"))
    return windows.stack(parts)


def myo(folder: Path) -> xr.DataArray:
    """Five gestures; a session is a repetition of a trial folder."""
    parts = []
    for path in sorted((folder / "myo").glob("trial_*/R_*_C_*.csv")):
        _, repetition, _, gesture = path.stem.split("_")
        name = f"{path.parent.name} {repetition}"
        parts.append(trial(path, gesture, name, int(gesture), "count"))
    return windows.stack(parts)


NETWORKS = {name: plain(model=name) for name in training.NETWORKS}


class Set(NamedTuple):
    """Labelled recordings: reader and its folder, groups left out, candidates and goal (%)."""

    read: Callable[[Path], Any]
    folder: str
    by: str
    candidates: Mapping[str, Fit]
    goal: int | None


SETS = {
    "myo, five gestures": Set(myo, "myo", "session", RAW, 99),
    "armband, day 1, 22 motions": Set(armband, "armband_long_term", "session", RAW, 96),
    "powers, nothing of the person": Set(powers, POWERS, "participant", ALONE, None),
    "powers, with the person's unlabelled data": Set(powers, POWERS, "participant", OWN, 77),
    "envelopes, held": Set(lambda f: envelopes(f, "padrao"), POSED, "session", ENVELOPES, 95),
    "envelopes, transitions": Set(
        lambda f: envelopes(f, "transicoes"), POSED, "session", ENVELOPES, 76
    ),
}


def best_of(train: Any, candidates: Mapping[str, Fit], by: str) -> str:
    """Return the candidate with the best accuracy on groups left out of the training part."""
    groups = len(np.unique(evaluate.group_names(train, by)))
    folds = INNER if groups > INNER else None
    accuracy = {
        name: evaluate.cross_validate(train, fit, by=by, folds=folds, progress=False).accuracy
        for name, fit in candidates.items()
    }
    return max(accuracy, key=lambda name: accuracy[name])


def row(name: str, data: Any, by: str, candidates: Mapping[str, Fit], goal: int | None) -> str:
    picked: list[str] = []

    def chosen(train: Any) -> Any:
        picked.append(best_of(train, candidates, by))
        return candidates[picked[-1]](train)

    honest = evaluate.cross_validate(data, chosen, by=by, progress=False)
    averaged = evaluate.cross_validate(data, mean_of(candidates), by=by, progress=False)
    often = Counter(picked).most_common()
    most = candidates[often[0][0]]
    shuffled = evaluate.shuffled_beside_honest(data, most, by=by, progress=False).shuffled
    names = "; ".join(f"{which} ({times})" for which, times in often)
    return (
        f"| {name} | {honest.n_groups} {by}s | {goal or '–'} | {interval(honest)} "
        f"| {interval(averaged)} | {100 * averaged.macro_f1:.1f} | {100 * shuffled.accuracy:.1f} "
        f"| {100 * honest.chance:.1f} | {names} |"
    )


def each(name: str, data: Any, about: Set, wanted: list[str]) -> None:
    """Print a row for each model, or each wanted one, which is measured alone."""
    networks = NETWORKS if isinstance(data, xr.DataArray) else {}
    for model, fit in ({**about.candidates, **networks}).items():
        if wanted and model not in wanted:
            continue
        began = time.perf_counter()
        both = evaluate.shuffled_beside_honest(data, fit, by=about.by, progress=False)
        print(
            f"| {name} | {model} | {interval(both.honest)} | {100 * both.honest.macro_f1:.1f} "
            f"| {100 * both.shuffled.accuracy:.1f} | {time.perf_counter() - began:.0f} |",
            flush=True,
        )


def interval(result: evaluate.Result) -> str:
    low, high = result.interval
    return f"{100 * result.accuracy:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("folder", nargs="?", type=Path, default=beside)
    parser.add_argument("--only", default="", help="sets whose name contains this text")
    parser.add_argument(
        "--each", nargs="*", metavar="MODEL", help="measure each model alone, or those named"
    )
    asked = parser.parse_args()
    known = {model for about in SETS.values() for model in about.candidates} | set(NETWORKS)
    if lost := set(asked.each or []) - known:
        parser.error(f"--each {', '.join(lost)}: expected some of {', '.join(sorted(known))}")
    heads = CHOSEN if asked.each is None else EACH
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, about in SETS.items():
        if asked.only not in name:
            continue
        if not (asked.folder / about.folder).is_dir():
            print(f"| {name} | not there {'| ' * (len(heads) - 2)}|", flush=True)
            continue
        data = about.read(asked.folder)
        if asked.each is None:
            print(row(name, data, about.by, about.candidates, about.goal), flush=True)
        else:
            each(name, data, about, asked.each)


if __name__ == "__main__":
    main()
