"""What came out of an evaluation: figures that always carry their protocol and interval."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.metrics import bootstrap, count, html_table, percent, scores
from emgnb.evaluate.splits import Ints, trials_of

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "kappa")
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy (UAR)",
    "macro_f1": "macro-F1",
    "kappa": "Cohen's kappa",
}
BOUNDS = ("value", "low", "high")


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
            count(*self._indices, len(self.classes)),
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
            row = scores(count(truth[mine], guess[mine], len(self.classes)))
            several = 0 if trials is None else len(np.unique(trials[mine]))
            rows.append(row | {"windows": float(mine.sum()), "trials": float(several)})
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
        _, of = np.unique(
            np.char.add(np.char.add(trials, "|"), truth.astype(str)), return_inverse=True
        )
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
        return html_table(caption, lines)
