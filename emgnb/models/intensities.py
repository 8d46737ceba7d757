"""Train networks that estimate the intensity of several action units at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.models import _input_spec, _networks
from emgnb.models._labelled_data import participants_of
from emgnb.models._network_fitting import Options, Progress, fit_network
from emgnb.models.augmentation import Augmentation
from emgnb.models.classifier import Classifier, epochs_table
from emgnb.models.training import number_of, version_of


def fit_intensities(
    data: xr.DataArray,
    intensities: xr.DataArray | xr.Dataset,
    *,
    model: str = "cnn",
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    validation: str | None = None,
    augment: Augmentation | None = None,
    seed: int = 0,
    progress: Progress = True,
) -> Classifier:
    """Train a network that estimates an intensity from 0 to 1 for each action unit.

    Units may be active together. The loss is the cross-entropy of each unit, over the windows in
    which it is coded.

    Parameters
    ----------
    data : windows (window, channel, sample)
    intensities : (window, au) from 0 (absent) to 1 (the strongest), NaN where not coded; or a
        Dataset with a variable (window) per unit. If both have `time` along window, it must be
        equal
    model : "cnn", "lstm", "cnn_lstm" or "tcn"
    epochs, batch_size, learning_rate, validation, augment, seed, progress : see `fit`; instead of
        the accuracy, the mean absolute error is reported

    Returns
    -------
    Classifier whose `predict` returns intensity(window, au); see `evaluate.intensity_scores`

    Raises
    ------
    ValueError : intensities outside 0 to 1, of other windows, or a unit with fewer than two
        different values; or see `fit`
    ImportError : Keras or its backend is not installed
    """
    if model not in _networks.KINDS:
        raise ValueError(f"model={model!r}, expected one of {', '.join(_networks.KINDS)}")
    options = Options(epochs, batch_size, learning_rate, validation, augment)
    options.check()
    expects = _input_spec.describe(data)
    if expects["input"] != "windows":
        raise ValueError("intensities are estimated from windows, found features: pass the windows")
    table = _table(intensities, data)
    names = [str(name) for name in table["au"].values]
    truth = table.values.astype(np.float32)
    found = fit_network(model, data, truth, options, names=names, seed=seed, progress=progress)
    spec: dict[str, Any] = {
        "model": model,
        "classes": names,
        "label": "",
        "label_meaning": str(table.attrs.get("label_meaning", "")),
        "expects": expects,
        **found.spec,
        "data": {
            "fingerprint": found.fingerprint,
            "windows": len(truth),
            "per_class": (~np.isnan(truth)).sum(axis=0).tolist(),
            "participants": number_of(data, "participant"),
            "history": recording.history(data),
        },
        **participants_of(data, options.start),
        "versions": {p: version_of(p) for p in ("emgnb", "numpy", *found.packages)},
    }
    return Classifier(spec, found.arrays, epochs_table(found.past))


def _table(intensities: xr.DataArray | xr.Dataset, data: xr.DataArray) -> xr.DataArray:
    """Return checked intensities as (window, au)."""
    if isinstance(intensities, xr.Dataset):
        intensities = intensities.to_dataarray("au")
    if set(intensities.dims) != {"window", "au"} or "au" not in intensities.coords:
        raise ValueError(
            f"intensities have dimensions {tuple(intensities.dims)}, expected (window, au) with "
            f"the names of the units along au"
        )
    if intensities.sizes["window"] != data.sizes["window"]:
        raise ValueError(
            f"intensities of {intensities.sizes['window']} windows for {data.sizes['window']} "
            f"windows: select the same windows of both"
        )
    if all("time" in x.coords for x in (intensities, data)) and not np.array_equal(
        intensities["time"], data["time"]
    ):
        raise ValueError("the windows of the intensities have other times than those of the data")
    table = intensities.transpose("window", "au").astype(np.float64)
    faults = [f for name in table["au"].values if (f := _fault(name, table.sel(au=name).values))]
    if faults:
        raise ValueError("\n".join(["intensities that cannot be learned:", *faults]))
    return table


def _fault(name: Any, values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    coded = values[~np.isnan(values)]
    low, high = coded.min(initial=math.inf), coded.max(initial=-math.inf)
    if not coded.size:
        return f"- {name} is coded in no window: leave it out"
    if low < 0 or high > 1:
        return f"- {name} is {low:.3g} to {high:.3g}, expected 0 to 1"
    return f"- {name} is {low:.3g} in all coded windows: leave it out" if low == high else ""
