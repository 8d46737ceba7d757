"""What came out of an evaluation: figures that always carry their protocol and interval."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from emgnb.evaluate.splits import Ints, trials_of

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "kappa")
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy (UAR)",
    "macro_f1": "macro-F1",
    "kappa": "Cohen's kappa",
}
BOUNDS = ("value", "low", "high")
DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Result:
    """Predictions for data the models had not seen, and what follows from them.

    Attributes
    ----------
    prediction : probability(window, class); along window `truth`, `group`, `fold` and the
        coordinates of the data; attrs say how it was made. Everything else is computed from it,
        so `Result(xr.open_dataarray(path))` brings back what `prediction.to_netcdf(path)` saved.
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
        """Windows by (truth, predicted)."""
        return xr.DataArray(
            _count(*self._indices, len(self.classes)),
            dims=("truth", "predicted"),
            coords={"truth": list(self.classes), "predicted": list(self.classes)},
            name="windows",
        )

    @cached_property
    def unit_confusions(self) -> npt.NDArray[np.float64]:
        """One confusion matrix for each unit that the interval resamples."""
        truth, guess = self._indices
        _, of = np.unique(self.prediction[self.unit].values.astype(str), return_inverse=True)
        k = len(self.classes)
        flat = np.bincount((of * k + truth) * k + guess, minlength=(of.max() + 1) * k * k)
        return flat.reshape(-1, k, k).astype(np.float64)

    @property
    def accuracy(self) -> float:
        """Share of windows named correctly, 0 to 1."""
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
        """What the interval resamples: people where there are several, otherwise the groups."""
        people = "participant" in self.prediction.coords
        return "participant" if people and self.people > 1 else "group"

    @property
    def n_units(self) -> int:
        """How many independent units the interval stands on."""
        return len(self.unit_confusions)

    @property
    def people(self) -> int:
        """Number of participants; 1 where none are named."""
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

        Whole people (or groups) are drawn with replacement, since windows of one person are no
        independent evidence. The percentiles are widened for few units as Student's t would be
        (Hesterberg 2015, doi:10.1080/00031305.2015.1089789); with two or three people that is
        the whole range seen.
        """
        return _bootstrap(self.unit_confusions)

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
        """Accuracy of always naming the commonest label."""
        return float(self.confusion.sum("predicted").max() / self.confusion.sum())

    @cached_property
    def by_group(self) -> xr.Dataset:
        """Metrics, windows and trials of each group left out (dim group)."""
        truth, guess = self._indices
        groups = self.prediction["group"].values.astype(str)
        trials = trials_of(self.prediction)
        rows: list[dict[str, float]] = []
        names = np.unique(groups)
        for name in names:
            mine = groups == name
            row = scores(_count(truth[mine], guess[mine], len(self.classes)))
            count = 0 if trials is None else len(np.unique(trials[mine]))
            rows.append(row | {"windows": float(mine.sum()), "trials": float(count)})
        table = xr.Dataset(
            {key: ("group", np.array([row[key] for row in rows])) for key in rows[0]},
            coords={"group": names},
        )
        whole = {key: table[key].astype(np.int64) for key in ("windows", "trials")}
        return table.assign(whole)

    @cached_property
    def per_trial(self) -> float:
        """Share of trials named correctly by the mean probability of their windows.

        NaN where the data do not say which windows form a trial.
        """
        if self._votes is None:
            return float("nan")
        truth, guess = self._votes
        return float((truth == guess).mean())

    @cached_property
    def _votes(self) -> tuple[Ints, Ints] | None:
        trials = trials_of(self.prediction)
        if trials is None:
            return None
        truth, _ = self._indices
        # A trial whose label changes half-way is one trial for each label.
        _, of = np.unique(np.char.add(trials, truth.astype(str)), return_inverse=True)
        total = np.zeros((of.max() + 1, len(self.classes)))
        np.add.at(total, of, self.prediction.values.astype(np.float64))
        own = np.zeros(len(total), dtype=np.intp)
        own[of] = truth
        return own, np.argmax(total, axis=1)

    @property
    def protocol(self) -> str:
        """How the data were split, in words."""
        return str(self.prediction.attrs.get("protocol", "protocol not recorded"))

    def table(self) -> list[dict[str, float | str]]:
        """List each metric with its value and 95 % interval."""
        return [
            {
                "metric": NAMES[name],
                "value": self._metric(name),
                "low": self.intervals[name][0],
                "high": self.intervals[name][1],
            }
            for name in METRICS
        ]

    def __str__(self) -> str:
        return f"{self._headline()}\n{self._rest()}\n{self.caption}"

    def __repr__(self) -> str:
        return f"<Result: {self._headline()}>"

    def _headline(self) -> str:
        low, high = self.interval
        return (
            f"accuracy {percent(self.accuracy)} % (95 % interval {percent(low)}–{percent(high)} "
            f"over {self.over}; {self.protocol}; chance {percent(self.chance)} %, "
            f"majority {percent(self.majority)} %)"
        )

    @property
    def over(self) -> str:
        """What the interval is over, in words."""
        if self.unit == "participant":
            return f"{self.n_units} people"
        what = str(self.prediction.attrs.get("by", "group"))
        what = "people" if what == "participant" else f"{what}s"
        one = "" if what == "people" else " of 1 person, says nothing about others"
        return f"{self.n_units} {what}{one}"

    def _rest(self) -> str:
        text = (
            f"macro-F1 {percent(self.macro_f1)} %, balanced accuracy (UAR) "
            f"{percent(self.balanced_accuracy)} %, kappa {self.kappa:.2f}; "
        )
        if self._votes is None:
            return text + "trials not named in the data"
        return text + f"per trial {percent(self.per_trial)} % of {len(self._votes[0])} trials"

    @property
    def caption(self) -> str:
        """What the labels mean, and what else a reader of the figures must know."""
        meaning = self.prediction.attrs.get("label_meaning")
        labels = f"labels: {meaning}" if meaning else "labels: meaning not recorded"
        notes = [str(n) for n in json.loads(str(self.prediction.attrs.get("notes", "[]")))]
        return "; ".join([labels, *notes])

    def _repr_html_(self) -> str:
        lines: list[tuple[str, ...]] = [("metric", *BOUNDS)]
        for row in self.table():
            figures = [float(row[bound]) for bound in BOUNDS]
            plain = row["metric"] == NAMES["kappa"]
            lines.append(
                (
                    str(row["metric"]),
                    *(f"{f:.2f}" if plain else f"{percent(f)} %" for f in figures),
                )
            )
        if self._votes is not None:
            lines.append(("per trial", f"{percent(self.per_trial)} %", "", ""))
        caption = (
            f"{self.protocol}; 95 % interval over {self.over}; chance {percent(self.chance)} %, "
            f"majority {percent(self.majority)} %; {self.caption}"
        )
        return _html(caption, lines)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several models on the same windows under the same protocol; the first is the reference."""

    results: Mapping[str, Result]

    def table(self) -> list[dict[str, float | str]]:
        """List each model with its figures and its difference to the first, with intervals."""
        reference = next(iter(self.results.values()))
        rows: list[dict[str, float | str]] = []
        for name, result in self.results.items():
            low, high = result.interval
            row: dict[str, float | str] = {
                "model": name,
                "accuracy": result.accuracy,
                "low": low,
                "high": high,
                "macro_f1": result.macro_f1,
                "balanced_accuracy": result.balanced_accuracy,
                "kappa": result.kappa,
                "per_trial": result.per_trial,
            }
            low, high = _difference(reference, result)
            row |= {"difference": result.accuracy - reference.accuracy}
            row |= {"difference_low": low, "difference_high": high}
            rows.append(row)
        return rows

    def _cells(self) -> list[tuple[str, ...]]:
        first = next(iter(self.results))
        head = ("model", "accuracy", "95 %", "macro-F1", "UAR", "kappa", "per trial", f"vs {first}")
        lines: list[tuple[str, ...]] = [head]
        for row in self.table():
            value = {k: float(v) for k, v in row.items() if k != "model"}
            versus = (
                "–"
                if row["model"] == first
                else f"{100 * value['difference']:+.1f} "
                f"({100 * value['difference_low']:+.1f} to {100 * value['difference_high']:+.1f})"
            )
            lines.append(
                (
                    str(row["model"]),
                    percent(value["accuracy"]),
                    f"{percent(value['low'])}–{percent(value['high'])}",
                    percent(value["macro_f1"]),
                    percent(value["balanced_accuracy"]),
                    f"{value['kappa']:.2f}",
                    percent(value["per_trial"]),
                    versus,
                )
            )
        return lines

    def _caption(self) -> str:
        one = next(iter(self.results.values()))
        return (
            f"{one.protocol}; % of windows, 95 % intervals over {one.over}; chance "
            f"{percent(one.chance)} %, majority {percent(one.majority)} %; {one.caption}"
        )

    def __str__(self) -> str:
        lines = self._cells()
        wide = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        text = ["  ".join(c.ljust(w) for c, w in zip(line, wide, strict=True)) for line in lines]
        return "\n".join([line.rstrip() for line in text] + [self._caption()])

    def _repr_html_(self) -> str:
        return _html(self._caption(), self._cells())


