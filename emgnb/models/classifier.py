"""A trained model: what it was trained on, its numbers, and prediction. One file, no code in it."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.models import baselines, inputs, networks

FORMAT = "emgnb-model-1"
# Zip members carry a date; a fixed one makes the same model the same file.
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained model.

    Attributes
    ----------
    spec : what was trained, on what, and how, as JSON-able values
    arrays : name → numbers learned
    training : `loss` and `accuracy` by epoch (dim epoch) on the training windows, `val_loss` and
        `val_accuracy` on those held out, if any; empty for LDA and SVM
    """

    spec: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    training: xr.Dataset

    @property
    def model(self) -> str:
        """Kind of model: "lda", "svm", "cnn", "lstm" or "cnn_lstm"."""
        return str(self.spec["model"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.spec["classes"])

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in the order expected; empty for a matrix of features."""
        return tuple(self.spec["expects"].get("channel", ()))

    @property
    def rate(self) -> float | None:
        """Sampling rate expected, in Hz; None where the features do not say."""
        return _number(self.spec["expects"].get("rate"))

    @property
    def length(self) -> float | None:
        """Window length expected, in s; None where the features do not say."""
        return _number(self.spec["expects"].get("length_s"))

    @property
    def chain(self) -> list[dict[str, Any]]:
        """Steps of filtering and standardising that the training data had gone through."""
        return list(self.spec["expects"]["steps"])

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return int(sum(a.size for a in self.arrays.values()))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any number or setting of the model."""
        kept = {k: v for k, v in self.spec.items() if k != "versions"}
        return inputs.fingerprint(json.dumps(kept, sort_keys=True), *self.arrays.values())

    def predict(self, data: inputs.Data) -> xr.DataArray:
        """Give each window a probability for each class.

        Parameters
        ----------
        data : what the model was trained on: windows for networks, features for LDA and SVM

        Returns
        -------
        probability(window, class) float32 with the coordinates of `data` along window; attrs
        `model` (kind and fingerprint) and the history of `data`

        Raises
        ------
        ValueError : other channels, kind, unit, rate, window length, features or filter chain than
            trained on, all in one message; or windows with NaN, with their number
        """
        wrong = inputs.differences(self.spec["expects"], inputs.describe(data))
        if wrong:
            raise ValueError(
                f"these data do not fit the {self.model} model:\n"
                + "\n".join(f"- {fault}" for fault in wrong)
            )
        kept = {
            name: coord.variable for name, coord in data.coords.items() if coord.dims == ("window",)
        }
        return xr.DataArray(
            self._probabilities(data),
            dims=("window", "class"),
            coords=kept | {"class": list(self.classes)},
            name="probability",
            attrs={
                "units": "1",
                "model": f"{self.model} {self.fingerprint}",
                "label_meaning": self.spec["label_meaning"],
                "history": data.attrs.get("history", ""),
            },
        )

    def _probabilities(self, data: inputs.Data) -> npt.NDArray[np.float32]:
        if not data.sizes["window"]:
            return np.zeros((0, len(self.classes)), dtype=np.float32)
        if isinstance(data, xr.DataArray) and "sample" in data.dims:
            windows = inputs.array(data)
            inputs.refuse_gaps(windows)
            return self._network(windows)
        table, columns = inputs.table(data)
        inputs.refuse_gaps(table)
        compress = str(self.spec["settings"]["compress"])
        return baselines.probabilities(self.model, self.arrays, table, compress, columns)

    @cached_property
    def _network(self) -> Callable[[networks.Floats], networks.Floats]:
        shape = networks.Architecture(**self.spec["architecture"])
        return networks.predictor(shape, list(self.arrays.values()))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model into one file (a zip of spec.json and .npy arrays).

        Parameters
        ----------
        path : ".npz" is appended where it is missing

        Raises
        ------
        FileExistsError : something is there already
        """
        path = Path(path)
        path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
        content = {
            "format": FORMAT,
            "spec": dict(self.spec),
            "arrays": list(self.arrays),
            "training": {str(n): v.values.tolist() for n, v in self.training.data_vars.items()},
        }
        # Whole in memory first: an error in between leaves no half file behind.
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            text = json.dumps(content, indent=1, ensure_ascii=False)
            archive.writestr(zipfile.ZipInfo("spec.json", EPOCH), text)
            for number, values in enumerate(self.arrays.values()):
                with archive.open(zipfile.ZipInfo(f"{number:03}.npy", EPOCH), "w") as member:
                    np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                file.write(whole.getbuffer())
        except FileExistsError:
            raise FileExistsError(
                f"{path} exists and is not overwritten: choose another name, or delete it first"
            ) from None
        return path

    def __repr__(self) -> str:
        expects = self.spec["expects"]
        about = [f"{len(self.classes)} classes"]
        if self.channels:
            about.append(f"{len(self.channels)} channels")
        if "feature" in expects:
            about.append(f"{len(expects['feature'])} features")
        if self.length is not None:
            about.append(f"windows of {self.length:.3g} s")
        if self.rate is not None:
            about.append(f"{self.rate:.4g} Hz")
        about.append(
            f"{self.parameters} numbers learned from {self.spec['data']['windows']} windows"
        )
        return f"<Classifier {self.model}: {', '.join(about)}>"


def load(path: str | os.PathLike[str]) -> Classifier:
    """Read a model that `Classifier.save` wrote. Nothing in the file is run.

    Raises
    ------
    FileNotFoundError : nothing is there
    ValueError : not a model of emgnb, damaged, or of a newer format
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read("spec.json"))
            if content.get("format") != FORMAT:
                raise ValueError(f"its format is {content.get('format')!r}, expected {FORMAT!r}")
            arrays = {}
            for number, name in enumerate(content["arrays"]):
                with archive.open(f"{number:03}.npy") as member:
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
            model = Classifier(content["spec"], arrays, epochs_table(content["training"]))
            _ = model.classes, model.chain, model.model
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, TypeError) as error:
        raise ValueError(
            f"{path} is no model that this version of emgnb can read: {error}. Models are the "
            f".npz files that Classifier.save writes; a damaged one must be trained again"
        ) from error
    return model


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def epochs_table(past: Mapping[str, list[float]]) -> xr.Dataset:
    """Loss and accuracy by epoch, epochs counted from 1."""
    epochs = np.arange(1, 1 + max((len(v) for v in past.values()), default=0))
    return xr.Dataset(
        {name: ("epoch", np.asarray(values, dtype=np.float64)) for name, values in past.items()},
        coords={"epoch": epochs},
    )
