"""Train classifiers: check the data, fit the model, and report progress."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.models import _baselines, _extraction, _forest, _input_spec, _networks
from emgnb.models._labelled_data import participants_of
from emgnb.models._network_fitting import Fitted, Options, Progress, fit_network
from emgnb.models.augmentation import Augmentation
from emgnb.models.classifier import Classifier, epochs_table

BASELINES = _baselines.KINDS
NETWORKS = _networks.KINDS
MODELS = BASELINES + NETWORKS
BALANCED = "balanced"

ClassWeight = str | Mapping[str, float]


def fit(
    data: _input_spec.Data,
    *,
    model: str = "lda",
    features: str | None = None,
    label: str = "label",
    compress: str | None = None,
    C: float | None = None,
    kernel: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    validation: str | None = None,
    augment: Augmentation | None = None,
    start: Classifier | None = None,
    class_weight: ClassWeight | None = None,
    seed: int = 0,
    progress: Progress = True,
) -> Classifier:
    """Train a classifier.

    Parameters
    ----------
    data : features (`features.extract`) for "lda", "svm" and "forest" (200 trees); windows
        (`windows.cut`) for the networks "cnn", "lstm", "cnn_lstm" and "tcn", which run over time.
        The training time of "svm" grows with the square of the number of windows; use it up to
        some ten thousand
    features : not for networks: "covariance" or a set of `features.SETS`, computed by the
        classifier, which then takes windows (`data` and for prediction); None if `data` contains
        features
    label : coordinate along window that names the class
    compress : not for networks: "asinh" (default; a logarithm that is linear around the median
        size of each feature), "log" (positive features, such as powers), or "none" (default for
        features that are logarithms already, see `features.covariance`)
    C, kernel : SVM only: cost of a training window on the wrong side (default 1), and "rbf"
        (default) or "linear"
    epochs, batch_size, learning_rate : networks only; 40, 64 and 0.003 (decays along a cosine)
    validation : networks only: "participant", "session" or "trial"; a fifth of them (at least one)
        is held out. Training stops when their loss has not decreased for eight epochs, and the
        weights of the best epoch are kept. None trains for all epochs on all windows
    augment : networks only: random changes of the training windows, see `Augmentation`
    start : networks only: trained network of the same kind, for windows of the same length, rate,
        number and kind of channels; training begins with its weights. The scale of the channels is
        measured in `data`, and the last layer starts afresh unless the classes are the same
    class_weight : "balanced" gives each class the same total weight; or a weight above 0 for each
        label, where 1 is the default. LDA takes weights as prior probabilities
    seed : seed of the forest, or of the initial weights, the order of windows, their augmentation
        and the held-out groups
    progress : networks only: True prints a line, False nothing; or a function called after each
        epoch as `progress(epoch, epochs, loss, accuracy)`. The accuracy is that on the training
        windows; use `evaluate.cross_validate` to estimate it on new data. Ctrl-C (Interrupt the
        kernel) during training warns and returns the model of the best complete epoch; with
        False, as within a cross-validation, KeyboardInterrupt is raised

    Returns
    -------
    Classifier

    Raises
    ------
    ValueError : data of the wrong kind, windows with NaN, fewer than two labels, options of
        another model, or labels of felt emotions whose use was not stated (`recording.state_use`)
    ImportError : scikit-learn, Keras or its backend is not installed

    Examples
    --------
    >>> from emgnb import features, labels, models, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=2, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> model = models.fit(table, model="lda", progress=False)
    >>> model.predict(table).dims
    ('window', 'class')
    """
    options = Options(epochs, batch_size, learning_rate, validation, augment, start)
    _check_options(model, compress, options)
    _check_svm(model, C, kernel)
    expects, steps = _input_spec.describe(data), recording.history(data)
    recording.need_use(data)
    classes, truth = classes_of(data, label)
    weights = _class_weights(class_weight, classes, truth)
    if features and model in NETWORKS:
        raise ValueError(f"features={features!r}: networks take windows; leave it out")
    wanted = "windows" if model in NETWORKS or features else "features"
    if expects["input"] != wanted and not features:
        do = "features.extract(windows), or features=…" if wanted == "features" else "windows"
        raise ValueError(f"model={model!r} takes {wanted}, found {expects['input']}: use {do}")
    if isinstance(data, xr.DataArray) and model in NETWORKS:
        found = fit_network(
            model,
            data,
            truth,
            options,
            names=classes,
            weights=weights,
            seed=seed,
            progress=progress,
        )
    else:
        data = _extraction.extracted(data, features)
        compress = compress or ("none" if data.attrs.get("scale") == "log" else "asinh")
        settings: dict[str, Any] = {"compress": compress}
        if model == "svm":
            settings |= {"C": float(C or 1.0), "kernel": kernel or "rbf"}
        if model == "forest":
            settings |= {"seed": seed, "trees": _forest.TREES}
        found = _fit_baseline(model, data, truth, settings, weights)
    if weights is not None:
        found.spec["settings"]["class_weight"] = dict(zip(classes, weights.tolist(), strict=True))
    spec: dict[str, Any] = {
        "model": model,
        "classes": classes,
        "label": label,
        "label_meaning": str(data.attrs.get("label_meaning", "")),
        "expects": expects,
        **({"features": features} if features else {}),
        **found.spec,
        "data": {
            "fingerprint": found.fingerprint,
            "windows": len(truth),
            "per_class": np.bincount(truth).tolist(),
            "participants": number_of(data, "participant"),
            "history": steps,
        },
        **participants_of(data, options.start),
        "versions": {p: version_of(p) for p in ("emgnb", "numpy", *found.packages)},
    }
    return Classifier(spec, found.arrays, epochs_table(found.past))


def _fit_baseline(
    model: str,
    data: _input_spec.Data,
    truth: npt.NDArray[np.intp],
    settings: dict[str, Any],
    weights: npt.NDArray[np.float64] | None,
) -> Fitted:
    table, columns = _input_spec.table(data)
    _input_spec.refuse_gaps(table)
    arrays = _baselines.fit(model, table, truth, settings, columns, weights)
    fingerprint = _input_spec.fingerprint(table, truth)
    return Fitted(arrays, {"settings": settings}, fingerprint, ("scikit-learn",), {})


def _check_options(model: str, compress: str | None, options: Options) -> None:
    if model not in MODELS:
        raise ValueError(f"model={model!r}, expected one of {', '.join(MODELS)}")
    if model in BASELINES:
        if compress not in (None, *_baselines.COMPRESS):
            raise ValueError(
                f"compress={compress!r}, expected one of {', '.join(_baselines.COMPRESS)}"
            )
        strange, kind = options.given(), "networks only"
    else:
        strange = [] if compress is None else ["compress"]
        kind = "LDA, SVM and forest only; networks compress envelopes themselves"
    if strange:
        raise ValueError(f"{', '.join(strange)}: for {kind}; leave out with model={model!r}")
    options.check()


def _check_svm(model: str, C: float | None, kernel: str | None) -> None:
    given = {"C": C, "kernel": kernel}
    strange = [name for name, value in given.items() if value is not None and model != "svm"]
    if strange:
        raise ValueError(f"{', '.join(strange)}: for SVM only; leave out with model={model!r}")
    if C is not None and not 0 < C < math.inf:
        raise ValueError(f"C={C}, expected above 0")
    if kernel not in (None, *_baselines.KERNELS):
        raise ValueError(f"kernel={kernel!r}, expected one of {', '.join(_baselines.KERNELS)}")


def classes_of(data: _input_spec.Data, label: str) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Return the classes of the labels, in order, and the number of each window's class."""
    if label not in data.coords or data[label].dims != ("window",):
        raise ValueError(
            f"no coordinate {label!r} along window: cut the windows with trials, or name another "
            f"coordinate with label="
        )
    values = data[label].values.astype(str)
    nameless = int(np.isin(values, ("", "nan", "NaN", "None")).sum())
    if nameless:
        raise ValueError(
            f"{nameless} of {len(values)} windows have no {label} (empty or NaN): drop these "
            f"windows, or label them"
        )
    classes, truth = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"all {len(values)} windows are labelled {str(classes[0])!r}, expected several labels"
            if len(classes)
            else "no windows to train on"
        )
    return [str(c) for c in classes], truth


def _class_weights(
    given: ClassWeight | None, classes: list[str], truth: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64] | None:
    """Return the weight of each class, or None if all windows weigh the same."""
    if given is None:
        return None
    if given == BALANCED:
        return np.asarray(len(truth) / (len(classes) * np.bincount(truth)), dtype=np.float64)
    if isinstance(given, str) or set(given) != set(classes):
        found = repr(given) if isinstance(given, str) else ", ".join(map(str, given))
        raise ValueError(
            f"class_weight has {found}, expected {BALANCED!r} or a weight for each of "
            f"{', '.join(classes)}"
        )
    wrong = [f"{name} {value}" for name, value in given.items() if not 0 < value < math.inf]
    if wrong:
        raise ValueError(f"class_weight: {', '.join(wrong)}, expected above 0")
    return np.array([float(given[name]) for name in classes])


def number_of(data: _input_spec.Data, name: str) -> int:
    """Return the number of different values of a coordinate; 0 if it is missing."""
    return len(np.unique(data[name].values.astype(str))) if name in data.coords else 0


def version_of(package: str) -> str:
    """Return the installed version of a package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
