"""Training: checks the data, trains on nothing else, and tells how it goes."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.models import baselines, inputs, networks
from emgnb.models.classifier import Classifier, epochs_table

BASELINES = ("lda", "svm")
NETWORKS = ("cnn", "lstm", "cnn_lstm")
MODELS = BASELINES + NETWORKS
EPOCHS, BATCH_SIZE, LEARNING_RATE = 40, 64, 3e-3
HELD_OUT = 0.2

Progress = bool | Callable[[int, int, float, float], None]


def fit(
    data: inputs.Data,
    *,
    model: str = "lda",
    label: str = "label",
    compress: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    validation: str | None = None,
    seed: int = 0,
    progress: Progress = True,
) -> Classifier:
    """Train a classifier.

    Parameters
    ----------
    data : features (`features.extract`) for "lda" and "svm" (whose time grows with the square of
        the windows: up to some ten thousand); windows (`windows.cut`) for the
        networks "cnn", "lstm", "cnn_lstm", which run over time
    label : coordinate along window that names the class
    compress : LDA and SVM only: "asinh" (default; a logarithm that is linear around the median
        size of each feature), "log" (positive features, such as powers), or "none"
    epochs, batch_size, learning_rate : networks only; 40, 64 and 0.003 (falling along a cosine)
    validation : networks only: "participant", "session" or "trial", of which a fifth (at least one)
        is held out to stop training when it no longer helps there; None trains all epochs on all
    seed : of the first weights, the order of windows and, for validation, who is held out
    progress : networks only: True prints a line, False nothing; or called after each epoch as
        `progress(epoch, epochs, loss, accuracy)`, with the accuracy on the windows trained on,
        which says nothing about new data: `evaluate.cross_validate` does

    Returns
    -------
    Classifier

    Raises
    ------
    ValueError : data of the wrong kind, windows with NaN, fewer than two labels, options of another
        model
    ImportError : scikit-learn, Keras or its backend is not installed
    """
    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "validation": validation,
    }
    _check_options(model, compress, given)
    expects = inputs.describe(data)
    classes, truth = _classes(data, label)
    wanted = "features" if model in BASELINES else "windows"
    if expects["input"] != wanted:
        do = "features.extract(windows)" if wanted == "features" else "the windows themselves"
        raise ValueError(f"model={model!r} takes {wanted}, found {expects['input']}: give {do}")
    spec: dict[str, Any] = {
        "model": model,
        "classes": classes,
        "label": label,
        "label_meaning": str(data.attrs.get("label_meaning", "")),
        "expects": expects,
    }
    arrays: dict[str, npt.NDArray[Any]]
    past: dict[str, list[float]] = {}
    if model in BASELINES:
        compress = compress or "asinh"
        table, columns = inputs.table(data)
        inputs.refuse_gaps(table)
        arrays = dict(baselines.fit(model, table, truth, compress, columns))
        spec["settings"] = {"compress": compress}
        print_of, packages = inputs.fingerprint(table, truth), ["scikit-learn"]
    else:
        assert isinstance(data, xr.DataArray)
        windows = inputs.array(data)
        inputs.refuse_gaps(windows)
        shape = _architecture(model, data, len(classes))
        settings: dict[str, Any] = {
            "epochs": epochs or EPOCHS,
            "batch_size": batch_size or BATCH_SIZE,
            "rate": learning_rate or LEARNING_RATE,
            "seed": seed,
        }
        held = _held_out(data, validation, truth, seed)
        check = (windows[held], truth[held]) if validation else None
        weights, past = networks.train(
            shape, windows[~held], truth[~held], check=check, report=_teller(progress), **settings
        )
        arrays = dict(zip(networks.weight_names(shape), weights, strict=True))
        if progress is True:
            sys.stdout.write("\n")
        spec["architecture"] = networks.to_spec(shape)
        spec["settings"] = settings | {"validation": validation, "backend": networks.backend()}
        print_of = inputs.fingerprint(windows, truth)
        packages = ["keras", networks.PACKAGES[networks.backend()]]
    spec["data"] = {
        "fingerprint": print_of,
        "windows": len(truth),
        "per_class": np.bincount(truth).tolist(),
        "participants": _number(data, "participant"),
        "history": recording.history(data),
    }
    spec["versions"] = {p: _version(p) for p in ("emgnb", "numpy", *packages)}
    return Classifier(spec, arrays, epochs_table(past))


def _check_options(
    model: str, compress: str | None, given: Mapping[str, float | str | None]
) -> None:
    if model not in MODELS:
        raise ValueError(f"model={model!r}, expected one of {', '.join(MODELS)}")
    if model in BASELINES:
        if compress not in (None, *baselines.COMPRESS):
            raise ValueError(
                f"compress={compress!r}, expected one of {', '.join(baselines.COMPRESS)}"
            )
        strange = [name for name, value in given.items() if value is not None]
        kind = "networks only"
    else:
        strange = [] if compress is None else ["compress"]
        kind = "LDA and SVM only; networks compress what is not raw by themselves"
    if strange:
        raise ValueError(f"{', '.join(strange)}: for {kind}; leave out with model={model!r}")
    wrong = [
        f"{name}={value}"
        for name, value in given.items()
        if isinstance(value, int | float) and not value > 0
    ]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}, expected above 0")


def _classes(data: inputs.Data, label: str) -> tuple[list[str], npt.NDArray[np.intp]]:
    if label not in data.coords or data[label].dims != ("window",):
        raise ValueError(
            f"no coordinate {label!r} along window to learn: cut the windows with trials, or name "
            f"another coordinate with label="
        )
    values = data[label].values.astype(str)
    nameless = int(np.isin(values, ("", "nan", "NaN", "None")).sum())
    if nameless:
        raise ValueError(
            f"{nameless} of {len(values)} windows have no {label} (empty or NaN): drop them, or "
            f"name what they are"
        )
    classes, truth = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"all {len(values)} windows are labelled {str(classes[0])!r}: nothing to tell apart"
            if len(classes)
            else "no windows to train on"
        )
    return [str(c) for c in classes], truth


def _architecture(model: str, data: xr.DataArray, classes: int) -> networks.Architecture:
    if "signal_kind" not in data.coords or "rate" not in data.attrs:
        raise ValueError(
            "windows lack signal_kind (per channel) or rate (attrs): make the recording with "
            "recording.signal(…, signal_kind=…) and cut it with windows.cut"
        )
    kinds = {str(k) for k in data["signal_kind"].values}
    if "raw" in kinds and len(kinds) > 1:
        raise ValueError(
            f"channels of kinds {', '.join(sorted(kinds))} in one network: raw EMG is noise whose "
            f"power counts, an envelope is that power already. Take one kind with "
            f"data.sel(channel=[…]), or turn raw channels into envelopes by a filter chain"
        )
    return networks.Architecture.for_windows(
        model,
        samples=data.sizes["sample"],
        channels=data.sizes["channel"],
        classes=classes,
        raw=kinds == {"raw"},
        rate=float(data.attrs["rate"]),
    )


def _held_out(
    data: xr.DataArray, by: str | None, truth: npt.NDArray[np.intp], seed: int
) -> npt.NDArray[np.bool_]:
    """Which windows to hold out: a fifth of the groups, never all windows of a class."""
    held = np.zeros(len(truth), dtype=bool)
    if by is None:
        return held
    nested = ("participant", "session", "trial")
    if by not in nested or by not in data.coords:
        raise ValueError(f"validation={by!r}, expected a coordinate of the data, one of {nested}")
    own = np.full(len(truth), "", dtype=np.str_)
    for name in nested[: nested.index(by) + 1]:
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
            f"no {by} can be held out for validation: of {len(names)}, each holds all windows of "
            f"some label. Record more, or train without validation"
        )
    return held


def _teller(progress: Progress) -> networks.Report | None:
    if callable(progress):
        return progress
    return _print_epoch if progress else None


def _print_epoch(epoch: int, epochs: int, loss: float, accuracy: float) -> None:
    bar = "#" * round(20 * epoch / epochs)
    text = f"epoch {epoch}/{epochs} [{bar:.<20}] loss {loss:.3f}, "
    text += f"{100 * accuracy:.0f} % of the windows trained on"
    sys.stdout.write(f"\r{text}")
    sys.stdout.flush()


def _number(data: inputs.Data, name: str) -> int:
    return len(np.unique(data[name].values.astype(str))) if name in data.coords else 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
