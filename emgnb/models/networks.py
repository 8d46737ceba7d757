"""Three small networks over time: what they look like, how they learn, how they predict.

The input is (window, sample, channel); every convolution and every recurrence runs along `sample`.
The first layers say what EMG is, so that a few minutes of it suffice:

- **raw** EMG is noise whose *power* means something. Its channels are standardised; then the
  logarithm of the power in short bins (20 ms) is taken, of each channel and, for `cnn` and
  `cnn_lstm`, of filters learned over 16 ms (as in the shallow ConvNet of Schirrmeister 2017,
  doi:10.1002/hbm.23730).
- **rectified** EMG and **envelopes** are amplitudes over decades: asinh (a logarithm that is linear
  around zero) of the value over its median, standardised; then learned filters over 20 ms.

After that: `cnn` convolves once more and takes mean and maximum over time; `lstm` runs an LSTM
over bins of 10 ms (longer for windows above half a second: at most 50 steps, an LSTM's cost is its
steps); `cnn_lstm` runs it over the learned bins. Nothing is learned from windows but those trained
on. Weights depend on the seed, and on the number of cores.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Report = Callable[[int, int, float, float], None]

PACKAGES = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}
BATCH = 256
PATIENCE = 8
# One model of an architecture is compiled and trained at a time; see `_trainer`.
_lock = threading.Lock()
_predicting = threading.Lock()
_trainers: dict[Architecture, Any] = {}


@dataclass(frozen=True)
class Architecture:
    """All that is needed to build a network; lengths in samples or, after `bin`, in bins."""

    kind: str
    samples: int
    channels: int
    classes: int
    raw: bool
    bin: int
    kernel: int
    pool: int
    filters: int = 24
    width: int = 32
    dropout: float = 0.3

    @classmethod
    def for_windows(
        cls, kind: str, *, samples: int, channels: int, classes: int, raw: bool, rate: float
    ) -> Architecture:
        """Choose kernel and pooling lengths for a rate in Hz."""

        def length(seconds: float, low: int, high: int) -> int:
            return int(min(max(round(seconds * rate), low), max(high, 1)))

        if kind == "lstm":
            bins, kernel, pool = max(length(0.01, 1, samples), -(-samples // 50)), 1, 1
        elif raw:
            bins, kernel, pool = 1, length(0.016, 3, samples), length(0.02, 1, samples)
        else:
            bins = length(0.003, 1, samples)
            kernel = int(min(max(round(0.021 * rate / bins), 3), samples // bins))
            pool = int(min(max(round(0.009 * rate / bins), 1), samples // bins))
        return cls(kind, samples, channels, classes, raw, bins, kernel, pool)


def backend() -> str:
    """Load Keras and give the name of its backend.

    JAX unless `KERAS_BACKEND` names another or Keras was imported before; where JAX is missing, the
    first of TensorFlow and PyTorch that is installed.

    Raises
    ------
    ImportError : Keras or the backend is not installed; says what to install
    """
    return str(_keras().keras.backend.backend())


@functools.cache
def _keras() -> Any:
    """Keras, and the one layer of our own."""
    if "keras" not in sys.modules:
        if importlib.util.find_spec("keras") is None:
            raise ImportError("networks need Keras: pip install 'emgnb[train]'")
        there = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
        # Without this Keras looks for TensorFlow only, fails, and writes that down as its setting.
        wanted = os.environ.setdefault("KERAS_BACKEND", there[0] if there else "jax")
        if wanted not in PACKAGES:
            raise ImportError(
                f"KERAS_BACKEND={wanted} cannot train; take one of {', '.join(PACKAGES)}"
            )
        if wanted not in there:
            raise ImportError(
                f"Keras should run on {wanted} (KERAS_BACKEND), which is not installed; installed: "
                f"{', '.join(there) or 'none'}. pip install 'emgnb[train]' brings JAX; then unset "
                f"KERAS_BACKEND or set it to jax, before the first import of keras"
            )
    import keras

    running = keras.backend.backend()
    if running not in PACKAGES:
        raise ImportError(
            f"Keras runs on {running}, which cannot train: restart the kernel and set "
            f"KERAS_BACKEND=jax before the first import of keras"
        )

    class Scale(keras.layers.Layer):  # type: ignore[misc]
        """(compress(x · gain) − mean) · scale with numbers set from the training windows."""

        def __init__(self, compress: bool, **options: Any) -> None:
            super().__init__(**options)
            self.compress = compress

        def build(self, shape: tuple[int, ...]) -> None:
            for name in ("gain", "mean", "scale"):
                fill = "zeros" if name == "mean" else "ones"
                weight = self.add_weight(
                    shape=(shape[-1],), initializer=fill, trainable=False, name=name
                )
                setattr(self, name, weight)

        def call(self, x: Any) -> Any:
            x = x * self.gain
            return ((keras.ops.arcsinh(x) if self.compress else x) - self.mean) * self.scale

    return SimpleNamespace(keras=keras, Scale=Scale)


def build(shape: Architecture, seed: int = 0) -> Any:
    """Give the untrained Keras model of an architecture.

    Raises
    ------
    ValueError : a recurrent network on the torch backend
    """
    bundle = _keras()
    keras, layers, ops = bundle.keras, bundle.keras.layers, bundle.keras.ops
    if "lstm" in shape.kind and keras.backend.backend() == "torch":
        raise ValueError(
            f"{shape.kind} is not offered on Keras' torch backend: it runs the recurrence step by "
            f"step in Python, about ten times slower than JAX. Set KERAS_BACKEND=jax before the "
            f"first import of keras (restart the kernel), or take model='cnn'"
        )
    seeds = iter(range(1000 * seed, 1000 * seed + 100))

    def conv(size: int, kernel: int, **options: Any) -> Any:
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        return layers.Conv1D(size, kernel, padding="same", kernel_initializer=start, **options)

    def recur() -> Any:
        return layers.LSTM(
            shape.width,
            name="memory",
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
        )

    def binned(x: Any, size: int) -> Any:
        return layers.AveragePooling1D(size)(x) if size > 1 else x

    def log_power(x: Any, size: int) -> Any:
        # Standardised channels have power 1: a thousandth of it is the floor.
        return ops.log(binned(ops.square(x), size) + 1e-3)

    given = keras.Input((shape.samples, shape.channels), name="emg")
    scaled = bundle.Scale(not shape.raw, name="scale")(given)
    if shape.kind == "lstm":
        x = log_power(scaled, shape.bin) if shape.raw else binned(scaled, shape.bin)
    elif shape.raw:
        learned = conv(shape.filters, shape.kernel, use_bias=False, name="bank")(scaled)
        x = layers.Concatenate()([log_power(learned, shape.pool), log_power(scaled, shape.pool)])
    else:
        x = conv(shape.filters, shape.kernel, activation="relu", name="bank")(
            binned(scaled, shape.bin)
        )
        x = binned(x, shape.pool)
    if shape.kind == "cnn":
        x = conv(shape.width, min(5, x.shape[1]), activation="relu", name="patterns")(x)
        both = [layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)]
        x = layers.Concatenate()(both)
    else:
        x = recur()(x)
    x = layers.Dropout(shape.dropout, seed=next(seeds))(x)
    start = keras.initializers.GlorotUniform(seed=next(seeds))
    last = layers.Dense(
        shape.classes, activation="softmax", kernel_initializer=start, name="classes"
    )
    out = last(x)
    return keras.Model(given, out, name=shape.kind)


def weight_names(shape: Architecture) -> list[str]:
    """Names of the weights, in the order in which they are kept."""
    return [str(w.path) for w in build(shape).weights]


def train(
    shape: Architecture,
    windows: Floats,
    truth: npt.NDArray[np.intp],
    *,
    check: tuple[Floats, npt.NDArray[np.intp]] | None,
    epochs: int,
    batch_size: int,
    rate: float,
    seed: int,
    report: Report | None,
) -> tuple[list[Floats], dict[str, list[float]]]:
    """Train a network; give back its weights and loss and accuracy by epoch.

    Parameters
    ----------
    windows, truth : (window, sample, channel) and class numbers
    check : windows and truth of groups held out; training stops when their loss has not fallen for
        eight epochs, and the best weights are taken
    rate : Adam's first learning rate, brought to 0 along a cosine
    """
    fresh = build(shape, seed)
    _set_scale(fresh.get_layer("scale"), windows, shape.raw)
    rng = np.random.default_rng(seed)
    size = min(batch_size, len(windows))
    # The rest of an epoch that does not fill a batch waits for another shuffle: a batch of another
    # size would be compiled anew.
    batches = len(windows) // size
    past: dict[str, list[float]] = {"loss": [], "accuracy": []}
    best, best_loss, best_epoch = None, np.inf, 0
    with _lock:
        model = _trainer(shape)
        try:
            for variable, start in zip(model.variables, fresh.variables, strict=True):
                variable.assign(start)
            for variable in model.optimizer.variables:
                variable.assign(np.zeros(variable.shape, variable.dtype))
            for epoch in range(epochs):
                model.optimizer.learning_rate.assign(
                    rate * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
                )
                logs = [
                    model.train_on_batch(windows[batch], truth[batch])
                    for batch in rng.permutation(len(windows))[: batches * size].reshape(-1, size)
                ]
                loss, accuracy = (float(v) for v in np.mean(logs, axis=0))
                past["loss"].append(loss)
                past["accuracy"].append(accuracy)
                if report is not None:
                    report(epoch + 1, epochs, loss, accuracy)
                if check is not None:
                    now = _weights(model)
                    lost, right = _score(predictor(shape, now), *check)
                    past.setdefault("val_loss", []).append(lost)
                    past.setdefault("val_accuracy", []).append(right)
                    if lost < best_loss:
                        best, best_loss, best_epoch = now, lost, epoch
                    elif epoch - best_epoch >= PATIENCE:
                        break
            weights = _weights(model) if best is None else best
        except BaseException:
            # Interrupted half-way its buffers may be gone; the next training builds another.
            _trainers.pop(shape, None)
            raise
    return weights, past


def _trainer(shape: Architecture) -> Any:
    """The compiled model of an architecture, kept: compiling costs more than ten epochs."""
    if shape not in _trainers:
        keras = _keras().keras
        model = build(shape)
        model.compile(
            optimizer=keras.optimizers.Adam(1e-3),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        model.optimizer.build(model.trainable_variables)
        _trainers[shape] = model
    return _trainers[shape]


def _weights(model: Any) -> list[Floats]:
    to_numpy = _keras().keras.ops.convert_to_numpy
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
    # The deviation of a channel that stands still is a rounding error, seldom 0.
    moves = spread > 1e-6 * np.abs(flat).max(axis=0)
    layer.scale.assign(1.0 / np.where(moves, spread, 1.0))


def _score(
    predict: Callable[[Floats], Floats], windows: Floats, truth: npt.NDArray[np.intp]
) -> tuple[float, float]:
    given = predict(windows)
    own = given[np.arange(len(truth)), truth]
    return float(-np.log(own + 1e-7).mean()), float((given.argmax(1) == truth).mean())


def predictor(shape: Architecture, weights: list[Floats]) -> Callable[[Floats], Floats]:
    """Give the function (window, sample, channel) → (window, class) of trained weights.

    One window is predicted as it is, for live use; more in batches of 256, so that two shapes are
    compiled in all.
    """
    forward = _jax_forward(shape, weights) if backend() == "jax" else _forward(shape, weights)

    def predict(windows: Floats) -> Floats:
        if len(windows) == 1:
            return np.asarray(forward(windows))
        parts = []
        for first in range(0, len(windows), BATCH):
            part = windows[first : first + BATCH]
            padded = np.pad(part, ((0, BATCH - len(part)), (0, 0), (0, 0)))
            parts.append(np.asarray(forward(padded))[: len(part)])
        return np.concatenate(parts)

    return predict


def _jax_forward(shape: Architecture, weights: list[Floats]) -> Callable[[Floats], Any]:
    """Compiled once for an architecture; the weights are arguments. A bare model(x) costs 100 ×."""
    compiled, split = _compiled(shape)
    trainable, other = split(weights)
    return lambda windows: compiled(trainable, other, windows)


@functools.cache
def _compiled(shape: Architecture) -> tuple[Any, Any]:
    import jax

    model = build(shape)
    order = [id(w) for w in model.weights]
    trainable = [order.index(id(v)) for v in model.trainable_variables]
    other = {
        order.index(id(v)): n for n, v in enumerate(model.non_trainable_variables) if id(v) in order
    }

    def split(weights: list[Floats]) -> tuple[list[Any], list[Any]]:
        rest = [jax.numpy.asarray(v.value) for v in model.non_trainable_variables]
        for place, n in other.items():
            rest[n] = jax.numpy.asarray(weights[place])
        return [jax.numpy.asarray(weights[i]) for i in trainable], rest

    def forward(own: Any, rest: Any, windows: Any) -> Any:
        return model.stateless_call(own, rest, windows, training=False)[0]

    return jax.jit(forward), split


def _forward(shape: Architecture, weights: list[Floats]) -> Callable[[Floats], Any]:
    """The same on another backend, where the compiled function belongs to a model."""
    model = _shared(shape)

    def forward(windows: Floats) -> Any:
        with _predicting:
            model.set_weights(weights)
            return model.predict_on_batch(windows)

    return forward


@functools.cache
def _shared(shape: Architecture) -> Any:
    return build(shape)


def to_spec(shape: Architecture) -> dict[str, Any]:
    """Write an architecture as JSON-able values."""
    return asdict(shape)
