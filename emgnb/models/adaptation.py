"""Adapt a trained model to a new person or a new electrode placement.

`fit_within` trains on several people and learns how they differ, `calibrate` adapts the model to a
new one, and `Adapting` does so during recording.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from emgnb import evaluate
from emgnb._arrays import Floats
from emgnb.models import _baselines, _extraction, _input_spec, _labelled_data, _population
from emgnb.models._input_spec import Data
from emgnb.models._population import Numbers, Population, Seen
from emgnb.models.classifier import Classifier, prediction
from emgnb.models.training import NETWORKS, classes_of, fit

# Least power of a window, so that the logarithm of a flat channel is finite.
TINY = 1e-12
# A class is seen in unlabelled data if it has this part of an equal share of the windows.
SEEN = 0.25
# Windows that `Adapting` remembers.
MOST_WINDOWS = 6000
# Steps of expectation maximisation per block, which begin at the estimate of the block before.
UPDATES = 4


def fit_within(
    data: Data, *, by: str = "participant", label: str = "label", **options: Any
) -> Classifier:
    """Train a classifier for new people, and learn from the training people how people differ.

    Each class has a mean over people. A person shifts all classes (gain, electrode position) and
    each single class (habits). The covariances of both are estimated from the training people, so
    that `calibrate` can weigh what it sees of a new person against what people have in common. SVM,
    forest and networks are trained on data from which the shift of each person is removed; LDA
    follows from the estimated means and covariances. Without calibration, a new person is taken for
    an average one.

    Parameters
    ----------
    data : windows or features, see `fit`
    by : "participant", or "session" for a model of one person that is adapted to new electrode
        placements. With a single group, its differences from others are unknown; a shift as large
        as the variation of windows around their class mean is assumed
    label : coordinate along window that names the class
    options : passed to `fit`. If `compress` is not given, positive features are compressed by the
        logarithm, in which gains are shifts

    Returns
    -------
    Classifier that `calibrate` can adapt

    Raises
    ------
    ValueError : see `fit`, `evaluate.group_names`
    """
    group = np.unique(evaluate.group_names(data, by), return_inverse=True)[1]
    options = options | {"label": label}
    if options.get("model", "lda") in NETWORKS:
        made = _fit_network(data, group, options)
    else:
        made = _fit_baseline(data, group, options)
    about = {"by": by, "groups": int(group.max()) + 1}
    return dataclasses.replace(made, spec=dict(made.spec) | {"within": about})


def _fit_baseline(data: Data, group: Numbers, options: dict[str, Any]) -> Classifier:
    if options.get("model", "lda") == "lda" and options.get("class_weight") is not None:
        raise ValueError(
            "an adapted LDA weighs all classes alike: leave class_weight out, or use an SVM"
        )
    wanted = options.pop("features", None)
    table = _extraction.extracted(data, wanted)
    logs = table.attrs.get("scale") == "log"
    if "compress" not in options and not logs and (_input_spec.table(table)[0] > 0).all():
        options["compress"] = "log"
    made = fit(data, features=wanted, **options)
    truth = _labelled_data.truth_of(made, data)
    trial = _labelled_data.trial_numbers(data, np.stack([group, truth]))
    x = _standardised(made, table)
    population = _population.learn(x, truth, group, trial)
    if made.model == "lda":
        made = _with_population(made, population)
        return _as_estimated(made, population, _population.nothing(population))
    moved = x - _population.shifts(population, x, truth, group)[group]
    settings = dict(made.spec["settings"]) | {"compress": "none"}
    given = settings.get("class_weight")
    weights = None if given is None else np.array([given[name] for name in made.classes])
    second = _baselines.fit(made.model, moved, truth, settings, [], weights)
    mean, spread = second["mean"], second["spread"]
    arrays = second | {
        "size": made.arrays["size"],
        "mean": made.arrays["mean"] + made.arrays["spread"] * mean,
        "spread": made.arrays["spread"] * spread,
    }
    population = _population.learn((x - mean) / spread, truth, group, trial)
    return _with_population(dataclasses.replace(made, arrays=arrays), population)


def _fit_network(data: Data, group: Numbers, options: dict[str, Any]) -> Classifier:
    if not isinstance(data, xr.DataArray) or _input_spec.is_features(data):
        return fit(data, **options)  # raises, in words
    _, truth = classes_of(data, options["label"])
    x = _levels(data)
    mean = x.mean(axis=0)
    trial = _labelled_data.trial_numbers(data, np.stack([group, truth]))
    population = _population.learn(x - mean, truth, group, trial)
    shift = _population.shifts(population, x - mean, truth, group)[group]
    made = fit(_scaled(data, np.exp(-shift)), **options)
    return _with_population(made, dataclasses.replace(population, mean=mean))


def _with_population(made: Classifier, population: Population) -> Classifier:
    if made.model not in NETWORKS:
        population = dataclasses.replace(population, mean=made.arrays["mean"])
    return dataclasses.replace(made, arrays=dict(made.arrays) | population.arrays())


def calibrate(
    model: Classifier,
    *,
    rest: Data | None = None,
    trials: Data | None = None,
    unlabelled: Data | None = None,
    balanced: bool = False,
) -> Classifier:
    """Adapt a model to a new person or electrode placement.

    The class means of the new person are estimated by Bayes' rule from the given windows and from
    how people differ (`fit_within`), so that a few windows change little. LDA moves the mean of
    each class. SVM, forest and networks are applied to data from which the person's shift is
    removed; for networks this is a factor per channel.

    Parameters
    ----------
    model : trained by `fit_within`. Earlier calibrations of the model are replaced, not continued
    rest : windows of the relaxed face. The model needs a class of that name ("neutral", "rest",
        "neutro" …, see `docs/models.md`); otherwise label these windows with the model's class
    trials : labelled windows of the person, such as one trial of each expression
    unlabelled : windows of the person without labels; their classes are estimated (expectation
        maximisation). They should hold most classes
    balanced : the classes occur equally often in `unlabelled`, as in a protocol with rounds

    Returns
    -------
    New classifier; `calibration` states what was used, and so do its predictions and results

    Raises
    ------
    ValueError : no data given; the model was not trained by `fit_within`; no class for rest;
        unknown labels; data that differ from the training data, see `Classifier.predict`

    Warns
    -----
    UserWarning : the unlabelled data appear to hold fewer than half of the classes
    """
    population = need_population(model)
    given = {"rest": rest, "trials": trials, "unlabelled": unlabelled}
    used = {name: data for name, data in given.items() if data is not None and data.sizes["window"]}
    if not any(data is not None for data in given.values()):
        raise ValueError(
            "nothing to calibrate with: give rest= (windows of the relaxed face), trials= (labelled"
            " windows) or unlabelled= (windows of the new person)"
        )
    parts = {
        name: _labelled(model, name, used[name]) for name in ("rest", "trials") if name in used
    }
    seen = functools.reduce(_population.together, parts.values(), _population.nothing(population))
    if "unlabelled" in used:
        x = columns(model, used["unlabelled"])
        alone = not seen.trials.any()
        seen, share = _population.assigned(population, x, seen, balanced=balanced)
        if alone:
            _warn_of_few_classes(model, share)
    about: dict[str, Any] = {
        "windows": {name: int(data.sizes["window"]) for name, data in used.items()},
        "trials": round(parts["trials"].trials.sum()) if "trials" in parts else 0,
        "balanced": balanced,
    }
    made = _as_estimated(model, population, seen, about)
    return _with_people(made, _labelled_data.participants_of(model, *used.values()))


class Adapting:
    """Classifier that calibrates itself with the unlabelled windows that it has predicted.

    Windows are predicted in blocks, each with what was learned from the blocks before it; no later
    window is used. The adaptation starts again with a new participant or session.

    Parameters
    ----------
    model : trained by `fit_within`
    every : s between updates
    balanced : see `calibrate`
    """

    def __init__(self, model: Classifier, *, every: float = 1.0, balanced: bool = False) -> None:
        if not every > 0:
            raise ValueError(f"every={every} s, expected above 0")
        self._population = need_population(model)
        self._start, self.every, self.balanced = model, every, balanced
        self.reset()

    def reset(self) -> None:
        """Forget the windows seen, as for a new person."""
        self.model = self._start
        self._who = ""
        self._seen = np.zeros((0, self._population.means.shape[1]))
        self._found: _population.Estimate | None = None

    @property
    def spec(self) -> Mapping[str, Any]:
        """Settings of the model, with what it was calibrated with."""
        return self.model.spec

    def predict(self, data: Data) -> xr.DataArray:
        """Return the probability of each class for each window, see `Classifier.predict`.

        Windows of a recording are used in order of `time`, if they have this coordinate.
        """
        step = float(data.attrs.get("step_s", data.attrs.get("length_s", self.every)))
        size = max(1, round(self.every / step))
        _input_spec.need_fitting(self._start.model, self._start.spec["expects"], data)
        values = np.empty((data.sizes["window"], len(self._start.classes)), dtype=np.float32)
        who = _labelled_data.recordings_of(data)
        time = data["time"].values if "time" in data.coords else np.arange(len(who))
        for name in dict.fromkeys(who.tolist()):
            if name != self._who:
                self.reset()
                self._who = name
            mine = np.flatnonzero(who == name)
            mine = mine[np.argsort(time[mine], kind="stable")]
            for first in range(0, len(mine), size):
                block = mine[first : first + size]
                part = data.isel(window=block)
                values[block] = self.model.predict(part).values
                self._learn(part)
        made = prediction(self._start, values, data)
        return made.assign_attrs(calibration="its earlier unlabelled windows")

    def _learn(self, part: Data) -> None:
        self._seen = np.concatenate([self._seen, columns(self._start, part)])[-MOST_WINDOWS:]
        seen, _ = _population.assigned(
            self._population,
            self._seen,
            _population.nothing(self._population),
            balanced=self.balanced,
            start=self._found,
            iterations=UPDATES,
        )
        self._found = _population.estimate(self._population, seen)
        about = {"windows": {"unlabelled": len(self._seen)}, "trials": 0, "balanced": self.balanced}
        made = _as_estimated(self._start, self._population, seen, about)
        self.model = _with_people(made, _labelled_data.participants_of(self._start, part))


def _as_estimated(
    model: Classifier, population: Population, seen: Seen, about: Mapping[str, Any] | None = None
) -> Classifier:
    """Return the model for a group of which `seen` is known."""
    found = _population.estimate(population, seen)
    spec, arrays = dict(model.spec), dict(model.arrays)
    calibration = dict(about or {})
    if model.model == "lda":
        arrays["weights"], arrays["offset"] = found.linear()
    elif model.model not in NETWORKS:
        arrays["mean"] = population.mean + arrays["spread"] * found.shift
    else:
        calibration["gain"] = np.exp(-found.shift).tolist()
    if about is not None:
        spec["calibration"] = calibration
    return dataclasses.replace(model, spec=spec, arrays=arrays)


def _with_people(model: Classifier, people: Mapping[str, list[str]]) -> Classifier:
    """Return the model with the codes of all people in it, or without, if they are unknown."""
    kept = {name: value for name, value in model.spec.items() if name != "participants"}
    return dataclasses.replace(model, spec={**kept, **people})


def _labelled(model: Classifier, name: str, data: Data) -> Seen:
    """Summarise the windows of rest, or labelled windows."""
    x, population = columns(model, data), need_population(model)
    if name == "rest":
        return _population.labelled(population, x, _labelled_data.rest_of(model, data), None)
    return _population.labelled(
        population, x, _labelled_data.truth_of(model, data), _labelled_data.trials_of(data)
    )


def need_population(model: Classifier) -> Population:
    """Return how people differ, as `fit_within` learned it; ValueError if it did not."""
    found = _population.of_arrays(model.arrays)
    if found is None:
        raise ValueError(
            "this model has no estimate of how people differ: train it with "
            "models.fit_within(data, by='participant'), or by='session' for new electrode "
            "placements on one person"
        )
    return found


def columns(model: Classifier, data: Data) -> Floats:
    """Return the columns in which the population of the model is described."""
    _input_spec.need_fitting(model.model, model.spec["expects"], data)
    population = need_population(model)
    if model.model in NETWORKS and isinstance(data, xr.DataArray):
        return _levels(data) - population.mean
    table = _extraction.extracted(data, model.spec.get("features"))
    return _standardised(model, table, population.mean)


def _standardised(model: Classifier, table: Data, mean: Floats | None = None) -> Floats:
    values, columns = _input_spec.table(table)
    _input_spec.refuse_gaps(values)
    arrays = dict(model.arrays) | ({} if mean is None else {"mean": mean})
    return _baselines.standardised(arrays, values, model.spec["settings"], columns)


def _levels(windows: xr.DataArray) -> Floats:
    """Return the logarithm of the RMS of each channel, without the baseline of raw EMG."""
    x = windows.transpose("window", "channel", "sample").values.astype(np.float64)
    _input_spec.refuse_gaps(x)
    if "signal_kind" in windows.coords and (windows["signal_kind"].values == "raw").all():
        x = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(0.5 * np.log((x**2).mean(axis=-1) + TINY))


def _scaled(windows: xr.DataArray, gain: Floats) -> xr.DataArray:
    """Multiply each channel of each window by its gain, (window, channel)."""
    ordered = windows.transpose("window", "channel", "sample")
    values = ordered.values * gain[..., np.newaxis]
    made: xr.DataArray = ordered.copy(data=values.astype(np.float32))
    return made


def _warn_of_few_classes(model: Classifier, share: Floats) -> None:
    every = len(model.classes)
    seen = [name for name, part in zip(model.classes, share, strict=True) if part > SEEN / every]
    if 2 * len(seen) < every:
        warnings.warn(
            f"the unlabelled windows appear to hold {len(seen)} of {every} classes "
            f"({', '.join(seen)}), so a difference between classes may be taken for a difference "
            f"between people. Use more data, a rest recording (rest=) or labelled trials (trials=)",
            UserWarning,
            stacklevel=3,
        )
