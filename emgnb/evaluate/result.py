"""Hold the result of an evaluation: scores with their scheme and intervals."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import _pages
from emgnb.evaluate._export import as_html, as_json
from emgnb.evaluate._probabilities import auc, auc_interval, calibration_error, calibration_interval
from emgnb.evaluate._trials import Trials, votes
from emgnb.evaluate.metrics import (
    Floats,
    bootstrap,
    count,
    draws,
    intervals,
    number,
    percent,
    percentage,
    percentiles,
    score_stack,
    scores,
    strata,
)
from emgnb.evaluate.splits import Ints, trials_of

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "kappa")
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy (UAR)",
    "macro_f1": "macro-F1",
    "kappa": "Cohen's kappa",
    "auc": "AUC (one against the rest)",
    "ece": "expected calibration error",
}
# Metrics that are printed as numbers, not in per cent.
PLAIN_NAMES = (NAMES["kappa"], NAMES["auc"])
BOUNDS = ("value", "low", "high")


@dataclass(frozen=True, eq=False)
class Result:
    """Predictions for data that the models had not seen, and the scores derived from them.

    Attributes
    ----------
    prediction : probability(window, class) with the coordinates `truth`, `group`, `fold` and those
        of the data along window; attrs describe the evaluation. All scores are computed from it, so
        `Result(xr.open_dataarray(path))` restores what `prediction.to_netcdf(path)` saved
    """

    prediction: xr.DataArray

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(str(c) for c in self.prediction["class"].values)

    @cached_property
    def _indices(self) -> tuple[Ints, Ints]:
        lookup = {name: i for i, name in enumerate(self.classes)}
        truth = np.array([lookup[str(t)] for t in self.prediction["truth"].values], dtype=np.intp)
        return truth, np.argmax(self.prediction.values, axis=1)

    @cached_property
    def confusion(self) -> xr.DataArray:
        """Number of windows by (truth, predicted)."""
        return xr.DataArray(
            count(*self._indices, len(self.classes)),
            dims=("truth", "predicted"),
            coords={"truth": list(self.classes), "predicted": list(self.classes)},
            name="windows",
        )

    @cached_property
    def _units(self) -> Ints:
        """Number of the unit of each window."""
        _, of = np.unique(self.prediction[self.unit].values.astype(str), return_inverse=True)
        return of

    @property
    def truth_and_unit(self) -> tuple[Ints, Ints]:
        """Class number and unit number of each window."""
        return self._indices[0], self._units

    @cached_property
    def unit_confusions(self) -> npt.NDArray[np.float64]:
        """Confusion matrix of each unit that the bootstrap resamples."""
        truth, guess = self._indices
        of, k = self._units, len(self.classes)
        flat = np.bincount((of * k + truth) * k + guess, minlength=(of.max() + 1) * k * k)
        return flat.reshape(-1, k, k).astype(np.float64)

    @property
    def accuracy(self) -> float:
        """Fraction of windows classified correctly, 0 to 1."""
        return self._metric("accuracy")

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall over the classes (UAR), 0 to 1."""
        return self._metric("balanced_accuracy")

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the classes (UF1), 0 to 1."""
        return self._metric("macro_f1")

    @property
    def kappa(self) -> float:
        """Cohen's κ: agreement beyond chance, 0 = chance, 1 = perfect."""
        return self._metric("kappa")

    def _metric(self, name: str) -> float:
        return float(scores(self.confusion.values)[name])

    @property
    def unit(self) -> str:
        """Unit that the bootstrap resamples: people if there are several, otherwise groups."""
        people = "participant" in self.prediction.coords
        return "participant" if people and self.people > 1 else "group"

    @property
    def n_units(self) -> int:
        """Number of independent units on which the interval is based."""
        return len(self.unit_confusions)

    @property
    def people(self) -> int:
        """Number of participants; 1 if they are not named."""
        if "participant" not in self.prediction.coords:
            return 1
        return len(np.unique(self.prediction["participant"].values.astype(str)))

    @property
    def n_groups(self) -> int:
        """Number of groups (people, sessions, trials …) that were left out in turn."""
        return len(np.unique(self.prediction["group"].values.astype(str)))

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % interval of each metric, by bootstrap over `unit`.

        Whole people (or groups) are drawn with replacement, because windows of one person are not
        independent. Trials of one class each are drawn within their class, and every draw contains
        all classes, because the number of trials per class is set by the design. The percentiles
        are widened for few units according to Student's t (Hesterberg 2015,
        doi:10.1080/00031305.2015.1089789); with two or three people the interval is the full range.
        If all units score alike, draws have no spread; the interval then says how many people who
        differ could have been missed (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404).
        """
        return bootstrap(self.unit_confusions)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy, see `intervals`."""
        return self.intervals["accuracy"]

    @property
    def chance(self) -> float:
        """1 / number of classes."""
        return 1.0 / len(self.classes)

    @property
    def majority(self) -> float:
        """Accuracy of always predicting the most frequent label."""
        return float(self.confusion.sum("predicted").max() / self.confusion.sum())

    @cached_property
    def by_group(self) -> xr.Dataset:
        """Metrics and numbers of windows and trials of each left-out group (dim group).

        Macro-F1 is a mean over all classes, so it is NaN for a group that lacks a class.
        """
        truth, guess = self._indices
        groups = self.prediction["group"].values.astype(str)
        trials = trials_of(self.prediction)
        rows: list[dict[str, float]] = []
        names = np.unique(groups)
        for name in names:
            mine = groups == name
            row = scores(count(truth[mine], guess[mine], len(self.classes)))
            if len(np.unique(truth[mine])) < len(np.unique(truth)):
                row["macro_f1"] = float("nan")
            several = 0 if trials is None else len(np.unique(trials[mine]))
            rows.append(row | {"windows": float(mine.sum()), "trials": float(several)})
        table = xr.Dataset(
            {key: ("group", np.array([row[key] for row in rows])) for key in rows[0]},
            coords={"group": names},
        )
        whole = {key: table[key].astype(np.int64) for key in ("windows", "trials")}
        return table.assign(whole)

    @property
    def per_trial(self) -> float:
        """Fraction of trials classified correctly by the mean probability of their windows.

        NaN if the data do not name trials.
        """
        return self.trial_scores.get("accuracy", float("nan"))

    @cached_property
    def trial_scores(self) -> dict[str, float]:
        """Metrics over trials, each classified by the mean probability of its windows.

        Empty if the data do not name trials.
        """
        if self._trials is None:
            return {}
        return scores(self._trials.confusion(len(self.classes)))

    @cached_property
    def trial_intervals(self) -> dict[str, tuple[float, float]]:
        """95 % interval of each metric over trials, see `intervals`."""
        if self._trials is None:
            return {}
        units = self._trials.unit_confusions(len(self.classes), self.n_units)
        drawn = score_stack(
            (self.draws @ units.reshape(len(units), -1)).reshape(-1, *units[0].shape)
        )
        return intervals(drawn, units, self._strata)

    @cached_property
    def _trials(self) -> Trials | None:
        return votes(self.prediction, self._indices[0], self._units)

    @cached_property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1: 15 bins with equal numbers of windows.

        Mean difference between the probability of the predicted class and the accuracy (Guo 2017,
        arXiv:1706.04599). Few windows give an error above 0 even for a calibrated model.
        """
        return calibration_error(self.prediction.values, self._indices[0])

    @cached_property
    def auc(self) -> float:
        """Area under the ROC curve, each class against the rest, mean over classes; 0.5 = chance.

        Classes without windows are excluded.
        """
        return auc(self.prediction.values, self._indices[0])

    @cached_property
    def probability_intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals of `auc` and `ece`, with the draws of `intervals`."""
        given = (
            self.prediction.values,
            self._indices[0],
            self._units,
            self.draws,
            self._strata,
        )
        return {"auc": auc_interval(*given), "ece": calibration_interval(*given)}

    @cached_property
    def draws(self) -> Floats:
        """How often each unit occurs in each bootstrap draw, (draw, unit)."""
        return draws(self.unit_confusions)

    def interval_of(self, drawn: Floats) -> tuple[float, float]:
        """Return the 95 % interval of a statistic with one value per draw, see `intervals`."""
        return percentiles(drawn, self.n_units, self._strata)

    @property
    def _strata(self) -> int:
        return len(np.unique(strata(self.unit_confusions)))

    @property
    def scheme(self) -> str:
        """Description of how the data were split."""
        return str(self.prediction.attrs.get("scheme", "scheme not recorded"))

    def noted(self, *notes: str, prediction: xr.DataArray | None = None) -> Result:
        """Return the result, or one of another prediction of its windows, with more notes."""
        made = self.prediction if prediction is None else prediction
        there = json.loads(str(self.prediction.attrs.get("notes", "[]")))
        return Result(made.assign_attrs(notes=json.dumps([*there, *notes], ensure_ascii=False)))

    def table(self) -> list[dict[str, float | str]]:
        """Return one row per metric with its value and 95 % interval, over windows and trials."""
        rows = [(NAMES[name], self._metric(name), self.intervals[name]) for name in METRICS]
        rows += [
            (NAMES[n], getattr(self, n), self.probability_intervals[n]) for n in ("auc", "ece")
        ]
        rows += [
            (f"{NAMES[name]} per trial", self.trial_scores[name], self.trial_intervals[name])
            for name in METRICS
            if self.trial_scores
        ]
        return [
            {"metric": name, "value": value, "low": low, "high": high}
            for name, value, (low, high) in rows
        ]

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write everything but the predictions to a new JSON file.

        It holds the scheme, all scores with intervals, the confusion matrix, the groups, versions,
        settings and seeds of the models (where they state them), and a fingerprint of the data.

        Raises
        ------
        FileExistsError : `path` exists; nothing is overwritten
        """
        return _pages.written(path, as_json(self))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the same as a new HTML file that needs no other file, for light and dark screens.

        Raises
        ------
        FileExistsError : `path` exists; nothing is overwritten
        """
        return _pages.written(path, as_html(self))

    def __str__(self) -> str:
        return f"{self._headline()}\n{self._rest()}\n{self.caption}"

    def __repr__(self) -> str:
        return f"<Result: {self._headline()}>"

    def _headline(self) -> str:
        low, high = self.interval
        return (
            f"accuracy {percent(self.accuracy)} % (95 % interval {percent(low)}–{percent(high)} "
            f"over {self.over}; {self.scheme}; chance {percent(self.chance)} %, "
            f"majority {percent(self.majority)} %)"
        )

    @property
    def over(self) -> str:
        """Description of the units of the interval."""
        if self.unit == "participant":
            return f"{self.n_units} people"
        what = str(self.prediction.attrs.get("by", "group"))
        what = "people" if what == "participant" else f"{what}s"
        one = "" if what == "people" else " of 1 person, not valid for other people"
        return f"{self.n_units} {what}{one}"

    def _rest(self) -> str:
        text = (
            f"macro-F1 {percent(self.macro_f1)} %, balanced accuracy (UAR) "
            f"{percent(self.balanced_accuracy)} %, kappa {self.kappa:.2f}, AUC {self.auc:.2f}, "
            f"ECE {percent(self.ece)} %; "
        )
        if self._trials is None:
            return text + "trials not named in the data"
        return (
            f"{text}per trial {percent(self.per_trial)} % of {len(self._trials.truth)} trials, "
            f"macro-F1 {percent(self.trial_scores['macro_f1'])} %, "
            f"UAR {percent(self.trial_scores['balanced_accuracy'])} %"
        )

    @property
    def caption(self) -> str:
        """Meaning of the labels, and notes that qualify the scores."""
        meaning = self.prediction.attrs.get("label_meaning")
        labels = f"labels: {meaning}" if meaning else "labels: meaning not recorded"
        if use := self.prediction.attrs.get("use"):
            labels += f" (use: {use})"
        notes = [str(n) for n in json.loads(str(self.prediction.attrs.get("notes", "[]")))]
        return "; ".join([labels, *notes])

    def _repr_html_(self) -> str:
        lines: list[tuple[str, ...]] = [("metric", *BOUNDS)]
        for row in self.table():
            show = number if str(row["metric"]).startswith(PLAIN_NAMES) else percentage
            lines.append((str(row["metric"]), *(show(float(row[bound])) for bound in BOUNDS)))
        caption = (
            f"{self.scheme}; 95 % interval over {self.over}; chance {percent(self.chance)} %, "
            f"majority {percent(self.majority)} %; {self.caption}"
        )
        return _pages.table(caption, lines)