def compare(results: Mapping[str, Result]) -> Comparison:
    """Lay results side by side; prints as a table.

    Parameters
    ----------
    results : name → result, the first being the reference of the differences

    Raises
    ------
    ValueError : the results differ in windows, truth, groups or protocol, so that a difference
        between them would not be one between models
    """
    if not results:
        raise ValueError("no results to compare; give {'LDA': result, …}")
    (first, one), *others = results.items()
    wrong = [
        f"{name!r} against {first!r}: {what}"
        for name, other in others
        if (what := _unlike(one, other))
    ]
    if wrong:
        raise ValueError(
            "these results cannot be compared: " + "; ".join(wrong) + ". Run cross_validate on "
            "the same windows (and features of them) with the same by= and folds="
        )
    return Comparison(dict(results))


def _unlike(one: Result, other: Result) -> str:
    if one.classes != other.classes:
        return f"classes {', '.join(other.classes)}, not {', '.join(one.classes)}"
    if one.prediction.sizes != other.prediction.sizes:
        return f"{other.prediction.sizes['window']} windows, not {one.prediction.sizes['window']}"
    if one.prediction.attrs.get("protocol") != other.prediction.attrs.get("protocol"):
        return f"{other.protocol}, not {one.protocol}"
    for name in ("truth", "group"):
        if not np.array_equal(one.prediction[name].values, other.prediction[name].values):
            return f"the windows differ in {name}"
    return ""


