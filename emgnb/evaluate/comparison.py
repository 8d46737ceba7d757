"""Models beside each other, on the same windows and the same people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emgnb.evaluate.metrics import html_table, percent, percentiles, resampled, score_stack
from emgnb.evaluate.result import Result


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
        return html_table(self._caption(), self._cells())


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


def _difference(one: Result, other: Result) -> tuple[float, float]:
    """95 % interval of the difference in accuracy, the same units drawn for both."""
    a, b = (score_stack(resampled(x.unit_confusions))["accuracy"] for x in (one, other))
    return percentiles(b - a, one.n_units)
