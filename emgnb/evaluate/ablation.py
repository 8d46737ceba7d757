"""Measure what each modality adds to the others."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import _pages
from emgnb.evaluate.comparison import Comparison, compare, difference
from emgnb.evaluate.cross_validation import Fit, Progress, cross_validate
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import trials_of, truth_of

# Coordinate along feature that names the modality, see `features.beside`.
MODALITY = "modality"
# Trials of a label that must be equal before they are said to be copied.
FEWEST_TRIALS = 3
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Ablation:
    """Accuracy of each modality alone and of all together, on the same windows.

    Attributes
    ----------
    comparison : all results
    modalities : their names
    fused : names of the results with all modalities
    missing : modality → number of windows without it
    copied : modalities whose features are equal in all trials of a label
    """

    comparison: Comparison
    modalities: tuple[str, ...]
    fused: tuple[str, ...]
    missing: Mapping[str, int]
    copied: tuple[str, ...]

    @property
    def results(self) -> Mapping[str, Result]:
        """Results by name: each modality alone, then the fused ones."""
        return self.comparison.results

    def gains(self) -> list[dict[str, float | str]]:
        """Return what the others add to each modality: accuracy 0 to 1, with a 95 % interval.

        Returns
        -------
        Rows with `to` (modality), `model`, `gain`, `low`, `high`
        """
        rows: list[dict[str, float | str]] = []
        for alone in self.modalities:
            for name in self.fused:
                one, other = self.results[alone], self.results[name]
                low, high = difference(one, other)
                gain = other.accuracy - one.accuracy
                rows.append({"to": alone, "model": name, "gain": gain, "low": low, "high": high})
        return rows

    def __str__(self) -> str:
        return "\n".join([str(self.comparison), "", *self._sentences()])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{html.escape(each)}</li>" for each in self._sentences())
        return f"{self.comparison._repr_html_()}<ul>{said}</ul>"

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the same as a new HTML file that needs no other file.

        Raises
        ------
        FileExistsError : `path` exists; nothing is overwritten
        """
        return _pages.written(path, _pages.page("What each modality adds", self._repr_html_()))

    def _sentences(self) -> list[str]:
        windows = next(iter(self.results.values())).prediction.sizes["window"]
        said = []
        for row in self.gains():
            others = " and ".join(name for name in self.modalities if name != row["to"])
            gain, low, high = (100 * float(row[name]) for name in ("gain", "low", "high"))
            clear = "" if low > 0 or high < 0 else "; the interval includes 0"
            said.append(
                f"{others} beside {row['to']} ({row['model']}): {gain:+.1f} points "
                f"({low:+.1f} to {high:+.1f}){clear}"
            )
        said += [
            f"{name} is missing in {n} of {windows} windows ({100 * n / windows:.1f} %)"
            for name, n in self.missing.items()
            if n
        ]
        said += [
            f"{name}: equal in all trials of a label. Were they coded from the label, or from the "
            "instruction? Then their accuracy is that of the coding, not of the face"
            for name in self.copied
        ]
        return said


def ablation(
    data: xr.DataArray,
    fits: Mapping[str, Fit],
    *,
    by: str = "participant",
    folds: int | None = None,
    label: str = "label",
    progress: Progress = True,
) -> Ablation:
    """Cross-validate each modality alone, and all together, on the same windows.

    Parameters
    ----------
    data : (window, feature) with `modality` along feature, see `features.beside`
    fits : name → function of the training data that returns a classifier of several modalities, for
        example `{"late": lambda train: models.fit_fused(train, how="late")}`. The first is also
        used for each modality alone
    by, folds, label, progress : see `cross_validate`

    Returns
    -------
    Ablation; prints the accuracies, what each modality adds with a 95 % interval over people,
    windows without a modality, and modalities that are equal in all trials of a label, as if they
    had been copied from it

    Raises
    ------
    ValueError : fewer than two modalities, no `fits`, a fit named as a modality, or see
        `cross_validate`
    """
    if MODALITY not in data.coords:
        raise ValueError("the features have no `modality`, expected features.beside(emg=…, aus=…)")
    owner = data[MODALITY].values.astype(str)
    names = tuple(dict.fromkeys(owner.tolist()))
    if len(names) < 2:
        raise ValueError(f"the only modality is {', '.join(names)}, expected at least two")
    if not fits or set(fits) & set(names):
        raise ValueError(
            f"fits is {list(fits)}, expected at least one, and no name of a modality ({names})"
        )
    first = next(iter(fits.values()))
    results = {}
    for name in names:
        alone = data.isel(feature=np.flatnonzero(owner == name))
        results[name] = cross_validate(
            alone, first, by=by, folds=folds, label=label, progress=progress
        )
    for name, fit in fits.items():
        results[name] = cross_validate(
            data, fit, by=by, folds=folds, label=label, progress=progress
        )
    parts = {name: _values(data, owner == name) for name in names}
    missing = {name: int(np.isnan(values).any(axis=1).sum()) for name, values in parts.items()}
    copied = tuple(name for name, values in parts.items() if _copied(data, values, label))
    return Ablation(compare(results), names, tuple(fits), missing, copied)


def _values(data: xr.DataArray, mine: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return data.transpose("window", "feature").values[:, mine].astype(np.float64)


def _copied(data: xr.DataArray, values: npt.NDArray[np.float64], label: str) -> bool:
    """Return whether the mean over a trial is the same in all trials of each label."""
    trials = trials_of(data)
    if trials is None:
        return False
    _, first, of = np.unique(trials, return_index=True, return_inverse=True)
    good = ~np.isnan(values).any(axis=1)
    count = np.bincount(of, good, minlength=len(first))
    total = np.zeros((len(first), values.shape[1]))
    np.add.at(total, of[good], values[good])
    seen = count > 0
    means = total[seen] / count[seen, np.newaxis]
    truth = truth_of(data, label)[first][seen]
    labels = [means[truth == name] for name in np.unique(truth)]
    if min(map(len, labels)) < FEWEST_TRIALS:
        return False
    scale = max(float(np.ptp(means)), np.finfo(float).tiny)
    return all(float(np.ptp(each, axis=0).max()) <= SAME * scale for each in labels)
