"""Compare models on the same windows of the same people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emgnb import _pages
from emgnb.evaluate.metrics import (
    percent,
    percentiles,
    resampled,
    score_stack,
    strata,
)
from emgnb.evaluate.result import Result


@dataclass(frozen=True, eq=False)
class Comparison:
    """Results of several models with the same windows and scheme; the first is the reference."""

    results: Mapping[str, Result]

    def table(self) -> list[dict[str, float | str]]:
        """Return one row per model: metrics and difference to the first model, with intervals."""
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
                "auc": result.auc,
                "ece": result.ece,
                "per_trial": result.per_trial,
            }
            low, high = difference(reference, result)
            row |= {"difference": result.accuracy - reference.accuracy}
            row |= {"difference_low": low, "difference_high": high}
            rows.append(row)
        return rows

    def _cells(self) -> list[tuple[str, ...]]:
        first = next(iter(self.results))
        head = ["model", "accuracy", "95 %", "macro-F1", "UAR", "kappa", "AUC", "ECE", "per trial"]
        lines: list[tuple[str, ...]] = [(*head, f"vs {first}")]
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
                    f"{value['auc']:.2f}",
                    percent(value["ece"]),
                    percent(value["per_trial"]),
                    versus,
                )
            )
        return lines

    def _caption(self) -> str:
        one = next(iter(self.results.values()))
        return (
            f"{one.scheme}; % of windows, 95 % intervals over {one.over}; chance "
            f"{percent(one.chance)} %, majority {percent(one.majority)} %; {one.caption}"
        )

    def __str__(self) -> str:
        lines = self._cells()
        wide = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        text = ["  ".join(c.ljust(w) for c, w in zip(line, wide, strict=True)) for line in lines]
        return "\n".join([line.rstrip() for line in text] + [self._caption()])

    def _repr_html_(self) -> str:
        return _pages.table(self._caption(), self._cells())


def compare(results: Mapping[str, Result]) -> Comparison:
    """Compare results; the comparison prints as a table.

    Parameters
    ----------
    results : name → result; the first is the reference for differences

    Raises
    ------
    ValueError : no results; or the results differ in windows, truth, groups or scheme, so that
        their differences are not due to the models alone

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, models, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> fits = {"LDA": models.fit, "SVM": lambda train: models.fit(train, model="svm")}
    >>> results = {
    ...     name: evaluate.cross_validate(table, fit, progress=False) for name, fit in fits.items()
    ... }
    >>> list(evaluate.compare(results).results)
    ['LDA', 'SVM']
    """
    if not results:
        raise ValueError("no results to compare; pass {'LDA': result, …}")
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
    if one.prediction.attrs.get("scheme") != other.prediction.attrs.get("scheme"):
        return f"{other.scheme}, not {one.scheme}"
    for name in ("truth", "group"):
        if not np.array_equal(one.prediction[name].values, other.prediction[name].values):
            return f"the windows differ in {name}"
    return ""


def difference(one: Result, other: Result) -> tuple[float, float]:
    """Return the 95 % interval of the difference in accuracy, with the same draws for both."""
    a, b = (score_stack(resampled(x.unit_confusions))["accuracy"] for x in (one, other))
    groups = len(np.unique(strata(one.unit_confusions)))
    return percentiles(b - a, one.n_units, groups, within=(-1.0, 1.0))
