"""Predict with trained models, save them and load them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.models import (
    _baselines,
    _extraction,
    _input_spec,
    _modelfile,
    _network_prediction,
    _networks,
    _one_window,
    _population,
)


@dataclass(frozen=True, eq=False)
class Classifier:
    """Trained model.

    Attributes
    ----------
    spec : model, training data and settings, as JSON-serialisable values
    arrays : name → learned parameters
    training : `loss` and `accuracy` (intensities: `mae`) per epoch (dim epoch) on the training
        windows, the same with the prefix `val_` on held-out windows, if any; empty for the
        baselines
    """

    spec: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    training: xr.Dataset

    @property
    def model(self) -> str:
        """Kind of model: "lda", "svm", "forest", "cnn", "lstm", "cnn_lstm", "tcn"."""
        return str(self.spec["model"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, or of the action units whose intensity is estimated."""
        return tuple(self.spec["classes"])

    @property
    def output(self) -> str:
        """Meaning of the prediction: "classes" or "intensities"."""
        return str(self.spec.get("architecture", {}).get("output", "classes"))

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the expected channels, in order; empty for a matrix of features."""
        return tuple(self.spec["expects"].get("channel", ()))

    @property
    def rate(self) -> float | None:
        """Expected sampling rate in Hz; None if the features do not state it."""
        return _number(self.spec["expects"].get("rate"))

    @property
    def length(self) -> float | None:
        """Expected window length in s; None if the features do not state it."""
        return _number(self.spec["expects"].get("length_s"))

    @property
    def history(self) -> list[dict[str, Any]]:
        """Filtering, feature and standardisation steps that were applied to the training data."""
        return list(self.spec["expects"]["steps"])

    @property
    def choice(self) -> xr.Dataset | None:
        """Candidates of `models.choose` (dim candidate): `accuracy`, `chosen`; None if not chosen.

        attrs: `by` and `folds` of the inner cross-validation, and `fits`, the number of models
        fitted.
        """
        made = self.spec.get("choice")
        if made is None:
            return None
        accuracy = np.asarray(made["accuracy"], dtype=np.float64)
        chosen = np.arange(len(accuracy)) == accuracy.argmax()
        return xr.Dataset(
            {"accuracy": ("candidate", accuracy), "chosen": ("candidate", chosen)},
            coords={"candidate": made["candidates"]},
            attrs={name: made[name] for name in ("by", "folds", "fits")},
        )

    @property
    def calibration(self) -> str:
        """Data that `models.calibrate` used, in words; "" if none."""
        made = self.spec.get("calibration")
        if made is None:
            return ""
        words = {
            "rest": "a rest recording",
            "trials": _counted(made["trials"], "labelled trial"),
            "unlabelled": "unlabelled data",
        }
        used = [f"{words[name]} ({_counted(n, 'window')})" for name, n in made["windows"].items()]
        return ", ".join(used) or "nothing (0 windows)"

    @property
    def participants(self) -> tuple[str, ...] | None:
        """Codes of all people whose data trained, preceded or calibrated the model.

        None if the data did not name them, or the file is of an earlier version.
        """
        codes = self.spec.get("participants")
        return None if codes is None else tuple(codes)

    @property
    def parameters(self) -> int:
        """Number of learned parameters."""
        return int(sum(a.size for a in self._own.values()))

    @property
    def _own(self) -> dict[str, npt.NDArray[Any]]:
        """Parameters used for prediction, without those for calibration."""
        prefix = _population.PREFIX
        return {name: a for name, a in self.arrays.items() if not name.startswith(prefix)}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all parameters and settings of the model, as 16 hexadecimal digits."""
        kept = {k: v for k, v in self.spec.items() if k not in ("versions", "participants")}
        return _input_spec.fingerprint(json.dumps(kept, sort_keys=True), *self.arrays.values())

    def predict(self, data: _input_spec.Data) -> xr.DataArray:
        """Return the probability of each class, or the intensity of each unit, for each window.

        Parameters
        ----------
        data : data like the training data: windows for networks and models that
            compute their features, features for other baselines

        Returns
        -------
        probability(window, class) float32, or intensity(window, au) of a model of
        `fit_intensities`, with the coordinates of `data` along window; attrs `model` (kind and
        fingerprint) and the history of `data`

        Raises
        ------
        ValueError : channels, signal kind, unit, rate, window length, features or filter chain
            differ from the training data (the message lists all); or windows contain NaN
        """
        _input_spec.need_fitting(self.model, self.spec["expects"], data)
        return prediction(self, self._probabilities(data), data)

    def live(
        self, like: xr.DataArray
    ) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
        """Return a function that predicts one window after the other, without further checks.

        Parameters
        ----------
        like : windows (window, channel, sample) like those that will arrive, one or more, with
            their filter chain in the history. A model trained on features computes them itself

        Returns
        -------
        A function of samples (channel, sample) float32, in the unit of `like`, that returns
        (class,) float32 as `predict` does for one window: equal for baselines, and for networks
        up to rounding in larger batches. NaN if a feature is undefined, as in a flat window

        Raises
        ------
        ValueError : `like` differs from the training data (the message lists all), or the model
            takes features that need more than one window, as after `evaluate.standardise_within`
        """
        network = self._network if self.spec.get("architecture") else None
        return _one_window.predictor(self.spec, self.arrays, network, like)

    def gradient(self, data: xr.DataArray, output: str | Sequence[str]) -> xr.DataArray:
        """Return the derivative of an output of a network by each sample of its windows.

        Parameters
        ----------
        data : windows like the training data
        output : class or action unit, one for all windows or one for each

        Returns
        -------
        (window, channel, sample) float32 with the coordinates of `data`; see
        `evaluate.integrated_gradients`

        Raises
        ------
        ValueError : not a network, Keras does not run on JAX, data that do not fit (see
            `predict`), or no such output
        """
        if not self.spec.get("architecture"):
            raise ValueError(
                f"gradients need a network, found {self.model}: use evaluate.occlusion, which "
                f"takes any model"
            )
        _input_spec.need_fitting(self.model, self.spec["expects"], data)
        names = np.broadcast_to(np.asarray(output, dtype=np.str_), (data.sizes["window"],))
        strange = sorted(set(names.tolist()) - set(self.classes))
        if strange:
            raise ValueError(f"no output {', '.join(strange)}; there are {', '.join(self.classes)}")
        place = np.array([self.classes.index(name) for name in names], dtype=np.int32)
        shape = _networks.Architecture(**self.spec["architecture"])
        windows = _input_spec.array(data)
        _input_spec.refuse_gaps(windows)
        slope = _network_prediction.differentiator(shape, list(self._own.values()))
        gain = np.float32(self.spec.get("calibration", {}).get("gain", 1.0))
        turned = data.transpose("window", "channel", "sample")
        made = gain * slope(windows * gain, place)
        return turned.copy(data=made.transpose(0, 2, 1)).rename("gradient")

    def _probabilities(self, data: _input_spec.Data) -> npt.NDArray[np.float32]:
        if not data.sizes["window"]:
            return np.zeros((0, len(self.classes)), dtype=np.float32)
        data = _extraction.extracted(data, self.spec.get("features"))
        if isinstance(data, xr.DataArray) and "sample" in data.dims:
            windows = _input_spec.array(data)
            _input_spec.refuse_gaps(windows)
            gain = self.spec.get("calibration", {}).get("gain")
            return self._network(windows if gain is None else windows * np.float32(gain))
        table, columns = _input_spec.table(data)
        _input_spec.refuse_gaps(table)
        settings = self.spec["settings"]
        return _baselines.probabilities(self.model, self.arrays, table, settings, columns)

    @cached_property
    def _network(self) -> Callable[[_networks.Floats], _networks.Floats]:
        shape = _networks.Architecture(**self.spec["architecture"])
        try:
            return _network_prediction.predictor(shape, list(self._own.values()))
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(
                f"the parameters of this {self.model} model do not match its architecture, so its "
                f"file is damaged: train it again ({error})"
            ) from error

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to one file (a zip of spec.json and .npy arrays).

        Parameters
        ----------
        path : ".npz" is appended if it is missing

        Raises
        ------
        FileExistsError : `path` exists
        """
        path = Path(path)
        path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
        content = {
            "spec": dict(self.spec),
            "training": {str(n): v.values.tolist() for n, v in self.training.data_vars.items()},
        }
        with recording.atomic_path(path) as beside:
            beside.write_bytes(_modelfile.packed(content, self.arrays))
        return path

    def __repr__(self) -> str:
        expects = self.spec["expects"]
        what = "classes" if self.output == "classes" else "action units"
        about = [f"{len(self.classes)} {what}"]
        if self.channels:
            about.append(f"{len(self.channels)} channels")
        if "feature" in expects:
            about.append(f"{len(expects['feature'])} features")
        if self.length is not None:
            about.append(f"windows of {self.length:.3g} s")
        if self.rate is not None:
            about.append(f"{self.rate:.4g} Hz")
        about.append(f"{self.parameters} parameters from {self.spec['data']['windows']} windows")
        return f"<Classifier {self.model}: {', '.join(about)}>"


def prediction(
    model: Classifier, values: npt.NDArray[np.float32], data: _input_spec.Data
) -> xr.DataArray:
    """Return values (window, class) by a model as its prediction for `data`, see `predict`."""
    kept = {
        name: coord.variable for name, coord in data.coords.items() if coord.dims == ("window",)
    }
    classes = model.output == "classes"
    over = "class" if classes else "au"
    return xr.DataArray(
        values,
        dims=("window", over),
        coords=kept | {over: list(model.classes)},
        name="probability" if classes else "intensity",
        attrs={
            "units": "1",
            "model": f"{model.model} {model.fingerprint}",
            "label_meaning": model.spec["label_meaning"],
            "history": data.attrs.get("history", ""),
            **({"calibration": model.calibration} if model.calibration else {}),
        },
    )


def load(path: str | os.PathLike[str]) -> Classifier:
    """Read a model written by `Classifier.save`. Nothing in the file is executed.

    Raises
    ------
    FileNotFoundError : `path` does not exist
    ValueError : not a model of emgnb, damaged, or of a newer format
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no model at {path}: check the name")
    try:
        content, arrays = _modelfile.unpacked(path)
        _modelfile.check(content, arrays)
        return Classifier(content["spec"], arrays, epochs_table(content["training"]))
    except Exception as error:  # zipfile, zlib and NumPy raise many types for damaged files
        said = f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path} is not a model that this version of emgnb can read: {said}. Models are .npz "
            f"files written by Classifier.save; a damaged model must be trained again"
        ) from error


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def epochs_table(past: Mapping[str, list[float]]) -> xr.Dataset:
    """Return loss and accuracy per epoch as a Dataset; epochs are counted from 1."""
    epochs = np.arange(1, 1 + max((len(v) for v in past.values()), default=0))
    return xr.Dataset(
        {name: ("epoch", np.asarray(values, dtype=np.float64)) for name, values in past.items()},
        coords={"epoch": epochs},
    )
