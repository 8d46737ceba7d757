"""Fit networks to windows: architecture, held-out groups, training and progress."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._vocabulary import GROUPS
from emgnb.models import _backend, _input_spec, _network_training, _networks, _starting
from emgnb.models.augmentation import Augmentation
from emgnb.models.classifier import Classifier

# Defaults.
EPOCHS, BATCH_SIZE, LEARNING_RATE = 40, 64, 3e-3
# Fraction of groups held out for validation.
HELD_OUT = 0.2

Progress = bool | Callable[[int, int, float, float], None]


class Fitted(NamedTuple):
    """Learned parameters, the settings to store, and where they come from."""

    arrays: dict[str, npt.NDArray[Any]]
    spec: dict[str, Any]
    fingerprint: str
    packages: tuple[str, ...]
    past: dict[str, list[float]]


class Options(NamedTuple):
    """Options of training; None stands for the default."""

    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    validation: str | None
    augment: Augmentation | None
    start: Classifier | None = None

    def given(self) -> list[str]:
        """Return the names of the options that are not the default."""
        return [name for name, value in self._asdict().items() if value is not None]

    def check(self) -> None:
        """Raise ValueError or TypeError if an option makes no sense."""
        values = self._asdict()
        wrong = [
            f"{name}={value}"
            for name, value in values.items()
            if isinstance(value, int | float) and not value > 0
        ]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}, expected above 0")
        if not isinstance(self.augment, Augmentation | None):
            raise TypeError(
                f"augment is {type(self.augment).__name__}, expected models.Augmentation(gain=…, "
                f"shift=…, warp=…, dropout=…)"
            )
        if not isinstance(self.start, Classifier | None):
            raise TypeError(f"start is {type(self.start).__name__}, expected a trained network")


def fit_network(
    model: str,
    data: xr.DataArray,
    truth: npt.NDArray[Any],
    options: Options,
    *,
    names: Sequence[str],
    weights: npt.NDArray[np.float64] | None = None,
    seed: int,
    progress: Progress,
) -> Fitted:
    """Train a network.

    Parameters
    ----------
    truth : class numbers (window), or intensities (window, au)
    names : of the classes, or of the units
    weights : weight of each class, or None
    """
    windows = _input_spec.array(data)
    _input_spec.refuse_gaps(windows)
    classes = truth.ndim == 1
    shape = _architecture(
        model,
        data,
        outputs=len(names),
        output="classes" if classes else "intensities",
    )
    settings: dict[str, Any] = {
        "epochs": options.epochs or EPOCHS,
        "batch_size": options.batch_size or BATCH_SIZE,
        "rate": options.learning_rate or LEARNING_RATE,
        "seed": seed,
    }
    held = _held_out(data, options.validation, truth if classes else None, seed)
    weight = None if weights is None else weights[truth].astype(np.float32)
    augment = options.augment
    found = _network_training.train(
        shape,
        _part(windows, truth, weight, ~held),
        check=_part(windows, truth, weight, held) if options.validation else None,
        augment=None if augment is None else partial(augment, rate=float(data.attrs["rate"])),
        initial=_starting.initial_weights(options.start, shape, names),
        interruptible=progress is not False,
        report=_teller(progress),
        **settings,
    )
    if progress is True:
        sys.stdout.write("\n")
    settings |= {"validation": options.validation, "backend": _backend.backend()}
    if augment is not None:
        settings["augment"] = dataclasses.asdict(augment)
    if options.start is not None:
        settings["start"] = options.start.fingerprint
    if found.interrupted:
        settings["interrupted"] = _say_interrupted(found, settings["epochs"])
    return Fitted(
        dict(zip(_networks.weight_names(shape), found.weights, strict=True)),
        {"architecture": _networks.to_spec(shape), "settings": settings},
        _input_spec.fingerprint(windows, truth),
        ("keras", _backend.PACKAGES[_backend.backend()]),
        found.past,
    )


def _part(
    windows: _networks.Floats,
    truth: npt.NDArray[Any],
    weight: _networks.Floats | None,
    chosen: npt.NDArray[np.bool_],
) -> _network_training.Examples:
    own = None if weight is None else weight[chosen]
    return _network_training.Examples(windows[chosen], truth[chosen], own)


def _say_interrupted(found: _network_training.Trained, epochs: int) -> str:
    done = len(found.past["loss"])
    text = f"training was interrupted after {done} of {epochs} epochs"
    best = "the best on the held-out windows" if "val_loss" in found.past else "the last complete"
    warnings.warn(f"{text}; the model has the weights of epoch {found.epoch}, {best}", stacklevel=4)
    return f"after {done} of {epochs} epochs"


def _architecture(
    model: str, data: xr.DataArray, *, outputs: int, output: str
) -> _networks.Architecture:
    if "signal_kind" not in data.coords or "rate" not in data.attrs:
        raise ValueError(
            "windows lack signal_kind (per channel) or rate (attrs): make the recording with "
            "recording.signal(…, signal_kind=…) and cut it with windows.cut"
        )
    kinds = {str(k) for k in data["signal_kind"].values}
    if "raw" in kinds and len(kinds) > 1:
        raise ValueError(
            f"channels of kinds {', '.join(sorted(kinds))} in one network, which needs one kind: "
            f"raw EMG is noise whose power matters, and envelopes are amplitudes. Select one kind "
            f"with data.sel(channel=[…]), or convert raw channels to envelopes with a filter chain"
        )
    return _networks.Architecture.for_windows(
        model,
        samples=data.sizes["sample"],
        channels=data.sizes["channel"],
        classes=outputs,
        output=output,
        raw=kinds == {"raw"},
        rate=float(data.attrs["rate"]),
    )


def _held_out(
    data: xr.DataArray, by: str | None, truth: npt.NDArray[np.intp] | None, seed: int
) -> npt.NDArray[np.bool_]:
    """Return which windows to hold out: a fifth of the groups, never all windows of a class."""
    held = np.zeros(data.sizes["window"], dtype=bool)
    if by is None:
        return held
    if by not in GROUPS or by not in data.coords:
        raise ValueError(f"validation={by!r}, expected a coordinate of the data, one of {GROUPS}")
    truth = np.zeros(len(held), dtype=np.intp) if truth is None else truth
    own = np.full(len(held), "", dtype=np.str_)
    for name in GROUPS[: GROUPS.index(by) + 1]:
        if name in data.coords:
            own = np.char.add(np.char.add(own, "/"), data[name].values.astype(str))
    names = np.unique(own)
    wanted = max(1, round(HELD_OUT * len(names)))
    everyone, taken = np.unique(truth), 0
    for name in np.random.default_rng(seed).permutation(names):
        trial = held | (own == name)
        if taken < wanted and np.array_equal(np.unique(truth[~trial]), everyone):
            held, taken = trial, taken + 1
    if not taken:
        raise ValueError(
            f"no {by} can be held out for validation: each of the {len(names)} has all windows of "
            f"some label. Record more, or train without validation"
        )
    return held


def _teller(progress: Progress) -> _network_training.Report | None:
    if callable(progress):
        return partial(_call, progress)
    return _print_epoch if progress else None


def _call(
    progress: Callable[[int, int, float, float], None],
    epoch: int,
    epochs: int,
    past: Mapping[str, list[float]],
) -> None:
    loss, metric = (values[-1] for name, values in past.items() if not name.startswith("val_"))
    progress(epoch, epochs, loss, metric)


def _print_epoch(epoch: int, epochs: int, past: Mapping[str, list[float]]) -> None:
    bar = "#" * round(20 * epoch / epochs)
    text = f"epoch {epoch}/{epochs} [{bar:.<20}] {_scores(past, '')} (training windows)"
    if "val_loss" in past:
        text += f", {_scores(past, 'val_')} (held out)"
    sys.stdout.write(f"\r{text}")
    sys.stdout.flush()


def _scores(past: Mapping[str, list[float]], prefix: str) -> str:
    text = f"loss {past[prefix + 'loss'][-1]:.3f}, "
    if "accuracy" in past:
        return text + f"accuracy {100 * past[prefix + 'accuracy'][-1]:.0f} %"
    return text + f"mean absolute error {past[prefix + 'mae'][-1]:.3f}"