def scores(confusion: npt.NDArray[Any]) -> dict[str, float]:
    """Accuracy, balanced accuracy (UAR), macro-F1 and Cohen's κ of a confusion matrix.

    Parameters
    ----------
    confusion : (truth, predicted) counts

    Returns
    -------
    Each metric; classes that occur neither as truth nor as prediction are left out of the means,
    classes without truth also out of UAR, as in scikit-learn
    """
    return {name: float(value[0]) for name, value in _scores(confusion[np.newaxis]).items()}


def _scores(confusion: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """The metrics of a stack of confusion matrices (n, truth, predicted)."""
    counts = np.asarray(confusion, dtype=np.float64)
    hit = np.diagonal(counts, axis1=1, axis2=2)
    truth, guess, total = counts.sum(2), counts.sum(1), counts.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = (truth * guess).sum(1) / total**2
        accuracy = hit.sum(1) / total
        return {
            "accuracy": accuracy,
            "balanced_accuracy": np.nanmean(hit / truth, axis=1),
            "macro_f1": np.nanmean(2 * hit / (truth + guess), axis=1),
            # Truth and prediction both constant and equal: no agreement beyond chance to speak of.
            "kappa": np.where(expected < 1, (accuracy - expected) / (1 - expected), 0.0),
        }


def _count(truth: Ints, guess: Ints, k: int) -> npt.NDArray[np.int64]:
    return np.bincount(truth * k + guess, minlength=k * k).reshape(k, k).astype(np.int64)


def _draws(units: int) -> Ints:
    """Which units each bootstrap draw takes, the same for every result of as many units."""
    return np.random.default_rng(0).integers(0, units, (DRAWS, units))


def _percentiles(values: npt.NDArray[np.float64], units: int) -> tuple[float, float]:
    """The 95 % interval of bootstrap values, widened for few units."""
    if units < 2:
        return float("nan"), float("nan")
    wide = np.sqrt(units / (units - 1)) * stats.t.ppf(0.975, units - 1)
    tail = 100 * float(stats.norm.cdf(-wide))
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _bootstrap(units: npt.NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    drawn = units[_draws(len(units))].sum(1)
    return {name: _percentiles(v, len(units)) for name, v in _scores(drawn).items()}


def _difference(one: Result, other: Result) -> tuple[float, float]:
    """95 % interval of the difference in accuracy, the same units drawn for both."""
    a, b = one.unit_confusions, other.unit_confusions
    draws = _draws(len(a))
    difference = _scores(b[draws].sum(1))["accuracy"] - _scores(a[draws].sum(1))["accuracy"]
    return _percentiles(difference, len(a))


def percent(share: float) -> str:
    """Write a share in per cent with one decimal, without the sign."""
    return "–" if np.isnan(share) else f"{100 * share:.1f}"


def _html(caption: str, lines: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th scope='col'>{html.escape(c)}</th>" for c in lines[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in line) + "</tr>" for line in lines[1:]
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
