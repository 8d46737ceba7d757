"""Train networks.

Only training windows are used for learning. Weights depend on the seed and on the number of cores.
Compiling takes longer than ten epochs, so one compiled model per architecture is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.models._backend import loaded
from emgnb.models._network_prediction import predictor
from emgnb.models._networks import Architecture, Floats, build

Past = dict[str, list[float]]
Report = Callable[[int, int, Mapping[str, list[float]]], None]
Augment = Callable[..., Floats]

# Epochs without improvement after which training stops.
PATIENCE = 8
# Stream of random numbers for augmentation, so that the order of windows does not depend on it.
AUGMENTING = 1
# Metric beside the loss, by kind of output.
METRICS = {"classes": "accuracy", "intensities": "mae"}
# Held during training, because models are shared per architecture; see `_trainer`.
_lock = threading.Lock()
_trainers: dict[Architecture, Any] = {}


class Examples(NamedTuple):
    """Windows to learn from, or to validate with.

    windows : (window, sample, channel)
    truth : class numbers (window), or intensities (window, au) with NaN where not coded
    weights : weight of each window, or None if all are equal
    """

    windows: Floats
    truth: npt.NDArray[Any]
    weights: Floats | None = None


class Trained(NamedTuple):
    """Weights, loss and metric per epoch, the epoch of the weights, and whether interrupted."""

    weights: list[Floats]
    past: Past
    epoch: int
    interrupted: bool


@dataclass
class _Best:
    """The weights to keep: the last, or those with the smallest loss on held-out windows."""

    weights: list[Floats] | None = None
    loss: float = np.inf
    epoch: int = 0

    def offer(self, weights: list[Floats], epoch: int, loss: float | None) -> None:
        if self.weights is None or loss is None or loss < self.loss:
            self.weights, self.epoch = weights, epoch
            self.loss = self.loss if loss is None or np.isnan(loss) else loss


def train(
    shape: Architecture,
    learn: Examples,
    *,
    check: Examples | None,
    epochs: int,
    batch_size: int,
    rate: float,
    seed: int,
    augment: Augment | None = None,
    initial: Mapping[str, npt.NDArray[Any]] | None = None,
    interruptible: bool = False,
    report: Report | None = None,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    check : windows of held-out groups; training stops when their loss has not decreased for eight
        epochs, and the best weights are returned
    rate : initial learning rate of Adam; decays to 0 along a cosine
    augment : function of windows and `rng` that changes the windows of a batch; not applied to
        `check`
    initial : weights to begin with, by name; the others are drawn with `seed`
    interruptible : on KeyboardInterrupt, return the best weights so far, if an epoch is complete
    """
    fresh = build(shape, seed)
    _set_scale(fresh.get_layer("scale"), learn.windows, shape.raw)
    for weight in fresh.weights:
        if initial and weight.path in initial:
            weight.assign(initial[weight.path])
    batches = _Batches(learn, batch_size, seed, augment)
    past: Past = {}
    best, interrupted = _Best(), False
    with _lock:
        try:
            model = _started(shape, fresh)
            for epoch in range(1, epochs + 1):
                decay = 0.5 * (1 + np.cos(np.pi * (epoch - 1) / epochs))
                model.optimizer.learning_rate.assign(rate * decay)
                scores = _named(shape, _learn(model, shape, batches))
                now = _weights(model)
                if check is not None:
                    scores |= _named(shape, _score(predictor(shape, now), shape, check), "val_")
                for name, value in scores.items():
                    past.setdefault(name, []).append(value)
                best.offer(now, epoch, scores.get("val_loss"))
                if report is not None:
                    report(epoch, epochs, past)
                if epoch - best.epoch >= PATIENCE:
                    break
        except BaseException as error:
            # After an interruption the buffers may be invalid; the next call builds a new model.
            _trainers.pop(shape, None)
            interrupted = isinstance(error, KeyboardInterrupt) and interruptible
            if not interrupted or best.weights is None:
                raise
    return Trained(best.weights or [], past, best.epoch, interrupted)


@dataclass
class _Batches:
    """Batches of training windows, in another order in each epoch."""

    learn: Examples
    batch_size: int
    seed: int
    augment: Augment | None
    _order: np.random.Generator = field(init=False)
    _changes: np.random.Generator = field(init=False)
    _size: int = field(init=False)

    def __post_init__(self) -> None:
        self._size = min(self.batch_size, len(self.learn.windows))
        self._order = np.random.default_rng(self.seed)
        self._changes = np.random.default_rng([self.seed, AUGMENTING])

    def __len__(self) -> int:
        return len(self.learn.windows) // self._size

    def epoch(self) -> Iterator[tuple[npt.NDArray[Any], ...]]:
        # Windows that do not fill a batch are skipped in this epoch, because another batch size
        # would trigger a compilation.
        used = self._order.permutation(len(self.learn.windows))[: len(self) * self._size]
        for batch in used.reshape(-1, self._size):
            windows = self.learn.windows[batch]
            if self.augment is not None:
                windows = self.augment(windows, rng=self._changes)
            rest = [values[batch] for values in self.learn[1:] if values is not None]
            yield (windows, *rest)


