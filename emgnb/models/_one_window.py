"""Predict one window after the other, for live use: checks and preparations are done once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import features
from emgnb.features.covariances import columns_of
from emgnb.models import _baselines, _extraction, _input_spec

Samples = npt.NDArray[np.float32]
Compute = Callable[[Samples], Samples]


def predictor(
    spec: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    network: Callable[[Samples], Samples] | None,
    like: xr.DataArray,
) -> Compute:
    """Return a function of the samples of one window; see `Classifier.live`.

    Parameters
    ----------
    spec, arrays : of the classifier
    network : from windows (window, sample, channel) to the prediction; None for a baseline
    like : windows (window, channel, sample)
    """
    model, expects, own = str(spec["model"]), spec["expects"], spec.get("features")
    if expects["input"] == "features":
        step = _feature_step(model, expects["steps"])
        prepared = _of_step(step, like, matrix="channel" not in expects)
        _input_spec.need_fitting(model, expects, prepared[1])
        return _of_table(spec, arrays, *prepared)
    _input_spec.need_fitting(model, expects, like)
    if network is not None:
        return _of_windows(network, spec.get("calibration", {}).get("gain", 1.0))
    if own == _extraction.COVARIANCE:
        return _of_table(spec, arrays, _log_covariance, features.covariance(like))
    names = str(own)
    return _of_table(spec, arrays, features.extractor(like, names), features.extract(like, names))


def _feature_step(model: str, past: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one step of the training data that computed features of windows."""
    steps = [step for step in past if step["step"] != "filter"]
    names = steps[0].get("names", []) if steps else []
    known = names == ["log_cov"] or set(names) <= set(features.FEATURES)
    if len(steps) != 1 or steps[0]["step"] != "features" or not known or "centre" in steps[0]:
        raise ValueError(
            f"this {model} model takes features that need more than one window "
            f"({', '.join(str(step['step']) for step in steps) or 'unknown'}), so it cannot run "
            f"live. Train on features.extract(windows), or on windows with features='hudgins'; "
            f"models.calibrate adapts such a model to a new person"
        )
    return dict(steps[0])


def _of_step(
    step: dict[str, Any], like: xr.DataArray, *, matrix: bool
) -> tuple[Compute, _input_spec.Data]:
    """Return the function that computes the features of a step, and the features of `like`."""
    names = step["names"]
    if names == ["log_cov"]:
        return _log_covariance, features.covariance(like)
    stored = step.get("threshold", {})
    given = {name: value for name, value in stored.items() if not isinstance(value, list)}
    # A list is one threshold per channel, by its gain, which `extract` derives again.
    threshold = given if given and len(given) == len(stored) else None
    found = features.extract(like, names, threshold=threshold)
    return (
        features.extractor(like, names, threshold=threshold),
        features.matrix(found) if matrix else found,
    )


def _log_covariance(samples: Samples) -> Samples:
    return np.asarray(columns_of(samples)["log_cov"])


def _of_table(
    spec: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    compute: Compute,
    like: _input_spec.Data,
) -> Compute:
    columns, settings = _input_spec.table(like)[1], spec["settings"]
    logarithmic = settings["compress"] == "log"
    unknown = np.full(len(spec["classes"]), np.nan, dtype=np.float32)

    def predict(samples: Samples) -> Samples:
        table = compute(samples[np.newaxis]).astype(np.float64)
        if not np.isfinite(table).all() or (logarithmic and (table <= 0).any()):
            return unknown
        found = _baselines.probabilities(spec["model"], arrays, table, settings, columns)
        return np.asarray(found[0])

    return predict


def _of_windows(network: Callable[[Samples], Samples], gain: float) -> Compute:
    factor = np.float32(gain)

    def predict(samples: Samples) -> Samples:
        window = np.ascontiguousarray(samples.T[np.newaxis], dtype=np.float32)
        return np.asarray(network(window * factor)[0])

    return predict