def _learn(model: Any, shape: Architecture, batches: _Batches) -> list[float]:
    """Train a compiled model for one epoch, and return loss and metric, means over its batches."""
    # `train_on_batch` would copy all weights into the model and out again at each batch, and wait
    # for its loss: a millisecond, which is half of the time of a small network.
    ran = model.fit(batches.epoch(), steps_per_epoch=len(batches), shuffle=False, verbose=0)
    return [ran.history[name][0] for name in ("loss", METRICS[shape.output])]


def _started(shape: Architecture, fresh: Any) -> Any:
    """Return the compiled model of an architecture, with new weights and optimizer."""
    model = _trainer(shape)
    for variable, start in zip(model.variables, fresh.variables, strict=True):
        variable.assign(start)
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    return model


def _trainer(shape: Architecture) -> Any:
    """Return the cached compiled model of an architecture."""
    if shape not in _trainers:
        keras = loaded().keras
        model = build(shape)
        classes = shape.output == "classes"
        model.compile(
            optimizer=keras.optimizers.Adam(1e-3),
            loss="sparse_categorical_crossentropy" if classes else coded_cross_entropy,
            metrics=[
                "accuracy" if classes else keras.metrics.MeanMetricWrapper(_coded_error, name="mae")
            ],
        )
        model.optimizer.build(model.trainable_variables)
        _trainers[shape] = model
    return _trainers[shape]


def coded_cross_entropy(truth: Any, given: Any) -> Any:
    """Return the mean cross-entropy of intensities, over those that are coded."""
    ops = loaded().keras.ops
    given = ops.clip(given, 1e-6, 1 - 1e-6)
    return _coded_mean(truth, lambda t: -t * ops.log(given) - (1 - t) * ops.log(1 - given))


def _coded_error(truth: Any, given: Any) -> Any:
    """Return the mean absolute error of intensities, over those that are coded."""
    ops = loaded().keras.ops
    return _coded_mean(truth, lambda t: ops.abs(t - given))


def _coded_mean(truth: Any, of: Callable[[Any], Any]) -> Any:
    ops = loaded().keras.ops
    coded = ops.logical_not(ops.isnan(truth))
    # NaN is replaced first: a product with 0 would stay NaN in the gradient.
    values = ops.where(coded, of(ops.where(coded, truth, 0.0)), 0.0)
    count = ops.sum(ops.cast(coded, values.dtype))
    return ops.sum(values) / ops.maximum(count, 1.0)


def _weights(model: Any) -> list[Floats]:
    to_numpy = loaded().keras.ops.convert_to_numpy
    return [np.array(to_numpy(weight.value)) for weight in model.weights]


def _set_scale(layer: Any, windows: Floats, raw: bool) -> None:
    flat = windows.reshape(-1, windows.shape[-1]).astype(np.float64)
    size = np.ones(flat.shape[1])
    if not raw:
        middle = np.median(np.abs(flat), axis=0)
        middle = np.where(middle > 0, middle, np.abs(flat).mean(axis=0))
        size = np.where(middle > 0, middle, 1.0)
        flat = np.arcsinh(flat / size)
    spread = flat.std(axis=0)
    layer.gain.assign(1.0 / size)
    layer.mean.assign(flat.mean(axis=0))
    # The standard deviation of a constant channel is a rounding error and rarely exactly 0.
    moves = spread > 1e-6 * np.abs(flat).max(axis=0)
    layer.scale.assign(1.0 / np.where(moves, spread, 1.0))


def _score(
    predict: Callable[[Floats], Floats], shape: Architecture, check: Examples
) -> tuple[float, float]:
    """Return loss and metric of held-out windows."""
    given, truth = predict(check.windows), check.truth
    if shape.output == "intensities":
        return _intensity_score(given, truth)
    loss = -np.log(given[np.arange(len(truth)), truth] + 1e-7)
    right = (given.argmax(1) == truth).mean()
    return float(np.average(loss, weights=check.weights)), float(right)


def _intensity_score(given: Floats, truth: Floats) -> tuple[float, float]:
    coded = ~np.isnan(truth)
    p, t = np.clip(given[coded], 1e-6, 1 - 1e-6), truth[coded]
    loss = -t * np.log(p) - (1 - t) * np.log(1 - p)
    return float(loss.mean()), float(np.abs(t - p).mean())


def _named(shape: Architecture, scores: Any, prefix: str = "") -> dict[str, float]:
    names = ("loss", METRICS[shape.output])
    return {prefix + name: float(value) for name, value in zip(names, scores, strict=True)}
